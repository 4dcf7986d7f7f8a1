"""A state of the model of what all processes share, and small questions about it."""

from enum import IntEnum
from typing import NamedTuple, TypeAlias

__all__ = [
    "Boot",
    "Entry",
    "Flight",
    "Noted",
    "Phase",
    "Stage",
    "State",
    "answered",
    "compared",
    "extended",
    "is_over",
    "moved",
    "named",
    "under_way",
    "visible",
    "with_flight",
    "without_hash",
    "without_lease",
]

Noted: TypeAlias = tuple[int, int] | tuple[()]
"""First and last transaction that a field of the HASH names; empty when there is no such field."""


class Phase(IntEnum):
    """How far a writer has come."""

    IDLE = 0
    WRITTEN = 1
    ANNOUNCED = 2
    COMMITTED = 3
    ANSWERED = 4
    ABORTED = 5


class Boot(IntEnum):
    """The pending HASH."""

    MISSING = 0
    COLD = 1
    WARM = 2


class Stage(IntEnum):
    """How far a read has come."""

    EARLY = 0
    OPENED = 1
    READ = 2
    STORED = 3


class Entry(NamedTuple):
    """What is stored."""

    value: int
    stamps: tuple[int | None, ...]


class Flight(NamedTuple):
    """A read that may store its answer."""

    stage: Stage
    holds: bool
    same_boot: bool
    stamps: tuple[int, ...]
    noted: tuple[Noted, ...]
    value: int
    unseen: int
    """Transactions that are not over in its snapshot; -1 when it has none yet."""


class State(NamedTuple):
    """All there is."""

    phases: tuple[Phase, ...]
    unheard: int
    """Transactions under way whose announcement was lost with the HASH."""
    boot: Boot
    pending: tuple[Noted, ...]
    tags: tuple[int | None, ...]
    entry: Entry | None
    locked_by: int | None
    flights: tuple[Flight, ...]
    misled: bool
    """Whether somebody was given an answer of another's that is stale."""


def answered(state: State) -> int:
    """Give the writes whose COMMIT was answered."""
    return _those(state, Phase.ANSWERED, Phase.ANSWERED)


def visible(state: State) -> int:
    """Give the writes that a snapshot sees."""
    return _those(state, Phase.COMMITTED, Phase.ANSWERED)


def under_way(state: State) -> int:
    """Give the transactions that have an id and are not over."""
    return _those(state, Phase.WRITTEN, Phase.ANNOUNCED)


def _those(state: State, first: Phase, last: Phase) -> int:
    return sum(1 << i for i, each in enumerate(state.phases) if first <= each <= last)


def named(writes: int) -> str:
    """Give the names of a set of writes."""
    return "{" + ", ".join(f"W{i + 1}" for i in range(writes.bit_length()) if writes >> i & 1) + "}"


def moved(state: State, index: int, phase: Phase) -> State:
    """Let a writer come that far."""
    return state._replace(phases=(*state.phases[:index], phase, *state.phases[index + 1 :]))


def with_flight(state: State, flight: Flight) -> State:
    """Add a read."""
    return state._replace(flights=(*state.flights, flight))


def without_lease(state: State) -> State:
    """Take the lease away from whoever has it."""
    return state._replace(flights=tuple(each._replace(holds=False) for each in state.flights))


def without_hash(state: State) -> State:
    """Lose the pending HASH, with all that was announced by transactions under way."""
    announced = _those(state, Phase.ANNOUNCED, Phase.ANNOUNCED)
    return state._replace(
        boot=Boot.MISSING,
        pending=((),) * len(state.pending),
        unheard=announced,
        flights=tuple(each._replace(same_boot=False) for each in state.flights),
    )


def extended(noted: Noted, transaction: int, over: int) -> Noted:
    """Give a field of the HASH after one more transaction; all before `over` have ended."""
    if not noted or noted[1] < over:
        return transaction, transaction
    return min(transaction, max(noted[0], over)), max(transaction, noted[1])


def is_over(noted: Noted, unseen: int) -> bool:
    """Say whether all transactions that a field may mean are over in a snapshot.

    Args:
        noted: The field.
        unseen: Transactions that are not over in it.
    """
    return not noted or not any(unseen >> i & 1 for i in range(noted[0], noted[1] + 1))


def compared(stamps: tuple[int, ...], tags: tuple[int | None, ...]) -> tuple[int, ...]:
    """Give 1 for each stamp when they are those of now; when not, they never will be again."""
    return (int(stamps == tags),) * len(stamps)

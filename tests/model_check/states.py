"""A state of the model of what all processes share, and small questions about it."""

from enum import IntEnum
from typing import NamedTuple, TypeAlias

from model_check.rules import Rules

__all__ = [
    "HOPELESS",
    "Boot",
    "Entry",
    "Flight",
    "Noted",
    "Phase",
    "Stage",
    "State",
    "Step",
    "answered",
    "compared",
    "extended",
    "fresh",
    "is_hit",
    "is_over",
    "made",
    "moved",
    "named",
    "new_flight",
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
    """What is stored.

    Attributes:
        value: What its reader saw, as a set of writes.
        stamps: The generations that it carries.
    """

    value: int
    stamps: tuple[int | None, ...]


class Flight(NamedTuple):
    """A read that may store its answer.

    Attributes:
        stage: How far it is.
        holds: Whether the lease is its own.
        same_boot: Whether the HASH is the one of `open`.
        stamps: The generations of its tags that `open` gave.
        noted: The fields of the HASH that `open` gave.
        value: What the SELECT gave, as a set of writes.
        unseen: Transactions that are not over in its snapshot; -1 when it has none yet.
    """

    stage: Stage
    holds: bool
    same_boot: bool
    stamps: tuple[int, ...]
    noted: tuple[Noted, ...]
    value: int
    unseen: int

    @property
    def is_over(self) -> bool:
        """Whether its snapshot shows all to be over that was noted when it opened."""
        return all(is_over(each, self.unseen) for each in self.noted)


class State(NamedTuple):
    """All there is.

    Attributes:
        phases: How far each writer has come.
        unheard: Transactions under way whose announcement was lost with the HASH.
        boot: The HASH.
        pending: Its fields, first that of the entry, then those of the tags.
        tags: Their generations, None for those that are not there.
        entry: What is stored.
        locked_by: The writer whose lock keeps readers from storing.
        flights: Reads that may store.
        misled: Whether somebody was given an answer of another's that is stale.
    """

    phases: tuple[Phase, ...]
    unheard: int
    boot: Boot
    pending: tuple[Noted, ...]
    tags: tuple[int | None, ...]
    entry: Entry | None
    locked_by: int | None
    flights: tuple[Flight, ...]
    misled: bool


Step: TypeAlias = tuple[str, State]
"""What happens, and the state after it."""

_NEW = 2  # a random generation; in a state, 1 is the one of now and 0 any that never comes back


def new_flight(stage: Stage, *, value: int = 0, unseen: int = -1) -> Flight:
    """Begin a read."""
    return Flight(stage, False, False, (), (), value, unseen)


HOPELESS = new_flight(Stage.READ)._replace(holds=True)
"""A read that will give its lease back, and nothing else."""


def is_hit(state: State) -> bool:
    """Say whether the entry counts."""
    entry = state.entry
    return entry is not None and None not in state.tags and entry.stamps == state.tags


def fresh(generation: int | None, rules: Rules) -> int:
    """Give the next generation of a tag."""
    return _NEW if rules.random else (generation or 0) + 1


def made(state: State, rules: Rules) -> Boot:
    """Make the HASH if it is not there."""
    if state.boot is not Boot.MISSING:
        return state.boot
    return Boot.COLD if rules.window else Boot.WARM


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

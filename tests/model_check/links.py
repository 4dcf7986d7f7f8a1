"""Who takes part when links to Redis fail, and what a state of that model holds."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import NamedTuple, TypeAlias

__all__ = [
    "GONE",
    "NOTHING",
    "TRUST",
    "WAITS",
    "Conduct",
    "Flight",
    "Phase",
    "Poll",
    "PollStage",
    "Process",
    "Role",
    "Stage",
    "State",
    "Step",
    "Write",
    "dropped",
    "forgetting",
    "is_trusted",
    "older",
    "visible",
    "with_process",
    "with_write",
]

TRUST = 2
"""T in ticks."""

NOTHING = -1
"""Instead of a value: there is none."""

GONE = -2
WAITS = -1
"""Of a row of the outbox, instead of the ticks since it was applied first."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a process does.

    Attributes:
        reads: Whether it reads, and polls step by step; else its polls are one step.
        fails: Whether its link to Redis may fail.
        has_redis: Whether it has one at all.
    """

    reads: bool = True
    fails: bool = True
    has_redis: bool = True


@dataclass(frozen=True, slots=True)
class Conduct:
    """How processes go about it. What is not given is the protocol.

    Attributes:
        roles: The processes.
        homes: The process of each write, in the order of the commits.
        has_local: Whether the table is declared to be kept in the memory of processes too.
        mixes: Whether a process without Redis keeps entries in memory though others have Redis, and
            the table is not declared so; where nobody has Redis, all do.
        answers_get_lost: Whether a COMMIT may happen after its process has given up waiting.
        outbox: Whether what Redis does not hear is written to the outbox.
        trusts_polls: Whether hits need a poll that is young enough.
        bypasses: Whether a process keeps off what it wrote unheard.
        bypasses_from_end: Whether it does so for T from the end of the transaction on; else from
            the announcement on.
        tickets: Whether what was dropped meanwhile is not kept in memory.
        drops_local_last: Whether a poll drops what is in memory after what is in Redis; else
            before.
        shares: Whether somebody may have the answer to another's read, if that was stored.
        flushes: Whether a poll that comes late forgets what is in memory.
        retain: Ticks for which rows of the outbox stay once they are applied.
    """

    roles: tuple[Role, ...]
    homes: tuple[int, ...]
    has_local: bool = False
    mixes: bool = False
    answers_get_lost: bool = True
    outbox: bool = True
    trusts_polls: bool = True
    bypasses: bool = True
    bypasses_from_end: bool = True
    tickets: bool = True
    drops_local_last: bool = True
    shares: bool = True
    flushes: bool = True
    retain: int = 2 * TRUST

    @property
    def uses_redis(self) -> bool:
        """Whether any process has Redis."""
        return any(each.has_redis for each in self.roles)

    def keeps_memory(self, place: int) -> bool:
        """Say whether a process keeps entries in memory of its own."""
        has_redis = self.roles[place].has_redis
        return self.has_local or (not has_redis and (self.mixes or not self.uses_redis))


class Phase(IntEnum):
    """How far a write has come."""

    IDLE = 0
    WRITTEN = 1
    ANNOUNCED = 2
    UNKNOWN = 3
    """The answer to its COMMIT was lost before that happened."""
    COMMITTED = 4
    ABORTED = 5


class Write(NamedTuple):
    """A transaction that writes the row.

    Attributes:
        phase: How far it is.
        is_heard: Whether Redis heard of it.
        has_row: Whether it wrote a row of the outbox.
        is_answered: Whether its process knows that it is committed.
        age: Ticks since its COMMIT.
        row: Ticks since the row was applied first, or WAITS, or GONE.
    """

    phase: Phase = Phase.IDLE
    is_heard: bool = False
    has_row: bool = False
    is_answered: bool = False
    age: int = 0
    row: int = GONE


class PollStage(Enum):
    """What a poll does next."""

    READS = auto()
    DROPS_LOCAL = auto()
    DROPS_REDIS = auto()
    ENDS = auto()


class Poll(NamedTuple):
    """A poll under way.

    Attributes:
        stage: What it does next.
        age: Ticks since it began.
        rows: What it read, as a set of writes.
    """

    stage: PollStage
    age: int
    rows: int


class Stage(Enum):
    """How far a read has come."""

    OPENED = auto()
    READ = auto()
    ARRIVES = auto()


class Flight(NamedTuple):
    """A read that may store its answer.

    Attributes:
        stage: How far it is.
        holds: Whether it has the lease, where there is Redis.
        has_ticket: Whether its ticket is good.
        value: What was read, as a set of writes.
    """

    stage: Stage
    holds: bool
    has_ticket: bool
    value: int


class Process(NamedTuple):
    """A process.

    Attributes:
        is_linked: Whether it reaches Redis.
        polled: Ticks since the last complete poll began.
        poll: The one under way.
        applied: Rows of the outbox that it knows, as a set of writes.
        bypass: Ticks for which it does not use the entry.
        local: What it keeps in memory, as a set of writes.
        flight: Its read under way.
    """

    is_linked: bool = True
    polled: int = 2 * TRUST
    poll: Poll | None = None
    applied: int = 0
    bypass: int = 0
    local: int = NOTHING
    flight: Flight | None = None


class State(NamedTuple):
    """All there is.

    Attributes:
        writes: The transactions.
        stored: The value in Redis.
        processes: The processes.
        misled: Whether somebody was given an answer of another's that is too old.
    """

    writes: tuple[Write, ...]
    stored: int
    processes: tuple[Process, ...]
    misled: bool = False


Step: TypeAlias = tuple[str, State]
"""What happens, and the state after it."""


def visible(state: State) -> int:
    """Give the writes that a snapshot sees."""
    return sum(1 << i for i, w in enumerate(state.writes) if w.phase is Phase.COMMITTED)


def is_trusted(polled: int, conduct: Conduct) -> bool:
    """Say whether hits may be served so many ticks after the start of a poll."""
    return polled < TRUST or not conduct.trusts_polls


def older(process: Process) -> Process:
    """Let a tick go by; a poll that takes longer than T is given up."""
    poll = process.poll
    if poll is not None:
        poll = None if poll.age == TRUST else poll._replace(age=poll.age + 1)
    return process._replace(
        polled=min(process.polled + 1, 2 * TRUST), poll=poll, bypass=max(process.bypass - 1, 0)
    )


def forgetting(process: Process) -> Process:
    """Drop what is in memory, and the ticket of who would put it there."""
    flight = process.flight
    return process._replace(
        local=NOTHING, flight=None if flight is None else flight._replace(has_ticket=False)
    )


def dropped(state: State) -> State:
    """Drop the entry and its lease, in Redis."""
    processes = tuple(
        each if each.flight is None else each._replace(flight=each.flight._replace(holds=False))
        for each in state.processes
    )
    return state._replace(stored=NOTHING, processes=processes)


def with_process(state: State, place: int, process: Process) -> State:
    """Put a process in its place."""
    processes = (*state.processes[:place], process, *state.processes[place + 1 :])
    return state._replace(processes=processes)


def with_write(state: State, index: int, write: Write) -> State:
    """Put a write in its place."""
    return state._replace(writes=(*state.writes[:index], write, *state.writes[index + 1 :]))

"""What may be different about a cache in Redis: the protocol itself, and what to check it with."""

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["After", "Before", "Joining", "Rules", "Scenario", "Write"]


class Before(Enum):
    """What a writer does in Redis before its COMMIT."""

    ANNOUNCE = auto()
    DELETE = auto()
    """Drops the entry with its lease, and gives the tags new generations; nothing is noted."""
    LOCK = auto()
    """The same, and leaves a lock that keeps readers from storing, until it times out."""
    NOTHING = auto()


class After(Enum):
    """What a writer does in Redis after its COMMIT."""

    NOTHING = auto()
    DELETE = auto()
    UNLOCK = auto()


class Joining(Enum):
    """Whose answer somebody may use who joins a read after its SELECT has left."""

    OF_NONE = auto()
    OF_STORED = auto()
    """One that was stored, if he came before the request to store it left."""
    OF_STORED_LATER = auto()
    """The same, but he may come until the answer to that request is here."""
    OF_ANY = auto()


@dataclass(frozen=True, slots=True)
class Rules:
    """How writers and readers go about it. What is not given is the protocol.

    Attributes:
        before: What a writer does before its COMMIT.
        after: What he does after it.
        leases: Whether only the holder of a lease stores; else whoever finds no entry.
        waits: Whether transactions that were announced must be over before anything is stored.
        one_hash: Whether all that is noted is in one HASH; else each in a key of its own.
        keeps_all: Whether a field keeps all transactions that may be open; else the last one.
        window: Whether nothing is stored while the pending HASH is younger than W.
        in_time: Whether a transaction is visible, or announced again, at most W after it was
            announced.
        compares_boot: Whether nothing is stored when the HASH is another one than at `open`.
        compares_generations: Whether nothing is stored when a tag is another one than at `open`.
        random: Whether generations are random; else they count from one.
        stamps_at_open: Whether an entry carries the generations of `open`; else those of `fill`.
        reads_after_open: Whether the SELECT comes after `open`; else both it and its snapshot come
            before.
        looks_after_select: Whether the snapshot that shows what is over comes after the SELECT.
        joining: Whose answer may be shared.
    """

    before: Before = Before.ANNOUNCE
    after: After = After.NOTHING
    leases: bool = True
    waits: bool = True
    one_hash: bool = True
    keeps_all: bool = True
    window: bool = True
    in_time: bool = True
    compares_boot: bool = True
    compares_generations: bool = True
    random: bool = True
    stamps_at_open: bool = True
    reads_after_open: bool = True
    looks_after_select: bool = False
    joining: Joining = Joining.OF_STORED


@dataclass(frozen=True, slots=True)
class Write:
    """What a transaction makes stale.

    Attributes:
        entry: Whether it names the entry; else nobody knows that the entry is about it.
            Without that and without tags it has nothing to do with it.
        tags: Which tags it bumps, by their place.
    """

    entry: bool
    tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who takes part.

    Attributes:
        writes: The transactions, in the order of their ids.
        tags: How many tags the entry carries.
        one_row: Whether each write waits until the one before is over, as those of one row do.
        flights: How many reads may be under way, in as many processes.
    """

    writes: tuple[Write, ...]
    tags: int = 0
    one_row: bool = True
    flights: int = 2

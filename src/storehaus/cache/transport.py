"""What the protocol of the cache asks of a server: a few operations, each of them atomic.

Names are bytes, values are bytes; what they mean is the caller's business. A name leads to an
*entry* (a record or the result of a query), to a *tag* (a generation that entries carry) or to the
*pending HASH*, which knows the transactions that have announced a write and may not be over.
docs/adr/0014 describes the whole.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from enum import Enum, auto
from typing import Protocol, TypeAlias

from msgspec import Struct

__all__ = ["CacheTransport", "Finding", "Lease", "Names", "Opened", "Timing"]


class Timing(Struct, frozen=True, kw_only=True):
    """The constants of the protocol, in seconds; tests make them short.

    Attributes:
        trust: T: hits are served for so long after the start of a poll. It bounds how stale
            anything can be when parts fail.
        horizon: H: so long a transaction that announced a write is remembered.
        window: W: longest time between an announcement and the moment when its transaction is
            visible. Nothing is stored for so long after the pending HASH was made anew.
        lease: How long whoever reads for all others may take.
        patience: How long an answer may take before the server counts as gone.
    """

    trust: float = 2.0
    horizon: float = 60.0
    window: float = 2.0
    lease: float = 5.0
    patience: float = 0.05


class Finding(Enum):
    """What `open` found."""

    HIT = auto()
    WAIT = auto()
    """Somebody else is reading it from the database."""
    COLD = auto()
    """Nothing may be stored now."""
    LEASE = auto()
    """The caller reads it from the database, and may store it."""


class Lease(Struct, frozen=True):
    """What the holder of a lease must know when he stores.

    Attributes:
        token: His.
        boot: When the pending HASH was made, in milliseconds of the server's clock.
        generations: Of the tags, in their order, 8 bytes each.
        pending: Transactions by name of the entry or tag that they announced to write, as the
            server keeps them: `first-last@milliseconds`; names without any are left out.
    """

    token: bytes
    boot: int
    generations: tuple[bytes, ...]
    pending: Mapping[bytes, bytes]

    @property
    def transactions(self) -> tuple[tuple[int, int], ...]:
        """Pairs of first and last of those that must be over before anything is stored."""
        ranges = (noted.partition(b"@")[0].partition(b"-") for noted in self.pending.values())
        return tuple((int(first), int(last)) for first, _, last in ranges)


class Opened(Struct, frozen=True):
    """Answer to `open`.

    Attributes:
        finding: What was found.
        value: The entry, for a HIT.
        lease: For a LEASE.
    """

    finding: Finding
    value: bytes | None = None
    lease: Lease | None = None


Names: TypeAlias = Sequence[bytes]


"""Names of entries and tags."""


class CacheTransport(Protocol):
    """A server that keeps entries.

    Every operation raises `CacheError` when the server does not answer, not in time, or nonsense;
    then it may have happened or not.

    Attributes:
        space: Which database it is about: stands before all names, and may change at any time.
        timing: The constants.
    """

    space: bytes
    timing: Timing

    @property
    def is_usable(self) -> bool:
        """Whether it is worth asking: the circuit breaker lets requests through."""
        ...

    @property
    def state(self) -> str:
        """State of the circuit breaker: "closed", "open" or "probing"."""
        ...

    async def read(self, names: Names) -> Sequence[bytes | None]:
        """Give entries and tags, None for those that are not there."""
        ...

    async def open(
        self, entry: bytes, tags: Names, token: bytes, *, fingerprint: bytes, tag_ttl_ms: int
    ) -> Opened:
        """Give an entry, or the right to make it.

        Args:
            entry: Its name.
            tags: Its tags; those that are not there are made.
            token: Random, the caller's own.
            fingerprint: What the header of the entry must hold to count, 8 bytes.
            tag_ttl_ms: How long a tag lives that is made.
        """
        ...

    async def fill(
        self, entry: bytes, tags: Names, lease: Lease, value: bytes, *, ttl_ms: int, tag_ttl_ms: int
    ) -> bool:
        """Store an entry, if the lease and the tags still hold; give whether they did.

        Args:
            entry: Its name.
            tags: As they were given to `open`; they are kept for at least `tag_ttl_ms` more.
            lease: What `open` gave; its transactions are over.
            value: The entry.
            ttl_ms: How long it lives.
            tag_ttl_ms: More than `ttl_ms`.
        """
        ...

    async def release(self, entry: bytes, lease: Lease) -> None:
        """Give a lease back."""
        ...

    async def intend(
        self,
        transaction: int | None,
        entries: Names,
        tags: Names,
        *,
        tag_ttl_ms: int,
        over: int = 0,
    ) -> None:
        """Drop entries and their leases, and give tags new generations.

        Args:
            transaction: The one that is about to write them, remembered for `Timing.horizon`; None
                for what is visible already.
            entries: Names of entries.
            tags: Names of tags.
            tag_ttl_ms: How long a tag lives.
            over: Every transaction before this one has ended.
        """
        ...

    async def pending(self, names: Names) -> Sequence[bytes | None]:
        """Give the transactions that announced to write entries and tags, None for no such.

        They are as `Lease.pending` has them.
        """
        ...

    async def cold_ms(self) -> int:
        """Give the time for which nothing is stored, since the pending HASH is new."""
        ...

    async def sweep(self) -> None:
        """Forget some of the transactions that are older than `Timing.horizon`."""
        ...

    async def remaining_ms(self, name: bytes) -> int | None:
        """Give how long an entry lives, None when it is not there."""
        ...

    def names(self) -> AsyncIterator[bytes]:
        """Give all names that are there, in no order; it takes long where there are many.

        Those that come or go meanwhile may be missing.
        """
        ...

    async def ping(self) -> str:
        """See whether the server answers; give its name and version.

        This one is sent whatever the circuit breaker says.
        """
        ...

    async def close(self) -> None:
        """Give up all connections."""
        ...

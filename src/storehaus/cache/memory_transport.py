"""The transport to nowhere: what a Redis would keep stays in this process.

For tests and for trying out. It follows `cache/scripts.py` step by step.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from secrets import token_bytes
from typing import Any

from storehaus.cache.transport import CacheTransport, Finding, Lease, Names, Opened, Timing
from storehaus.errors import CacheError

__all__ = ["MemoryServer", "MemoryTransport"]

_GENERATION_BYTES = 8
_LEASE = b":l"
_PENDING = b"p"
_BOOT = b"boot"
_HASH_MS = 86_400_000


class MemoryServer:
    """Keeps what a Redis would keep; transports that share one see the same.

    Args:
        clock: Gives the time in milliseconds.

    Attributes:
        kept: Entries, leases, tags and pending HASHes by key, with the time until which they live.
    """

    def __init__(self, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self.clock = clock
        self.kept: dict[bytes, tuple[Any, int]] = {}

    def get(self, key: bytes) -> Any:
        """Give what is kept, None when there is nothing or its time is over."""
        found, until = self.kept.get(key, (None, 0))
        return found if until >= self.clock() else None

    def set(self, key: bytes, value: Any, ttl_ms: int) -> Any:
        """Keep a value for so long; give it."""
        self.kept[key] = value, self.clock() + ttl_ms
        return value

    def left_ms(self, key: bytes) -> int | None:
        """Give how long a value lives, None when there is none."""
        return None if self.get(key) is None else self.kept[key][1] - self.clock()

    def drop(self, *keys: bytes) -> None:
        """Lose something."""
        for key in keys:
            self.kept.pop(key, None)

    def purge(self) -> None:
        """Forget what nobody can see any more."""
        now = self.clock()
        self.kept = {key: each for key, each in self.kept.items() if each[1] >= now}


class MemoryTransport(CacheTransport):
    """Keeps entries in this process.

    Args:
        server: Where; None is one of its own.
        timing: The constants of the protocol.
    """

    def __init__(self, server: MemoryServer | None = None, timing: Timing | None = None) -> None:
        self.server = server or MemoryServer()
        self.timing = timing or Timing()
        self.space = b""
        self._is_plugged = True
        self._is_closed = False

    @property
    def is_usable(self) -> bool:
        """Whether it is worth asking."""
        return self._is_plugged and not self._is_closed

    @property
    def state(self) -> str:
        """State of the circuit breaker."""
        return "closed" if self.is_usable else "open"

    def unplug(self) -> None:
        """Fail every operation from now on, as if the server did not answer."""
        self._is_plugged = False

    def plug(self) -> None:
        """Answer again."""
        self._is_plugged = True

    async def read(self, names: Names) -> Sequence[bytes | None]:
        """Give entries and tags, None for those that are not there."""
        server = await self._reach()
        return [server.get(self._key(name)) for name in names]

    async def open(
        self, entry: bytes, tags: Names, token: bytes, *, fingerprint: bytes, tag_ttl_ms: int
    ) -> Opened:
        """Give an entry, or the right to make it."""
        server = await self._reach()
        generations = tuple(
            server.get(key) or server.set(key, token_bytes(_GENERATION_BYTES), tag_ttl_ms)
            for key in map(self._key, tags)
        )
        value = server.get(self._key(entry))
        # What cache/scripts.py compares of the header, which is behind three bytes of magic.
        header = b"".join((fingerprint, bytes((len(tags),)), *generations))
        if value is not None and value[3 : 3 + len(header)] == header:
            return Opened(Finding.HIT, value=value)
        fields = self._begun()
        boot = int(fields[_BOOT])
        if server.clock() - boot < _ms(self.timing.window):
            return Opened(Finding.COLD)
        lease = self._key(entry + _LEASE)
        if server.get(lease) is not None:
            return Opened(Finding.WAIT)
        server.set(lease, token, _ms(self.timing.lease))
        noted = {name: fields[name] for name in (entry, *tags) if name in fields}
        return Opened(Finding.LEASE, lease=Lease(token, boot, generations, noted))

    async def fill(
        self, entry: bytes, tags: Names, lease: Lease, value: bytes, *, ttl_ms: int, tag_ttl_ms: int
    ) -> bool:
        """Store an entry, if the lease still holds; give whether it did."""
        server = await self._reach()
        if not self._end(entry, lease):
            return False
        fields = self._noted()
        if fields.get(_BOOT) != b"%d" % lease.boot:
            return False
        if [server.get(self._key(tag)) for tag in tags] != list(lease.generations):
            return False
        server.set(self._key(entry), value, ttl_ms)
        for key in map(self._key, tags):
            left = server.left_ms(key)
            if left is not None and left < tag_ttl_ms:
                server.set(key, server.get(key), tag_ttl_ms)
        for name, noted in lease.pending.items():
            if fields.get(name) == noted:
                del fields[name]
        return True

    async def release(self, entry: bytes, lease: Lease) -> None:
        """Give a lease back."""
        await self._reach()
        self._end(entry, lease)

    async def intend(
        self,
        transaction: int | None,
        entries: Names,
        tags: Names,
        *,
        tag_ttl_ms: int,
        over: int = 0,
    ) -> None:
        """Drop entries and their leases, and give tags new generations."""
        server = await self._reach()
        fields = self._begun()
        for name in entries:
            server.drop(self._key(name), self._key(name + _LEASE))
        generation = token_bytes(_GENERATION_BYTES)
        for tag in tags:
            server.set(self._key(tag), generation, tag_ttl_ms)
        if transaction is not None:
            for name in (*entries, *tags):
                fields[name] = self._merged(fields.get(name), transaction, over)

    async def pending(self, names: Names) -> Sequence[bytes | None]:
        """Give the transactions that announced to write entries and tags."""
        await self._reach()
        return list(map(self._noted().get, names))

    async def cold_ms(self) -> int:
        """Give the time for which nothing is stored."""
        now = (await self._reach()).clock()
        return max(0, int(self._begun()[_BOOT]) + _ms(self.timing.window) - now)

    async def sweep(self) -> None:
        """Forget the transactions that are over for long, and what nobody can see any more."""
        server = await self._reach()
        server.purge()
        fields = self._noted()
        if fields:
            server.set(self._key(_PENDING), fields, _HASH_MS)
        old = [each for each in fields if each != _BOOT and not self._is_remembered(fields[each])]
        for name in old:
            del fields[name]

    async def remaining_ms(self, name: bytes) -> int | None:
        """Give how long an entry lives, None when it is not there."""
        return (await self._reach()).left_ms(self._key(name))

    async def names(self) -> AsyncIterator[bytes]:
        """Give all names that are there, in no order."""
        start = self._key(b"")
        server = await self._reach()
        for key in [key for key in server.kept if key.startswith(start) and server.get(key)]:
            yield key[len(start) :]

    async def ping(self) -> str:
        """See whether the server answers; give its name and version."""
        if not self._is_plugged:
            raise CacheError("the memory is unplugged")
        return "Memory"

    async def close(self) -> None:
        """Answer no more."""
        self._is_closed = True

    async def _reach(self) -> MemoryServer:
        """Give the server, after others have had their turn."""
        await asyncio.sleep(0)
        if not self.is_usable:
            raise CacheError("the memory is unplugged or closed, so it is not asked")
        return self.server

    def _key(self, name: bytes) -> bytes:
        return self.space + b":" + name

    def _noted(self) -> dict[bytes, bytes]:
        """Give the fields of the pending HASH."""
        return self.server.get(self._key(_PENDING)) or {}

    def _begun(self) -> dict[bytes, bytes]:
        """Give them too; they begin anew where there are none."""
        boot = b"%d" % self.server.clock()
        return self._noted() or self.server.set(self._key(_PENDING), {_BOOT: boot}, _HASH_MS)

    def _end(self, entry: bytes, lease: Lease) -> bool:
        """Give a lease back; give whether it was there."""
        key = self._key(entry + _LEASE)
        if self.server.get(key) != lease.token:
            return False
        self.server.drop(key)
        return True

    def _merged(self, noted: bytes | None, transaction: int, over: int) -> bytes:
        """Note one more transaction beside those that may not be over."""
        first = last = transaction
        if noted is not None and self._is_remembered(noted):
            low, high = map(int, noted.partition(b"@")[0].split(b"-"))
            if high >= over:
                first, last = min(first, max(low, over)), max(last, high)
        return b"%d-%d@%d" % (first, last, self.server.clock())

    def _is_remembered(self, noted: bytes) -> bool:
        at = int(noted.partition(b"@")[2])
        return at >= self.server.clock() - _ms(self.timing.horizon)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))

"""The transport to Redis (6.2 or newer) or Valkey, by redis-py.

Nothing is tried twice. A server that does not answer within `Timing.patience` is not asked any more
until a probe gets an answer; whoever waits for it gets an error at once.

A user of an ACL needs the keys `prefix:*` and `+@connection +info +mget +evalsha +eval +get +set
+del +pttl +pexpire +hget +hset +hmget +hdel +hscan +time`. A survey needs `+scan` too.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from secrets import token_bytes
from typing import Any, TypeVar

from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from storehaus.cache.breaker import Breaker
from storehaus.cache.lane import Lane
from storehaus.cache.scripts import FILL, INTEND, OPEN, RELEASE, SWEEP, WARM, Script
from storehaus.cache.transport import CacheTransport, Finding, Lease, Names, Opened, Timing
from storehaus.config import CacheConfig
from storehaus.errors import CacheError

__all__ = ["RedisTransport"]

T = TypeVar("T")

_GENERATION_BYTES = 8
_NAMES_AT_ONCE = 500
_SWEPT_FIELDS = 1_000
_SCANNED_KEYS = 1_000
_LEASE = b":l"
_PENDING = b"p"
# More than that at once on one connection, and another one is worth its while.
_CROWD = 8


class RedisTransport(CacheTransport):
    """Keeps entries in Redis.

    Args:
        config: Address and limits.
        timing: The constants of the protocol.
    """

    def __init__(self, config: CacheConfig, timing: Timing) -> None:
        url = config.redis_url
        self._address = parse_url("" if url is None else url.get_secret_value())
        self._prefix = config.prefix.encode() + b":"
        self._most_lanes = min(config.pool_size, config.max_connections)
        self._connect_seconds = config.connection_timeout_ms / 1000
        self._ceiling = config.timeout_ms / 1000
        self._lanes: list[Lane] = []
        self._connecting: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._grace_until = 0.0
        self._cursor = b"0"
        self._is_gone = False
        self.timing = timing
        self.space = b""
        self.breaker = Breaker()

    @property
    def is_usable(self) -> bool:
        """Whether it is worth asking."""
        return self.breaker.is_closed

    @property
    def patience(self) -> float:
        """Seconds that an answer may take."""
        return min(self.timing.patience, self._ceiling)

    @property
    def state(self) -> str:
        """State of the circuit breaker."""
        return self.breaker.state

    async def read(self, names: Names) -> Sequence[bytes | None]:
        """Give entries and tags, None for those that are not there."""
        lane = await self._lane()
        start = lane.start_of(self.space)
        return await self._answer(lane.read([start + name for name in names]))

    async def open(
        self, entry: bytes, tags: Names, token: bytes, *, fingerprint: bytes, tag_ttl_ms: int
    ) -> Opened:
        """Give an entry, or the right to make it."""
        timing = self.timing
        answer = await self._run(
            OPEN,
            (_PENDING, entry, entry + _LEASE, *tags),
            (
                token,
                _ms(timing.lease),
                tag_ttl_ms,
                _ms(timing.window),
                fingerprint,
                *(token_bytes(_GENERATION_BYTES) for _ in tags),
            ),
        )
        match answer:
            case [1, bytes(value)]:
                return Opened(Finding.HIT, value=value)
            case [0, *_]:
                return Opened(Finding.WAIT)
            case [3]:
                return Opened(Finding.COLD)
            case [2, boot, bytes(generations), *noted]:
                size = _GENERATION_BYTES
                cut = tuple(generations[i : i + size] for i in range(0, len(generations), size))
                pending = dict(zip(noted[::2], noted[1::2], strict=True))
                return Opened(Finding.LEASE, lease=Lease(token, int(boot), cut, pending))
            case _:
                raise CacheError("Redis gave an answer that is none")

    async def fill(
        self, entry: bytes, tags: Names, lease: Lease, value: bytes, *, ttl_ms: int, tag_ttl_ms: int
    ) -> bool:
        """Store an entry, if the lease still holds; give whether it did."""
        noted = [part for pair in lease.pending.items() for part in pair]
        keys = (_PENDING, entry, entry + _LEASE, *tags)
        head = (lease.token, b"%d" % lease.boot, b"".join(lease.generations))
        arguments = (*head, value, ttl_ms, tag_ttl_ms, *noted)
        answer: int = await self._run(FILL, keys, arguments)
        return answer == 1

    async def release(self, entry: bytes, lease: Lease) -> None:
        """Give a lease back."""
        await self._run(RELEASE, (entry + _LEASE,), (lease.token,), cut=False)

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
        head: tuple[Any, ...] = (
            b"" if transaction is None else b"%d" % transaction,
            _ms(self.timing.horizon),
            tag_ttl_ms,
        )
        size = _NAMES_AT_ONCE
        pieces: list[tuple[Names, Names]] = [(entries, tags)]
        if len(entries) + len(tags) > size:
            pieces = [(entries[i : i + size], ()) for i in range(0, len(entries), size)]
            pieces += [((), tags[i : i + size]) for i in range(0, len(tags), size)]
        # One after the other: others are served in between, and each is answered soon.
        for some, more in pieces:
            await self._run(
                INTEND,
                (_PENDING, *(each for name in some for each in (name, name + _LEASE)), *more),
                (*head, token_bytes(_GENERATION_BYTES), len(some), over),
            )

    async def pending(self, names: Names) -> Sequence[bytes | None]:
        """Give the transactions that announced to write entries and tags."""
        lane = await self._lane()
        key = lane.start_of(self.space) + _PENDING
        return await self._answer(lane.ask(b"HMGET", key, *names))

    async def cold_ms(self) -> int:
        """Give the time for which nothing is stored."""
        left: int = await self._run(WARM, (_PENDING,), (_ms(self.timing.window),), cut=False)
        return left

    async def sweep(self) -> None:
        """Forget some of the transactions that are over for long."""
        arguments = (_ms(self.timing.horizon), self._cursor, _SWEPT_FIELDS)
        self._cursor = await self._run(SWEEP, (_PENDING,), arguments, cut=False)

    async def remaining_ms(self, name: bytes) -> int | None:
        """Give how long an entry lives, None when it is not there."""
        lane = await self._lane()
        left: int = await self._answer(lane.ask(b"PTTL", lane.start_of(self.space) + name))
        return None if left < 0 else left

    async def names(self) -> AsyncIterator[bytes]:
        """Give all names that are there, in no order."""
        cursor = b"0"
        while True:
            lane = await self._lane()
            start = lane.start_of(self.space)
            command = (b"SCAN", cursor, b"MATCH", _literally(start) + b"*", b"COUNT", _SCANNED_KEYS)
            cursor, keys = await self._answer(lane.ask(*command))
            for key in keys:
                yield key[len(start) :]
            if cursor == b"0":
                return

    async def ping(self) -> str:
        """See whether the server answers; give its name and version."""
        lane = self._make_lane()
        try:
            async with asyncio.timeout(self._connect_seconds):
                await lane.connect()
                await lane.ask(b"PING")
        except TimeoutError:
            raise CacheError("Redis did not answer in time") from None
        except RedisError as error:
            raise _translated(error) from None
        finally:
            await lane.close()
        return lane.server

    async def close(self) -> None:
        """Give up all connections."""
        self._is_gone = True
        self.breaker.open()
        if self._watch is not None:
            self._watch.cancel()
        tasks = [task for task in (self._connecting, self._probe) if task is not None]
        self._connecting = self._probe = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            await lane.close()

    async def _run(
        self, script: Script, names: Names, arguments: Sequence[Any], *, cut: bool = True
    ) -> Any:
        lane = await self._lane()
        start = lane.start_of(self.space)
        keys = [start + name for name in names]
        head = (len(start),) if cut else ()
        return await self._answer(lane.run(script, keys, (*head, *arguments)))

    async def _answer(self, request: Awaitable[T]) -> T:
        if self._watch is None:
            self._look_later()
        try:
            return await request
        except RedisError as error:
            raise _translated(error) from None

    async def _lane(self) -> Lane:
        """Give a connection; wait for the first one, for a moment."""
        if not self.breaker.is_closed:
            raise CacheError("Redis does not answer, so it is not asked")
        lanes = self._lanes
        if lanes:
            lane = lanes[0] if len(lanes) == 1 else min(lanes, key=_crowd)
            if _crowd(lane) > _CROWD and len(lanes) < self._most_lanes:
                _ = self._connect()
            return lane
        task = self._connect()
        _, late = await asyncio.wait((task,), timeout=self.patience)
        if not late and self._lanes:
            return self._lanes[0]
        self._trip()
        raise CacheError("Redis cannot be reached")

    def _connect(self) -> asyncio.Task[None]:
        """Open one more connection, one at a time."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._add_lane(), name="storehaus-cache-connect")
        return self._connecting

    async def _add_lane(self) -> None:
        try:
            lane = await self._connected()
            if lane is not None:
                self._lanes.append(lane)
        finally:
            self._connecting = None

    async def _connected(self) -> Lane | None:
        """Give a new connection that answers, None when there is none to be had."""
        lane = self._make_lane()
        try:
            async with asyncio.timeout(self._connect_seconds):
                await lane.connect()
        except Exception:  # noqa: BLE001 - whatever it is, there will be another attempt
            await lane.close()
            return None
        except BaseException:
            await lane.close()
            raise
        return lane

    def _make_lane(self) -> Lane:
        options = dict(self._address)
        kind: Any = options.pop("connection_class", Connection)
        # A connection that waits for nothing is no sign of trouble: the watch looks at requests.
        connection = kind(
            **options,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=self._connect_seconds,
        )
        return Lane(connection, self._prefix, self._broke)

    def _broke(self, lane: Lane) -> None:
        """Take note that a connection was lost."""
        if lane in self._lanes:
            self._lanes.remove(lane)
            if not self._lanes and not self._is_gone:
                self._trip()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self.patience / 2
        self._watch = loop.call_later(pause, self._look, loop.time() + pause)

    def _look(self, due: float) -> None:
        """See whether somebody has waited for too long."""
        self._watch = None
        now = asyncio.get_running_loop().time()
        oldest = min((lane.asked[0][0] for lane in self._lanes if lane.asked), default=None)
        if oldest is None:
            return
        if now - due > self.patience / 4:
            # This process stood still: answers may be here that nobody has read yet.
            self._grace_until = now + self.patience
        if now - oldest > self.patience and now >= self._grace_until:
            self._trip()
        else:
            self._look_later()

    def _trip(self) -> None:
        """Ask no more, let nobody wait, and try again later."""
        if not self.breaker.open():
            return
        lanes, self._lanes = self._lanes, []
        for lane in lanes:
            lane.fail(CacheError("Redis does not answer"))
        self._probe = asyncio.create_task(self._probing(lanes), name="storehaus-cache-probe")

    async def _probing(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            await lane.close()
        for pause in self.breaker.pauses():
            await asyncio.sleep(pause)
            self.breaker.is_probing = True
            found = await self._connected()
            self.breaker.is_probing = False
            if found is not None:
                self._lanes.append(found)
                break
        self._probe = None
        self.breaker.close()


def _crowd(lane: Lane) -> int:
    return len(lane.asked)


def _literally(text: bytes) -> bytes:
    """Write a text as a pattern that matches nothing else."""
    return re.sub(rb"([\\*?\[\]])", rb"\\\1", text)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _translated(error: RedisError) -> CacheError:
    """Say what Redis refused, by its code alone: the rest may quote keys and values."""
    if isinstance(error, ResponseError):
        code = str(error).partition(" ")[0]
        shown = code if code.isupper() and code.isalpha() else type(error).__name__
        return CacheError(f"Redis refused a request: {shown}")
    return CacheError(f"Redis did not answer: {type(error).__name__}")

"""A pool of connections that knows nothing of PostgreSQL.

Idle connections are reused last in, first out, so that the surplus grows old and is closed.
Callers wait first come, first served; a connection that comes back goes straight to the caller
who waited longest. Two rules keep the books right:

- While somebody waits nothing is idle and every slot is taken, hence a newcomer cannot overtake.
- A slot is counted from the moment somebody sets out to fill it. Whoever gives up, by an error or
  by cancellation, passes on what he holds: the connection, or the right to open one.
"""

import asyncio
import enum
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar

from storehaus.errors import DatabaseError, PoolTimeout

__all__ = ["Member", "Pool", "PoolLimits"]

_JITTER = 0.1
_GOODBYE_SECONDS = 5.0


class Member(Protocol):
    """What the pool asks of a connection."""

    expires_at: float
    idle_since: float

    def is_closed(self) -> bool:
        """Tell whether it is unusable, as far as known without asking the server."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...

    async def close(self, *, timeout_seconds: float) -> None:
        """Say goodbye and close it; past the time-out, terminate."""
        ...


M = TypeVar("M", bound=Member)


class _Word(enum.Enum):
    SLOT = "open a connection of your own, your place is counted"
    LATE = "your time is up"
    CLOSED = "the pool was closed"


_Answer: TypeAlias = M | _Word


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections, for how long.

    Attributes:
        min_connections: Kept open when nothing happens.
        max_connections: Never more than this.
        idle_timeout_seconds: Surplus connections are closed after so long without use.
        max_lifetime_seconds: A connection is not lent again after 90 to 100 % of this, chosen at
            random so that connections opened together do not end together.
    """

    min_connections: int
    max_connections: int
    idle_timeout_seconds: float
    max_lifetime_seconds: float


class Pool(Generic[M]):
    """Connections of one kind, lent one at a time.

    Args:
        connect: Opens a connection within a number of seconds. It raises errors of
            `storehaus.errors` only.
        limits: How many, for how long.
        clock: Monotonic seconds.
        jitter: A number from 0 to 1 for each connection.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_connect",
        "_drained",
        "_idle",
        "_jitter",
        "_keeper",
        "_limits",
        "_members",
        "_open",
        "_opened",
        "_size",
        "_waiters",
    )

    def __init__(
        self,
        connect: Callable[[float], Awaitable[M]],
        limits: PoolLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._clock = clock
        self._jitter = jitter
        self._idle: list[M] = []
        self._members: set[M] = set()
        self._waiters: OrderedDict[asyncio.Future[_Answer[M]], None] = OrderedDict()
        self._size = 0
        self._opened = 0
        self._open = False
        self._closed = False
        self._drained = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """Connections that are open or being opened."""
        return self._size

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers waiting for a connection."""
        return len(self._waiters)

    @property
    def opened(self) -> int:
        """Connections opened since the start."""
        return self._opened

    async def open(self, *, timeout_seconds: float) -> None:
        """Open `min_connections` connections and start to look after them.

        Args:
            timeout_seconds: For each connection.
        """
        if self._open or self._closed:
            raise DatabaseError("the driver is open already or was closed")
        self._open = True
        try:
            await self.refill(timeout_seconds=timeout_seconds)
        except BaseException:
            self._shut()
            raise
        self._keeper = asyncio.create_task(self._keep(timeout_seconds), name="storehaus-pool")

    def take(self) -> M | None:
        """Lend an idle connection, None when there is none. Dead and old ones are dropped."""
        while self._idle:
            member = self._idle.pop()
            if not member.is_closed() and self._clock() < member.expires_at:
                return member
            self._drop(member)
        return None

    async def acquire(self, *, timeout_seconds: float) -> M:
        """Lend a connection; wait for one, or open one, when none is idle.

        Raises:
            PoolTimeout: When none became free in time.
        """
        member = self.take()
        if member is not None:
            return member
        if not self._open:
            raise DatabaseError("the driver is not open")
        started = self._clock()
        if self._size >= self._limits.max_connections:
            answer = await self._wait(timeout_seconds)
            if not isinstance(answer, _Word):
                return answer
        else:
            self._size += 1
        return await self._fill(timeout_seconds - (self._clock() - started))

    def release(self, member: M) -> None:
        """Take a connection back. It must be clean: whoever gets it next relies on it."""
        now = self._clock()
        if self._closed or member.is_closed() or now >= member.expires_at:
            self._drop(member)
        elif self._waiters and self._answer_next(member):
            return
        elif self._open:
            member.idle_since = now
            self._idle.append(member)
        else:
            self._drop(member)

    def sweep(self) -> None:
        """Close idle connections that are dead, too old, or surplus and unused for too long."""
        now = self._clock()
        stale_since = now - self._limits.idle_timeout_seconds
        idle, self._idle = self._idle, []
        # The longest unused come first, since the list is used last in, first out.
        for member in idle:
            is_dead = member.is_closed() or now >= member.expires_at
            is_surplus = self._size > self._limits.min_connections
            if is_dead or (is_surplus and member.idle_since <= stale_since):
                self._drop(member)
            else:
                self._idle.append(member)

    async def refill(self, *, timeout_seconds: float) -> None:
        """Open connections up to `min_connections`."""
        while self._open and self._size < self._limits.min_connections:
            self._size += 1
            self.release(await self._fill(timeout_seconds))

    async def close(self, *, grace_seconds: float) -> None:
        """Refuse new callers, wait for those served or waiting, then close everything.

        Calling it again does no harm; with a shorter grace it cuts the first call's wait short.
        """
        if self._closed:
            return
        self._open = False
        try:
            await self._stop_keeper()
            await self._dismiss_idle()
            if self._size:
                async with asyncio.timeout(grace_seconds):
                    await self._drained.wait()
        except TimeoutError:
            pass
        finally:
            self._shut()

    def _shut(self) -> None:
        self._open = False
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
        while self._answer_next(_Word.CLOSED):
            pass
        while self._idle:
            self._drop(self._idle.pop())
        for member in self._members:
            member.terminate()
        self._drained.set()

    async def _stop_keeper(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])

    async def _dismiss_idle(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(self._dismiss(member) for member in idle))

    async def _dismiss(self, member: M) -> None:
        try:
            await member.close(timeout_seconds=_GOODBYE_SECONDS)
        finally:
            self._drop(member)

    async def _keep(self, timeout_seconds: float) -> None:
        limits = self._limits
        pause = min(limits.idle_timeout_seconds, limits.max_lifetime_seconds) / 4
        while True:
            await asyncio.sleep(pause)
            self.sweep()
            try:
                await self.refill(timeout_seconds=timeout_seconds)
            except DatabaseError:
                # Nobody waits for these connections; whoever needs one will see the error.
                continue

    async def _wait(self, timeout_seconds: float) -> _Answer[M]:
        """Queue up. The answer is a living connection or the right to open one."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Answer[M]] = loop.create_future()
        self._waiters[waiter] = None
        # A timer of its own: asyncio.timeout() costs more, and cancels where an answer is meant.
        timer = loop.call_later(timeout_seconds, self._answer, waiter, _Word.LATE)
        try:
            answer = await waiter
        except asyncio.CancelledError:
            self._waiters.pop(waiter, None)
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())
            raise
        finally:
            timer.cancel()
        if answer is _Word.LATE:
            raise PoolTimeout(
                f"no connection became free within {timeout_seconds:g} seconds; "
                f"{self._limits.max_connections} are in use"
            )
        if answer is _Word.CLOSED:
            raise DatabaseError("the driver was closed")
        if not isinstance(answer, _Word) and answer.is_closed():
            self._members.discard(answer)
            return _Word.SLOT
        return answer

    async def _fill(self, timeout_seconds: float) -> M:
        """Open a connection into a slot that is counted already."""
        try:
            member = await self._connect(timeout_seconds)
        except BaseException:
            self._free_slot()
            raise
        if self._closed:
            member.terminate()
            self._free_slot()
            raise DatabaseError("the driver was closed")
        lifetime = self._limits.max_lifetime_seconds * (1 - _JITTER * self._jitter())
        member.expires_at = self._clock() + lifetime
        self._members.add(member)
        self._opened += 1
        return member

    def _drop(self, member: M) -> None:
        self._members.discard(member)
        member.terminate()
        self._free_slot()

    def _free_slot(self) -> None:
        if self._answer_next(_Word.SLOT):
            return
        self._size -= 1
        if self._size == 0 and not self._open:
            self._drained.set()

    def _pass_on(self, answer: _Answer[M]) -> None:
        if not isinstance(answer, _Word):
            self.release(answer)
        elif answer is _Word.SLOT:
            self._free_slot()

    def _answer_next(self, answer: _Answer[M]) -> bool:
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(answer)
                return True
        return False

    def _answer(self, waiter: asyncio.Future[_Answer[M]], answer: _Word) -> None:
        self._waiters.pop(waiter, None)
        if not waiter.done():
            waiter.set_result(answer)

"""One callback: what it wants, what waits for it, and how it runs."""

import asyncio
import inspect
from collections import deque
from collections.abc import Callable
from contextvars import Context
from functools import partial
from time import monotonic
from typing import Any, TypeAlias

from msgspec import Struct

from storehaus.config import SignalConfig
from storehaus.errors import SignalError
from storehaus.model import TableInfo
from storehaus.signals.event import DatabaseEvent, EventType
from storehaus.signals.stats import CallbackStats, latency_of

__all__ = ["Callback", "Filter", "Subscriber"]

Callback: TypeAlias = Callable[[DatabaseEvent], Any]
"""Gets an event; a coroutine function, or a function that is run in a thread."""

_REMEMBERED = 1_000
# So long a callback that was cancelled may take to end.
_LAST_SECONDS = 1.0


class Filter(Struct, frozen=True):
    """Which events a callback wants; None is any.

    Attributes:
        tables: Models, or names of tables.
        types: What became of the row.
        tags: It must have one of them at least.
    """

    tables: frozenset[TableInfo | str] | None
    types: frozenset[EventType] | None
    tags: frozenset[str] | None

    def takes_table(self, info: TableInfo) -> bool:
        """Whether events of a table may be wanted."""
        tables = self.tables
        return tables is None or info in tables or info.name in tables

    def takes_type(self, kind: EventType) -> bool:
        """Whether events of a type may be wanted."""
        return self.types is None or kind in self.types

    def takes_tags(self, event: DatabaseEvent) -> bool:
        """Whether an event of the right table and type is wanted."""
        return self.tags is None or not self.tags.isdisjoint(event.tags)


class _Waiting(Struct):
    event: DatabaseEvent
    context: Context
    since: float


class Subscriber:
    """A callback with its queue. It handles one event at a time, in the order they came.

    Args:
        callback: The function.
        wants: Which events.
        config: Limits.
        name: What it is called.
        slots: Bounds how many callbacks run at the same time.
        failed: Called with the error of each run that failed or timed out.
    """

    def __init__(
        self,
        callback: Callback,
        wants: Filter,
        config: SignalConfig,
        *,
        name: str,
        slots: asyncio.Semaphore,
        failed: "Callable[[Subscriber, DatabaseEvent, Exception], None]",
    ) -> None:
        self.name = name
        self.wants = wants
        self.executions = self.failures = self.timeouts = self.drops = 0
        self.failures_in_row = 0
        self.used_at = monotonic()
        self.seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self.is_removed = False
        self.task: asyncio.Task[None] | None = None
        self._callback = callback
        self._is_async = _is_async(callback)
        self._config = config
        self._slots = slots
        self._failed = failed
        self._waiting: deque[_Waiting] = deque()
        self._room = asyncio.Event()

    @property
    def queue_depth(self) -> int:
        """Events that wait."""
        return len(self._waiting)

    def stats(self) -> CallbackStats:
        """Give what it did."""
        return CallbackStats(
            name=self.name,
            executions=self.executions,
            failures=self.failures,
            timeouts=self.timeouts,
            drops=self.drops,
            queue_depth=self.queue_depth,
            latency=latency_of(self.seconds),
        )

    @property
    def is_full(self) -> bool:
        """Whether as many events wait as may."""
        return len(self._waiting) >= self._config.queue_size

    async def room(self) -> None:
        """Wait until another event may wait."""
        while self.is_full and not self.is_removed:
            self._room.clear()
            await self._room.wait()

    def offer(self, event: DatabaseEvent, context: Context) -> None:
        """Let an event wait; when too many do, the oldest one is dropped."""
        if self.is_removed:
            return
        if self.is_full:
            self._waiting.popleft()
            self.drops += 1
        self._waiting.append(_Waiting(event, context, monotonic()))
        if self.task is None:
            self.task = asyncio.create_task(self._work(), name=f"storehaus-signal-{self.name}")

    def refuse(self) -> SignalError:
        """Count an event that must not wait, and say so."""
        self.drops += 1
        return SignalError(f"{self.name}: more than {self._config.queue_size} events wait")

    def remove(self) -> None:
        """Take no more events, and forget those that wait."""
        self.is_removed = True
        self._waiting.clear()
        self._room.set()

    async def _work(self) -> None:
        """Handle what waits; end when nothing does."""
        try:
            while self._waiting:
                waiting = self._waiting.popleft()
                self._room.set()
                async with self._slots:
                    await self._run(waiting)
        finally:
            self.task = None

    async def _run(self, waiting: _Waiting) -> None:
        self.executions += 1
        self.used_at = monotonic()
        # Of its own, so that it runs in the writer's context and can be cut off.
        run = self._callback if self._is_async else self._in_thread
        call = asyncio.create_task(run(waiting.event), context=waiting.context)
        try:
            await _wait(call, self._config.callback_timeout_seconds)
            error = await self._conclude(call)
        except asyncio.CancelledError:
            call.cancel()
            raise
        self.seconds.append(monotonic() - waiting.since)
        if error is None:
            self.failures_in_row = 0
            return
        self.failures_in_row += 1
        self._failed(self, waiting.event, error)

    async def _in_thread(self, event: DatabaseEvent) -> None:
        found = await asyncio.to_thread(self._callback, event)
        if inspect.isawaitable(found):
            await found

    async def _conclude(self, call: asyncio.Task[None]) -> Exception | None:
        """Give the error of a run that has ended, or whose time is up."""
        if not call.done():
            self.timeouts += 1
            call.cancel()
            await _wait(call, _LAST_SECONDS)
            seconds = self._config.callback_timeout_seconds
            return SignalError(f"{self.name} took longer than {seconds:g} s")
        if call.cancelled():
            self.failures += 1
            return SignalError(f"{self.name} was cancelled from within")
        error = call.exception()
        if error is None:
            return None
        self.failures += 1
        if isinstance(error, Exception):
            return error
        return SignalError(f"{self.name} raised {type(error).__name__}")


async def _wait(task: asyncio.Task[None], seconds: float) -> None:
    """Wait until a task is done, or its time is up."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()
    # asyncio.wait() does the same at three times the price.
    wake = partial(_wake, waiter)
    task.add_done_callback(wake)
    timer = loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        timer.cancel()
        task.remove_done_callback(wake)


def _wake(waiter: asyncio.Future[None], *_: object) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _is_async(callback: Callback) -> bool:
    found: Any = callback
    while isinstance(found, partial):
        found = found.func
    return inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(
        getattr(found, "__call__", None)  # noqa: B004 - asked whether it is a coroutine function
    )

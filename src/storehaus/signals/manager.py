"""`SignalManager`: what users see of the signals, `haus.signals`."""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, TypeAlias, TypeVar

from storehaus.config import SignalConfig
from storehaus.errors import SignalError
from storehaus.model import Model, TableInfo
from storehaus.signals.event import DatabaseEvent, EventType, events_of
from storehaus.signals.plugin import SignalPlugin, WaitingSignalPlugin
from storehaus.signals.stats import SignalStats, latency_of
from storehaus.signals.subscriber import Callback, Filter, Subscriber
from storehaus.store.change import Outcome
from storehaus.store.database import Database

__all__ = ["CallbackHandle", "ErrorHandler", "SignalManager"]

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("storehaus.signals")

ErrorHandler: TypeAlias = Callable[[Exception, DatabaseEvent, str], Any]
"""Gets the error, the event and the name of the callback; it may be a coroutine function."""

_Tables: TypeAlias = type[Model] | str | Iterable[type[Model] | str] | None
_Types: TypeAlias = EventType | Iterable[EventType] | None
_KEPT_SECONDS = 1_000


class CallbackHandle:
    """A callback that was added.

    Args:
        manager: Where.
        subscriber: It.
    """

    def __init__(self, manager: "SignalManager", subscriber: Subscriber) -> None:
        self._manager = manager
        self._subscriber = subscriber

    @property
    def name(self) -> str:
        """What it is called."""
        return self._subscriber.name

    @property
    def is_active(self) -> bool:
        """Whether it still gets events."""
        return not self._subscriber.is_removed

    def unsubscribe(self) -> None:
        """Let it get no more events; those that wait for it are forgotten. Twice is once."""
        self._manager.remove(self._subscriber)


class SignalManager:
    """The callbacks of one haus. They get events of what its stores committed.

    Args:
        database: Whose writes.
        config: Limits.
    """

    def __init__(self, database: Database, config: SignalConfig) -> None:
        self._database = database
        self._config = config
        self._subscribers: list[Subscriber] = []
        self._slots = asyncio.Semaphore(config.max_concurrency)
        self._arrived: deque[tuple[Outcome[Any], Context]] = deque()
        self._is_scheduled = False
        self._handler: ErrorHandler | None = None
        self._handling: set[asyncio.Task[Any]] = set()
        self._cleaning: asyncio.TimerHandle | None = None
        self._gone: list[Subscriber] = []
        self._seconds: deque[float] = deque(maxlen=_KEPT_SECONDS)
        self._emitted = self._removed = 0
        self._is_closed = False
        self.unknown = 0
        """Writes whose outcome nobody knows."""
        waits = config.queue_policy != "drop_oldest"
        self._plugin = WaitingSignalPlugin(self) if waits else SignalPlugin(self)

    @property
    def callback_count(self) -> int:
        """How many callbacks there are."""
        return len(self._subscribers)

    def add_callback(
        self,
        callback: Callback,
        *,
        tables: _Tables = None,
        types: _Types = None,
        tags: Iterable[str] | None = None,
        name: str | None = None,
    ) -> CallbackHandle:
        """Call a function for events of what was committed from now on.

        Args:
            callback: A coroutine function, or a function, which is run in a thread.
            tables: Models or names of tables; None is all of them.
            types: Types of events; None is all of them.
            tags: The row must have one of them at least; None is any row.
            name: What it is called in statistics and logs; None is the function's own name.

        Raises:
            SignalError: When there are `max_callbacks` already, the signals were shut down, or an
                argument is none of these.
        """
        if self._is_closed:
            raise SignalError("the signals were shut down")
        if len(self._subscribers) >= self._config.max_callbacks:
            raise SignalError(f"there are {self._config.max_callbacks} callbacks already")
        if not callable(callback):
            raise SignalError("a callback is a function")
        wants = Filter(_tables(tables), _types(types), None if tags is None else _tags(tags))
        own_name: str = getattr(callback, "__qualname__", type(callback).__name__)
        subscriber = Subscriber(
            callback,
            wants,
            self._config,
            name=name or own_name,
            slots=self._slots,
            failed=self._failed,
        )
        self._subscribers.append(subscriber)
        if len(self._subscribers) == 1:
            self._database.use((*self._database.plugins, self._plugin))
        return CallbackHandle(self, subscriber)

    def on(
        self,
        *wanted: type[Model] | str | EventType,
        tags: Iterable[str] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """Decorate a callback.

            @haus.signals.on(Airport, EventType.CREATE, tags={"import"})
            async def announce(event: DatabaseEvent) -> None: ...

        Args:
            *wanted: Models, names of tables and types of events, in any order; none is all.
            tags: As in `add_callback`.
            name: As in `add_callback`.

        Raises:
            SignalError: As `add_callback`.
        """
        kinds = [each for each in wanted if isinstance(each, EventType)]
        tables = [each for each in wanted if not isinstance(each, EventType)]

        def add(callback: F) -> F:
            self.add_callback(
                callback, tables=tables or None, types=kinds or None, tags=tags, name=name
            )
            return callback

        return add

    def remove(self, subscriber: Subscriber) -> None:
        """Let a callback get no more events."""
        if subscriber not in self._subscribers:
            return
        self._subscribers.remove(subscriber)
        subscriber.remove()
        self._gone.append(subscriber)
        if not self._subscribers:
            self._leave()

    def clear_callbacks(self) -> None:
        """Remove all callbacks."""
        for each in tuple(self._subscribers):
            self.remove(each)

    def set_error_handler(self, handler: ErrorHandler | None) -> None:
        """Call a function with each error of a callback, in place of a line in the log.

        Args:
            handler: Gets the error, the event and the name of the callback. None is the log again.
        """
        self._handler = handler

    def wants(self, info: TableInfo) -> bool:
        """Say whether any callback may want events of a table."""
        return any(each.wants.takes_table(info) for each in self._subscribers)

    def arrive(self, outcome: Outcome[Any]) -> None:
        """Take note of what was committed; callbacks hear of it in a later turn of the loop."""
        self._arrived.append((outcome, copy_context()))
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    async def arrive_waiting(self, outcome: Outcome[Any]) -> None:
        """The same at once, where a full queue makes the writer wait, or is an error for him.

        Raises:
            SignalError: When a queue is full and the policy is "error".
        """
        context = copy_context()
        errors: list[SignalError] = []
        for event, takers in self._deliveries(outcome):
            for each in takers:
                if each.is_full and self._config.queue_policy == "error":
                    errors.append(each.refuse())
                    continue
                await each.room()
                each.offer(event, context)
        if errors:
            raise errors[0]

    async def emit(self, event: DatabaseEvent) -> None:
        """Give an event of one's own to the callbacks that want it, as if a row was written.

        Raises:
            SignalError: When the signals were shut down.
        """
        if self._is_closed:
            raise SignalError("the signals were shut down")
        context = copy_context()
        takers = [
            each
            for each in self._subscribers
            if _takes_name(each.wants, event.table_name)
            and each.wants.takes_type(event.event_type)
            and each.wants.takes_tags(event)
        ]
        self._emitted += bool(takers)
        for each in takers:
            if self._config.queue_policy == "block":
                await each.room()
            elif each.is_full and self._config.queue_policy == "error":
                raise each.refuse()
            each.offer(event, context)
        self._clean_later()

    def stats(self) -> SignalStats:
        """Give what callbacks did."""
        everyone = [*self._subscribers, *self._gone]
        return SignalStats(
            emitted=self._emitted,
            executions=sum(each.executions for each in everyone),
            failures=sum(each.failures for each in everyone),
            timeouts=sum(each.timeouts for each in everyone),
            drops=sum(each.drops for each in everyone),
            removed=self._removed,
            unknown=self.unknown,
            queue_depth=sum(each.queue_depth for each in self._subscribers),
            latency=latency_of([second for each in everyone for second in each.seconds]),
            callbacks=[each.stats() for each in self._subscribers],
        )

    async def drain(self) -> None:
        """Wait until callbacks have handled everything that was committed before."""
        while True:
            running = self._running()
            if running:
                await asyncio.wait(running)
            elif self._arrived:
                # It is given to the callbacks in the next turn of the loop.
                await asyncio.sleep(0)
            else:
                return

    async def shutdown(self, *, grace_seconds: float = 5.0) -> None:
        """Take no more events, wait for the callbacks, cancel what takes longer. Twice is once."""
        self._is_closed = True
        self._leave()
        await self.settle(grace_seconds=grace_seconds)
        self.clear_callbacks()

    async def settle(self, *, grace_seconds: float) -> None:
        """Wait for the callbacks, and leave no task behind; the haus is closed."""
        if self._cleaning is not None:
            self._cleaning.cancel()
            self._cleaning = None
        try:
            async with asyncio.timeout(grace_seconds):
                await self.drain()
        except TimeoutError:
            log.warning("callbacks were cut off: they took longer than %g s", grace_seconds)
        running = self._running()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _leave(self) -> None:
        """Stand around the stores no more: without callbacks writes shall cost nothing."""
        database = self._database
        database.use([each for each in database.plugins if each is not self._plugin])

    def _running(self) -> list[asyncio.Task[Any]]:
        tasks = [each.task for each in (*self._subscribers, *self._gone) if each.task is not None]
        current = asyncio.current_task()
        return [each for each in (*tasks, *self._handling) if each is not current]

    def _dispatch(self) -> None:
        self._is_scheduled = False
        while self._arrived:
            outcome, context = self._arrived.popleft()
            deliveries = context.run(lambda: list(self._deliveries(outcome)))  # noqa: B023 - at once
            for event, takers in deliveries:
                for each in takers:
                    each.offer(event, context)
        self._clean_later()

    def _deliveries(
        self, outcome: Outcome[Any]
    ) -> Iterable[tuple[DatabaseEvent, Sequence[Subscriber]]]:
        """Give the events that somebody wants, with those who want them."""
        info = outcome.change.table
        asking = [each for each in self._subscribers if each.wants.takes_table(info)]

        def is_wanted(kind: EventType) -> bool:
            return any(each.wants.takes_type(kind) for each in asking)

        for event in events_of(outcome, is_wanted) if asking else ():
            takers = [
                each
                for each in asking
                if each.wants.takes_type(event.event_type) and each.wants.takes_tags(event)
            ]
            if takers:
                self._emitted += 1
                yield event, takers

    def _failed(self, subscriber: Subscriber, event: DatabaseEvent, error: Exception) -> None:
        config = self._config
        if self._handler is None:
            log.error("the callback %s failed: %s", subscriber.name, type(error).__name__)
        else:
            self._handle(self._handler, error, event, subscriber.name)
        if (
            config.remove_failing_callbacks
            and subscriber.failures_in_row >= config.max_consecutive_failures
            and subscriber in self._subscribers
        ):
            self._removed += 1
            self.remove(subscriber)
            log.error(
                "the callback %s is removed: it failed %d times in a row",
                subscriber.name,
                subscriber.failures_in_row,
            )

    def _handle(
        self, handler: ErrorHandler, error: Exception, event: DatabaseEvent, name: str
    ) -> None:
        try:
            found = handler(error, event, name)
        except Exception:
            log.exception("the error handler failed")
            return
        if inspect.iscoroutine(found):
            task = asyncio.create_task(found, name="storehaus-signal-error")
            self._handling.add(task)
            task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[Any]) -> None:
        self._handling.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the error handler failed", exc_info=task.exception())

    def _clean_later(self) -> None:
        if self._cleaning is None and self._config.auto_remove_inactive_callbacks:
            loop = asyncio.get_running_loop()
            self._cleaning = loop.call_later(self._config.cleanup_interval_seconds, self._clean)

    def _clean(self) -> None:
        """Remove callbacks that got no events for long."""
        self._cleaning = None
        oldest = monotonic() - self._config.inactive_callback_threshold_seconds
        for each in tuple(self._subscribers):
            if each.used_at < oldest and each.task is None:
                self._removed += 1
                self.remove(each)
                log.warning("the callback %s is removed: it got no event for long", each.name)
        if self._subscribers and not self._is_closed:
            self._clean_later()


def _tables(tables: _Tables) -> frozenset[TableInfo | str] | None:
    if tables is None:
        return None
    is_one = isinstance(tables, type | str) or not isinstance(tables, Iterable)  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
    given: Any = [tables] if is_one else tables
    found: set[TableInfo | str] = set()
    for each in given:
        info = getattr(each, "__table_info__", None)
        if info is None and not isinstance(each, str):
            raise SignalError("tables= takes models with a table, and names of tables")
        found.add(each if info is None else info)
    return frozenset(found)


def _types(types: _Types) -> frozenset[EventType] | None:
    if types is None:
        return None
    given: Iterable[Any] = [types] if isinstance(types, str) else types
    try:
        return frozenset(map(EventType, given))
    except ValueError:
        raise SignalError("types= takes members of EventType") from None


def _tags(tags: Iterable[str]) -> frozenset[str]:
    found: frozenset[Any] = frozenset(tags)
    if isinstance(tags, str) or not all(isinstance(each, str) for each in found):
        raise SignalError("tags= takes a collection of texts")
    return found


def _takes_name(wants: Filter, table: str) -> bool:
    tables = wants.tables
    return tables is None or any(
        each == table if isinstance(each, str) else each.name == table for each in tables
    )

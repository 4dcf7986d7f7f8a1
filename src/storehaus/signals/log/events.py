"""`EventLog`: what users see of the event log, `haus.events`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from contextvars import Context
from datetime import datetime
from typing import Any, TypeVar, Unpack

import msgspec
from msgspec import Struct

from storehaus.config import SignalConfig
from storehaus.errors import SignalError, StorehausError
from storehaus.model import Model
from storehaus.signals.event import DatabaseEvent, EventType
from storehaus.signals.log.applying import apply_events
from storehaus.signals.log.beginning import begin_at
from storehaus.signals.log.decoding import TYPES
from storehaus.signals.log.statements import CREATE, END_OF_TICK, PAGE, TICK
from storehaus.signals.log.subscription import (
    EVENT_ID,
    Handler,
    Start,
    Subscription,
    SubscriptionOptions,
    declared,
    name_problem,
)
from storehaus.signals.log.survey import (
    DISCARD,
    FIND_DEAD,
    FORGET_SUBSCRIPTION,
    RETRY,
    SURVEY,
    DeadLetter,
    SubscriptionState,
    dead_letter_of,
    state_of,
)
from storehaus.signals.log.ticker import Ticker
from storehaus.signals.log.upkeep import prune, rebase
from storehaus.signals.log.worker import Worker
from storehaus.store.actor import HAS_LOG
from storehaus.store.change import Outcome
from storehaus.store.database import Database
from storehaus.store.plugin import Plugin

__all__ = ["EventLog", "LoggedEvent"]

H = TypeVar("H", bound=Handler)
log = logging.getLogger("storehaus.signals")

_UPKEEP_SECONDS = 60.0


class LoggedEvent(Struct, frozen=True, kw_only=True):
    """An event as the log keeps it, for people and other programs.

    Attributes:
        id: Its epoch and number.
        tick: The tick that saw it first.
        at: When it was written, in UTC.
        type: What became of the row.
        table: Schema and name of the table.
        record_id: The primary key as text, a JSON array where it has several columns; None where
            the table has none.
        tags: Those of the row.
        actor: On whose behalf; None where nobody said.
        new: The row afterwards, as JSON; None where there is none, or it is not kept.
        old: The row before, as JSON; None where there was none, or it is not kept.
    """

    id: str
    tick: int
    at: datetime
    type: EventType
    table: str
    record_id: str | None
    tags: list[str]
    actor: str | None
    new: dict[str, Any] | None
    old: dict[str, Any] | None


class EventLog(Plugin):
    """The event log of one database, and the subscriptions of this process.

    Args:
        database: Where it is.
        config: Limits.
    """

    def __init__(self, database: Database, config: SignalConfig) -> None:
        self._database = database
        self._config = config
        self._ticker = Ticker(database)
        self._workers: dict[str, Worker] = {}
        self._upkeep: asyncio.Task[None] | None = None
        self._is_open = False

    @property
    def is_in_use(self) -> bool:
        """Whether this process has subscriptions."""
        return bool(self._workers)

    def committed(self, outcome: Outcome[Any]) -> None:
        """Look for news: this process has written some."""
        if outcome.change.table.durable:
            self._ticker.wake()

    def open(self) -> None:
        """Begin to work on the subscriptions that were declared."""
        self._is_open = True
        loop = asyncio.get_running_loop()
        self._upkeep = loop.create_task(self._keep_up(), context=Context())
        if self._workers:
            self._start()

    async def refresh(self) -> None:
        """Find out whether the database has a log by now."""
        ((there,),) = await self._database.driver.fetch(HAS_LOG)
        self._database.names_actors = there

    async def close(self, grace_seconds: float) -> None:
        """Let handlers finish with their event, and let other processes go on."""
        self._is_open = False
        upkeep, self._upkeep = self._upkeep, None
        if upkeep is not None:
            upkeep.cancel()
        if self._ticker.is_running:
            await asyncio.gather(*(each.stop(grace_seconds) for each in self._workers.values()))
            await self._ticker.stop()

    def subscription(
        self, name: str, *models: type[Model], **options: Unpack[SubscriptionOptions]
    ) -> Callable[[H], H]:
        """Decorate a handler; see `StoreHaus.subscription`."""

        def add(handler: H) -> H:
            limit = self._config.callback_timeout_seconds
            self._add(declared(name, models, handler, options, limit))
            return handler

        return add

    async def unsubscribe(self, name: str, *, grace_seconds: float = 10.0) -> None:
        """Work on a subscription no more in this process; it keeps its place.

        Raises:
            SignalError: When this process has none of this name.
        """
        worker = self._workers.pop(name, None)
        if worker is None:
            raise SignalError(f"there is no subscription {name!r:.120} in this process")
        await worker.stop(grace_seconds)

    async def replay(self, name: str, *, start: Start) -> None:
        """Make a new subscription at a place of one's choice, before anybody works on it.

        Args:
            name: A new name. Whoever declares a subscription of it works from there.
            start: Where: as for `StoreHaus.subscription`.

        Raises:
            SignalError: When the name is taken, or the place is not kept any more.
        """
        problem = name_problem(name)
        if problem:
            raise SignalError(f"subscription {name!r:.120}: {problem}")
        position, state = await begin_at(self._database, start)
        rows = await self._database.driver.fetch(
            f"{CREATE} RETURNING name", (name, b"{}", position.tick, position.seq, state)
        )
        if not rows:
            raise SignalError(f"there is a subscription {name!r:.120} already: choose a new name")

    async def subscriptions(self) -> list[SubscriptionState]:
        """Give the state of all subscriptions, of this process and of others, by name."""
        await self._tick()
        return [state_of(row) for row in await self._database.driver.fetch(SURVEY)]

    async def forget(self, name: str) -> None:
        """Remove a subscription that nobody holds, with its place and its dead letters.

        Raises:
            SignalError: When there is none, or a process works on it.
        """
        if not await self._database.driver.fetch(FORGET_SUBSCRIPTION, (name,)):
            raise SignalError(f"subscription {name!r:.120} is not there, or a process works on it")

    async def dead_letters(self, name: str | None = None) -> list[DeadLetter]:
        """Give the events that were tried too often, oldest first.

        Args:
            name: The subscription; None is all.
        """
        rows = await self._database.driver.fetch(FIND_DEAD, (name,))
        return [dead_letter_of(row) for row in rows]

    async def retry(self, name: str, *ids: str) -> int:
        """Let dead letters be tried again, as if for the first time; give their number.

        Args:
            name: The subscription.
            *ids: Their ids; none is all.
        """
        return await self._settle(RETRY, name, ids)

    async def discard(self, name: str, *ids: str) -> int:
        """Give dead letters up; later events of their records go on. Give their number.

        Args:
            name: The subscription.
            *ids: Their ids; none is all.
        """
        return await self._settle(DISCARD, name, ids)

    async def _settle(self, statement: str, name: str, ids: tuple[str, ...]) -> int:
        wrong = [each for each in ids if not EVENT_ID.fullmatch(each)]
        if wrong:
            raise SignalError(f"{wrong[0]!r:.60} is no id of an event, as 1:4711")
        numbers = [int(each.rpartition(":")[2]) for each in ids] if ids else None
        done = await self._database.driver.fetch(statement, (name, numbers))
        self._ticker.interrupt()
        return len(done)

    async def tail(
        self, *, start: Start = "now", follow: bool = True, tables: Iterable[str] | None = None
    ) -> AsyncGenerator[LoggedEvent]:
        """Give events as they are committed, in their order, without keeping a place.

        Args:
            start: Where to begin, as for `StoreHaus.subscription`; "snapshot" has no meaning here.
            follow: Whether to wait for more at the end.
            tables: Schema and name of tables, as `public.airports`; None is all.
        """
        position, _ = await begin_at(self._database, start)
        tick, seq = position.tick, position.seq
        wanted = None if tables is None else list(tables)
        if follow:
            self._ticker.start()
        while True:
            rows = await self._database.driver.fetch(PAGE, (tick, seq, 1_000, wanted, None, None))
            for row in rows:
                tick, seq = row[0], END_OF_TICK if row[2] is None else row[2]
                if row[2] is not None:
                    yield _logged(row)
            if not rows and not follow:
                return
            if not rows:
                await self._ticker.wait(tick, None)

    async def apply(self, events: AsyncIterable[DatabaseEvent], *models: type[Model]) -> int:
        """Write events to the tables of models again: what was lost comes back from a `FileLog`.

            await haus.events.apply(FileLog("/var/lib/app/events", Airport).read(), Airport)

        Events that come twice do no harm. `__updated_at__` of a row that was there is the time of
        this call; hooks and plug-ins of stores see nothing of it.

        Args:
            events: Whole events, in order; those of other tables are passed over.
            *models: Models with a primary key.

        Returns:
            How many were written.

        Raises:
            SignalError: When an event does not hold the whole row.
        """
        tables = {info.name: info for info in (each.__table_info__ for each in models)}
        return await apply_events(self._database, events, tables)

    async def rebase(self) -> None:
        """Let a log that was restored from another database go on here.

        First see to it that no other process reads the original as if it were this one.

        Raises:
            SignalError: When the log was not restored.
        """
        await rebase(self._database)

    async def prune(self) -> int:
        """Remove events that everybody has read and that are old enough; give their number.

        It is done by itself once a minute, and needs to be called by nobody.
        """
        await self._tick()
        detached, count = await prune(
            self._database,
            keep_seconds=self._config.event_keep_seconds,
            max_idle_seconds=self._config.subscription_max_idle_seconds,
        )
        for name in detached:
            log.error("subscription %r was detached: nobody read it for too long", name)
        return count

    def problems(self) -> list[str]:
        """Say what keeps the subscriptions of this process from working."""
        found: list[Exception | None] = [self._ticker.problem] if self._workers else []
        found += [each.problem for each in self._workers.values()]
        return list(dict.fromkeys(str(each) for each in found if each is not None))

    def _add(self, subscription: Subscription) -> None:
        if subscription.name in self._workers:
            raise SignalError(f"there is a subscription {subscription.name!r} in this process")
        worker = Worker(self._database, subscription, self._ticker)
        self._workers[subscription.name] = worker
        if len(self._workers) == 1:
            self._database.use((*self._database.plugins, self))
        if self._is_open:
            self._start()

    def _start(self) -> None:
        self._ticker.start()
        for worker in self._workers.values():
            worker.start()

    async def _tick(self) -> None:
        await self._database.driver.fetch(TICK)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            try:
                await self.refresh()
                if self._database.names_actors:
                    await self.prune()
            except StorehausError as problem:
                log.warning("the event log was not pruned: %s", problem)


def _logged(row: Any) -> LoggedEvent:
    tick, epoch, seq, at, op, label, record_id, tags, actor, new, old = row
    return LoggedEvent(
        id=f"{epoch}:{seq}",
        tick=tick,
        at=at,
        type=TYPES[op],
        table=label,
        record_id=record_id,
        tags=tags,
        actor=actor,
        new=None if new is None else msgspec.json.decode(new),
        old=None if old is None else msgspec.json.decode(old),
    )

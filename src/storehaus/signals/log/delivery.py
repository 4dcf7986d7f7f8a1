"""Handing events to a handler: one by one or many at once, alone or within a transaction."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic
from typing import Any

from msgspec import Struct

from storehaus.errors import CommitUnknown, ConnectionFailed, PoolTimeout, SignalError
from storehaus.signals.event import DatabaseEvent
from storehaus.signals.log.holding import Failed, Lease, LeaseLost, Position
from storehaus.signals.log.subscription import PauseSubscription, Subscription
from storehaus.signals.log.watch import Watch
from storehaus.signals.subscriber import Filter
from storehaus.store.database import Database
from storehaus.store.transaction import Transaction

__all__ = ["Delivery", "Item", "describe"]

# So often a position is kept at least; what was handled since comes again after a crash.
_SAVED_SECONDS = 1.0
# A transaction that keeps position and effects together holds its locks no longer than this.
_MOST_JOINED = 100
_LONGEST_ERROR = 500

# These say nothing about the event: the whole page is tried again.
_NOT_ITS_FAULT = (PauseSubscription, LeaseLost, CommitUnknown, ConnectionFailed, PoolTimeout)


class Item(Struct, frozen=True):
    """One row of a page.

    Attributes:
        position: Where one is when it has been handled.
        epoch: The epoch of its tick.
        key: What must stay in order with it.
        event: It; None for a tick that holds nothing for the subscription, an error where it cannot
            be read.
    """

    position: Position
    epoch: int
    key: str
    event: DatabaseEvent | SignalError | None

    def waiting(self) -> Failed:
        """Give it as an event that waits behind another one."""
        return Failed(self.position.seq, self.position.tick, self.epoch, self.key)


class Delivery:
    """Hands pages of events to the handler of a subscription, and keeps how far it got.

    Args:
        database: Where the log is.
        subscription: Whose handler.
        lease: The right to do so.
        blocked: Keys whose events must wait; it grows with failures.
        is_stopping: Whether to stop at the next event.
    """

    def __init__(
        self,
        database: Database,
        subscription: Subscription,
        lease: Lease,
        blocked: set[str],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._database = database
        self._subscription = subscription
        self._lease = lease
        self._blocked = blocked
        self._is_stopping = is_stopping
        self._watch = Watch(subscription.timeout_seconds)
        self.saved: Position | None = None
        """The last position that was kept."""

    async def deliver(self, items: Sequence[Item]) -> Position | None:
        """Hand over a page; give how far that got, which is saved, None when it did not begin.

        Raises:
            PauseSubscription: When the handler asks for it; what came before is saved.
            LeaseLost: When somebody else has the subscription.
        """
        joins = self._subscription.way.joins
        most = _MOST_JOINED if joins else len(items)
        reached: Position | None = None
        for first in range(0, len(items), most):
            chunk = items[first : first + most]
            done = await (self._within(chunk) if joins else self._alone(chunk))
            reached = done or reached
            if done != chunk[-1].position:
                break
        return reached

    async def _alone(self, items: Sequence[Item]) -> Position | None:
        """Handle events, then keep the position: a crash between the two brings them again."""
        done: Position | None = None
        kept: list[Failed] = []
        pause: PauseSubscription | None = None
        saved = monotonic()
        try:
            for part in self._parts(items):
                kept += await self._try(part, None)
                done = part[-1].position
                if monotonic() - saved >= _SAVED_SECONDS:
                    await self._lease.save(done, kept)
                    kept, saved = [], monotonic()
        except PauseSubscription as asked:
            pause = asked
        if done is not None:
            await self._lease.save(done, kept)
            self.saved = done
        if pause is not None:
            raise pause
        return done

    async def _within(self, items: Sequence[Item]) -> Position | None:
        """Handle events and keep the position in one transaction: both happen, or neither."""
        done: Position | None = None
        kept: list[Failed] = []
        pause: PauseSubscription | None = None
        began = monotonic()
        async with self._database.transaction() as block:
            try:
                for part in self._parts(items):
                    kept += await self._try(part, block)
                    done = part[-1].position
                    if monotonic() - began >= _SAVED_SECONDS:
                        break
            except PauseSubscription as asked:
                pause = asked
            if done is not None:
                text, params = self._lease.saving(done, kept)
                self._lease.confirm(await block.unit.connection.fetch(text, params), began)
        self.saved = done or self.saved
        if pause is not None:
            raise pause
        return done

    def _parts(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Give what the handler gets at once."""
        if self._subscription.way.many:
            if not self._is_stopping():
                yield items
            return
        for item in items:
            if self._is_stopping():
                return
            yield (item,)

    async def _try(self, items: Sequence[Item], block: Transaction | None) -> list[Failed]:
        """Handle events; give those that failed, and those that wait for one that did."""
        waiting: list[Failed] = []
        free: list[Item] = []
        for item in items:
            if item.event is None:
                continue
            if item.key in self._blocked:
                waiting.append(item.waiting())
            elif isinstance(item.event, SignalError):
                waiting.append(self._failed(item, item.event))
            else:
                free.append(item)
        return waiting + await self._try_free(free, block) if free else waiting

    async def _try_free(self, items: Sequence[Item], block: Transaction | None) -> list[Failed]:
        events = [item.event for item in items if isinstance(item.event, DatabaseEvent)]
        error = await self.attempt(events, block)
        if error is None:
            return []
        if len(items) == 1:
            return [self._failed(items[0], error)]
        # One of them is to blame. Halves find it, and events of its record wait behind it.
        middle = len(items) // 2
        failed = await self._try(items[:middle], block)
        return failed + await self._try(items[middle:], block)

    def _failed(self, item: Item, error: Exception) -> Failed:
        """Give an event after its first failure; those of its record wait behind it."""
        is_dead = self._subscription.attempts == 1
        if not is_dead or not self._subscription.releases:
            self._blocked.add(item.key)
        return Failed(
            seq=item.position.seq,
            tick=item.position.tick,
            epoch=item.epoch,
            key=item.key,
            attempts=1,
            delay_seconds=self.delay(1),
            error=describe(error),
            is_dead=is_dead,
        )

    async def attempt(
        self, events: Sequence[DatabaseEvent], block: Transaction | None
    ) -> Exception | None:
        """Call the handler; give its error.

        Raises:
            PauseSubscription: When it asks for that.
            StorehausError: When the database was out of reach.
        """
        given: Any = list(events) if self._subscription.way.many else events[0]
        try:
            if block is None:
                await self._limited(self._subscription.handler(given))
            else:
                async with self._database.transaction() as inner:
                    await self._limited(self._subscription.handler(given, inner))
        except _NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the handler's
            return error
        return None

    async def _limited(self, call: Awaitable[Any]) -> None:
        self._watch.begin()
        try:
            await call
        except asyncio.CancelledError:
            if self._watch.takes_back():
                seconds = self._subscription.timeout_seconds
                raise TimeoutError(f"the handler took longer than {seconds:g} seconds") from None
            raise
        finally:
            self._watch.end()

    def close(self) -> None:
        """Hand over nothing more."""
        self._watch.close()

    @property
    def page_size(self) -> int:
        """Events handed over at once."""
        return self._subscription.page_size

    async def hand_over(self, events: Sequence[DatabaseEvent]) -> Exception | None:
        """Call the handler with events that have no place in the log; give its error."""
        if self._subscription.way.joins:
            async with self._database.transaction() as block:
                return await self._each(events, block)
        return await self._each(events, None)

    def wants(self, event: DatabaseEvent) -> bool:
        """Whether the subscription wants an event of one of its tables."""
        wants = Filter(None, self._subscription.types, self._subscription.tags)
        return wants.takes_type(event.event_type) and wants.takes_tags(event)

    async def _each(
        self, events: Sequence[DatabaseEvent], block: Transaction | None
    ) -> Exception | None:
        parts = [events] if self._subscription.way.many else [[event] for event in events]
        for part in parts:
            error = await self.attempt(part, block)
            if error is not None:
                return error
        return None

    def delay(self, attempts: int) -> float:
        """Give the pause after so many failures: it doubles, and no two are quite the same."""
        subscription = self._subscription
        whole = subscription.backoff_seconds * 2.0 ** min(attempts - 1, 60)
        return min(whole, subscription.max_backoff_seconds) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def describe(error: Exception) -> str:
    """Write an error for those who look after dead letters."""
    return f"{type(error).__name__}: {error}".replace("\0", "")[:_LONGEST_ERROR]

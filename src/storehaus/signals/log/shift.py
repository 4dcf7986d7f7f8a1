"""The work on a subscription for as long as one process holds it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from storehaus.driver import Row
from storehaus.model import TableInfo
from storehaus.signals.log.beginning import deliver_rows
from storehaus.signals.log.decoding import TYPES, EventDecoder
from storehaus.signals.log.delivery import Delivery, Item
from storehaus.signals.log.holding import Lease, Position
from storehaus.signals.log.parking import Parking
from storehaus.signals.log.statements import END_OF_TICK, KEY, PAGE
from storehaus.signals.log.subscription import PauseSubscription, Subscription
from storehaus.signals.log.ticker import Ticker
from storehaus.store.database import Database

__all__ = ["Shift"]

_FULL_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.5
_MOST_PAUSE_SECONDS = 30.0
_OPERATIONS: Final = {kind: op for op, kind in TYPES.items()}

Note = Callable[[PauseSubscription | None], None]
"""Told that all goes well, or that the handler asked to pause."""


class Shift:
    """One holding of a subscription: page after page, and what was parked before each.

    Args:
        database: Where the log is.
        subscription: What is to be done.
        ticker: Looks for news.
        lease: The right to do it.
        tables: Schema and name of the tables, as the log writes them → models.
        place: Where to go on, and the state of the subscription.
        note: Is told how it does.
    """

    def __init__(  # noqa: PLR0917 - one of each
        self,
        database: Database,
        subscription: Subscription,
        ticker: Ticker,
        lease: Lease,
        tables: Mapping[str, TableInfo],
        place: tuple[Position, str],
        note: Note,
    ) -> None:
        self._database = database
        self._subscription = subscription
        self._ticker = ticker
        self._lease = lease
        self._tables = tables
        self._position, self._state = place
        self._note = note
        self._decoder = EventDecoder(tables)
        self._parking = Parking(database, subscription, lease, self._decoder)
        self._pause_seconds = _LEAST_PAUSE_SECONDS

    async def work(self, is_stopping: Callable[[], bool]) -> None:
        """Hand events over until it is time to stop.

        Raises:
            LeaseLost: When somebody else has the subscription.
            StorehausError: When the database is out of reach.
        """
        await self._parking.look()
        delivery = Delivery(
            self._database, self._subscription, self._lease, self._parking.blocked, is_stopping
        )
        try:
            while not is_stopping():
                await self._turn(delivery, is_stopping)
        finally:
            delivery.close()

    async def _turn(self, delivery: Delivery, is_stopping: Callable[[], bool]) -> None:
        try:
            if self._state == "snapshot":
                self._position = await deliver_rows(
                    self._database, self._lease, delivery, self._tables
                )
                self._state = "running"
                return
            await self._parking.retry(delivery)
            if self._parking.is_full:
                await self._wait_for_room()
                return
            reached = await self._deliver_page(delivery)
        except PauseSubscription as asked:
            # A snapshot that did not come to its end begins anew.
            state = self._state if self._state == "snapshot" else "paused"
            await self._set_state(state, str(asked))
            self._position = delivery.saved or self._position
            self._note(asked)
            if not is_stopping():
                await self._ticker.sleep(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, _MOST_PAUSE_SECONDS)
            return
        self._note(None)
        if self._state == "paused":
            await self._set_state("running")
        self._pause_seconds = _LEAST_PAUSE_SECONDS
        if reached is None:
            if not is_stopping():
                await self._ticker.wait(self._position.tick, self._parking.seconds)
            return
        self._position = reached
        if self._parking.blocked:
            await self._parking.look()

    async def _wait_for_room(self) -> None:
        limit, count = self._subscription.max_parked, self._parking.count
        await self._set_state("paused", f"{count:,} events are parked, more than {limit:,}")
        await self._ticker.sleep(_FULL_SECONDS)
        await self._parking.look()

    async def _set_state(self, state: str, reason: str | None = None) -> None:
        await self._lease.set_state(state, reason)
        self._state = state

    async def _deliver_page(self, delivery: Delivery) -> Position | None:
        """Handle the next events; None when there are none."""
        rows = await self._database.driver.fetch(PAGE, self._page())
        if not rows:
            return None
        return await delivery.deliver([self._item(row) for row in rows])

    def _page(self) -> Sequence[object]:
        wanted = self._subscription
        return (
            self._position.tick,
            self._position.seq,
            wanted.page_size,
            list(self._tables),
            None if wanted.types is None else [_OPERATIONS[each] for each in wanted.types],
            None if wanted.tags is None else list(wanted.tags),
        )

    def _item(self, row: Row) -> Item:
        tick, epoch, seq = row[:3]
        if seq is None:
            return Item(Position(tick, END_OF_TICK), epoch, "", None)
        key = f"{row[5]}{KEY}{row[6]}"
        event = self._decoder.event_or_problem(epoch, row[2:])
        return Item(Position(tick, seq), epoch, key, event)

"""Events that failed, and those of the same record behind them: they are tried again later."""

import logging
import math
from time import monotonic

from storehaus.driver import Row
from storehaus.signals.event import DatabaseEvent
from storehaus.signals.log.decoding import EventDecoder
from storehaus.signals.log.delivery import Delivery, describe
from storehaus.signals.log.holding import Lease
from storehaus.signals.log.statements import BLOCKED, FAIL_AGAIN, FORGET, HEADS, NEXT_RETRY
from storehaus.signals.log.subscription import Subscription
from storehaus.store.database import Database
from storehaus.store.transaction import Transaction

__all__ = ["Parking"]

log = logging.getLogger("storehaus.signals")

_AT_ONCE = 100
_LOOKED_SECONDS = 2.0


class Parking:
    """The parked events of a subscription that is held.

    Args:
        database: Where the log is.
        subscription: Whose.
        lease: The right to work on them.
        decoder: Makes events of rows.
    """

    def __init__(
        self, database: Database, subscription: Subscription, lease: Lease, decoder: EventDecoder
    ) -> None:
        self._database = database
        self._subscription = subscription
        self._lease = lease
        self._decoder = decoder
        self.blocked: set[str] = set()
        """Keys whose later events must wait."""
        self.count = 0
        """How many events are parked."""
        self._due_at: float | None = None
        self._looked_at = 0.0

    @property
    def seconds(self) -> float | None:
        """Time to the next try, or look; None when nothing is parked."""
        if not self.count:
            return None
        due_at = min(self._due_at or math.inf, self._looked_at + _LOOKED_SECONDS)
        return max(0.0, due_at - monotonic())

    @property
    def is_full(self) -> bool:
        """Whether there are more than the subscription allows."""
        return self.count > self._subscription.max_parked

    async def look(self) -> None:
        """Find out what is parked, and when it is to be tried."""
        name, releases = self._subscription.name, self._subscription.releases
        rows = await self._database.driver.fetch(BLOCKED, (name, releases))
        self.blocked.clear()
        self.blocked.update(key for (key,) in rows)
        ((seconds, self.count),) = await self._database.driver.fetch(NEXT_RETRY, (name, releases))
        self._looked_at = monotonic()
        self._due_at = None if seconds is None else self._looked_at + seconds

    async def retry(self, delivery: Delivery) -> None:
        """Try what is due, each record in order, until nothing is.

        Raises:
            LeaseLost: When somebody else has the subscription.
        """
        # People retry and discard dead letters by other processes.
        if self.count and monotonic() - self._looked_at >= _LOOKED_SECONDS:
            await self.look()
        while self._due_at is not None and self._due_at <= monotonic():
            name, releases = self._subscription.name, self._subscription.releases
            heads = await self._database.driver.fetch(HEADS, (name, releases, _AT_ONCE))
            for row in heads:
                await self._retry(delivery, row)
            await self.look()

    async def _retry(self, delivery: Delivery, row: Row) -> None:
        if not self._subscription.way.joins:
            await self._try(delivery, row, None)
            return
        async with self._database.transaction() as block:
            await self._try(delivery, row, block)

    async def _try(self, delivery: Delivery, row: Row, block: Transaction | None) -> None:
        epoch, failures, *rest = row
        began, seq, attempts = monotonic(), rest[0], failures + 1
        event = self._decoder.event_or_problem(epoch, rest)
        error: Exception | None
        if isinstance(event, DatabaseEvent):
            error = await delivery.attempt([event], block)
        else:
            error = event
        run = self._database.driver.fetch if block is None else block.unit.connection.fetch
        if error is None:
            rows = await run(FORGET, (*self._lease.parameters, [seq]))
        else:
            is_dead = attempts >= self._subscription.attempts
            failed = (seq, attempts, describe(error), is_dead, delivery.delay(attempts))
            rows = await run(FAIL_AGAIN, (*self._lease.parameters, *failed))
            if is_dead:
                log.error(
                    "subscription %r: event %s is a dead letter after %d attempts (%s)",
                    self._subscription.name,
                    f"{epoch}:{seq}",
                    attempts,
                    type(error).__name__,
                )
        self._lease.confirm(rows, began)

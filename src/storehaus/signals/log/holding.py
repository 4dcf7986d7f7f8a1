"""A lease: the right of one process to work on a subscription, which ends by itself."""

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from msgspec import Struct

from storehaus.driver import Row
from storehaus.errors import StorehausError
from storehaus.signals.log.statements import RELEASE, RENEW, SAVE, SET_STATE
from storehaus.store.database import Database

__all__ = ["Failed", "Lease", "LeaseLost", "Position"]


class LeaseLost(Exception):  # noqa: N818 - it never leaves the package
    """Somebody else has the subscription, or may have it by now."""


class Position(Struct, frozen=True, order=True):
    """How far a subscription has read: all of earlier ticks, of this one up to a number."""

    tick: int
    seq: int


class Failed(Struct, frozen=True):
    """An event that is to be tried again later.

    Attributes:
        seq: Its number.
        tick: Its tick.
        epoch: The epoch of that.
        key: What must stay in order with it.
        attempts: How often it was tried; 0 for one that waits behind another.
        delay_seconds: When it is tried again.
        error: Why it failed; None for one that waits.
        is_dead: Whether it is not tried again.
    """

    seq: int
    tick: int
    epoch: int
    key: str
    attempts: int = 0
    delay_seconds: float = 0.0
    error: str | None = None
    is_dead: bool = False


class Lease:
    """One holding of a subscription.

    Args:
        database: Where the log is.
        name: The subscription.
        number: Grows with each holding; what a former holder writes is refused by it.
        seconds: How long it lasts without being renewed.
        since: When it was asked for, by `monotonic()`.
    """

    def __init__(
        self, database: Database, name: str, number: int, seconds: float, since: float
    ) -> None:
        self._database = database
        self._name = name
        self._number = number
        self._seconds = seconds
        self._until = since + seconds

    @property
    def parameters(self) -> tuple[str, int, float]:
        """The first three parameters of all that its holder writes."""
        return self._name, self._number, self._seconds

    async def keep(self) -> None:
        """Renew it again and again.

        Raises:
            LeaseLost: When that was refused, or time ran out before it succeeded.
        """
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                async with asyncio.timeout(self._until - monotonic()):
                    await self._renew()
            except TimeoutError:
                raise LeaseLost from None

    async def _renew(self) -> None:
        while True:
            began = monotonic()
            try:
                rows = await self._database.driver.fetch(RENEW, self.parameters)
            except StorehausError:
                await asyncio.sleep(self._seconds / 20)
                continue
            self.confirm(rows, began)
            return

    def confirm(self, rows: Sequence[Row], since: float) -> None:
        """Take note that a statement of the holder was carried out.

        Raises:
            LeaseLost: When it was not.
        """
        if not rows:
            raise LeaseLost
        self._until = max(self._until, since + self._seconds)

    def saving(self, position: Position, failed: Sequence[Failed]) -> tuple[str, tuple[Any, ...]]:
        """Give the statement that keeps a position, and events that failed before it."""
        columns = [[getattr(each, name) for each in failed] for name in Failed.__struct_fields__]
        return SAVE, (*self.parameters, position.tick, position.seq, *columns)

    async def save(self, position: Position, failed: Sequence[Failed] = ()) -> None:
        """Keep a position, and events that failed before it.

        Raises:
            LeaseLost: When somebody else has the subscription.
        """
        began = monotonic()
        self.confirm(await self._database.driver.fetch(*self.saving(position, failed)), began)

    async def set_state(self, state: str, reason: str | None = None) -> None:
        """Say how the subscription is, for people."""
        name, number, _ = self.parameters
        await self._database.driver.fetch(SET_STATE, (name, number, state, reason))

    async def release(self) -> None:
        """Let the next process have it at once."""
        name, number, _ = self.parameters
        await self._database.driver.fetch(RELEASE, (name, number))

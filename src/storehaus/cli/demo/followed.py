"""The part of the demo about events: callbacks of the process, and a durable subscription."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from storehaus.cli.demo.airport import MARK, Airport
from storehaus.cli.demo.tour import Tour
from storehaus.errors import SignalError
from storehaus.model import Field, Model, field
from storehaus.sql import QueryBuilder

if TYPE_CHECKING:
    from storehaus.signals import DatabaseEvent

__all__ = ["FollowedAirport", "follow_events"]

_NAME: Final = "storehaus-demo"
_COUNTRY: Final = "FR"
_RAISE: Final = """
UPDATE storehaus_demo.followed_airports SET elevation = elevation + 1 WHERE icao = $1 RETURNING icao
"""


class FollowedAirport(
    Model, table="followed_airports", schema="storehaus_demo", comment=MARK, durable=True
):
    """An airport each write of which is an event, whoever writes."""

    icao: Field[str] = field(primary_key=True)
    name: Field[str]
    elevation: Field[float] = field(default=0.0)


class _Inbox:
    """Keeps what arrives, and tells when it is enough."""

    def __init__(self) -> None:
        self.events: list[DatabaseEvent] = []
        self._came = asyncio.Condition()

    async def take(self, events: "Sequence[DatabaseEvent]") -> None:
        async with self._came:
            self.events += events
            self._came.notify_all()

    async def wait_for(self, number: int) -> "list[DatabaseEvent]":
        async with self._came:
            await self._came.wait_for(lambda: len(self.events) >= number)
            return self.events


async def follow_events(tour: Tour) -> None:
    """Write by several doors, and see what callbacks and a subscription get."""
    haus, inbox = tour.haus, _Inbox()
    heard: list[DatabaseEvent] = []
    with suppress(SignalError):  # only a demo that was killed leaves one
        await haus.events.forget(_NAME)
    beginning = haus.events.replay(_NAME, start="now")
    await tour.run("events", "a durable subscription begins", beginning)
    haus.subscription(_NAME, FollowedAirport)(inbox.take)

    async def hear(event: "DatabaseEvent") -> None:
        heard.append(event)

    callback = haus.signals.add_callback(hear, tables=FollowedAirport)
    try:
        number = await _write(tour)
        events = await tour.run("events", "wait for all of them", inbox.wait_for(number))
        await haus.signals.drain()
    finally:  # what nobody reads any more would keep the log from being cut
        callback.unsubscribe()
        await haus.events.unsubscribe(_NAME)
        await haus.events.forget(_NAME)
    tour.say(f"callbacks of this process got {len(heard):,}: those of stores, after the commit")
    tour.say(f"the subscription got {len(events):,}: raw SQL too; what was rolled back is none")
    for event in events[-2:]:
        tour.say(_describe(event))


async def _write(tour: Tour) -> int:
    """Write by COPY, by a store, by raw SQL, and what is rolled back; give the number of events."""
    haus, followed = tour.haus, tour.haus.store(FollowedAirport)
    french = await tour.airports.find(QueryBuilder(Airport).filter(Airport.country == _COUNTRY))
    rows = [
        FollowedAirport(icao=each.icao, name=each.name, elevation=each.elevation) for each in french
    ]
    await tour.run("load", "a table whose writes are events", followed.load(rows))
    one, other, *_ = (row.icao for row in rows)
    with haus.actor("user:42"):
        await tour.run("patch", "on behalf of user:42", followed.patch(one, name="Renamed"))
    with suppress(LookupError):
        async with haus.transaction():
            await followed.patch(other, name="Never seen")
            raise LookupError
    async with haus.connection() as connection:
        work = connection.fetch(_RAISE, [other])
        await tour.run("raw SQL", "as any other program would", work)
    return len(rows) + 2


def _describe(event: "DatabaseEvent") -> str:
    changes = ", ".join(
        f"{name} {old!r} → {new!r}"
        for name, (old, new) in event.changes.items()
        if not name.startswith("__")
    )
    who = event.actor or "somebody"
    return f"{event.id} {event.event_type.value} {event.record_id} by {who}: {changes}"

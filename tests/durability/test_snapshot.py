"""Subscriptions that begin with the rows that are there, while others write and read.

The snapshot of the rows becomes a tick between those that others make: it must stand in their line.
"""

import asyncio

import asyncpg
import pytest
from cursors import Connection
from durable_records import (
    RECORDS,
    SECONDS,
    Delivery,
    Record,
    examine,
    opened,
    prepare,
    read_history,
    report,
    until,
    until_read,
    write_in_turn,
)

from storehaus import DatabaseEvent, StoreHaus
from storehaus.driver.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

_WRITERS = 6
_STARTS = max(8, round(SECONDS))
_BROKEN = """
SELECT count(*) FROM (
    SELECT prior::text AS prior, lag(snap::text) OVER (ORDER BY id) AS before FROM storehaus.tick
) AS line WHERE prior <> before
"""


def reading(haus: StoreHaus, name: str, start: str) -> list[Delivery]:
    """Subscribe; give the list that fills with what arrives."""
    got: list[Delivery] = []

    @haus.subscription(name, Record, start=start)
    async def note(event: DatabaseEvent) -> None:
        got.append(Delivery(0, event.id, event.record_id, event.payload["number"], 0))

    return got


def gaps(deliveries: list[Delivery]) -> int:
    """Count what does not follow the one before of its record, wherever that began."""
    last: dict[int, int] = {}
    found = 0
    for each in deliveries:
        found += each.number != last.get(each.record, each.number - 1) + 1
        last[each.record] = each.number
    return found


async def until_some(deliveries: list[Delivery]) -> None:
    """Wait until the rows have arrived, and a little of what follows."""
    await until(lambda: len(deliveries) > RECORDS + 20)


async def write(url: str, record: int, ended: asyncio.Event) -> None:
    """Count a record up until all is over."""
    connection: Connection = await asyncpg.connect(url)
    while not ended.is_set():
        await write_in_turn(connection, record)
    await connection.close()


async def test_snapshots_beside_readers() -> None:
    """Each one gets its rows and then what follows; who was there before notices nothing."""
    async with EmbeddedPostgres.temporary() as server:
        url = server.url
        await prepare(url)
        snapshots: list[list[Delivery]] = []
        async with opened(url) as here, opened(url, 12) as there:
            beside = reading(here, "beside", "beginning")
            await until_read(url, ["beside"])
            ended = asyncio.Event()
            writers = [asyncio.create_task(write(url, each, ended)) for each in range(_WRITERS)]
            for each in range(_STARTS):
                got = reading(there, f"snapshot {each}", "snapshot")
                snapshots.append(got)
                await until_some(got)
                await there.events.unsubscribe(f"snapshot {each}")
            ended.set()
            await asyncio.gather(*writers)
            await until_read(url, ["beside"])
        history = await read_history(url)
        connection: Connection = await asyncpg.connect(url)
        broken = await connection.fetchval(_BROKEN)
        await connection.close()

    found = examine(beside, history)
    apart = sum(map(gaps, snapshots))
    report(
        "snapshots",
        f"{_STARTS} starts with a snapshot, {sum(map(len, snapshots)):,} deliveries, {apart} gaps",
        f"subscription beside them: {found}; {broken} breaks in the line of ticks",
    )
    assert not found.faults, found.faults
    assert found.duplicates == 0
    assert apart == 0
    assert broken == 0

"""Twelve writers on thirty records: every event arrives once, those of a record in their order.

The cursors that others use read the same log meanwhile, and lose events or disorder them: else the
load would prove nothing.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from statistics import quantiles

import asyncpg
import pytest
from cursors import CURSORS, Connection, Cursor, delivery_of
from durable_records import (
    IS_LONG,
    RECORDS,
    SECONDS,
    Delivery,
    Findings,
    Record,
    examine,
    opened,
    prepare,
    read_history,
    report,
    until_read,
)

from storehaus import DatabaseEvent
from storehaus.driver.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

_WRITERS = 12
_RETAINED = 1_000_000 if IS_LONG else 20_000
_UNRELATED_SECONDS = 2.0
_POLL_SECONDS = 0.01
_FILL = """
INSERT INTO storehaus.event (op, tbl, rid, tags, new)
SELECT 'u', 'public.durability_filler', (g % 1000)::text, '{}', jsonb_build_object('number', g)
FROM generate_series(1, $1::int) AS g
"""
_COUNT_UP = "UPDATE durability_records SET number = number + 1 WHERE id = $1"


@dataclass(slots=True)
class Reader:
    """What one who reads got, and when."""

    got: list[Delivery] = field(default_factory=list[Delivery])
    lags: list[float] = field(default_factory=list[float])

    def take(self, delivery: Delivery, written_at: float) -> None:
        """Take note of an event."""
        self.got.append(delivery)
        self.lags.append(time.time() - written_at)

    def lag(self) -> str:
        """Say how late events were."""
        places = quantiles(self.lags, n=20)
        return f"lag p50 {places[9] * 1e3:.0f} ms, p95 {places[18] * 1e3:.0f} ms"


class Load:
    """Writers, and a transaction that has nothing to do with them.

    Args:
        url: Of the database.
        seconds: How long they write.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._end = time.monotonic() + seconds
        self.committed = 0
        self.undone = 0

    async def run(self) -> None:
        """Write until the time is over."""
        await asyncio.gather(self._hold_open(), *(self._write(each) for each in range(_WRITERS)))

    async def _write(self, seed: int) -> None:
        chance = random.Random(seed)
        connection: Connection = await asyncpg.connect(self._url)
        while time.monotonic() < self._end:
            transaction = connection.transaction()
            await transaction.start()
            for record in sorted(chance.sample(range(RECORDS), chance.choice((1, 1, 2, 3)))):
                await connection.execute(_COUNT_UP, record)
                if chance.random() < 0.4:
                    await asyncio.sleep(chance.random() * 0.01)
            if chance.random() < 0.1:
                await transaction.rollback()
                self.undone += 1
            else:
                await transaction.commit()
                self.committed += 1
        await connection.close()

    async def _hold_open(self) -> None:
        connection: Connection = await asyncpg.connect(self._url)
        await connection.execute("CREATE TABLE durability_unrelated (id int)")
        while time.monotonic() < self._end:
            async with connection.transaction():
                await connection.execute("INSERT INTO durability_unrelated VALUES (1)")
                await asyncio.sleep(min(_UNRELATED_SECONDS, self._end - time.monotonic()))
        await connection.close()


async def follow(url: str, cursor: Cursor, reader: Reader, ended: asyncio.Event) -> None:
    """Read by a cursor until all is over, and once more then."""
    connection: Connection = await asyncpg.connect(url)
    while True:
        is_last = ended.is_set()
        for row in await cursor.read(connection):
            reader.take(delivery_of(row), row["at"])
        if is_last:
            break
        await asyncio.sleep(_POLL_SECONDS)
    await connection.close()


async def fill(url: str) -> int:
    """Retain many events that nobody reads; give the number of the last one."""
    connection: Connection = await asyncpg.connect(url)
    try:
        await connection.execute(_FILL, _RETAINED)
        await connection.execute("SELECT storehaus.tick()")
        return int(await connection.fetchval("SELECT max(seq) FROM storehaus.event"))
    finally:
        await connection.close()


async def test_order() -> None:
    """The subscription gets all of it in order, whoever has a transaction open."""
    own, others = Reader(), {name: Reader() for name in CURSORS}
    async with EmbeddedPostgres.temporary() as server:
        url = server.url
        await prepare(url)
        last = await fill(url)
        async with opened(url) as haus:

            @haus.subscription("order", Record, start="now")
            async def note(event: DatabaseEvent) -> None:
                delivery = Delivery(0, event.id, event.record_id, event.payload["number"], 0)
                own.take(delivery, event.timestamp.timestamp())

            # It begins where the log ends now, once it is there.
            await until_read(url, ["order"])
            ended = asyncio.Event()
            followers = [
                asyncio.create_task(follow(url, make(last), others[name], ended))
                for name, make in CURSORS.items()
            ]
            load = Load(url, SECONDS)
            await load.run()
            ended.set()
            await asyncio.gather(*followers)
            await until_read(url, ["order"])
        history = await read_history(url)

    found = examine(own.got, history, start=1)
    wrong = {name: examine(each.got, history, start=1) for name, each in others.items()}
    tell(load, own, found, {name: (others[name], each) for name, each in wrong.items()})
    assert not found.faults, found.faults
    assert found.duplicates == 0
    if IS_LONG:
        seq, below, xid, mark = wrong.values()
        assert seq.lost > 0
        assert below.lost > 0
        assert xid.disordered > 0
        assert mark.lost > 0


def tell(
    load: Load, own: Reader, found: Findings, others: dict[str, tuple[Reader, Findings]]
) -> None:
    """Print what was tried."""
    done = f"{load.committed:,} transactions, {load.undone:,} rolled back"
    lines = [
        f"{_WRITERS} writers, {done}, {_RETAINED:,} events retained",
        f"subscription: {found}, {own.lag()}",
    ]
    lines += [
        f"{name}: {each.lost:,} lost ({each.lost / max(1, found.events):.1%}),"
        f" {each.disordered:,} out of order or behind a gap, {reader.lag()}"
        for name, (reader, each) in others.items()
    ]
    report("order", *lines)

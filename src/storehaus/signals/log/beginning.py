"""Where a new subscription begins: at a position, or with the rows that are there."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from storehaus.driver import Connection, Row
from storehaus.errors import SignalError
from storehaus.model import TableInfo
from storehaus.signals.event import DatabaseEvent
from storehaus.signals.log.capture import SETTINGS, payload_sql, record_id_sql
from storehaus.signals.log.decoding import EventDecoder
from storehaus.signals.log.delivery import Delivery, describe
from storehaus.signals.log.holding import Lease, Position
from storehaus.signals.log.statements import END_OF_TICK, TICK
from storehaus.signals.log.subscription import EVENT_ID, Start
from storehaus.sql.identifiers import column_list, quote_identifier
from storehaus.store.database import Database

__all__ = ["begin_at", "deliver_rows"]

_BEFORE: Final = "SELECT max(id) FROM storehaus.tick WHERE at < $1"
_OLDEST: Final = "SELECT min(id) FROM storehaus.tick"
_TICK_OF: Final = """
SELECT t.id FROM storehaus.event AS e JOIN storehaus.tick AS t
    ON e.seq BETWEEN t.seq_lo AND t.seq_hi
    AND pg_visible_in_snapshot(e.xid, t.snap) AND NOT pg_visible_in_snapshot(e.xid, t.prior)
WHERE e.seq = $1 AND t.epoch = $2
"""

_LOCK: Final = "SELECT storehaus.lock_ticks(), storehaus.check_origin()"
_SNAPSHOT: Final = "SELECT pg_current_snapshot()::text"
_TICK_AT: Final = """
WITH last AS MATERIALIZED (SELECT snap FROM storehaus.tick ORDER BY id DESC LIMIT 1)
INSERT INTO storehaus.tick (prior, snap, epoch, seq_lo, seq_hi, events)
SELECT (SELECT snap FROM last), $1::text::pg_snapshot, (SELECT epoch FROM storehaus.origin),
    min(e.seq), max(e.seq), count(*)
FROM storehaus.events_after((SELECT snap FROM last), NULL) AS found(seq)
JOIN storehaus.event AS e ON e.seq = found.seq
WHERE pg_visible_in_snapshot(e.xid, $1::text::pg_snapshot)
RETURNING id
"""


async def begin_at(database: Database, start: Start) -> tuple[Position, str]:
    """Find the position at which a new subscription begins, and its state.

    Raises:
        SignalError: When there is no such tick or event, or it is not kept any more.
    """
    fetch = database.driver.fetch
    ((newest,),) = await fetch(TICK)
    if start == "now":
        return Position(newest, END_OF_TICK), "running"
    if start in {"beginning", "snapshot"}:
        return Position(0, 0), "snapshot" if start == "snapshot" else "running"
    if isinstance(start, datetime):
        ((tick,),) = await fetch(_BEFORE, (start,))
        return Position(tick or 0, END_OF_TICK if tick else 0), "running"
    if isinstance(start, int):
        ((oldest,),) = await fetch(_OLDEST)
        if not oldest - 1 <= start <= newest:
            raise SignalError(f"there is no tick {start}: those from {oldest} to {newest} are kept")
        return Position(start, END_OF_TICK), "running"
    found = EVENT_ID.fullmatch(start)
    if found is None:
        raise SignalError(
            'a subscription starts "now", at the "beginning", with a "snapshot", after a tick, at'
            " a moment, or with an event by its id, as 1:4711"
        )
    epoch, seq = map(int, found.groups())
    rows = await fetch(_TICK_OF, (seq, epoch))
    if not rows:
        raise SignalError(f"there is no event {start}, or it is not kept any more")
    return Position(rows[0][0], seq - 1), "running"


async def deliver_rows(
    database: Database, lease: Lease, delivery: Delivery, tables: Mapping[str, TableInfo]
) -> Position:
    """Deliver the rows of tables as if they were created now; give where events go on.

    The snapshot in which they are read is made a tick, so that no event is missed or comes twice.
    After a crash it begins anew, with another snapshot.

    Raises:
        SignalError: When the handler failed.
    """
    async with _tick_and_reader(database, lease) as (position, reader):
        decoder = EventDecoder(tables)
        for label, info in tables.items():
            async for rows in _rows(reader, label, info, delivery.page_size):
                events = [_event(decoder, position.tick, row) for row in rows]
                wanted = [event for event in events if delivery.wants(event)]
                if wanted:
                    await _hand_over(delivery, wanted)
    await lease.set_state("running")
    return position


@asynccontextmanager
async def _tick_and_reader(
    database: Database, lease: Lease
) -> AsyncGenerator[tuple[Position, Connection]]:
    """Make a tick of the snapshot of a connection, and lend that."""
    acquire = database.driver.acquire
    async with acquire() as reader:
        async with acquire() as ticker:
            # Nobody makes a tick between the snapshot and its own.
            await ticker.begin(isolation="read committed")
            await ticker.fetch(_LOCK)
            await reader.begin(isolation="repeatable read", readonly=True, settings=SETTINGS)
            ((snapshot,),) = await reader.fetch(_SNAPSHOT)
            ((tick,),) = await ticker.fetch(_TICK_AT, (snapshot,))
            position, began = Position(tick, END_OF_TICK), monotonic()
            text, params = lease.saving(position, ())
            lease.confirm(await ticker.fetch(text, params), began)
            await ticker.commit()
        yield position, reader


async def _rows(
    reader: Connection, label: str, info: TableInfo, count: int
) -> AsyncGenerator[Sequence[Row]]:
    """Read the active rows of a table, in the shape of the log's."""
    alias, table = '"the row"', ".".join(map(quote_identifier, label.split(".")))
    flag, key = info.soft_delete, info.primary_key
    where = f" WHERE {alias}.{quote_identifier(flag.column)}" if flag else ""
    order = f" ORDER BY {column_list(key)}" if key else ""
    parts = (f"'{label}'", record_id_sql(key, alias), f'{alias}."__tags__"')
    made = f"0::bigint, clock_timestamp(), 'c', {', '.join(parts)}, NULL::text"
    text = f"SELECT {made}, {payload_sql(info, alias)}, NULL::jsonb FROM {table} AS {alias}"  # noqa: S608 - names of a model, which are quoted
    cursor = await reader.cursor(f"{text}{where}{order}")
    while rows := await cursor.fetch(count):
        yield rows


def _event(decoder: EventDecoder, tick: int, row: Row) -> DatabaseEvent:
    event = decoder.event(0, row)
    own = f"snapshot:{tick}:{event.table_name}:{row[4]}"
    return DatabaseEvent(
        id=own,
        event_type=event.event_type,
        table_name=event.table_name,
        record_id=event.record_id,
        tags=event.tags,
        payload=event.payload,
        changes={},
        timestamp=datetime.now(UTC),
    )


async def _hand_over(delivery: Delivery, events: Sequence[DatabaseEvent]) -> None:
    error = await delivery.hand_over(events)
    if error is not None:
        raise SignalError(
            f"the handler failed with a row of the initial snapshot: {describe(error)}"
        )

"""Events written to tables again: a log, or a file of it, becomes a database."""

from collections.abc import AsyncIterable, Callable
from typing import Any

from storehaus.driver import Connection
from storehaus.errors import SignalError
from storehaus.model import TableInfo
from storehaus.model.wire import encoder
from storehaus.signals.event import DatabaseEvent, EventType
from storehaus.sql.identifiers import column_list, quote_identifier, table_name
from storehaus.store.database import Database

__all__ = ["apply_events"]

_AT_ONCE = 1_000


async def apply_events(
    database: Database, events: AsyncIterable[DatabaseEvent], tables: dict[str, TableInfo]
) -> int:
    """Write what events say to the tables of models, in transactions of a thousand; give how many.

    Raises:
        SignalError: When an event does not hold the whole row.
    """
    verbs = {name: _Verbs(info) for name, info in tables.items()}
    waiting: list[DatabaseEvent] = []
    count = 0
    async for event in events:
        if event.table_name not in verbs:
            continue
        waiting.append(event)
        if len(waiting) == _AT_ONCE:
            await _apply(database, verbs, waiting)
            count += len(waiting)
            waiting = []
    await _apply(database, verbs, waiting)
    return count + len(waiting)


async def _apply(
    database: Database, verbs: "dict[str, _Verbs]", events: list[DatabaseEvent]
) -> None:
    async with database.write_block() as block:
        for event in events:
            await verbs[event.table_name].apply(block.unit.connection, event)


class _Verbs:
    def __init__(self, info: TableInfo) -> None:
        if not info.primary_key:
            raise SignalError(f"{info.name}: without a primary key no event can be written again")
        self._info = info
        self._encoders = [encoder(column.type) for column in info.columns]
        columns, key = info.columns, column_list(info.primary_key)
        places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        others = [quote_identifier(each.column) for each in columns if not each.primary_key]
        changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in others)
        into = f"INSERT INTO {table_name(info)} ({column_list(columns)}) OVERRIDING SYSTEM VALUE"
        self._upsert = f"{into} VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {changed}"
        same = " AND ".join(
            f"{quote_identifier(column.column)} = ${place}"
            for place, column in enumerate(info.primary_key, 1)
        )
        self._delete = f"DELETE FROM {table_name(info)} WHERE {same}"  # noqa: S608 - names of a model, quoted

    async def apply(self, connection: Connection, event: DatabaseEvent) -> None:
        """Write what an event says."""
        flag = self._info.soft_delete
        is_marked = flag is not None and event.payload.get(flag.column) is False
        if event.event_type is EventType.DELETE and not is_marked:
            key = self._info.primary_key
            parts = event.record_id if len(key) > 1 else (event.record_id,)
            params = [
                _sent(encoder(each.type), part) for each, part in zip(key, parts, strict=True)
            ]
            await connection.fetch(self._delete, params)
            return
        missing = [each.column for each in self._info.columns if each.column not in event.payload]
        if missing:
            raise SignalError(
                f"event {event.id} does not hold {missing[0]!r}: only those of models with"
                ' event_payload="full" and without event_exclude can be written again'
            )
        values = [event.payload[column.column] for column in self._info.columns]
        await connection.fetch(self._upsert, list(map(_sent, self._encoders, values)))


def _sent(encode: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if value is None or encode is None else encode(value)

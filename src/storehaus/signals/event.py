"""`DatabaseEvent`: one row that was created, updated or deleted."""

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct

from storehaus.model import Model, TableInfo, uuid7
from storehaus.store import current_actor
from storehaus.store.change import Operation, Outcome

__all__ = ["DatabaseEvent", "EventType", "events_of", "type_of"]


class EventType(StrEnum):
    """What became of a row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class DatabaseEvent(Struct, frozen=True, kw_only=True):
    """One row that was written, as it was stored.

    Attributes:
        id: The event's own; it sorts by time.
        event_type: What became of the row. A restored row was created, one that is only marked as
            deleted was deleted.
        table_name: Its table, without the schema.
        record_id: Its primary key; a tuple where that has several columns.
        tags: Those of the row.
        payload: The row by column: as stored, and as it was where it was deleted for good.
        changes: For an UPDATE, old and new value of the columns that the write named; an old value
            that nobody knows is `UNSET`.
        timestamp: When the commit was acknowledged, in UTC.
        actor: Who wrote, as `haus.actor()` says; None where nobody said.
    """

    id: str
    event_type: EventType
    table_name: str
    record_id: Any
    tags: tuple[str, ...]
    payload: Mapping[str, Any]
    changes: Mapping[str, tuple[Any, Any]]
    timestamp: datetime
    actor: str | None = None


def type_of(outcome: Outcome[Any], row: int) -> EventType:
    """Say what became of a row of an outcome."""
    operation = outcome.change.operation
    if operation is Operation.CREATE:
        inserted = outcome.inserted
        return EventType.CREATE if inserted is None or inserted[row] else EventType.UPDATE
    return EventType.UPDATE if operation is Operation.UPDATE else EventType.DELETE


def events_of(
    outcome: Outcome[Any], is_wanted: Callable[[EventType], bool]
) -> Iterator[DatabaseEvent]:
    """Make the events of a write, those of some types only.

    Args:
        outcome: What was written.
        is_wanted: Whether anybody asked for a type.
    """
    info = outcome.change.table
    now, actor = datetime.now(UTC), current_actor()
    for row, model in enumerate(outcome.models or ()):
        kind = type_of(outcome, row)
        if not is_wanted(kind):
            continue
        payload = _payload(info, model)
        yield DatabaseEvent(
            id=str(uuid7()),
            event_type=kind,
            table_name=info.name,
            record_id=_record_id(info, model),
            tags=tuple(model.__tags__),
            payload=payload,
            changes=_changes(outcome, row, payload) if kind is EventType.UPDATE else {},
            timestamp=now,
            actor=actor,
        )


def _payload(info: TableInfo, model: Model) -> dict[str, Any]:
    """Give a row by column; what the writer goes on to change is no part of it."""
    hidden = info.event_exclude
    return {
        column.column: _own(getattr(model, column.name))
        for column in info.columns
        if column not in hidden
    }


def _own(value: Any) -> Any:
    is_shared = isinstance(value, list | dict | Struct)
    return copy.deepcopy(value) if is_shared else value  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # of any items


def _record_id(info: TableInfo, model: Model) -> Any:
    parts = tuple(getattr(model, column.name) for column in info.primary_key)
    return parts[0] if len(parts) == 1 else parts


def _changes(
    outcome: Outcome[Any], row: int, payload: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Give the columns that a write named, with what they were where that is known."""
    info, changes = outcome.change.table, outcome.change.changes
    known = _known_before(outcome, row)
    if changes is None:
        named = [column for column in info.columns if column.updatable]
    else:
        pairs = changes.items() if isinstance(changes, Mapping) else changes.changes
        names = {target if isinstance(target, str) else target.name for target, _ in pairs}
        named = [column for column in info.columns if column.name in names]
    return {
        column.column: (known.get(column.name, UNSET), payload[column.column])
        for column in named
        if column.column in payload
    }


def _known_before(outcome: Outcome[Any], row: int) -> dict[str, Any]:
    cache = outcome.change.table.cache
    if outcome.before is None or cache is None:
        return {}
    return dict(zip(cache.tags, outcome.before[row], strict=True))

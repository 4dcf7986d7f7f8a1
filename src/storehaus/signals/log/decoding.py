"""From rows of the log to events, with the types of the model."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import GenericAlias
from typing import Any, Final, TypedDict, cast
from uuid import UUID

import msgspec

from storehaus.driver import Row
from storehaus.errors import SignalError
from storehaus.model import ColumnInfo, ColumnType, TableInfo
from storehaus.signals.event import DatabaseEvent, EventType

__all__ = ["COLUMNS", "TYPES", "EventDecoder"]

COLUMNS: Final = "e.seq, e.at, e.op, e.tbl, e.rid, e.tags, e.actor, e.new, e.old"
"""What `EventDecoder.event` reads of `storehaus.event AS e`."""

TYPES: Final = {"c": EventType.CREATE, "u": EventType.UPDATE, "d": EventType.DELETE}
"""What became of the row, by the letter that stands in the log."""
_JSON_TYPES: Final[dict[str, Any]] = {
    "boolean": bool,
    "date": date,
    "float": float,
    "integer": int,
    "numeric": Decimal,
    "time": time,
    "timestamptz": datetime,
    "uuid": UUID,
}
_BEYOND: Final[dict[tuple[str, str], Any]] = {
    ("date", "infinity"): date.max,
    ("date", "-infinity"): date.min,
    ("timestamptz", "infinity"): datetime.max,  # noqa: DTZ901 - as the driver gives it
    ("timestamptz", "-infinity"): datetime.min,  # noqa: DTZ901 - as the driver gives it
}
_DURATION: Final = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
    r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?)?"
)
# As the driver counts them.
_DAYS: Final = (365, 30, 7, 1)


class EventDecoder:
    """Makes events of rows of the log.

    Args:
        tables: Schema and name of each table, as the log writes them → its model.
    """

    def __init__(self, tables: Mapping[str, TableInfo]) -> None:
        self._tables = {label: _TableDecoder(info) for label, info in tables.items()}

    def event(self, epoch: int, row: Row) -> DatabaseEvent:
        """Make an event.

        Args:
            epoch: The epoch of its tick.
            row: As `COLUMNS`.

        Raises:
            SignalError: When its payload does not fit the model.
        """
        seq, at, op, label, record_id, tags, actor, new, old = row
        table = self._tables[label]
        after = None if new is None else table.row(new)
        before = None if old is None else table.row(old)
        changes: dict[str, tuple[Any, Any]] = {}
        if op == "u" and after is not None and before is not None:
            changes = {
                name: (before[name], value)
                for name, value in after.items()
                if name in before and before[name] != value
            }
        key = None if record_id is None else table.record_id(record_id)
        payload = before if after is None else after
        return DatabaseEvent(
            id=f"{epoch}:{seq}",
            event_type=TYPES[op],
            table_name=table.name,
            record_id=key,
            tags=tuple(tags),
            payload=table.named(key) | (payload or {}),
            changes=changes,
            timestamp=at,
            actor=actor,
        )

    def event_or_problem(self, epoch: int, row: Row) -> DatabaseEvent | SignalError:
        """As `event`, but give the error: it holds back its own record and no other one."""
        try:
            return self.event(epoch, row)
        except SignalError as problem:
            return problem


class _TableDecoder:
    def __init__(self, info: TableInfo) -> None:
        self.name = info.name
        self._columns = {column.column: column for column in info.columns}
        hints = {name: _json_type(column) for name, column in self._columns.items()}
        # A dict that msgspec fills with values of the right types at the speed of C.
        make: Any = cast("Any", TypedDict)
        self._decode: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(
            make("Row", hints, total=False)
        ).decode
        self._after = [
            (name, convert)
            for name, column in self._columns.items()
            if (convert := _conversion(column.type)) is not None
        ]
        self._key = [column.column for column in info.primary_key]
        self._parts = [_part_reader(column) for column in info.primary_key]

    def row(self, data: bytes) -> dict[str, Any]:
        """Read a row; columns that the model does not know are left out."""
        try:
            row = self._decode(data)
        except msgspec.ValidationError:
            row = self._read_slowly(data)
        for name, convert in self._after:
            value = row.get(name)
            if value is not None:
                row[name] = _converted(convert, value)
        return row

    def record_id(self, text: str) -> Any:
        """Read a primary key; a tuple where that has several columns."""
        if len(self._parts) == 1:
            return self._parts[0](text)
        texts: list[str] = msgspec.json.decode(text)
        return tuple(read(each) for read, each in zip(self._parts, texts, strict=True))

    def named(self, key: Any) -> dict[str, Any]:
        """Give a primary key by column."""
        if len(self._key) == 1:
            return {self._key[0]: key}
        return dict(zip(self._key, key or (), strict=True))

    def _read_slowly(self, data: bytes) -> dict[str, Any]:
        """Read a row with a value that JSON has no number or date for."""
        values: dict[str, Any] = msgspec.json.decode(data)
        return {
            name: _value(column.type, values[name])
            for name, column in self._columns.items()
            if name in values
        }


def _value(column_type: ColumnType, value: Any) -> Any:
    if value is None:
        return None
    kind = column_type.kind
    with suppress(msgspec.ValidationError, TypeError, ValueError):
        if kind == "float":
            return float(value)
        if isinstance(value, list) and column_type.element is not None:
            return [_value(column_type.element, item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # of any items
        if isinstance(value, str) and (kind, value) in _BEYOND:
            return _BEYOND[kind, value]
        return msgspec.convert(value, _type_in_json(column_type), strict=False)
    # Outside of `except`: the original may quote the value.
    raise _unfit(kind)


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    with suppress(LookupError, TypeError, ValueError, OverflowError):
        return convert(value)
    raise _unfit("type")


def _unfit(kind: str) -> SignalError:
    return SignalError(f"a value does not fit the model's {kind}")


def _json_type(column: ColumnInfo) -> Any:
    found = _type_in_json(column.type)
    return found | None if column.nullable else found


def _type_in_json(of: ColumnType) -> Any:
    if of.element is not None:
        item = _type_in_json(of.element)
        return GenericAlias(list, (item | None if of.element_nullable else item,))
    return of.python if of.kind == "jsonb" else _JSON_TYPES.get(of.kind, str)


def _conversion(of: ColumnType) -> Callable[[Any], Any] | None:
    """Give what makes a value of what JSON holds, None where that is the value."""
    if of.element is not None:
        convert = _conversion(of.element)
        return None if convert is None else _over_items(convert)
    if of.enum is not None:
        return dict(zip(of.labels, of.enum, strict=True)).__getitem__
    if of.kind == "bytes":
        return _bytes
    if of.kind == "interval":
        return _duration
    if of.kind in {"inet", "cidr"}:
        make: Callable[[Any], Any] = of.python
        return make
    return None


def _over_items(convert: Callable[[Any], Any]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda items: [None if item is None else convert(item) for item in items]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("\\x"))


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise SignalError("an interval in the log is none")
    *days, hours, minutes, seconds = found.groups(default="0")
    return timedelta(
        days=sum(int(each) * length for each, length in zip(days, _DAYS, strict=True)),
        hours=int(hours),
        minutes=int(minutes),
        microseconds=int(Decimal(seconds) * 1_000_000),
    )


def _part_reader(column: ColumnInfo) -> Callable[[str], Any]:
    """Give what reads a part of a primary key from its text."""
    convert, kind = _conversion(column.type), column.type.kind
    simple: dict[str, Callable[[str], Any]] = {"text": str, "integer": int, "uuid": UUID}
    if kind in simple:
        return simple[kind]
    if convert is not None:
        return lambda text: _converted(convert, text)
    return lambda text: _value(column.type, text)

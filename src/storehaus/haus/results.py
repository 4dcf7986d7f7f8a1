"""Results of hand-written statements as Python values."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from storehaus.driver import ResultSet, Row
from storehaus.errors import DatabaseError
from storehaus.expr.row import AnyRow, row_class

__all__ = ["ResultRows", "decoded_columns", "decoded_rows", "named_rows"]

_JSON = frozenset({"json", "jsonb"})


class ResultRows(list[AnyRow]):
    """The rows that a statement returned.

    Attributes:
        row_count: Rows returned or, where it returns none, changed.
    """

    __slots__ = ("row_count",)

    row_count: int

    def __init__(self, rows: Iterable[AnyRow] = (), row_count: int = 0) -> None:
        super().__init__(rows)
        self.row_count = row_count


def named_rows(result: ResultSet, rows: Iterable[Sequence[Any]]) -> list[AnyRow]:
    """Give rows the names of the result's columns."""
    return list(map(row_class(tuple(column.name for column in result.columns)), rows))


def decoded_rows(result: ResultSet) -> Sequence[Row]:
    """Give the rows with JSON as Python values.

    Raises:
        DatabaseError: When a stored document is more than Python can read.
    """
    if not any(_is_json(column.type_name) for column in result.columns):
        return result.rows
    return list(zip(*decoded_columns(result), strict=True))


def decoded_columns(result: ResultSet) -> list[Sequence[Any]]:
    """Give the values column by column, JSON as Python values.

    Raises:
        DatabaseError: When a stored document is more than Python can read.
    """
    columns: list[Sequence[Any]] = [()] * len(result.columns)
    if result.rows:
        columns = list(zip(*result.rows, strict=True))
    for i, column in enumerate(result.columns):
        if not _is_json(column.type_name):
            continue
        try:
            columns[i] = _items_decoded(columns[i])
        except (msgspec.MsgspecError, RecursionError):
            raise DatabaseError(
                f"column {column.name!r} holds JSON that Python cannot read: a number out of range,"
                " a lone surrogate, or too many levels"
            ) from None
    return columns


def _is_json(type_name: str) -> bool:
    return type_name.removesuffix("[]") in _JSON


def _items_decoded(values: Iterable[Any]) -> list[Any]:
    return [_decoded(value) for value in values]


def _decoded(value: Any) -> Any:
    if value is None:
        return None
    return msgspec.json.decode(value) if isinstance(value, bytes) else _items_decoded(value)

"""UPDATE of one row by id to plain values: alone, or in a statement shared with others."""

from collections.abc import Sequence
from typing import Any

from storehaus.sql.statement import Statement
from storehaus.sql.update import update_one, update_shared
from storehaus.store.batch import Share
from storehaus.store.shape import Shape
from storehaus.store.table import Table

__all__ = ["RowUpdate"]


class RowUpdate:
    """New values of one row, all in wire form.

    Args:
        table: The store's table.
        key: The row's key.
        version: The version it must have; empty for any.
        shape: Columns that change.
        values: What they become.
        tags: New tags, None to keep them.
    """

    __slots__ = ("_sent", "_shape", "_table", "_tags", "_versioned")

    def __init__(
        self,
        table: Table[Any],
        key: tuple[Any, ...],
        version: tuple[int, ...],
        shape: Shape,
        values: Sequence[Any],
        *,
        tags: list[str] | None,
    ) -> None:
        self._table = table
        self._versioned = bool(version)
        self._shape = shape
        self._sent = (*key, *version, *values)
        self._tags = tags

    def statement(self) -> Statement:
        """Give the statement for this row alone."""
        text = self._table.text(update_one, self._shape, versioned=self._versioned)
        return Statement(text, (*self._sent, self._tags))

    def share(self) -> Share:
        """Give its part of a shared statement."""
        table, info = self._table, self._table.info
        text = table.text(update_shared, self._shape, versioned=self._versioned)
        version = (info.version,) if self._versioned and info.version is not None else ()
        columns = (*table.key.columns, *version, *self._shape)
        return Share(text, columns, self._sent, (self._tags,), numbered=True)

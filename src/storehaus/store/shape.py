"""Rows of one batch that name the same columns.

A field whose value the database makes (`server_default=`) is UNSET until stored, and its column is
left out of the statement; rows that leave out the same columns share a statement.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from storehaus.model import ColumnInfo

__all__ = ["Shape", "shapes"]

Shape = tuple[ColumnInfo, ...]
"""The columns that are sent, in order."""


def shapes(columns: Sequence[ColumnInfo]) -> Callable[[Any], Shape]:
    """Give the function that finds the shape of a model.

    Args:
        columns: Columns that may be sent.
    """
    whole = tuple(columns)
    optional = [column for column in whole if column.server_default is not None]
    if not optional:
        return lambda _model: whole

    def shape(model: Any) -> Shape:
        # An object of another class has no such attribute; validation says so later.
        left_out = {c for c in optional if getattr(model, c.name, None) is UNSET}
        return tuple(column for column in whole if column not in left_out)

    return shape

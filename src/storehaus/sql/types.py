"""Types of what is computed, and which of them go together."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from storehaus.errors import QueryError
from storehaus.model.records import ColumnInfo
from storehaus.model.types import (
    ColumnType,
    Integer,
    Kind,
    UnmappedTypeError,
    column_type,
    split_optional,
)
from storehaus.sql.identifiers import cast_name

__all__ = [
    "ANY_JSON",
    "BIGINT",
    "BOOLEAN",
    "FLOAT",
    "INTEGRAL",
    "NO_ORDER",
    "NUMBERS",
    "NUMERIC",
    "TEXT",
    "TEXTS",
    "TYPES",
    "UNKNOWN",
    "comparable",
    "computed_column",
    "is_whole",
    "type_of_annotation",
    "type_of_value",
]

TEXT = column_type(str)
TEXTS = column_type(list[str])
BIGINT = column_type(int)
FLOAT = column_type(float)
BOOLEAN = column_type(bool)
NUMERIC = column_type(Decimal)
INTEGRAL = ColumnType(kind="numeric", sql="numeric", python=int)
"""A sum of integers: a numeric for PostgreSQL, an int for Python."""
ANY_JSON = ColumnType(kind="jsonb", sql="jsonb", python=Any)
UNKNOWN = ColumnType(kind="unknown", sql="unknown", python=Any)
"""What a function gives of which nothing is known."""

NO_ORDER = "is JSON, which has no useful order; say as_int(), as_float() or as_str()"

_SMALL_INTEGER = column_type(Annotated[int, Integer])
_SMALL = 1 << 31

NUMBERS: tuple[Kind, ...] = ("integer", "numeric", "float")
"""Families of numbers; computing two of them gives the later one."""

TYPES: Mapping[Kind, ColumnType] = {
    "integer": BIGINT,
    "numeric": NUMERIC,
    "float": FLOAT,
    "text": TEXT,
    "timestamptz": column_type(datetime),
    "date": column_type(date),
    "interval": column_type(timedelta),
}


def comparable(left: ColumnType, right: ColumnType) -> bool:
    """Whether PostgreSQL compares the two types with each other."""
    if "unknown" in {left.kind, right.kind}:
        return True
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return True
    networks = {"inet", "cidr"}
    if left.kind in networks and right.kind in networks:
        return True
    return left.kind == right.kind and cast_name(None, left) == cast_name(None, right)


def is_whole(column_type: ColumnType) -> bool:
    """Whether values are ints in Python: integers, and sums of them."""
    return column_type.kind == "integer" or (
        column_type.kind == "numeric" and column_type.python is int
    )


def type_of_value(value: object) -> ColumnType:
    """Find the type of a value that stands alone.

    Raises:
        QueryError: When it has none.
    """
    kind: Any = type(value)
    if kind is int:
        small = -_SMALL <= value < _SMALL  # type: ignore[operator]  # it is an int
        # `integer` is what most functions take, and it widens by itself.
        return _SMALL_INTEGER if small else BIGINT
    if kind is list:
        items: list[Any] = value  # type: ignore[assignment]  # it is a list
        return _found(list[type(items[0])]) if items else TEXTS  # type: ignore[misc]  # at run time
    return _found(dict[str, object] if kind is dict else kind)


def type_of_annotation(annotation: Any) -> tuple[ColumnType, bool]:
    """Find the type that a Python type has, and whether it may be None.

    Raises:
        QueryError: When it has none.
    """
    inner, nullable = split_optional(annotation)
    return _found(inner), nullable


def computed_column(name: str, column_type: ColumnType, *, nullable: bool = True) -> ColumnInfo:
    """Make the record of something that is no column of a table."""
    return ColumnInfo(name=name, column=name, type=column_type, nullable=nullable, position=0)


def _found(annotation: Any) -> ColumnType:
    try:
        return column_type(annotation)
    except UnmappedTypeError as problem:
        raise QueryError(str(problem)) from None

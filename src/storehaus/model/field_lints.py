"""Lints that look at one field."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from storehaus.model.findings import Finding, Lint
from storehaus.model.pattern import repeats_repetitions
from storehaus.model.records import Bounds, ColumnInfo, TableInfo

__all__ = ["FIELD_LINTS"]

_MONEY = re.compile(
    r"(?:^|_)(?:amount|balance|budget|charge|cost|credit|debit|discount|fee|fees|payment|price|"
    r"refund|revenue|salary|sum|tax|total|wage)(?:_|$)"
)
_MANY_LABELS = 30
_TIMES = {
    "created": "__created_at__",
    "created_at": "__created_at__",
    "date_created": "__created_at__",
    "modified_at": "__updated_at__",
    "updated": "__updated_at__",
    "updated_at": "__updated_at__",
}
_NAIVE = (datetime.now, datetime.today)


def float_money(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find sums of money that are rounded in binary."""
    item = column.type.element or column.type
    if item.kind == "float" and _MONEY.search(column.name):
        yield Lint.FLOAT_MONEY.found(
            info,
            "a float cannot hold 0.10 exactly, and the name sounds like money",
            "use Annotated[Decimal, Numeric(12, 2)]",
            field=column.name,
        )


def impossible_bounds(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find constraints that no value fulfils."""
    if _is_empty_range(column) or _is_empty_length(column.bounds):
        rules = ", ".join(f"{name}={value!r}" for name, value in column.bounds.rules())
        yield Lint.IMPOSSIBLE_BOUNDS.found(
            info,
            f"no value can fulfil {rules}",
            "correct the bounds: every row would be refused",
            field=column.name,
        )


def _is_empty_range(column: ColumnInfo) -> bool:
    lows, highs = _limits(column)
    if not lows or not highs:
        return False
    low, open_below = max(lows)
    high, open_above = min(highs, key=lambda limit: (limit[0], not limit[1]))
    return bool(low > high or (low == high and (open_below or open_above)))


def _limits(column: ColumnInfo) -> tuple[list[tuple[Any, bool]], list[tuple[Any, bool]]]:
    """Give the limits of either side as (value, whether the value itself is out)."""
    bounds = column.bounds
    lows = [(bounds.ge, False), (bounds.gt, True), (column.type.low, False)]
    highs = [(bounds.le, False), (bounds.lt, True), (column.type.high, False)]
    if column.type.kind == "integer":
        # Between 1 and 2 lies no integer.
        lows[1] = (None if bounds.gt is None else bounds.gt + 1, False)
        highs[1] = (None if bounds.lt is None else bounds.lt - 1, False)
    return [each for each in lows if each[0] is not None], [
        each for each in highs if each[0] is not None
    ]


def _is_empty_length(bounds: Bounds) -> bool:
    low, high = bounds.min_length, bounds.max_length
    return low is not None and high is not None and low > high


def impossible_default(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find empty lists that are shorter than allowed; other defaults are checked at the class."""
    if column.default_factory is list and (column.bounds.min_length or 0) > 0:
        yield Lint.IMPOSSIBLE_DEFAULT.found(
            info,
            f"default_factory=list makes what min_length={column.bounds.min_length} refuses",
            "leave the default out, or make a longer list",
            field=column.name,
        )


def naive_default(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find clocks without a time zone."""
    if column.type.kind == "timestamptz" and column.default_factory in _NAIVE:
        yield Lint.NAIVE_DEFAULT.found(
            info,
            "the default has no time zone, and such a datetime is refused",
            "use default_factory=lambda: datetime.now(UTC)",
            field=column.name,
        )


def slow_pattern(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find patterns on which Python can run for hours."""
    pattern = column.bounds.pattern
    if pattern is not None and repeats_repetitions(pattern):
        yield Lint.SLOW_PATTERN.found(
            info,
            f"{pattern!r} repeats a repetition: a hostile text can keep Python busy for hours",
            "write it with one repetition, and limit max_length",
            field=column.name,
        )


def repeated_system_field(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find fields that StoreHaus keeps anyway."""
    system = _TIMES.get(column.name)
    if system is not None and column.type.kind == "timestamptz":
        yield Lint.REPEATED_SYSTEM_FIELD.found(
            info,
            f"every row has {system} already, kept up to date by a trigger",
            f"use {system}, unless this is another moment",
            field=column.name,
        )


def small_identity(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find counters that end soon."""
    if column.identity and column.type.sql in {"smallint", "integer"}:
        yield Lint.SMALL_IDENTITY.found(
            info,
            f"the counter ends at {column.type.high:,}, counting failed inserts too",
            "use a plain int, which is a bigint",
            field=column.name,
        )


def big_enum(info: TableInfo, column: ColumnInfo) -> Iterator[Finding]:
    """Find enums that are rather tables."""
    item = column.type.element or column.type
    if item.enum is not None and len(item.labels) > _MANY_LABELS:
        yield Lint.BIG_ENUM.found(
            info,
            f"{item.enum.__name__} has {len(item.labels)} members, and PostgreSQL can add labels"
            " but not drop them",
            "what grows and shrinks is a table to reference",
            field=column.name,
        )


FIELD_LINTS = (
    float_money,
    impossible_bounds,
    impossible_default,
    naive_default,
    slow_pattern,
    repeated_system_field,
    small_identity,
    big_enum,
)

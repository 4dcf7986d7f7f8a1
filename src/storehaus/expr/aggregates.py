"""Aggregates: one value for the rows of a group."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, cast, overload

from storehaus.expr.computation import AggregateCall
from storehaus.expr.condition import Condition
from storehaus.expr.expression import (
    Booleans,
    Computed,
    Decimals,
    Expression,
    Floats,
    Integers,
    Spans,
    Texts,
)
from storehaus.expr.node import Node, Parameter
from storehaus.expr.operands import checked_condition
from storehaus.expr.ordering import Ordering
from storehaus.expr.windows import SortKeys, Windowed, sort_keys

__all__ = [
    "Aggregate",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "count_distinct",
    "max_",
    "min_",
    "string_agg",
    "sum_",
]

T = TypeVar("T")


class Aggregate(Windowed[T], Computed[T]):
    """An aggregate: over the rows of a group, or by `over()` over those of a window."""

    __slots__ = ()

    def filter(self, *conditions: Condition) -> "Aggregate[T]":
        """Count only rows for which all conditions hold."""
        call = cast("AggregateCall", self.node)
        known = call.condition
        for condition in conditions:
            checked = checked_condition(condition)
            known = checked if known is None else known & checked
        return Aggregate(replace(call, condition=known))


def count(expression: Expression[Any] | None = None) -> Aggregate[int]:
    """Number of rows, or of those where the expression is not NULL; never NULL."""
    return _aggregate("count", () if expression is None else (expression,))


def count_distinct(expression: Expression[Any]) -> Aggregate[int]:
    """Number of different values that are not NULL; never NULL."""
    return _aggregate("count", (expression,), distinct=True)


@overload
def sum_(expression: Integers, *, distinct: bool = False) -> Aggregate[int | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def sum_(expression: Decimals, *, distinct: bool = False) -> Aggregate[Decimal | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def sum_(expression: Floats, *, distinct: bool = False) -> Aggregate[float | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def sum_(expression: Spans, *, distinct: bool = False) -> Aggregate[timedelta | None]: ...
def sum_(expression: Expression[Any], *, distinct: bool = False) -> Aggregate[Any]:
    """Sum of the values; NULL without any. Integers are summed without overflow.

    Args:
        expression: What is summed.
        distinct: Whether equal values count once.
    """
    return _aggregate("sum", (expression,), distinct=distinct)


@overload
def avg(expression: Integers, *, distinct: bool = False) -> Aggregate[Decimal | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def avg(expression: Decimals, *, distinct: bool = False) -> Aggregate[Decimal | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def avg(expression: Floats, *, distinct: bool = False) -> Aggregate[float | None]: ...  # type: ignore[overload-overlap]  # T is invariant
@overload
def avg(expression: Spans, *, distinct: bool = False) -> Aggregate[timedelta | None]: ...
def avg(expression: Expression[Any], *, distinct: bool = False) -> Aggregate[Any]:
    """Mean of the values, a Decimal for integers; NULL without any.

    Args:
        expression: What the mean is taken of.
        distinct: Whether equal values count once.
    """
    return _aggregate("avg", (expression,), distinct=distinct)


def min_(expression: Expression[T]) -> Aggregate[T | None]:
    """Least value; NULL without any."""
    return _aggregate("min", (expression,))


def max_(expression: Expression[T]) -> Aggregate[T | None]:
    """Greatest value; NULL without any."""
    return _aggregate("max", (expression,))


def bool_and(expression: Booleans) -> Aggregate[bool | None]:
    """Whether all values are true; NULL without any."""
    return _aggregate("bool_and", (expression,))


def bool_or(expression: Booleans) -> Aggregate[bool | None]:
    """Whether a value is true; NULL without any."""
    return _aggregate("bool_or", (expression,))


def array_agg(
    expression: Expression[T], *, distinct: bool = False, order_by: SortKeys = ()
) -> Aggregate[list[T] | None]:
    """All values as a list; NULL without rows.

    Args:
        expression: What is collected; NULLs are, too.
        distinct: Whether equal values are collected once.
        order_by: Order of the list; without one it is none in particular.
    """
    ordering = sort_keys(order_by)
    return _aggregate("array_agg", (expression,), distinct=distinct, ordering=ordering)


def string_agg(
    expression: Texts, separator: str, *, distinct: bool = False, order_by: SortKeys = ()
) -> Aggregate[str | None]:
    """All texts as one; NULL without any.

    Args:
        expression: What is joined; NULLs are left out.
        separator: What stands between two texts.
        distinct: Whether equal texts are joined once.
        order_by: Order of the texts; without one it is none in particular.
    """
    parts = (expression, Parameter(separator, str))
    return _aggregate("string_agg", parts, distinct=distinct, ordering=sort_keys(order_by))


def _aggregate(
    name: str,
    arguments: Sequence[Node],
    *,
    distinct: bool = False,
    ordering: tuple[Ordering, ...] = (),
) -> Aggregate[Any]:
    return Aggregate(AggregateCall(name, tuple(arguments), distinct, ordering))

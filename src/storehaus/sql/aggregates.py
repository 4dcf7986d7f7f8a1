"""Aggregates and window functions as SQL."""

from collections.abc import Callable, Mapping
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Ordering
from storehaus.expr.computation import AggregateCall, Bound, Frame, WindowCall
from storehaus.expr.node import Value
from storehaus.model.types import ColumnType, Kind
from storehaus.sql.operands import together
from storehaus.sql.records import Operand
from storehaus.sql.scope import Scope
from storehaus.sql.types import (
    BIGINT,
    BOOLEAN,
    FLOAT,
    INTEGRAL,
    NO_ORDER,
    NUMERIC,
    TEXT,
    TYPES,
    computed_column,
    is_whole,
)

__all__ = ["AGGREGATES", "ordered", "ordering_sql", "sortable"]

_SUMS: Mapping[Kind, ColumnType] = {
    "integer": INTEGRAL,
    "numeric": NUMERIC,
    "float": FLOAT,
    "interval": TYPES["interval"],
}
_MEANS: Mapping[Kind, ColumnType] = {**_SUMS, "integer": NUMERIC}

_FIXED: Mapping[str, ColumnType] = {
    "count": BIGINT,
    "bool_and": BOOLEAN,
    "bool_or": BOOLEAN,
    "string_agg": TEXT,
    "row_number": BIGINT,
    "rank": BIGINT,
    "dense_rank": BIGINT,
    "ntile": BIGINT,
    "percent_rank": FLOAT,
    "cume_dist": FLOAT,
}
_TAKEN: Mapping[str, frozenset[Kind]] = {
    "bool_and": frozenset({"boolean", "unknown"}),
    "bool_or": frozenset({"boolean", "unknown"}),
    "string_agg": frozenset({"text", "unknown"}),
}
_NEVER_NULL = frozenset(
    {"count", "row_number", "rank", "dense_rank", "ntile", "percent_rank", "cume_dist"}
)


def ordering_sql(scope: Scope, key: Ordering) -> str:
    """Write a sort key.

    Raises:
        QueryError: When it has no useful order.
    """
    return ordered(sortable(scope.operand(key.operand)).text, key)


def sortable(operand: Operand) -> Operand:
    """Take what rows are sorted by.

    Raises:
        QueryError: When it has no useful order.
    """
    if operand.column.type.kind == "jsonb":
        raise operand.refuse(NO_ORDER)
    return operand


def ordered(text: str, key: Ordering) -> str:
    """Write the direction behind what is sorted by."""
    direction = " DESC" if key.descending else ""
    nulls = "" if key.nulls is None else f" NULLS {key.nulls.upper()}"
    return text + direction + nulls


def _aggregate(scope: Scope, node: AggregateCall) -> Operand:
    if scope.stage == "row":
        raise QueryError(
            f"{node.name}() is about many rows: it stands in select(), having() and order_by()",
            model=scope.model,
        )
    with scope.at("row"):
        return _called(scope, node)


def _called(scope: Scope, node: AggregateCall) -> Operand:
    texts, first = _arguments(scope, node)
    inside = f"DISTINCT {texts}" if node.distinct else texts
    if node.ordering:
        keys = ", ".join([ordering_sql(scope, key) for key in node.ordering])
        inside = f"{inside} ORDER BY {keys}"
    text = f"{node.name}({inside})"
    if node.condition is not None:
        text = f"{text} FILTER (WHERE {scope.condition(node.condition)})"
    found = _result(node.name, first)
    column = computed_column(node.name, found, nullable=node.name not in _NEVER_NULL)
    if first is None:
        return Operand(text, column, scope.model, scope.schema)
    return first.like(text, column)


def _arguments(scope: Scope, node: AggregateCall) -> tuple[str, Operand | None]:
    if not node.arguments:
        return ("*" if node.name == "count" else ""), None
    first, *rest = node.arguments
    if rest and isinstance(rest[-1], Value):
        # The default of lag and lead is of the type of the first argument.
        (value, default), operand = together(scope, (first, rest[-1]), node.name)
        between = [scope.operand(argument).text for argument in rest[:-1]]
        return ", ".join([value, *between, default]), operand
    operands = [scope.operand(argument) for argument in node.arguments]
    return ", ".join([operand.text for operand in operands]), operands[0]


def _result(name: str, first: Operand | None) -> ColumnType:
    fixed = _FIXED.get(name)
    if fixed is not None:
        if name in _TAKEN and first is not None and first.column.type.kind not in _TAKEN[name]:
            raise first.refuse(f"is {first.column.type.sql}, which has no {name}")
        return fixed
    assert first is not None  # noqa: S101 - the others have an argument
    own = first.column.type
    if own.kind == "unknown":
        return own
    if name in {"sum", "avg"}:
        is_whole_sum = name == "sum" and is_whole(own)
        found = INTEGRAL if is_whole_sum else (_SUMS if name == "sum" else _MEANS).get(own.kind)
        if found is None:
            raise first.refuse(f"is {own.sql}, which has no {name}")
        return found
    if name in {"min", "max"} and own.kind in {"boolean", "jsonb"}:
        raise first.refuse(f"is {own.sql}, which has no {name}")
    if name == "array_agg":
        return _array(first)
    return own


def _array(item: Operand) -> ColumnType:
    element = item.column.type
    if element.kind in {"array", "unknown"}:
        raise item.refuse(f"is {element.sql}, of which no list is made")
    return ColumnType(
        kind="array",
        sql=f"{element.sql}[]",
        python=list,
        element=element,
        element_nullable=item.column.nullable,
    )


def _window(scope: Scope, node: WindowCall) -> Operand:
    function = node.function
    if not isinstance(function, AggregateCall):
        raise QueryError("over() stands behind an aggregate or a window function")
    if scope.stage != "window":
        raise QueryError("over() stands in select() and order_by() only", model=scope.model)
    if function.distinct or function.ordering:
        raise QueryError(f"over() takes no {function.name}() of different or of sorted values")
    if node.frame is not None and node.frame.unit == "groups" and not node.ordering:
        raise QueryError("groups=… counts groups of rows that are equal in order_by=…")
    # Windows are looked at after rows were grouped, so they may be about groups.
    with scope.at("group"):
        operand = _called(scope, function)
        return operand.like(f"{operand.text} OVER ({_over(scope, node)})", operand.column)


def _over(scope: Scope, node: WindowCall) -> str:
    parts: list[str] = []
    if node.partition:
        keys = ", ".join([scope.operand(key).text for key in node.partition])
        parts.append(f"PARTITION BY {keys}")
    if node.ordering:
        keys = ", ".join([ordering_sql(scope, key) for key in node.ordering])
        parts.append(f"ORDER BY {keys}")
    if node.frame is not None:
        parts.append(_frame(node.frame))
    return " ".join(parts)


def _frame(frame: Frame) -> str:
    start = _bound(frame.start, "PRECEDING")
    return f"{frame.unit.upper()} BETWEEN {start} AND {_bound(frame.end, 'FOLLOWING')}"


def _bound(bound: Bound, endless: str) -> str:
    if bound is None:
        return f"UNBOUNDED {endless}"
    if bound == 0:
        return "CURRENT ROW"
    # Checked to be an int when the frame was made; it is part of the shape.
    return f"{-bound} PRECEDING" if bound < 0 else f"{bound} FOLLOWING"


AGGREGATES: Mapping[type[Any], Callable[[Scope, Any], Operand]] = {
    AggregateCall: _aggregate,
    WindowCall: _window,
}
"""Writers of aggregates and window functions."""

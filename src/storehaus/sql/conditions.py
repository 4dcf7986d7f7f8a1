"""Conditions as SQL."""

from collections.abc import Callable, Mapping
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Condition
from storehaus.expr.condition import (
    And,
    AnyItem,
    Between,
    Comparison,
    Containment,
    Like,
    Membership,
    Not,
    NullTest,
    Or,
    Overlap,
)
from storehaus.expr.node import Node, Value
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType
from storehaus.sql.binder import Literals
from storehaus.sql.operands import TEXT, Operand, comparable, operand_sql
from storehaus.sql.scope import Scope, comparand, retyped

__all__ = ["condition_sql", "is_vacuous", "render_literal_condition"]

_COMPARATORS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

_ANY_JSON = ColumnType(kind="jsonb", sql="jsonb", python=Any)


def condition_sql(scope: Scope, condition: Condition) -> str:
    """Write a condition.

    Raises:
        QueryError: On an unknown name, a value that does not fit, or nesting without end.
    """
    try:
        return _write(scope, condition)
    except RecursionError:
        raise QueryError("the condition is nested too deeply", model=scope.model) from None


def render_literal_condition(info: TableInfo, condition: Condition) -> str:
    """Write a condition with its values as literals, for CHECKs and predicates of indexes.

    Raises:
        QueryError: As `condition_sql`.
    """
    return condition_sql(Scope(info, Literals()), condition)


def is_vacuous(condition: Condition) -> bool:
    """Whether a condition holds for every row by its shape, so that it filters nothing."""
    if isinstance(condition, And):
        return all(map(is_vacuous, condition.parts))
    if isinstance(condition, Or):
        return any(map(is_vacuous, condition.parts))
    if isinstance(condition, Not):
        return isinstance(condition.part, Or) and not condition.part.parts
    if isinstance(condition, Membership):
        return condition.negated and not condition.values
    if isinstance(condition, Like):
        return _is_one_of(condition.pattern, "%", "%%")
    return isinstance(condition, Containment) and _is_one_of(condition.part, [], {})


def _is_one_of(node: Node, *values: object) -> bool:
    return isinstance(node, Value) and node.value in values


def _write(scope: Scope, condition: Condition) -> str:
    writer = _WRITERS.get(type(condition))
    if writer is None:
        raise QueryError(f"{type(condition).__name__} cannot be used here", model=scope.model)
    return writer(scope, condition)


def _and(scope: Scope, condition: And) -> str:
    return " AND ".join([_inside(scope, part, Or) for part in condition.parts]) or "TRUE"


def _or(scope: Scope, condition: Or) -> str:
    return " OR ".join([_inside(scope, part, And) for part in condition.parts]) or "FALSE"


def _inside(scope: Scope, part: Condition, other: type[And] | type[Or]) -> str:
    text = _write(scope, part)
    return f"({text})" if isinstance(part, other) else text


def _not(scope: Scope, condition: Not) -> str:
    return f"NOT ({_write(scope, condition.part)})"


def _comparison(scope: Scope, condition: Comparison) -> str:
    left = operand_sql(scope, condition.left)
    if left.column.type.kind == "jsonb" and condition.comparator not in {"eq", "ne"}:
        raise scope.refuse(left.column, "is JSON, which has no useful order")
    right = _beside(scope, left, condition.right)
    return f"{left.text} {_COMPARATORS[condition.comparator]} {right}"


def _beside(scope: Scope, left: Operand, node: Node) -> str:
    """Write what a value or expression is that stands beside another."""
    if isinstance(node, Value):
        return scope.value(comparand(left.column), node.value)
    right = operand_sql(scope, node)
    if not comparable(left.column, right.column):
        types = f"{left.column.type.sql} and {right.column.type.sql}"
        raise scope.refuse(left.column, f"cannot be compared with {right.column.name}: {types}")
    return right.text


def _null_test(scope: Scope, condition: NullTest) -> str:
    test = "IS NOT NULL" if condition.negated else "IS NULL"
    return f"{operand_sql(scope, condition.operand).text} {test}"


def _membership(scope: Scope, condition: Membership) -> str:
    found = operand_sql(scope, condition.operand)
    if found.column.type.kind == "array":
        raise scope.refuse(found.column, "is an array; use overlaps, contains or any_")
    item = comparand(found.column)
    values = [scope.wire(item, value) for value in condition.values if value is not None]
    array = scope.write(_array_of(item), values, cast=True)
    with_null = len(values) < len(condition.values)
    if condition.negated:
        text = f"{found.text} <> ALL({array})"
        return f"({text} AND {found.text} IS NOT NULL)" if with_null else text
    text = f"{found.text} = ANY({array})"
    return f"({text} OR {found.text} IS NULL)" if with_null else text


def _array_of(item: ColumnInfo) -> ColumnInfo:
    element = item.type
    # No value is checked against it any more, so its Python type is of no use.
    array = ColumnType(kind="array", sql=f"{element.sql}[]", python=list, element=element)
    return retyped(item, array)


def _between(scope: Scope, condition: Between) -> str:
    found = operand_sql(scope, condition.operand)
    if found.column.type.kind == "jsonb":
        raise scope.refuse(found.column, "is JSON, which has no useful order")
    low = _beside(scope, found, condition.low)
    return f"{found.text} BETWEEN {low} AND {_beside(scope, found, condition.high)}"


def _like(scope: Scope, condition: Like) -> str:
    found = operand_sql(scope, condition.operand)
    if found.column.type.kind != "text":
        raise scope.refuse(found.column, f"is {found.column.type.sql}; only text matches a pattern")
    pattern = condition.pattern
    if isinstance(pattern, Value):
        text = scope.value(retyped(found.column, TEXT), pattern.value)
        _check_pattern(scope, found.column, pattern.value)
    else:
        text = _beside(scope, found, pattern)
    return f"{found.text} {'ILIKE' if condition.ignore_case else 'LIKE'} {text}"


def _check_pattern(scope: Scope, column: ColumnInfo, pattern: str) -> None:
    escapes = len(pattern) - len(pattern.rstrip("\\"))
    if escapes % 2:
        raise scope.refuse(column, "is matched with a pattern whose last escape escapes nothing")


def _containment(scope: Scope, condition: Containment) -> str:
    whole = operand_sql(scope, condition.operand)
    kind = whole.column.type.kind
    if kind not in {"array", "jsonb"}:
        raise scope.refuse(whole.column, f"is {whole.column.type.sql}, which contains nothing")
    part = condition.part
    if kind == "jsonb" and isinstance(part, Value):
        # A part need not be a whole document of the field's type.
        text = scope.value(retyped(whole.column, _ANY_JSON), part.value)
    else:
        text = _array_beside(scope, whole, part)
    return f"{whole.text} @> {text}"


def _overlap(scope: Scope, condition: Overlap) -> str:
    array = operand_sql(scope, condition.operand)
    if array.column.type.kind != "array":
        raise scope.refuse(array.column, f"is {array.column.type.sql}, not an array")
    return f"{array.text} && {_array_beside(scope, array, condition.other)}"


def _array_beside(scope: Scope, array: Operand, node: Node) -> str:
    if isinstance(node, Value):
        return scope.value(comparand(array.column), node.value, cast=True)
    return _beside(scope, array, node)


def _any_item(scope: Scope, condition: AnyItem) -> str:
    array = operand_sql(scope, condition.operand)
    element = array.column.type.element
    if element is None:
        raise scope.refuse(array.column, f"is {array.column.type.sql}, not an array")
    item = comparand(retyped(array.column, element))
    if isinstance(condition.item, Value):
        text = scope.value(item, condition.item.value, cast=True)
    else:
        text = _beside(scope, Operand("", item), condition.item)
    return f"{text} = ANY({array.text})"


_WRITERS: Mapping[type[Condition], Callable[[Scope, Any], str]] = {
    And: _and,
    AnyItem: _any_item,
    Between: _between,
    Comparison: _comparison,
    Containment: _containment,
    Like: _like,
    Membership: _membership,
    Not: _not,
    NullTest: _null_test,
    Or: _or,
    Overlap: _overlap,
}

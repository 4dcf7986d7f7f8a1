"""Conditions as SQL."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Condition
from storehaus.expr.condition import (
    And,
    AnyItem,
    Between,
    Comparison,
    Containment,
    Exists,
    Holds,
    Like,
    Matches,
    Membership,
    Not,
    NullTest,
    Or,
    Overlap,
)
from storehaus.expr.node import Node, Value, Values
from storehaus.model.records import ColumnInfo
from storehaus.model.types import ColumnType
from storehaus.sql.operands import beside, search_sql, value_type
from storehaus.sql.records import Operand, comparand, retyped
from storehaus.sql.scope import Scope
from storehaus.sql.types import ANY_JSON, NO_ORDER, TEXT, UNKNOWN, comparable
from storehaus.sql.values import to_wire

__all__ = ["CONDITIONS", "is_vacuous"]

_NULL = type(None)

_COMPARATORS = {
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "distinct": "IS DISTINCT FROM",
    "not distinct": "IS NOT DISTINCT FROM",
}


def is_vacuous(condition: Condition) -> bool:
    """Whether a condition holds for every row by its shape, so that it filters nothing."""
    return _verdict(condition) is True


def _verdict(condition: Condition) -> bool | None:
    """Say what a condition is for every row by its shape; None where that depends on the row.

    A NULL, which some of these shapes leave out, does not matter here: nobody means it.
    """
    verdict: bool | None = None
    if isinstance(condition, And | Or):
        verdict = _joint_verdict(condition.parts, deciding=isinstance(condition, Or))
    elif isinstance(condition, Not):
        verdict = _verdict(condition.part)
        verdict = None if verdict is None else not verdict
    elif isinstance(condition, Membership):
        empty = isinstance(condition.values, Values) and not condition.values.value
        verdict = condition.negated if empty else None
    elif isinstance(condition, Overlap):
        verdict = False if _is_one_of(condition.other, []) else None
    elif isinstance(condition, Like):
        verdict = True if _is_one_of(condition.pattern, "%", "%%") else None
    elif isinstance(condition, Containment):
        verdict = True if _is_one_of(condition.part, [], {}) else None
    return verdict


def _joint_verdict(parts: tuple[Condition, ...], *, deciding: bool) -> bool | None:
    """Join verdicts: one that decides is enough, otherwise all must agree."""
    verdicts = {_verdict(part) for part in parts}
    if deciding in verdicts:
        return deciding
    return None if None in verdicts else not deciding


def _is_one_of(node: Node, *values: object) -> bool:
    return isinstance(node, Value) and node.value in values


def _and(scope: Scope, condition: And) -> str:
    return " AND ".join([_inside(scope, part, Or) for part in condition.parts]) or "TRUE"


def _or(scope: Scope, condition: Or) -> str:
    return " OR ".join([_inside(scope, part, And) for part in condition.parts]) or "FALSE"


def _inside(scope: Scope, part: Condition, other: type[And] | type[Or]) -> str:
    text = scope.condition(part)
    return f"({text})" if isinstance(part, other) else text


def _not(scope: Scope, condition: Not) -> str:
    return f"NOT ({scope.condition(condition.part)})"


def _comparison(scope: Scope, condition: Comparison) -> str:
    if isinstance(condition.left, Value):
        raise QueryError("a comparison begins with a column or an expression")
    left = scope.operand(condition.left)
    _refuse_order(left, condition.comparator in {"lt", "le", "gt", "ge"})
    right = condition.right
    if isinstance(right, Value) and right.value is None:
        text = "NULL"  # of IS DISTINCT FROM; the other comparisons refuse None
    else:
        text = beside(scope, left, right)
    return f"{left.text} {_COMPARATORS[condition.comparator]} {text}"


def _refuse_order(left: Operand, asked: bool) -> None:
    if asked and left.column.type.kind == "jsonb":
        raise left.refuse(NO_ORDER)


def _null_test(scope: Scope, condition: NullTest) -> str:
    test = "IS NOT NULL" if condition.negated else "IS NULL"
    return f"{scope.operand(condition.operand).text} {test}"


def _membership(scope: Scope, condition: Membership) -> str:
    found = scope.operand(condition.operand)
    values = condition.values
    if not isinstance(values, Values):
        return _in_query(scope, found, condition)
    if found.column.type.kind == "array":
        raise found.refuse("is an array; use overlaps, contains or any_")
    item = comparand(found)
    if item.column.type.kind == "unknown":
        item = retyped(item, _kind_of(found, values))
    array = scope.value(
        retyped(item, _array_of(item.column.type)),
        values,
        cast=True,
        convert=partial(_members, item.model, item.column),
    )
    with_null = _NULL in values.kinds
    if condition.negated:
        text = f"{found.text} <> ALL({array})"
        return f"({text} AND {found.text} IS NOT NULL)" if with_null else text
    text = f"{found.text} = ANY({array})"
    return f"({text} OR {found.text} IS NULL)" if with_null else text


def _kind_of(found: Operand, values: Values) -> ColumnType:
    if len(values.kinds - {_NULL}) > 1:
        raise found.refuse("is looked for among values of several types")
    return value_type(next((value for value in values.value if value is not None), ""))


def _members(model: str, column: ColumnInfo, values: tuple[Any, ...]) -> list[Any]:
    return [to_wire(model, column, value) for value in values if value is not None]


def _in_query(scope: Scope, found: Operand, condition: Membership) -> str:
    body = scope.subselect(condition.values)  # type: ignore[arg-type]  # nothing else is made
    if len(body.outputs) != 1 or body.outputs[0].entity is not None:
        raise found.refuse("is looked for in a query that gives one column")
    right = body.outputs[0].operand.column.type
    if not comparable(found.column.type, right):
        types = f"{found.column.type.sql} and {right.sql}"
        raise found.refuse(f"cannot be compared with what the query gives: {types}")
    return f"{found.text} {'NOT IN' if condition.negated else 'IN'} ({body.text})"


def _array_of(element: ColumnType) -> ColumnType:
    # No value is checked against it any more, so its Python type is of no use.
    return ColumnType(kind="array", sql=f"{element.sql}[]", python=list, element=element)


def _between(scope: Scope, condition: Between) -> str:
    found = scope.operand(condition.operand)
    _refuse_order(found, asked=True)
    low = beside(scope, found, condition.low)
    return f"{found.text} BETWEEN {low} AND {beside(scope, found, condition.high)}"


def _like(scope: Scope, condition: Like) -> str:
    found = scope.operand(condition.operand)
    if found.column.type.kind not in {"text", "unknown"}:
        raise found.refuse(f"is {found.column.type.sql}; only text matches a pattern")
    pattern = condition.pattern
    if isinstance(pattern, Value):
        plain = retyped(found, TEXT)
        text = scope.value(plain, pattern, convert=partial(_pattern, plain))
    else:
        text = beside(scope, found, pattern)
    return f"{found.text} {'ILIKE' if condition.ignore_case else 'LIKE'} {text}"


def _pattern(plain: Operand, pattern: Any) -> Any:
    wire = to_wire(plain.model, plain.column, pattern)
    escapes = len(pattern) - len(pattern.rstrip("\\"))
    if escapes % 2:
        raise plain.refuse("is matched with a pattern whose last escape escapes nothing")
    return wire


def _matches(scope: Scope, condition: Matches) -> str:
    document, search = search_sql(scope, condition.operand, condition.search, condition.config)
    return f"{document} @@ {search}"


def _holds(scope: Scope, condition: Holds) -> str:
    found = scope.operand(condition.operand)
    if found.column.type.kind not in {"boolean", "unknown"}:
        raise found.refuse(f"is {found.column.type.sql}, neither true nor false")
    return found.text


def _exists(scope: Scope, condition: Exists) -> str:
    return f"EXISTS ({scope.grammar.exists(scope, condition.query)})"


def _containment(scope: Scope, condition: Containment) -> str:
    whole = scope.operand(condition.operand)
    kind = whole.column.type.kind
    if kind not in {"array", "jsonb", "unknown"}:
        raise whole.refuse(f"is {whole.column.type.sql}, which contains nothing")
    part = condition.part
    if kind == "jsonb" and isinstance(part, Value):
        # A part need not be a whole document of the field's type.
        text = scope.value(retyped(whole, ANY_JSON), part)
    else:
        text = _array_beside(scope, whole, part)
    return f"{whole.text} @> {text}"


def _overlap(scope: Scope, condition: Overlap) -> str:
    array = scope.operand(condition.operand)
    if array.column.type.kind not in {"array", "unknown"}:
        raise array.refuse(f"is {array.column.type.sql}, not an array")
    return f"{array.text} && {_array_beside(scope, array, condition.other)}"


def _array_beside(scope: Scope, array: Operand, node: Node) -> str:
    return beside(scope, array, node, cast=True)


def _any_item(scope: Scope, condition: AnyItem) -> str:
    array = scope.operand(condition.operand)
    kind = array.column.type
    if kind.element is None and kind.kind != "unknown":
        raise array.refuse(f"is {kind.sql}, not an array")
    item = comparand(retyped(array, kind.element or UNKNOWN))
    return f"{beside(scope, item, condition.item, cast=True)} = ANY({array.text})"


CONDITIONS: Mapping[type[Condition], Callable[[Scope, Any], str]] = {
    And: _and,
    AnyItem: _any_item,
    Between: _between,
    Comparison: _comparison,
    Containment: _containment,
    Exists: _exists,
    Holds: _holds,
    Like: _like,
    Matches: _matches,
    Membership: _membership,
    Not: _not,
    NullTest: _null_test,
    Or: _or,
    Overlap: _overlap,
}
"""Writers of conditions."""

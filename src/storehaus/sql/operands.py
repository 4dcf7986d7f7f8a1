"""Expressions as SQL, each with its type, so that what PostgreSQL would refuse never reaches it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr.expression import Arithmetic
from storehaus.expr.node import Node, Value
from storehaus.model.records import ColumnInfo
from storehaus.model.types import ColumnType, Kind, column_type
from storehaus.sql.identifiers import cast_name, quote_identifier
from storehaus.sql.scope import NUMERIC, Scope, retyped

__all__ = ["NUMBERS", "TEXT", "Operand", "comparable", "operand_sql"]

TEXT = column_type(str)

NUMBERS: tuple[Kind, ...] = ("integer", "numeric", "float")
"""Families of numbers; computing two of them gives the later one."""

_TYPES: dict[Kind, ColumnType] = {
    "integer": column_type(int),
    "numeric": NUMERIC,
    "float": column_type(float),
    "text": TEXT,
    "timestamptz": column_type(datetime),
    "date": column_type(date),
    "interval": column_type(timedelta),
}


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression as SQL.

    Attributes:
        text: SQL that needs no parentheses around it.
        column: The column it is, or comes from, with the type of the result.
    """

    text: str
    column: ColumnInfo


def operand_sql(scope: Scope, node: Node) -> Operand:
    """Write a column or what is computed from one.

    Raises:
        QueryError: On an unknown name, types that cannot be computed with each other, or nesting
            without end.
    """
    try:
        return _operand(scope, node)
    except RecursionError:
        raise QueryError("the expression is nested too deeply", model=scope.model) from None


def _operand(scope: Scope, node: Node) -> Operand:
    if isinstance(node, Arithmetic):
        return _arithmetic(scope, node)  # pyright: ignore[reportUnknownArgumentType]  # any value
    column = scope.column(node)
    return Operand(quote_identifier(column.column), column)


def comparable(left: ColumnInfo, right: ColumnInfo) -> bool:
    """Whether PostgreSQL compares the two types with each other."""
    if left.type.kind in NUMBERS and right.type.kind in NUMBERS:
        return True
    networks = {"inet", "cidr"}
    if left.type.kind in networks and right.type.kind in networks:
        return True
    same_kind = left.type.kind == right.type.kind
    return same_kind and cast_name(None, left.type) == cast_name(None, right.type)


def _arithmetic(scope: Scope, node: Arithmetic[Any]) -> Operand:
    if isinstance(node.left, Value):
        right = _operand(scope, node.right)
        left = _value(scope, node.operator, node.left.value, right)
    else:
        left = _operand(scope, node.left)
        if isinstance(node.right, Value):
            right = _value(scope, node.operator, node.right.value, left)
            _refuse_zero(node.operator, node.right.value)
        else:
            right = _operand(scope, node.right)
    return _computed(scope, node.operator, left, right)


def _value(scope: Scope, operator: str, value: object, other: Operand) -> Operand:
    kind = _kind_beside(operator, value, other.column.type.kind)
    if kind not in _TYPES:
        raise scope.refuse(other.column, f"is {other.column.type.sql}: no arithmetic on it")
    column = retyped(other.column, _TYPES[kind])
    return Operand(scope.value(column, value, cast=True), column)


def _kind_beside(operator: str, value: object, other: Kind) -> Kind:
    """The family a value must belong to; of two that fit, its own type decides."""
    if other in {"timestamptz", "date", "interval"}:
        if isinstance(value, timedelta):
            return "interval"
        if isinstance(value, datetime):
            return "timestamptz"
        if operator in {"*", "/"}:
            return "float"
        return "interval"
    return other


def _refuse_zero(operator: str, value: object) -> None:
    if operator in {"/", "%"} and isinstance(value, int | float | Decimal) and value == 0:
        raise QueryError("division by zero")


def _computed(scope: Scope, operator: str, left: Operand, right: Operand) -> Operand:
    kinds = (left.column.type.kind, right.column.type.kind)
    result = _result(operator, *kinds)
    if result is None:
        raise scope.refuse(left.column, f"cannot be computed: {kinds[0]} {operator} {kinds[1]}")
    symbol = "||" if result == "text" else operator
    text = f"({left.text} {symbol} {right.text})"
    # A date and an interval give a timestamp without time zone.
    text = f"{text}::date" if result == "date" else text
    origin = left.column if left.column.type.kind == result else right.column
    return Operand(text, retyped(origin, _TYPES[result]))


def _result(operator: str, left: Kind, right: Kind) -> Kind | None:
    if left in NUMBERS and right in NUMBERS:
        wider = NUMBERS[max(NUMBERS.index(left), NUMBERS.index(right))]
        return None if operator == "%" and wider == "float" else wider
    return _MIXED.get((operator, left, right))


_MIXED: dict[tuple[str, Kind, Kind], Kind] = {
    ("+", "text", "text"): "text",
    ("+", "timestamptz", "interval"): "timestamptz",
    ("+", "interval", "timestamptz"): "timestamptz",
    ("-", "timestamptz", "interval"): "timestamptz",
    ("-", "timestamptz", "timestamptz"): "interval",
    ("+", "date", "interval"): "date",
    ("+", "interval", "date"): "date",
    ("-", "date", "interval"): "date",
    ("+", "interval", "interval"): "interval",
    ("-", "interval", "interval"): "interval",
    ("*", "interval", "float"): "interval",
    ("*", "interval", "integer"): "interval",
    ("*", "float", "interval"): "interval",
    ("*", "integer", "interval"): "interval",
    ("/", "interval", "float"): "interval",
    ("/", "interval", "integer"): "interval",
}

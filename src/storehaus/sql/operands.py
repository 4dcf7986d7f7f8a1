"""Expressions as SQL, each with its type, so that what PostgreSQL would refuse never reaches it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr.computation import (
    Arithmetic,
    Call,
    Case,
    Cast,
    Excluded,
    Labelled,
    MatchRank,
    Scalar,
    Truth,
    Variadic,
)
from storehaus.expr.node import Node, Parameter, Value
from storehaus.model.identifiers import identifier_problem
from storehaus.model.literals import literal
from storehaus.model.types import ColumnType, Kind
from storehaus.query.sources import checked_name
from storehaus.sql.identifiers import cast_name, quote_identifier
from storehaus.sql.records import Operand, comparand, retyped
from storehaus.sql.scope import Scope
from storehaus.sql.types import (
    BOOLEAN,
    FLOAT,
    INTEGRAL,
    NUMBERS,
    TEXT,
    TYPES,
    UNKNOWN,
    comparable,
    computed_column,
    is_whole,
    type_of_annotation,
    type_of_value,
)
from storehaus.sql.values import to_wire

__all__ = ["OPERANDS", "beside", "search_sql", "together", "value_type"]

# Grammar of SQL, not functions: quoted they would not be found.
_WORDS = frozenset({"coalesce", "nullif", "greatest", "least", "grouping"})


def beside(scope: Scope, left: Operand, node: Node, *, cast: bool = False) -> str:
    """Write a value or an expression that stands beside another one.

    Raises:
        QueryError: When the two cannot be compared.
    """
    if isinstance(node, Value):
        if left.column.type.kind == "unknown":
            return _alone(scope, node, node.value, left).text
        return scope.value(comparand(left), node, cast=cast)
    right = scope.operand(node)
    if not comparable(left.column.type, right.column.type):
        types = f"{left.column.type.sql} and {right.column.type.sql}"
        raise left.refuse(f"cannot be compared with {right.column.name}: {types}")
    return right.text


def together(scope: Scope, nodes: Sequence[Node], name: str) -> tuple[list[str], Operand]:
    """Write values that must be of one type.

    Args:
        scope: Where they stand.
        nodes: Expressions and values, at least one.
        name: What they make, for messages.

    Returns:
        Their texts in order, and an operand of the common type.

    Raises:
        QueryError: When they have none.
    """
    written = [None if isinstance(node, Value) else scope.operand(node) for node in nodes]
    known = [operand for operand in written if operand is not None]
    if not known:
        first = nodes[0]
        assert isinstance(first, Value)  # noqa: S101 - all of them are
        model = computed_column(name, value_type(first.value), nullable=False)
        known = [Operand("", model, scope.model, scope.schema)]
    common = known[0]
    for other in known[1:]:
        common = _wider(common, other)
    decimals = any(isinstance(node, Value) and isinstance(node.value, Decimal) for node in nodes)
    if decimals and common.column.type.kind == "numeric":
        common = comparand(common)
    texts = [
        beside(scope, common, node, cast=True) if operand is None else operand.text
        for node, operand in zip(nodes, written, strict=True)
    ]
    return texts, common


def _wider(left: Operand, right: Operand) -> Operand:
    if not comparable(left.column.type, right.column.type):
        types = f"{left.column.type.sql} and {right.column.type.sql}"
        raise left.refuse(f"is of another type than {right.column.name}: {types}")
    kinds = [left.column.type.kind, right.column.type.kind]
    if kinds[0] == "unknown":
        return right
    if all(kind in NUMBERS for kind in kinds) and NUMBERS.index(kinds[1]) > NUMBERS.index(kinds[0]):
        return right
    if kinds == ["numeric", "numeric"] and is_whole(left.column.type):
        return right
    return left


def search_sql(scope: Scope, node: Node, search: Value, config: str) -> tuple[str, str]:
    """Write the document and the query of a full text search.

    Raises:
        QueryError: When the operand is no text, or the configuration no name.
    """
    text = scope.operand(node)
    if text.column.type.kind not in {"text", "unknown"}:
        raise text.refuse(f"is {text.column.type.sql}; only text can be searched")
    if identifier_problem(config):
        raise text.refuse("is searched with a configuration that has no such name")
    # A literal, or no index could serve it. It is a name of the developer's own.
    name = f"{literal(config)}::regconfig"
    wanted = scope.value(retyped(text, TEXT), search)
    return f"to_tsvector({name}, {text.text})", f"websearch_to_tsquery({name}, {wanted})"


def _made(
    scope: Scope, text: str, name: str, kind: ColumnType, *, nullable: bool = True
) -> Operand:
    column = computed_column(name, kind, nullable=nullable)
    return Operand(text, column, scope.model, scope.schema)


def value_type(value: object) -> ColumnType:
    """Find the type of a value beside others, where its width does not matter."""
    found = type_of_value(value)
    return TYPES["integer"] if found.kind == "integer" else found


def _alone(scope: Scope, node: Value | Parameter, value: object, like: Operand | None) -> Operand:
    """Write a value that nothing beside it gives a type."""
    if value is None:
        raise QueryError("None has no type of its own here; use is_null() or cast()")
    found = type_of_value(value) if isinstance(node, Parameter) else value_type(value)
    column = computed_column("value", found, nullable=False)
    schema = scope.schema if like is None else like.schema
    operand = Operand("", column, scope.model, schema)
    return operand.like(scope.value(operand, node, cast=True), column)


def _parameter(scope: Scope, node: Parameter) -> Operand:
    if node.annotation is None:
        return _alone(scope, node, node.value, None)
    found, nullable = type_of_annotation(node.annotation)
    operand = _made(scope, "", "value", found, nullable=nullable)
    return operand.like(scope.value(operand, node, cast=True), operand.column)


def _labelled(scope: Scope, node: Labelled) -> Operand:
    return scope.operand(node.operand)


def _arithmetic(scope: Scope, node: Arithmetic) -> Operand:
    if isinstance(node.left, Value):
        right = scope.operand(node.right)
        left = _counterpart(scope, node.operator, node.left, right)
    else:
        left = scope.operand(node.left)
        if isinstance(node.right, Value):
            divides = node.operator in {"/", "%"}
            right = _counterpart(scope, node.operator, node.right, left, divides=divides)
        else:
            right = scope.operand(node.right)
    return _computed(node.operator, left, right)


def _counterpart(
    scope: Scope, operator: str, node: Value, other: Operand, *, divides: bool = False
) -> Operand:
    kind = _kind_beside(operator, node.value, other.column.type.kind)
    if kind == "unknown":
        return _alone(scope, node, node.value, other)
    if kind not in TYPES:
        raise other.refuse(f"is {other.column.type.sql}: no arithmetic on it")
    typed = retyped(other, TYPES[kind])
    convert = partial(_divisor, typed.model, typed.column) if divides else None
    text = scope.value(typed, node, cast=True, convert=convert)
    if kind == "numeric" and type(node.value) is int:
        typed = retyped(other, INTEGRAL)
    return typed.like(text, typed.column)


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


def _divisor(model: str, column: Any, value: object) -> Any:
    if isinstance(value, int | float | Decimal) and value == 0:
        raise QueryError("division by zero")
    return to_wire(model, column, value)


def _computed(operator: str, left: Operand, right: Operand) -> Operand:
    kinds = (left.column.type.kind, right.column.type.kind)
    if "unknown" in kinds:
        return left.like(
            f"({left.text} {operator} {right.text})", computed_column("computed", UNKNOWN)
        )
    result = _result(operator, *kinds)
    if result is None:
        raise left.refuse(f"cannot be computed: {kinds[0]} {operator} {kinds[1]}")
    symbol = "||" if result == "text" else operator
    text = f"({left.text} {symbol} {right.text})"
    if result == "numeric" and is_whole(left.column.type) and is_whole(right.column.type):
        text = f"div({left.text}, {right.text})" if operator == "/" else text
        return left.like(text, retyped(left, INTEGRAL).column)
    # A date and an interval give a timestamp without time zone.
    text = f"{text}::date" if result == "date" else text
    origin = left if left.column.type.kind == result else right
    nullable = left.nullable or right.nullable
    return origin.like(text, retyped(origin, TYPES[result], nullable=nullable).column)


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


def _cast(scope: Scope, node: Cast) -> Operand:
    found, _ = type_of_annotation(node.annotation)
    name = found.sql if found.numeric is not None else cast_name(scope.schema, found)
    if isinstance(node.operand, Parameter) and node.operand.value is None:
        return _made(scope, f"NULL::{name}", "cast", found)
    source = scope.operand(node.operand)
    column = computed_column(source.column.name, found, nullable=source.nullable)
    return Operand(f"{source.text}::{name}", column, source.model, scope.schema)


def _case(scope: Scope, node: Case) -> Operand:
    conditions = [scope.condition(condition) for condition, _ in node.branches]
    values = [value for _, value in node.branches]
    if node.otherwise is not None:
        values.append(node.otherwise)
    texts, common = together(scope, values, "case")
    branches = [
        f"WHEN {condition} THEN {text}" for condition, text in zip(conditions, texts, strict=False)
    ]
    otherwise = f" ELSE {texts[-1]}" if node.otherwise is not None else ""
    column = computed_column("case", common.column.type)
    return common.like(f"(CASE {' '.join(branches)}{otherwise} END)", column)


def _variadic(scope: Scope, node: Variadic) -> Operand:
    texts, common = together(scope, node.parts, node.keyword)
    whole = is_whole(common.column.type)
    found = common.column.type if whole else comparand(common).column.type
    column = computed_column(node.keyword, found)
    return common.like(f"{node.keyword}({', '.join(texts)})", column)


def _call(scope: Scope, node: Call) -> Operand:
    scope.writer.reset_after()
    for part in node.name:
        checked_name(part)
    arguments = ", ".join([scope.operand(argument).text for argument in node.arguments])
    name, label = node.name[0], node.name[-1]
    if len(node.name) > 1 or name not in _WORDS:
        name = ".".join(map(quote_identifier, node.name))
    found = UNKNOWN if node.annotation is None else type_of_annotation(node.annotation)[0]
    # Whatever was said of the result, a function may give NULL: pages must not lose such rows.
    return _made(scope, f"{name}({arguments})", label, found)


def _rank(scope: Scope, node: MatchRank) -> Operand:
    document, search = search_sql(scope, node.operand, node.search, node.config)
    return _made(scope, f"ts_rank({document}, {search})::double precision", "match_rank", FLOAT)


def _scalar(scope: Scope, node: Scalar) -> Operand:
    body = scope.subselect(node.query)
    if len(body.outputs) != 1 or body.outputs[0].entity is not None:
        raise QueryError("a query that stands for a value gives one column")
    found = body.outputs[0].operand
    return found.like(f"({body.text})", computed_column(found.column.name, found.column.type))


def _truth(scope: Scope, node: Truth) -> Operand:
    return _made(scope, f"({scope.condition(node.condition)})", "truth", BOOLEAN)


def _excluded(scope: Scope, node: Excluded) -> Operand:
    if not scope.excluded:
        raise QueryError("excluded() means something in the condition of an upsert only")
    found = scope.reference(node.column)
    return found.like(f"EXCLUDED.{quote_identifier(found.column.column)}", found.column)


OPERANDS: Mapping[type[Any], Callable[[Scope, Any], Operand]] = {
    Arithmetic: _arithmetic,
    Call: _call,
    Case: _case,
    Cast: _cast,
    Excluded: _excluded,
    Labelled: _labelled,
    MatchRank: _rank,
    Parameter: _parameter,
    Scalar: _scalar,
    Truth: _truth,
    Variadic: _variadic,
}
"""Writers of expressions."""

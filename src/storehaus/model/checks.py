"""The bounds of a field as CHECKs, so that rows from outside keep them too."""

from collections.abc import Iterator
from typing import Any

from storehaus.model.identifiers import constraint_name
from storehaus.model.literals import literal
from storehaus.model.records import CheckInfo, ColumnInfo
from storehaus.model.validation import wire_value

__all__ = ["field_checks"]

_OPERATORS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def field_checks(model: str, table: str, column: ColumnInfo) -> Iterator[CheckInfo]:
    """Give one CHECK per bound, named `table_column_rule`."""
    for rule, value in column.bounds.rules():
        yield _check(table, column, rule, _condition(model, column, rule, value))
    item = column.type.element or column.type
    if item.labels and item.enum is None:
        yield _check(table, column, "choice", _choice(column, item.labels))


def _choice(column: ColumnInfo, labels: tuple[str, ...]) -> str:
    choices = ", ".join(map(literal, labels))
    if column.type.element is None:
        return f"{_quoted(column)} IN ({choices})"
    items = _quoted(column)
    if column.type.element_nullable:
        # No array contains a NULL, not even one that has one.
        items = f"array_remove({items}, NULL)"
    return f"{items} <@ ARRAY[{choices}]"


def _check(table: str, column: ColumnInfo, rule: str, condition: str) -> CheckInfo:
    name = constraint_name(table, [column.column], rule)
    return CheckInfo(name=name, condition=condition, fields=(column.name,))


def _condition(model: str, column: ColumnInfo, rule: str, value: Any) -> str:
    quoted = _quoted(column)
    match rule:
        case "pattern":
            # In other collations \w has letters that Python's re.ASCII has not.
            return f'{quoted} COLLATE "C" ~ {literal(value)}'
        case "min_length":
            return f"{_length(column)} >= {value}"
        case "max_length":
            return f"{_length(column)} <= {value}"
        case _:
            bound = literal(wire_value(model, column, value, bounds=False))
            return f"{quoted} {_OPERATORS[rule]} {bound}"


def _length(column: ColumnInfo) -> str:
    functions = {"text": "char_length", "bytes": "octet_length"}
    return f"{functions.get(column.type.kind, 'cardinality')}({_quoted(column)})"


def _quoted(column: ColumnInfo) -> str:
    # Names are letters, digits and underscores: see identifiers.identifier_problem.
    return f'"{column.column}"'

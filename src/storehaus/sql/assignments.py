"""The right-hand sides of SET."""

from collections.abc import Iterable, Mapping
from typing import Any, cast, get_origin

from storehaus.errors import QueryError, ValidationError
from storehaus.expr import Column
from storehaus.expr.expression import Expression
from storehaus.expr.node import Name, Node
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType
from storehaus.model.validation import wire_value
from storehaus.query import UpdateSet
from storehaus.sql.binder import Writer
from storehaus.sql.grammar import operand_sql, table_scope
from storehaus.sql.records import Operand
from storehaus.sql.scope import Scope
from storehaus.sql.types import NUMBERS, comparable

__all__ = ["assignable", "assigned_sql", "compile_assignments", "plain_columns"]


def compile_assignments(
    info: TableInfo, changes: Mapping[Any, Any] | UpdateSet, binder: Writer
) -> list[tuple[ColumnInfo, str]]:
    """Write what each changed column becomes.

    Args:
        info: The model that is written to.
        changes: Column or name of a field → value or expression.
        binder: Takes the values.

    Returns:
        Pairs of column and SQL, in the order of the changes, at least one.

    Raises:
        QueryError: On an unknown name, a field changed twice, no change at all, or an expression of
            another type.
        ValidationError: On a value that does not fit its field, and for fields that no update may
            change: the primary key, and those declared so.
    """
    scope = table_scope(info, binder)
    found: dict[ColumnInfo, str] = {}
    for field, value in _pairs(changes):
        target = scope.reference(Name(field) if isinstance(field, str) else _column(field))
        if target.column in found:
            raise target.refuse("is changed twice")
        _check_updatable(target)
        found[target.column] = assigned_sql(scope, target, value)
    if not found:
        raise QueryError("there is nothing to change", model=scope.model)
    return list(found.items())


def plain_columns(
    info: TableInfo, changes: Mapping[Any, Any] | UpdateSet | None
) -> tuple[ColumnInfo, ...] | None:
    """Give what changes, in the order of the changes, where all become values.

    None says nothing of the changes but that `compile_assignments` must look at them.
    """
    if not changes or not isinstance(changes, dict):
        return None
    found: list[ColumnInfo] = []
    for field, value in changes.items():
        column = info.by_name.get(field) if isinstance(field, str) else _own_column(info, field)
        if column is None or isinstance(value, Node) or column in found:
            return None
        if column.primary_key or column.system or not column.updatable:
            return None
        found.append(column)
    return tuple(found)


def _own_column(info: TableInfo, field: object) -> ColumnInfo | None:
    if isinstance(field, Column) and field.model is info.model:  # pyright: ignore[reportUnknownMemberType]  # any value
        return info.by_name.get(field.name)
    return None


def _pairs(changes: Mapping[Any, Any] | UpdateSet) -> Iterable[tuple[Any, Any]]:
    if isinstance(changes, UpdateSet):
        return changes.changes
    if isinstance(changes, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        return changes.items()
    raise QueryError(f"changes are a mapping or an UpdateSet, not {type(changes).__name__}")


def _column(field: object) -> Column[Any]:
    if isinstance(field, Column):
        return field  # pyright: ignore[reportUnknownVariableType]  # any value
    raise QueryError(f"a field is a column or a name, not {type(field).__name__}")


def _check_updatable(target: Operand) -> None:
    column = target.column
    if column.updatable and not column.primary_key and not column.system:
        return
    rule = "primary keys are never updated" if column.primary_key else "is not updatable"
    raise ValidationError(
        f"{target.model}.{column.name}: {rule}", model=target.model, field=column.name, rule=rule
    )


def assigned_sql(scope: Scope, target: Operand, value: object) -> str:
    """Write what a column becomes: a value or the result of an expression.

    Raises:
        ValidationError: When the value does not fit the field.
        QueryError: When the expression is of another type.
    """
    if not isinstance(value, Node):
        return scope.constant(target, wire_value(target.model, target.column, value))
    if not isinstance(value, Expression):
        raise target.refuse(f"becomes a value or an expression, not {type(value).__name__}")
    computed = operand_sql(scope, cast("Node", value))
    if not assignable(computed.column.type, target.column.type):
        types = f"{computed.column.type.sql} is no {target.column.type.sql}"
        raise target.refuse(f"cannot become the result of this expression: {types}")
    return computed.text


def assignable(source: ColumnType, target: ColumnType) -> bool:
    """Whether a computed value can be stored in a column, and read from it again.

    What may have a fraction is no integer, but a sum of integers is one; a fraction of more digits
    than the column has is rounded. JSON must be what the field is read as: nothing in the database
    would say so.
    """
    if source.kind == target.kind == "jsonb":
        given, wanted = source.python, target.python
        return wanted is Any or given in {wanted, get_origin(wanted)}
    whole = source.kind == "integer" or source.python is int
    loses = target.kind == "integer" and source.kind in NUMBERS and not whole
    return comparable(source, target) and not loses

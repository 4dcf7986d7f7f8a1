"""INSERT … SELECT: rows that the database makes of others."""

from typing import Any

from storehaus.errors import QueryError
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.query.query import Fluent
from storehaus.sql.assignments import assignable
from storehaus.sql.binder import Binder
from storehaus.sql.columns import column_list, returning
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.identifiers import quote_identifier, table_name
from storehaus.sql.records import Body
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select
from storehaus.sql.statement import Statement

__all__ = ["compile_insert_select"]

_TAGS = '"__tags__"'


def compile_insert_select(
    info: TableInfo, query: Fluent[Any], tags: list[str], *, skip_conflicts: bool
) -> Statement:
    """Write the INSERT of what a projection gives, each value under the name of its field.

    Args:
        info: The model that is written to.
        query: The projection.
        tags: Tags of all rows.
        skip_conflicts: Whether rows that collide with others are passed over.

    Raises:
        QueryError: When a label is no field that is given on create, a type does not fit, or a
            field has no value.
    """
    binder = Binder()
    try:
        body = Select(Scope(GRAMMAR, binder), query.clauses).body()
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None
    columns = _columns(info, body)
    _refuse_missing(info, columns)
    values = ", ".join([f'"s".{quote_identifier(output.label)}' for output in body.outputs])
    on_conflict = " ON CONFLICT DO NOTHING" if skip_conflicts else ""
    text = (
        f"INSERT INTO {table_name(info)} ({column_list(columns)}, {_TAGS})"
        f' SELECT {values}, {binder.write(tags)}::text[] FROM ({body.text}) AS "s"{on_conflict}'
        f" {returning(info)}"
    )
    return binder.statement(text)


def _columns(info: TableInfo, body: Body) -> list[ColumnInfo]:
    found: list[ColumnInfo] = []
    for output in body.outputs:
        column = None if output.entity is not None else info.by_name.get(output.label)
        if column is None:
            raise _refused(info, f"it has no field {output.label!r:.60}; label the values")
        if not column.insertable:
            raise _refused(info, f"{column.name} is not given on create", column.name)
        source = output.operand.column.type
        if not assignable(source, column.type):
            types = f"{source.sql} is no {column.type.sql}"
            reason = f"{column.name} cannot become what is selected: {types}"
            raise _refused(info, reason, column.name)
        found.append(column)
    return found


def _refuse_missing(info: TableInfo, given: list[ColumnInfo]) -> None:
    """Only the database fills what is left out: a default that Python makes would be missing."""
    for column in info.columns:
        filled = column.default_sql or column.identity or column.system or column.version
        if column not in given and not filled and not column.nullable:
            raise _refused(info, f"{column.name} needs a value: select one", column.name)
        if column not in given and column.default_factory is not None and not filled:
            raise _refused(info, f"{column.name} is made by Python: select a value", column.name)


def _refused(info: TableInfo, reason: str, field: str | None = None) -> QueryError:
    name = info.model.__name__
    return QueryError(f"create_from of {name}: {reason}", model=name, field=field)

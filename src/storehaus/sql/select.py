"""Queries as SQL."""

from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Ordering
from storehaus.expr.condition import And
from storehaus.model.records import TableInfo
from storehaus.query.query import Clauses, Query
from storehaus.sql.binder import Binder, Writer
from storehaus.sql.conditions import condition_sql, is_vacuous
from storehaus.sql.identifiers import column_list, quote_identifier, table_name
from storehaus.sql.operands import operand_sql
from storehaus.sql.scope import Scope
from storehaus.sql.statement import Statement

__all__ = ["compile_count", "compile_exists", "compile_filter", "compile_find", "has_filter"]


def compile_find(info: TableInfo, query: Query[Any]) -> Statement:
    """Write the SELECT of whole rows, columns in the order of `info.columns`.

    Raises:
        QueryError: When the query is about another model, or means nothing for this one.
    """
    binder = Binder()
    scope = _scope(info, query, binder)
    text = _select(info) + _from(scope, query.clauses)
    text += _order_by(scope, query.clauses.ordering)
    return binder.statement(text + _limits(query.clauses, binder))


def compile_count(info: TableInfo, query: Query[Any]) -> Statement:
    """Write the SELECT of the number of rows that the query gives; it gives one row.

    Raises:
        QueryError: As `compile_find`.
    """
    binder = Binder()
    clauses = query.clauses
    rows = _from(_scope(info, query, binder), clauses)
    if clauses.limit is None and clauses.offset is None:
        return binder.statement(f"SELECT count(*){rows}")
    limited = f"SELECT 1{rows}{_limits(clauses, binder)}"
    return binder.statement(f'SELECT count(*) FROM ({limited}) AS "limited"')


def compile_exists(info: TableInfo, query: Query[Any]) -> Statement:
    """Write the SELECT of whether the query gives a row; it gives one boolean.

    Raises:
        QueryError: As `compile_find`.
    """
    binder = Binder()
    rows = _from(_scope(info, query, binder), query.clauses)
    return binder.statement(f"SELECT EXISTS (SELECT 1{rows}{_limits(query.clauses, binder)})")


def compile_filter(info: TableInfo, query: Query[Any], binder: Writer) -> str:
    """Write the condition of a query for the WHERE of an UPDATE or DELETE.

    Args:
        info: The model that is written to.
        query: Which rows. The order does not matter.
        binder: Takes the values.

    Returns:
        The condition, that of soft delete included; empty when every row is meant.

    Raises:
        QueryError: As `compile_find`, and when the query has a limit or an offset, which a write
            cannot keep to.
    """
    scope = _scope(info, query, binder)
    if query.clauses.limit is not None or query.clauses.offset is not None:
        raise QueryError("a write by query has neither limit nor offset", model=scope.model)
    return _where(scope, query.clauses)


def has_filter(query: Query[Any]) -> bool:
    """Whether a query can leave rows out, soft delete aside.

    Conditions that hold for every row by their shape, such as `filter_by_all_tags([])`, do
    not count.
    """
    return not all(map(is_vacuous, query.clauses.conditions))


def _select(info: TableInfo) -> str:
    # The list of columns is the longest part, and always the same.
    known: str | None = info.derived.get(_select)
    if known is None:
        known = info.derived[_select] = f"SELECT {column_list(info.columns)}"
    return known


def _scope(info: TableInfo, query: Query[Any], writer: Writer) -> Scope:
    if query.model is not None and query.model is not info.model:
        raise QueryError(
            f"the query is about {query.model.__name__}, not about {info.model.__name__}",
            model=info.model.__name__,
        )
    return Scope(info, writer)


def _from(scope: Scope, clauses: Clauses) -> str:
    where = _where(scope, clauses)
    return f" FROM {table_name(scope.info)}" + (f" WHERE {where}" if where else "")


def _where(scope: Scope, clauses: Clauses) -> str:
    visible = _visible(scope, clauses)
    given = condition_sql(scope, And(clauses.conditions)) if clauses.conditions else ""
    return " AND ".join(filter(None, (given, visible)))


def _visible(scope: Scope, clauses: Clauses) -> str:
    flag = scope.info.soft_delete
    if clauses.visibility == "deleted" and flag is None:
        raise QueryError(
            f"{scope.model} does not soft-delete, so it has no deleted rows", model=scope.model
        )
    if flag is None or clauses.visibility == "all":
        return ""
    text = quote_identifier(flag.column)
    return text if clauses.visibility == "active" else f"NOT {text}"


def _order_by(scope: Scope, ordering: tuple[Ordering, ...]) -> str:
    if not ordering:
        return ""
    return " ORDER BY " + ", ".join([_sort_key(scope, key) for key in ordering])


def _sort_key(scope: Scope, key: Ordering) -> str:
    text = operand_sql(scope, key.operand).text
    direction = " DESC" if key.descending else ""
    nulls = "" if key.nulls is None else f" NULLS {key.nulls.upper()}"
    return text + direction + nulls


def _limits(clauses: Clauses, writer: Writer) -> str:
    limit = "" if clauses.limit is None else f" LIMIT {writer.write(clauses.limit)}"
    offset = "" if clauses.offset is None else f" OFFSET {writer.write(clauses.offset)}"
    return limit + offset

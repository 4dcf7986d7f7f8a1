"""SELECTs of the rows that belong to many others, all of them at once."""

from collections.abc import Sequence
from typing import Any

from storehaus.expr.condition import And
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.relation import Relation
from storehaus.model.routes import Link, Route
from storehaus.sql.aggregates import ordering_sql
from storehaus.sql.binder import Binder
from storehaus.sql.columns import INPUT, TABLE, active, qualified, typed_unnest
from storehaus.sql.grammar import condition_sql, table_scope
from storehaus.sql.identifiers import table_name
from storehaus.sql.statement import Statement

__all__ = ["compile_related"]

# No field is called so, and the columns of a condition are those of the related model alone.
_NUMBER = f'{INPUT}."#"'

_LINK = '"l"'


def compile_related(
    relation: Relation[Any, Any], route: Route, keys: Sequence[list[Any]]
) -> Statement:
    """Write the SELECT of related rows.

    Args:
        relation: Whose rows, and which of them.
        route: The way of the relation.
        keys: Values of `route.own` in wire form, an array per column, no key twice.

    Returns:
        A statement that gives the number of the key, counted from 1, then the columns of the
        related row in the order of an instance. Rows of a `Many` come in its order; for a `One`
        there is at most one per key.

    Raises:
        QueryError: When a condition or sort key means nothing for the related model.
    """
    owner: TableInfo = relation.model.__table_info__
    if relation.conditions or relation.ordering:
        binder = Binder()
        for values in keys:
            binder.write(values)
        return binder.statement(_select(owner, relation, route, binder))
    key = (compile_related, relation.name, relation.deleted)
    text: str | None = owner.derived.get(key)
    if text is None:
        text = owner.derived[key] = _select(owner, relation, route, Binder())
    return Statement(text, tuple(keys))


def _select(owner: TableInfo, relation: Relation[Any, Any], route: Route, binder: Binder) -> str:
    target = route.target
    given = _given(owner, route.own)
    if route.link is not None:
        given = _linked(given, route.link, deleted=relation.deleted)
    condition, sort_keys = _wanted(target, relation, binder)
    several = not relation.declared.many and not route.refers
    distinct = f"DISTINCT ON ({_NUMBER}) " if several else ""
    columns = ", ".join(qualified(TABLE, column) for column in target.columns)
    return (
        f"SELECT {distinct}{_NUMBER}, {columns}"
        f" FROM {given}, {table_name(target)} AS {TABLE}"
        f" WHERE {_matched(TABLE, route.keys)}{condition}"
        + ("" if relation.deleted else active(target, TABLE))
        + _order_by(relation, route, sort_keys)
    )


def _given(owner: TableInfo, columns: Sequence[ColumnInfo]) -> str:
    """The keys as a relation: their number, then their parts as `"#1"` and so on."""
    relation, values = typed_unnest(owner, columns)
    return f'(SELECT "u"."#", {values} FROM {relation}) AS {INPUT}({_names(columns)})'


def _linked(given: str, link: Link, *, deleted: bool) -> str:
    """The same with the keys of the far side, by way of the model in between."""
    columns = ", ".join(qualified(_LINK, column) for column in link.far)
    # Two links between the same rows do not make the related row two.
    return (
        f"(SELECT DISTINCT {_NUMBER}, {columns} FROM {given}, {table_name(link.info)} AS {_LINK}"
        f" WHERE {_matched(_LINK, link.near)}{'' if deleted else active(link.info, _LINK)})"
        f" AS {INPUT}({_names(link.far)})"
    )


def _names(columns: Sequence[ColumnInfo]) -> str:
    return ", ".join(['"#"', *(f'"#{i}"' for i in range(1, len(columns) + 1))])


def _matched(alias: str, columns: Sequence[ColumnInfo]) -> str:
    return " AND ".join(
        f'{qualified(alias, column)} = {INPUT}."#{i}"' for i, column in enumerate(columns, start=1)
    )


def _wanted(
    target: TableInfo, relation: Relation[Any, Any], binder: Binder
) -> tuple[str, list[str]]:
    """Write what the relation asks of the related rows: a condition with its AND, and sort keys."""
    scope = table_scope(target, binder, name="t")
    condition = ""
    if relation.conditions:
        condition = f" AND {condition_sql(scope, And(relation.conditions))}"
    return condition, [ordering_sql(scope, key) for key in relation.ordering]


def _order_by(relation: Relation[Any, Any], route: Route, sort_keys: list[str]) -> str:
    if route.refers:
        return ""
    target = route.target
    keys = [*sort_keys, *(qualified(TABLE, column) for column in target.primary_key)]
    if not relation.declared.many:
        # Where deleted rows are seen, an active one still goes first.
        flag = target.soft_delete if relation.deleted else None
        keys = [_NUMBER, *([f"{qualified(TABLE, flag)} DESC"] if flag else ()), *keys]
    return f" ORDER BY {', '.join(keys)}" if keys else ""

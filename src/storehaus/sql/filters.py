"""The condition of writes by query."""

from typing import Any

import msgspec

from storehaus.errors import QueryError
from storehaus.model.records import TableInfo
from storehaus.query.clauses import asks_for
from storehaus.query.query import Fluent
from storehaus.sql.binder import Writer
from storehaus.sql.conditions import is_vacuous
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select

__all__ = ["compile_filter", "has_filter"]


def compile_filter(info: TableInfo, query: Fluent[Any], binder: Writer) -> str:
    """Write the condition of a query for the WHERE of an UPDATE or DELETE.

    Args:
        info: The model that is written to.
        query: Which rows. The order does not matter.
        binder: Takes the values.

    Returns:
        The condition, that of soft delete included; empty when every row is meant.

    Raises:
        QueryError: When the query means nothing, or has parts that a write cannot keep to.
    """
    clauses = query.clauses
    if clauses.source is not None and clauses.source is not info.model:
        raise QueryError(
            f"a write by query is about {info.model.__name__} itself", model=info.model.__name__
        )
    part = asks_for(clauses, *_REFUSED)
    if part is not None:
        raise QueryError(
            f"a write by query has no {_NAMES.get(part, part)}: say in a filter, with"
            " in_(query) or exists_(query), which rows are meant",
            model=info.model.__name__,
        )
    whole = msgspec.structs.replace(clauses, source=info.model)
    try:
        return Select(Scope(GRAMMAR, binder), whole).where()
    except RecursionError:
        raise QueryError("the query is nested too deeply", model=info.model.__name__) from None


_REFUSED = (
    "joins",
    "items",
    "groups",
    "having",
    "distinct",
    "limit",
    "offset",
    "locks",
    "ctes",
    "relations",
)

_NAMES = {
    "items": "projection",
    "ctes": "common table expression",
    "joins": "join",
    "locks": "lock",
    "relations": "relation to load",
}


def has_filter(query: Fluent[Any]) -> bool:
    """Whether a query can leave rows out, soft delete aside.

    Conditions that hold for every row by their shape, such as `filter_by_all_tags([])`, do
    not count.
    """
    try:
        return not all(map(is_vacuous, query.clauses.conditions))
    except RecursionError:
        return True  # and the compiler refuses it for its depth

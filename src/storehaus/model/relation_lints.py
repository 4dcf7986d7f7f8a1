"""Lints of relations, which name models that may come later."""

from collections.abc import Iterator
from typing import Any

from storehaus.errors import ModelDefinitionError
from storehaus.model.findings import Finding, Lint
from storehaus.model.records import TableInfo
from storehaus.model.relation import Relation
from storehaus.model.routes import Route, route_of

__all__ = ["RELATION_LINTS"]


def broken_relation(info: TableInfo) -> Iterator[Finding]:
    """Find relations that would be refused when they are first used."""
    for relation in _relations(info):
        try:
            route_of(relation)
        except ModelDefinitionError as problem:
            hint = (
                "references= or a ForeignKey ties the two models, and related() names its columns"
            )
            message = f"the relation leads nowhere: {problem.rule}"
            yield Lint.BROKEN_RELATION.found(info, message, hint, field=relation.name)


def ambiguous_one(info: TableInfo) -> Iterator[Finding]:
    """Find a One of which there may be several."""
    for relation in _relations(info):
        try:
            route = route_of(relation)
        except ModelDefinitionError:
            continue
        if not (relation.declared.many or route.refers or _is_unique(route)):
            names = ", ".join(column.name for column in route.keys)
            target = route.target.model.__name__
            message = f"several {target} may have the same {names}; the first one is taken"
            hint = f"say unique=True there, or Many[{target}], or give an order_by when loading"
            yield Lint.AMBIGUOUS_ONE.found(info, message, hint, field=relation.name)


def _relations(info: TableInfo) -> list[Relation[Any, Any]]:
    found: dict[str, Relation[Any, Any]] = info.model.__dict__["__relations__"]
    return list(found.values())


def _is_unique(route: Route) -> bool:
    columns = {column.column for column in route.keys}
    keys = [{column.column for column in route.target.primary_key}]
    keys += [
        {key.column for key in index.keys}
        for index in route.target.indexes
        if index.unique and index.where is None
    ]
    return any(key and key <= columns for key in keys)


RELATION_LINTS = (broken_relation, ambiguous_one)

"""The query builder that users hold: a query that can show its SQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from storehaus.errors import QueryError
from storehaus.expr import Condition
from storehaus.model.records import TableInfo
from storehaus.query.query import Query
from storehaus.sql.select import compile_find
from storehaus.sql.statement import Statement

if TYPE_CHECKING:
    from storehaus.model.base import Model

__all__ = ["QueryBuilder", "as_query"]

ModelT = TypeVar("ModelT", bound="Model")


@dataclass(frozen=True, eq=False)
class QueryBuilder(Query[ModelT]):
    """A query over the rows of one model.

        QueryBuilder(Airport).filter(Airport.country == "DE").order_by(Airport.name).limit(20)

    Every method returns a new builder, so a part can be kept and used in several queries.
    `QueryBuilder()` without a model is written with names only (`QueryFilter`, `desc("name")`);
    they are looked up in the model of the store that is asked.
    """

    def to_sql(self) -> Statement:
        """Write the SELECT that a store would send.

        Raises:
            QueryError: When the query means nothing for the model, or has no model.
        """
        if self.model is None:
            raise QueryError("only a query that names its model can be written as SQL")
        return compile_find(self.model.__table_info__, self)


def as_query(info: TableInfo, *parts: Condition | Query[Any]) -> QueryBuilder[Any]:
    """Make one query of what a verb was given: a query, conditions, or both.

    Raises:
        QueryError: When a part is something else (the truth value of a comparison that Python
            answered), when there are two queries, or when the query is about another model.
    """
    queries = [part for part in parts if isinstance(part, Query)]
    if len(queries) > 1:
        raise QueryError("one query is needed, not several", model=info.model.__name__)
    base = queries[0] if queries else QueryBuilder[Any]()
    if base.model is not None and base.model is not info.model:
        raise QueryError(
            f"the query is about {base.model.__name__}, not about {info.model.__name__}",
            model=info.model.__name__,
        )
    conditions: Iterable[Any] = (part for part in parts if not isinstance(part, Query))
    return QueryBuilder[Any](info.model, base.clauses).filter(*conditions)

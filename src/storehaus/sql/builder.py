"""The query builders that users hold: queries that can show their SQL."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, TypeVarTuple, overload

import msgspec

from storehaus.errors import QueryError
from storehaus.expr import Condition, Row
from storehaus.model.records import TableInfo
from storehaus.query.clauses import Clauses
from storehaus.query.joins import joined
from storehaus.query.query import Fluent, Query, remade
from storehaus.query.sources import (
    Combined,
    Derived,
    How,
    SetOperator,
    model_of,
)
from storehaus.sql.projecting import Projecting, Selection
from storehaus.sql.recipes import compile_find
from storehaus.sql.statement import Statement

if TYPE_CHECKING:
    from storehaus.model.base import Model

__all__ = ["QueryBuilder", "RowQuery", "as_query"]

M = TypeVar("M", bound="Model")
J = TypeVar("J", bound="Model")
Js = TypeVarTuple("Js")

AnyRows = "RowQuery[Unpack[tuple[Any, ...]]]"


class RowQuery(Projecting, Fluent[Row[*Js]], Generic[*Js]):
    """A query whose rows are not those of one model: `select` or `models` say what they hold.

    A right or full join makes one, since it also gives rows in which the first model is missing,
    and `QueryBuilder.from_(derived)`.
    """

    __slots__ = ()

    def join(
        self,
        other: "type[Any] | Derived",
        on: Condition | None = None,
        *,
        how: How = "inner",
        lateral: bool = False,
    ) -> "RowQuery[*tuple[Any, ...]]":
        """Take a further model or derived source in; see `QueryBuilder.join`."""
        clauses = joined(self.clauses, other, on, how, lateral=lateral)
        made: RowQuery[*tuple[Any, ...]] = remade(RowQuery, clauses)
        return made

    def models(self) -> Selection[Row[*Js]]:
        """Ask for an instance of each model that takes part, None where a join left it out."""
        found: Selection[Row[*Js]] = self.all_models()
        return found


class QueryBuilder(Projecting, Query[M], Generic[M, *Js]):
    """A query over the rows of one model.

        QueryBuilder(Airport).filter(Airport.country == "DE").order_by(Airport.name).limit(20)

    Every method returns a new builder, so a part can be kept and used in several queries.
    `QueryBuilder()` without a model is written with names only (`QueryFilter`, `desc("name")`);
    they are looked up in the model of the store that is asked.

    Args:
        model: The model whose rows are wanted, an `alias` of it or a `cte` with its rows; None
            means the one of the store that is asked.
    """

    __slots__ = ()

    # The class is generic in the joined models too, of which there are none at first.
    def __init__(self: "QueryBuilder[M]", model: type[M] | None = None) -> None:  # pyright: ignore[reportInvalidTypeVarUse]  # as above
        super().__init__(model)

    @staticmethod
    def from_(source: Derived) -> "RowQuery[*tuple[()]]":
        """Start with the result of another query: `QueryBuilder.from_(totals).select(totals["n"])`.

        Args:
            source: `query.as_(name)`, or `cte(name)` of one that `with_` defines.

        Raises:
            QueryError: When it is something else.
        """
        if not isinstance(source, Derived):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            raise QueryError("from_() starts with query.as_(name) or cte(name)")
        made: RowQuery[*tuple[()]] = remade(RowQuery, Clauses(source=source))
        return made

    @overload
    def join(
        self,
        other: Derived,
        on: Condition | None = None,
        *,
        how: Literal["inner", "left", "cross"] = "inner",
        lateral: bool = False,
    ) -> "QueryBuilder[M, *Js]": ...
    @overload
    def join(
        self,
        other: type[J],
        on: Condition | None = None,
        *,
        how: Literal["inner", "cross"] = "inner",
    ) -> "QueryBuilder[M, *Js, J]": ...
    @overload
    def join(
        self, other: type[J], on: Condition | None = None, *, how: Literal["left"]
    ) -> "QueryBuilder[M, *Js, J | None]": ...
    @overload
    def join(
        self: "QueryBuilder[M]",
        other: type[J],
        on: Condition | None = None,
        *,
        how: Literal["right"],
    ) -> "RowQuery[M | None, J]": ...
    @overload
    def join(
        self: "QueryBuilder[M]",
        other: type[J],
        on: Condition | None = None,
        *,
        how: Literal["full"],
    ) -> "RowQuery[M | None, J | None]": ...
    @overload
    def join(
        self,
        other: "type[Any] | Derived",
        on: Condition | None = None,
        *,
        how: Literal["right", "full"],
    ) -> "RowQuery[*tuple[Any, ...]]": ...
    def join(
        self,
        other: "type[Any] | Derived",
        on: Condition | None = None,
        *,
        how: How = "inner",
        lateral: bool = False,
    ) -> Any:
        """Take a further model or derived source in.

            QueryBuilder(Airport).join(Country, on=Country.code == Airport.country, how="left")

        Soft-deleted rows take part nowhere, unless `with_deleted()` is said. A row of the model is
        given once for each partner; to ask whether there is one, use `exists_(…)`.

        Args:
            other: A model, an `alias`, `query.as_(name)` or a `cte`.
            on: Which rows belong together; None for a cross join only.
            how: What becomes of rows without a partner: "inner" drops them, "left" keeps those
                before, "right" those of the joined source, "full" both; "cross" pairs all.
            lateral: Whether the subquery may name columns of the sources before it.

        Raises:
            QueryError: When it is no source, or `on` is missing or too much.
        """
        clauses = joined(self.clauses, other, on, how, lateral=lateral)
        kind: Any = RowQuery if how in {"right", "full"} else QueryBuilder
        return remade(kind, clauses)

    def models(self) -> Selection[Row[M, *Js]]:
        """Ask for an instance of each model that takes part, None where a left join left it out."""
        found: Selection[Row[M, *Js]] = self.all_models()
        return found

    def union(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows of both queries, each once."""
        return _combined(self, "union", other)

    def union_all(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows of both queries, as often as they are there."""
        return _combined(self, "union", other, every=True)

    def intersect(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows that both queries give, each once."""
        return _combined(self, "intersect", other)

    def intersect_all(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows that both queries give, as often as both do."""
        return _combined(self, "intersect", other, every=True)

    def except_(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows that the other query does not give, each once."""
        return _combined(self, "except", other)

    def except_all(self, other: Query[M]) -> "QueryBuilder[M]":
        """The rows that are left when those of the other are taken away one by one."""
        return _combined(self, "except", other, every=True)

    def to_sql(self) -> Statement:
        """Write the SELECT that a store would send.

        Raises:
            QueryError: When the query means nothing for the model, or has no model.
        """
        if self.model is None:
            raise QueryError("only a query that names its model can be written as SQL")
        return compile_find(self.model.__table_info__, self)


def _combined(
    left: Query[M], operator: SetOperator, right: object, *, every: bool = False
) -> "QueryBuilder[M]":
    if not isinstance(right, Query):
        raise QueryError(f"a query is combined with another, not with {type(right).__name__}")
    if left.clauses.relations or right.clauses.relations:  # pyright: ignore[reportUnknownMemberType]  # any model
        raise QueryError("relations are included in the whole: one.union(other).include(...)")
    models = (left.model, right.model)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # any model
    if models[0] is None or models[0] is not models[1]:
        raise QueryError("two queries are combined when both name the same model")
    source = Combined(operator, every, left, right, models[0])  # pyright: ignore[reportUnknownArgumentType]  # as above
    made: QueryBuilder[M] = remade(QueryBuilder, Clauses(source=source))
    return made


def as_query(info: TableInfo, *parts: Condition | Fluent[Any]) -> QueryBuilder[Any]:
    """Make one query of what a verb was given: a query, conditions, or both.

    Raises:
        QueryError: When a part is something else (the truth value of a comparison that Python
            answered), when there are two queries, or when the query is about another model.
    """
    queries = [part for part in parts if isinstance(part, Fluent)]
    if len(queries) > 1:
        raise QueryError("one query is needed, not several", model=info.model.__name__)
    clauses = queries[0].clauses if queries else _EMPTY
    _check(info, clauses)
    if len(parts) == 1 and isinstance(parts[0], QueryBuilder) and clauses.source is not None:
        # As it is, for what is known of it already.
        return parts[0]  # pyright: ignore[reportUnknownVariableType]  # of any model
    if clauses.source is None:
        clauses = msgspec.structs.replace(clauses, source=info.model)
    query: QueryBuilder[Any] = remade(QueryBuilder, clauses)
    conditions: Iterable[Any] = [part for part in parts if not isinstance(part, Fluent)]
    return query.filter(*conditions) if conditions else query


def _check(info: TableInfo, clauses: Clauses) -> None:
    name = info.model.__name__
    if clauses.items is not None:
        raise QueryError("a projection has no models: use store.select(query)", model=name)
    model = info.model if clauses.source is None else model_of(clauses.source)
    if model is not info.model:
        other = "a projection" if model is None else model.__name__
        raise QueryError(f"the query is about {other}, not about {name}", model=name)
    if clauses.joins and any(join.how in {"right", "full"} for join in clauses.joins):
        raise QueryError(
            f"a right or full join gives rows without {name} too: use"
            " store.select(query.models()) or query.select(…)",
            model=name,
        )


_EMPTY = Clauses()

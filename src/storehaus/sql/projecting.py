"""`select` and `models`: from a query to a projection."""

from typing import Any, Self, TypeAlias, TypeVar, overload

import msgspec

from storehaus.errors import QueryError
from storehaus.expr import Condition, Expression, Row
from storehaus.query.clauses import Clauses
from storehaus.query.joins import joined
from storehaus.query.query import Fluent, remade
from storehaus.query.selection import selected
from storehaus.query.sources import Combined, Derived, Entity, How, SetOperator, model_of
from storehaus.sql.recipes import compile_selection
from storehaus.sql.statement import Statement

__all__ = ["Projecting", "Selection", "combined"]

T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")
T9 = TypeVar("T9")
T10 = TypeVar("T10")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

Item: TypeAlias = "type[T] | Expression[T]"
AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"


class Selection(Fluent[R_co]):
    """A query that gives rows of a projection; `QueryBuilder(...).select(...)` makes one.

    Every method returns a new query.
    """

    __slots__ = ()

    def to_sql(self) -> Statement:
        """Write the SELECT that a store would send.

        Raises:
            QueryError: When the query means nothing.
        """
        return compile_selection(self)

    def join(
        self,
        other: type[Any] | Derived,
        on: Condition | None = None,
        *,
        how: How = "inner",
        lateral: bool = False,
    ) -> Self:
        """Take a further model or derived source in; see `QueryBuilder.join`.

        Raises:
            QueryError: When it is no source, or `on` is missing or too much.
        """
        made: Self = remade(type(self), joined(self.clauses, other, on, how, lateral=lateral))
        return made

    def union(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows of both, each once."""
        return combined(self, "union", other)

    def union_all(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows of both, as often as they are there."""
        return combined(self, "union", other, every=True)

    def intersect(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows that both give, each once."""
        return combined(self, "intersect", other)

    def intersect_all(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows that both give, as often as both do."""
        return combined(self, "intersect", other, every=True)

    def except_(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows that the other does not give, each once."""
        return combined(self, "except", other)

    def except_all(self, other: "Selection[R_co]") -> "Selection[R_co]":
        """The rows that are left when those of the other are taken away one by one."""
        return combined(self, "except", other, every=True)


class Projecting:
    """What can be asked for parts of its rows."""

    __slots__ = ()

    clauses: Clauses

    @overload
    def select(self, i1: "Item[T1]", /) -> "Selection[Row[T1]]": ...
    @overload
    def select(self, i1: "Item[T1]", i2: "Item[T2]", /) -> "Selection[Row[T1, T2]]": ...
    @overload
    def select(
        self, i1: "Item[T1]", i2: "Item[T2]", i3: "Item[T3]", /
    ) -> "Selection[Row[T1, T2, T3]]": ...
    @overload
    def select(
        self, i1: "Item[T1]", i2: "Item[T2]", i3: "Item[T3]", i4: "Item[T4]", /
    ) -> "Selection[Row[T1, T2, T3, T4]]": ...
    @overload
    def select(
        self, i1: "Item[T1]", i2: "Item[T2]", i3: "Item[T3]", i4: "Item[T4]", i5: "Item[T5]", /
    ) -> "Selection[Row[T1, T2, T3, T4, T5]]": ...
    @overload
    def select(
        self,
        i1: "Item[T1]",
        i2: "Item[T2]",
        i3: "Item[T3]",
        i4: "Item[T4]",
        i5: "Item[T5]",
        i6: "Item[T6]",
        /,
    ) -> "Selection[Row[T1, T2, T3, T4, T5, T6]]": ...
    @overload
    def select(
        self,
        i1: "Item[T1]",
        i2: "Item[T2]",
        i3: "Item[T3]",
        i4: "Item[T4]",
        i5: "Item[T5]",
        i6: "Item[T6]",
        i7: "Item[T7]",
        /,
    ) -> "Selection[Row[T1, T2, T3, T4, T5, T6, T7]]": ...
    @overload
    def select(
        self,
        i1: "Item[T1]",
        i2: "Item[T2]",
        i3: "Item[T3]",
        i4: "Item[T4]",
        i5: "Item[T5]",
        i6: "Item[T6]",
        i7: "Item[T7]",
        i8: "Item[T8]",
        /,
    ) -> "Selection[Row[T1, T2, T3, T4, T5, T6, T7, T8]]": ...
    @overload
    def select(
        self,
        i1: "Item[T1]",
        i2: "Item[T2]",
        i3: "Item[T3]",
        i4: "Item[T4]",
        i5: "Item[T5]",
        i6: "Item[T6]",
        i7: "Item[T7]",
        i8: "Item[T8]",
        i9: "Item[T9]",
        /,
    ) -> "Selection[Row[T1, T2, T3, T4, T5, T6, T7, T8, T9]]": ...
    @overload
    def select(
        self,
        i1: "Item[T1]",
        i2: "Item[T2]",
        i3: "Item[T3]",
        i4: "Item[T4]",
        i5: "Item[T5]",
        i6: "Item[T6]",
        i7: "Item[T7]",
        i8: "Item[T8]",
        i9: "Item[T9]",
        i10: "Item[T10]",
        /,
    ) -> "Selection[Row[T1, T2, T3, T4, T5, T6, T7, T8, T9, T10]]": ...
    # A name gives a value of any type; an overload for each place that the first one can have, so
    # that what is neither typed nor a name is refused.
    @overload
    def select(self, name: str, /, *items: object) -> "Selection[AnyRow]": ...
    @overload
    def select(self, i1: object, name: str, /, *items: object) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self, i1: object, i2: object, name: str, /, *items: object
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self, i1: object, i2: object, i3: object, name: str, /, *items: object
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self, i1: object, i2: object, i3: object, i4: object, name: str, /, *items: object
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        name: str,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        i6: object,
        name: str,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        i6: object,
        i7: object,
        name: str,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        i6: object,
        i7: object,
        i8: object,
        name: str,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        i6: object,
        i7: object,
        i8: object,
        i9: object,
        name: str,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    @overload
    def select(
        self,
        i1: object,
        i2: object,
        i3: object,
        i4: object,
        i5: object,
        i6: object,
        i7: object,
        i8: object,
        i9: object,
        i10: object,
        i11: object,
        /,
        *items: object,
    ) -> "Selection[AnyRow]": ...
    def select(self, *items: object) -> Any:
        """Ask for these values instead of whole rows.

        Rows are tuples with names: `row[1]` is typed, `row.n` is there at run time.

        Args:
            *items: Columns, expressions, `count().as_("n")`, models (an instance of each), names.

        Raises:
            QueryError: When there is none, something is none of these, or relations are included.
        """
        if not items:
            raise QueryError("select() asks for something: columns, expressions or models")
        _refuse_relations(self.clauses)
        chosen = tuple(map(selected, items))
        return remade(Selection, msgspec.structs.replace(self.clauses, items=chosen))

    def all_models(self) -> Any:
        """Ask for an instance of each model that takes part, in the order of the joins."""
        clauses = self.clauses
        _refuse_relations(clauses)
        sources = [clauses.source, *(join.source for join in clauses.joins)]
        found = tuple(
            Entity(source)
            for source in sources
            if model_of(source) is not None and not isinstance(source, Combined | Derived)
        )
        if not found:
            raise QueryError("no model takes part: select(...) says what is asked for")
        return remade(Selection, msgspec.structs.replace(clauses, items=found))


def _refuse_relations(clauses: Clauses) -> None:
    if clauses.relations:
        raise QueryError(
            "include() loads relations of whole rows, which a projection does not give:"
            " use find(), page() or stream(), or load_related()"
        )


def combined(
    left: Fluent[Any], operator: SetOperator, right: object, *, every: bool = False
) -> "Selection[Any]":
    """Make one projection of two.

    Raises:
        QueryError: When the other is no projection.
    """
    if not isinstance(right, Selection):
        raise QueryError(f"a projection is combined with another, not with {type(right).__name__}")
    source = Combined(operator, every, left, right, None)  # pyright: ignore[reportUnknownArgumentType]  # any row
    made: Selection[Any] = remade(Selection, Clauses(source=source))
    return made

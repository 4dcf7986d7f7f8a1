"""What rows are wanted: an immutable value, built by fluent methods."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar

from storehaus.errors import QueryError
from storehaus.expr import Condition, Expression, Ordering
from storehaus.query.filters import QueryFilter, checked_conditions
from storehaus.query.sorting import SortOrder, sort_keys

if TYPE_CHECKING:
    from storehaus.model.base import Model

__all__ = ["Clauses", "Query", "Visibility"]

ModelT = TypeVar("ModelT", bound="Model")

Visibility: TypeAlias = Literal["active", "all", "deleted"]


@dataclass(frozen=True, slots=True, eq=False)
class Clauses:
    """What a query asks for, part by part.

    Attributes:
        conditions: All must hold.
        ordering: Sort keys, the first one first.
        limit: Most rows; None is all of them.
        offset: Rows skipped at the start; None is none.
        visibility: Which rows of a soft-deleting model are seen.
    """

    conditions: tuple[Condition, ...] = ()
    ordering: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    visibility: Visibility = "active"


# Not slots=True: in a generic class that breaks `Query[Airport]()` on Python 3.11.
@dataclass(frozen=True, eq=False)
class Query(Generic[ModelT]):
    """A query over one model. Every method returns a new query.

    Attributes:
        model: The model whose rows are wanted; None means the one of the store that is asked.
        clauses: What is asked for.
    """

    model: type[ModelT] | None = None
    clauses: Clauses = Clauses()

    def filter(self, *conditions: Condition) -> Self:
        """Keep rows for which all conditions hold, in addition to earlier ones.

        Raises:
            QueryError: When something is not a condition, such as the `False` of a comparison that
                Python itself answered.
        """
        checked = checked_conditions(conditions)
        return self._with(conditions=(*self.clauses.conditions, *checked))

    def filter_by_tag(self, tag: str) -> Self:
        """Keep rows with this tag."""
        return self.filter(QueryFilter.has_all_tags([tag]))

    def filter_by_any_tag(self, tags: Iterable[str]) -> Self:
        """Keep rows with at least one of the tags; without tags there are none."""
        return self.filter(QueryFilter.has_any_tag(tags))

    def filter_by_all_tags(self, tags: Iterable[str]) -> Self:
        """Keep rows with all of the tags; without tags these are all rows."""
        return self.filter(QueryFilter.has_all_tags(tags))

    def order_by(self, *keys: Expression[Any] | Ordering | str | SortOrder) -> Self:
        """Sort, after the keys given earlier.

        Args:
            *keys: Columns, `column.desc()`, names of fields, `desc("name")`; a `SortOrder` gives
                the key before it its direction.

        Raises:
            QueryError: When a key is something else.
        """
        return self._with(ordering=(*self.clauses.ordering, *sort_keys(keys)))

    def limit(self, rows: int | None) -> Self:
        """Give at most so many rows; None gives all.

        Raises:
            QueryError: When it is no integer, or negative.
        """
        return self._with(limit=_row_count("limit", rows))

    def offset(self, rows: int | None) -> Self:
        """Skip so many rows; None skips none.

        Raises:
            QueryError: When it is no integer, or negative.
        """
        return self._with(offset=_row_count("offset", rows))

    def with_deleted(self) -> Self:
        """See soft-deleted rows too; on a model that deletes for good it changes nothing."""
        return self._with(visibility="all")

    def only_deleted(self) -> Self:
        """See soft-deleted rows only; the model must soft-delete."""
        return self._with(visibility="deleted")

    def _with(self, **changes: Any) -> Self:
        return type(self)(self.model, replace(self.clauses, **changes))


_MOST_ROWS = 2**63 - 1


def _row_count(name: str, rows: object) -> int | None:
    if rows is None:
        return None
    if isinstance(rows, bool) or not isinstance(rows, int) or not 0 <= rows <= _MOST_ROWS:
        raise QueryError(f"{name} is a number of rows: an integer of 0 or more")
    return rows

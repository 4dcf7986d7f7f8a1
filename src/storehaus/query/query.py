"""What rows are wanted: an immutable value, built by fluent methods."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

import msgspec

from storehaus.errors import QueryError
from storehaus.expr import Condition, Expression, Ordering
from storehaus.expr.computation import GroupingSets
from storehaus.expr.node import Name, Node, Subselect, Value
from storehaus.model.relation import Relation
from storehaus.query.clauses import Clauses, Lock, LockStrength
from storehaus.query.filters import QueryFilter, checked_conditions
from storehaus.query.sorting import SortOrder, sort_keys
from storehaus.query.sources import Cte, Derived, checked_model, checked_name, model_of

if TYPE_CHECKING:
    from storehaus.model.base import Model

__all__ = ["Fluent", "Query", "grouping_key", "remade"]

ModelT = TypeVar("ModelT", bound="Model")
R_co = TypeVar("R_co", covariant=True)


class Fluent(Subselect[R_co]):
    """What queries of models and of projections have in common.

    Every method returns a new query.

    Args:
        clauses: What is asked for.
    """

    __slots__ = ("clauses", "written")

    clauses: Clauses
    written: Any
    """What the layer that writes it keeps of it; None before it was written."""

    def __init__(self, clauses: Clauses) -> None:
        object.__setattr__(self, "clauses", clauses)
        object.__setattr__(self, "written", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a query cannot be changed: every method gives a new one ({name})")

    def __reduce__(self) -> tuple[Any, ...]:
        return (remade, (type(self), self.clauses))

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

    def group_by(self, *keys: Expression[Any] | GroupingSets | str) -> Self:
        """Gather rows with equal keys into one, after the keys given earlier.

        Args:
            *keys: Columns, expressions, labels of the projection, names of fields, or `rollup()`,
                `cube()` and `grouping_sets()`.

        Raises:
            QueryError: When a key is something else.
        """
        return self._with(groups=(*self.clauses.groups, *map(grouping_key, keys)))

    def having(self, *conditions: Condition) -> Self:
        """Keep groups for which all conditions hold; names in them are labels or fields.

        Raises:
            QueryError: When something is not a condition.
        """
        return self._with(having=(*self.clauses.having, *checked_conditions(conditions)))

    def distinct(self, *keys: Expression[Any] | str) -> Self:
        """Leave one of rows that are equal.

        Args:
            *keys: With keys, the first row (in the order of the query, which must begin with these
                keys) of each combination of them: PostgreSQL's DISTINCT ON.

        Raises:
            QueryError: When a key is something else.
        """
        return self._with(distinct=tuple(map(grouping_key, keys)))

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

    def with_(
        self,
        name: str,
        query: Subselect[Any],
        *,
        recursive: bool = False,
        materialized: bool | None = None,
    ) -> Self:
        """Define a common table expression, which `cte(name)` refers to.

        Args:
            name: Its name.
            query: What it is.
            recursive: Whether it may refer to itself; it is then `start.union(step)`.
            materialized: True computes it once and on its own, False merges it into the query; None
                leaves it to PostgreSQL.

        Raises:
            QueryError: When the name is impossible or taken, or it is no query.
        """
        if not isinstance(query, Fluent):
            raise QueryError(f"with_() defines a query, not {type(query).__name__}")
        if any(known.name == name for known in self.clauses.ctes):
            raise QueryError(f"with_() defines {name!r:.60} twice")
        made = Cte(checked_name(name), query, recursive, materialized)
        return self._with(ctes=(*self.clauses.ctes, made))

    def for_update(
        self,
        *of: type[Any],
        no_key: bool = False,
        skip_locked: bool = False,
        nowait: bool = False,
    ) -> Self:
        """Lock the rows found until the transaction ends; others cannot change them.

        Args:
            *of: Models whose rows are locked; none means all of them.
            no_key: A weaker lock, beside which others can still refer to the rows.
            skip_locked: Leave out rows that others have locked.
            nowait: Raise `LockNotAvailable` when others have locked a row.

        Raises:
            QueryError: When both `skip_locked` and `nowait` are asked.
        """
        strength: LockStrength = "no key update" if no_key else "update"
        return self._locked(strength, of, skip_locked=skip_locked, nowait=nowait)

    def for_share(
        self,
        *of: type[Any],
        key: bool = False,
        skip_locked: bool = False,
        nowait: bool = False,
    ) -> Self:
        """Lock the rows found against changes until the transaction ends; others can do so too.

        Args:
            *of: Models whose rows are locked; none means all of them.
            key: A weaker lock, against changes of the key and deletion only.
            skip_locked: Leave out rows that others have locked.
            nowait: Raise `LockNotAvailable` when others have locked a row.

        Raises:
            QueryError: When both `skip_locked` and `nowait` are asked.
        """
        strength: LockStrength = "key share" if key else "share"
        return self._locked(strength, of, skip_locked=skip_locked, nowait=nowait)

    def with_deleted(self, *of: type[Any]) -> Self:
        """See soft-deleted rows too.

        Args:
            *of: Models (or aliases) of this query for which it counts; none means all of them.
                Subqueries say it for themselves.
        """
        return self._seen("all", of)

    def only_deleted(self, *of: type[Any]) -> Self:
        """See soft-deleted rows only; the model must soft-delete.

        Args:
            *of: Models (or aliases) of this query for which it counts; none means the one that the
                query is about.
        """
        return self._seen("deleted", of)

    def as_(self, name: str) -> Derived:
        """Use the result as a source of rows: `totals = query.as_("totals")`, `totals["n"]`.

        Raises:
            QueryError: When the name is impossible.
        """
        return Derived(checked_name(name), self)

    def _seen(self, visibility: Any, of: tuple[type[Any], ...]) -> Self:
        if not of:
            return self._with(visibility=visibility, seen=())
        added = tuple((checked_model(source), visibility) for source in of)
        return self._with(seen=(*self.clauses.seen, *added))

    def _locked(
        self, strength: LockStrength, of: tuple[Any, ...], *, skip_locked: bool, nowait: bool
    ) -> Self:
        if skip_locked and nowait:
            raise QueryError("a lock either skips what is locked or fails at once, not both")
        wait: Literal["wait", "nowait", "skip locked"] = "nowait" if nowait else "wait"
        lock = Lock(strength, tuple(map(checked_model, of)), "skip locked" if skip_locked else wait)
        return self._with(locks=(*self.clauses.locks, lock))

    def _with(self, **changes: Any) -> Self:
        made: Self = remade(type(self), msgspec.structs.replace(self.clauses, **changes))
        return made


class Query(Fluent[ModelT], Generic[ModelT]):
    """A query that gives rows of one model.

    Args:
        model: The model whose rows are wanted, or an alias of it; None means the one of the store
            that is asked.
    """

    __slots__ = ()

    def __init__(self, model: type[ModelT] | None = None) -> None:
        source = None if model is None else checked_model(model)
        super().__init__(Clauses(source=source))

    def include(self, *relations: Relation[ModelT, Any]) -> Self:
        """Load relations with the rows, by one more query for each relation and level.

            QueryBuilder(User).include(User.posts.order_by(Post.created.desc()).then(Post.tags))

        Args:
            *relations: Relations of the model; `then` adds those of the related rows.

        Raises:
            QueryError: When something is no relation.
        """
        for relation in relations:
            if not isinstance(relation, Relation):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a checker
                raise QueryError(f"include() takes relations, not {type(relation).__name__}")
        return self._with(relations=(*self.clauses.relations, *relations))

    @property
    def model(self) -> type[ModelT] | None:
        """The model whose rows are wanted; None means the one of the store that is asked."""
        return cast("type[ModelT] | None", model_of(self.clauses.source))


def remade(cls: type[Any], clauses: Clauses) -> Any:
    """Make a query of a class with other clauses."""
    made: Any = object.__new__(cls)
    object.__setattr__(made, "clauses", clauses)
    object.__setattr__(made, "written", None)
    return made


def grouping_key(key: object) -> Node:
    """Take a key of GROUP BY or DISTINCT ON.

    Raises:
        QueryError: When it is neither an expression nor a name.
    """
    if isinstance(key, str):
        return Name(key)
    if isinstance(key, Expression | GroupingSets):
        return key  # pyright: ignore[reportUnknownVariableType]  # any value
    raise QueryError(f"a key is a column, an expression or a name, not {type(key).__name__}")


_MOST_ROWS = 2**63 - 1


def _row_count(name: str, rows: object) -> Value | None:
    if rows is None:
        return None
    if isinstance(rows, bool) or not isinstance(rows, int) or not 0 <= rows <= _MOST_ROWS:
        raise QueryError(f"{name} is a number of rows: an integer of 0 or more")
    return Value(rows)

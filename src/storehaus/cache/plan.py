"""Whether the result of a query can be kept, and which writes make it stale.

A result depends on every table that the query names. Where each occurrence of a table has
`column = value` in its own WHERE for a declared tag, only writes to rows with this value matter:
rows that fail a WHERE add nothing to what it gives, whatever joins come before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from storehaus.expr import Column, Ordering
from storehaus.expr.computation import (
    AggregateCall,
    Call,
    Cast,
    Excluded,
)
from storehaus.expr.condition import And, Comparison, Condition
from storehaus.expr.expression import Computed
from storehaus.expr.node import FromJson, Name, Node, Value
from storehaus.model import TableInfo
from storehaus.query.clauses import Clauses
from storehaus.query.query import Fluent
from storehaus.query.sources import Alias, Combined, Cte, Derived, Join
from storehaus.sql.binder import Convert
from storehaus.store.caching import Question

__all__ = ["Plan", "Use", "plan_of"]

_MOST_USES = 16

# Aggregates and functions of windows that are IMMUTABLE in PostgreSQL.
_PURE_CALLS = frozenset(
    {
        *("array_agg", "avg", "bool_and", "bool_or", "count", "max", "min", "string_agg", "sum"),
        *("cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value"),
        *("ntile", "percent_rank", "rank", "row_number"),
    }
)
# Time zones and settings have a say in these, and of functions nobody here knows what they do.
_UNSURE = (Call, Cast, Excluded, FromJson)


class Use(Struct, frozen=True):
    """One occurrence of a table in a query.

    Attributes:
        info: The model.
        equal: By field, the place of the value that it must equal, and how that becomes its wire
            form; fields that are equal to nothing are left out.
    """

    info: TableInfo
    equal: dict[str, tuple[int, Convert]]


class Plan(Struct, frozen=True):
    """What is known of all queries of one shape.

    Attributes:
        uses: Each occurrence of a table.
    """

    uses: tuple[Use, ...]


def plan_of(question: Question) -> Plan | None:
    """Give the plan of a query, None where its result cannot be kept. It is made once."""
    derived = question.recipe.derived
    if Plan not in derived:
        derived[Plan] = _make(question)
    plan: Plan | None = derived[Plan]
    return plan


def _make(question: Question) -> Plan | None:
    if question.recipe.resets:
        return None
    places = {id(node): place for place, node in enumerate(question.values)}
    converts = dict(question.recipe.slots)
    survey = _Survey(question.info, places, converts)
    try:
        survey.level(question.clauses)
    except (_UncacheableError, RecursionError):
        return None
    return Plan(tuple(survey.uses)) if 0 < len(survey.uses) <= _MOST_USES else None


class _UncacheableError(Exception):
    """Something in the query may give another result on the same rows."""


class _Survey:
    """Goes through a query, level by level."""

    def __init__(
        self, info: TableInfo, places: dict[int, int], converts: dict[int, Convert]
    ) -> None:
        self._info = info
        self._places = places
        self._converts = converts
        self.uses: list[Use] = []

    def level(self, clauses: Clauses) -> None:
        """Take one SELECT, with all within it."""
        if clauses.locks:
            raise _UncacheableError
        sources = [clauses.source or self._info.model, *(each.source for each in clauses.joins)]
        owners = [owner for owner in map(_owner, sources) if owner is not None]
        equalities = list(self._equalities(clauses.conditions))
        for key, info in owners:
            equal = {
                name: found
                for column_key, name, found in equalities
                if column_key == key or (column_key is None and len(sources) == 1)
            }
            self.uses.append(Use(info, equal))
        for source in sources:
            self._source(source)
        for part in _parts_of(clauses):
            self._node(part)

    def _source(self, source: Any) -> None:
        if isinstance(source, Derived) and source.query is not None:
            self._query(source.query)
        elif isinstance(source, Combined):
            self._query(source.left)
            self._query(source.right)

    def _query(self, query: Any) -> None:
        if not isinstance(query, Fluent):
            raise _UncacheableError
        self.level(query.clauses)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # any row

    def _equalities(
        self, conditions: Sequence[Condition]
    ) -> Iterator[tuple[Any, str, tuple[int, Convert]]]:
        for condition in conditions:
            if isinstance(condition, And):
                yield from self._equalities(condition.parts)
            elif isinstance(condition, Comparison) and condition.comparator == "eq":
                for one, other in (
                    (condition.left, condition.right),
                    (condition.right, condition.left),
                ):
                    found = self._value(other)
                    if found is not None and isinstance(one, Column):
                        yield one.key[0], one.name, found  # pyright: ignore[reportUnknownMemberType]  # any type
                    elif found is not None and isinstance(one, Name):
                        yield None, one.name, found

    def _value(self, node: Node) -> tuple[int, Convert] | None:
        place = self._places.get(id(node)) if isinstance(node, Value) else None
        convert = None if place is None else self._converts.get(place)
        return None if place is None or convert is None else (place, convert)

    def _node(self, part: Any) -> None:
        """See that a part of an expression gives the same on the same rows."""
        match part:
            case Column() | str() | bool() | int() | float() | None | type() | Alias():
                return
            case tuple():
                for each in part:  # pyright: ignore[reportUnknownVariableType]  # any items
                    self._node(each)
            case Fluent():
                self._query(part)  # pyright: ignore[reportUnknownArgumentType]  # any row
            case Cte() | Join():
                self._node(part.query if isinstance(part, Cte) else part.on)
            case Computed():
                self._node(part.node)  # pyright: ignore[reportUnknownMemberType]  # any type
            case _:
                self._members(part)

    def _members(self, part: Any) -> None:
        if id(part) in self._places:
            return
        _refuse_unsure(part)
        members: Mapping[str, Any] | None = getattr(part, "__dataclass_fields__", None)
        if members is None or not isinstance(part, Node | Ordering):
            raise _UncacheableError
        for name in members:
            self._node(getattr(part, name))


def _refuse_unsure(part: Any) -> None:
    if isinstance(part, _UNSURE):
        raise _UncacheableError
    if isinstance(part, AggregateCall) and part.name not in _PURE_CALLS:
        raise _UncacheableError


def _owner(source: Any) -> tuple[Any, TableInfo] | None:
    """Give a table with what its columns are known by, None for what is no table."""
    if isinstance(source, Alias):
        return None if source.__alias__.cte else (source.__key__, source.__table_info__)
    info: TableInfo | None = getattr(source, "__table_info__", None)
    return None if info is None else (source, info)


def _parts_of(clauses: Clauses) -> Iterator[Any]:
    yield from (clauses.joins, clauses.items, clauses.conditions, clauses.groups, clauses.having)
    yield from (clauses.distinct, clauses.ordering, clauses.limit, clauses.offset, clauses.ctes)

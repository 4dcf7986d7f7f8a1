"""SELECT as SQL: one query level, with the levels within it."""

from dataclasses import dataclass, replace
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column, Ordering
from storehaus.expr.computation import (
    AggregateCall,
    GroupingSets,
    OfDerived,
    WindowCall,
)
from storehaus.expr.condition import And
from storehaus.expr.node import Name, Node, Subselect, Value
from storehaus.query.clauses import Clauses, Lock
from storehaus.query.query import Fluent
from storehaus.query.sources import Combined, Cte, Entity
from storehaus.sql.aggregates import ordered, sortable
from storehaus.sql.identifiers import quote_identifier
from storehaus.sql.items import Items, unlabelled, unwrapped
from storehaus.sql.records import Body, Operand
from storehaus.sql.scope import Scope
from storehaus.sql.sources import Sources, combined_sql
from storehaus.sql.types import BIGINT, computed_column

__all__ = ["Pieces", "Select", "select_exists", "write_select"]


def write_select(around: Scope, query: Subselect[Any]) -> Body:
    """Write a query that stands within the level `around`."""
    return Select(around, _clauses_of(query)).body()


def select_exists(around: Scope, query: Subselect[Any]) -> str:
    """Write a query of which only counts whether it gives a row."""
    return Select(around, _clauses_of(query)).exists()


def _clauses_of(query: Subselect[Any]) -> Clauses:
    if isinstance(query, Fluent):
        return query.clauses  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # any row
    raise QueryError(f"a query is needed, not {type(query).__name__}")


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of a query as SQL.

    Attributes:
        ctes: WITH, or nothing.
        items: What is selected.
        sources: What stands behind FROM.
        where: The condition, empty for all rows.
    """

    ctes: str
    items: str
    sources: str
    where: str


class Select:
    """One query level on its way to SQL.

    Args:
        around: The level around.
        clauses: What is asked for.
    """

    __slots__ = ("_clauses", "_ctes", "_sources", "scope")

    def __init__(self, around: Scope, clauses: Clauses) -> None:
        self._clauses = clauses
        outer = around if around.origins else around.outer
        self.scope = Scope(
            around.grammar,
            around.writer,
            qualified=bool(clauses.joins),
            outer=outer,
            ctes=around.ctes,
        )
        self._ctes = self._with()
        self._sources: Sources | None = None

    def body(self) -> Body:
        """Write all of it."""
        clauses = self._clauses
        if _is_bare(clauses) and isinstance(clauses.source, Combined):
            text, first = combined_sql(self.scope, clauses.source)
            return replace(first, text=f"{self._ctes}{text}")
        origin = self._from()
        items = self._items()
        text = f"{self._ctes}SELECT {self._distinct(items)}{items.text}{origin}"
        text += self._groups(items) + self._order_by(items) + self._limits() + self._locks()
        return Body(text, items.outputs, items.columns)

    def pieces(self) -> "Pieces":
        """Write the parts of a query for whole rows, without order."""
        where = self.where()
        return Pieces(self._ctes, Items.whole(self.scope).text, self._placed().text, where)

    def exists(self) -> str:
        """Write it with rows that hold nothing."""
        if self._is_gathered():
            return self.body().text
        return f"{self._ctes}SELECT 1{self._from()}{self._limits()}"

    def count(self) -> str:
        """Write the number of rows that it gives."""
        clauses = self._clauses
        limited = clauses.limit is not None or clauses.offset is not None
        if self._is_gathered():
            ctes, self._ctes = self._ctes, ""
            return f'{ctes}SELECT count(*) FROM ({self.body().text}) AS "counted"'
        rows = self._from()
        if not limited:
            return f"{self._ctes}SELECT count(*){rows}"
        inner = f"SELECT 1{rows}{self._limits()}"
        return f'{self._ctes}SELECT count(*) FROM ({inner}) AS "limited"'

    def where(self) -> str:
        """Write the condition for the rows, that of soft delete included; empty for all rows."""
        sources = self._placed()
        conditions = self._clauses.conditions
        # One OR would take the conditions of soft delete into its last branch.
        with self.scope.at("row"):
            given = self.scope.condition(And(conditions)) if conditions else ""
        return " AND ".join(filter(None, (given, *sources.visible)))

    def _is_gathered(self) -> bool:
        """Whether it can give another number of rows than its sources have."""
        clauses = self._clauses
        # A function may give several rows or none, and an aggregate stand anywhere inside.
        computed = clauses.items is not None and not all(map(_is_plain, clauses.items))
        return bool(clauses.groups or clauses.having or computed) or clauses.distinct is not None

    def _has_rows_of_tables(self) -> bool:
        clauses = self._clauses
        items = map(unlabelled, clauses.items or ())
        return not (
            clauses.groups
            or clauses.having
            or clauses.distinct is not None
            or isinstance(clauses.source, Combined)
            or any(isinstance(item, AggregateCall | WindowCall) for item in items)
        )

    def _placed(self) -> Sources:
        if self._sources is None:
            self._sources = Sources(self.scope, self._clauses)
        return self._sources

    def _from(self) -> str:
        where = self.where()
        return f" FROM {self._placed().text}" + (f" WHERE {where}" if where else "")

    def _with(self) -> str:
        if not self._clauses.ctes:
            return ""
        texts: list[str] = []
        for each in self._clauses.ctes:
            body = self._cte(each)
            self.scope.ctes = {**self.scope.ctes, each.name: body.columns}
            how = {None: "", True: "MATERIALIZED ", False: "NOT MATERIALIZED "}[each.materialized]
            texts.append(f"{quote_identifier(each.name)} AS {how}({body.text})")
        word = "RECURSIVE " if any(each.recursive for each in self._clauses.ctes) else ""
        return f"WITH {word}{', '.join(texts)} "

    def _cte(self, each: Cte) -> Body:
        scope = self.scope
        if not each.recursive:
            return scope.subselect(each.query)
        source = _clauses_of(each.query).source
        if not isinstance(source, Combined) or source.operator != "union":
            raise QueryError(f"the recursive {each.name!r:.60} is start.union(step)")
        # What it gives is known from its start; with that its step can name it.
        start = scope.trial().subselect(source.left)
        known = scope.ctes
        scope.ctes = {**known, each.name: start.columns}
        try:
            return scope.subselect(each.query)
        finally:
            scope.ctes = known

    def _items(self) -> "Items":
        clauses = self._clauses
        if clauses.items is not None:
            return Items.of(self.scope, clauses.items)
        if clauses.groups:
            raise QueryError("a query with group_by() gives a projection: select(...) what it has")
        return Items.whole(self.scope)

    def _distinct(self, items: "Items") -> str:
        keys = self._clauses.distinct
        if keys is None:
            return ""
        if not keys:
            return "DISTINCT "
        texts = [self._visible(key, self._key(key, items), items) for key in keys]
        return f"DISTINCT ON ({', '.join(texts)}) "

    def _groups(self, items: "Items") -> str:
        clauses = self._clauses
        text = ""
        if clauses.groups:
            with self.scope.at("row"):
                keys = [self._group(key, items) for key in clauses.groups]
            text = f" GROUP BY {', '.join(keys)}"
        if clauses.having:
            self.scope.labels = items.by_label
            with self.scope.at("group"):
                text += f" HAVING {self.scope.condition(And(clauses.having))}"
            self.scope.labels = {}
        return text

    def _group(self, key: Node, items: "Items") -> str:
        if not isinstance(key, GroupingSets):
            return self._key(key, items)
        sets = [", ".join([self._key(each, items) for each in keys]) for keys in key.sets]
        if key.kind == "grouping sets":
            sets = [f"({each})" for each in sets]
        return f"{key.kind.upper()} ({', '.join(sets)})"

    def _key(self, key: Node, items: "Items") -> str:
        # By its place, a label stands for its expression also where a column has the same name.
        label = key.name if isinstance(key, Name) else items.label_of(key)
        place = None if label is None else items.places.get(label)
        return self.scope.operand(key).text if place is None else str(place)

    def _order_by(self, items: "Items") -> str:
        if not self._clauses.ordering:
            return ""
        keys = [self._sort_key(key, items) for key in self._clauses.ordering]
        return f" ORDER BY {', '.join(keys)}"

    def _sort_key(self, key: Ordering, items: "Items") -> str:
        inner = unlabelled(key.operand)
        label = inner.name if isinstance(inner, Name) else items.label_of(inner)
        if label is None or label not in items.places:
            text = sortable(self.scope.operand(inner)).text
            return ordered(self._visible(inner, text, items), key)
        sortable(items.columns[label])
        named = isinstance(inner, Name)
        return ordered(quote_identifier(label) if named else str(items.places[label]), key)

    def _visible(self, key: Node, text: str, items: "Items") -> str:
        """Write a column so that no label of the same name hides it, as one would in ORDER BY."""
        if not items.hides(text) or not isinstance(unwrapped(key), Column | OfDerived):
            return text
        return f"{quote_identifier(self.scope.origins[0].name)}.{text}"

    def _limits(self) -> str:
        return _limit(self.scope, "LIMIT", self._clauses.limit) + _limit(
            self.scope, "OFFSET", self._clauses.offset
        )

    def _locks(self) -> str:
        if self._clauses.locks and not self._has_rows_of_tables():
            raise QueryError("a lock is on rows of tables: not on groups, distinct or united rows")
        return "".join([self._lock(lock) for lock in self._clauses.locks])

    def _lock(self, lock: Lock) -> str:
        names: list[str] = []
        for source in lock.sources:
            found = next((o for o in self.scope.origins if o.source == source), None)
            if found is None:
                raise QueryError(f"{source.__name__} is none of the sources of the query")
            names.append(quote_identifier(found.name))
        locked = [o for o in self.scope.origins if not names or quote_identifier(o.name) in names]
        if any(origin.nullable for origin in locked):
            raise QueryError(
                "rows that an outer join can leave out cannot be locked: name the others,"
                " for_update(Model)"
            )
        of = f" OF {', '.join(names)}" if names else ""
        wait = "" if lock.wait == "wait" else f" {lock.wait.upper()}"
        return f" FOR {lock.strength.upper()}{of}{wait}"


def _is_plain(node: Node) -> bool:
    return isinstance(unlabelled(node), Column | Name | OfDerived | Entity)


def _is_bare(clauses: Clauses) -> bool:
    """Whether there is nothing but a source."""
    c = clauses
    parts = (c.joins, c.conditions, c.groups, c.having, c.ordering, c.locks, c.seen)
    values = (c.items, c.distinct, c.limit, c.offset)
    return not any(parts) and all(each is None for each in values) and c.visibility == "active"


def _limit(scope: Scope, word: str, rows: Value | None) -> str:
    if rows is None:
        return ""
    operand = Operand("", computed_column(word.lower(), BIGINT, nullable=False), scope.model)
    return f" {word} {scope.value(operand, rows)}"

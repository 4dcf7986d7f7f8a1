"""SELECT as SQL: one query level, with the levels within it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column, Ordering
from storehaus.expr.computation import (
    AggregateCall,
    Call,
    Case,
    GroupingSets,
    JsonItem,
    JsonScalar,
    Labelled,
    OfDerived,
    Variadic,
    WindowCall,
)
from storehaus.expr.condition import And
from storehaus.expr.expression import Computed
from storehaus.expr.node import Name, Node, Subselect, Value
from storehaus.query.clauses import Clauses, Lock
from storehaus.query.query import Fluent
from storehaus.query.sources import Alias, Combined, Cte, Entity, checked_name
from storehaus.sql.aggregates import ordered
from storehaus.sql.columns import column_list
from storehaus.sql.identifiers import quote_identifier
from storehaus.sql.scope import Body, Operand, Origin, Output, Scope
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
        return Pieces(self._ctes, _Items.whole(self.scope).text, self._placed().text, where)

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
        items = map(_inner, clauses.items or ())
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

    def _items(self) -> "_Items":
        clauses = self._clauses
        if clauses.items is not None:
            return _Items.of(self.scope, clauses.items)
        if clauses.groups:
            raise QueryError("a query with group_by() gives a projection: select(...) what it has")
        return _Items.whole(self.scope)

    def _distinct(self, items: "_Items") -> str:
        keys = self._clauses.distinct
        if keys is None:
            return ""
        if not keys:
            return "DISTINCT "
        texts = [self._visible(key, self._key(key, items), items) for key in keys]
        return f"DISTINCT ON ({', '.join(texts)}) "

    def _groups(self, items: "_Items") -> str:
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

    def _group(self, key: Node, items: "_Items") -> str:
        if not isinstance(key, GroupingSets):
            return self._key(key, items)
        sets = [", ".join([self._key(each, items) for each in keys]) for keys in key.sets]
        if key.kind == "grouping sets":
            sets = [f"({each})" for each in sets]
        return f"{key.kind.upper()} ({', '.join(sets)})"

    def _key(self, key: Node, items: "_Items") -> str:
        # By its place, a label stands for its expression also where a column has the same name.
        place = items.places.get(key.name) if isinstance(key, Name) else items.same(key)
        if place is not None:
            return str(place)
        return self.scope.operand(key).text

    def _order_by(self, items: "_Items") -> str:
        if not self._clauses.ordering:
            return ""
        keys = [self._sort_key(key, items) for key in self._clauses.ordering]
        return f" ORDER BY {', '.join(keys)}"

    def _sort_key(self, key: Ordering, items: "_Items") -> str:
        inner = _inner(key.operand)
        if isinstance(inner, Name) and inner.name in items.places:
            return ordered(quote_identifier(inner.name), key)
        place = items.same(key.operand)
        text = self.scope.operand(inner).text if place is None else str(place)
        return ordered(self._visible(inner, text, items), key)

    def _visible(self, key: Node, text: str, items: "_Items") -> str:
        """Write a column so that no label of the same name hides it, as one would in ORDER BY."""
        if not items.hides(text) or not isinstance(_unwrapped(key), Column | OfDerived):
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


@dataclass(frozen=True, slots=True)
class _Items:
    """The list of a SELECT.

    Attributes:
        text: It as SQL.
        outputs: What the rows hold.
        columns: Columns by label, as a query around this one names them.
        by_label: Expressions by label, as HAVING writes them.
        places: Places by label, from 1 on; only where rows are a projection.
        nodes: Places by the identity of the expression.
    """

    text: str
    outputs: tuple[Output, ...]
    columns: Mapping[str, Operand]
    by_label: Mapping[str, Operand]
    places: Mapping[str, int]
    nodes: Mapping[int, int]

    def same(self, key: Node) -> int | None:
        """Find an item that is computed and sorted or grouped by, so that it is written once."""
        inner = _inner(key)
        plain = isinstance(inner, Column | Name)
        return None if plain else self.nodes.get(id(inner))

    def hides(self, text: str) -> bool:
        """Whether a label is written like this and stands for something else."""
        return any(
            text == quote_identifier(label) and operand.text != text
            for label, operand in self.by_label.items()
        )

    @classmethod
    def whole(cls, scope: Scope) -> "_Items":
        """Take all columns of the first source."""
        origin = scope.origins[0]
        if origin.info is None:
            return cls._projected(scope, origin)
        if origin.nullable:
            name = origin.info.model.__name__
            raise QueryError(
                f"a right or full join also gives rows without a {name}: say what you want by"
                " models() or select(...)",
                model=name,
            )
        operand = Operand("", origin.info.columns[0], origin.info.model.__name__)
        output = Output("", operand, origin.info, nullable=origin.nullable)
        columns = {
            column.name: Operand(
                quote_identifier(column.column),
                column,
                origin.info.model.__name__,
                origin.info.schema,
            )
            for column in origin.info.columns
        }
        return cls(_columns(scope, origin), (output,), columns, {}, {}, {})

    @classmethod
    def _projected(cls, scope: Scope, origin: Origin) -> "_Items":
        prefix = f"{quote_identifier(origin.name)}." if scope.qualified else ""
        text = ", ".join([f"{prefix}{operand.text}" for operand in origin.columns.values()])
        outputs = tuple(Output(label, operand) for label, operand in origin.columns.items())
        places = {label: i for i, label in enumerate(origin.columns, start=1)}
        return cls(text, outputs, origin.columns, {}, places, {})

    @classmethod
    def of(cls, scope: Scope, nodes: Sequence[Node]) -> "_Items":
        """Write the items of a projection."""
        labels = _labels(nodes)
        texts: list[str] = []
        outputs: list[Output] = []
        columns: dict[str, Operand] = {}
        by_label: dict[str, Operand] = {}
        places: dict[str, int] = {}
        known: dict[int, int] = {}
        place = 1
        for node, label in zip(nodes, labels, strict=True):
            inner = _inner(node)
            if isinstance(inner, Entity):
                output, text, width = _entity(scope, inner, label)
                texts.append(text)
                outputs.append(output)
                place += width
                continue
            operand = scope.operand(inner)
            natural = isinstance(inner, Column | Name | OfDerived)
            name = quote_identifier(label)
            same = natural and operand.text.rpartition(".")[2] == name
            texts.append(operand.text if same else f"{operand.text} AS {name}")
            outputs.append(Output(label, operand))
            columns[label] = replace(operand, text=name)
            by_label[label] = operand
            places[label] = place
            known[id(inner)] = place  # pyright: ignore[reportUnknownArgumentType]  # any value
            place += 1
        return cls(", ".join(texts), tuple(outputs), columns, by_label, places, known)


def _entity(scope: Scope, node: Entity, label: str) -> tuple[Output, str, int]:
    for origin in scope.origins:
        if origin.source == node.source and origin.info is not None:
            operand = Operand("", origin.info.columns[0], origin.info.model.__name__)
            output = Output(label, operand, origin.info, nullable=origin.nullable)
            return output, _columns(scope, origin), len(origin.info.columns)
    raise QueryError(f"{node.source.__name__} is none of the sources of the query")


def _columns(scope: Scope, origin: Origin) -> str:
    info = origin.info
    assert info is not None  # noqa: S101 - a model's
    if not scope.qualified:
        return column_list(info.columns)
    name = quote_identifier(origin.name)
    return ", ".join([f"{name}.{quote_identifier(column.column)}" for column in info.columns])


def _labels(nodes: Sequence[Node]) -> list[str]:
    """Name the items: by their labels, else by what they are, each name once."""
    given = [
        checked_name(inner.label)
        for node in nodes
        if isinstance(inner := _unwrapped(node), Labelled)
    ]
    if len(set(given)) < len(given):
        raise QueryError("two items of a projection have the same label")
    taken = set(given)
    labels: list[str] = []
    for i, node in enumerate(nodes, start=1):
        inner = _unwrapped(node)
        if isinstance(inner, Labelled):
            labels.append(inner.label)
            continue
        name, number = _natural_name(inner) or f"column_{i}", 1
        label = name
        while label in taken:
            number += 1
            label = f"{name}_{number}"
        taken.add(label)
        labels.append(label)
    return labels


def _natural_name(node: Node) -> str | None:  # noqa: PLR0911 - one per kind
    match node:
        case Column() | Name() | OfDerived() | AggregateCall():
            return node.name
        case Call():
            return node.name[-1]
        case Variadic():
            return node.keyword
        case Case():
            return "case"
        case WindowCall():
            return _natural_name(node.function)
        case Entity():
            return _source_name(node.source)
        case JsonItem():
            # Not after the path: that is a value, and queries of one shape share their text.
            return _natural_name(_unwrapped(node.document))
        case JsonScalar():
            return _natural_name(node.item)
        case _:
            return None


def _source_name(source: Any) -> str:
    name: str = source.__alias__.name if isinstance(source, Alias) else source.__table_info__.name
    return name


def _unwrapped(node: Node) -> Node:
    return node.node if isinstance(node, Computed) else node  # pyright: ignore[reportUnknownMemberType]  # any value


def _inner(node: Node) -> Node:
    """Look behind a label."""
    inner = _unwrapped(node)
    return _inner(inner.operand) if isinstance(inner, Labelled) else inner


def _is_plain(node: Node) -> bool:
    return isinstance(_inner(node), Column | Name | OfDerived | Entity)


def _is_bare(clauses: Clauses) -> bool:
    """Whether there is nothing but a source."""
    visibility = "active" if clauses.visibility == "deleted" else clauses.visibility
    plain = Clauses(source=clauses.source, ctes=clauses.ctes, visibility=visibility)
    return all(
        getattr(clauses, name) is getattr(plain, name)
        for name in Clauses.__struct_fields__
        if name != "relations"
    )


def _limit(scope: Scope, word: str, rows: Value | None) -> str:
    if rows is None:
        return ""
    operand = Operand("", computed_column(word.lower(), BIGINT, nullable=False), scope.model)
    return f" {word} {scope.value(operand, rows)}"

"""Pages by key: the rows that come after a given one, whatever the order.

The method is that of "keyset pagination" (M. Winand, https://use-the-index-luke.com/no-offset).
Keys of one direction that are never NULL are compared as a row, which an index serves. Otherwise
the rows after `(a, b, c)` are those equal in a and b and after in c, then those equal in a and
after in b, then those after in a: one branch each, served by an index each, and evaluated only as
far as the page is not full yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column, Ordering
from storehaus.expr.node import Name
from storehaus.model.records import TableInfo
from storehaus.query.clauses import Clauses, asks_for
from storehaus.query.query import Fluent
from storehaus.query.sources import Alias, Combined, Source, model_of
from storehaus.sql.aggregates import ordered
from storehaus.sql.binder import Binder
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.identifiers import cast_name, column_list
from storehaus.sql.items import unwrapped
from storehaus.sql.records import Operand
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select
from storehaus.sql.shape import Collector, shape_of
from storehaus.sql.statement import Statement

__all__ = ["Keyset"]


@dataclass(frozen=True, slots=True)
class _Key:
    """One sort key.

    Attributes:
        operand: What is sorted by.
        ordering: How.
    """

    operand: Operand
    ordering: Ordering

    @property
    def nulls_first(self) -> bool:
        nulls = self.ordering.nulls
        return self.ordering.descending if nulls is None else nulls == "first"

    def reversed(self) -> "_Key":
        """The same key the other way round."""
        descending = not self.ordering.descending
        first = not self.nulls_first
        usual = first == descending
        nulls = None if usual else ("first" if first else "last")
        return _Key(self.operand, Ordering(self.ordering.operand, descending, nulls))  # type: ignore[arg-type]  # one of the two


class Keyset:
    """A query whose rows are given page by page.

    Args:
        info: The model.
        query: The query, with any order; the primary keys of all models that take part are added to
            it, so that no two rows are equal.

    Attributes:
        fingerprint: What tells the query from others, whatever the values in its conditions.
        keys: What the rows are sorted by; their values follow the columns of the model.
    """

    __slots__ = ("_binder", "_info", "_pieces", "fingerprint", "keys")

    def __init__(self, info: TableInfo, query: Fluent[Any]) -> None:
        clauses = _checked(query.clauses)
        self._info = info
        self._binder = Binder()
        select = Select(Scope(GRAMMAR, self._binder), clauses)
        self._pieces = select.pieces()
        orderings = [*clauses.ordering, *_tie_breakers(clauses)]
        self.keys = [_Key(select.scope.operand(key.operand), key) for key in orderings]
        for key in self.keys:
            if key.operand.column.type.kind in {"jsonb", "unknown"}:
                raise key.operand.refuse("is no key by which pages can follow each other")
        self.fingerprint = self._select(self.keys, "") + _order_by(self.keys) + _values(orderings)

    def statement(self, size: int, anchor: Sequence[Any] | None, *, backwards: bool) -> Statement:
        """Write the SELECT of one page.

        Args:
            size: Most rows.
            anchor: Values of the keys, in wire form, after which it begins; None begins at the
                start.
            backwards: Whether the page goes the other way; its rows then come in reverse order.
        """
        keys = [key.reversed() for key in self.keys] if backwards else self.keys
        limit = self._binder.write(size, "bigint")
        if anchor is None:
            text = self._select(keys, "")
            return self._binder.statement(f"{text}{_order_by(keys)} LIMIT {limit}")
        values = [self._value(key, value) for key, value in zip(keys, anchor, strict=True)]
        if _is_uniform(keys):
            names = ", ".join([key.operand.text for key in keys])
            sign = "<" if keys[0].ordering.descending else ">"
            after = f"({names}) {sign} ({', '.join(values)})"  # type: ignore[arg-type]  # none is None
            text = self._select(keys, after)
            return self._binder.statement(f"{text}{_order_by(keys)} LIMIT {limit}")
        return self._binder.statement(self._branched(keys, values, limit))

    def _value(self, key: _Key, value: Any) -> str | None:
        if value is None:
            return None
        return self._binder.write(value, cast_name(key.operand.schema, key.operand.column.type))

    def _branched(self, keys: Sequence[_Key], values: Sequence[str | None], limit: str) -> str:
        branches: list[str] = []
        for after in _branches(keys, values):
            rest = "".join([f' - (SELECT count(*) FROM "#{i}")' for i in range(len(branches))])
            text = self._select(keys, after, ctes=False)
            branches.append(f"{text}{_order_by(keys)} LIMIT {limit}{rest}")
        named = [f'"#{i}" AS ({branch})' for i, branch in enumerate(branches)]
        columns = column_list(self._info.columns)
        outputs = ", ".join([f'"#k{i}"' for i in range(len(keys))])
        rows = [f'SELECT {columns}, {outputs} FROM "#{i}"' for i in range(len(branches))]
        order = ", ".join([ordered(f'"#k{i}"', key.ordering) for i, key in enumerate(keys)])
        word = self._pieces.ctes.rstrip() + ", " if self._pieces.ctes else "WITH "
        return f"{word}{', '.join(named)} {' UNION ALL '.join(rows)} ORDER BY {order}"

    def _select(self, keys: Sequence[_Key], after: str, *, ctes: bool = True) -> str:
        pieces = self._pieces
        # Without names of their own some would be called like a column, and ORDER BY ambiguous.
        texts = [f'{key.operand.text} AS "#k{i}"' for i, key in enumerate(keys)]
        where = " AND ".join(filter(None, (pieces.where, after)))
        condition = f" WHERE {where}" if where else ""
        start = pieces.ctes if ctes else ""
        return f"{start}SELECT {pieces.items}, {', '.join(texts)} FROM {pieces.sources}{condition}"


def _checked(clauses: Clauses) -> Clauses:
    part = asks_for(clauses, "items", "groups", "having", "distinct", "limit", "offset", "locks")
    if part is not None:
        raise QueryError(f"a query that is given page by page has no {_NAMES.get(part, part)}")
    if isinstance(clauses.source, Combined) and clauses.source.every:
        raise QueryError("pages follow rows that differ: use union(), not union_all()")
    return clauses


_NAMES = {"items": "projection", "groups": "group_by", "locks": "lock"}


def _tie_breakers(clauses: Clauses) -> list[Ordering]:
    """Sort by the primary keys at last, in the direction of the last key that was asked for."""
    descending = clauses.ordering[-1].descending if clauses.ordering else False
    known = [unwrapped(key.operand) for key in clauses.ordering]
    found: list[Ordering] = []
    for source in (clauses.source, *(join.source for join in clauses.joins)):
        for column in _primary_key(source):
            named = any(isinstance(key, Name) and key.name == column.name for key in known)
            same = any(key is column for key in known)
            if not same and not (named and source is clauses.source):
                found.append(Ordering(column, descending))
    return found


def _primary_key(source: Source | None) -> list[Column[Any]]:
    model = model_of(source)
    owner: Any = source if isinstance(source, Alias) else model
    key = () if model is None else model.__table_info__.primary_key
    if not key:
        raise QueryError("pages need a primary key in each source, to tell equal rows apart")
    return [getattr(owner, column.name) for column in key]


def _values(orderings: Sequence[Ordering]) -> str:
    """Give the values within the keys: those of another path in a document are another order."""
    found = Collector()
    shape_of(tuple(orderings), found)
    return repr([node.value for node in found.nodes])


def _is_uniform(keys: Sequence[_Key]) -> bool:
    directions = {key.ordering.descending for key in keys}
    return len(directions) == 1 and not any(key.operand.nullable for key in keys)


def _order_by(keys: Sequence[_Key]) -> str:
    return " ORDER BY " + ", ".join([ordered(key.operand.text, key.ordering) for key in keys])


def _branches(keys: Sequence[_Key], values: Sequence[str | None]) -> list[str]:
    """Write the conditions of the branches, in the order of their rows."""
    found: list[str] = []
    for length in range(len(keys) - 1, -1, -1):
        pairs = zip(keys[:length], values[:length], strict=True)
        equal = [
            f"{key.operand.text} IS NULL" if value is None else f"{key.operand.text} = {value}"
            for key, value in pairs
        ]
        branches = _after(keys[length], values[length])
        found += [" AND ".join([*equal, after]) for after in branches]
    return found


def _after(key: _Key, value: str | None) -> list[str]:
    text = key.operand.text
    if value is None:
        return [f"{text} IS NOT NULL"] if key.nulls_first else []
    sign = "<" if key.ordering.descending else ">"
    found = [f"{text} {sign} {value}"]
    if key.operand.nullable and not key.nulls_first:
        found.append(f"{text} IS NULL")
    return found

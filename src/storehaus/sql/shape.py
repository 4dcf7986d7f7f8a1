"""The shape of a query: all of it but its values.

Queries of one shape have one text, which is made once. A shape is a tuple that can be the key of a
mapping; finding it costs a fraction of writing the text.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column
from storehaus.expr.expression import Computed
from storehaus.expr.node import Node, Parameter, Value, Values
from storehaus.query.clauses import Clauses, Lock
from storehaus.query.query import Fluent
from storehaus.query.sources import Combined, Cte, Derived, Join

__all__ = ["Collector", "shape_of"]

_SMALL = 1 << 31


class Collector:
    """The value nodes of one query, in the order in which its shape was taken.

    A node that stands at several places is one value.
    """

    __slots__ = ("nodes", "places")

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.places: dict[int, int] = {}

    def place(self, node: Node) -> int:
        """Give the place of a value node, a new one the first time."""
        found = self.places.get(id(node))
        if found is None:
            found = self.places[id(node)] = len(self.nodes)
            self.nodes.append(node)
        return found


def shape_of(part: Any, values: Collector) -> Hashable:
    """Give the shape of a query or of a part of one.

    Args:
        part: A node, or what nodes are made of.
        values: Takes the value nodes that are met.

    Raises:
        QueryError: On nesting without end.
    """
    try:
        return _shape(part, values)
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None


def _shape(part: Any, values: Collector) -> Hashable:
    kind: Any = type(part)  # pyright: ignore[reportUnknownVariableType]  # any type
    taker = _TAKERS.get(kind)
    if taker is not None:
        return taker(part, values)
    return _query(part, values) if issubclass(kind, Fluent) else part


def _value(node: Value, values: Collector) -> Hashable:
    return (_kind(node.value), values.place(node))


def _values(node: Values, values: Collector) -> Hashable:
    return (Values, node.kinds, values.place(node))


def _kind(value: Any) -> Hashable:
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]  # any type
    if kind is list:
        first: Any = type(value[0]) if value else None  # pyright: ignore[reportUnknownVariableType]  # any type
        return (kind, first)
    return kind  # type: ignore[no-any-return]  # a class is hashable


def _parameter(node: Parameter, values: Collector) -> Hashable:
    kind = _kind(node.value)
    if kind is int:
        kind = "small" if -_SMALL <= node.value < _SMALL else "big"
    return (Parameter, kind, node.annotation, values.place(node))


def _column(node: Column[Any], values: Collector) -> Hashable:
    del values
    return node.key


def _computed(node: Computed[Any], values: Collector) -> Hashable:
    return _shape(node.node, values)


def _query(query: Fluent[Any], values: Collector) -> Hashable:
    return _CLAUSES(query.clauses, values)


def _tuple(parts: tuple[Any, ...], values: Collector) -> Hashable:
    return tuple([_shape(part, values) for part in parts]) if parts else ()


def _record(kind: type[Any], names: tuple[str, ...]) -> Callable[[Any, Collector], Hashable]:
    get = attrgetter(*names)
    if len(names) == 1:

        def one(node: Any, values: Collector) -> Hashable:
            return (kind, _shape(get(node), values))

        return one

    def several(node: Any, values: Collector) -> Hashable:
        return (kind, *[_shape(part, values) for part in get(node)])

    return several


def _clauses() -> Callable[[Any, Collector], Hashable]:
    # What is loaded afterwards has no part in the text; row counts are parameters.
    names = [name for name in Clauses.__struct_fields__ if name != "relations"]
    plain = Clauses()
    defaults = [getattr(plain, name) for name in names]
    get = attrgetter(*names)

    def take(clauses: Clauses, values: Collector) -> Hashable:
        return tuple(
            [
                (i, _shape(part, values))
                for i, (part, default) in enumerate(zip(get(clauses), defaults, strict=True))
                if part is not default
            ]
        )

    return take


_CLAUSES = _clauses()


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _takers() -> Mapping[type[Any], Callable[[Any, Collector], Hashable]]:
    found: dict[type[Any], Callable[[Any, Collector], Hashable]] = {}
    for kind in (*_kinds(Node), Derived, Combined, Join, Cte):
        if is_dataclass(kind):
            found[kind] = _record(kind, tuple(each.name for each in fields(kind)))
    found[Lock] = _record(Lock, Lock.__struct_fields__)
    found |= dict.fromkeys(_kinds(Computed), _computed)
    found[Clauses] = _CLAUSES
    found |= {tuple: _tuple, Column: _column}
    return found | {Value: _value, Values: _values, Parameter: _parameter}


# All that has parts; anything else is its own shape.
_TAKERS = _takers()

"""The shape of a query: all of it but its values.

Queries of one shape have one text, which is made once. A shape is a tuple that can be the key of a
mapping; finding it costs a fraction of writing the text.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from storehaus.errors import QueryError
from storehaus.expr import Column
from storehaus.expr.expression import Computed
from storehaus.expr.node import Node, Parameter, Value, Values
from storehaus.model.base import ModelMeta
from storehaus.query.clauses import Clauses, Lock
from storehaus.query.query import Fluent
from storehaus.query.sources import Alias, Combined, Cte, Derived, Join

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
        key = id(node)
        found = self.places.get(key)
        if found is None:
            found = self.places[key] = len(self.nodes)
            self.nodes.append(node)
        return found


_Taker = Callable[[Any, Collector], Hashable]


def shape_of(part: Any, values: Collector) -> Hashable:
    """Give the shape of a query or of a part of one.

    Args:
        part: A node, or what nodes are made of.
        values: Takes the value nodes that are met.

    Raises:
        QueryError: On nesting without end.
    """
    try:
        return _TAKERS[type(part)](part, values)
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None


class _Takers(dict[type[Any], _Taker]):
    """Who takes the shape of what."""

    def __missing__(self, kind: type[Any]) -> _Taker:
        # Queries are subclassed above this layer. What has no parts is its own shape.
        return _query if issubclass(kind, Fluent) else _itself


def _itself(part: Any, values: Collector) -> Hashable:
    del values
    return part  # type: ignore[no-any-return]  # what is left can be hashed


def _value(node: Value, values: Collector) -> Hashable:
    # As `place`, without a call: values are what there is most of.
    key, places = id(node), values.places
    place = places.get(key)
    if place is None:
        place = places[key] = len(values.nodes)
        values.nodes.append(node)
    kind: Any = type(node.value)  # pyright: ignore[reportUnknownVariableType]  # any type
    return (_kind(node.value) if kind is list else kind, place)


def _values(node: Values, values: Collector) -> Hashable:
    return (Values, node.kinds, values.place(node))


def _kind(value: list[Any]) -> Hashable:
    first: Any = type(value[0]) if value else None  # pyright: ignore[reportUnknownVariableType]  # any type
    return (list, first)


def _parameter(node: Parameter, values: Collector) -> Hashable:
    kind: Any = type(node.value)  # pyright: ignore[reportUnknownVariableType]  # any type
    if kind is int:
        kind = "small" if -_SMALL <= node.value < _SMALL else "big"
    elif kind is list:
        kind = _kind(node.value)
    return (Parameter, kind, node.annotation, values.place(node))


def _column(node: Column[Any], values: Collector) -> Hashable:
    del values
    return node.key


def _computed(node: Computed[Any], values: Collector) -> Hashable:
    inner = node.node
    return _TAKERS[type(inner)](inner, values)


def _query(query: Fluent[Any], values: Collector) -> Hashable:
    return _clauses(query.clauses, values)


def _tuple(parts: tuple[Any, ...], values: Collector) -> Hashable:
    if not parts:
        return parts
    if len(parts) == 1:
        part = parts[0]
        return (_TAKERS[type(part)](part, values),)
    return tuple([_TAKERS[type(part)](part, values) for part in parts])


def _alias(alias: Alias, values: Collector) -> Hashable:
    del values
    return alias.__key__


def _record(kind: type[Any], members: Mapping[str, Any]) -> _Taker:
    """Make the taker of a record, given the annotations of its members."""
    plain = [name for name, annotation in members.items() if _is_plain(annotation)]
    deep = [name for name in members if name not in plain]
    words = attrgetter(*plain) if plain else _nothing
    # Records of one or two parts are nearly all; for them a list would cost as much as the rest.
    if len(deep) == 1:
        return _with_one(kind, words, attrgetter(*deep))
    if len(deep) == 2:  # noqa: PLR2004 - as above
        return _with_two(kind, words, attrgetter(*deep))
    parts: Callable[[Any], tuple[Any, ...]] = attrgetter(*deep) if deep else _no_parts

    def take(node: Any, values: Collector) -> Hashable:
        shapes = [_TAKERS[type(part)](part, values) for part in parts(node)]
        return (kind, words(node), *shapes)

    return take


def _with_one(kind: type[Any], words: Callable[[Any], Any], get: Callable[[Any], Any]) -> _Taker:
    def take(node: Any, values: Collector) -> Hashable:
        part = get(node)
        return (kind, words(node), _TAKERS[type(part)](part, values))

    return take


def _with_two(kind: type[Any], words: Callable[[Any], Any], get: Callable[[Any], Any]) -> _Taker:
    def take(node: Any, values: Collector) -> Hashable:
        one, two = get(node)
        return (
            kind,
            words(node),
            _TAKERS[type(one)](one, values),
            _TAKERS[type(two)](two, values),
        )

    return take


def _nothing(_node: object) -> None:
    return None


def _no_parts(_node: object) -> tuple[Any, ...]:
    return ()


def _is_plain(annotation: Any) -> bool:
    """Whether a member is a word or a flag, which is its own shape."""
    if get_origin(annotation) in {Union, UnionType}:
        return all(map(_is_plain, get_args(annotation)))
    return annotation in {str, bool, type(None)} or get_origin(annotation) is Literal


# What is loaded afterwards has no part in the text.
_PARTS = tuple(name for name in Clauses.__struct_fields__ if name != "relations")
_get_parts = attrgetter(*_PARTS)
_NOTHING = _get_parts(Clauses())


def _clauses(clauses: Clauses, values: Collector) -> Hashable:
    return tuple(
        [
            (name, _TAKERS[type(part)](part, values))
            for name, part, nothing in zip(_PARTS, _get_parts(clauses), _NOTHING, strict=True)
            if part is not nothing
        ]
    )


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def _takers() -> _Takers:
    found = _Takers()
    for kind in (*_kinds(Node), Derived, Combined, Join, Cte):
        if is_dataclass(kind):
            found[kind] = _record(kind, {each.name: each.type for each in fields(kind)})
    found[Lock] = _record(Lock, dict.fromkeys(Lock.__struct_fields__))
    found |= dict.fromkeys(_kinds(Computed), _computed)
    found |= dict.fromkeys((str, bool, int, type(None), ModelMeta), _itself)
    found |= {Alias: _alias, tuple: _tuple, Column: _column, Clauses: _clauses}
    found |= {Value: _value, Values: _values, Parameter: _parameter}
    return found


_TAKERS = _takers()

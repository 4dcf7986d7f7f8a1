"""Filters that arrive as JSON: `QueryFilter.from_dict`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from storehaus.errors import QueryError
from storehaus.expr import Column, Condition
from storehaus.expr.condition import (
    And,
    Between,
    Comparator,
    Comparison,
    Containment,
    Like,
    Membership,
    Not,
    NullTest,
    Or,
    Overlap,
)
from storehaus.expr.node import FromJson, Name, Node, Value
from storehaus.expr.operands import escape_like, listed, members

__all__ = ["DocumentReader"]

_SHOWN_CHARACTERS = 60


class DocumentReader:
    """Reads one filter, within limits.

    Args:
        fields: Fields that may be named; None allows all of the model.
        max_depth: Deepest nesting of `and`, `or` and `not`.
        max_conditions: Most conditions.
        max_values: Most values in all lists together.
    """

    __slots__ = (
        "_conditions",
        "_fields",
        "_max_conditions",
        "_max_depth",
        "_max_values",
        "_values",
    )

    def __init__(
        self,
        fields: Iterable[str | Column[Any]] | None,
        *,
        max_depth: int,
        max_conditions: int,
        max_values: int,
    ) -> None:
        self._fields = None if fields is None else frozenset(map(_field_name, members(fields)))
        self._max_depth = max_depth
        self._max_conditions = max_conditions
        self._max_values = max_values
        self._conditions = 0
        self._values = 0

    def read(self, document: object, depth: int = 1) -> Condition:
        """Read an object: all of its members must hold.

        Raises:
            QueryError: When it is no filter, names a field that is not allowed, or is too large.
        """
        if not isinstance(document, Mapping):
            raise QueryError(f"a filter is an object, not {type(document).__name__}")
        if depth > self._max_depth:
            raise QueryError(f"a filter is nested at most {self._max_depth} levels deep")
        given = cast("Mapping[object, object]", document)
        # What is empty becomes SQL too.
        self._count(0 if given else 1)
        return _all_of([self._member(key, value, depth) for key, value in given.items()])

    def _member(self, key: object, value: object, depth: int) -> Condition:
        if key in {"and", "or"}:
            if not isinstance(value, list | tuple):
                raise QueryError(f"{key!r} stands before a list of filters")
            given = cast("list[object]", value)
            self._count(0 if given else 1)
            parts = tuple(self.read(part, depth + 1) for part in given)
            return And(parts) if key == "and" else Or(parts)
        if key == "not":
            return Not(self.read(value, depth + 1))
        return self._field(key, value)

    def _field(self, key: object, value: object) -> Condition:
        name = Name(self._allowed(key))
        if not isinstance(value, Mapping):
            return self._operator(name, "eq", value)
        operators = cast("Mapping[object, object]", value)
        if not operators:
            raise QueryError(f"{_shown(key)} is followed by a value, or by operators")
        return _all_of(
            [self._operator(name, operator, given) for operator, given in operators.items()]
        )

    def _operator(self, name: Name, operator: object, value: object) -> Condition:
        self._count(1)
        make = _OPERATORS.get(operator) if isinstance(operator, str) else None
        if make is None:
            known = ", ".join(_OPERATORS)
            raise QueryError(f"{_shown(operator)} is no operator of a filter; there are {known}")
        if isinstance(value, list | tuple):
            self._values += len(value)  # pyright: ignore[reportUnknownArgumentType]  # anything
            if self._values > self._max_values:
                raise QueryError(f"a filter has at most {self._max_values} values in its lists")
        return make(name, value)  # pyright: ignore[reportUnknownArgumentType]  # anything

    def _allowed(self, key: object) -> str:
        if not isinstance(key, str):
            raise QueryError(f"a field is a name, not {type(key).__name__}")
        if self._fields is not None and key not in self._fields:
            raise QueryError(f"{_shown(key)} cannot be filtered by", field=_shown(key))
        return key

    def _count(self, conditions: int) -> None:
        self._conditions += conditions
        if self._conditions > self._max_conditions:
            raise QueryError(f"a filter has at most {self._max_conditions} conditions")


def _all_of(parts: list[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _field_name(field: object) -> str:
    if isinstance(field, Column):
        return field.name
    if isinstance(field, str):
        return field
    raise QueryError(f"a field is a column or a name, not {type(field).__name__}")


def _shown(name: object) -> str:
    # From outside: short, and without anything unprintable.
    return ascii(name)[:_SHOWN_CHARACTERS] if isinstance(name, str) else type(name).__name__


def _value(value: object) -> Value:
    return Value(FromJson(value))


def _equal(name: Node, value: object) -> Condition:
    return NullTest(name) if value is None else Comparison("eq", name, _value(value))


def _unequal(name: Node, value: object) -> Condition:
    return NullTest(name, negated=True) if value is None else Comparison("ne", name, _value(value))


def _ordered(comparator: Comparator) -> Callable[[Node, object], Condition]:
    def make(name: Node, value: object) -> Condition:
        if value is None:
            raise QueryError("nothing is less or greater than null; use is_null")
        return Comparison(comparator, name, _value(value))

    return make


def _among(*, negated: bool) -> Callable[[Node, object], Condition]:
    def make(name: Node, value: object) -> Condition:
        items = [None if item is None else FromJson(item) for item in _list(value)]
        return Membership(name, listed(items), negated)

    return make


def _between(name: Node, value: object) -> Condition:
    bounds = _list(value)
    if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:  # noqa: PLR2004 - a pair
        raise QueryError("between is followed by the least and the greatest value")
    return Between(name, _value(bounds[0]), _value(bounds[1]))


def _is_null(name: Node, value: object) -> Condition:
    if not isinstance(value, bool):
        raise QueryError("is_null is followed by true or false")
    return NullTest(name, negated=not value)


def _pattern(before: str, after: str, *, ignore_case: bool = False) -> Callable[..., Condition]:
    def make(name: Node, value: object) -> Condition:
        return Like(name, Value(before + escape_like(value) + after), ignore_case)

    return make


def _like(*, ignore_case: bool) -> Callable[[Node, object], Condition]:
    def make(name: Node, value: object) -> Condition:
        escape_like(value)  # refuses what is no text
        return Like(name, Value(value), ignore_case)

    return make


def _has_any(name: Node, value: object) -> Condition:
    return Overlap(name, _items(value))


def _has_all(name: Node, value: object) -> Condition:
    return Containment(name, _items(value))


def _items(value: object) -> Value:
    # An empty list is seen for what it is by those who ask whether a filter filters.
    items = _list(value)
    return _value(items) if items else Value([])


def _list(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(cast("list[object]", value))
    raise QueryError(f"a list is needed, not {type(value).__name__}")


_OPERATORS: Mapping[str, Callable[[Node, object], Condition]] = {
    "eq": _equal,
    "ne": _unequal,
    "gt": _ordered("gt"),
    "gte": _ordered("ge"),
    "lt": _ordered("lt"),
    "lte": _ordered("le"),
    "between": _between,
    "in": _among(negated=False),
    "not_in": _among(negated=True),
    "is_null": _is_null,
    "like": _like(ignore_case=False),
    "ilike": _like(ignore_case=True),
    "startswith": _pattern("", "%"),
    "endswith": _pattern("%", ""),
    "contains": _pattern("%", "%"),
    "icontains": _pattern("%", "%", ignore_case=True),
    "has_any": _has_any,
    "has_all": _has_all,
}

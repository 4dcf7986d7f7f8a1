"""Expressions: what columns and their arithmetic have in common, typed by the value.

The operand types decide what checkers accept: `Wallet.balance - 10` is an `Expression[Decimal]`,
`User.name - 1` an error. Self types do it, so a method that makes sense for text only is an error
on a number.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeAlias, TypeVar, cast, overload

from storehaus.errors import QueryError
from storehaus.expr.computation import (
    Arithmetic,
    JsonItem,
    JsonScalar,
    Labelled,
    MatchRank,
    Operator,
    ScalarKind,
)
from storehaus.expr.condition import (
    AnyItem,
    Between,
    Comparator,
    Comparison,
    Condition,
    Containment,
    Holds,
    Like,
    Matches,
    Membership,
    NullTest,
    Overlap,
)
from storehaus.expr.node import Node, Subselect, Value
from storehaus.expr.operands import (
    equality,
    escape_like,
    items_node,
    listed,
    operand,
    step,
)
from storehaus.expr.ordering import Ordering
from storehaus.expr.row import Row

__all__ = ["Computed", "Expression", "JsonPath"]

T = TypeVar("T")
S = TypeVar("S")

# What may stand beside an operator: a value or an expression of the type; with Maybe also an
# expression that can be NULL.
Given: TypeAlias = "S | Expression[S]"
Maybe: TypeAlias = "S | Expression[S] | Expression[S | None]"
Members: TypeAlias = "Iterable[S] | Subselect[Row[S]] | Subselect[Row[S | None]]"
Items: TypeAlias = "Iterable[S] | Expression[list[S]] | Expression[list[S] | None]"

# Which expressions a method is for. No bound type variables: mypy checks none on `self`.
Booleans: TypeAlias = "Expression[bool] | Expression[bool | None]"
Texts: TypeAlias = "Expression[str] | Expression[str | None]"
Documents: TypeAlias = "Expression[dict[str, S]] | Expression[dict[str, S] | None]"
Integers: TypeAlias = "Expression[int] | Expression[int | None]"
Floats: TypeAlias = "Expression[float] | Expression[float | None]"
Decimals: TypeAlias = "Expression[Decimal] | Expression[Decimal | None]"
Moments: TypeAlias = "Expression[datetime] | Expression[datetime | None]"
Days: TypeAlias = "Expression[date] | Expression[date | None]"
Spans: TypeAlias = "Expression[timedelta] | Expression[timedelta | None]"


class Expression(Node, Generic[T]):
    """A value the database computes for a row.

    Comparisons follow SQL: a comparison with a NULL is neither true nor false, so
    `Airport.city != "Berlin"` leaves out rows without a city. `== None` and `!= None` mean IS NULL
    and IS NOT NULL. Arithmetic is PostgreSQL's: an integer divided by an integer is cut towards
    zero, and `%` has the sign of the dividend.
    """

    __slots__ = ()

    # Without these `list(column)` would never end and `x in column` would be a truth value.
    __iter__ = None
    __contains__ = None

    # The slot itself, so that hashing stays at C speed; defining __eq__ would drop it.
    __hash__ = object.__hash__

    # Equality of object is `(object) -> bool`; a condition is what makes `==` a filter.
    @overload  # type: ignore[override]
    def __eq__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __eq__(self, other: "Maybe[T] | None") -> Condition: ...
    def __eq__(self, other: object) -> Condition:  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
        return equality(self, other)

    @overload  # type: ignore[override]  # as above
    def __ne__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __ne__(self, other: "Maybe[T] | None") -> Condition: ...
    def __ne__(self, other: object) -> Condition:  # pyright: ignore[reportIncompatibleMethodOverride]  # as above
        return equality(self, other, negated=True)

    @overload
    def __lt__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __lt__(self, other: "Maybe[T]") -> Condition: ...
    def __lt__(self, other: object) -> Condition:
        return _compare("lt", self, other)

    @overload
    def __le__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __le__(self, other: "Maybe[T]") -> Condition: ...
    def __le__(self, other: object) -> Condition:
        return _compare("le", self, other)

    @overload
    def __gt__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __gt__(self, other: "Maybe[T]") -> Condition: ...
    def __gt__(self, other: object) -> Condition:
        return _compare("gt", self, other)

    @overload
    def __ge__(self: "Decimals", other: int) -> Condition: ...
    @overload
    def __ge__(self, other: "Maybe[T]") -> Condition: ...
    def __ge__(self, other: object) -> Condition:
        return _compare("ge", self, other)

    @overload
    def in_(self: "Expression[S | None]", values: "Subselect[Row[S]]") -> Condition: ...
    @overload
    def in_(self, values: "Members[T]") -> Condition: ...
    def in_(self, values: Any) -> Condition:
        """Among the values, or what a query gives; without values nothing is found.

        Args:
            values: None among them stands for NULL. A query gives one column.
        """
        return Membership(self, listed(values))

    @overload
    def not_in(self: "Expression[S | None]", values: "Subselect[Row[S]]") -> Condition: ...
    @overload
    def not_in(self, values: "Members[T]") -> Condition: ...
    def not_in(self, values: Any) -> Condition:
        """Not among the values; rows that are NULL are found only when there are no values.

        Where a query gives a NULL among others nothing is found, as in SQL.
        """
        return Membership(self, listed(values), negated=True)

    def is_distinct_from(self, other: "Maybe[T] | None") -> Condition:
        """Not equal, NULL being a value like any other."""
        return Comparison("distinct", self, operand(other))

    def is_not_distinct_from(self, other: "Maybe[T] | None") -> Condition:
        """Equal, NULL being equal to NULL."""
        return Comparison("not distinct", self, operand(other))

    def between(self, low: "Given[T]", high: "Given[T]") -> Condition:
        """Between two bounds, both included."""
        return Between(self, operand(low), operand(high))

    def is_null(self) -> Condition:
        """Has no value."""
        return NullTest(self)

    def is_not_null(self) -> Condition:
        """Has a value."""
        return NullTest(self, negated=True)

    def is_true(self: "Booleans") -> Condition:
        """Is true; combine with `~` for what is not. NULL is neither."""
        return Holds(self)

    def like(self: "Texts", pattern: str) -> Condition:
        r"""Matches a pattern of `%` (any text), `_` (any character) and `\` (escape)."""
        return Like(self, Value(pattern))

    def ilike(self: "Texts", pattern: str) -> Condition:
        """As `like`, upper and lower case being the same."""
        return Like(self, Value(pattern), ignore_case=True)

    def startswith(self: "Texts", prefix: str) -> Condition:
        """Starts with this text, taken literally."""
        return Like(self, Value(escape_like(prefix) + "%"))

    def endswith(self: "Texts", suffix: str) -> Condition:
        """Ends with this text, taken literally."""
        return Like(self, Value("%" + escape_like(suffix)))

    def matches(self: "Texts", search: str, *, config: str = "simple") -> Condition:
        """Matches a search as people type it: words, `"a phrase"`, `or`, `-not`.

        Args:
            search: Any text; PostgreSQL's `websearch_to_tsquery` refuses none.
            config: Text search configuration such as `english`, which knows the forms of words.
        """
        return Matches(self, Value(search), config)

    def match_rank(
        self: "Texts", search: str, *, config: str = "simple"
    ) -> "Expression[float | None]":
        """How well the text matches a search, 0.0 for not at all."""
        return Computed(MatchRank(self, Value(search), config))

    @overload
    def contains(self: "Texts", part: str) -> Condition: ...
    @overload
    def contains(self: "Expression[list[S]]", part: "Items[S]") -> Condition: ...
    @overload
    def contains(self: "Expression[list[S] | None]", part: "Items[S]") -> Condition: ...
    @overload
    def contains(self: "Documents[S]", part: Mapping[str, object]) -> Condition: ...
    def contains(self, part: object) -> Condition:
        """Holds a part: a text another text, taken literally; an array all of the items.

        A JSON document contains another when it has all of its keys with the values given, at
        every depth.
        """
        if isinstance(part, str):
            return Like(self, Value("%" + escape_like(part) + "%"))
        return Containment(self, Value(part) if isinstance(part, Mapping) else items_node(part))

    @overload
    def overlaps(self: "Expression[list[S]]", items: "Items[S]") -> Condition: ...
    @overload
    def overlaps(self: "Expression[list[S] | None]", items: "Items[S]") -> Condition: ...
    def overlaps(self, items: object) -> Condition:
        """The array has at least one of the items."""
        return Overlap(self, items_node(items))

    @overload
    def any_(self: "Expression[list[S]]", item: S) -> Condition: ...
    @overload
    def any_(self: "Expression[list[S] | None]", item: S) -> Condition: ...
    def any_(self, item: object) -> Condition:
        """The array has this item.

        `contains([item])` means the same and is the form that a GIN index serves.
        """
        return AnyItem(self, operand(item))

    def __getitem__(self: "Documents[Any]", key: str | int) -> "JsonPath":
        """What stands in a JSON document under a key, or at a place of an array."""
        return JsonPath(JsonItem(self, Value((step(key),))))

    def as_(self, label: str) -> "Expression[T]":
        """The same value with a name in the row: `count().as_("n")`."""
        return Computed(Labelled(self, label))

    def asc(self) -> Ordering:
        """Sort key, least first."""
        return Ordering(self)

    def desc(self) -> Ordering:
        """Sort key, greatest first."""
        return Ordering(self, descending=True)

    def nulls_first(self) -> Ordering:
        """Sort key, least first, NULLs before all values."""
        return Ordering(self, nulls="first")

    def nulls_last(self) -> Ordering:
        """Sort key, least first, NULLs after all values."""
        return Ordering(self, nulls="last")

    @overload
    def __add__(self: "Integers", other: "Given[int] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __add__(
        self: "Floats", other: "Given[int] | Given[float] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __add__(
        self: "Decimals", other: "Given[int] | Given[Decimal] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __add__(self: "Texts", other: "Given[str] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __add__(self: "Spans", other: "Given[timedelta] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __add__(self: "Moments", other: "Given[timedelta]") -> "Expression[T]": ...
    @overload
    def __add__(self: "Days", other: "Given[timedelta]") -> "Expression[T]": ...
    def __add__(self, other: object) -> Any:
        return _computed("+", self, operand(other))

    @overload
    def __radd__(self: "Integers", other: "Given[int]") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Floats", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Decimals", other: "Given[int] | Given[Decimal]") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Texts", other: "Given[str]") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Spans", other: "Given[timedelta]") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Expression[timedelta]", other: "datetime") -> "Expression[datetime]": ...
    @overload
    def __radd__(
        self: "Expression[timedelta | None]", other: "Given[datetime]"
    ) -> "Expression[datetime | None]": ...
    @overload
    def __radd__(self: "Moments", other: "timedelta") -> "Expression[T]": ...
    @overload
    def __radd__(self: "Days", other: "timedelta") -> "Expression[T]": ...
    def __radd__(self, other: object) -> Any:
        return _computed("+", operand(other), self)

    @overload
    def __sub__(self: "Integers", other: "Given[int] | Expression[T]") -> "Expression[T]": ...  # type: ignore[overload-overlap]  # T is invariant
    @overload
    def __sub__(  # type: ignore[overload-overlap]  # T is invariant
        self: "Floats", other: "Given[int] | Given[float] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __sub__(  # type: ignore[overload-overlap]  # T is invariant
        self: "Decimals", other: "Given[int] | Given[Decimal] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __sub__(self: "Spans", other: "Given[timedelta] | Expression[T]") -> "Expression[T]": ...  # type: ignore[overload-overlap]  # T is invariant
    @overload
    def __sub__(self: "Moments", other: "Given[timedelta]") -> "Expression[T]": ...
    @overload
    def __sub__(self: "Days", other: "Given[timedelta]") -> "Expression[T]": ...
    @overload
    def __sub__(  # pyright: ignore[reportOverlappingOverload]  # T is invariant
        self: "Expression[datetime]", other: "Given[datetime]"
    ) -> "Expression[timedelta]": ...
    @overload
    def __sub__(self: "Moments", other: "Maybe[datetime]") -> "Expression[timedelta | None]": ...
    def __sub__(self, other: object) -> Any:
        return _computed("-", self, operand(other))

    @overload
    def __rsub__(self: "Integers", other: "Given[int]") -> "Expression[T]": ...
    @overload
    def __rsub__(self: "Floats", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    @overload
    def __rsub__(self: "Decimals", other: "Given[int] | Given[Decimal]") -> "Expression[T]": ...
    @overload
    def __rsub__(self: "Spans", other: "Given[timedelta]") -> "Expression[T]": ...
    @overload
    def __rsub__(self: "Expression[timedelta]", other: "datetime") -> "Expression[datetime]": ...
    @overload
    def __rsub__(  # type: ignore[misc, overload-overlap]  # T is invariant
        self: "Expression[timedelta | None]", other: "Given[datetime]"
    ) -> "Expression[datetime | None]": ...
    @overload
    def __rsub__(self: "Expression[datetime]", other: "datetime") -> "Expression[timedelta]": ...
    @overload
    def __rsub__(
        self: "Expression[datetime | None]", other: "datetime"
    ) -> "Expression[timedelta | None]": ...
    def __rsub__(self, other: object) -> Any:
        return _computed("-", operand(other), self)

    @overload
    def __mul__(self: "Integers", other: "Given[int] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __mul__(
        self: "Floats", other: "Given[int] | Given[float] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __mul__(
        self: "Decimals", other: "Given[int] | Given[Decimal] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __mul__(self: "Spans", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    def __mul__(self, other: object) -> Any:
        return _computed("*", self, operand(other))

    @overload
    def __rmul__(self: "Integers", other: "Given[int]") -> "Expression[T]": ...
    @overload
    def __rmul__(self: "Floats", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    @overload
    def __rmul__(self: "Decimals", other: "Given[int] | Given[Decimal]") -> "Expression[T]": ...
    @overload
    def __rmul__(self: "Spans", other: "float") -> "Expression[T]": ...
    def __rmul__(self, other: object) -> Any:
        return _computed("*", operand(other), self)

    @overload
    def __truediv__(self: "Integers", other: "Given[int] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __truediv__(
        self: "Floats", other: "Given[int] | Given[float] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __truediv__(
        self: "Decimals", other: "Given[int] | Given[Decimal] | Expression[T]"
    ) -> "Expression[T]": ...
    @overload
    def __truediv__(self: "Spans", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    def __truediv__(self, other: object) -> Any:
        return _computed("/", self, operand(other))

    @overload
    def __rtruediv__(self: "Integers", other: "Given[int]") -> "Expression[T]": ...
    @overload
    def __rtruediv__(self: "Floats", other: "Given[int] | Given[float]") -> "Expression[T]": ...
    @overload
    def __rtruediv__(self: "Decimals", other: "Given[int] | Given[Decimal]") -> "Expression[T]": ...
    def __rtruediv__(self, other: object) -> Any:
        return _computed("/", operand(other), self)

    def __neg__(self: "Integers | Floats | Decimals | Spans") -> "Expression[T]":
        return _computed("*", self, Value(-1))

    @overload
    def __mod__(self: "Integers", other: "Given[int] | Expression[T]") -> "Expression[T]": ...
    @overload
    def __mod__(
        self: "Decimals", other: "Given[int] | Given[Decimal] | Expression[T]"
    ) -> "Expression[T]": ...
    def __mod__(self, other: object) -> Any:
        return _computed("%", self, operand(other))

    @overload
    def __rmod__(self: "Integers", other: "Given[int]") -> "Expression[T]": ...
    @overload
    def __rmod__(self: "Decimals", other: "Given[int] | Given[Decimal]") -> "Expression[T]": ...
    def __rmod__(self, other: object) -> Any:
        return _computed("%", operand(other), self)


class Computed(Expression[T]):
    """An expression that is no column, typed by what made it.

    Args:
        node: What the database computes.
    """

    __slots__ = ("node",)

    node: Node

    def __init__(self, node: Node) -> None:
        object.__setattr__(self, "node", node)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an expression cannot be changed: {self!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.node,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.node!r})"


class JsonPath(Computed[Any]):
    """What stands at a path of a JSON document: `Airport.extra["runway"]["length"]`.

    It compares as a whole by `==`, `in_` and `contains`; `== None` finds rows without it. To order
    it, or to use it as a value, say what it is read as.
    """

    __slots__ = ()

    def __getitem__(self, key: str | int) -> "JsonPath":
        """One step further in."""
        item = cast("JsonItem", self.node)
        return JsonPath(JsonItem(item.document, Value((*item.path.value, step(key)))))

    def as_int(self) -> "Expression[int | None]":
        """A whole number; NULL where it is none, or beyond 64 bits."""
        return self._read("integer")

    def as_float(self) -> "Expression[float | None]":
        """A number; NULL where it is none, or beyond what floats hold."""
        return self._read("float")

    def as_str(self) -> "Expression[str | None]":
        """A text; NULL where it is none."""
        return self._read("text")

    def as_bool(self) -> "Expression[bool | None]":
        """True or false; NULL where it is neither."""
        return self._read("boolean")

    def _read(self, kind: ScalarKind) -> "Expression[Any]":
        return Computed(JsonScalar(self.node, kind))


def _computed(operator: Operator, left: Node, right: Node) -> Expression[Any]:
    return Computed(Arithmetic(operator, left, right))


def _compare(comparator: Comparator, left: Node, right: object) -> Condition:
    if right is None:
        raise QueryError("nothing is less or greater than None; use is_null() or is_not_null()")
    return Comparison(comparator, left, operand(right))

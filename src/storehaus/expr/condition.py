"""Conditions: what a row must satisfy."""

from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

from storehaus.errors import QueryError
from storehaus.expr.node import Node, Subselect, Value

__all__ = [
    "And",
    "AnyItem",
    "Between",
    "Comparator",
    "Comparison",
    "Condition",
    "Containment",
    "Exists",
    "Holds",
    "Like",
    "Matches",
    "Membership",
    "Not",
    "NullTest",
    "Or",
    "Overlap",
]

Comparator: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge", "distinct", "not distinct"]


class Condition(Node):
    """True, false or unknown for a row; combine with `&`, `|` and `~`.

    A condition has no truth value in Python, so that `a and b`, `not a` and `1 < column < 5`, which
    would silently drop a half, raise `QueryError` instead.
    """

    __slots__ = ()

    def __and__(self, other: "Condition") -> "Condition":
        return And((*_parts(self, And), *_parts(_checked(other), And)))

    def __or__(self, other: "Condition") -> "Condition":
        return Or((*_parts(self, Or), *_parts(_checked(other), Or)))

    def __invert__(self) -> "Condition":
        return self.part if isinstance(self, Not) else Not(self)

    def __bool__(self) -> NoReturn:
        raise QueryError(
            "a condition has no truth value: combine conditions with &, | and ~ (in parentheses)"
            " instead of and, or, not and chained comparisons"
        )


@dataclass(frozen=True, slots=True, eq=False)
class And(Condition):
    """All parts hold; without parts it is true.

    Attributes:
        parts: The conditions, in order.
    """

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Or(Condition):
    """At least one part holds; without parts it is false.

    Attributes:
        parts: The conditions, in order.
    """

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Not(Condition):
    """The part does not hold.

    Attributes:
        part: The condition negated.
    """

    part: Condition


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Condition):
    """Two operands compared.

    Attributes:
        comparator: How.
        left: Left operand.
        right: Right operand.
    """

    comparator: Comparator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class NullTest(Condition):
    """The operand is NULL, or is not.

    Attributes:
        operand: What is tested.
        negated: Whether it must not be NULL.
    """

    operand: Node
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Membership(Condition):
    """The operand is among the values, or is not.

    None among the values stands for NULL: `in_([1, None])` also finds rows that are NULL, and
    `not_in([1, None])` finds neither.

    Attributes:
        operand: What is looked for.
        values: `Values`, or a query that gives one column.
        negated: Whether it must not be among them.
    """

    operand: Node
    values: Node
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Between(Condition):
    """The operand lies between two bounds, both included.

    Attributes:
        operand: What is tested.
        low: Least value.
        high: Greatest value.
    """

    operand: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True, eq=False)
class Like(Condition):
    r"""The text matches a pattern of `%`, `_` and `\` as escape.

    Attributes:
        operand: The text.
        pattern: The pattern.
        ignore_case: Whether upper and lower case are the same.
    """

    operand: Node
    pattern: Node
    ignore_case: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Matches(Condition):
    """The text matches a search.

    Attributes:
        operand: The text.
        search: What is looked for, in the syntax of web search engines.
        config: Text search configuration.
    """

    operand: Node
    search: Value
    config: str


@dataclass(frozen=True, slots=True, eq=False)
class Holds(Condition):
    """A boolean value is true.

    Attributes:
        operand: The value.
    """

    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Exists(Condition):
    """A query gives at least one row.

    Attributes:
        query: The query; it may name columns of the one around it.
    """

    query: Subselect[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Containment(Condition):
    """An array holds all items of another, or a JSON document holds another.

    Attributes:
        operand: The whole.
        part: What must be inside.
    """

    operand: Node
    part: Node


@dataclass(frozen=True, slots=True, eq=False)
class Overlap(Condition):
    """Two arrays share at least one item.

    Attributes:
        operand: One array.
        other: The other.
    """

    operand: Node
    other: Node


@dataclass(frozen=True, slots=True, eq=False)
class AnyItem(Condition):
    """An array holds the item.

    Attributes:
        operand: The array.
        item: The item.
    """

    operand: Node
    item: Node


def _checked(other: object) -> Condition:
    if isinstance(other, Condition):
        return other
    raise QueryError(
        f"a condition is combined with another condition, not with {type(other).__name__}"
    )


def _parts(condition: Condition, kind: type[And] | type[Or]) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, kind) else (condition,)

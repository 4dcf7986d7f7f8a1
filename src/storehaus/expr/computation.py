"""What the database computes, as plain nodes; `Expression` gives them their types."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from storehaus.expr.condition import Condition
from storehaus.expr.node import Node, Subselect, Value
from storehaus.expr.ordering import Ordering

__all__ = [
    "AggregateCall",
    "Arithmetic",
    "Bound",
    "Call",
    "Case",
    "Cast",
    "Excluded",
    "Frame",
    "GroupingSets",
    "JsonItem",
    "JsonScalar",
    "Keyword",
    "Labelled",
    "MatchRank",
    "OfDerived",
    "Operator",
    "Scalar",
    "ScalarKind",
    "Truth",
    "Variadic",
    "WindowCall",
]

Operator: TypeAlias = Literal["+", "-", "*", "/", "%"]
Keyword: TypeAlias = Literal["coalesce", "nullif", "greatest", "least"]
ScalarKind: TypeAlias = Literal["integer", "float", "text", "boolean"]
Bound: TypeAlias = int | None
"""End of a frame: rows before (negative) or after the current one; None has no end."""


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic(Node):
    """Two operands computed: `Wallet.balance - 10`.

    Attributes:
        operator: How.
        left: Left operand.
        right: Right operand.
    """

    operator: Operator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Labelled(Node):
    """A computed value with a name in the row.

    Attributes:
        operand: The value.
        label: Its name.
    """

    operand: Node
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Node):
    """A value as another type.

    Attributes:
        operand: The value.
        annotation: Python type whose PostgreSQL type it becomes.
    """

    operand: Node
    annotation: Any


@dataclass(frozen=True, slots=True, eq=False)
class Case(Node):
    """The value of the first branch whose condition holds.

    Attributes:
        branches: Pairs of condition and value, in order.
        otherwise: Value when none holds; None gives NULL.
    """

    branches: tuple[tuple[Condition, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Variadic(Node):
    """`coalesce` and its kin, which are grammar and no functions.

    Attributes:
        keyword: Which.
        parts: The values; they are of one type.
    """

    keyword: Keyword
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """A call of any function.

    Attributes:
        name: Its name, with the schema before it where one was given.
        arguments: The arguments in order.
        annotation: Python type of the result; None when it is not known.
    """

    name: tuple[str, ...]
    arguments: tuple[Node, ...]
    annotation: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class AggregateCall(Node):
    """An aggregate over the rows of a group.

    Attributes:
        name: Its name in PostgreSQL.
        arguments: What is aggregated; empty counts rows.
        distinct: Whether equal values count once.
        ordering: Order in which rows are taken.
        condition: Which rows count; None is all of them.
    """

    name: str
    arguments: tuple[Node, ...] = ()
    distinct: bool = False
    ordering: tuple[Ordering, ...] = ()
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame(Node):
    """Which rows around the current one a window function sees.

    Attributes:
        unit: What the bounds count.
        start: First row; None is the first of the partition.
        end: Last row; None is the last of the partition.
    """

    unit: Literal["rows", "range", "groups"]
    start: Bound
    end: Bound


@dataclass(frozen=True, slots=True, eq=False)
class WindowCall(Node):
    """A function over the rows around the current one.

    Attributes:
        function: An aggregate or a window function.
        partition: Rows with equal values here are seen together.
        ordering: Their order.
        frame: Which of them count; None is PostgreSQL's default.
    """

    function: Node
    partition: tuple[Node, ...]
    ordering: tuple[Ordering, ...]
    frame: Frame | None


@dataclass(frozen=True, slots=True, eq=False)
class JsonItem(Node):
    """What stands at a path of a JSON document.

    Attributes:
        document: The document.
        path: Keys and positions from the outside in, as texts.
    """

    document: Node
    path: Value


@dataclass(frozen=True, slots=True, eq=False)
class JsonScalar(Node):
    """A JSON item as a number, text or truth value; NULL where it is of another type.

    Attributes:
        item: The item.
        kind: What it is read as.
    """

    item: Node
    kind: ScalarKind


@dataclass(frozen=True, slots=True, eq=False)
class MatchRank(Node):
    """How well a text matches a search.

    Attributes:
        operand: The text.
        search: What is looked for, in the syntax of web search engines.
        config: Text search configuration.
    """

    operand: Node
    search: Value
    config: str


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Node):
    """The one value of the one row that a query gives; NULL without a row.

    Attributes:
        query: A query that gives one column.
    """

    query: Subselect[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Truth(Node):
    """A condition as a value: true, false or NULL.

    Attributes:
        condition: The condition.
    """

    condition: Condition


@dataclass(frozen=True, slots=True, eq=False)
class Excluded(Node):
    """In an upsert: the value that would have been inserted.

    Attributes:
        column: The column.
    """

    column: Node


@dataclass(frozen=True, slots=True, eq=False)
class OfDerived(Node):
    """A column of a subquery or a common table expression.

    Attributes:
        source: Name under which the statement knows it.
        name: Name of the column.
    """

    source: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class GroupingSets(Node):
    """Several groupings at once.

    Attributes:
        kind: How the sets are said.
        sets: Keys of each set; for rollup and cube one element of the list.
    """

    kind: Literal["rollup", "cube", "grouping sets"]
    sets: tuple[tuple[Node, ...], ...]

"""From what callers write beside an operator to nodes."""

from collections.abc import Iterable
from typing import Any, cast

from storehaus.errors import QueryError
from storehaus.expr.condition import Comparison, Condition, NullTest
from storehaus.expr.node import Node, Parameter, Subselect, Value, Values

__all__ = [
    "argument",
    "checked_condition",
    "equality",
    "escape_like",
    "items_node",
    "listed",
    "members",
    "operand",
    "step",
]


def operand(value: object) -> Node:
    """Make a node of what stands beside an operator, which decides its type."""
    return value if isinstance(value, Node) else Value(value)


def argument(value: object) -> Node:
    """Make a node of what has no neighbour that would decide its type."""
    return value if isinstance(value, Node) else Parameter(value)


def checked_condition(condition: object) -> Condition:
    """Take a condition, so that the truth value of a comparison is none by accident.

    Raises:
        QueryError: When it is something else.
    """
    if isinstance(condition, Condition):
        return condition
    raise QueryError(
        f"a filter is a condition such as Model.field == value, not {type(condition).__name__}"
    )


def equality(left: Node, right: object, *, negated: bool = False) -> Condition:
    """Compare for equality; None stands for NULL."""
    if right is None:
        return NullTest(left, negated=negated)
    return Comparison("ne" if negated else "eq", left, operand(right))


def members(values: object) -> tuple[Any, ...]:
    """Take the values of an IN list.

    Raises:
        QueryError: When it is a single value or a text, whose characters nobody means.
    """
    if isinstance(values, str | bytes | Node):
        raise QueryError(f"a list of values is needed, not {type(values).__name__}")
    try:
        return tuple(cast("Iterable[Any]", values))
    except TypeError:
        raise QueryError(f"a list of values is needed, not {type(values).__name__}") from None


def escape_like(text: object) -> str:
    r"""Escape `%`, `_` and `\`, so that LIKE takes the text literally.

    Raises:
        QueryError: When it is no text.
    """
    if not isinstance(text, str):
        raise QueryError(f"a text is needed, not {type(text).__name__}")
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def listed(values: object) -> Node:
    """Take the values of an IN list, or the query that stands in its place."""
    if isinstance(values, Subselect):
        return values  # pyright: ignore[reportUnknownVariableType]  # any row
    found = members(values)
    return Values(found, frozenset(map(type, found)))


def step(key: object) -> str:
    """Take one step of a JSON path.

    Raises:
        QueryError: When it is neither a key nor a position.
    """
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise QueryError(f"a path of JSON has keys and positions, not {type(key).__name__}")
    return str(key)


def items_node(items: object) -> Node:
    """Take the items of an array, or the array that stands in their place."""
    return items if isinstance(items, Node) else Value(list(members(items)))

"""What every part of an expression is, and its leaves that have no type of their own."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Name", "Node", "Value", "operand"]


class Node:
    """A part of an expression: an immutable value that holds no SQL."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Value(Node):
    """A Python value; it becomes a parameter, never text.

    Attributes:
        value: The value as the caller gave it.
    """

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    """A field by its name, looked up in the model when the query is compiled.

    Attributes:
        name: Name of the field, from outside and not trusted.
    """

    name: str


def operand(value: object) -> Node:
    """Make a node of what stands beside an operator."""
    return value if isinstance(value, Node) else Value(value)

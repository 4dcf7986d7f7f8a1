"""What every part of an expression is, and its leaves that have no type of their own."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["FromJson", "Name", "Node", "Parameter", "Subselect", "Value", "Values"]

R_co = TypeVar("R_co", covariant=True)


class Node:
    """A part of an expression: an immutable value that holds no SQL."""

    __slots__ = ()


class Subselect(Node, Generic[R_co]):
    """A query as part of an expression; `R_co` is what one of its rows is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Value(Node):
    """A Python value; it becomes a parameter, never text.

    What stands beside it decides its type.

    Attributes:
        value: The value as the caller gave it.
    """

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class FromJson:
    """A value that came as JSON; the type of what stands beside it says what it means.

    Attributes:
        value: The value as a JSON decoder gave it.
    """

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Values(Node):
    """Several values that travel as one array parameter.

    Attributes:
        value: The values as the caller gave them; None among them stands for NULL.
        kinds: Their types.
    """

    value: tuple[Any, ...]
    kinds: frozenset[type[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Node):
    """A Python value with a type of its own; it becomes a parameter, never text.

    Attributes:
        value: The value as the caller gave it.
        annotation: Python type it is sent as; None goes by the value.
    """

    value: Any
    annotation: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    """A field by its name, looked up in the model when the query is compiled.

    Attributes:
        name: Name of the field, from outside and not trusted.
    """

    name: str

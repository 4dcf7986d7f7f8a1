"""What an update does to the rows it finds."""

from dataclasses import dataclass
from typing import Any, TypeVar, overload

from storehaus.errors import QueryError
from storehaus.expr import Column, Expression
from storehaus.expr.computation import Arithmetic, Operator
from storehaus.expr.expression import Computed
from storehaus.expr.node import Name, Node
from storehaus.expr.operands import operand

__all__ = ["UpdateSet"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class UpdateSet:
    """Changes to rows, computed by the database: `UpdateSet().increment("visits")`.

    Immutable: every method returns a new set. Fields are columns or names; each can be changed
    once.

    Attributes:
        changes: Pairs of field and new value, in order.
    """

    changes: tuple[tuple[Column[Any] | str, Any], ...] = ()

    @overload
    def set(self, field: Column[T], value: T | Expression[T]) -> "UpdateSet": ...
    @overload
    def set(self, field: str, value: object) -> "UpdateSet": ...
    def set(self, field: Column[Any] | str, value: object) -> "UpdateSet":
        """Give the field a value or the result of an expression."""
        return UpdateSet((*self.changes, (_checked(field), value)))

    def increment(self, field: Column[Any] | str, by: object = 1) -> "UpdateSet":
        """Add to the field; NULL stays NULL."""
        return self._computed("+", field, by)

    def decrement(self, field: Column[Any] | str, by: object = 1) -> "UpdateSet":
        """Subtract from the field; NULL stays NULL."""
        return self._computed("-", field, by)

    def multiply(self, field: Column[Any] | str, by: object) -> "UpdateSet":
        """Multiply the field; NULL stays NULL."""
        return self._computed("*", field, by)

    def divide(self, field: Column[Any] | str, by: object) -> "UpdateSet":
        """Divide the field; an integer is cut towards zero, NULL stays NULL."""
        return self._computed("/", field, by)

    def _computed(self, operator: Operator, field: Column[Any] | str, by: object) -> "UpdateSet":
        left: Node = Name(field) if isinstance(field, str) else field
        return self.set(field, Computed[Any](Arithmetic(operator, left, operand(by))))


def _checked(field: Column[Any] | str) -> Column[Any] | str:
    if isinstance(field, Column | str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        return field
    raise QueryError(f"a field is a column or a name, not {type(field).__name__}")

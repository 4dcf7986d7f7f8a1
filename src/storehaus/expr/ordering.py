"""Sort keys."""

from dataclasses import dataclass, replace
from typing import Literal

from storehaus.expr.node import Node

__all__ = ["Ordering"]


@dataclass(frozen=True, slots=True, eq=False)
class Ordering(Node):
    """One sort key: `Airport.name.desc().nulls_last()`.

    Attributes:
        operand: What is sorted by.
        descending: Whether the greatest comes first.
        nulls: Place of NULLs; None is PostgreSQL's default (last upwards, first downwards).
    """

    operand: Node
    descending: bool = False
    nulls: Literal["first", "last"] | None = None

    def nulls_first(self) -> "Ordering":
        """The same key with NULLs before all values."""
        return replace(self, nulls="first")

    def nulls_last(self) -> "Ordering":
        """The same key with NULLs after all values."""
        return replace(self, nulls="last")

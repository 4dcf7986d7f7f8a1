"""A field of a model as an expression."""

from collections.abc import Callable
from typing import Any, TypeVar

from storehaus.expr.expression import Expression

__all__ = ["Column"]

T = TypeVar("T")


class Column(Expression[T]):
    """A field of a model, typed by its value: `Airport.elevation` is a `Column[float]`.

    The model's metaclass makes one per field and keeps it, so columns hash by identity and can be
    keys of a mapping of changes.

    Args:
        model: The class the field belongs to, or its alias.
        name: Name of the field.
        key: What tells it from other columns; None is the class and the name.
    """

    __slots__ = ("key", "model", "name")

    model: type[Any]
    name: str
    key: tuple[Any, ...]
    """What tells it from other columns, and hashes at C speed."""

    def __init__(self, model: type[Any], name: str, key: tuple[Any, ...] | None = None) -> None:
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "key", key or (model, name))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a column cannot be changed: {self!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a column cannot be changed: {self!r}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[type[Any], str]]:
        # A copy must be the model's own column again: identity is what mappings go by.
        return (getattr, (self.model, self.name))

    def __repr__(self) -> str:
        return f"{self.model.__name__}.{self.name}"

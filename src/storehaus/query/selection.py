"""The items of a projection."""

from storehaus.errors import QueryError
from storehaus.expr import Condition, Expression
from storehaus.expr.computation import Truth
from storehaus.expr.node import Name, Node
from storehaus.query.sources import Alias, Entity, checked_model

__all__ = ["selected"]


def selected(item: object) -> Node:
    """Take one item of a projection: an expression, a model, or a name.

    Raises:
        QueryError: When it is something else.
    """
    if isinstance(item, Expression):
        return item  # pyright: ignore[reportUnknownVariableType]  # any value
    if isinstance(item, str):
        return Name(item)
    if isinstance(item, type | Alias):
        return Entity(checked_model(item))
    if isinstance(item, Condition):
        return Truth(item)
    raise QueryError(f"a projection has columns, expressions and models, not {type(item).__name__}")

"""Sort keys by name, for orders that arrive from outside."""

from collections.abc import Iterable
from enum import Enum

from storehaus.errors import QueryError
from storehaus.expr import Expression, Ordering
from storehaus.expr.node import Name

__all__ = ["SortOrder", "asc", "desc", "sort_keys"]


class SortOrder(Enum):
    """Direction of a sort key."""

    ASC = "asc"
    DESC = "desc"


def asc(name: str) -> Ordering:
    """Sort by the field of this name, least first."""
    return Ordering(Name(name))


def desc(name: str) -> Ordering:
    """Sort by the field of this name, greatest first."""
    return Ordering(Name(name), descending=True)


def sort_keys(keys: Iterable[object]) -> tuple[Ordering, ...]:
    """Make sort keys of columns, names and orderings; a `SortOrder` turns the key before it.

    Raises:
        QueryError: When something is none of these.
    """
    found: list[Ordering] = []
    for key in keys:
        if isinstance(key, SortOrder):
            if not found:
                raise QueryError(f"{key} stands after the column it is for")
            found.append(Ordering(found.pop().operand, descending=key is SortOrder.DESC))
        else:
            found.append(_sort_key(key))
    return tuple(found)


def _sort_key(key: object) -> Ordering:
    if isinstance(key, Ordering):
        return key
    if isinstance(key, Expression):
        return key.asc()
    if isinstance(key, str):
        return asc(key)
    raise QueryError(f"order_by takes columns and names of fields, not {type(key).__name__}")

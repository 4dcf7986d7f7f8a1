"""Tables of settings, and the paths of keys in them."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

__all__ = ["KeyPath", "holds", "is_table"]

KeyPath: TypeAlias = tuple[str, ...]
"""Section and key, for instance `("database", "port")`."""


def is_table(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is a table, not a single setting."""
    return isinstance(value, Mapping)


def holds(tables: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether the tables name a key."""
    node: object = tables
    for part in path:
        if not is_table(node) or part not in node:
            return False
        node = node[part]
    return True

"""The fields of a model in the order of its instances: required, defaulted, system fields.

A row from the database is then an instance by position, and msgspec, which wants required fields
first, is content whatever the order of declaration and inheritance.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from storehaus.errors import ModelDefinitionError
from storehaus.model.field import FieldSpec
from storehaus.model.records import NO_DEFAULT, Bounds

__all__ = ["SYSTEM_FIELDS", "DeclaredField", "declare", "order", "struct_namespace"]

SYSTEM_FIELDS: dict[str, Any] = {
    "__created_at__": datetime,
    "__updated_at__": datetime,
    "__tags__": list[str],
    "__is_active__": bool,
}
"""Columns that every model has; `__is_active__` only where it soft-deletes by it."""


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """One field as its class body says it.

    Attributes:
        name: Name of the attribute.
        annotation: Its type, evaluated.
        spec: What `field(...)` was told.
    """

    name: str
    annotation: Any
    spec: FieldSpec

    @property
    def unset_at_first(self) -> bool:
        """Whether the database decides the value, so that a new instance has none."""
        spec = self.spec
        return spec.generated is not None or spec.version or spec.server_default is not None

    @property
    def required(self) -> bool:
        """Whether the constructor insists on it."""
        spec = self.spec
        has_default = spec.default is not NO_DEFAULT or spec.default_factory is not None
        return not has_default and not self.unset_at_first


def declare(model: str, name: str, annotation: Any, namespace: dict[str, Any]) -> DeclaredField:
    """Take one field out of a class body.

    Raises:
        ModelDefinitionError: When its name is reserved.
    """
    if name.startswith("__") or name in _RESERVED:
        raise ModelDefinitionError(
            f"{model}.{name}: this name is taken by StoreHaus; give the field another one"
            " (and column=... if the column must be called so)",
            model=model,
            field=name,
            rule="names with two leading underscores and names of Model's attributes are reserved",
        )
    value = namespace.pop(name, NO_DEFAULT)
    spec = value if isinstance(value, FieldSpec) else FieldSpec(bounds=Bounds(), default=value)
    return DeclaredField(name, annotation, spec)


_RESERVED = frozenset({"mro"})


def order(fields: list[DeclaredField]) -> list[DeclaredField]:
    """Put required fields first; within both halves the order of declaration stays."""
    return sorted(fields, key=lambda declared: not declared.required)


def struct_namespace(fields: list[DeclaredField], system: list[str]) -> dict[str, Any]:
    """Write annotations and defaults the way msgspec reads them."""
    annotations: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__annotations__": annotations}
    for declared in fields:
        annotations[declared.name] = declared.annotation
        if declared.unset_at_first:
            annotations[declared.name] = declared.annotation | msgspec.UnsetType
            namespace[declared.name] = msgspec.UNSET
        elif declared.spec.default_factory is not None:
            namespace[declared.name] = msgspec.field(default_factory=declared.spec.default_factory)
        elif declared.spec.default is not NO_DEFAULT:
            namespace[declared.name] = msgspec.field(default=declared.spec.default)
    for name in system:
        annotations[name] = SYSTEM_FIELDS[name] | msgspec.UnsetType
        namespace[name] = msgspec.UNSET
    return namespace

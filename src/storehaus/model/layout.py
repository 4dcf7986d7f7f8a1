"""The fields of a model in the order of its instances: required, defaulted, system fields.

A row from the database is then an instance by position, and msgspec, which wants required fields
first, is content whatever the order of declaration and inheritance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from storehaus.errors import ModelDefinitionError
from storehaus.model.field import Field, FieldSpec
from storehaus.model.records import NO_DEFAULT, Bounds

__all__ = [
    "DELETION",
    "SYSTEM_FIELDS",
    "DeclaredField",
    "check_body",
    "check_name",
    "declare",
    "order",
]

SYSTEM_FIELDS: dict[str, Any] = {
    "__created_at__": datetime,
    "__updated_at__": datetime,
    "__tags__": list[str],
    "__is_active__": bool,
}
"""Columns that every model has; `__is_active__` only where it soft-deletes by it."""

DELETION = "__deletion__"
"""Column of a soft-deleting model's table that no instance has: which cascade deleted the row."""

# `mro` is a method of every class.
_RESERVED = frozenset({"mro"})


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

    def with_types(self, arguments: Mapping[Any, Any]) -> "DeclaredField":
        """Put types in the place of type variables."""
        if self.annotation in arguments:
            return replace(self, annotation=arguments[self.annotation])
        variables = getattr(self.annotation, "__parameters__", ())
        if not any(variable in arguments for variable in variables):
            return self
        wanted = tuple(arguments.get(variable, variable) for variable in variables)
        return replace(self, annotation=self.annotation[wanted])


def declare(model: str, name: str, annotation: Any, namespace: dict[str, Any]) -> DeclaredField:
    """Take one field out of a class body.

    Raises:
        ModelDefinitionError: When its name is reserved or its annotation no type.
    """
    check_name(model, name)
    if isinstance(annotation, FieldSpec):
        message = "here the name of its type means the field itself; import the type by module"
        raise _refuse(model, name, message, "a field that is called like its type hides it")
    if annotation is Field:
        raise _refuse(model, name, "write Field[type]", "Field says the type of the values")
    value = namespace.pop(name, NO_DEFAULT)
    spec = value if isinstance(value, FieldSpec) else FieldSpec(bounds=Bounds(), default=value)
    if spec.soft_delete and spec.default is NO_DEFAULT:
        spec = replace(spec, default=True)
    return DeclaredField(name, annotation, spec)


def check_name(model: str, name: str) -> None:
    """Check the name of a field or relation.

    Raises:
        ModelDefinitionError: When it is reserved.
    """
    mangled = f"_{model.lstrip('_')}__"
    if name.startswith(("__", mangled)) or name in _RESERVED:
        rule = "names with two leading underscores and names of Model's attributes are reserved"
        raise _refuse(
            model,
            name.removeprefix(mangled[:-2]),
            "this name is taken by StoreHaus; give the field another one (and column=... if the"
            " column must be called so)",
            rule,
        )


def check_body(model: str, namespace: Mapping[str, Any], inherited: Iterable[str]) -> None:
    """Check what is left of a class body when its fields are taken out.

    Args:
        model: Name of the class.
        namespace: The class body without its fields.
        inherited: Names of fields and relations that only the bases declare.

    Raises:
        ModelDefinitionError: When something looks like a field and is none, or hides one.
    """
    for name, value in namespace.items():
        if isinstance(value, FieldSpec):
            rule = f"{name}: Field[type] = field(...)"
            raise _refuse(model, name, "field(...) needs an annotation", rule)
        if name in inherited:
            message = "a field or relation of a base class; to change it, repeat its annotation"
            rule = "nothing else has the name of a field or relation"
            raise _refuse(model, name, message, rule)


def order(fields: list[DeclaredField]) -> list[DeclaredField]:
    """Put required fields first; within both halves the order of declaration stays."""
    return sorted(fields, key=lambda declared: not declared.required)


def _refuse(model: str, name: str, message: str, rule: str) -> ModelDefinitionError:
    return ModelDefinitionError(f"{model}.{name}: {message}", model=model, field=name, rule=rule)

"""What a model takes over from the abstract classes it derives from."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from storehaus.errors import ModelDefinitionError
from storehaus.model.constraints import Constraint
from storehaus.model.layout import DeclaredField

__all__ = [
    "Inherited",
    "inherited_constraints",
    "inherited_fields",
    "inherited_option",
    "is_deeper",
]

Inherited = tuple[type, DeclaredField]
"""A field and the abstract class that declares it."""


def inherited_fields(
    model: str, bases: tuple[type, ...], namespace: Mapping[str, Any]
) -> dict[str, Inherited]:
    """Collect the fields of all bases; the leftmost base wins, as everywhere in Python.

    Raises:
        ModelDefinitionError: When a base has a table of its own.
    """
    found: dict[str, Inherited] = {}
    arguments = _type_arguments(namespace)
    for base in reversed(bases):
        if "__table_info__" in vars(base):
            raise ModelDefinitionError(
                f"{model}: {base.__name__} has a table of its own; only a class without table= can"
                " be derived from",
                model=model,
                rule="shared fields stand in an abstract class",
            )
        for name, (owner, declared) in _declared(base).items():
            if name in found and is_deeper(found[name][0], owner):
                continue
            found[name] = (owner, declared.with_types(arguments.get(base, {})))
    return found


def _declared(base: type) -> dict[str, Inherited]:
    found: dict[str, Inherited] = vars(base).get("__declared__", {})
    return found


def is_deeper(one: type, other: type) -> bool:
    """In a diamond the class further down wins, on whichever side it stands."""
    return one is not other and issubclass(one, other)


def _type_arguments(namespace: Mapping[str, Any]) -> dict[Any, dict[Any, Any]]:
    """Map generic bases to their arguments: `Owned[int]` gives `{Owned: {OwnerT: int}}`."""
    found: dict[Any, dict[Any, Any]] = {}
    for original in namespace.get("__orig_bases__", ()):
        origin: Any = get_origin(original)
        parameters: tuple[Any, ...] = getattr(origin, "__parameters__", ())
        found[origin] = dict(zip(parameters, get_args(original), strict=False))
    return found


def inherited_constraints(bases: tuple[type, ...]) -> tuple[Constraint, ...]:
    """Collect what stands in `indexes` of all bases, each once."""
    options = [vars(base).get("__shared__") for base in bases]
    found = {id(index): index for each in options if each for index in each.indexes}
    return tuple(found.values())


def inherited_option(bases: tuple[type, ...], name: str, given: Any) -> Any:
    """Give a class keyword, or when it is None that of the first base that says one."""
    options = [vars(base).get("__shared__") for base in bases]
    values = [given, *(getattr(each, name) for each in options if each)]
    return next((value for value in values if value is not None), None)

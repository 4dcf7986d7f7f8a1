"""Types that are stored as jsonb, and whether they come back as they went."""

import typing
from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, is_typeddict

import msgspec

__all__ = ["document_problem", "is_document"]


_FOREIGN = {"builtins", "msgspec", "typing"}


def is_document(annotation: Any) -> bool:
    """Whether an annotation is stored as jsonb: a dict, a list, a struct, a dataclass.

    A union of structs is one too; msgspec tells them apart by their tags.
    """
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return all(map(is_document, get_args(annotation)))
    named = annotation if origin is None else origin
    if not isinstance(named, type):
        return False
    cls: type[object] = named
    if cls in {dict, list} or is_dataclass(cls) or is_typeddict(annotation):
        return True
    return issubclass(cls, msgspec.Struct)


def document_problem(annotation: Any) -> str | None:
    """Say why values of a jsonb type would not survive; None when they do."""
    try:
        described = msgspec.inspect.type_info(annotation)
        msgspec.json.Decoder(annotation)
    except (TypeError, ValueError, NameError, AttributeError, RecursionError) as problem:
        return f"msgspec cannot read it from JSON: {problem}"
    for part in _parts(described, set()):
        if isinstance(part, msgspec.inspect.CustomType) and part.cls is not object:
            return f"JSON has no form for the {part.cls.__qualname__} in it"
        if isinstance(part, msgspec.inspect.StructType | msgspec.inspect.DataclassType):
            problem_of_class = _class_problem(part.cls)
            if problem_of_class:
                return problem_of_class
    return None


def _parts(node: object, seen: set[int]) -> Iterator[msgspec.inspect.Type]:
    """Walk a description, which refers back to itself for a recursive type."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, msgspec.inspect.Type):
        yield node
    if isinstance(node, msgspec.inspect.Type | msgspec.inspect.Field):
        inner: Iterable[object] = (getattr(node, name) for name in node.__struct_fields__)
    elif isinstance(node, tuple):
        inner = typing.cast("tuple[object, ...]", node)
    else:
        return
    for part in inner:
        yield from _parts(part, seen)


def _class_problem(cls: type[Any]) -> str | None:
    cls = get_origin(cls) or cls
    own = [base for base in cls.__mro__ if base.__module__.partition(".")[0] not in _FOREIGN]
    if "__table_info__" in vars(cls):
        return f"{cls.__name__} is a model with a table of its own; reference its key instead"
    compares = any("__eq__" in vars(base) for base in own)
    if issubclass(cls, msgspec.Struct):
        compares = compares or cls.__struct_config__.eq
    if not compares:
        # Whether a value came back unchanged is decided by comparing it.
        return f"{cls.__qualname__} does not compare by value (eq=False)"
    return None

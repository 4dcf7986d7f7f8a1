"""Reading the annotations of a class body, also those written as text."""

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, ClassVar, get_origin

from storehaus.errors import ModelDefinitionError

__all__ = ["read_annotations"]


def read_annotations(name: str, namespace: Mapping[str, Any], frame: FrameType) -> dict[str, Any]:
    """Give the annotations of a class body, evaluated, without ClassVars.

    Args:
        name: Name of the class, for errors.
        namespace: The class body.
        frame: Where the class is being made: with `from __future__ import annotations` a type may
            be local to that function.

    Raises:
        ModelDefinitionError: When an annotation does not evaluate.
    """
    result: dict[str, Any] = {}
    for field_name, annotation in _raw(namespace).items():
        value = annotation
        if isinstance(annotation, str):
            value = _evaluate(name, field_name, annotation, namespace, frame)
        if value is ClassVar or get_origin(value) is ClassVar:
            continue
        result[field_name] = value
    return result


def _raw(namespace: Mapping[str, Any]) -> dict[str, Any]:
    if "__annotations__" in namespace:
        found: dict[str, Any] = namespace["__annotations__"]
        return found
    # Python 3.14 (PEP 749) hands a function over instead of a dict.
    annotate = namespace.get("__annotate_func__") or namespace.get("__annotate__")
    return {} if annotate is None else annotate(1)


def _evaluate(
    name: str, field_name: str, text: str, namespace: Mapping[str, Any], frame: FrameType
) -> Any:
    module = sys.modules.get(str(namespace.get("__module__")))
    scope = {**(vars(module) if module else {}), **frame.f_locals}
    try:
        # The text is the developer's own source code.
        return eval(text, scope)  # noqa: S307
    except Exception as problem:
        raise ModelDefinitionError(
            f"{name}.{field_name}: the annotation {text!r} does not evaluate:"
            f" {type(problem).__name__}: {problem}",
            model=name,
            field=field_name,
            rule="an annotation names types that are known where the class is made",
        ) from problem

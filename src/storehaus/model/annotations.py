"""Reading the annotations of a class body, also those written as text."""

import sys
from collections.abc import Mapping
from types import FrameType, SimpleNamespace
from typing import Any, ClassVar, get_origin, get_type_hints

from storehaus.errors import ModelDefinitionError

__all__ = ["annotation_scope", "evaluated_annotations", "raw_annotations"]

_VALUE_FORMAT = 1  # annotationlib.Format.VALUE


def raw_annotations(name: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Give the annotations of a class body as Python left them, those written as text as text.

    Args:
        name: Name of the class, for errors.
        namespace: The class body.

    Raises:
        ModelDefinitionError: When Python hands them over only evaluated, and one does not evaluate.
    """
    if "__annotations__" in namespace:
        found: dict[str, Any] = namespace["__annotations__"]
        return dict(found)
    # Python 3.14 (PEP 749) hands a function over instead of a dict.
    annotate = namespace.get("__annotate_func__") or namespace.get("__annotate__")
    if annotate is None:
        return {}
    try:
        evaluated: dict[str, Any] = annotate(_VALUE_FORMAT)
    except NameError as problem:
        raise _unknown(name, None, problem.name, problem) from problem
    return evaluated


def annotation_scope(namespace: Mapping[str, Any], frame: FrameType) -> dict[str, Any]:
    """Give the names that annotations of a class body may use.

    Args:
        namespace: The class body.
        frame: Where the class is being made: with `from __future__ import annotations` a type may
            be local to that function.
    """
    module = sys.modules.get(str(namespace.get("__module__")))
    # Types nested in the class count, its fields do not: `date: Field[date] = field()`.
    nested = {key: value for key, value in namespace.items() if isinstance(value, type)}
    return {**(vars(module) if module else {}), **frame.f_locals, **nested}


def evaluated_annotations(
    name: str, annotations: Mapping[str, Any], scope: dict[str, Any]
) -> dict[str, Any]:
    """Evaluate annotations, leave ClassVars out.

    Args:
        name: Name of the class, for errors.
        annotations: As `raw_annotations` gives them.
        scope: As `annotation_scope` gives it.

    Raises:
        ModelDefinitionError: When an annotation does not evaluate.
    """
    result: dict[str, Any] = {}
    for field_name, annotation in annotations.items():
        try:
            value = _evaluated(annotation, scope)
        except Exception as problem:
            raise _unknown(name, field_name, annotation, problem) from problem
        if value is not ClassVar and get_origin(value) is not ClassVar:
            result[field_name] = value
    return result


def _evaluated(annotation: Any, scope: dict[str, Any]) -> Any:
    if isinstance(annotation, str):
        # The text is the developer's own source code.
        annotation = eval(annotation, scope)  # noqa: S307
    if annotation is ClassVar or get_origin(annotation) is ClassVar:
        return annotation
    # Texts within, as in `list["Item"]`.
    holder = SimpleNamespace(__annotations__={"it": annotation})
    return get_type_hints(holder, globalns=scope, include_extras=True)["it"]


def _unknown(
    model: str, field: str | None, annotation: object, problem: Exception
) -> ModelDefinitionError:
    name = model if field is None else f"{model}.{field}"
    return ModelDefinitionError(
        f"{name}: the annotation {annotation!r} does not evaluate:"
        f" {type(problem).__name__}: {problem}",
        model=model,
        field=field,
        rule="an annotation names types that are known where the class is made",
    )

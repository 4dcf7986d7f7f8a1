"""The class body that msgspec reads: annotations and defaults in the order of the instance.

What msgspec can check when it decodes a request (numbers and lengths) is said here too, so that
frameworks refuse it at their door and describe it in OpenAPI.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from storehaus.model.layout import SYSTEM_FIELDS, DeclaredField
from storehaus.model.records import NO_DEFAULT, ColumnInfo
from storehaus.model.types import split_optional

__all__ = ["struct_namespace"]

_LENGTHS = ("min_length", "max_length")
# msgspec takes one lower and one upper bound.
_LIMITS = (("gt", "ge"), ("lt", "le"))


def struct_namespace(
    fields: Sequence[DeclaredField], columns: Sequence[ColumnInfo]
) -> dict[str, Any]:
    """Write annotations and defaults.

    Args:
        fields: Declared fields in the order of the instance.
        columns: Their columns in the same order, then the system columns.
    """
    annotations: dict[str, Any] = {}
    namespace: dict[str, Any] = {"__annotations__": annotations}
    for declared, column in zip(fields, columns, strict=False):
        annotations[declared.name] = _described(declared.annotation, column)
        if declared.unset_at_first:
            annotations[declared.name] |= msgspec.UnsetType
            namespace[declared.name] = msgspec.UNSET
        elif declared.spec.default_factory is not None:
            namespace[declared.name] = msgspec.field(default_factory=declared.spec.default_factory)
        elif declared.spec.default is not NO_DEFAULT:
            namespace[declared.name] = _default(column)
    for column in columns[len(fields) :]:
        described = _described(SYSTEM_FIELDS[column.name], column)
        annotations[column.name] = described | msgspec.UnsetType
        namespace[column.name] = msgspec.UNSET
    return namespace


def _default(column: ColumnInfo) -> Any:
    if column.type.kind in {"inet", "cidr"}:
        # msgspec writes plain defaults into a JSON schema, and does not know these types.
        return msgspec.field(default_factory=lambda: column.default)
    return msgspec.field(default=column.default)


def _described(annotation: Any, column: ColumnInfo) -> Any:
    facts = _facts(column)
    if not facts:
        return annotation
    inner, nullable = split_optional(annotation)
    annotated: Any = Annotated
    described = annotated[inner, msgspec.Meta(**facts)]
    return described | None if nullable else described


def _facts(column: ColumnInfo) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    bounds = column.bounds
    if column.type.kind in {"text", "bytes", "array"}:
        facts = {name: getattr(bounds, name) for name in _LENGTHS}
    elif column.type.kind in {"integer", "float"}:
        for names in _LIMITS:
            limits = [(name, getattr(bounds, name)) for name in names]
            facts |= dict([limit for limit in limits if limit[1] is not None][:1])
        facts = {name: limit for name, limit in facts.items() if math.isfinite(limit)}
    facts["description"] = column.comment
    facts["extra_json_schema"] = _schema(column) or None
    return {name: fact for name, fact in facts.items() if fact is not None}


def _schema(column: ColumnInfo) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if column.bounds.pattern is not None:
        # For documentation: msgspec would apply Python's meaning of it, which is not PostgreSQL's.
        schema["pattern"] = column.bounds.pattern
    if column.system or column.identity or column.version:
        schema["readOnly"] = True
    return schema

"""Parts of JSON documents as SQL."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from storehaus.expr.computation import JsonItem, JsonScalar, ScalarKind
from storehaus.model.records import ColumnInfo
from storehaus.model.types import ColumnType
from storehaus.sql.records import Operand, retyped
from storehaus.sql.scope import Scope
from storehaus.sql.types import ANY_JSON, BIGINT, BOOLEAN, FLOAT, TEXT, TEXTS, computed_column
from storehaus.sql.values import to_wire

__all__ = ["DOCUMENT_PARTS"]

# Each reads {0}, a jsonb. CASE is evaluated in order, so no cast sees what it cannot take.
_READ: Mapping[ScalarKind, tuple[str, ColumnType]] = {
    "integer": (
        (
            "(CASE WHEN jsonb_typeof({0}) = 'number' THEN CASE WHEN {0}::numeric % 1 = 0"
            " AND {0}::numeric BETWEEN -9223372036854775808 AND 9223372036854775807"
            " THEN {0}::bigint END END)"
        ),
        BIGINT,
    ),
    "float": (
        (
            "(CASE WHEN jsonb_typeof({0}) = 'number' THEN CASE WHEN abs({0}::numeric) < 1.79e308"
            " THEN {0}::double precision END END)"
        ),
        FLOAT,
    ),
    "text": ("(CASE WHEN jsonb_typeof({0}) = 'string' THEN {0} #>> '{{}}' END)", TEXT),
    "boolean": ("(CASE WHEN jsonb_typeof({0}) = 'boolean' THEN {0}::boolean END)", BOOLEAN),
}


def _item(scope: Scope, node: JsonItem) -> Operand:
    document = scope.operand(node.document)
    if document.column.type.kind not in {"jsonb", "unknown"}:
        raise document.refuse(f"is {document.column.type.sql}; only JSON has a path")
    steps = retyped(document, TEXTS)
    convert = partial(_path, steps.model, steps.column)
    path = scope.value(steps, node.path, cast=True, convert=convert)
    column = computed_column(document.column.name, ANY_JSON)
    return document.like(f"({document.text} #> {path})", column)


def _path(model: str, column: ColumnInfo, steps: tuple[str, ...]) -> Any:
    return to_wire(model, column, list(steps))


def _scalar(scope: Scope, node: JsonScalar) -> Operand:
    item = scope.operand(node.item)
    text, found = _READ[node.kind]
    return item.like(text.format(item.text), computed_column(item.column.name, found))


DOCUMENT_PARTS: Mapping[type[Any], Callable[[Scope, Any], Operand]] = {
    JsonItem: _item,
    JsonScalar: _scalar,
}
"""Writers of parts of documents."""

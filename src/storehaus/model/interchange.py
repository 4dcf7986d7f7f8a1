"""A model among frameworks: what Pydantic and FastAPI ask of a type.

Litestar and msgspec need nothing: a model is a `msgspec.Struct`. The schema is written as the plain
dict that pydantic-core takes, so that Pydantic is not imported here.
"""

from typing import Any, cast

import msgspec

__all__ = ["pydantic_core_schema", "pydantic_json_schema"]


def pydantic_core_schema(cls: type[Any]) -> dict[str, Any]:
    """Give a pydantic-core schema that validates by msgspec and serializes to plain values."""

    def validate(value: Any) -> Any:
        try:
            return msgspec.convert(value, cls, strict=False)
        except msgspec.ValidationError as problem:
            # Pydantic reports a ValueError as an error of this field.
            raise ValueError(str(problem)) from None

    return {
        "type": "function-plain",
        "function": {"type": "no-info", "function": validate},
        "serialization": {"type": "function-plain", "function": msgspec.to_builtins},
    }


def pydantic_json_schema(cls: type[Any]) -> dict[str, Any]:
    """Give the JSON schema of a model with everything inlined."""
    (schema,), components = msgspec.json.schema_components([cls], ref_template="{name}")
    inlined: dict[str, Any] = _inlined(schema, components, ())
    return inlined


def _inlined(node: Any, components: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, components, within) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("dict[str, object]", node)
    name = members.get("$ref")
    if not isinstance(name, str):
        return {key: _inlined(value, components, within) for key, value in members.items()}
    if name in within:
        return {"type": "object", "title": name}
    return _inlined(components[name], components, (*within, name))

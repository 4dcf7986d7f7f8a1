"""A model among frameworks: what Pydantic and FastAPI ask of a type.

Litestar and msgspec need nothing: a model is a `msgspec.Struct`. The schema is written as the plain
dict that pydantic-core takes, so that Pydantic is not imported here.
"""

from dataclasses import make_dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, cast

import msgspec

from storehaus.errors import ValidationError
from storehaus.model.records import TableInfo
from storehaus.model.validation import check_value

__all__ = ["DATACLASS_FACTS", "dataclass_facts", "pydantic_core_schema", "pydantic_json_schema"]

DATACLASS_FACTS = frozenset({"__dataclass_fields__", "__dataclass_params__"})

# Types of columns that msgspec does not know, with their formats in JSON schema.
_FORMATS: dict[Any, str] = {
    IPv4Address: "ipv4",
    IPv6Address: "ipv6",
    IPv4Network: "ipv4network",
    IPv6Network: "ipv6network",
}


def dataclass_facts(info: TableInfo) -> dict[str, Any]:
    """Give what makes tools take a model for the dataclass that it is to type checkers.

    FastAPI reads a parameter from the body only if its type is a Pydantic model or a dataclass.
    System fields are left out: they are nothing to construct or to copy.
    """
    names = [(column.name, column.type.python) for column in info.columns if not column.system]
    likeness = make_dataclass(info.model.__name__, names, init=False, repr=False, eq=False)
    return {name: getattr(likeness, name) for name in DATACLASS_FACTS}


def pydantic_core_schema(cls: type[Any]) -> dict[str, Any]:
    """Give a pydantic-core schema that validates as storing does and serializes to plain values."""

    def validate(value: Any) -> Any:
        # Pydantic reports a ValueError as an error of this field.
        try:
            model = msgspec.convert(value, cls, dec_hook=_decoded)
            _check_bounds(model)
        except (msgspec.ValidationError, ValidationError, OverflowError) as problem:
            raise ValueError(str(problem)) from None
        return model

    return {
        "type": "function-plain",
        "function": {"type": "no-info", "function": validate},
        "serialization": {"type": "function-plain", "function": _plain},
    }


def _check_bounds(model: Any) -> None:
    info: TableInfo = model.__table_info__
    for column in info.columns:
        value = getattr(model, column.name)
        if not column.system and value is not msgspec.UNSET:
            check_value(info.model.__name__, column, value)


def _plain(model: Any) -> Any:
    return msgspec.to_builtins(model, enc_hook=str)


def _decoded(cls: type[Any], value: Any) -> Any:
    return value if isinstance(value, cls) else cls(value)


def pydantic_json_schema(cls: type[Any]) -> dict[str, Any]:
    """Give the JSON schema of a model with everything inlined."""
    (schema,), components = msgspec.json.schema_components(
        [cls], ref_template="{name}", schema_hook=_described
    )
    inlined: dict[str, Any] = _inlined(schema, components, ())
    return inlined


def _described(cls: type[Any]) -> dict[str, Any]:
    if cls in _FORMATS:
        return {"type": "string", "format": _FORMATS[cls]}
    # Only `object` is left. msgspec takes an empty schema for none.
    return {"description": "any JSON value"}


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

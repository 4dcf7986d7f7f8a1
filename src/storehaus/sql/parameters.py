"""Values of hand-written statements on their way to the driver, where no column says their type."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, cast

import msgspec

from storehaus.errors import QueryError
from storehaus.expr.node import Node
from storehaus.model.rules import Rule, type_rules
from storehaus.model.types import UnmappedTypeError, column_type, enum_labels
from storehaus.model.wire import UnfitValueError, encoder
from storehaus.query.query import Query
from storehaus.sql.identifiers import Identifier
from storehaus.sql.statement import Statement

__all__ = ["Parameter", "make_parameter"]

_RULED = (str, int, Decimal, datetime, time, IPv4Address, IPv6Address, IPv4Network, IPv6Network)
_RULES: Mapping[type, tuple[Rule, ...]] = {
    python: type_rules(column_type(python)) for python in _RULED
}

_NO_VALUES = (Identifier, Node, Query, Statement, type)


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One value of a statement. Two are the same only when they are one object.

    Attributes:
        value: The value in wire form.
        cast: Type to name, None where the server infers it.
    """

    value: Any
    cast: str | None = None


def make_parameter(name: str, value: object) -> Parameter:
    """Check a value and give it as the driver takes it.

    Args:
        name: Its placeholder, for the error.
        value: What the caller gave.

    Raises:
        QueryError: When it cannot travel. The message names the placeholder, never the value.
    """
    try:
        return _parameter(value)
    except RecursionError:
        rule = "is nested too deeply"
    except (UnfitValueError, UnmappedTypeError) as unfit:
        rule = str(unfit)
    raise QueryError(f"{{{name}}} {rule} (got {type(value).__name__})", field=name)


def _parameter(value: object) -> Parameter:
    if isinstance(value, _NO_VALUES):
        raise UnfitValueError("must be a value here: only columns, models and sql() become SQL")
    if isinstance(value, Enum):
        return Parameter(_label(value))
    if isinstance(value, list | tuple | set | frozenset):
        return _array(cast("Collection[object]", value))
    if _is_document(value):
        return Parameter(_document(value), "jsonb")
    for python in type(value).__mro__:
        for rule in _RULES.get(python, ()):
            if not rule.holds(value):
                raise UnfitValueError(rule.text)
    return Parameter(value)


def _array(values: Collection[object]) -> Parameter:
    items = [_parameter(value) for value in values]
    casts = {item.cast for item in items if item.value is not None}
    if len(casts) > 1:
        raise UnfitValueError("must not mix documents and other values in one array")
    wire = [item.value for item in items]
    inner = next(iter(casts), None)
    # A tuple stays one: to the driver it can be a composite value too.
    is_tuple = isinstance(values, tuple)
    return Parameter(tuple(wire) if is_tuple else wire, inner and f"{inner.rstrip('[]')}[]")


def _label(member: Enum) -> str:
    labels = dict(zip(type(member), enum_labels(type(member)), strict=True))
    label = labels[member]
    for rule in _RULES[str]:
        if not rule.holds(label):
            raise UnfitValueError(rule.text)
    return label


def _is_document(value: object) -> bool:
    return isinstance(value, dict | msgspec.Struct) or is_dataclass(value)


def _document(value: object) -> bytes:
    python = dict if isinstance(value, dict) else type(value)
    if hasattr(python, "__table_info__"):
        raise UnfitValueError("is a row of its own: give its fields one by one")
    encode: Callable[[Any], Any] | None = encoder(column_type(python))
    assert encode is not None  # noqa: S101 - jsonb always has one
    encoded: bytes = encode(value)
    return encoded

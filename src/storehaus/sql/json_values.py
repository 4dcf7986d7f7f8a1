"""Values as JSON has them: dates, UUIDs and exact numbers are texts or numbers there."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from storehaus.model.types import ColumnType, Kind

__all__ = ["from_json"]


def from_json(kind: ColumnType, value: Any) -> Any:
    """Give the Python value that a value of JSON stands for.

    What stands for none of the type is given back as it is: validation then says what is wrong.
    """
    try:
        return _converted(kind, value)
    except (msgspec.ValidationError, ArithmeticError, ValueError, TypeError, RecursionError):
        return value


def _converted(kind: ColumnType, value: Any) -> Any:
    if kind.element is not None:
        if not isinstance(value, list | tuple):
            return value
        return [None if item is None else _converted(kind.element, item) for item in value]  # pyright: ignore[reportUnknownVariableType]  # of anything
    if kind.enum is not None:
        return dict(zip(kind.labels, kind.enum, strict=True)).get(value, value)
    read = _READERS.get(kind.kind)
    return msgspec.convert(value, kind.python) if read is None else read(value)


def _number(value: Any) -> Any:
    # JSON's 0.1 is meant as it is written, not as the float it was read into.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    return Decimal(str(value))


def _address(value: Any) -> Any:
    # The functions of ipaddress would take 5 for 0.0.0.5.
    return ip_address(value) if isinstance(value, str) else value


def _network(value: Any) -> Any:
    return ip_network(value) if isinstance(value, str) else value


_READERS: Mapping[Kind, Callable[[Any], Any]] = {
    "cidr": _network,
    "inet": _address,
    "numeric": _number,
}

"""Values as SQL text, for DDL only: DEFAULTs, CHECKs and predicates take no parameters.

Queries never come here; their values are parameters.
"""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

__all__ = ["literal"]


def literal(value: Any) -> str:  # noqa: PLR0911 - one per type
    """Write a checked value in wire form as an SQL literal with its type.

    Args:
        value: None, or anything `wire_value` gives: text, number, boolean, bytes, date, time,
            interval, UUID, address, or a list of those.

    Raises:
        TypeError: On any other type.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value) if value >= 0 else f"({value})"
        case float():
            return f"{_quote(repr(value))}::double precision"
        case str():
            return _quote(value)
        case bytes():
            return f"'\\x{value.hex()}'::bytea"
        case list():
            return _array(cast("list[object]", value))
        case _:
            return _typed(value)


def _array(items: list[object]) -> str:
    return f"ARRAY[{', '.join(map(literal, items))}]" if items else "'{}'"


def _typed(value: Any) -> str:
    match value:
        case datetime():
            return f"{_quote(value.astimezone(UTC).isoformat())}::timestamp with time zone"
        case date():
            return f"{_quote(_day(value))}::date"
        case time():
            return f"{_quote(value.isoformat())}::time without time zone"
        case timedelta():
            microseconds = value.seconds * 1_000_000 + value.microseconds
            return f"'{value.days} days {microseconds} microseconds'::interval"
        case UUID():
            return f"{_quote(str(value))}::uuid"
        case _ if type(value).__module__ == "ipaddress":
            kind = "cidr" if hasattr(value, "network_address") else "inet"
            return f"{_quote(str(value))}::{kind}"
        case _:
            raise TypeError(f"{type(value).__name__} has no SQL literal")


def _day(value: date) -> str:
    """Write a date as the driver sends it: the extremes of Python are PostgreSQL's infinities."""
    if value == date.max:
        return "infinity"
    return "-infinity" if value == date.min else value.isoformat()


def _quote(text: str) -> str:
    # Standard strings since PostgreSQL 9.1: only the quote itself is special.
    return "'" + text.replace("'", "''") + "'"

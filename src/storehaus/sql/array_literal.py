"""Arrays as text, for arrays of arrays.

PostgreSQL's arrays of arrays are rectangular, so a batch of array values cannot be one parameter of
their own type; it travels as an array of texts that the statement casts (`u."runways"::text[]`).
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

__all__ = ["array_literal"]


def array_literal(items: Sequence[Any]) -> str:
    """Write an array in PostgreSQL's text form.

    Args:
        items: Values in wire form, as a driver would take them; None is NULL.
    """
    return "{" + ",".join(map(_item, items)) + "}"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else _text(value)
    # Always quoted: an empty text, the word NULL and every delimiter are then plain contents.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(value: Any) -> str:
    match value:
        case bytes():
            return "\\x" + value.hex()
        case datetime():
            return value.isoformat()
        case date():
            return _date(value)
        case timedelta():
            microseconds = value.seconds * 1_000_000 + value.microseconds
            return f"{value.days} days {microseconds} microseconds"
        case _:
            return str(value)  # numbers, booleans, times, UUIDs, addresses


def _date(value: date) -> str:
    # As asyncpg's binary form has it, so that both ways store the same.
    if value == date.max:
        return "infinity"
    return "-infinity" if value == date.min else value.isoformat()

"""The DEFAULT of a column that follows from the default of its field.

Having it in the database too lets a column be added to a table with rows, and lets the previous
version of a program go on inserting during a rolling deploy.
"""

from collections.abc import Callable
from typing import Any

from storehaus.model.literals import literal
from storehaus.model.records import NO_DEFAULT
from storehaus.model.types import ColumnType
from storehaus.model.wire import UnfitValueError, encoder

__all__ = ["default_sql"]


def default_sql(
    column_type: ColumnType, default: Any, factory: Callable[[], Any] | None
) -> str | None:
    """Write the DEFAULT, None when the field's default has none in SQL.

    Of factories only `list` and `dict` are the same each time.
    """
    if factory is list or factory is dict:
        default = factory()
    if default is NO_DEFAULT or default is None:
        return None
    encode = encoder(column_type)
    try:
        value = default if encode is None else encode(default)
        text = value.decode() if column_type.kind == "jsonb" else value
        return f"{literal(text)}{_cast(column_type)}"
    except (TypeError, KeyError, AttributeError, UnfitValueError):
        return None


def _cast(column_type: ColumnType) -> str:
    if column_type.kind == "jsonb":
        return f"::{column_type.sql}"
    return ""

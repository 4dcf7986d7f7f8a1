"""Names in SQL. Every name is quoted, always, so none of them can be anything but a name."""

from collections.abc import Iterable

from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType

__all__ = ["cast_name", "column_list", "quote_identifier", "table_name"]


def quote_identifier(name: str) -> str:
    """Write a name in double quotes, those inside of it doubled.

    Raises:
        ValueError: On a NUL, which no quoting can carry.
    """
    if "\0" in name:
        raise ValueError("a name cannot hold a NUL")
    return '"' + name.replace('"', '""') + '"'


def table_name(info: TableInfo, name: str | None = None) -> str:
    """Write the name of a table, with its schema where it has one.

    Args:
        info: The model.
        name: Something else in the same schema; None is the table itself.
    """
    return _qualified(info.schema, info.name if name is None else name)


def column_list(columns: Iterable[ColumnInfo]) -> str:
    """Write columns in the order given, with commas between them."""
    return ", ".join([quote_identifier(column.column) for column in columns])


def cast_name(schema: str | None, column_type: ColumnType) -> str:
    """Write a type as the target of a cast.

    The size of a numeric is left out: casting to it would round the value.

    Args:
        schema: Schema of the table; its enums stand beside it.
        column_type: The type.
    """
    if column_type.element is not None:
        return cast_name(schema, column_type.element) + "[]"
    if column_type.enum is not None:
        return _qualified(schema, column_type.sql)
    return "numeric" if column_type.kind == "numeric" else column_type.sql


def _qualified(schema: str | None, name: str) -> str:
    quoted = quote_identifier(name)
    return quoted if schema is None else f"{quote_identifier(schema)}.{quoted}"

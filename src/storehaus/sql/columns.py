"""Lists of columns, which every statement spells out.

Never `*`: a row is an instance by position, and a column added by another program would shift it.
"""

from collections.abc import Iterable, Sequence

from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType
from storehaus.sql.identifiers import cast_name, quote_identifier

__all__ = [
    "INPUT",
    "LOCKED",
    "TABLE",
    "active",
    "array_parameter",
    "column_list",
    "key_condition",
    "lock_order",
    "qualified",
    "remembered",
    "returning",
    "same_key",
    "typed_unnest",
]

TABLE = '"t"'
"""Alias of the table in statements that name another relation too."""

INPUT = '"i"'
"""Alias of the rows that a statement was given."""

LOCKED = '"l"'
"""Alias of the given rows whose rows in the table are locked."""


def column_list(columns: Iterable[ColumnInfo]) -> str:
    """`"id", "name"`."""
    return ", ".join(quote_identifier(column.column) for column in columns)


def qualified(alias: str, column: ColumnInfo) -> str:
    """`"t"."name"`."""
    return f"{alias}.{quote_identifier(column.column)}"


# Evaluated once per statement, not per row. xid8 has no cast to an integer of its own.
_TRANSACTION = (
    "(SELECT ARRAY[pg_current_xact_id()::text::bigint,"
    " pg_snapshot_xmin(pg_current_snapshot())::text::bigint])"
)


def returning(info: TableInfo, alias: str | None = None, *, bare: bool = False) -> str:
    """RETURNING with every column in the order of an instance.

    Behind them stands what tells a transaction where the model is cached, whose readers must know
    when it is over: its id, and the id before which all have ended. Unless `bare`.
    """
    names = column_list(info.columns)
    if alias is not None:
        names = ", ".join(qualified(alias, column) for column in info.columns)
    known = info.cache is None or bare
    return f"RETURNING {names}" if known else f"RETURNING {names}, {_TRANSACTION}"


def remembered(info: TableInfo, columns: Iterable[ColumnInfo]) -> tuple[ColumnInfo, ...]:
    """Columns whose values before an UPDATE of some columns come back behind all else.

    They are the tags by which results of queries are cached, when one of them changes.
    """
    if info.cache is None or not info.cache.tags:
        return ()
    changed = {column.name for column in columns}
    if changed.isdisjoint(info.cache.tags):
        return ()
    return tuple(info.by_name[name] for name in info.cache.tags)


def active(info: TableInfo, alias: str | None = None) -> str:
    """` AND "__is_active__"` where the model soft-deletes, else nothing."""
    if info.soft_delete is None:
        return ""
    flag = info.soft_delete
    return f" AND {qualified(alias, flag) if alias else quote_identifier(flag.column)}"


def key_condition(keys: Sequence[ColumnInfo]) -> str:
    """`"id" = $1`: the keys against the first parameters."""
    return " AND ".join(
        f"{quote_identifier(key.column)} = ${i}" for i, key in enumerate(keys, start=1)
    )


def same_key(keys: Sequence[ColumnInfo], given: str = INPUT) -> str:
    """`"t"."id" = "i"."id"`: the table's rows against the given ones."""
    return " AND ".join(f"{qualified(TABLE, key)} = {qualified(given, key)}" for key in keys)


def lock_order(keys: Sequence[ColumnInfo], alias: str | None = TABLE) -> str:
    """`"t"."id"`: the order in which rows are locked.

    It is the one in which Python sorts keys in wire form, whatever the collation: batches that are
    cut into chunks, and upserts, send their rows in that order.

    Args:
        keys: At least one.
        alias: Alias of the table, None where it has none.
    """
    return ", ".join(_sorted_as_in_python(key, alias) for key in keys)


def _sorted_as_in_python(key: ColumnInfo, alias: str | None) -> str:
    name = qualified(alias, key) if alias else quote_identifier(key.column)
    if key.type.enum is not None:
        return f'{name}::text COLLATE "C"'
    return f'{name} COLLATE "C"' if key.type.kind == "text" else name


def typed_unnest(info: TableInfo, columns: Sequence[ColumnInfo], first: int = 1) -> tuple[str, str]:
    """Spell a batch out as a relation `u` with one array parameter per column.

    Args:
        info: The model.
        columns: At least one.
        first: Number of the first parameter.

    Returns:
        The FROM item, whose last column `"#"` counts the rows from 1, and the columns of `u` in
        their own types.
    """
    arrays = ", ".join(
        f"${first + i}::{_array_type(column.type)}" for i, column in enumerate(columns)
    )
    relation = f'unnest({arrays}) WITH ORDINALITY AS "u"({column_list(columns)}, "#")'
    values = ", ".join(_restored(info, column) for column in columns)
    return relation, values


def array_parameter(info: TableInfo, column: ColumnInfo, number: int = 1) -> str:
    """`$1::bigint[]`: a parameter that holds many values of a column, none of which is an array."""
    parameter = f"${number}::{_array_type(column.type)}"
    if column.type.enum is None:
        return parameter
    return f"{parameter}::{cast_name(info.schema, column.type)}[]"


def _array_type(column_type: ColumnType) -> str:
    # Enums and arrays travel as text: no look-up of their type, and no arrays of arrays.
    if column_type.enum is not None or column_type.element is not None:
        return "text[]"
    return f"{cast_name(None, column_type)}[]"


def _restored(info: TableInfo, column: ColumnInfo) -> str:
    value = qualified('"u"', column)
    if column.type.enum is not None or column.type.element is not None:
        return f"{value}::{cast_name(info.schema, column.type)}"
    return value

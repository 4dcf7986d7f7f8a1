"""UPDATE statements of a model, as text; the values are parameters.

`__updated_at__` is never set here: a trigger moves it, so that it also moves for writes from
outside.
"""

from collections.abc import Sequence

from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.sql.columns import (
    INPUT,
    TABLE,
    active,
    column_list,
    key_condition,
    lock_order,
    qualified,
    returning,
    same_key,
    typed_unnest,
)
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = ["assignments", "update_by_key", "update_many", "update_where"]

_TAGS = '"__tags__"'


def assignments(
    info: TableInfo, changes: Sequence[tuple[ColumnInfo, str]], tags: int, alias: str | None = None
) -> str:
    """The SET list: the changes, the tags and the version.

    Args:
        info: The model.
        changes: Pairs of column and right-hand side.
        tags: Number of the parameter with the tags; when it is NULL they stay.
        alias: Alias of the table, where the statement has one.
    """
    prefix = f"{alias}." if alias else ""
    pairs = [f"{quote_identifier(column.column)} = {value}" for column, value in changes]
    pairs.append(f"{_TAGS} = coalesce(${tags}::text[], {prefix}{_TAGS})")
    if info.version is not None:
        version = quote_identifier(info.version.column)
        pairs.append(f"{version} = {prefix}{version} + 1")
    return ", ".join(pairs)


def update_by_key(info: TableInfo, changes: str, *, versioned: bool = False) -> str:
    """Update the active row with a key. Parameters: the key, then the version if it counts.

    Args:
        info: The model.
        changes: The SET list of `assignments`, with later parameters.
        versioned: Whether the row must have a certain version.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    return (
        f"UPDATE {table_name(info)} SET {changes} WHERE {key_condition(keys)}{active(info)}"
        f" {returning(info)}"
    )


def update_many(info: TableInfo, columns: Sequence[ColumnInfo], *, versioned: bool = False) -> str:
    """Update active rows, each with its own values.

    Parameters: an array per key column, one of versions if they count, one per column, the tags,
    the number of rows. Unless it finds all of them, it changes none. Rows are locked in the order
    of their keys first, so that two batches never wait for each other in a circle.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    sent = [*keys, *columns]
    relation, values = typed_unnest(info, sent)
    tags = len(sent) + 1
    changes = assignments(
        info, [(column, qualified(INPUT, column)) for column in columns], tags, TABLE
    )
    same = same_key(keys)
    table = table_name(info)
    return (
        f'WITH "i"({column_list(sent)}) AS (SELECT {values} FROM {relation}),'
        f' "l" AS MATERIALIZED (SELECT {qualified(TABLE, keys[0])} FROM {table} AS "t", "i"'
        f" WHERE {same}{active(info, TABLE)} ORDER BY {lock_order(info.primary_key)}"
        f' FOR NO KEY UPDATE OF "t"),'
        f' "n" AS MATERIALIZED (SELECT count(*) FROM "l")'
        f' UPDATE {table} AS "t" SET {changes} FROM "i", "n"'
        f' WHERE {same}{active(info, TABLE)} AND "n"."count" = ${tags + 1}::bigint'
        f" {returning(info, TABLE)}"
    )


def update_where(info: TableInfo, changes: str, where: str) -> str:
    """Update rows by condition; `where` is empty for all of them."""
    condition = f" WHERE {where}" if where else ""
    return f"UPDATE {table_name(info)} SET {changes}{condition} {returning(info)}"

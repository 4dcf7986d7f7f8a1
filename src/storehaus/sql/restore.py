"""UPDATE statements that bring soft-deleted rows back."""

from storehaus.model.records import TableInfo
from storehaus.sql.columns import (
    INPUT,
    TABLE,
    column_list,
    key_condition,
    lock_order,
    qualified,
    returning,
    same_key,
    typed_unnest,
)
from storehaus.sql.identifiers import quote_identifier, table_name
from storehaus.sql.update import assignments

__all__ = ["restore_many", "restore_one"]


def restore_one(info: TableInfo) -> str:
    """Bring a row back. Parameters: the key, then the tags.

    The last column returned is the deletion that it was part of: RETURNING gives old values only
    from PostgreSQL 18 on, so the row is locked and read first.
    """
    keys = info.primary_key
    flag, deletion = _columns(info)
    table = table_name(info)
    return (
        f'WITH "i" AS MATERIALIZED (SELECT {column_list(keys)}, {deletion} FROM {table}'
        f" WHERE {key_condition(keys)} AND NOT {flag} FOR NO KEY UPDATE)"
        f' UPDATE {table} AS "t" SET {_changes(info, len(keys) + 1)} FROM "i"'
        f" WHERE {same_key(keys)} {returning(info, TABLE)}, {INPUT}.{deletion}"
    )


def restore_many(info: TableInfo) -> str:
    """Bring rows back that one deletion marked, locking them in the order of their keys first.

    Parameters: an array per key column, then the tags, then the deletion.
    """
    keys = info.primary_key
    relation, values = typed_unnest(info, keys)
    tags = len(keys) + 1
    flag, deletion = _columns(info)
    table = table_name(info)
    where = f"{same_key(keys)} AND NOT {TABLE}.{flag} AND {TABLE}.{deletion} = ${tags + 1}::uuid"
    return (
        f'WITH "i"({column_list(keys)}) AS (SELECT {values} FROM {relation}),'
        f' "l" AS MATERIALIZED (SELECT {qualified(TABLE, keys[0])} FROM {table} AS "t", "i"'
        f' WHERE {where} ORDER BY {lock_order(keys)} FOR NO KEY UPDATE OF "t"),'
        f' "n" AS MATERIALIZED (SELECT count(*) FROM "l")'
        f' UPDATE {table} AS "t" SET {_changes(info, tags)} FROM "i", "n"'
        f" WHERE {where} {returning(info, TABLE)}"
    )


def _columns(info: TableInfo) -> tuple[str, str]:
    assert info.soft_delete is not None  # noqa: S101 - asked for soft-deleting models only
    assert info.deletion is not None  # noqa: S101 - they have one
    return quote_identifier(info.soft_delete.column), quote_identifier(info.deletion.column)


def _changes(info: TableInfo, tags: int) -> str:
    assert info.soft_delete is not None  # noqa: S101 - asked for soft-deleting models only
    _, deletion = _columns(info)
    return f"{assignments(info, [(info.soft_delete, 'true')], tags, TABLE)}, {deletion} = NULL"

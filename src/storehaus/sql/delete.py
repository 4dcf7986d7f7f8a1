"""DELETE statements of a model, and the UPDATEs that stand for them where rows are only marked."""

from storehaus.model.records import TableInfo
from storehaus.sql.columns import (
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
from storehaus.sql.identifiers import table_name
from storehaus.sql.update import assignments

__all__ = ["delete_by_key", "delete_many", "delete_where", "purge_one"]


def delete_by_key(info: TableInfo, *, versioned: bool = False) -> str:
    """Delete the active row with a key.

    Parameters: the key, then the version if it counts, then, where rows are only marked, the tags.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    where = key_condition(keys)
    if info.soft_delete is None:
        return f"DELETE FROM {table_name(info)} WHERE {where} {returning(info)}"
    changes = assignments(info, [(info.soft_delete, "false")], len(keys) + 1)
    return f"UPDATE {table_name(info)} SET {changes} WHERE {where}{active(info)} {returning(info)}"


def delete_many(info: TableInfo) -> str:
    """Delete active rows by key, locking them in the order of their keys first.

    Parameters: an array per key column, then, where rows are only marked, the tags.
    """
    keys = info.primary_key
    relation, values = typed_unnest(info, keys)
    same = same_key(keys)
    table = table_name(info)
    locked = (
        f'WITH "i"({column_list(keys)}) AS (SELECT {values} FROM {relation}),'
        f' "l" AS MATERIALIZED (SELECT {qualified(TABLE, keys[0])} FROM {table} AS "t", "i"'
        f' WHERE {same}{active(info, TABLE)} ORDER BY {lock_order(keys)} FOR UPDATE OF "t"),'
        f' "n" AS MATERIALIZED (SELECT count(*) FROM "l")'
    )
    where = f"WHERE {same}{active(info, TABLE)} {returning(info, TABLE)}"
    if info.soft_delete is None:
        return f'{locked} DELETE FROM {table} AS "t" USING "i", "n" {where}'
    changes = assignments(info, [(info.soft_delete, "false")], len(keys) + 1, TABLE)
    return f'{locked} UPDATE {table} AS "t" SET {changes} FROM "i", "n" {where}'


def delete_where(info: TableInfo, where: str, tags: int) -> str:
    """Delete rows by condition; `where` is empty for all of them.

    Args:
        info: The model.
        where: Condition as SQL.
        tags: Number of the parameter with the tags, used where rows are only marked.
    """
    condition = f" WHERE {where}" if where else ""
    if info.soft_delete is None:
        return f"DELETE FROM {table_name(info)}{condition} {returning(info)}"
    changes = assignments(info, [(info.soft_delete, "false")], tags)
    return f"UPDATE {table_name(info)} SET {changes}{condition} {returning(info)}"


def purge_one(info: TableInfo) -> str:
    """Delete the row with a key for good, active or not. Parameters: the key."""
    where = key_condition(info.primary_key)
    return f"DELETE FROM {table_name(info)} WHERE {where} {returning(info)}"

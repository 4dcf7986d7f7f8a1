"""DELETE statements of a model, and the UPDATEs that stand for them where rows are only marked."""

from storehaus.model.records import TableInfo
from storehaus.sql.columns import (
    LOCKED,
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
from storehaus.sql.update import assignments, locking_shared, set_shared

__all__ = ["delete_by_key", "delete_many", "delete_shared", "delete_where", "purge_one"]


def delete_by_key(info: TableInfo, *, versioned: bool = False, locking: bool = False) -> str:
    """Delete the active row with a key.

    Parameters: the key, then the version if it counts, then, where rows are only marked, the tags
    and the deletion.

    Args:
        info: The model.
        versioned: Whether the row must have a certain version.
        locking: As for `delete_where`.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    where = f"{key_condition(keys)}{active(info)}"
    return delete_where(info, where, len(keys) + 1, locking=locking)


def delete_many(info: TableInfo) -> str:
    """Delete active rows by key, locking them in the order of their keys first.

    Parameters: an array per key column, then, where rows are only marked, the tags and the
    deletion.
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
    changes = _marks(info, len(keys) + 1, TABLE)
    return f'{locked} UPDATE {table} AS "t" SET {changes} FROM "i", "n" {where}'


def delete_shared(info: TableInfo, *, versioned: bool = False) -> str:
    """Delete active rows for strangers.

    Parameters: an array per key column, one of versions if they count, then, where rows are only
    marked, the tags and the deletion. It returns what `update_shared` does.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    if info.soft_delete is not None:
        write = set_shared(info, _marks(info, len(keys) + 1, TABLE))
        return locking_shared(info, keys, keys, write, "NO KEY UPDATE")
    same = same_key(info.primary_key, LOCKED)
    write = f'DELETE FROM {table_name(info)} AS "t" USING {LOCKED} WHERE {same}'
    return locking_shared(info, keys, keys, write, "UPDATE")


def delete_where(info: TableInfo, where: str, tags: int, *, locking: bool = False) -> str:
    """Delete rows by condition; `where` is empty for all of them.

    Args:
        info: The model.
        where: Condition as SQL.
        tags: Number of the parameter with the tags, behind which stands the deletion; both are
            used where rows are only marked.
        locking: Whether marked rows are locked as a DELETE would lock them, in the order of their
            keys: rows that reference them are inserted before that, or wait for it.
    """
    condition = f" WHERE {where}" if where else ""
    table = table_name(info)
    if info.soft_delete is None:
        return f"DELETE FROM {table}{condition} {returning(info)}"
    update = f"UPDATE {table} SET {_marks(info, tags)}"
    if not locking:
        return f"{update}{condition} {returning(info)}"
    keys = f" ORDER BY {lock_order(info.primary_key, None)}" if info.primary_key else ""
    # The condition may name any table; none of them is called like this.
    return (
        f'WITH "#l" AS MATERIALIZED (SELECT 1 FROM {table}{condition}{keys} FOR UPDATE),'
        f' "#n"("#") AS MATERIALIZED (SELECT count(*) FROM "#l")'
        f' {update} FROM "#n"{condition} {returning(info)}'
    )


def purge_one(info: TableInfo) -> str:
    """Delete the row with a key for good, active or not. Parameters: the key."""
    where = key_condition(info.primary_key)
    return f"DELETE FROM {table_name(info)} WHERE {where} {returning(info)}"


def _marks(info: TableInfo, tags: int, alias: str | None = None) -> str:
    assert info.soft_delete is not None  # noqa: S101 - asked for soft-deleting models only
    assert info.deletion is not None  # noqa: S101 - they have one
    changes = assignments(info, [(info.soft_delete, "false")], tags, alias)
    # Set in any case: a mark that somebody's own SQL left behind must not count again.
    return f"{changes}, {quote_identifier(info.deletion.column)} = ${tags + 1}::uuid"

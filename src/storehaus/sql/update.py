"""UPDATE statements of a model, as text; the values are parameters.

`__updated_at__` is never set here: a trigger moves it, so that it also moves for writes from
outside.
"""

from collections.abc import Iterable, Sequence

from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.sql.columns import (
    INPUT,
    LOCKED,
    TABLE,
    active,
    column_list,
    key_condition,
    lock_order,
    qualified,
    remembered,
    returning,
    same_key,
    typed_unnest,
)
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = [
    "assignments",
    "locking_shared",
    "set_shared",
    "update_by_key",
    "update_many",
    "update_one",
    "update_shared",
    "update_where",
]

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


def update_by_key(
    info: TableInfo, columns: Iterable[ColumnInfo], changes: str, *, versioned: bool = False
) -> str:
    """Update the active row with a key. Parameters: the key, then the version if it counts.

    Args:
        info: The model.
        columns: What is changed.
        changes: The SET list of `assignments`, with later parameters.
        versioned: Whether the row must have a certain version.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    condition = f" WHERE {key_condition(keys)}{active(info)}"
    return _update(info, columns, changes, condition)


def update_one(info: TableInfo, columns: Sequence[ColumnInfo], *, versioned: bool = False) -> str:
    """Update the active row with a key to given values.

    Parameters: the key, the version if it counts, the columns in order, the tags.
    """
    first = len(info.primary_key) + versioned + 1
    pairs = [(column, f"${first + i}") for i, column in enumerate(columns)]
    changes = assignments(info, pairs, first + len(columns))
    return update_by_key(info, columns, changes, versioned=versioned)


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
    old = remembered(info, columns)
    locked = ", ".join(qualified(TABLE, column) for column in (*info.primary_key, *old))
    found = f" AND {same_key(info.primary_key, LOCKED)}" if old else ""
    before = "".join(f", {qualified(LOCKED, column)}" for column in old)
    return (
        f'WITH "i"({column_list(sent)}) AS (SELECT {values} FROM {relation}),'
        f' "l" AS MATERIALIZED (SELECT {locked} FROM {table} AS "t", "i"'
        f" WHERE {same}{active(info, TABLE)} ORDER BY {lock_order(info.primary_key)}"
        f' FOR NO KEY UPDATE OF "t"),'
        f' "n" AS MATERIALIZED (SELECT count(*) FROM "l")'
        f' UPDATE {table} AS "t" SET {changes} FROM "i", "n"{", " + LOCKED if old else ""}'
        f' WHERE {same}{found}{active(info, TABLE)} AND "n"."count" = ${tags + 1}::bigint'
        f" {returning(info, TABLE)}{before}"
    )


def update_shared(
    info: TableInfo, columns: Sequence[ColumnInfo], *, versioned: bool = False
) -> str:
    """Update active rows for strangers, each with its own values.

    Parameters as for `update_many`, without the number of rows. It passes over rows that somebody
    holds, and returns those that it locked: the row as updated, or NULLs where a trigger refused
    that, then its place from 1 on.
    """
    keys = list(info.primary_key)
    if versioned and info.version is not None:
        keys.append(info.version)
    sent = [*keys, *columns]
    changes = assignments(
        info, [(column, qualified(LOCKED, column)) for column in columns], len(sent) + 1, TABLE
    )
    write, old = set_shared(info, changes), remembered(info, columns)
    return locking_shared(info, sent, keys, write, "NO KEY UPDATE", old=old)


def set_shared(info: TableInfo, changes: str) -> str:
    """The UPDATE in a statement of `locking_shared`."""
    return (
        f'UPDATE {table_name(info)} AS "t" SET {changes} FROM {LOCKED}'
        f" WHERE {same_key(info.primary_key, LOCKED)}{active(info, TABLE)}"
    )


def locking_shared(
    info: TableInfo,
    sent: Sequence[ColumnInfo],
    keys: Sequence[ColumnInfo],
    write: str,
    strength: str,
    *,
    old: Sequence[ColumnInfo] = (),
) -> str:
    """A statement that writes to those of the rows given that nobody holds.

    Two of them never wait for each other, and a row that is held delays none of the others.

    Args:
        info: The model.
        sent: Columns of the rows given, one array each.
        keys: Those of them that must be equal.
        write: What happens to the rows in `LOCKED`, without RETURNING.
        strength: Of the lock: what the write itself takes.
        old: Columns whose values before the write come back behind the place.
    """
    relation, values = typed_unnest(info, sent)
    given = column_list(sent)
    place = f'{LOCKED}."#"'
    written = ", ".join(qualified('"w"', column) for column in info.columns)
    kept = "".join(f', {qualified(TABLE, each)} AS "#{i}"' for i, each in enumerate(old))
    before = "".join(f', {LOCKED}."#{i}"' for i in range(len(old)))
    return (
        f'WITH "i"({given}, "#") AS (SELECT {values}, "u"."#" FROM {relation}),'
        f' {LOCKED} AS MATERIALIZED (SELECT "i".*{kept} FROM {table_name(info)} AS "t", "i"'
        f" WHERE {same_key(keys)}{active(info, TABLE)} ORDER BY {lock_order(info.primary_key)}"
        f' FOR {strength} OF "t" SKIP LOCKED),'
        f' "w" AS ({write} {returning(info, TABLE, bare=True)}, {place})'
        f' SELECT {written}, {place}{before} FROM {LOCKED} LEFT JOIN "w" ON "w"."#" = {place}'
    )


def update_where(info: TableInfo, columns: Iterable[ColumnInfo], changes: str, where: str) -> str:
    """Update rows by condition; `where` is empty for all of them."""
    return _update(info, columns, changes, f" WHERE {where}" if where else "")


def _update(info: TableInfo, columns: Iterable[ColumnInfo], changes: str, condition: str) -> str:
    """Update rows. What must be remembered of them is read while they are locked.

    Without the lock it would be what the statement's snapshot shows, which another transaction may
    have changed since.
    """
    table, old, keys = table_name(info), remembered(info, columns), info.primary_key
    if not old:
        return f"UPDATE {table} SET {changes}{condition} {returning(info)}"
    # No column of the table is called like these, so that none of its own needs its name.
    names = [f'"#{i}"' for i in range(len(keys) + len(old))]
    same = " AND ".join(
        f"{quote_identifier(key.column)} = {name}" for key, name in zip(keys, names, strict=False)
    )
    return (
        f'WITH "#o"({", ".join(names)}) AS MATERIALIZED (SELECT {column_list([*keys, *old])}'
        f" FROM {table}{condition} FOR NO KEY UPDATE)"
        f' UPDATE {table} SET {changes} FROM "#o" WHERE {same}'
        f" {returning(info)}, {', '.join(names[len(keys) :])}"
    )

"""SELECTs of the rows that reference others, for deletes and restores that cascade."""

from collections.abc import Sequence

from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.sql.columns import (
    INPUT,
    TABLE,
    active,
    column_list,
    lock_order,
    qualified,
    typed_unnest,
)
from storehaus.sql.identifiers import table_name

__all__ = ["select_active_dependents", "select_marked_dependents"]

Pairs = Sequence[tuple[ColumnInfo, ColumnInfo]]
"""The columns of a foreign key, each with the one that it references."""


def select_active_dependents(child: TableInfo, parent: TableInfo, pairs: Pairs) -> str:
    """Keys of active rows that reference given ones, locked as a DELETE would lock them.

    Parameters: an array per referenced column.
    """
    return f"{_dependents(child, parent, pairs, active(child, TABLE))} FOR UPDATE OF {TABLE}"


def select_marked_dependents(child: TableInfo, parent: TableInfo, pairs: Pairs) -> str:
    """Keys of rows that reference given ones and were deleted by one deletion.

    Parameters: an array per referenced column, then the deletion.
    """
    assert child.soft_delete is not None  # noqa: S101 - asked for soft-deleting models only
    assert child.deletion is not None  # noqa: S101 - they have one
    marked = (
        f" AND NOT {qualified(TABLE, child.soft_delete)}"
        f" AND {qualified(TABLE, child.deletion)} = ${len(pairs) + 1}::uuid"
    )
    return f"{_dependents(child, parent, pairs, marked)} FOR NO KEY UPDATE OF {TABLE}"


def _dependents(child: TableInfo, parent: TableInfo, pairs: Pairs, condition: str) -> str:
    # The given values are the parent's, so they have its types: an integer may reference a bigint.
    referenced = [theirs for _, theirs in pairs]
    relation, values = typed_unnest(parent, referenced)
    keys = ", ".join(qualified(TABLE, key) for key in child.primary_key)
    same = " AND ".join(
        f"{qualified(TABLE, mine)} = {qualified(INPUT, theirs)}" for mine, theirs in pairs
    )
    return (
        f"SELECT {keys} FROM {table_name(child)} AS {TABLE},"
        f" (SELECT {values} FROM {relation}) AS {INPUT}({column_list(referenced)})"
        f" WHERE {same}{condition} ORDER BY {lock_order(child.primary_key)}"
    )

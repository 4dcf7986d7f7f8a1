"""SELECTs of a model's whole rows: all of them, or by key."""

from storehaus.model.records import TableInfo
from storehaus.sql.columns import (
    INPUT,
    TABLE,
    active,
    array_parameter,
    column_list,
    key_condition,
    qualified,
    same_key,
    typed_unnest,
)
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = ["select_all", "select_by_key", "select_by_keys"]


def select_all(info: TableInfo) -> str:
    """All active rows, in no particular order."""
    where = active(info).removeprefix(" AND ")
    rows = f"SELECT {column_list(info.columns)} FROM {table_name(info)}"
    return f"{rows} WHERE {where}" if where else rows


def select_by_key(info: TableInfo) -> str:
    """The active row with a key. Parameters: the key."""
    return (
        f"SELECT {column_list(info.columns)} FROM {table_name(info)}"
        f" WHERE {key_condition(info.primary_key)}{active(info)}"
    )


def select_by_keys(info: TableInfo) -> str:
    """Active rows, each with one of many keys. Parameters: an array per key column."""
    keys = info.primary_key
    # Arrays travel as text within an array, which ANY cannot look into.
    if len(keys) == 1 and keys[0].type.element is None:
        return (
            f"SELECT {column_list(info.columns)} FROM {table_name(info)}"
            f" WHERE {quote_identifier(keys[0].column)} = ANY({array_parameter(info, keys[0])})"
            f"{active(info)}"
        )
    relation, values = typed_unnest(info, keys)
    columns = ", ".join(qualified(TABLE, column) for column in info.columns)
    return (
        f"SELECT {columns} FROM {table_name(info)} AS {TABLE},"
        f" (SELECT {values} FROM {relation}) AS {INPUT}({column_list(keys)})"
        f" WHERE {same_key(keys)}{active(info, TABLE)}"
    )

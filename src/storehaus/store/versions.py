"""The optimistic lock: what version a row must have, and why no row was found."""

from typing import Any

from msgspec import UNSET

from storehaus.driver import Row
from storehaus.errors import NotFound, QueryError, StaleVersion, StorehausError
from storehaus.model import TableInfo
from storehaus.model.validation import wire_value
from storehaus.sql.statement import Statement
from storehaus.store.sending import Fetch
from storehaus.store.table import Table

__all__ = ["absent", "carried_version", "checked_version", "is_stale"]


def checked_version(
    info: TableInfo, version: int | None, row_index: int | None = None
) -> tuple[int, ...]:
    """Give the version as parameters: none when any will do.

    Raises:
        QueryError: When the model has no version.
        ValidationError: When it is no integer.
    """
    if version is None:
        return ()
    if info.version is None:
        raise QueryError(
            f"{info.model.__name__} has no field with version=True, so if_version means nothing",
            model=info.model.__name__,
        )
    return (wire_value(info.model.__name__, info.version, version, row_index=row_index),)


def carried_version(info: TableInfo, model: Any) -> int | None:
    """Give the version a model was read with; None when it was never stored."""
    if info.version is None:
        return None
    version = getattr(model, info.version.name, UNSET)
    return None if version is UNSET else version


def is_stale(info: TableInfo, row: Row, version: int | None) -> bool:
    """Whether a row has another version than the one expected, where one is."""
    return (
        version is not None and info.version is not None and row[info.version.position] != version
    )


async def absent(
    table: Table[Any],
    fetch: Fetch,
    record_id: Any,
    version: int | None,
    row_index: int | None = None,
) -> StorehausError:
    """Find out why no active row with this id (and version) was found."""
    name = table.info.name
    place = "" if row_index is None else f" (row {row_index})"
    if version is not None:
        key = table.key.params(record_id, row_index)
        if await fetch(Statement(table.select_by_key, key)):
            return StaleVersion(
                f"{name}{place}: the row was changed since version {version}",
                table=name,
                record_id=record_id,
                expected=version,
                row_index=row_index,
            )
    return NotFound(
        f"{name}{place}: no row with this id",
        table=name,
        record_id=record_id,
        row_index=row_index,
    )

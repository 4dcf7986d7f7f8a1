"""Reading: by id, by query, all of it."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from storehaus.model import Model
from storehaus.query import Query
from storehaus.sql import Statement, compile_count, compile_exists, compile_find
from storehaus.store.database import Database
from storehaus.store.table import Table

__all__ = ["Reads"]

M = TypeVar("M", bound=Model)


class Reads(Generic[M]):
    """The reading verbs of a store.

    Args:
        database: Where statements run.
        table: The store's table.
    """

    __slots__ = ("_database", "_table")

    def __init__(self, database: Database, table: Table[M]) -> None:
        self._database = database
        self._table = table

    async def get_by_id(self, record_id: Any) -> M | None:
        """Give the active row with an id, None when there is none."""
        table = self._table
        params = table.key.params(record_id)
        rows = await self._database.fetch_rows(table.select_by_key, params)
        return table.reader.model(rows[0]) if rows else None

    async def get_many(self, ids: Sequence[Any]) -> list[M | None]:
        """Give the active rows with these ids in their order; each a row of its own."""
        if not ids:
            return []
        table = self._table
        keys = [table.key.params(record_id, i) for i, record_id in enumerate(ids)]
        arrays = table.key_arrays(list(dict.fromkeys(keys)))
        found = await self._database.fetch(Statement(table.select_by_keys, arrays))
        rows = {table.key.of_row(row): row for row in found}
        wanted = [rows.get(table.key.wire_id(key)) for key in keys]
        # An id that stands twice gives two instances: whoever changes one must not change both.
        models = iter(table.reader.models([row for row in wanted if row is not None]))
        return [None if row is None else next(models) for row in wanted]

    async def find(self, query: Query[M]) -> list[M]:
        """Give the rows that a query finds."""
        rows = await self._database.fetch(compile_find(self._table.info, query))
        return self._table.reader.models(rows)

    async def list_all(self) -> list[M]:
        """Give all active rows."""
        rows = await self._database.fetch_rows(self._table.select_all)
        return self._table.reader.models(rows)

    async def count(self, query: Query[M]) -> int:
        """Count the rows that a query finds."""
        count: int = await self._database.fetch_value(compile_count(self._table.info, query))
        return count

    async def exists(self, query: Query[M]) -> bool:
        """Say whether a query finds a row."""
        found: bool = await self._database.fetch_value(compile_exists(self._table.info, query))
        return found

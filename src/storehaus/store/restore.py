"""restore, and what it brings back with the row."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from storehaus.driver import Row
from storehaus.errors import NotFound, QueryError
from storehaus.model import Model
from storehaus.sql.restore import restore_many, restore_one
from storehaus.sql.statement import Statement
from storehaus.store.batch import StatementBatch, always, unnumbered
from storehaus.store.change import Change, Outcome
from storehaus.store.key import in_lock_order
from storehaus.store.sending import Fetch
from storehaus.store.table import Table
from storehaus.store.tags import checked_tags

__all__ = ["Restore", "RestoreMarked"]

M = TypeVar("M", bound=Model)


class Restore(Generic[M]):
    """UPDATE that brings one soft-deleted row back.

    Args:
        table: The store's table.
        change: `ids` (one) and `tags` are read.
    """

    __slots__ = ("_table", "change")

    def __init__(self, table: Table[M], change: Change[M]) -> None:
        self._table = table
        self.change = change

    def compile(self) -> Sequence[StatementBatch]:
        """Check the id."""
        info = self._table.info
        if info.soft_delete is None:
            raise QueryError(
                f"{info.model.__name__} does not soft-delete, so there is nothing to restore",
                model=info.model.__name__,
            )
        (record_id,) = self.change.ids or (None,)
        key = self._table.key.params(record_id)
        tags = checked_tags(info, self.change.tags)
        statement = Statement(self._table.text(restore_one), (*key, tags))
        return [StatementBatch(info=info, statement=always(statement))]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the row that is active again, and the deletion that it was part of."""
        del fetch
        (rows,) = results
        if not rows:
            (record_id,) = self.change.ids or (None,)
            name = self._table.info.name
            raise NotFound(
                f"{name}: no soft-deleted row with this id", table=name, record_id=record_id
            )
        *values, deletion = rows[0]
        models = self._table.reader.models([tuple(values)])
        return Outcome(change=self.change, models=models, count=1, deletion=deletion)


class RestoreMarked(Generic[M]):
    """UPDATE that brings back those of some rows that one deletion marked.

    Args:
        table: Their table.
        change: `ids` and `tags` are read.
        deletion: The mark.
    """

    __slots__ = ("_deletion", "_table", "change")

    def __init__(self, table: Table[M], change: Change[M], deletion: UUID) -> None:
        self._table = table
        self.change = change
        self._deletion = deletion

    def compile(self) -> Sequence[StatementBatch]:
        """Check the ids, which hooks may have altered."""
        table = self._table
        tags = checked_tags(table.info, self.change.tags)
        keys = list(dict.fromkeys(map(table.key.params, self.change.ids or ())))
        arrays = table.key_arrays([keys[i] for i in in_lock_order(keys)])
        chunks = table.chunks(arrays, len(keys))
        text = table.text(restore_many)
        return unnumbered(table.info, text, arrays, chunks, tags, self._deletion)

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the rows that are active again."""
        del fetch
        rows: list[Any] = [row for result in results for row in result]
        models = self._table.reader.models(rows)
        return Outcome(
            change=self.change, models=models, count=len(models), deletion=self._deletion
        )

"""delete, delete_many, purge and delete_where."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from storehaus.driver import Row
from storehaus.model import Model
from storehaus.sql.binder import Binder
from storehaus.sql.delete import (
    delete_by_key,
    delete_many,
    delete_where,
    purge_one,
)
from storehaus.sql.filters import compile_filter
from storehaus.sql.statement import Statement
from storehaus.store.batch import (
    RowBatch,
    SingleStatement,
    StatementBatch,
    always,
    over_arrays,
    unnumbered,
)
from storehaus.store.change import Change, Outcome
from storehaus.store.forms import delete_form
from storehaus.store.key import in_lock_order
from storehaus.store.sending import Fetch
from storehaus.store.table import Table
from storehaus.store.tags import checked_tags
from storehaus.store.update import require_filter
from storehaus.store.versions import absent, checked_version

__all__ = ["Delete", "DeleteMany", "DeleteWhere"]

M = TypeVar("M", bound=Model)


class Delete(Generic[M]):
    """DELETE of one row by id; soft where the model soft-deletes, unless the change purges.

    Args:
        table: The store's table.
        change: `ids` (one), `tags` and `purge` are read.
        version: The version the row must have, None for any.
        deletion: The mark of a delete that cascades, None for any other.
    """

    __slots__ = ("_deletion", "_table", "_version", "change")

    def __init__(
        self,
        table: Table[M],
        change: Change[M],
        version: int | None = None,
        deletion: UUID | None = None,
    ) -> None:
        self._table = table
        self.change = change
        self._version = version
        self._deletion = deletion

    def compile(self) -> Sequence[SingleStatement]:
        """Check the id."""
        table, info = self._table, self._table.info
        (record_id,) = self.change.ids or (None,)
        key = table.key.params(record_id)
        tags = checked_tags(info, self.change.tags)
        if self.change.purge:
            return (self._statement(table.text(purge_one), key),)
        version = checked_version(info, self._version)
        marked = () if info.soft_delete is None else (tags, self._deletion)
        if self._deletion is None:
            form = table.form(delete_form, bool(version))
            return (RowBatch(info=info, form=form, sent=(*key, *version), rest=marked),)
        text = table.text(delete_by_key, versioned=bool(version), locking=True)
        return (self._statement(text, (*key, *version, *marked)),)

    def _statement(self, text: str, params: tuple[Any, ...]) -> StatementBatch:
        return StatementBatch(info=self._table.info, statement=always(Statement(text, params)))

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the row as it was; a missing one is no error, one of another version is."""
        (rows,) = results
        if not rows and self._version is not None:
            (record_id,) = self.change.ids or (None,)
            raise await absent(self._table, fetch, record_id, self._version)
        return _outcome(self.change, self._table.reader.models(rows), self._deletion)


class DeleteMany(Generic[M]):
    """DELETE of rows by id; ids without a row are passed over.

    Args:
        table: The store's table.
        change: `ids` and `tags` are read.
        deletion: The mark of a delete that cascades, None for any other.
    """

    __slots__ = ("_deletion", "_keys", "_table", "change")

    def __init__(self, table: Table[M], change: Change[M], deletion: UUID | None = None) -> None:
        self._table = table
        self.change = change
        self._deletion = deletion
        self._keys: list[tuple[Any, ...]] = []

    def compile(self) -> Sequence[StatementBatch]:
        """Check the ids; one that stands twice is sent once."""
        info, key = self._table.info, self._table.key
        key.require()
        tags = checked_tags(info, self.change.tags)
        places: dict[tuple[Any, ...], int] = {}
        for i, record_id in enumerate(self.change.ids or ()):
            places.setdefault(key.params(record_id, i), i)
        self._keys = list(places)
        arrays = self._table.key_arrays(self._keys)
        chunks = self._table.chunks(arrays, len(places))
        indexes = list(places.values())
        if len(chunks) > 1:
            order = in_lock_order(self._keys)
            arrays = self._table.key_arrays([self._keys[i] for i in order])
            indexes = [indexes[i] for i in order]
        text = self._table.text(delete_many)
        marked = () if info.soft_delete is None else (tags, self._deletion)
        if self.change.cascade:
            return unnumbered(info, text, arrays, chunks, *marked)
        return [
            StatementBatch(
                info=info,
                indexes=indexes[low:high],
                statement=over_arrays(text, [values[low:high] for values in arrays], *marked),
            )
            for low, high in chunks
        ]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the rows as they were, in the order of the ids."""
        del fetch
        table = self._table
        rows = {table.key.of_row(row): row for result in results for row in result}
        ids = map(table.key.wire_id, self._keys)
        models = table.reader.models([rows[each] for each in ids if each in rows])
        return _outcome(self.change, models, self._deletion)


class DeleteWhere(Generic[M]):
    """DELETE of all rows that a query finds.

    Args:
        table: The store's table.
        change: `query` and `tags` are read.
        everything: Whether all rows may be meant.
        deletion: The mark of a delete that cascades, None for any other.
    """

    __slots__ = ("_deletion", "_everything", "_table", "change")

    def __init__(
        self,
        table: Table[M],
        change: Change[M],
        *,
        everything: bool,
        deletion: UUID | None = None,
    ) -> None:
        self._table = table
        self.change = change
        self._everything = everything
        self._deletion = deletion

    def compile(self) -> Sequence[StatementBatch]:
        """Check the query."""
        info, query = self._table.info, self.change.query
        assert query is not None  # noqa: S101 - set by the verb
        require_filter(self._table, self.change, everything=self._everything)
        binder = Binder()
        where = compile_filter(info, query, binder)
        tags = checked_tags(info, self.change.tags)
        place = binder.count + 1
        if info.soft_delete is not None:
            binder.write(tags)
            binder.write(self._deletion)
        locking = self._deletion is not None
        statement = binder.statement(delete_where(info, where, place, locking=locking))
        return [StatementBatch(info=info, statement=always(statement))]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the rows as they were."""
        del fetch
        (rows,) = results
        return _outcome(self.change, self._table.reader.models(rows), self._deletion)


def _outcome(change: Change[M], models: Sequence[M], deletion: UUID | None) -> Outcome[M]:
    return Outcome(change=change, models=models, count=len(models), deletion=deletion)

"""patch and update_where."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import QueryError
from storehaus.model import ColumnInfo, Model
from storehaus.query import UpdateSet
from storehaus.sql.assignments import compile_assignments, plain_columns
from storehaus.sql.binder import Binder
from storehaus.sql.filters import compile_filter, has_filter
from storehaus.sql.update import assignments, update_by_key, update_where
from storehaus.store.batch import (
    RowBatch,
    SingleStatement,
    StatementBatch,
    always,
    named_values,
)
from storehaus.store.change import Change, Outcome
from storehaus.store.forms import update_form
from storehaus.store.sending import Fetch
from storehaus.store.table import Table
from storehaus.store.tags import checked_tags
from storehaus.store.versions import absent, checked_version

__all__ = ["Patch", "UpdateWhere", "require_filter"]

M = TypeVar("M", bound=Model)

_position = attrgetter("position")


class Patch(Generic[M]):
    """UPDATE of some fields of one row.

    Args:
        table: The store's table.
        change: `ids` (one), `changes` and `tags` are read.
        version: The version the row must have, None for any.
    """

    __slots__ = ("_key", "_table", "_version", "change")

    def __init__(self, table: Table[M], change: Change[M], version: int | None) -> None:
        self._table = table
        self.change = change
        self._version = version
        self._key: tuple[Any, ...] = ()

    def compile(self) -> Sequence[SingleStatement]:
        """Check id and changes."""
        (record_id,) = self.change.ids or (None,)
        self._key = self._table.key.params(record_id)
        version = checked_version(self._table.info, self._version)
        return (self._plain(version) or self._computed(version),)

    def _plain(self, version: tuple[int, ...]) -> RowBatch | None:
        """Give a change to values alone, whose text depends on nothing but the columns."""
        table, info = self._table, self._table.info
        changes = self.change.changes
        columns = plain_columns(info, changes)
        if columns is None or not isinstance(changes, Mapping):
            return None
        given = tuple(changes.values())
        # Changes of the same columns are of one form, in whatever order they were said.
        shape = tuple(sorted(columns, key=_position))
        if shape != columns:
            by_column = dict(zip(columns, given, strict=True))
            given = tuple(by_column[column] for column in shape)
        return RowBatch(
            info=info,
            source=changes,
            form=table.form(update_form, shape, bool(version)),
            sent=(*self._key, *version, *table.validator(shape).values(given)),
            rest=(checked_tags(info, self.change.tags),),
        )

    def _computed(self, version: tuple[int, ...]) -> StatementBatch:
        info, binder = self._table.info, Binder()
        changes = self.change.changes or {}
        for part in (*self._key, *version):
            binder.write(part)
        columns, set_list = _set_list(self._table, self.change, binder)
        text = update_by_key(info, columns, set_list, versioned=self._version is not None)
        return StatementBatch(
            info=info,
            values=lambda _row: named_values(changes),
            statement=always(binder.statement(text)),
            row_id=self._table.key.row_id(self._key),
        )

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Find out why, when no row was changed."""
        (rows,) = results
        if not rows:
            (record_id,) = self.change.ids or (None,)
            raise await absent(self._table, fetch, record_id, self._version)
        table = self._table
        return Outcome(
            change=self.change,
            models=table.reader.models(rows),
            count=1,
            before=table.reader.remembered(rows),
        )


class UpdateWhere(Generic[M]):
    """UPDATE of all rows that a query finds.

    Args:
        table: The store's table.
        change: `query`, `changes` and `tags` are read.
        everything: Whether all rows may be meant.
    """

    __slots__ = ("_everything", "_table", "change")

    def __init__(self, table: Table[M], change: Change[M], *, everything: bool) -> None:
        self._table = table
        self.change = change
        self._everything = everything

    def compile(self) -> Sequence[StatementBatch]:
        """Check query and changes."""
        info, query = self._table.info, self.change.query
        assert query is not None  # noqa: S101 - set by the verb
        require_filter(self._table, self.change, everything=self._everything)
        binder = Binder()
        columns, changes = _set_list(self._table, self.change, binder)
        where = compile_filter(info, query, binder)
        statement = binder.statement(update_where(info, columns, changes, where))
        return [StatementBatch(info=info, statement=always(statement))]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the rows that were changed."""
        del fetch
        (rows,) = results
        reader = self._table.reader
        models = reader.models(rows)
        return Outcome(
            change=self.change, models=models, count=len(models), before=reader.remembered(rows)
        )


def require_filter(table: Table[Any], change: Change[Any], *, everything: bool) -> None:
    """Refuse a write to all rows that does not say so.

    Raises:
        QueryError: When the query has no filter.
    """
    query = change.query
    if query is None or everything or has_filter(query):
        return
    name = table.info.model.__name__
    raise QueryError(
        f"this would {change.operation.value} every {name}; say everything=True if that is meant",
        model=name,
    )


def _set_list(
    table: Table[Any], change: Change[Any], binder: Binder
) -> tuple[Sequence[ColumnInfo], str]:
    """Give the columns that are changed, and the SET list."""
    changes = change.changes
    given = changes.changes if isinstance(changes, UpdateSet) else changes
    tags = checked_tags(table.info, change.tags)
    # Only new tags: that is a change too.
    if not given and tags is not None:
        pairs = []
    else:
        pairs = compile_assignments(table.info, changes or {}, binder)
    binder.write(tags)
    return [column for column, _ in pairs], assignments(table.info, pairs, binder.count)

"""create_from: rows that the database makes of others."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.model import Model
from storehaus.query.query import Fluent
from storehaus.sql.insert_select import compile_insert_select
from storehaus.store.batch import StatementBatch, always
from storehaus.store.change import Change, Outcome
from storehaus.store.sending import Fetch
from storehaus.store.table import Table
from storehaus.store.tags import checked_tags

__all__ = ["CreateFrom"]

M = TypeVar("M", bound=Model)


class CreateFrom(Generic[M]):
    """INSERT … SELECT of a projection.

    Args:
        table: The store's table.
        change: `query` and `tags` are read.
        skip_conflicts: Whether rows that collide with others are passed over.
    """

    __slots__ = ("_skip_conflicts", "_table", "change")

    def __init__(self, table: Table[M], change: Change[M], *, skip_conflicts: bool) -> None:
        self._table = table
        self.change = change
        self._skip_conflicts = skip_conflicts

    def compile(self) -> Sequence[StatementBatch]:
        """Check the projection."""
        info = self._table.info
        query: Fluent[Any] | None = self.change.query
        assert query is not None  # noqa: S101 - set by the verb
        tags = checked_tags(info, self.change.tags) or []
        statement = compile_insert_select(info, query, tags, skip_conflicts=self._skip_conflicts)
        return [StatementBatch(info=info, statement=always(statement))]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Give the rows that were made."""
        del fetch
        (rows,) = results
        models = self._table.reader.models(rows)
        return Outcome(change=self.change, models=models, count=len(models))

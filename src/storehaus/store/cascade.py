"""Soft deletes that cascade, and restores that bring exactly those rows back.

All rows that one call deletes share a mark, the deletion, in a column that no instance has. Level
by level the rows that reference them get it too; each level is a write of its own, with hooks and
plug-ins. A restore reads the mark of the row that it brings back and follows it down the same way.
"""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from storehaus.model import Model, TableInfo, uuid7
from storehaus.model.wire import encoder
from storehaus.sql.statement import Statement
from storehaus.store.change import Change, Operation, Outcome
from storehaus.store.database import Database
from storehaus.store.delete import DeleteMany
from storehaus.store.dependents import Dependent
from storehaus.store.pipeline import FollowUps, Step
from storehaus.store.restore import RestoreMarked
from storehaus.store.sending import Fetch
from storehaus.store.table import as_parameters

__all__ = ["cascade", "new_deletion"]


def cascade(database: Database, info: TableInfo) -> FollowUps | None:
    """Give what follows from deleting or restoring rows of a table; None when nothing can.

    Raises:
        QueryError: When the rows of a dependent table cannot be told from each other.
    """
    return partial(_follow_ups, database) if database.dependents.of(info) else None


def new_deletion(follow_ups: FollowUps | None) -> UUID | None:
    """Make the mark of a delete; None for one that nothing follows from."""
    return None if follow_ups is None else uuid7()


async def _follow_ups(
    database: Database, outcome: Outcome[Any], fetch: Fetch
) -> AsyncGenerator[Step]:
    deletion, operation = outcome.deletion, outcome.change.operation
    # A row that was deleted alone took nothing along.
    if deletion is None or not outcome.models:
        return
    restoring = operation is Operation.CREATE
    for dependent in database.dependents.of(outcome.change.table):
        table = dependent.table
        marked = deletion if restoring else None
        ids = await _dependent_ids(dependent, outcome.models, marked, fetch)
        if not ids:
            continue
        change: Change[Any] = Change(table=table.info, operation=operation, ids=ids, cascade=True)
        work = RestoreMarked[Any] if restoring else DeleteMany[Any]
        yield Step(work(table, change, deletion), dependent.hooks(change))


async def _dependent_ids(
    dependent: Dependent, parents: Sequence[Model], marked: UUID | None, fetch: Fetch
) -> list[Any]:
    """Find the rows that reference others: active ones, or those that a deletion marked."""
    table = dependent.table
    values = _referenced_values(dependent, parents)
    text, rest = (dependent.active, ()) if marked is None else (dependent.marked, (marked,))
    rows = [
        row
        for low, high in table.chunks(values, len(parents))
        for row in await fetch(Statement(text, (*(part[low:high] for part in values), *rest)))
    ]
    return table.key.read(rows)


def _referenced_values(dependent: Dependent, parents: Sequence[Model]) -> list[Sequence[Any]]:
    columns: list[Sequence[Any]] = []
    for column in dependent.referenced:
        values = [getattr(parent, column.name) for parent in parents]
        encode = encoder(column.type)
        if encode is not None:
            values = [None if value is None else encode(value) for value in values]
        columns.append(values)
    return as_parameters(dependent.referenced, columns)

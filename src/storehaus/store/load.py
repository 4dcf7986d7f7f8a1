"""load: many rows by COPY, in bounded memory."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import chain, groupby, islice
from typing import Any, TypeVar

from storehaus.model import Model
from storehaus.store.batch import Batch, CopyBatch
from storehaus.store.change import Change, Operation, Outcome
from storehaus.store.create import Create, field_values
from storehaus.store.database import Database
from storehaus.store.pipeline import Hook, before, within
from storehaus.store.running import run_within
from storehaus.store.shape import Shape
from storehaus.store.table import Table
from storehaus.store.tags import checked_tags
from storehaus.store.transaction import Transaction

__all__ = ["load"]

M = TypeVar("M", bound=Model)

# A chunk is one COPY, kept until it is through to find a row at fault. At its end the server is
# waited for, so it is long; but it never holds more than about so many bytes.
_CHUNK_ROWS = 100_000
_CHUNK_BYTES = 32 * 1024 * 1024
# A piece is what is checked in one go: it fits into the processor's cache.
_PIECE_ROWS = 500
# Past so many rows plug-ins hear of a load as a whole.
_REPORTED_ROWS = 10_000


async def load(
    database: Database,
    table: Table[M],
    rows: Iterable[M] | AsyncIterable[M],
    *,
    tags: Sequence[str] | None = None,
    hooks: Sequence[Hook] = (),
) -> int:
    """Insert all rows in one transaction, chunk by chunk; give their number.

    Hooks see one change per chunk, and so do plug-ins until the commit. After it they are told of
    each chunk, or, past 10,000 rows, once of all of them without models. Where a plug-in needs the
    stored rows, INSERT stands in for COPY.
    """
    outcomes: list[Outcome[M]] = []
    count = 0
    await database.acts()
    async with database.write_block() as block, aclosing(_chunks(rows)) as chunks:
        async for models in chunks:
            change = Change(table=table.info, operation=Operation.CREATE, models=models, tags=tags)
            chunk = _Chunk(table, change, count)
            outcome = await _load_chunk(database, block, chunk, hooks)
            count += outcome.count
            # Or two chunks would be held while the next one is gathered.
            del models, change, chunk
            outcomes.append(outcome)
            if count > _REPORTED_ROWS:
                whole: Change[M] = Change(table=table.info, operation=Operation.CREATE, tags=tags)
                outcome = Outcome(change=whole, models=None, count=count)
                outcomes = [outcome]
        for outcome in outcomes:
            database.announce(outcome, block)
    return count


class _Chunk:
    """One chunk on its way.

    Args:
        table: The store's table.
        change: `models` and `tags` are read.
        first: Place of its first row in all that is loaded.
    """

    __slots__ = ("change", "first", "table")

    def __init__(self, table: Table[Any], change: Change[Any], first: int) -> None:
        self.table = table
        self.change = change
        self.first = first

    def compile(self) -> list[Batch]:
        """Check the models; neighbours that send the same columns travel together."""
        models = self.table.completed(self.change.models or [])
        tags = checked_tags(self.table.info, self.change.tags) or []
        runs = groupby(range(len(models)), key=lambda i: self.table.insert_shape(models[i]))
        return [self._batch(models, tags, shape, list(places)) for shape, places in runs]

    def _batch(
        self, models: Sequence[Any], tags: list[str], shape: Shape, places: Sequence[int]
    ) -> CopyBatch:
        indexes = range(self.first + places[0], self.first + places[-1] + 1)
        chosen = models if len(places) == len(models) else models[places[0] : places[-1] + 1]
        names = [column.column for column in shape]
        if tags or not names:
            names.append("__tags__")
        return CopyBatch(
            info=self.table.info,
            indexes=indexes,
            values=partial(field_values, chosen, range(len(chosen))),
            columns=names,
            rows=lambda low, high: chain.from_iterable(
                _pieces(self.table, shape, chosen[low:high], indexes[low:high], tags)
            ),
        )


def _pieces(
    table: Table[M], shape: Shape, models: Sequence[M], indexes: Sequence[int], tags: list[str]
) -> Iterator[Iterable[Sequence[Any]]]:
    """Check rows while they are sent, so that client and server work at the same time.

    Pieces of a few hundred rows stay in the processor's cache.
    """
    validator = table.validator(shape)
    for first in range(0, len(models), _PIECE_ROWS):
        piece = models[first : first + _PIECE_ROWS]
        columns = validator.columns(piece, indexes[first : first + _PIECE_ROWS])
        if tags or not columns:
            columns = [*columns, [tags] * len(piece)]
        yield zip(*columns, strict=True)


async def _load_chunk(
    database: Database, block: Transaction, chunk: _Chunk, hooks: Sequence[Hook]
) -> Outcome[Any]:
    if any(plugin.needs_rows for plugin in database.plugins):
        work = Create(chunk.table, chunk.change, first=chunk.first)
        return await within(database, block, work, hooks)
    await before(database, chunk.change, hooks)
    connection = block.unit.connection
    for batch in chunk.compile():
        await run_within(block.unit, batch)
    count = len(chunk.change.models or ())
    outcome: Outcome[Any] = Outcome(change=chunk.change, models=None, count=count)
    for plugin in database.plugins:
        await plugin.after(outcome, connection)
        plugin.observe(outcome, block.unit)
    return outcome


async def _chunks(rows: Iterable[M] | AsyncIterable[M]) -> AsyncGenerator[list[M]]:
    chunk: list[M] = []
    size = 0
    async with aclosing(_gathered(rows)) as pieces:
        async for piece in pieces:
            chunk += piece
            # The last row stands for its piece, and what it looks like for what it takes to send.
            size += len(piece) * len(repr(piece[-1]))
            if len(chunk) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


async def _gathered(rows: Iterable[M] | AsyncIterable[M]) -> AsyncGenerator[list[M]]:
    if not isinstance(rows, AsyncIterable):
        iterator = iter(rows)
        while taken := list(islice(iterator, _PIECE_ROWS)):
            yield taken
        return
    piece: list[M] = []
    async for row in rows:
        piece.append(row)
        if len(piece) == _PIECE_ROWS:
            yield piece
            piece = []
    if piece:
        yield piece

"""Writes of single rows that go to the server together while others are under way.

A lone write goes out at once. While one is under way, further ones of the same store wait for the
next turn of the event loop; those that write the same columns with the same tags leave as one
statement. What comes out is what separate statements would have given:

- A row that somebody holds, or that is not there, is written by a statement of its own. So are all
  when the shared one was refused: one of them may have been to blame.
- After an unknown outcome nothing is repeated, and every caller is told.
- Writes to one row keep their order: the second goes alone, when the first one is through.
"""

import asyncio
from collections.abc import Hashable, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Generic, Protocol, TypeVar, cast

from storehaus.driver import Row
from storehaus.errors import CommitUnknown, DatabaseError
from storehaus.model import Model
from storehaus.sql.statement import Statement
from storehaus.store.actor import current_actor
from storehaus.store.batch import Form, RowBatch, SingleStatement, StatementBatch, always
from storehaus.store.change import Change, Outcome
from storehaus.store.database import Database
from storehaus.store.duplicates import hashable
from storehaus.store.effects import report
from storehaus.store.rows import RowReader
from storehaus.store.running import run_alone, run_within
from storehaus.store.sending import Fetch, fetch_on
from storehaus.store.sharing import Sharers, concerns_all, same_error
from storehaus.store.table import Table, as_parameters

__all__ = ["Turn", "WriteBatcher"]

M = TypeVar("M", bound=Model)

# Past these a statement is long enough that the next one may as well start. Measured: 25 rows share
# most of what a statement costs, and more than 250 none of it (docs/adr/0013).
_FEWEST_ROWS = 25
_MOST_ROWS = 250
_MOST_BYTES = 1024 * 1024

_ABSENT = object()


class Work(Protocol[M]):
    """A write, as far as it matters here.

    Where one of a single row gets that row back, it is the only model of the outcome.
    """

    change: Change[M]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Read what came back."""
        ...


class Turn(Generic[M]):
    """One write between its call and its end.

    Attributes:
        work: The verb.
        batch: The write itself, one row.
        waiter: Gets what the shared statement did to this row, or None when it is to go alone;
            None for a write that goes out at once.
        context: Where plug-ins hear of it when its caller is gone; None when there are none.
        next: A later write to the same row, which waits for the end of this one.
        group: Those it shares a statement with, once that is sent.
    """

    __slots__ = (
        "_batcher",
        "_is_counted",
        "_is_over",
        "batch",
        "context",
        "group",
        "next",
        "waiter",
        "work",
    )

    def __init__(self, batcher: "WriteBatcher", work: Work[M], batch: SingleStatement) -> None:
        self._batcher = batcher
        self._is_counted = False
        self._is_over = False
        self.work = work
        self.batch = batch
        self.waiter: asyncio.Future[Outcome[M] | None] | None = None
        self.context: Context | None = None
        self.next: Turn[Any] | None = None
        self.group: _Group | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether its caller was cancelled before an answer came."""
        return self.waiter is not None and self.waiter.cancelled()

    def go(self) -> None:
        """Let it go out alone."""
        self._is_counted = True
        self._batcher.under_way += 1

    def give_up(self) -> None:
        """Take note that its caller, who waited, was cancelled."""
        waiter = self.waiter
        if waiter is not None and not waiter.cancelled():
            self._batcher.tell_later(self, None if waiter.exception() else waiter.result())
        elif self.group is not None:
            self.group.leave()

    def deliver(self, result: Outcome[M] | Exception | None) -> None:
        """Give the caller an outcome or an error; None sends him alone."""
        waiter = self.waiter
        if waiter is None or waiter.done():
            if isinstance(result, Outcome):
                self._batcher.tell_later(self, result)
            self._leave()
        elif isinstance(result, Exception):
            waiter.set_exception(result)
        else:
            waiter.set_result(result)

    def end(self) -> None:
        """Let the next write to the same row go.

        The caller ends each of his turns when the write is durable or has failed, before anything
        that may write to the row again. Of a write that was given up, whoever has it in hand does.
        """
        if self._is_over:
            return
        if self._is_counted:
            self._batcher.under_way -= 1
        if self.waiter is None or not self.waiter.cancelled():
            self._leave()

    def _leave(self) -> None:
        self._is_over = True
        latest, row_id = self._batcher.latest, self.batch.row_id
        if latest.get(row_id) is self:
            del latest[row_id]
        if self.next is not None:
            self.next.deliver(None)
            self.next = None


class _Group(Sharers):
    """Writes that leave together.

    Attributes:
        turns: The writes, each to another row.
        form: Theirs.
        before: By the place of a write, values that its row had before.
    """

    __slots__ = ("before", "form", "turns")

    def __init__(self, turns: Sequence[Turn[Any]], form: Form) -> None:
        super().__init__(len(turns))
        self.turns = turns
        self.form = form
        self.before: dict[int, tuple[Any, ...]] = {}

    def deliver(self, results: Sequence[Outcome[Any] | Exception | None]) -> None:
        """Give each caller what is his."""
        for turn, result in zip(self.turns, results, strict=True):
            turn.deliver(result)

    def fail(self, error: Exception) -> None:
        """Give all callers an error, or send them alone where only one may be to blame."""
        for turn in self.turns:
            turn.deliver(same_error(error) if concerns_all(error) else None)


class WriteBatcher:
    """Runs the writes of one store.

    Args:
        database: Where statements run.
        table: The store's table.

    Attributes:
        latest: By id, the last write to a row that is not over.
        under_way: Statements that are sent and not answered.
    """

    __slots__ = ("_database", "_loop", "_table", "_waiting", "latest", "under_way")

    _loop: asyncio.AbstractEventLoop

    def __init__(self, database: Database, table: Table[Any]) -> None:
        self._database = database
        self._table = table
        self._waiting: dict[Hashable, list[Turn[Any]]] = {}
        self.latest: dict[Any, Turn[Any]] = {}
        self.under_way = 0

    def turn(self, work: Work[M], batch: SingleStatement) -> Turn[M]:
        """Begin a write; whoever calls this calls `end`."""
        turn = Turn(self, work, batch)
        row_id = batch.row_id
        if row_id is None:
            turn.go()
            return turn
        earlier = self.latest.get(row_id)
        self.latest[row_id] = turn
        if earlier is not None:
            turn.waiter = asyncio.get_running_loop().create_future()
            earlier.next = turn
        elif self.under_way and isinstance(batch, RowBatch):
            self._queue(turn, batch)
        else:
            turn.go()
        return turn

    def _queue(self, turn: Turn[Any], batch: RowBatch) -> None:
        if not self._waiting:
            # Asked once for all that wait: in Python 3.11 it costs a call of the system.
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._send)
        turn.waiter = self._loop.create_future()
        kind: tuple[Any, ...] = (batch.form, *map(hashable, batch.rest))
        if self._database.tells or self._database.names_actors:
            turn.context = copy_context()
        if self._database.names_actors:
            kind += (current_actor(),)
        if self._database.keyed:
            kind += (self._database.batch_key(),)
        waiting = self._waiting.get(kind)
        if waiting is None:
            self._waiting[kind] = [turn]
        else:
            waiting.append(turn)

    def tell_later(self, turn: Turn[Any], outcome: Outcome[Any] | None) -> None:
        """Let plug-ins hear of a write whose caller was cancelled when it had happened."""
        if outcome is not None and self._database.tells:
            _ = self._database.keeper.start(self._tell(outcome), turn.context)

    async def _tell(self, outcome: Outcome[Any]) -> None:
        try:
            await self._database.tell(outcome)
        except ExceptionGroup as errors:
            report(errors, "an effect of a write failed, whose caller was cancelled")

    def _send(self) -> None:
        kinds, self._waiting = self._waiting, {}
        for waiting in kinds.values():
            turns = [turn for turn in waiting if not turn.is_given_up]
            for turn in waiting if len(turns) < len(waiting) else ():
                if turn.is_given_up:
                    turn.deliver(None)
            if len(turns) > 1:
                self._share(turns)
            elif turns:
                turns[0].deliver(None)

    def _share(self, turns: Sequence[Turn[Any]]) -> None:
        """Send writes of one kind together."""
        batches = [cast("RowBatch", turn.batch) for turn in turns]
        form, rest = batches[0].form, batches[0].rest
        values = list(zip(*(batch.sent for batch in batches), strict=True))
        columns = as_parameters(form.columns, values)
        # Of two statements the server works on one while this process prepares the other.
        count = len(turns)
        rows = count if count < 2 * _FEWEST_ROWS else min((count + 1) // 2, _MOST_ROWS)
        chunks = self._table.chunks(columns, count, most_rows=rows, most_bytes=_MOST_BYTES)
        for low, high in chunks:
            group = _Group(turns[low:high], form)
            part = [column[low:high] for column in columns]
            statement = Statement(form.shared, (*part, *rest))
            for turn in group.turns:
                turn.group = group
            self.under_way += 1
            run = self._run(group, statement)
            group.task = self._database.keeper.start(run, turns[0].context)

    async def _run(self, group: _Group, statement: Statement) -> None:
        batch = StatementBatch(info=self._table.info, statement=always(statement))
        whole = self._database.joined_by_plugins(self._table.info)
        try:
            await (self._run_whole if whole else self._run_plain)(group, batch)
        except asyncio.CancelledError:
            group.fail(CommitUnknown("a write was cut off: it may have happened or not"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
            group.fail(error)
        finally:
            # After the callers have had their turn: what they write next is to leave together too.
            self._loop.call_soon(self._arrived)

    async def _run_plain(self, group: _Group, batch: StatementBatch) -> None:
        """Run a statement as a transaction of its own."""
        rows = await run_alone(self._database, batch)
        # It has happened: from here on no error may send anybody alone.
        try:
            written = self._written(group, rows)
        except DatabaseError as error:
            group.deliver([same_error(error) for _ in group.turns])
            return
        fetch = self._database.fetch
        for turn, model in zip(group.turns, written, strict=True):
            turn.deliver(
                await _absent(turn.work, fetch) if model is _ABSENT else _outcome(turn.work, model)
            )

    async def _run_whole(self, group: _Group, batch: StatementBatch) -> None:
        """Run a statement with what plug-ins add to its transaction."""
        async with self._database.write_block() as block:
            connection = block.unit.connection
            rows = await run_within(block.unit, batch)
            results: list[Outcome[Any] | Exception | None] = []
            fetch = fetch_on(connection)
            for place, model in enumerate(self._written(group, rows)):
                if isinstance(model, Exception):
                    raise model
                work = group.turns[place].work
                results.append(
                    await work.finish(((),), fetch)
                    if model is _ABSENT
                    else _outcome(work, model, group.before.get(place))
                )
            outcomes = [outcome for outcome in results if isinstance(outcome, Outcome)]
            for plugin in self._database.plugins:
                await plugin.after_all(outcomes, connection)
                for outcome in outcomes:
                    plugin.observe(outcome, block.unit)
            # Not after the block: a cancellation may come out of it that arrived during COMMIT.
            block.on_commit(partial(group.deliver, results))

    def _written(self, group: _Group, rows: Sequence[Row]) -> list[Any]:
        """Give for each write the row as stored, the error of reading it, `_ABSENT`, or None.

        `_ABSENT` is a row that was not written, None one that must be written alone.

        Raises:
            DatabaseError: When a row came back that nobody sent.
        """
        key = self._table.key
        found: list[Any]
        if group.form.numbered:
            found = [None] * len(group.turns)
            position = key.columns[0].position
            place = len(self._table.info.columns)
            written = [row for row in rows if row[position] is not None]
            models = self._models([row[:place] for row in written])
            for row, model in zip(written, models, strict=True):
                found[row[place] - 1] = model
                if len(row) > place + 1:
                    group.before[row[place] - 1] = tuple(row[place + 1 :])
            for row in rows if len(written) < len(rows) else ():
                if row[position] is None:
                    found[row[place] - 1] = _ABSENT
            return found
        by_id = dict(zip(map(key.of_row, rows), self._models(rows), strict=True))
        found = [by_id.pop(turn.batch.row_id, _ABSENT) for turn in group.turns]
        if by_id:
            raise DatabaseError(
                f"{self._table.info.name}: the primary key of a row is not the one that was sent,"
                " so it cannot be told whose it is; take the store with batching=False"
            )
        return found

    def _models(self, rows: Sequence[Row]) -> Sequence[Any]:
        """Build models; where one cannot be read, an error stands in its place."""
        reader = self._table.reader
        try:
            return reader.models(rows)
        except DatabaseError:
            return [_model_or_error(reader, row) for row in rows]

    def _arrived(self) -> None:
        self.under_way -= 1


def _outcome(
    work: Work[M], model: Any, before: tuple[Any, ...] | None = None
) -> Outcome[M] | Exception | None:
    if model is None or isinstance(model, Exception):
        return model
    remembered = None if before is None else (before,)
    return Outcome(change=work.change, models=(model,), count=1, before=remembered)


async def _absent(work: Work[M], fetch: Fetch) -> Outcome[M] | Exception:
    """Find out what became of a row that was not written: that is its caller's alone."""
    try:
        return await work.finish(((),), fetch)
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        return error


def _model_or_error(reader: RowReader[M], row: Row) -> M | DatabaseError:
    try:
        return reader.model(row)
    except DatabaseError as error:
        return error

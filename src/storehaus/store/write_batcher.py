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
from storehaus.store.batch import Share, StatementBatch, always, run_alone, run_within
from storehaus.store.change import Outcome
from storehaus.store.database import Database
from storehaus.store.effects import report
from storehaus.store.sending import Fetch, fetch_on
from storehaus.store.sharing import MOST_CALLS, Sharers, concerns_all, same_error
from storehaus.store.table import Table, as_parameters

__all__ = ["Turn", "WriteBatcher"]

M = TypeVar("M", bound=Model)

# Past this a statement is long enough that the next one may as well start.
_MOST_BYTES = 1024 * 1024


class Work(Protocol[M]):
    """A write, as far as it matters here."""

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Read what came back."""
        ...


class Turn(Generic[M]):
    """One write between its call and its end.

    Attributes:
        work: The verb.
        batch: The write itself, one row.
        kind: What those who share a statement have in common.
        context: Where plug-ins hear of it when its caller is gone; None when there are none.
        next: A later write to the same row, which waits for the end of this one.
        group: Those it shares a statement with, once that is sent.
    """

    __slots__ = (
        "_batcher",
        "_is_counted",
        "_is_over",
        "_waiter",
        "batch",
        "context",
        "group",
        "kind",
        "next",
        "work",
    )

    def __init__(self, batcher: "WriteBatcher", work: Work[M], batch: StatementBatch) -> None:
        self._batcher = batcher
        self._waiter: asyncio.Future[Outcome[M] | None] | None = None
        self._is_counted = False
        self._is_over = False
        self.work = work
        self.batch = batch
        self.kind: Hashable = None
        self.context: Context | None = None
        self.next: Turn[Any] | None = None
        self.group: _Group | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether its caller was cancelled before an answer came."""
        return self._waiter is not None and self._waiter.cancelled()

    def wait(self) -> None:
        """Let it wait for `deliver`."""
        self._waiter = asyncio.get_running_loop().create_future()

    def go(self) -> None:
        """Let it go out alone."""
        self._is_counted = True
        self._batcher.under_way += 1

    async def outcome(self) -> Outcome[M] | None:
        """Wait for what the shared statement did to this row; None when it is to go alone."""
        waiter = self._waiter
        if waiter is None:
            return None
        try:
            found = await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self._batcher.tell_later(self, None if waiter.exception() else waiter.result())
            elif self.group is not None:
                self.group.leave()
            raise
        if found is None:
            self.go()
        return found

    def deliver(self, result: Outcome[M] | Exception | None) -> None:
        """Give the caller an outcome or an error; None sends him alone."""
        waiter = self._waiter
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
        if not self.is_given_up:
            self._leave()

    def _leave(self) -> None:
        self._is_over = True
        self._batcher.forget(self)
        if self.next is not None:
            self.next.deliver(None)
            self.next = None


class _Group(Sharers):
    """Writes that leave together.

    Attributes:
        turns: The writes, of one kind, each to another row.
        is_numbered: As of `Share`.
    """

    __slots__ = ("is_numbered", "turns")

    def __init__(self, turns: Sequence[Turn[Any]], *, is_numbered: bool) -> None:
        super().__init__(len(turns))
        self.turns = turns
        self.is_numbered = is_numbered

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
        under_way: Statements that are sent and not answered.
    """

    __slots__ = ("_database", "_latest", "_table", "_waiting", "under_way")

    def __init__(self, database: Database, table: Table[Any]) -> None:
        self._database = database
        self._table = table
        self._waiting: list[Turn[Any]] = []
        self._latest: dict[Any, Turn[Any]] = {}
        self.under_way = 0

    def turn(self, work: Work[M], batch: StatementBatch) -> Turn[M]:
        """Begin a write; whoever calls this calls `end`."""
        turn = Turn(self, work, batch)
        earlier = None
        if batch.row_id is not None:
            earlier = self._latest.get(batch.row_id)
            self._latest[batch.row_id] = turn
        if earlier is not None:
            turn.wait()
            earlier.next = turn
        elif batch.share is not None and batch.row_id is not None and self.under_way:
            self._queue(turn, batch.share)
        else:
            turn.go()
        return turn

    def forget(self, turn: Turn[Any]) -> None:
        """Take a write off that is over."""
        row_id = turn.batch.row_id
        if self._latest.get(row_id) is turn:
            del self._latest[row_id]

    def _queue(self, turn: Turn[Any], share: Share) -> None:
        turn.wait()
        turn.kind = (share.text, _frozen(share.rest), self._database.batch_key())
        if self._database.plugins:
            turn.context = copy_context()
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._send)

    def tell_later(self, turn: Turn[Any], outcome: Outcome[Any] | None) -> None:
        """Let plug-ins hear of a write whose caller was cancelled when it had happened."""
        if outcome is not None and self._database.plugins:
            _ = self._database.keeper.start(self._tell(outcome), turn.context)

    async def _tell(self, outcome: Outcome[Any]) -> None:
        try:
            await self._database.tell(outcome)
        except ExceptionGroup as errors:
            report(errors, "an effect of a write failed, whose caller was cancelled")

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        kinds: dict[Hashable, list[Turn[Any]]] = {}
        for turn in waiting:
            if turn.is_given_up:
                turn.deliver(None)
            else:
                kinds.setdefault(turn.kind, []).append(turn)
        for turns in kinds.values():
            self._send_group(turns)

    def _send_group(self, turns: Sequence[Turn[Any]]) -> None:
        if len(turns) == 1:
            turns[0].deliver(None)
            return
        shares = [turn.batch.share for turn in turns if turn.batch.share is not None]
        values = list(zip(*(share.values for share in shares), strict=True))
        columns = as_parameters(shares[0].columns, values)
        size = {"most_rows": MOST_CALLS, "most_bytes": _MOST_BYTES}
        for low, high in self._table.chunks(columns, len(turns), **size):
            group = _Group(turns[low:high], is_numbered=shares[0].numbered)
            part = [column[low:high] for column in columns]
            statement = Statement(shares[0].text, (*part, *shares[0].rest))
            for turn in group.turns:
                turn.group = group
            self.under_way += 1
            run = self._run(group, statement)
            group.task = self._database.keeper.start(run, turns[0].context)

    async def _run(self, group: _Group, statement: Statement) -> None:
        batch = StatementBatch(info=self._table.info, statement=always(statement))
        whole = any(plugin.in_transaction for plugin in self._database.plugins)
        try:
            await (self._run_whole if whole else self._run_plain)(group, batch)
        except asyncio.CancelledError:
            group.fail(CommitUnknown("a write was cut off: it may have happened or not"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
            group.fail(error)
        finally:
            # After the callers have had their turn: what they write next is to leave together too.
            asyncio.get_running_loop().call_soon(self._arrived)

    async def _run_plain(self, group: _Group, batch: StatementBatch) -> None:
        """Run a statement as a transaction of its own."""
        rows = await run_alone(self._database, batch)
        # It has happened: from here on no error may send anybody alone.
        try:
            assigned = self._assign(group, rows)
        except DatabaseError as error:
            group.deliver([same_error(error) for _ in group.turns])
            return
        fetch = self._database.fetch
        group.deliver(
            [
                None if own is None else await _finished(turn.work, own, fetch)
                for turn, own in zip(group.turns, assigned, strict=True)
            ]
        )

    async def _run_whole(self, group: _Group, batch: StatementBatch) -> None:
        """Run a statement with what plug-ins add to its transaction."""
        async with self._database.write_block() as block:
            connection = block.unit.connection
            rows = await run_within(connection, batch)
            results: list[Outcome[Any] | None] = []
            for turn, own in zip(group.turns, self._assign(group, rows), strict=True):
                fetch = fetch_on(connection)
                results.append(None if own is None else await turn.work.finish([own], fetch))
            outcomes = [outcome for outcome in results if outcome is not None]
            for plugin in self._database.plugins:
                await plugin.after_all(outcomes, connection)
            # Not after the block: a cancellation may come out of it that arrived during COMMIT.
            block.on_commit(partial(group.deliver, results))

    def _assign(self, group: _Group, rows: Sequence[Row]) -> list[Sequence[Row] | None]:
        """Find out whose rows came back; None stands for one that must be written alone.

        Raises:
            DatabaseError: When a row came back that nobody sent.
        """
        key = self._table.key
        if group.is_numbered:
            found: list[Sequence[Row] | None] = [None] * len(group.turns)
            for row in rows:
                is_written = row[key.columns[0].position] is not None
                found[row[-1] - 1] = (row[:-1],) if is_written else ()
            return found
        by_id = {key.of_row(row): row for row in rows}
        ids = [turn.batch.row_id for turn in group.turns]
        if not by_id.keys() <= set(ids):
            raise DatabaseError(
                f"{self._table.info.name}: the primary key of a row is not the one that was sent,"
                " so it cannot be told whose it is; take the store with batching=False"
            )
        return [(by_id[each],) if each in by_id else () for each in ids]

    def _arrived(self) -> None:
        self.under_way -= 1


async def _finished(work: Work[M], rows: Sequence[Row], fetch: Fetch) -> Outcome[M] | Exception:
    """Finish a write that has happened: an error of one must not concern the others."""
    try:
        return await work.finish([rows], fetch)
    except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        return error


def _frozen(values: Sequence[Any]) -> tuple[Any, ...]:
    """Give parameters as part of a key; of those, tags alone are a list."""
    return tuple(tuple(cast("list[str]", v)) if isinstance(v, list) else v for v in values)

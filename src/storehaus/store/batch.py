"""Batches: what is sent at once, and how the row at fault is found in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storehaus.driver import Connection, Row
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    ConstraintViolation,
    QueryTimeout,
    StorehausError,
)
from storehaus.model import TableInfo
from storehaus.sql.statement import Statement
from storehaus.store.database import Database
from storehaus.store.sending import send
from storehaus.store.shape import Shape
from storehaus.store.transaction import Unit
from storehaus.store.violations import explain

__all__ = [
    "Batch",
    "CopyBatch",
    "Share",
    "StatementBatch",
    "always",
    "over_arrays",
    "run_alone",
    "run_plain",
    "run_within",
    "unnumbered",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(ABC):
    """Rows that are sent together.

    Attributes:
        info: The model.
        indexes: Their places in what the caller gave; None for a write of one row or by query.
        values: Gives the row at a place of this batch by field name, for errors.
    """

    info: TableInfo
    indexes: Sequence[int] | None = None
    values: Callable[[int], Mapping[str, Any]] | None = None

    @property
    def size(self) -> int:
        """Number of rows; 1 for a write that is no batch."""
        return 1 if self.indexes is None else len(self.indexes)

    @abstractmethod
    async def run(self, connection: Connection, low: int, high: int) -> Sequence[Row]:
        """Send rows `low` up to, not including, `high`."""

    def explained(self, violation: ConstraintViolation, row: int | None) -> ConstraintViolation:
        """Say which row and which fields were at fault."""
        if row is None:
            return explain(self.info, violation)
        values = None if self.values is None else self.values(row)
        return explain(self.info, violation, values, self.indexes[row] if self.indexes else None)


@dataclass(slots=True, eq=False)
class Share:
    """How a write of one row can share a statement with others, by their own callers.

    Attributes:
        text: SQL whose first parameters are one array per column.
        columns: The columns.
        values: Those of this row, in wire form.
        rest: Further parameters; those who share the statement share them.
        numbered: Whether rows come back with their place behind them, NULLs standing for one that
            was not written; rows that somebody holds are left out. Otherwise all come back that
            were written, and their ids tell whose they are.
    """

    text: str
    columns: Shape
    values: Sequence[Any]
    rest: tuple[Any, ...]
    numbered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementBatch(Batch):
    """A batch of one statement.

    Attributes:
        statement: Makes the statement for rows `low` up to, not including, `high`.
        row_id: For a write of one row, its id in wire form; None where that is not known, or
            Python cannot tell which ids are equal.
        share: How such a write could be part of a shared statement; None for one that cannot.
    """

    statement: Callable[[int, int], Statement]
    row_id: Any = None
    share: Share | None = None

    async def run(self, connection: Connection, low: int, high: int) -> Sequence[Row]:
        """Send them."""
        return await send(connection, self.statement(low, high))


def always(statement: Statement) -> Callable[[int, int], Statement]:
    """Make the `statement` of a write that is no batch."""
    return lambda _low, _high: statement


def over_arrays(
    text: str, columns: Sequence[Sequence[Any]], *rest: Any, resets: bool = False
) -> Callable[[int, int], Statement]:
    """Make the `statement` of a batch.

    Args:
        text: SQL whose first parameters are one array per column.
        columns: Values in wire form, column by column.
        *rest: Further parameters, the same for any part of the batch.
        resets: As of `Statement`.
    """

    def statement(low: int, high: int) -> Statement:
        return Statement(text, (*(values[low:high] for values in columns), *rest), resets)

    return statement


def unnumbered(
    info: TableInfo,
    text: str,
    columns: Sequence[Sequence[Any]],
    chunks: Sequence[tuple[int, int]],
    *rest: Any,
) -> list[StatementBatch]:
    """Make the batches of a write whose rows no caller gave, so that errors name none of them.

    Args:
        info: The model.
        text: As for `over_arrays`.
        columns: As for `over_arrays`.
        chunks: First row of each, and row after the last.
        *rest: As for `over_arrays`.
    """
    whole = over_arrays(text, columns, *rest)
    return [StatementBatch(info=info, statement=always(whole(*chunk))) for chunk in chunks]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyBatch(Batch):
    """A batch that travels by COPY.

    Attributes:
        columns: Names in the database.
        rows: Gives rows `low` up to, not including, `high` in wire form, checked as they are read.
    """

    columns: Sequence[str]
    rows: Callable[[int, int], Iterable[Sequence[Any]]]

    async def run(self, connection: Connection, low: int, high: int) -> Sequence[Row]:
        """Send them; COPY returns no rows."""
        rows = self.rows(low, high)
        await connection.copy_in(self.info.name, self.columns, rows, schema=self.info.schema)
        return ()


async def run_alone(database: Database, batch: StatementBatch) -> Sequence[Row]:
    """Run a batch as a transaction of its own, in one round trip.

    Raises:
        ConstraintViolation: With the row at fault.
        CommitUnknown: When the connection broke after the statement was sent.
    """
    statement = batch.statement(0, batch.size)
    try:
        return await database.fetch(statement)
    except (ConnectionFailed, QueryTimeout) as failed:
        if not _may_have_happened(failed):
            raise
        raise CommitUnknown(
            "no answer to a write came: it may have happened or not", sqlstate=failed.sqlstate
        ) from failed
    except ConstraintViolation as violation:
        found = violation
    if batch.size == 1:
        raise batch.explained(found, 0) from None
    raise await _find_fault_alone(database, batch, found) from None


async def _find_fault_alone(
    database: Database, batch: Batch, violation: ConstraintViolation
) -> ConstraintViolation:
    """Find the row in a transaction of its own, which is rolled back.

    Whatever is in the way of that (a lost connection, a pool that is closing) must not hide why
    the batch was refused.
    """
    try:
        async with database.driver.acquire() as connection:
            await connection.begin()
            return await _find_fault(connection, batch, violation)
    except StorehausError:
        return batch.explained(violation, None)


async def run_plain(unit: Unit, batch: StatementBatch) -> Sequence[Row]:
    """Run a batch of one row in an open transaction, in one round trip; an error fails that.

    Raises:
        ConstraintViolation: With the row at fault.
    """
    await unit.check()
    return await _run_single(unit.connection, batch)


async def run_within(
    connection: Connection, batch: Batch, savepoint: str | None = None
) -> Sequence[Row]:
    """Run a batch as part of a block, which is undone after an error.

    Args:
        connection: Where the transaction is open.
        batch: The rows.
        savepoint: One that was set just now, by someone who undoes it after an error; None sets
            one for the batch, unless it is of one row: then there is no other to be at fault.

    Raises:
        ConstraintViolation: With the row at fault.
    """
    if batch.size == 1:
        return await _run_single(connection, batch)
    mark = savepoint or "storehaus_batch"
    if savepoint is None:
        await connection.savepoint(mark)
    try:
        rows = await batch.run(connection, 0, batch.size)
    except ConstraintViolation as violation:
        found = violation
    else:
        if savepoint is None:
            await connection.release_savepoint(mark)
        return rows
    await connection.rollback_to_savepoint(mark)
    raise await _find_fault(connection, batch, found) from None


async def _run_single(connection: Connection, batch: Batch) -> Sequence[Row]:
    try:
        return await batch.run(connection, 0, batch.size)
    except ConstraintViolation as violation:
        found = violation
    raise batch.explained(found, 0) from None


def _may_have_happened(failed: ConnectionFailed | QueryTimeout) -> bool:
    if isinstance(failed, ConnectionFailed):
        return failed.sent is not False
    # With a code the server itself stopped the statement; without one, only the waiting ended.
    return failed.sqlstate is None


async def _find_fault(
    connection: Connection, batch: Batch, violation: ConstraintViolation
) -> ConstraintViolation:
    """Find the first row that cannot follow those before it, by bisection under savepoints.

    PostgreSQL's DETAIL would name values, but not the row, and in the language of the server.
    """
    low, high = 0, batch.size
    while high - low > 1:
        middle = (low + high) // 2
        found = await _try(connection, batch, low, middle)
        if found is None:
            low = middle
        else:
            violation, high = found, middle
    last = await _try(connection, batch, low, high)
    # A row that is fine by now met a rival that has gone since.
    return batch.explained(violation, None) if last is None else batch.explained(last, low)


async def _try(
    connection: Connection, batch: Batch, low: int, high: int
) -> ConstraintViolation | None:
    await connection.savepoint("storehaus_fault")
    try:
        await batch.run(connection, low, high)
    except ConstraintViolation as violation:
        await connection.rollback_to_savepoint("storehaus_fault")
        return violation
    await connection.release_savepoint("storehaus_fault")
    return None

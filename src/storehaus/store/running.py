"""Running a batch, and finding the row at fault in it."""

from collections.abc import Sequence

from storehaus.driver import Row
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    ConstraintViolation,
    QueryTimeout,
    StorehausError,
)
from storehaus.store.actor import on_behalf
from storehaus.store.batch import Batch, SingleStatement
from storehaus.store.database import Database
from storehaus.store.transaction import Unit

__all__ = ["run_alone", "run_plain", "run_within"]


async def run_alone(database: Database, batch: SingleStatement) -> Sequence[Row]:
    """Run a batch as a transaction of its own, in one round trip.

    Raises:
        ConstraintViolation: With the row at fault.
        CommitUnknown: When the connection broke after the statement was sent.
    """
    statement = batch.statement(0, batch.size)
    if database.names_actors:
        statement = on_behalf(statement)
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
            return await _find_fault(Unit(connection, database.keeper), batch, violation)
    except StorehausError:
        return batch.explained(violation, None)


async def run_plain(unit: Unit, batch: SingleStatement) -> Sequence[Row]:
    """Run a batch of one row in an open transaction, in one round trip; an error fails that.

    Raises:
        ConstraintViolation: With the row at fault.
    """
    await unit.check()
    return await _run_single(unit, batch)


async def run_within(unit: Unit, batch: Batch, savepoint: str | None = None) -> Sequence[Row]:
    """Run a batch as part of a block, which is undone after an error.

    Args:
        unit: The open transaction.
        batch: The rows.
        savepoint: One that was set just now, by someone who undoes it after an error; None sets
            one for the batch, unless it is of one row: then there is no other to be at fault.

    Raises:
        ConstraintViolation: With the row at fault.
    """
    if batch.size == 1:
        return await _run_single(unit, batch)
    connection = unit.connection
    mark = savepoint or "storehaus_batch"
    if savepoint is None:
        await connection.savepoint(mark)
    try:
        rows = await batch.run(unit, 0, batch.size)
    except ConstraintViolation as violation:
        found = violation
    else:
        if savepoint is None:
            await connection.release_savepoint(mark)
        return rows
    await connection.rollback_to_savepoint(mark)
    unit.forget_actor()
    raise await _find_fault(unit, batch, found) from None


async def _run_single(unit: Unit, batch: Batch) -> Sequence[Row]:
    try:
        return await batch.run(unit, 0, batch.size)
    except ConstraintViolation as violation:
        found = violation
    raise batch.explained(found, 0) from None


def _may_have_happened(failed: ConnectionFailed | QueryTimeout) -> bool:
    if isinstance(failed, ConnectionFailed):
        return failed.sent is not False
    # With a code the server itself stopped the statement; without one, only the waiting ended.
    return failed.sqlstate is None


async def _find_fault(
    unit: Unit, batch: Batch, violation: ConstraintViolation
) -> ConstraintViolation:
    """Find the first row that cannot follow those before it, by bisection under savepoints.

    PostgreSQL's DETAIL would name values, but not the row, and in the language of the server.
    """
    low, high = 0, batch.size
    while high - low > 1:
        middle = (low + high) // 2
        found = await _try(unit, batch, low, middle)
        if found is None:
            low = middle
        else:
            violation, high = found, middle
    last = await _try(unit, batch, low, high)
    # A row that is fine by now met a rival that has gone since.
    return batch.explained(violation, None) if last is None else batch.explained(last, low)


async def _try(unit: Unit, batch: Batch, low: int, high: int) -> ConstraintViolation | None:
    connection = unit.connection
    await connection.savepoint("storehaus_fault")
    try:
        await batch.run(unit, low, high)
    except ConstraintViolation as violation:
        await connection.rollback_to_savepoint("storehaus_fault")
        unit.forget_actor()
        return violation
    await connection.release_savepoint("storehaus_fault")
    return None

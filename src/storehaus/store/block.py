"""Opening and ending the blocks of a transaction.

Whatever the block does, and whenever its task is cancelled, it ends in one of three ways, and the
effects that belong to this way happen once: committed, rolled back, or unknown.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from types import TracebackType
from typing import NoReturn

from storehaus.driver import Connection, Driver
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    QueryTimeout,
    StorehausError,
    TransactionMisuse,
)
from storehaus.store.binding import bind
from storehaus.store.effects import Effect, Fate, Keeper, report
from storehaus.store.transaction import Options, Transaction, Unit

__all__ = ["conclude", "open_block", "open_inner_block"]

# The client's own deadline comes first; the server's is for clients that have stopped.
_SERVER_MARGIN_SECONDS = 1.0
# For COMMIT past the deadline of its block, and for undoing a savepoint.
_LAST_SECONDS = 5.0


@asynccontextmanager
async def open_block(
    driver: Driver, keeper: Keeper, options: Options, database: object | None = None
) -> AsyncGenerator[Transaction]:
    """Run a block as a transaction.

    Args:
        driver: Lends the connection.
        keeper: Sees the end through.
        options: How it is to be.
        database: Whose verbs join it by context; None binds nothing.
    """
    unit: Unit | None = None
    fate = Fate.ROLLED_BACK
    failure: BaseException | None = None
    try:
        async with _Deadline(options.timeout_seconds) as deadline, driver.acquire() as connection:
            await _begin(connection, options)
            unit = Unit(connection, keeper, names_actor=options.names_actor)
            block = unit.innermost
            try:
                with bind(database, unit) if database is not None else nullcontext():
                    yield block
                    await _check_end(block, deadline)
                for prepare in unit.before_commit:
                    await prepare(unit)
            except BaseException:
                fate = await _judge(unit)
                raise
            finally:
                unit.is_ended = True
                unit.remove(block)
            fate, failure = await _commit(unit, _disarm(deadline))
    except BaseException as error:  # noqa: BLE001 - it is raised when the effects are done
        # After the COMMIT only a cancellation can come out of giving the connection back.
        failure = error
    effects = [] if unit is None else _end(unit, fate)
    await conclude(keeper, effects, fate, failure)


def _end(unit: Unit, fate: Fate) -> list[Effect]:
    """Let everybody know how a transaction ended; give the effects that are called for."""
    for callback in unit.at_end:
        callback(fate)
    return unit.ledger.take_all(fate)


@asynccontextmanager
async def open_inner_block(
    unit: Unit, timeout_seconds: float | None = None
) -> AsyncGenerator[Transaction]:
    """Run a block as a savepoint of a transaction."""
    async with _Deadline(timeout_seconds) as deadline:
        await unit.check()
        savepoint = unit.name_savepoint()
        await unit.connection.savepoint(savepoint)
        block = unit.push(savepoint)
        try:
            yield block
            await _check_end(block, deadline)
            cancelled = await _release(unit, savepoint, _disarm(deadline))
        except BaseException as error:
            if not block.is_open:
                raise
            await _undo(unit, block, savepoint, error)
        unit.remove(block)
        unit.ledger.merge(block, unit.innermost, block.start)
        if cancelled is not None:
            raise cancelled


async def conclude(
    keeper: Keeper, effects: Sequence[Effect], fate: Fate, failure: BaseException | None = None
) -> None:
    """Run the effects of a block that has ended, then raise what there is to be raised.

    Args:
        keeper: Sees them through.
        effects: In order.
        fate: How the block ended.
        failure: Why; None when it was committed, and nobody was cancelled meanwhile.

    Raises:
        ExceptionGroup: When effects failed and nothing else did.
    """
    errors, cancelled = await keeper.run(effects)
    failure = _weightier(failure, cancelled)
    if failure is None and not errors:
        return
    if failure is None:
        failure = ExceptionGroup("the transaction was committed, but effects of it failed", errors)
    else:
        for error in errors:
            failure.add_note(f"an effect of the transaction failed too: {type(error).__name__}")
            report(error, f"an effect of a transaction failed ({fate.name.lower()})")
    try:
        raise failure
    finally:
        # It holds this frame by its traceback.
        del failure


class _Deadline:
    """`asyncio.timeout()` that speaks of transactions when its own time is up."""

    __slots__ = ("_timeout",)

    def __init__(self, seconds: float | None) -> None:
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> asyncio.Timeout:
        return await self._timeout.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(exc_type, exc, traceback)
        except TimeoutError:
            late = _late()
        else:
            return
        raise late


def _late() -> QueryTimeout:
    return QueryTimeout("the transaction took longer than its deadline and was rolled back")


def _disarm(deadline: asyncio.Timeout) -> float | None:
    """Take back a deadline, whose time has not come; give the seconds for the last statement.

    The end is seen through: cutting off a COMMIT leaves its outcome unknown.
    """
    when = deadline.when()
    if when is None:
        return None
    deadline.reschedule(None)
    return when - asyncio.get_running_loop().time() + _LAST_SECONDS


async def _begin(connection: Connection, options: Options) -> None:
    seconds = options.timeout_seconds
    await connection.begin(
        isolation=options.isolation,
        readonly=options.readonly,
        deferrable=options.deferrable,
        timeout_seconds=None if seconds is None else seconds + _SERVER_MARGIN_SECONDS,
        settings=options.settings,
    )


async def _check_end(block: Transaction, deadline: asyncio.Timeout) -> None:
    """See that a block may end well."""
    if not block.is_open or block.unit.innermost is not block:
        raise TransactionMisuse("blocks of a transaction end in reverse order, the innermost first")
    await block.unit.check()
    if deadline.expired():
        # The block has swallowed the cancellation that told it so.
        raise _late()


async def _judge(unit: Unit) -> Fate:
    """Say what becomes of a transaction whose block failed."""
    if unit.connection.in_transaction:
        return Fate.ROLLED_BACK
    try:
        await unit.check()
    except TransactionMisuse:
        return Fate.UNKNOWN
    except StorehausError:
        return Fate.ROLLED_BACK
    return Fate.ROLLED_BACK


async def _commit(unit: Unit, limit_seconds: float | None) -> tuple[Fate, BaseException | None]:
    """Commit; give the fate, and what is to be raised."""
    commit = unit.connection.commit()
    error, cancelled = await unit.keeper.finish(commit, limit_seconds=limit_seconds)
    if isinstance(error, QueryTimeout) and error.sqlstate is None:
        error = CommitUnknown("no answer to COMMIT came in time: it may or may not have happened")
    failure = _weightier(error, cancelled)
    if error is None:
        return Fate.COMMITTED, failure
    return Fate.UNKNOWN if isinstance(error, CommitUnknown) else Fate.ROLLED_BACK, failure


async def _release(
    unit: Unit, savepoint: str, limit_seconds: float | None
) -> asyncio.CancelledError | None:
    """Keep what was done since a savepoint; give a cancellation that arrived meanwhile."""
    release = unit.connection.release_savepoint(savepoint)
    error, cancelled = await unit.keeper.finish(release, limit_seconds=limit_seconds)
    if error is not None:
        raise error
    return cancelled


async def _undo(unit: Unit, block: Transaction, savepoint: str, failure: BaseException) -> NoReturn:
    """Undo what was done in a block and raise why."""
    unit.remove(block)
    unit.forget_actor()
    if not unit.is_lost:
        back = _go_back(unit.connection, savepoint)
        error, cancelled = await unit.keeper.finish(back, limit_seconds=_LAST_SECONDS)
        # Any other error leaves the whole transaction failed, which the server remembers.
        unit.is_lost = isinstance(error, ConnectionFailed | QueryTimeout)
        failure = _weightier(failure, cancelled) or failure
    task = unit.task

    def adopt() -> None:
        # The callbacks run in the block around this one, though in a task of the keeper.
        unit.task = asyncio.current_task()

    effects = unit.ledger.take(block, Fate.ROLLED_BACK, block.start)
    try:
        await conclude(unit.keeper, effects and [adopt, *effects], Fate.ROLLED_BACK, failure)
    finally:
        unit.task = task
    raise failure


def _weightier(
    failure: BaseException | None, cancelled: asyncio.CancelledError | None
) -> BaseException | None:
    """Say what is to be raised: a cancellation must come out, whatever else happened."""
    if cancelled is None or isinstance(failure, asyncio.CancelledError):
        return failure
    if failure is not None:
        cancelled.__cause__ = failure
    return cancelled


async def _go_back(connection: Connection, savepoint: str) -> None:
    await connection.rollback_to_savepoint(savepoint)
    await connection.release_savepoint(savepoint)

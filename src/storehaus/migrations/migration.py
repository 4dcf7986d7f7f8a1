"""`migrate`: a migration from the connection to the report, all or nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from storehaus.errors import CommitUnknown, DatabaseError, MigrationError
from storehaus.migrations.enums import ensure_enums
from storehaus.migrations.report import MigrationReport
from storehaus.migrations.session import LOCK_NOT_AVAILABLE, Session, connect, translate
from storehaus.migrations.steps import bring_up, place_models
from storehaus.model import Model

__all__ = ["Finish", "migrate"]

# "storehau" in ASCII: one migration at a time in a database, whatever its tables.
_LOCK_KEY: Final = 0x73746F7265686175

# A label added to an enum cannot be used before the transaction that adds it is committed.
_UNSAFE_NEW_LABEL: Final = "55P04"


Finish = Callable[[Callable[..., Sequence[Any]], MigrationReport], None]
"""Work of others at the end of a migration, in its transaction; it is given what runs a statement
with parameters `$1 … $n`, and what was done so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    models: tuple[type[Model], ...]
    recreate: bool
    lock_timeout_seconds: float
    wait_seconds: float
    timeout_seconds: float
    finish: Finish | None


async def migrate(
    connect_arguments: Mapping[str, Any],
    models: Sequence[type[Model]],
    *,
    recreate: bool = False,
    lock_timeout_seconds: float = 10.0,
    wait_seconds: float = 60.0,
    timeout_seconds: float = 3600.0,
    finish: Finish | None = None,
) -> MigrationReport:
    """Create the tables of models, or bring existing ones to them.

    Everything happens on one connection and in one transaction: a migration that fails leaves
    nothing behind, but for labels added to an enum that the same migration uses.

    Args:
        connect_arguments: Keyword arguments of `asyncpg.connect`.
        models: The models. A table that they reference must be among theirs or be there.
        recreate: Whether to drop the tables, with their rows, and create them anew.
        lock_timeout_seconds: Longest wait for a table that is in use. While it waits, others wait
            behind it.
        wait_seconds: Longest wait for another process that is migrating.
        timeout_seconds: Longest duration of the whole.
        finish: What is done last, in the same transaction; None is nothing.

    Raises:
        MigrationError: When it would lose data, when rows that are there break a new rule, or when
            a lock or the end did not come in time. Its `statements` are what would have been run.
        ConnectionFailed: When the server cannot be reached.
        DatabaseError: When it failed for another reason.
    """
    task = _Task(
        models=tuple(models),
        recreate=recreate,
        lock_timeout_seconds=lock_timeout_seconds,
        wait_seconds=wait_seconds,
        timeout_seconds=timeout_seconds,
        finish=finish,
    )
    deadline = asyncio.timeout(timeout_seconds)
    try:
        async with deadline, connect(connect_arguments) as link:
            return await _migrate(link, task)
    except TimeoutError:
        if not deadline.expired():
            raise
        message = f"the migration did not end within {timeout_seconds:g} seconds"
        raise MigrationError(f"{message}; nothing was changed") from None


async def _migrate(link: AsyncConnection, task: _Task) -> MigrationReport:
    session = Session()
    try:
        return await _in_transaction(link, task, session)
    except MigrationError as problem:
        cause = problem.__cause__
        if not isinstance(cause, DatabaseError) or cause.sqlstate != _UNSAFE_NEW_LABEL:
            raise
    session = Session()
    await _in_transaction(link, task, session, labels_only=True)
    return await _in_transaction(link, task, session)


async def _in_transaction(
    link: AsyncConnection, task: _Task, session: Session, *, labels_only: bool = False
) -> MigrationReport:
    def work(connection: Connection) -> MigrationReport:
        session.connection = connection
        _lock(session, task)
        targets = place_models(session, task.models)
        if labels_only:
            ensure_enums(session, targets)
            return MigrationReport()
        report = bring_up(session, targets, recreate=task.recreate)
        if task.finish is not None:
            task.finish(session.perform, report)
        return report

    try:
        transaction = await link.begin()
        try:
            report = await link.run_sync(work)
        except BaseException:
            await transaction.rollback()
            raise
    except (DBAPIError, OSError) as problem:
        raise translate(problem) from None
    try:
        await transaction.commit()
    except (DBAPIError, OSError):
        raise CommitUnknown("the connection broke while the migration was committed") from None
    return report


def _lock(session: Session, task: _Task) -> None:
    session.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
    _limit(session, "statement_timeout", task.timeout_seconds)
    _limit(session, "lock_timeout", task.wait_seconds)
    try:
        session.fetch("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
    except DatabaseError as problem:
        if problem.sqlstate != LOCK_NOT_AVAILABLE:
            raise
        message = f"another process is migrating, for longer than {task.wait_seconds:g} seconds"
        raise MigrationError(f"{message}; nothing was changed") from problem
    _limit(session, "lock_timeout", task.lock_timeout_seconds)


def _limit(session: Session, setting: str, seconds: float) -> None:
    # 0 would mean no limit at all.
    milliseconds = max(1, round(seconds * 1000))
    session.fetch("SELECT set_config($1, $2, true)", setting, str(milliseconds))

"""One connection in one transaction: runs statements, keeps a record of them, names failures."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from storehaus.driver.sqlstates import ServerReport, build_error
from storehaus.errors import (
    ConnectionFailed,
    ConstraintViolation,
    DatabaseError,
    MigrationError,
)

__all__ = ["LOCK_NOT_AVAILABLE", "Session", "connect", "translate"]

LOCK_NOT_AVAILABLE = "55P03"

_CONNECT_SECONDS = 30.0
_DEPENDENT_OBJECTS = "2BP01"


@asynccontextmanager
async def connect(arguments: Mapping[str, Any]) -> AsyncGenerator[AsyncConnection]:
    """Lend the one connection of a migration, without a pool.

    Args:
        arguments: Keyword arguments of `asyncpg.connect`.

    Raises:
        ConnectionFailed: When the server cannot be reached or refuses the login.
    """
    options: dict[str, Any] = {
        "timeout": _CONNECT_SECONDS,
        **arguments,
        # DDL makes cached plans stale, and names would stay behind on PgBouncer's connections.
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: "",
    }
    engine = create_async_engine("postgresql+asyncpg://", connect_args=options, poolclass=NullPool)
    try:
        connection = await _open(engine.connect())
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


async def _open(pending: AsyncConnection) -> AsyncConnection:
    try:
        return await pending.start()
    except (OSError, TimeoutError) as problem:
        sentence = f"cannot connect to PostgreSQL: {str(problem) or type(problem).__name__}"
        raise ConnectionFailed(sentence, sent=False) from problem
    except Exception as problem:  # noqa: BLE001 - SQLAlchemy 2.0 lets errors of asyncpg through
        report = _report(problem)
        sentence = str(build_error(report)) if report.sqlstate else "the login failed"
        raise ConnectionFailed(sentence, sqlstate=report.sqlstate or None, sent=False) from None


class Session:
    """Runs the statements of one migration, on the connection it is given."""

    __slots__ = ("_statements", "_warnings", "connection")

    connection: sa.Connection

    def __init__(self) -> None:
        self._statements: list[tuple[str, str]] = []
        self._warnings: list[tuple[str, str]] = []

    @property
    def statements(self) -> tuple[str, ...]:
        """What was run, in order."""
        return tuple(statement for _, statement in self._statements)

    def statements_of(self, table: str) -> tuple[str, ...]:
        """What was run for one table, in order."""
        return tuple(statement for name, statement in self._statements if name == table)

    def warn(self, table: str, text: str) -> None:
        """Keep a sentence about a table for the report."""
        self._warnings.append((table, text))

    def warnings_of(self, table: str) -> tuple[str, ...]:
        """The sentences about one table."""
        return tuple(text for name, text in self._warnings if name == table)

    def run(self, table: str, statement: str) -> None:
        """Run a statement that changes something.

        Args:
            table: Name of the table it is for.
            statement: SQL without parameters.

        Raises:
            MigrationError: When the database refuses it.
            DatabaseError: When it failed for a reason that has nothing to do with it.
        """
        self._statements.append((table, statement))
        try:
            self.connection.exec_driver_sql(statement)
        except DBAPIError as problem:
            error = self._explain(table, statement, problem)
            raise error from error.__cause__

    def execute(self, statement: str) -> None:
        """Run a statement that changes the session only, so that it is not reported."""
        self.connection.exec_driver_sql(statement)

    def fetch(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Read something; parameters are `$1 … $n`.

        Raises:
            DatabaseError: When the database refuses.
        """
        try:
            rows = self.connection.exec_driver_sql(query, params or None).all()
        except DBAPIError as problem:
            raise translate(problem) from None
        return [tuple(row) for row in rows]

    def perform(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement that need not be reported, give its rows if it has any.

        Raises:
            DatabaseError: When the database refuses.
        """
        try:
            result = self.connection.exec_driver_sql(statement, params or None)
            return [tuple(row) for row in result] if result.returns_rows else []
        except DBAPIError as problem:
            raise translate(problem) from None

    def try_fetch(self, query: str) -> list[tuple[Any, ...]] | None:
        """Read something that may be impossible; None when it is."""
        try:
            with self.connection.begin_nested():
                rows = self.connection.exec_driver_sql(query).all()
        except DBAPIError as problem:
            error = translate(problem)
            if error.is_transient:
                raise error from None
            return None
        return [tuple(row) for row in rows]

    def refuse(self, table: str, reason: str, *statements: str) -> MigrationError:
        """Make the error that says what would have been run.

        Args:
            table: Name of the table.
            reason: Why it is not.
            *statements: What would have come next.
        """
        planned = (*self.statements_of(table), *statements)
        shown = f" It would have run: {'; '.join(statements)}" if statements else ""
        message = f"{table}: {reason}; nothing was changed.{shown}"
        return MigrationError(message, table=table, statements=planned)

    def _explain(self, table: str, statement: str, problem: DBAPIError) -> Exception:
        cause, report = translate(problem), _report(problem)
        if report.sqlstate == LOCK_NOT_AVAILABLE:
            reason = "the table is in use, its lock was not to be had in time"
        elif isinstance(cause, ConstraintViolation):
            reason = f"rows that are there already break {_rule(report)} ({cause})"
        elif report.sqlstate == _DEPENDENT_OBJECTS:
            reason = "something that StoreHaus did not make depends on what would go"
        elif cause.is_transient:
            return cause
        else:
            reason = f"PostgreSQL refused ({cause})"
        refusal = self.refuse(table, reason)
        error = MigrationError(
            f"{refusal.message} The statement was: {statement}",
            table=table,
            statements=refusal.statements,
        )
        error.__cause__ = cause
        return error


def translate(problem: DBAPIError | OSError) -> DatabaseError:
    """Find the error that stands for what SQLAlchemy or the network says."""
    report = _report(problem) if isinstance(problem, DBAPIError) else None
    if report is not None and report.sqlstate:
        return build_error(report)
    return ConnectionFailed("the connection broke", sent=True)


def _rule(report: ServerReport) -> str:
    if report.constraint:
        return f"the constraint {report.constraint!r}"
    return f"NOT NULL of {report.column!r}" if report.column else "a constraint"


def _report(problem: Exception) -> ServerReport:
    """Read asyncpg's error behind SQLAlchemy's, leaving out DETAIL, which quotes rows."""
    origin: Any = problem.orig if isinstance(problem, DBAPIError) else problem
    cause: Any = getattr(origin, "__cause__", None) or origin
    return ServerReport(
        sqlstate=getattr(origin, "sqlstate", None) or "",
        message=str(getattr(cause, "message", None) or ""),
        table=getattr(cause, "table_name", None),
        constraint=getattr(cause, "constraint_name", None),
        column=getattr(cause, "column_name", None),
    )

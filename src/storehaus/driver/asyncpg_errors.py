"""asyncpg's exceptions → errors of `storehaus.errors`.

The results are raised outside the `except` block that caught the original (see
`asyncpg_session.Session.run`): they carry neither cause nor context. A `raise … from None` would
hide the original from tracebacks only, and its DETAIL, query and arguments would still travel
with the error into whatever collects `__context__`.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

import asyncpg

from storehaus.driver.sqlstates import ServerReport, build_error
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    DatabaseError,
    QueryError,
    QueryTimeout,
    StorehausError,
)

__all__ = ["is_answer", "translate_commit_error", "translate_connect_error", "translate_error"]


def is_answer(error: Exception) -> TypeGuard[asyncpg.PostgresError]:
    """Tell whether the server said it; some of these errors asyncpg makes by itself."""
    return isinstance(error, asyncpg.PostgresError) and error.severity is not None


def translate_error(error: Exception, *, is_closed: bool) -> StorehausError:
    """Translate what a statement raised.

    Args:
        error: The exception.
        is_closed: Whether the connection is closed by now.
    """
    if isinstance(error, StorehausError):
        # Rows that COPY reads are checked while they are read.
        return error
    if isinstance(error, TimeoutError):
        return QueryTimeout("the statement ran longer than its deadline and was cancelled")
    if is_answer(error):
        return build_error(_report(error))
    if is_closed or isinstance(error, OSError):
        return _loss_of_connection(error)
    return _fault_of_caller(error)


def translate_commit_error(error: StorehausError) -> StorehausError:
    """Translate the error of a COMMIT: without an answer nobody knows whether it happened."""
    if isinstance(error, QueryTimeout) and error.sqlstate is None:
        return CommitUnknown("no answer to COMMIT came in time: it may or may not have happened")
    if isinstance(error, ConnectionFailed) and error.sent is not False:
        return CommitUnknown(
            "the connection broke during COMMIT: it may or may not have happened",
            sqlstate=error.sqlstate,
        )
    return error


def translate_connect_error(
    error: Exception, arguments: Mapping[str, Any], timeout_seconds: float
) -> ConnectionFailed:
    """Translate what opening a connection raised.

    Args:
        error: The exception.
        arguments: Keyword arguments of `asyncpg.connect`; host, port, database and user are named
            in the message.
        timeout_seconds: How long was waited at most.
    """
    sqlstate = None
    if isinstance(error, TimeoutError) and not error.args:
        reason = f"no answer within {timeout_seconds:g} seconds"
    elif isinstance(error, asyncpg.PostgresError):
        sqlstate = error.sqlstate
        reason = f"{error.args[0]} (SQLSTATE {sqlstate})"
    elif isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        reason = str(error)
    else:
        reason = type(error).__name__
    target = _describe_target(arguments)
    return ConnectionFailed(f"cannot connect to {target}: {reason}", sqlstate=sqlstate, sent=False)


def _loss_of_connection(error: Exception) -> ConnectionFailed:
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg raises this one before it writes anything.
        return ConnectionFailed("the connection is closed", sent=False)
    # What the server said before it hung up, for instance 57P01.
    cause = error.__cause__
    sqlstate = cause.sqlstate if isinstance(cause, asyncpg.PostgresError) else None
    return ConnectionFailed(
        "the connection broke while the statement was running", sqlstate=sqlstate, sent=True
    )


def _fault_of_caller(error: Exception) -> StorehausError:
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        return QueryError(
            "the parameters do not fit the statement: "
            "a value of the wrong type or out of its range, or a wrong number of them"
        )
    if isinstance(error, asyncpg.OutdatedSchemaCacheError):
        return DatabaseError("a type was altered while the connection was open; try again")
    kind = type(error).__name__
    return QueryError(f"a value cannot be carried between Python and PostgreSQL ({kind})")


def _report(error: asyncpg.PostgresError) -> ServerReport:
    return ServerReport(
        sqlstate=error.sqlstate,
        message=error.message,
        table=error.table_name,
        constraint=error.constraint_name,
        column=error.column_name,
    )


def _describe_target(arguments: Mapping[str, Any]) -> str:
    host = arguments.get("host", "the default host")
    port = arguments.get("port")
    database = arguments.get("database")
    user = arguments.get("user")
    parts = [f"{host}:{port}" if port else f"{host}"]
    if database:
        parts.append(f"database {database!r}")
    if user:
        parts.append(f"as user {user!r}")
    return " ".join(parts)

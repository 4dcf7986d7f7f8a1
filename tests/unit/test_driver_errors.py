"""How asyncpg's exceptions become StoreHaus' errors, without a server."""

import asyncio
import traceback
from typing import Any

import asyncpg
import pytest

from storehaus.driver.asyncpg_errors import (
    translate_commit_error,
    translate_connect_error,
    translate_error,
)
from storehaus.driver.asyncpg_session import Counter, Session
from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    DatabaseError,
    QueryError,
    QueryTimeout,
    SerializationFailure,
    StorehausError,
    TransactionMisuse,
    UniqueViolation,
)

SECRET = "4111 1111 1111 1111"


def server_error(**fields: str) -> asyncpg.PostgresError:
    """An exception as asyncpg makes it of a server's report; keys are the protocol's letters."""
    return asyncpg.PostgresError.new({"S": "ERROR", **fields}, query=f"SELECT '{SECRET}'")


class RawConnection:
    """As much of an asyncpg connection as a session needs to fail."""

    def __init__(self, error: BaseException, *, closed: bool = False) -> None:
        self.error = error
        self.closed = closed

    async def fetch(self, *_: object) -> list[Any]:
        """Fail."""
        raise self.error

    def is_closed(self) -> bool:
        """Whether the connection is said to be closed."""
        return self.closed


async def run_failing(error: BaseException, *, closed: bool = False) -> Session:
    """Let a statement fail with an exception of asyncpg."""
    raw: Any = RawConnection(error, closed=closed)
    session = Session(raw, Counter(), {})
    await session.run(session.fetch_rows)
    return session


def test_servers_report_is_used_without_its_details() -> None:
    """DETAIL, HINT, CONTEXT and the query stay behind; names come along."""
    error = translate_error(
        server_error(
            C="23505",
            M=f"duplicate {SECRET}",
            D=f"Key (card)=({SECRET})",
            H=SECRET,
            W=SECRET,
            t="cards",
            n="cards_card_key",
        ),
        is_closed=False,
    )

    assert isinstance(error, UniqueViolation)
    assert (error.table, error.constraint) == ("cards", "cards_card_key")
    assert SECRET not in repr(error)
    assert SECRET not in repr(vars(error))


def test_value_that_asyncpg_cannot_encode_is_a_query_error() -> None:
    """Asyncpg quotes the value in its message; ours does not."""
    error = translate_error(
        asyncpg.DataError(f"invalid input for query argument $1: '{SECRET}'"), is_closed=False
    )

    assert isinstance(error, QueryError)
    assert SECRET not in str(error)


def test_unexpected_exception_is_named_by_its_class() -> None:
    """An exception of an encoder is a `QueryError`, and only its class is told."""
    error = translate_error(OverflowError(SECRET), is_closed=False)

    assert isinstance(error, QueryError)
    assert "OverflowError" in str(error)
    assert SECRET not in str(error)


def test_time_out_is_a_query_timeout() -> None:
    """Asyncpg raises the plain `TimeoutError`, which is an `OSError` too."""
    assert isinstance(translate_error(TimeoutError(), is_closed=False), QueryTimeout)


def test_closed_before_sending_is_marked_as_not_sent() -> None:
    """Asyncpg's own complaint about a closed connection comes before it writes."""
    error = translate_error(asyncpg.InterfaceError("connection is closed"), is_closed=True)

    assert isinstance(error, ConnectionFailed)
    assert error.sent is False


def test_loss_during_a_statement_is_marked_as_sent() -> None:
    """What happened to the statement is unknown, and the server's last word is kept."""
    lost = asyncpg.ConnectionDoesNotExistError("connection was closed")
    lost.__cause__ = server_error(C="57P01", M="terminating connection")
    error = translate_error(lost, is_closed=True)

    assert isinstance(error, ConnectionFailed)
    assert (error.sent, error.sqlstate) == (True, "57P01")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailed("broke", sent=True),
        ConnectionFailed("broke", sqlstate="57P01", sent=True),
        QueryTimeout("late"),
    ],
)
def test_commit_without_an_answer_is_unknown(error: StorehausError) -> None:
    """Neither a broken connection nor silence says what became of a COMMIT."""
    assert isinstance(translate_commit_error(error), CommitUnknown)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionFailed("closed", sent=False),
        SerializationFailure("collided", sqlstate="40001"),
        QueryTimeout("cancelled by the server", sqlstate="57014"),
    ],
)
def test_commit_that_was_refused_is_known(error: StorehausError) -> None:
    """An answer of the server, or a COMMIT that was never sent, leaves no doubt."""
    assert translate_commit_error(error) is error


def test_failed_login_names_the_target_but_no_password() -> None:
    """Host, port, database and user are told, the password is not."""
    error = translate_connect_error(
        OSError("refused"),
        {"host": "db", "port": 5432, "database": "shop", "user": "app", "password": SECRET},
        1.0,
    )

    assert str(error) == "cannot connect to db:5432 database 'shop' as user 'app': refused"
    assert error.sent is False


def test_silent_server_is_told_with_the_time_waited() -> None:
    """A connection attempt without an answer says how long it was tried."""
    error = translate_connect_error(TimeoutError(), {"host": "db"}, 1.5)

    assert str(error) == "cannot connect to db: no answer within 1.5 seconds"


@pytest.mark.anyio
async def test_error_brings_nothing_of_the_original_along() -> None:
    """Neither cause nor context nor traceback leads to the original with its values."""
    original = server_error(C="22P02", M=SECRET, D=SECRET)

    with pytest.raises(DatabaseError) as caught:
        await run_failing(original)

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.anyio
async def test_cancellation_is_not_translated() -> None:
    """`CancelledError` passes through a session as it is."""
    with pytest.raises(asyncio.CancelledError):
        await run_failing(asyncio.CancelledError())


@pytest.mark.anyio
async def test_two_tasks_on_one_session_are_refused() -> None:
    """The second statement is not sent while the first one runs."""
    gate = asyncio.Event()

    async def wait() -> None:
        await gate.wait()

    raw: Any = RawConnection(RuntimeError())
    session = Session(raw, Counter(), {})
    first = asyncio.create_task(session.run(wait))
    await asyncio.sleep(0)

    with pytest.raises(TransactionMisuse, match="two tasks"):
        await session.run(wait)

    gate.set()
    await first

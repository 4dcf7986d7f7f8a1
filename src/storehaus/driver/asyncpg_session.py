"""One asyncpg connection and what must be known of it before somebody else may use it."""

import operator
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast

import asyncpg

from storehaus.driver.asyncpg_errors import is_answer, translate_connect_error, translate_error
from storehaus.driver.protocol import Row
from storehaus.errors import StorehausError, TransactionMisuse

__all__ = ["Counter", "RawCursor", "Session", "open_session", "quote"]

P = ParamSpec("P")
T = TypeVar("T")

RawConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class RawCursor(Protocol):
    """The part of asyncpg's cursor that is used; its module has no public name."""

    async def fetch(self, n: int, *, timeout: float | None = None) -> Sequence[Any]:  # noqa: ASYNC109 - asyncpg's own signature
        """Give the next rows."""
        ...


FetchRows: TypeAlias = Callable[..., Awaitable[Sequence[Row]]]

# RESET ALL leaves the role alone; RESET SESSION AUTHORIZATION resets that too. DISCARD ALL would
# do everything, but takes the prepared statements that asyncpg still counts on.
_RESET = (
    "RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; "
    "SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; "
    "SET client_encoding = 'UTF8'"
)

# Adding bytes refuses everything that is not bytes; bytes(3) would not.
_encode_json = b"".__add__
_encode_jsonb = b"\x01".__add__  # the version byte of jsonb's binary format
_decode_jsonb = operator.itemgetter(slice(1, None))


class Counter:
    """Statements sent by all connections of a driver."""

    __slots__ = ("statements",)

    def __init__(self) -> None:
        self.statements = 0


class Session:
    """A connection to PostgreSQL as a member of the pool.

    Attributes:
        raw: The asyncpg connection.
        reset: Statements that take it back to how it was opened.
        keeps_statements: Whether statements may have names on the server.
        fetch_rows: Its method `fetch`; a Record is a row, but does not call itself a sequence.
        counter: Where statements are counted.
        expires_at: Set by the pool.
        idle_since: Set by the pool.
        is_dirty: Session state may have been changed; it must be reset before the next user.
        is_running: A statement is under way.
        is_settled: The last statement came to an end. False after a cancellation or a time-out,
            while the server is still being told to stop.
    """

    __slots__ = (
        "counter",
        "expires_at",
        "fetch_rows",
        "idle_since",
        "is_dirty",
        "is_running",
        "is_settled",
        "keeps_statements",
        "raw",
        "reset",
    )

    def __init__(self, raw: RawConnection, counter: Counter, arguments: Mapping[str, Any]) -> None:
        self.raw = raw
        self.reset = _reset_of(arguments)
        self.keeps_statements = arguments.get("statement_cache_size") != 0
        self.fetch_rows = cast("FetchRows", raw.fetch)
        self.counter = counter
        self.expires_at = 0.0
        self.idle_since = 0.0
        self.is_dirty = False
        self.is_running = False
        self.is_settled = True

    async def run(self, verb: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the raw connection, count it, translate its errors."""
        if self.is_running:
            raise TransactionMisuse("one connection is used by two tasks at the same time")
        self.is_running = True
        self.counter.statements += 1
        try:
            result = await verb(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - asyncpg lets errors of encoders through as they are
            failure = self._judge(error)
        except BaseException:
            self.is_settled = False
            raise
        else:
            self.is_settled = True
            return result
        finally:
            self.is_running = False
        raise failure

    def _judge(self, error: Exception) -> StorehausError:
        # An answer of the server ends the statement; after anything else it may still be running,
        # or be parsed and hold its locks: a value that does not fit is found out in between.
        self.is_settled = is_answer(error)
        return translate_error(error, is_closed=self.raw.is_closed())

    def is_clean(self) -> bool:
        """Tell whether nothing is left to do before it goes back to the pool."""
        return self.raw.is_closed() or (
            self.is_settled
            and not self.is_dirty
            and not self.is_running
            and not self.raw.is_in_transaction()
        )

    async def clean(self) -> None:
        """Make it fit for the next user: stop, roll back, reset, as far as needed."""
        if not self.is_settled:
            await self._settle()
        if self.raw.is_in_transaction():
            await self.run(self.raw.execute, "ROLLBACK")
        if self.is_dirty:
            await self.run(self.raw.execute, self.reset)
            self.is_dirty = False

    async def _settle(self) -> None:
        """Wait until a cancelled statement is over.

        asyncpg makes the next statement wait for that. Only then is it known whether a transaction
        is open, for a cancelled BEGIN or COMMIT may have come through.
        """
        try:
            await self.run(self.raw.execute, "SELECT 1")
        except StorehausError:
            # SQLSTATE 25P02: the transaction has failed. It is an answer, which is what was wanted.
            if not self.is_settled or self.raw.is_closed():
                raise

    def is_closed(self) -> bool:
        """Tell whether the connection is closed, as far as known without asking the server."""
        return self.raw.is_closed()

    def terminate(self) -> None:
        """Close the connection at once; the server rolls back."""
        self.raw.terminate()

    async def close(self, *, timeout_seconds: float) -> None:
        """Say goodbye and close the connection; past the time-out, terminate it."""
        try:
            await self.raw.close(timeout=timeout_seconds)
        except (
            OSError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ):
            # A goodbye that fails is no news: the connection was to be closed anyway.
            self.raw.terminate()


async def open_session(
    arguments: Mapping[str, Any], counter: Counter, timeout_seconds: float
) -> Session:
    """Open a connection and teach it to carry JSON as bytes.

    Raises:
        ConnectionFailed: When the server cannot be reached or refuses the login.
    """
    try:
        raw: RawConnection = await asyncpg.connect(**arguments, timeout=timeout_seconds)
        await _set_codecs(raw)
    except Exception as error:  # noqa: BLE001 - wrong arguments fail in many ways, all before login
        failure = translate_connect_error(error, arguments, timeout_seconds)
    else:
        return Session(raw, counter, arguments)
    raise failure


def _reset_of(arguments: Mapping[str, Any]) -> str:
    """Make the statements that reset a connection.

    RESET ALL is enough but behind PgBouncer: it opens servers without our settings, and takes what
    they say of the few that it follows for what the client wants from now on.
    """
    settings: Mapping[str, str] = arguments.get("server_settings") or {}
    name = settings.get("application_name")
    return f"{_RESET}; SET application_name = {quote(name)}" if name else _RESET


def quote(name: str) -> str:
    """Quote an identifier, or a value that SET takes as one."""
    return '"' + name.replace('"', '""') + '"'


async def _set_codecs(raw: RawConnection) -> None:
    """Carry jsonb and json as bytes.

    Binary, for a text codec would break COPY. No query is sent: asyncpg knows these two types.
    """
    await raw.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_encode_jsonb,
        decoder=_decode_jsonb,
        format="binary",
    )
    await raw.set_type_codec(
        "json", schema="pg_catalog", encoder=_encode_json, decoder=bytes, format="binary"
    )

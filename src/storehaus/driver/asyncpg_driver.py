"""The driver on asyncpg: a pool of connections that costs one round trip a statement."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from storehaus.driver.asyncpg_connection import AsyncpgConnection
from storehaus.driver.asyncpg_session import Counter, Session, open_session
from storehaus.driver.pool import Pool, PoolLimits
from storehaus.driver.protocol import Connection, PoolStats, Row
from storehaus.errors import StorehausError

__all__ = ["AsyncpgDriver"]

_CLEANING_SECONDS = 5.0
# asyncpg's default of 100 texts is used up by a dozen models with their verbs; past it a statement
# pays one more round trip each time.
_STATEMENT_CACHE_SIZE = 1000


class AsyncpgDriver:
    """A `Driver` on asyncpg.

    Args:
        arguments: Keyword arguments of `asyncpg.connect`: host, port, user, password, database,
            ssl, server_settings.
        min_connections: Opened at once and kept.
        max_connections: Never more than this.
        connection_timeout_seconds: To wait for a free connection, and to open one.
        idle_timeout_seconds: Connections beyond `min_connections` are closed after so long
            without use.
        max_lifetime_seconds: A connection is replaced after at most so long.
        statement_timeout_seconds: For statements that ask for none of their own; None is no limit.
        prepared_statements: False for PgBouncer in transaction mode: each statement with
            parameters, or with rows, is sent in two round trips instead of one.
    """

    __slots__ = (
        "_arguments",
        "_cleanings",
        "_connection_timeout_seconds",
        "_counter",
        "_pool",
        "_statement_timeout_seconds",
    )

    def __init__(
        self,
        arguments: Mapping[str, Any],
        *,
        min_connections: int = 1,
        max_connections: int = 10,
        connection_timeout_seconds: float = 30.0,
        idle_timeout_seconds: float = 600.0,
        max_lifetime_seconds: float = 3600.0,
        statement_timeout_seconds: float | None = None,
        prepared_statements: bool = True,
    ) -> None:
        self._arguments = {
            "statement_cache_size": _STATEMENT_CACHE_SIZE,
            **arguments,
            # Measured by asyncpg itself, it costs nothing where no time-out is asked.
            "command_timeout": statement_timeout_seconds,
        }
        if not prepared_statements:
            self._arguments["statement_cache_size"] = 0
        self._connection_timeout_seconds = connection_timeout_seconds
        self._statement_timeout_seconds = statement_timeout_seconds
        self._counter = Counter()
        self._cleanings: set[asyncio.Task[None]] = set()
        self._pool: Pool[Session] = Pool(
            self._connect,
            PoolLimits(
                min_connections=min_connections,
                max_connections=max_connections,
                idle_timeout_seconds=idle_timeout_seconds,
                max_lifetime_seconds=max_lifetime_seconds,
            ),
        )

    async def open(self) -> None:
        """Open `min_connections` connections.

        Raises:
            ConnectionFailed: When the server cannot be reached or refuses the login.
        """
        await self._pool.open(timeout_seconds=self._connection_timeout_seconds)

    async def close(self, *, grace_seconds: float = 10.0) -> None:
        """Refuse new work, wait for running work up to `grace_seconds`, close all connections."""
        try:
            await self._pool.close(grace_seconds=grace_seconds)
        finally:
            # Their connections are closed by now, so they end at once.
            if self._cleanings:
                await asyncio.wait(self._cleanings, timeout=_CLEANING_SECONDS)

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run one statement as a transaction of its own, in one round trip."""
        session = self._pool.take()
        if session is None:
            session = await self._acquire(None)
        try:
            return await session.run(session.fetch_rows, text, *params, timeout=timeout_seconds)
        finally:
            if session.is_clean():
                self._pool.release(session)
            else:
                _ = self._start_cleaning(session)

    def acquire(
        self, *, timeout_seconds: float | None = None
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection.

        A transaction left open is rolled back on return. `timeout_seconds` limits the wait for a
        free connection; None is the configured `connection_timeout_seconds`.

        Raises:
            PoolTimeout: When none became free in time.
        """
        return _Loan(self, timeout_seconds)

    def stats(self) -> PoolStats:
        """Count connections and statements."""
        pool = self._pool
        return PoolStats(
            size=pool.size,
            idle=pool.idle,
            waiting=pool.waiting,
            opened=pool.opened,
            statements=self._counter.statements,
        )

    async def lend(self, timeout_seconds: float | None) -> tuple[Session, AsyncpgConnection]:
        """Take a session out of the pool and wrap it for its user."""
        session = await self._acquire(timeout_seconds)
        connection = AsyncpgConnection(
            session, statement_timeout_seconds=self._statement_timeout_seconds
        )
        return session, connection

    async def take_back(self, session: Session) -> None:
        """Return a session to the pool, cleaned.

        A session whose statement was cut off is cleaned in the background: whoever was cancelled,
        or ran out of time, must not wait for a server that may not answer.
        """
        if session.is_clean():
            self._pool.release(session)
            return
        if session.is_running:
            # Another task still uses it, against the rules; nobody can say what it will do next.
            session.terminate()
            self._pool.release(session)
            return
        cleaning = self._start_cleaning(session)
        if session.is_settled:
            await asyncio.shield(cleaning)

    async def _connect(self, timeout_seconds: float) -> Session:
        return await open_session(self._arguments, self._counter, timeout_seconds)

    async def _acquire(self, timeout_seconds: float | None) -> Session:
        limit = self._connection_timeout_seconds if timeout_seconds is None else timeout_seconds
        return await self._pool.acquire(timeout_seconds=limit)

    def _start_cleaning(self, session: Session) -> asyncio.Task[None]:
        cleaning = asyncio.create_task(self._clean(session), name="storehaus-clean")
        self._cleanings.add(cleaning)
        cleaning.add_done_callback(self._cleanings.discard)
        return cleaning

    async def _clean(self, session: Session) -> None:
        try:
            async with asyncio.timeout(_CLEANING_SECONDS):
                await session.clean()
        except (StorehausError, TimeoutError):
            session.terminate()
        except BaseException:
            session.terminate()
            raise
        finally:
            self._pool.release(session)


class _Loan(AbstractAsyncContextManager[Connection]):
    __slots__ = ("_connection", "_driver", "_session", "_timeout_seconds")

    _session: Session
    _connection: AsyncpgConnection

    def __init__(self, driver: AsyncpgDriver, timeout_seconds: float | None) -> None:
        self._driver = driver
        self._timeout_seconds = timeout_seconds

    async def __aenter__(self) -> Connection:
        self._session, self._connection = await self._driver.lend(self._timeout_seconds)
        return self._connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.detach()
        await self._driver.take_back(self._session)

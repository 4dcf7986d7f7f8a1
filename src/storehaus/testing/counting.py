"""Counting what goes through a real driver, for tests that guard the number of round trips."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from storehaus.driver.protocol import (
    Connection,
    Cursor,
    Driver,
    IsolationLevel,
    PoolStats,
    ResultSet,
    Row,
)
from storehaus.testing.driver import Call, CallKind

__all__ = ["CountingDriver"]


class CountingDriver:
    """A `Driver` that passes everything on to another one and counts it.

    Args:
        driver: The driver that does the work.

    Attributes:
        calls: All that was asked, in order, failed calls included. Every call is one round trip,
            but for `query`, and the first use of a text on a connection, which is prepared by one
            more.
    """

    def __init__(self, driver: Driver) -> None:
        self.calls: list[Call] = []
        self._driver = driver
        self._lent = 0

    @property
    def round_trips(self) -> int:
        """Number of calls."""
        return len(self.calls)

    @property
    def counts(self) -> Counter[CallKind]:
        """Number of calls of each kind."""
        return Counter(call.kind for call in self.calls)

    @property
    def texts(self) -> list[str]:
        """SQL texts of `fetch`, `query` and `execute`, in order."""
        return [call.text for call in self.calls if call.kind in ("execute", "fetch", "query")]

    def reset(self) -> None:
        """Count from zero again."""
        self.calls.clear()

    async def open(self) -> None:
        """Open the driver."""
        await self._driver.open()

    async def close(self, *, grace_seconds: float = 10.0) -> None:
        """Close the driver."""
        await self._driver.close(grace_seconds=grace_seconds)

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Count and run one statement."""
        self.calls.append(Call("fetch", text, tuple(params)))
        return await self._driver.fetch(text, params, timeout_seconds=timeout_seconds)

    def acquire(
        self, *, timeout_seconds: float | None = None
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection that counts."""
        self._lent += 1
        return _Loan(self._driver.acquire(timeout_seconds=timeout_seconds), self.calls, self._lent)

    def stats(self) -> PoolStats:
        """Give the driver's own figures."""
        return self._driver.stats()


class _CountingConnection:
    """A `Connection` that passes everything on and writes it down."""

    def __init__(self, connection: Connection, calls: list[Call], number: int) -> None:
        self._connection = connection
        self._calls = calls
        self._number = number

    @property
    def server_version(self) -> int:
        return self._connection.server_version

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        self._count("fetch", text, params)
        return await self._connection.fetch(text, params, timeout_seconds=timeout_seconds)

    async def execute(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> str:
        self._count("execute", text, params)
        return await self._connection.execute(text, params, timeout_seconds=timeout_seconds)

    async def query(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> ResultSet:
        self._count("query", text, params)
        return await self._connection.query(text, params, timeout_seconds=timeout_seconds)

    async def cursor(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> "_CountingCursor":
        self._count("cursor", text, params)
        cursor = await self._connection.cursor(text, params, timeout_seconds=timeout_seconds)
        return _CountingCursor(cursor, self)

    def count_batch(self, rows: int) -> None:
        self._count("next_rows", "", (rows,))

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        schema: str | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        # Rows are not kept: a bulk load through this driver must not hold what it has sent.
        self._count("copy_in", table)
        return await self._connection.copy_in(
            table, columns, rows, schema=schema, timeout_seconds=timeout_seconds
        )

    async def begin(
        self,
        *,
        isolation: IsolationLevel | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        timeout_seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._count("begin")
        await self._connection.begin(
            isolation=isolation,
            readonly=readonly,
            deferrable=deferrable,
            timeout_seconds=timeout_seconds,
            settings=settings,
        )

    async def commit(self) -> None:
        self._count("commit")
        await self._connection.commit()

    async def rollback(self) -> None:
        self._count("rollback")
        await self._connection.rollback()

    async def savepoint(self, name: str) -> None:
        self._count("savepoint", name)
        await self._connection.savepoint(name)

    async def release_savepoint(self, name: str) -> None:
        self._count("release_savepoint", name)
        await self._connection.release_savepoint(name)

    async def rollback_to_savepoint(self, name: str) -> None:
        self._count("rollback_to_savepoint", name)
        await self._connection.rollback_to_savepoint(name)

    def mark_dirty(self) -> None:
        self._connection.mark_dirty()

    def _count(self, kind: CallKind, text: str = "", params: Sequence[object] = ()) -> None:
        self._calls.append(Call(kind, text, tuple(params), self._number))


class _CountingCursor:
    """A `Cursor` that passes everything on and writes it down."""

    def __init__(self, cursor: Cursor, connection: _CountingConnection) -> None:
        self._cursor = cursor
        self._connection = connection

    async def fetch(self, rows: int, *, timeout_seconds: float | None = None) -> Sequence[Row]:
        self._connection.count_batch(rows)
        return await self._cursor.fetch(rows, timeout_seconds=timeout_seconds)


class _Loan(AbstractAsyncContextManager[Connection]):
    def __init__(
        self, loan: AbstractAsyncContextManager[Connection], calls: list[Call], number: int
    ) -> None:
        self._loan = loan
        self._calls = calls
        self._number = number

    async def __aenter__(self) -> Connection:
        return _CountingConnection(await self._loan.__aenter__(), self._calls, self._number)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._loan.__aexit__(exc_type, exc, traceback)

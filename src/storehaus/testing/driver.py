"""A driver without a server: it writes down what it is asked and says what it was told to."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeAlias

from storehaus.driver.protocol import Connection, IsolationLevel, PoolStats, ResultSet, Row
from storehaus.errors import DatabaseError, TransactionMisuse

__all__ = ["Answer", "Call", "CallKind", "FakeDriver"]

CallKind: TypeAlias = Literal[
    "begin",
    "commit",
    "copy_in",
    "cursor",
    "execute",
    "fetch",
    "next_rows",
    "query",
    "release_savepoint",
    "rollback",
    "rollback_to_savepoint",
    "savepoint",
]

Answer: TypeAlias = Sequence[Row] | ResultSet | str | Exception
"""Rows for `fetch`, a result for `query`, a command tag for `execute`, or an error to raise."""


@dataclass(frozen=True, slots=True)
class Call:
    """One thing that was asked of a driver; each costs one round trip.

    Attributes:
        kind: Which method.
        text: SQL text, empty for `next_rows`; the options for `begin`, the table's name for
            `copy_in`, the savepoint's for savepoints.
        params: Parameters; the rows for `copy_in`, how many were asked for by `next_rows`.
        connection: Number of the lent connection from 1 on; None for `Driver.fetch`.
    """

    kind: CallKind
    text: str = ""
    params: tuple[object, ...] = ()
    connection: int | None = None


_OWN = "storehaus.cached_tables"


class FakeDriver:
    """A `Driver` that needs no server.

    Args:
        answers: What `fetch`, `query` and `execute` answer, in this order; when all are used up,
            no rows and the tag `"OK"`. Or a function that is asked each time.
        server_version: Major version that its connections pretend to have.

    Attributes:
        calls: All that was asked, in order.
        dirty: Numbers of the connections that were marked dirty.
        open_connections: Numbers of the connections that are lent at the moment.
    """

    def __init__(
        self,
        answers: Sequence[Answer] | Callable[[Call], Answer] = (),
        *,
        server_version: int = 18,
    ) -> None:
        self.calls: list[Call] = []
        self.dirty: set[int] = set()
        self.open_connections: set[int] = set()
        self.server_version = server_version
        self._answers: deque[Answer] = deque() if callable(answers) else deque(answers)
        self._respond = answers if callable(answers) else None
        self._failures: dict[CallKind, deque[Exception]] = {}
        self._lent = 0
        self._is_closed = False

    @property
    def round_trips(self) -> int:
        """Number of calls."""
        return len(self.calls)

    @property
    def texts(self) -> list[str]:
        """SQL texts of `fetch`, `query` and `execute`, in order."""
        return [call.text for call in self.calls if call.kind in ("execute", "fetch", "query")]

    def answer(self, *answers: Answer) -> None:
        """Add answers for the next calls of `fetch`, `query` and `execute`."""
        self._answers.extend(answers)

    def fail(self, kind: CallKind, *errors: Exception) -> None:
        """Let the next calls of one kind raise these errors, one each."""
        self._failures.setdefault(kind, deque()).extend(errors)

    async def open(self) -> None:
        """Do nothing: there is nothing to connect to."""

    async def close(self, *, grace_seconds: float = 10.0) -> None:
        """Refuse new work from now on."""
        del grace_seconds
        self._is_closed = True

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Write the statement down, give the next answer."""
        del timeout_seconds
        self._refuse_if_closed()
        if _OWN in text:
            # A haus asks by itself whether tables are cached: none are, and no test counts that.
            return ()
        return self.respond_rows(Call("fetch", text, tuple(params)))

    def acquire(
        self, *, timeout_seconds: float | None = None
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection; there are as many as are asked for."""
        del timeout_seconds
        self._refuse_if_closed()
        return _Loan(self)

    def stats(self) -> PoolStats:
        """Count lent connections and calls."""
        return PoolStats(
            size=len(self.open_connections),
            idle=0,
            waiting=0,
            opened=self._lent,
            statements=self.round_trips,
        )

    def lend(self) -> "_FakeConnection":
        """Number a new connection."""
        self._lent += 1
        self.open_connections.add(self._lent)
        return _FakeConnection(self, self._lent)

    def record(self, call: Call) -> None:
        """Write a call down; raise the error that waits for its kind."""
        self.calls.append(call)
        failures = self._failures.get(call.kind)
        if failures:
            raise failures.popleft()

    def respond_rows(self, call: Call) -> Sequence[Row]:
        """Write a call down, give rows."""
        answer = self._respond_to(call)
        if isinstance(answer, str | ResultSet):
            raise TypeError(f"fetch was answered with {answer!r}; rows are wanted")
        return () if answer is None else answer

    def respond_result(self, call: Call) -> ResultSet:
        """Write a call down, give a result."""
        answer = self._respond_to(call)
        if answer is None:
            return ResultSet()
        if not isinstance(answer, ResultSet):
            raise TypeError("query was answered with rows or a tag; a ResultSet is wanted")
        return answer

    def respond_tag(self, call: Call) -> str:
        """Write a call down, give a command tag."""
        answer = self._respond_to(call)
        if answer is None:
            return "OK"
        if not isinstance(answer, str):
            raise TypeError("execute was answered with rows; a command tag is wanted")
        return answer

    def _respond_to(self, call: Call) -> Sequence[Row] | ResultSet | str | None:
        self.record(call)
        if self._respond is not None:
            answer: Answer | None = self._respond(call)
        else:
            answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise DatabaseError("the driver was closed")


class _FakeConnection:
    """A `Connection` that keeps track of its transaction and nothing else."""

    def __init__(self, driver: FakeDriver, number: int) -> None:
        self._driver = driver
        self._number = number
        self._in_transaction = False

    @property
    def server_version(self) -> int:
        return self._driver.server_version

    @property
    def in_transaction(self) -> bool:
        return self._in_transaction

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        del timeout_seconds
        return self._driver.respond_rows(self._call("fetch", text, params))

    async def execute(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> str:
        del timeout_seconds
        return self._driver.respond_tag(self._call("execute", text, params))

    async def query(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> ResultSet:
        del timeout_seconds
        return self._driver.respond_result(self._call("query", text, params))

    async def cursor(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> "_FakeCursor":
        del timeout_seconds
        rows = self._driver.respond_rows(self._call("cursor", text, params))
        return _FakeCursor(rows, self)

    def record_batch(self, rows: int) -> None:
        self._driver.record(self._call("next_rows", "", (rows,)))

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        schema: str | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        del columns, timeout_seconds
        name = table if schema is None else f"{schema}.{table}"
        sent = list(rows)
        self._driver.record(self._call("copy_in", name, sent))
        return len(sent)

    async def begin(
        self,
        *,
        isolation: IsolationLevel | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        timeout_seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        if self._in_transaction:
            raise TransactionMisuse("a transaction is open already; a savepoint can be set in it")
        options = (
            isolation or "",
            "read only" * readonly,
            "deferrable" * deferrable,
            "" if timeout_seconds is None else f"timeout {timeout_seconds:g}",
            *(f"{name}={value}" for name, value in (settings or {}).items()),
        )
        self._driver.record(self._call("begin", " ".join(filter(None, options))))
        self._in_transaction = True

    async def commit(self) -> None:
        # PostgreSQL leaves the transaction even when the COMMIT fails.
        self._in_transaction = False
        self._driver.record(self._call("commit"))

    async def rollback(self) -> None:
        if self._in_transaction:
            self._in_transaction = False
            self._driver.record(self._call("rollback"))

    async def savepoint(self, name: str) -> None:
        self._driver.record(self._call("savepoint", name))

    async def release_savepoint(self, name: str) -> None:
        self._driver.record(self._call("release_savepoint", name))

    async def rollback_to_savepoint(self, name: str) -> None:
        self._driver.record(self._call("rollback_to_savepoint", name))

    def mark_dirty(self) -> None:
        self._driver.dirty.add(self._number)

    async def give_back(self) -> None:
        await self.rollback()
        self._driver.open_connections.discard(self._number)

    def _call(self, kind: CallKind, text: str = "", params: Sequence[object] = ()) -> Call:
        return Call(kind, text, tuple(params), self._number)


class _FakeCursor:
    """A `Cursor` over rows that are all there."""

    def __init__(self, rows: Sequence[Row], connection: _FakeConnection) -> None:
        self._rows = deque(rows)
        self._connection = connection

    async def fetch(self, rows: int, *, timeout_seconds: float | None = None) -> Sequence[Row]:
        del timeout_seconds
        self._connection.record_batch(rows)
        return [self._rows.popleft() for _ in range(min(rows, len(self._rows)))]


class _Loan(AbstractAsyncContextManager[Connection]):
    _connection: _FakeConnection

    def __init__(self, driver: FakeDriver) -> None:
        self._driver = driver

    async def __aenter__(self) -> Connection:
        self._connection = self._driver.lend()
        return self._connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connection.give_back()

"""All that the layers above ask of a driver.

Whoever writes another adapter owes these two Protocols and nothing else: values go in as
parameters `$1 … $n` and come out as positional rows, errors are those of `storehaus.errors`.

Values travel as Python's own types. Two kinds travel encoded: jsonb as `bytes` of JSON text, in
both directions and inside arrays, and enums as their label (`str`). The extremes of Python's dates,
`date.min`, `date.max` and `datetime.min`, `datetime.max` in UTC, stand for PostgreSQL's `-infinity`
and `infinity`, which come back as these extremes (a `datetime` without a time zone).
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

__all__ = [
    "Connection",
    "Cursor",
    "Driver",
    "IsolationLevel",
    "PoolStats",
    "ResultColumn",
    "ResultSet",
    "Row",
]

Row: TypeAlias = Sequence[Any]
"""One row by position. It iterates and unpacks like a tuple, and need not be one."""

IsolationLevel: TypeAlias = Literal["read committed", "repeatable read", "serializable"]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result.

    Attributes:
        name: Its label, as the server gives it; labels need be neither unique nor identifiers.
        type_name: Name of its type in PostgreSQL's catalog, without schema: `int8`, `jsonb`,
            `timestamptz`, an enum's own; an array's is that of its items with `[]`.
    """

    name: str
    type_name: str


@dataclass(frozen=True, slots=True)
class ResultSet:
    """All that one statement gave.

    Attributes:
        columns: Its columns, also when there are no rows; none where it returns none at all.
        rows: Its rows.
        row_count: Rows returned or changed, by the command tag; 0 where that counts none.
    """

    columns: tuple[ResultColumn, ...] = ()
    rows: Sequence[Row] = ()
    row_count: int = 0


@dataclass(frozen=True, slots=True)
class PoolStats:
    """State of the pool at one moment.

    Attributes:
        size: Open connections.
        idle: Open connections that nobody uses.
        waiting: Callers waiting for one.
        opened: Connections opened since the start.
        statements: Statements sent since the start; BEGIN and COMMIT count.
    """

    size: int
    idle: int
    waiting: int
    opened: int
    statements: int


class Cursor(Protocol):
    """A result that is fetched bit by bit; it ends with the transaction it was opened in."""

    async def fetch(self, rows: int, *, timeout_seconds: float | None = None) -> Sequence[Row]:
        """Give the next rows, at most so many; fewer only at the end."""
        ...


class Connection(Protocol):
    """One connection, lent to one task at a time.

    Every call takes `timeout_seconds`; None is the configured `statement_timeout_seconds`, without
    one there is no limit. When a call is cancelled or times out, the server is told to stop.
    """

    @property
    def server_version(self) -> int:
        """Major version of the server, for instance 18."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed ones included."""
        ...

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run one statement, give all its rows."""
        ...

    async def execute(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> str:
        """Run one statement (or, without parameters, several), give the command tag."""
        ...

    async def query(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> ResultSet:
        """Run one statement, give all its rows and what they consist of.

        It may cost one round trip more than `fetch`.
        """
        ...

    async def cursor(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Cursor:
        """Run one statement within the open transaction, leave its rows on the server."""
        ...

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        schema: str | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        """COPY rows into a table, give their number. Names are plain, not quoted.

        The rows are read while they are sent; an error that reading them raises comes out.
        """
        ...

    async def begin(
        self,
        *,
        isolation: IsolationLevel | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        timeout_seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Open a transaction, in one round trip.

        Args:
            isolation: None is the server's default.
            readonly: Whether writes are refused.
            deferrable: Whether to wait for a snapshot that cannot collide; it takes effect in
                serializable transactions that only read.
            timeout_seconds: The server ends a statement that runs longer, and a transaction that
                waits for its client longer, so that a frozen client holds no locks for ever. None
                leaves the server's settings as they are.
            settings: Parameters of the server for as long as it lasts: names and values that stand
                in the program, never a caller's. None sets none.
        """
        ...

    async def commit(self) -> None:
        """Commit.

        Raises:
            CommitUnknown: When the connection broke before the answer came.
        """
        ...

    async def rollback(self) -> None:
        """Roll back."""
        ...

    async def savepoint(self, name: str) -> None:
        """Set a savepoint; `name` is a plain identifier."""
        ...

    async def release_savepoint(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        ...

    async def rollback_to_savepoint(self, name: str) -> None:
        """Undo what was done since the savepoint."""
        ...

    def mark_dirty(self) -> None:
        """Say that session state may be changed: the connection is reset on return.

        Call it before the statement that changes it, since that one may be cut off.
        """
        ...


class Driver(Protocol):
    """A pool of connections."""

    async def open(self) -> None:
        """Open `min_connections` connections.

        Raises:
            ConnectionFailed: When the server cannot be reached or refuses the login.
        """
        ...

    async def close(self, *, grace_seconds: float = 10.0) -> None:
        """Refuse new work, wait for running work up to `grace_seconds`, close all connections."""
        ...

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run one statement as a transaction of its own, in one round trip."""
        ...

    def acquire(
        self, *, timeout_seconds: float | None = None
    ) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection.

        A transaction left open is rolled back on return. `timeout_seconds` limits the wait for a
        free connection; None is the configured `connection_timeout_seconds`.

        Raises:
            PoolTimeout: When none became free in time.
        """
        ...

    def stats(self) -> PoolStats:
        """Count connections and statements."""
        ...

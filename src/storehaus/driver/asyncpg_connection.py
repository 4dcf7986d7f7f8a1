"""The connection as it is lent: usable until it is given back, and not after."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from storehaus.driver.asyncpg_errors import translate_commit_error
from storehaus.driver.asyncpg_session import RawCursor, Session, quote
from storehaus.driver.protocol import IsolationLevel, ResultColumn, ResultSet, Row
from storehaus.driver.sqlstates import FAILED_TRANSACTION
from storehaus.errors import (
    ConnectionFailed,
    DatabaseError,
    QueryTimeout,
    StorehausError,
    TransactionMisuse,
)

__all__ = ["AsyncpgConnection", "AsyncpgCursor"]


_ROLLBACK_SECONDS = 5.0
# After a statement that was cut off the caller has waited long enough: a server that does not
# answer at once loses the connection.
_CUT_OFF_ROLLBACK_SECONDS = 1.0
# PostgreSQL keeps its time-outs in an int.
_LONGEST_MS = 2**31 - 1


class AsyncpgConnection:
    """A `Connection` on asyncpg.

    Args:
        session: The pool's connection behind it.
        statement_timeout_seconds: For statements that ask for none of their own; None is no limit.
    """

    __slots__ = ("_session", "_statement_timeout_seconds")

    def __init__(self, session: Session, *, statement_timeout_seconds: float | None) -> None:
        self._session: Session | None = session
        self._statement_timeout_seconds = statement_timeout_seconds

    def detach(self) -> None:
        """Make the object unusable; its session goes back to the pool."""
        self._session = None

    @property
    def _lent(self) -> Session:
        if self._session is None:
            raise TransactionMisuse("the connection is used after it was given back")
        return self._session

    @property
    def server_version(self) -> int:
        """Major version of the server, for instance 18."""
        return self._lent.raw.get_server_version().major

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed ones included."""
        session = self._lent
        return not session.is_closed() and session.raw.is_in_transaction()

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run one statement, give all its rows."""
        session = self._lent
        return await session.run(session.fetch_rows, text, *params, timeout=timeout_seconds)

    async def execute(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> str:
        """Run one statement (or, without parameters, several), give the command tag."""
        session = self._lent
        return await session.run(session.raw.execute, text, *params, timeout=timeout_seconds)

    async def query(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> ResultSet:
        """Run one statement, give all its rows and what they consist of."""
        session = self._lent
        limit = self._limit(timeout_seconds)

        async def prepare_and_fetch() -> ResultSet:
            async with asyncio.timeout(limit):
                # Without a name: hand-written texts seldom come again, and a named statement
                # would cost a third round trip to be dropped.
                statement = await session.raw.prepare(text, name="", timeout=limit)
                rows = cast("list[Row]", await statement.fetch(*params, timeout=limit))
            attributes = statement.get_attributes()
            columns = tuple(ResultColumn(each.name, each.type.name) for each in attributes)
            return ResultSet(columns, rows, _row_count(statement.get_statusmsg()))

        return await session.run(prepare_and_fetch)

    async def cursor(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> "AsyncpgCursor":
        """Run one statement within the open transaction, leave its rows on the server."""
        session = self._lent

        async def declare() -> RawCursor:
            if session.keeps_statements:
                return await session.raw.cursor(text, *params, timeout=timeout_seconds)
            # By itself asyncpg gives the statement of a cursor a name, come what may.
            statement = await session.raw.prepare(text, name="", timeout=timeout_seconds)
            return await statement.cursor(*params, timeout=timeout_seconds)

        return AsyncpgCursor(self, await session.run(declare))

    async def next_rows(
        self, cursor: RawCursor, rows: int, timeout_seconds: float | None
    ) -> Sequence[Row]:
        """Fetch from a cursor of this connection."""
        session = self._lent

        async def advance() -> Sequence[Row]:
            return cast("Sequence[Row]", await cursor.fetch(rows, timeout=timeout_seconds))

        return await session.run(advance)

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        schema: str | None = None,
        timeout_seconds: float | None = None,
    ) -> int:
        """COPY rows into a table, give their number. Names are plain, not quoted."""
        session = self._lent
        limit = self._limit(timeout_seconds)

        async def copy() -> str:
            # asyncpg's own time-out does not end a wait for a peer that has stopped reading.
            async with asyncio.timeout(limit):
                return await session.raw.copy_records_to_table(
                    table, records=rows, columns=columns, schema_name=schema, timeout=limit
                )

        tag = await session.run(copy)
        return _row_count(tag)

    async def begin(
        self,
        *,
        isolation: IsolationLevel | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        timeout_seconds: float | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Open a transaction; None is the server's default."""
        if self.in_transaction:
            raise TransactionMisuse("a transaction is open already; a savepoint can be set in it")
        words = ["BEGIN"]
        if isolation is not None:
            words.append(f"ISOLATION LEVEL {isolation.upper()}")
        if readonly:
            words.append("READ ONLY")
        if deferrable:
            words.append("DEFERRABLE")
        commands = [" ".join(words)]
        if timeout_seconds is not None:
            commands += self._server_limits(timeout_seconds)
        for name, value in (settings or {}).items():
            commands.append(f"SET LOCAL {name} = '{value}'")
        await self._command("; ".join(commands))

    def _server_limits(self, seconds: float) -> list[str]:
        # SET takes no snapshot, as SELECT set_config() would.
        limit = min(max(1, round(seconds * 1000)), _LONGEST_MS)
        commands = [f"SET LOCAL idle_in_transaction_session_timeout = {limit}"]
        configured = self._statement_timeout_seconds
        if configured is None or seconds < configured:
            commands.append(f"SET LOCAL statement_timeout = {limit}")
        return commands

    async def commit(self) -> None:
        """Commit.

        Raises:
            CommitUnknown: When the connection broke, or time ran out, before the answer came.
            DatabaseError: SQLSTATE 25P02, when a statement had failed before: PostgreSQL answers
                such a COMMIT by rolling back, without an error of its own.
        """
        try:
            tag = await self._command("COMMIT")
        except StorehausError as error:
            failure = translate_commit_error(error)
        else:
            if tag != "ROLLBACK":
                return
            failure = DatabaseError(
                "the transaction was rolled back, because a statement in it had failed before",
                sqlstate=FAILED_TRANSACTION,
            )
        raise failure

    async def rollback(self) -> None:
        """Roll back.

        A connection that is lost, or does not answer in time, is closed: that rolls back as well.
        """
        session = self._lent
        if session.is_settled and not self.in_transaction:
            return
        limit = _ROLLBACK_SECONDS if session.is_settled else _CUT_OFF_ROLLBACK_SECONDS
        try:
            await session.run(session.raw.execute, "ROLLBACK", timeout=limit)
        except (ConnectionFailed, QueryTimeout):
            session.terminate()

    async def savepoint(self, name: str) -> None:
        """Set a savepoint; `name` is a plain identifier."""
        await self._command(f"SAVEPOINT {quote(name)}")

    async def release_savepoint(self, name: str) -> None:
        """Keep what was done since the savepoint."""
        await self._command(f"RELEASE SAVEPOINT {quote(name)}")

    async def rollback_to_savepoint(self, name: str) -> None:
        """Undo what was done since the savepoint."""
        await self._command(f"ROLLBACK TO SAVEPOINT {quote(name)}")

    def mark_dirty(self) -> None:
        """Say that session state may be changed: the connection is reset on return."""
        self._lent.is_dirty = True

    def _limit(self, timeout_seconds: float | None) -> float | None:
        return self._statement_timeout_seconds if timeout_seconds is None else timeout_seconds

    async def _command(self, text: str) -> str:
        session = self._lent
        return await session.run(session.raw.execute, text)


def _row_count(tag: str | None) -> int:
    """Read the number off a command tag: `INSERT 0 3`; an empty statement has no tag."""
    count = (tag or "").rpartition(" ")[2]
    return int(count) if count.isdecimal() else 0


class AsyncpgCursor:
    """A `Cursor` on asyncpg.

    Args:
        connection: As lent; after it was given back the cursor is of no use.
        cursor: The portal on the server.
    """

    __slots__ = ("_connection", "_cursor")

    def __init__(self, connection: AsyncpgConnection, cursor: RawCursor) -> None:
        self._connection = connection
        self._cursor = cursor

    async def fetch(self, rows: int, *, timeout_seconds: float | None = None) -> Sequence[Row]:
        """Give the next rows, at most so many; fewer only at the end."""
        return await self._connection.next_rows(self._cursor, rows, timeout_seconds)

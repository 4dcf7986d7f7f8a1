"""Rows one by one, from a cursor on the server."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from storehaus.driver import Row
from storehaus.errors import QueryError
from storehaus.sql.statement import Statement
from storehaus.store.database import Database
from storehaus.store.sending import Fetch, prepare, send

__all__ = ["RowStream", "checked_batch"]

R = TypeVar("R")

_MOST_ROWS = 100_000


class RowStream(Generic[R]):
    """The rows of a query, fetched in batches while they are read.

        async with airports.stream(query) as rows:
            async for airport in rows:
                ...

    Memory holds one batch. The stream has a connection of its own until it ends, so what the loop
    does is no part of it; within a transaction it is read there. Leaving `async with` closes it at
    once. Without `async with`, a loop that is left early closes it a little later.

    Args:
        database: Where it runs.
        statement: The query.
        build: Makes what is given of a batch of rows.
        batch: Rows fetched at a time.
        complete: Adds to what was made of a batch, on the same connection; None adds nothing.
    """

    __slots__ = ("_read", "_rows")

    def __init__(
        self,
        database: Database,
        statement: Statement,
        build: Callable[[Sequence[Row]], Sequence[R]],
        batch: int,
        complete: Callable[[Sequence[R], Fetch], Awaitable[None]] | None = None,
    ) -> None:
        self._read = partial(_read, database, statement, build, batch, complete)
        self._rows: AsyncGenerator[R] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncGenerator[R]:
        if self._rows is not None:
            raise QueryError("a stream is read once; ask the store for another one")
        self._rows = self._read()
        return self._rows

    async def close(self) -> None:
        """Give the connection back; reading ends."""
        if self._rows is not None:
            await self._rows.aclose()


# It must not know the stream, which knows it: of a circle Python does not see soon that nobody
# reads any more, and the connection would be lent until then.
async def _read(
    database: Database,
    statement: Statement,
    build: Callable[[Sequence[Row]], Sequence[R]],
    batch: int,
    complete: Callable[[Sequence[R], Fetch], Awaitable[None]] | None,
) -> AsyncGenerator[R]:
    async with database.reading() as lent:
        # Waiting for a second connection while holding one is how pools lock up.
        async def fetch(statement: Statement) -> Sequence[Row]:
            return await send(await lent(), statement)

        connection = await lent()
        prepare(connection, statement)
        cursor = await connection.cursor(statement.text, statement.params)
        while True:
            await lent()
            rows = await cursor.fetch(batch)
            built = build(rows)
            if complete is not None:
                await complete(built, fetch)
            for row in built:
                yield row
            if len(rows) < batch:
                return


def checked_batch(batch: Any) -> int:
    """Take a number of rows to fetch at a time.

    Raises:
        QueryError: When it is none.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= _MOST_ROWS:
        raise QueryError(f"batch is a number of rows: an integer from 1 to {_MOST_ROWS:,}")
    return batch

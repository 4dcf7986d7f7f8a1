"""Rows one by one, from a cursor on the server."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from storehaus.driver import Row
from storehaus.errors import QueryError
from storehaus.sql.statement import Statement
from storehaus.store.database import Database
from storehaus.store.pipeline import Fetch

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
        complete: Adds to what was made of a batch, where the stream runs; None adds nothing.
    """

    __slots__ = ("_batch", "_build", "_complete", "_database", "_rows", "_statement")

    def __init__(
        self,
        database: Database,
        statement: Statement,
        build: Callable[[Sequence[Row]], Sequence[R]],
        batch: int,
        complete: Callable[[Sequence[R], Fetch], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._statement = statement
        self._build = build
        self._batch = batch
        self._complete = complete
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

    async def _read(self) -> AsyncGenerator[R]:
        statement = self._statement
        async with self._database.reading() as lent:

            async def fetch(related: Statement) -> Sequence[Row]:
                connection = await lent()
                if related.resets:
                    connection.mark_dirty()
                return await connection.fetch(related.text, related.params)

            connection = await lent()
            if statement.resets:
                connection.mark_dirty()
            cursor = await connection.cursor(statement.text, statement.params)
            while True:
                await lent()
                rows = await cursor.fetch(self._batch)
                built = self._build(rows)
                if self._complete is not None:
                    # Not on a second connection: streams that hold one and wait for another would
                    # wait for each other.
                    await self._complete(built, fetch)
                for row in built:
                    yield row
                if len(rows) < self._batch:
                    return


def checked_batch(batch: Any) -> int:
    """Take a number of rows to fetch at a time.

    Raises:
        QueryError: When it is none.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= _MOST_ROWS:
        raise QueryError(f"batch is a number of rows: an integer from 1 to {_MOST_ROWS:,}")
    return batch

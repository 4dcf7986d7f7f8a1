"""psycopg 3 by hand, with the pool of psycopg_pool."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec.structs import astuple
from psycopg import AsyncConnection
from psycopg.rows import args_row
from psycopg_pool import AsyncConnectionPool

from versus.contender import POOL, Address, Contender
from versus.table import (
    FIND,
    GET,
    INSERT,
    OWN,
    PAGE,
    SELECT,
    UNIT,
    UPDATE,
    Change,
    Given,
    Row,
    Values,
)

_TYPES = ("int8", "text", "text", "float8", "numeric", "bool", "timestamptz", "text")


def _named(statement: str) -> bytes:
    """Write the parameters of a statement as psycopg wants them."""
    return re.sub(r"\$\d+", "%s", statement).encode()


_SELECT, _GET, _FIND, _INSERT = map(_named, (SELECT, GET, FIND, INSERT))
_UPDATE = _named(UPDATE)
_COPY = f"COPY reading ({', '.join(OWN)}) FROM STDIN (FORMAT BINARY)".encode()


class Psycopg(Contender):
    """Autocommit, the binary format, rows made objects by a row factory."""

    name: ClassVar[str] = "psycopg"
    title: ClassVar[str] = "psycopg 3"
    packages: ClassVar[tuple[str, ...]] = ("psycopg", "psycopg-pool")
    how: ClassVar[str] = (
        "AsyncConnectionPool with autocommit, binary results, args_row of a msgspec.Struct;"
        " create_many is executemany(returning=True) in a transaction, load is binary COPY"
    )

    _pool: AsyncConnectionPool[AsyncConnection[Row]]

    async def open(self, address: Address) -> None:
        """Fill the pool."""
        self._pool = AsyncConnectionPool(
            address.url,
            min_size=POOL,
            max_size=POOL,
            open=False,
            kwargs={"autocommit": True, "row_factory": args_row(Row)},
        )
        await self._pool.open(wait=True)

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    async def _one(self, statement: bytes, params: Any) -> Row | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, params, binary=True)
            return await cursor.fetchone()

    async def _all(self, statement: bytes, params: Any) -> list[Row]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, params, binary=True)
            return await cursor.fetchall()

    async def get(self, id_: int) -> Row | None:
        """One round trip."""
        return await self._one(_GET, (id_,))

    async def find(self, first: int) -> list[Row]:
        """One round trip."""
        return await self._all(_FIND, (first, UNIT, PAGE))

    async def list_all(self) -> list[Row]:
        """One round trip."""
        return await self._all(_SELECT, None)

    async def create(self, row: Given) -> Row | None:
        """One round trip."""
        return await self._one(_INSERT, row)

    async def update(self, change: Change) -> Row | None:
        """One round trip."""
        return await self._one(_UPDATE, (change.value, change.note, change.id))

    async def create_many(self, rows: Sequence[Given]) -> list[Row]:
        """One statement, run for each of the rows in pipeline mode."""
        stored: list[Row] = []
        async with (
            self._pool.connection() as connection,
            connection.transaction(),
            connection.cursor(binary=True) as cursor,
        ):
            await cursor.executemany(_INSERT, rows, returning=True)
            async for result in cursor.results():
                stored += await result.fetchall()
        return stored

    async def load(self, rows: Sequence[Given]) -> None:
        """COPY in the binary format, row by row."""
        async with (
            self._pool.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(_COPY) as copy,
        ):
            copy.set_types(_TYPES)
            for row in rows:
                await copy.write_row(row)

    def values(self, row: Any) -> Values:
        """By position."""
        return astuple(row)

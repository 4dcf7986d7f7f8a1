"""asyncpg by hand: the driver below StoreHaus, with SQL that was written for the purpose."""

from collections.abc import Sequence
from itertools import starmap
from typing import Any, ClassVar

import asyncpg
from msgspec.structs import astuple

from versus.contender import Address, Contender
from versus.table import (
    FIND,
    GET,
    INSERT,
    INSERT_ONLY,
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


def _object(record: asyncpg.Record | None) -> Row | None:
    return None if record is None else Row(*record)


class RawAsyncpg(Contender):
    """The default pool; records are made objects by position."""

    name: ClassVar[str] = "asyncpg"
    title: ClassVar[str] = "asyncpg"
    packages: ClassVar[tuple[str, ...]] = ("asyncpg",)
    how: ClassVar[str] = (
        "create_pool() as it comes; SQL by hand; a msgspec.Struct of every record;"
        " create_many is fetchmany(INSERT … RETURNING), load is copy_records_to_table of tuples"
    )

    _pool: asyncpg.Pool

    async def open(self, address: Address) -> None:
        """Make the pool."""
        self._pool = await asyncpg.create_pool(address.url)

    async def close(self) -> None:
        """Close the pool."""
        await self._pool.close()

    async def get(self, id_: int) -> Row | None:
        """One round trip."""
        return _object(await self._pool.fetchrow(GET, id_))

    async def find(self, first: int) -> list[Row]:
        """One round trip."""
        return list(starmap(Row, await self._pool.fetch(FIND, first, UNIT, PAGE)))

    async def list_all(self) -> list[Row]:
        """One round trip."""
        return list(starmap(Row, await self._pool.fetch(SELECT)))

    async def create(self, row: Given) -> Row | None:
        """One round trip."""
        return _object(await self._pool.fetchrow(INSERT, *row))

    async def update(self, change: Change) -> Row | None:
        """One round trip."""
        return _object(await self._pool.fetchrow(UPDATE, *change))

    async def create_many(self, rows: Sequence[Given]) -> list[Row]:
        """One statement, run for each of the rows without waiting in between."""
        return list(starmap(Row, await self._pool.fetchmany(INSERT, rows)))

    async def load(self, rows: Sequence[Given]) -> None:
        """COPY in the binary format."""
        await self._pool.copy_records_to_table("reading", records=rows, columns=OWN)

    def values(self, row: Any) -> Values:
        """By position."""
        return astuple(row)


class RawExecutemany(RawAsyncpg):
    """The same without RETURNING, which hands nothing back and shows what that saves."""

    name: ClassVar[str] = "asyncpg-executemany"
    title: ClassVar[str] = "asyncpg, no rows back"
    how: ClassVar[str] = "executemany(INSERT) without RETURNING: it gives no rows back"
    takes: ClassVar[frozenset[str]] = frozenset({"create-many"})
    gives_rows: ClassVar[bool] = False

    async def create_many(self, rows: Sequence[Given]) -> list[Row]:
        """One statement, run for each of the rows, without their answers."""
        await self._pool.executemany(INSERT_ONLY, rows)
        return []

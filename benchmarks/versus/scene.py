"""The server and the table: how many rows it has, and how it is cleaned between turns."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from _bench import Reading

from storehaus import AppConfig, DatabaseConfig, StoreHaus
from storehaus.driver.embedded import EmbeddedPostgres
from versus.contender import Address
from versus.table import FILL, NEW, SELECT, Values

_SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "shared_buffers",
    "autovacuum",
    "max_connections",
)


@dataclass(slots=True)
class Scene:
    """The table `reading`, and a connection that no contender uses.

    Attributes:
        address: Where the server is.
        rows: How many rows the table has between turns; their ids count from 0.
    """

    address: Address
    _connection: asyncpg.Connection
    rows: int = 0

    async def fill(self, rows: int) -> None:
        """Bring the table to this number of rows."""
        if rows < self.rows:
            await self._connection.execute("TRUNCATE reading")
            self.rows = 0
        if rows > self.rows:
            await self._connection.execute(FILL, self.rows, rows, timeout=3_600)
            await self._connection.execute("VACUUM ANALYZE reading", timeout=3_600)
            self.rows = rows

    async def clean(self) -> None:
        """Take away what a turn added, and what it left dead where that is cheap."""
        await self._connection.execute("DELETE FROM reading WHERE id >= $1", NEW, timeout=600)
        if self.rows <= 100_000:
            await self._connection.execute("VACUUM reading", timeout=600)

    async def stored(self, ids: Sequence[int] | None = None) -> dict[int, Values]:
        """Give rows as they are stored, by id; all of them without ids."""
        if ids is None:
            records = await self._connection.fetch(SELECT)
        else:
            records = await self._connection.fetch(f"{SELECT} WHERE id = ANY($1::bigint[])", ids)
        return {record[0]: tuple(record) for record in records}

    async def following(self, first: int, unit: str, limit: int) -> list[Values]:
        """Give some rows from an id on, in order."""
        text = f"{SELECT} WHERE id >= $1 AND unit = $2 ORDER BY id LIMIT $3"
        return [tuple(record) for record in await self._connection.fetch(text, first, unit, limit)]

    async def settings(self) -> Mapping[str, str]:
        """Give what the server says of itself."""
        return {name: await self._connection.fetchval(f"SHOW {name}") for name in _SETTINGS}


@asynccontextmanager
async def scene(url: str | None = None) -> AsyncGenerator[Scene]:
    """Make the table anew, on a server that is named or an embedded one.

    Args:
        url: The server; None takes `STOREHAUS_BENCH_URL`, and without that starts one whose
            address is a Unix socket.
    """
    url = url or os.environ.get("STOREHAUS_BENCH_URL")
    if url:
        async with _table(url) as opened:
            yield opened
        return
    server = EmbeddedPostgres.temporary()
    await server.start()
    try:
        async with _table(server.url) as opened:
            yield opened
    finally:
        await server.stop()


@asynccontextmanager
async def _table(url: str) -> AsyncGenerator[Scene]:
    async with StoreHaus(AppConfig(database=DatabaseConfig(url=url))) as haus:
        await haus.auto_migrate(Reading, recreate=True)
    connection = await asyncpg.connect(url)
    try:
        yield Scene(Address.of(url), connection)
    finally:
        await connection.close()

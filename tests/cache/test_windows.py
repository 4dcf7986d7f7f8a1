"""A read, its fill and a loss at every moment of a write: what is read afterwards is new.

One haus writes and is held up between its announcement and its COMMIT. Another one reads before the
announcement or after it, and its request to store what it read arrives before the COMMIT or after
it. Meanwhile Redis loses something.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from itertools import product
from typing import Any, cast

import pytest

from fix_cache import Town, caching
from fix_redis import RedisServer
from storehaus import QueryBuilder, StoreHaus
from storehaus.store.change import Outcome
from storehaus.store.plugin import Plugin
from storehaus.store.transaction import Unit

pytestmark = pytest.mark.anyio

OLD, NEW = Decimal(1), Decimal(2)


class Gate(Plugin):
    """Holds up transactions between their announcement and their COMMIT."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self.opened.set()

    def joins(self, table: object) -> bool:
        """Everything passes here."""
        return table is Town.__table_info__

    def observe(self, outcome: Outcome[Any], unit: Unit) -> None:
        """Wait behind the announcement, which came first."""
        unit.before_commit.append(self._hold)

    async def _hold(self, _: Unit) -> None:
        self.reached.set()
        await self.opened.wait()


class Actors:
    """Who writes, who reads, and Redis between them."""

    def __init__(self, server: RedisServer, writer: StoreHaus, reader: StoreHaus) -> None:
        self.server = server
        self.writer = writer
        self.reader = reader
        self.gate = Gate()
        self.fills = asyncio.Event()
        database = writer.cache._core.database
        database.use((*database.plugins, self.gate))
        transport = cast("Any", reader.cache._core.transport)
        fill = transport.fill

        async def late(*args: Any, **kwargs: Any) -> bool:
            await self.fills.wait()
            return cast("bool", await fill(*args, **kwargs))

        transport.fill = late

    async def run(self, *command: str | bytes) -> object:
        """Tell Redis something."""
        return await asyncio.to_thread(self.server.run, *command)

    async def drop(self, is_meant: Callable[[bytes], bool]) -> None:
        """Let Redis lose some keys."""
        for key in await asyncio.to_thread(self.server.all_keys):
            if is_meant(key):
                await self.run("UNLINK", key)


@pytest.fixture
async def actors(postgres_url: str, redis_server: RedisServer) -> AsyncIterator[Actors]:
    """Two hauses on one Redis, neither of which keeps anything itself."""
    async with AsyncExitStack() as stack:
        hauses = [
            await stack.enter_async_context(
                caching(postgres_url, redis_server.url, local_max_items=0)
            )
            for _ in range(2)
        ]
        yield Actors(redis_server, hauses[0], hauses[1])


def _kind(key: bytes) -> bytes:
    return b":".join(key.split(b":")[3:])


async def _nothing(_: Actors) -> None:
    return


async def _flush(actors: Actors) -> None:
    await actors.run("FLUSHALL")


async def _pending(actors: Actors) -> None:
    await actors.drop(lambda key: _kind(key) == b"p")


async def _entries(actors: Actors) -> None:
    await actors.drop(lambda key: _kind(key)[:2] in {b"r:", b"q:"} and not key.endswith(b":l"))


async def _leases(actors: Actors) -> None:
    await actors.drop(lambda key: key.endswith(b":l"))


async def _tags(actors: Actors) -> None:
    await actors.drop(lambda key: _kind(key)[:2] in {b"g:", b"t:"})


LOSSES: dict[str, Callable[[Actors], Awaitable[None]]] = {
    "nothing": _nothing,
    "everything": _flush,
    "pending": _pending,
    "entries": _entries,
    "leases": _leases,
    "tags": _tags,
}


async def ask(haus: StoreHaus, row: int, kind: str) -> Decimal:
    """Read a row, by its id or by a query."""
    store = haus.store(Town)
    if kind == "record":
        return (await store.get(row)).budget
    (found,) = await store.find(QueryBuilder(Town).filter(Town.country == f"land {row}"))
    return found.budget


@asynccontextmanager
async def held_write(actors: Actors, row: int) -> AsyncIterator[None]:
    """Write a row, and hold the write up until the context ends; then it is committed."""
    gate = actors.gate
    gate.reached.clear()
    gate.opened.clear()
    writing = asyncio.create_task(actors.writer.store(Town).patch(row, budget=NEW))
    await gate.reached.wait()
    try:
        yield
    finally:
        gate.opened.set()
        await writing


@pytest.mark.parametrize("kind", ["record", "query"])
@pytest.mark.parametrize("loss", LOSSES)
async def test_what_is_read_after_a_commit_is_new(actors: Actors, loss: str, kind: str) -> None:
    """In every order, whatever is lost."""
    store = actors.writer.store(Town)
    for row, (reads_first, stores_first, loses_first) in enumerate(
        product((True, False), repeat=3)
    ):
        await store.create(Town(id=row, name=f"t{row}", country=f"land {row}", budget=OLD))
        await actors.reader.cache.ready()
        actors.fills.clear()
        if reads_first:
            assert await ask(actors.reader, row, kind) == OLD
        async with held_write(actors, row):
            if loses_first:
                await LOSSES[loss](actors)
            if not reads_first:
                assert await ask(actors.reader, row, kind) == OLD
            if not loses_first:
                await LOSSES[loss](actors)
            if stores_first:
                actors.fills.set()
                await actors.reader.cache._core.database.keeper.close(grace_seconds=5)
        actors.fills.set()
        await actors.reader.cache._core.database.keeper.close(grace_seconds=5)
        for haus in (actors.reader, actors.writer, actors.reader):
            assert await ask(haus, row, kind) == NEW

"""Moments in which a reader is overtaken, each of them found by the check of the model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from fix_cache import House, Owner, Town, cached_config, caching, quick
from fix_redis import RedisServer
from storehaus import QueryBuilder, StoreHaus
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import CacheError
from storehaus.store.plugin import Plugin
from storehaus.store.transaction import Unit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened."""
    async with AsyncExitStack() as made:
        yield made


async def settled(haus: StoreHaus) -> None:
    """Wait until everything that was read is stored."""
    await haus.cache._core.database.keeper.close(grace_seconds=5)


async def test_who_joins_a_query_after_a_write_is_not_given_what_was_read_before(
    postgres_url: str,
    redis_server: RedisServer,
    stack: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The write bumps tags only, so the lease of the query still holds when it is stored."""
    url = redis_server.url
    writer = await stack.enter_async_context(caching(postgres_url, url, local_max_items=0))
    reader = await stack.enter_async_context(caching(postgres_url, url, local_max_items=0))
    await writer.store(Town).create(Town(id=1, name="old"))
    has_read, may_answer = asyncio.Event(), asyncio.Event()
    fetch = AsyncpgDriver.fetch

    async def late(driver: Any, text: str, *rest: Any, **options: Any) -> Any:
        rows = await fetch(driver, text, *rest, **options)
        if driver is reader.cache._core.database.driver and '"cached_towns"' in text:
            has_read.set()
            await may_answer.wait()
        return rows

    monkeypatch.setattr(AsyncpgDriver, "fetch", late)

    async def ask() -> str:
        (found,) = await reader.store(Town).find(QueryBuilder(Town).filter(Town.country == "DE"))
        return found.name

    first = asyncio.create_task(ask())
    await has_read.wait()
    await writer.store(Town).patch(1, name="new")
    joined = asyncio.create_task(ask())
    flights = reader.cache._reads._reader._flights._under_way
    (flight,) = flights.values()
    while not flight.landed._waiters:  # type: ignore[attr-defined]  # noqa: ASYNC110 - no event says that somebody joined
        await asyncio.sleep(0)
    may_answer.set()
    assert await first == "old"
    assert await joined == "new"


async def test_a_poll_that_is_overtaken_by_a_read_keeps_nothing_old(
    postgres_url: str, redis_server: RedisServer, stack: AsyncExitStack
) -> None:
    """Between dropping here and dropping in Redis a read must not bring it back."""
    url = redis_server.url
    writer = await stack.enter_async_context(caching(postgres_url, url))
    reader = await stack.enter_async_context(caching(postgres_url, url))
    store = reader.store(Town)
    await store.create(Town(id=1, name="old"))
    await store.get(1)
    await settled(reader)
    unheard(writer)
    await writer.store(Town).patch(1, name="new")
    transport: Any = reader.cache._core.transport
    intend = transport.intend

    async def overtaken(*args: Any, **options: Any) -> None:
        await store.get(1)
        await intend(*args, **options)

    transport.intend = overtaken
    await reader.cache.refresh()
    assert (await store.get(1)).name == "new"
    assert (await store.get(1)).name == "new"


def unheard(haus: StoreHaus) -> None:
    """Let Redis hear nothing of what a haus announces, though it answers all else."""
    transport: Any = haus.cache._core.transport
    intend = transport.intend

    async def lost(transaction: int | None, *args: Any, **options: Any) -> None:
        if transaction is not None:
            raise CacheError("lost")
        await intend(transaction, *args, **options)

    transport.intend = lost


class Slow(Plugin):
    """Lets T pass between an announcement and its COMMIT."""

    def __init__(self, haus: StoreHaus) -> None:
        self._core = haus.cache._core

    def joins(self, table: object) -> bool:
        """Everything is slow."""
        return table is Town.__table_info__

    def observe(self, outcome: object, unit: Unit) -> None:
        """Wait behind the announcement, which came first."""
        unit.before_commit.append(self._wait)

    async def _wait(self, _: Unit) -> None:
        core = self._core
        end = core.now() + 1.1 * core.timing.trust
        while core.now() < end:  # noqa: ASYNC110 - time is what must pass
            await asyncio.sleep(0)


async def test_a_commit_that_takes_long_is_seen_by_its_own_process(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """Redis still has what was there before, and hears of the write only later."""
    config = cached_config(postgres_url, redis_server.url, local_max_items=0)
    async with quick(StoreHaus(config), trust=0.4) as haus:
        await haus.auto_migrate(Town)
        store = haus.store(Town)
        await haus.cache.ready()
        await store.create(Town(id=1, name="old"))
        await store.get(1)
        await settled(haus)
        unheard(haus)
        database = haus.cache._core.database
        database.use((*database.plugins, Slow(haus)))
        await store.patch(1, name="new")
        assert (await store.get(1)).name == "new"


@pytest.mark.parametrize("began", ["redis first", "redis second"])
async def test_a_process_without_redis_keeps_nothing_that_others_keep_there(
    postgres_url: str, redis_server: RedisServer, stack: AsyncExitStack, began: str
) -> None:
    """Those who write tell Redis only, once everybody has heard that it is used."""
    redis_url = redis_server.url
    if began == "redis first":
        writer = await stack.enter_async_context(caching(postgres_url, redis_url))
        # As if that was long ago.
        await writer.cache._core.database.driver.fetch(
            "UPDATE storehaus.cached_tables SET redis_since = to_timestamp(0)"
        )
        await writer.cache.refresh()
    alone = await stack.enter_async_context(caching(postgres_url))
    await alone.store(Owner).create(Owner(id=1))
    await alone.store(House).create(House(id=1, owner_id=1, number=1))
    for _ in range(2):
        assert (await alone.store(House).get(1)).number == 1
        await settled(alone)
    if began == "redis second":
        assert (await alone.cache.stats()).hits > 0
        writer = await stack.enter_async_context(caching(postgres_url, redis_url))
    await writer.store(House).patch(1, number=2)
    if began == "redis second":
        await alone.cache.refresh()
    assert (await alone.store(House).get(1)).number == 2
    await settled(alone)
    before = await alone.cache.stats()
    assert (await alone.store(House).get(1)).number == 2
    assert (await alone.cache.stats()).hits == before.hits


async def test_after_another_server_took_over_no_hits_are_served_for_a_while(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """Processes that have not heard of it yet announce what they write for the old one."""
    config = cached_config(postgres_url, redis_server.url)
    async with quick(StoreHaus(config), trust=0.4) as haus:
        await haus.auto_migrate(Town)
        store = haus.store(Town)
        await haus.cache.ready()
        await store.create(Town(id=1, name="a"))
        for _ in range(2):
            await store.get(1)
            await settled(haus)
        before = await haus.cache.stats()
        assert before.hits > 0
        # As if the poll before this one had met another timeline.
        haus.cache._core.space = b"1.1.1"
        await haus.cache.refresh()
        core = haus.cache._core
        assert (await haus.cache.stats()).local_items == 0
        assert core.serving(Town.__table_info__, core.rests_until - 0.001) is None
        await haus.cache.ready()
        for _ in range(2):
            await store.get(1)
            await settled(haus)
        assert (await haus.cache.stats()).hits > before.hits

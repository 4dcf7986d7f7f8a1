"""What all processes agree on: declarations, and writes that nobody announced."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from fix_cache import House, Owner, Sign, Town, cached_config, caching, quick
from storehaus import CacheParams, ConfigurationError, Field, Model, StoreHaus, field, sql

pytestmark = pytest.mark.anyio


class OtherTown(Model, table="cached_towns", cache=CacheParams(ttl_seconds=61)):
    """The same table with another declaration."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - what others write sets no event
            await asyncio.sleep(0.02)


async def test_other_declaration_is_refused(postgres_url: str) -> None:
    """At the store, and at the opening of a haus that has the store already."""
    async with caching(postgres_url):
        pass
    late = StoreHaus(cached_config(postgres_url))
    async with late:
        with pytest.raises(ConfigurationError, match="OtherTown: cache= differs"):
            late.store(OtherTown)
    early = StoreHaus(cached_config(postgres_url))
    early.store(OtherTown)
    with pytest.raises(ConfigurationError, match="OtherTown: cache= differs"):
        await early.open()
    assert (await early.health()).database.detail == "the haus is not open"


async def test_table_that_is_there_is_cached_later(postgres_url: str) -> None:
    """Everybody must have heard of it first; a table that is made just now needs no such time."""

    class Plain(Model, table="later"):
        id: Field[int] = field(primary_key=True)

    class Later(Model, table="later", cache=CacheParams()):
        id: Field[int] = field(primary_key=True)

    async with StoreHaus(cached_config(postgres_url)) as haus:
        await haus.auto_migrate(Plain)
        await haus.store(Plain).create(Plain(id=1))
    haus = quick(StoreHaus(cached_config(postgres_url)), trust=0.4)
    async with haus:
        await haus.auto_migrate(Later)
        store = haus.store(Later)
        for _ in range(3):
            await store.get(1)
        assert (await haus.cache.stats()).hits == 0
        await haus.cache.ready()
        for _ in range(3):
            await store.get(1)
        assert (await haus.cache.stats()).hits == 2


async def test_outside_writer_is_seen(postgres_url: str) -> None:
    """A trigger tells of his writes, once per transaction, and keeps quiet about stores."""
    async with caching(postgres_url) as haus:
        signs = haus.store(Sign)
        await signs.create(Sign(id=1, text="a"))
        assert (await signs.get(1)).text == "a"
        own = await haus.fetch(sql("SELECT count(*) FROM storehaus.cache_outbox"), touches=())
        assert own[0][0] == 1  # what the create wrote itself, since signs are kept in processes

        stranger = await asyncpg.connect(postgres_url)
        try:
            async with stranger.transaction():
                await stranger.execute("UPDATE cached_signs SET text = 'b'")
                await stranger.execute("UPDATE cached_signs SET text = 'c'")
        finally:
            await stranger.close()
        told = await haus.fetch(sql("SELECT count(*) FROM storehaus.cache_outbox"), touches=())
        assert told[0][0] == 2

        async def is_seen() -> bool:
            return (await signs.get(1)).text == "c"

        await until(is_seen)


async def test_write_of_another_process_is_seen(postgres_url: str) -> None:
    """Within a moment, by the outbox; and rows of it go when all have seen them."""
    async with caching(postgres_url) as one, caching(postgres_url) as two:
        await one.store(Town).create(Town(id=1, name="a"))
        assert (await two.store(Town).get(1)).name == "a"
        await one.store(Town).patch(1, name="b")

        async def is_seen() -> bool:
            return (await two.store(Town).get(1)).name == "b"

        await until(is_seen)


async def test_table_made_anew_brings_nothing_back(postgres_url: str) -> None:
    """Its rows are gone, and so is what was kept of them."""
    async with caching(postgres_url) as haus:
        await haus.store(Town).create(Town(id=1, name="a"))
        assert (await haus.store(Town).get_by_id(1)) is not None
        await haus.auto_migrate(Town, recreate=True)
        assert await haus.store(Town).get_by_id(1) is None


async def test_delete_that_the_database_carries_on(postgres_url: str) -> None:
    """Rows that a foreign key takes along are not found any more, though no store named them."""
    async with caching(postgres_url) as haus:
        await haus.store(Owner).create(Owner(id=1))
        await haus.store(House).create(House(id=1, owner_id=1))
        assert await haus.store(House).get_by_id(1) is not None
        assert await haus.store(House).count() == 1
        await haus.store(Owner).delete(1)
        assert await haus.store(House).get_by_id(1) is None
        assert await haus.store(House).count() == 0


async def test_haus_without_cached_tables_asks_once(postgres_url: str) -> None:
    """Nothing runs in the background, and no write pays for a transaction."""
    async with StoreHaus(cached_config(postgres_url)) as haus:
        await haus.auto_migrate(Owner)
        await haus.store(Owner).create(Owner(id=1))
        health = await haus.health()
        assert health.cache is None
        assert not haus.cache.is_in_use
        with pytest.raises(Exception, match="storehaus"):
            await haus.fetch(sql("SELECT 1 FROM storehaus.cached_tables"))


@pytest.mark.parametrize(
    ("keywords", "problem"),
    [
        ({"cache": CacheParams(ttl_seconds=0)}, "ttl_seconds is a number"),
        ({"cache": CacheParams(tags=("no",))}, "there is no field 'no'"),
        ({"cache": CacheParams(tags=("price",))}, "price is float"),
        ({"cache": CacheParams(tags=("id", "id"))}, "each once"),
        ({"cache": "yes"}, "cache is a CacheParams"),
        ({"external_writes": True}, "only with cache="),
        ({"cache": CacheParams(local="x")}, "local is True or False"),
    ],
)
def test_declaration_that_cannot_be_meant(keywords: dict[str, Any], problem: str) -> None:
    """It is refused when the class is created."""
    with pytest.raises(Exception, match=problem):

        class Wrong(Model, table="wrong", **keywords):
            id: Field[int] = field(primary_key=True)
            price: Field[float]

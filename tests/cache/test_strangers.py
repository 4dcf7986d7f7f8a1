"""Many under one Redis: none of them reads what belongs to another."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from fix_cache import cached_config, quick
from fix_redis import RedisServer
from storehaus import CacheParams, Field, Model, QueryBuilder, StoreHaus, field
from storehaus.store.plugin import Plugin

pytestmark = pytest.mark.anyio


class Note(Model, table="stranger_notes", cache=CacheParams(tags=("subject",))):
    """Ids and tags may be any text."""

    id: Field[str] = field(primary_key=True)
    subject: Field[str] = field(default="")
    text: Field[str] = field(default="")


class Pair(Model, table="stranger_pairs", cache=CacheParams()):
    """An id of two parts."""

    left: Field[str] = field(primary_key=True)
    right: Field[str] = field(primary_key=True)
    text: Field[str] = field(default="")


class Here(Model, table="stranger", schema="here", cache=CacheParams()):
    """A table."""

    id: Field[int] = field(primary_key=True)
    text: Field[str] = field(default="")


class There(Model, table="stranger", schema="there", cache=CacheParams()):
    """A table of the same name in another schema."""

    id: Field[int] = field(primary_key=True)
    text: Field[str] = field(default="")


HOSTILE = (
    *("a", "A", "a ", " a", "", ":", "::", "a:b", "{", "{a}", "}", "a\nb", "a\r\nb", "\n", "*"),
    *("?", "p", ":l", "a:l", "1", "01", "1.0", "true", "null", "None", "'", '"', "\\", "%", "$1"),
    *("\u00e9", "e\u0301", "\x01", "\ufeff", "\U0001f994"),
    *("x" * 65_536, "x" * 65_535 + "y", "x" * 65_535),
)


@asynccontextmanager
async def opened(url: str, server: RedisServer, *models: type[Model]) -> AsyncIterator[StoreHaus]:
    """Open a haus on tables of its own, as soon as hits are served."""
    config = cached_config(url, server.url, local_max_items=0)
    async with quick(StoreHaus(config)) as haus:
        await haus.auto_migrate(*models)
        for model in models:
            haus.store(model)
        await haus.cache.ready()
        yield haus


async def settled(haus: StoreHaus) -> None:
    """Wait until everything that was read is stored."""
    await haus.cache._core.database.keeper.close(grace_seconds=5)


async def test_hostile_ids_and_values_lead_to_their_own_rows(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """Each of them is found again, from the cache, and a write to one leaves the others."""
    async with opened(postgres_url, redis_server, Note) as haus:
        store = haus.store(Note)
        await store.create_many([Note(id=each, subject=each, text=repr(each)) for each in HOSTILE])
        for _ in range(2):
            for each in HOSTILE:
                assert (await store.get(each)).text == repr(each)
                query = QueryBuilder(Note).filter(Note.subject == each)
                assert [note.id for note in await store.find(query)] == [each]
            await settled(haus)
        stats = await haus.cache.stats()
        assert stats.hits == stats.query_hits == len(HOSTILE)
        await store.patch("a", text="new")
        hits = stats.hits
        for each in HOSTILE:
            assert (await store.get(each)).text == ("new" if each == "a" else repr(each))
        assert (await haus.cache.stats()).hits == hits + len(HOSTILE) - 1
        assert max(map(len, redis_server.all_keys())) < 200


async def test_parts_of_an_id_do_not_run_together(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """("a:b", "c") is another row than ("a", "b:c")."""
    async with opened(postgres_url, redis_server, Pair) as haus:
        store = haus.store(Pair)
        ids = [("a:b", "c"), ("a", "b:c"), ("", "a:b:c"), ("a:b:c", "")]
        await store.create_many([Pair(left=a, right=b, text=f"{a}|{b}") for a, b in ids])
        for _ in range(2):
            for a, b in ids:
                assert (await store.get((a, b))).text == f"{a}|{b}"
            await settled(haus)
        assert (await haus.cache.stats()).hits == len(ids)


@pytest.fixture
def other_url(postgres_url: str) -> Iterator[str]:
    """URL of another database of the same cluster."""
    name = urlsplit(postgres_url).path[1:]
    other = f"{name}_too"
    asyncio.run(_execute(postgres_url, f'CREATE DATABASE "{other}"'))
    yield postgres_url.replace(name, other)
    asyncio.run(_execute(postgres_url, f'DROP DATABASE "{other}" WITH (FORCE)'))


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for each in statements:
            await connection.execute(each)
    finally:
        await connection.close()


async def test_databases_of_one_cluster_keep_apart(
    postgres_url: str, other_url: str, redis_server: RedisServer
) -> None:
    """The same table, the same ids, even the same oids: other rows."""
    async with AsyncExitStack() as stack:
        hauses = [
            await stack.enter_async_context(opened(url, redis_server, Note))
            for url in (postgres_url, other_url)
        ]
        everything = QueryBuilder(Note)
        for number, haus in enumerate(hauses):
            await haus.store(Note).create(Note(id="a", text=f"of {number}"))
        for _ in range(2):
            for number, haus in enumerate(hauses):
                assert (await haus.store(Note).get("a")).text == f"of {number}"
                (found,) = await haus.store(Note).find(everything)
                assert found.text == f"of {number}"
                await settled(haus)
        for haus in hauses:
            stats = await haus.cache.stats()
            assert (stats.hits, stats.query_hits, stats.unfit) == (1, 1, 0)


async def test_schemas_of_one_database_keep_apart(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """Tables of one name are two tables."""
    await _execute(postgres_url, "CREATE SCHEMA here", "CREATE SCHEMA there")
    async with opened(postgres_url, redis_server, Here, There) as haus:
        here, there = haus.store(Here), haus.store(There)
        await here.create(Here(id=1, text="here"))
        await there.create(There(id=1, text="there"))
        for _ in range(2):
            assert (await here.get(1)).text == "here"
            assert (await there.get(1)).text == "there"
            assert [each.text for each in await here.find()] == ["here"]
            assert [each.text for each in await there.find()] == ["there"]
            await settled(haus)
        stats = await haus.cache.stats()
        assert (stats.hits, stats.query_hits) == (2, 2)


tenant: ContextVar[str] = ContextVar("tenant", default="")


class Tenants(Plugin):
    """Tells callers apart."""

    def batch_key(self) -> str:
        """By their tenant."""
        return tenant.get()


async def test_what_a_query_gave_one_tenant_is_not_given_to_another(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """The tenant that a plug-in tells of is part of the name of a result."""
    async with opened(postgres_url, redis_server, Note) as haus:
        database: Any = haus.cache._core.database
        database.use((*database.plugins, Tenants()))
        store = haus.store(Note)
        await store.create(Note(id="a"))
        for name in ("one", "two", "one", "two"):
            tenant.set(name)
            await store.find(QueryBuilder(Note))
            await settled(haus)
        stats = await haus.cache.stats()
        assert (stats.query_hits, stats.misses) == (2, 2)
        names = [key for key in redis_server.all_keys() if b":q:" in key]
        assert len(names) == 2


async def test_roles_keep_apart_and_secured_tables_are_not_kept(
    postgres_url: str, redis_server: RedisServer
) -> None:
    """Two roles may see other rows; where a policy decides that, nothing is kept."""
    async with opened(postgres_url, redis_server, Note) as haus:
        store = haus.store(Note)
        await store.create(Note(id="a"))
        await _execute(postgres_url, "ALTER TABLE stranger_notes ENABLE ROW LEVEL SECURITY")
        await haus.cache.refresh()
        before = await haus.cache.stats()
        for _ in range(3):
            assert await store.get_by_id("a") is not None
            assert len(await store.find(QueryBuilder(Note))) == 1
            await settled(haus)
        after = await haus.cache.stats()
        assert (after.hits, after.query_hits, after.fills) == (
            before.hits,
            before.query_hits,
            before.fills,
        )

"""`storehaus cache` on a real database and a real Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from fix_cache import Sign, Town, caching
from fix_cli import CommandLine
from fix_redis import RedisServer
from storehaus import QueryBuilder, StoreHaus

pytestmark = pytest.mark.anyio

PASSWORD = "correct-horse"


@pytest.fixture
async def haus(postgres_url: str, redis_server: RedisServer) -> AsyncIterator[StoreHaus]:
    """A haus that has read a row and a result, which Redis keeps now."""
    async with caching(postgres_url, redis_server.url, prefix="storehaus") as haus:
        store = haus.store(Town)
        await store.create(Town(id=1, name="a"))
        await store.get(1)
        await store.find(QueryBuilder(Town).filter(Town.country == "DE"))
        await haus.cache._core.database.keeper.close(grace_seconds=5)
        yield haus


class Cache:
    """Runs `storehaus cache`."""

    def __init__(self, line: CommandLine, database: str, redis: str | None) -> None:
        self._line = line
        self.environment = {"DATABASE_URL": database}
        if redis is not None:
            self.environment["REDIS_URL"] = redis

    async def run(self, *words: str) -> tuple[int, str, str]:
        """Give exit status, output and complaints."""
        done = await asyncio.to_thread(self._line.run, "cache", *words, **self.environment)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def cache(command_line: CommandLine, postgres_url: str, redis_server: RedisServer) -> Cache:
    """The command line, configured by the environment."""
    return Cache(command_line, postgres_url, redis_server.url)


@pytest.fixture
def alone(command_line: CommandLine, postgres_url: str) -> Iterator[Cache]:
    """The same without Redis."""
    return Cache(command_line, postgres_url, None)


@pytest.mark.usefixtures("haus")
async def test_stats(cache: Cache) -> None:
    """What Redis keeps, by table."""
    status, output, _ = await cache.run("stats")
    assert status == 0
    assert "public.cached_towns: 1 rows and 1 results of queries in Redis" in output
    assert "colour, country" in output
    assert "Valkey" in output or "Redis" in output
    status, output, _ = await cache.run("stats", "--json")
    assert status == 0
    found = json.loads(output)
    towns = next(each for each in found["tables"] if each["name"] == "public.cached_towns")
    assert (towns["records"], towns["queries"], towns["leases"]) == (1, 1, 0)
    assert towns["declaration"]["tags"] == ["colour", "country"]
    assert found["problem"] is None


@pytest.mark.usefixtures("haus")
async def test_health(cache: Cache, redis_server: RedisServer) -> None:
    """The exit status tells."""
    status, output, _ = await cache.run("health")
    assert status == 0
    assert "✗" not in output
    redis_server.kill()
    status, output, _ = await cache.run("health")
    assert status == 1
    assert "✗ Redis" in output
    status, output, _ = await cache.run("health", "--json")
    assert status == 1
    parts = {each["name"]: each["ok"] for each in json.loads(output)["parts"]}
    assert parts == {"registry": True, "outbox": True, "Redis": False}


async def test_health_tells_no_password(
    haus: StoreHaus, cache: Cache, redis_server: RedisServer
) -> None:
    """Neither the right one nor the wrong one."""
    redis_server.run("CONFIG", "SET", "requirepass", PASSWORD)
    cache.environment["REDIS_URL"] = f"{redis_server.url}?password=wrong-{PASSWORD}"
    status, output, complaints = await cache.run("health")
    assert status == 1
    assert PASSWORD not in output + complaints
    assert haus.cache.is_in_use


async def test_explain(haus: StoreHaus, cache: Cache, redis_server: RedisServer) -> None:
    """By the name that a haus gives, and by the key that Redis shows."""
    name = haus.cache.record_key(Town, 1)
    assert name is not None
    keys = [key.decode() for key in redis_server.all_keys()]
    (key,) = (each for each in keys if each.endswith(name))
    for shown in (name, key):
        status, output, _ = await cache.run("explain", shown)
        assert status == 0
        assert output.startswith("hit: it is there")
        assert "expires in" in output
    (query,) = (each for each in keys if ":q:" in each and not each.endswith(":l"))
    status, output, _ = await cache.run("explain", query, "--json")
    assert json.loads(output)["verdict"] == "hit"
    await haus.store(Town).patch(1, name="b")
    status, output, _ = await cache.run("explain", name)
    assert output.startswith("miss: there is no such entry; a transaction has announced a write")
    status, output, _ = await cache.run("explain", "r:1:1")
    assert output == "refused: it belongs to no cached table\n"


async def test_clear(haus: StoreHaus, cache: Cache) -> None:
    """Everything, or of one table only; nothing that is kept counts any more."""
    name = haus.cache.record_key(Town, 1)
    assert name is not None
    status, output, _ = await cache.run("clear", "--table", "cached_signs")
    assert (status, output) == (0, "public.cached_signs: everything is stale now\n")
    assert (await haus.cache.explain(name)).verdict == "hit"
    status, output, _ = await cache.run("clear", "--json")
    assert status == 0
    assert "public.cached_towns" in json.loads(output)["cleared"]
    await haus.cache.refresh()
    found = await haus.cache.explain(name)
    assert found.verdict == "miss"
    assert "whole table" in found.reason
    status, _, complaints = await cache.run("clear", "--table", "nowhere")
    assert status == 1
    assert "nowhere is not cached" in complaints


async def test_without_redis(alone: Cache, postgres_url: str) -> None:
    """Each process keeps its own entries; they are cleared by the outbox."""
    status, output, _ = await alone.run("stats")
    assert (status, output) == (0, "no table of this database is cached\n")
    status, output, _ = await alone.run("clear")
    assert (status, output) == (0, "no table of this database is cached\n")
    async with caching(postgres_url) as haus:
        await haus.store(Sign).create(Sign(id=1))
        for _ in range(2):
            await haus.store(Sign).get(1)
        assert (await haus.cache.stats()).hits == 1
        status, output, _ = await alone.run("health")
        assert status == 0
        assert "none is configured" in output
        assert (await alone.run("clear"))[0] == 0
        await haus.cache.refresh()
        await haus.store(Sign).get(1)
        assert (await haus.cache.stats()).hits == 1


async def test_without_configuration(command_line: CommandLine) -> None:
    """That is wrong usage."""
    done = await asyncio.to_thread(command_line.run, "cache", "stats")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr

"""Whatever becomes of Redis, no call of a store fails and nothing is older than was promised.

Two hauses, as two processes would, read and write the same rows all the time; meanwhile something
happens to Redis. Afterwards both of them get hits again without any help.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from fault.cache_load import Load
from fault.proxy import Proxy, Streams
from fix_cache import MODELS, cached_config, quick
from fix_redis import RedisServer
from storehaus import StoreHaus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

TRUST = 0.6
KEPT_BYTES = 700


@dataclass
class Scene:
    """Two hauses under load, the second one behind a proxy."""

    server: RedisServer
    load: Load
    hauses: tuple[StoreHaus, StoreHaus]
    link: Proxy

    async def run(self, *command: str | bytes) -> object:
        """Tell Redis something."""
        return await asyncio.to_thread(self.server.run, *command)

    async def lapse(self, *numbers: int) -> None:
        """Wait until hauses do not trust what they have any more."""
        cores = [self.hauses[number].cache._core for number in numbers]
        await self.load.until(lambda: not any(core.is_trusted(core.now()) for core in cores))

    def state(self, number: int) -> str:
        """Give the state of the circuit breaker of a haus."""
        transport = self.hauses[number].cache._core.transport
        assert transport is not None
        return transport.state


@asynccontextmanager
async def scene(
    postgres_url: str, server: RedisServer, *, local: bool, patience: float = 0.05
) -> AsyncIterator[Scene]:
    """Set everything going, and wait for hits."""

    async def connect() -> Streams:
        return await asyncio.open_unix_connection(server.socket)

    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(Proxy(connect).listen())
        hauses: list[StoreHaus] = []
        for url in (server.url, f"redis://127.0.0.1:{link.port}"):
            config = cached_config(postgres_url, url, local_max_items=1_000 if local else 0)
            haus = quick(StoreHaus(config), trust=TRUST, patience=patience)
            hauses.append(await stack.enter_async_context(haus))
            await haus.auto_migrate(*MODELS)
            for model in MODELS:
                haus.store(model)
        load = await stack.enter_async_context(Load(hauses).running())
        await load.hits()
        yield Scene(server, load, (hauses[0], hauses[1]), link)


async def _flush(scene: Scene) -> None:
    for _ in range(3):
        await scene.run("FLUSHALL")
        await scene.load.more(100)


async def _lose_pending(scene: Scene) -> None:
    for _ in range(3):
        for key in await asyncio.to_thread(scene.server.all_keys):
            if key.endswith(b":p"):
                await scene.run("UNLINK", key)
        await scene.load.more(100)


async def _lose_keys(scene: Scene) -> None:
    for _ in range(60):
        key = await scene.run("RANDOMKEY")
        if isinstance(key, bytes) and not key.endswith(b":p"):
            await scene.run("UNLINK", key)
        await scene.load.more(5)


async def _forget_scripts(scene: Scene) -> None:
    for _ in range(10):
        await scene.run("SCRIPT", "FLUSH")
        await scene.load.more(20)


async def _fill_up(scene: Scene) -> None:
    for policy in ("allkeys-lru", "volatile-ttl", "allkeys-random"):
        await scene.run("CONFIG", "SET", "maxmemory-policy", policy)
        await scene.run("CONFIG", "SET", "maxmemory", "4mb")
        before = await _evicted(scene)
        number = 0
        while await _evicted(scene) < before + 30:
            number += 1
            await scene.run("SET", f"other:{number}", b"x" * 100_000, "PX", "60000")
            await scene.load.more(3)
        await scene.run("CONFIG", "SET", "maxmemory", "0")


async def _evicted(scene: Scene) -> int:
    facts = await scene.run("INFO", "stats")
    assert isinstance(facts, dict)
    return int(facts["evicted_keys"])


HARMLESS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "emptied": _flush,
    "pending lost": _lose_pending,
    "keys lost": _lose_keys,
    "scripts forgotten": _forget_scripts,
    "full": _fill_up,
}


@pytest.mark.parametrize("what", HARMLESS)
async def test_redis_that_loses_what_it_keeps_makes_nothing_stale(
    postgres_url: str, redis_server: RedisServer, what: str
) -> None:
    """As long as it answers, no read is older than a commit that was acknowledged before it."""
    # A busy machine answers late, which would be another trouble than this one.
    async with scene(postgres_url, redis_server, local=False, patience=5.0) as made:
        await HARMLESS[what](made)
        await made.load.hits()
    assert made.load.errors == []
    assert made.load.counts["stale"] == 0


async def _kill(scene: Scene) -> None:
    scene.server.kill()
    await scene.lapse(0, 1)
    await asyncio.to_thread(scene.server.start)


async def _freeze(scene: Scene) -> None:
    scene.server.freeze()
    try:
        await scene.lapse(0, 1)
    finally:
        scene.server.thaw()


async def _restart_with_old_data(scene: Scene) -> None:
    await scene.run("SAVE")
    await _kill(scene)


async def _refuse_to_grow(scene: Scene) -> None:
    await scene.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await scene.run("CONFIG", "SET", "maxmemory", "1")
    await scene.load.more(1_000)
    await scene.run("CONFIG", "SET", "maxmemory", "0")


async def _refuse_to_write(scene: Scene) -> None:
    await scene.run("REPLICAOF", "127.0.0.1", "1")
    await scene.lapse(0, 1)
    await scene.run("REPLICAOF", "NO", "ONE")


async def _part(scene: Scene) -> None:
    scene.link.freeze()
    await scene.lapse(1)
    scene.link.refuse()
    scene.link.cut()
    scene.link.thaw()
    await scene.load.more(300)
    scene.link.refuse(refusing=False)


async def _lose_connections(scene: Scene) -> None:
    for _ in range(10):
        await scene.run("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await scene.load.more(30)


TROUBLES: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "killed": _kill,
    "frozen": _freeze,
    "restarted with old data": _restart_with_old_data,
    "refuses to grow": _refuse_to_grow,
    "refuses to write": _refuse_to_write,
    "parted from one": _part,
    "connections lost": _lose_connections,
}


@pytest.mark.parametrize("local", [False, True], ids=["redis", "both"])
@pytest.mark.parametrize("what", TROUBLES)
async def test_nothing_fails_and_nothing_is_older_than_the_bound(
    postgres_url: str, redis_server: RedisServer, what: str, local: bool
) -> None:
    """Redis goes, and comes back; the bound is T."""
    async with scene(postgres_url, redis_server, local=local) as made:
        await TROUBLES[what](made)
        await made.load.hits()
    assert made.load.errors == []
    assert made.load.worst_seconds < TRUST
    assert made.load.counts["stale own"] == 0
    assert [made.state(0), made.state(1)] == ["open", "open"], "closed hauses ask nobody"

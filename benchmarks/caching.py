"""What a hit gives, what a strict write costs, and what is left when Redis stands still."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any

import asyncpg
from _bench import COLUMNS, Bench, Measured, bench, compare, readings, run, spread
from _redis import Server, redis_server

from storehaus import AppConfig, CacheParams, DatabaseConfig, GenericStore, StoreHaus
from storehaus.cache import CacheManager
from storehaus.config import CacheConfig
from storehaus.errors import CacheError

ROWS = 1_000
TASKS = 100
_BACK_SECONDS = 0.1
SYSTEM = '"__created_at__", "__updated_at__", "__tags__"'
BY_ID = f'SELECT {", ".join(COLUMNS)}, {SYSTEM} FROM "reading" WHERE id = $1'


class Kept(Measured, table="kept_reading", cache=CacheParams(ttl_seconds=3600)):
    """Read through Redis."""


class Held(Measured, table="held_reading", cache=CacheParams(ttl_seconds=3600, local=True)):
    """Read through the process."""


@asynccontextmanager
async def caching(
    url: str, model: type[Any], **cache: Any
) -> AsyncIterator[tuple[GenericStore[Any], CacheManager]]:
    """Give a store on a cached table, which has rows and serves hits, and the cache."""
    config = AppConfig(database=DatabaseConfig(url=url), cache=CacheConfig(**cache))
    async with StoreHaus(config) as haus:
        await haus.auto_migrate(model, recreate=True)
        store = haus.store(model)
        await store.load(_as(model, readings(ROWS)))
        await haus.cache.ready()
        for number in range(ROWS):
            await store.get(number)
        yield store, haus.cache


def _as(model: type[Any], rows: Any) -> Any:
    for row in rows:
        yield model(**{name: getattr(row, name) for name in COLUMNS})


def at_once(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """Let many tasks do something at the same time, ten times each."""

    async def task() -> None:
        for _ in range(10):
            await work()

    async def together() -> None:
        await asyncio.gather(*(task() for _ in range(TASKS)))

    return together


def getter(store: GenericStore[Any]) -> Callable[[], Awaitable[object]]:
    """Give what reads another row each time."""
    ids = count()

    async def get() -> object:
        return await store.get_by_id(next(ids) % ROWS)

    return get


def patcher(store: GenericStore[Any]) -> Callable[[], Awaitable[object]]:
    """Give what writes another row each time."""
    ids = count()

    async def patch() -> object:
        number = next(ids)
        return await store.patch(number % ROWS, value=float(number))

    return patch


def raw_getter(pool: asyncpg.Pool) -> Callable[[], Awaitable[object]]:
    """Give what reads another row each time, by hand."""
    ids = count()

    async def get() -> object:
        return await pool.fetchrow(BY_ID, next(ids) % ROWS)

    return get


async def hits(b: Bench, held: GenericStore[Any], kept: GenericStore[Any]) -> None:
    """Compare reads."""
    print(f"raw: pool.fetchrow, default pool: {BY_ID}")
    raw = raw_getter(b.raw)
    await compare("hit in the process, 1 task", getter(held), raw, rounds=9, repeat=2_000)
    await compare("hit in Redis, 1 task", getter(kept), raw, rounds=9, repeat=1_000)
    print(f"below, raw is the same store without cache, whose {TASKS} tasks share statements")
    ours, plain = at_once(getter(kept)), at_once(getter(b.store))
    await compare(f"hit in Redis, {TASKS} tasks", ours, plain, rounds=15, repeat=3)
    ours = at_once(getter(held))
    await compare(f"hit in the process, {TASKS} tasks", ours, plain, rounds=9, repeat=3)


async def writes(b: Bench, kept: GenericStore[Any]) -> None:
    """Compare writes with the same ones without cache."""
    ours, plain = patcher(kept), patcher(b.store)
    await compare("strict write, 1 task", ours, plain, rounds=15, repeat=200)
    await compare(f"strict write, {TASKS} tasks", at_once(ours), at_once(plain), rounds=15)


async def open_breaker(transport: Any) -> None:
    """Time what a call pays for a Redis that is not asked."""
    calls = 100_000
    taken: list[float] = []
    transport.breaker.open()
    for _ in range(9):
        started = time.perf_counter()
        for _ in range(calls):
            if transport.is_usable:
                raise CacheError("it is closed")
        taken.append((time.perf_counter() - started) / calls)
    transport.breaker.close()
    print(f"an open breaker, per call: {spread(taken, 1e-9, 'ns')}")


async def freeze(server: Server, b: Bench, kept: GenericStore[Any]) -> None:
    """Let Redis stand still, and see how long reads take that come after that."""
    get, plain = getter(kept), getter(b.store)
    plain_rate = await _rate(plain, 0.5)
    # A full collection of garbage takes as long as what is measured here.
    gc.collect()
    server.freeze()
    began = time.perf_counter()
    first = await _seconds(get)
    while time.perf_counter() - began < _BACK_SECONDS:
        await get()
    rate = await _rate(get, 1.0)
    server.thaw()
    print(
        f"Redis frozen: the first read took {first * 1e3:.0f} ms; after"
        f" {_BACK_SECONDS * 1e3:.0f} ms reads run at {rate / plain_rate:.2f} x of the rate without"
        " cache"
    )


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def _rate(work: Callable[[], Awaitable[object]], seconds: float) -> float:
    calls, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        await work()
        calls += 1
    return calls / (time.perf_counter() - started)


async def main() -> None:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(redis_server())
        b = await stack.enter_async_context(bench(rows=ROWS))
        url = b.url
        held, _ = await stack.enter_async_context(caching(url, Held))
        kept, cache = await stack.enter_async_context(
            caching(url, Kept, redis_url=server.url, local_max_items=0)
        )
        await hits(b, held, kept)
        await writes(b, kept)
        await open_breaker(cache._core.transport)  # noqa: SLF001 - the breaker is in there
        if server.is_ours:
            await freeze(server, b, kept)


if __name__ == "__main__":
    run(main)

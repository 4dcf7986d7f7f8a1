"""What durable events cost a writer, and how fast subscriptions get them.

`python benchmarks/events.py [writes] [reads] [latency]` runs all parts, or those that are named.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from _bench import Bench, Measured, Work, bench, compare, readings, run, spread, take_turns

from storehaus import AppConfig, DatabaseConfig, DatabaseEvent, GenericStore, StoreHaus
from storehaus.signals.log.statements import END_OF_TICK, PAGE, TICK

TASKS = 8
ROWS = 8_000
RETAINED = 1_000_000
BACKLOG = 200_000
SAMPLES = 120
STARTS = (count(first) for first in count(10_000_000, 10_000_000))
"""Ids that no two contenders share."""


class Plain(Measured, table="plain"):
    """Nothing is kept."""


class Full(Measured, table="kept", durable=True):
    """The same table, of which the log keeps whole rows."""


class Keys(Measured, table="keys", durable=True, event_payload="keys"):
    """The same, of which the log keeps the keys."""


def rows_of(model: type[Any], number: int, first: int) -> list[Any]:
    """Make rows of a model."""
    return [
        model(**{name: getattr(row, name) for name in row.__struct_fields__ if name[0] != "_"})
        for row in readings(number, first)
    ]


def creating(model: type[Any], store: GenericStore[Any]) -> Work:
    """Give what lets tasks create a row each."""
    ids = next(STARTS)
    return lambda: asyncio.gather(
        *(store.create(rows_of(model, 1, next(ids))[0]) for _ in range(TASKS))
    )


def patching(store: GenericStore[Any]) -> Work:
    """Give what lets tasks update a row each, never the same."""
    numbers = count()

    async def one(number: int) -> None:
        await store.patch(number % ROWS, value=float(number))

    return lambda: asyncio.gather(*(one(next(numbers)) for _ in range(TASKS)))


def filling(model: type[Any], store: GenericStore[Any]) -> Work:
    """Give what creates 1,000 rows in a statement."""
    ids = next(STARTS)
    return lambda: store.create_many(rows_of(model, 1_000, 1_000 * next(ids)))


async def writes(b: Bench) -> None:
    """Compare writes with and without events, each contender in a pool of its own."""
    async with StoreHaus(AppConfig(database=DatabaseConfig(url=b.url))) as other:
        plain = other.store(Plain, batching=False)
        await plain.load(rows_of(Plain, ROWS, 0))
        for model in (Full, Keys):
            store = b.haus.store(model, batching=False)
            await store.load(rows_of(model, ROWS, 0))
            name = model.__name__.lower()
            pairs = {
                f"create, {TASKS} tasks": (creating(model, store), creating(Plain, plain), 300),
                f"patch, {TASKS} tasks": (patching(store), patching(plain), 300),
                "create_many of 1,000": (filling(model, store), filling(Plain, plain), 20),
            }
            for title, (ours, theirs, repeat) in pairs.items():
                await compare(f"{title}, {name}", ours, theirs, rounds=5, repeat=repeat)


async def reads(b: Bench) -> None:
    """Measure a drain, an idle poll and a small page behind many retained events."""
    fill = (
        "INSERT INTO kept (id, station, unit, value, price, valid, taken_at)"
        " SELECT i, 'station', 'hPa', i, i, true, now() FROM generate_series($1::bigint, $2) AS i"
    )
    await b.raw.execute("TRUNCATE kept")
    retained = await b.raw.fetchval("SELECT count(*) FROM storehaus.event")
    for first in range(0, RETAINED - BACKLOG, 100_000):
        await b.raw.execute(fill, 10**10 + first, 10**10 + first + 99_999)
    tick = await b.raw.fetchval(TICK)
    await b.raw.execute(fill, 2 * 10**10, 2 * 10**10 + BACKLOG - 1)
    retained = await b.raw.fetchval("SELECT count(*) FROM storehaus.event")
    for shape in ("event", "events"):
        seconds, handled = await drain(b, tick, shape)
        print(f"drain of {handled:,} with handler({shape}): {handled / seconds:,.0f} events/s")
    newest = await b.raw.fetchval(TICK)
    await b.raw.execute(fill, 3 * 10**10, 3 * 10**10)
    behind = await b.raw.fetchval(TICK)
    connection = await b.raw.acquire()
    page = (newest, END_OF_TICK, 1_000, ["public.kept"], None, None)
    rows = await connection.fetch(PAGE, *page)
    assert len(rows) == 1, rows
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "idle poll": lambda: connection.fetchval(TICK),
        "page of one event": lambda: connection.fetch(PAGE, *page),
        "page of none": lambda: connection.fetch(PAGE, behind, END_OF_TICK, *page[2:]),
    }
    for name, seconds_each in (await take_turns(works, repeat=200)).items():
        print(f"{name} behind {retained:,} retained events: {spread(seconds_each)}")
    await b.raw.release(connection)


async def drain(b: Bench, tick: int, shape: str) -> tuple[float, int]:
    """Let a new subscription read everything behind a tick."""
    done = asyncio.Event()
    handled = 0

    async def one(event: DatabaseEvent) -> None:
        nonlocal handled
        del event
        handled += 1
        if handled >= BACKLOG:
            done.set()

    async def many(events: list[DatabaseEvent]) -> None:
        nonlocal handled
        handled += len(events)
        if handled >= BACKLOG:
            done.set()

    name = f"drain {shape}"
    started = time.perf_counter()
    handler: Any = one if shape == "event" else many
    b.haus.subscription(name, Full, start=tick)(handler)
    await done.wait()
    seconds = time.perf_counter() - started
    await b.haus.events.unsubscribe(name)
    return seconds, handled


async def latency(b: Bench) -> None:
    """Measure from the return of a commit to the handler, in this process and in another one."""
    store = b.haus.store(Full, batching=False)
    for place in ("same", "other"):
        reader, writer = os.pipe()
        stream = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(stream)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(reader, "rb"))  # noqa: B023 - called at once
        other = await (start_child(b.url, writer) if place == "other" else start_here(b, writer))
        found: list[float] = []
        for number in count((4 if place == "same" else 5) * 10**9):
            (row,) = rows_of(Full, 1, number)
            await store.create(row)
            committed = time.time()
            try:
                async with asyncio.timeout(None if found else 0.5):
                    line = await stream.readline()
            except TimeoutError:
                continue  # the other process is not there yet
            found.append(float(line) - committed)
            if len(found) == SAMPLES:
                break
            # So long that the reader expects nothing any more.
            await asyncio.sleep(0.1)
        if other is not None:
            other.terminate()
            await other.wait()
        p50, p95 = statistics.median(found[1:]), statistics.quantiles(found[1:], n=20)[18]
        print(f"commit to handler, {place} process: p50 {p50 * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms")


async def start_here(b: Bench, pipe: int) -> None:
    """Subscribe in this process."""

    @b.haus.subscription("latency", Full)
    async def here(event: DatabaseEvent) -> None:
        del event
        os.write(pipe, f"{time.time()}\n".encode())


async def start_child(url: str, pipe: int) -> asyncio.subprocess.Process:
    """Subscribe in another process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, __file__, "child", url, str(pipe), pass_fds=(pipe,)
    )


async def child(url: str, pipe: int) -> None:
    """Be the other process."""
    async with StoreHaus(AppConfig(database=DatabaseConfig(url=url))) as haus:

        @haus.subscription("latency other", Full)
        async def there(event: DatabaseEvent) -> None:
            del event
            os.write(pipe, f"{time.time()}\n".encode())

        await asyncio.Event().wait()


PARTS = {"writes": writes, "reads": reads, "latency": latency}


async def main() -> None:
    async with bench() as b:
        await b.haus.auto_migrate(Plain, Full, Keys)
        for name in sys.argv[1:] or PARTS:
            await PARTS[name](b)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        asyncio.run(child(sys.argv[2], int(sys.argv[3])))
    else:
        run(main)

"""One process of the stress test: readers and writers that use the public API, and one clock.

Each writer owns some rows and only it knows how often they were committed; it writes that down in
memory that all processes share, after the commit was acknowledged. A reader notes these numbers,
then reads, and what it reads must be as new at least. Between this process and Redis stands a
proxy that holds things up.
"""

import argparse
import asyncio
import json
import mmap
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.asyncio import Redis

from storehaus import (
    AppConfig,
    CacheParams,
    DatabaseConfig,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    StoreHaus,
    StorehausError,
    field,
    sum_,
)
from storehaus.cache import Timing
from storehaus.config import CacheConfig

ROWS = 24
GROUPS = 6
READERS = 6
WRITERS = 2
_INTEGER = struct.Struct("q")


class Counted(Model, table="coherence_counted", cache=CacheParams(ttl_seconds=30, tags=("part",))):
    """Rows that only count."""

    id: Field[int] = field(primary_key=True)
    part: Field[int] = field(index=True)
    number: Field[int] = field(default=0)


class Board:
    """Numbers that all processes see: how often each row was committed, as was acknowledged.

    Args:
        path: File in memory.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def __getitem__(self, row: int) -> int:
        (number,) = _INTEGER.unpack_from(self._memory, row * _INTEGER.size)
        return int(number)

    def __setitem__(self, row: int, number: int) -> None:
        _INTEGER.pack_into(self._memory, row * _INTEGER.size, number)

    def of_part(self, part: int) -> int:
        """Add up the rows of a part."""
        return sum(self[row] for row in range(part, ROWS, GROUPS))

    @staticmethod
    def create(path: Path) -> None:
        """Make a new one, all zero."""
        path.write_bytes(bytes(ROWS * _INTEGER.size))


class Rival:
    """What everybody does: read, else ask the database and store; delete after the commit.

    Args:
        url: Redis.
        store: The table, which is asked as if it were not cached.
    """

    def __init__(self, url: str, store: GenericStore[Counted], haus: StoreHaus) -> None:
        self._redis = Redis.from_url(url)
        self._store = store
        self._haus = haus

    async def record(self, row: int) -> tuple[int, bool]:
        """Give a number, and whether it was a hit."""
        return await self._get(f"rival:{row}", lambda: self._number(row))

    async def total(self, part: int) -> tuple[int, bool]:
        """The same for a sum."""
        return await self._get(f"rival:sum:{part}", lambda: self._sum(part))

    async def forget(self, row: int) -> None:
        """Forget what was written."""
        await self._redis.delete(f"rival:{row}", f"rival:sum:{row % GROUPS}")

    async def close(self) -> None:
        """Leave Redis."""
        await self._redis.aclose()

    async def _get(self, key: str, load: Callable[[], Awaitable[int]]) -> tuple[int, bool]:
        found = await self._redis.get(key)
        if found is not None:
            return int(found), True
        number = await load()
        await self._redis.set(key, number, px=30_000)
        return number, False

    async def _number(self, row: int) -> int:
        async with self._haus.transaction():
            return (await self._store.get(row)).number

    async def _sum(self, part: int) -> int:
        async with self._haus.transaction():
            return await total(self._store, part)


async def total(store: GenericStore[Counted], part: int) -> int:
    """Add up a part."""
    query = QueryBuilder(Counted).filter(Counted.part == part).select(sum_(Counted.number))
    (row,) = await store.select(query)
    return int(row[0] or 0)


class Worker:
    """All that one process does.

    Args:
        arguments: Of the command line.
        haus: Open.
    """

    def __init__(self, arguments: argparse.Namespace, haus: StoreHaus) -> None:
        self._haus = haus
        self._store = haus.store(Counted)
        self._board = Board(arguments.board)
        self._control = arguments.control
        self._end = time.monotonic() + arguments.seconds
        self._own = range(arguments.number, ROWS, arguments.processes)
        self._rival = Rival(arguments.redis, self._store, haus)
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Read and write until the time is over."""
        rows = list(self._own)
        writers = [self._write(rows[i::WRITERS]) for i in range(WRITERS)]
        await asyncio.gather(*writers, *(self._read() for _ in range(READERS)))
        await self._rival.close()

    async def _write(self, rows: list[int]) -> None:
        """Count rows up, each of them by nobody else."""
        committed = dict.fromkeys(rows, 0)
        for row in rows:
            committed[row] = self._board[row]
        while time.monotonic() < self._end:
            row = random.choice(rows)
            number = committed[row] + 1
            try:
                if not await self._count_up(row, number):
                    continue
            except StorehausError:
                self.counts["failed writes"] += 1
                continue
            committed[row] = number
            self._board[row] = number
            if self._control:
                await self._rival.forget(row)
            await asyncio.sleep(random.random() * 0.07)

    async def _count_up(self, row: int, number: int) -> bool:
        """Write a number, alone or in a transaction that may be undone; say whether it stayed."""
        self.counts["writes"] += 1
        if random.random() < 0.6:
            await self._store.patch(row, number=number)
            return True
        with suppress(_UndoneError):
            async with self._haus.transaction():
                await self._store.patch(row, number=number)
                await asyncio.sleep(random.random() * 0.01)
                if random.random() < 0.25:
                    self.counts["undone"] += 1
                    raise _UndoneError
            return True
        return False

    async def _read(self) -> None:
        while time.monotonic() < self._end:
            if random.random() < 0.7:
                row = random.randrange(ROWS)
                await self._check("records", self._board[row], self._record(row))
            else:
                part = random.randrange(GROUPS)
                await self._check("queries", self._board.of_part(part), self._total(part))

    async def _check(self, kind: str, least: int, read: Awaitable[tuple[int, bool]]) -> None:
        try:
            number, was_hit = await read
        except StorehausError:
            self.counts["failed reads"] += 1
            return
        self.counts[kind] += 1
        self.counts[f"hits of {kind}"] += was_hit
        self.counts[f"stale {kind}"] += number < least

    async def _record(self, row: int) -> tuple[int, bool]:
        if self._control:
            return await self._rival.record(row)
        return (await self._store.get(row)).number, False

    async def _total(self, part: int) -> tuple[int, bool]:
        if self._control:
            return await self._rival.total(part)
        return await total(self._store, part), False


class _UndoneError(Exception):
    """Rolls a transaction back."""


@asynccontextmanager
async def opened(arguments: argparse.Namespace) -> AsyncIterator[StoreHaus]:
    """Open a haus with a cache that forgives a busy machine."""
    config = AppConfig(
        database=DatabaseConfig(url=arguments.database, max_connections=8),
        cache=CacheConfig(redis_url=arguments.redis, prefix="coherence"),
    )
    haus = StoreHaus(config)
    core = haus.cache._core
    core.timing = Timing(patience=arguments.patience)
    if core.transport is not None:
        core.transport.timing = core.timing
    async with haus:
        haus.store(Counted)
        await haus.cache.refresh()
        await haus.cache.ready()
        yield haus


async def main(arguments: argparse.Namespace) -> None:
    """Do it, and print what was counted."""
    async with opened(arguments) as haus:
        worker = Worker(arguments, haus)
        await worker.run()
        stats = await haus.cache.stats()
    if not arguments.control:
        worker.counts["hits of records"] = stats.hits
        worker.counts["hits of queries"] = stats.query_hits
        for name in ("fills", "refused", "errors", "announced", "outboxed", "unfit", "joined"):
            worker.counts[name] = getattr(stats, name)
    print(json.dumps(worker.counts))  # noqa: T201 - its answer


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--redis", required=True)
    parser.add_argument("--board", type=Path, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--patience", type=float, default=2.0)
    parser.add_argument("--control", action="store_true")
    return parser.parse_args(words)


if __name__ == "__main__":
    asyncio.run(main(parse(sys.argv[1:])))

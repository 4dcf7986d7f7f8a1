"""Readers and writers of a cached table, and how old what was read was at the most."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from fix_cache import Town
from storehaus import QueryBuilder, StoreHaus, sum_

ROWS = 6
LAND = "load"


class Load:
    """Several hauses that read and write the same rows at the same time.

    Each row is written by one task only, which counts it up; what was acknowledged when is written
    down, and every read is compared with it.

    Args:
        hauses: Open ones, as if each was a process of its own.

    Attributes:
        counts: Reads and writes; those that were stale, and those of them that were stale where the
            row was written.
        errors: What they failed with.
        worst_seconds: How old the oldest answer was: the time between the acknowledgement of the
            first commit that it lacks, and the moment when it was asked for.
    """

    def __init__(self, hauses: Sequence[StoreHaus]) -> None:
        self._hauses = hauses
        self._committed: dict[int, list[float]] = defaultdict(list)
        self._step = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self.worst_seconds = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """Read and write for as long as the context lasts."""
        store = self._hauses[0].store(Town)
        rows = [Town(id=row, name=f"load {row}", country=LAND) for row in range(ROWS)]
        await store.create_many(rows)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work)
                for number, haus in enumerate(self._hauses)
                for work in (
                    self._write(haus, number),
                    *(self._read(haus, number) for _ in range(3)),
                )
            ]
            yield self
            for task in tasks:
                task.cancel()

    async def more(self, count: int) -> None:
        """Wait until so many more reads were answered."""
        wanted = self.counts["reads"] + count
        await self.until(lambda: self.counts["reads"] >= wanted)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at after each read."""
        async with asyncio.timeout(60):
            while not is_so():
                self._step.clear()
                await self._step.wait()

    async def hits(self) -> None:
        """Wait until every haus serves hits, of both kinds."""
        for haus in self._hauses:
            counters = haus.cache._core.counters
            hits, queries = counters.hits + 20, counters.query_hits + 5
            await self.until(
                lambda: counters.hits >= hits and counters.query_hits >= queries  # noqa: B023 - waited for at once
            )

    def _own(self, number: int) -> range:
        return range(number, ROWS, len(self._hauses))

    async def _write(self, haus: StoreHaus, number: int) -> None:
        store = haus.store(Town)
        own = self._own(number)
        while True:
            row = random.choice(own)
            try:
                await store.patch(row, budget=Decimal(len(self._committed[row]) + 1))
            except Exception as error:
                self.errors.append(error)
                raise
            self._committed[row].append(_now())
            self.counts["writes"] += 1
            await asyncio.sleep(random.random() * 0.03)

    async def _read(self, haus: StoreHaus, number: int) -> None:
        store = haus.store(Town)
        query = QueryBuilder(Town).filter(Town.country == LAND).select(sum_(Town.budget))
        while True:
            asked = _now()
            before = {row: len(self._committed[row]) for row in range(ROWS)}
            try:
                if random.random() < 0.7:
                    row = random.randrange(ROWS)
                    found = int((await store.get(row)).budget)
                    self.counts["stale own"] += found < before[row] and row in self._own(number)
                    self._compare(asked, before[row], found, (row,))
                else:
                    ((total,),) = await store.select(query)
                    self._compare(asked, sum(before.values()), int(total or 0), range(ROWS))
            except Exception as error:
                self.errors.append(error)
                raise
            self.counts["reads"] += 1
            self._step.set()
            await asyncio.sleep(0)

    def _compare(self, asked: float, least: int, found: int, rows: Sequence[int]) -> None:
        if found >= least:
            return
        self.counts["stale"] += 1
        # Of a sum nobody can tell which commit it lacks; the last ones are the kindest guess.
        times = sorted(time for row in rows for time in self._committed[row] if time <= asked)
        self.worst_seconds = max(self.worst_seconds, asked - times[found])


def _now() -> float:
    return asyncio.get_running_loop().time()

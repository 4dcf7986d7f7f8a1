"""What the benchmarks share: a server, a table of eight columns, interleaved rounds, ratios.

Absolute figures drift with the machine; ratios of two programs that take turns in one run do not.
Every ratio is *rate of StoreHaus ÷ rate of the raw driver*: 1.0 is as fast, 2.0 twice as fast.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import asyncpg

from storehaus import (
    AppConfig,
    DatabaseConfig,
    Field,
    GenericStore,
    Model,
    StoreHaus,
    field,
)
from storehaus.driver.embedded import EmbeddedPostgres

Work = Callable[[], Awaitable[object]]


class Measured(Model):
    """Eight columns of the usual types, beside the system fields."""

    id: Field[int] = field(primary_key=True)
    station: Field[str]
    unit: Field[str] = field(max_length=20)
    value: Field[float]
    price: Field[Decimal]
    valid: Field[bool]
    taken_at: Field[datetime]
    note: Field[str | None] = field(default=None)


class Reading(Measured, table="reading"):
    """A table that is not cached."""


COLUMNS = ("station", "unit", "value", "price", "valid", "taken_at", "id", "note")
"""Columns as a raw program would list them; the store sends the same."""

_START = datetime(2026, 1, 1, tzinfo=UTC)


def readings(count: int, first: int = 0) -> Iterator[Reading]:
    """Make rows, one at a time."""
    for i in range(first, first + count):
        yield Reading(
            id=i,
            station=f"station-{i % 997}",
            unit="hPa",
            value=i * 0.25,
            price=Decimal(i) / 100,
            valid=i % 7 != 0,
            taken_at=_START + timedelta(seconds=i),
            note=None if i % 3 else f"note {i}",
        )


@dataclass(frozen=True)
class Bench:
    """An open haus and a raw pool on the same server."""

    haus: StoreHaus
    store: GenericStore[Reading]
    raw: asyncpg.Pool
    url: str


@asynccontextmanager
async def bench(*, rows: int = 0) -> AsyncGenerator[Bench]:
    """Give both contenders, on the server of `STOREHAUS_BENCH_URL` or an embedded one."""
    url = os.environ.get("STOREHAUS_BENCH_URL")
    server = None if url else EmbeddedPostgres.temporary()
    if server is not None:
        await server.start()
        url = server.url
    try:
        haus = StoreHaus(AppConfig(database=DatabaseConfig(url=url)))
        async with haus, asyncpg.create_pool(url) as raw:
            await haus.auto_migrate(Reading, recreate=True)
            store = haus.store(Reading)
            if rows:
                await store.load(readings(rows))
                await raw.execute('VACUUM ANALYZE "reading"')
            yield Bench(haus, store, raw, url or "")
    finally:
        if server is not None:
            await server.stop()


async def compare(title: str, ours: Work, raw: Work, *, rounds: int = 9, repeat: int = 1) -> float:
    """Let both take turns and print the median ratio with its spread.

    Args:
        title: What is compared.
        ours: One call of StoreHaus.
        raw: The same by hand.
        rounds: Turns of each; the first one warms up and does not count.
        repeat: Calls in one turn.

    Returns:
        The median ratio of the rates.
    """
    ratios: list[float] = []
    times: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        # Who goes second finds warm caches: so they swap places.
        order = (ours, raw) if turn % 2 else (raw, ours)
        taken = {id(work): await _time(work, repeat) for work in order}
        if turn:
            pair = (taken[id(ours)], taken[id(raw)])
            times.append(pair)
            ratios.append(pair[1] / pair[0])
    median = statistics.median(ratios)
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{title:<44} {median:5.2f} x   ({min(ratios):.2f} - {max(ratios):.2f});"
        f" StoreHaus {_duration(mine / repeat)}, raw {_duration(theirs / repeat)}"
    )
    return median


async def take_turns(
    works: Mapping[str, Work],
    *,
    rounds: int = 15,
    repeat: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Let several take turns; give the seconds of one call of each, round by round.

    Args:
        works: What takes turns, by name.
        rounds: Turns of each; the first one warms up and does not count.
        repeat: Calls in one turn.
        clock: What gives the time; `time.process_time` that of this process only.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        # As in `compare`, nobody always goes first.
        for name in sorted(works, reverse=bool(turn % 2)):
            taken = await _time(works[name], repeat, clock)
            if turn:
                found[name].append(taken / repeat)
    return found


def spread(values: Sequence[float], unit: float = 1e-6, name: str = "us") -> str:
    """Write the median of durations with least and greatest."""
    low, middle, high = (
        each / unit for each in (min(values), statistics.median(values), max(values))
    )
    return f"{middle:.0f} {name} ({low:.0f} - {high:.0f})"


async def _time(work: Work, repeat: int, clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    for _ in range(repeat):
        await work()
    return clock() - started


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


def run(main: Callable[[], Any]) -> None:
    """Run a benchmark, on uvloop where it is installed."""
    if find_spec("uvloop") is None:
        print("event loop: asyncio")
        asyncio.run(main())
    else:
        print(f"event loop: uvloop {version('uvloop')}")
        import_module("uvloop").run(main())

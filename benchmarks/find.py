"""Finding against the raw driver, what a call costs beside the fetch, and what compiling costs."""

import time
from collections.abc import Callable
from itertools import count, starmap
from statistics import median
from typing import Any

from _bench import Bench, Reading, bench, compare, run, spread, take_turns

from storehaus import QueryBuilder, Statement, alias, avg, exists_
from storehaus import count as count_rows

ROWS = 10_000
OTHER = alias(Reading, "other")
QUERY = QueryBuilder(Reading)


def simple(i: int) -> Statement:
    return fifty(i).to_sql()


def fifty(i: int) -> QueryBuilder[Reading]:
    first = i * 50 % (ROWS - 100)
    return QUERY.filter(Reading.id >= first, Reading.unit == "hPa").order_by(Reading.id).limit(50)


def joined(i: int) -> Statement:
    return (
        QUERY.join(OTHER, on=OTHER.id == Reading.id + 1, how="left")
        .filter(Reading.value > i, OTHER.valid.is_true())
        .select(Reading.station, count_rows().as_("n"), avg(OTHER.value).as_("mean"))
        .group_by(Reading.station)
        .having(count_rows() > i)
        .order_by("n")
        .limit(i)
        .to_sql()
    )


def existing(i: int) -> Statement:
    partner = QueryBuilder(OTHER).filter(OTHER.id == Reading.id + 1, OTHER.value > i)
    return QUERY.filter(exists_(partner), Reading.station == f"station-{i}").limit(50).to_sql()


async def find(b: Bench) -> None:
    numbers, raw_numbers = count(), count()
    text = simple(0).text

    async def ours() -> object:
        return await b.store.find(fifty(next(numbers)))

    async def raw() -> object:
        first = next(raw_numbers) * 50 % (ROWS - 100)
        return list(starmap(Reading, await b.raw.fetch(text, first, "hPa", 50)))

    if await ours() != await raw():
        raise RuntimeError("the two do not give the same rows")
    print(f"raw: pool.fetch, default pool, models built by position: {text}")
    await compare("find, 50 rows, filter and order", ours, raw, rounds=15, repeat=300)


async def overhead(b: Bench) -> None:
    """Take the time of the same fetch on the same driver from that of a find.

    What is left builds the query, finds its text, binds the values and makes fifty models.
    """
    numbers, bare_numbers = count(), count()
    text, driver = simple(0).text, b.store._database.driver  # noqa: SLF001 - below the store

    async def ours() -> object:
        return await b.store.find(fifty(next(numbers)))

    async def bare() -> object:
        first = next(bare_numbers) * 50 % (ROWS - 100)
        return await driver.fetch(text, (first, "hPa", 50))

    clocks = {"elapsed": time.perf_counter, "of this process": time.process_time}
    for name, clock in clocks.items():
        works = {"find": ours, "fetch": bare}
        found = await take_turns(works, rounds=15, repeat=300, clock=clock)
        beside = [a - b for a, b in zip(found["find"], found["fetch"], strict=True)]
        print(f"find less the same fetch, {name:<15} {spread(beside)}")


def compiling(name: str, make: Callable[[int], Statement], repeat: int = 5_000) -> None:
    """Time a warm query that is built anew, with other values each time, and written as SQL."""
    taken: list[float] = []
    make(0)
    for turn in range(9):
        started = time.perf_counter()
        for i in range(repeat):
            make(turn * repeat + i)
        taken.append((time.perf_counter() - started) / repeat)
    print(
        f"build and compile, warm, {name:<18} {median(taken) * 1e6:6.1f} us"
        f"   ({min(taken) * 1e6:.1f} - {max(taken) * 1e6:.1f})"
    )


async def main() -> None:
    shapes: dict[str, Any] = {"simple": simple, "join and aggregate": joined, "EXISTS": existing}
    for name, make in shapes.items():
        print(f"{name}: {make(1).text}")
        compiling(name, make)
    async with bench(rows=ROWS) as b:
        await find(b)
        await overhead(b)


if __name__ == "__main__":
    run(main)

"""Finding against the raw driver, what a call costs beside the fetch, and what compiling costs."""

import time
from collections.abc import Callable, Sequence
from itertools import count, starmap
from statistics import median
from typing import Any

from _bench import Bench, Reading, bench, compare, run, spread, take_turns

from storehaus import GenericStore, QueryBuilder, Selection, alias, avg, exists_
from storehaus import count as count_rows
from storehaus.driver import Row
from storehaus.sql.recipes import Recipe
from storehaus.store import Database

Query = QueryBuilder[Any] | Selection[Any]

ROWS = 10_000
OTHER = alias(Reading, "other")
QUERY = QueryBuilder(Reading)


def fifty(i: int) -> QueryBuilder[Reading]:
    first = i * 50 % (ROWS - 100)
    return QUERY.filter(Reading.id >= first, Reading.unit == "hPa").order_by(Reading.id).limit(50)


def joined(i: int) -> Query:
    return (
        QUERY.join(OTHER, on=OTHER.id == Reading.id + 1, how="left")
        .filter(Reading.value > i, OTHER.valid.is_true())
        .select(Reading.station, count_rows().as_("n"), avg(OTHER.value).as_("mean"))
        .group_by(Reading.station)
        .having(count_rows() > i)
        .order_by("n")
        .limit(i)
    )


def existing(i: int) -> Query:
    partner = QueryBuilder(OTHER).filter(OTHER.id == Reading.id + 1, OTHER.value > i)
    return QUERY.filter(exists_(partner), Reading.station == f"station-{i}").limit(50)


async def find(b: Bench) -> None:
    numbers, raw_numbers = count(), count()
    text = fifty(0).to_sql().text

    async def ours() -> object:
        return await b.store.find(fifty(next(numbers)))

    async def raw() -> object:
        first = next(raw_numbers) * 50 % (ROWS - 100)
        return list(starmap(Reading, await b.raw.fetch(text, first, "hPa", 50)))

    if await ours() != await raw():
        raise RuntimeError("the two do not give the same rows")
    print(f"raw: pool.fetch, default pool, models built by position: {text}")
    await compare("find, 50 rows, filter and order", ours, raw, rounds=15, repeat=300)


class _Answering:
    """A driver that has the answer at hand, so that only the way to it and back takes time."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Give the rows."""
        del text, params, timeout_seconds
        return self._rows


async def overhead(b: Bench) -> None:
    """Time a warm `find` on a driver that answers at once.

    It finds the text, binds and checks the values and makes fifty models; once with a query that
    is kept, once with one that is built for the call.
    """
    statement = fifty(0).to_sql()
    rows = await b.store._database.driver.fetch(statement.text, statement.params)  # noqa: SLF001 - below the store
    driver: Any = _Answering(rows)
    store = GenericStore(Database(driver), Reading)
    kept, numbers = fifty(0), count()

    async def keeping() -> object:
        return await store.find(kept)

    async def building() -> object:
        return await store.find(fifty(next(numbers)))

    for name, work in {"query kept": keeping, "query built for it": building}.items():
        found = await take_turns({name: work}, rounds=9, repeat=2_000)
        print(f"overhead of a warm find, {name:<18} {spread(found[name])}")


def compiling(name: str, make: Callable[[int], Query], repeat: int = 2_000) -> None:
    """Time a query as SQL: kept, built anew with other values, and of a shape not seen before."""
    kept = make(0)
    known: dict[Any, Any] = Reading.__table_info__.derived

    def forgotten(i: int) -> object:
        known.pop(Recipe, None)
        return make(i).to_sql()

    works: dict[str, Callable[[int], object]] = {
        "warm, kept": lambda _: kept.to_sql(),
        "warm, built anew": lambda i: make(i).to_sql(),
        "new shape": forgotten,
    }
    for what, work in works.items():
        taken: list[float] = []
        work(0)
        for turn in range(9):
            started = time.perf_counter()
            for i in range(repeat):
                work(turn * repeat + i)
            taken.append((time.perf_counter() - started) / repeat)
        print(
            f"compile {name:<18} {what:<17} {median(taken) * 1e6:6.1f} us"
            f"   ({min(taken) * 1e6:.1f} - {max(taken) * 1e6:.1f})"
        )


async def main() -> None:
    shapes: dict[str, Any] = {"simple": fifty, "join and aggregate": joined, "EXISTS": existing}
    for name, make in shapes.items():
        print(f"{name}: {make(1).to_sql().text}")
        compiling(name, make)
    async with bench(rows=ROWS) as b:
        await find(b)
        await overhead(b)


if __name__ == "__main__":
    run(main)

"""Page 1,000 against page 1: keyset pagination does not grow slower on the way."""

from statistics import median
from typing import Any

from _bench import Bench, Reading, bench, run, spread, take_turns

from storehaus import QueryBuilder

ROWS, SIZE, FAR = 100_000, 50, 1_000

ORDERS: dict[str, tuple[tuple[Any, ...], str]] = {
    "uniform keys": ((Reading.station, Reading.value), "(station, value, id)"),
    "mixed, nullable": (
        (Reading.note, Reading.value.desc()),
        "(note, value DESC, id DESC)",
    ),
}


async def pages(b: Bench, name: str) -> None:
    keys, index = ORDERS[name]
    await b.raw.execute(f'CREATE INDEX ON "reading" {index}')
    await b.raw.execute('VACUUM ANALYZE "reading"')
    query = QueryBuilder(Reading).order_by(*keys)
    offset_text = query.order_by(Reading.id if name == "uniform keys" else Reading.id.desc())
    text = offset_text.limit(SIZE).offset(SIZE * (FAR - 1)).to_sql().text

    cursor: str | None = None
    for _ in range(FAR - 1):
        cursor = (await b.store.page(query, size=SIZE, after=cursor)).next

    async def first() -> object:
        return await b.store.page(query, size=SIZE)

    async def far() -> object:
        return await b.store.page(query, size=SIZE, after=cursor)

    async def by_offset() -> list[Any]:
        return await b.raw.fetch(text, SIZE, SIZE * (FAR - 1))

    if [row["id"] for row in await by_offset()] != [
        each.id for each in (await b.store.page(query, size=SIZE, after=cursor)).items
    ]:
        raise RuntimeError("the page is not the one that OFFSET gives")
    works = {"first": first, "far": far, "offset": by_offset}
    found = await take_turns(works, rounds=15, repeat=20)
    ratios = [a / b for a, b in zip(found["far"], found["first"], strict=True)]
    print(f"{name}: {query.to_sql().text}")
    print(f"    page 1      {spread(found['first'])}")
    print(f"    page {FAR:,}  {spread(found['far'])}")
    print(f"    ratio       {median(ratios):.2f} x ({min(ratios):.2f} - {max(ratios):.2f})")
    print(f"    raw OFFSET  {spread(found['offset'])}")


async def main() -> None:
    async with bench(rows=ROWS) as b:
        for name in ORDERS:
            await pages(b, name)


if __name__ == "__main__":
    run(main)

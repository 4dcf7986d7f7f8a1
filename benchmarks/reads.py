"""Reading against the raw driver: one row by id, and 10,000 rows."""

from itertools import count

from _bench import COLUMNS, Bench, bench, compare, run

SYSTEM = '"__created_at__", "__updated_at__", "__tags__"'
SELECT = f'SELECT {", ".join(COLUMNS)}, {SYSTEM} FROM "reading"'
BY_ID = f"{SELECT} WHERE id = $1"
ROWS = 10_000


async def get_by_id(b: Bench) -> None:
    ids, raw_ids = count(), count()

    async def ours() -> object:
        return await b.store.get_by_id(next(ids) % ROWS)

    async def raw() -> object:
        return await b.raw.fetchrow(BY_ID, next(raw_ids) % ROWS)

    print(f"raw: pool.fetchrow, default pool: {BY_ID}")
    await compare("get_by_id, serial", ours, raw, rounds=11, repeat=1_000)


async def list_all(b: Bench) -> None:
    print(f"raw: pool.fetch, no objects built: {SELECT}")
    await compare(
        f"list_all, {ROWS:,} rows", b.store.list_all, lambda: b.raw.fetch(SELECT), rounds=21
    )


async def main() -> None:
    async with bench(rows=ROWS) as b:
        await get_by_id(b)
        await list_all(b)


if __name__ == "__main__":
    run(main)

"""Streaming against a cursor by hand, and the memory it takes."""

import resource
import subprocess
import sys
from itertools import starmap

from _bench import Bench, Reading, bench, compare, run

from storehaus import QueryBuilder

ROWS, BATCH = 100_000, 500
QUERY = QueryBuilder(Reading).order_by(Reading.id)

FILL = """
    INSERT INTO "reading" (station, unit, value, price, valid, taken_at, id, note)
    SELECT 'station-' || i % 997, 'hPa', i * 0.25, i / 100.0, i % 7 <> 0,
           '2026-01-01Z'::timestamptz + i * interval '1 s', i,
           CASE WHEN i % 3 = 0 THEN 'note ' || i END
    FROM generate_series(1, $1::bigint) AS i
"""


async def speed(b: Bench) -> None:
    text = QUERY.to_sql().text

    async def ours() -> object:
        seen = 0
        async with b.store.stream(QUERY, batch=BATCH) as rows:
            async for _ in rows:
                seen += 1
        return seen

    async def raw() -> object:
        seen = 0
        async with b.raw.acquire() as connection, connection.transaction():
            cursor = await connection.cursor(text)
            while rows := await cursor.fetch(BATCH):
                for _ in starmap(Reading, rows):
                    seen += 1
        return seen

    print(f"raw: cursor.fetch({BATCH}) in a transaction, models built by position: {text}")
    await compare(f"stream, {ROWS:,} rows", ours, raw, rounds=9)


async def peak(rows: int) -> None:
    """Stream rows in this process and print its peak memory in KiB."""
    async with bench() as b:
        await b.raw.execute(FILL, rows)
        seen = 0
        async with b.store.stream(QUERY, batch=BATCH) as found:
            async for _ in found:
                seen += 1
    if seen != rows:
        raise RuntimeError(f"{seen} of {rows} rows were streamed")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def memory() -> None:
    """Compare the peak of two processes that stream 10,000 and 1,000,000 rows."""
    peaks: dict[int, int] = {}
    for rows in (10_000, 1_000_000):
        done = subprocess.run(
            [sys.executable, __file__, str(rows)], capture_output=True, text=True, check=True
        )
        peaks[rows] = int(done.stdout.splitlines()[-1])
        print(
            f"peak memory of a process that streams {rows:>9,} rows: {peaks[rows] / 1024:.1f} MiB"
        )
    print(f"growth for a hundred times the rows: {peaks[1_000_000] / peaks[10_000]:.3f} x")


async def main() -> None:
    async with bench() as b:
        await b.raw.execute(FILL, ROWS)
        await b.raw.execute('VACUUM ANALYZE "reading"')
        await speed(b)
    memory()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(lambda: peak(int(sys.argv[1])))
    else:
        run(main)

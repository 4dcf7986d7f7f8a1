"""Loading against COPY by hand, and the memory it takes."""

import resource
import subprocess
import sys

from _bench import COLUMNS, Bench, bench, compare, readings, run

ROWS = 100_000


async def speed(b: Bench) -> None:
    models = list(readings(ROWS))
    tuples = [tuple(getattr(model, name) for name in COLUMNS) for model in models]

    async def ours() -> object:
        await b.raw.execute('TRUNCATE "reading"')
        return await b.store.load(models)

    async def raw() -> object:
        await b.raw.execute('TRUNCATE "reading"')
        return await b.raw.copy_records_to_table("reading", records=tuples, columns=COLUMNS)

    print("raw: pool.copy_records_to_table of tuples made beforehand; both TRUNCATE first")
    await compare(f"load, {ROWS:,} rows", ours, raw, rounds=7)


async def peak(rows: int) -> None:
    """Load rows of a generator in this process and print its peak memory in KiB."""
    async with bench() as b:
        await b.store.load(readings(rows))
        stored = await b.store.count()
    if stored != rows:
        raise RuntimeError(f"{stored} of {rows} rows were stored")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def memory() -> None:
    """Compare the peak of two processes that load 100,000 and 1,000,000 rows."""
    peaks: dict[int, int] = {}
    for rows in (ROWS, 10 * ROWS):
        command = [sys.executable, __file__, "--peak", str(rows)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks[rows] = int(output.split()[-1])
        print(f"peak memory, {rows:>9,} rows of a generator: {peaks[rows] / 1024:.1f} MiB")
    print(f"growth: {(peaks[10 * ROWS] - peaks[ROWS]) / 1024:+.1f} MiB")


async def main() -> None:
    async with bench() as b:
        await speed(b)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        run(lambda: peak(int(sys.argv[2])))
    else:
        run(main)
        memory()

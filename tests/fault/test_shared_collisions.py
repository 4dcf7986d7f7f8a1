"""Processes whose shared statements write the same rows: no deadlock, and nothing is lost.

`python tests/fault/test_shared_collisions.py URL SECONDS` runs it for longer, on a database that it
may write to, and prints what happened.
"""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from fix_haus import Wallet, config_of, driver_of  # after the path
from storehaus import GenericStore
from storehaus.migrations import migrate
from storehaus.store import Database
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

WORKERS = 4
ROWS = 60
CALLS_AT_ONCE = 40


async def work(url: str, seed: int, seconds: float) -> None:
    """Write to random rows until the time is up; give calls, shared statements and patches."""
    rng = random.Random(seed)
    driver = CountingDriver(driver_of(url))
    await driver.open()
    store = GenericStore(Database(driver), Wallet)
    calls = shared = patched = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ids = rng.sample(range(ROWS), CALLS_AT_ONCE)
        results = await asyncio.gather(
            *(store.patch(i, note=f"{seed}") for i in ids[:30]),
            *(store.delete(ROWS + i) for i in ids[30:]),
            *(store.create(Wallet(id=ROWS + i, owner=f"{i}")) for i in ids[30:]),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException) and type(result).__name__ != "UniqueViolation":
                raise result
        calls += len(results)
        patched += 30
        shared += sum("lock_timeout" in t or "SKIP LOCKED" in t for t in driver.texts)
        driver.reset()
    await driver.close()
    sys.stdout.write(f"{calls} {shared} {patched}")


async def collide(url: str, seconds: float) -> dict[str, int]:
    """Let several processes do that; give what happened."""
    driver = driver_of(url)
    await driver.open()
    store = GenericStore(Database(driver), Wallet)
    await store.delete_where(Wallet.id >= 0)
    await store.create_many([Wallet(id=i, owner=f"o{i}") for i in range(ROWS)])
    before = await deadlocks(url)
    command = [sys.executable, __file__, "--worker", url, str(seconds)]
    workers = [
        await asyncio.create_subprocess_exec(*command, str(seed), stdout=subprocess.PIPE)
        for seed in range(WORKERS)
    ]
    outputs = [await worker.communicate() for worker in workers]
    failed = [worker.returncode for worker in workers if worker.returncode]
    counts = [[int(word) for word in output.split()] for output, _ in outputs]
    calls, shared, patched = (sum(each) for each in zip(*counts, strict=True))
    rows = [row for row in await store.list_all() if row.id < ROWS]
    await driver.close()
    return {
        "failed": len(failed),
        "calls": calls,
        "shared statements": shared,
        "deadlocks": await deadlocks(url) - before,
        "patches": patched,
        "versions": sum(row.version - 1 for row in rows),
    }


async def deadlocks(url: str) -> int:
    """Give how many deadlocks the database has met."""
    connection = await asyncpg.connect(url)
    # Its figures reach the view when the backends that met them have reported or ended.
    found: Any = await connection.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    await connection.close()
    return int(found)


async def test_processes_that_write_the_same_rows(tables_url: str, witness: Any) -> None:
    """Each patch happened once, and no process met a deadlock."""
    found = await collide(tables_url, 3.0)

    assert found["failed"] == found["deadlocks"] == 0
    assert found["versions"] == found["patches"] > 0
    assert found["shared statements"] > 0


async def collide_on_its_own(url: str, seconds: float) -> str:
    """Make the table, collide, and write down what happened."""
    await migrate(config_of(url).database.connect_arguments(), [Wallet], recreate=True)
    found = await collide(url, seconds)
    return ", ".join(f"{name}: {number}" for name, number in found.items())


if __name__ == "__main__":
    if sys.argv[1] == "--worker":
        asyncio.run(work(sys.argv[2], int(sys.argv[4]), float(sys.argv[3])))
    else:
        sys.stdout.write(asyncio.run(collide_on_its_own(sys.argv[1], float(sys.argv[2]))) + "\n")

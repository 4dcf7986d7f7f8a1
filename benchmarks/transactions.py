"""What a transaction costs beside its statements, and against the bare pool."""

from typing import Any

from _bench import Bench, bench, compare, run, spread, take_turns

from storehaus.store import Database
from storehaus.testing import FakeDriver


async def overhead() -> None:
    """Time an empty transaction on a driver that does nothing."""
    driver: Any = FakeDriver()
    database = Database(driver)

    async def empty() -> None:
        async with database.transaction():
            pass
        driver.calls.clear()

    found = await take_turns({"empty": empty}, rounds=9, repeat=1_000)
    print(f"an empty transaction, without a server {spread(found['empty'])}")


async def read(b: Bench) -> None:
    """Read one row in a transaction."""
    text = b.store._table.select_by_key  # noqa: SLF001 - the same statement on both sides

    async def ours() -> object:
        async with b.haus.transaction():
            return await b.store.get_by_id(1)

    async def raw() -> object:
        async with b.raw.acquire() as connection, connection.transaction():
            return await connection.fetchrow(text, 1)

    print(f"raw: default pool, connection.transaction(): {text}")
    await compare("transaction with one get", ours, raw, rounds=9, repeat=200)


async def main() -> None:
    await overhead()
    async with bench(rows=100) as b:
        await read(b)


if __name__ == "__main__":
    run(main)

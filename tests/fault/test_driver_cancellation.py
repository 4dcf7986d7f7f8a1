"""Cancelled at any of its awaits, work on the driver leaves the pool as it was."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

import asyncpg
import pytest

from fault.cancellation import Moment, Scalpel
from fault.waiting import PATIENCE_SECONDS, until, until_idle, until_quiet
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import DatabaseError

pytestmark = pytest.mark.anyio

MakeDriver: TypeAlias = Callable[..., AsyncpgDriver]
Work: TypeAlias = Callable[[AsyncpgDriver], Coroutine[Any, Any, None]]

STEPS_AT_MOST = 100


async def fetch(driver: AsyncpgDriver) -> None:
    """One statement, on a connection that has to be opened first, of a text never seen."""
    await driver.fetch("SELECT $1::int, pg_sleep(0.002)", (1,))


async def transact(driver: AsyncpgDriver) -> None:
    """A transaction with all that can be in one."""
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES ($1)", (1,))
        await connection.savepoint("s")
        await connection.copy_in("t", ["a"], [(2,), (3,)])
        await connection.rollback_to_savepoint("s")
        await connection.commit()


async def fail(driver: AsyncpgDriver) -> None:
    """A transaction that fails and is rolled back."""
    async with driver.acquire() as connection:
        await connection.begin()
        try:
            await connection.fetch("SELECT 1 / 0")
        except DatabaseError:
            await connection.rollback()


async def leave_open(driver: AsyncpgDriver) -> None:
    """A transaction left open, on a connection that has to be reset."""
    async with driver.acquire() as connection:
        connection.mark_dirty()
        await connection.execute("SET application_name = 'changed'")
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES ($1)", (1,))


async def wait_for_connection(driver: AsyncpgDriver) -> None:
    """A statement that has to wait until another one gives its connection back."""
    other = asyncio.create_task(driver.fetch("SELECT pg_sleep(0.002)"))
    await asyncio.sleep(0)
    try:
        await driver.fetch("SELECT 1")
    finally:
        await asyncio.wait([other])


async def cancel_everywhere(
    work: Work, moment: Moment, check: Callable[[AsyncpgDriver], Awaitable[None]], make: MakeDriver
) -> int:
    """Cancel work at its first await, its second and so on, each time on a driver of one place."""
    for step in range(1, STEPS_AT_MOST):
        driver = make(min_connections=0, max_connections=1)
        await driver.open()
        scalpel = Scalpel(step, moment)
        task = asyncio.create_task(scalpel.run(work(driver)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([task])
        if not task.cancelled():
            await task
        await check(driver)
        await driver.close()
        if not scalpel.reached:
            return step - 1
    pytest.fail(f"more than {STEPS_AT_MOST} awaits")


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("work", [fetch, transact, fail, leave_open, wait_for_connection])
async def test_cancellation_leaves_the_pool_intact(
    work: Work,
    moment: Moment,
    make_driver: MakeDriver,
    witness: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """No connection is lost, none is in a transaction, none carries settings of the one before."""
    await witness.execute("CREATE TABLE t (a int)")

    async def check(driver: AsyncpgDriver) -> None:
        await until_idle(driver)
        await until_quiet(witness)
        rows = await driver.fetch("SELECT current_setting('application_name')")
        assert [tuple(row) for row in rows] == [("",)]
        async with driver.acquire(timeout_seconds=PATIENCE_SECONDS) as connection:
            assert not connection.in_transaction
        assert driver.stats().size == driver.stats().idle == 1

    assert await cancel_everywhere(work, moment, check, make_driver) > 1


async def test_cancelled_open_leaves_no_backend(
    make_driver: MakeDriver, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Cancelled while it opens its connections, a driver closes those it has."""
    backends = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for step in range(1, STEPS_AT_MOST):
        driver = make_driver(min_connections=2)
        scalpel = Scalpel(step, "while waiting")
        task = asyncio.create_task(scalpel.run(driver.open()))
        await asyncio.wait([task])
        if not scalpel.reached:
            break
        assert driver.stats().size == 0
    await driver.close()

    async def is_alone() -> bool:
        return await witness.fetchval(backends) == 0

    await until(is_alone)
    assert step > 2


async def test_cancelled_statement_is_stopped_on_the_server(
    make_driver: MakeDriver, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A long statement does not run on for a caller who has gone; its connection is kept."""
    driver = make_driver(max_connections=1)
    await driver.open()
    task = asyncio.create_task(driver.fetch("SELECT pg_sleep(60)"))

    async def is_sleeping() -> bool:
        rows = await witness.fetch(
            "SELECT 1 FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        return bool(rows)

    await until(is_sleeping)
    task.cancel()
    await asyncio.wait([task])
    await until_idle(driver)
    await until_quiet(witness)

    assert (driver.stats().size, driver.stats().opened) == (1, 1)


async def test_cancelled_caller_does_not_wait_for_the_cleaning(
    make_driver: MakeDriver, proxy: Any
) -> None:
    """With a frozen server a cancelled task ends at once; its connection is dealt with later."""
    driver = make_driver(max_connections=1)
    await driver.open()
    proxy.freeze()
    task = asyncio.create_task(driver.fetch("SELECT 1"))
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1.0)

    assert done == {task}
    assert driver.stats().idle == 0

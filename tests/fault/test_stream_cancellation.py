"""Cancelling a stream at each of its awaits: no connection is lost, none stays in a transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from fault.cancellation import Moment, Scalpel
from fault.waiting import PATIENCE_SECONDS, until_idle, until_quiet
from fix_haus import Label, config_of, driver_of
from storehaus import GenericStore, QueryBuilder, StoreHaus
from storehaus.store import Database

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 60
QUERY = QueryBuilder(Label).order_by(Label.hits)

Store = GenericStore[Label]
Read = Callable[[Store], Coroutine[Any, Any, None]]


async def to_the_end(store: Store) -> None:
    """Read all of it."""
    async with store.stream(QUERY, batch=3) as rows:
        async for _ in rows:
            pass


async def with_break(store: Store) -> None:
    """Leave early."""
    async with store.stream(QUERY, batch=3) as rows:
        async for label in rows:
            if label.hits == 4:
                break


async def with_pauses(store: Store) -> None:
    """Wait in the loop."""
    async with store.stream(QUERY, batch=3) as rows:
        async for _ in rows:
            await asyncio.sleep(0)


async def bare(store: Store) -> None:
    """Without a block around it."""
    async for label in store.stream(QUERY, batch=3):
        if label.hits == 4:
            break


async def in_a_transaction(store: Store) -> None:
    """On the connection of a transaction."""
    async with store._database.transaction(), store.stream(QUERY, batch=3) as rows:
        async for label in rows:
            await store.patch(label.key, value="seen")


READS: dict[str, Read] = {
    read.__name__: read for read in (to_the_end, with_break, with_pauses, bare, in_a_transaction)
}


@pytest.fixture
async def witness(tables_url: str) -> AsyncIterator[Any]:
    """A raw connection to ten labels."""
    connection = await asyncpg.connect(tables_url)
    await connection.execute("DELETE FROM labels")
    await connection.execute(
        "INSERT INTO labels (key, value, hits) SELECT 'k' || i, '', i FROM generate_series(0, 9) i"
    )
    yield connection
    await connection.close()


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("name", sorted(READS))
async def test_cancelled_at_each_await(
    tables_url: str, witness: Any, moment: Moment, name: str
) -> None:
    """Whenever it is cancelled, the only connection comes back, usable and in no transaction."""
    driver = driver_of(tables_url, min_connections=0, max_connections=1)
    await driver.open()
    steps = 0
    try:
        store: Store = GenericStore(Database(driver), Label)
        for step in range(1, STEPS_AT_MOST):
            scalpel = Scalpel(step, moment)
            task = asyncio.create_task(scalpel.run(READS[name](store)))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait([task])
            if not task.cancelled():
                await task
            await until_idle(driver)
            await until_quiet(witness)
            assert await store.count() == 10
            if not scalpel.reached:
                break
            steps = step
        else:
            pytest.fail(f"more than {STEPS_AT_MOST} awaits")
    finally:
        await driver.close()
    assert steps >= 4


async def test_cancelled_in_the_body(tables_url: str, witness: Any) -> None:
    """A loop that is cancelled while it waits for something else gives its connection back."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        store, entered = haus.store(Label), asyncio.Event()

        async def read() -> None:
            async with store.stream(QUERY, batch=3) as rows:
                async for _ in rows:
                    entered.set()
                    await asyncio.Event().wait()

        task = asyncio.create_task(read())
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        stats = store._database.driver.stats()
        assert stats.size == stats.idle == 1
        await until_quiet(witness)


async def test_timeout_in_the_loop(tables_url: str, witness: Any) -> None:
    """A deadline of the caller's own ends a stream as a cancellation does."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        store = haus.store(Label)
        with pytest.raises(TimeoutError):  # noqa: PT012 - the block is what fails
            async with asyncio.timeout(None) as deadline, store.stream(QUERY, batch=3) as rows:
                async for _ in rows:
                    deadline.reschedule(asyncio.get_running_loop().time())
                    await asyncio.Event().wait()
        stats = store._database.driver.stats()
        assert stats.size == stats.idle == 1
        assert await store.count() == 10

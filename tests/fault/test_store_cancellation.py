"""Cancelling every verb at each of its awaits: all or nothing, and an intact pool."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from fault.cancellation import Moment, Scalpel
from fault.waiting import PATIENCE_SECONDS, until_idle, until_quiet
from fix_haus import Draft, Recorder, driver_of
from storehaus import GenericStore, StorehausError
from storehaus.store import Database

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 60

Work = Callable[[GenericStore[Draft]], Awaitable[Any]]

VERBS: dict[str, Work] = {
    "create": lambda s: s.create(Draft(id=9, text="n")),
    "create_many": lambda s: s.create_many([Draft(id=i, text="n") for i in (8, 9)]),
    "create_many that fails": lambda s: s.create_many([Draft(id=i, text="n") for i in (8, 1, 9)]),
    "load": lambda s: s.load([Draft(id=i, text="n") for i in (8, 9)]),
    "load that fails": lambda s: s.load([Draft(id=i, text="n") for i in (8, 1, 9)]),
    "update": lambda s: s.update(1, Draft(id=1, text="n")),
    "update_many": lambda s: s.update_many([(i, Draft(id=i, text="n")) for i in (1, 2)]),
    "update_many that fails": lambda s: s.update_many(
        [(i, Draft(id=i, text="n")) for i in (1, 2, 3)]
    ),
    "patch": lambda s: s.patch(1, text="n"),
    "update_where": lambda s: s.update_where(Draft.id < 3, {"text": "n"}),
    "upsert": lambda s: s.upsert(Draft(id=1, text="n")),
    "upsert_many": lambda s: s.upsert_many([Draft(id=i, text="n") for i in (1, 9)]),
    "delete": lambda s: s.delete(1),
    "delete_many": lambda s: s.delete_many([1, 2]),
    "delete_where": lambda s: s.delete_where(Draft.id < 3),
    "restore": lambda s: s.restore(3),
    "purge": lambda s: s.purge(1),
    "get_by_id": lambda s: s.get_by_id(1),
    "find": lambda s: s.find(Draft.id < 3),
}
BEFORE = [(1, "old", True), (2, "old", True), (3, "old", False)]


@pytest.fixture
async def witness(tables_url: str) -> AsyncIterator[Any]:
    """A raw connection to the shared tables."""
    connection = await asyncpg.connect(tables_url)
    await connection.execute("DELETE FROM drafts")
    yield connection
    await connection.close()


async def reset(witness: Any) -> None:
    """The rows of `BEFORE`."""
    await witness.execute("DELETE FROM drafts")
    await witness.executemany(
        "INSERT INTO drafts (id, text, __is_active__) VALUES ($1, $2, $3)", BEFORE
    )


async def rows(witness: Any) -> list[tuple[Any, ...]]:
    """All rows as they are in the table."""
    found = await witness.fetch("SELECT id, text, __is_active__ FROM drafts ORDER BY id")
    return [tuple(row) for row in found]


async def attempt(work: Awaitable[Any]) -> None:
    """Let a verb end as it will; only typed errors may come out."""
    try:
        await work
    except StorehausError:
        return


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("plugins", [[], [Recorder(in_transaction=True)]], ids=["alone", "within"])
async def test_cancelled_verb_is_all_or_nothing(
    tables_url: str, witness: Any, moment: Moment, plugins: list[Recorder]
) -> None:
    """Whenever a verb is cancelled, all of its rows are written or none, and the pool is whole."""
    driver = driver_of(tables_url, min_connections=0, max_connections=1)
    await driver.open()
    try:
        store = GenericStore(Database(driver, plugins), Draft)
        for verb, work in VERBS.items():
            await reset(witness)
            await attempt(work(store))
            done = await rows(witness)
            steps = await cancel_everywhere(store, work, moment, witness, [BEFORE, done])
            assert steps > 0, verb
            assert driver.stats().size == driver.stats().idle == 1
    finally:
        await driver.close()


async def cancel_everywhere(
    store: GenericStore[Draft],
    work: Work,
    moment: Moment,
    witness: Any,
    allowed: list[list[tuple[Any, ...]]],
) -> int:
    """Cancel a verb at its first await, its second and so on; give their number."""
    for step in range(1, STEPS_AT_MOST):
        await reset(witness)
        scalpel = Scalpel(step, moment)
        task = asyncio.create_task(scalpel.run(attempt(work(store))))  # type: ignore[arg-type]  # a coroutine
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([task])
        if not task.cancelled():
            await task
        await until_idle(store._database.driver)
        await until_quiet(witness)
        assert await rows(witness) in allowed
        if not scalpel.reached:
            return step - 1
    pytest.fail(f"more than {STEPS_AT_MOST} awaits")


async def test_cancelled_source_of_a_load_leaves_nothing(
    tables_url: str, witness: Any, small_chunks: int
) -> None:
    """A load that is cancelled while it waits for its source rolls back and closes the source."""
    driver = driver_of(tables_url, max_connections=1)
    await driver.open()
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def drafts() -> Any:
        try:
            for i in range(2_000):
                yield Draft(id=i, text="x")
            waiting.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    try:
        store = GenericStore(Database(driver), Draft)
        task = asyncio.create_task(store.load(drafts()))
        await waiting.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()
        await until_quiet(witness)
        assert await rows(witness) == []
        assert closed.is_set()
    finally:
        await driver.close()

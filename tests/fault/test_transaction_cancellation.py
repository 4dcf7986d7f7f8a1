"""Cancelling transactions at each of their awaits: all of it with its effects, or nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import asyncpg
import pytest

from fault.cancellation import Moment, Scalpel
from fault.transactions import BEFORE, WORKS, Effects, drafts_of, locks, reset, rows
from fault.waiting import PATIENCE_SECONDS, until_idle, until_quiet
from fix_haus import Draft, Recorder, counted_haus
from storehaus import QueryTimeout, StoreHaus, StorehausError
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 80

Opened = tuple[StoreHaus, CountingDriver, Recorder]


@pytest.fixture
async def witness(tables_url: str) -> AsyncIterator[Any]:
    """A raw connection to the shared tables."""
    connection = await asyncpg.connect(tables_url)
    await connection.execute("DELETE FROM drafts")
    yield connection
    await connection.close()


@pytest.fixture
async def opened(tables_url: str) -> AsyncIterator[Opened]:
    """An open haus of two connections, its driver and a plug-in."""
    plugin = Recorder()
    async with counted_haus(tables_url, plugin, min_connections=2, max_connections=2) as made:
        yield *made, plugin


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("name", WORKS)
async def test_cancelled_transaction_is_all_or_nothing(
    opened: Opened, witness: Any, name: str, moment: Moment
) -> None:
    """Rows and effects agree, and nothing is left in the pool or in the server."""
    haus, driver, plugin = opened
    work, done, expected = WORKS[name]
    seen: list[bool] = []
    for step in range(1, STEPS_AT_MOST):
        await reset(witness)
        plugin.events.clear()
        effects: Effects = []
        scalpel = Scalpel(step, moment)
        task = asyncio.create_task(scalpel.run(work(haus, effects)))  # type: ignore[arg-type]  # a coroutine
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([task])
        assert task.cancelled() == scalpel.reached
        await until_idle(driver)
        await until_quiet(witness)

        is_done = await rows(witness) == done
        assert is_done or await rows(witness) == BEFORE
        assert effects == (expected if is_done else [])
        assert bool(plugin.outcomes) == is_done
        assert await locks(witness) == 0
        assert driver.stats().size == driver.stats().idle
        seen.append(is_done)
        if not scalpel.reached:
            break
    # It never goes back: once a step is behind the COMMIT, all later ones are.
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (False, True)
    assert seen.count(True) > 1, "no cancellation came after the COMMIT"


@pytest.mark.parametrize("name", WORKS)
async def test_cancellation_again_and_again_changes_nothing(
    opened: Opened, witness: Any, name: str
) -> None:
    """AnyIO's scopes cancel at every await until they are left."""
    haus, driver, _ = opened
    work, done, expected = WORKS[name]
    for step in range(1, STEPS_AT_MOST, 2):
        await reset(witness)
        effects: Effects = []
        scope = anyio.CancelScope()
        scalpel = Scalpel(step, "while waiting", scope.cancel)
        with scope:
            await scalpel.run(work(haus, effects))  # type: ignore[arg-type]  # a coroutine
        await until_idle(driver)
        await until_quiet(witness)

        is_done = await rows(witness) == done
        assert is_done or await rows(witness) == BEFORE
        assert effects == (expected if is_done else [])
        assert await locks(witness) == 0
        if not scalpel.reached:
            break
    assert is_done


async def test_savepoint_is_undone_though_its_statement_was_cut_off(
    opened: Opened, witness: Any
) -> None:
    """Whoever catches the time-out of a block goes on in the outer one."""
    haus, _, plugin = opened
    drafts = drafts_of(haus)
    await reset(witness)
    async with haus.transaction():
        await drafts.create(Draft(id=7, text="n"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), haus.transaction(), haus.connection() as connection:
                await drafts.create(Draft(id=8, text="n"))
                await connection.fetch("SELECT pg_sleep(60)")
        await drafts.create(Draft(id=9, text="n"))

    assert await rows(witness) == [*BEFORE, (7, "n"), (9, "n")]
    assert len(plugin.outcomes) == 2


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
async def test_savepoint_that_is_cancelled_leaves_a_usable_block_or_a_failed_one(
    opened: Opened, witness: Any, moment: Moment
) -> None:
    """What it left is never half of it, whatever the outer block does then."""
    haus, driver, _ = opened
    drafts = drafts_of(haus)
    reached = True
    step = 0
    endings: set[str] = set()
    while reached:
        step += 1
        await reset(witness)
        effects: Effects = []
        failure: str | None = None

        async def inner() -> None:
            async with haus.transaction() as tx:
                await drafts.create(Draft(id=8, text="n"))
                tx.on_commit(lambda: effects.append("inner"))  # noqa: B023 - it runs in this turn
                await drafts.create(Draft(id=9, text="n"))

        scalpel = Scalpel(step, moment)

        async def outer() -> None:
            async with haus.transaction():
                await drafts.create(Draft(id=7, text="n"))
                try:
                    await scalpel.run(inner())  # noqa: B023 - it runs in this turn
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    assert task is not None
                    task.uncancel()
                await drafts.patch(1, text="n")

        try:
            await asyncio.create_task(outer())
        except StorehausError as error:
            failure = type(error).__name__
        await until_idle(driver)
        await until_quiet(witness)
        reached = scalpel.reached

        left = await rows(witness)
        if failure is not None:
            assert (left, effects) == (BEFORE, [])
            endings.add("failed")
        elif effects:
            assert effects == ["inner"]
            assert left == [(1, "n"), (2, "old"), (7, "n"), (8, "n"), (9, "n")]
            endings.add("kept")
        else:
            assert left == [(1, "n"), (2, "old"), (7, "n")]
            endings.add("undone")
    assert {"kept", "undone"} <= endings


async def test_transaction_waits_for_its_connection_within_its_deadline(
    tables_url: str, witness: Any
) -> None:
    """The deadline covers the pool as well."""
    async with counted_haus(tables_url, max_connections=1) as (haus, driver):
        async with haus.connection():
            with pytest.raises(QueryTimeout):
                async with haus.transaction(timeout_seconds=0.1):
                    pass
        await until_idle(driver)
        assert driver.stats().waiting == 0

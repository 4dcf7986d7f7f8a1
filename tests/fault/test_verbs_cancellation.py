"""Cancelling the verbs that take queries at each of their awaits: nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from fault.cancellation import Moment, Scalpel
from fault.verbs import BEFORE, CASES, DISTURBED, PLACES, allowed, attempt, prepare, reset, rows
from fault.waiting import PATIENCE_SECONDS, until_idle, until_quiet
from fix_haus import Recorder, counted_haus
from fix_verbs import Pet
from storehaus import QueryBuilder, StoreHaus, func
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 90


@pytest.fixture
async def witness(verbs_url: str, empty_verbs: None) -> AsyncIterator[Any]:
    """A raw connection to the shared tables."""
    connection = await asyncpg.connect(verbs_url)
    await prepare(connection)
    yield connection
    await connection.close()


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize(("name", "place"), DISTURBED)
async def test_cancelled_verb_leaves_nothing(
    verbs_url: str, witness: Any, name: str, place: str, moment: Moment
) -> None:
    """All of its rows or none, no lost connection, no open transaction, no setting, no lock."""
    plugins = [Recorder(in_transaction=True)] if place == "with a plug-in" else []
    limits = {"min_connections": 0, "max_connections": 1}
    async with counted_haus(verbs_url, *plugins, **limits) as (haus, driver):
        await cancel_everywhere(haus, driver, witness, name, place, moment)


async def cancel_everywhere(  # noqa: PLR0917 - what is done, and to what
    haus: StoreHaus, driver: CountingDriver, witness: Any, name: str, place: str, moment: Moment
) -> None:
    """Cancel it at its first await, its second and so on."""
    work = PLACES[place](CASES[name].work)
    await reset(witness)
    failed = await attempt(work(haus))
    done = await rows(witness)
    assert (done == (BEFORE, [])) == (not CASES[name].writes or failed is not None)
    for step in range(1, STEPS_AT_MOST):
        await reset(witness)
        scalpel = Scalpel(step, moment)
        task = asyncio.create_task(scalpel.run(attempt(work(haus))))  # type: ignore[arg-type]  # a coroutine
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait([task])
        if not task.cancelled():
            await task
        await check_intact(haus, driver, witness)
        assert await rows(witness) in allowed(place, done)
        if not scalpel.reached:
            break
    assert not scalpel.reached, f"more than {STEPS_AT_MOST} awaits"
    assert step > 1


async def check_intact(haus: StoreHaus, driver: CountingDriver, witness: Any) -> None:
    """See that the pool is whole, works, and that nobody holds or has set anything."""
    await until_idle(driver)
    await until_quiet(witness)
    stats = driver.stats()
    assert (stats.size, stats.waiting) == (stats.idle, 0)
    assert await held(witness) == []
    reads = func.current_setting("storehaus.leak", True, returns=str).as_("leak")
    found = await haus.store(Pet).select(QueryBuilder(Pet).select(reads).limit(1))
    assert found[0][0] in {None, ""}


async def held(witness: Any) -> list[Any]:
    """Locks of other backends of this database."""
    found: list[Any] = await witness.fetch(
        "SELECT locktype, mode FROM pg_locks WHERE pid <> pg_backend_pid() AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return found

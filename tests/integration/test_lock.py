"""Advisory locks by name: who has them, for how long, and what becomes of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from fix_haus import Label, config_of, counted_haus
from storehaus import ConnectionFailed, LockNotAvailable, StoreHaus, TransactionMisuse
from storehaus.haus.lock import lock_key

pytestmark = pytest.mark.anyio


@pytest.fixture
async def other(tables_url: str) -> AsyncIterator[StoreHaus]:
    """Another process, as far as PostgreSQL can see."""
    async with StoreHaus(config_of(tables_url)) as opened:
        yield opened


async def held(witness: Any) -> int:
    """How many advisory locks there are in this database."""
    count: int = await witness.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return count


async def is_free(haus: StoreHaus, name: str, **options: Any) -> bool:
    """Whether somebody could have it at once."""
    async with haus.lock(name, wait=False, **options) as acquired:
        return acquired


async def test_lock_excludes_others(haus: StoreHaus, other: StoreHaus, witness: Any) -> None:
    """Under its name only, and until the block ends."""
    async with haus.lock("a") as acquired:
        assert acquired is True
        assert not await is_free(other, "a")
        assert not await is_free(haus, "a")
        assert await is_free(other, "b")
    assert await is_free(other, "a")
    assert await held(witness) == 0


async def test_shared_lock_excludes_only_the_exclusive(haus: StoreHaus, other: StoreHaus) -> None:
    """Readers among themselves do not wait."""
    async with haus.lock("a", shared=True):
        assert await is_free(other, "a", shared=True)
        assert not await is_free(other, "a")


async def test_waiting_ends_when_the_lock_is_free(haus: StoreHaus, other: StoreHaus) -> None:
    """One after the other, in and out of transactions."""
    order: list[str] = []
    waiting = asyncio.Event()

    async def second() -> None:
        waiting.set()
        async with other.lock("a"):
            order.append("second")

    async def third() -> None:
        async with other.transaction(), other.lock("a"):
            order.append("third")

    async with haus.lock("a"):
        tasks = [asyncio.create_task(second()), asyncio.create_task(third())]
        await waiting.wait()
        order.append("first")
    await asyncio.gather(*tasks)
    assert order[0] == "first"
    assert sorted(order[1:]) == ["second", "third"]


@pytest.mark.parametrize("inside", [True, False])
async def test_time_out_is_told(haus: StoreHaus, other: StoreHaus, *, inside: bool) -> None:
    """By an error of its own, transient; an open transaction is none the worse for it."""
    labels = other.store(Label)
    async with haus.lock("a"), AsyncExitStack() as stack:
        if inside:
            await stack.enter_async_context(other.transaction())
        with pytest.raises(LockNotAvailable) as caught:
            await stack.enter_async_context(other.lock("a", timeout_seconds=0.1))
        await labels.create(Label(key="a", value=""))

    assert (caught.value.sqlstate, caught.value.is_transient) == ("55P03", True)
    assert "'a'" in str(caught.value)
    assert await labels.count() == 1
    assert await is_free(haus, "a")


async def test_deadline_of_statements_is_a_time_out_too(tables_url: str, haus: StoreHaus) -> None:
    """Without a time-out of its own, a lock waits as long as a statement may take."""
    async with (
        StoreHaus(config_of(tables_url, statement_timeout_seconds=0.1)) as hurried,
        haus.lock("a"),
    ):
        with pytest.raises(LockNotAvailable):
            async with hurried.lock("a"):
                pass


async def test_in_a_transaction_it_lasts_to_its_end(
    haus: StoreHaus, other: StoreHaus, witness: Any
) -> None:
    """It needs no connection of its own, and outlives its block."""
    async with haus.transaction():
        async with haus.lock("a", timeout_seconds=5) as acquired:
            assert acquired
        async with haus.lock("a", wait=False) as again:
            assert again
        assert not await is_free(other, "a")
        async with other.transaction(), other.lock("a", wait=False) as theirs:
            assert theirs is False
    assert await held(witness) == 0


async def test_lock_in_a_transaction_is_one_round_trip(tables_url: str, witness: Any) -> None:
    """Unless it may time out, which a savepoint keeps from failing the transaction."""
    async with counted_haus(tables_url) as (haus, driver), haus.transaction():
        driver.reset()
        async with haus.lock("a"):
            pass
        assert [call.kind for call in driver.calls] == ["fetch"]


async def test_body_is_not_in_the_locks_transaction(
    haus: StoreHaus, other: StoreHaus, witness: Any
) -> None:
    """What it writes is durable at once, and not undone by what ends it."""

    async def work() -> None:
        async with haus.lock("a"):
            await haus.store(Label).create(Label(key="a", value=""))
            assert await witness.fetchval("SELECT count(*) FROM labels") == 1
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert await witness.fetchval("SELECT count(*) FROM labels") == 1
    assert await is_free(other, "a")


async def test_child_tasks_may_use_stores_under_a_lock(haus: StoreHaus) -> None:
    """Outside of a transaction it binds nothing to the context."""
    labels = haus.store(Label)
    async with haus.lock("a"):
        assert await asyncio.gather(labels.count(), labels.count()) == [0, 0]
        async with haus.transaction():
            await labels.create(Label(key="a", value=""))


async def test_waiting_lock_is_not_ended_by_idle_time_outs(tables_url: str, witness: Any) -> None:
    """Its transaction waits for as long as the body takes."""
    name = await witness.fetchval("SELECT current_database()")
    await witness.execute(f'ALTER DATABASE "{name}" SET idle_in_transaction_session_timeout = 50')
    try:
        async with StoreHaus(config_of(tables_url)) as haus:
            async with haus.connection() as connection:
                rows = await connection.fetch("SHOW idle_in_transaction_session_timeout")
                assert rows[0][0] == "50ms"
            async with haus.lock("a"):
                await witness.execute("SELECT pg_sleep(0.3)")
                assert await held(witness) == 1
    finally:
        await witness.execute(f'ALTER DATABASE "{name}" RESET ALL')


async def test_lost_lock_is_told_on_leaving(
    haus: StoreHaus, other: StoreHaus, witness: Any
) -> None:
    """Somebody else may have had it meanwhile."""

    async def work() -> None:
        async with haus.lock("a"):
            await witness.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
            assert await is_free(other, "a")

    with pytest.raises(ConnectionFailed, match="lock"):
        await work()
    assert await is_free(haus, "a")


async def test_error_of_the_body_is_not_hidden_by_a_lost_lock(
    haus: StoreHaus, witness: Any
) -> None:
    """What the body raised comes out."""

    async def work() -> None:
        async with haus.lock("a"):
            await witness.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
            raise LookupError

    with pytest.raises(LookupError):
        await work()


async def test_lock_that_is_not_had_keeps_no_connection(tables_url: str, haus: StoreHaus) -> None:
    """wait=False runs its body on an empty hand."""
    async with (
        counted_haus(tables_url, max_connections=1) as (single, driver),
        haus.lock("a"),
        single.lock("a", wait=False) as acquired,
    ):
        assert acquired is False
        assert driver.stats().idle == driver.stats().size == 1
        assert await single.store(Label).count() == 0


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
async def test_time_out_is_a_number_of_seconds(haus: StoreHaus, seconds: float) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(TransactionMisuse):
        haus.lock("a", timeout_seconds=seconds)


def test_key_of_a_lock_is_pinned() -> None:
    """Versions that run side by side must agree on it; it covers all of 64 bits, signed."""
    assert lock_key("nightly-report") == -9_216_380_091_565_040_003
    keys = [lock_key(str(i)) for i in range(1_000)]
    assert len(set(keys)) == 1_000
    assert min(keys) < -(2**62)
    assert max(keys) > 2**62

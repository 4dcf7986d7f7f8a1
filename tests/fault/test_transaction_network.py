"""A network that breaks or freezes under transactions: what may have happened is told apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fault.cancellation import Moment, Scalpel
from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fault.transactions import BEFORE, WORKS, Effects, drafts_of, locks, reset, rows
from fault.waiting import PATIENCE_SECONDS, until, until_idle, until_quiet
from fix_haus import Draft, config_of
from storehaus import CommitUnknown, ConnectionFailed, QueryTimeout, StoreHaus
from storehaus.migrations import migrate

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 80


@pytest.fixture
async def haus(make_driver: MakeDriver, postgres_url: str) -> AsyncIterator[StoreHaus]:
    """An open haus behind the proxy, with the table of drafts."""
    await migrate({"dsn": postgres_url}, [Draft])
    made = make_driver()
    haus = StoreHaus(config_of(postgres_url), driver_factory=lambda _: made)
    await haus.open()
    yield haus
    await haus.close(grace_seconds=0.0)


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("name", WORKS)
async def test_cut_transaction_is_all_or_nothing(
    haus: StoreHaus, proxy: Proxy, witness: Any, name: str, moment: Moment
) -> None:
    """Effects happen when it is known to be committed, and at most once; a typed error says why."""
    work, done, expected = WORKS[name]
    driver = haus._database.driver
    failures: set[type] = set()
    for step in range(1, STEPS_AT_MOST):
        await reset(witness)
        effects: Effects = []
        failure: Exception | None = None
        scalpel = Scalpel(step, moment, proxy.cut)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scalpel.run(work(haus, effects))  # type: ignore[arg-type]  # a coroutine
        except (ConnectionFailed, CommitUnknown, ExceptionGroup) as error:
            failure = error
            failures.add(type(error))
        await until_idle(driver)
        await until_quiet(witness)

        is_done = await rows(witness) == done
        assert is_done or await rows(witness) == BEFORE
        if isinstance(failure, ExceptionGroup):
            # An effect met the broken network: the others ran all the same.
            assert is_done
            assert set(effects) < set(expected)
        elif isinstance(failure, CommitUnknown):
            assert effects == []
        elif is_done:
            assert effects == expected
        else:
            assert isinstance(failure, ConnectionFailed)
            assert effects == []
        assert await locks(witness) == 0
        assert driver.stats().size == driver.stats().idle
        if not scalpel.reached:
            break
    assert is_done
    assert ConnectionFailed in failures


async def test_lost_connection_is_told_by_the_verb_and_hidden_by_nothing(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """Nested blocks roll back without errors of their own, and their callbacks run."""
    drafts = drafts_of(haus)
    await reset(witness)
    ran: list[str] = []
    with pytest.raises(ConnectionFailed) as caught:
        async with haus.transaction() as tx:
            tx.on_rollback(lambda: ran.append("outer"))
            await drafts.create(Draft(id=7, text="n"))
            async with haus.transaction() as inner:
                inner.on_rollback(lambda: ran.append("inner"))
                proxy.cut()
                await drafts.create(Draft(id=8, text="n"))

    assert caught.value.__cause__ is None
    assert ran == ["inner", "outer"]
    await until_quiet(witness)
    assert await rows(witness) == BEFORE


async def test_caught_loss_does_not_bring_back_the_transaction(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """Every later verb and the end of the block say the same."""
    drafts = drafts_of(haus)
    await reset(witness)
    with pytest.raises(ConnectionFailed):
        async with haus.transaction():
            await drafts.create(Draft(id=7, text="n"))
            with pytest.raises(ConnectionFailed):
                async with haus.transaction():
                    proxy.cut()
                    await drafts.create(Draft(id=8, text="n"))
            with pytest.raises(ConnectionFailed):
                await drafts.create(Draft(id=9, text="n"))

    await until_quiet(witness)
    assert await rows(witness) == BEFORE
    assert (await drafts.create(Draft(id=7, text="n"))).id == 7


@pytest.mark.parametrize("direction", ["request", "reply"])
async def test_commit_that_is_cut_is_unknown(
    haus: StoreHaus, proxy: Proxy, witness: Any, direction: Any
) -> None:
    """No effects of either kind run, since nobody knows; atomic does not repeat it."""
    await reset(witness)
    ran: list[str] = []
    attempts: list[int] = []

    async def work() -> None:
        attempts.append(1)
        async with haus.transaction() as tx:
            await drafts_of(haus).create(Draft(id=7, text="n"))
            tx.on_commit(lambda: ran.append("commit"))
            tx.on_rollback(lambda: ran.append("rollback"))
        proxy.when(direction, b"COMMIT", proxy.cut)

    with pytest.raises(CommitUnknown):
        await haus.atomic(work)

    await until_quiet(witness)
    happened = direction == "reply"
    assert await rows(witness) == [*BEFORE, (7, "n")][: 3 if happened else 2]
    assert (ran, attempts) == ([], [1])


async def test_commit_under_way_is_seen_through(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """A cancellation while the answer is on its way: effects run once, then it comes out."""
    await reset(witness)
    ran: list[str] = []
    frozen = asyncio.Event()

    def freeze() -> None:
        proxy.freeze()
        frozen.set()

    async def work() -> None:
        async with haus.transaction(timeout_seconds=30) as tx:
            await drafts_of(haus).create(Draft(id=7, text="n"))
            tx.on_commit(lambda: ran.append("commit"))
            proxy.when("reply", b"COMMIT", freeze)

    task = asyncio.create_task(work())
    await frozen.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert (ran, task.done()) == ([], False)
    proxy.thaw()
    await asyncio.wait([task])

    assert task.cancelled()
    assert ran == ["commit"]
    assert await rows(witness) == [*BEFORE, (7, "n")]


async def test_commit_without_an_answer_does_not_hold_a_cancelled_caller(
    haus: StoreHaus, proxy: Proxy, witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a grace the connection is given up; the outcome is unknown, and no effects run."""
    monkeypatch.setattr("storehaus.store.effects._GRACE_SECONDS", 0.2)
    monkeypatch.setattr("storehaus.driver.asyncpg_driver._CLEANING_SECONDS", 0.2)
    await reset(witness)
    ran: list[str] = []
    frozen = asyncio.Event()

    def freeze() -> None:
        proxy.freeze()
        frozen.set()

    async def work() -> None:
        async with haus.transaction() as tx:
            await drafts_of(haus).create(Draft(id=7, text="n"))
            tx.on_commit(lambda: ran.append("commit"))
            tx.on_rollback(lambda: ran.append("rollback"))
            proxy.when("reply", b"COMMIT", freeze)

    task = asyncio.create_task(work())
    await frozen.wait()
    task.cancel()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.wait([task])

    assert task.cancelled()
    assert ran == []
    await until_idle(haus._database.driver)
    assert haus._database.driver.stats().size == 0
    proxy.thaw()


async def test_commit_past_the_deadline_is_unknown(
    haus: StoreHaus, proxy: Proxy, witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A block with a deadline does not wait for ever for the answer to its COMMIT."""
    monkeypatch.setattr("storehaus.store.block._LAST_SECONDS", 0.1)
    await reset(witness)

    with pytest.raises(CommitUnknown):
        async with haus.transaction(timeout_seconds=0.5):
            await drafts_of(haus).create(Draft(id=7, text="n"))
            proxy.when("reply", b"COMMIT", proxy.freeze)

    proxy.thaw()
    assert await rows(witness) == [*BEFORE, (7, "n")]


async def test_frozen_network_ends_at_the_deadline(
    haus: StoreHaus, proxy: Proxy, witness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller gets his time-out, and the server frees the locks of the frozen client."""
    monkeypatch.setattr("storehaus.store.block._SERVER_MARGIN_SECONDS", 0.1)
    monkeypatch.setattr("storehaus.store.block._LAST_SECONDS", 0.1)
    await reset(witness)
    drafts = drafts_of(haus)
    with pytest.raises(QueryTimeout):
        async with haus.transaction(timeout_seconds=0.3):
            await drafts.patch(1, text="n")
            async with haus.transaction():
                proxy.freeze()
                await drafts.patch(2, text="n")

    # The proxy is frozen still: it is the server that ends the transaction.
    await until_quiet(witness)
    assert await rows(witness) == BEFORE
    proxy.thaw()

    async def works() -> bool:
        try:
            return (await drafts.get(1)).text == "old"
        except ConnectionFailed:
            return False

    await until(works)


async def test_lock_whose_connection_is_cut_is_free(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """Its holder is told on leaving."""
    with pytest.raises(ConnectionFailed, match="lock"):
        async with haus.lock("a"):
            assert await locks(witness) == 1
            proxy.cut()
            await until_quiet(witness)
            assert await locks(witness) == 0

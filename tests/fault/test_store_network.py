"""A network that breaks under the verbs of a store: what may have happened is told apart."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fault.waiting import until_idle, until_quiet
from fix_haus import Draft, Recorder
from storehaus import CommitUnknown, ConnectionFailed, GenericStore, StorehausError, UniqueViolation
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.migrations import migrate
from storehaus.store import Database

pytestmark = pytest.mark.anyio

WRITES: dict[str, Callable[[GenericStore[Draft]], Any]] = {
    "create": lambda s: s.create(Draft(id=9, text="n")),
    "create_many": lambda s: s.create_many([Draft(id=i, text="n") for i in (8, 9)]),
    "update": lambda s: s.update(1, Draft(id=1, text="n")),
    "update_many": lambda s: s.update_many([(i, Draft(id=i, text="n")) for i in (1, 2)]),
    "patch": lambda s: s.patch(1, text="n"),
    "update_where": lambda s: s.update_where(Draft.id < 3, {"text": "n"}),
    "upsert_many": lambda s: s.upsert_many([Draft(id=i, text="n") for i in (1, 9)]),
    "delete": lambda s: s.delete(1),
    "delete_many": lambda s: s.delete_many([1, 2]),
    "delete_where": lambda s: s.delete_where(Draft.id < 3),
    "restore": lambda s: s.restore(3),
    "purge": lambda s: s.purge(1),
}
READS: dict[str, Callable[[GenericStore[Draft]], Any]] = {
    "get_by_id": lambda s: s.get_by_id(1),
    "get_many": lambda s: s.get_many([1, 2]),
    "find": lambda s: s.find(Draft.id == 1),
    "list_all": lambda s: s.list_all(),
    "count": lambda s: s.count(),
    "exists": lambda s: s.exists(Draft.id == 1),
}


# What the server says when it has done it.
TAGS = {
    "create": b"INSERT 0",
    "create_many": b"INSERT 0",
    "upsert_many": b"INSERT 0",
    "purge": b"DELETE 1",
}


@pytest.fixture
async def driver(make_driver: MakeDriver, postgres_url: str) -> AsyncpgDriver:
    """An open driver behind the proxy, to a database with the table of drafts."""
    await migrate({"dsn": postgres_url}, [Draft])
    made = make_driver()
    await made.open()
    return made


async def reset(witness: Any) -> None:
    """Drafts 1 and 2, and 3 which is deleted."""
    await witness.execute(
        "DELETE FROM drafts; INSERT INTO drafts (id, text, __is_active__)"
        " VALUES (1, 'old', true), (2, 'old', true), (3, 'old', false)"
    )


async def rows(witness: Any) -> list[tuple[Any, ...]]:
    """All rows as they are in the table."""
    found = await witness.fetch("SELECT id, text, version, __is_active__ FROM drafts ORDER BY id")
    return [tuple(row) for row in found]


async def test_write_whose_answer_is_lost_is_unknown(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """Every single-statement write has happened, and its caller learns that nobody knows."""
    store = GenericStore(Database(driver), Draft)
    for verb, write in WRITES.items():
        await reset(witness)
        before = await rows(witness)
        proxy.when("reply", TAGS.get(verb, b"UPDATE "), proxy.cut)

        with pytest.raises(CommitUnknown) as caught:
            await write(store)

        assert caught.value.is_transient is False
        assert await rows(witness) != before, verb


async def test_write_that_never_arrived_is_unknown_too(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """The client cannot tell a lost request from a lost answer."""
    store = GenericStore(Database(driver), Draft)
    for verb, write in WRITES.items():
        await reset(witness)
        before = await rows(witness)
        proxy.when("request", b"drafts", proxy.cut)

        with pytest.raises(CommitUnknown):
            await write(store)

        await until_quiet(witness)
        assert await rows(witness) == before, verb


async def test_read_that_is_cut_has_failed(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """A read changes nothing, so that it is a lost connection and may be made again."""
    store = GenericStore(Database(driver), Draft)
    await reset(witness)
    for verb, read in READS.items():
        proxy.when("request", b"drafts", proxy.cut)

        with pytest.raises(ConnectionFailed) as caught:
            await read(store)

        assert caught.value.is_transient
        assert await read(store) is not None, verb


async def test_transaction_that_is_cut_before_its_commit_has_failed(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """Several statements are one transaction: before COMMIT nothing has happened."""
    plugin = Recorder(in_transaction=True)
    store = GenericStore(Database(driver, [plugin]), Draft)
    for write in WRITES.values():
        await reset(witness)
        before = await rows(witness)
        proxy.when("reply", b"BEGIN", lambda: proxy.when("request", b"drafts", proxy.cut))

        with pytest.raises(ConnectionFailed):
            await write(store)

        await until_quiet(witness)
        assert await rows(witness) == before
    assert plugin.outcomes == []


async def test_transaction_whose_commit_is_cut_is_unknown(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """And whoever waits for after_commit hears nothing."""
    plugin = Recorder(in_transaction=True)
    store = GenericStore(Database(driver, [plugin]), Draft)
    for write in WRITES.values():
        await reset(witness)
        proxy.when("reply", b"COMMIT", proxy.cut)

        with pytest.raises(CommitUnknown):
            await write(store)
    assert plugin.outcomes == []


async def test_load_that_is_cut_leaves_nothing(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any, small_chunks: int
) -> None:
    """However many chunks had been sent."""
    store = GenericStore(Database(driver), Draft)

    def drafts() -> Any:
        for i in range(3_000):
            if i == 2_500:
                proxy.cut()
            yield Draft(id=i, text="x")

    with pytest.raises(ConnectionFailed):
        await store.load(drafts())

    await until_quiet(witness)
    assert await rows(witness) == []


async def test_write_that_nobody_answers_in_time_is_unknown(
    make_driver: MakeDriver, driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """A deadline ends the waiting, not the statement."""
    hurried = make_driver(statement_timeout_seconds=0.2)
    await hurried.open()
    await reset(witness)
    proxy.when("reply", b"UPDATE ", proxy.freeze)

    with pytest.raises(CommitUnknown):
        await GenericStore(Database(hurried), Draft).patch(1, text="n")

    proxy.thaw()
    assert (1, "n", 2, True) in await rows(witness)


async def test_violation_is_told_though_the_search_for_the_row_fails(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """Losing the connection while the row is looked for does not hide why the batch failed."""
    await reset(witness)
    store = GenericStore(Database(driver), Draft)
    proxy.when("request", b"SAVEPOINT", proxy.cut)

    with pytest.raises(UniqueViolation) as caught:
        await store.create_many([Draft(id=i, text="x") for i in (7, 1, 8)])

    assert (caught.value.row_index, caught.value.fields) == (None, ("id",))
    await until_quiet(witness)
    assert len(await rows(witness)) == 3


async def test_store_works_again_after_the_network_does(
    driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """No verb leaves the pool in a state that the next one suffers from."""
    store = GenericStore(Database(driver), Draft)
    await reset(witness)
    for _ in range(3):
        proxy.cut()
        results = await asyncio.gather(
            *(store.patch(1, text=str(i)) for i in range(6)), return_exceptions=True
        )
        assert all(isinstance(each, Draft | StorehausError) for each in results)

    await until_idle(driver)
    assert (await store.patch(1, text="end")).text == "end"

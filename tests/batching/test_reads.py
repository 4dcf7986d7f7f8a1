"""Reads by id at the same time share statements, and give what separate ones would."""

import asyncio
from contextvars import ContextVar
from typing import Any

import asyncpg
import pytest

from fix_haus import Airport, Gadget, Mood, Seat, Wallet, airport, driver_of
from gate import GatedDriver, settle
from storehaus import (
    ConnectionFailed,
    DatabaseError,
    GenericStore,
    NotFound,
    Plugin,
    QueryTimeout,
    StorehausError,
)
from storehaus.store import Database
from storehaus.testing import FakeDriver

pytestmark = pytest.mark.anyio

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


class Tenants(Plugin):
    """Reads belong to a tenant, who stands in the context."""

    def batch_key(self) -> str:
        """Give the tenant."""
        return tenant.get()


def wallets(driver: Any, *plugins: Plugin, batching: bool = True) -> GenericStore[Wallet]:
    """A store of wallets."""
    return GenericStore(Database(driver, plugins), Wallet, batching=batching)


async def filled(driver: GatedDriver, count: int = 100) -> GenericStore[Wallet]:
    """A store with wallets 0, 1 and so on; nothing of that is counted."""
    store = wallets(driver)
    await store.create_many([Wallet(id=i, owner=f"o{i}") for i in range(count)])
    driver.reset()
    return store


async def test_lone_reads_go_out_by_the_plain_statement(gated: GatedDriver) -> None:
    """One after the other none waits, and none is sent as a batch."""
    store = await filled(gated)

    found = [await store.get_by_id(i) for i in (1, 2, 500)]

    assert [row and row.id for row in found] == [1, 2, None]
    assert [call.params for call in gated.calls] == [(1,), (2,), (500,)]
    assert "ANY" not in "".join(gated.texts)


async def test_lone_read_is_sent_before_the_next_turn_of_the_loop(gated: GatedDriver) -> None:
    """Nothing stands between a lone call and the driver."""
    store = await filled(gated)
    task = asyncio.create_task(store.get_by_id(1))

    await asyncio.sleep(0)

    assert gated.round_trips == 1
    await task


async def test_reads_at_the_same_time_share_a_statement(gated: GatedDriver) -> None:
    """The first goes at once, all others together; each caller gets what he asked for."""
    store = await filled(gated)

    found = await asyncio.gather(
        *(store.get_by_id(i) for i in range(50, 150)), store.get_many([3, 700, 3, 4])
    )

    assert [row and row.id for row in found[:-1]] == [*range(50, 100), *[None] * 50]  # type: ignore[union-attr]  # rows
    assert [row and row.owner for row in found[-1]] == ["o3", None, "o3", "o4"]  # type: ignore[union-attr]  # the list
    assert [call.params[0] for call in gated.calls[:1]] == [50]
    assert gated.round_trips == 2
    assert set(gated.calls[1].params[0]) == {*range(51, 150), 3, 4, 700}  # type: ignore[arg-type]  # an array


async def test_missing_row_is_an_error_of_its_own_caller_only(gated: GatedDriver) -> None:
    """`get` raises, with the id that was asked for."""
    store = await filled(gated)

    results = await asyncio.gather(
        *(store.get(i) for i in (1, 2, 700, 3, 701)), return_exceptions=True
    )

    assert [r.id if isinstance(r, Wallet) else r.record_id for r in results] == [1, 2, 700, 3, 701]  # type: ignore[union-attr]  # NotFound
    assert [isinstance(r, NotFound) for r in results] == [False, False, True, False, True]
    assert gated.round_trips == 2


async def test_read_joins_nothing_that_is_sent(gated: GatedDriver, witness: Any) -> None:
    """A row that was committed before the call is found, whatever is under way."""
    store = await filled(gated, 3)
    gated.shut()
    earlier = [asyncio.create_task(store.get_by_id(i)) for i in (1, 2, 77)]
    await gated.until_kept(2)
    await witness.execute("INSERT INTO wallets (id, owner) VALUES (77, 'new')")

    later = asyncio.create_task(store.get_by_id(77))
    await settle()
    gated.open_gate()

    found = await later
    assert found is not None
    assert found.owner == "new"
    assert gated.round_trips == 3
    await asyncio.gather(*earlier)


async def test_same_id_gives_instances_of_their_own(gated: GatedDriver) -> None:
    """Whoever changes his copy changes nobody else's."""
    store = await filled(gated)

    found = await asyncio.gather(*(store.get(5) for _ in range(4)))

    assert len({id(row) for row in found}) == 4
    assert [call.params for call in gated.calls] == [(5,), (5,)]


async def test_same_id_gives_arrays_of_their_own(gated: GatedDriver) -> None:
    """Also those of the row that the server sent once."""
    store = await filled(gated)

    found = await asyncio.gather(*(store.get(i) for i in (1, 2, 2, 2, 3)), store.get_many([3, 3]))

    rows: list[Any] = [*found[:5], *found[5]]
    assert [row.id for row in rows] == [1, 2, 2, 2, 3, 3, 3]
    assert len({id(row.__tags__) for row in rows}) == len(rows)


async def test_transaction_reads_on_its_own_connection(gated: GatedDriver) -> None:
    """It sees what it wrote, and shares nothing, though others are under way."""
    store = await filled(gated, 3)
    database = store._database
    gated.shut()
    others = [asyncio.create_task(store.get_by_id(i)) for i in (0, 1)]
    await settle()

    async with database.transaction():
        await store.create(Wallet(id=8, owner="mine"))
        row, many = await store.get(8), await store.get_many([8, 2])

    assert (row.owner, [each and each.id for each in many]) == ("mine", [8, 2])
    assert {call.connection for call in gated.calls if call.kind == "fetch"} == {None, 1}
    gated.open_gate()
    await asyncio.gather(*others)


async def test_cancelled_caller_disturbs_nobody(gated: GatedDriver) -> None:
    """Before his call is sent, and after."""
    store = await filled(gated)
    gated.shut()
    tasks = [asyncio.create_task(store.get_by_id(i)) for i in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await settle()
    tasks[3].cancel()
    await settle()
    gated.open_gate()

    results = await asyncio.gather(*tasks, return_exceptions=True)

    kept = [r.id for r in results if isinstance(r, Wallet)]
    assert kept == [0, 1, 4, 5]
    assert [type(results[i]) for i in (2, 3)] == [asyncio.CancelledError] * 2
    assert gated.stopped == []


async def test_statement_that_nobody_waits_for_is_stopped(gated: GatedDriver) -> None:
    """When its last caller is cancelled the connection is free again."""
    store = await filled(gated)
    gated.shut()
    first, *others = [asyncio.create_task(store.get_by_id(i)) for i in range(5)]
    await gated.until_kept(2)

    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await settle()

    assert len(gated.stopped) == 1
    assert "ANY" in gated.stopped[0]
    gated.open_gate()
    assert await first is not None
    assert store._batcher._under_way == 0


@pytest.mark.parametrize("error", [ConnectionFailed("lost", sent=True), QueryTimeout("late")])
async def test_lost_connection_is_everybodys_error(error: StorehausError) -> None:
    """Nothing is sent again; each caller has an instance of his own."""
    driver = GatedDriver(FakeDriver())
    store = wallets(driver)
    driver._driver.fail("fetch", ConnectionFailed("lost", sent=True), error)  # type: ignore[attr-defined]  # the fake's
    driver.shut()
    tasks = [asyncio.create_task(store.get_by_id(i)) for i in range(4)]
    await settle()
    driver.open_gate()

    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results[1:]] == [type(error)] * 3
    assert len({id(result) for result in results}) == 4
    assert driver.round_trips == 2


async def test_refused_statement_is_repeated_for_each_caller(gated: GatedDriver) -> None:
    """An error that one id may be to blame for meets that one only."""
    row = (1, "o", 0, None, 1, None, None, [])

    def answer(call: Any) -> Any:
        if "ANY" in call.text or call.params == (3,):
            return DatabaseError("refused", sqlstate="22003")
        return [(call.params[0], *row[1:])]

    driver = GatedDriver(FakeDriver(answer))
    store = wallets(driver)
    driver.shut()
    tasks = [asyncio.create_task(store.get_by_id(i)) for i in range(5)]
    await settle()
    driver.open_gate()

    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)

    assert [getattr(result, "id", None) for result in results] == [0, 1, 2, None, 4]
    assert isinstance(results[3], DatabaseError)
    assert driver.round_trips == 2 + 4


async def test_row_that_cannot_be_read_is_an_error_of_its_own_caller(
    gated: GatedDriver, witness: Any
) -> None:
    """JSON that does not fit the field's type hurts only who asked for it."""
    store = GenericStore(Database(gated), Gadget)
    await store.create_many([Gadget(id=i, code=f"c{i}", mood=Mood.FINE) for i in range(4)])
    await witness.execute("""UPDATE warehouse.gadgets SET spot = '"x"' WHERE id = 2""")

    results = await asyncio.gather(*(store.get(i) for i in range(4)), return_exceptions=True)

    assert [type(result).__name__ for result in results] == [
        "Gadget",
        "Gadget",
        "DatabaseError",
        "Gadget",
    ]


async def test_batching_can_be_switched_off(gated: GatedDriver) -> None:
    """Then each call is a statement."""
    await filled(gated)
    store = wallets(gated, batching=False)

    found = await asyncio.gather(*(store.get_by_id(i) for i in range(20)))

    assert [row and row.id for row in found] == list(range(20))
    assert gated.round_trips == 20


async def test_what_plugins_tell_apart_shares_nothing(gated: GatedDriver) -> None:
    """Two tenants in one turn of the loop are two statements."""
    await filled(gated)
    store = wallets(gated, Tenants())

    async def read(name: str, number: int) -> Any:
        tenant.set(name)
        return await store.get_by_id(number)

    await asyncio.gather(*(read("ab"[i % 2], i) for i in range(9)))

    assert [sorted(call.params[0]) for call in gated.calls[1:]] == [[1, 3, 5, 7], [2, 4, 6, 8]]  # type: ignore[call-overload]  # arrays


async def test_batches_have_a_limit(gated: GatedDriver) -> None:
    """More ids than that are several statements, under way at the same time."""
    store = await filled(gated)

    found = await asyncio.gather(*(store.get_by_id(i) for i in range(2_500)))

    assert sum(row is not None for row in found) == 100
    sizes = [len(call.params[0]) for call in gated.calls[1:]]  # type: ignore[arg-type]  # arrays
    assert sizes == [1_000, 1_000, 499]


async def test_composite_keys_and_soft_deletes(gated: GatedDriver) -> None:
    """Deleted rows stay out, and a key of two parts is one id."""
    seats = GenericStore(Database(gated), Seat)
    await seats.create_many([Seat(hall=h, number=n) for h in "ab" for n in range(3)])
    await seats.delete(("a", 1))
    airports = GenericStore(Database(gated), Airport)
    stored = await airports.create_many([airport(i) for i in range(5)])
    await airports.delete(stored[3].id)
    gated.reset()

    found = await asyncio.gather(*(seats.get_by_id((h, n)) for h in "ab" for n in range(4)))
    others = await asyncio.gather(*(airports.get_by_id(each.id) for each in stored))

    assert [row and (row.hall, row.number) for row in found] == [
        ("a", 0), None, ("a", 2), None, ("b", 0), ("b", 1), ("b", 2), None,
    ]  # fmt: skip
    assert [row and row.icao for row in others] == ["X00000", "X00001", "X00002", None, "X00004"]
    assert gated.round_trips == 4


async def test_closing_fails_reads_that_are_under_way(tables_url: str, witness: Any) -> None:
    """Nobody waits for ever for a statement that was cut off."""
    driver = GatedDriver(driver_of(tables_url))
    await driver.open()
    store = wallets(driver)
    driver.shut()
    tasks = [asyncio.create_task(store.get_by_id(i)) for i in range(3)]
    await driver.until_kept(2)

    await store._database.keeper.close(grace_seconds=0)
    results = await asyncio.gather(*tasks[1:], return_exceptions=True)

    assert [type(result) for result in results] == [ConnectionFailed] * 2
    driver.open_gate()
    await tasks[0]
    await driver.close()


async def test_locked_table_holds_up_no_other_store(tables_url: str, witness: Any) -> None:
    """Callers who give up free the connections of what they had asked for together."""
    driver = GatedDriver(driver_of(tables_url, max_connections=2))
    await driver.open()
    store, airports = wallets(driver), GenericStore(Database(driver), Airport)
    holder = await asyncpg.connect(tables_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE wallets IN ACCESS EXCLUSIVE MODE")
        tasks = [asyncio.create_task(store.get_by_id(i)) for i in range(4)]
        while driver.round_trips < 2:
            await settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        assert await airports.count() == 0
    await holder.close()
    await driver.close()

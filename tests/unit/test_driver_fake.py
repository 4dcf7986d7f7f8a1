"""The doubles in `storehaus.testing` keep the driver's contract."""

import pytest

from storehaus.driver import Driver, ResultColumn, ResultSet
from storehaus.errors import DatabaseError, SerializationFailure, TransactionMisuse
from storehaus.testing import Call, CountingDriver, FakeDriver

pytestmark = pytest.mark.anyio


async def test_fake_answers_in_the_order_given() -> None:
    """Rows and tags come in turn; used up, there are no rows."""
    driver = FakeDriver([[(1, "a")], "INSERT 0 1"])

    async with driver.acquire() as connection:
        assert await connection.fetch("SELECT 1") == [(1, "a")]
        assert await connection.execute("INSERT") == "INSERT 0 1"
        assert await connection.fetch("SELECT 2") == ()


async def test_fake_answers_a_query_with_a_result() -> None:
    """A whole result comes as it was given; used up, it is empty."""
    result = ResultSet((ResultColumn("n", "int8"),), [(1,)], 1)
    driver = FakeDriver([result])

    async with driver.acquire() as connection:
        assert await connection.query("SELECT $1", [1]) is result
        assert await connection.query("SELECT 2") == ResultSet()

    assert driver.calls[0] == Call("query", "SELECT $1", (1,), 1)
    assert driver.texts == ["SELECT $1", "SELECT 2"]


async def test_fake_refuses_an_answer_of_another_kind() -> None:
    """A test that answers `query` with rows, or `fetch` with a result, is told so."""
    driver = FakeDriver([[(1,)], ResultSet()])

    async with driver.acquire() as connection:
        with pytest.raises(TypeError, match="ResultSet"):
            await connection.query("SELECT 1")
        with pytest.raises(TypeError, match="rows"):
            await connection.fetch("SELECT 1")


async def test_fake_asks_a_function() -> None:
    """A function sees the call and answers it."""
    driver: Driver = FakeDriver(lambda call: [call.params])

    assert await driver.fetch("SELECT $1", (7,)) == [(7,)]


async def test_fake_writes_down_every_call() -> None:
    """Kind, text, parameters and connection of each call are kept in order."""
    driver = FakeDriver()
    await driver.fetch("SELECT $1", [1])
    async with driver.acquire() as connection:
        await connection.begin(isolation="serializable", readonly=True, timeout_seconds=5)
        await connection.savepoint("s1")
        await connection.copy_in("t", ["a"], [(1,), (2,)], schema="x")
        await connection.commit()

    assert driver.calls == [
        Call("fetch", "SELECT $1", (1,)),
        Call("begin", "serializable read only timeout 5", (), 1),
        Call("savepoint", "s1", (), 1),
        Call("copy_in", "x.t", ((1,), (2,)), 1),
        Call("commit", "", (), 1),
    ]
    assert driver.round_trips == 5


async def test_fake_raises_an_error_as_answer() -> None:
    """An error among the answers is raised in its turn."""
    driver = FakeDriver()
    driver.answer(DatabaseError("no"), [(1,)])

    with pytest.raises(DatabaseError):
        await driver.fetch("SELECT 1")
    assert await driver.fetch("SELECT 1") == [(1,)]


async def test_fake_fails_a_kind_of_call() -> None:
    """A COMMIT can be told to fail; the transaction is over all the same."""
    driver = FakeDriver()
    driver.fail("commit", SerializationFailure("collided"))

    async with driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(SerializationFailure):
            await connection.commit()
        assert not connection.in_transaction


async def test_fake_rolls_back_what_was_left_open() -> None:
    """A transaction left open is rolled back on return."""
    driver = FakeDriver()
    async with driver.acquire() as connection:
        await connection.begin()

    assert [call.kind for call in driver.calls] == ["begin", "rollback"]
    assert driver.open_connections == set()


async def test_fake_refuses_a_second_begin() -> None:
    """A transaction within a transaction is misuse, as with the real driver."""
    async with FakeDriver().acquire() as connection:
        await connection.begin()
        with pytest.raises(TransactionMisuse):
            await connection.begin()


async def test_fake_refuses_after_close() -> None:
    """A closed driver takes no more work."""
    driver = FakeDriver()
    await driver.close()

    with pytest.raises(DatabaseError):
        await driver.fetch("SELECT 1")


async def test_fake_knows_dirty_connections() -> None:
    """Tests can see which connection would have been reset."""
    driver = FakeDriver()
    async with driver.acquire():
        pass
    async with driver.acquire() as connection:
        connection.mark_dirty()

    assert driver.dirty == {2}


async def test_counting_driver_counts_and_passes_on() -> None:
    """Every call reaches the driver behind it and is counted by kind."""
    fake = FakeDriver([[(1,)], [(2,)]])
    driver: Driver = (counting := CountingDriver(fake))
    await driver.open()
    rows = [await driver.fetch("SELECT 1")]
    async with driver.acquire() as connection:
        await connection.begin()
        rows.append(await connection.fetch("SELECT 2"))
        await connection.savepoint("s")
        await connection.rollback_to_savepoint("s")
        await connection.release_savepoint("s")
        await connection.execute("SET x = 1")
        await connection.copy_in("t", ["a"], [(1,)])
        connection.mark_dirty()
        await connection.commit()
    await driver.close()

    assert rows == [[(1,)], [(2,)]]
    assert [call.kind for call in counting.calls] == [call.kind for call in fake.calls]
    assert counting.counts["fetch"] == 2
    assert counting.round_trips == fake.round_trips == 9
    assert counting.texts == ["SELECT 1", "SELECT 2", "SET x = 1"]
    assert fake.dirty == {1}


async def test_counting_driver_starts_again() -> None:
    """After `reset` only what follows is counted."""
    driver = CountingDriver(FakeDriver())
    await driver.fetch("SELECT 1")
    driver.reset()
    await driver.fetch("SELECT 2")

    assert driver.texts == ["SELECT 2"]

"""What every driver owes the store, whichever it is."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_haus import driver_of
from storehaus import Driver, StorehausError, TransactionMisuse
from storehaus.driver import ResultColumn, ResultSet
from storehaus.testing import Call, CountingDriver, FakeDriver

pytestmark = pytest.mark.anyio


def answer(call: Call) -> Any:
    """What a server would say to the statements of this suite."""
    if call.kind == "execute":
        return "SELECT 1"
    if call.kind == "query":
        columns = (ResultColumn("n", "int8"), ResultColumn("array", "text[]"))
        if "false" in call.text:
            return ResultSet(columns)
        if "SELECT" in call.text:
            return ResultSet(columns, [(1, ["a"])], 1)
        return ResultSet(row_count=2 if call.text.startswith("DELETE") else 0)
    return [(1, "a")] if "SELECT" in call.text else []


@pytest.fixture(params=["asyncpg", "counting", "fake"])
async def any_driver(request: pytest.FixtureRequest, tables_url: str) -> AsyncIterator[Driver]:
    """An open driver of each kind."""
    drivers: dict[str, Any] = {
        "asyncpg": lambda: driver_of(tables_url),
        "counting": lambda: CountingDriver(driver_of(tables_url)),
        "fake": lambda: FakeDriver(answer),
    }
    made: Driver = drivers[request.param]()
    await made.open()
    yield made
    await made.close()


async def test_rows_are_positional(any_driver: Driver) -> None:
    """Rows have a length, an order and items by position."""
    (row,) = await any_driver.fetch("SELECT $1::bigint, $2::text", (1, "a"))

    assert (len(row), row[0], tuple(row)) == (2, 1, (1, "a"))


async def test_execute_gives_the_tag(any_driver: Driver) -> None:
    """What the server says that it has done."""
    async with any_driver.acquire() as connection:
        assert await connection.execute("SELECT 1") == "SELECT 1"


async def test_query_gives_rows_with_their_columns(any_driver: Driver) -> None:
    """Labels and names of types, the rows, and how many there are."""
    async with any_driver.acquire() as connection:
        result = await connection.query("SELECT $1::bigint AS n, ARRAY[$2]", (1, "a"))

    assert result.columns == (ResultColumn("n", "int8"), ResultColumn("array", "text[]"))
    assert [tuple(row) for row in result.rows] == [(1, ["a"])]
    assert result.row_count == 1


async def test_query_without_rows_has_columns(any_driver: Driver) -> None:
    """What a result consists of does not depend on what is in it."""
    async with any_driver.acquire() as connection:
        result = await connection.query("SELECT 1::bigint AS n, ARRAY['a'] WHERE false")

    assert [column.name for column in result.columns] == ["n", "array"]
    assert (list(result.rows), result.row_count) == ([], 0)


async def test_query_counts_changed_rows(any_driver: Driver) -> None:
    """A statement that returns nothing has no columns, and says how many rows it changed."""
    async with any_driver.acquire() as connection:
        await connection.begin()
        await connection.copy_in("labels", ["key", "value"], [("q1", "v"), ("q2", "v")])
        result = await connection.query("DELETE FROM labels WHERE key LIKE $1", ("q_",))

    assert (result.columns, list(result.rows), result.row_count) == ((), [], 2)


async def test_query_of_a_command_counts_nothing(any_driver: Driver) -> None:
    """Where there are no rows to count, the count is 0."""
    async with any_driver.acquire() as connection:
        result = await connection.query("SET search_path = public")
        connection.mark_dirty()

    assert (result.columns, result.row_count) == ((), 0)


async def test_transaction_is_open_between_begin_and_its_end(any_driver: Driver) -> None:
    """begin, commit and rollback say where they are; savepoints change nothing of that."""
    async with any_driver.acquire() as connection:
        seen = [connection.in_transaction]
        await connection.begin(isolation="serializable", readonly=True, deferrable=True)
        await connection.savepoint("one")
        await connection.rollback_to_savepoint("one")
        await connection.release_savepoint("one")
        seen.append(connection.in_transaction)
        await connection.commit()
        seen.append(connection.in_transaction)
        await connection.begin()
        await connection.rollback()
        seen.append(connection.in_transaction)

    assert seen == [False, True, False, False]


async def test_transaction_may_have_a_limit(any_driver: Driver) -> None:
    """The limit is given with begin, costs nothing more, and ends with the transaction."""
    before = any_driver.stats().statements
    async with any_driver.acquire() as connection:
        await connection.begin(isolation="repeatable read", timeout_seconds=60.0)
        assert connection.in_transaction
        assert any_driver.stats().statements == before + 1
        await connection.commit()
        await connection.begin(timeout_seconds=1e9)
        await connection.rollback()
        assert not connection.in_transaction


async def test_transactions_do_not_nest(any_driver: Driver) -> None:
    """A second begin is a mistake; the first one stays open."""
    async with any_driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(TransactionMisuse):
            await connection.begin()
        assert connection.in_transaction


async def test_rollback_without_transaction_is_nothing(any_driver: Driver) -> None:
    """Whoever cleans up need not know how far things had come."""
    async with any_driver.acquire() as connection:
        await connection.rollback()
        assert not connection.in_transaction


async def test_transaction_left_open_is_rolled_back(any_driver: Driver) -> None:
    """On return, whether or not anybody said so."""
    async with any_driver.acquire() as connection:
        await connection.begin()
    async with any_driver.acquire() as connection:
        assert not connection.in_transaction


async def test_copy_reads_its_rows_lazily(any_driver: Driver) -> None:
    """Any iterable of rows will do; their number comes back."""
    async with any_driver.acquire() as connection:
        await connection.begin()
        rows = ((f"contract {i}", "v") for i in range(3))
        assert await connection.copy_in("labels", ["key", "value"], rows) == 3


async def test_error_of_the_rows_comes_out_of_copy(any_driver: Driver) -> None:
    """An error of ours that reading the rows raises is not taken for the server's."""

    class OwnError(StorehausError):
        pass

    def rows() -> Any:
        yield ("contract", "v")
        raise OwnError("row 1")

    async with any_driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(OwnError, match="row 1"):
            await connection.copy_in("labels", ["key", "value"], rows())


async def test_server_has_a_version(any_driver: Driver) -> None:
    """A whole number, at least the oldest that is supported."""
    async with any_driver.acquire() as connection:
        assert connection.server_version >= 15


async def test_stats_count_statements(any_driver: Driver) -> None:
    """Every statement counts."""
    before = any_driver.stats().statements
    await any_driver.fetch("SELECT 1::bigint, 'a'")
    await any_driver.fetch("SELECT 1::bigint, 'a'")

    assert any_driver.stats().statements - before == 2


async def test_closed_driver_refuses(any_driver: Driver) -> None:
    """After close there is a typed error, and closing again does no harm."""
    await any_driver.close()
    await any_driver.close()

    with pytest.raises(StorehausError):
        await any_driver.fetch("SELECT 1")
    with pytest.raises(StorehausError):
        async with any_driver.acquire():
            pass

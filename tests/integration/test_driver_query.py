"""`Connection.query` of the asyncpg driver: types by name, time limits, nothing left behind."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import DatabaseError, QueryError, QueryTimeout, TransactionMisuse

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[True, False], ids=["prepared", "unprepared"])
async def driver(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[AsyncpgDriver]:
    """An open driver of one connection, with prepared statements and without."""
    made = AsyncpgDriver(
        {"dsn": postgres_url}, max_connections=1, prepared_statements=request.param
    )
    await made.open()
    yield made
    await made.close(grace_seconds=0.0)


TYPES = {
    "1": "int4",
    "1::bigint": "int8",
    "'a'": "text",
    "'a'::varchar(3)": "varchar",
    "now()": "timestamptz",
    "'{}'::jsonb": "jsonb",
    "'{}'::json": "json",
    "ARRAY['{}'::jsonb]": "jsonb[]",
    "'{1}'::int[]": "int4[]",
    "'calm'::mood": "mood",
    "ARRAY['calm'::mood]": "mood[]",
    "'3'::small": "int4",
    "1.5": "numeric",
    "int4range(1, 2)": "int4range",
}


async def test_types_have_names(driver: AsyncpgDriver) -> None:
    """Scalars, arrays, enums, domains, with rows and without."""
    await driver.fetch("CREATE TYPE mood AS ENUM ('calm')")
    await driver.fetch("CREATE DOMAIN small AS int")
    select = ", ".join(TYPES)

    async with driver.acquire() as connection:
        for where in ("", " WHERE false"):
            result = await connection.query(f"SELECT {select}{where}")
            assert [column.type_name for column in result.columns] == list(TYPES.values())


COUNTS = {
    "INSERT INTO t VALUES (1), (2)": 2,
    "INSERT INTO t VALUES (3) RETURNING a": 1,
    "UPDATE t SET a = 0 WHERE a > 1": 2,
    "DELETE FROM t WHERE a = 9": 0,
    "MERGE INTO t USING (VALUES (1)) AS s (a) ON t.a = s.a WHEN MATCHED THEN DELETE": 1,
    "VALUES (1), (2), (3)": 3,
    "CREATE TABLE u (a int)": 0,
    "": 0,
    "-- nothing": 0,
}


async def test_tags_are_counted(driver: AsyncpgDriver) -> None:
    """Rows returned or changed; commands and empty statements count none."""
    await driver.fetch("CREATE TABLE t (a int)")

    async with driver.acquire() as connection:
        found = {text: (await connection.query(text)).row_count for text in COUNTS}

    assert found == COUNTS


async def test_no_statement_stays_prepared(driver: AsyncpgDriver) -> None:
    """Hand-written texts do not fill the server's memory."""
    async with driver.acquire() as connection:
        await connection.query("SELECT $1::int", (1,))
        result = await connection.query("SELECT name FROM pg_prepared_statements WHERE name <> ''")

    assert [tuple(row) for row in result.rows] == []


async def test_query_counts_as_one_statement(driver: AsyncpgDriver) -> None:
    """Whatever it costs in round trips."""
    async with driver.acquire() as connection:
        before = driver.stats().statements
        await connection.query("SELECT 1")

        assert driver.stats().statements - before == 1


async def test_time_limit_cancels(driver: AsyncpgDriver) -> None:
    """The server is told to stop, and the connection is fit for the next."""
    async with driver.acquire() as connection:
        with pytest.raises(QueryTimeout):
            await connection.query("SELECT pg_sleep(60)", timeout_seconds=0.05)
    async with driver.acquire() as connection:
        assert (await connection.query("SELECT 1")).row_count == 1


@pytest.mark.parametrize(
    ("text", "params", "error"),
    [
        ("SELEC 1", (), DatabaseError),
        ("SELECT 1; SELECT 2", (), DatabaseError),
        ("SELECT $1::int", ("secret",), QueryError),
        ("SELECT $1::int", (), QueryError),
        ("SELECT 1", ("secret",), QueryError),
    ],
)
async def test_errors_are_translated(
    driver: AsyncpgDriver, text: str, params: Any, error: type[Exception]
) -> None:
    """As those of fetch; no value is shown, and nothing of asyncpg hangs on them."""
    async with driver.acquire() as connection:
        with pytest.raises(error) as caught:
            await connection.query(text, params)
        assert (await connection.query("SELECT 1")).row_count == 1

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_given_back_connection_refuses(driver: AsyncpgDriver) -> None:
    """As every other call on it."""
    async with driver.acquire() as connection:
        pass
    with pytest.raises(TransactionMisuse):
        await connection.query("SELECT 1")

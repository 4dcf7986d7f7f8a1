"""The asyncpg driver on a real server: statements, transactions, what is left behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from storehaus.config import DatabaseConfig
from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import (
    ConnectionFailed,
    DatabaseError,
    PoolTimeout,
    QueryTimeout,
    TransactionMisuse,
)

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10.0


def make_driver(url: str, **settings: Any) -> AsyncpgDriver:
    """A driver of at most two connections."""
    return AsyncpgDriver({"dsn": url}, **{"max_connections": 2, **settings})


@pytest.fixture
async def driver(postgres_url: str) -> AsyncIterator[AsyncpgDriver]:
    """An open driver of at most two connections."""
    made = make_driver(postgres_url)
    await made.open()
    yield made
    await made.close(grace_seconds=0.0)


@pytest.fixture
async def witness(postgres_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of its own that sees what others see."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what happens on a server sets no event
            await asyncio.sleep(0.01)


async def settle(driver: Driver) -> None:
    """Wait until every connection is idle again."""

    async def is_idle() -> bool:
        return driver.stats().idle == driver.stats().size

    await until(is_idle)


async def test_fetch_gives_rows_by_position(driver: Driver) -> None:
    """A row is a sequence: it can be indexed, unpacked and measured."""
    (row,) = await driver.fetch("SELECT $1::int, $2::text", (1, "a"))
    number, text = row

    assert (number, text, row[0], len(row)) == (1, "a", 1, 2)


async def test_statement_without_rows_gives_none(driver: Driver) -> None:
    """A statement that returns nothing gives an empty sequence."""
    assert list(await driver.fetch("CREATE TABLE t (a int)")) == []


async def test_known_text_costs_one_statement(driver: AsyncpgDriver) -> None:
    """On an idle connection nothing is sent beside the statement: no reset, no probe."""
    await driver.fetch("SELECT 1")
    raw = driver._pool._idle[0].raw
    before = raw._protocol.queries_count
    await driver.fetch("SELECT 1")

    assert raw._protocol.queries_count - before == 1


async def test_connecting_sends_no_query(driver: AsyncpgDriver) -> None:
    """The codecs of a new connection are set without asking the server."""
    assert driver._pool._idle[0].raw._protocol.queries_count == 0


async def test_execute_gives_the_command_tag(driver: Driver) -> None:
    """With parameters one statement, without any number of them; the last tag is given."""
    async with driver.acquire() as connection:
        await connection.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")

        assert await connection.execute("DELETE FROM t WHERE a > $1", (0,)) == "DELETE 2"


async def test_server_version_is_the_major(driver: Driver) -> None:
    """The version is the number before the dot."""
    ((number,),) = await driver.fetch("SELECT current_setting('server_version_num')::int")
    async with driver.acquire() as connection:
        assert connection.server_version == number // 10000


async def test_copy_counts_its_rows(driver: Driver) -> None:
    """COPY reaches a table whose names need quoting, in another schema."""
    async with driver.acquire() as connection:
        await connection.execute(
            'CREATE SCHEMA "S x"; CREATE TABLE "S x"."T""t" (a int, "B b" text)'
        )
        count = await connection.copy_in(
            'T"t', ["B b", "a"], [("one", 1), ("two", 2)], schema="S x"
        )

    assert count == 2
    assert [tuple(row) for row in await driver.fetch('SELECT * FROM "S x"."T""t"')] == [
        (1, "one"),
        (2, "two"),
    ]


async def test_commit_keeps(driver: Driver) -> None:
    """What was committed is seen by others."""
    await driver.fetch("CREATE TABLE t (a int)")
    async with driver.acquire() as connection:
        await connection.begin()
        assert connection.in_transaction
        await connection.fetch("INSERT INTO t VALUES (1)")
        await connection.commit()
        assert not connection.in_transaction

    assert len(await driver.fetch("SELECT a FROM t")) == 1


async def test_rollback_undoes(driver: Driver) -> None:
    """What was rolled back never was; a second rollback does nothing."""
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.execute("CREATE TABLE t (a int)")
        await connection.rollback()
        await connection.rollback()

    assert await driver.fetch("SELECT 1 FROM pg_class WHERE relname = 't'") == []


async def test_transaction_left_open_is_rolled_back(driver: Driver) -> None:
    """By the time `acquire` is left, the transaction is gone."""
    await driver.fetch("CREATE TABLE t (a int)")
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES (1)")

    assert await driver.fetch("SELECT a FROM t") == []


async def test_transaction_opened_by_text_is_rolled_back(driver: Driver) -> None:
    """A BEGIN in a statement's text leaves nothing open either."""
    await driver.fetch("BEGIN")
    await settle(driver)

    for _ in range(2):
        async with driver.acquire() as connection:
            assert not connection.in_transaction


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_isolation_is_set(driver: Driver, isolation: Any) -> None:
    """The level asked for is the level of the transaction."""
    async with driver.acquire() as connection:
        await connection.begin(isolation=isolation)
        ((level,),) = await connection.fetch("SHOW transaction_isolation")

    assert level == isolation


async def test_readonly_and_deferrable_are_set(driver: Driver) -> None:
    """Both modes reach the server."""
    async with driver.acquire() as connection:
        await connection.begin(isolation="serializable", readonly=True, deferrable=True)
        rows = await connection.fetch(
            "SELECT current_setting('transaction_read_only'), "
            "current_setting('transaction_deferrable')"
        )

    assert [tuple(row) for row in rows] == [("on", "on")]


async def test_limit_of_a_transaction_is_set_with_begin(driver: AsyncpgDriver) -> None:
    """In one round trip, without a snapshot, for this transaction only."""
    limits = "SELECT current_setting('statement_timeout'), current_setting($1)"
    idle = ("idle_in_transaction_session_timeout",)
    async with driver.acquire() as connection:
        before = driver.stats().statements
        await connection.begin(isolation="repeatable read", timeout_seconds=1.5)
        assert driver.stats().statements == before + 1
        await connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        inside = tuple((await connection.fetch(limits, idle))[0])
        await connection.commit()
        outside = tuple((await connection.fetch(limits, idle))[0])

    assert (inside, outside) == (("1500ms", "1500ms"), ("0", "0"))


async def test_limit_of_a_transaction_does_not_loosen_that_of_statements(postgres_url: str) -> None:
    """The configured one stays where it is the tighter one."""
    config = DatabaseConfig(url=postgres_url, statement_timeout_seconds=2)
    driver = AsyncpgDriver(config.connect_arguments(), statement_timeout_seconds=2)
    await driver.open()
    try:
        async with driver.acquire() as connection:
            await connection.begin(timeout_seconds=9)
            assert (await connection.fetch("SHOW statement_timeout"))[0][0] == "2s"
    finally:
        await driver.close()


async def test_begin_within_a_transaction_is_misuse(driver: Driver) -> None:
    """PostgreSQL would only warn, and the inner commit would end the outer transaction."""
    async with driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(TransactionMisuse):
            await connection.begin()


async def test_savepoints_undo_a_part(driver: Driver) -> None:
    """Rolled back to a savepoint, a failed transaction goes on; names are quoted."""
    await driver.fetch("CREATE TABLE t (a int)")
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES (1)")
        await connection.savepoint('a "b"')
        with pytest.raises(DatabaseError):
            await connection.fetch("SELECT 1 / 0")
        await connection.rollback_to_savepoint('a "b"')
        await connection.release_savepoint('a "b"')
        await connection.commit()

    assert len(await driver.fetch("SELECT a FROM t")) == 1


async def test_commit_of_a_failed_transaction_is_an_error(driver: Driver) -> None:
    """PostgreSQL answers such a COMMIT with ROLLBACK and no error; that is no success."""
    async with driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(DatabaseError):
            await connection.fetch("SELECT 1 / 0")
        with pytest.raises(DatabaseError, match="rolled back") as caught:
            await connection.commit()

    assert caught.value.sqlstate == "25P02"


async def test_connection_is_useless_after_its_return(driver: Driver) -> None:
    """A kept reference cannot reach a connection that someone else has by now."""
    async with driver.acquire() as connection:
        pass

    with pytest.raises(TransactionMisuse, match="given back"):
        await connection.fetch("SELECT 1")


async def test_connection_still_in_use_is_not_lent_again(driver: AsyncpgDriver) -> None:
    """When another task still runs a statement on return, the connection is closed."""
    async with driver.acquire() as connection:
        stray = asyncio.create_task(connection.fetch("SELECT pg_sleep(60)"))
        await asyncio.sleep(0)

    with pytest.raises(ConnectionFailed):
        await stray
    assert driver.stats().size == 0


async def test_clean_return_sends_nothing(driver: Driver) -> None:
    """A connection that nobody marked dirty goes back as it is."""
    async with driver.acquire() as connection:
        await connection.fetch("SELECT 1")

    assert driver.stats().statements == 1


async def test_dirty_connection_is_reset(postgres_url: str) -> None:
    """Role, settings, locks, listeners, cursors and temporary tables do not reach the next user."""
    driver = make_driver(postgres_url, max_connections=1)
    await driver.open()
    state = (
        "SELECT current_user = session_user, current_setting('search_path'), "
        "current_setting('statement_timeout'), "
        "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), "
        "(SELECT count(*) FROM pg_listening_channels()), "
        "(SELECT count(*) FROM pg_cursors WHERE is_holdable), "
        "to_regclass('pg_temp.t') IS NULL"
    )
    (before,) = await driver.fetch(state)
    async with driver.acquire() as connection:
        await connection.execute(
            "CREATE TEMP TABLE t (a int); LISTEN news; SELECT pg_advisory_lock(1); "
            "SET search_path = pg_catalog; SET statement_timeout = '9s'; SET ROLE pg_monitor"
        )
        await connection.execute("DECLARE c CURSOR WITH HOLD FOR SELECT 1")
        connection.mark_dirty()
    (after,) = await driver.fetch(state)
    await driver.close()

    assert tuple(after) == tuple(before)


async def test_reset_keeps_prepared_statements(driver: AsyncpgDriver) -> None:
    """After a reset the statements that asyncpg knows still work, in one round trip."""
    await driver.fetch("SELECT $1::int", (1,))
    async with driver.acquire() as connection:
        connection.mark_dirty()
    raw = driver._pool._idle[0].raw
    before = raw._protocol.queries_count
    await driver.fetch("SELECT $1::int", (2,))

    assert raw._protocol.queries_count - before == 1


async def test_statements_are_counted(driver: Driver) -> None:
    """BEGIN and COMMIT count as well."""
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("SELECT 1")
        await connection.commit()

    assert driver.stats().statements == 3


async def test_acquire_times_out_when_all_are_lent(driver: Driver) -> None:
    """The time-out of the call goes before the configured one."""
    async with driver.acquire(), driver.acquire():
        with pytest.raises(PoolTimeout):
            async with driver.acquire(timeout_seconds=0.01):
                pass


async def test_unused_surplus_is_closed_by_itself(postgres_url: str) -> None:
    """The pool looks after itself: nobody needs to call it for the idle time-out to act."""
    driver = make_driver(postgres_url, min_connections=1, idle_timeout_seconds=0.05)
    await driver.open()
    async with driver.acquire(), driver.acquire():
        assert driver.stats().size == 2

    async def is_down_to_one() -> bool:
        return driver.stats().size == 1

    await until(is_down_to_one)
    await driver.close()


async def test_connections_are_renewed_by_themselves(postgres_url: str) -> None:
    """Past their lifetime even the kept connections are replaced in the background."""
    driver = make_driver(postgres_url, min_connections=1, max_lifetime_seconds=0.05)
    await driver.open()

    async def is_renewed_twice() -> bool:
        return driver.stats().opened >= 3

    await until(is_renewed_twice)
    await driver.close()


async def test_statement_past_its_deadline_is_stopped(
    driver: Driver, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The caller gets `QueryTimeout`, the server is told to stop, the connection stays."""
    with pytest.raises(QueryTimeout):
        await driver.fetch("SELECT pg_sleep(60)", timeout_seconds=0.05)
    await settle(driver)

    running = "SELECT 1 FROM pg_stat_activity WHERE query ~ 'pg_sleep\\(60' AND state = 'active'"
    assert not await witness.fetch(running)
    assert driver.stats().size == driver.stats().idle


async def test_configured_deadline_holds_for_every_statement(postgres_url: str) -> None:
    """`statement_timeout_seconds` is what a call without a time-out of its own gets."""
    driver = make_driver(postgres_url, statement_timeout_seconds=0.05)
    await driver.open()
    with pytest.raises(QueryTimeout):
        await driver.fetch("SELECT pg_sleep(60)")
    async with driver.acquire() as connection:
        with pytest.raises(QueryTimeout):
            await connection.execute("SELECT pg_sleep(60)")
    await driver.close()


async def test_servers_own_statement_timeout_is_a_query_timeout(postgres_url: str) -> None:
    """SQLSTATE 57014 is the same to a caller as our own deadline."""
    settings = {"statement_timeout": "50"}
    driver = AsyncpgDriver({"dsn": postgres_url, "server_settings": settings})
    await driver.open()
    with pytest.raises(QueryTimeout) as caught:
        await driver.fetch("SELECT pg_sleep(60)")
    await driver.close()

    assert caught.value.sqlstate == "57014"


async def test_transaction_goes_on_after_a_time_out_within_a_savepoint(driver: Driver) -> None:
    """Rolled back to the savepoint, the connection is usable at once."""
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.savepoint("s")
        with pytest.raises(QueryTimeout):
            await connection.fetch("SELECT pg_sleep(60)", timeout_seconds=0.05)
        await connection.rollback_to_savepoint("s")
        ((one,),) = await connection.fetch("SELECT 1")
        await connection.commit()

    assert one == 1


async def test_works_without_prepared_statements(postgres_url: str) -> None:
    """For PgBouncer in transaction mode no statement keeps a name on the server."""
    driver = make_driver(postgres_url, max_connections=1, prepared_statements=False)
    await driver.open()
    for number in (1, 2):
        ((got,),) = await driver.fetch("SELECT $1::int", (number,))
        assert got == number
    names = await driver.fetch("SELECT name FROM pg_prepared_statements WHERE name <> ''")
    await driver.close()

    assert names == []


async def test_schema_change_does_not_break_known_statements(driver: Driver) -> None:
    """A statement that the server must plan anew after ALTER TABLE works on."""
    await driver.fetch("CREATE TABLE t (a int)")
    await driver.fetch("SELECT a FROM t")
    await driver.fetch("ALTER TABLE t ALTER a TYPE text")

    assert await driver.fetch("SELECT a FROM t") == []


async def test_close_waits_for_running_work(driver: Driver) -> None:
    """A statement under way comes to its end within the grace."""
    running = asyncio.create_task(driver.fetch("SELECT 1 FROM pg_sleep(0.1)"))
    await asyncio.sleep(0)
    await driver.close(grace_seconds=PATIENCE_SECONDS)

    assert len(await running) == 1


async def test_close_cuts_off_what_outlives_the_grace(driver: Driver) -> None:
    """After the grace a running statement fails, and the caller knows that it was sent."""
    await driver.fetch("SELECT 1")
    running = asyncio.create_task(driver.fetch("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    await driver.close(grace_seconds=0.0)

    with pytest.raises(ConnectionFailed) as caught:
        await running
    assert caught.value.sent is True


async def test_close_leaves_no_backend(
    postgres_url: str, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The server has no connection of ours after `close`."""
    driver = make_driver(postgres_url, min_connections=2)
    await driver.open()
    await driver.close()

    others = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def is_alone() -> bool:
        return await witness.fetchval(others) == 0

    await until(is_alone)


async def test_refused_login_names_the_database(postgres_url: str) -> None:
    """A database that does not exist is a `ConnectionFailed` with the server's code."""
    driver = AsyncpgDriver({"dsn": postgres_url, "database": "no_such_database"})

    with pytest.raises(ConnectionFailed, match="no_such_database") as caught:
        await driver.open()

    assert caught.value.sqlstate == "3D000"


async def test_unreachable_server_is_a_failed_connection() -> None:
    """A port where nobody listens is a `ConnectionFailed` in which nothing was sent."""
    driver = AsyncpgDriver({"host": "127.0.0.1", "port": 1, "user": "u", "database": "d"})

    with pytest.raises(
        ConnectionFailed, match=r"127\.0\.0\.1:1 database 'd' as user 'u'"
    ) as caught:
        await driver.open()

    assert caught.value.sent is False

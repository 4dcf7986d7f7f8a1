"""Everything through a real PgBouncer in transaction mode, with `prepared_statements = false`.

A transaction there may run on another server connection than the one before it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from fault.waiting import until, until_idle, until_quiet
from fix_haus import Gadget, Label, Level, Mood, Point, config_of, driver_of
from fix_pgbouncer import SERVERS, pgbouncer_version
from storehaus import (
    Driver,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    QueryError,
    QueryTimeout,
    StoreHaus,
    field,
    sql,
)
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.migrations import migrate

pytestmark = pytest.mark.anyio

CLIENTS = 8
ROUNDS = 25

TRACES = """
    SELECT pg_backend_pid(), current_setting('jit'), current_setting('application_name'),
           (SELECT count(*) FROM pg_prepared_statements WHERE name <> '')
"""


class Visit(Model, table="visits"):
    """A table that no test has, of a type that no connection has met."""

    id: Field[int] = field(primary_key=True)
    mood: Field[Mood]


async def wake_servers(driver: Driver) -> None:
    """Have PgBouncer open all the connections that it may."""
    async with AsyncExitStack() as stack:
        for _ in range(SERVERS):
            connection = await stack.enter_async_context(driver.acquire())
            await connection.begin()


async def traces(driver: Driver) -> dict[int, tuple[Any, ...]]:
    """Read what is set on each server; one after the other they are lent."""
    rows = [await driver.fetch(TRACES) for _ in range(SERVERS)]
    return {pid: tuple(rest) for ((pid, *rest),) in rows}


@pytest.fixture
async def driver(bounced_url: str) -> AsyncIterator[AsyncpgDriver]:
    """An open driver with a connection for every client, behind fewer servers."""
    made = driver_of(
        bounced_url, min_connections=SERVERS, max_connections=CLIENTS, prepared_statements=False
    )
    await made.open()
    await wake_servers(made)
    yield made
    await made.close(grace_seconds=0.0)


@pytest.fixture
async def bounced(bounced_tables_url: str, witness: Any) -> AsyncIterator[StoreHaus]:
    """An open haus on empty tables, behind PgBouncer."""
    settings: dict[str, Any] = {"max_connections": CLIENTS, "prepared_statements": False}
    async with StoreHaus(config_of(bounced_tables_url, **settings)) as opened:
        yield opened


@pytest.fixture
async def onlooker(postgres_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection past PgBouncer."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_connection_wanders_between_servers(driver: AsyncpgDriver) -> None:
    """The tests below would mean nothing if a client had a server of its own."""
    async with driver.acquire() as connection:
        pids = {(await connection.fetch("SELECT pg_backend_pid()"))[0][0] for _ in range(SERVERS)}

    assert len(pids) == SERVERS


async def test_statements_are_not_mixed_up(driver: AsyncpgDriver) -> None:
    """Of many at once, which differ in nothing but their text, each gets its own answer."""

    async def ask(client: int) -> None:
        for number in range(ROUNDS):
            text = f"SELECT $1::int * {client}"
            ((fetched,),) = await driver.fetch(text, (number,))
            async with driver.acquire() as connection:
                ((queried,),) = (await connection.query(text, (number,))).rows
                tag = await connection.execute(text, (number,))
            assert (fetched, queried, tag) == (client * number, client * number, "SELECT 1")

    await asyncio.gather(*(ask(client) for client in range(CLIENTS)))


async def use_every_door(haus: StoreHaus, number: int) -> None:
    """Write and read a gadget and its labels in each of the ways that there are."""
    gadgets, labels = haus.store(Gadget), haus.store(Label)
    made = Gadget(id=number, code=f"c{number}", mood=Mood.FINE, moods=[Mood.SAD], sizes=[number])
    await gadgets.create(made)
    await gadgets.patch(number, level=Level.HIGH, spot=Point(number), extra={"n": number})
    await check_gadget(gadgets, number)
    prefix = f"{number}/"
    await labels.load(Label(key=f"{prefix}{i}", value="l") for i in range(3))
    async with haus.transaction():
        await labels.create(Label(key=f"{prefix}3", value="t", hits=number))
        async with haus.lock(f"label {number}"):
            await labels.patch(f"{prefix}3", hits=Label.hits + 1)
    query = QueryBuilder(Label).filter(Label.key.startswith(prefix)).order_by(Label.key)
    async with labels.stream(query, batch=2) as rows:
        assert [row.value async for row in rows] == ["l", "l", "l", "t"]
    text = sql(
        "SELECT hits, {x}::int AS x FROM labels WHERE key = {key}", x=number, key=f"{prefix}3"
    )
    ((hits, x),) = await haus.fetch(text)
    assert (hits, x) == (number + 1, number)


async def check_gadget(gadgets: GenericStore[Gadget], number: int) -> None:
    """Its enum, arrays and documents come back."""
    (found,) = await gadgets.find(QueryBuilder(Gadget).filter(Gadget.code == f"c{number}"))
    assert (found.id, found.mood, found.level) == (number, Mood.FINE, Level.HIGH)
    assert (found.moods, found.sizes) == ([Mood.SAD], [number])
    assert (found.spot, found.extra) == (Point(number), {"n": number})


async def test_stores_work(bounced: StoreHaus) -> None:
    """Verbs, loads, transactions, locks, streams and SQL by hand, of many clients at once."""
    await asyncio.gather(*(use_every_door(bounced, number) for number in range(1, CLIENTS + 1)))

    assert await bounced.store(Label).count() == 4 * CLIENTS
    assert (await bounced.health()).ok


async def test_unknown_types_leave_nothing_but_jit_off(
    driver: AsyncpgDriver, onlooker: Any
) -> None:
    """Rows of an enum are read; of what asyncpg does for it, JIT alone may stay switched off."""
    await onlooker.execute("CREATE TYPE hue AS ENUM ('red'); CREATE TABLE t (a hue, b hue[])")
    await onlooker.execute("INSERT INTO t VALUES ('red', '{red}')")

    assert await driver.fetch("SELECT a, b FROM t WHERE a = $1", ("red",)) == [("red", ["red"])]
    assert {rest[1:] for rest in (await traces(driver)).values()} == {("storehaus", 0)}


async def test_reset_keeps_the_name_of_the_application(driver: AsyncpgDriver) -> None:
    """PgBouncer takes what RESET ALL does to it for a wish of the client."""
    for _ in range(SERVERS):
        async with driver.acquire() as connection:
            connection.mark_dirty()

    assert {rest[1] for rest in (await traces(driver)).values()} == {"storehaus"}


async def test_value_that_does_not_fit_holds_no_server(
    driver: AsyncpgDriver, onlooker: Any
) -> None:
    """It is found out after the server has parsed the statement, which must come to an end."""
    for _ in range(SERVERS):
        with pytest.raises(QueryError):
            await driver.fetch("SELECT $1::int", ("seven",))

    await until_idle(driver)
    await until_quiet(onlooker)
    await wake_servers(driver)


async def test_cut_off_statements_hold_no_server(driver: AsyncpgDriver, onlooker: Any) -> None:
    """Whether by their time limit or by cancellation, the server is told through PgBouncer."""
    with pytest.raises(QueryTimeout):
        await driver.fetch("SELECT pg_sleep(60)", timeout_seconds=0.05)
    task = asyncio.create_task(driver.fetch("SELECT pg_sleep(60), $1::int", (1,)))

    async def is_running() -> bool:
        text = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%, $1%'"
        return bool(await onlooker.fetch(text))

    await until(is_running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await until_idle(driver)
    await until_quiet(onlooker)
    await wake_servers(driver)


async def test_transaction_that_fails_leaves_nothing(driver: AsyncpgDriver) -> None:
    """Rolled back, the servers are as they were."""
    await driver.fetch("CREATE TABLE t (a int)")
    for _ in range(SERVERS):
        async with driver.acquire() as connection:
            await connection.begin()
            await connection.fetch("INSERT INTO t VALUES ($1)", (1,))
    await wake_servers(driver)

    assert await driver.fetch("SELECT a FROM t") == []


async def test_statement_that_needs_no_transaction_around_it(driver: AsyncpgDriver) -> None:
    """Nothing is put around a statement, so that VACUUM runs by hand as ever."""
    await driver.fetch("CREATE TABLE t (a int)")
    async with driver.acquire() as connection:
        await connection.query("VACUUM t")
        assert await connection.execute("VACUUM t") == "VACUUM"


async def test_statement_timeout_is_the_clients(bounced_url: str) -> None:
    """PgBouncer would refuse a connection that asks for it; the limit holds all the same."""
    settings: dict[str, Any] = {"prepared_statements": False, "statement_timeout_seconds": 0.1}
    async with StoreHaus(config_of(bounced_url, **settings)) as haus:
        with pytest.raises(QueryTimeout):
            await haus.fetch(sql("SELECT pg_sleep(60)"))
        assert len(await haus.fetch(sql("SELECT 1 AS one"))) == 1


async def test_streams_leave_no_statement_behind(driver: AsyncpgDriver) -> None:
    """Its name would stand in the way of the next process that counts from one."""
    async with AsyncExitStack() as stack:
        for _ in range(SERVERS):
            connection = await stack.enter_async_context(driver.acquire())
            await connection.begin()
            cursor = await connection.cursor("SELECT $1::int", (1,))
            assert await cursor.fetch(2) == [(1,)]

    assert {rest[2] for rest in (await traces(driver)).values()} == {0}


async def test_lock_keeps_others_out(bounced: StoreHaus) -> None:
    """It belongs to a transaction, which keeps its server, and ends with it."""
    async with bounced.lock("one") as mine, bounced.lock("one", wait=False) as other:
        assert (mine, other) == (True, False)
    async with bounced.lock("one", wait=False) as free:
        assert free


async def test_migration_runs_and_leaves_nothing(driver: AsyncpgDriver, bounced_url: str) -> None:
    """One transaction with everything in it; no statement keeps a name on a server."""
    arguments = config_of(bounced_url, prepared_statements=False).database.connect_arguments()

    first = await migrate(arguments, [Visit])
    second = await migrate(arguments, [Visit])

    assert (first.tables[0].created, second.statements) == (True, ())
    assert {rest[2] for rest in (await traces(driver)).values()} == {0}


async def test_newer_pgbouncer_carries_prepared_statements(
    pgbouncer_program: str, bounced_tables_url: str, witness: Any
) -> None:
    """With `max_prepared_statements`, the default since 1.24, nothing needs to be switched off."""
    if pgbouncer_version(pgbouncer_program) < (1, 24):
        pytest.skip("needs PgBouncer 1.24, which follows prepared statements unless told otherwise")
    async with StoreHaus(config_of(bounced_tables_url, max_connections=CLIENTS)) as haus:
        await asyncio.gather(*(use_every_door(haus, number) for number in range(1, CLIENTS + 1)))
        assert await haus.store(Label).count() == 4 * CLIENTS

"""A network that breaks, freezes or never answers, between the driver and a real server."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeAlias

import asyncpg
import pytest

from fault.proxy import Proxy
from fault.waiting import PATIENCE_SECONDS, until, until_idle, until_quiet
from storehaus.driver import asyncpg_connection, asyncpg_driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import CommitUnknown, ConnectionFailed, DatabaseError, QueryTimeout

pytestmark = pytest.mark.anyio

MakeDriver: TypeAlias = Callable[..., AsyncpgDriver]

COMMIT_REQUEST = b"COMMIT\0"
COMMIT_REPLY = b"COMMIT\0"


async def test_cut_during_a_statement_is_marked_as_sent(
    driver: AsyncpgDriver, proxy: Proxy
) -> None:
    """Whoever wrote must know that the statement may have run."""
    await driver.fetch("INSERT INTO t VALUES ($1)", (1,))
    proxy.when("reply", b"INSERT 0 1", proxy.cut)
    with pytest.raises(ConnectionFailed) as caught:
        await driver.fetch("INSERT INTO t VALUES ($1)", (2,))

    assert caught.value.sent is True
    assert len(await driver.fetch("SELECT a FROM t")) == 2


async def test_cut_while_idle_goes_unnoticed(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """Dead idle connections are replaced before anything is sent; the caller sees no error."""
    async with driver.acquire(), driver.acquire():
        pass
    proxy.cut()

    async def is_noticed() -> bool:
        return all(session.is_closed() for session in driver._pool._idle)

    await until(is_noticed)

    assert len(await driver.fetch("SELECT 1")) == 1
    assert driver.stats().size == 1


async def test_killed_backends_go_unnoticed(
    driver: AsyncpgDriver, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The same when it is the server that ends them, as in a restart."""
    async with driver.acquire(), driver.acquire():
        pass
    await witness.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def is_noticed() -> bool:
        return all(session.is_closed() for session in driver._pool._idle)

    await until(is_noticed)

    assert len(await driver.fetch("SELECT 1")) == 1


async def test_killed_statement_tells_the_servers_reason(
    driver: AsyncpgDriver, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A backend that is terminated at work says so by its SQLSTATE."""
    running = asyncio.create_task(driver.fetch("SELECT pg_sleep(60)"))
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event = 'PgSleep'"
    )

    async def is_killed() -> bool:
        return bool(await witness.fetch(kill))

    await until(is_killed)
    with pytest.raises(ConnectionFailed) as caught:
        await running

    assert (caught.value.sent, caught.value.sqlstate) == (True, "57P01")


async def test_server_that_refuses_is_tried_again(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """While nobody can connect, callers learn that nothing was sent; afterwards all is well."""
    proxy.refuse()
    proxy.cut()

    async def is_noticed() -> bool:
        return all(session.is_closed() for session in driver._pool._idle)

    await until(is_noticed)
    with pytest.raises(ConnectionFailed) as caught:
        await driver.fetch("SELECT 1")
    proxy.refuse(refusing=False)

    assert caught.value.sent is False
    assert len(await driver.fetch("SELECT 1")) == 1


async def test_commit_that_never_arrived_is_unknown(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """Cut before the server sees COMMIT, the transaction is gone, but nobody can tell."""
    proxy.when("request", COMMIT_REQUEST, proxy.cut)
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES (1)")
        with pytest.raises(CommitUnknown):
            await connection.commit()

    assert await driver.fetch("SELECT a FROM t") == []


async def test_commit_whose_answer_was_lost_is_unknown(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """Cut after the server has committed, the row is there, but nobody can tell."""
    proxy.when("reply", COMMIT_REPLY, proxy.cut)
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO t VALUES (1)")
        with pytest.raises(CommitUnknown):
            await connection.commit()

    assert len(await driver.fetch("SELECT a FROM t")) == 1


async def test_commit_without_an_answer_in_time_is_unknown(
    make_driver: MakeDriver, proxy: Proxy
) -> None:
    """A deadline that passes during COMMIT is not a plain time-out."""
    driver = make_driver(statement_timeout_seconds=0.2)
    await driver.open()
    proxy.when("request", COMMIT_REQUEST, proxy.freeze)
    async with asyncio.timeout(PATIENCE_SECONDS), driver.acquire() as connection:
        await connection.begin()
        with pytest.raises(CommitUnknown):
            await connection.commit()


async def test_transaction_on_a_cut_connection_is_known_to_be_lost(
    driver: AsyncpgDriver, proxy: Proxy
) -> None:
    """When the connection broke before COMMIT was sent, nothing was committed, and that is sure."""
    async with driver.acquire() as connection:
        await connection.begin()
        proxy.cut()
        with pytest.raises(ConnectionFailed):
            await connection.fetch("SELECT 1")
        assert not connection.in_transaction
        with pytest.raises(ConnectionFailed) as caught:
            await connection.commit()

    assert caught.value.sent is False


async def test_rollback_on_a_cut_connection_succeeds(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """The server rolls back by itself, which is what was asked for."""
    async with driver.acquire() as connection:
        await connection.begin()
        proxy.cut()
        await connection.rollback()

    assert len(await driver.fetch("SELECT 1")) == 1


async def test_frozen_statement_times_out(
    driver: AsyncpgDriver, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is free at his deadline; the connection, which never answers, is given up."""
    monkeypatch.setattr(asyncpg_driver, "_CLEANING_SECONDS", 0.1)
    proxy.freeze()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(QueryTimeout):
            await driver.fetch("SELECT 1", timeout_seconds=0.1)
    await until_idle(driver)
    assert driver.stats().size == 0
    proxy.thaw()

    assert len(await driver.fetch("SELECT 1")) == 1


async def test_connection_survives_a_short_freeze(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """When the server answers again in time, the connection stays in the pool."""
    proxy.freeze()
    with pytest.raises(QueryTimeout):
        await driver.fetch("SELECT 1", timeout_seconds=0.1)
    proxy.thaw()
    await until_idle(driver)

    assert (driver.stats().size, driver.stats().opened) == (1, 1)


async def test_frozen_rollback_gives_up_the_connection(
    driver: AsyncpgDriver, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ROLLBACK has a deadline of its own; past it the connection is closed."""
    monkeypatch.setattr(asyncpg_connection, "_ROLLBACK_SECONDS", 0.1)
    async with asyncio.timeout(PATIENCE_SECONDS), driver.acquire() as connection:
        await connection.begin()
        proxy.freeze()
        await connection.rollback()

    assert driver.stats().size == 0


async def test_frozen_copy_times_out(driver: AsyncpgDriver, proxy: Proxy) -> None:
    """COPY ends at its deadline also when the server has stopped reading."""
    rows = [(number,) for number in range(2_000_000)]
    async with asyncio.timeout(PATIENCE_SECONDS), driver.acquire() as connection:
        await connection.copy_in("t", ["a"], [(1,)])
        proxy.when("request", b"PGCOPY", proxy.freeze)
        with pytest.raises(QueryTimeout):
            await connection.copy_in("t", ["a"], rows, timeout_seconds=0.5)


async def test_frozen_login_fails_in_time(make_driver: MakeDriver, proxy: Proxy) -> None:
    """A server that accepts and says nothing costs no more than the connection time-out."""
    driver = make_driver(connection_timeout_seconds=0.1)
    proxy.freeze()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ConnectionFailed, match=r"no answer within 0\.1 seconds") as caught:
            await driver.open()

    assert caught.value.sent is False


async def test_close_of_a_frozen_pool_ends(
    driver: AsyncpgDriver, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`close` waits for its grace and the goodbyes, not for a server that is gone."""
    monkeypatch.setattr("storehaus.driver.pool._GOODBYE_SECONDS", 0.1)
    proxy.freeze()
    running = asyncio.create_task(driver.fetch("SELECT 1"))
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await driver.close(grace_seconds=0.1)
        with pytest.raises(ConnectionFailed):
            await running


async def test_idle_transaction_that_the_server_ended_is_known_to_be_lost(
    driver: AsyncpgDriver,
) -> None:
    """After `idle_in_transaction_session_timeout` no COMMIT is sent, and none is doubted."""
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")

        async def is_noticed() -> bool:
            return not connection.in_transaction

        await until(is_noticed)
        with pytest.raises(ConnectionFailed) as caught:
            await connection.commit()

    assert caught.value.sent is False


async def test_pool_survives_a_network_that_keeps_breaking(
    driver: AsyncpgDriver, proxy: Proxy, witness: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """Cut again and again under load, the pool loses no place and leaves no transaction."""
    dice = random.Random(4)
    outcomes: list[str] = []

    async def work() -> None:
        for _ in range(30):
            try:
                async with driver.acquire() as connection:
                    await connection.begin()
                    await connection.fetch("INSERT INTO t VALUES (1)")
                    await connection.commit()
            except DatabaseError as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append("committed")
                if dice.random() < 0.2:
                    proxy.cut()

    await asyncio.gather(*(work() for _ in range(6)))
    await until_idle(driver)
    await until_quiet(witness)

    assert set(outcomes) <= {"committed", "ConnectionFailed", "CommitUnknown"}
    assert "committed" in outcomes
    assert len(outcomes) > outcomes.count("committed") > 0
    async with driver.acquire(), driver.acquire():
        assert driver.stats().size == 2

"""A log that was dumped and restored into another cluster is refused, until it is rebased.

Its transaction ids mean nothing there: what is new would never come, or come twice.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from cursors import Connection
from durable_records import (
    RECORDS,
    Delivery,
    Record,
    examine,
    opened,
    prepare,
    read_history,
    report,
    until,
    until_read,
    write_in_turn,
)

from storehaus import DatabaseEvent, PauseSubscription, SignalError, StoreHaus
from storehaus.driver.embedded import EmbeddedPostgres
from storehaus.driver.embedded.home import find_installation

pytestmark = pytest.mark.anyio

_BURN = """DO $$ BEGIN FOR i IN 1..5000 LOOP
    PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"""
_FIRST_READ = 40


async def run(program: str, server: EmbeddedPostgres, *words: str) -> None:
    """Run one of PostgreSQL's programs on a server."""
    found = server.connection_parameters
    environment = {
        **os.environ,
        "PGHOST": str(found["host"]),
        "PGPORT": str(found["port"]),
        "PGUSER": str(found["user"]),
        "PGPASSWORD": str(found["password"]),
        "PGDATABASE": str(found["database"]),
    }
    path = find_installation() / "bin" / program
    process = await asyncio.create_subprocess_exec(
        path,
        *words,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    """Open a connection."""
    connection: Connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def reading(haus: StoreHaus, got: list[Delivery], most: int | None = None) -> None:
    """Subscribe, for so many events at most; further ones wait until somebody else reads."""

    @haus.subscription("restored", Record, start="beginning", page_size=10)
    async def note(event: DatabaseEvent) -> None:
        if most is not None and len(got) == most:
            # The place is kept before it, exactly: this one event was not handled.
            raise PauseSubscription("enough was read")
        got.append(Delivery(0, event.id, event.record_id, event.payload["number"], 0))


async def write(url: str, rounds: int) -> None:
    """Count every record up, again and again, without anybody looking at the log."""
    async with connected(url) as connection:
        for _ in range(rounds):
            for record in range(RECORDS):
                await write_in_turn(connection, record)


async def sqlstate_of(url: str, statement: str) -> str | None:
    """Give the SQLSTATE that a statement is refused with."""
    async with connected(url) as connection:
        try:
            await connection.execute(statement)
        except asyncpg.PostgresError as error:
            return error.sqlstate
    return None


async def make_original(server: EmbeddedPostgres, dump: Path, got: list[Delivery]) -> None:
    """Fill a database whose ids are high, read some of its events, dump it."""
    url = server.url
    await prepare(url)
    async with connected(url) as connection:
        await connection.execute(_BURN)
    await write(url, 3)
    async with opened(url) as haus:
        reading(haus, got, _FIRST_READ)
        await until(lambda: is_paused(haus))
    # Nobody makes a tick of these any more.
    await write(url, 2)
    async with connected(url) as connection:
        ticked = await connection.fetchval("SELECT max(seq_hi) FROM storehaus.tick")
        assert ticked < await connection.fetchval("SELECT max(seq) FROM storehaus.event")
    await run("pg_dump", server, "--file", str(dump))


async def is_paused(haus: StoreHaus) -> bool:
    """Say whether the handler asked for a pause, and its place is kept."""
    return [each.state for each in await haus.events.subscriptions()] == ["paused"]


async def is_refused(haus: StoreHaus, told: Callable[[str], None]) -> bool:
    """Say whether a haus says that its subscriptions do not work."""
    health = await haus.health()
    assert health.signals is not None
    told(health.signals.detail or "")
    return not health.signals.ok


async def test_restore(tmp_path: Path) -> None:
    """All that was not read arrives after the rebase, once, and no id is given twice."""
    before: list[Delivery] = []
    after: list[Delivery] = []
    said: list[str] = []
    dump = tmp_path / "dump.sql"
    async with EmbeddedPostgres.temporary() as original:
        await make_original(original, dump, before)
    async with EmbeddedPostgres.temporary() as server:
        url = server.url
        await run("psql", server, "--set", "ON_ERROR_STOP=1", "--file", str(dump))
        await write(url, 2)
        async with opened(url) as haus:
            reading(haus, after)
            await until(lambda: is_refused(haus, said.append))
        assert await sqlstate_of(url, "SELECT storehaus.check_origin()") == "SH003"
        assert after == []
        async with opened(url) as haus:
            await haus.events.rebase()
            with pytest.raises(SignalError, match="nothing to rebase"):
                await haus.events.rebase()
            reading(haus, after)
            await write(url, 2)
            await until_read(url, ["restored"])
            assert (await haus.health()).ok
        history = await read_history(url)

    found = examine([*before, *after], history)
    epochs = sorted({each.event.partition(":")[0] for each in [*before, *after]})
    report(
        "restore",
        f"{len(before)} events read before the dump, {len(after)} after the rebase: {found}",
        f"epochs {', '.join(epochs)}; the refusal: {said[-1]}",
    )
    assert not found.faults, found.faults
    assert found.duplicates == 0
    assert len(before) == _FIRST_READ
    assert len(epochs) > 1
    assert "storehaus events rebase" in said[-1]

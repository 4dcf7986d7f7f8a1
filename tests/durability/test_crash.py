"""The server is stopped at once under load, again and again: nothing acknowledged is lost.

Writers and readers live through it. The server recovers from its log of writes, as after a fall of
the machine, but for what the kernel had not written to the disk yet.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

import pytest
from durable_records import (
    SECONDS,
    Worker,
    counted,
    examine,
    prepare,
    read_all,
    read_history,
    read_seen,
    report,
    until_read,
    workers,
)

from storehaus.driver.embedded import EmbeddedPostgres
from storehaus.driver.embedded.home import make_temporary_home

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

_CRASHES = max(1, round(SECONDS / 10))
_LEAST_WRITES = 200


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that the server's account can reach, for data that outlives the server."""
    found = make_temporary_home()
    yield found
    rmtree(found)


def lasting_url(server: EmbeddedPostgres, home: Path) -> str:
    """Give a URL that is the same after each start: the sockets are behind a link."""
    found = server.connection_parameters
    host = quote(str(home / "run" / "pg"), safe="/")
    login = f"{found['user']}:{found['password']}"
    return f"postgresql://{login}@/{found['database']}?host={host}&port={found['port']}"


def crash(home: Path) -> None:
    """Stop the server without letting it write anything more."""
    lines = (home / "pgdata" / "postmaster.pid").read_text().splitlines()
    os.kill(int(lines[0]), signal.SIGQUIT)


async def test_crash(home: Path, tmp_path: Path) -> None:
    """Every acknowledged write arrives, in order; nothing does that is not in the table."""
    server = EmbeddedPostgres(home, durable=True)
    await server.start()
    try:
        url = lasting_url(server, home)
        await prepare(url)
        writer = Worker("writer.py", (url,), tmp_path / "writer")
        readers = {
            mode: Worker("consumer.py", (url, mode, mode), tmp_path / mode)
            for mode in ("event", "tx")
        }
        async with workers(writer, *readers.values()):
            await writer.start("--tasks", "8", "--pause", "0.004")
            for reader in readers.values():
                await reader.start()
            for _ in range(_CRASHES):
                await until_busy(writer, readers)
                crash(home)
                await server.stop()
                await server.start()
            await until_busy(writer, readers)
            await writer.stop()
            states = await until_read(url, list(readers))
            for reader in readers.values():
                await reader.stop()
        history = await read_history(url)
        effects = await read_seen(url, "tx")
    finally:
        await server.stop()

    acknowledged = read_all(writer.log)
    outside = examine(read_all(readers["event"].log), history, acknowledged)
    inside = examine(effects, history, acknowledged)
    report(
        "crashes",
        f"{_CRASHES} crashes of the server, {counted(acknowledged)} with 8 tasks",
        f"handler one by one: {outside}",
        f"effects in the transaction: {inside}",
    )
    assert not outside.faults, outside.faults
    assert not inside.faults, inside.faults
    assert inside.duplicates == 0
    assert not any(each.dead for each in states)


async def until_busy(writer: Worker, readers: dict[str, Worker]) -> None:
    """Wait until everybody is at work, with this server."""
    written, read = writer.size, {mode: each.size for mode, each in readers.items()}
    await writer.until_grown(written, _LEAST_WRITES)
    for mode, each in readers.items():
        await each.until_grown(read[mode], _LEAST_WRITES)

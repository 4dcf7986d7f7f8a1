"""Who is held up beyond his lease finds another one at work, and changes nothing any more.

The holder stops itself in the middle of a page, by a signal that it cannot see coming.
"""

import asyncio
import signal
from pathlib import Path

import asyncpg
import pytest
from cursors import Connection
from durable_records import (
    RECORDS,
    Worker,
    examine,
    prepare,
    read_all,
    read_history,
    read_seen,
    report,
    until,
    until_read,
    workers,
    write_in_turn,
)

from storehaus.driver.embedded import EmbeddedPostgres

pytestmark = pytest.mark.anyio

_PAGE = 40
_STOPPED_AT = 15
_PLACE = "SELECT tick, seq, lease, owner FROM storehaus.subscription WHERE name = 'fenced'"
_LOST = "was lost"


def is_stopped(worker: Worker) -> bool:
    """Whether a process is stopped by a signal."""
    assert worker.process is not None
    words = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return words[0] == "T"


@pytest.mark.parametrize("mode", ["event", "tx", "events"])
async def test_fencing(tmp_path: Path, mode: str) -> None:
    """The second goes on where the first had saved; the first delivers what it had in hand."""
    async with EmbeddedPostgres.temporary() as server:
        url = server.url
        await prepare(url)
        writer: Connection = await asyncpg.connect(url)
        for record in range(RECORDS):
            await write_in_turn(writer, record, 5)
        words = (url, "fenced", mode)
        first = Worker("consumer.py", words, tmp_path / "first")
        second = Worker("consumer.py", words, tmp_path / "second")
        pages = ("--page", str(_PAGE), "--pause", "0.001")
        async with workers(first, second):
            await first.start(*pages, "--stop-at", str(_PAGE + _STOPPED_AT))
            await until(lambda: first.size > 0 and is_stopped(first))
            in_time = len(read_all(first.log))
            await second.start(*pages)
            await until_read(url, ["fenced"])
            taken = await writer.fetchrow(_PLACE)
            assert first.process is not None
            first.process.send_signal(signal.SIGCONT)
            # What it had in hand is over when it says so.
            await until(lambda: _LOST in first.errors)
            late = len(read_all(first.log)) - in_time
            kept = await writer.fetchrow(_PLACE)
            for record in range(RECORDS):
                await write_in_turn(writer, record)
            await until_read(url, ["fenced"])
            await asyncio.gather(first.stop(), second.stop())
        await writer.close()
        history = await read_history(url)
        effects = await read_seen(url, "fenced")

    after = read_all(first.log)[in_time + late :]
    both = [*read_all(first.log)[:in_time], *read_all(second.log)]
    found = examine(effects if mode == "tx" else both, history)
    report(
        f"fencing, {mode}",
        f"{in_time} delivered in time, {late} of a page of {_PAGE} after the lease was over",
        f"both together: {found}",
    )
    assert taken == kept
    assert late < _PAGE
    assert after == []
    assert not found.faults, found.faults
    assert found.duplicates <= (0 if mode == "tx" else _PAGE)

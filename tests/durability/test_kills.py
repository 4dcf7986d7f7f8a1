"""Readers and writers are killed at any moment, and every acknowledged write arrives all the same.

A reader is killed only after it handled something in this life, and while there is more: a kill
that hits nobody at work proves nothing.
"""

import asyncio
import random
from pathlib import Path

import pytest
from durable_records import (
    IS_LONG,
    SECONDS,
    Delivery,
    Findings,
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

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

READERS = {"event": "one by one", "tx": "in the transaction", "events": "as lists"}
_WRITERS = 2
_KILLS_OF_READER = max(2, round(SECONDS / 3.4))
_KILLS_OF_WRITER = max(2, round(SECONDS / 2.2))


async def kill_reader(reader: Worker) -> None:
    """Let a reader live, handle something and die, again and again; at last let it live."""
    for _ in range(_KILLS_OF_READER):
        since = reader.size
        await reader.start()
        await reader.until_grown(since, random.randint(1, 120))
        await reader.kill()
    await reader.start()


async def kill_writer(writer: Worker) -> None:
    """The same for a writer."""
    for _ in range(_KILLS_OF_WRITER):
        since = writer.size
        await writer.start()
        await writer.until_grown(since, random.randint(20, 200))
        await writer.kill()
    await writer.start()


async def test_kills(tmp_path: Path) -> None:
    """Nothing is lost; in the transaction that keeps the place nothing happens twice either."""
    async with EmbeddedPostgres.temporary() as server:
        url = server.url
        await prepare(url)
        readers = {
            mode: Worker("consumer.py", (url, mode, mode), tmp_path / mode) for mode in READERS
        }
        writers = [
            Worker("writer.py", (url,), tmp_path / f"writer{each}") for each in range(_WRITERS)
        ]
        async with workers(*readers.values(), *writers):
            await asyncio.gather(*map(kill_writer, writers), *map(kill_reader, readers.values()))
            for writer in writers:
                await writer.stop()
            await until_read(url, list(READERS))
            for reader in readers.values():
                await reader.stop()
        history = await read_history(url)
        effects = await read_seen(url, "tx")

    acknowledged = [each for writer in writers for each in read_all(writer.log)]
    found: dict[str, Findings] = {}
    for mode, reader in readers.items():
        found[mode] = examine(read_all(reader.log), history, acknowledged)
    inside = examine(effects, history, acknowledged)
    tell(readers, writers, acknowledged, found, inside)
    for each in (*found.values(), inside):
        assert not each.faults, each.faults
    assert inside.duplicates == 0
    if IS_LONG:
        assert sum(each.kills for each in readers.values()) >= 50
        assert sum(each.kills for each in writers) >= 50
        assert found["event"].duplicates > 0
        assert found["tx"].duplicates > 0  # which the database took back


def tell(
    readers: dict[str, Worker],
    writers: list[Worker],
    acknowledged: list[Delivery],
    found: dict[str, Findings],
    inside: Findings,
) -> None:
    """Print what was tried."""
    kills = sum(each.kills for each in writers)
    lines = [f"{counted(acknowledged)}, {kills} of which were killed"]
    for mode, name in READERS.items():
        lines.append(f"handler {name}, {readers[mode].kills} kills: {found[mode]}")
    report("kills", *lines, f"effects in the transaction: {inside}")

"""No read is older than a commit that was acknowledged before it, whatever happens meanwhile.

Several processes read and write the same rows through the public API, over a Redis that answers
late; processes are killed at any moment, keys vanish, Redis is emptied. Afterwards the same
processes do what everybody does, and the same check must find them out: else it proves nothing.

`make coherence` takes two minutes for it; STOREHAUS_COHERENCE_SECONDS says how long it takes here.
"""

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from worker import GROUPS, ROWS, Board, Counted

from fix_redis import RedisServer
from storehaus import AppConfig, DatabaseConfig, StoreHaus
from storehaus.config import CacheConfig

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

SECONDS = float(os.environ.get("STOREHAUS_COHERENCE_SECONDS", "8"))
PROCESSES = 4
_FULL_KEYS = 20
WORKER = Path(__file__).with_name("worker.py")
# By so much the control must be wrong in a long run, where chance has no say.
LONG_SECONDS = 30.0


class SlowLink:
    """Carries bytes between processes and Redis, some of them late.

    Args:
        server: Redis.
        path: Socket to listen on.
    """

    def __init__(self, server: RedisServer, path: Path) -> None:
        self._server = server
        self.path = path
        self.url = f"unix://{path}"
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["SlowLink"]:
        """Carry for as long as the context lasts."""
        server = await asyncio.start_unix_server(self._serve, self.path)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError):
            theirs, ours = await asyncio.open_unix_connection(self._server.socket)
            try:
                await asyncio.gather(self._carry(reader, ours), self._carry(theirs, writer))
            finally:
                ours.close()
                writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                if random.random() < 0.3:
                    await asyncio.sleep(random.random() * 0.01)
                writer.write(chunk)
                await writer.drain()
        writer.close()


class Trouble:
    """Makes keys vanish and kills processes.

    Args:
        server: Redis.
    """

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.counts: Counter[str] = Counter()

    async def lose_keys(self) -> None:
        """Drop keys one by one, as a Redis that is full does; every now and then all of them."""
        turn = 0
        while True:
            await asyncio.sleep(0.25)
            turn += 1
            if turn % 40 == 39:
                await asyncio.to_thread(self._server.run, "FLUSHALL")
                self.counts["times emptied"] += 1
                continue
            size = await asyncio.to_thread(self._server.run, "DBSIZE")
            key = await asyncio.to_thread(self._server.run, "RANDOMKEY")
            # While there is little else, it would always be the pending HASH.
            if isinstance(key, bytes) and isinstance(size, int) and size > _FULL_KEYS:
                await asyncio.to_thread(self._server.run, "UNLINK", key)
                self.counts["keys lost"] += 1

    async def kill_victims(self, words: list[str]) -> None:
        """Start a process that writes, kill it at any moment, and again."""
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(WORKER), *words, stdout=asyncio.subprocess.DEVNULL
            )
            try:
                await asyncio.sleep(1.5 + random.random())
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            self.counts["processes killed"] += 1


async def work(words: list[str]) -> Counter[str]:
    """Run one process to its end, give what it counted."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    found: Counter[str] = Counter(json.loads(output))
    return found


async def everybody(common: list[str], *more: str) -> Counter[str]:
    """Run all processes, give the sums."""
    counts: Counter[str] = Counter()
    numbers = range(PROCESSES)
    for found in await asyncio.gather(
        *(work([*common, *more, "--number", str(i)]) for i in numbers)
    ):
        counts.update(found)
    return counts


async def prepare(database: str, redis: str) -> None:
    """Make the table and its rows."""
    config = AppConfig(
        database=DatabaseConfig(url=database),
        cache=CacheConfig(redis_url=redis, prefix="coherence"),
    )
    async with StoreHaus(config) as haus:
        await haus.auto_migrate(Counted)
        rows = [Counted(id=row, part=row % GROUPS) for row in range(ROWS)]
        await haus.store(Counted).create_many(rows)


def report(title: str, counts: Counter[str]) -> None:
    """Print what was tried."""
    lines = [f"{title}:"]
    for kind in ("records", "queries"):
        asked, stale, hits = counts[kind], counts[f"stale {kind}"], counts[f"hits of {kind}"]
        shares = f"{hits / max(asked, 1):.0%} hits, {stale:,} stale ({stale / max(asked, 1):.3%})"
        lines.append(f"  {asked:>8,} {kind}, {shares}")
    told = {"records", "queries", "stale records", "stale queries"}
    rest = [
        f"{counts[each]:,} {each}" for each in counts if each not in told and " of " not in each
    ]
    print("\n".join([*lines, "  " + ", ".join(rest)]))  # noqa: T201 - what was tried is the claim


async def test_nothing_is_stale(
    postgres_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    """And the control, which is wrong often, shows that the check can tell."""
    board = tmp_path / "board"
    Board.create(board)
    await prepare(postgres_url, redis_server.url)
    # A fifth process is the one that is killed again and again.
    base = ["--database", postgres_url, "--board", str(board), "--processes", str(PROCESSES + 1)]
    async with SlowLink(redis_server, redis_server.socket.with_name("slow")).listen() as link:
        common = [*base, "--redis", link.url, "--seconds", str(SECONDS)]
        trouble = Trouble(redis_server)
        victim = [*base, "--redis", link.url, "--seconds", "60", "--number", str(PROCESSES)]
        troubles = [
            asyncio.create_task(trouble.lose_keys()),
            asyncio.create_task(trouble.kill_victims(victim)),
        ]
        try:
            counts = await everybody(common)
        finally:
            for task in troubles:
                task.cancel()
            await asyncio.gather(*troubles, return_exceptions=True)
        control = await everybody(
            [*base, "--redis", link.url, "--seconds", str(SECONDS / 2)], "--control"
        )
    counts.update(trouble.counts)
    report("through the cache", counts)
    report("control: delete after the commit", control)

    assert counts["stale records"] == counts["stale queries"] == 0
    assert counts["failed reads"] == counts["failed writes"] == 0
    for kind in ("records", "queries"):
        # Losing the pending HASH stops hits for two seconds, which is much of a short run.
        share = 0.3 if SECONDS >= LONG_SECONDS else 0.05
        assert counts[f"hits of {kind}"] >= share * counts[kind]
        assert control[f"stale {kind}"] > (0.01 * control[kind] if SECONDS >= LONG_SECONDS else 0)

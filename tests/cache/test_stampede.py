"""Many who ask for the same at once ask the database once."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cache.stampede import Wanted
from fix_cache import cached_config
from fix_redis import RedisServer
from storehaus import StoreHaus

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

WORKER = Path(__file__).with_name("stampede.py")
PROCESSES = 2
TASKS = 200


async def start(*words: str) -> asyncio.subprocess.Process:
    """Start a process, and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(WORKER), *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def finish(process: asyncio.subprocess.Process) -> dict[str, Any]:
    """Give the word, and what the process found out."""
    output, _ = await process.communicate(b"go\n")
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.parametrize("kind", ["record", "query"])
async def test_a_stampede_reads_once_per_process_at_most(
    postgres_url: str, redis_server: RedisServer, kind: str
) -> None:
    """400 tasks in two processes, one cold entry, and a database that takes 20 ms."""
    async with StoreHaus(cached_config(postgres_url, redis_server.url)) as haus:
        await haus.auto_migrate(Wanted)
        await haus.store(Wanted).create(Wanted(id=1, text="here"))
    words = (postgres_url, redis_server.url, str(TASKS), kind)
    processes = await asyncio.gather(*(start(*words) for _ in range(PROCESSES)))
    found = await asyncio.gather(*map(finish, processes))
    assert [each["found"] for each in found] == [["here"]] * PROCESSES
    assert 1 <= sum(each["reads"] for each in found) <= PROCESSES

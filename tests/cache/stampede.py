"""One process of a stampede: many tasks that ask for the same cold entry at once."""

import asyncio
import json
import sys
from typing import Any

from storehaus import (
    AppConfig,
    CacheParams,
    DatabaseConfig,
    Field,
    Model,
    QueryBuilder,
    StoreHaus,
    field,
)
from storehaus.cache import Timing
from storehaus.config import CacheConfig
from storehaus.driver.asyncpg_driver import AsyncpgDriver

QUERY_SECONDS = 0.02


class Wanted(Model, table="stampede_wanted", cache=CacheParams()):
    """What everybody asks for."""

    id: Field[int] = field(primary_key=True)
    text: Field[str] = field(default="")


class SlowReads:
    """Counts the statements that read the table, and answers late."""

    def __init__(self) -> None:
        self.count = 0

    def begin(self) -> None:
        """See every statement from now on."""
        fetch = AsyncpgDriver.fetch

        async def late(driver: Any, text: str, *rest: Any, **options: Any) -> Any:
            await self._delay(text)
            return await fetch(driver, text, *rest, **options)

        AsyncpgDriver.fetch = late  # type: ignore[method-assign]  # in this process only

    async def _delay(self, text: str) -> None:
        if '"stampede_wanted"' in text and text.startswith("SELECT"):
            self.count += 1
            await asyncio.sleep(QUERY_SECONDS)


async def main(database: str, redis: str, tasks: int, kind: str) -> None:
    """Get ready, say so, wait for the word, ask."""
    config = AppConfig(
        database=DatabaseConfig(url=database),
        cache=CacheConfig(redis_url=redis, local_max_items=0),
    )
    haus = StoreHaus(config)
    core = haus.cache._core
    assert core.transport is not None
    core.timing = core.transport.timing = Timing(patience=5.0)
    async with haus:
        store = haus.store(Wanted)
        await haus.cache.refresh()
        await haus.cache.ready()
        reads = SlowReads()
        reads.begin()
        print("ready", flush=True)  # noqa: T201 - its answer
        await asyncio.to_thread(sys.stdin.readline)

        async def ask() -> str:
            if kind == "record":
                return (await store.get(1)).text
            ((found),) = await store.find(QueryBuilder(Wanted).filter(Wanted.text == "here"))
            return found.text

        found = await asyncio.gather(*(ask() for _ in range(tasks)))
        print(json.dumps({"reads": reads.count, "found": sorted(set(found))}))  # noqa: T201 - its answer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))

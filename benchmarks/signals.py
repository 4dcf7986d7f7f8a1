"""What a writer pays for callbacks, of which one is slow and one fails."""

import asyncio
from itertools import count

from _bench import Reading, Work, bench, compare, run

from storehaus import AppConfig, DatabaseConfig, DatabaseEvent, GenericStore, StoreHaus
from storehaus.config import SignalConfig

ROWS = 1_000
CALLBACKS = 10


async def quick(event: DatabaseEvent) -> None:
    """Do next to nothing."""
    del event


async def slow(event: DatabaseEvent) -> None:
    """Take long."""
    del event
    await asyncio.sleep(0.05)


async def failing(event: DatabaseEvent) -> None:
    """Fail, as often as it is let."""
    raise ValueError(event.id)


def forget(error: Exception, event: DatabaseEvent, name: str) -> None:
    """Say nothing of errors, which would be most of what is printed."""
    del error, event, name


def patcher(store: GenericStore[Reading]) -> Work:
    """Give what writes another row each time."""
    ids = count()

    async def patch() -> object:
        number = next(ids)
        return await store.patch(number % ROWS, value=float(number))

    return patch


async def main() -> None:
    async with bench(rows=ROWS) as b:
        config = AppConfig(
            database=DatabaseConfig(url=b.url),
            signal=SignalConfig(remove_failing_callbacks=False),
        )
        async with StoreHaus(config) as haus:
            for i in range(CALLBACKS):
                haus.signals.add_callback({0: slow, 1: failing}.get(i, quick), name=f"callback {i}")
            haus.signals.set_error_handler(forget)
            told, plain = patcher(haus.store(Reading)), patcher(b.store)
            await compare(
                f"a write with {CALLBACKS} callbacks, 1 task", told, plain, rounds=15, repeat=200
            )
            await haus.signals.shutdown(grace_seconds=0.1)
            print(haus.signals.stats())


if __name__ == "__main__":
    run(main)

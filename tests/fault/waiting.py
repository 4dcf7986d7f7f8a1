"""Waiting for what happens elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from storehaus.driver import Driver

PATIENCE_SECONDS = 10.0

OTHERS = """
    SELECT state FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state IS DISTINCT FROM 'idle'
"""


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what happens on a server sets no event
            await asyncio.sleep(0.01)


async def until_idle(driver: Driver) -> None:
    """Wait until no connection of a driver is in use."""

    async def is_idle() -> bool:
        return driver.stats().idle == driver.stats().size

    await until(is_idle)


async def until_quiet(witness: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Wait until no other backend of the database runs anything or sits in a transaction."""

    async def is_quiet() -> bool:
        return not await witness.fetch(OTHERS)

    await until(is_quiet)

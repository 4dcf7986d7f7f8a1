"""Where the statements of a store run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from storehaus.driver import Connection, Driver, Row
from storehaus.sql.statement import Statement
from storehaus.store.plugin import Plugin

__all__ = ["Database"]


class Database:
    """A driver and the plug-ins that see what is written through it.

    Args:
        driver: Carries statements to PostgreSQL.
        plugins: In the order in which they are called.
    """

    __slots__ = ("driver", "plugins")

    def __init__(self, driver: Driver, plugins: Sequence[Plugin] = ()) -> None:
        self.driver = driver
        self.plugins = tuple(plugins)

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        """Run one statement as a transaction of its own."""
        return await self.driver.fetch(statement.text, statement.params)

    async def fetch_value(self, statement: Statement) -> Any:
        """Run one statement that gives one row of one column."""
        rows = await self.driver.fetch(statement.text, statement.params)
        return rows[0][0]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run several statements as one transaction.

        Leaving by an exception rolls back: the driver does it when the connection is returned.
        """
        async with self.driver.acquire() as connection:
            await connection.begin()
            yield connection
            await connection.commit()

"""Where the statements of a store run."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from storehaus.driver import Connection, Driver, ResultSet, Row
from storehaus.errors import StorehausError
from storehaus.sql.statement import Statement
from storehaus.store.plugin import Plugin

__all__ = ["Database"]


class Database:
    """A driver and the plug-ins that see what is written through it.

    Args:
        driver: Carries statements to PostgreSQL; None until `connect`.
        plugins: In the order in which they are called.
    """

    __slots__ = ("_driver", "plugins")

    def __init__(self, driver: Driver | None = None, plugins: Sequence[Plugin] = ()) -> None:
        self._driver = driver
        self.plugins = tuple(plugins)

    @property
    def is_open(self) -> bool:
        """Whether there is a driver."""
        return self._driver is not None

    @property
    def driver(self) -> Driver:
        """The driver.

        Raises:
            StorehausError: When there is none: before the haus is open, or after it was closed.
        """
        if self._driver is None:
            raise StorehausError("the haus is not open: use `async with` or `await haus.open()`")
        return self._driver

    def connect(self, driver: Driver) -> None:
        """Begin to use an open driver."""
        self._driver = driver

    def disconnect(self) -> Driver | None:
        """Use the driver no more; give it to be closed."""
        driver, self._driver = self._driver, None
        return driver

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        """Run one statement as a transaction of its own."""
        return await self.driver.fetch(statement.text, statement.params)

    async def fetch_value(self, statement: Statement) -> Any:
        """Run one statement that gives one row of one column."""
        rows = await self.driver.fetch(statement.text, statement.params)
        return rows[0][0]

    async def query(self, statement: Statement) -> ResultSet:
        """Run one statement that was written by hand, as a transaction of its own.

        What it sets on the connection is reset, since nobody knows what it calls.
        """
        async with self.driver.acquire() as connection:
            connection.mark_dirty()
            return await connection.query(statement.text, statement.params)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Run several statements as one transaction.

        Leaving by an exception rolls back: the driver does it when the connection is returned.
        """
        async with self.driver.acquire() as connection:
            await connection.begin()
            yield connection
            await connection.commit()

"""One statement on a connection that is held already."""

from collections.abc import Awaitable, Callable, Sequence

from storehaus.driver import Connection, Row
from storehaus.sql.statement import Statement

__all__ = ["Fetch", "fetch_on", "prepare", "send"]

Fetch = Callable[[Statement], Awaitable[Sequence[Row]]]


def prepare(connection: Connection, statement: Statement) -> None:
    """Have the connection reset later, if the statement may leave something set on it."""
    if statement.resets:
        connection.mark_dirty()


async def send(connection: Connection, statement: Statement) -> Sequence[Row]:
    """Run a statement, give its rows."""
    prepare(connection, statement)
    return await connection.fetch(statement.text, statement.params)


def fetch_on(connection: Connection) -> Fetch:
    """Give what runs statements on a connection."""

    async def fetch(statement: Statement) -> Sequence[Row]:
        return await send(connection, statement)

    return fetch

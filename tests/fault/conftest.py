"""A driver that reaches its server through a proxy which breaks on purpose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import pytest

from fault.proxy import Proxy, Streams
from storehaus.driver.asyncpg_driver import AsyncpgDriver

MakeDriver: TypeAlias = Callable[..., AsyncpgDriver]


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the server."""
    parts = urlsplit(postgres_url)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.hostname or "localhost"])[0]
    port = int(query.get("port", [parts.port or 5432])[0])

    async def connect() -> Streams:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async with Proxy(connect).listen() as made:
        yield made


@pytest.fixture
async def make_driver(postgres_url: str, proxy: Proxy) -> AsyncIterator[MakeDriver]:
    """Makes drivers that connect through the proxy, and closes them."""
    parts = urlsplit(postgres_url)
    arguments: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": proxy.port,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or ""),
        "database": parts.path.removeprefix("/"),
        "ssl": False,
    }
    async with AsyncExitStack() as stack:

        def make(**settings: Any) -> AsyncpgDriver:
            made = AsyncpgDriver(arguments, **{"max_connections": 2, **settings})
            stack.push_async_callback(made.close, grace_seconds=0.0)
            return made

        yield make
        # A frozen proxy would only make the goodbyes slow.
        proxy.cut()


@pytest.fixture
async def driver(make_driver: MakeDriver) -> AsyncpgDriver:
    """An open driver of at most two connections, behind the proxy, with a table `t`."""
    made = make_driver()
    await made.open()
    await made.fetch("CREATE TABLE t (a int)")
    return made


@pytest.fixture
async def witness(postgres_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection past the proxy that sees what others do."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()

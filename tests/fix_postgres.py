"""A real PostgreSQL for the tests: the embedded one, or the one that the environment names.

`STOREHAUS_TEST_DATABASE_URL` points to another server; the login must be allowed to create
databases there. Every test gets a database of its own.
"""

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from storehaus.driver.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """URL of a server on which databases may be created."""
    given = os.environ.get("STOREHAUS_TEST_DATABASE_URL")
    if given:
        yield given
        return
    server = EmbeddedPostgres.temporary()
    server.start_blocking()
    try:
        yield server.url
    finally:
        server.stop_blocking()


@pytest.fixture
def postgres_url(server_url: str) -> Iterator[str]:
    """URL of a fresh, empty database, which is dropped after the test."""
    name = f"storehaus_test_{uuid4().hex}"
    _run(server_url, f'CREATE DATABASE "{name}"')
    try:
        yield _with_database(server_url, name)
    finally:
        _run(server_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def _with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def _run(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())

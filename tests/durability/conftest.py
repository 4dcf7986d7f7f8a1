"""What the durability tests share stands beside them; here are the servers they break."""

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from storehaus.driver.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def quiet_server() -> Iterator[str]:
    """URL of a server on which nobody takes a transaction id but the test."""
    server = EmbeddedPostgres.temporary(settings={"autovacuum": "off"})
    server.start_blocking()
    try:
        yield server.url
    finally:
        server.stop_blocking()


@pytest.fixture
async def quiet_url(quiet_server: str) -> str:
    """URL of a new database there."""
    name = f"durability_{uuid4().hex}"
    connection = await asyncpg.connect(quiet_server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return urlunsplit(urlsplit(quiet_server)._replace(path=f"/{name}"))

"""Fixtures for every test; those of one concern stand in `fix_*.py` beside this file."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio: asyncpg knows no other loop."""
    return "asyncio"

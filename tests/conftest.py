"""Fixtures for every test; those of one concern stand in `fix_*.py` beside this file."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline is a timing assertion, which a busy machine breaks.
settings.register_profile("storehaus", deadline=None)
settings.load_profile("storehaus")

# The modules named below stand beside this file, and tests are not a package.
sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = [
    "fix_postgres",
    "fix_migrations",
    "fix_haus",
    "fix_relations",
    "fix_verbs",
    "fix_cli",
    "fix_pgbouncer",
    "fix_redis",
    "fix_cache",
    "fix_transport",
    "fix_events",
]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio: asyncpg knows no other loop."""
    return "asyncio"

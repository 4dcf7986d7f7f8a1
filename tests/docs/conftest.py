"""What a reader's machine looks like to the code of the documentation."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

# The rest of the environment is not the reader's: settings of the tests must not help an example.
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@pytest.fixture
def readers_environment(tmp_path: Path, postgres_url: str) -> dict[str, str]:
    """The variables that a documented program sees: a home, and a fresh database's address."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"HOME": str(tmp_path), "DATABASE_URL": postgres_url}


@pytest.fixture
def readers_place(
    readers_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty working directory and the reader's environment, for code run in this process."""
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ, readers_environment, clear=True):
        yield tmp_path

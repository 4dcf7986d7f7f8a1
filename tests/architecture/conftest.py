"""Where the repository stands, and what it holds."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

SCRIPT_SECONDS = 60


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working copy."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def committed_files(repository: Path) -> list[Path]:
    """The text files under version control, as they are in the working copy.

    Files not yet committed count too, unless .gitignore names them.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = [repository / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run the interpreter of the tests in an empty directory: `run_python("-c", "...")`."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=kept | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
        )

    return run

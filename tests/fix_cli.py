"""The command line as a process of its own, in an empty directory."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from storehaus.driver.embedded.supervisor.account import choose_account
from storehaus.driver.embedded.supervisor.scratch import make_scratch_directory

PATIENCE_SECONDS = 60.0
# The settings of whoever runs the tests are not those of a user of the command line.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs `storehaus` in a directory."""

    directory: Path

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "storehaus.cli", *arguments],
            cwd=self.directory,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def environment(self, **changes: str) -> dict[str, str]:
        """The variables that a command sees."""
        names = [name for name in os.environ if name in KEPT or name.startswith("COVERAGE")]
        # Modules that tests write twice in one second would be taken from the first one's bytecode.
        fixed = {"PYTHONDONTWRITEBYTECODE": "1"}
        return {name: os.environ[name] for name in names} | fixed | changes

    def write(self, name: str, text: str) -> Path:
        """Write a file into the directory."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


ListProcesses: TypeAlias = Callable[[Path], list[str]]


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    """The command line in an empty directory."""
    return CommandLine(tmp_path)


@pytest.fixture(scope="module")
def shared_command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The same for tests that look at one run."""
    return CommandLine(tmp_path_factory.mktemp("command-line"))


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """A path for the data of an embedded server, which is gone when the test ends."""
    yield from _lend_directory()


@pytest.fixture(scope="module")
def shared_data_directory() -> Iterator[Path]:
    """The same for tests that look at one run."""
    yield from _lend_directory()


def _lend_directory() -> Iterator[Path]:
    # As root, servers run as an account that cannot reach the directories of pytest.
    base = make_scratch_directory(choose_account(None), "storehaus-test-")
    yield base / "data"
    await_silence(base)
    subprocess.run(["rm", "-rf", base], check=True)


def list_processes(directory: Path) -> list[str]:
    """The command lines of living processes that name a directory."""
    listing = subprocess.run(
        ["ps", "-axww", "-o", "stat=,pid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in listing if str(directory) in line and not line.startswith("Z")]


def await_silence(directory: Path, seconds: float = PATIENCE_SECONDS) -> list[str]:
    """Wait until no process names a directory; give those that still do at the end."""
    end = time.monotonic() + seconds
    while (left := list_processes(directory)) and time.monotonic() < end:
        time.sleep(0.02)
    return left


def read_until(process: "subprocess.Popen[str]", beginning: str) -> None:
    """Read what a process prints up to the line that begins so."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the process ended without printing {beginning!r}")

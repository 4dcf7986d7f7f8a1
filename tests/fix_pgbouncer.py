"""A real PgBouncer in transaction mode, before the server of the tests.

It is Debian's package `pgbouncer`, or what stands in PATH; where there is none, its tests are
skipped. It listens on a Unix socket only, in a directory of its own.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

SERVERS = 3
_PORT = 6432
_PATIENCE_SECONDS = 10.0
# Debian puts it where only root's PATH leads to.
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

# Each transaction gets the server that rested longest, so that whoever needs the same one twice
# does not get it by luck.
_SETTINGS = f"""
pool_mode = transaction
default_pool_size = {SERVERS}
server_round_robin = 1
max_client_conn = 200
auth_type = trust
listen_port = {_PORT}
"""


def pgbouncer_version(program: str) -> tuple[int, int]:
    """Ask a PgBouncer for its version: 1.18 is (1, 18)."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told.stdout)
    assert found is not None, told.stdout
    return int(found[1]), int(found[2])


@pytest.fixture(scope="session")
def pgbouncer_program() -> str:
    """Where PgBouncer is installed."""
    found = shutil.which("pgbouncer", path=_PATH)
    if found is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    return found


@pytest.fixture(scope="session")
def bouncer(pgbouncer_program: str, server_url: str) -> Iterator[Path]:
    """The directory of the socket of a running PgBouncer; every database can be reached."""
    home = Path(tempfile.mkdtemp(prefix="storehaus-bouncer-"))
    account = _account(server_url) if os.geteuid() == 0 else os.geteuid()
    try:
        _write_files(home, server_url, account)
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                [pgbouncer_program, str(home / "ini")], stdout=log, stderr=log, user=account
            )
        try:
            _await_socket(home, process)
            yield home
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(home)


@pytest.fixture
def bounced_url(bouncer: Path, postgres_url: str) -> str:
    """URL of a fresh, empty database behind PgBouncer."""
    return through(bouncer, postgres_url)


@pytest.fixture
def bounced_tables_url(bouncer: Path, tables_url: str) -> str:
    """URL of the tables that all tests share, behind PgBouncer."""
    return through(bouncer, tables_url)


def through(bouncer: Path, url: str) -> str:
    """Give the URL that leads to the same database by way of PgBouncer."""
    parts = urlsplit(url)
    user = quote(unquote(parts.username or "postgres"), safe="")
    return f"postgresql://{user}@{parts.path}?host={bouncer}&port={_PORT}"


def _account(server_url: str) -> int:
    """Choose whom to run as, since it refuses to be root: the owner of the server's socket."""
    directory = Path(_address(server_url)[0])
    owner = directory.stat().st_uid if directory.is_absolute() else 0
    return owner or 65534


def _write_files(home: Path, server_url: str, account: int) -> None:
    host, port = _address(server_url)
    parts = urlsplit(server_url)
    user, password = unquote(parts.username or "postgres"), unquote(parts.password or "")
    (home / "users").write_text(f'"{user}" "{password}"\n')
    (home / "ini").write_text(
        f"[databases]\n* = host={host} port={port}\n"
        f"[pgbouncer]\nunix_socket_dir = {home}\nauth_file = {home / 'users'}\n{_SETTINGS}"
    )
    for path in (home, *home.iterdir()):
        os.chown(path, account, -1)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    given = parse_qs(parts.query)
    host = given.get("host", [parts.hostname or "localhost"])[0]
    return host, int(given.get("port", [str(parts.port or 5432)])[0])


def _await_socket(home: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until it accepts."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _accepts(home):
        log = (home / "log").read_text()
        assert process.poll() is None, log
        assert time.monotonic() < deadline, log
        time.sleep(0.01)


def _accepts(home: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as knock:
        try:
            knock.connect(str(home / f".s.PGSQL.{_PORT}"))
        except OSError:
            return False
    return True

"""One data directory and the PostgreSQL that runs on it."""

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from .account import Account
from .failure import StartFailed
from .installation import Installation
from .messages import Plan, Ready
from .tether import make_tether

USER: Final = "postgres"
PORT: Final = 5432
DATA: Final = "pgdata"
STAGING_PREFIX: Final = "new-"
UNSYNCED: Final = "unsynced"
_PASSWORD_FILE: Final = "storehaus_password"  # noqa: S105 - the name of the file, not its content
_POLL_SECONDS: Final = 0.005
_NOT_DURABLE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# The write-ahead log makes a quick end as safe as a clean one, only the next start takes longer.
_STOPPING: Final = ((signal.SIGINT, 4.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))
_STATUS_LINE: Final = 7


class Cluster:
    """Creates, starts and stops one server.

    Args:
        plan: What to run.
        account: Who runs it.
        installation: The programs.
        sockets: Directory for the server's Unix socket, owned by the account.
        attend: Called between looks at a child, with the seconds to wait; it raises to give up.
    """

    def __init__(
        self,
        plan: Plan,
        account: Account,
        installation: Installation,
        sockets: Path,
        attend: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._account = account
        self._installation = installation
        self._sockets = sockets
        self._attend = attend
        self._home = Path(plan.home)
        self._data = self._home / DATA
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the server's first process is alive."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> Ready:
        """Bring the server up, with a new data directory if there is none.

        Raises:
            StartFailed: It does not come up; the reason says why.
        """
        self._remove_half_made()
        if not self._data.exists():
            self._create()
        self._check_version()
        guard = self._claim()
        try:
            self._settle_durability()
            self._server = self._spawn(self._make_command(), signal.SIGINT, keep=(guard,))
        finally:
            os.close(guard)  # the server's processes hold it from here on
        self._wait_until_ready(self._server)
        return self._describe()

    def stop(self) -> None:
        """End the server: cleanly, then quickly, then by force."""
        if self._server is None:
            return
        # What is thrown away needs no clean end.
        for number, seconds in _STOPPING[1:] if self._plan.is_temporary else _STOPPING:
            self._server.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._server.wait(seconds)
                return

    def _remove_half_made(self) -> None:
        for remains in self._home.glob(f"{STAGING_PREFIX}*"):
            shutil.rmtree(remains, ignore_errors=True)

    def _create(self) -> None:
        """Make the data directory beside its place: a killed `initdb` leaves nothing half-made."""
        staging = Path(tempfile.mkdtemp(dir=self._home, prefix=STAGING_PREFIX))
        self._account.take(staging)
        password = staging / "password"
        password.write_text(os.urandom(24).hex())
        self._account.take(password)
        staged = staging / DATA
        self._run_initdb(
            *("-D", str(staged), "--username", USER, "--pwfile", str(password), "--no-sync"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
        )
        password.rename(staged / _PASSWORD_FILE)
        if self._plan.durable:
            self._run_initdb("--sync-only", "-D", str(staged))
        staged.rename(self._data)
        staging.rmdir()
        _sync_directory(self._home)

    def _run_initdb(self, *arguments: str) -> None:
        child = self._spawn((self._installation.find_program("initdb"), *arguments), signal.SIGTERM)
        try:
            while child.poll() is None:
                self._attend(_POLL_SECONDS)
        finally:
            child.terminate()
            child.wait()
        if child.returncode != 0:
            raise StartFailed(f"initdb ended with status {child.returncode}", has_log=True)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        expected = self._installation.major_version
        if found != expected:
            raise StartFailed(
                f"{self._home} holds the data of PostgreSQL {found}, and the embedded server is "
                f"PostgreSQL {expected}: dump it with the old version and restore it into a new "
                f"directory, or choose another directory",
                is_configuration=True,
            )

    def _claim(self) -> int:
        """Lock the data directory against servers that outlived their supervisor.

        Every process of the server inherits the lock, so that the lock tells better than any
        process id whether one of them is still alive.
        """
        guard = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        # An orphan may be writing its last checkpoint. Its users' deadlines bound the wait.
        while not _try_lock(guard):
            self._end_orphan()
            self._attend(0.1)
        # PostgreSQL would refuse to start when the id in it is now that of some other process.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        return guard

    def _end_orphan(self) -> None:
        with suppress(OSError, ValueError, IndexError):  # it may end at this very moment
            process_id = int((self._data / "postmaster.pid").read_text().split()[0])
            os.kill(process_id, signal.SIGINT)

    def _settle_durability(self) -> None:
        """Bring to disk what earlier runs without fsync left to the operating system."""
        mark = self._home / UNSYNCED
        if not self._plan.durable:
            mark.touch()
        elif mark.exists():
            self._run_initdb("--sync-only", "-D", str(self._data))
            mark.unlink()
            _sync_directory(self._home)

    def _make_command(self) -> tuple[str, ...]:
        sockets = str(self._sockets).replace('"', '""')
        settings = {
            "log_min_messages": "log",  # errors reach the user, and would fill the disk here
            **({} if self._plan.durable else _NOT_DURABLE),
            **self._plan.settings,
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        return (self._installation.find_program("postgres"), "-D", str(self._data), *options)

    def _wait_until_ready(self, server: subprocess.Popen[bytes]) -> None:
        while not self._is_ready(server.pid):
            if server.poll() is not None:
                raise StartFailed(f"PostgreSQL ended with status {server.returncode}", has_log=True)
            self._attend(_POLL_SECONDS)

    def _is_ready(self, process_id: int) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        is_own = lines[:1] == [str(process_id)]
        return is_own and [line.strip() for line in lines[_STATUS_LINE:]] == ["ready"]

    def _describe(self) -> Ready:
        return Ready(
            host=str(self._sockets),
            port=PORT,
            user=USER,
            password=(self._data / _PASSWORD_FILE).read_text(),
            database="postgres",
            durable=self._plan.durable,
            settings=self._plan.settings,
        )

    def _spawn(
        self, command: Sequence[str], end: signal.Signals, keep: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        options: dict[str, Any] = {
            **self._account.process_options,
            "cwd": "/",
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "stdin": subprocess.DEVNULL,
            "pass_fds": keep,
            "preexec_fn": make_tether(end),  # safe: this process has one thread
        }
        try:
            return subprocess.Popen[bytes](command, **options)
        except OSError as error:
            raise StartFailed(
                f"cannot run {command[0]} as the account {self._account.name}: {error.strerror}"
            ) from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

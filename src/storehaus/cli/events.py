"""`storehaus events`: the event log of the configured database, and who reads it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from storehaus.cli.events_access import NO_LOG, ask, ask_log, check_meant
from storehaus.cli.events_dead_letters import dead_letters
from storehaus.cli.events_start import parse_start
from storehaus.cli.events_tail import tail
from storehaus.cli.events_text import count, encode_indented, escape
from storehaus.cli.failure import ExitStatus, complain
from storehaus.cli.references import References, load_models
from storehaus.cli.terminal import AsJson, ConfigFile, make_console, make_table
from storehaus.errors import ConfigurationError
from storehaus.haus import StoreHaus
from storehaus.model import TableInfo

if TYPE_CHECKING:
    from storehaus.signals import SubscriptionState
    from storehaus.signals.log.verification import LogFinding

__all__ = ["events"]

_UNWELL: Final = frozenset({"paused", "detached"})
_MARKS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"ok": ("✓", "green"), "note": ("!", "yellow"), "failed": ("✗", "red")}
)
_WIDEST: Final = 200
_REBASE: Final = """\
A log that was restored from a dump speaks of transactions of another database. Rebasing lets it go
on in this one: subscriptions stay where they were when the dump was made, and ids of events begin
with a new epoch. Every event is rewritten; who writes to durable tables waits meanwhile."""

events = typer.Typer(
    help="Look at the event log of the configured database, and at who reads it.",
    no_args_is_help=True,
)
events.command()(tail)
events.add_typer(dead_letters, name="dead-letters")


@events.command()
def subscriptions(*, config: ConfigFile = None, as_json: AsJson = False) -> int:
    """Show who reads the log, and how far each one is.

    The exit status is 1 when one needs attention: it is paused or detached, or has dead letters.
    """
    found = ask_log(config, lambda haus: haus.events.subscriptions())
    troubled = [each for each in found or [] if each.state in _UNWELL or each.dead]
    if as_json:
        print(encode_indented({"ok": not troubled, "subscriptions": found or []}))
    elif found is None:
        print(NO_LOG)
    elif found:
        _show_subscriptions(found, troubled, make_console())
    else:
        print("there are no subscriptions")
    return ExitStatus.FAILURE if troubled else ExitStatus.OK


@events.command()
def replay(
    name: Annotated[str, typer.Argument(help="A name that no subscription has.")],
    *,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="now, beginning, snapshot (the rows that are there first), a tick, a time, or an"
            " event's id.",
        ),
    ],
    config: ConfigFile = None,
) -> int:
    """Make a new subscription at a place: who declares one of this name works from there."""
    place = parse_start(start, also=("snapshot",))

    async def make(haus: StoreHaus) -> bool:
        await haus.events.replay(name, start=place)
        return True

    done = ask_log(config, make)
    return _end(done, f"{escape(name)}: who declares a subscription of this name works from there")


@events.command()
def apply(
    directory: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="Where a FileLog wrote its files."),
    ],
    models: References,
    *,
    config: ConfigFile = None,
) -> int:
    """Write the events of a FileLog to the tables of models: what was lost comes back.

    Events that are in the tables already do no harm. They are written a thousand at a time: after
    an error those before it stay. A torn tail of the newest file is left out.
    """
    known = load_models(models)

    async def write(haus: StoreHaus) -> int:
        from storehaus.signals import FileLog  # noqa: PLC0415 - may be left out

        return await haus.events.apply(FileLog(directory, *known).read(), *known)

    number = ask(config, write)
    print(f"{count(number, 'event')} written to {count(len(known), 'table')}")
    return ExitStatus.OK


@events.command()
def rebase(
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="No process reads the original as if it were this one.")
    ] = False,
    config: ConfigFile = None,
) -> int:
    """Let a log that was restored from a dump of another database go on here."""
    print(_REBASE)
    check_meant("no process may read the original as if it were this one", yes=yes)

    async def move(haus: StoreHaus) -> bool:
        await haus.events.rebase()
        return True

    return _end(ask_log(config, move), "done: the log is at home here")


@events.command()
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODULE[:MODEL]]...",
            help="Durable models, whose triggers must do what they say; none is every table that"
            " has triggers.",
        ),
    ] = None,
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Say whether writes are kept and subscriptions go on; the exit status is 1 if not."""
    tables = _load_durable(models) if models else ()

    async def look(haus: StoreHaus) -> "Sequence[LogFinding]":
        from storehaus.signals.log.verification import verify_log  # noqa: PLC0415 - may be left out

        async with haus.connection() as connection:
            return await verify_log(connection, tables)

    found = ask(config, look)
    is_well = all(each.severity == "ok" for each in found)
    if as_json:
        print(encode_indented({"ok": is_well, "findings": found}))
    else:
        _show_findings(found, make_console())
    return ExitStatus.OK if is_well else ExitStatus.FAILURE


def _end(done: bool | None, text: str) -> int:
    if done is None:
        complain(NO_LOG)
        return ExitStatus.FAILURE
    print(text)
    return ExitStatus.OK


def _load_durable(references: Sequence[str]) -> Sequence[TableInfo]:
    tables = [model.__table_info__ for model in load_models(references)]
    durable = [info for info in tables if info.durable]
    if not durable:
        names = ", ".join(info.model.__name__ for info in tables)
        raise ConfigurationError(
            f"none of {names} is declared durable=True: what is written to them is not kept",
            key="models",
            source="argument",
            rule="durable=True",
        )
    return durable


def _show_subscriptions(
    found: "Sequence[SubscriptionState]", troubled: "Sequence[SubscriptionState]", console: Console
) -> None:
    if not console.is_terminal:
        console.width = _WIDEST
    rows = [
        (
            escape(each.name),
            Text(each.state, "red" if each.state in _UNWELL else ""),
            escape(each.owner or "nobody"),
            each.lag_events,
            each.lag_seconds,
            each.parked,
            each.dead,
        )
        for each in found
    ]
    numbers = ("events behind", "seconds", "parked", "dead")
    console.print(make_table(("name", "state", "owner", *numbers), rows, right=numbers))
    for each in troubled:
        letters = f"{count(each.dead, 'dead letter')} (`storehaus events dead-letters`)"
        reason = f"{each.state}: {escape(each.reason or '')}" if each.state in _UNWELL else ""
        told = "; ".join(part for part in (reason, letters if each.dead else "") if part)
        console.print(Text.assemble((escape(each.name), "bold"), f": {told}"), soft_wrap=True)


def _show_findings(found: "Sequence[LogFinding]", console: Console) -> None:
    for each in found:
        subject = (escape(each.subject), "bold")
        line = Text.assemble(_MARKS[each.severity], " ", subject, f": {escape(each.detail)}")
        console.print(line, soft_wrap=True)
        if each.advice:
            console.print(Text(f"  → {each.advice}"), soft_wrap=True)

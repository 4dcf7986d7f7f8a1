"""`storehaus events dead-letters`: events that subscriptions tried too often."""

import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer
from rich.console import Console
from rich.text import Text

from storehaus.cli.events_access import NO_LOG, ask_log, check_meant
from storehaus.cli.events_text import count, encode_indented, escape, show_time
from storehaus.cli.failure import ExitStatus, complain
from storehaus.cli.terminal import AsJson, ConfigFile, make_console
from storehaus.errors import ConfigurationError, SignalError
from storehaus.haus import StoreHaus

if TYPE_CHECKING:
    from storehaus.signals import DeadLetter

__all__ = ["dead_letters"]

_ID: Final = re.compile(r"\d{1,9}:\d{1,18}")

_Name: TypeAlias = Annotated[
    str | None, typer.Option("--subscription", metavar="NAME", help="Only those of this one.")
]
_Ids: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Ids of events, as 1:4711; none is all."),
]

dead_letters = typer.Typer(
    help="Look at events that were tried too often, try them again, or give them up."
)


@dead_letters.callback(invoke_without_command=True)
def _begin(context: typer.Context) -> int:
    return ExitStatus.OK if context.invoked_subcommand else _list(None)


@dead_letters.command("list")
def show(*, subscription: _Name = None, config: ConfigFile = None, as_json: AsJson = False) -> int:
    """Show them, with the last error of each; `dead-letters` alone does that too."""
    return _list(subscription, config, as_json=as_json)


@dead_letters.command()
def retry(
    ids: _Ids = None,
    *,
    subscription: _Name = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Let dead letters be tried again, as if for the first time."""

    async def run(haus: StoreHaus, name: str, own: Sequence[str]) -> int:
        return await haus.events.retry(name, *own)

    done = _settle(run, ids or [], subscription, config)
    return _tell(done, "retried", "to be tried again", as_json=as_json)


@dead_letters.command()
def discard(
    ids: _Ids = None,
    *,
    subscription: _Name = None,
    yes: Annotated[bool, typer.Option("--yes", help="Mean it.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Give dead letters up for good; later events of their records go on."""
    which = ", ".join(ids) if ids else "all dead letters"
    owner = f" of {subscription!r:.120}" if subscription is not None else ""
    check_meant(f"nobody will ever handle {which}{owner}", yes=yes)

    async def run(haus: StoreHaus, name: str, own: Sequence[str]) -> int:
        return await haus.events.discard(name, *own)

    done = _settle(run, ids or [], subscription, config)
    return _tell(done, "discarded", "given up", as_json=as_json)


def _list(name: str | None, config: ConfigFile = None, *, as_json: bool = False) -> int:
    found = ask_log(config, lambda haus: haus.events.dead_letters(name))
    if as_json:
        print(encode_indented({"dead_letters": found or []}))
    elif found is None:
        print(NO_LOG)
    elif found:
        _show(found, make_console())
    else:
        print("there are no dead letters")
    return ExitStatus.OK


def _show(letters: "Sequence[DeadLetter]", console: Console) -> None:
    for each in letters:
        record = "" if each.record_id is None else f" {escape(each.record_id)}"
        waiting = f", {count(each.waiting, 'later event')} behind it" if each.waiting else ""
        line = Text.assemble(
            (escape(each.subscription), "bold"),
            f" {each.id} {each.type.value} {escape(each.table)}{record}:",
            f" {each.attempts:,} attempts since {show_time(each.parked_at)}{waiting}",
        )
        console.print(line, soft_wrap=True)
        if each.error:
            console.print(Text(f"  → {escape(each.error)}"), soft_wrap=True)


def _settle(
    deed: Callable[[StoreHaus, str, Sequence[str]], Awaitable[int]],
    ids: Sequence[str],
    name: str | None,
    config: ConfigFile,
) -> int | None:
    for each in ids:
        if _ID.fullmatch(each) is None:
            raise ConfigurationError(
                f"{each!r:.40} is no id of an event, as 1:4711", rule="EPOCH:NUMBER"
            )

    async def settle(haus: StoreHaus) -> int:
        chosen = _choose(await haus.events.dead_letters(name), ids)
        return sum(
            [
                await deed(haus, owner, [each.id for each in letters])
                for owner, letters in groupby(chosen, key=attrgetter("subscription"))
            ]
        )

    return ask_log(config, settle)


def _choose(letters: "Sequence[DeadLetter]", ids: Sequence[str]) -> "Sequence[DeadLetter]":
    unknown = set(ids) - {each.id for each in letters}
    if unknown:
        raise SignalError(f"there is no dead letter {min(unknown)} there; nothing was done")
    return [each for each in letters if not ids or each.id in ids]


def _tell(done: int | None, key: str, deed: str, *, as_json: bool) -> int:
    if done is None:
        complain(NO_LOG)
        return ExitStatus.FAILURE
    if as_json:
        print(encode_indented({key: done}))
    else:
        print(f"{count(done, 'dead letter')} {deed}" if done else "there are no dead letters")
    return ExitStatus.OK

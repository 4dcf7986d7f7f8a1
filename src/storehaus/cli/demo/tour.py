"""A walk through the verbs of a store: runs each step, shows what it gave, remembers how long."""

import time
from collections.abc import Awaitable, Generator, Iterable, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from storehaus.cli.demo.airport import Airport
from storehaus.cli.terminal import make_table
from storehaus.errors import StorehausError
from storehaus.expr.row import AnyRow
from storehaus.haus import StoreHaus
from storehaus.model import Model
from storehaus.store import GenericStore, Page, Upserted

__all__ = ["Entry", "Tour", "announce"]

T = TypeVar("T")
E = TypeVar("E", bound=StorehausError)

_COLUMNS: Final = ("icao", "iata", "name", "country", "elevation")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the summary.

    Attributes:
        verb: What was called.
        what: What it did, in a few words.
        rows: How many rows it touched or gave; None where that means nothing.
        seconds: How long it took.
    """

    verb: str
    what: str
    rows: int | None
    seconds: float


@dataclass(slots=True, kw_only=True)
class Tour:
    """The demo while it runs.

    Attributes:
        haus: The open haus.
        airports: Its store of airports.
        console: Where everything is shown.
        redis: Name and version of the Redis that is used; None when there is none.
        entries: What has been done.
    """

    haus: StoreHaus
    airports: GenericStore[Airport]
    console: Console
    redis: str | None = None
    entries: list[Entry] = field(default_factory=list[Entry])

    async def run(self, verb: str, what: str, work: Awaitable[T]) -> T:
        """Announce a step, do it, and remember how long it took; give its result."""
        announce(self.console, verb, what)
        started = time.perf_counter()
        result = await work
        self.remember(verb, what, _count(result), started)
        return result

    async def expect(self, kind: type[E], verb: str, what: str, work: Awaitable[object]) -> E:
        """Do a step that must be refused; give the error.

        Raises:
            StorehausError: When it was not refused.
        """
        announce(self.console, verb, what)
        started = time.perf_counter()
        try:
            await work
        except kind as refusal:
            self.remember(verb, what, 0, started)
            return refusal
        raise StorehausError(f"{verb} ({what}) should have been refused with {kind.__name__}")

    def say(self, text: str) -> None:
        """Show a line below the step."""
        self.console.print(Text(f"  {text}"), soft_wrap=True)

    def show(self, airports: Sequence[Airport], columns: Sequence[str] = _COLUMNS) -> None:
        """Show airports as a table below the step."""
        rows = [[getattr(airport, column) for column in columns] for airport in airports]
        self.console.print(make_table(columns, rows, right=("elevation",)))

    def show_rows(self, rows: Sequence[AnyRow]) -> None:
        """Show rows of a projection as a table below the step."""
        first = rows[0].as_dict() if rows else {}
        numbers = [label for label, value in first.items() if isinstance(value, int | float)]
        self.console.print(make_table(list(first), rows, right=numbers))

    @contextmanager
    def watch(self, airports: Sequence[Airport]) -> Generator[Iterable[Airport]]:
        """Lend airports one by one, with a progress bar where there is a terminal."""
        with Progress(
            TextColumn("   "),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        ) as progress:
            yield progress.track(airports)

    def summarize(self) -> None:
        """Show what was done, with counts and times."""
        rows = [
            (each.verb, each.what, each.rows, f"{each.seconds * 1000:,.1f} ms")
            for each in self.entries
        ]
        self.console.print(
            make_table(("step", "what", "rows", "time"), rows, right=("rows", "time"))
        )

    def remember(self, verb: str, what: str, rows: int | None, started: float) -> None:
        """Add a line to the summary, for what began at `started` and is done now."""
        self.entries.append(Entry(verb, what, rows, time.perf_counter() - started))


def announce(console: Console, verb: str, what: str) -> None:
    """Show the head of a step, before it begins."""
    line = Text.assemble(("▸ ", "cyan"), (f"{verb:<12}", "bold cyan"), f"  {what}")
    console.print(line, soft_wrap=True)


def _count(result: object) -> int | None:
    match result:
        case int():
            return int(result)
        case Sized():
            return len(result)
        case Page():
            return len(result.items)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # of any model
        case Model() | Upserted():
            return 1
        case _:
            return None

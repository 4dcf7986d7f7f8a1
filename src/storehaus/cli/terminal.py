"""What is written to the terminal: text for people, JSON for programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["AsJson", "ConfigFile", "make_console", "make_table", "print_json"]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option of commands whose result programs may want."""

ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Read this instead of STOREHAUS_CONFIG or storehaus.toml."
    ),
]
"""The option of commands that work on the configured database."""

_WIDEST_COLUMN: Final = 40


def make_console() -> Console:
    """Make a console on standard output.

    Colours and moving parts are left out by `NO_COLOR` and where the output is no terminal. No
    text is taken for markup: data may hold brackets.
    """
    return Console(markup=False, highlight=False, emoji=False)


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> Table:
    """Make a small table.

    Args:
        columns: Headings.
        rows: One value per column; None is shown as nothing.
        right: Headings of the columns that are aligned to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            max_width=_WIDEST_COLUMN,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def print_json(value: object) -> None:
    """Write a value as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _cell(value: object) -> Text:
    if isinstance(value, Text):
        return value
    if value is None:
        return Text()
    if isinstance(value, float):
        return Text(f"{value:,.0f}")
    return Text(f"{value:,}" if isinstance(value, int) else str(value))

"""What a run measures, and how thoroughly."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from versus.contenders import NAMES, RAW
from versus.growth import SIZES, TASKS
from versus.rounds import Pace
from versus.workloads import Workload, workloads

EXTRAS = ("tasks", "rows", "memory")
"""What else can be named beside the workloads: growth with tasks and with rows, memory."""

_RESULTS = Path(__file__).resolve().parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Options:
    """A programme.

    Attributes:
        quick: Whether it is the short one.
        names: Contenders.
        only: Workloads and extras; empty for all.
        pace: Of the workloads.
        growth_pace: Of the series.
        rows: Rows of the table on which workloads run.
        load_rows: Rows of a load.
        memory_rows: Rows that are held to weigh them.
        tasks: Numbers of tasks of the series.
        sizes: Sizes of the table of the series.
        output: Directory of the results.
    """

    quick: bool
    names: tuple[str, ...]
    only: tuple[str, ...]
    pace: Pace
    growth_pace: Pace
    rows: int
    load_rows: int
    memory_rows: int
    tasks: tuple[int, ...]
    sizes: tuple[int, ...]
    output: Path

    @property
    def workloads(self) -> list[Workload]:
        """The workloads that are wanted."""
        found = workloads(rows=self.rows, load_rows=self.load_rows)
        return [each for each in found if self.wants(each.name)]

    def wants(self, name: str) -> bool:
        """Whether a workload or an extra is wanted."""
        return not self.only or name in self.only


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    known = [each.name for each in workloads(rows=1, load_rows=1)]
    parser = argparse.ArgumentParser(prog="python -m versus", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a little of everything, in minutes")
    parser.add_argument("--only", type=_names([*known, *EXTRAS]), default=(), metavar="NAME,…")
    parser.add_argument("--contenders", type=_names(NAMES), default=NAMES, metavar="NAME,…")
    parser.add_argument("--rounds", type=_positive, help="turns of each that count")
    parser.add_argument(
        "--largest", type=_positive, default=SIZES[-1], help="rows of the largest table"
    )
    parser.add_argument("--output", type=Path, default=_RESULTS, help="directory of the results")
    given = parser.parse_args(arguments)
    names = tuple(name for name in NAMES if name == RAW or name in given.contenders)
    make = _quick if given.quick else _full
    return make(names, tuple(given.only), given.rounds, given.largest, given.output)


def _full(
    names: tuple[str, ...], only: tuple[str, ...], rounds: int | None, largest: int, output: Path
) -> Options:
    return Options(
        quick=False,
        names=names,
        only=only,
        pace=Pace(rounds or 9, turn_seconds=0.5),
        growth_pace=Pace(rounds or 5, turn_seconds=0.3),
        rows=10_000,
        load_rows=100_000,
        memory_rows=100_000,
        tasks=TASKS,
        sizes=tuple(size for size in SIZES if size <= largest),
        output=output,
    )


def _quick(
    names: tuple[str, ...], only: tuple[str, ...], rounds: int | None, largest: int, output: Path
) -> Options:
    return Options(
        quick=True,
        names=names,
        only=only,
        pace=Pace(rounds or 2, turn_seconds=0.05, calls_per_task=2),
        growth_pace=Pace(rounds or 1, turn_seconds=0.03, calls_per_task=2),
        rows=10_000,
        load_rows=10_000,
        memory_rows=5_000,
        tasks=(1, 10, 100),
        sizes=tuple(size for size in SIZES[:3] if size <= largest),
        output=output,
    )


def _names(known: Sequence[str]) -> "argparse._ActionType":
    def parse_names(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {unknown[0]}; there are {', '.join(known)}")
        return names

    return parse_names


def _positive(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number

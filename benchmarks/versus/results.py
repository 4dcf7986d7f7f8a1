"""What was measured, as values that a JSON file keeps."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from versus.contenders import RAW

Rounds = dict[str, list["Turn"]]
"""The turns of each contender, round by round."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of one contender.

    Attributes:
        units: Calls, or rows where a call has many.
        seconds: How long they took together.
    """

    units: int
    seconds: float

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.seconds


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Sum up some values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Measured:
    """A workload and its rounds."""

    name: str
    title: str
    unit: str
    turns: Rounds


@dataclass(frozen=True, slots=True)
class Point:
    """One place on a curve: rows of the table, or tasks."""

    at: int
    turns: Rounds


@dataclass(frozen=True, slots=True)
class Growth:
    """How a verb behaves as something grows: `axis` is `rows` or `tasks`."""

    name: str
    title: str
    axis: str
    points: list[Point]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender, as it took part."""

    name: str
    title: str
    how: str


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of rows that are held.

    Attributes:
        title: What holds a row.
        bytes_per_row: What each adds.
    """

    title: str
    bytes_per_row: float


@dataclass(frozen=True, slots=True)
class Result:
    """A whole run."""

    started: str
    quick: bool
    settings: dict[str, float]
    machine: dict[str, str]
    versions: dict[str, str]
    server: dict[str, str]
    statements: dict[str, str]
    entries: list[Entry]
    measured: list[Measured] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    memory: list[Held] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def title(self, name: str) -> str:
        """Give the title of a contender."""
        return next(entry.title for entry in self.entries if entry.name == name)


def rates(turns: Sequence[Turn]) -> Spread:
    """Sum up the rates of some turns."""
    return Spread.of([turn.rate for turn in turns])


def ratios(turns: Mapping[str, Sequence[Turn]], name: str) -> Spread | None:
    """Compare a contender with the raw one, round by round; None where that did not take part."""
    if RAW not in turns:
        return None
    pairs = zip(turns[name], turns[RAW], strict=True)
    return Spread.of([turn.rate / raw.rate for turn, raw in pairs])


def write(result: Result, path: Path) -> None:
    """Write a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read(path: Path) -> Result:
    """Read what `write` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Result)

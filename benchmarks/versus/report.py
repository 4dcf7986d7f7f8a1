"""The figures as text: a block for each workload, and one table of all ratios."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from versus.contenders import RAW
from versus.results import Growth, Measured, Result, Spread, Turn, rates, ratios, read

_COLUMN = 12
_TITLE = 30


def describe(result: Result) -> str:
    """Say what is measured, on what, with what, and how each contender is used."""
    lines = ["machine     " + ", ".join(f"{k} {v}" for k, v in result.machine.items())]
    lines += ["versions    " + ", ".join(f"{k} {v}" for k, v in result.versions.items())]
    lines += ["server      " + ", ".join(f"{k} {v}" for k, v in result.server.items())]
    lines += [f"{entry.title:<22} {entry.how}" for entry in result.entries]
    lines += [f"SQL of the raw contenders, {k}: {v}" for k, v in result.statements.items()]
    lines += result.remarks
    return "\n".join(textwrap.fill(line, 118, subsequent_indent="    ") for line in lines)


def describe_workload(result: Result, measured: Measured) -> str:
    """Give ratio, spread and rate of every contender."""
    lines = [measured.title]
    for name, turns in measured.turns.items():
        ratio = "" if name == RAW else _ratio(ratios(measured.turns, name))
        rate = rates(turns).median
        lines.append(f"    {result.title(name):<22} {ratio:<24} {rate:>11,.0f} {measured.unit}/s")
    return "\n".join(lines)


def summarize(result: Result) -> str:
    """Give the median ratios of all workloads, and how they grow."""
    parts = [_table(result)] if result.measured else []
    parts += [_growth(result, growth) for growth in result.growth]
    if result.memory:
        lines = [f"    {held.title:<22} {held.bytes_per_row:>8,.0f}" for held in result.memory]
        title = f"bytes of a row that is held, of {result.settings['memory_rows']:,.0f}"
        parts.append("\n".join([title, *lines]))
    return "\n\n".join(parts)


def _ratio(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{spread.median:.2f} x ({spread.low:.2f} - {spread.high:.2f})"


def _table(result: Result) -> str:
    names = [entry.name for entry in result.entries if entry.name != RAW]
    rows = [_cells(measured, names) for measured in result.measured]
    intro = "Rate of the contender / rate of the raw asyncpg pool, medians; more is faster."
    titles = [*(result.title(name) for name in names), "raw asyncpg"]
    return "\n".join([intro, "", *_header(titles), *rows])


def _cells(measured: Measured, names: list[str]) -> str:
    cells = ""
    for name in names:
        ratio = ratios(measured.turns, name) if name in measured.turns else None
        cells += f"{ratio.median:.2f}".rjust(_COLUMN) if ratio else "-".rjust(_COLUMN)
    raw = measured.turns.get(RAW)
    rate = f"{rates(raw).median:,.0f} {measured.unit}/s" if raw else "-"
    return f"{measured.title:<{_TITLE}}{cells}{rate:>18}"


def _header(titles: list[str]) -> Iterator[str]:
    wrapped = [textwrap.wrap(title, _COLUMN - 1) for title in titles]
    depth = max(map(len, wrapped), default=1)
    for line in range(depth):
        cells = "".join((each[line] if line < len(each) else "").rjust(_COLUMN) for each in wrapped)
        yield " " * _TITLE + cells


def _growth(result: Result, growth: Growth) -> str:
    of = "calls/s" if growth.axis == "tasks" else "us per call"
    names = [entry.name for entry in result.entries]
    names = [name for name in names if any(name in point.turns for point in growth.points)]
    titles = [result.title(name) for name in names]
    lines = [f"{growth.title}, {of}", *_header(titles)]
    for point in growth.points:
        cells = [_at(point.turns.get(name), growth.axis).rjust(_COLUMN) for name in names]
        lines.append(f"{point.at:>12,} {growth.axis:<{_TITLE - 13}}{''.join(cells)}")
    return "\n".join(lines)


def _at(turns: list[Turn] | None, axis: str) -> str:
    if not turns:
        return "-"
    rate = rates(turns).median
    return f"{rate:,.0f}" if axis == "tasks" else f"{1e6 / rate:,.0f}"


if __name__ == "__main__":
    found = read(Path(sys.argv[1]))
    print(describe(found), summarize(found), sep="\n\n")

"""The figures as pictures, from a file of results: nothing is measured to draw them again."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from versus.contenders import NAMES, RAW
from versus.results import Growth, Measured, Result, Spread, Turn, rates, ratios, read

_OURS = "storehaus"
_OUR_COLOUR = "#c8372d"
_COLOURS = {
    "asyncpg": "#222222",
    "asyncpg-executemany": "#777777",
    "storehaus": _OUR_COLOUR,
    "psycopg": "#3b6ea5",
    "sqlalchemy": "#4c9a6a",
    "advanced-alchemy": "#94b447",
    "tortoise": "#d19a2a",
    "piccolo": "#8c6bb1",
    "django": "#3aa6a0",
}
_PER_ROW = 4
_DPI = 130


def draw(result: Result, directory: Path) -> list[Path]:
    """Write the pictures that a result has figures for.

    Returns:
        The files that were written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Figure] = {}
    if result.measured:
        figures["overview"] = _overview(result)
    for axis, name in (("rows", "table-size"), ("tasks", "concurrency")):
        curves = [each for each in result.growth if each.axis == axis]
        if curves:
            figures[name] = _curves(result, curves)
    written: list[Path] = []
    for name, figure in figures.items():
        path = directory / f"performance-{name}.png"
        # Without its version, which the picture does not depend on, equal figures are equal files.
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
        written.append(path)
    return written


def _overview(result: Result) -> Figure:
    lines = math.ceil(len(result.measured) / _PER_ROW)
    most = max(len(measured.turns) for measured in result.measured)
    height = 0.9 + lines * (0.75 + 0.24 * most)
    figure = Figure(figsize=(16, height), layout="constrained")
    figure.suptitle(f"Rate against the raw asyncpg pool (1.0); more is faster\n{_caption(result)}")
    axes = list(figure.subplots(lines, _PER_ROW, squeeze=False).flat)
    for axis, measured in zip(axes, result.measured, strict=False):
        _bars(axis, result, measured)
    for axis in axes[len(result.measured) :]:
        axis.set_axis_off()
    return figure


def _bars(axes: Axes, result: Result, measured: Measured) -> None:
    names = [name for name in _ordered(measured.turns) if name != RAW]
    spreads = [spread for name in names if (spread := ratios(measured.turns, name))]
    places = range(len(spreads))
    axes.barh(
        places,
        [spread.median for spread in spreads],
        xerr=_errors(spreads),
        color=[_COLOURS.get(name, "#999999") for name in names],
        error_kw={"elinewidth": 1, "ecolor": "#555555"},
    )
    for place, spread in zip(places, spreads, strict=True):
        axes.annotate(
            f"{spread.median:.2f}",
            (max(spread.high, spread.median), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.axvline(1, color=_COLOURS[RAW], linewidth=1, linestyle="--")
    axes.set_xlim(0, 1.18 * max([1.0, *(spread.high for spread in spreads)]))
    axes.set_yticks(places, [result.title(name) for name in names], fontsize=8)
    axes.invert_yaxis()
    raw = f"raw: {rates(measured.turns[RAW]).median:,.0f} {measured.unit}/s"
    axes.set_title(f"{measured.title}\n{raw}", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)


def _curves(result: Result, curves: Sequence[Growth]) -> Figure:
    figure = Figure(figsize=(5.6 * len(curves), 5.2), layout="constrained")
    figure.suptitle(_caption(result), fontsize=10)
    panels = figure.subplots(1, len(curves), squeeze=False).flat
    for axes, growth in zip(panels, curves, strict=True):
        _curve(axes, result, growth)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9
    )
    return figure


def _curve(axes: Axes, result: Result, growth: Growth) -> None:
    of: Callable[[Turn], float] = (
        (lambda turn: turn.rate) if growth.axis == "tasks" else (lambda turn: 1e6 / turn.rate)
    )
    for name in _ordered({name: 0 for point in growth.points for name in point.turns}):
        points = [point for point in growth.points if name in point.turns]
        spreads = [Spread.of(list(map(of, point.turns[name]))) for point in points]
        at = [point.at for point in points]
        colour = _COLOURS.get(name, "#999999")
        axes.plot(
            at,
            [spread.median for spread in spreads],
            marker="o",
            markersize=4,
            linewidth=2.6 if name == _OURS else 1.3,
            label=result.title(name),
            color=colour,
        )
        low, high = [each.low for each in spreads], [each.high for each in spreads]
        axes.fill_between(at, low, high, alpha=0.12, linewidth=0, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("rows of the table" if growth.axis == "rows" else "tasks")
    axes.set_ylabel("calls per second" if growth.axis == "tasks" else "microseconds per call")
    axes.set_title(growth.title)
    axes.grid(visible=True, which="major", alpha=0.25)


def _errors(spreads: Sequence[Spread]) -> list[list[float]]:
    return [
        [spread.median - spread.low for spread in spreads],
        [spread.high - spread.median for spread in spreads],
    ]


def _ordered(turns: dict[str, object] | dict[str, list[Turn]] | dict[str, int]) -> list[str]:
    return sorted(turns, key=lambda name: NAMES.index(name) if name in NAMES else len(NAMES))


def _caption(result: Result) -> str:
    machine, versions = result.machine, result.versions
    rounds = f"{result.settings['rounds']:.0f} rounds" + (", quick" if result.quick else "")
    return (
        f"{machine.get('cpu')}, {machine.get('cores')} cores; {versions.get('python')};"
        f" PostgreSQL {result.server.get('server_version')}; {rounds}; bars and bands are medians,"
        " least and greatest"
    )


def main() -> None:
    """Draw the pictures of a file."""
    parser = argparse.ArgumentParser(prog="python -m versus.plots", description=__doc__)
    parser.add_argument("result", type=Path, help="the JSON file that a run wrote")
    parser.add_argument("--output", type=Path, help="directory; by default that of the file")
    options = parser.parse_args()
    for path in draw(read(options.result), options.output or options.result.parent):
        print(path)


if __name__ == "__main__":
    main()

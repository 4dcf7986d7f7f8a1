"""Measure, print, and write the figures and their pictures."""

import gc
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from _bench import run

from versus import growth, memory, report
from versus.contender import POOL, Contender
from versus.contenders import RAW, make
from versus.machine import describe_machine, describe_versions
from versus.options import Options, parse
from versus.plots import draw
from versus.results import Entry, Measured, Result, write
from versus.rounds import check, rows_of, take_turns
from versus.scene import Scene, scene
from versus.table import FIND, GET, INSERT, INSERT_ONLY, SELECT, UPDATE
from versus.workloads import Workload

_STATEMENTS = {
    "get": GET,
    "find": FIND,
    "list_all": SELECT,
    "create, create_many": INSERT,
    "create_many without rows": INSERT_ONLY,
    "update": UPDATE,
}
_BRIEF = (RAW, "storehaus")
"""Those that the quick programme measures at workloads that would take it too long."""


async def measure(options: Options) -> Result:
    """Check and measure everything that is wanted, and print it as it comes."""
    async with scene() as place, _opened(place, options.names) as contenders:
        await place.fill(options.rows)
        result = await _begin(place, options, contenders)
        print(report.describe(result), end="\n\n")
        for workload in options.workloads:
            for contender in _able(workload, contenders, quick=options.quick):
                await check(place, workload, contender)
        _say("every contender gives the rows that are stored; now they are measured")
        gc.freeze()
        for workload in options.workloads:
            able = _able(workload, contenders, quick=options.quick)
            turns = await take_turns(place, workload, able, options.pace)
            unit = "rows" if workload.size > 1 else "calls"
            measured = Measured(workload.name, workload.title, unit, turns)
            result.measured.append(measured)
            print(report.describe_workload(result, measured), flush=True)
        await _extras(place, options, contenders, result)
        return result


async def _extras(
    place: Scene, options: Options, contenders: Sequence[Contender], result: Result
) -> None:
    whole = [each for each in contenders if not each.takes]
    pace = options.growth_pace
    if options.wants("tasks"):
        result.growth.extend(await growth.grow_tasks(place, whole, options.tasks, pace, _say))
    if options.wants("rows"):
        result.growth.extend(await growth.grow_table(place, whole, options.sizes, pace, _say))
    if options.wants("memory"):
        _say("memory of rows that are held")
        result.memory.extend(await memory.hold(place, whole, options.memory_rows))


@asynccontextmanager
async def _opened(place: Scene, names: Sequence[str]) -> AsyncGenerator[list[Contender]]:
    async with AsyncExitStack() as stack:
        contenders: list[Contender] = []
        for name in names:
            contender = make(name)
            await contender.open(place.address)
            stack.push_async_callback(contender.close)
            contenders.append(contender)
        yield contenders


def _able(workload: Workload, contenders: Sequence[Contender], *, quick: bool) -> list[Contender]:
    return [
        each
        for each in contenders
        if each.most_tasks >= workload.tasks
        and (not each.takes or workload.name in each.takes)
        and (workload.brief or not quick or each.name in _BRIEF)
    ]


async def _begin(place: Scene, options: Options, contenders: Sequence[Contender]) -> Result:
    packages = [name for each in contenders for name in each.packages]
    return Result(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=options.quick,
        settings={
            "pool": POOL,
            "rounds": options.pace.rounds,
            "turn_seconds": options.pace.turn_seconds,
            "growth_rounds": options.growth_pace.rounds,
            "growth_turn_seconds": options.growth_pace.turn_seconds,
            "rows": options.rows,
            "memory_rows": options.memory_rows,
        },
        machine=describe_machine(),
        versions=describe_versions(packages),
        server=dict(await place.settings()),
        statements=_STATEMENTS,
        entries=[Entry(each.name, each.title, each.how) for each in contenders],
        remarks=list(_remarks(place, options, contenders)),
    )


def _remarks(place: Scene, options: Options, contenders: Sequence[Contender]) -> list[str]:
    way = "a Unix socket" if place.address.is_socket else f"TCP to {place.address.host}"
    common = (
        f"All have {POOL} connections to one server over {way}, one table with its triggers and"
        " indexes, and give objects of their own. What a verb takes (models, dictionaries, tuples)"
        " is made before the clock starts. A call is a unit of work: it is committed when it"
        " returns."
    )
    found = [common]
    for workload in options.workloads:
        found += [
            f"{each.title} loads {rows_of(workload, each):,} rows; its rate is what counts."
            for each in contenders
            if not each.takes and rows_of(workload, each) != workload.size
        ]
    found += [
        f"{each.title} is measured with {each.most_tasks} tasks at most."
        for each in contenders
        if each.most_tasks < max(options.tasks)
    ]
    if os.getloadavg()[0] > 1:
        found.append("The machine is busy with other things: see its load. Figures are in doubt.")
    if options.quick:
        found.append("Quick: few and short turns, so the ratios are rough.")
    return found


def _say(text: str) -> None:
    print(f"-- {text}", flush=True)


def main() -> None:
    """Run what the command line asks for."""
    options = parse()
    started = time.monotonic()

    async def whole() -> None:
        result = await measure(options)
        print("", report.summarize(result), "", sep="\n")
        path = options.output / "results.json"
        write(result, path)
        for each in (path, *draw(result, options.output)):
            print(f"wrote {each}")

    run(whole)
    print(f"took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()

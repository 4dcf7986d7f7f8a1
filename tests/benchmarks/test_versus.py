"""The benchmark against other libraries: who takes part does the work, and figures are kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from versus import report
from versus.contender import Address, Contender
from versus.contenders import NAMES, RAW, make
from versus.contenders.raw_asyncpg import RawAsyncpg
from versus.memory import hold
from versus.options import parse
from versus.plots import draw
from versus.results import Entry, Growth, Held, Measured, Point, Result, Turn, ratios, read, write
from versus.rounds import Pace, check, take_turns
from versus.scene import Scene, scene
from versus.table import OWN, given
from versus.workloads import GET, Workload, WrongAnswerError, workloads

ROWS = 120
SMALL = [
    replace(each, tasks=min(each.tasks, 20), size=min(each.size, ROWS))
    for each in workloads(rows=ROWS, load_rows=100)
]

pytestmark = [
    pytest.mark.anyio,
    # A base class of Advanced Alchemy is decorated with what SQLAlchemy 2.1 deprecates.
    pytest.mark.filterwarnings("ignore:The declarative_mixin decorator:DeprecationWarning"),
]


@asynccontextmanager
async def opened(url: str, *contenders: Contender) -> AsyncIterator[Scene]:
    """The table with some rows, and contenders that are connected."""
    async with scene(url) as place:
        await place.fill(ROWS)
        for contender in contenders:
            await contender.open(place.address)
        try:
            yield place
        finally:
            for contender in contenders:
                await contender.close()


@pytest.mark.parametrize("name", NAMES)
async def test_contender_does_what_is_asked(name: str, bench_url: str) -> None:
    """At every workload a contender gives the rows that are stored, also in many tasks."""
    contender = make(name)
    async with opened(bench_url, contender) as place:
        for workload in SMALL:
            if not contender.takes or workload.name in contender.takes:
                await check(place, workload, contender)

        assert len(await place.stored()) == ROWS


class Sloth(RawAsyncpg):
    """A contender that looks up a row once, and says that it stores rows."""

    async def get(self, id_: int) -> Any:
        """The same row, whatever was asked for."""
        return await super().get(0)

    async def load(self, rows: Any) -> None:
        """Nothing is done."""


@pytest.mark.parametrize("name", ["get-1", "load"])
async def test_who_does_not_do_the_work_is_refused(name: str, bench_url: str) -> None:
    """A wrong answer is an error before anything is measured, not a good figure."""
    sloth = Sloth()
    workload = next(each for each in SMALL if each.name == name)
    async with opened(bench_url, sloth) as place:
        with pytest.raises(WrongAnswerError, match="what is stored is"):
            await check(place, workload, sloth)


async def test_the_server_fills_the_table_as_the_client_would(bench_url: str) -> None:
    """Rows that SQL makes are those that the workloads know."""
    async with opened(bench_url) as place:
        stored = await place.stored()

    assert [stored[i][: len(OWN)] for i in range(ROWS)] == [tuple(row) for row in given(ROWS)]


async def test_everybody_has_the_same_number_of_turns(bench_url: str) -> None:
    """Each contender has a turn in each round, and what the turns added is gone."""
    contenders = [make(RAW), make("storehaus")]
    create = next(each for each in SMALL if each.name == "create-100")
    async with opened(bench_url, *contenders) as place:
        found = await take_turns(place, create, contenders, Pace(3, turn_seconds=0.001))

        assert {name: len(turns) for name, turns in found.items()} == {RAW: 3, "storehaus": 3}
        assert len(await place.stored()) == ROWS


async def test_memory_is_weighed_by_row(bench_url: str) -> None:
    """What is held costs some bytes per row, by hand and by a contender."""
    contender = make("storehaus")
    async with opened(bench_url, contender) as place:
        held = await hold(place, [contender], ROWS)

    assert [each.title for each in held] == ["slotted dataclass", "asyncpg.Record", "StoreHaus"]
    assert all(100 < each.bytes_per_row < 100_000 for each in held)


def turns(*seconds: float) -> list[Turn]:
    """Turns of a hundred units."""
    return [Turn(100, each) for each in seconds]


@pytest.fixture
def result() -> Result:
    """Made-up figures: StoreHaus takes twice the time."""
    found = {RAW: turns(1, 2, 4), "storehaus": turns(2, 4, 8), "django": turns(10, 10, 10)}
    points = [Point(at, found) for at in (1, 10, 100)]
    return Result(
        started="2026-01-01T00:00:00+00:00",
        quick=True,
        settings={"rounds": 3, "memory_rows": 100},
        machine={"cpu": "abacus", "cores": "2"},
        versions={"python": "3"},
        server={"server_version": "18"},
        statements={"get": "SELECT 1"},
        entries=[Entry(name, name.title(), "as it is") for name in found],
        measured=[Measured("get-1", "get by id", "calls", found)],
        growth=[
            Growth("get-tasks", "get", "tasks", points),
            Growth("get-rows", "get", "rows", points),
        ],
        memory=[Held("dataclass", 512)],
    )


def test_ratio_is_taken_round_by_round(result: Result) -> None:
    """Rounds differ fourfold in time, and not at all in what they say of the contenders."""
    spread = ratios(result.measured[0].turns, "storehaus")

    assert spread is not None
    assert (spread.median, spread.low, spread.high) == (0.5, 0.5, 0.5)


def test_results_are_read_as_they_were_written(result: Result, tmp_path: Path) -> None:
    """A file keeps every round, so that figures can be drawn again."""
    path = tmp_path / "made" / "results.json"
    write(result, path)

    assert read(path) == result


def test_report_says_what_was_found(result: Result) -> None:
    """Ratios with their spread, rates, curves, memory, and the SQL of the raw program."""
    block = report.describe_workload(result, result.measured[0])
    text = report.summarize(result)

    assert "0.50 x (0.50 - 0.50)" in block
    assert "50 calls/s" in block
    for figure in ("0.50", "512", "calls/s"):
        assert figure in text
    assert "SELECT 1" in report.describe(result)


def test_pictures_are_drawn_from_results(result: Result, tmp_path: Path) -> None:
    """One picture of all workloads, one of each series."""
    written = draw(result, tmp_path)

    names = ["overview", "table-size", "concurrency"]
    assert [path.name for path in written] == [f"performance-{name}.png" for name in names]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_raw_driver_always_takes_part() -> None:
    """There is no ratio without it."""
    options = parse(["--quick", "--contenders", "storehaus", "--only", "get-1,memory"])

    assert options.names == (RAW, "storehaus")
    assert [each.name for each in options.workloads] == ["get-1"]
    assert options.wants("memory")
    assert not options.wants("rows")


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt workload is an error that names those there are."""
    with pytest.raises(SystemExit):
        parse(["--only", "gte-1"])

    assert "get-1" in capsys.readouterr().err


def test_address_may_be_a_socket() -> None:
    """The embedded server's URL names a directory, and all contenders get its parts."""
    address = Address.of("postgresql://me:s%20cret@/db?host=/run/pg&port=5433")

    assert address.is_socket
    assert address.parts == {
        "host": "/run/pg",
        "port": 5433,
        "user": "me",
        "password": "s cret",
        "database": "db",
    }


async def test_a_task_of_its_own_gives_answers_in_order(bench_url: str) -> None:
    """Answers stand where their arguments stood, however many tasks there were."""
    contender = make(RAW)
    async with opened(bench_url, contender) as place:
        await asyncio.wait_for(check(place, Workload("get", "", GET, tasks=7), contender), 30)

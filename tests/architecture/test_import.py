"""Importing the package is cheap and leaves the world alone."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

HEAVY = ("alembic", "pydantic", "pydantic_settings", "redis", "rich", "sqlalchemy", "typer")

WATCHED_IMPORT = """
import json, sys, threading

seen = []

def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn")):
        seen.append(event)
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments[0]} for writing")

sys.addaudithook(watch)
import storehaus
print(json.dumps({
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    "events": seen,
    "threads": threading.active_count(),
}))
"""


@pytest.fixture
def after_import(run_python: Callable[..., CompletedProcess[str]]) -> dict[str, Any]:
    """What a fresh interpreter has loaded and done after `import storehaus`."""
    outcome = run_python("-c", WATCHED_IMPORT)
    assert outcome.returncode == 0, outcome.stderr
    report: dict[str, Any] = json.loads(outcome.stdout)
    return report


@pytest.mark.parametrize("package", HEAVY)
def test_import_does_not_load(package: str, after_import: dict[str, Any]) -> None:
    """`import storehaus` does not load what only migrations, config, cache or cli need."""
    assert package not in after_import["modules"]


def test_import_opens_nothing(after_import: dict[str, Any]) -> None:
    """`import storehaus` opens no socket, starts no process, writes no file."""
    assert after_import["events"] == []


def test_import_starts_no_thread(after_import: dict[str, Any]) -> None:
    """`import storehaus` leaves one thread running, the importer's."""
    assert after_import["threads"] == 1


FUNCTION = "from storehaus import sql; assert sql('SELECT 1').to_sql().text == 'SELECT 1'"
PACKAGE = """
import storehaus.sql.recipes
import storehaus.sql.delete
from storehaus.sql import QueryBuilder
from storehaus.sql.recipes import compile_find
assert QueryBuilder.__name__ == 'QueryBuilder' and callable(compile_find)
"""


@pytest.mark.parametrize("first", [FUNCTION, PACKAGE], ids=["function", "package"])
def test_function_sql_and_package_sql_do_not_meet(
    first: str, run_python: Callable[..., CompletedProcess[str]]
) -> None:
    """`from storehaus import sql` is the function, whatever was imported from the package first."""
    outcome = run_python("-c", f"{first}\n{FUNCTION}\n{PACKAGE}\n{FUNCTION}")

    assert outcome.returncode == 0, outcome.stderr


def test_hatch_for_hand_written_sql_does_not_load_sqlalchemy(
    run_python: Callable[..., CompletedProcess[str]],
) -> None:
    """Only `execute` loads it: what `fetch` needs is light."""
    program = "import sys, storehaus; storehaus.StoreHaus; assert 'sqlalchemy' not in sys.modules"
    outcome = run_python("-c", program)

    assert outcome.returncode == 0, outcome.stderr

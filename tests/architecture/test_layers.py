"""The import contracts hold, and each of them can break."""

import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

LINT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Violation:
    """Source that some contract forbids, by the path it is written to."""

    contract: str
    files: dict[str, str]


VIOLATIONS = {
    "upward import": Violation("layers", {"expr/seeded.py": "import storehaus.store"}),
    "upward import from the bottom": Violation(
        "layers", {"config/seeded.py": "from storehaus import haus"}
    ),
    "upward import for types only": Violation(
        "layers",
        {
            "store/seeded.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import storehaus.haus\n"
        },
    ),
    "upward import within a function": Violation(
        "layers", {"model/seeded.py": "def f():\n    import storehaus.query\n"}
    ),
    "strangers of one row": Violation("layers", {"driver/seeded.py": "import storehaus.sql"}),
    "a package outside the map": Violation("layers", {"utilities.py": ""}),
    "asyncio in expr": Violation("pure-half", {"expr/seeded.py": "import asyncio"}),
    "a thread's socket in model": Violation("pure-half", {"model/seeded.py": "import socket"}),
    "SQLAlchemy in query": Violation("pure-half", {"query/seeded.py": "import sqlalchemy.sql"}),
    "the driver in sql": Violation(
        "pure-half", {"sql/seeded.py": "from storehaus.driver import protocol"}
    ),
    "public name used inside": Violation(
        "front-door", {"store/seeded.py": "from storehaus import __version__"}
    ),
    "asyncpg in store": Violation("asyncpg-door", {"store/seeded.py": "import asyncpg"}),
    "asyncpg beside its modules": Violation(
        "asyncpg-door", {"driver/seeded.py": "from asyncpg import Record"}
    ),
    "the asyncpg adapter in store": Violation(
        "adapters", {"store/seeded.py": "import storehaus.driver.asyncpg_driver"}
    ),
    "the embedded server in migrations": Violation(
        "adapters", {"migrations/seeded.py": "import storehaus.driver.embedded"}
    ),
    "Redis in store": Violation("redis-door", {"store/seeded.py": "import redis.asyncio"}),
    "SQLAlchemy in haus": Violation("sqlalchemy-door", {"haus/seeded.py": "import sqlalchemy"}),
    "Alembic in cli": Violation("sqlalchemy-door", {"cli/seeded.py": "import alembic.config"}),
    "pydantic in haus": Violation("pydantic-door", {"haus/seeded.py": "import pydantic"}),
    "settings in driver": Violation(
        "pydantic-door", {"driver/seeded.py": "import pydantic_settings"}
    ),
    "rich in testing": Violation("terminal-door", {"testing/seeded.py": "import rich"}),
    "typer in haus": Violation("terminal-door", {"haus/seeded.py": "import typer"}),
    "two siblings in a circle": Violation(
        "no-cycles",
        {
            "store/seeded.py": "import storehaus.store.seeded_twin",
            "store/seeded_twin.py": "import storehaus.store.seeded",
        },
    ),
}


def lint(repository: Path, source: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run import-linter with the project's own configuration on the package in `source`."""
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("lint-imports")),
            f"--config={repository / 'pyproject.toml'}",
            "--no-cache",
            "--no-logo",
            *options,
        ],
        cwd=source,
        env={"PYTHONPATH": str(source), "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=LINT_SECONDS,
    )


def contract_names(repository: Path) -> dict[str, str]:
    """The names of all contracts by their ids."""
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract["name"] for contract in contracts}


def copy_package(repository: Path, target: Path) -> None:
    """Copy the package to where a test may spoil it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "src" / "storehaus", target / "storehaus", ignore=ignored)


def test_source_keeps_every_contract(repository: Path) -> None:
    """The package as it is breaks no contract."""
    outcome = lint(repository, repository / "src")

    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize("title", VIOLATIONS)
def test_seeded_violation_breaks_its_contract(title: str, repository: Path, tmp_path: Path) -> None:
    """One forbidden import breaks the contract that forbids it, and the report names it."""
    violation = VIOLATIONS[title]
    copy_package(repository, tmp_path)
    for name, text in violation.files.items():
        (tmp_path / "storehaus" / name).write_text(text)

    outcome = lint(repository, tmp_path, f"--contract={violation.contract}")

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert f"{contract_names(repository)[violation.contract]} BROKEN" in outcome.stdout
    seeded = Path(next(iter(violation.files))).stem
    assert seeded in outcome.stdout


def test_every_contract_has_a_violation(repository: Path) -> None:
    """No contract stands in the configuration without the proof that it can break."""
    proved = {violation.contract for violation in VIOLATIONS.values()}

    assert proved == set(contract_names(repository))

"""What stands around the store can be taken away: it imports and works without it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SURROUNDINGS = ("migrations", "cache", "signals", "cli")
"""Packages beside and above the store that a deployment may leave out."""

VERBS = """
import asyncio
import sys

import storehaus
from storehaus import AppConfig, DatabaseConfig, Field, Model, StoreHaus, field
from storehaus.testing import FakeDriver


class Label(Model, table="labels"):
    key: Field[str] = field(primary_key=True)
    value: Field[str]


NOW = "2026-01-01"
ROW = ("k", "v", NOW, NOW, [])


async def main() -> None:
    driver = FakeDriver(lambda call: [ROW] if call.kind == "fetch" else "OK")
    config = AppConfig(database=DatabaseConfig(url="postgresql://localhost/db"))
    async with StoreHaus(config, driver_factory=lambda _: driver) as haus:
        store = haus.store(Label)
        model = Label(key="k", value="v")
        assert (await store.create(model)).value == "v"
        assert (await store.get("k")).key == "k"
        assert (await store.update("k", model)).key == "k"
        assert (await store.patch("k", value="x")).key == "k"
        assert await store.delete("k") is True
        assert len(await store.find(Label.value == "v")) == 1
        assert await store.load([model, model]) == 2
        assert (await haus.health()).ok
    assert "INSERT" in driver.texts[0]


asyncio.run(main())
assert storehaus.__file__.startswith(SOURCE), storehaus.__file__
for name in GONE:
    for public in [each for each, module in storehaus._LAZY.items() if module.endswith(name)]:
        try:
            getattr(storehaus, public)
        except ImportError as problem:
            assert name in str(problem)
        else:
            raise AssertionError(f"{public} was found without {name}")
print("works")
"""


@pytest.fixture
def copied_source(repository: Path, tmp_path: Path) -> Path:
    """A copy of the source, to cut pieces out of."""
    target = tmp_path / "src"
    shutil.copytree(
        repository / "src", target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    return target


def run(source: Path, gone: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run the verbs on a copy of the source."""
    script = f"SOURCE = {str(source)!r}\nGONE = {gone!r}\nimport sys\nsys.path.insert(0, SOURCE)\n"
    return subprocess.run(
        [sys.executable, "-I", "-B", "-c", script + VERBS],
        cwd=source,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("gone", [*SURROUNDINGS, "all of them"])
def test_store_works_without(copied_source: Path, gone: str) -> None:
    """All verbs work, and a public name fails only when it is asked for."""
    names = list(SURROUNDINGS) if gone == "all of them" else [gone]
    for name in names:
        # Those that are yet to be written are gone already.
        shutil.rmtree(copied_source / "storehaus" / name, ignore_errors=True)

    finished = run(copied_source, names)

    assert finished.stdout == "works\n", finished.stderr


@pytest.mark.parametrize("needed", ["store", "sql", "model"])
def test_store_does_not_work_without_itself(copied_source: Path, needed: str) -> None:
    """What the test above would see if the store stood on something that is gone."""
    shutil.rmtree(copied_source / "storehaus" / needed)

    finished = run(copied_source, [])

    assert finished.returncode != 0
    assert f"storehaus.{needed}" in finished.stderr

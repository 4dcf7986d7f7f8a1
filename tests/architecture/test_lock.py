"""The locked requirements cover what the project declares, and name no place to fetch it from."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = ("dev.txt", "demo.txt")
PINNED = re.compile(r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^\s;]+)")


@pytest.fixture(scope="module")
def settings(repository: Path) -> dict[str, Any]:
    """The project's own declaration."""
    return tomllib.loads((repository / "pyproject.toml").read_text())


def pins(lock: Path) -> dict[str, str]:
    """The version of each package in a lock file."""
    found = (PINNED.match(line) for line in lock.read_text().splitlines())
    return {match["name"]: match["version"] for match in found if match}


def expand(settings: dict[str, Any], extra: str) -> list[str]:
    """The requirements of an extra, with those of the extras it names."""
    gathered: list[str] = []
    for text in settings["project"]["optional-dependencies"][extra]:
        named = Requirement(text)
        if named.name == "storehaus":
            for other in sorted(named.extras):
                gathered += expand(settings, other)
        else:
            gathered.append(text)
    return gathered


def gather(groups: dict[str, Any], name: str) -> list[str]:
    """The requirements of a dependency group, with those of the groups it includes."""
    gathered: list[str] = []
    for entry in groups[name]:
        gathered += [entry] if isinstance(entry, str) else gather(groups, entry["include-group"])
    return gathered


def declared(settings: dict[str, Any], lock: str) -> list[Requirement]:
    """What a lock file must hold."""
    project, groups = settings["project"], settings["dependency-groups"]
    texts = project["dependencies"] + groups["build"]
    if lock == "demo.txt":
        texts = texts + expand(settings, "demo")
    else:
        texts = texts + gather(groups, "dev")
        for extra in project["optional-dependencies"]:
            texts = texts + expand(settings, extra)
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_what_is_declared(lock: str, repository: Path, settings: dict[str, Any]) -> None:
    """Each declared requirement is pinned to a version it allows; else run `make lock`."""
    pinned = pins(repository / "requirements" / lock)
    missing = [
        str(requirement)
        for requirement in declared(settings, lock)
        if not requirement.specifier.contains(
            pinned.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    ]

    assert missing == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str, repository: Path) -> None:
    """No package is installed on its name and version alone."""
    lines = (repository / "requirements" / lock).read_text().replace("\\\n", " ").splitlines()
    bare = [line for line in lines if PINNED.match(line) and "--hash=sha256:" not in line]

    assert bare == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_place(lock: str, repository: Path) -> None:
    """A lock file says what is installed; where from is the machine's own setting."""
    text = (repository / "requirements" / lock).read_text()
    options = [line for line in text.splitlines() if line.lstrip().startswith("--")]

    assert [line for line in options if not line.lstrip().startswith("--hash=")] == []
    assert "://" not in text


def test_demo_is_a_part_of_dev(repository: Path) -> None:
    """The small environment holds the same versions as the full one."""
    full = pins(repository / "requirements" / "dev.txt")
    small = pins(repository / "requirements" / "demo.txt")

    assert small.items() <= full.items()

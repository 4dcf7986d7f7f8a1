"""A place without settings: an empty directory, and an environment that says nothing to us."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from storehaus.config import AppConfig
from storehaus.errors import ConfigurationError

Refuse = Callable[..., ConfigurationError]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty, with the settings of the tests' own machine out of sight."""
    for name in list(os.environ):
        if name.upper().startswith(("STOREHAUS_", "PG")) or name in {"DATABASE_URL", "REDIS_URL"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Sets environment variables for one test."""

    def set_all(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def refuse() -> Refuse:
    """Calls what must fail, `AppConfig.load` by default, and gives the error."""

    def call(action: Callable[..., Any] = AppConfig.load, **arguments: Any) -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            action(**arguments)
        return caught.value

    return call

"""Secrets are used, and never shown."""

import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from storehaus.config import AppConfig, CacheConfig, DatabaseConfig
from storehaus.errors import ConfigurationError

SetEnv = Callable[[Mapping[str, str]], None]
Refuse = Callable[..., ConfigurationError]

SECRET = "hunter2-Geheim"
URL = f"postgresql://user:{SECRET}@db/app"
REDIS = f"redis://:{SECRET}@cache:6379/0"

HOLDERS: dict[str, Callable[[], Any]] = {
    "password": lambda: DatabaseConfig(password=SECRET),
    "url": lambda: DatabaseConfig(url=URL),
    "redis_url": lambda: CacheConfig(redis_url=REDIS),
    "all": lambda: AppConfig(database=DatabaseConfig(url=URL), cache=CacheConfig(redis_url=REDIS)),
}
WAYS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": "{}".format,
    "dict": lambda holder: repr(dict(holder)),
    "dump": lambda holder: repr(holder.model_dump()),
    "dump as JSON": lambda holder: repr(holder.model_dump(mode="json")),
    "JSON": lambda holder: holder.model_dump_json(),
    "deep copy": lambda holder: repr(copy.deepcopy(holder)),
    "unpickled": lambda holder: repr(pickle.loads(pickle.dumps(holder))),
    "copy": lambda holder: repr(holder.model_copy()),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("way", WAYS)
def test_secret_is_not_shown(holder: str, way: str) -> None:
    """No way of showing settings shows a secret."""
    assert SECRET not in WAYS[way](HOLDERS[holder]())


def test_changed_copy_does_not_show_a_secret() -> None:
    """Pydantic's own copy would take the plain text over as it is."""
    copied = DatabaseConfig().model_copy(update={"password": SECRET})

    assert SECRET not in repr(copied)
    assert copied.connect_arguments()["password"] == SECRET


def test_pickling_keeps_settings() -> None:
    """Settings travel to worker processes whole."""
    config = AppConfig(database=DatabaseConfig(url=URL, ssl="require"))

    assert pickle.loads(pickle.dumps(config)) == config


def holds_secret(error: BaseException | None) -> bool:
    """Whether anything that a logger prints of an error, or of what caused it, has the secret."""
    if error is None:
        return False
    shown = [str(error), repr(error), *traceback.format_exception(error), repr(vars(error))]
    chained = holds_secret(error.__context__) or holds_secret(error.__cause__)
    return chained or any(SECRET in text for text in shown)


BROKEN_SETTINGS: list[dict[str, Any]] = [
    {"url": f"mysql://user:{SECRET}@db/app"},
    {"url": SECRET},
    {"url": f"postgresql://user:{SECRET}@db:port/app"},
    {"url": f"postgresql://user:1/{SECRET}@db/app"},
    {"url": f"postgresql://db/app?pasword={SECRET}"},
    {"url": f"postgresql://db/app?{SECRET}"},
    {"url": f"postgresql://db/app?sslmode={SECRET}"},
    {"url": f"postgresql://db/app?port={SECRET}"},
    {"url": [SECRET]},
    {"url": f"postgresql://user:{SECRET}@db:0/app"},
    {"password": [SECRET]},
    {"password": SECRET + "\0"},
    {"password": SECRET.encode()},
    {"pasword": SECRET},
    {"port": SECRET},
    {"host": f"{SECRET}:1"},
    {"ssl": SECRET},
    {"prepared_statements": SECRET},
    {"embedded": SECRET + "\0"},
    {"password": SECRET, "min_connections": 50},
    {"url": URL, "embedded": "x"},
]


@pytest.mark.parametrize("settings", BROKEN_SETTINGS)
def test_error_of_a_section_does_not_show_a_secret(
    settings: dict[str, Any], refuse: Refuse
) -> None:
    """Neither the error nor what it chains to holds the value, whatever is wrong with it."""
    assert not holds_secret(refuse(DatabaseConfig, **settings))


@pytest.mark.parametrize("settings", BROKEN_SETTINGS)
def test_error_of_the_whole_does_not_show_a_secret(
    settings: dict[str, Any], refuse: Refuse
) -> None:
    """The same with the section as a mapping among other sources."""
    assert not holds_secret(refuse(AppConfig.load, database=settings))


@pytest.mark.parametrize(
    "text",
    [
        f"[database]\npassword = {SECRET}\n",
        f'[database]\npassword = "{SECRET}\n',
        f'[database]\npassword = "{SECRET}" x\n',
        f'[database]\npassword = "{SECRET}"\npassword = "{SECRET}"\n',
        f'[database]\npassword = ["{SECRET}"]\n',
        f'[database]\npasswort = "{SECRET}"\n',
        f'database = "{SECRET}"\n',
        f'password = "{SECRET}"\n',
    ],
)
def test_error_of_a_file_does_not_show_a_secret(text: str, refuse: Refuse) -> None:
    """A file that is broken beside or within a password is refused without quoting it."""
    Path("storehaus.toml").write_text(text)

    assert not holds_secret(refuse())


@pytest.mark.parametrize(
    "variable",
    [
        {"STOREHAUS_DATABASE": f'{{"password": "{SECRET}"'},
        {"STOREHAUS_DATABASE": f'["{SECRET}"]'},
        {"STOREHAUS_DATABASE__PORT": SECRET},
        {"STOREHAUS_DATABASE_PASSWORD": SECRET},
        {"DATABASE_URL": f"postgresql://u:{SECRET}@h:p/d"},
        {"REDIS_URL": f"redis://:{SECRET}@h:p/d"},
        {"STOREHAUS_CONFIG": SECRET},
    ],
)
def test_error_of_a_variable_does_not_show_a_secret(
    variable: dict[str, str], setenv: SetEnv, refuse: Refuse
) -> None:
    """A variable that is broken around a password is refused without quoting it."""
    setenv(variable)

    assert not holds_secret(refuse())


def test_undecodable_dotenv_does_not_show_a_secret(refuse: Refuse) -> None:
    """The decoder's own error holds the whole file; ours does not chain to it."""
    Path(".env").write_bytes(f"STOREHAUS_DATABASE__PASSWORD={SECRET}\n".encode() + b"X=\xff\n")

    assert not holds_secret(refuse())


def test_undecodable_file_does_not_show_a_secret(refuse: Refuse) -> None:
    """The same for the TOML file."""
    Path("storehaus.toml").write_bytes(f'[database]\npassword = "{SECRET}"'.encode() + b"\xff")

    assert not holds_secret(refuse())


def test_assignment_does_not_show_a_secret() -> None:
    """Pydantic's own refusal to change a frozen model quotes the value."""
    with pytest.raises(ConfigurationError) as caught:
        DatabaseConfig().password = SECRET

    assert not holds_secret(caught.value)


def test_debug_log_does_not_show_a_secret(
    setenv: SetEnv, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """pydantic-settings can log what each source says; secrets are wrapped before that."""
    monkeypatch.setenv("PYDANTIC_SETTINGS_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    setenv({"DATABASE_URL": URL, "REDIS_URL": REDIS, "STOREHAUS_DATABASE__PASSWORD": SECRET})
    Path("storehaus.toml").write_text(f'[database]\npassword = "{SECRET}"\n')

    AppConfig.load(database={"password": SECRET})

    assert SECRET not in caplog.text

"""The sources of settings, highest first, each able to say where a value stands."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

from dotenv.parser import parse_stream
from pydantic import SecretStr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from storehaus.config.problems import Problem, as_error, suggest
from storehaus.config.section import Section
from storehaus.config.tables import KeyPath, holds, is_table
from storehaus.config.toml import TomlFile

__all__ = ["PREFIX", "Layer", "Variables", "read_dotenv", "read_environment"]

PREFIX = "STOREHAUS_"
_DELIMITER = "__"
_FOREIGN = {"database_url": ("database", "url"), "redis_url": ("cache", "redis_url")}
_SECRETS = frozenset({"url", "password", "redis_url"})
_JSON_RULE = f"must be a JSON object; one variable per key is easier ({PREFIX}DATABASE__HOST)"

Sections: TypeAlias = Mapping[str, type[Section]]


class Layer(PydanticBaseSettingsSource):
    """One source: what it says, and where it says it.

    pydantic-settings puts the layers over each other, key by key.
    """

    def __init__(
        self,
        settings: type[BaseSettings],
        sections: Sections,
        tables: Mapping[str, Any],
        locate: Callable[[KeyPath], str],
    ) -> None:
        super().__init__(settings)
        self._tables = {
            name: _complete(sections[name], table) if name in sections else table
            for name, table in tables.items()
        }
        self._locate = locate

    def __call__(self) -> dict[str, Any]:
        """Give the tables, as pydantic-settings asks for them."""
        return self._tables

    def get_field_value(
        self,
        field: Any,  # noqa: ARG002 - the base class calls it so
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Give one table; the base class demands it."""
        return self._tables.get(field_name), field_name, False

    def locate(self, path: KeyPath) -> str | None:
        """Say where this layer holds a key; None when it does not."""
        return self._locate(path) if holds(self._tables, path) else None


def _complete(section: type[Section], table: Any) -> Any:
    """Spell out what a table means, and wrap its secrets before anything can log them."""
    if not is_table(table):
        return table
    return {
        key: SecretStr(value) if key in _SECRETS and isinstance(value, str) else value
        for key, value in section.spell_out(table).items()
    }


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of one place: the environment, or a `.env` file.

    Attributes:
        values: Lower-case name → value.
        places: Lower-case name → how an error names it.
        tables: What the variables with our prefix say.
        problems: Those among them that say nothing, most likely by mistake.
    """

    values: Mapping[str, str | None]
    places: Mapping[str, str]
    tables: Mapping[str, Any]
    problems: tuple[Problem, ...]

    def locate(self, path: KeyPath) -> str:
        """Name the variable that sets a key: its own, that of its URL, that of its section."""
        section = PREFIX.lower() + path[0]
        own = _DELIMITER.join((PREFIX.lower() + path[0], *path[1:]))
        candidates = (own, section + _DELIMITER + "url", section)
        return next((self.places[name] for name in candidates if name in self.places), own.upper())

    def foreign_tables(self) -> dict[str, dict[str, str]]:
        """Give what the variables that other programs know too say."""
        return {
            section: {key: value}
            for name, (section, key) in _FOREIGN.items()
            if (value := self.values.get(name))
        }

    def locate_foreign(self, path: KeyPath) -> str:
        """Name the foreign variable that sets a key."""
        return next(self.places[name] for name, at in _FOREIGN.items() if at[0] == path[0])


def read_environment(settings: type[BaseSettings], sections: Sections) -> Variables:
    """Read the variables of this process.

    Raises:
        ConfigurationError: When a section's variable is not JSON.
    """
    places = {name.lower(): name for name in os.environ}
    return _collect(EnvSettingsSource(settings), sections, places)


def read_dotenv(settings: type[BaseSettings], sections: Sections, path: Path) -> Variables:
    """Read a `.env` file; one that does not exist says nothing.

    Raises:
        ConfigurationError: When it cannot be read, or a section's variable is not JSON.
    """
    source, failure = _open_dotenv(settings, path)
    if source is None:
        raise as_error([Problem(None, str(path), failure)])
    places = dict.fromkeys(source.env_vars, str(path))
    if path.is_file():  # a named pipe cannot be read a second time
        places.update(_find_lines(path))
    return _collect(source, sections, places)


def _open_dotenv(
    settings: type[BaseSettings], path: Path
) -> tuple[DotEnvSettingsSource | None, str]:
    try:
        return DotEnvSettingsSource(settings, env_file=path), ""
    except UnicodeDecodeError:
        return None, "must be UTF-8 text"
    except OSError as error:
        return None, f"must be a readable file ({error.strerror})"


def _find_lines(path: Path) -> dict[str, str]:
    places: dict[str, str] = {}
    for binding in parse_stream(StringIO(path.read_text(encoding="utf-8"))):
        if binding.key:
            statement = binding.original.string
            blank = statement[: len(statement) - len(statement.lstrip())]
            line = binding.original.line + len(blank.splitlines())
            places[binding.key.lower()] = f"{path}:{line}"
    return places


def _collect(source: EnvSettingsSource, sections: Sections, places: Mapping[str, str]) -> Variables:
    tables = _explode(source)
    if tables is None:
        raise as_error(_find_unreadable(source, places))
    known = {name: table for name, table in tables.items() if name in sections}
    return Variables(source.env_vars, places, known, _find_misspelt(sections, places))


def _explode(source: EnvSettingsSource) -> dict[str, Any] | None:
    # Not `source()`: a .env file's source would add the variables of other programs.
    try:
        return EnvSettingsSource.__call__(source)
    except (SettingsError, RecursionError):
        return None


def _find_unreadable(source: EnvSettingsSource, places: Mapping[str, str]) -> list[Problem]:
    """Find the variables that cannot even be converted, by converting each on its own."""
    values, problems = source.env_vars, list[Problem]()
    for name in filter(lambda name: name.startswith(PREFIX.lower()), values):
        source.env_vars = {name: values[name]}
        if _explode(source) is None:
            key = name.removeprefix(PREFIX.lower()).replace(_DELIMITER, ".")
            rule = "must be a value of its type" if "." in key else _JSON_RULE
            problems.append(Problem(key, places[name], rule))
    source.env_vars = values
    return problems


def _find_misspelt(sections: Sections, places: Mapping[str, str]) -> tuple[Problem, ...]:
    return tuple(
        problem
        for name, place in places.items()
        if name.startswith(PREFIX.lower())
        and (problem := _judge_name(name.removeprefix(PREFIX.lower()), place, sections))
    )


def _judge_name(name: str, place: str, sections: Sections) -> Problem | None:
    """Find fault with a variable that names no section but looks as if it should."""
    head, delimiter, _ = name.partition(_DELIMITER)
    if delimiter:
        hint = "" if head in sections else suggest(head, sections)
        return Problem(head, place, f"is not a known section{hint}") if hint else None
    section, _, key = name.partition("_")
    if section in sections and key in sections[section].model_fields:
        right = f"{PREFIX}{section}{_DELIMITER}{key}".upper()
        return Problem(f"{section}.{key}", place, f"is set by {right}, with two underscores")
    return None


def locate_in_file(file: TomlFile, path: KeyPath) -> str:
    """Give `file:line` of a key, or of the URL that states it."""
    return file.locate(path if holds(file.tables, path) else (path[0], "url"))

"""The configuration as a whole, and the order in which its sources count."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from storehaus.config.cache import CacheConfig
from storehaus.config.database import DatabaseConfig
from storehaus.config.layers import (
    PREFIX,
    Layer,
    Variables,
    locate_in_file,
    read_dotenv,
    read_environment,
)
from storehaus.config.problems import Problem, as_error, find_problems
from storehaus.config.section import Frozen, Section
from storehaus.config.signal import SignalConfig
from storehaus.config.tables import KeyPath
from storehaus.config.toml import TomlFile, read_toml
from storehaus.errors import ConfigurationError

__all__ = ["AppConfig", "load_config"]

_DEFAULT_FILE = Path("storehaus.toml")
_DOTENV_FILE = Path(".env")
_FILE_VARIABLE = f"{PREFIX}CONFIG"
_SECTIONS: Mapping[str, type[Section]] = {
    section.section: section for section in (DatabaseConfig, CacheConfig, SignalConfig)
}
_KNOWN: Mapping[KeyPath, Collection[str]] = {
    (): _SECTIONS,
    **{(name,): section.model_fields for name, section in _SECTIONS.items()},
}

_NOTHING_FOUND = f"""no configuration was found. Write {_DEFAULT_FILE} with

    [database]
    url = "postgresql://user@localhost:5432/mydb"   # or: embedded = "path/to/data"

or set DATABASE_URL, or {PREFIX}DATABASE__HOST and so on, or name a file in {_FILE_VARIABLE}."""


@dataclass(slots=True)
class _Loading:
    """One pass over the sources: what is read, and where each value came from.

    Attributes:
        file: The file to read instead of the one that variables name; None when not given.
        layers: The sources, highest first.
        problems: What is wrong with them apart from their values.
    """

    file: Path | None = None
    layers: list[Layer] = field(default_factory=list[Layer])
    problems: list[Problem] = field(default_factory=list[Problem])

    def read(self, settings: type[BaseSettings], arguments: Mapping[str, Any]) -> tuple[Layer, ...]:
        """Read all sources.

        Raises:
            ConfigurationError: When one cannot be read, or when none says anything.
        """

        def add(tables: Mapping[str, Any], locate: Callable[[KeyPath], str]) -> None:
            self.layers.append(Layer(settings, _SECTIONS, tables, locate))

        add(arguments, lambda _: "argument")
        places = [
            read_environment(settings, _SECTIONS),
            read_dotenv(settings, _SECTIONS, _DOTENV_FILE),
        ]
        for variables in places:
            add(variables.tables, variables.locate)
            add(variables.foreign_tables(), variables.locate_foreign)
            self.problems.extend(variables.problems)
        file = self._read_file(places)
        if file:
            add(file.tables, lambda path: locate_in_file(file, path))
        elif not any(layer() for layer in self.layers) and not self.problems:
            raise ConfigurationError(_NOTHING_FOUND, rule="must say how to reach PostgreSQL")
        return tuple(self.layers)

    def locate(self, path: KeyPath) -> str:
        """Name the source that a key's value came from."""
        found = (layer.locate(path) for layer in self.layers)
        return next(filter(None, found), "default")

    def _read_file(self, places: list[Variables]) -> TomlFile | None:
        if self.file:
            return read_toml(_existing(self.file, "argument"))
        for variables in places:
            name = variables.values.get(_FILE_VARIABLE.lower())
            if name:
                return read_toml(_existing(Path(name), variables.places[_FILE_VARIABLE.lower()]))
        return read_toml(_DEFAULT_FILE) if _DEFAULT_FILE.exists() else None


def _existing(path: Path, source: str) -> Path:
    """Say who named the file when it is missing; `~` is the home directory."""
    found = _find(path)
    if found is None:
        raise as_error([Problem("config file", source, "must be an existing file")])
    return found


def _find(path: Path) -> Path | None:
    try:
        expanded = path.expanduser()
        return expanded if expanded.exists() else None
    except (OSError, ValueError, RuntimeError):  # a NUL in the name, an unknown user after `~`
        return None


class AppConfig(Frozen, BaseSettings):
    """All settings: frozen, validated, and silent about their secrets.

    Constructing one reads the environment and the configuration file; what is passed counts before
    what is found there.

    Attributes:
        database: How to reach PostgreSQL.
        cache: How to cache.
        signal: How events reach callbacks.

    Raises:
        ConfigurationError: When anything is wrong, naming the first of the wrong settings in its
            attributes and all of them in its message; or when there is no configuration at all.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_nested_max_split=1,
        env_ignore_empty=True,
    )

    database: DatabaseConfig = Field(default_factory=DatabaseConfig)
    cache: CacheConfig = Field(default_factory=CacheConfig)
    signal: SignalConfig = Field(default_factory=SignalConfig)

    if not TYPE_CHECKING:  # checkers know the arguments better from the fields

        def __init__(self, **values: Any) -> None:
            loading = values.pop("_loading", None) or _Loading()
            failures = _fill(super().__init__, values, loading)
            if failures:
                raise as_error(failures)

    @classmethod
    def load(cls, file: str | Path | None = None, **sections: Section | Mapping[str, Any]) -> Self:
        """Load the configuration.

        Args:
            file: A TOML file to read instead of the one that `STOREHAUS_CONFIG` names or
                `./storehaus.toml`; None for those.
            **sections: `database`, `cache`, `signal`: what counts before everything else. A mapping
                is merged with the other sources key by key, a section object replaces them.

        Raises:
            ConfigurationError: When a setting is wrong, or when there is no configuration.
        """
        arguments: dict[str, Any] = {
            **sections,
            "_loading": _Loading(file=None if file is None else Path(file)),
        }
        return cls(**arguments)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class passes it by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Tell pydantic-settings our sources, highest first."""
        arguments = dict(init_settings())
        loading: _Loading = arguments.pop("_loading")
        return loading.read(settings_cls, arguments)


def _fill(init: Any, values: dict[str, Any], loading: _Loading) -> list[Problem]:
    # As in Section: the caller raises, after the handler's end.
    try:
        init(**values, _loading=loading)
    except ValidationError as error:
        return [*find_problems(error, _KNOWN, loading.locate), *loading.problems]
    return loading.problems


def load_config(
    file: str | Path | None = None, **sections: Section | Mapping[str, Any]
) -> AppConfig:
    """Load the configuration, as `AppConfig.load` does."""
    return AppConfig.load(file, **sections)

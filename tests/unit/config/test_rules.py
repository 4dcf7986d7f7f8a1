"""Each rule refuses what breaks it, naming key, source and rule."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig
from storehaus.errors import ConfigurationError

SetEnv = Callable[[Mapping[str, str]], None]
Refuse = Callable[..., ConfigurationError]

WRONG_IN_FILE = [
    ("[database]\nport = '5432'", "database.port", 2, "valid integer"),
    ("[database]\nport = true", "database.port", 2, "valid integer"),
    ("[database]\nport = 0", "database.port", 2, "greater than or equal to 1"),
    ("[database]\nport = 65536", "database.port", 2, "less than or equal to 65535"),
    ("[database]\nhost = 5", "database.host", 2, "valid string"),
    ("[database]\nhost = ''", "database.host", 2, "at least 1 character"),
    ("[database]\nhost = 'db:5432'", "database.host", 2, "host alone"),
    ("[database]\nhost = 'a\\u0000b'", None, 2, ""),
    ('[database]\nhost = "a\\u0000b"', "database.host", 2, "NUL"),
    ('[database]\npassword = "a\\u0000b"', "database.password", 2, "NUL"),
    ("[database]\npassword = 5", "database.password", 2, "valid string"),
    (f"[database]\ndatabase = '{'x' * 64}'", "database.database", 2, "63 bytes"),
    (f"[database]\nusername = '{'ä' * 32}'", "database.username", 2, "63 bytes"),
    ("[database]\nembedded = ''", "database.embedded", 2, "name a directory"),
    ("[database]\nssl = 'maybe'", "database.ssl", 2, "verify-full"),
    ("[database]\nprepared_statements = 1", "database.prepared_statements", 2, "valid boolean"),
    ("[database]\nmin_connections = -1", "database.min_connections", 2, "greater than or equal"),
    ("[database]\nmax_connections = 0", "database.max_connections", 2, "greater than or equal"),
    ("[database]\n\nmin_connections = 11", "database.min_connections", 3, "<= max_connections"),
    ("[database]\nmax_connections=2\nmin_connections=3", "database.min_connections", 3, "<="),
    ("[database]\nidle_timeout_seconds = 0", "database.idle_timeout_seconds", 2, "greater"),
    ("[database]\nidle_timeout_seconds = -1", "database.idle_timeout_seconds", 2, "greater"),
    ("[database]\nidle_timeout_seconds = nan", "database.idle_timeout_seconds", 2, "finite"),
    ("[database]\nidle_timeout_seconds = inf", "database.idle_timeout_seconds", 2, "finite"),
    ("[database]\nmax_lifetime_seconds = 1e9", "database.max_lifetime_seconds", 2, "less than"),
    ("[cache]\ntimeout_ms = 0", "cache.timeout_ms", 2, "greater than or equal to 1"),
    ("[cache]\ntimeout_ms = 1.5", "cache.timeout_ms", 2, "valid integer"),
    ("[cache]\nmax_connections = 5", "cache.max_connections", 2, "pool_size <= max_connections"),
    ("[cache]\nlocal_max_items = -1", "cache.local_max_items", 2, "greater than or equal to 0"),
    ("[cache]\nredis_url = 'http://x'", "cache.redis_url", 2, "redis://"),
    ("[signal]\nmax_callbacks = 0", "signal.max_callbacks", 2, "greater than or equal to 1"),
    ("[signal]\ncleanup_interval_seconds = 0", "signal.cleanup_interval_seconds", 2, "greater"),
    ("[database]\nprot = 1", "database.prot", 2, "did you mean 'port'?"),
    ("[database]\nzzzzzz = 1", "database.zzzzzz", 2, "is not a known key"),
    ("\n[databse]\nport = 1", "databse", 2, "did you mean 'database'?"),
    ("port = 1", "port", 1, "is not a known section"),
    ("database = 1", "database", 1, "section of keys"),
    ("[[database]]\nport = 1", "database", 1, "section of keys"),
    ("[database.port]\nx = 1", "database.port", 1, "valid integer"),
]


@pytest.mark.parametrize(("text", "key", "line", "rule"), WRONG_IN_FILE)
def test_file_is_refused_by_key_line_and_rule(
    text: str, key: str | None, line: int, rule: str, refuse: Refuse
) -> None:
    """A wrong setting in a file is named with its key, the file's line and the rule."""
    Path("storehaus.toml").write_text(text)
    if key is None:
        assert AppConfig.load().database.host == "a\\u0000b"
        return

    error = refuse()

    assert (error.key, error.source) == (key, f"storehaus.toml:{line}")
    assert rule in error.rule
    assert key in error.message
    assert f"storehaus.toml:{line}" in error.message


WRONG_VARIABLES = [
    ("STOREHAUS_DATABASE__PORT", "many", "database.port", "valid integer"),
    ("STOREHAUS_DATABASE__PORT", "9" * 5000, "database.port", "must be a val"),
    ("STOREHAUS_DATABASE__PORT", "0", "database.port", "greater than or equal to 1"),
    ("STOREHAUS_DATABASE__PORT__X", "0", "database.port__x", "is not a known key"),
    ("STOREHAUS_DATABASE__HOTS", "x", "database.hots", "did you mean 'host'?"),
    ("STOREHAUS_DATABASE_HOST", "x", "database.host", "STOREHAUS_DATABASE__HOST"),
    ("STOREHAUS_DATABSE__HOST", "x", "databse", "did you mean 'database'?"),
    ("STOREHAUS_DATABASE", "{", "database", "JSON object"),
    ("STOREHAUS_DATABASE", "[" * 100_000, "database", "JSON object"),
    ("STOREHAUS_DATABASE", "[]", "database", "section of keys"),
    ("STOREHAUS_DATABASE", '{"port": "1"}', "database.port", "valid integer"),
    ("STOREHAUS_DATABASE__SSL", "maybe", "database.ssl", "verify-full"),
    ("STOREHAUS_SIGNAL__REMOVE_FAILING_CALLBACKS", "maybe", None, "valid boolean"),
    ("DATABASE_URL", "mysql://db/app", "database.url", "postgresql://"),
    ("DATABASE_URL", "postgresql://db:0/app", "database.port", "greater than or equal to 1"),
    ("DATABASE_URL", "postgresql://db/app?sslmode=maybe", "database.ssl", "verify-full"),
    ("REDIS_URL", "postgresql://db/app", "cache.redis_url", "redis://"),
    ("STOREHAUS_CONFIG", "missing.toml", None, "must be an existing file"),
    ("STOREHAUS_CONFIG", "~nobody-of-this-name/x.toml", None, "must be an existing file"),
]


@pytest.mark.parametrize("wrong", WRONG_VARIABLES, ids=lambda wrong: f"{wrong[0]}={wrong[1][:40]}")
def test_variable_is_refused_by_key_name_and_rule(
    wrong: tuple[str, str, str | None, str], setenv: SetEnv, refuse: Refuse
) -> None:
    """A wrong variable is named with the key it sets, its own name and the rule."""
    name, value, key, rule = wrong
    setenv({name: value})

    error = refuse()

    assert error.source == name
    assert rule in error.rule
    assert key is None or error.key == key


@pytest.mark.parametrize("wrong", WRONG_VARIABLES, ids=lambda wrong: f"{wrong[0]}={wrong[1][:40]}")
def test_variable_in_dotenv_is_refused_by_its_line(
    wrong: tuple[str, str, str | None, str], refuse: Refuse
) -> None:
    """The same in .env is named with the line of the file."""
    name, value, key, rule = wrong
    Path(".env").write_text(f"# a comment\nOTHER='two\nlines'\n\n\nexport {name}='{value}'\n")

    error = refuse()

    assert error.source == ".env:6"
    assert rule in error.rule
    assert key is None or error.key == key


@pytest.mark.parametrize(
    ("section", "arguments", "key", "rule"),
    [
        (DatabaseConfig, {"port": "x"}, "database.port", "valid integer"),
        (DatabaseConfig, {"hots": "x"}, "database.hots", "did you mean 'host'?"),
        (DatabaseConfig, {"host": "\udcff"}, "database.host", ""),
        (DatabaseConfig, {"password": "\udcff"}, "database.password", "surrogates"),
        (DatabaseConfig, {"embedded": "\udcff"}, "database.embedded", ""),
        (DatabaseConfig, {"embedded": "a\0b"}, "database.embedded", "NUL"),
        (DatabaseConfig, {"ssl": 1}, "database.ssl", "valid boolean"),
        (DatabaseConfig, {"url": 5}, "database.url", "valid string"),
        (DatabaseConfig, {"url": "postgresql://a", "embedded": "b"}, "database.embedded", "url"),
        (DatabaseConfig, {"host": "a", "embedded": "b"}, "database.embedded", "host"),
        (DatabaseConfig, {"ssl_root_certificate": "a"}, "database.ssl_root_certificate", "ssl ="),
        (CacheConfig, {"pool_size": 200}, "cache.pool_size", "pool_size <= max_connections"),
        (SignalConfig, {"queue_size": 0}, "signal.queue_size", "greater than or equal to 1"),
    ],
)
def test_argument_is_refused_by_key_and_rule(
    section: Any, arguments: dict[str, Any], key: str, rule: str, refuse: Refuse
) -> None:
    """A section constructed wrongly names its key, and `argument` as the source."""
    error = refuse(section, **arguments)

    assert (error.key, error.source) == (key, "argument")
    assert rule in error.rule


def test_unknown_section_as_argument_is_refused(refuse: Refuse) -> None:
    """A misspelt keyword argument is not ignored."""
    error = refuse(AppConfig, databse={})

    assert (error.key, error.source) == ("databse", "argument")


def test_url_and_embedded_in_one_file_contradict_each_other(refuse: Refuse) -> None:
    """One source cannot name two servers."""
    Path("storehaus.toml").write_text("[database]\nurl='postgresql://a'\nembedded='b'\n")

    error = refuse()

    assert (error.key, error.source) == ("database.embedded", "storehaus.toml:3")


def test_all_problems_are_listed(setenv: SetEnv, refuse: Refuse) -> None:
    """Whoever has three mistakes sees three at once; the attributes are those of the first."""
    Path("storehaus.toml").write_text("[database]\nport = 0\n[signal]\nmax_callbacks = 0\n")
    setenv({"STOREHAUS_CACHE__TIMEOUT_MS": "0"})

    error = refuse()

    assert error.key == "database.port"
    assert "database.port" in error.message
    assert "cache.timeout_ms" in error.message
    assert "signal.max_callbacks" in error.message


def test_very_many_problems_are_cut_short(refuse: Refuse) -> None:
    """A file that is not a configuration at all does not fill the screen."""
    Path("storehaus.toml").write_text("".join(f"[section{n}]\n" for n in range(50)))

    assert "and 30 more" in refuse().message


def test_nothing_found_says_what_to_write(refuse: Refuse) -> None:
    """Without any source the error shows a file, and the variables that would do as well."""
    error = refuse()

    assert error.key is None
    assert "storehaus.toml" in error.message
    assert "[database]" in error.message
    assert "DATABASE_URL" in error.message
    assert "STOREHAUS_CONFIG" in error.message


def test_overridden_mistake_does_not_matter(setenv: SetEnv) -> None:
    """A value that a higher source replaces is not judged."""
    Path("storehaus.toml").write_text("[database]\nport = 0\n")
    setenv({"STOREHAUS_DATABASE__PORT": "1"})

    assert AppConfig.load().database.port == 1


@pytest.mark.parametrize(
    ("content", "source", "rule"),
    [
        (b"[database]\nport 1\n", "storehaus.toml:2", "must be TOML: Expected '='"),
        (b"[database]\nport = 1\n[database", "storehaus.toml:3", "must be TOML"),
        (b"[database]\nport = 1\nport = 2\n", "storehaus.toml:3", "must be TOML"),
        (b'[database]\npassword = "\xff"\n', "storehaus.toml:2", "must be UTF-8"),
        (b"x = " + b"[" * 10_000, "storehaus.toml", "nesting"),
        (b"x = " + b"9" * 10_000, "storehaus.toml", "endless numbers"),
    ],
)
def test_malformed_file_is_named(content: bytes, source: str, rule: str, refuse: Refuse) -> None:
    """What is not TOML in UTF-8 is refused with its file and, where one is known, the line."""
    Path("storehaus.toml").write_bytes(content)

    error = refuse()

    assert error.source == source
    assert rule in error.rule


def test_directory_instead_of_a_file_is_refused(refuse: Refuse) -> None:
    """What cannot be read is named with the system's reason."""
    Path("storehaus.toml").mkdir()

    error = refuse()

    assert error.source == "storehaus.toml"
    assert "Is a directory" in error.rule


@pytest.mark.parametrize("name", ["missing.toml", "a\0b", "~nobody-of-this-name/x"])
def test_missing_file_as_argument_is_refused(name: str, refuse: Refuse) -> None:
    """A file that the caller names must exist."""
    assert refuse(file=name).source == "argument"


def test_dotenv_must_be_text(refuse: Refuse) -> None:
    """A .env that is not UTF-8 is named."""
    Path(".env").write_bytes(b"STOREHAUS_DATABASE__PASSWORD=\xff\n")

    assert refuse().source == ".env"


def test_settings_are_frozen(refuse: Refuse) -> None:
    """Nobody changes settings that others already acted upon."""
    config = AppConfig(database=DatabaseConfig())

    with pytest.raises(Exception, match="frozen"):
        config.database.port = 1


def test_copy_is_validated(refuse: Refuse) -> None:
    """A changed copy obeys the same rules."""
    error = refuse(DatabaseConfig().model_copy, update={"port": 0})

    assert error.key == "database.port"


def test_copy_keeps_what_is_not_changed() -> None:
    """A changed copy differs in the change only."""
    config = DatabaseConfig(url="postgresql://u:p@h:1/d", max_connections=3)

    assert config.model_copy(update={"max_connections": 4}) == DatabaseConfig(
        url="postgresql://u:p@h:1/d", max_connections=4
    )

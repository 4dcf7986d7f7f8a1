"""Where settings come from, and which source wins."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig, load_config

SetEnv = Callable[[Mapping[str, str]], None]

FILE = """
[database]
host = "file"
port = 1111
database = "file"
password = "file"

[cache]
prefix = "file"
"""


def write(text: str, name: str = "storehaus.toml") -> None:
    """Put a file into the working directory."""
    Path(name).write_text(text)


def test_file_in_the_working_directory_is_read() -> None:
    """./storehaus.toml is enough."""
    write(FILE)

    assert AppConfig.load().database.host == "file"


def test_keys_that_nobody_sets_have_their_defaults() -> None:
    """A file need not name every key."""
    write("[database]\n")

    assert AppConfig.load() == AppConfig(
        database=DatabaseConfig(), cache=CacheConfig(), signal=SignalConfig()
    )


def test_dotenv_counts_before_the_file() -> None:
    """A variable in .env wins over the file, key by key."""
    write(FILE)
    write("STOREHAUS_DATABASE__PORT=2222\n", ".env")

    database = AppConfig.load().database

    assert (database.host, database.port) == ("file", 2222)


def test_environment_counts_before_dotenv(setenv: SetEnv) -> None:
    """A variable of the process wins over the same one in .env."""
    write("STOREHAUS_DATABASE__PORT=2222\nSTOREHAUS_DATABASE__HOST=dotenv\n", ".env")
    setenv({"STOREHAUS_DATABASE__PORT": "3333"})

    database = AppConfig.load().database

    assert (database.host, database.port) == ("dotenv", 3333)


def test_arguments_count_before_the_environment(setenv: SetEnv) -> None:
    """A mapping passed as an argument wins key by key."""
    setenv({"STOREHAUS_DATABASE__PORT": "3333", "STOREHAUS_DATABASE__HOST": "environment"})

    database = AppConfig.load(database={"port": 4444}).database

    assert (database.host, database.port) == ("environment", 4444)


def test_section_as_argument_replaces_all_sources(setenv: SetEnv) -> None:
    """A finished section is taken as it is; the other sections come from their sources."""
    write(FILE)
    setenv({"STOREHAUS_DATABASE__PORT": "3333"})

    config = AppConfig(database=DatabaseConfig(host="argument"))

    assert config.database == DatabaseConfig(host="argument")
    assert config.cache.prefix == "file"


def test_load_config_is_the_same_as_load() -> None:
    """The function and the class method agree."""
    write(FILE)

    assert load_config(database={"port": 1}) == AppConfig.load(database={"port": 1})


@pytest.mark.parametrize("place_of_variable", ["environment", "dotenv"])
def test_variable_names_the_file(place_of_variable: str, setenv: SetEnv) -> None:
    """STOREHAUS_CONFIG, in the environment or in .env, replaces ./storehaus.toml."""
    write(FILE)
    write("[database]\nport = 5555\n", "other.toml")
    if place_of_variable == "environment":
        setenv({"STOREHAUS_CONFIG": "other.toml"})
    else:
        write("STOREHAUS_CONFIG=other.toml\n", ".env")

    database = AppConfig.load().database

    assert (database.host, database.port) == ("localhost", 5555)


def test_environment_names_the_file_before_dotenv(setenv: SetEnv) -> None:
    """STOREHAUS_CONFIG of the process wins over the one in .env."""
    write("[database]\nport = 1\n", "process.toml")
    write("STOREHAUS_CONFIG=missing.toml\n", ".env")
    setenv({"STOREHAUS_CONFIG": "process.toml"})

    assert AppConfig.load().database.port == 1


def test_file_as_argument_counts_before_the_variable(setenv: SetEnv) -> None:
    """A file that the caller names is read instead of all others."""
    write("[database]\nport = 6666\n", "argument.toml")
    setenv({"STOREHAUS_CONFIG": "missing.toml"})

    assert AppConfig.load("argument.toml").database.port == 6666


def test_home_directory_is_expanded(setenv: SetEnv, place: Path) -> None:
    """`~` in STOREHAUS_CONFIG is the home directory."""
    write("[database]\nport = 7777\n", "home.toml")
    setenv({"HOME": str(place), "STOREHAUS_CONFIG": "~/home.toml"})

    assert AppConfig.load().database.port == 7777


@pytest.mark.parametrize("place_of_variable", ["environment", "dotenv"])
def test_urls_of_other_programs_are_read(place_of_variable: str, setenv: SetEnv) -> None:
    """DATABASE_URL and REDIS_URL are enough, from the environment or from .env."""
    variables = {"DATABASE_URL": "postgresql://u@db/app", "REDIS_URL": "redis://cache:6379/0"}
    if place_of_variable == "environment":
        setenv(variables)
    else:
        write("".join(f"{name}={value}\n" for name, value in variables.items()), ".env")

    config = AppConfig.load()

    assert (config.database.host, config.database.username) == ("db", "u")
    assert config.cache.redis_url is not None
    assert config.cache.redis_url.get_secret_value() == "redis://cache:6379/0"


def test_own_variable_counts_before_a_foreign_one(setenv: SetEnv) -> None:
    """STOREHAUS_DATABASE__URL wins over DATABASE_URL."""
    setenv({"DATABASE_URL": "postgresql://a/x", "STOREHAUS_DATABASE__URL": "postgresql://b/y"})

    assert AppConfig.load().database.host == "b"


def test_own_variable_overrides_a_part_of_the_url(setenv: SetEnv) -> None:
    """STOREHAUS_DATABASE__HOST replaces the host in DATABASE_URL and nothing else."""
    setenv({"DATABASE_URL": "postgresql://u:p@a:1/x", "STOREHAUS_DATABASE__HOST": "b"})

    arguments = AppConfig.load().database.connect_arguments()

    assert (arguments["host"], arguments["port"], arguments["user"]) == ("b", 1, "u")


def test_url_takes_the_place_of_a_lower_servers_parts(setenv: SetEnv) -> None:
    """Another server's port, name and password do not shine through a URL that lacks them."""
    write(FILE)
    setenv({"DATABASE_URL": "postgresql://other"})

    arguments = AppConfig.load().database.connect_arguments()

    assert arguments["host"] == "other"
    assert (arguments["port"], arguments["database"]) == (5432, "postgres")
    assert arguments["password"] is None


def test_url_takes_the_place_of_an_embedded_server(setenv: SetEnv) -> None:
    """DATABASE_URL in production wins over `embedded` in a developer's file."""
    write('[database]\nembedded = "data"\n')
    setenv({"DATABASE_URL": "postgresql://db/app"})

    assert AppConfig.load().database.embedded is None


def test_embedded_server_takes_the_place_of_a_url(setenv: SetEnv) -> None:
    """`embedded` from a higher source wins over a URL from a lower one."""
    setenv({"DATABASE_URL": "postgresql://db/app", "STOREHAUS_DATABASE__EMBEDDED": "data"})

    database = AppConfig.load().database

    assert (database.embedded, database.url, database.host) == (Path("data"), None, "localhost")


def test_host_takes_the_place_of_an_embedded_server(setenv: SetEnv) -> None:
    """A host from a higher source wins over `embedded` from a lower one."""
    write('[database]\nembedded = "data"\n')
    setenv({"STOREHAUS_DATABASE__HOST": "db"})

    assert AppConfig.load().database.embedded is None


def test_section_as_json_is_read(setenv: SetEnv) -> None:
    """pydantic-settings takes a whole section as JSON; single variables win over it."""
    setenv(
        {
            "STOREHAUS_DATABASE": '{"port": 8888, "host": "json"}',
            "STOREHAUS_DATABASE__HOST": "single",
        }
    )

    database = AppConfig.load().database

    assert (database.host, database.port) == ("single", 8888)


def test_variables_are_converted(setenv: SetEnv) -> None:
    """Variables are text; numbers, truth values, paths and modes are read from it."""
    setenv(
        {
            "STOREHAUS_DATABASE__PREPARED_STATEMENTS": "false",
            "STOREHAUS_DATABASE__IDLE_TIMEOUT_SECONDS": "1.5",
            "STOREHAUS_DATABASE__SSL": "require",
            "STOREHAUS_SIGNAL__MAX_CALLBACKS": "7",
        }
    )

    config = AppConfig.load()

    assert config.database.prepared_statements is False
    assert (config.database.idle_timeout_seconds, config.database.ssl) == (1.5, "require")
    assert config.signal.max_callbacks == 7


def test_ssl_as_a_variable_may_be_a_truth_value(setenv: SetEnv) -> None:
    """`true` in a variable is not taken for a mode."""
    setenv({"STOREHAUS_DATABASE__SSL": "true"})

    assert AppConfig.load().database.ssl is True


def test_empty_variable_is_not_a_setting(setenv: SetEnv) -> None:
    """A variable set to nothing, as compose files do, leaves the value below it."""
    write(FILE)
    setenv({"STOREHAUS_DATABASE__PORT": "", "DATABASE_URL": "", "STOREHAUS_CONFIG": ""})

    assert AppConfig.load().database.port == 1111


def test_variables_of_other_programs_are_left_alone(setenv: SetEnv) -> None:
    """Neither the environment nor .env has to be ours alone."""
    write("OTHER=1\nSTOREHAUS_THEIRS=1\nDATABASE_NAME=x\n", ".env")
    setenv({"STOREHAUS_TEST_DATABASE_URL": "x", "STOREHAUS_DATABASE_NOTES": "x"})
    write(FILE)

    assert AppConfig.load().database.port == 1111


def test_byte_order_mark_is_not_part_of_the_file() -> None:
    """Files from Windows editors are read."""
    Path("storehaus.toml").write_bytes(b"\xef\xbb\xbf[database]\r\nport = 1\r\n")

    assert AppConfig.load().database.port == 1


def test_settings_load_neither_driver_nor_sqlalchemy() -> None:
    """Configuration stands at the bottom: importing it brings no part of the data layer."""
    heavy = "asyncpg", "sqlalchemy", "alembic", "redis", "rich", "typer"
    code = f"import sys, storehaus.config; print([m for m in {heavy} if m in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"

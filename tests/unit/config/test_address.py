"""Naming the server, and what the driver is told about it."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storehaus.config import CacheConfig, DatabaseConfig
from storehaus.errors import ConfigurationError

Refuse = Callable[..., ConfigurationError]

AUTHORITY = Path(ssl.get_default_verify_paths().cafile or "")


def arguments(**settings: Any) -> dict[str, Any]:
    """What the driver is told."""
    return DatabaseConfig(**settings).connect_arguments()


def test_defaults_of_the_driver_arguments() -> None:
    """Without settings it is the local server, with user and password left to the driver."""
    assert arguments() == {
        "host": "localhost",
        "port": 5432,
        "user": None,
        "password": None,
        "database": "postgres",
        "ssl": None,
        "server_settings": {"application_name": "storehaus"},
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h", {"host": "h", "port": 5432, "user": None, "password": None}),
        ("postgres://h", {"host": "h"}),
        ("postgresql+asyncpg://h", {"host": "h"}),
        ("postgresql://h/d", {"host": "h", "database": "d"}),
        ("postgresql://u@h", {"user": "u", "database": "u", "password": None}),
        ("postgresql://u:p@h:1/d", {"user": "u", "password": "p", "port": 1, "database": "d"}),
        ("postgresql://u%40x:p%3A%2F%3F%23%40%25@h", {"user": "u@x", "password": "p:/?#@%"}),
        ("postgresql://u:a+b@h", {"password": "a+b"}),
        ("postgresql://u:p%C3%A4@h/d%20b", {"password": "pä", "database": "d b"}),
        ("postgresql://u:p:q@h", {"password": "p:q"}),
        ("postgresql://:p@h", {"user": None, "password": "p"}),
        ("postgresql://[::1]:1/d", {"host": "::1", "port": 1}),
        ("postgresql://[fe80::1]/d", {"host": "fe80::1"}),
        ("postgresql://127.0.0.1/d", {"host": "127.0.0.1"}),
        ("postgresql:///d?host=/run/postgresql", {"host": "/run/postgresql", "database": "d"}),
        ("postgresql:///d?host=/run/postgresql&port=1", {"port": 1}),
        ("postgresql://%2FRun%2FPostgreSQL/d", {"host": "/Run/PostgreSQL", "database": "d"}),
        ("postgresql:///?user=u&password=a%26b+c&dbname=d", {"user": "u", "password": "a&b+c"}),
        ("postgresql://h/d?sslmode=verify-full", {"ssl": "verify-full"}),
        ("postgresql://h?application_name=x", {"server_settings": {"application_name": "x"}}),
        ("postgresql:///d", {"host": "localhost", "database": "d"}),
        ("POSTGRESQL://h/d", {"host": "h"}),
    ],
)
def test_url_is_taken_apart(url: str, expected: dict[str, Any]) -> None:
    """Each part of a URL arrives decoded where the driver expects it."""
    found = arguments(url=url)

    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "must be a URL"),
        ("localhost/db", "must be a URL"),
        ("postgresql:/x", "must be a URL"),
        ("mysql://h/d", "must begin with one of postgresql://"),
        ("http://h/d", "must begin with one of postgresql://"),
        ("postgresql+psycopg://h/d", "must begin with one of postgresql://"),
        ("postgresql://h:x/d", "invalid port"),
        ("postgresql://h:99999/d", "invalid port"),
        ("postgresql://[::1/d", "well-formed"),
        ("postgresql://h1,h2/d", "one host"),
        ("postgresql://u:p w@h/d", "blanks"),
        ("postgresql://u:p\n@h/d", "blanks"),
        ("postgresql://u:1/x@h/d", "percent-encoded"),
        ("postgresql://u:1?x@h/d", "percent-encoded"),
        ("postgresql://u:1#x@h/d", "percent-encoded"),
        ("postgresql://u:%ff@h/d", "UTF-8"),
        ("postgresql://h/d?channel_binding=require", "not supported"),
        ("postgresql://h/d?port=x", "number for its port"),
        ("postgresql://h/d?port=٣", "number for its port"),
    ],
)
def test_malformed_url_is_refused(url: str, rule: str, refuse: Refuse) -> None:
    """A URL that says nothing, or not what its author meant, is refused by rule."""
    error = refuse(DatabaseConfig, url=url)

    assert error.key == "database.url"
    assert rule in error.rule


def test_part_beside_the_url_wins() -> None:
    """A part that is given beside a URL replaces the URL's."""
    found = arguments(url="postgresql://u:p@h/d", password="q", port=1)

    assert (found["host"], found["port"], found["password"]) == ("h", 1, "q")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"database": "d", "username": "u"}, "d"),
        ({"username": "u"}, "u"),
        ({}, "postgres"),
    ],
)
def test_database_defaults_to_the_user(settings: dict[str, str], name: str) -> None:
    """A missing database is the user's, as everywhere in PostgreSQL, and `postgres` without one."""
    assert arguments(**settings)["database"] == name


@pytest.mark.parametrize(("seconds", "milliseconds"), [(5, "5000"), (0.001, "1"), (0.0015, "2")])
def test_statement_timeout_is_sent_in_milliseconds(seconds: float, milliseconds: str) -> None:
    """A fraction is rounded up, since 0 would mean no limit."""
    settings = arguments(statement_timeout_seconds=seconds)["server_settings"]

    assert settings["statement_timeout"] == milliseconds


def test_pgbouncer_is_asked_for_no_timeout() -> None:
    """It refuses who asks for a setting that it does not follow; the name it does."""
    settings = arguments(statement_timeout_seconds=5, prepared_statements=False)["server_settings"]

    assert settings == {"application_name": "storehaus"}


@pytest.mark.parametrize("mode", [True, False, "disable", "prefer", "require", "verify-full", None])
def test_ssl_reaches_the_driver(mode: Any) -> None:
    """Truth values and modes are passed on."""
    assert arguments(ssl=mode)["ssl"] == mode


def test_ssl_context_reaches_the_driver() -> None:
    """A context made by the application is passed on as it is."""
    context = ssl.create_default_context()

    assert arguments(ssl=context)["ssl"] is context


def test_ssl_context_is_named_in_json() -> None:
    """A context has no other form in JSON than its name."""
    config = DatabaseConfig(ssl=ssl.create_default_context())

    assert config.model_dump(mode="json")["ssl"] == "SSLContext"


def test_unix_socket_is_never_encrypted() -> None:
    """As with libpq, the mode does not count on a Unix socket."""
    assert arguments(host="/run/postgresql", ssl="verify-full")["ssl"] is False


@pytest.mark.skipif(not AUTHORITY.is_file(), reason="the system has no file of authorities")
@pytest.mark.parametrize(
    ("mode", "checks_name"), [("verify-ca", False), ("verify-full", True), (True, True)]
)
def test_root_certificate_makes_a_context(mode: Any, checks_name: bool) -> None:
    """Own authorities are trusted, and the host's name is checked where the mode says so."""
    context = arguments(ssl=mode, ssl_root_certificate=AUTHORITY)["ssl"]

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is checks_name


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_root_certificate_must_be_one(content: str | None, refuse: Refuse) -> None:
    """A missing or broken file is named when it is needed."""
    if content is not None:
        Path("root.pem").write_text(content)
    config = DatabaseConfig(ssl="verify-full", ssl_root_certificate="root.pem")

    error = refuse(config.connect_arguments)

    assert error.key == "database.ssl_root_certificate"


def test_embedded_server_has_no_address(refuse: Refuse) -> None:
    """Nobody connects to localhost by mistake before the embedded server runs."""
    config = DatabaseConfig(embedded="data")

    assert refuse(config.connect_arguments).key == "database.embedded"


def test_running_embedded_server_has_one() -> None:
    """`at` gives the same settings for the address at which it runs."""
    config = DatabaseConfig(embedded="data", max_connections=3)

    there = config.at("postgresql:///postgres?host=/run/pg&user=me")

    assert (there.embedded, there.max_connections) == (None, 3)
    assert there.connect_arguments()["host"] == "/run/pg"


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://:p@h:6379/0", "rediss://h/1", "unix:///run/redis.sock"]
)
def test_redis_url_is_accepted(url: str) -> None:
    """Plain, encrypted and local connections are understood."""
    config = CacheConfig(redis_url=url)

    assert config.redis_url is not None
    assert config.redis_url.get_secret_value() == url


@pytest.mark.parametrize("url", ["", "h:6379", "redis://", "unix://", "redis://h:x", "http://h"])
def test_malformed_redis_url_is_refused(url: str, refuse: Refuse) -> None:
    """A URL that no client could use is refused."""
    assert refuse(CacheConfig, redis_url=url).key == "cache.redis_url"

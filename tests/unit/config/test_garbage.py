"""Whatever is written into files and variables, the only error is ours."""

import os
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

from hypothesis import example, given
from hypothesis import strategies as st

from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig
from storehaus.errors import ConfigurationError

SECTIONS = {"database": DatabaseConfig, "cache": CacheConfig, "signal": SignalConfig}

sections = st.sampled_from(sorted(SECTIONS))
keys = st.sampled_from(sorted({key for one in SECTIONS.values() for key in one.model_fields}))
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
variables = st.one_of(
    st.text(characters, max_size=30),
    st.sampled_from(["1", "0", "-1", "1e999", "true", "null", "[]", "{}", "nan", "9" * 5000]),
    st.builds("postgresql://{}".format, st.text(characters, max_size=20)),
    st.builds("redis://{}".format, st.text(characters, max_size=20)),
)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def load(**arguments: Any) -> ConfigurationError | None:
    """Load, and give the refusal if it is ours; any other error is the test's failure."""
    try:
        AppConfig.load(**arguments)
    except ConfigurationError as error:
        return error
    return None


def explains_itself(error: ConfigurationError | None) -> bool:
    """Whether a refusal, if there is one, says what would have been right."""
    return error is None or bool(error.message and error.rule)


@given(st.binary(max_size=200))
@example(b"\xff\xfe[database]")
@example(b"[database]\nport = 0b")
@example(b"x = 99999-99-99")
def test_random_bytes_as_a_file(content: bytes) -> None:
    """A file of any bytes is read or refused."""
    Path("storehaus.toml").write_bytes(content)

    assert explains_itself(load())


@given(st.binary(max_size=200))
def test_random_bytes_as_dotenv(content: bytes) -> None:
    """A .env of any bytes is read or refused."""
    Path(".env").write_bytes(b"STOREHAUS_DATABASE__HOST=x\n" + content)

    assert explains_itself(load())


@given(
    sections,
    keys,
    st.sampled_from(
        [
            "1979-05-27T07:32:00Z",
            "07:32:00",
            "-0.0",
            "9" * 400,
            "0x" + "f" * 400,
            "1e308",
            "nan",
            "[[]]",
            "{ a = { b = 1 } }",
            "true",
            '"\\u0000"',
            '""',
        ]
    ),
)
def test_any_toml_value_for_any_key(section: str, key: str, value: str) -> None:
    """Each kind of TOML value is taken or refused by each key."""
    Path("storehaus.toml").write_text(f"[{section}]\n{key} = {value}\n")

    assert explains_itself(load())


@given(
    st.dictionaries(
        st.one_of(
            st.builds("STOREHAUS_{}__{}".format, sections, keys),
            st.builds("STOREHAUS_{}".format, sections),
            st.sampled_from(["DATABASE_URL", "REDIS_URL", "STOREHAUS_CONFIG"]),
        ),
        variables,
        max_size=4,
    )
)
def test_random_variables(environment: dict[str, str]) -> None:
    """Variables of any content are taken or refused."""
    with mock.patch.dict(os.environ, environment):
        assert explains_itself(load())


@given(sections, st.dictionaries(keys | st.text(), anything, max_size=4))
def test_random_arguments(section: str, values: dict[str, Any]) -> None:
    """Arguments of any type are taken or refused."""
    assert explains_itself(load(**{section: values}))


@given(keys, st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=8).map("s3cr3t".join))
def test_error_never_quotes_a_value(key: str, secret: str) -> None:
    """Whatever key a secret is put under by mistake, the error does not repeat it."""
    error = load(database={key: secret})

    assert secret not in str(error)
    assert error is None or secret not in repr(error.context)


hosts = st.from_regex(r"[a-z]{1,10}", fullmatch=True)
plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(plain, hosts)
def test_every_password_survives_a_url(password: str, host: str) -> None:
    """A percent-encoded password arrives as it was."""
    config = DatabaseConfig(url=f"postgresql://u:{quote(password, safe='')}@{host}/d")

    found = config.connect_arguments()
    assert (found["password"], found["host"]) == (password, host)

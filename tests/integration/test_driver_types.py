"""Values to PostgreSQL and back: by parameter, in arrays, by COPY."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Network
from typing import Any
from uuid import UUID

import pytest

from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver

pytestmark = pytest.mark.anyio

VALUES: list[tuple[str, Any]] = [
    ("smallint", -(2**15)),
    ("bigint", 2**63 - 1),
    ("float8", 0.1),
    ("boolean", True),
    ("numeric", Decimal("12345678901234567890.0123456789")),
    ("text", "naïve 🦊 'quoted' \\ %s $1"),
    ("bytea", b"\x00\xff"),
    ("uuid", UUID("0190163d-8694-739b-aea5-966c26f8ad91")),
    ("timestamptz", datetime(9999, 12, 31, 23, 59, 59, 999998, tzinfo=UTC)),
    ("date", date(1, 1, 2)),
    ("time", time(23, 59, 59, 999999)),
    ("interval", timedelta(days=3, microseconds=1)),
    ("inet", IPv4Address("192.0.2.1")),
    ("cidr", IPv6Network("2001:db8::/32")),
    ("jsonb", b'{"a": [1, null, "x"]}'),
    ("json", b'{ "b":1,"a":2 }'),
    ("mood", "so-so"),
]

NAMES = [name for name, _ in VALUES]


@pytest.fixture
async def driver(postgres_url: str) -> AsyncIterator[AsyncpgDriver]:
    """A driver on a database with an enum."""
    made = AsyncpgDriver({"dsn": postgres_url}, max_connections=1)
    await made.open()
    await made.fetch("CREATE TYPE mood AS ENUM ('sad', 'so-so', 'O''K \"quoted\", {braced}')")
    yield made
    await made.close(grace_seconds=0.0)


@pytest.mark.parametrize(("name", "value"), VALUES, ids=NAMES)
async def test_value_comes_back_as_it_went(driver: Driver, name: str, value: Any) -> None:
    """A parameter of each type returns equal, and of the type that was sent."""
    ((got,),) = await driver.fetch(f"SELECT $1::{name}", (value,))

    assert got == value
    assert isinstance(got, type(value))


@pytest.mark.parametrize(("name", "value"), VALUES, ids=NAMES)
async def test_array_comes_back_as_it_went(driver: Driver, name: str, value: Any) -> None:
    """Arrays of each type return equal, NULL elements included."""
    ((got,),) = await driver.fetch(f"SELECT $1::{name}[]", ([value, None, value],))

    assert got == [value, None, value]


@pytest.mark.parametrize(("name", "value"), VALUES, ids=NAMES)
async def test_copied_value_comes_back_as_it_went(driver: Driver, name: str, value: Any) -> None:
    """COPY takes each type, alone and in arrays, and NULL."""
    await driver.fetch(f"CREATE TABLE t (a {name}, b {name}[])")
    async with driver.acquire() as connection:
        await connection.copy_in("t", ["a", "b"], [(value, [value, None]), (None, [])])
    rows = await driver.fetch("SELECT a, b FROM t")

    assert [tuple(row) for row in rows] == [(value, [value, None]), (None, [])]


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("date", date.min, "-infinity"),
        ("date", date.max, "infinity"),
        ("timestamptz", datetime.min.replace(tzinfo=UTC), "-infinity"),
        ("timestamptz", datetime.max.replace(tzinfo=UTC), "infinity"),
    ],
)
async def test_extremes_of_python_are_infinite(
    driver: Driver, name: str, value: Any, stored: str
) -> None:
    """The first and last date and moment of Python stand for PostgreSQL's infinities."""
    ((text,),) = await driver.fetch(f"SELECT $1::{name}::text", (value,))

    assert text == stored


async def test_null_is_none(driver: Driver) -> None:
    """NULL of an encoded type is None, not empty bytes."""
    assert [
        tuple(row) for row in await driver.fetch("SELECT $1::jsonb, $2::mood", (None, None))
    ] == [(None, None)]


async def test_enum_label_that_needs_quoting_comes_back(driver: Driver) -> None:
    """In arrays enums travel as text, where quotes, commas and braces mean something."""
    label = 'O\'K "quoted", {braced}'
    ((got,),) = await driver.fetch("SELECT $1::mood[]", ([label],))

    assert got == [label]


async def test_jsonb_of_any_buffer_is_taken(driver: Driver) -> None:
    """What an encoder wrote into a bytearray need not be copied first."""
    ((got,),) = await driver.fetch("SELECT $1::jsonb", (bytearray(b"[1]"),))

    assert got == b"[1]"


async def test_domain_over_jsonb_travels_as_jsonb(driver: Driver) -> None:
    """A domain is carried like its base type."""
    await driver.fetch("CREATE DOMAIN document AS jsonb CHECK (jsonb_typeof(value) = 'object')")
    ((got,),) = await driver.fetch("SELECT $1::document", (b"{}",))

    assert got == b"{}"

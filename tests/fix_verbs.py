"""Models for the verbs that take queries: every type, every kind of key, in a schema of their own.

They stand beside those of `fix_haus.py`, in the same database.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import msgspec
import pytest

from fix_haus import config_of, driver_of
from storehaus import (
    Field,
    Index,
    Many,
    Model,
    Numeric,
    One,
    SmallInt,
    StoreHaus,
    Unique,
    field,
    related,
    uuid7,
)
from storehaus.migrations import migrate
from storehaus.testing import CountingDriver


class Shade(StrEnum):
    """An enum whose labels are its values."""

    RED = "red"
    BLUE = "it's blue"


class Rank(Enum):
    """An enum whose labels are its names."""

    LOW = 1
    HIGH = 2


class Spot(msgspec.Struct):
    """A struct within JSONB."""

    x: int
    label: str = ""


class Every(Model, table="every", schema="verbs", soft_delete=True):
    """A column of every type, NULL where nothing is said."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str] = field(default="")
    number: Field[int | None] = field(default=None)
    small: Field[Annotated[int, SmallInt] | None] = field(default=None)
    flag: Field[bool | None] = field(default=None)
    ratio: Field[float | None] = field(default=None)
    amount: Field[Decimal | None] = field(default=None)
    price: Field[Annotated[Decimal, Numeric(12, 2)] | None] = field(default=None)
    day: Field[date | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    clock: Field[time | None] = field(default=None)
    span: Field[timedelta | None] = field(default=None)
    blob: Field[bytes | None] = field(default=None)
    owner: Field[UUID | None] = field(default=None)
    shade: Field[Shade | None] = field(default=None)
    rank: Field[Rank | None] = field(default=None)
    word: Field[Literal["a", "b"] | None] = field(default=None)
    four: Field[IPv4Address | None] = field(default=None)
    six: Field[IPv6Address | None] = field(default=None)
    net: Field[IPv4Network | None] = field(default=None)
    words: Field[list[str] | None] = field(default=None)
    days: Field[list[date] | None] = field(default=None)
    shades: Field[list[Shade] | None] = field(default=None)
    doc: Field[dict[str, object] | None] = field(default=None)
    spot: Field[Spot | None] = field(default=None)


class Copy(Model, table="copies", schema="verbs", soft_delete=True):
    """Made of other rows: a key that needs a value, defaults of each kind, a version."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    title: Field[str] = field(column="headline", max_length=20)
    kind: Field[str] = field(default="copy")
    parts: Field[list[str]] = field(default_factory=list)
    state: Field[str] = field(server_default="'new'")
    note: Field[str | None] = field(default=None)
    total: Field[Annotated[Decimal, Numeric(12, 2)] | None] = field(default=None)
    shade: Field[Shade | None] = field(default=None)
    words: Field[list[str] | None] = field(default=None)
    shades: Field[list[Shade] | None] = field(default=None)
    doc: Field[dict[str, object] | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    checked: Field[int | None] = field(create=False, default=None)
    version: Field[int] = field(version=True)


class Tally(Model, table="tallies", schema="verbs"):
    """What a GROUP BY gives, under a text as key."""

    country: Field[str] = field(primary_key=True)
    cities: Field[int]
    people: Field[int]
    largest: Field[str | None] = field(default=None)


class Country(Model, table="countries", schema="verbs", soft_delete=True):
    """Referred to by cities."""

    code: Field[str] = field(primary_key=True)
    name: Field[str]


class City(Model, table="cities", schema="verbs", soft_delete=True, indexes=(Index("country"),)):
    """Rows to be gathered."""

    id: Field[int] = field(primary_key=True)
    country: Field[str]
    name: Field[str]
    people: Field[int] = field(default=0)


class Reading(Model, table="readings", schema="verbs", soft_delete=True):
    """Seen again and again, of which the newest counts."""

    id: Field[int] = field(primary_key=True)
    value: Field[int] = field(default=0)
    seen_at: Field[int] = field(default=0)
    hits: Field[int] = field(default=1)
    text: Field[str] = field(default="")
    version: Field[int] = field(version=True)


class Station(
    Model, table="stations", schema="verbs", indexes=(Unique("shade", "at"), Unique("serial"))
):
    """Keys that travel in a form of their own: enums, moments, numbers, and NULLs."""

    id: Field[int] = field(primary_key=True)
    shade: Field[Shade] = field(default=Shade.RED)
    at: Field[datetime | None] = field(default=None)
    serial: Field[Annotated[Decimal, Numeric(12, 2)] | None] = field(default=None)
    words: Field[list[str] | None] = field(default=None, unique=True)
    state: Field[str] = field(server_default="'new'")
    level: Field[int] = field(default=0)


class Pair(Model, table="pairs", schema="verbs"):
    """A composite key of an enum and a moment."""

    shade: Field[Shade] = field(primary_key=True)
    at: Field[datetime] = field(primary_key=True)
    level: Field[int] = field(default=0)


class Owner(Model, table="owners", schema="verbs"):
    """Has pets."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    pets: Many["Pet"] = related(lambda: Pet.owner_id)


class Pet(Model, table="pets", schema="verbs"):
    """Has an owner."""

    id: Field[int] = field(primary_key=True)
    owner_id: Field[int] = field(references=Owner.id)
    owner: One[Owner] = related(owner_id)


VERBS: tuple[type[Model], ...] = (
    Every,
    Copy,
    Tally,
    Country,
    City,
    Reading,
    Station,
    Pair,
    Owner,
    Pet,
)


def city(number: int, **values: Any) -> City:
    """A city that differs from those of other numbers."""
    usual: dict[str, Any] = {
        "id": number,
        "country": ("DE", "FR", "CH")[number % 3],
        "name": f"c{number}",
        "people": number * 10,
    }
    return City(**usual | values)


@pytest.fixture(scope="session")
def verbs_url(tables_url: str) -> str:
    """URL of the shared database, which has the tables of `VERBS` too."""
    asyncio.run(migrate({"dsn": tables_url}, VERBS))
    return tables_url


@pytest.fixture
async def empty_verbs(verbs_url: str) -> None:
    """Empties the tables of `VERBS`."""
    connection = await asyncpg.connect(verbs_url)
    try:
        names = [model.__table_info__.name for model in reversed(VERBS)]
        await connection.execute(";".join(f'DELETE FROM verbs."{name}"' for name in names))
    finally:
        await connection.close()


@pytest.fixture
async def verbs(verbs_url: str, empty_verbs: None) -> AsyncIterator[StoreHaus]:
    """An open haus on the empty tables of `VERBS`."""
    async with StoreHaus(config_of(verbs_url)) as opened:
        yield opened


@pytest.fixture
async def verbs_driver(verbs_url: str, empty_verbs: None) -> AsyncIterator[CountingDriver]:
    """An open driver on the same tables that counts what goes through it."""
    counting = CountingDriver(driver_of(verbs_url))
    await counting.open()
    try:
        yield counting
    finally:
        await counting.close()

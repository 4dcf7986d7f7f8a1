"""An open haus on tables of every kind, emptied before each test.

Creating a database costs a third of a second, emptying the tables of one a few milliseconds. Tests
that alter tables take `postgres_url` instead, which gives them a database of their own.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from importlib import import_module
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from fix_cascade import MODELS as CASCADING
from storehaus import (
    AppConfig,
    Check,
    DatabaseConfig,
    Field,
    Index,
    Model,
    Numeric,
    Outcome,
    Plugin,
    StoreHaus,
    Unique,
    field,
    uuid7,
)
from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.migrations import migrate
from storehaus.testing import CountingDriver

RawConnection = asyncpg.Connection


class Airport(
    Model,
    table="airports",
    soft_delete=True,
    indexes=(Index("country", "city"), Unique("iata", where="iata <> ''")),
):
    """The model of the contract: soft delete, partial unique indexes, arrays, JSONB."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    icao: Field[str] = field(unique=True, update=False)
    iata: Field[str] = field(default="")
    name: Field[str] = field(index=True, max_length=200)
    country: Field[str]
    city: Field[str | None] = field(default=None)
    elevation: Field[float]
    lat: Field[float] = field(ge=-90, le=90)
    lon: Field[float] = field(ge=-180, le=180)
    runways: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)
    checked_at: Field[datetime | None] = field(create=False, default=None)


class Wallet(Model, table="wallets", indexes=(Check("balance < 1000000", name="wallets_rich"),)):
    """An optimistic lock, and rows that are deleted for good."""

    id: Field[int] = field(primary_key=True)
    owner: Field[str] = field(unique=True)
    balance: Field[Annotated[Decimal, Numeric(12, 2)]] = field(default=Decimal(0))
    note: Field[str | None] = field(default=None)
    version: Field[int] = field(version=True)


class Draft(Model, table="drafts", soft_delete=True):
    """An optimistic lock on rows that are only marked when deleted."""

    id: Field[int] = field(primary_key=True)
    text: Field[str]
    version: Field[int] = field(version=True)


class Ticket(Model, table="tickets"):
    """A key that the server counts up, and values that it makes where they are left out."""

    id: Field[int] = field(primary_key=True, generated="identity")
    title: Field[str]
    state: Field[str] = field(server_default="'open'")
    weight: Field[int] = field(server_default="7")


class Parcel(Model, table="parcels"):
    """Values that the server makes where they are left out, under a key that callers give."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    state: Field[str] = field(server_default="'open'")
    weight: Field[int] = field(server_default="7")


class Turn(Model, table="turns"):
    """Nothing that a caller gives."""

    id: Field[int] = field(primary_key=True, generated="identity")


class Seat(Model, table="seats", soft_delete=True):
    """A composite key."""

    hall: Field[str] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    guest: Field[str | None] = field(default=None)


class LogLine(Model, table="log_lines"):
    """No key at all."""

    level: Field[str]
    text: Field[str]


class Article(Model, table="articles"):
    """A flag of its own for active rows, and a field of its own called `tags`."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    slug: Field[str] = field(unique=True)
    tags: Field[list[str]] = field(default_factory=list)
    visible: Field[bool] = field(soft_delete=True)


class Account(Model, table="accounts"):
    """Fields that callers may not write, each in its own way."""

    id: Field[int] = field(primary_key=True)
    email: Field[str] = field(update=False)
    last_login: Field[datetime | None] = field(create=False, default=None)
    credit: Field[int] = field(readonly=True, default=5)
    token: Field[UUID] = field(readonly=True, default_factory=uuid7)


class Keyword(Model, table="order"):
    """Names that are words of SQL, and columns that are called otherwise than their fields."""

    select: Field[int] = field(primary_key=True)
    where: Field[str] = field(unique=True)
    group: Field[str | None] = field(column="from", default=None)
    camel: Field[int] = field(column="camelCase", default=0)


class Mood(StrEnum):
    """An enum whose labels are its values, in another order than the alphabet's."""

    SAD = "sad"
    FINE = "fine"
    GREAT = "it's great"


class Level(Enum):
    """An enum whose labels are its names."""

    LOW = 1
    HIGH = 2


class Point(msgspec.Struct):
    """A struct within JSONB."""

    x: int
    label: str = ""


class Gadget(Model, table="gadgets", schema="warehouse"):
    """Another schema; an enum, arrays and JSONB, nullable and not."""

    id: Field[int] = field(primary_key=True)
    code: Field[str] = field(unique=True)
    mood: Field[Mood]
    level: Field[Level | None] = field(default=None)
    moods: Field[list[Mood]] = field(default_factory=list)
    sizes: Field[list[int] | None] = field(default=None)
    labels: Field[list[str | None]] = field(default_factory=list)
    spot: Field[Point] = field(default_factory=lambda: Point(0))
    spots: Field[list[Point]] = field(default_factory=list)
    extra: Field[dict[str, object] | None] = field(default=None)


class Author(Model, table="authors"):
    """Referenced by books."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Book(Model, table="books"):
    """A foreign key, and a rating that has bounds."""

    id: Field[int] = field(primary_key=True)
    author_id: Field[int] = field(references=Author.id)
    title: Field[str] = field(unique=True)
    rating: Field[int | None] = field(default=None, ge=0, le=5)


class Label(Model, table="labels"):
    """A text as key."""

    key: Field[str] = field(primary_key=True)
    value: Field[str]
    hits: Field[int] = field(default=0)


MODELS: tuple[type[Model], ...] = (
    Airport,
    Wallet,
    Draft,
    Ticket,
    Parcel,
    Turn,
    Seat,
    LogLine,
    Article,
    Account,
    Keyword,
    Gadget,
    Author,
    Book,
    Label,
    *CASCADING,
)


def airport(number: int, **values: Any) -> Airport:
    """An airport that differs from those of other numbers."""
    usual: dict[str, Any] = {
        "icao": f"X{number:05}",
        "name": f"Field {number}",
        "country": "DE",
        "elevation": float(number),
        "lat": 1.0,
        "lon": 2.0,
    }
    return Airport(**usual | values)


class Recorder(Plugin):
    """Writes down what a plug-in is shown.

    Attributes:
        events: Pairs of stage and change or outcome, in order.
    """

    def __init__(self, *, in_transaction: bool = False, needs_rows: bool = False) -> None:
        self.in_transaction = in_transaction
        self.needs_rows = needs_rows
        self.events: list[tuple[str, Any]] = []

    @property
    def stages(self) -> list[str]:
        """The stages seen so far."""
        return [stage for stage, _ in self.events]

    @property
    def outcomes(self) -> list[Outcome[Any]]:
        """What was committed so far."""
        return [seen for stage, seen in self.events if stage == "after_commit"]

    async def before(self, change: Any) -> None:
        """Write it down."""
        self.events.append(("before", change))

    async def after(self, outcome: Any, connection: Any) -> None:
        """Write it down."""
        self.events.append(("after", outcome))

    async def after_commit(self, outcome: Any) -> None:
        """Write it down."""
        self.events.append(("after_commit", outcome))


def config_of(url: str, **settings: Any) -> AppConfig:
    """Settings for the server of the tests."""
    return AppConfig(database=DatabaseConfig(url=url, **settings))


def driver_of(url: str, **settings: Any) -> AsyncpgDriver:
    """A driver for the server of the tests."""
    return AsyncpgDriver(config_of(url).database.connect_arguments(), **settings)


@asynccontextmanager
async def counted_haus(
    url: str, *plugins: Plugin, **settings: Any
) -> AsyncIterator[tuple[StoreHaus, CountingDriver]]:
    """An open haus and its driver, which counts from here on."""
    counting = CountingDriver(driver_of(url, **settings))
    haus = StoreHaus(config_of(url), plugins=plugins, driver_factory=lambda _: counting)
    async with haus:
        counting.reset()
        yield haus, counting


@pytest.fixture(scope="session")
def tables_url(server_url: str) -> Iterator[str]:
    """URL of a database with the tables of `MODELS`, which all tests of this process share."""
    name = f"storehaus_tables_{uuid4().hex}"
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))

    async def run(on: str, *statements: str) -> None:
        connection = await asyncpg.connect(on)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def create() -> None:
        await run(server_url, f'CREATE DATABASE "{name}"')
        await migrate({"dsn": url}, MODELS)

    asyncio.run(create())
    try:
        yield url
    finally:
        asyncio.run(run(server_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def witness(tables_url: str) -> AsyncIterator["RawConnection[asyncpg.Record]"]:
    """A raw connection to the shared tables, which it empties first."""
    connection = await asyncpg.connect(tables_url)
    names = [model.__table_info__ for model in reversed(MODELS)]
    await connection.execute(
        ";".join(f'DELETE FROM "{info.schema or "public"}"."{info.name}"' for info in names)
    )
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Loads in chunks of 1,000 rows, so that a few thousand are several."""
    # By its module, since the package gives the function of this name.
    monkeypatch.setattr(import_module("storehaus.store.load"), "_CHUNK_ROWS", 1_000)
    return 1_000


@pytest.fixture
async def haus(
    tables_url: str, witness: "RawConnection[asyncpg.Record]"
) -> AsyncIterator[StoreHaus]:
    """An open haus on empty tables."""
    async with StoreHaus(config_of(tables_url)) as opened:
        yield opened


@pytest.fixture
async def driver(
    tables_url: str, witness: "RawConnection[asyncpg.Record]"
) -> AsyncIterator[CountingDriver]:
    """An open driver on empty tables that counts what goes through it."""
    inner: Driver = driver_of(tables_url)
    counting = CountingDriver(inner)
    await counting.open()
    try:
        yield counting
    finally:
        await counting.close()

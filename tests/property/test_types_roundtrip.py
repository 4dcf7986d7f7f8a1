"""Every type comes back from PostgreSQL as it went in, through every door; or it never goes in."""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import ValidationError
from storehaus.migrations import schema_statements
from storehaus.model import Field, Integer, Model, Numeric, SmallInt, field, uuid7
from storehaus.store import GenericStore
from storehaus.store.database import Database


class Mood(StrEnum):
    """Labels are the values."""

    GOOD = "good"
    SO_SO = "so 'so'"
    BAD = 'b"a\\d'


class Level(IntEnum):
    """Labels are the names."""

    LOW = 1
    HIGH = 20


class Shade(Enum):
    """Values of several types: labels are the names."""

    DARK = ("dark", 0)
    LIGHT = None


class Point(msgspec.Struct):
    """A struct in jsonb."""

    x: int
    y: float
    at: datetime | None = None


class Cat(msgspec.Struct, tag=True):
    """One of a union."""

    lives: int


class Dog(msgspec.Struct, tag=True):
    """The other one."""

    name: str


@dataclass
class Address:
    """A dataclass in jsonb."""

    street: str
    lines: list[str] = dataclass_field(default_factory=list)
    mood: Mood = Mood.GOOD


class Scalars(Model, table="scalars"):
    """Every scalar type."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    a_str: Field[str]
    an_int: Field[int]
    a_small: Field[Annotated[int, SmallInt]]
    an_integer: Field[Annotated[int, Integer]]
    a_float: Field[float]
    a_bool: Field[bool]
    a_decimal: Field[Decimal]
    an_amount: Field[Annotated[Decimal, Numeric(12, 2)]]
    some_bytes: Field[bytes]
    a_datetime: Field[datetime]
    a_date: Field[date]
    a_time: Field[time]
    a_timedelta: Field[timedelta]
    a_uuid: Field[UUID]
    a_v4: Field[IPv4Address]
    a_v6: Field[IPv6Address]
    a_net4: Field[IPv4Network]
    a_net6: Field[IPv6Network]
    a_mood: Field[Mood]
    a_level: Field[Level]
    a_shade: Field[Shade]
    a_choice: Field[Literal["red", "it's", "%s"]]


class Nullables(Model, table="nullables"):
    """The same, each of them nullable."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    a_str: Field[str | None]
    an_int: Field[int | None]
    a_small: Field[Annotated[int, SmallInt] | None]
    a_float: Field[float | None]
    a_bool: Field[bool | None]
    a_decimal: Field[Decimal | None]
    some_bytes: Field[bytes | None]
    a_datetime: Field[datetime | None]
    a_date: Field[date | None]
    a_time: Field[time | None]
    a_timedelta: Field[timedelta | None]
    a_uuid: Field[UUID | None]
    a_v4: Field[IPv4Address | None]
    a_net6: Field[IPv6Network | None]
    a_mood: Field[Mood | None]
    a_choice: Field[Literal["red", None]]  # noqa: PYI061 - both spellings are types of the contract
    a_struct: Field[Point | None]
    a_list: Field[list[str] | None]
    a_dict: Field[dict[str, object] | None]


class Composites(Model, table="composites"):
    """Arrays and jsonb."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    texts: Field[list[str]]
    texts_or_nulls: Field[list[str | None]]
    ints: Field[list[int]]
    smalls: Field[list[Annotated[int, SmallInt]]]
    floats: Field[list[float]]
    bools: Field[list[bool]]
    decimals: Field[list[Decimal]]
    many_bytes: Field[list[bytes]]
    datetimes: Field[list[datetime]]
    dates: Field[list[date | None]]
    times: Field[list[time]]
    timedeltas: Field[list[timedelta]]
    uuids: Field[list[UUID]]
    addresses: Field[list[IPv6Address]]
    networks: Field[list[IPv4Network]]
    moods: Field[list[Mood]]
    levels_or_nulls: Field[list[Level | None]]
    choices: Field[list[Literal["red", "it's"]]]
    nested: Field[list[list[int]]]
    anything: Field[dict[str, object]]
    plain_dict: Field[dict]  # type: ignore[type-arg]  # a bare dict is a type of the contract
    plain_list: Field[list]  # type: ignore[type-arg]  # and so is a bare list
    by_day: Field[dict[date, int]]
    point: Field[Point]
    points: Field[list[Point]]
    pet: Field[Cat | Dog]
    address: Field[Address]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
bigints = st.integers(-(2**63), 2**63 - 1)
smallints = st.integers(-(2**15), 2**15 - 1)
floats = st.floats()
amounts = st.decimals(Decimal("-9999999999.99"), Decimal("9999999999.99"), places=2)
decimals = st.one_of(
    amounts,
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**200), max_value=10**200),
    st.sampled_from([Decimal("1e131071"), Decimal("1e-16383"), Decimal("-0"), Decimal("1.500")]),
)
datetimes = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(9999, 12, 30),  # noqa: DTZ001 - the same
    timezones=st.timezones(),
) | st.sampled_from(
    [
        datetime.min.replace(tzinfo=UTC, microsecond=1),
        datetime.max.replace(tzinfo=UTC, microsecond=999_998),
        datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=14))),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=-12))),
    ]
)
timedeltas = st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max])
v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)
net4 = st.builds(lambda ip, n: IPv4Network((ip, n), strict=False), v4, st.integers(0, 32))
net6 = st.builds(lambda ip, n: IPv6Network((ip, n), strict=False), v6, st.integers(0, 128))
json_floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | bigints | json_floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, json_values, max_size=3)
json_datetimes = datetimes.map(lambda value: value.astimezone(UTC))
points = st.builds(Point, bigints, json_floats, st.none() | json_datetimes)
addresses = st.builds(Address, texts, st.lists(texts, max_size=2), st.sampled_from(Mood))

scalars = st.builds(
    Scalars,
    a_str=texts,
    an_int=bigints,
    a_small=smallints,
    an_integer=st.integers(-(2**31), 2**31 - 1),
    a_float=floats,
    a_bool=st.booleans(),
    a_decimal=decimals,
    an_amount=amounts,
    some_bytes=st.binary(max_size=20),
    a_datetime=datetimes,
    a_date=st.dates(),
    a_time=st.times(),
    a_timedelta=timedeltas,
    a_uuid=st.uuids(),
    a_v4=v4,
    a_v6=v6,
    a_net4=net4,
    a_net6=net6,
    a_mood=st.sampled_from(Mood),
    a_level=st.sampled_from(Level),
    a_shade=st.sampled_from(Shade),
    a_choice=st.sampled_from(["red", "it's", "%s"]),
)
nullables = st.builds(
    Nullables,
    a_str=st.none() | texts,
    an_int=st.none() | bigints,
    a_small=st.none() | smallints,
    a_float=st.none() | floats,
    a_bool=st.none() | st.booleans(),
    a_decimal=st.none() | decimals,
    some_bytes=st.none() | st.binary(max_size=20),
    a_datetime=st.none() | datetimes,
    a_date=st.none() | st.dates(),
    a_time=st.none() | st.times(),
    a_timedelta=st.none() | timedeltas,
    a_uuid=st.none() | st.uuids(),
    a_v4=st.none() | v4,
    a_net6=st.none() | net6,
    a_mood=st.none() | st.sampled_from(Mood),
    a_choice=st.sampled_from(["red", None]),
    a_struct=st.none() | points,
    a_list=st.none() | st.lists(texts, max_size=3),
    a_dict=st.none() | objects,
)


def _few(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=3)


composites = st.builds(
    Composites,
    texts=_few(texts | st.sampled_from(["", "NULL", "null", "{}", '"', "\\", ",", " "])),
    texts_or_nulls=_few(st.none() | texts | st.just("NULL")),
    ints=_few(bigints),
    smalls=_few(smallints),
    floats=_few(floats),
    bools=_few(st.booleans()),
    decimals=_few(decimals),
    many_bytes=_few(st.binary(max_size=5)),
    datetimes=_few(datetimes),
    dates=_few(st.none() | st.dates()),
    times=_few(st.times()),
    timedeltas=_few(timedeltas),
    uuids=_few(st.uuids()),
    addresses=_few(v6),
    networks=_few(net4),
    moods=_few(st.sampled_from(Mood)),
    levels_or_nulls=_few(st.none() | st.sampled_from(Level)),
    choices=_few(st.sampled_from(["red", "it's"])),
    nested=_few(_few(bigints)),
    anything=objects,
    plain_dict=objects,
    plain_list=_few(json_values),
    by_day=st.dictionaries(st.dates(), bigints, max_size=2),
    point=points,
    points=_few(points),
    pet=st.builds(Cat, bigints) | st.builds(Dog, texts),
    address=addresses,
)

SCALAR = Scalars(
    a_str="",
    an_int=0,
    a_small=0,
    an_integer=0,
    a_float=0.0,
    a_bool=False,
    a_decimal=Decimal(0),
    an_amount=Decimal(0),
    some_bytes=b"",
    a_datetime=datetime(2026, 1, 1, tzinfo=UTC),
    a_date=date(2026, 1, 1),
    a_time=time(0),
    a_timedelta=timedelta(0),
    a_uuid=UUID(int=0),
    a_v4=IPv4Address(0),
    a_v6=IPv6Address(0),
    a_net4=IPv4Network(0),
    a_net6=IPv6Network(0),
    a_mood=Mood.GOOD,
    a_level=Level.LOW,
    a_shade=Shade.DARK,
    a_choice="red",
)
NULLABLE = Nullables(
    **{column.name: None for column in Nullables.__table_info__.columns if column.nullable}
)
COMPOSITE = Composites(
    **{
        column.name: []
        for column in Composites.__table_info__.columns
        if column.type.kind == "array" or column.type.python in {list, list[Point], list[list[int]]}
    },
    anything={},
    plain_dict={},
    by_day={},
    point=Point(0, 0.0),
    pet=Cat(1),
    address=Address(""),
)

Run = Callable[[Coroutine[Any, Any, Any]], Any]
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def stores(server_url: str) -> Iterator[tuple[Run, Database]]:
    """A database with the three tables, and what runs coroutines on its event loop."""
    name = f"roundtrip_{uuid7().hex}"
    with asyncio.Runner() as runner:
        admin = runner.run(asyncpg.connect(server_url))
        runner.run(admin.execute(f"CREATE DATABASE {name}"))
        driver = AsyncpgDriver({"dsn": server_url, "database": name})
        runner.run(driver.open())
        for statement in schema_statements([Scalars, Nullables, Composites]):
            runner.run(_execute(driver, statement))
        yield runner.run, Database(driver)
        runner.run(driver.close())
        runner.run(admin.execute(f"DROP DATABASE {name} WITH (FORCE)"))
        runner.run(admin.close())


async def _execute(driver: AsyncpgDriver, statement: str) -> None:
    async with driver.acquire() as connection:
        await connection.execute(statement)


def same(one: Any, other: Any) -> bool:
    """Equal, of the same type, and NaN equal to NaN."""
    # A subclass: the driver has a UUID of its own.
    if not isinstance(one, type(other)) or isinstance(one, bool) is not isinstance(other, bool):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, datetime):
        # A time that a zone leaves out equals nothing in another zone (PEP 495).
        return one.astimezone(UTC) == other.astimezone(UTC)
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def assert_same(stored: Model, given_: Model) -> None:
    """Compare all fields of two instances but the system fields."""
    for name in given_.__struct_fields__:
        if not name.startswith("__"):
            one, other = getattr(stored, name), getattr(given_, name)
            assert same(one, other), f"{name}: {other!r} came back as {one!r}"


async def _through_all_doors(store: GenericStore[Any], rows: list[Any]) -> None:
    single = rows[0]
    assert_same(await store.create(single), single)
    assert_same(await store.get(single.id), single)
    for door in (_unnest, _copy):
        copies = [msgspec.structs.replace(row, id=uuid7()) for row in rows]
        for stored, row in zip(await door(store, copies), copies, strict=True):
            assert_same(stored, row)
    # An update carries the values by yet another statement.
    changed = msgspec.structs.replace(rows[-1], id=single.id)
    assert_same(await store.update(single.id, changed), changed)
    assert_same(await store.get(single.id), changed)


async def _unnest(store: GenericStore[Any], rows: list[Any]) -> list[Any]:
    return await store.create_many(rows)


async def _copy(store: GenericStore[Any], rows: list[Any]) -> list[Any]:
    assert await store.load(rows) == len(rows)
    return await store.get_many([row.id for row in rows])


@QUIET
@given(rows=st.lists(scalars, min_size=1, max_size=3))
def test_scalars_come_back_equal(stores: tuple[Run, Database], rows: list[Scalars]) -> None:
    """Every scalar type survives INSERT, UNNEST, COPY and UPDATE."""
    run, database = stores
    run(_through_all_doors(GenericStore(database, Scalars), rows))


@QUIET
@given(rows=st.lists(nullables, min_size=1, max_size=3))
def test_nullables_come_back_equal(stores: tuple[Run, Database], rows: list[Nullables]) -> None:
    """None and values alike survive all doors."""
    run, database = stores
    run(_through_all_doors(GenericStore(database, Nullables), rows))


@QUIET
@given(rows=st.lists(composites, min_size=1, max_size=3))
def test_composites_come_back_equal(stores: tuple[Run, Database], rows: list[Composites]) -> None:
    """Arrays and jsonb survive all doors, decoded to the declared types."""
    run, database = stores
    run(_through_all_doors(GenericStore(database, Composites), rows))


def _deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


HOSTILE: list[Any] = [
    "'; DROP TABLE scalars; --",
    "quotes ' \" \\ \\' and E'\\x00'",
    "NUL \x00 within",
    "%s %d %% $1 $2 {x} :name ?",
    "x" * 65_536,
    "\U0001f6eb" * 10,
    "\ud83d",
    "\ude00\ud83d",
    "",
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**70,
    10**400,
    2**53 + 1,
    1e308,
    float("nan"),
    float("inf"),
    -0.0,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("Infinity"),
    Decimal("1e200000"),
    Decimal("1e-20000"),
    Decimal("0.005"),
    True,
    None,
    b"\x00\xff",
    bytearray(b"a"),
    date.min,
    date.max,
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-12))),
    datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
    time(1, tzinfo=UTC),
    timedelta.max,
    IPv6Address("fe80::1%eth0"),
    {"\x00": 1},
    {"a": float("nan")},
    {"a": 2**70},
    {"a": "\ud83d"},
    {1: "a"},
    {"a": {1, 2}},
    {"a": object()},
    [1, "a"],
    ["\x00"],
    [None],
    _deep(100),
    _deep(900),
    _deep(100_000),
    Point(1, float("inf")),
    Point(2**70, 1.0),
    Point("x", 1.0),  # type: ignore[arg-type]  # wrong inside, which msgspec does not see
    Cat(1),
    object(),
    msgspec.UNSET,
]


async def _stored_or_refused(store: GenericStore[Any], row: Any, name: str, value: Any) -> None:
    setattr(row, name, value)
    row.id = uuid7()
    try:
        stored = await store.create(row)
    except ValidationError as refused:
        assert refused.field == name  # noqa: PT017 - being refused is one of two good ends
        return
    assert stored.id == row.id
    # What is stored equals what was given, though it may be of the field's own type (int → float).
    kept = getattr(await store.get(row.id), name)
    assert kept == value or (value != value and kept != kept)  # noqa: PLR0124 - NaN


@pytest.mark.parametrize("model", [Scalars, Nullables, Composites])
@pytest.mark.parametrize(
    "value", HOSTILE, ids=[f"{i}-{type(value).__name__}" for i, value in enumerate(HOSTILE)]
)
def test_hostile_values_are_stored_exactly_or_refused(
    stores: tuple[Run, Database], model: type[Model], value: Any
) -> None:
    """Any value in any field comes back equal, or is a ValidationError that names the field."""
    run, database = stores
    rows = {Scalars: SCALAR, Nullables: NULLABLE, Composites: COMPOSITE}
    for column in model.__table_info__.columns:
        if column.insertable and not column.primary_key:
            row = msgspec.structs.replace(rows[model])
            run(_stored_or_refused(GenericStore(database, model), row, column.name, value))

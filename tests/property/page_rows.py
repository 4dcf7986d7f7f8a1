"""Rows with a value of every kind that pages can be sorted by, with many ties and NULLs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from random import Random
from typing import Any
from uuid import UUID

from storehaus import Field, GenericStore, Model, field

WORLDS, ROWS = 4, 41


class Mood(Enum):
    """Labels whose order is not that of the alphabet."""

    SAD = "sad"
    FINE = "fine"
    ANGRY = "an 'angry' one"


class Thing(Model, table="page_things", soft_delete=True):
    """A field of every kind that pages can be sorted by."""

    id: Field[int] = field(primary_key=True)
    world: Field[int]
    size: Field[int]
    owner: Field[int | None] = field(default=None)
    text: Field[str | None] = field(default=None)
    amount: Field[Decimal | None] = field(default=None)
    at: Field[datetime | None] = field(default=None)
    day: Field[date | None] = field(default=None)
    clock: Field[time | None] = field(default=None)
    span: Field[timedelta | None] = field(default=None)
    mark: Field[UUID | None] = field(default=None)
    host: Field[IPv4Address | None] = field(default=None)
    host6: Field[IPv6Address | None] = field(default=None)
    net: Field[IPv4Network | None] = field(default=None)
    data: Field[bytes | None] = field(default=None)
    mood: Field[Mood | None] = field(default=None)
    flag: Field[bool | None] = field(default=None)
    ratio: Field[float | None] = field(default=None)
    numbers: Field[list[int] | None] = field(default=None)
    moods: Field[list[Mood] | None] = field(default=None)
    extra: Field[dict[str, object]] = field(default_factory=dict)


class Place(Model, table="page_places", soft_delete=True):
    """A composite key."""

    hall: Field[str] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    world: Field[int]
    rank: Field[int | None] = field(default=None)


FOREVER, NEVER = datetime.max, datetime.min  # noqa: DTZ901 - as the driver calls infinity
VALUES: dict[str, Sequence[Any]] = {
    "size": (1, 2, 3),
    "owner": (0, 1, 2, 3, 4),
    "text": ("", "a", "A", "é", "\\", "%", "\U0001d54f"),
    "amount": tuple(map(Decimal, ("0", "0.10", "0.1", "-7", "1e30", "NaN", "0.000000000001"))),
    "at": (
        FOREVER,
        NEVER,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999998, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
    ),
    "day": (date.max, date.min, date(2026, 1, 1), date(1600, 2, 29)),
    "clock": (time(0), time(12, 0, 0, 1), time(23, 59, 59, 999999)),
    "span": (
        timedelta(0),
        timedelta(microseconds=1),
        timedelta(microseconds=-1),
        timedelta(days=-40, seconds=3, microseconds=7),
        timedelta(days=99_999),
    ),
    "mark": (UUID(int=0), UUID(int=1 << 127), UUID(int=2**128 - 1)),
    "host": tuple(map(IPv4Address, ("0.0.0.0", "10.0.0.9", "255.255.255.255"))),
    "host6": tuple(map(IPv6Address, ("::", "::1", "fe80::1"))),
    "net": tuple(map(IPv4Network, ("10.0.0.0/8", "10.0.0.0/24", "0.0.0.0/0"))),
    "data": (b"", b"\x00", b"\xff\x00", b"a"),
    "mood": tuple(Mood),
    "flag": (True, False),
    "ratio": (0.0, -0.0, 0.1, 1e308, 5e-324, float("inf"), float("-inf"), float("nan")),
    "numbers": ([], [1], [1, 2], [-1]),
    "moods": ([], [Mood.SAD], [Mood.ANGRY, Mood.SAD]),
    "extra": ({}, {"k": 1}, {"k": 2}, {"k": "x"}, {"k": None}, {"k": 1.5}, {"l": {"k": 3}}),
}


@dataclass(frozen=True)
class Bench:
    """The stores, and what writes past them."""

    things: GenericStore[Thing]
    places: GenericStore[Place]
    raw: Any


async def fill(bench: Bench) -> None:
    """Put worlds of rows in, past the checks of the store, which would refuse infinity."""
    random = Random(3)
    rows = [thing(random, world * ROWS + i, world) for world in range(WORLDS) for i in range(ROWS)]
    await copy(bench, Thing, rows)
    halls = [(hall, number) for hall in ("a", "B", "ä", "") for number in range(-4, 5)]
    places = [(*key, i % 2, random.choice((None, 1, 2))) for i, key in enumerate(halls)]
    names = ("hall", "number", "world", "rank")
    await copy(bench, Place, [dict(zip(names, each, strict=True)) for each in places])


def thing(random: Random, number: int, world: int) -> dict[str, Any]:
    """Make a row; worlds differ in how many NULLs and ties they have."""
    row: dict[str, Any] = {"id": number, "world": world}
    for name, values in VALUES.items():
        column = Thing.__table_info__.by_name[name]
        is_null = column.nullable and random.random() < (0.0, 0.2, 0.5, 0.9)[world % 4]
        few = values[: 1 + random.randrange(len(values))]
        row[name] = None if is_null else random.choice(few)
    return row


async def copy(bench: Bench, model: type[Model], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows as SQL, values of enums and documents included."""
    info = model.__table_info__
    for row in rows:
        names = list(row)
        columns = ", ".join(f'"{info.by_name[name].column}"' for name in names)
        places = ", ".join(f"${i}" for i in range(1, len(names) + 1))
        values = [wire(row[name]) for name in names]
        await bench.raw.execute(f'INSERT INTO "{info.name}" ({columns}) VALUES ({places})', *values)


def wire(value: Any) -> Any:
    """Give a value as asyncpg takes it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, list):
        return [wire(each) for each in value]
    return value

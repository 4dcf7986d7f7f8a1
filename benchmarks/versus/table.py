"""The table that all contenders share, its rows, and what a raw program sends and builds."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from _bench import readings
from msgspec import Struct
from msgspec.structs import astuple

OWN = ("id", "station", "unit", "value", "price", "valid", "taken_at", "note")
SYSTEM = ("__created_at__", "__updated_at__", "__tags__")
ALL = ", ".join((*OWN, *SYSTEM))

SELECT = f"SELECT {ALL} FROM reading"
GET = f"{SELECT} WHERE id = $1"
FIND = f"{SELECT} WHERE id >= $1 AND unit = $2 ORDER BY id LIMIT $3"
INSERT_ONLY = f"INSERT INTO reading ({', '.join(OWN)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
INSERT = f"{INSERT_ONLY} RETURNING {ALL}"
UPDATE = f"UPDATE reading SET value = $2, note = $3 WHERE id = $1 RETURNING {ALL}"

FILL = f"""
INSERT INTO reading ({", ".join(OWN)})
SELECT i, 'station-' || i % 997, 'hPa', i * 0.25, round(i::numeric / 100, 2), i % 7 <> 0,
       timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second',
       CASE WHEN i % 3 = 0 THEN 'note ' || i END
FROM generate_series($1::bigint, $2::bigint - 1) AS i
"""
"""The rows of `given`, made by the server: the fastest way to have ten million of them."""

UNIT = "hPa"
PAGE = 50
NEW = 1_000_000_000
"""The first id of rows that a workload adds, and that are taken away after its turn."""

Values = tuple[object, ...]
"""A row as all contenders can say it: its own columns, then the system columns."""


class Given(NamedTuple):
    """A row before it is stored."""

    id: int
    station: str
    unit: str
    value: float
    price: Decimal
    valid: bool
    taken_at: datetime
    note: str | None


class Change(NamedTuple):
    """An update of one row."""

    id: int
    value: float
    note: str


class Row(Struct):
    """What the raw contenders build of a row; msgspec makes them faster than a dataclass."""

    id: int
    station: str
    unit: str
    value: float
    price: Decimal
    valid: bool
    taken_at: datetime
    note: str | None
    created_at: datetime
    updated_at: datetime
    tags: list[str]


def given(count: int, first: int = 0) -> list[Given]:
    """Make rows that are not stored yet."""
    return [Given(*astuple(each)[: len(OWN)]) for each in readings(count, first)]


def some_ids(count: int, rows: int, seed: int) -> list[int]:
    """Choose ids of the table at random; the same seed gives the same ones."""
    return random.Random(seed).choices(range(rows), k=count)


def some_changes(count: int, rows: int, seed: int) -> list[Change]:
    """Choose updates of rows with odd ids, which differ as long as there are enough of them."""
    ids = list(range(1, rows, 2))
    random.Random(seed).shuffle(ids)
    return [
        Change(ids[i % len(ids)], (seed + i) / 4, f"changed {seed % 1_000} {i}")
        for i in range(count)
    ]


def as_values(rows: Sequence[Sequence[object]]) -> list[Values]:
    """Give records as plain tuples."""
    return [tuple(row) for row in rows]

"""Every type, with defaults and bounds, is left alone once its table is made."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from fix_migrations import Ground
from storehaus.model import Integer, Model, Numeric, SmallInt, field, uuid7

pytestmark = pytest.mark.anyio


class Size(Enum):
    """Labels are names, since values are no texts."""

    SMALL = 1
    LARGE = 2


class Point(msgspec.Struct):
    """A document."""

    x: int = 0


TYPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": (str, {"default": "it's ☃ \\ % :x $1", "min_length": 1, "pattern": r"^[^\d]+:?\w|%"}),
    "small": (Annotated[int, SmallInt], {"default": -7, "ge": -8, "lt": 9}),
    "integer": (Annotated[int, Integer], {"default": 7, "gt": -8, "le": 9}),
    "big": (int, {"default": -(2**62), "ge": -(2**63)}),
    "floating": (float, {"default": -1.5e-10, "ge": -1.5, "lt": 1e300}),
    "flag": (bool, {"default": False}),
    "exact": (Decimal, {"default": Decimal("-1.50"), "ge": Decimal("-2.5")}),
    "sized": (
        Annotated[Decimal, Numeric(10, 2)],
        {"default": Decimal("3.1"), "le": Decimal("9.99")},
    ),
    "raw": (bytes, {"default": b"\x00'\\\xff", "max_length": 9}),
    "moment": (datetime, {"default": datetime(2020, 2, 29, 12, tzinfo=UTC)}),
    "day": (date, {"default": date(1, 1, 1), "ge": date(1, 1, 1)}),
    "hour": (time, {"default": time(23, 59, 59, 999_999), "ge": time(0)}),
    "span": (timedelta, {"default": timedelta(days=-3, microseconds=1), "ge": timedelta(days=-9)}),
    "key": (UUID, {"default_factory": uuid7}),
    "fixed": (UUID, {"default": UUID(int=5)}),
    "address": (IPv4Address, {"default": IPv4Address("10.0.0.1")}),
    "address6": (IPv6Address, {"default": IPv6Address("::1")}),
    "network": (IPv4Network, {"default": IPv4Network("10.0.0.0/8")}),
    "size": (Size, {"default": Size.LARGE}),
    "choice": (Literal["a", "b'c"], {"default": "b'c"}),
    "texts": (list[str], {"default_factory": list, "max_length": 9}),
    "sizes": (list[Size], {"default_factory": list}),
    "numbers": (list[int | None], {"default_factory": list}),
    "document": (dict[str, object], {"default_factory": dict}),
    "point": (Point, {"default_factory": Point}),
    "points": (list[Point], {"default_factory": list}),
    "generated": (UUID, {"server_default": "gen_random_uuid()"}),
    "computed": (datetime, {"server_default": "now() + interval '1 day'"}),
    "counted": (int, {"server_default": "1 + 2 * 3"}),
    "maybe": (str | None, {"default": None}),
    "Ünïcode": (int, {"default": 1, "index": True, "unique": True}),
}


@pytest.mark.parametrize("name", TYPES)
async def test_type_is_stable(ground: Ground, name: str) -> None:
    """A second run finds nothing to do about a column that was added."""
    annotation, settings = TYPES[name]
    namespace: dict[str, Any] = {
        "__annotations__": {name: annotation},
        name: field(**settings),
    }
    wide = type(Model)("Wide", (Model,), namespace, table="wide")
    narrow = type(Model)("Narrow", (Model,), {"__annotations__": {}}, table="wide")

    await ground.migrate(narrow)
    added = await ground.migrate(wide)
    again = await ground.migrate(wide)

    assert any("ADD COLUMN" in statement for statement in added.statements)
    assert again.statements == ()


async def test_composite_key_is_stable(ground: Ground) -> None:
    """A key of two columns is found again, in whatever order the fields come."""

    def pair(*names: str) -> Any:
        namespace: dict[str, Any] = {"__annotations__": dict.fromkeys(names, int)}
        namespace.update({name: field(primary_key=True) for name in names})
        return type(Model)("Pair", (Model,), namespace, table="pairs")

    await ground.migrate(pair("a", "b"))
    report = await ground.migrate(pair("b", "a"))

    assert report.statements == ()

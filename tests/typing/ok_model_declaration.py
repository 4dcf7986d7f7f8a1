"""What both checkers infer of models: columns by class, values by instance, constructors."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, assert_type
from uuid import UUID

import msgspec
from msgspec import UNSET

from storehaus.expr import Column
from storehaus.model import (
    Check,
    Exclude,
    Field,
    ForeignKey,
    Index,
    Integer,
    Model,
    Numeric,
    SmallInt,
    TableInfo,
    Unique,
    field,
    uuid7,
)

OwnerT = TypeVar("OwnerT")


class Mood(Enum):
    """An enum."""

    GOOD = "good"


class Point(msgspec.Struct):
    """A struct."""

    x: int


class Timestamped(Model):
    """A mixin."""

    seen_at: Field[datetime | None] = field(default=None)


class Owned(Model, Generic[OwnerT]):
    """A generic mixin."""

    owner: Field[OwnerT]


class Country(Model, table="countries"):
    """Something to reference."""

    code: Field[str] = field(primary_key=True)


class Thing(
    Timestamped,
    Owned[UUID],
    table="things",
    schema="shop",
    soft_delete=True,
    comment="things",
    renamed_from="stuff",
    indexes=(
        Index("name", "count", using="btree", where="name <> ''", include=("price",)),
        Index(Timestamped.seen_at.desc()),
        Unique("name", where="name <> ''"),
        Check("count > 0", name="counted"),
        Exclude(("name", "=")),
        ForeignKey(("country",), (Country.code,), on_delete="cascade"),
    ),
):
    """Every kind of field()."""

    LIMIT: ClassVar[int] = 3
    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    number: Field[int] = field(generated="identity")
    version: Field[int] = field(version=True)
    alive: Field[bool] = field(soft_delete=True, default=True)
    made_by: Field[str] = field(server_default="current_user")
    code: Field[str] = field(server_default="md5(random()::text)", default=UNSET)
    name: Field[str] = field(unique=True, max_length=10, pattern="^a")
    nick: Field[str | None] = field(default=None, column="nick_name", comment="short")
    count: Field[Annotated[int, SmallInt]] = field(ge=0, default=0)
    size: Field[Annotated[int, Integer]]
    price: Field[Annotated[Decimal, Numeric(12, 2)]] = field(default=Decimal(0))
    day: Field[date] = field(ge=date(2000, 1, 1))
    mood: Field[Mood] = field(default=Mood.GOOD)
    choice: Field[Literal["a", "b"]] = field(default="a")
    labels: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)
    point: Field[Point | None] = field(default=None)
    country: Field[str] = field(references=Country.code, on_delete="restrict")
    later: Field[datetime | None] = field(create=False, default=None)
    never: Field[str] = field(readonly=True, default="x")

    @property
    def double(self) -> int:
        """Fields are values in methods."""
        return self.count * 2


# Columns by class.
assert_type(Thing.name, Column[str])
assert_type(Thing.nick, Column[str | None])
assert_type(Thing.count, Column[int])
assert_type(Thing.price, Column[Decimal])
assert_type(Thing.choice, Column[Literal["a", "b"]])
assert_type(Thing.labels, Column[list[str]])
assert_type(Thing.point, Column[Point | None])
assert_type(Thing.seen_at, Column[datetime | None])
assert_type(Timestamped.seen_at, Column[datetime | None])
assert_type(Thing.__created_at__, Column[datetime])
assert_type(Thing.__tags__, Column[list[str]])
assert_type(Thing.__is_active__, Column[bool])
assert_type(Thing.__table_info__, TableInfo)
assert_type(Thing.LIMIT, int)

# The constructor takes keywords, and leaves out what the database decides.
thing = Thing(name="a", size=1, day=date(2026, 1, 1), country="DE", owner=uuid7())
full = Thing(
    id=uuid7(),
    alive=False,
    code="x",
    name="a",
    nick="b",
    count=1,
    size=1,
    price=Decimal(1),
    day=date(2026, 1, 1),
    mood=Mood.GOOD,
    choice="b",
    labels=["x"],
    extra={"a": 1},
    point=Point(1),
    country="DE",
    later=None,
    never="y",
    seen_at=None,
    owner=uuid7(),
)

# Values by instance.
assert_type(thing.name, str)
assert_type(thing.nick, str | None)
assert_type(thing.count, int)
assert_type(thing.price, Decimal)
assert_type(thing.mood, Mood)
assert_type(thing.point, Point | None)
assert_type(thing.seen_at, datetime | None)
assert_type(thing.owner, UUID)
assert_type(thing.number, int)
assert_type(thing.__tags__, list[str])
assert_type(thing.__created_at__, datetime)
assert_type(thing.double, int)

thing.name = "b"
thing.nick = None
thing.labels.append("c")

# msgspec knows the type.
assert_type(msgspec.json.decode(b"{}", type=Thing), Thing)
anything: dict[str, Any] = msgspec.structs.asdict(thing)

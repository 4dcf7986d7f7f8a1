"""What operators of columns give, as both checkers see it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Literal, assert_type
from uuid import UUID

from storehaus.expr import Column, Condition, Expression, Ordering
from storehaus.model import Field, Model, field


class Mood(Enum):
    """How it feels."""

    GOOD = "good"
    BAD = "bad"


class Thing(Model, table="things"):
    """One field of every kind that operators care about."""

    id: Field[UUID] = field(primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    size: Field[Literal["s", "m"]]
    count: Field[int]
    maybe_count: Field[int | None] = field(default=None)
    height: Field[float]
    maybe_height: Field[float | None] = field(default=None)
    price: Field[Decimal]
    maybe_price: Field[Decimal | None] = field(default=None)
    seen_at: Field[datetime]
    maybe_at: Field[datetime | None] = field(default=None)
    day: Field[date]
    span: Field[timedelta]
    maybe_span: Field[timedelta | None] = field(default=None)
    mood: Field[Mood]
    flag: Field[bool]
    labels: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)


now = datetime(2026, 1, 1)  # noqa: DTZ001 - only its type matters
hour = timedelta(hours=1)

# A class gives columns, typed by the value.
assert_type(Thing.name, Column[str])
assert_type(Thing.nick, Column[str | None])
assert_type(Thing.price, Column[Decimal])
assert_type(Thing.labels, Column[list[str]])

# Comparisons give conditions, with values, other columns, and from either side.
assert_type(Thing.count < 3, Condition)
assert_type(Thing.count >= Thing.count, Condition)
assert_type(Thing.height > 500, Condition)
assert_type(Thing.maybe_height > 500.5, Condition)
assert_type(Thing.maybe_height <= Thing.height, Condition)
assert_type(Thing.height <= Thing.maybe_height, Condition)
assert_type(Thing.price > 0, Condition)
assert_type(Thing.maybe_price > Decimal(1), Condition)
assert_type(Thing.seen_at > now, Condition)
assert_type(Thing.maybe_at < Thing.seen_at, Condition)
assert_type(Thing.name == "x", Condition)
assert_type(Thing.name != "x", Condition)
assert_type(Thing.nick == None, Condition)  # noqa: E711 - means IS NULL
assert_type(Thing.nick != None, Condition)  # noqa: E711 - means IS NOT NULL
assert_type(Thing.price == 0, Condition)
assert_type(Thing.mood == Mood.GOOD, Condition)
assert_type(Thing.flag == True, Condition)  # noqa: E712 - a condition
assert_type(Thing.name == Thing.nick, Condition)
assert_type(Thing.labels == ["x"], Condition)

# Lists, ranges and NULL.
assert_type(Thing.count.in_([1, 2]), Condition)
assert_type(Thing.maybe_count.in_({1, None}), Condition)
assert_type(Thing.name.not_in(("a", "b")), Condition)
assert_type(Thing.mood.in_([Mood.GOOD]), Condition)
assert_type(Thing.count.between(1, 3), Condition)
assert_type(Thing.seen_at.between(now, Thing.seen_at + hour), Condition)
assert_type(Thing.nick.is_null(), Condition)
assert_type(Thing.nick.is_not_null(), Condition)

# Text, arrays, documents.
assert_type(Thing.name.like("a%"), Condition)
assert_type(Thing.nick.ilike("a%"), Condition)
assert_type(Thing.size == "s", Condition)
assert_type(Thing.nick.startswith("s"), Condition)
assert_type(Thing.name.endswith("z"), Condition)
assert_type(Thing.name.contains("x"), Condition)
assert_type(Thing.labels.contains(["x"]), Condition)
assert_type(Thing.labels.overlaps(["x", "y"]), Condition)
assert_type(Thing.labels.overlaps(Thing.labels), Condition)
assert_type(Thing.labels.any_("x"), Condition)
assert_type(Thing.extra.contains({"a": 1}), Condition)

# Conditions combine.
assert_type((Thing.count > 1) & (Thing.count < 9) | ~(Thing.name == "x"), Condition)

# Sort keys.
assert_type(Thing.name.desc(), Ordering)
assert_type(Thing.name.asc().nulls_last(), Ordering)

# Arithmetic keeps the type, and knows when the result can be NULL.
assert_type(Thing.count + 1, Expression[int])
assert_type(1 + Thing.count, Expression[int])
assert_type(Thing.count / 2, Expression[int])
assert_type(Thing.count % 2, Expression[int])
assert_type(Thing.maybe_count + 1, Expression[int | None])
assert_type(Thing.count + Thing.maybe_count, Expression[int | None])
assert_type(Thing.maybe_count + Thing.count, Expression[int | None])
assert_type(Thing.height * 2, Expression[float])
assert_type(Thing.height / 1.5, Expression[float])
assert_type(2 * Thing.height, Expression[float])
assert_type(Thing.height - Thing.maybe_height, Expression[float | None])
assert_type(Thing.height * Thing.count, Expression[float])
assert_type(Thing.price - 10, Expression[Decimal])
assert_type(10 - Thing.price, Expression[Decimal])
assert_type(Thing.price * Decimal("1.19"), Expression[Decimal])
assert_type(Thing.price * Thing.count, Expression[Decimal])
assert_type(Thing.price - Thing.maybe_price, Expression[Decimal | None])
assert_type(Thing.maybe_price - 10, Expression[Decimal | None])
assert_type(Thing.price % 10, Expression[Decimal])
assert_type(Thing.name + "!", Expression[str])
assert_type("!" + Thing.name, Expression[str])
assert_type(Thing.name + Thing.nick, Expression[str | None])
assert_type(Thing.seen_at + hour, Expression[datetime])
assert_type(hour + Thing.seen_at, Expression[datetime])
assert_type(Thing.seen_at - hour, Expression[datetime])
assert_type(Thing.maybe_at - hour, Expression[datetime | None])
assert_type(Thing.seen_at - now, Expression[timedelta])
assert_type(now - Thing.seen_at, Expression[timedelta])
assert_type(Thing.seen_at - Thing.seen_at, Expression[timedelta])
assert_type(Thing.seen_at - Thing.maybe_at, Expression[timedelta | None])
assert_type(Thing.seen_at + Thing.span, Expression[datetime])
assert_type(Thing.seen_at + Thing.maybe_span, Expression[datetime | None])
assert_type(now + Thing.span, Expression[datetime])
assert_type(Thing.day + hour, Expression[date])
assert_type(Thing.span + hour, Expression[timedelta])
assert_type(Thing.span * 2, Expression[timedelta])
assert_type(Thing.span / 2, Expression[timedelta])
assert_type((Thing.price - 10) * 2, Expression[Decimal])
assert_type((Thing.price - 10) * 2 > 100, Condition)

"""Queries and the SQL they must become; compared without a server, and prepared on a real one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from storehaus.expr import Condition
from storehaus.model import Field, Model, Numeric, SmallInt, field
from storehaus.query import QueryFilter, SortOrder, UpdateSet, asc, desc
from storehaus.sql import (
    Binder,
    QueryBuilder,
    Statement,
    compile_assignments,
    compile_count,
    compile_exists,
    compile_filter,
    table_name,
)


class Mood(Enum):
    """Stored as its value."""

    GOOD = "good"
    BAD = "so 'bad'"


class Address(msgspec.Struct):
    """Stored as jsonb."""

    city: str
    zip: int = 0


class Thing(Model, table="things"):
    """A field of every kind, and no soft delete."""

    id: Field[UUID] = field(primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    size: Field[Literal["s", "m"]] = field(default="s")
    count: Field[int] = field(default=0, ge=0)
    small: Field[Annotated[int, SmallInt]] = field(default=0)
    height: Field[float] = field(default=0.0)
    price: Field[Decimal] = field(default=Decimal(0))
    cents: Field[Annotated[Decimal, Numeric(12, 2)]] = field(default=Decimal(0))
    seen_at: Field[datetime | None] = field(default=None)
    day: Field[date] = field(default=date(2026, 1, 1))
    clock: Field[time] = field(default=time(12))
    span: Field[timedelta] = field(default=timedelta())
    data: Field[bytes] = field(default=b"")
    flag: Field[bool] = field(default=False)
    mood: Field[Mood] = field(default=Mood.GOOD)
    host: Field[IPv4Address | None] = field(default=None)
    net: Field[IPv4Network | None] = field(default=None)
    labels: Field[list[str]] = field(default_factory=list)
    numbers: Field[list[int]] = field(default_factory=list)
    moods: Field[list[Mood]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)
    address: Field[Address | None] = field(default=None)
    quoted: Field[str] = field(default="", column="select")
    fixed: Field[str] = field(default="", update=False)


class Named(Model):
    """An abstract class."""

    title: Field[str]


class Book(Named, table="books"):
    """A model with a field that it inherits."""

    id: Field[int] = field(primary_key=True)


class Airport(Model, table="airports", soft_delete=True):
    """A soft-deleting model."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    country: Field[str] = field(default="")
    elevation: Field[float] = field(default=0.0)


class Member(Model, table="members", schema="club"):
    """A model in a schema, with a flag of its own."""

    id: Field[int] = field(primary_key=True)
    mood: Field[Mood] = field(default=Mood.GOOD)
    moods: Field[list[Mood]] = field(default_factory=list)
    enabled: Field[bool] = field(default=True, soft_delete=True)


MODELS: tuple[type[Model], ...] = (Thing, Airport, Member, Book)

ID = UUID("0190163d-8694-739b-aea5-966c26f8ad91")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = (
    'SELECT "id", "name", "country", "elevation",'
    ' "__created_at__", "__updated_at__", "__tags__", "__is_active__" FROM "airports"'
)
T = QueryBuilder(Thing)
A = QueryBuilder(Airport)
B = QueryBuilder(Book)
F = QueryFilter


@dataclass(frozen=True)
class Golden:
    """One query and what it must become.

    Attributes:
        name: What it shows.
        make: Compiles it.
        text: The SQL.
        params: The values, in wire form.
        condition: The condition on `Thing` that it shows, None when it shows something else.
    """

    name: str
    make: Callable[[], Statement]
    text: str
    params: tuple[Any, ...] = ()
    condition: Condition | None = None


def _where(name: str, condition: Condition, text: str, *params: Any) -> Golden:
    def make() -> Statement:
        return compile_exists(Thing.__table_info__, T.filter(condition))

    whole = f'SELECT EXISTS (SELECT 1 FROM "things" WHERE {text})'
    return Golden(name, make, whole, params, condition)


def _find(name: str, query: QueryBuilder[Any], text: str, *params: Any) -> Golden:
    return Golden(name, query.to_sql, ALL + text, params)


def _set(name: str, changes: Any, text: str, *params: Any) -> Golden:
    return Golden(name, lambda: update(Thing, changes), f'UPDATE "things" SET {text}', params)


def update(model: type[Model], changes: Any, query: QueryBuilder[Any] | None = None) -> Statement:
    """Compile an UPDATE of the assignments and the filter."""
    info, binder = model.__table_info__, Binder()
    pairs = [
        f'"{column.column}" = {value}'
        for column, value in compile_assignments(info, changes, binder)
    ]
    where = compile_filter(info, query or QueryBuilder(model).with_deleted(), binder)
    text = f"UPDATE {table_name(info)} SET {', '.join(pairs)}"
    return binder.statement(text + (f" WHERE {where}" if where else ""))


COMPARISONS = [
    _where("equal", Thing.name == "x", '"name" = $1', "x"),
    _where("not equal", Thing.name != "x", '"name" <> $1', "x"),
    _where("less", Thing.count < 3, '"count" < $1', 3),
    _where("less or equal", Thing.count <= 3, '"count" <= $1', 3),
    _where("greater", Thing.count > 3, '"count" > $1', 3),
    _where("greater or equal", Thing.count >= 3, '"count" >= $1', 3),
    _where("from the other side", 3 < Thing.count, '"count" > $1', 3),  # noqa: SIM300 - the point
    _where("bounds do not matter", Thing.count > -3, '"count" > $1', -3),
    _where("columns", Thing.name == Thing.nick, '"name" = "nick"'),
    _where("numbers of two kinds", F.lt("count", 3) & (Thing.small < Thing.count),
           '"count" < $1 AND "small" < "count"', 3),
    _where("an integer beside floats", Thing.height > 500, '"height" > $1', 500.0),
    _where("infinity", Thing.height < float("inf"), '"height" < $1', float("inf")),
    _where("an integer beside decimals", Thing.price > 0, '"price" > $1', Decimal(0)),
    _where("more digits than stored", Thing.cents > Decimal("0.005"), '"cents" > $1',
           Decimal("0.005")),
    _where("uuid", Thing.id == ID, '"id" = $1', ID),
    _where("moment", Thing.seen_at > NOW, '"seen_at" > $1', NOW),
    _where("date", Thing.day == date(2026, 1, 1), '"day" = $1', date(2026, 1, 1)),
    _where("time", Thing.clock < time(9), '"clock" < $1', time(9)),
    _where("interval", Thing.span > HOUR, '"span" > $1', HOUR),
    _where("bytes", Thing.data == b"\0", '"data" = $1', b"\0"),
    _where("boolean", Thing.flag == True, '"flag" = $1', True),  # noqa: E712 - a condition
    _where("enum", Thing.mood == Mood.BAD, '"mood" = $1', "so 'bad'"),
    _where("choice", Thing.size == "m", '"size" = $1', "m"),
    _where("address", Thing.host == IPv4Address("192.0.2.1"), '"host" = $1',
           IPv4Address("192.0.2.1")),
    _where("network", Thing.net == IPv4Network("192.0.2.0/24"), '"net" = $1::cidr',
           IPv4Network("192.0.2.0/24")),
    _where("array", Thing.labels == ["a", "b"], '"labels" = $1', ["a", "b"]),
    _where("document", Thing.extra == {"a": 1}, '"extra" = $1::jsonb', b'{"a":1}'),
    _where("struct", Thing.address == Address("X", 3), '"address" = $1::jsonb',
           b'{"city":"X","zip":3}'),
    _where("name of the column", Thing.quoted == "x", '"select" = $1', "x"),
    _where("system field", F.gte("__created_at__", NOW), '"__created_at__" >= $1', NOW),
]  # fmt: skip

NULLS = [
    _where("equal to None", Thing.nick == None, '"nick" IS NULL'),  # noqa: E711 - IS NULL
    _where("not equal to None", Thing.nick != None, '"nick" IS NOT NULL'),  # noqa: E711 - the same
    _where("is null", Thing.nick.is_null(), '"nick" IS NULL'),
    _where("is not null", Thing.nick.is_not_null(), '"nick" IS NOT NULL'),
    _where("null by name", F.eq("nick", None), '"nick" IS NULL'),
    _where("not null by name", F.ne("nick", None), '"nick" IS NOT NULL'),
]

LISTS = [
    _where("in", Thing.count.in_([1, 2]), '"count" = ANY($1::bigint[])', [1, 2]),
    _where("in nothing", Thing.count.in_([]), '"count" = ANY($1::bigint[])', []),
    _where("in with NULL", Thing.nick.in_(["a", None]),
           '("nick" = ANY($1::text[]) OR "nick" IS NULL)', ["a"]),
    _where("not in", Thing.count.not_in((1, 2)), '"count" <> ALL($1::bigint[])', [1, 2]),
    _where("not in with NULL", Thing.nick.not_in(["a", None]),
           '("nick" <> ALL($1::text[]) AND "nick" IS NOT NULL)', ["a"]),
    _where("in uuids", Thing.id.in_([ID]), '"id" = ANY($1::uuid[])', [ID]),
    _where("in moments", Thing.seen_at.in_([NOW]),
           '"seen_at" = ANY($1::timestamp with time zone[])', [NOW]),
    _where("in enums", Thing.mood.in_([Mood.GOOD]), '"mood" = ANY($1::"mood"[])', ["good"]),
    _where("in decimals", Thing.cents.in_([Decimal("0.005")]), '"cents" = ANY($1::numeric[])',
           [Decimal("0.005")]),
    _where("in documents", Thing.extra.in_([{"a": 1}]), '"extra" = ANY($1::jsonb[])',
           [b'{"a":1}']),
    _where("in networks", Thing.net.in_([IPv4Network("10.0.0.0/8")]), '"net" = ANY($1::cidr[])',
           [IPv4Network("10.0.0.0/8")]),
    _where("in by name", F.in_values("size", ["s"]), '"size" = ANY($1::text[])', ["s"]),
    _where("between", Thing.count.between(1, 3), '"count" BETWEEN $1 AND $2', 1, 3),
    _where("between columns", Thing.count.between(Thing.small + 1, 9),
           '"count" BETWEEN ("small" + $1::bigint) AND $2', 1, 9),
]  # fmt: skip

TEXTS = [
    _where("like", Thing.name.like("a_%"), '"name" LIKE $1', "a_%"),
    _where("ilike", Thing.nick.ilike("a%"), '"nick" ILIKE $1', "a%"),
    _where("startswith", Thing.name.startswith("50%_\\"), '"name" LIKE $1', "50\\%\\_\\\\%"),
    _where("endswith", Thing.name.endswith("x"), '"name" LIKE $1', "%x"),
    _where("contains", Thing.name.contains("x"), '"name" LIKE $1', "%x%"),
    _where("like on a choice", F.like("size", "s%"), '"size" LIKE $1', "s%"),
    _where("escaped escape", F.like("name", "a\\\\"), '"name" LIKE $1', "a\\\\"),
]

ARRAYS = [
    _where("contains items", Thing.labels.contains(["a"]), '"labels" @> $1::text[]', ["a"]),
    _where("overlaps", Thing.numbers.overlaps({1}), '"numbers" && $1::bigint[]', [1]),
    _where("overlaps enums", Thing.moods.overlaps([Mood.BAD]), '"moods" && $1::"mood"[]',
           ["so 'bad'"]),
    _where("overlaps a column", Thing.labels.overlaps(Thing.labels), '"labels" && "labels"'),
    _where("any", Thing.numbers.any_(3), '$1::bigint = ANY("numbers")', 3),
    _where("any enum", Thing.moods.any_(Mood.GOOD), '$1::"mood" = ANY("moods")', "good"),
    _where("contains in a document", Thing.extra.contains({"a": {"b": [1]}}),
           '"extra" @> $1::jsonb', b'{"a":{"b":[1]}}'),
    _where("part of a struct", F.eq("flag", False) & Thing.extra.contains({}),
           '"flag" = $1 AND "extra" @> $2::jsonb', False, b"{}"),
    _where("any tag", F.has_any_tag(["a", "b"]), '"__tags__" && $1::text[]', ["a", "b"]),
    _where("all tags", F.has_all_tags(["a", "b"]), '"__tags__" @> $1::text[]', ["a", "b"]),
]  # fmt: skip

LOGIC = [
    _where("and", (Thing.count > 1) & (Thing.count < 3), '"count" > $1 AND "count" < $2', 1, 3),
    _where("or", (Thing.count > 1) | (Thing.count < 3), '("count" > $1 OR "count" < $2)', 1, 3),
    _where("not", ~(Thing.count > 1), 'NOT ("count" > $1)', 1),
    _where("not not", ~~(Thing.count > 1), '"count" > $1', 1),
    _where("or within and", (Thing.count > 1) & ((Thing.count < 3) | (Thing.name == "x")),
           '"count" > $1 AND ("count" < $2 OR "name" = $3)', 1, 3, "x"),
    _where("and within or", (Thing.count > 1) & (Thing.count < 3) | (Thing.name == "x"),
           '(("count" > $1 AND "count" < $2) OR "name" = $3)', 1, 3, "x"),
    _where("lists of conditions",
           F.not_(F.or_([F.and_([F.gt("count", 1), F.lt("count", 3)]), F.eq("name", "x")])),
           'NOT (("count" > $1 AND "count" < $2) OR "name" = $3)', 1, 3, "x"),
    _where("one inside the other", F.and_([F.or_([F.or_([F.eq("count", 1), F.eq("count", 2)])])]),
           '("count" = $1 OR "count" = $2)', 1, 2),
    _where("all of none", F.and_([]), "TRUE"),
    _where("one of none", F.or_([]), "(FALSE)"),
]  # fmt: skip

ARITHMETIC = [
    _where("plus", Thing.count + 1 > 3, '("count" + $1::bigint) > $2', 1, 3),
    _where("from the left", 10 - Thing.count > 3, '($1::bigint - "count") > $2', 10, 3),
    _where("columns computed", Thing.price * Thing.count > 100, '("price" * "count") > $1',
           Decimal(100)),
    _where("decimal", Thing.price - 10 > Thing.cents, '("price" - $1::numeric) > "cents"',
           Decimal(10)),
    _where("float", Thing.height / 2 > 1.5, '("height" / $1::double precision) > $2', 2.0, 1.5),
    _where("modulo", Thing.count % 2 == 0, '("count" % $1::bigint) = $2', 2, 0),
    _where("texts", Thing.name + "!" == "x!", '("name" || $1::text) = $2', "!", "x!"),
    _where("nested", (Thing.count + 1) * 2 > 3, '(("count" + $1::bigint) * $2::bigint) > $3',
           1, 2, 3),
    _where("moment minus interval", Thing.seen_at - HOUR > NOW,
           '("seen_at" - $1::interval) > $2', HOUR, NOW),
    _where("interval plus moment", HOUR + Thing.seen_at > NOW,
           '($1::interval + "seen_at") > $2', HOUR, NOW),
    _where("moment minus moment", NOW - Thing.seen_at > HOUR,
           '($1::timestamp with time zone - "seen_at") > $2', NOW, HOUR),
    _where("moment plus a column", NOW + Thing.span > NOW,
           '($1::timestamp with time zone + "span") > $2', NOW, NOW),
    _where("date plus interval", Thing.day + HOUR == date(2026, 1, 1),
           '("day" + $1::interval)::date = $2', HOUR, date(2026, 1, 1)),
    _where("interval times", Thing.span * 2 > HOUR,
           '("span" * $1::double precision) > $2', 2.0, HOUR),
    _where("computed in a list", (Thing.small + 1).in_([1]),
           '("small" + $1::bigint) = ANY($2::bigint[])', 1, [1]),
]  # fmt: skip

QUERIES = [
    _find("everything", A, ' WHERE "__is_active__"'),
    _find("filtered", A.filter(Airport.country == "DE", Airport.elevation > 500),
          ' WHERE "country" = $1 AND "elevation" > $2 AND "__is_active__"', "DE", 500.0),
    _find("filtered by or", A.filter((Airport.country == "DE") | (Airport.elevation > 500)),
          ' WHERE ("country" = $1 OR "elevation" > $2) AND "__is_active__"', "DE", 500.0),
    _find("with deleted", A.with_deleted(), ""),
    _find("only deleted", A.only_deleted(), ' WHERE NOT "__is_active__"'),
    _find("by tag", A.filter_by_tag("hub"), ' WHERE "__tags__" @> $1::text[] AND "__is_active__"',
          ["hub"]),
    _find("by any tag", A.filter_by_any_tag(["a", "b"]).with_deleted(),
          ' WHERE "__tags__" && $1::text[]', ["a", "b"]),
    _find("by all tags", A.filter_by_all_tags(("a", "b")).with_deleted(),
          ' WHERE "__tags__" @> $1::text[]', ["a", "b"]),
    _find("ordered", A.with_deleted().order_by(Airport.elevation.desc(), Airport.name),
          ' ORDER BY "elevation" DESC, "name"'),
    _find("ordered by nulls",
          A.with_deleted().order_by(Airport.name.asc().nulls_first(), desc("id").nulls_last()),
          ' ORDER BY "name" NULLS FIRST, "id" DESC NULLS LAST'),
    _find("ordered by names",
          A.with_deleted().order_by("name", SortOrder.DESC, asc("id"), "country"),
          ' ORDER BY "name" DESC, "id", "country"'),
    _find("ordered by an expression", A.with_deleted().order_by((Airport.elevation * 2).desc()),
          ' ORDER BY ("elevation" * $1::double precision) DESC', 2.0),
    _find("a page", A.order_by(Airport.id).limit(20).offset(40),
          ' WHERE "__is_active__" ORDER BY "id" LIMIT $1 OFFSET $2', 20, 40),
    _find("limits taken back", A.with_deleted().limit(1).offset(2).limit(None).offset(None), ""),
    Golden("a schema and a flag of one's own",
           QueryBuilder(Member).filter(Member.mood.in_([Mood.BAD])).to_sql,
           'SELECT "id", "mood", "moods", "enabled", "__created_at__", "__updated_at__", "__tags__"'
           ' FROM "club"."members" WHERE "mood" = ANY($1::"club"."mood"[]) AND "enabled"',
           (["so 'bad'"],)),
    Golden("a column of the abstract class",
           lambda: compile_exists(Book.__table_info__, B.filter(Named.title == "x")),
           'SELECT EXISTS (SELECT 1 FROM "books" WHERE "title" = $1)', ("x",)),
    Golden("count", lambda: compile_count(Airport.__table_info__, A.filter(Airport.id > 3)),
           'SELECT count(*) FROM "airports" WHERE "id" > $1 AND "__is_active__"', (3,)),
    Golden("count of a page", lambda: compile_count(Airport.__table_info__, A.limit(5).offset(2)),
           'SELECT count(*) FROM (SELECT 1 FROM "airports" WHERE "__is_active__"'
           ' LIMIT $1 OFFSET $2) AS "limited"', (5, 2)),
    Golden("exists", lambda: compile_exists(Airport.__table_info__, A.order_by("id").offset(2)),
           'SELECT EXISTS (SELECT 1 FROM "airports" WHERE "__is_active__" OFFSET $1)', (2,)),
]  # fmt: skip

CHANGES = [
    _set("values", {Thing.name: "x", "count": 3}, '"name" = $1, "count" = $2', "x", 3),
    _set("NULL", {Thing.nick: None}, '"nick" = $1', None),
    _set("an expression", {Thing.price: Thing.price - 10}, '"price" = ("price" - $1::numeric)',
         Decimal(10)),
    _set("a column", {Thing.name: Thing.nick}, '"name" = "nick"'),
    _set("a wider number", {Thing.price: Thing.count + 1}, '"price" = ("count" + $1::bigint)', 1),
    _set("wire forms", {Thing.mood: Mood.BAD, Thing.extra: {"a": 1}, Thing.moods: [Mood.GOOD]},
         '"mood" = $1, "extra" = $2::jsonb, "moods" = $3', "so 'bad'", b'{"a":1}', ["good"]),
    _set("increment and decrement", UpdateSet().increment("count").decrement(Thing.price, 2),
         '"count" = ("count" + $1::bigint), "price" = ("price" - $2::numeric)', 1, Decimal(2)),
    _set("multiply and divide", UpdateSet().multiply("height", 2).divide(Thing.count, 2),
         '"height" = ("height" * $1::double precision), "count" = ("count" / $2::bigint)', 2.0, 2),
    _set("set", UpdateSet().set(Thing.name, "x").set("span", Thing.span + HOUR),
         '"name" = $1, "span" = ("span" + $2::interval)', "x", HOUR),
    Golden("an update of some",
           lambda: update(Airport, {Airport.elevation: Airport.elevation + 1},
                          A.filter(Airport.country == "DE")),
           'UPDATE "airports" SET "elevation" = ("elevation" + $1::double precision)'
           ' WHERE "country" = $2 AND "__is_active__"', (1.0, "DE")),
]  # fmt: skip

GOLDENS = [*COMPARISONS, *NULLS, *LISTS, *TEXTS, *ARRAYS, *LOGIC, *ARITHMETIC, *QUERIES, *CHANGES]

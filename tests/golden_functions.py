"""Golden expressions: windows, CASE, casts, functions by name, search, documents and arrays."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from uuid import UUID

from golden_queries import ID, NOW, Address, Member, Mood, Thing
from golden_tables import CITY, STAFF, City, Q, S, Staff, golden
from storehaus import (
    avg,
    case,
    cast,
    coalesce,
    count,
    cume_dist,
    dense_rank,
    first_value,
    func,
    greatest,
    lag,
    last_value,
    lead,
    least,
    literal,
    max_,
    nth_value,
    ntile,
    nullif,
    percent_rank,
    rank,
    row_number,
    sum_,
)
from storehaus.query import QueryFilter, desc
from storehaus.sql import QueryBuilder

T = QueryBuilder(Thing)

WINDOWS = [
    golden("ranks", Q.select(row_number().over(order_by=City.id), rank()
           .over(order_by=City.pop.desc()), dense_rank().over(order_by=City.pop)),
           'SELECT row_number() OVER (ORDER BY "id") AS "row_number", rank() OVER (ORDER BY '
           '"pop" DESC) AS "rank", dense_rank() OVER (ORDER BY "pop") AS "dense_rank" FROM '
           '"cities" WHERE "__is_active__"'),
    golden("shares", Q.select(percent_rank().over(order_by=City.pop), cume_dist()
           .over(order_by=City.pop), ntile(4).over(order_by=City.pop)),
           'SELECT percent_rank() OVER (ORDER BY "pop") AS "percent_rank", cume_dist() OVER '
           '(ORDER BY "pop") AS "cume_dist", ntile($1::integer) OVER (ORDER BY "pop") AS '
           '"ntile" FROM "cities" WHERE "__is_active__"', 4),
    golden("neighbours", Q.select(lag(City.name).over(order_by=City.id), lead(City.name, 2)
           .over(order_by=City.id)),
           'SELECT lag("name", $1::integer) OVER (ORDER BY "id") AS "lag", lead("name", '
           '$2::integer) OVER (ORDER BY "id") AS "lead" FROM "cities" WHERE "__is_active__"', 1, 2),
    golden("neighbours with a default", Q.select(lag(City.pop, 1, 0).over(order_by=City.id),
           lead(City.name, 2, "none").over(order_by=City.id), lag(City.parent, 1, City.id)
           .over(order_by=City.id)),
           'SELECT lag("pop", $2::integer, $1::bigint) OVER (ORDER BY "id") AS "lag", '
           'lead("name", $4::integer, $3::text) OVER (ORDER BY "id") AS "lead", lag("parent", '
           '$5::integer, "id") OVER (ORDER BY "id") AS "lag_2" FROM "cities" WHERE '
           '"__is_active__"', 0, 1, "none", 2, 1),
    golden("ends of the frame", Q.select(first_value(City.name).over(order_by=City.id),
           last_value(City.name).over(order_by=City.id), nth_value(City.name, 3)
           .over(order_by=City.id)),
           'SELECT first_value("name") OVER (ORDER BY "id") AS "first_value", '
           'last_value("name") OVER (ORDER BY "id") AS "last_value", nth_value("name", '
           '$1::integer) OVER (ORDER BY "id") AS "nth_value" FROM "cities" WHERE '
           '"__is_active__"', 3),
    golden("aggregate over all rows", Q.select(City.name, sum_(City.pop).over()),
           'SELECT "name", sum("pop") OVER () AS "sum" FROM "cities" WHERE "__is_active__"'),
    golden("partition", Q.select(rank().over(partition_by=City.country, order_by=City.pop.desc())
           .as_("place")),
           'SELECT rank() OVER (PARTITION BY "country" ORDER BY "pop" DESC) AS "place" FROM '
           '"cities" WHERE "__is_active__"'),
    golden("partition by several", Q.select(count().over(partition_by=[City.country, City.parent])),
           'SELECT count(*) OVER (PARTITION BY "country", "parent") AS "count" FROM "cities" '
           'WHERE "__is_active__"'),
    golden("partition by an expression", Q.select(count().over(partition_by=City.pop % 2)),
           'SELECT count(*) OVER (PARTITION BY ("pop" % $1::bigint)) AS "count" FROM "cities" '
           'WHERE "__is_active__"', 2),
    golden("window in the order of several", Q.select(rank().over(order_by=[City.country,
           City.founded.desc().nulls_last()])),
           'SELECT rank() OVER (ORDER BY "country", "founded" DESC NULLS LAST) AS "rank" FROM '
           '"cities" WHERE "__is_active__"'),
    golden("frame of rows", Q.select(avg(City.pop).over(order_by=City.id, rows=(-2, 2))),
           'SELECT avg("pop") OVER (ORDER BY "id" ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING) AS '
           '"avg" FROM "cities" WHERE "__is_active__"'),
    golden("frame of rows from the start", Q.select(sum_(City.pop).over(order_by=City.id,
           rows=(None, 0))),
           'SELECT sum("pop") OVER (ORDER BY "id" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT '
           'ROW) AS "sum" FROM "cities" WHERE "__is_active__"'),
    golden("frame of rows to the end", Q.select(sum_(City.pop).over(order_by=City.id, rows=(1,
           None))),
           'SELECT sum("pop") OVER (ORDER BY "id" ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED '
           'FOLLOWING) AS "sum" FROM "cities" WHERE "__is_active__"'),
    golden("frame of the range", Q.select(sum_(City.pop).over(order_by=City.id, range_=(0, None))),
           'SELECT sum("pop") OVER (ORDER BY "id" RANGE BETWEEN CURRENT ROW AND UNBOUNDED '
           'FOLLOWING) AS "sum" FROM "cities" WHERE "__is_active__"'),
    golden("frame of groups", Q.select(sum_(City.pop).over(order_by=City.country, groups=(-1, 1))),
           'SELECT sum("pop") OVER (ORDER BY "country" GROUPS BETWEEN 1 PRECEDING AND 1 '
           'FOLLOWING) AS "sum" FROM "cities" WHERE "__is_active__"'),
    golden("frame without ends", Q.select(max_(City.pop).over(order_by=City.id, rows=(None, None))),
           'SELECT max("pop") OVER (ORDER BY "id" ROWS BETWEEN UNBOUNDED PRECEDING AND '
           'UNBOUNDED FOLLOWING) AS "max" FROM "cities" WHERE "__is_active__"'),
    golden("filtered aggregate over a window", Q.select(count().filter(City.pop > 3)
           .over(partition_by=City.country)),
           'SELECT count(*) FILTER (WHERE "pop" > $1) OVER (PARTITION BY "country") AS "count" '
           'FROM "cities" WHERE "__is_active__"', 3),
    golden("aggregate of an aggregate over a window", Q.select(City.country, sum_(sum_(City.pop))
           .over().as_("all")).group_by(City.country),
           'SELECT "country", sum(sum("pop")) OVER () AS "all" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country"'),
    golden("sorted by a window", Q.order_by(row_number().over(partition_by=City.country,
           order_by=City.id), City.country),
           f'SELECT {CITY} FROM "cities" WHERE "__is_active__" ORDER BY row_number() OVER '
           '(PARTITION BY "country" ORDER BY "id"), "country"'),
    golden("sorted by the label of a window", Q.select(rank().over(order_by=City.pop).as_("r"))
           .order_by("r"),
           'SELECT rank() OVER (ORDER BY "pop") AS "r" FROM "cities" WHERE "__is_active__" '
           'ORDER BY "r"'),
    golden("arithmetic with a window", Q.select((City.pop - lag(City.pop, 1, 0)
           .over(order_by=City.id)).as_("growth")),
           'SELECT ("pop" - lag("pop", $2::integer, $1::bigint) OVER (ORDER BY "id")) AS '
           '"growth" FROM "cities" WHERE "__is_active__"', 0, 1),
]  # fmt: skip

SIZE = case((City.pop > 1000, "big"), (City.pop > 100, "town"), else_="village")
CHOICES = [
    golden("case", Q.select(SIZE.as_("size")),
           'SELECT (CASE WHEN "pop" > $1 THEN $3::text WHEN "pop" > $2 THEN $4::text ELSE '
           '$5::text END) AS "size" FROM "cities" WHERE "__is_active__"',
           1000, 100, "big", "town", "village"),
    golden("case without else", Q.select(case((City.pop > 5, City.name))),
           'SELECT (CASE WHEN "pop" > $1 THEN "name" END) AS "case" FROM "cities" WHERE '
           '"__is_active__"', 5),
    golden("case of expressions", Q.select(case((City.pop > 5, City.pop * 2), else_=City.parent)),
           'SELECT (CASE WHEN "pop" > $1 THEN ("pop" * $2::bigint) ELSE "parent" END) AS '
           '"case" FROM "cities" WHERE "__is_active__"', 5, 2),
    golden("case as a condition", Q.filter(SIZE == "big"),
           f'SELECT {CITY} FROM "cities" WHERE (CASE WHEN "pop" > $1 THEN $3::text WHEN "pop" > '
           '$2 THEN $4::text ELSE $5::text END) = $6 AND "__is_active__"',
           1000, 100, "big", "town", "village", "big"),
    golden("case as a key", Q.select(SIZE.as_("size"), count()).group_by("size").order_by(SIZE),
           'SELECT (CASE WHEN "pop" > $1 THEN $3::text WHEN "pop" > $2 THEN $4::text ELSE '
           '$5::text END) AS "size", count(*) AS "count" FROM "cities" WHERE "__is_active__" '
           'GROUP BY 1 ORDER BY 1', 1000, 100, "big", "town", "village"),
    golden("case of null", Q.select(case((City.parent.is_null(), 0), else_=City.parent)),
           'SELECT (CASE WHEN "parent" IS NULL THEN $1::bigint ELSE "parent" END) AS "case" '
           'FROM "cities" WHERE "__is_active__"', 0),
    golden("coalesce", Q.select(coalesce(City.parent, 0), coalesce(City.parent, City.id),
           coalesce(City.founded, City.founded, date(2026, 1, 1))),
           'SELECT coalesce("parent", $1::bigint) AS "coalesce", coalesce("parent", "id") AS '
           '"coalesce_2", coalesce("founded", "founded", $2::date) AS "coalesce_3" FROM '
           '"cities" WHERE "__is_active__"', 0, date(2026, 1, 1)),
    golden("coalesce of an aggregate", Q.select(coalesce(sum_(City.pop), 0).as_("n")),
           'SELECT coalesce(sum("pop"), $1::numeric) AS "n" FROM "cities" WHERE "__is_active__"',
           Decimal(0)),
    golden("nullif", Q.select(nullif(City.name, ""), nullif(City.pop, City.parent)),
           'SELECT nullif("name", $1::text) AS "nullif", nullif("pop", "parent") AS "nullif_2" '
           'FROM "cities" WHERE "__is_active__"', ""),
    golden("greatest and least", Q.select(greatest(City.pop, City.id, 3), least(City.pop, 3)),
           'SELECT greatest("pop", "id", $1::bigint) AS "greatest", least("pop", $2::bigint) '
           'AS "least" FROM "cities" WHERE "__is_active__"', 3, 3),
    golden("greatest of numbers of two kinds", S.filter(greatest(Staff.pay, Decimal(1)) > Staff.id),
           f'SELECT {STAFF} FROM "staff" WHERE greatest("pay", $1::numeric) > "id"', Decimal(1)),
    golden("is distinct from", S.filter(Staff.boss.is_distinct_from(3),
           Staff.boss.is_distinct_from(None), Staff.boss.is_distinct_from(Staff.id)),
           f'SELECT {STAFF} FROM "staff" WHERE "boss" IS DISTINCT FROM $1 AND "boss" IS '
           'DISTINCT FROM NULL AND "boss" IS DISTINCT FROM "id"', 3),
    golden("is not distinct from", S.filter(Staff.boss.is_not_distinct_from(3),
           Staff.boss.is_not_distinct_from(None)),
           f'SELECT {STAFF} FROM "staff" WHERE "boss" IS NOT DISTINCT FROM $1 AND "boss" IS NOT '
           'DISTINCT FROM NULL', 3),
    golden("is true", S.filter(Staff.away.is_true()),
           f'SELECT {STAFF} FROM "staff" WHERE "away"'),
    golden("is not true", S.filter(~Staff.away.is_true()),
           f'SELECT {STAFF} FROM "staff" WHERE NOT ("away")'),
    golden("a condition is true", S.filter(case((Staff.pay > 3, True), else_=False).is_true()),
           f'SELECT {STAFF} FROM "staff" WHERE (CASE WHEN "pay" > $1 THEN $2::boolean ELSE '
           '$3::boolean END)', Decimal(3), True, False),
]  # fmt: skip

CASTS = [
    golden("cast to texts", T.select(cast(Thing.count, str), cast(Thing.mood, str), cast(Thing.id,
           str)),
           'SELECT "count"::text AS "column_1", "mood"::text AS "column_2", "id"::text AS '
           '"column_3" FROM "things"'),
    golden("cast to numbers", T.select(cast(Thing.name, int), cast(Thing.count, float),
           cast(Thing.count, Decimal)),
           'SELECT "name"::bigint AS "column_1", "count"::double precision AS "column_2", '
           '"count"::numeric AS "column_3" FROM "things"'),
    golden("cast to times", T.select(cast(Thing.name, datetime), cast(Thing.seen_at, date),
           cast(Thing.seen_at, time), cast(Thing.name, timedelta)),
           'SELECT "name"::timestamp with time zone AS "column_1", "seen_at"::date AS '
           '"column_2", "seen_at"::time without time zone AS "column_3", "name"::interval AS '
           '"column_4" FROM "things"'),
    golden("cast to the others", T.select(cast(Thing.name, UUID), cast(Thing.name, bool),
           cast(Thing.name, IPv4Address), cast(Thing.name, bytes)),
           'SELECT "name"::uuid AS "column_1", "name"::boolean AS "column_2", "name"::inet AS '
           '"column_3", "name"::bytea AS "column_4" FROM "things"'),
    golden("cast to an enum", QueryBuilder(Member).select(cast("good", Mood)),
           'SELECT $1::text::"club"."mood" AS "column_1" FROM "club"."members" WHERE "enabled"',
           "good"),
    golden("cast to an array", T.select(cast(Thing.numbers, list[str])),
           'SELECT "numbers"::text[] AS "column_1" FROM "things"'),
    golden("cast to a document", T.select(cast(Thing.name, dict[str, object]), cast(Thing.extra,
           Address)),
           'SELECT "name"::jsonb AS "column_1", "extra"::jsonb AS "column_2" FROM "things"'),
    golden("cast of a value", T.select(cast("3", int)),
           'SELECT $1::text::bigint AS "column_1" FROM "things"', "3"),
    golden("cast in a condition", T.filter(cast(Thing.name, int) > 3),
           'SELECT "id", "name", "nick", "size", "count", "small", "height", "price", "cents", '
           '"seen_at", "day", "clock", "span", "data", "flag", "mood", "host", "net", '
           '"labels", "numbers", "moods", "extra", "address", "select", "fixed", '
           '"__created_at__", "__updated_at__", "__tags__" FROM "things" WHERE "name"::bigint '
           '> $1', 3),
    golden("literals", T.select(literal("x"), literal(1), literal(1 << 40), literal(1.5),
           literal(Decimal(1)), literal(True), literal(ID), literal(NOW), literal([1, 2])),
           'SELECT $1::text AS "column_1", $2::bigint AS "column_2", $3::bigint AS "column_3", '
           '$4::double precision AS "column_4", $5::numeric AS "column_5", $6::boolean AS '
           '"column_6", $7::uuid AS "column_7", $8::timestamp with time zone AS "column_8", '
           '$9::bigint[] AS "column_9" FROM "things"',
           "x", 1, 1099511627776, 1.5, Decimal(1), True, ID, NOW, [1, 2]),
    golden("cast of nothing", T.select(cast(None, int), coalesce(Thing.seen_at, cast(None,
           datetime))),
           'SELECT NULL::bigint AS "column_1", coalesce("seen_at", NULL::timestamp with time '
           'zone) AS "coalesce" FROM "things"'),
]  # fmt: skip

CALLS = [
    golden("function", Q.select(func.lower(City.name, returns=str)),
           'SELECT "lower"("name") AS "lower" FROM "cities" WHERE "__is_active__"'),
    golden("function of a schema", Q.select(func.pg_catalog.upper(City.name, returns=str)),
           'SELECT "pg_catalog"."upper"("name") AS "upper" FROM "cities" WHERE "__is_active__"'),
    golden("function with values", Q.select(func.left(City.name, 3, returns=str),
           func.round(City.pop + 0, -1, returns=Decimal)),
           'SELECT "left"("name", $1::integer) AS "left", "round"(("pop" + $2::bigint), '
           '$3::integer) AS "round" FROM "cities" WHERE "__is_active__"', 3, 0, -1),
    golden("function without a type", Q.select(func.now().as_("now")),
           'SELECT "now"() AS "now" FROM "cities" WHERE "__is_active__"'),
    golden("function in a condition", Q.filter(func.length(City.name, returns=int) > 3,
           func.lower(City.name) == "x"),
           f'SELECT {CITY} FROM "cities" WHERE "length"("name") > $1 AND "lower"("name") = '
           '$2::text AND "__is_active__"', 3, "x"),
    golden("unknown among values", Q.filter(func.lower(City.name).in_(["a", "b"])),
           f'SELECT {CITY} FROM "cities" WHERE "lower"("name") = ANY($1::text[]) AND '
           '"__is_active__"', ["a", "b"]),
    golden("function of a function", Q.select(func.upper(func.lower(City.name), returns=str)),
           'SELECT "upper"("lower"("name")) AS "upper" FROM "cities" WHERE "__is_active__"'),
    golden("function as a key", Q.select(func.left(City.name, 1, returns=str).as_("initial"),
           count()).group_by("initial").order_by(desc("initial")),
           'SELECT "left"("name", $1::integer) AS "initial", count(*) AS "count" FROM "cities" '
           'WHERE "__is_active__" GROUP BY 1 ORDER BY "initial" DESC', 1),
    golden("function that is grammar", Q.select(func.coalesce(City.parent, 0, returns=int)),
           'SELECT coalesce("parent", $1::integer) AS "coalesce" FROM "cities" WHERE '
           '"__is_active__"', 0),
    golden("function of everything", Q.order_by(func.random()),
           f'SELECT {CITY} FROM "cities" WHERE "__is_active__" ORDER BY "random"()'),
]  # fmt: skip

SEARCH = [
    golden("search", Q.filter(City.name.matches("a or b")),
           f"""SELECT {CITY} FROM "cities" WHERE to_tsvector('simple'::regconfig, "name") @@ """
           """websearch_to_tsquery('simple'::regconfig, $1) AND "__is_active__\"""", "a or b"),
    golden("search with a configuration", Q.filter(City.name.matches("a", config="english")),
           f"""SELECT {CITY} FROM "cities" WHERE to_tsvector('english'::regconfig, "name") @@ """
           """websearch_to_tsquery('english'::regconfig, $1) AND "__is_active__\"""", "a"),
    golden("sorted by rank", Q.select(City.name, City.name.match_rank("a", config="english")
           .as_("rank")).filter(City.name.matches("a", config="english")).order_by(desc("rank")),
           """SELECT "name", ts_rank(to_tsvector('english'::regconfig, "name"), """
           """websearch_to_tsquery('english'::regconfig, $2))::double precision AS "rank" FROM """
           """"cities" WHERE to_tsvector('english'::regconfig, "name") @@ """
           """websearch_to_tsquery('english'::regconfig, $1) AND "__is_active__" ORDER BY "rank" """
           "DESC", "a", "a"),
    golden("search in a computed text", S.filter((Staff.name + Staff.team).matches("x")),
           f"""SELECT {STAFF} FROM "staff" WHERE to_tsvector('simple'::regconfig, ("name" || """
           """"team")) @@ websearch_to_tsquery('simple'::regconfig, $1)""", "x"),
]  # fmt: skip

STEP = Staff.notes["a"]["b"]
DOCUMENTS = [
    golden("path equal", S.filter(STEP == 3),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) = $2::jsonb',
           ["a", "b"], b"3"),
    golden("path not equal", S.filter(STEP != {"x": 1}),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) <> $2::jsonb',
           ["a", "b"], b'{"x":1}'),
    golden("path is null", S.filter(STEP == None),  # noqa: E711 - IS NULL
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) IS NULL', ["a", "b"]),
    golden("path is there", S.filter(STEP.is_not_null()),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) IS NOT NULL', ["a", "b"]),
    golden("path among values", S.filter(Staff.notes["a"].in_([1, 2])),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) = ANY($2::jsonb[])',
           ["a"], [b"1", b"2"]),
    golden("path contains", S.filter(Staff.notes["a"].contains({"b": 1})),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) @> $2::jsonb',
           ["a"], b'{"b":1}'),
    golden("path through an array", S.filter(Staff.notes["a"][0] == "x"),
           f'SELECT {STAFF} FROM "staff" WHERE ("notes" #> $1::text[]) = $2::jsonb',
           ["a", "0"], b'"x"'),
    golden("path as an integer", S.filter(STEP.as_int() > 3),
           f'SELECT {STAFF} FROM "staff" WHERE (CASE WHEN jsonb_typeof(("notes" #> $1::text[])) '
           """= 'number' THEN CASE WHEN ("notes" #> $1::text[])::numeric % 1 = 0 AND ("notes" #> """
           '$1::text[])::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN '
           '("notes" #> $1::text[])::bigint END END) > $2', ["a", "b"], 3),
    golden("path as a float", S.filter(STEP.as_float() < 1.5),
           f'SELECT {STAFF} FROM "staff" WHERE (CASE WHEN jsonb_typeof(("notes" #> $1::text[])) '
           """= 'number' THEN CASE WHEN abs(("notes" #> $1::text[])::numeric) < 1.79e308 THEN """
           '("notes" #> $1::text[])::double precision END END) < $2', ["a", "b"], 1.5),
    golden("path as a text", S.filter(STEP.as_str().like("x%")),
           f'SELECT {STAFF} FROM "staff" WHERE (CASE WHEN jsonb_typeof(("notes" #> $1::text[])) '
           """= 'string' THEN ("notes" #> $1::text[]) #>> '{}' END) LIKE $2""", ["a", "b"], "x%"),
    golden("path as a truth value", S.filter(STEP.as_bool().is_true()),
           f'SELECT {STAFF} FROM "staff" WHERE (CASE WHEN jsonb_typeof(("notes" #> $1::text[])) '
           """= 'boolean' THEN ("notes" #> $1::text[])::boolean END)""", ["a", "b"]),
    golden("sorted by a path", S.order_by(STEP.as_int().desc().nulls_last(),
           Staff.notes["c"].as_str()),
           f'SELECT {STAFF} FROM "staff" ORDER BY (CASE WHEN jsonb_typeof(("notes" #> '
           """$1::text[])) = 'number' THEN CASE WHEN ("notes" #> $1::text[])::numeric % 1 = 0 """
           'AND ("notes" #> $1::text[])::numeric BETWEEN -9223372036854775808 AND '
           '9223372036854775807 THEN ("notes" #> $1::text[])::bigint END END) DESC NULLS LAST, '
           """(CASE WHEN jsonb_typeof(("notes" #> $2::text[])) = 'string' THEN ("notes" #> """
           "$2::text[]) #>> '{}' END)", ["a", "b"], ["c"]),
    golden("projection of paths", S.select(STEP, STEP.as_int(), Staff.notes["c"].as_str().as_("c")),
           'SELECT ("notes" #> $1::text[]) AS "notes", (CASE WHEN jsonb_typeof(("notes" #> '
           """$1::text[])) = 'number' THEN CASE WHEN ("notes" #> $1::text[])::numeric % 1 = 0 """
           'AND ("notes" #> $1::text[])::numeric BETWEEN -9223372036854775808 AND '
           '9223372036854775807 THEN ("notes" #> $1::text[])::bigint END END) AS "notes_2", '
           """(CASE WHEN jsonb_typeof(("notes" #> $2::text[])) = 'string' THEN ("notes" #> """
           """$2::text[]) #>> '{}' END) AS "c" FROM "staff\"""", ["a", "b"], ["c"]),
    golden("sum of a path", S.select(sum_(STEP.as_int()).as_("n")).group_by(Staff.team),
           """SELECT sum((CASE WHEN jsonb_typeof(("notes" #> $1::text[])) = 'number' THEN CASE """
           'WHEN ("notes" #> $1::text[])::numeric % 1 = 0 AND ("notes" #> $1::text[])::numeric '
           'BETWEEN -9223372036854775808 AND 9223372036854775807 THEN ("notes" #> '
           '$1::text[])::bigint END END)) AS "n" FROM "staff" GROUP BY "team"', ["a", "b"]),
]  # fmt: skip

ARRAYS = [
    golden("array contains another column", S.filter(Staff.skills.contains(Staff.skills)),
           f'SELECT {STAFF} FROM "staff" WHERE "skills" @> "skills"'),
    golden("array of a function", S.filter(func.string_to_array(Staff.name, ",", returns=list[str])
           .overlaps(["a"])),
           f'SELECT {STAFF} FROM "staff" WHERE "string_to_array"("name", $1::text) && $2::text[]',
           ",", ["a"]),
    golden("item of an array", S.filter(Staff.skills.any_("x") & ~Staff.skills.any_("y")),
           f'SELECT {STAFF} FROM "staff" WHERE $1::text = ANY("skills") AND NOT ($2::text = '
           'ANY("skills"))', "x", "y"),
    golden("items of a projection", S.select(func.unnest(Staff.skills, returns=str).as_("skill")),
           'SELECT "unnest"("skills") AS "skill" FROM "staff"'),
    golden("tags by name", S.filter(QueryFilter.has_all_tags(["a"])
           | QueryFilter.has_any_tag(["b"])),
           f'SELECT {STAFF} FROM "staff" WHERE ("__tags__" @> $1::text[] OR "__tags__" && '
           '$2::text[])', ["a"], ["b"]),
]  # fmt: skip

FUNCTIONS = [*WINDOWS, *CHOICES, *CASTS, *CALLS, *SEARCH, *DOCUMENTS, *ARRAYS]

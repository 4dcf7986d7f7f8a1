"""Golden projections: items, labels, groups, aggregates, DISTINCT and locks."""

from decimal import Decimal

from golden_queries import Thing
from golden_tables import CITY, STAFF, STAFFS, City, Q, S, Staff, counted, existing, golden
from storehaus import (
    array_agg,
    avg,
    bool_and,
    bool_or,
    case,
    coalesce,
    count,
    count_distinct,
    cube,
    func,
    grouping_sets,
    literal,
    max_,
    min_,
    rollup,
    string_agg,
    sum_,
    truth,
)
from storehaus.query import QueryFilter, asc, desc, optional
from storehaus.sql import QueryBuilder

T = QueryBuilder(Thing)
DOUBLE = City.pop * 2
YEAR = func.extract_year(City.founded, returns=int)

ITEMS = [
    golden("columns of a projection", Q.select(City.name, City.pop),
           'SELECT "name", "pop" FROM "cities" WHERE "__is_active__"'),
    golden("columns by name", Q.select("name", "__tags__"),
           'SELECT "name", "__tags__" FROM "cities" WHERE "__is_active__"'),
    golden("a model among columns", Q.select(City.name, City),
           f'SELECT "name", {CITY} FROM "cities" WHERE "__is_active__"'),
    golden("optional column", Q.select(optional(City.name)),
           'SELECT "name" FROM "cities" WHERE "__is_active__"'),
    golden("column with another name in the database", T.select(Thing.quoted, "quoted"),
           'SELECT "select" AS "quoted", "select" AS "quoted_2" FROM "things"'),
    golden("labels", Q.select(City.name.as_("city"), (City.pop + 1).as_("more")),
           'SELECT "name" AS "city", ("pop" + $1::bigint) AS "more" FROM "cities" WHERE '
           '"__is_active__"', 1),
    golden("label with quotes", Q.select(City.name.as_('a"b')),
           'SELECT "name" AS "a""b" FROM "cities" WHERE "__is_active__"'),
    golden("label of a label", Q.select(City.name.as_("a").as_("b")),
           'SELECT "name" AS "b" FROM "cities" WHERE "__is_active__"'),
    golden("default labels", Q.select(City.pop + 1, count(City.id).over(), max_(City.pop).over()),
           'SELECT ("pop" + $1::bigint) AS "column_1", count("id") OVER () AS "count", '
           'max("pop") OVER () AS "max" FROM "cities" WHERE "__is_active__"', 1),
    golden("default labels that are equal", Q.select(City.name, City.name, City.name),
           'SELECT "name", "name" AS "name_2", "name" AS "name_3" FROM "cities" WHERE '
           '"__is_active__"'),
    golden("default label that a label has taken", Q.select(City.name, City.pop.as_("name")),
           'SELECT "name" AS "name_2", "pop" AS "name" FROM "cities" WHERE "__is_active__"'),
    golden("default labels of aggregates", Q.select(count(), count(City.id), sum_(City.pop),
           sum_(City.parent)),
           'SELECT count(*) AS "count", count("id") AS "count_2", sum("pop") AS "sum", '
           'sum("parent") AS "sum_2" FROM "cities" WHERE "__is_active__"'),
    golden("a condition as an item", Q.select(truth(City.pop > 3).as_("big"), City.pop < 5),
           'SELECT ("pop" > $1) AS "big", ("pop" < $2) AS "column_2" FROM "cities" WHERE '
           '"__is_active__"', 3, 5),
    golden("a literal as an item", Q.select(literal("x"), literal(3).as_("n")),
           'SELECT $1::text AS "column_1", $2::bigint AS "n" FROM "cities" WHERE '
           '"__is_active__"', "x", 3),
    golden("sorted by a label", Q.select(City.pop.as_("n")).order_by(desc("n").nulls_last()),
           'SELECT "pop" AS "n" FROM "cities" WHERE "__is_active__" ORDER BY "n" DESC NULLS '
           'LAST'),
    golden("sorted by a name that is no label", Q.select(City.pop.as_("n")).order_by("name"),
           'SELECT "pop" AS "n" FROM "cities" WHERE "__is_active__" ORDER BY "name"'),
    golden("sorted by an item", Q.select(DOUBLE).order_by(DOUBLE.desc()),
           'SELECT ("pop" * $1::bigint) AS "column_1" FROM "cities" WHERE "__is_active__" '
           'ORDER BY 1 DESC', 2),
    golden("sorted by an item with a label", Q.select(DOUBLE.as_("twice")).order_by(DOUBLE),
           'SELECT ("pop" * $1::bigint) AS "twice" FROM "cities" WHERE "__is_active__" ORDER '
           'BY 1', 2),
    golden("sorted by what is no item", Q.select(City.name).order_by(DOUBLE),
           'SELECT "name" FROM "cities" WHERE "__is_active__" ORDER BY ("pop" * $1::bigint)', 2),
    golden("sorted by a column beside its label", Q.select(City.name.as_("n")).order_by(City.name),
           'SELECT "name" AS "n" FROM "cities" WHERE "__is_active__" ORDER BY "name"'),
    golden("projection filtered and cut", Q.select(City.name).filter(City.pop > 3).limit(5)
           .offset(1),
           'SELECT "name" FROM "cities" WHERE "pop" > $1 AND "__is_active__" LIMIT $2 OFFSET $3',
           3, 5, 1),
    golden("projection of tags", Q.filter_by_any_tag(["a"]).select(City.id),
           'SELECT "id" FROM "cities" WHERE "__tags__" && $1::text[] AND "__is_active__"', ["a"]),
    golden("sorted by a column that a label hides", Q.select(City.pop.as_("name"))
           .order_by(City.name.desc()),
           'SELECT "pop" AS "name" FROM "cities" WHERE "__is_active__" ORDER BY '
           '"cities"."name" DESC'),
    golden("sorted by a column that an aggregate hides", T.select(count().over())
           .order_by(Thing.count),
           'SELECT count(*) OVER () AS "count" FROM "things" ORDER BY "things"."count"'),
]  # fmt: skip

AGGREGATES = [
    golden("count of rows", Q.select(count()),
           'SELECT count(*) AS "count" FROM "cities" WHERE "__is_active__"'),
    golden("count of a column", Q.select(count(City.founded)),
           'SELECT count("founded") AS "count" FROM "cities" WHERE "__is_active__"'),
    golden("count of different values", Q.select(count_distinct(City.country)),
           'SELECT count(DISTINCT "country") AS "count" FROM "cities" WHERE "__is_active__"'),
    golden("sums", S.select(sum_(Staff.boss), sum_(Staff.pay), sum_(Staff.rate)),
           'SELECT sum("boss") AS "sum", sum("pay") AS "sum_2", sum("rate") AS "sum_3" FROM '
           '"staff"'),
    golden("sum of intervals", T.select(sum_(Thing.span), avg(Thing.span)),
           'SELECT sum("span") AS "sum", avg("span") AS "avg" FROM "things"'),
    golden("means", S.select(avg(Staff.boss), avg(Staff.pay), avg(Staff.rate)),
           'SELECT avg("boss") AS "avg", avg("pay") AS "avg_2", avg("rate") AS "avg_3" FROM '
           '"staff"'),
    golden("sum of different values", S.select(sum_(Staff.pay, distinct=True), avg(Staff.pay,
           distinct=True)),
           'SELECT sum(DISTINCT "pay") AS "sum", avg(DISTINCT "pay") AS "avg" FROM "staff"'),
    golden("least and greatest", S.select(min_(Staff.name), max_(Staff.pay)),
           'SELECT min("name") AS "min", max("pay") AS "max" FROM "staff"'),
    golden("all and any", S.select(bool_and(Staff.away), bool_or(Staff.away)),
           'SELECT bool_and("away") AS "bool_and", bool_or("away") AS "bool_or" FROM "staff"'),
    golden("list", S.select(array_agg(Staff.name)),
           'SELECT array_agg("name") AS "array_agg" FROM "staff"'),
    golden("list of different values in order", S.select(array_agg(Staff.name, distinct=True,
           order_by=Staff.name)),
           'SELECT array_agg(DISTINCT "name" ORDER BY "name") AS "array_agg" FROM "staff"'),
    golden("list in order", S.select(array_agg(Staff.boss, order_by=[Staff.pay.desc().nulls_last(),
           Staff.id])),
           'SELECT array_agg("boss" ORDER BY "pay" DESC NULLS LAST, "id") AS "array_agg" FROM '
           '"staff"'),
    golden("joined texts", S.select(string_agg(Staff.name, ", ")),
           'SELECT string_agg("name", $1::text) AS "string_agg" FROM "staff"', ", "),
    golden("joined texts in order", S.select(string_agg(Staff.name, ", ",
           order_by=Staff.name.desc())),
           'SELECT string_agg("name", $1::text ORDER BY "name" DESC) AS "string_agg" FROM '
           '"staff"', ", "),
    golden("joined different texts", S.select(string_agg(Staff.team, "/", distinct=True)),
           'SELECT string_agg(DISTINCT "team", $1::text) AS "string_agg" FROM "staff"', "/"),
    golden("filtered aggregates", S.select(count().filter(Staff.away.is_true()).as_("n"),
           sum_(Staff.pay).filter(Staff.pay > 5, Staff.team == "x").as_("pay")),
           'SELECT count(*) FILTER (WHERE "away") AS "n", sum("pay") FILTER (WHERE "pay" > $1 '
           'AND "team" = $2) AS "pay" FROM "staff"', Decimal(5), "x"),
    golden("aggregate filtered twice", S.select(count().filter(Staff.pay > 5)
           .filter((Staff.team == "x") | (Staff.team == "y"))),
           'SELECT count(*) FILTER (WHERE "pay" > $1 AND ("team" = $2 OR "team" = $3)) AS '
           '"count" FROM "staff"', Decimal(5), "x", "y"),
    golden("filtered list in order", S.select(array_agg(Staff.name, order_by=Staff.id)
           .filter(Staff.pay > 5)),
           'SELECT array_agg("name" ORDER BY "id") FILTER (WHERE "pay" > $1) AS "array_agg" '
           'FROM "staff"', Decimal(5)),
    golden("aggregate of an expression", S.select(sum_(Staff.pay * 2).as_("n")),
           'SELECT sum(("pay" * $1::numeric)) AS "n" FROM "staff"', Decimal(2)),
    golden("expression of aggregates", S.select((sum_(Staff.pay) / count()).as_("n")),
           'SELECT (sum("pay") / count(*)) AS "n" FROM "staff"'),
    golden("aggregate of case", S.select(sum_(case((Staff.away.is_true(), Staff.pay),
           else_=Staff.pay * 2)).as_("n")),
           'SELECT sum((CASE WHEN "away" THEN "pay" ELSE ("pay" * $1::numeric) END)) AS "n" '
           'FROM "staff"', Decimal(2)),
    golden("sums of integers stay integers", Q.select((sum_(City.pop) + 1).as_("more"),
           (sum_(City.pop) / 2).as_("half"), (sum_(City.pop) % 7).as_("rest")),
           'SELECT (sum("pop") + $1::numeric) AS "more", div(sum("pop"), $2::numeric) AS '
           '"half", (sum("pop") % $3::numeric) AS "rest" FROM "cities" WHERE "__is_active__"',
           Decimal(1), Decimal(2), Decimal(7)),
    golden("sum of integers beside decimals", Q.select((sum_(City.pop) * Decimal("0.5"))
           .as_("half"), coalesce(sum_(City.pop), Decimal("0.5"))),
           'SELECT (sum("pop") * $1::numeric) AS "half", coalesce(sum("pop"), $2::numeric) AS '
           '"coalesce" FROM "cities" WHERE "__is_active__"', Decimal("0.5"), Decimal("0.5")),
]  # fmt: skip

GROUPS = [
    golden("group by a column", Q.select(City.country, count().as_("n")).group_by(City.country),
           'SELECT "country", count(*) AS "n" FROM "cities" WHERE "__is_active__" GROUP BY '
           '"country"'),
    golden("group by a name", Q.select("country", count().as_("n")).group_by("country"),
           'SELECT "country", count(*) AS "n" FROM "cities" WHERE "__is_active__" GROUP BY 1'),
    golden("group by a label", Q.select(City.country.as_("land"), count()).group_by("land"),
           'SELECT "country" AS "land", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY 1'),
    golden("group by a label that is a field too", Q.select(City.country.as_("name"), count())
           .group_by("name"),
           'SELECT "country" AS "name", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY 1'),
    golden("group by an expression", Q.select(DOUBLE.as_("twice"), count()).group_by(DOUBLE),
           'SELECT ("pop" * $1::bigint) AS "twice", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY 1', 2),
    golden("group by the label of an expression", Q.select(DOUBLE.as_("twice"), count())
           .group_by("twice"),
           'SELECT ("pop" * $1::bigint) AS "twice", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY 1', 2),
    golden("group by what is no item", Q.select(count()).group_by(City.country),
           'SELECT count(*) AS "count" FROM "cities" WHERE "__is_active__" GROUP BY "country"'),
    golden("group by several", Q.select(City.country, City.parent, count()).group_by(City.country)
           .group_by("parent"),
           'SELECT "country", "parent", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country", 2'),
    golden("rollup", Q.select(City.country, City.parent, count()).group_by(rollup(City.country,
           City.parent)),
           'SELECT "country", "parent", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY ROLLUP ("country", "parent")'),
    golden("cube", Q.select(City.country, City.parent, count()).group_by(cube(City.country,
           City.parent)),
           'SELECT "country", "parent", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY CUBE ("country", "parent")'),
    golden("grouping sets", Q.select(City.country, City.parent, count())
           .group_by(grouping_sets((City.country, City.parent), (City.country,), ())),
           'SELECT "country", "parent", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY GROUPING SETS (("country", "parent"), ("country"), ())'),
    golden("rollup beside a key", Q.select(City.country, City.parent, count())
           .group_by(City.country, rollup(City.parent)),
           'SELECT "country", "parent", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country", ROLLUP ("parent")'),
    golden("rollup of an expression", Q.select(DOUBLE, count()).group_by(rollup(DOUBLE)),
           'SELECT ("pop" * $1::bigint) AS "column_1", count(*) AS "count" FROM "cities" WHERE '
           '"__is_active__" GROUP BY ROLLUP (1)', 2),
    golden("grouping", Q.select(City.country, func.grouping(City.country, returns=int).as_("all"),
           count()).group_by(rollup(City.country)),
           'SELECT "country", grouping("country") AS "all", count(*) AS "count" FROM "cities" '
           'WHERE "__is_active__" GROUP BY ROLLUP ("country")'),
    golden("having", Q.select(City.country).group_by(City.country).having(count() > 3,
           sum_(City.pop) < 9),
           'SELECT "country" FROM "cities" WHERE "__is_active__" GROUP BY "country" HAVING '
           'count(*) > $1 AND sum("pop") < $2', 3, Decimal(9)),
    golden("having by a label", Q.select(City.country, count().as_("n")).group_by(City.country)
           .having(QueryFilter.gt("n", 3)),
           'SELECT "country", count(*) AS "n" FROM "cities" WHERE "__is_active__" GROUP BY '
           '"country" HAVING count(*) > $1', 3),
    golden("having or", Q.select(City.country).group_by(City.country).having((count() > 3)
           | (City.country == "DE")),
           'SELECT "country" FROM "cities" WHERE "__is_active__" GROUP BY "country" HAVING '
           '(count(*) > $1 OR "country" = $2)', 3, "DE"),
    golden("having without groups", Q.select(count()).having(count() > 3),
           'SELECT count(*) AS "count" FROM "cities" WHERE "__is_active__" HAVING count(*) > $1',
           3),
    golden("having an aggregate with a value", Q.select(City.country, sum_(City.pop + 1).as_("n"))
           .group_by(City.country).having(QueryFilter.gt("n", 3)).order_by("n"),
           'SELECT "country", sum(("pop" + $1::bigint)) AS "n" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country" HAVING sum(("pop" + $1::bigint)) > $2 ORDER BY '
           '"n"', 1, Decimal(3)),
    golden("groups filtered, sorted and cut", Q.filter(City.pop > 1).select(City.country,
           avg(City.pop).as_("mean")).group_by(City.country).order_by(asc("mean"), City.country)
           .limit(3),
           'SELECT "country", avg("pop") AS "mean" FROM "cities" WHERE "pop" > $1 AND '
           '"__is_active__" GROUP BY "country" ORDER BY "mean", "country" LIMIT $2', 1, 3),
    golden("sorted by an aggregate", Q.select(City.country).group_by(City.country).order_by(count()
           .desc()),
           'SELECT "country" FROM "cities" WHERE "__is_active__" GROUP BY "country" ORDER BY '
           'count(*) DESC'),
]  # fmt: skip

DISTINCT = [
    golden("distinct models", Q.distinct(),
           f'SELECT DISTINCT {CITY} FROM "cities" WHERE "__is_active__"'),
    golden("distinct projection", Q.select(City.country).distinct().order_by("country"),
           'SELECT DISTINCT "country" FROM "cities" WHERE "__is_active__" ORDER BY "country"'),
    golden("distinct on", Q.distinct(City.country).order_by(City.country, City.pop.desc()),
           f'SELECT DISTINCT ON ("country") {CITY} FROM "cities" WHERE "__is_active__" ORDER BY '
           '"country", "pop" DESC'),
    golden("distinct on a name", Q.distinct("country").order_by("country"),
           f'SELECT DISTINCT ON ("country") {CITY} FROM "cities" WHERE "__is_active__" ORDER BY '
           '"country"'),
    golden("distinct on several", Q.select(City.country, City.parent).distinct(City.country,
           "parent").order_by(City.country, "parent"),
           'SELECT DISTINCT ON ("country", 2) "country", "parent" FROM "cities" WHERE '
           '"__is_active__" ORDER BY "country", "parent"'),
    golden("distinct on a label", Q.select(City.country.as_("land"), City.pop).distinct("land")
           .order_by("land"),
           'SELECT DISTINCT ON (1) "country" AS "land", "pop" FROM "cities" WHERE '
           '"__is_active__" ORDER BY "land"'),
    golden("distinct on an expression", Q.select(DOUBLE.as_("twice"), City.name).distinct(DOUBLE)
           .order_by(DOUBLE),
           'SELECT DISTINCT ON (1) ("pop" * $1::bigint) AS "twice", "name" FROM "cities" WHERE '
           '"__is_active__" ORDER BY 1', 2),
    counted("count of distinct models", Q.distinct(City.country),
            f'SELECT count(*) FROM (SELECT DISTINCT ON ("country") {CITY} FROM "cities" WHERE '
            '"__is_active__") AS "counted"'),
    existing("whether there are distinct models", Q.distinct(),
             f'SELECT EXISTS (SELECT DISTINCT {CITY} FROM "cities" WHERE "__is_active__")'),
    golden("distinct on a column that a label hides", Q.select(City.pop.as_("name"))
           .distinct(City.name).order_by(City.name),
           'SELECT DISTINCT ON ("cities"."name") "pop" AS "name" FROM "cities" WHERE '
           '"__is_active__" ORDER BY "cities"."name"'),
]  # fmt: skip

LOCKS = [
    golden("for update", S.filter(Staff.id == 1).for_update(),
           f'SELECT {STAFF} FROM "staff" WHERE "id" = $1 FOR UPDATE', 1),
    golden("for no key update", S.for_update(no_key=True),
           f'SELECT {STAFF} FROM "staff" FOR NO KEY UPDATE'),
    golden("for share", S.for_share(),
           f'SELECT {STAFF} FROM "staff" FOR SHARE'),
    golden("for key share", S.for_share(key=True),
           f'SELECT {STAFF} FROM "staff" FOR KEY SHARE'),
    golden("skip locked", S.order_by("id").limit(5).for_update(skip_locked=True),
           f'SELECT {STAFF} FROM "staff" ORDER BY "id" LIMIT $1 FOR UPDATE SKIP LOCKED', 5),
    golden("nowait", S.for_share(nowait=True),
           f'SELECT {STAFF} FROM "staff" FOR SHARE NOWAIT'),
    golden("lock of one source", S.join(City, on=Staff.city == City.id).for_update(Staff),
           f'SELECT {STAFFS} FROM "staff" JOIN "cities" ON "staff"."city" = "cities"."id" AND '
           '"cities"."__is_active__" FOR UPDATE OF "staff"'),
    golden("locks of two sources", S.join(City, on=Staff.city == City.id, how="left")
           .for_update(Staff, no_key=True, skip_locked=True),
           f'SELECT {STAFFS} FROM "staff" LEFT JOIN "cities" ON "staff"."city" = "cities"."id" '
           'AND "cities"."__is_active__" FOR NO KEY UPDATE OF "staff" SKIP LOCKED'),
    golden("two locks", S.join(City, on=Staff.city == City.id).for_update(Staff).for_share(City,
           key=True, nowait=True),
           f'SELECT {STAFFS} FROM "staff" JOIN "cities" ON "staff"."city" = "cities"."id" AND '
           '"cities"."__is_active__" FOR UPDATE OF "staff" FOR KEY SHARE OF "cities" NOWAIT'),
    golden("lock on a projection", S.select(Staff.id).for_update(),
           'SELECT "id" FROM "staff" FOR UPDATE'),
    golden("lock on computed items", S.select(Staff.pay * 2, func.upper(Staff.name, returns=str))
           .for_share(),
           'SELECT ("pay" * $1::numeric) AS "column_1", "upper"("name") AS "upper" FROM '
           '"staff" FOR SHARE', Decimal(2)),
]  # fmt: skip

PROJECTIONS = [*ITEMS, *AGGREGATES, *GROUPS, *DISTINCT, *LOCKS]

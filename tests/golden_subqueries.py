"""Golden queries within queries: IN, EXISTS, scalars, common table expressions, set operations."""

from decimal import Decimal

from golden_tables import (
    CITY,
    COUNTRY,
    STAFF,
    STAFFS,
    City,
    Country,
    L,
    Q,
    S,
    Staff,
    counted,
    existing,
    golden,
)
from storehaus import coalesce, count, exists_, func, literal, max_, scalar, sum_
from storehaus.query import alias, cte, desc
from storehaus.sql import QueryBuilder

Boss = alias(Staff, "boss")
CODES = L.filter(Country.title == "x").select(Country.code)
HAS_CITY = exists_(Q.filter(City.country == Country.code))

NESTED = [
    golden("in a query", Q.filter(City.country.in_(CODES)),
           f'SELECT {CITY} FROM "cities" WHERE "country" IN (SELECT "code" FROM "countries" '
           'WHERE "title" = $1 AND "__is_active__") AND "__is_active__"', "x"),
    golden("not in a query", Q.filter(City.country.not_in(CODES)),
           f'SELECT {CITY} FROM "cities" WHERE "country" NOT IN (SELECT "code" FROM "countries" '
           'WHERE "title" = $1 AND "__is_active__") AND "__is_active__"', "x"),
    golden("in a query with a limit", Q.filter(City.country.in_(L.select(Country.code)
           .order_by(Country.title).limit(3))),
           f'SELECT {CITY} FROM "cities" WHERE "country" IN (SELECT "code" FROM "countries" '
           'WHERE "__is_active__" ORDER BY "title" LIMIT $1) AND "__is_active__"', 3),
    golden("in a query of the same table", S.filter(Staff.id.in_(S.filter(Staff.pay > 5)
           .select(Staff.boss))),
           f'SELECT {STAFF} FROM "staff" WHERE "id" IN (SELECT "boss" FROM "staff" AS "staff_2" '
           'WHERE "pay" > $1)', Decimal(5)),
    golden("in a correlated query", S.filter(Staff.city.in_(Q.filter(City.name == Staff.name)
           .select(City.id))),
           f'SELECT {STAFF} FROM "staff" WHERE "city" IN (SELECT "id" FROM "cities" WHERE '
           '"name" = "staff"."name" AND "__is_active__")'),
    golden("in a query of aggregates", S.filter(Staff.pay.in_(S.select(max_(Staff.pay))
           .group_by(Staff.team))),
           f'SELECT {STAFF} FROM "staff" WHERE "pay" IN (SELECT max("pay") AS "max" FROM '
           '"staff" AS "staff_2" GROUP BY "team")'),
    golden("an expression in a query", S.filter((Staff.id + 1).in_(S.select(Staff.boss))),
           f'SELECT {STAFF} FROM "staff" WHERE ("id" + $1::bigint) IN (SELECT "boss" FROM '
           '"staff" AS "staff_2")', 1),
    golden("in a union", Q.filter(City.country.in_(CODES.union(L.select(Country.title)))),
           f'SELECT {CITY} FROM "cities" WHERE "country" IN ((SELECT "code" FROM "countries" '
           'WHERE "title" = $1 AND "__is_active__") UNION (SELECT "title" FROM "countries" '
           'WHERE "__is_active__")) AND "__is_active__"', "x"),
    golden("exists of another table", L.filter(HAS_CITY),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND "__is_active__") AND "__is_active__"'),
    golden("not exists", L.filter(~HAS_CITY),
           f'SELECT {COUNTRY} FROM "countries" WHERE NOT (EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND "__is_active__")) AND "__is_active__"'),
    golden("exists or", L.filter(HAS_CITY | (Country.title == "x")),
           f'SELECT {COUNTRY} FROM "countries" WHERE (EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND "__is_active__") OR "title" = $1) AND '
           '"__is_active__"', "x"),
    golden("exists without correlation", L.filter(exists_(S.filter(Staff.pay > 5).limit(1))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT 1 FROM "staff" WHERE "pay" '
           '> $1 LIMIT $2) AND "__is_active__"', Decimal(5), 1),
    golden("exists within exists", L.filter(exists_(Q.filter(City.country == Country.code,
           exists_(S.filter(Staff.city == City.id, Staff.name == Country.title))))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND EXISTS (SELECT 1 FROM "staff" WHERE "city" = '
           '"cities"."id" AND "name" = "countries"."title") AND "__is_active__") AND '
           '"__is_active__"'),
    golden("exists of the same table", S.filter(exists_(QueryBuilder(Boss)
           .filter(Boss.id == Staff.boss, Boss.pay < Staff.pay))),
           f'SELECT {STAFF} FROM "staff" WHERE EXISTS (SELECT 1 FROM "staff" AS "boss" WHERE '
           '"id" = "staff"."boss" AND "pay" < "staff"."pay")'),
    golden("exists with a join", L.filter(exists_(Q.join(Staff, on=Staff.city == City.id)
           .filter(City.country == Country.code))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" JOIN '
           '"staff" ON "staff"."city" = "cities"."id" WHERE "cities"."country" = '
           '"countries"."code" AND "cities"."__is_active__") AND "__is_active__"'),
    golden("exists of groups", L.filter(exists_(Q.filter(City.country == Country.code)
           .select(City.country).group_by(City.country).having(count() > 5))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT "country" FROM "cities" '
           'WHERE "country" = "countries"."code" AND "__is_active__" GROUP BY "country" HAVING '
           'count(*) > $1) AND "__is_active__"', 5),
    golden("exists as an item", L.select(Country.code, HAS_CITY),
           'SELECT "code", (EXISTS (SELECT 1 FROM "cities" WHERE "country" = '
           '"countries"."code" AND "__is_active__")) AS "column_2" FROM "countries" WHERE '
           '"__is_active__"'),
    golden("exists in a join", S.join(City, on=(Staff.city == City.id)
           & exists_(L.filter(Country.code == City.country))).select(Staff.id),
           'SELECT "staff"."id" FROM "staff" JOIN "cities" ON "staff"."city" = "cities"."id" '
           'AND EXISTS (SELECT 1 FROM "countries" WHERE "code" = "cities"."country" AND '
           '"__is_active__") AND "cities"."__is_active__"'),
    golden("scalar", L.select(Country.code, scalar(Q.filter(City.country == Country.code)
           .select(count())).as_("n")),
           'SELECT "code", (SELECT count(*) AS "count" FROM "cities" WHERE "country" = '
           '"countries"."code" AND "__is_active__") AS "n" FROM "countries" WHERE '
           '"__is_active__"'),
    golden("compared with a scalar", Q.filter(City.pop > scalar(Q.select(max_(City.pop))
           .filter(City.name == "x"))),
           f'SELECT {CITY} FROM "cities" WHERE "pop" > (SELECT max("pop") AS "max" FROM '
           '"cities" AS "cities_2" WHERE "name" = $1 AND "__is_active__") AND "__is_active__"',
           "x"),
    golden("sorted by a scalar", L.order_by(scalar(Q.filter(City.country == Country.code)
           .select(sum_(City.pop))).desc()),
           f'SELECT {COUNTRY} FROM "countries" WHERE "__is_active__" ORDER BY (SELECT '
           'sum("pop") AS "sum" FROM "cities" WHERE "country" = "countries"."code" AND '
           '"__is_active__") DESC'),
    golden("scalar in arithmetic", Q.select((City.pop - scalar(S.select(max_(Staff.id))))
           .as_("rest")),
           'SELECT ("pop" - (SELECT max("id") AS "max" FROM "staff")) AS "rest" FROM "cities" '
           'WHERE "__is_active__"'),
    golden("scalar within a scalar", L.select(scalar(Q.select(max_(City.pop))
           .filter(City.country.in_(L.select(Country.code)))).as_("n")),
           'SELECT (SELECT max("pop") AS "max" FROM "cities" WHERE "country" IN (SELECT "code" '
           'FROM "countries" AS "countries_2" WHERE "__is_active__") AND "__is_active__") AS '
           '"n" FROM "countries" WHERE "__is_active__"'),
    counted("count with exists", L.filter(HAS_CITY),
            'SELECT count(*) FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
            '"country" = "countries"."code" AND "__is_active__") AND "__is_active__"'),
    existing("whether there is one with exists", L.filter(HAS_CITY),
             'SELECT EXISTS (SELECT 1 FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" '
             'WHERE "country" = "countries"."code" AND "__is_active__") AND "__is_active__")'),
    golden("exists of a computed aggregate", L.filter(exists_(Q.filter(City.country == Country.code)
           .select(coalesce(sum_(City.pop), 0)))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT coalesce(sum("pop"), '
           '$1::numeric) AS "coalesce" FROM "cities" WHERE "country" = "countries"."code" AND '
           '"__is_active__") AND "__is_active__"', Decimal(0)),
    golden("exists of a function of many rows",
           L.filter(exists_(S.select(func.unnest(Staff.skills)))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT "unnest"("skills") AS '
           '"unnest" FROM "staff") AND "__is_active__"'),
    golden("exists of computed columns", L.filter(exists_(S.filter(Staff.pay > 5).select(Staff.name,
           "team"))),
           f'SELECT {COUNTRY} FROM "countries" WHERE EXISTS (SELECT 1 FROM "staff" WHERE "pay" '
           '> $1) AND "__is_active__"', Decimal(5)),
]  # fmt: skip

totals = cte("totals")
TOTALS = Q.select(City.country, sum_(City.pop).as_("total")).group_by(City.country)
Big = cte("big", City)
Tree = cte("tree", Staff)
steps = cte("steps")
COUNTING = (
    S.filter(Staff.id == 1)
    .select(Staff.id, literal(0).as_("depth"))
    .union_all(S.join(steps, on=Staff.boss == steps["id"]).select(Staff.id, steps["depth"] + 1))
)

CTES = [
    golden("common table expression", QueryBuilder.from_(totals).with_("totals", TOTALS)
           .select(totals["country"], totals["total"]).filter(totals["total"] > 5),
           'WITH "totals" AS (SELECT "country", sum("pop") AS "total" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country") SELECT "country", "total" FROM "totals" WHERE '
           '"total" > $1', Decimal(5)),
    golden("common table expression joined", L.with_("totals", TOTALS).join(totals,
           on=Country.code == totals["country"], how="left").select(Country.title, totals["total"]),
           'WITH "totals" AS (SELECT "country", sum("pop") AS "total" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country") SELECT "countries"."title", "totals"."total" '
           'FROM "countries" LEFT JOIN "totals" ON "countries"."code" = "totals"."country" '
           'WHERE "countries"."__is_active__"'),
    golden("common table expression twice", QueryBuilder.from_(totals).with_("totals", TOTALS)
           .join(totals.as_("other"), on=totals["total"] < totals.as_("other")["total"])
           .select(totals["country"], totals.as_("other")["country"]),
           'WITH "totals" AS (SELECT "country", sum("pop") AS "total" FROM "cities" WHERE '
           '"__is_active__" GROUP BY "country") SELECT "totals"."country", "other"."country" '
           'AS "country_2" FROM "totals" JOIN "totals" AS "other" ON "totals"."total" < '
           '"other"."total"'),
    golden("materialized", QueryBuilder.from_(totals).with_("totals", TOTALS, materialized=True)
           .select(totals["total"]),
           'WITH "totals" AS MATERIALIZED (SELECT "country", sum("pop") AS "total" FROM '
           '"cities" WHERE "__is_active__" GROUP BY "country") SELECT "total" FROM "totals"'),
    golden("not materialized", QueryBuilder.from_(totals).with_("totals", TOTALS,
           materialized=False).select(totals["total"]),
           'WITH "totals" AS NOT MATERIALIZED (SELECT "country", sum("pop") AS "total" FROM '
           '"cities" WHERE "__is_active__" GROUP BY "country") SELECT "total" FROM "totals"'),
    golden("common table expression of models", QueryBuilder(Big).with_("big",
           Q.filter(City.pop > 5)).filter(Big.country == "DE").order_by("name"),
           f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
           f'SELECT {CITY} FROM "big" WHERE "country" = $2 ORDER BY "name"', 5, "DE"),
    golden("common table expression of models beside the table", Q.with_("big",
           Q.filter(City.pop > 5)).join(Big, on=City.parent == Big.id).select(City.name, Big.name),
           f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
           'SELECT "cities"."name", "big"."name" AS "name_2" FROM "cities" JOIN "big" ON '
           '"cities"."parent" = "big"."id" WHERE "cities"."__is_active__"', 5),
    golden("alias of a common table expression", QueryBuilder(Big).with_("big",
           Q.filter(City.pop > 5)).join(alias(Big, "other"), on=alias(Big, "other")
           .parent == Big.id).select(Big.id, alias(Big, "other").id),
           f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
           'SELECT "big"."id", "other"."id" AS "id_2" FROM "big" JOIN "big" AS "other" ON '
           '"other"."parent" = "big"."id"', 5),
    golden("two common table expressions", QueryBuilder.from_(totals).with_("big",
           Q.filter(City.pop > 5)).with_("totals", QueryBuilder(Big).select(Big.country, count()
           .as_("total")).group_by(Big.country)).select(totals["total"]),
           f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__"), '
           '"totals" AS (SELECT "country", count(*) AS "total" FROM "big" GROUP BY "country") '
           'SELECT "total" FROM "totals"', 5),
    golden("common table expression in a subquery", L.with_("totals", TOTALS)
           .filter(Country.code.in_(QueryBuilder.from_(totals).select(totals["country"]))),
           'WITH "totals" AS (SELECT "country", sum("pop") AS "total" FROM "cities" WHERE '
           f'"__is_active__" GROUP BY "country") SELECT {COUNTRY} FROM "countries" WHERE "code" '
           'IN (SELECT "country" FROM "totals") AND "__is_active__"'),
    golden("common table expression of a subquery",
           L.filter(Country.code.in_(QueryBuilder.from_(totals).with_("totals", TOTALS)
           .select(totals["country"]))),
           f'SELECT {COUNTRY} FROM "countries" WHERE "code" IN (WITH "totals" AS (SELECT '
           '"country", sum("pop") AS "total" FROM "cities" WHERE "__is_active__" GROUP BY '
           '"country") SELECT "country" FROM "totals") AND "__is_active__"'),
    golden("recursive models", QueryBuilder(Tree).with_("tree", S.filter(Staff.id == 1)
           .union_all(S.join(Tree, on=Staff.boss == Tree.id)), recursive=True).order_by(Tree.name),
           f'WITH RECURSIVE "tree" AS ((SELECT {STAFF} FROM "staff" WHERE "id" = $1) UNION ALL '
           f'(SELECT {STAFFS} FROM "staff" JOIN "tree" ON "staff"."boss" = "tree"."id")) SELECT '
           f'{STAFF} FROM "tree" ORDER BY "name"', 1),
    golden("recursive models without equal rows", QueryBuilder(Tree).with_("tree",
           S.filter(Staff.id == 1).union(S.join(Tree, on=Staff.boss == Tree.id)), recursive=True),
           f'WITH RECURSIVE "tree" AS ((SELECT {STAFF} FROM "staff" WHERE "id" = $1) UNION '
           f'(SELECT {STAFFS} FROM "staff" JOIN "tree" ON "staff"."boss" = "tree"."id")) SELECT '
           f'{STAFF} FROM "tree"', 1),
    golden("recursive projection", QueryBuilder.from_(steps).with_("steps", COUNTING,
           recursive=True).select(steps["id"], steps["depth"]),
           'WITH RECURSIVE "steps" AS ((SELECT "id", $2::bigint AS "depth" FROM "staff" WHERE '
           '"id" = $1) UNION ALL (SELECT "staff"."id", ("steps"."depth" + $3::bigint) AS '
           '"column_2" FROM "staff" JOIN "steps" ON "staff"."boss" = "steps"."id")) SELECT '
           '"id", "depth" FROM "steps"', 1, 0, 1),
    counted("count of a common table expression", QueryBuilder(Big).with_("big",
            Q.filter(City.pop > 5)),
            f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
            'SELECT count(*) FROM "big"', 5),
    existing("whether a common table expression has rows", QueryBuilder(Big).with_("big",
             Q.filter(City.pop > 5)),
             f'SELECT EXISTS (WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND '
             '"__is_active__") SELECT 1 FROM "big")', 5),
    counted("count of distinct rows of a common table expression", QueryBuilder(Big).with_("big",
            Q.filter(City.pop > 5)).distinct("name"),
            f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
            f'SELECT count(*) FROM (SELECT DISTINCT ON ("name") {CITY} FROM "big") AS "counted"',
            5),
]  # fmt: skip

LOW, HIGH = S.filter(Staff.pay < 5), S.filter(Staff.pay > 9)
NAMES, TITLES = Q.select(City.name), L.select(Country.title)

SETS = [
    golden("union of models", LOW.union(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION (SELECT {STAFF} FROM "staff" '
           'WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("union all of models", LOW.union_all(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION ALL (SELECT {STAFF} FROM '
           '"staff" WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("intersect of models", LOW.intersect(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) INTERSECT (SELECT {STAFF} FROM '
           '"staff" WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("intersect all of models", LOW.intersect_all(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) INTERSECT ALL (SELECT {STAFF} FROM '
           '"staff" WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("except of models", LOW.except_(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) EXCEPT (SELECT {STAFF} FROM "staff" '
           'WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("except all of models", LOW.except_all(HIGH),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) EXCEPT ALL (SELECT {STAFF} FROM '
           '"staff" WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("union of projections", NAMES.union(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") UNION (SELECT "title" FROM '
           '"countries" WHERE "__is_active__")'),
    golden("union all of projections", NAMES.union_all(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") UNION ALL (SELECT "title" FROM '
           '"countries" WHERE "__is_active__")'),
    golden("intersect of projections", NAMES.intersect(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") INTERSECT (SELECT "title" FROM '
           '"countries" WHERE "__is_active__")'),
    golden("intersect all of projections", NAMES.intersect_all(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") INTERSECT ALL (SELECT "title" '
           'FROM "countries" WHERE "__is_active__")'),
    golden("except of projections", NAMES.except_(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") EXCEPT (SELECT "title" FROM '
           '"countries" WHERE "__is_active__")'),
    golden("except all of projections", NAMES.except_all(TITLES),
           '(SELECT "name" FROM "cities" WHERE "__is_active__") EXCEPT ALL (SELECT "title" '
           'FROM "countries" WHERE "__is_active__")'),
    golden("union filtered", LOW.union(HIGH).filter(Staff.team == "x"),
           f'SELECT {STAFF} FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION (SELECT '
           f'{STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff" WHERE "team" = $3',
           Decimal(5), Decimal(9), "x"),
    golden("union sorted and cut", LOW.union(HIGH).order_by(Staff.pay.desc(), "id").limit(5)
           .offset(2),
           f'SELECT {STAFF} FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION (SELECT '
           f'{STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff" ORDER BY "pay" DESC, "id" LIMIT '
           '$3 OFFSET $4', Decimal(5), Decimal(9), 5, 2),
    golden("union of cut queries", LOW.order_by("id").limit(3).union(HIGH.order_by("id").limit(4)),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1 ORDER BY "id" LIMIT $2) UNION '
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" > $3 ORDER BY "id" LIMIT $4)',
           Decimal(5), 3, Decimal(9), 4),
    golden("union of a union", LOW.union(HIGH).except_(S.filter(Staff.away.is_true())),
           f'((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION (SELECT {STAFF} FROM "staff" '
           f'WHERE "pay" > $2)) EXCEPT (SELECT {STAFF} FROM "staff" WHERE "away")',
           Decimal(5), Decimal(9)),
    golden("union with a union", LOW.union_all(HIGH.intersect(S)),
           f'(SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION ALL ((SELECT {STAFF} FROM '
           f'"staff" WHERE "pay" > $2) INTERSECT (SELECT {STAFF} FROM "staff"))',
           Decimal(5), Decimal(9)),
    golden("union projected", LOW.union(HIGH).select(Staff.team, count()).group_by(Staff.team),
           f'SELECT "team", count(*) AS "count" FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" '
           f'< $1) UNION (SELECT {STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff" GROUP BY '
           '"team"', Decimal(5), Decimal(9)),
    golden("union joined", LOW.union(HIGH).join(City, on=Staff.city == City.id).select(Staff.name,
           City.name),
           f'SELECT "staff"."name", "cities"."name" AS "name_2" FROM ((SELECT {STAFF} FROM '
           f'"staff" WHERE "pay" < $1) UNION (SELECT {STAFF} FROM "staff" WHERE "pay" > $2)) AS '
           '"staff" JOIN "cities" ON "staff"."city" = "cities"."id" AND '
           '"cities"."__is_active__"', Decimal(5), Decimal(9)),
    golden("union of projections sorted", NAMES.union(TITLES).order_by(desc("name")).limit(3),
           'SELECT "name" FROM ((SELECT "name" FROM "cities" WHERE "__is_active__") UNION '
           '(SELECT "title" FROM "countries" WHERE "__is_active__")) AS "combined" ORDER BY '
           '"name" DESC LIMIT $1', 3),
    golden("union of projections of a union", NAMES.union(TITLES).union_all(NAMES).offset(1),
           'SELECT "name" FROM (((SELECT "name" FROM "cities" WHERE "__is_active__") UNION '
           '(SELECT "title" FROM "countries" WHERE "__is_active__")) UNION ALL (SELECT "name" '
           'FROM "cities" WHERE "__is_active__")) AS "combined" OFFSET $1', 1),
    golden("union with a common table expression", LOW.union(HIGH).with_("totals", TOTALS),
           'WITH "totals" AS (SELECT "country", sum("pop") AS "total" FROM "cities" WHERE '
           f'"__is_active__" GROUP BY "country") (SELECT {STAFF} FROM "staff" WHERE "pay" < $1) '
           f'UNION (SELECT {STAFF} FROM "staff" WHERE "pay" > $2)', Decimal(5), Decimal(9)),
    golden("union of models as a derived table", QueryBuilder.from_(LOW.union(HIGH).as_("u"))
           .select(LOW.union(HIGH).as_("u")["name"]),
           f'SELECT "name" FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION (SELECT '
           f'{STAFF} FROM "staff" WHERE "pay" > $2)) AS "u"', Decimal(5), Decimal(9)),
    golden("distinct union", LOW.union_all(HIGH).distinct("team").order_by("team"),
           f'SELECT DISTINCT ON ("team") {STAFF} FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" '
           f'< $1) UNION ALL (SELECT {STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff" ORDER '
           'BY "team"', Decimal(5), Decimal(9)),
    counted("count of a union", LOW.union(HIGH),
            f'SELECT count(*) FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) UNION '
            f'(SELECT {STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff"', Decimal(5), Decimal(9)),
    existing("whether a union has rows", LOW.union(HIGH).filter(Staff.id > 3),
             f'SELECT EXISTS (SELECT 1 FROM ((SELECT {STAFF} FROM "staff" WHERE "pay" < $1) '
             f'UNION (SELECT {STAFF} FROM "staff" WHERE "pay" > $2)) AS "staff" WHERE "id" > $3)',
             Decimal(5), Decimal(9), 3),
]  # fmt: skip

SUBQUERIES = [*NESTED, *CTES, *SETS]

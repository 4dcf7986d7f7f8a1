"""Golden queries with several sources: every kind of join, aliases, derived tables."""

from golden_queries import Airport, Book, Member, Mood, Named
from golden_tables import (
    BOSS,
    CITIES,
    CITY,
    COUNTRIES,
    COUNTRY,
    STAFF,
    STAFFS,
    City,
    Country,
    L,
    Q,
    S,
    Staff,
    golden,
)
from storehaus import count, func, max_
from storehaus.query import alias, optional
from storehaus.sql import QueryBuilder

Boss = alias(Staff, "boss")
Up = alias(City, "up")
IN_COUNTRY = Country.code == City.country

KINDS = [
    golden("inner join", Q.join(Country, on=IN_COUNTRY),
           f'SELECT {CITIES} FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("left join", Q.join(Country, on=IN_COUNTRY, how="left"),
           f'SELECT {CITIES} FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("right join", Q.join(Country, on=IN_COUNTRY, how="right").models(),
           f'SELECT {CITIES}, {COUNTRIES} FROM (SELECT {CITY} FROM "cities" WHERE '
           f'"__is_active__") AS "cities" RIGHT JOIN (SELECT {COUNTRY} FROM "countries" WHERE '
           '"__is_active__") AS "countries" ON "countries"."code" = "cities"."country"'),
    golden("full join", Q.join(Country, on=IN_COUNTRY, how="full").models(),
           f'SELECT {CITIES}, {COUNTRIES} FROM (SELECT {CITY} FROM "cities" WHERE '
           f'"__is_active__") AS "cities" FULL JOIN (SELECT {COUNTRY} FROM "countries" WHERE '
           '"__is_active__") AS "countries" ON "countries"."code" = "cities"."country"'),
    golden("cross join", Q.join(Country, how="cross"),
           f'SELECT {CITIES} FROM "cities" CROSS JOIN "countries" WHERE '
           '"cities"."__is_active__" AND "countries"."__is_active__"'),
    golden("join without soft delete", S.join(Boss, on=Staff.boss == Boss.id),
           f'SELECT {STAFFS} FROM "staff" JOIN "staff" AS "boss" ON "staff"."boss" = "boss"."id"'),
    golden("join in a schema", QueryBuilder(Member).join(Airport, on=Member.id == Airport.id)
           .filter(Member.mood == Mood.BAD).select(Member.id, Member.mood),
           'SELECT "members"."id", "members"."mood" FROM "club"."members" JOIN "airports" ON '
           '"members"."id" = "airports"."id" AND "airports"."__is_active__" WHERE '
           '"members"."mood" = $1 AND "members"."enabled"', "so 'bad'"),
    golden("join on or", Q.join(Country, on=IN_COUNTRY | (City.pop > 5)).select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON ("countries"."code" = '
           '"cities"."country" OR "cities"."pop" > $1) AND "countries"."__is_active__" WHERE '
           '"cities"."__is_active__"', 5),
    golden("join on and", Q.join(Country, on=IN_COUNTRY & (Country.title == "x")).select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."title" = $1 AND "countries"."__is_active__" '
           'WHERE "cities"."__is_active__"', "x"),
    golden("join on not", Q.join(Country, on=~IN_COUNTRY).select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON NOT ("countries"."code" = '
           '"cities"."country") AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("join on or without soft delete", S.join(Boss, on=(Staff.boss == Boss.id)
           | (Staff.id == Boss.id)).select(Staff.id),
           'SELECT "staff"."id" FROM "staff" JOIN "staff" AS "boss" ON ("staff"."boss" = '
           '"boss"."id" OR "staff"."id" = "boss"."id")'),
    golden("join on a value only", Q.join(Country, on=Country.code == "DE").select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON "countries"."code" = $1 AND '
           '"countries"."__is_active__" WHERE "cities"."__is_active__"', "DE"),
    golden("column of the abstract class in a join", S.join(Book, on=Staff.id == Book.id)
           .select(Named.title),
           'SELECT "books"."title" FROM "staff" JOIN "books" ON "staff"."id" = "books"."id"'),
]  # fmt: skip

MODELS_OF_JOINS = [
    golden("models of an inner join", S.join(Boss, on=Staff.boss == Boss.id).models(),
           f'SELECT {STAFFS}, {BOSS} FROM "staff" JOIN "staff" AS "boss" ON "staff"."boss" = '
           '"boss"."id"'),
    golden("models of a left join", Q.join(Country, on=IN_COUNTRY, how="left").models(),
           f'SELECT {CITIES}, {COUNTRIES} FROM "cities" LEFT JOIN "countries" ON '
           '"countries"."code" = "cities"."country" AND "countries"."__is_active__" WHERE '
           '"cities"."__is_active__"'),
    golden("models without a join", L.models(),
           f'SELECT {COUNTRY} FROM "countries" WHERE "__is_active__"'),
    golden("models leave derived tables out", Q.join(L.select(Country.code).as_("c"), how="cross")
           .models(),
           f'SELECT {CITIES} FROM "cities" CROSS JOIN (SELECT "code" FROM "countries" WHERE '
           '"__is_active__") AS "c" WHERE "cities"."__is_active__"'),
    golden("models of a join of three", S.join(Boss, on=Staff.boss == Boss.id, how="left")
           .join(City, on=Staff.city == City.id).models(),
           f'SELECT {STAFFS}, {BOSS}, {CITIES} FROM "staff" LEFT JOIN "staff" AS "boss" ON '
           '"staff"."boss" = "boss"."id" JOIN "cities" ON "staff"."city" = "cities"."id" AND '
           '"cities"."__is_active__"'),
    golden("select of models", Q.join(Country, on=IN_COUNTRY, how="left").select(City.name,
           optional(Country)),
           f'SELECT "cities"."name", {COUNTRIES} FROM "cities" LEFT JOIN "countries" ON '
           '"countries"."code" = "cities"."country" AND "countries"."__is_active__" WHERE '
           '"cities"."__is_active__"'),
]  # fmt: skip

SELF = [
    golden("self join", S.join(Boss, on=Staff.boss == Boss.id).filter(Boss.pay > Staff.pay)
           .order_by(Boss.name, Staff.name).select(Staff.name, Boss.name.as_("boss")),
           'SELECT "staff"."name", "boss"."name" AS "boss" FROM "staff" JOIN "staff" AS "boss" '
           'ON "staff"."boss" = "boss"."id" WHERE "boss"."pay" > "staff"."pay" ORDER BY '
           '"boss"."name", "staff"."name"'),
    golden("alias first", QueryBuilder(Boss).filter(Boss.name == "x"),
           f'SELECT {STAFF} FROM "staff" AS "boss" WHERE "name" = $1', "x"),
    golden("alias first by name", QueryBuilder(Boss).filter_by_tag("x").order_by("name"),
           f'SELECT {STAFF} FROM "staff" AS "boss" WHERE "__tags__" @> $1::text[] ORDER BY '
           '"name"', ["x"]),
    golden("two aliases", QueryBuilder(alias(Staff, "a")).join(alias(Staff, "b"), on=alias(Staff,
           "a").boss == alias(Staff, "b").id).select(alias(Staff, "a").id, alias(Staff, "b").id),
           'SELECT "a"."id", "b"."id" AS "id_2" FROM "staff" AS "a" JOIN "staff" AS "b" ON '
           '"a"."boss" = "b"."id"'),
    golden("alias of an alias", QueryBuilder(alias(Boss, "top")).select(alias(Boss, "top").id),
           'SELECT "id" FROM "staff" AS "top"'),
    golden("alias named like the table", S.join(alias(Staff, "staff"), on=alias(Staff, "staff")
           .id == Staff.boss).select(Staff.id, alias(Staff, "staff").id),
           'SELECT "staff"."id", "staff_2"."id" AS "id_2" FROM "staff" JOIN "staff" AS '
           '"staff_2" ON "staff_2"."id" = "staff"."boss"'),
    golden("alias with quotes", QueryBuilder(alias(Staff, 'a"b')).select(alias(Staff, 'a"b').id),
           'SELECT "id" FROM "staff" AS "a""b"'),
    golden("self join with soft delete", Q.join(Up, on=City.parent == Up.id, how="left")
           .select(City.name, optional(Up.name)),
           'SELECT "cities"."name", "up"."name" AS "name_2" FROM "cities" LEFT JOIN "cities" '
           'AS "up" ON "cities"."parent" = "up"."id" AND "up"."__is_active__" WHERE '
           '"cities"."__is_active__"'),
]  # fmt: skip

MORE = [
    golden("join of three", Q.join(Country, on=IN_COUNTRY).join(Staff, on=Staff.city == City.id)
           .select(City.name, Country.title, Staff.name),
           'SELECT "cities"."name", "countries"."title", "staff"."name" AS "name_2" FROM '
           '"cities" JOIN "countries" ON "countries"."code" = "cities"."country" AND '
           '"countries"."__is_active__" JOIN "staff" ON "staff"."city" = "cities"."id" WHERE '
           '"cities"."__is_active__"'),
    golden("left join of three", Q.join(Country, on=IN_COUNTRY, how="left").join(Staff,
           on=Staff.city == City.id, how="left").select(City.name, count(Staff.id))
           .group_by(City.name),
           'SELECT "cities"."name", count("staff"."id") AS "count" FROM "cities" LEFT JOIN '
           '"countries" ON "countries"."code" = "cities"."country" AND '
           '"countries"."__is_active__" LEFT JOIN "staff" ON "staff"."city" = "cities"."id" '
           'WHERE "cities"."__is_active__" GROUP BY "cities"."name"'),
    golden("inner after left", S.join(City, on=Staff.city == City.id, how="left").join(Country,
           on=IN_COUNTRY).select(Staff.name, Country.title),
           'SELECT "staff"."name", "countries"."title" FROM "staff" LEFT JOIN "cities" ON '
           '"staff"."city" = "cities"."id" AND "cities"."__is_active__" JOIN "countries" ON '
           '"countries"."code" = "cities"."country" AND "countries"."__is_active__"'),
    golden("right after inner", S.join(City, on=Staff.city == City.id).join(Country, on=IN_COUNTRY,
           how="right").select(Staff.name, Country.title),
           f'SELECT "staff"."name", "countries"."title" FROM "staff" JOIN (SELECT {CITY} FROM '
           '"cities" WHERE "__is_active__") AS "cities" ON "staff"."city" = "cities"."id" '
           f'RIGHT JOIN (SELECT {COUNTRY} FROM "countries" WHERE "__is_active__") AS '
           '"countries" ON "countries"."code" = "cities"."country"'),
    golden("cross after full", S.join(City, on=Staff.city == City.id, how="full").join(Country,
           how="cross").select(Staff.name, Country.title),
           f'SELECT "staff"."name", "countries"."title" FROM "staff" FULL JOIN (SELECT {CITY} '
           'FROM "cities" WHERE "__is_active__") AS "cities" ON "staff"."city" = "cities"."id" '
           f'CROSS JOIN (SELECT {COUNTRY} FROM "countries" WHERE "__is_active__") AS "countries"'),
    golden("join of a projection", Q.select(City.name).join(Country, on=IN_COUNTRY),
           'SELECT "cities"."name" FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("filter by name in a join", Q.join(Country, on=IN_COUNTRY).filter_by_tag("a")
           .order_by("name").select("name"),
           'SELECT "cities"."name" FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__tags__" @> '
           '$1::text[] AND "cities"."__is_active__" ORDER BY "name"', ["a"]),
    golden("joined page", Q.join(Country, on=IN_COUNTRY).order_by(Country.title.desc().nulls_last())
           .limit(5).offset(2).select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__" '
           'ORDER BY "countries"."title" DESC NULLS LAST LIMIT $1 OFFSET $2', 5, 2),
    golden("arithmetic across a join", Q.join(Up, on=City.parent == Up.id)
           .filter(City.pop - Up.pop > 3).select((City.pop + Up.pop).as_("both")),
           'SELECT ("cities"."pop" + "up"."pop") AS "both" FROM "cities" JOIN "cities" AS "up" '
           'ON "cities"."parent" = "up"."id" AND "up"."__is_active__" WHERE ("cities"."pop" - '
           '"up"."pop") > $1 AND "cities"."__is_active__"', 3),
]  # fmt: skip

BIG = (
    Q.filter(City.pop > 100)
    .select(City.country, count().as_("n"))
    .group_by(City.country)
    .as_("big")
)
NEWEST = (
    Q.filter(City.country == Country.code)
    .order_by(City.founded.desc())
    .limit(1)
    .select(City.name, City.pop)
    .as_("newest")
)
ROWS = Q.filter(City.pop > 7).as_("rows")

DERIVED = [
    golden("derived table", QueryBuilder.from_(BIG).select(BIG["country"], BIG["n"])
           .filter(BIG["n"] > 2).order_by(BIG["n"].desc()),
           'SELECT "country", "n" FROM (SELECT "country", count(*) AS "n" FROM "cities" WHERE '
           '"pop" > $1 AND "__is_active__" GROUP BY "country") AS "big" WHERE "n" > $2 ORDER '
           'BY "n" DESC', 100, 2),
    golden("derived table of models", QueryBuilder.from_(ROWS).select(ROWS["name"], ROWS["pop"]),
           f'SELECT "name", "pop" FROM (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND '
           '"__is_active__") AS "rows"', 7),
    golden("derived table by names", QueryBuilder.from_(BIG).select("country", "n").order_by("n"),
           'SELECT "country", "n" FROM (SELECT "country", count(*) AS "n" FROM "cities" WHERE '
           '"pop" > $1 AND "__is_active__" GROUP BY "country") AS "big" ORDER BY "n"', 100),
    golden("columns typed as they were", QueryBuilder.from_(BIG).select(BIG.column(City.country))
           .filter(BIG.column(City.country) == "DE"),
           'SELECT "country" FROM (SELECT "country", count(*) AS "n" FROM "cities" WHERE "pop" '
           '> $1 AND "__is_active__" GROUP BY "country") AS "big" WHERE "country" = $2', 100, "DE"),
    golden("aggregate of a derived table", QueryBuilder.from_(BIG).select(max_(BIG["n"])
           .as_("most")),
           'SELECT max("n") AS "most" FROM (SELECT "country", count(*) AS "n" FROM "cities" '
           'WHERE "pop" > $1 AND "__is_active__" GROUP BY "country") AS "big"', 100),
    golden("derived table joined", L.join(BIG, on=Country.code == BIG["country"], how="left")
           .select(Country.title, BIG["n"]),
           'SELECT "countries"."title", "big"."n" FROM "countries" LEFT JOIN (SELECT '
           '"country", count(*) AS "n" FROM "cities" WHERE "pop" > $1 AND "__is_active__" '
           'GROUP BY "country") AS "big" ON "countries"."code" = "big"."country" WHERE '
           '"countries"."__is_active__"', 100),
    golden("derived table twice", QueryBuilder.from_(BIG).join(BIG.as_("other"),
           on=BIG["n"] < BIG.as_("other")["n"]).select(BIG["n"], BIG.as_("other")["n"]),
           'SELECT "big"."n", "other"."n" AS "n_2" FROM (SELECT "country", count(*) AS "n" '
           'FROM "cities" WHERE "pop" > $1 AND "__is_active__" GROUP BY "country") AS "big" '
           'JOIN (SELECT "country", count(*) AS "n" FROM "cities" WHERE "pop" > $1 AND '
           '"__is_active__" GROUP BY "country") AS "other" ON "big"."n" < "other"."n"', 100),
    golden("model joined to a derived table", QueryBuilder.from_(BIG).join(Country,
           on=Country.code == BIG["country"]).select(BIG["n"], Country),
           f'SELECT "big"."n", {COUNTRIES} FROM (SELECT "country", count(*) AS "n" FROM '
           '"cities" WHERE "pop" > $1 AND "__is_active__" GROUP BY "country") AS "big" JOIN '
           '"countries" ON "countries"."code" = "big"."country" AND "countries"."__is_active__"',
           100),
    golden("derived table within another", QueryBuilder.from_(QueryBuilder.from_(BIG)
           .select(BIG["n"]).as_("inner")).select(func.sum(QueryBuilder.from_(BIG).select(BIG["n"])
           .as_("inner")["n"], returns=int)),
           'SELECT "sum"("n") AS "sum" FROM (SELECT "n" FROM (SELECT "country", count(*) AS '
           '"n" FROM "cities" WHERE "pop" > $1 AND "__is_active__" GROUP BY "country") AS '
           '"big") AS "inner"', 100),
    golden("lateral join", L.join(NEWEST, how="cross", lateral=True).select(Country.title,
           NEWEST["name"]),
           'SELECT "countries"."title", "newest"."name" FROM "countries" CROSS JOIN LATERAL '
           '(SELECT "name", "pop" FROM "cities" WHERE "country" = "countries"."code" AND '
           '"__is_active__" ORDER BY "founded" DESC LIMIT $1) AS "newest" WHERE '
           '"countries"."__is_active__"', 1),
    golden("lateral left join", L.join(NEWEST, on=Country.code != NEWEST["name"], how="left",
           lateral=True).select(Country.title, NEWEST["pop"]),
           'SELECT "countries"."title", "newest"."pop" FROM "countries" LEFT JOIN LATERAL '
           '(SELECT "name", "pop" FROM "cities" WHERE "country" = "countries"."code" AND '
           '"__is_active__" ORDER BY "founded" DESC LIMIT $1) AS "newest" ON '
           '"countries"."code" <> "newest"."name" WHERE "countries"."__is_active__"', 1),
    golden("lateral within a projection", L.select(Country.title, NEWEST["name"]).join(NEWEST,
           how="cross", lateral=True),
           'SELECT "countries"."title", "newest"."name" FROM "countries" CROSS JOIN LATERAL '
           '(SELECT "name", "pop" FROM "cities" WHERE "country" = "countries"."code" AND '
           '"__is_active__" ORDER BY "founded" DESC LIMIT $1) AS "newest" WHERE '
           '"countries"."__is_active__"', 1),
    golden("derived table with a union", QueryBuilder.from_(Q.select(City.name)
           .union(L.select(Country.title)).as_("names")).select(Q.select(City.name)
           .as_("names")["name"]),
           'SELECT "name" FROM ((SELECT "name" FROM "cities" WHERE "__is_active__") UNION '
           '(SELECT "title" FROM "countries" WHERE "__is_active__")) AS "names"'),
]  # fmt: skip

JOINS = [*KINDS, *MODELS_OF_JOINS, *SELF, *MORE, *DERIVED]

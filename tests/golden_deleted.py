"""Golden queries over soft-deleting models: a deleted row takes part only where asked for."""

from golden_tables import CITIES, CITY, COUNTRY, City, Country, L, Q, counted, existing, golden
from storehaus import count, exists_, scalar
from storehaus.query import alias, cte
from storehaus.sql import QueryBuilder

Up = alias(City, "up")
Big = cte("big", City)
IN_COUNTRY = Country.code == City.country
JOINED = Q.join(Country, on=IN_COUNTRY)
LEFT = Q.join(Country, on=IN_COUNTRY, how="left").select(City.id)
RIGHT = Q.join(Country, on=IN_COUNTRY, how="right").select(City.id)
FULL = Q.join(Country, on=IN_COUNTRY, how="full").select(City.id)
SELF = Q.join(Up, on=City.parent == Up.id).select(City.id)
OF = Q.filter(City.country == Country.code)

DELETED = [
    golden("deleted with the base", Q.with_deleted().select(City.id),
           'SELECT "id" FROM "cities"'),
    golden("deleted base only", Q.only_deleted().select(City.id),
           'SELECT "id" FROM "cities" WHERE NOT "__is_active__"'),
    golden("deleted or filtered", Q.filter((City.pop > 1) | (City.pop < 0)).select(City.id),
           'SELECT "id" FROM "cities" WHERE ("pop" > $1 OR "pop" < $2) AND "__is_active__"', 1, 0),
    golden("deleted in an inner join", JOINED.select(City.id),
           'SELECT "cities"."id" FROM "cities" JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("deleted in a left join", LEFT,
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("deleted in a right join", RIGHT,
           f'SELECT "cities"."id" FROM (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS '
           f'"cities" RIGHT JOIN (SELECT {COUNTRY} FROM "countries" WHERE "__is_active__") AS '
           '"countries" ON "countries"."code" = "cities"."country"'),
    golden("deleted in a full join", FULL,
           f'SELECT "cities"."id" FROM (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS '
           f'"cities" FULL JOIN (SELECT {COUNTRY} FROM "countries" WHERE "__is_active__") AS '
           '"countries" ON "countries"."code" = "cities"."country"'),
    golden("deleted in a cross join", Q.join(Country, how="cross").select(City.id),
           'SELECT "cities"."id" FROM "cities" CROSS JOIN "countries" WHERE '
           '"cities"."__is_active__" AND "countries"."__is_active__"'),
    golden("deleted in a self join", SELF,
           'SELECT "cities"."id" FROM "cities" JOIN "cities" AS "up" ON "cities"."parent" = '
           '"up"."id" AND "up"."__is_active__" WHERE "cities"."__is_active__"'),
    golden("deleted before a right join", Q.join(Up, on=City.parent == Up.id).join(Country,
           on=IN_COUNTRY, how="right").select(City.id),
           f'SELECT "cities"."id" FROM (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS '
           f'"cities" JOIN (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS "up" ON '
           f'"cities"."parent" = "up"."id" RIGHT JOIN (SELECT {COUNTRY} FROM "countries" WHERE '
           '"__is_active__") AS "countries" ON "countries"."code" = "cities"."country"'),
    golden("join with all deleted", LEFT.with_deleted(),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country"'),
    golden("right join with all deleted", RIGHT.with_deleted(),
           'SELECT "cities"."id" FROM "cities" RIGHT JOIN "countries" ON "countries"."code" = '
           '"cities"."country"'),
    golden("join with the deleted of one", LEFT.with_deleted(Country),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" WHERE "cities"."__is_active__"'),
    golden("join with the deleted of the first", LEFT.with_deleted(City),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__"'),
    golden("full join with the deleted of one", FULL.with_deleted(Country),
           f'SELECT "cities"."id" FROM (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS '
           '"cities" FULL JOIN "countries" ON "countries"."code" = "cities"."country"'),
    golden("join with the deleted of an alias", SELF.with_deleted(Up),
           'SELECT "cities"."id" FROM "cities" JOIN "cities" AS "up" ON "cities"."parent" = '
           '"up"."id" WHERE "cities"."__is_active__"'),
    golden("join with the deleted of a model beside its alias", SELF.with_deleted(City),
           'SELECT "cities"."id" FROM "cities" JOIN "cities" AS "up" ON "cities"."parent" = '
           '"up"."id" AND "up"."__is_active__"'),
    golden("join of deleted only", LEFT.only_deleted(),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND "countries"."__is_active__" WHERE NOT '
           '"cities"."__is_active__"'),
    golden("join with deleted of one only", LEFT.only_deleted(Country),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" AND NOT "countries"."__is_active__" WHERE '
           '"cities"."__is_active__"'),
    golden("full join with deleted of one only", FULL.only_deleted(Country),
           f'SELECT "cities"."id" FROM (SELECT {CITY} FROM "cities" WHERE "__is_active__") AS '
           f'"cities" FULL JOIN (SELECT {COUNTRY} FROM "countries" WHERE NOT "__is_active__") '
           'AS "countries" ON "countries"."code" = "cities"."country"'),
    golden("the last word counts", LEFT.only_deleted(Country).with_deleted(Country),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country" WHERE "cities"."__is_active__"'),
    golden("a word for all after one for one", LEFT.only_deleted(Country).with_deleted(),
           'SELECT "cities"."id" FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
           '"cities"."country"'),
    golden("deleted in exists", L.filter(exists_(OF)).select(Country.code),
           'SELECT "code" FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND "__is_active__") AND "__is_active__"'),
    golden("with deleted in exists", L.filter(exists_(OF.with_deleted())).select(Country.code),
           'SELECT "code" FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code") AND "__is_active__"'),
    golden("with deleted around exists", L.with_deleted().filter(exists_(OF)).select(Country.code),
           'SELECT "code" FROM "countries" WHERE EXISTS (SELECT 1 FROM "cities" WHERE '
           '"country" = "countries"."code" AND "__is_active__")'),
    golden("deleted in a list", Q.filter(City.country.in_(L.select(Country.code))).select(City.id),
           'SELECT "id" FROM "cities" WHERE "country" IN (SELECT "code" FROM "countries" WHERE '
           '"__is_active__") AND "__is_active__"'),
    golden("only deleted in a list", Q.filter(City.country.in_(L.only_deleted()
           .select(Country.code))).select(City.id),
           'SELECT "id" FROM "cities" WHERE "country" IN (SELECT "code" FROM "countries" WHERE '
           'NOT "__is_active__") AND "__is_active__"'),
    golden("deleted in a scalar", L.select(scalar(OF.select(count())).as_("n")),
           'SELECT (SELECT count(*) AS "count" FROM "cities" WHERE "country" = '
           '"countries"."code" AND "__is_active__") AS "n" FROM "countries" WHERE '
           '"__is_active__"'),
    golden("deleted in a derived table", QueryBuilder.from_(Q.select(City.id).as_("c"))
           .select(Q.as_("c")["id"]),
           'SELECT "id" FROM (SELECT "id" FROM "cities" WHERE "__is_active__") AS "c"'),
    golden("with deleted in a derived table", QueryBuilder.from_(Q.with_deleted().select(City.id)
           .as_("c")).select(Q.as_("c")["id"]),
           'SELECT "id" FROM (SELECT "id" FROM "cities") AS "c"'),
    golden("deleted in a joined derived table", L.join(Q.select(City.country).as_("c"),
           on=Country.code == Q.as_("c")["country"], how="right").select(Country.code),
           f'SELECT "countries"."code" FROM (SELECT {COUNTRY} FROM "countries" WHERE '
           '"__is_active__") AS "countries" RIGHT JOIN (SELECT "country" FROM "cities" WHERE '
           '"__is_active__") AS "c" ON "countries"."code" = "c"."country"'),
    golden("deleted in a common table expression", QueryBuilder(Big).with_("big",
           Q.filter(City.pop > 5)).select(Big.id),
           f'WITH "big" AS (SELECT {CITY} FROM "cities" WHERE "pop" > $1 AND "__is_active__") '
           'SELECT "id" FROM "big"', 5),
    golden("with deleted in a common table expression", QueryBuilder(Big).with_("big",
           Q.with_deleted()).select(Big.id),
           f'WITH "big" AS (SELECT {CITY} FROM "cities") SELECT "id" FROM "big"'),
    golden("deleted in a recursion", QueryBuilder(Big).with_("big", Q.filter(City.id == 1)
           .union(Q.join(Big, on=City.parent == Big.id)), recursive=True).select(Big.id),
           f'WITH RECURSIVE "big" AS ((SELECT {CITY} FROM "cities" WHERE "id" = $1 AND '
           f'"__is_active__") UNION (SELECT {CITIES} FROM "cities" JOIN "big" ON '
           '"cities"."parent" = "big"."id" WHERE "cities"."__is_active__")) SELECT "id" FROM '
           '"big"', 1),
    golden("deleted in a union", Q.filter(City.pop > 1).select(City.id)
           .union(Q.select(City.parent)),
           '(SELECT "id" FROM "cities" WHERE "pop" > $1 AND "__is_active__") UNION (SELECT '
           '"parent" FROM "cities" WHERE "__is_active__")', 1),
    golden("deleted of one branch", Q.only_deleted().select(City.id).except_(Q.select(City.parent)),
           '(SELECT "id" FROM "cities" WHERE NOT "__is_active__") EXCEPT (SELECT "parent" FROM '
           '"cities" WHERE "__is_active__")'),
    golden("union of models with deleted of one branch", Q.union(Q.only_deleted())
           .filter(City.pop > 1),
           f'SELECT {CITY} FROM ((SELECT {CITY} FROM "cities" WHERE "__is_active__") UNION '
           f'(SELECT {CITY} FROM "cities" WHERE NOT "__is_active__")) AS "cities" WHERE "pop" > '
           '$1', 1),
    golden("deleted in a window", Q.select(count().over()),
           'SELECT count(*) OVER () AS "count" FROM "cities" WHERE "__is_active__"'),
    counted("count of a join", JOINED,
            'SELECT count(*) FROM "cities" JOIN "countries" ON "countries"."code" = '
            '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    counted("count with deleted", JOINED.with_deleted(),
            'SELECT count(*) FROM "cities" JOIN "countries" ON "countries"."code" = '
            '"cities"."country"'),
    counted("count of deleted only", Q.only_deleted(),
            'SELECT count(*) FROM "cities" WHERE NOT "__is_active__"'),
    counted("count of a left join", Q.join(Country, on=IN_COUNTRY, how="left"),
            'SELECT count(*) FROM "cities" LEFT JOIN "countries" ON "countries"."code" = '
            '"cities"."country" AND "countries"."__is_active__" WHERE "cities"."__is_active__"'),
    existing("whether there is a joined one", JOINED.filter(Country.title == "x"),
             'SELECT EXISTS (SELECT 1 FROM "cities" JOIN "countries" ON "countries"."code" = '
             '"cities"."country" AND "countries"."__is_active__" WHERE "countries"."title" = '
             '$1 AND "cities"."__is_active__")', "x"),
    existing("whether there is a deleted one", Q.only_deleted().filter(City.pop > 1),
             'SELECT EXISTS (SELECT 1 FROM "cities" WHERE "pop" > $1 AND NOT "__is_active__")', 1),
]  # fmt: skip

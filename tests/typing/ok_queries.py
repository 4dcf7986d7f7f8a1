"""What queries and stores give, as both checkers see it."""

from collections.abc import AsyncGenerator
from typing import Any, assert_type

from storehaus import (
    Column,
    Condition,
    Field,
    GenericStore,
    Model,
    Page,
    QueryBuilder,
    Row,
    RowQuery,
    RowStream,
    Selection,
    SortOrder,
    Statement,
    alias,
    asc,
    count,
    cte,
    desc,
    exists_,
    field,
    max_,
    rollup,
)
from storehaus.query.sources import Derived


class Country(Model, table="countries", soft_delete=True):
    """Others refer to it."""

    code: Field[str] = field(primary_key=True)
    title: Field[str]


class City(Model, table="cities", soft_delete=True):
    """Refers to a country and to another city."""

    id: Field[int] = field(primary_key=True)
    country: Field[str]
    name: Field[str]
    pop: Field[int] = field(default=0)
    parent: Field[int | None] = field(default=None)


class Staff(Model, table="staff"):
    """Refers to a city."""

    id: Field[int] = field(primary_key=True)
    city: Field[int | None] = field(default=None)
    name: Field[str]


q = QueryBuilder(City)
on = Country.code == City.country

# A builder is of its model, whatever is asked of it.
assert_type(q, QueryBuilder[City])
assert_type(q.model, type[City] | None)
assert_type(q.filter(City.pop > 3, City.name == "x"), QueryBuilder[City])
assert_type(q.filter(exists_(QueryBuilder(Country).filter(on))), QueryBuilder[City])
assert_type(q.filter_by_tag("a").filter_by_any_tag({"a"}), QueryBuilder[City])
assert_type(q.filter_by_all_tags(("a", "b")), QueryBuilder[City])
assert_type(q.order_by(City.pop.desc(), "name", SortOrder.DESC, asc("id")), QueryBuilder[City])
assert_type(q.order_by(City.parent.nulls_last(), desc("pop").nulls_first()), QueryBuilder[City])
assert_type(q.limit(3).offset(None), QueryBuilder[City])
assert_type(q.distinct(), QueryBuilder[City])
assert_type(q.distinct(City.country, "name"), QueryBuilder[City])
assert_type(q.for_update(City, no_key=True, skip_locked=True), QueryBuilder[City])
assert_type(q.for_share(key=True, nowait=True), QueryBuilder[City])
assert_type(q.with_deleted(), QueryBuilder[City])
assert_type(q.with_deleted(City).only_deleted(Country), QueryBuilder[City])
assert_type(q.to_sql(), Statement)
assert_type(q.as_("cities"), Derived)
assert_type(QueryBuilder[City]().filter(City.pop > 1), QueryBuilder[City])

# Set operations keep the model.
assert_type(q.union(q.filter(City.pop > 3)), QueryBuilder[City])
assert_type(q.union_all(q).intersect(q), QueryBuilder[City])
assert_type(q.intersect_all(q).except_(q).except_all(q), QueryBuilder[City])

# Joins remember what takes part, and who can be missing.
assert_type(q.join(Country, on=on), QueryBuilder[City, Country])
assert_type(q.join(Country, on=on, how="inner"), QueryBuilder[City, Country])
assert_type(q.join(Country, how="cross"), QueryBuilder[City, Country])
assert_type(q.join(Country, on=on, how="left"), QueryBuilder[City, Country | None])
assert_type(q.join(Country, on=on, how="right"), RowQuery[City | None, Country])
assert_type(q.join(Country, on=on, how="full"), RowQuery[City | None, Country | None])
assert_type(
    q.join(Country, on=on, how="left").join(Staff, on=Staff.city == City.id),
    QueryBuilder[City, Country | None, Staff],
)
assert_type(q.join(Country, on=on).filter(Country.title == "x"), QueryBuilder[City, Country])
assert_type(q.join(Country, on=on).models(), Selection[Row[City, Country]])
assert_type(q.join(Country, on=on, how="left").models(), Selection[Row[City, Country | None]])
assert_type(q.join(Country, on=on, how="right").models(), Selection[Row[City | None, Country]])
assert_type(
    q.join(Country, on=on, how="full").models(), Selection[Row[City | None, Country | None]]
)
assert_type(q.models(), Selection[Row[City]])
assert_type(
    q.join(QueryBuilder(Country).select(Country.code).as_("c"), how="cross"), QueryBuilder[City]
)

# An alias, and a common table expression of models, are as the model.
Up = alias(City, "up")
Tree = cte("tree", City)
assert_type(Up, type[City])
assert_type(Up.name, Column[str])
assert_type(Up.parent, Column[int | None])
assert_type(Up.id == City.parent, Condition)
assert_type(Tree, type[City])
assert_type(q.join(Up, on=Up.id == City.parent), QueryBuilder[City, City])
assert_type(q.join(Up, on=Up.id == City.parent, how="left").models(),
            Selection[Row[City, City | None]])  # fmt: skip
assert_type(
    QueryBuilder(Tree).with_("tree", q.union(q.join(Tree, on=City.parent == Tree.id)),
                             recursive=True),
    QueryBuilder[City],
)  # fmt: skip
assert_type(cte("totals"), Derived)
assert_type(cte("totals").as_("other"), Derived)
assert_type(QueryBuilder.from_(cte("totals")), RowQuery[*tuple[()]])

# Projections keep their rows, whatever is asked of them.
names = q.select(City.name, count().as_("n"))
assert_type(names, Selection[Row[str, int]])
assert_type(names.filter(City.pop > 3).order_by("n").limit(3), Selection[Row[str, int]])
assert_type(names.group_by(City.name).having(count() > 3), Selection[Row[str, int]])
assert_type(names.group_by(rollup(City.name)), Selection[Row[str, int]])
assert_type(names.distinct().with_deleted().for_share(), Selection[Row[str, int]])
assert_type(names.join(Country, on=on, how="left"), Selection[Row[str, int]])
assert_type(names.union(names).union_all(names), Selection[Row[str, int]])
assert_type(names.with_("totals", names), Selection[Row[str, int]])
assert_type(names.to_sql(), Statement)

# What stands in place of a list is a query of the same type.
codes = QueryBuilder(Country).select(Country.code)
assert_type(City.country.in_(codes), Condition)
assert_type(City.country.not_in(codes), Condition)
assert_type(City.id.in_(QueryBuilder(Staff).select(Staff.city)), Condition)
assert_type(City.parent.in_(q.select(max_(City.id))), Condition)


async def stores(cities: GenericStore[City]) -> None:
    """What the verbs of a store give."""
    assert_type(await cities.find(q), list[City])
    assert_type(await cities.find(City.pop > 3, City.name == "x"), list[City])
    assert_type(await cities.find(q.join(Country, on=on)), list[City])
    assert_type(await cities.find(q.join(Country, on=on, how="left")), list[City])
    assert_type(await cities.find(q.union(q)), list[City])
    assert_type(await cities.find(QueryBuilder(Up)), list[City])
    assert_type(await cities.find_one(q), City | None)
    assert_type(await cities.count_where(q.join(Country, on=on)), int)
    assert_type(await cities.exists(City.pop > 3), bool)
    assert_type(await cities.page(q, size=3), Page[City])
    assert_type((await cities.page(q)).items, list[City])
    assert_type((await cities.page(q, after=None)).next, str | None)
    assert_type(await cities.select(names), list[Row[str, int]])
    assert_type(cities.stream(q), RowStream[City])
    assert_type(cities.stream(City.pop > 3, batch=10), RowStream[City])
    assert_type(cities.stream(names), RowStream[Row[str, int]])
    async with cities.stream(names) as rows:
        assert_type(aiter(rows), AsyncGenerator[Row[str, int]])
        async for name, number in rows:
            assert_type(name, str)
            assert_type(number, int)
    async for city in cities.stream(q):
        assert_type(city, City)


def anything(query: QueryBuilder[Any]) -> QueryBuilder[Any]:
    """A function over queries of any model."""
    return query.filter_by_tag("x").limit(3)


assert_type(anything(q), QueryBuilder[Any])

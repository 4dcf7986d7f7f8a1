"""What projections give is of the types that were promised, and is what was asked for."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import config_of
from golden_tables import City, Country, L, Q, S, Staff
from storehaus import (
    GenericStore,
    StoreHaus,
    avg,
    cast,
    coalesce,
    count,
    exists_,
    func,
    max_,
    sum_,
)
from storehaus.query import cte, optional
from storehaus.sql import QueryBuilder

pytestmark = pytest.mark.anyio

Stores = tuple[GenericStore[City], GenericStore[Staff]]
IN_COUNTRY = Country.code == City.country


@pytest.fixture
async def stores(postgres_url: str) -> AsyncIterator[Stores]:
    """Stores of cities and staff; one country is deleted, one city is, and two lie nowhere."""
    async with StoreHaus(config_of(postgres_url)) as haus:
        await haus.auto_migrate(Country, City, Staff)
        countries, cities, staff = haus.store(Country), haus.store(City), haus.store(Staff)
        await countries.create_many(
            [Country(code=code, title=f"land {code}") for code in ("DE", "FR", "XX", "YY")]
        )
        await cities.create_many(
            [
                City(id=1, country="DE", name="b", pop=7),
                City(id=2, country="DE", name="a", pop=9, parent=1),
                City(id=3, country="FR", name="d", pop=1 << 62),
                City(id=4, country="FR", name="c", pop=1 << 62, parent=3),
                City(id=5, country="XX", name="e", pop=5),
                City(id=6, country="DE", name="deleted", pop=1),
            ]
        )
        await countries.delete("XX")
        await cities.delete(6)
        await staff.create_many(
            [
                Staff(id=1, name="top", pay=Decimal(9), notes={"a": 1, "b": "x"}),
                Staff(id=2, name="mid", boss=1, pay=Decimal(5), notes={"a": 2.5}),
                Staff(id=3, name="low", boss=2, pay=Decimal(2), city=1),
            ]
        )
        yield cities, staff


async def test_sums_of_integers_are_ints(stores: Stores) -> None:
    """Beyond 64 bits too, computed or not; division cuts, as that of integers does."""
    cities, _ = stores
    total = 16 + 5 + (1 << 63)
    asked: list[tuple[Any, int]] = [
        (sum_(City.pop), total),
        (sum_(City.pop) + 1, total + 1),
        (1 + sum_(City.pop), total + 1),
        (sum_(City.pop) / 2, total // 2),
        (-7 - sum_(City.pop), -7 - total),
        (sum_(City.pop) % 7, total % 7),
        (sum_(City.pop) * count(), total * 5),
        (sum_(City.pop) / count(), total // 5),
        (coalesce(sum_(City.pop), 0), total),
        (coalesce(sum_(City.pop).filter(City.pop < 0), 0), 0),
    ]

    for expression, expected in asked:
        [row] = await cities.select(Q.select(expression))
        assert (row[0], type(row[0])) == (expected, int)


async def test_means_are_decimals(stores: Stores) -> None:
    """A mean of integers is exact, and beside a sum of them it makes a decimal."""
    cities, _ = stores
    query = Q.filter(City.country == "DE").select(
        avg(City.pop), sum_(City.pop) * Decimal("0.5"), coalesce(sum_(City.pop), Decimal("0.5"))
    )

    [row] = await cities.select(query)

    assert row == (Decimal(8), Decimal(8), Decimal(16))
    assert {type(value) for value in row} == {Decimal}


async def test_column_counts_where_a_label_has_its_name(stores: Stores) -> None:
    """`order_by(City.name)` sorts by the column, `order_by("name")` by the label."""
    cities, _ = stores
    german = Q.filter(City.country == "DE").select(City.pop.as_("name"))

    assert await cities.select(german.order_by(City.name)) == [(9,), (7,)]
    assert await cities.select(german.order_by("name")) == [(7,), (9,)]
    first = german.distinct(City.name).order_by(City.name)
    assert await cities.select(first) == [(9,), (7,)]


async def test_deleted_partner_is_as_one_that_is_missing(stores: Stores) -> None:
    """A left join gives its row without it, an inner join does not, a full join nothing of it."""
    cities, _ = stores
    on = {"on": IN_COUNTRY}
    left = Q.join(Country, **on, how="left").select(City.id, optional(Country.code))
    full = Q.join(Country, **on, how="full").select(City.id, Country.code)

    assert (5, None) in await cities.select(left)
    assert len(await cities.find(Q.join(Country, **on))) == 4
    rows = await cities.select(full)
    assert (5, None) in rows
    assert (None, "YY") in rows
    assert not [row for row in rows if row[0] == 6 or row[1] == "XX"]


async def test_models_of_an_outer_join(stores: Stores) -> None:
    """Each side is an instance, or None where the join left it out."""
    cities, _ = stores
    query = Q.join(Country, on=IN_COUNTRY, how="full").models()

    rows = await cities.select(query)

    assert all(city is None or type(city) is City for city, _ in rows)
    assert [land.code for city, land in rows if city is None] == ["YY"]
    assert [city.id for city, land in rows if land is None] == [5]


async def test_union_of_models_and_missing_ones(stores: Stores) -> None:
    """A side that can be missing in one branch can be missing in all of it."""
    cities, _ = stores
    there = Q.filter(City.id == 1).join(Country, on=IN_COUNTRY).select(Country)
    missing = Q.filter(City.id == 5).join(Country, on=IN_COUNTRY, how="left").select(Country)

    rows = await cities.select(there.union_all(missing))

    assert sorted(row[0].code if row[0] else "" for row in rows) == ["", "DE"]


async def test_exists_of_an_aggregate_is_always_true(stores: Stores) -> None:
    """An aggregate gives a row also where there is none, wherever in an item it stands."""
    cities, _ = stores
    nothing = S.filter(Staff.id == 0)

    for item in (count(), max_(Staff.pay), coalesce(sum_(Staff.pay), 0), count() + 1):
        assert await cities.exists(Q.filter(exists_(nothing.select(item))))
    assert not await cities.exists(Q.filter(exists_(nothing.select(Staff.id))))
    assert not await cities.exists(Q.filter(exists_(S.select(func.unnest(Staff.skills)))))


async def test_recursion(stores: Stores) -> None:
    """A tree is walked by one query, whole rows and depths alike."""
    _, staff = stores
    Tree = cte("tree", Staff)  # noqa: N806 - a model
    below = S.filter(Staff.id == 1).union(S.join(Tree, on=Staff.boss == Tree.id))
    query = QueryBuilder(Tree).with_("tree", below, recursive=True).order_by(Tree.id.desc())

    assert [each.name for each in await staff.find(query)] == ["low", "mid", "top"]
    assert await staff.count_where(query) == 3


async def test_items_of_documents_and_nothing(stores: Stores) -> None:
    """Items of documents are read as they are, or as asked where they fit; a cast None is None."""
    _, staff = stores
    query = S.select(
        Staff.notes["a"], Staff.notes["a"].as_int(), Staff.notes["b"].as_str(), cast(None, int)
    ).order_by(Staff.id)

    rows = await staff.select(query)

    assert rows == [(1, 1, "x", None), (2.5, None, None, None), (None, None, None, None)]


async def test_lists_of_paths_are_called_by_their_documents(stores: Stores) -> None:
    """Two queries for two paths, one after the other, give what each asked for."""
    _, staff = stores

    [[a], [b]] = await asyncio.gather(
        staff.select(S.filter(Staff.id == 1).select(Staff.notes["a"])),
        staff.select(S.filter(Staff.id == 1).select(Staff.notes["b"])),
    )

    assert (a, a.notes, b, b.notes) == ((1,), 1, ("x",), "x")


async def test_locks_take_the_rows_that_are_there(stores: Stores) -> None:
    """A lock beside an outer join names whose rows it is on."""
    _, staff = stores
    query = S.join(City, on=Staff.city == City.id, how="left").for_update(Staff)

    assert len(await staff.find(query)) == 3
    assert L.filter(exists_(query)).to_sql().text.count("FOR UPDATE") == 0

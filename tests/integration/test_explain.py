"""`haus.explain`: what PostgreSQL means to do, and what it did."""

import re
from typing import Any

import pytest

from fix_haus import Label, counted_haus
from fix_relations import User
from fix_verbs import City, Country, Reading, city
from storehaus import (
    LockNotAvailable,
    QueryBuilder,
    QueryError,
    QueryFilter,
    StoreHaus,
    StorehausError,
    UpdateSet,
    count,
    cte,
    desc,
    exists_,
    func,
    sum_,
)

pytestmark = pytest.mark.anyio

CITIES = QueryBuilder(City)


async def test_plan_is_the_servers_text(verbs: StoreHaus) -> None:
    """One line per node, with the table and the condition, as EXPLAIN prints it."""
    query = CITIES.filter(City.people > 500).order_by(City.name)

    plan = await verbs.explain(query)

    lines = plan.splitlines()
    assert lines[0].startswith("Sort")
    assert any("on cities" in line for line in lines)
    assert "people > '500'" in plan or "people > 500" in plan
    assert "actual time" not in plan
    async with verbs.connection() as connection:
        statement = query.to_sql()
        asked = await connection.fetch(f"EXPLAIN {statement.text}", statement.params)
    assert plan == "\n".join(row[0] for row in asked)


async def test_index_shows_in_the_plan(verbs: StoreHaus) -> None:
    """By key, with enough rows, an index is used; that is what one looks for."""
    await verbs.store(City).load(city(i) for i in range(5_000))
    async with verbs.connection() as connection:
        await connection.execute("ANALYZE verbs.cities")

    assert "Index Scan using cities_pkey" in await verbs.explain(CITIES.filter(City.id == 77))
    assert "Seq Scan" in await verbs.explain(CITIES.filter(City.name == "c77"))


async def test_analyze_runs_the_query(verbs: StoreHaus) -> None:
    """With the rows that were found, and the time."""
    await verbs.store(City).create_many([city(i) for i in range(9)])

    plan = await verbs.explain(CITIES.filter(City.people >= 30), analyze=True)

    assert re.search(r"actual time=\S+ rows=6(\.00)? loops=1", plan)
    assert "Execution Time" in plan
    assert "Buffers" not in plan


async def test_buffers_are_counted_when_asked(verbs: StoreHaus) -> None:
    """And only then, on every version of the server."""
    await verbs.store(City).create_many([city(i) for i in range(9)])

    assert "Buffers: shared hit" in await verbs.explain(CITIES, analyze=True, buffers=True)
    assert "Buffers" not in await verbs.explain(CITIES, analyze=True)


async def test_every_kind_of_query(verbs: StoreHaus) -> None:
    """Projections, joins, unions, common table expressions, functions, filters from outside."""
    tree = cte("tree", City)
    queries: dict[str, tuple[Any, str]] = {
        "groups": (
            CITIES.group_by(City.country)
            .select(City.country, count().as_("n"), sum_(City.people))
            .having(count() > 2)
            .order_by(desc("n")),
            "Aggregate",
        ),
        "join": (CITIES.join(Country, on=Country.code == City.country), "Join|Nested Loop"),
        "union": (CITIES.union(CITIES.filter(City.id > 3)), "Append"),
        "cte": (
            QueryBuilder(tree).with_("tree", CITIES.filter(City.id > 2), materialized=True),
            "CTE tree",
        ),
        "exists": (
            CITIES.filter(exists_(QueryBuilder(Country).filter(Country.code == City.country))),
            "Join|Nested Loop|SubPlan",
        ),
        "function": (CITIES.select(func.upper(City.name, returns=str)), "cities"),
        "document": (
            CITIES.filter(QueryFilter.from_dict({"people": {"between": [1, 9]}})),
            "cities",
        ),
        "include": (QueryBuilder(City).limit(3), "Limit"),
        "lock": (CITIES.for_update(), "LockRows"),
    }
    for name, (query, node) in queries.items():
        for analyze in (False, True):
            assert re.search(node, await verbs.explain(query, analyze=analyze)), name


async def test_included_relations_are_no_part_of_the_plan(verbs: StoreHaus) -> None:
    """They are queries of their own: one statement is explained."""
    statement = QueryBuilder(User).include(User.posts).to_sql()

    assert statement == QueryBuilder(User).to_sql()


async def test_one_round_trip_and_values_are_parameters(verbs_url: str, verbs: StoreHaus) -> None:
    """Whatever the values, the text that is prepared is the query's own behind EXPLAIN."""
    hostile = "'; DROP TABLE verbs.cities; --"
    async with counted_haus(verbs_url) as (haus, driver):
        for value in ("a", hostile, '"{$1}\\'):
            query = CITIES.filter(City.name == value, City.people > 3)
            await haus.explain(query)
            assert driver.texts[-1] == f"EXPLAIN {query.to_sql().text}"
            assert driver.calls[-1].params == (value, 3)
        assert len(set(driver.texts)) == 1
        assert driver.round_trips == 3
        await haus.explain(CITIES.filter(City.name == hostile), analyze=True, buffers=True)
        assert hostile not in driver.texts[-1]
    assert await verbs.store(City).count() == 0


async def test_in_a_transaction_it_sees_what_that_sees(verbs: StoreHaus) -> None:
    """It joins like every verb, and the block goes on."""
    store = verbs.store(City)
    async with verbs.transaction():
        await store.create_many([city(i) for i in range(5)])
        plan = await verbs.explain(CITIES, analyze=True)
        assert re.search(r"rows=5(\.00)? loops=1", plan)
        await store.delete(1)
    assert await store.count() == 4


async def test_analyzed_locks_last_as_long_as_the_transaction(
    verbs_url: str, verbs: StoreHaus
) -> None:
    """Alone they are gone at once; within a block they hold others off until its end."""
    store = verbs.store(City)
    await store.create(city(1))
    query = CITIES.for_update(nowait=True)
    async with counted_haus(verbs_url) as (other, _):
        await verbs.explain(CITIES.for_update(), analyze=True)
        assert len(await other.store(City).find(query)) == 1
        async with verbs.transaction():
            await verbs.explain(CITIES.for_update(), analyze=True)
            with pytest.raises(LockNotAvailable):
                await other.store(City).find(query)
        assert len(await other.store(City).find(query)) == 1


async def test_analyze_refuses_to_write_where_nothing_may_be_written(verbs: StoreHaus) -> None:
    """In a read-only transaction it explains all the same, and what it runs only reads."""
    await verbs.store(City).create(city(1))
    async with verbs.transaction(readonly=True):
        assert "cities" in await verbs.explain(CITIES, analyze=True)


async def test_function_that_is_analyzed_leaves_no_trace(verbs_url: str, verbs: StoreHaus) -> None:
    """What it set on the connection is reset before the next one uses it."""
    await verbs.store(City).create(city(1))
    async with counted_haus(verbs_url, max_connections=1) as (haus, _):
        sets = func.set_config("storehaus.leak", "x", False, returns=str)
        await haus.explain(CITIES.select(sets), analyze=True)
        reads = func.current_setting("storehaus.leak", True, returns=str)
        (row,) = await haus.store(City).select(CITIES.select(reads))
    assert row[0] in {None, ""}


@pytest.mark.parametrize(
    "query",
    [
        None,
        "SELECT 1",
        City,
        City.id > 3,
        City.name,
        UpdateSet(),
        3,
        CITIES.to_sql(),
        CITIES.as_("t"),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_only_queries_are_explained(verbs_url: str, query: Any) -> None:
    """Nothing that was written by hand: EXPLAIN ANALYZE of it would run it."""
    async with counted_haus(verbs_url) as (haus, driver):
        with pytest.raises(QueryError, match="a query is explained"):
            await haus.explain(query)
        assert driver.calls == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (QueryBuilder(), "names its model"),
        (CITIES.filter(Reading.value > 3), "Reading"),
        (CITIES.filter(City.name == 3), "must be str"),  # type: ignore[arg-type]  # that is the point
        (CITIES.order_by("nope"), "nope"),
    ],
)
async def test_query_that_means_nothing_is_refused_unsent(
    verbs_url: str, query: Any, said: str
) -> None:
    """As by the verb that would run it."""
    async with counted_haus(verbs_url) as (haus, driver):
        with pytest.raises(QueryError, match=said):
            await haus.explain(query, analyze=True)
        assert driver.calls == []


async def test_buffers_need_analyze(verbs_url: str) -> None:
    """Pages are counted where the query runs."""
    async with counted_haus(verbs_url) as (haus, driver):
        with pytest.raises(QueryError, match="analyze=True"):
            await haus.explain(CITIES, buffers=True)
        assert driver.calls == []


async def test_closed_haus_explains_nothing(verbs: StoreHaus) -> None:
    """By the error of every verb."""
    await verbs.close()

    with pytest.raises(StorehausError, match="not open"):
        await verbs.explain(QueryBuilder(Label))

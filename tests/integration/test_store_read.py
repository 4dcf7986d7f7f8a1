"""Reading: by id, by query, counting; soft-deleted rows stay out everywhere."""

from typing import Any
from uuid import UUID

import pytest

from fix_haus import Airport, Article, Keyword, Label, LogLine, Seat, Wallet, airport
from storehaus import (
    NotFound,
    QueryBuilder,
    QueryError,
    QueryFilter,
    StoreHaus,
    ValidationError,
    uuid7,
)

pytestmark = pytest.mark.anyio


async def test_missing_row_is_none_or_not_found(haus: StoreHaus) -> None:
    """get_by_id gives None where get raises; the error names table and id."""
    store, missing = haus.store(Airport), uuid7()

    assert await store.get_by_id(missing) is None
    with pytest.raises(NotFound) as caught:
        await store.get(missing)
    assert (caught.value.table, caught.value.record_id) == ("airports", missing)


async def test_many_ids_come_back_in_the_order_asked(haus: StoreHaus) -> None:
    """get_many has one answer per id: the row, or None."""
    store = haus.store(Airport)
    one, two = await store.create_many([airport(1), airport(2)])

    assert await store.get_many([two.id, uuid7(), one.id, two.id]) == [two, None, one, two]
    assert await store.get_many([]) == []


async def test_id_asked_twice_gives_two_instances(haus: StoreHaus) -> None:
    """Whoever changes one of them does not change the other."""
    store = haus.store(Airport)
    one = await store.create(airport(1))

    first, second = await store.get_many([one.id, one.id])

    assert first is not second


@pytest.mark.parametrize("wrong", ["x", 5, None, (), [], 2**70, b"", object(), uuid7])
async def test_wrong_ids_are_refused(haus: StoreHaus, wrong: Any) -> None:
    """An id of the wrong type is a ValidationError by every verb that takes one."""
    store = haus.store(Airport)
    model = airport(1)

    for attempt in (
        lambda: store.get_by_id(wrong),
        lambda: store.get(wrong),
        lambda: store.get_many([wrong]),
        lambda: store.update(wrong, model),
        lambda: store.update_many([(wrong, model)]),
        lambda: store.patch(wrong, name="x"),
        lambda: store.delete(wrong),
        lambda: store.delete_many([wrong]),
        lambda: store.restore(wrong),
        lambda: store.purge(wrong),
    ):
        with pytest.raises(ValidationError) as caught:
            await attempt()
        assert caught.value.field == "id"


@pytest.mark.parametrize("wrong", ["A", ("A",), ("A", 1, 2), ("A", "1"), ("A", None), ["A", 1]])
async def test_composite_ids_are_tuples_of_all_parts(haus: StoreHaus, wrong: Any) -> None:
    """A part too few, too many or of the wrong type is a ValidationError."""
    store = haus.store(Seat)

    for attempt in (
        lambda: store.get_by_id(wrong),
        lambda: store.get_many([("A", 1), wrong]),
        lambda: store.delete(wrong),
        lambda: store.delete_many([wrong]),
        lambda: store.patch(wrong, guest="x"),
    ):
        with pytest.raises(ValidationError):
            await attempt()


async def test_models_without_key_have_no_verbs_by_id(haus: StoreHaus) -> None:
    """Without a key there is no id; the error says to use a query."""
    store = haus.store(LogLine)
    line = LogLine(level="i", text="t")

    for attempt in (
        lambda: store.get_by_id(1),
        lambda: store.get(1),
        lambda: store.get_many([1]),
        lambda: store.update(1, line),
        lambda: store.update_many([(1, line)]),
        lambda: store.patch(1, text="x"),
        lambda: store.delete(1),
        lambda: store.delete_many([1]),
        lambda: store.purge(1),
        lambda: store.restore(1),
        lambda: store.upsert(line),
    ):
        with pytest.raises(QueryError) as caught:
            await attempt()
        assert caught.value.model == "LogLine"


async def test_find_takes_conditions_and_queries(haus: StoreHaus) -> None:
    """Conditions stand for a query with those filters; a query may have further ones beside it."""
    store = haus.store(Airport)
    await store.create_many([airport(i, country="DE" if i % 2 else "FR") for i in range(6)])
    german = Airport.country == "DE"

    both = await store.find(german, Airport.elevation > 1)
    query = QueryBuilder(Airport).filter(german).order_by(Airport.elevation.desc())

    assert {each.elevation for each in both} == {3.0, 5.0}
    assert [each.elevation for each in await store.find(query)] == [5.0, 3.0, 1.0]
    assert [each.elevation for each in await store.find(query, Airport.elevation < 4)] == [3.0, 1.0]
    assert len(await store.find()) == 6


async def test_find_one_gives_the_first(haus: StoreHaus) -> None:
    """The first row of the query's order, None when there is none."""
    store = haus.store(Airport)
    await store.create_many([airport(i) for i in range(3)])
    query = QueryBuilder(Airport).order_by(Airport.elevation.desc())

    first = await store.find_one(query)

    assert first is not None
    assert first.elevation == 2.0
    assert await store.find_one(Airport.elevation > 5) is None


async def test_counts_and_existence(haus: StoreHaus) -> None:
    """Count counts all, count_where and exists those of a query."""
    store = haus.store(Airport)
    await store.create_many([airport(i) for i in range(4)])

    assert await store.count() == 4
    assert await store.count_where(Airport.elevation >= 2) == 2
    assert await store.count_where(QueryBuilder(Airport).limit(3)) == 3
    assert await store.exists(Airport.elevation == 3)
    assert not await store.exists(Airport.elevation == 9)
    assert await store.exists()


async def test_tags_are_searched(haus: StoreHaus) -> None:
    """Filters by tag find the rows that carry them."""
    store = haus.store(Airport)
    one = await store.create(airport(1), tags=["hub", "eu"])
    two = await store.create(airport(2), tags=["hub"])
    await store.create(airport(3))
    query = QueryBuilder(Airport)

    assert await store.count_where(query.filter_by_tag("hub")) == 2
    assert await store.find(query.filter_by_all_tags(["hub", "eu"])) == [one]
    found = await store.find(query.filter_by_any_tag(["eu", "hub"]))
    assert {each.id for each in found} == {one.id, two.id}


async def test_query_by_names_reaches_renamed_columns(haus: StoreHaus) -> None:
    """Filters by name speak of fields, wherever the column is."""
    store = haus.store(Keyword)
    one = await store.create(Keyword(select=1, where="w", group="g", camel=4))

    assert await store.find(QueryBuilder().filter(QueryFilter.eq("group", "g"))) == [one]
    assert await store.find(Keyword.camel > 3, Keyword.where == "w") == [one]
    with pytest.raises(QueryError):
        await store.find(QueryBuilder().filter(QueryFilter.eq("from", "g")))


async def test_query_about_another_model_is_refused(haus: StoreHaus) -> None:
    """A store answers about its own table."""
    store = haus.store(Airport)

    for query in (QueryBuilder(Wallet), Wallet.owner == "x"):
        with pytest.raises(QueryError):
            await store.find(query)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(QueryError):
        await store.find(QueryBuilder(Airport), QueryBuilder(Airport))
    with pytest.raises(QueryError):
        await store.find(False)  # type: ignore[arg-type]  # the answer of a comparison by Python


@pytest.mark.parametrize("model", [Airport, Article])
async def test_deleted_rows_are_left_out_everywhere(haus: StoreHaus, model: Any) -> None:
    """No reading verb sees a soft-deleted row, unless the query says so."""
    store: Any = haus.store(model)
    live, dead = await store.create_many(
        [airport(1), airport(2)] if model is Airport else [Article(slug="1"), Article(slug="2")]
    )
    assert await store.delete(dead.id)
    query: Any = QueryBuilder(model)

    assert await store.get_by_id(dead.id) is None
    with pytest.raises(NotFound):
        await store.get(dead.id)
    assert await store.get_many([dead.id, live.id]) == [None, live]
    assert await store.find() == [live]
    assert await store.find(model.id == dead.id) == []
    assert await store.find_one(model.id == dead.id) is None
    assert await store.list_all() == [live]
    assert await store.count() == 1
    assert await store.count_where(query.limit(5)) == 1
    assert not await store.exists(model.id == dead.id)
    assert await store.count_where(query.with_deleted()) == 2
    assert await store.exists(query.with_deleted().filter(model.id == dead.id))
    assert [each.id for each in await store.find(query.only_deleted())] == [dead.id]
    assert await store.count_where(query.only_deleted()) == 1


async def test_deleted_composite_key_is_left_out(haus: StoreHaus) -> None:
    """Soft delete and composite keys go together."""
    store = haus.store(Seat)
    await store.create_many([Seat(hall="A", number=i) for i in range(3)])

    assert await store.delete_many([("A", 1), ("A", 0)]) == [("A", 1), ("A", 0)]
    assert [
        each and each.number for each in await store.get_many([("A", i) for i in range(3)])
    ] == [
        None,
        None,
        2,
    ]


async def test_only_deleted_needs_a_flag(haus: StoreHaus) -> None:
    """A model that deletes for good has no deleted rows to ask for."""
    with pytest.raises(QueryError):
        await haus.store(Wallet).find(QueryBuilder(Wallet).only_deleted())


async def test_text_ids_are_exact(haus: StoreHaus) -> None:
    """Ids differ by case, blanks and accents; none of them is read as a pattern."""
    store = haus.store(Label)
    keys = ["a", "A", " a", "a ", "%", "_", "ä", "a\u0308", "", "'; DROP TABLE labels; --", "$1"]
    await store.create_many([Label(key=key, value=key) for key in keys])

    for key in keys:
        assert (await store.get(key)).value == key
    assert [each and each.key for each in await store.get_many(keys)] == keys


async def test_ids_of_other_processes_are_found(haus: StoreHaus, witness: Any) -> None:
    """A row that psql wrote is a row like others."""
    record_id = UUID(int=1)
    await witness.execute(
        "INSERT INTO airports (id, icao, name, country, elevation, lat, lon)"
        " VALUES ($1, 'EDDF', 'Frankfurt', 'DE', 1, 2, 3)",
        record_id,
    )

    found = await haus.store(Airport).get(record_id)

    assert (found.icao, found.iata, found.runways, found.extra) == ("EDDF", "", [], {})
    assert (found.__tags__, found.__is_active__) == ([], True)

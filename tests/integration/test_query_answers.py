"""Queries whose SQL looks right and would answer another question."""

from typing import Any

import pytest

from fix_haus import Airport, Gadget, Label, Wallet, airport
from storehaus import (
    QueryBuilder,
    QueryError,
    StoreHaus,
    alias,
    cast,
    coalesce,
    count,
    exists_,
    func,
    sum_,
)

pytestmark = pytest.mark.anyio


async def fill(haus: StoreHaus) -> None:
    """Three labels, longer ones with fewer hits."""
    texts = ("a", "bb", "ccc")
    await haus.store(Label).create_many(
        [Label(key=text, value=text, hits=10 - i) for i, text in enumerate(texts)]
    )


async def test_exists_of_an_aggregate_within_an_expression(haus: StoreHaus) -> None:
    """An aggregate without groups gives one row also where there are none, wherever it stands."""
    await fill(haus)
    other = alias(Label, "other")
    nothing = QueryBuilder(other).filter(other.hits > 1_000)
    for item in (count(), count() + 1, coalesce(sum_(other.hits), 0)):
        found = await haus.store(Label).find(exists_(nothing.select(item)))
        assert len(found) == 3
    assert await haus.store(Label).find(exists_(nothing.select(other.hits))) == []


async def test_column_beside_a_label_of_its_name(haus: StoreHaus) -> None:
    """A column sorts and tells rows apart by its values, whatever else has its name in the row."""
    await fill(haus)
    store = haus.store(Label)
    other = alias(Label, "other")
    length = func.length(Label.value, returns=int).as_("hits")
    labels = QueryBuilder(Label)

    rows = await store.select(labels.select(length).order_by(Label.hits))
    assert [row.hits for row in rows] == [3, 2, 1]
    rows = await store.select(labels.select(length).order_by("hits"))
    assert [row.hits for row in rows] == [1, 2, 3]
    swapped = labels.select(Label.key.as_("value"), (Label.hits % 2).as_("hits"))
    rows = await store.select(swapped.distinct(Label.hits).order_by(Label.hits.desc()))
    assert [row.value for row in rows] == ["a", "bb", "ccc"]
    pairs = labels.join(other, on=other.key == Label.key).select(length).order_by(Label.hits)
    assert [row.hits for row in await store.select(pairs)] == [3, 2, 1]
    named = QueryBuilder(other).select((-1 * other.hits).as_("hits")).order_by(other.hits)
    assert [row.hits for row in await store.select(named)] == [-8, -9, -10]
    both = labels.filter(Label.hits > 8).union(labels.filter(Label.hits < 9))
    rows = await store.select(both.select(length).order_by(Label.hits))
    assert [row.hits for row in rows] == [3, 2, 1]
    derived = labels.as_("d")
    rows = await store.select(
        QueryBuilder.from_(derived)
        .select((derived["hits"] * -1).as_("hits"))
        .order_by(derived["hits"])
    )
    assert [row.hits for row in rows] == [-8, -9, -10]


async def test_sort_keys_called_like_a_column(haus: StoreHaus) -> None:
    """PostgreSQL calls a cast like its column; pages are sorted by both all the same."""
    await fill(haus)
    query = QueryBuilder(Label).order_by(cast(Label.hits, str), Label.hits)

    page = await haus.store(Label).page(query, size=2)
    last = await haus.store(Label).page(query, size=2, after=page.next)

    assert [label.hits for label in (*page.items, *last.items)] == [10, 8, 9]


async def test_cursor_of_another_part_of_a_document(haus: StoreHaus) -> None:
    """The values within sort keys belong to the order that a cursor is good for."""
    await haus.store(Airport).create_many([airport(i, extra={"a": i, "b": -i}) for i in range(4)])
    store = haus.store(Airport)

    def sorted_by(name: str) -> QueryBuilder[Airport]:
        return QueryBuilder(Airport).order_by(Airport.extra[name].as_int())

    first = await store.page(sorted_by("a"), size=2)

    assert len((await store.page(sorted_by("a"), size=2, after=first.next)).items) == 2
    with pytest.raises(QueryError, match="cursor"):
        await store.page(sorted_by("b"), size=2, after=first.next)


@pytest.mark.parametrize("how", ["right", "full"])
async def test_rows_without_the_model_are_no_models(haus: StoreHaus, how: Any) -> None:
    """What can lack the model is refused where models, or a number of them, are asked for."""
    store, other = haus.store(Label), alias(Label, "other")
    query: Any = QueryBuilder(Label).join(other, on=other.key == Label.value, how=how)

    for ask in (store.find, store.find_one, store.page, store.count_where, store.exists):
        with pytest.raises(QueryError, match="without Label"):
            await ask(query)
    assert await store.select(query.models()) == []


async def test_set_operation_of_values_that_are_read_differently(haus: StoreHaus) -> None:
    """A sum of integers is an int, and does not cut off the decimals that it is united with."""
    sums = QueryBuilder(Wallet).select(sum_(Wallet.version))

    with pytest.raises(QueryError, match="same types"):
        await haus.store(Wallet).select(sums.union(QueryBuilder(Wallet).select(Wallet.balance)))
    with pytest.raises(QueryError, match="same types"):
        QueryBuilder(Gadget).select(Gadget.mood).union(
            QueryBuilder(Gadget).select(Gadget.level)
        ).to_sql()

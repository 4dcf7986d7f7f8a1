"""Queries whose SQL looks right and would answer another question."""

import pytest

from fix_haus import Label
from storehaus import (
    QueryBuilder,
    StoreHaus,
    alias,
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

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

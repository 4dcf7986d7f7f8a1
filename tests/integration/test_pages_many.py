"""Pages over a table that is too large to be sorted by luck."""

import itertools
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import asyncpg
import pytest

from fix_haus import config_of
from storehaus import Field, GenericStore, Index, Model, QueryBuilder, StoreHaus, field

pytestmark = pytest.mark.anyio

ROWS, SIZE = 100_000, 2_500


class Entry(
    Model,
    table="entries",
    soft_delete=True,
    indexes=(Index("score", "place", "id"), Index("score"), Index("word")),
):
    """Few different values, many of them NULL."""

    id: Field[int] = field(primary_key=True)
    score: Field[int | None] = field(default=None)
    place: Field[int] = field(default=0)
    word: Field[str | None] = field(default=None)


ORDERS: dict[str, tuple[Any, ...]] = {
    "nullable": (Entry.score, Entry.place),
    "mixed": (Entry.word.desc().nulls_last(), Entry.score, Entry.place.desc()),
    "uniform": (Entry.place.desc(),),
}


@pytest.fixture
async def entries(postgres_url: str) -> AsyncIterator[GenericStore[Entry]]:
    """The rows, of which one in ten is deleted."""
    random = Random(5)
    async with StoreHaus(config_of(postgres_url)) as haus:
        await haus.auto_migrate(Entry)
        store = haus.store(Entry)

        def rows() -> Any:
            for i in range(ROWS):
                yield Entry(
                    id=i,
                    score=None if random.random() < 0.3 else random.randrange(50),
                    place=random.randrange(4),
                    word=None if random.random() < 0.3 else random.choice("abcdefg"),
                )

        assert await store.load(rows()) == ROWS
        connection = await asyncpg.connect(postgres_url)
        await connection.execute('UPDATE "entries" SET "__is_active__" = id % 10 <> 0')
        await connection.execute('VACUUM ANALYZE "entries"')
        await connection.close()
        yield store


@pytest.mark.parametrize("order", sorted(ORDERS))
async def test_each_of_many_rows_once(entries: GenericStore[Entry], order: str) -> None:
    """Forwards to the end and backwards to the start, 100,000 rows come once and in order."""
    query = QueryBuilder(Entry).order_by(*ORDERS[order])
    last = Entry.id.desc() if ORDERS[order][-1] is not Entry.place else Entry.id
    rows = await entries.select(query.order_by(last).select(Entry.id))
    expected = [row[0] for row in rows]
    assert len(expected) == ROWS - ROWS // 10

    page = await entries.page(query, size=SIZE)
    forwards = [page.items]
    while page.next is not None:
        page = await entries.page(query, size=SIZE, after=page.next)
        forwards.append(page.items)
    backwards = [page.items]
    while page.previous is not None:
        page = await entries.page(query, size=SIZE, after=page.previous)
        backwards.append(page.items)

    assert [entry.id for entry in itertools.chain(*forwards)] == expected
    assert [entry.id for entry in itertools.chain(*reversed(backwards))] == expected

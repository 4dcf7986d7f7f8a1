"""Pages by key: each row once, in order, whatever the order, the sizes and what others write."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fix_haus import config_of
from property.page_rows import ROWS, VALUES, WORLDS, Bench, Place, Thing, copy, fill, thing
from storehaus import (
    GenericStore,
    Page,
    QueryBuilder,
    SortOrder,
    StoreHaus,
    alias,
    case,
    cast,
    coalesce,
    cte,
    desc,
    exists_,
    func,
    max_,
    scalar,
    truth,
)
from storehaus.migrations import migrate

Run = Callable[[Coroutine[Any, Any, Any]], Any]

# The same examples in each run, and without shrinking, which on a server takes long.
QUIET = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OTHER = alias(Thing, "other")
GREATEST = scalar(
    QueryBuilder(OTHER)
    .filter(OTHER.world == Thing.world, OTHER.size == Thing.size)
    .select(max_(OTHER.owner))
)
KEYS: dict[str, Any] = {
    **{name: getattr(Thing, name) for name in VALUES if name != "extra"},
    "created": Thing.__created_at__,
    "tags": Thing.__tags__,
    "by name": "text",
    "computed": Thing.size * 2 - Thing.owner,
    "cast": cast(Thing.owner, str),
    "coalesced": coalesce(Thing.owner, 2),
    "case": case((Thing.size > 1, Thing.text), else_="a"),
    "truth": truth(Thing.owner > 2),
    "function": func.lower(Thing.text, returns=str | None),
    "json integer": Thing.extra["k"].as_int(),
    "json float": Thing.extra["k"].as_float(),
    "json text": Thing.extra["k"].as_str(),
    "json deeper": Thing.extra["l"]["k"].as_int(),
    "subquery": GREATEST,
}


@dataclass(frozen=True)
class Way:
    """One sort key as it is drawn.

    Attributes:
        name: Of `KEYS`.
        descending: Whether the greatest comes first.
        nulls: Where NULLs stand.
    """

    name: str
    descending: bool
    nulls: str | None

    def ordering(self) -> Any:
        """Make the key."""
        key = KEYS[self.name]
        if isinstance(key, str):
            return desc(key) if self.descending else key
        found = key.desc() if self.descending else key.asc()
        if self.nulls is None:
            return found
        return found.nulls_first() if self.nulls == "first" else found.nulls_last()


ways = st.builds(
    Way,
    name=st.sampled_from(sorted(KEYS)),
    descending=st.booleans(),
    nulls=st.sampled_from([None, None, "first", "last"]),
)
orders = st.lists(ways, min_size=1, max_size=3)
sizes = st.sampled_from([1, 2, 3, 5, 8, 13, 40, 41, 42])


@pytest.fixture(scope="module")
def bench(server_url: str) -> Iterator[tuple[Run, Bench]]:
    """Filled tables in a database of their own, and what runs coroutines on its event loop."""
    name = f"storehaus_pages_{uuid4().hex}"
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    with asyncio.Runner() as runner:
        admin = runner.run(asyncpg.connect(server_url))
        runner.run(admin.execute(f'CREATE DATABASE "{name}"'))
        runner.run(migrate({"dsn": url}, (Thing, Place)))
        haus = StoreHaus(config_of(url))
        runner.run(haus.open())
        raw = runner.run(asyncpg.connect(url))
        made = Bench(haus.store(Thing), haus.store(Place), raw)
        runner.run(fill(made))
        yield runner.run, made
        runner.run(raw.close())
        runner.run(haus.close())
        runner.run(admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'))
        runner.run(admin.close())


async def walk(
    store: GenericStore[Any], query: Any, size: int, key: Callable[[Any], Any]
) -> tuple[list[Any], list[Any]]:
    """Read all pages to the end and back, give the keys of the rows both ways."""
    page = await store.page(query, size=size)
    assert page.previous is None
    forwards = list(page.items)
    while page.next is not None:
        page = await store.page(query, size=size, after=page.next)
        assert 0 < len(page.items) <= size
        forwards += page.items
    backwards = list(page.items)
    while page.previous is not None:
        page = await store.page(query, size=size, after=page.previous)
        assert len(page.items) == size or page.previous is None
        backwards[:0] = page.items
    return list(map(key, forwards)), list(map(key, backwards))


def whole_order(ways_: Sequence[Way], *keys: Any) -> list[Any]:
    """The order that pages have: as asked, then by the primary keys."""
    last = ways_[-1].descending if ways_ else False
    return [*(way.ordering() for way in ways_), *(k.desc() if last else k for k in keys)]


@QUIET
@given(world=st.integers(0, WORLDS - 1), order=orders, size=sizes)
def test_each_row_once_in_order_each_way(
    bench: tuple[Run, Bench], world: int, order: list[Way], size: int
) -> None:
    """Pages to the end are the rows of `find`, and so are those back to the start."""
    run, it = bench
    query = QueryBuilder(Thing).filter(Thing.world == world)
    asked = query.order_by(*(way.ordering() for way in order))

    async def check() -> None:
        rows = await it.things.find(query.order_by(*whole_order(order, Thing.id)))
        expected = [row.id for row in rows]
        forwards, backwards = await walk(it.things, asked, size, lambda row: row.id)
        assert len(expected) == ROWS
        assert forwards == expected
        assert backwards == expected

    run(check())


@pytest.mark.parametrize("name", sorted(KEYS))
@pytest.mark.parametrize("descending", [False, True], ids=["upwards", "downwards"])
def test_keys_of_every_type_survive_the_cursor(
    bench: tuple[Run, Bench], name: str, descending: bool
) -> None:
    """Pages of one row, whose cursors hold each value, infinity and NULL among them."""
    run, it = bench
    for world, nulls in ((0, None), (1, "first"), (1, "last"), (2, None)):
        way = Way(name, descending, nulls)
        query = QueryBuilder(Thing).filter(Thing.world == world)
        rows = run(it.things.find(query.order_by(*whole_order([way], Thing.id))))
        expected = [row.id for row in rows]
        asked = query.order_by(way.ordering())
        assert run(walk(it.things, asked, 1, lambda row: row.id)) == (expected, expected)


JOINED = {
    "column": Place.rank.desc(),
    "key": Place.number.desc(),
    "computed": (Place.number + Thing.size).desc(),
    "cast": cast(Place.number, str).desc(),
}


@QUIET
@given(
    order=st.lists(ways, max_size=2),
    size=st.sampled_from([3, 8, 13, 40, 200]),
    how=st.sampled_from(["inner", "left", "left", "cross"]),
    name=st.sampled_from(sorted(JOINED)),
)
def test_joined_rows_each_once(
    bench: tuple[Run, Bench], order: list[Way], size: int, how: Any, name: str
) -> None:
    """A row of the model stands there once for each partner, whose keys belong to the order."""
    run, it = bench
    on = None if how == "cross" else (Place.number == Thing.owner) & (Place.hall != "a")
    query = QueryBuilder(Thing).filter(Thing.world == 1, Thing.id % 3 == 0)
    joined = query.join(Place, on=on, how=how)
    asked = joined.order_by(*(way.ordering() for way in order), JOINED[name])
    whole = asked.order_by(
        *(key.desc() for key in (Thing.id, Place.hall, Place.number)),
    )

    async def check() -> None:
        expected = [row.id for row in await it.things.find(whole)]
        assert expected
        found = await walk(it.things, asked, size, lambda row: row.id)
        assert found == (expected, expected)

    run(check())


@QUIET
@given(
    keys=st.lists(st.sampled_from(["hall", "number", "rank", "world"]), max_size=3, unique=True),
    down=st.lists(st.booleans(), min_size=3, max_size=3),
    size=st.integers(1, 37),
)
def test_composite_keys(
    bench: tuple[Run, Bench], keys: list[str], down: list[bool], size: int
) -> None:
    """All columns of a key tell rows apart; those that are asked for are not added again."""
    run, it = bench
    order: list[Any] = []
    for name, descending in zip(keys, down, strict=False):
        order += [name, SortOrder.DESC if descending else SortOrder.ASC]
    rest = [name for name in ("hall", "number") if name not in keys]
    last = bool(keys) and down[len(keys) - 1]
    query = QueryBuilder(Place)

    async def check() -> None:
        whole = query.order_by(*order)
        for name in rest:
            whole = whole.order_by(name, SortOrder.DESC if last else SortOrder.ASC)
        expected = [(row.hall, row.number) for row in await it.places.find(whole)]
        asked = query.order_by(*order)
        found = await walk(it.places, asked, size, lambda row: (row.hall, row.number))
        assert found == (expected, expected)
        assert len(expected) == 36

    run(check())


def _forms() -> dict[str, Any]:
    query = QueryBuilder(Thing).filter(Thing.world == 1)
    named = cte("named", Thing)
    return {
        "union": query.filter(Thing.size < 3).union(query.filter(Thing.size > 1)),
        "except": query.except_(query.filter(Thing.size == 2)),
        "common table expression": QueryBuilder(named).with_("named", query),
        "alias": QueryBuilder(OTHER).filter(OTHER.world == 1),
        "subquery": query.filter(
            exists_(QueryBuilder(Place).filter(Place.number == Thing.owner)) | (Thing.size == 1)
        ),
        "deleted too": query.with_deleted(),
    }


@pytest.mark.parametrize("form", sorted(_forms()))
def test_queries_of_every_form(bench: tuple[Run, Bench], form: str) -> None:
    """Set operations, common table expressions, aliases and subqueries are given page by page."""
    run, it = bench
    query = _forms()[form]

    async def check() -> None:
        expected = [row.id for row in await it.things.find(query.order_by("text", "id"))]
        assert len(expected) > 10
        found = await walk(it.things, query.order_by("text"), 4, lambda row: row.id)
        assert found == (expected, expected)

    run(check())


class Unrest:
    """Reads pages while others write.

    Args:
        bench: The tables.
        order: How pages are sorted.
        size: How large they are.
        random: Decides what is written.
    """

    world = WORLDS + 1

    def __init__(self, bench: Bench, order: list[Way], size: int, random: Random) -> None:
        self._bench = bench
        self._size = size
        self._random = random
        self._numbers = itertools.count(100_000)
        query = QueryBuilder(Thing).filter(Thing.world == self.world)
        self._asked = query.order_by(*(way.ordering() for way in order))
        self._whole = query.order_by(*whole_order(order, Thing.id))

    async def start(self) -> None:
        """Begin with a few rows."""
        await self._bench.raw.execute('DELETE FROM "page_things" WHERE world = $1', self.world)
        await self._insert(14)

    async def ids(self) -> list[int]:
        """Give all rows as they are now, in order."""
        return [row.id for row in await self._bench.things.find(self._whole)]

    async def page(self, after: str | None = None) -> Page[Thing]:
        """Read one page."""
        return await self._bench.things.page(self._asked, size=self._size, after=after)

    async def read(self, direction: str, page: Page[Thing]) -> tuple[list[int], Page[Thing]]:
        """Read on from a page; give the rows after it, and the last page that has any."""
        seen: list[int] = []
        for count in itertools.count():
            cursor = getattr(page, direction)
            if cursor is None:
                break
            # New rows for ever would be pages for ever.
            if count < 20:
                await self._disturb(page.items[-1 if direction == "next" else 0].id)
            following = await self.page(cursor)
            if not following.items:
                break
            page = following
            rows = [row.id for row in page.items]
            seen += rows if direction == "next" else rows[::-1]
        return seen, page

    async def _disturb(self, last: int) -> None:
        """Delete the row at which a page ended, or any; insert others."""
        victim = last if self._random.random() < 0.3 else self._random.choice(await self.ids())
        hard = 'DELETE FROM "page_things" WHERE id = $1'
        soft = 'UPDATE "page_things" SET "__is_active__" = false WHERE id = $1'
        await self._bench.raw.execute(self._random.choice((hard, soft)), victim)
        await self._insert(2)

    async def _insert(self, number: int) -> None:
        rows = [thing(self._random, next(self._numbers), self.world) for _ in range(number)]
        await copy(self._bench, Thing, rows)


@settings(QUIET, max_examples=25)
@given(order=orders, size=st.sampled_from([1, 2, 5, 9]), seed=st.integers(0, 2**32))
def test_rows_that_stay_are_neither_skipped_nor_repeated(
    bench: tuple[Run, Bench], order: list[Way], size: int, seed: int
) -> None:
    """Others insert and delete rows between the pages, also those at which a page ended."""
    run, it = bench
    # What depends on other rows moves while they do.
    order = [way for way in order if way.name != "subquery"]
    unrest = Unrest(it, order, size, Random(seed))

    async def check() -> None:
        await unrest.start()
        before = await unrest.ids()
        first = await unrest.page()
        seen, last = await unrest.read("next", first)
        between = await unrest.ids()
        check_stayed([*(row.id for row in first.items), *seen], before, between)
        start = last.items[0].id
        if start in between:
            back, _ = await unrest.read("previous", last)
            check_stayed(back, between[: between.index(start)][::-1], await unrest.ids())

    run(check())


def check_stayed(seen: list[int], before: list[int], after: list[int]) -> None:
    """Rows that were there all the time were given once, in order; no other was given twice."""
    assert len(set(seen)) == len(seen)
    stayed = [i for i in before if i in set(after)]
    assert [i for i in seen if i in set(stayed)] == stayed

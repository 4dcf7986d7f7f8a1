"""What a store refuses to ask, and what it builds of the rows of a projection, without a server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pytest

from golden_tables import City, Country, L, Q
from storehaus import GenericStore, QueryError, count
from storehaus.query import cte
from storehaus.sql import QueryBuilder
from storehaus.store import Database
from storehaus.testing import FakeDriver

pytestmark = pytest.mark.anyio

IN_COUNTRY = Country.code == City.country
IDS = Q.select(City.id)
FULL = Q.join(Country, on=IN_COUNTRY, how="full")
BY_COUNTRY = Q.select(City.country, count().as_("n")).group_by("country")
ANSWER = [("DE", 3), ("FR", 4)]

Ask = Callable[[GenericStore[City]], Awaitable[Any]]


class Stats(msgspec.Struct):
    """What rows are built into."""

    country: str
    n: int = 0


class Turned(msgspec.Struct, kw_only=True):
    """The same fields in another order, by name only."""

    n: int
    country: str


@dataclass
class Pair:
    """One more field, which has a default."""

    country: str
    n: int
    rest: list[int] = field(default_factory=list)


class Named(NamedTuple):
    """A tuple."""

    country: str
    n: int


@dataclass
class Narrow:
    """A field too few."""

    country: str


@dataclass
class Wide:
    """A field too many."""

    country: str
    n: int
    more: int


REFUSED: dict[str, tuple[Ask, str]] = {
    "find of a projection": (lambda s: s.find(IDS), "use store.select"),
    "find_one of a projection": (lambda s: s.find_one(IDS), "use store.select"),
    "count of a projection": (lambda s: s.count_where(IDS), "use store.select"),
    "exists of a projection": (lambda s: s.exists(IDS), "use store.select"),
    "page of a projection": (lambda s: s.page(IDS), "use store.select"),
    "find of a projection's rows": (lambda s: s.find(FULL.select(City)), "use store.select"),
    "find of a full join": (lambda s: s.find(FULL), "gives rows without City"),
    "count of a full join": (lambda s: s.count_where(FULL), "gives rows without City"),
    "page of a right join": (
        lambda s: s.page(Q.join(Country, on=IN_COUNTRY, how="right")),
        "gives rows without City",
    ),
    "find of another model": (lambda s: s.find(L), "about Country, not about City"),
    "find of a condition on another model": (
        lambda s: s.find(Country.title == "x"),
        "is no column of City",
    ),
    "find of derived rows": (lambda s: s.find(QueryBuilder.from_(cte("x"))), "a projection"),
    "find of a truth value": (lambda s: s.find(City.name is None), "a filter is a condition"),
    "find of a text": (lambda s: s.find("Berlin"), "a filter is a condition"),
    "find of two queries": (lambda s: s.find(Q, Q), "one query is needed"),
    "find of groups": (lambda s: s.find(Q.group_by("name")), "gives a projection"),
    "select of models": (lambda s: s.select(Q), "a projection is needed"),
    "select of a full join": (lambda s: s.select(FULL), "a projection is needed"),
    "select of a condition": (lambda s: s.select(City.pop > 3), "a projection is needed"),
    "select of another model": (lambda s: s.select(L.select("code")), "about Country"),
    "a page without size": (lambda s: s.page(Q, size=0), "size is a number of rows"),
    "a page that is too large": (lambda s: s.page(Q, size=10_001), "size is a number of rows"),
    "a page of true": (lambda s: s.page(Q, size=True), "size is a number of rows"),
    "a cursor of nobody": (lambda s: s.page(Q, after="x"), "was not made for this query"),
    "a cursor that is no text": (lambda s: s.page(Q, after=3), "was not made for this query"),
    "a page with a limit": (lambda s: s.page(Q.limit(3)), "has no limit"),
    "a page with an offset": (lambda s: s.page(Q.offset(3)), "has no offset"),
    "a page of groups": (lambda s: s.page(Q.group_by("name")), "has no group_by"),
    "into a number": (lambda s: s.select(BY_COUNTRY, into=3), "a struct, a dataclass"),
    "into a list": (lambda s: s.select(BY_COUNTRY, into=list), "a struct, a dataclass"),
    "into an instance": (lambda s: s.select(BY_COUNTRY, into=Stats("x")), "a struct, a dataclass"),
    "into a field too few": (
        lambda s: s.select(BY_COUNTRY, into=Narrow),
        "Narrow has no field for the column 'n'",
    ),
    "into a field too many": (
        lambda s: s.select(BY_COUNTRY, into=Wide),
        "gives no 'more' for Wide",
    ),
    "into other labels": (
        lambda s: s.select(Q.select(City.name, count().as_("n")), into=Stats),
        "Stats has no field for the column 'name'",
    ),
}


@pytest.mark.parametrize(("ask", "message"), REFUSED.values(), ids=REFUSED)
async def test_store_refuses_before_it_asks(ask: Ask, message: str) -> None:
    """A `QueryError` says what is wrong, and the server hears nothing."""
    driver = FakeDriver()

    with pytest.raises(QueryError, match=message):
        await ask(GenericStore(Database(driver), City))

    assert driver.round_trips == 0


@pytest.mark.parametrize(
    ("query", "batch", "message"),
    [
        (Q, 0, "batch is a number of rows"),
        (Q, 100_001, "batch is a number of rows"),
        (Q, True, "batch is a number of rows"),
        (L, 5, "about Country, not about City"),
        (FULL, 5, "gives rows without City"),
        (Q.select(Country.code), 5, "is no column of City"),
    ],
    ids=range(6),
)
async def test_stream_refuses_before_it_asks(query: Any, batch: int, message: str) -> None:
    """Already when it is made, not only when its first row is read."""
    driver = FakeDriver()

    with pytest.raises(QueryError, match=message):
        GenericStore(Database(driver), City).stream(query, batch=batch)

    assert driver.round_trips == 0


@pytest.mark.parametrize(
    ("into", "expected"),
    [
        (None, ANSWER),
        (Stats, [Stats("DE", 3), Stats("FR", 4)]),
        (Turned, [Turned(country="DE", n=3), Turned(country="FR", n=4)]),
        (Pair, [Pair("DE", 3), Pair("FR", 4)]),
        (Named, [Named("DE", 3), Named("FR", 4)]),
    ],
    ids=["row", "struct", "keywords", "dataclass", "named tuple"],
)
async def test_rows_are_built_into(into: Any, expected: list[Any]) -> None:
    """By label, whatever the order of the fields; those with defaults may be missing."""
    store = GenericStore(Database(FakeDriver([ANSWER])), City)

    assert await store.select(BY_COUNTRY, into=into) == expected


async def test_rows_have_names() -> None:
    """Values of rows are reached by place, by label and by unpacking."""
    store = GenericStore(Database(FakeDriver([ANSWER])), City)

    [first, (country, n)] = await store.select(BY_COUNTRY)

    assert (first[0], first.n, first.country) == ("DE", 3, "DE")
    assert (country, n) == ("FR", 4)

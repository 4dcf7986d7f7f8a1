"""Filters that arrive as JSON: they mean what they say, or are refused before anything is sent."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fix_haus import Gadget, Label, driver_of
from storehaus import GenericStore, QueryBuilder, QueryError, QueryFilter
from storehaus.store import Database
from storehaus.testing import CountingDriver

Run = Callable[[Coroutine[Any, Any, Any]], Any]

QUIET = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
ROWS = [(f"k{i}", ("", "a", "A", "ab", "b%", "\\", "é")[i % 7], i % 5) for i in range(21)]

# Filters that are right, with what they mean.

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda x, v: x == v,
    "ne": lambda x, v: x != v,
    "in": lambda x, v: x in v,
    "not_in": lambda x, v: x not in v,
    "is_null": lambda x, v: not v,
}
NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda x, v: x > v,
    "gte": lambda x, v: x >= v,
    "lt": lambda x, v: x < v,
    "lte": lambda x, v: x <= v,
    "between": lambda x, v: v[0] <= x <= v[1],
}
TEXTS: dict[str, Callable[[Any, Any], bool]] = {
    "startswith": lambda x, v: x.startswith(v),
    "endswith": lambda x, v: x.endswith(v),
    "contains": lambda x, v: v in x,
    "icontains": lambda x, v: v.lower() in x.lower(),
}
KNOWN = {**OPERATORS, **NUMBERS, **TEXTS}

texts = st.sampled_from(["", "a", "A", "b", "%", "_", "\\", "é", "zz"])
numbers = st.integers(-1, 6)


def _operations(values: Any, names: Any) -> Any:
    def value(name: str) -> Any:
        if name in {"in", "not_in"}:
            return st.lists(values, max_size=4)
        if name == "is_null":
            return st.booleans()
        return st.lists(values, min_size=2, max_size=2) if name == "between" else values

    return st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: value(name) for name in chosen})
    )


fields = st.fixed_dictionaries(
    {},
    optional={
        "value": texts | _operations(texts, sorted({**OPERATORS, **TEXTS})),
        "hits": numbers | _operations(numbers, sorted({**OPERATORS, **NUMBERS})),
    },
)
documents = st.recursive(
    fields,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "and": st.lists(inner, max_size=3),
            "or": st.lists(inner, max_size=3),
            "not": inner,
            "hits": numbers,
        },
    ),
    max_leaves=6,
)


def holds(document: dict[str, Any], row: dict[str, Any]) -> bool:
    """What a document means, in Python; no field here can be NULL."""
    return all(_member(key, value, row) for key, value in document.items())


def _member(key: str, value: Any, row: dict[str, Any]) -> bool:
    if key == "and":
        return all(holds(part, row) for part in value)
    if key == "or":
        return any(holds(part, row) for part in value)
    if key == "not":
        return not holds(value, row)
    operations = value if isinstance(value, dict) else {"eq": value}
    return all(KNOWN[name](row[key], given_) for name, given_ in operations.items())


# Anything that JSON can be, with words of filters among it.

FIELDS = ["value", "hits", "key", "__tags__", "__created_at__", "mood", "extra", "spot", "labels"]
ODD = ["nothing", "", "\0", "\ud800", "like", "ilike", "has_any", "has_all", "and", "or", "not"]
words = st.sampled_from([*KNOWN, *FIELDS, *ODD])
names = words | st.text(max_size=3)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | words
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "1e400", "sad", "SAD", "0", "[1]"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
anything = st.dictionaries(words, values, max_size=3) | values


class Bench:
    """Two stores whose statements are counted."""

    def __init__(self, driver: CountingDriver) -> None:
        self.driver = driver
        self.labels = GenericStore(Database(driver), Label)
        self.gadgets = GenericStore(Database(driver), Gadget)

    async def find(self, store: Any, document: Any, **limits: Any) -> Any:
        """Find by a document; a QueryError is given back, and nothing was sent then."""
        self.driver.reset()
        try:
            condition = QueryFilter.from_dict(document, **limits)
            return await store.find(QueryBuilder().filter(condition))
        except QueryError as refused:
            assert self.driver.calls == []
            return refused


@pytest.fixture(scope="module")
def bench(tables_url: str) -> Iterator[tuple[Run, Bench]]:
    """The rows, and what runs coroutines on their event loop."""

    async def fill() -> None:
        raw = await asyncpg.connect(tables_url)
        await raw.execute("DELETE FROM labels; DELETE FROM warehouse.gadgets")
        await raw.close()
        labels = [Label(key=key, value=value, hits=hits) for key, value, hits in ROWS]
        await it.labels.create_many(labels)

    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(tables_url))
        runner.run(driver.open())
        it = Bench(driver)
        runner.run(fill())
        yield runner.run, it
        runner.run(driver.close())


@QUIET
@given(document=documents)
def test_documents_mean_what_they_say(bench: tuple[Run, Bench], document: Any) -> None:
    """The rows found are those that Python would find."""
    run, it = bench
    found = run(it.find(it.labels, document, max_depth=20))
    expected = {
        key
        for key, value, hits in ROWS
        if holds(document, {"key": key, "value": value, "hits": hits})
    }
    assert {label.key for label in found} == expected


@QUIET
@given(document=anything)
def test_any_document_is_a_filter_or_refused(bench: tuple[Run, Bench], document: Any) -> None:
    """Whatever JSON brings, the answer is a list of rows or a QueryError without any statement."""
    run, it = bench
    for store in (it.labels, it.gadgets):
        assert isinstance(run(it.find(store, document)), list | QueryError)


@QUIET
@given(document=documents | anything)
def test_other_fields_are_refused(bench: tuple[Run, Bench], document: Any) -> None:
    """A document that names a field which is not allowed is refused, wherever it names it."""
    run, it = bench
    found = run(it.find(it.labels, document, fields=[Label.hits], max_depth=20))
    if set(named(document)) - {"hits"}:
        assert isinstance(found, QueryError)


def named(document: Any) -> Iterator[Any]:
    """Give the names of fields in a document."""
    if not isinstance(document, dict):
        return
    for key, value in document.items():
        if key in {"and", "or"}:
            for part in value if isinstance(value, list) else ():
                yield from named(part)
        elif key == "not":
            yield from named(value)
        else:
            yield key


def nested(depth: int, word: str) -> dict[str, Any]:
    """A document of so many levels."""
    document: dict[str, Any] = {"hits": 1}
    for _ in range(depth - 1):
        document = {word: document if word == "not" else [document]}
    return document


@pytest.mark.parametrize("word", ["and", "or", "not"])
def test_depth_is_limited(bench: tuple[Run, Bench], word: str) -> None:
    """One level more than allowed is refused; so are 100,000, without exhausting the stack."""
    run, it = bench
    assert isinstance(run(it.find(it.labels, nested(5, word))), list)
    for depth in (6, 100, 100_000):
        assert isinstance(run(it.find(it.labels, nested(depth, word))), QueryError)


@pytest.mark.parametrize(
    "document",
    [
        {"or": [{"hits": i} for i in range(51)]},
        {"and": [{"hits": {"gte": 0, "lte": 9}}] * 26},
        {"or": [{}] * 51},
        {"or": [{"or": []}] * 51},
        {"not": {"or": [{"not": {}}] * 51}},
        {"and": [{"or": [{}] * 10}] * 10},
        {"hits": {"in": list(range(1_001))}},
        {"or": [{"hits": {"in": list(range(400))}}] * 3},
        {"__tags__": {"has_any": ["x"] * 1_001}},
    ],
    ids=range(9),
)
def test_size_is_limited(bench: tuple[Run, Bench], document: Any) -> None:
    """Conditions and values are counted over all of the document, empty objects too."""
    run, it = bench
    assert isinstance(run(it.find(it.labels, document)), QueryError)


def test_limits_are_the_callers(bench: tuple[Run, Bench]) -> None:
    """Each limit can be set."""
    run, it = bench
    two = {"or": [{"hits": 1}, {"hits": 2}]}
    assert isinstance(run(it.find(it.labels, two, max_conditions=2, max_depth=2)), list)
    assert isinstance(run(it.find(it.labels, two, max_conditions=1)), QueryError)
    assert isinstance(run(it.find(it.labels, two, max_depth=1)), QueryError)
    some = {"hits": {"in": [1, 2]}}
    assert isinstance(run(it.find(it.labels, some, max_values=2)), list)
    assert isinstance(run(it.find(it.labels, some, max_values=1)), QueryError)

"""JSON filters and typed conditions find the same rows, whatever they are."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from fix_haus import driver_of
from fix_verbs import Every, Rank, Shade
from storehaus import Condition, GenericStore, QueryBuilder, QueryFilter
from storehaus.sql import has_filter
from storehaus.store import Database

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Pair = tuple[dict[str, Any], Condition]

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=250,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

MOMENTS = [datetime(2024, 1, 1 + i, 12, tzinfo=UTC) for i in range(3)]
UUIDS = [UUID(int=i) for i in range(3)]

# Field → the values that it may have, and how JSON writes them.
FIELDS: dict[str, tuple[list[Any], Callable[[Any], Any]]] = {
    "name": (["", "a", "ab", "50%", "a_b", "\\", "É", "it's"], str),
    "number": ([-1, 0, 1, 2**53 + 1], int),
    "ratio": ([-0.5, 0.0, 0.1, 1e300], float),
    "amount": ([Decimal("0.1"), Decimal("0.10000000000000001"), Decimal(3)], str),
    "price": ([Decimal("0.10"), Decimal("9999999999.99")], str),
    "day": ([date(2024, 2, 28 + i) for i in range(2)], date.isoformat),
    "at": (MOMENTS, datetime.isoformat),
    "span": ([timedelta(hours=i) for i in range(3)], lambda span: f"PT{span.seconds}S"),
    "owner": (UUIDS, str),
    "shade": (list(Shade), str),
    "rank": (list(Rank), lambda rank: rank.name),
    "word": (["a", "b"], str),
    "four": ([IPv4Address(i) for i in range(1, 4)], str),
}
ORDERED = ["number", "ratio", "amount", "price", "day", "at", "span"]
TYPED: dict[str, Callable[[Any, Any], Condition]] = {
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
}
PATTERNS: dict[str, Callable[[Any, str], Condition]] = {
    "like": lambda column, text: column.like(text),
    "ilike": lambda column, text: column.ilike(text),
    "startswith": lambda column, text: column.startswith(text),
    "endswith": lambda column, text: column.endswith(text),
    "contains": lambda column, text: column.contains(text),
}
WORDS = ["a", "b", "it's", ""]


@st.composite
def equalities(draw: st.DrawFn) -> Pair:
    """A field that is, or is not, a value or NULL, and lists of them."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    column: Any = getattr(Every, name)
    values, to_json = FIELDS[name]
    some = st.none() | st.sampled_from(values)

    def written(value: Any) -> Any:
        return None if value is None else to_json(value)

    operator = draw(st.sampled_from(["", "eq", "ne", "in", "not_in", "is_null"]))
    if operator in {"in", "not_in"}:
        chosen = draw(st.lists(some, max_size=3))
        condition = column.in_(chosen) if operator == "in" else column.not_in(chosen)
        return {name: {operator: list(map(written, chosen))}}, condition
    if operator == "is_null":
        wanted = draw(st.booleans())
        return {name: {"is_null": wanted}}, column.is_null() if wanted else column.is_not_null()
    value = draw(some)
    condition = column != value if operator == "ne" else column == value
    return {name: {operator: written(value)} if operator else written(value)}, condition


@st.composite
def orders(draw: st.DrawFn) -> Pair:
    """A field below, above and between values; several operators at once."""
    name = draw(st.sampled_from(ORDERED))
    column: Any = getattr(Every, name)
    values, to_json = FIELDS[name]
    some = st.sampled_from(values)
    if draw(st.booleans()):
        low, high = draw(some), draw(some)
        return {name: {"between": [to_json(low), to_json(high)]}}, column.between(low, high)
    chosen = draw(st.dictionaries(st.sampled_from(sorted(TYPED)), some, min_size=1, max_size=2))
    condition = QueryFilter.and_([TYPED[word](column, value) for word, value in chosen.items()])
    return {name: {word: to_json(value) for word, value in chosen.items()}}, condition


@st.composite
def texts(draw: st.DrawFn) -> Pair:
    """A text that matches."""
    operator = draw(st.sampled_from(sorted(PATTERNS)))
    text = draw(st.text(st.sampled_from("a50%_\\É' "), max_size=3))
    if operator in {"like", "ilike"}:
        text = text.replace("\\", "")
    return {"name": {operator: text}}, PATTERNS[operator](Every.name, text)


@st.composite
def arrays(draw: st.DrawFn) -> Pair:
    """Arrays and tags that share items."""
    chosen = draw(st.lists(st.sampled_from(WORDS), max_size=2))
    name, operator = draw(
        st.sampled_from(
            [("words", "has_any"), ("words", "has_all"), ("tags", "has_any"), ("tags", "has_all")]
        )
    )
    if name == "tags":
        make = QueryFilter.has_any_tag if operator == "has_any" else QueryFilter.has_all_tags
        return {"__tags__": {operator: chosen}}, make(chosen)
    words: Any = Every.words
    condition = words.overlaps(chosen) if operator == "has_any" else words.contains(chosen)
    return {name: {operator: chosen}}, condition


def combined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    """Filters of filters."""
    several = st.lists(inner, max_size=3)
    return st.one_of(
        several.map(
            lambda parts: (
                {"and": [document for document, _ in parts]},
                QueryFilter.and_([condition for _, condition in parts]),
            )
        ),
        several.map(
            lambda parts: (
                {"or": [document for document, _ in parts]},
                QueryFilter.or_([condition for _, condition in parts]),
            )
        ),
        inner.map(lambda part: ({"not": part[0]}, QueryFilter.not_(part[1]))),
        st.tuples(inner, inner).map(merged),
    )


def merged(parts: tuple[Pair, Pair]) -> Pair:
    """Two filters as members of one object, where their names differ."""
    (one, first), (two, second) = parts
    if one.keys() & two.keys():
        return one, first
    return one | two, QueryFilter.and_([first, second])


filters = st.recursive(equalities() | orders() | texts() | arrays(), combined, max_leaves=6)


def rows() -> list[Every]:
    """Rows with values, and with NULLs, of every field, in many combinations."""
    made: list[Every] = []
    for i in range(60):
        chosen = {
            name: None if (i + j) % 5 == 0 and name != "name" else values[(i * 7 + j) % len(values)]
            for j, (name, (values, _)) in enumerate(FIELDS.items())
        }
        words = None if i % 4 == 0 else [WORDS[k] for k in range(len(WORDS)) if i >> k & 1]
        made.append(Every(**chosen, words=words))
    return made


@pytest.fixture(scope="module")
def store(verbs_url: str) -> Iterator[tuple[Run, GenericStore[Every]]]:
    """The rows, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        driver = driver_of(verbs_url)
        runner.run(driver.open())
        made = GenericStore(Database(driver), Every)

        async def fill() -> None:
            await made.delete_where(QueryBuilder(Every), everything=True)
            for i, row in enumerate(rows()):
                await made.create(row, tags=[WORDS[i % 4], WORDS[i % 3]])

        runner.run(fill())
        yield runner.run, made
        runner.run(driver.close())


@QUIET
@given(pair=filters)
def test_document_finds_what_the_typed_filter_finds(
    store: tuple[Run, GenericStore[Every]], pair: Pair
) -> None:
    """After a trip through JSON; both agree whether they filter at all."""
    run, every = store
    document, typed = pair
    read = QueryFilter.from_dict(json.loads(json.dumps(document)), max_depth=20)

    async def found(condition: Condition) -> set[UUID]:
        return {
            row[0]
            for row in await every.select(QueryBuilder(Every).filter(condition).select(Every.id))
        }

    ours, theirs = run(found(read)), run(found(typed))

    event("nothing" if not ours else "all" if len(ours) == 60 else "some")
    assert ours == theirs
    query = QueryBuilder(Every)
    assert has_filter(query.filter(read)) == has_filter(query.filter(typed))
    if not has_filter(query.filter(read)) and not asks_for_nullable(document):
        assert len(ours) == 60


def asks_for_nullable(document: dict[str, Any]) -> bool:
    """Whether a filter names fields that can be NULL: shapes do not count these."""
    text = json.dumps(document)
    return any(f'"{name}"' in text for name in (*FIELDS, "words") if name != "name")

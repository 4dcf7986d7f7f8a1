"""Texts from outside in every place of a query: compared exactly, a name of a field, or refused."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from fix_haus import Gadget, Label, Mood, driver_of
from storehaus import (
    GenericStore,
    QueryBuilder,
    QueryError,
    QueryFilter,
    UniqueViolation,
    alias,
    asc,
    case,
    coalesce,
    count,
    cte,
    desc,
    literal,
    max_,
    nullif,
    string_agg,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver

Run = Callable[[Coroutine[Any, Any, Any]], Any]

QUIET = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
NASTY = [
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "'; DROP TABLE labels; --",
    '"; DROP TABLE labels; --',
    '" AS x FROM labels; --',
    "'",
    '"',
    '""',
    "\\",
    "\\\\",
    "a\\",
    "%",
    "_",
    "\\%",
    "%_\\",
    "$1",
    "$$",
    "%s %(x)s {x} :x ?",
    '{a,NULL,"b"}',
    "NULL",
    "value",
    "1",
    "-- ",
    "/*",
    "*/",
    "a & b | !c <-> d:*",
    '"unclosed phrase',
    "-not or or",
    "👩‍👩‍👧‍👧",
    "\u202egnp.exe",
    "İi",
    "x" * 3_000,
    "é" * 40,
    "\r\n\t\x01\x7f\ufeff",
    "#0",
    "labels",
]


def storable(text: str) -> bool:
    """Whether PostgreSQL has a place for it in a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


texts = st.sampled_from(NASTY) | st.text(st.characters(), max_size=10)
storable_texts = texts.filter(storable)
NAMES = set(Label.__table_info__.by_name)


class Bench:
    """Stores whose statements are counted."""

    def __init__(self, driver: CountingDriver, raw: Any) -> None:
        self.driver = driver
        self.raw = raw
        self.labels = GenericStore(Database(driver), Label)
        self.gadgets = GenericStore(Database(driver), Gadget)

    async def fill(self, *keys: str) -> None:
        """Let there be exactly these labels, each key being the value too."""
        await self.raw.execute("DELETE FROM labels")
        known = dict.fromkeys(keys)
        rows = [Label(key=key, value=key, hits=i) for i, key in enumerate(known)]
        await self.labels.create_many(rows, tags=[])

    async def outcome(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do it; a QueryError is given back, and no statement was sent then."""
        self.driver.reset()
        try:
            return await work()
        except QueryError as refused:
            assert self.driver.calls == []
            return refused

    async def keys(self, *query: Any) -> Any:
        """Give the keys that a query finds, or the error."""
        found = await self.outcome(lambda: self.labels.find(*query))
        return found if isinstance(found, QueryError) else {label.key for label in found}


@pytest.fixture(scope="module")
def bench(tables_url: str) -> Iterator[tuple[Run, Bench]]:
    """The tables, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(tables_url))
        runner.run(driver.open())
        raw = runner.run(asyncpg.connect(tables_url))
        yield runner.run, Bench(driver, raw)
        runner.run(raw.close())
        runner.run(driver.close())


def decoys(text: str) -> list[str]:
    """Texts that a value which is not taken literally would find too."""
    return ["", "x", "%", "_", "\\", "'", f"{text}x", f"x{text}", text[:-1], text.swapcase()]


def like(pattern: str) -> "re.Pattern[str]":
    """What LIKE means, in other words."""
    words: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "\\":
            words.append(re.escape(next(letters)))
        else:
            words.append({"%": ".*", "_": "."}.get(letter) or re.escape(letter))
    return re.compile("".join(words), re.DOTALL)


EXACT: dict[str, tuple[Callable[[str], Any], Callable[[str, str], bool]]] = {
    "==": (lambda v: Label.value == v, lambda x, v: x == v),
    "!=": (lambda v: Label.value != v, lambda x, v: x != v),
    "in_": (lambda v: Label.value.in_([v, "x"]), lambda x, v: x in {v, "x"}),
    "not_in": (lambda v: Label.value.not_in([v]), lambda x, v: x != v),
    "between": (lambda v: Label.value.between(v, v), lambda x, v: x == v),
    "distinct": (Label.value.is_distinct_from, lambda x, v: x != v),
    "startswith": (Label.value.startswith, lambda x, v: x.startswith(v)),
    "endswith": (Label.value.endswith, lambda x, v: x.endswith(v)),
    "contains": (Label.value.contains, lambda x, v: v in x),
    "literal": (lambda v: literal(v) == Label.value, lambda x, v: x == v),
    "concatenated": (lambda v: Label.value + v == v + v, lambda x, v: x == v),
    "case": (
        lambda v: case((Label.value == v, v), else_="-") == Label.value,
        lambda x, v: x == v or (x == "-" and v != "-"),
    ),
    "coalesce": (
        lambda v: coalesce(nullif(Label.value, v), "-") == "-",
        lambda x, v: x in {v, "-"},
    ),
    "eq": (lambda v: QueryFilter.eq("value", v), lambda x, v: x == v),
    "ne": (lambda v: QueryFilter.ne("value", v), lambda x, v: x != v),
    "in_values": (lambda v: QueryFilter.in_values("value", [v]), lambda x, v: x == v),
    "from_dict": (lambda v: QueryFilter.from_dict({"value": v}), lambda x, v: x == v),
    "subquery": (
        lambda v: Label.key.in_(
            QueryBuilder(alias(Label, "o")).filter(alias(Label, "o").value == v).select("key")
        ),
        lambda x, v: x == v,
    ),
}


@QUIET
@given(value=texts, name=st.sampled_from(sorted(EXACT)))
@example(value="\x00", name="==")
def test_values_are_compared_exactly(bench: tuple[Run, Bench], value: str, name: str) -> None:
    """Each comparison finds what Python would find, whatever is in the text, or refuses it."""
    run, it = bench
    make, means = EXACT[name]

    async def check() -> None:
        if not storable(value):
            assert isinstance(await it.keys(make(value)), QueryError)
            return
        rows = {value, *decoys(value), "-"}
        await it.fill(*rows)
        assert await it.keys(make(value)) == {row for row in rows if means(row, value)}

    run(check())


@QUIET
@given(value=storable_texts, name=st.sampled_from(["gt", "gte", "lt", "lte"]))
def test_order_of_values_is_that_of_the_server(
    bench: tuple[Run, Bench], value: str, name: str
) -> None:
    """What is less or greater is decided by PostgreSQL, on the text as it is."""
    run, it = bench
    sign = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[name]

    async def check() -> None:
        await it.fill(value, *decoys(value))
        rows = await it.raw.fetch(f"SELECT key FROM labels WHERE value {sign} $1", value)
        expected = {row["key"] for row in rows}
        assert await it.keys(getattr(QueryFilter, name)("value", value)) == expected

    run(check())


@QUIET
@given(pattern=texts, ignore_case=st.booleans())
def test_patterns_mean_what_they_say(
    bench: tuple[Run, Bench], pattern: str, ignore_case: bool
) -> None:
    """Any text is a pattern, but for one that ends within an escape."""
    run, it = bench
    escapes = len(pattern) - len(pattern.rstrip("\\"))
    given_ = "ilike" if ignore_case else "like"

    async def check() -> None:
        rows = {pattern, *decoys(pattern), "ab"} if storable(pattern) else {"ab"}
        await it.fill(*rows)
        found = [
            await it.keys(getattr(Label.value, given_)(pattern)),
            await it.keys(getattr(QueryFilter, given_)("value", pattern)),
            await it.keys(QueryFilter.from_dict({"value": {given_: pattern}})),
        ]
        if not storable(pattern) or escapes % 2:
            assert all(isinstance(each, QueryError) for each in found)
            return
        expected = {row for row in rows if like(pattern).fullmatch(row)}
        for each in found:
            # Which letters are the same but for their case differs between Python and the server.
            assert each >= expected if ignore_case else each == expected

    run(check())


@QUIET
@given(search=texts)
def test_any_text_can_be_searched_for(bench: tuple[Run, Bench], search: str) -> None:
    """The search is that of `websearch_to_tsquery`, which no text upsets."""
    run, it = bench

    async def check() -> None:
        if not storable(search):
            assert isinstance(await it.keys(Label.value.matches(search)), QueryError)
            return
        await it.fill(search, *decoys(search), "a quick brown fox")
        rows = await it.raw.fetch(
            "SELECT key FROM labels"
            " WHERE to_tsvector('simple', value) @@ websearch_to_tsquery('simple', $1)",
            search,
        )
        assert await it.keys(Label.value.matches(search)) == {row["key"] for row in rows}
        rank = Label.value.match_rank(search).as_("rank")
        assert len(await it.labels.select(QueryBuilder(Label).select(rank).order_by(desc("rank"))))

    run(check())


@QUIET
@given(tag=texts, other=texts)
def test_tags_are_compared_exactly(bench: tuple[Run, Bench], tag: str, other: str) -> None:
    """A tag is found by itself alone."""
    run, it = bench
    query = QueryBuilder(Label)
    queries = {
        "one": query.filter_by_tag(tag),
        "any": query.filter_by_any_tag([tag]),
        "all": query.filter_by_all_tags([tag]),
        "item": query.filter(Label.__tags__.any_(tag)),
        "document": query.filter(QueryFilter.from_dict({"__tags__": {"has_any": [tag]}})),
    }

    async def check() -> None:
        if not (storable(tag) and storable(other)):
            assume(not storable(tag))
            for each in queries.values():
                assert isinstance(await it.keys(each), QueryError)
            return
        await it.fill()
        await it.labels.create(Label(key="with", value=""), tags=[tag, "x"])
        await it.labels.create(Label(key="other", value=""), tags=[other])
        await it.labels.create(Label(key="none", value=""))
        expected = {"with"} | ({"other"} if other == tag else set())
        for each in queries.values():
            assert await it.keys(each) - ({"with"} if tag == "x" else set()) == expected - (
                {"with"} if tag == "x" else set()
            )

    run(check())


@QUIET
@given(key=texts, inner=texts, value=texts)
@example(key="0", inner="-1", value="x")
def test_keys_and_values_of_documents(
    bench: tuple[Run, Bench], key: str, inner: str, value: str
) -> None:
    """Steps of a path and what stands there are compared exactly, or refused."""
    run, it = bench
    path = Gadget.extra[key][inner]
    conditions = [
        path == value,
        path.in_([value]),
        path.as_str() == value,
        Gadget.extra.contains({key: {inner: value}}),
        Gadget.extra[key].contains({inner: value}),
        coalesce(path.as_str(), "-") == value,
    ]

    def gadget(number: int, extra: Any) -> Gadget:
        return Gadget(id=number, code=f"c{number}", mood=Mood.SAD, extra=extra)

    async def check() -> None:
        await it.raw.execute("DELETE FROM warehouse.gadgets")
        if not all(map(storable, (key, inner, value))):
            for condition in conditions:
                found = await it.outcome(lambda: it.gadgets.find(condition))  # noqa: B023 - run at once
                assert isinstance(found, QueryError)
            return
        assume(value != "-")
        extras = [{key: {inner: value}}, {key: {inner: f"{value}x"}}, {key: value}, {}, None]
        await it.gadgets.create_many([gadget(i, extra) for i, extra in enumerate(extras)])
        for condition in conditions:
            assert [each.id for each in await it.gadgets.find(condition)] == [0]
        query = QueryBuilder(Gadget).select(path.as_str().as_("found")).order_by("id")
        assert (await it.gadgets.select(query))[0].found == value

    run(check())


NAMED: dict[str, Callable[[str], Any]] = {
    **{
        name: lambda n, name=name: getattr(QueryFilter, name)(n, "x")
        for name in ("eq", "ne", "gt", "gte", "lt", "lte", "like", "ilike")
    },
    "in_values": lambda n: QueryFilter.in_values(n, ["x"]),
    "not_in_values": lambda n: QueryFilter.not_in_values(n, ["x"]),
    "is_null": QueryFilter.is_null,
    "is_not_null": QueryFilter.is_not_null,
    "not_": lambda n: QueryFilter.not_(QueryFilter.is_null(n)),
    "or_": lambda n: QueryFilter.or_([QueryFilter.is_null(n)]),
    "from_dict": lambda n: QueryFilter.from_dict({n: "x"}),
    "order_by": lambda n: QueryBuilder(Label).order_by(n),
    "asc": lambda n: QueryBuilder(Label).order_by(asc(n)),
    "desc": lambda n: QueryBuilder(Label).order_by(desc(n)),
    "distinct": lambda n: QueryBuilder(Label).distinct(n),
}
SELECTED: dict[str, Callable[[str], Any]] = {
    "select": lambda n: QueryBuilder(Label).select(n),
    "group_by": lambda n: QueryBuilder(Label).select(count().as_("#")).group_by(n),
    "having": lambda n: QueryBuilder(Label).select(count().as_("#")).having(QueryFilter.is_null(n)),
    "derived": lambda n: QueryBuilder.from_(ALL).select(ALL[n]),
    "sorted projection": lambda n: QueryBuilder(Label).select(Label.hits).order_by(n),
}
ALL = QueryBuilder(Label).as_("all")


@QUIET
@given(name=texts, place=st.sampled_from(sorted([*NAMED, *SELECTED])))
def test_names_are_those_of_fields(bench: tuple[Run, Bench], name: str, place: str) -> None:
    """A name that is no field is refused before anything is sent, wherever names may stand."""
    run, it = bench
    assume(name not in NAMES and name not in {"and", "or", "not"})

    def ask() -> Awaitable[Any]:
        if place in SELECTED:
            return it.labels.select(SELECTED[place](name))
        return it.labels.find(NAMED[place](name))

    assert isinstance(run(it.outcome(ask)), QueryError)


LABELLED: dict[str, Callable[[str], Any]] = {
    "label": lambda n: QueryBuilder(Label).select(Label.key.as_(n), max_(Label.hits)).group_by(n),
    "sorted": lambda n: QueryBuilder(Label).select(Label.key.as_(n)).order_by(desc(n), asc(n)),
    "having": lambda n: (
        QueryBuilder(Label)
        .select(Label.key, count().as_(n))
        .group_by("key")
        .having(QueryFilter.gte(n, 1))
    ),
    "alias": lambda n: QueryBuilder(alias(Label, n)).select(alias(Label, n).key),
    "self join": lambda n: (
        QueryBuilder(Label)
        .join(alias(Label, n), on=alias(Label, n).key == Label.key)
        .select(alias(Label, n).key)
    ),
    "derived": lambda n: _from(QueryBuilder(Label).select(Label.key.as_(n)).as_(n), n),
    "common table expression": lambda n: (
        QueryBuilder.from_(cte(n)).with_(n, QueryBuilder(Label).select("key")).select(cte(n)["key"])
    ),
    "recursion": lambda n: (
        QueryBuilder(cte(n, Label))
        .with_(
            n,
            QueryBuilder(Label).union(
                QueryBuilder(Label).join(cte(n, Label), on=cte(n, Label).key == Label.key)
            ),
            recursive=True,
        )
        .select("key")
    ),
}


def _from(derived: Any, name: str) -> Any:
    return QueryBuilder.from_(derived).select(derived[name])


@QUIET
@given(name=texts, place=st.sampled_from(sorted(LABELLED)))
@example(name="labels", place="common table expression")
@example(name="labels", place="alias")
@example(name="key", place="label")
@example(name="hits", place="sorted")
def test_names_that_callers_give(bench: tuple[Run, Bench], name: str, place: str) -> None:
    """Labels, aliases and common table expressions are called anything, or it is refused."""
    run, it = bench
    possible = storable(name) and 1 <= len(name.encode()) <= 63
    hides = name == "labels" and place == "recursion"

    async def check() -> None:
        await it.fill("a", "b")
        found = await it.outcome(lambda: it.labels.select(LABELLED[place](name)))
        if not possible or hides:
            assert isinstance(found, QueryError)
            return
        assert sorted(row[0] for row in found) == ["a", "b"]
        if place in {"label", "sorted"}:
            assert found[0]._fields[0] == name

    run(check())


@QUIET
@given(separator=texts)
def test_values_within_aggregates(bench: tuple[Run, Bench], separator: str) -> None:
    """A separator is a value as any other."""
    run, it = bench
    joined = string_agg(Label.value, separator, order_by=Label.hits).filter(Label.key != separator)

    async def check() -> None:
        await it.fill("a", "b", "c")
        found = await it.outcome(lambda: it.labels.select(QueryBuilder(Label).select(joined)))
        if storable(separator):
            expected = separator.join(each for each in "abc" if each != separator)
            assert found == [(expected,)]
        else:
            assert isinstance(found, QueryError)

    run(check())


def test_nothing_was_dropped(bench: tuple[Run, Bench]) -> None:
    """After all that the tables take rows as before, and keys are unique."""
    run, it = bench

    async def check() -> None:
        await it.fill("a")
        with pytest.raises(UniqueViolation):
            await it.labels.create(Label(key="a", value=""))

    run(check())

"""Queries of one shape share a text that is written once; it is never taken for another query's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from golden_tables import City, Country, L, Q, S, Staff
from goldens import GOLDENS
from storehaus import (
    array_agg,
    case,
    cast,
    coalesce,
    count,
    exists_,
    func,
    literal,
    max_,
    rank,
    rollup,
    scalar,
    string_agg,
    sum_,
)
from storehaus.query import alias, cte
from storehaus.sql import QueryBuilder, Statement
from storehaus.sql.binder import Binder
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select

Up = alias(City, "up")
HIGHEST = scalar(S.select(max_(Staff.id)))
MARK = "µ"


@dataclass(frozen=True)
class Part:
    """What a random query is made of; values are filled in later.

    Attributes:
        kind: Which rule makes it.
        options: Choices and parts within it.
    """

    kind: str
    options: tuple[Any, ...] = ()


class Source:
    """Values that no text of a query holds by accident, different ones for each seed."""

    def __init__(self, seed: int) -> None:
        self._number = 7_000_000_000 + seed * 1_000_000
        self.given: list[Any] = []

    def text(self) -> str:
        """A text."""
        return self._keep(f"{MARK}{self._next()}'\"")

    def number(self) -> int:
        """An integer."""
        return self._keep(self._next())

    def day(self) -> date:
        """A date."""
        return self._keep(date(2026, 1, 1) + timedelta(days=self._next() % 100_000))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _keep(self, value: Any) -> Any:
        self.given.append(value)
        return value


def _pick(*kinds: str) -> st.SearchStrategy[Part]:
    return st.sampled_from([Part(kind) for kind in kinds])


leaves = _pick(
    "name =", "name <>", "pop >", "pop <=", "founded =", "pop in", "pop not in", "name like",
    "parent null", "parent not null", "pop between", "name = name", "pop distinct", "pop + >",
    "tag", "coalesce", "case", "cast", "parent none",
)  # fmt: skip
conditions = st.recursive(
    leaves,
    lambda inner: st.builds(
        Part,
        st.sampled_from(["and", "or", "not", "exists", "exists up", "in query", "scalar"]),
        st.tuples(inner, inner),
    ),
    max_leaves=6,
)
items = st.lists(
    _pick("name", "pop", "more", "label", "model", "by name", "literal", "lower", "over", "case"),
    max_size=3,
)
queries = st.builds(
    lambda *options: Part("query", options),
    st.lists(conditions, max_size=3).map(tuple),
    items.map(tuple),
    st.lists(_pick("name", "pop desc", "name nulls", "case", "by name"), max_size=2).map(tuple),
    st.sampled_from(["", "inner", "left", "right", "full", "up", "derived", "lateral"]),
    st.sampled_from(["", "all", "deleted", "all of one"]),
    st.sampled_from(["", "limit", "offset", "both"]),
    st.sampled_from(["", "distinct", "distinct on", "lock", "with", "union", "except all"]),
)


def condition(part: Part, source: Source) -> Any:
    """Make a condition."""
    if part.kind in BRANCHES:
        inner = [condition(each, source) for each in part.options]
        return BRANCHES[part.kind](*inner)
    return LEAVES[part.kind](source)


def _size(source: Source) -> Any:
    return case((City.pop > source.number(), source.text()), else_="small")


BRANCHES: dict[str, Callable[[Any, Any], Any]] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "not": lambda a, _: ~a,
    "exists": lambda a, b: a & exists_(L.filter(Country.code == City.country)) & b,
    "exists up": lambda a, _: exists_(QueryBuilder(Up).filter(Up.id == City.parent)) | a,
    "in query": lambda a, b: City.country.in_(L.select(Country.code)) & (a | b),
    "scalar": lambda a, b: (City.pop > coalesce(HIGHEST, 0)) & a & ~b,
}
LEAVES: dict[str, Callable[[Source], Any]] = {
    "name =": lambda s: City.name == s.text(),
    "name <>": lambda s: City.name != s.text(),
    "pop >": lambda s: City.pop > s.number(),
    "pop <=": lambda s: City.pop <= s.number(),
    "founded =": lambda s: City.founded == s.day(),
    "pop in": lambda s: City.pop.in_([s.number(), s.number()]),
    "pop not in": lambda s: City.pop.not_in([s.number()]),
    "name like": lambda s: City.name.like(s.text()),
    "parent null": lambda _: City.parent.is_null(),
    "parent not null": lambda _: City.parent.is_not_null(),
    "pop between": lambda s: City.pop.between(s.number(), s.number()),
    "name = name": lambda _: City.name == City.country,
    "pop distinct": lambda s: City.parent.is_distinct_from(s.number()),
    "pop + >": lambda s: City.pop + s.number() > s.number(),
    "tag": lambda s: Q.filter_by_tag(s.text()).clauses.conditions[0],
    "coalesce": lambda s: coalesce(City.parent, s.number()) > 3,
    "case": lambda s: _size(s) == s.text(),
    "cast": lambda s: cast(City.name, int) > s.number(),
    "parent none": lambda _: City.parent.is_distinct_from(None),
}
ITEMS: dict[str, Callable[[Source], Any]] = {
    "name": lambda _: City.name,
    "pop": lambda _: City.pop,
    "more": lambda s: City.pop + s.number(),
    "label": lambda _: City.name.as_("label"),
    "model": lambda _: City,
    "by name": lambda _: "country",
    "literal": lambda s: literal(s.text()),
    "lower": lambda _: func.lower(City.name, returns=str),
    "over": lambda _: rank().over(order_by=City.pop),
    "case": _size,
}
KEYS: dict[str, Callable[[Source], Any]] = {
    "name": lambda _: City.name,
    "pop desc": lambda _: City.pop.desc(),
    "name nulls": lambda _: City.name.nulls_first(),
    "case": _size,
    "by name": lambda _: "parent",
}


def query(part: Part, seed: int) -> tuple[Any, list[Any]]:
    """Make a query with the values of a seed; give the values, too."""
    source = Source(seed)
    filters, chosen, keys, join, seen, cut, end = part.options
    made: Any = _joined(join, source)
    made = made.filter(*[condition(each, source) for each in filters])
    made = _seen(seen, made)
    made = made.order_by(*[KEYS[key.kind](source) for key in keys])
    made = made.limit(source.number() if cut in {"limit", "both"} else None)
    made = made.offset(source.number() if cut in {"offset", "both"} else None)
    wanted = [ITEMS[item.kind](source) for item in _once(chosen)]
    if wanted or join in {"right", "full"}:
        made = made.select(*(wanted or [City.id]))
    return _ended(end, made, source), source.given


def _once(parts: tuple[Part, ...]) -> Iterator[Part]:
    return iter(dict.fromkeys(parts))


def _joined(how: str, source: Source) -> Any:
    if how in {"inner", "left", "right", "full"}:
        return Q.join(Country, on=Country.code == City.country, how=how)
    if how == "up":
        return Q.join(Up, on=(City.parent == Up.id) | (Up.pop > source.number()))
    if how == "derived":
        codes = L.filter(Country.title == source.text()).select(Country.code).as_("codes")
        return Q.join(codes, on=codes["code"] == City.country)
    if how == "lateral":
        near = L.filter(Country.code == City.country).limit(source.number()).as_("near")
        return Q.join(near, how="cross", lateral=True)
    return Q


def _seen(seen: str, made: Any) -> Any:
    if seen == "all of one":
        return made.with_deleted(City)
    return {"all": made.with_deleted, "deleted": made.only_deleted}.get(seen, lambda: made)()


def _ended(end: str, made: Any, source: Source) -> Any:
    if end == "distinct":
        return made.distinct()
    if end == "distinct on":
        return made.distinct("country")
    if end == "with":
        return made.with_("unused", L.filter(Country.title == source.text()), materialized=True)
    if end == "union":
        return made.union(made.filter(City.pop > source.number()))
    if end == "except all":
        return made.except_all(made)
    plain = not made.clauses.joins and not made.clauses.items
    return made.for_update(City, skip_locked=True) if end == "lock" and plain else made


def fresh(made: Any) -> Statement:
    """Write a query without looking at texts of earlier ones."""
    binder = Binder()
    text = Select(Scope(GRAMMAR, binder), made.clauses).body().text
    return binder.statement(text)


@given(part=queries, seeds=st.tuples(st.integers(0, 99), st.integers(100, 199)))
def test_values_do_not_shape_the_text(part: Part, seeds: tuple[int, int]) -> None:
    """Two queries that differ in values alone have one text, which holds none of the values."""
    (one, given_), (other, _) = query(part, seeds[0]), query(part, seeds[1])

    statement = one.to_sql()

    assert statement.text == other.to_sql().text
    assert MARK not in statement.text
    assert not [value for value in given_ if str(value) in statement.text]
    event(f"{len(given_) // 3 * 3} values and more")


@given(parts=st.lists(queries, min_size=2, max_size=6), seed=st.integers(0, 99))
def test_no_query_gets_the_text_of_another(parts: list[Part], seed: int) -> None:
    """Text and values that were kept are those that would be written anew."""
    for part in parts:
        made, _ = query(part, seed)
        statement = made.to_sql()
        again = fresh(made)
        assert (statement.text, statement.params) == (again.text, again.params)
        assert statement.resets == again.resets


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_second_time_is_as_the_first(golden: Any) -> None:
    """A text that is taken from the memory takes the values as one that was written just now."""
    first, second = golden.make(), golden.make()

    assert (first.text, first.params, first.resets) == (second.text, second.params, second.resets)
    assert (first.text, first.params) == (golden.text, golden.params)


DIFFERENT: dict[str, tuple[Any, Any]] = {
    "operator": (Q.filter(City.pop > 3), Q.filter(City.pop >= 3)),
    "column": (Q.filter(City.pop > 3), Q.filter(City.id > 3)),
    "side": (Q.filter(City.pop - 3 > 1), Q.filter(3 - City.pop > 1)),
    "and, or": (
        Q.filter((City.pop > 3) & (City.id > 3)),
        Q.filter((City.pop > 3) | (City.id > 3)),
    ),
    "nesting": (
        Q.filter(((City.pop > 3) | (City.id > 3)) & (City.pop < 9)),
        Q.filter((City.pop > 3) | ((City.id > 3) & (City.pop < 9))),
    ),
    "NULL among values": (Q.filter(City.parent.in_([1])), Q.filter(City.parent.in_([1, None]))),
    "None": (Q.filter(City.parent == 3), Q.filter(City.parent == None)),  # noqa: E711 - IS NULL
    "distinct from None": (
        Q.filter(City.parent.is_distinct_from(3)),
        Q.filter(City.parent.is_distinct_from(None)),
    ),
    "one value twice": (Q.filter(City.pop.between(3, 4)), Q.filter(City.pop > 3, City.pop < 4)),
    "width of an integer": (
        Q.select(func.abs(3, returns=int)),
        Q.select(func.abs(1 << 40, returns=int)),
    ),
    "type of a value": (Q.select(literal(3)), Q.select(literal("3"))),
    "items of a list": (Q.select(literal([1])), Q.select(literal(["1"]))),
    "label": (Q.select(City.pop.as_("a")), Q.select(City.pop.as_("b"))),
    "order of items": (Q.select(City.pop, City.id), Q.select(City.id, City.pop)),
    "direction": (Q.order_by(City.pop), Q.order_by(City.pop.desc())),
    "place of NULLs": (Q.order_by(City.pop), Q.order_by(City.pop.nulls_first())),
    "limit, offset": (Q.limit(3), Q.offset(3)),
    "name, column": (Q.select(City.pop.as_("name")).order_by("name"),
                     Q.select(City.pop.as_("name")).order_by(City.name)),
    "kind of join": (
        Q.join(Country, on=Country.code == City.country),
        Q.join(Country, on=Country.code == City.country, how="left"),
    ),
    "alias": (
        QueryBuilder(alias(City, "a")).filter(alias(City, "a").pop > 3),
        QueryBuilder(alias(City, "b")).filter(alias(City, "b").pop > 3),
    ),
    "lateral": (
        Q.join(L.select(Country.code).as_("c"), how="cross").select(City.id),
        Q.join(L.select(Country.code).as_("c"), how="cross", lateral=True).select(City.id),
    ),
    "subquery": (
        Q.filter(City.country.in_(L.select(Country.code))),
        Q.filter(City.country.in_(L.select(Country.title))),
    ),
    "not in": (Q.filter(City.pop.in_([3])), Q.filter(City.pop.not_in([3]))),
    "deleted": (Q, Q.with_deleted()),
    "only deleted": (Q.with_deleted(), Q.only_deleted()),
    "deleted of the subquery": (
        L.filter(exists_(Q.filter(City.country == Country.code))),
        L.filter(exists_(Q.filter(City.country == Country.code).with_deleted())),
    ),
    "distinct": (Q, Q.distinct()),
    "distinct on": (Q.distinct("name"), Q.distinct("country")),
    "grouping": (
        Q.select(count()).group_by(City.name),
        Q.select(count()).group_by(rollup(City.name)),
    ),
    "having, filter": (
        Q.select(count()).group_by("name").having(City.name == "x"),
        Q.select(count()).group_by("name").filter(City.name == "x"),
    ),
    "frame": (
        Q.select(sum_(City.pop).over(order_by=City.id, rows=(-1, 0))),
        Q.select(sum_(City.pop).over(order_by=City.id, rows=(-2, 0))),
    ),
    "partition, order": (
        Q.select(count().over(partition_by=City.id)),
        Q.select(count().over(order_by=City.id)),
    ),
    "filter of an aggregate": (Q.select(count()), Q.select(count().filter(City.pop > 3))),
    "different values": (Q.select(sum_(City.pop)), Q.select(sum_(City.pop, distinct=True))),
    "order in an aggregate": (
        Q.select(array_agg(City.id)),
        Q.select(array_agg(City.id, order_by=City.id)),
    ),
    "aggregate": (
        S.select(string_agg(Staff.name, ",")),
        S.select(string_agg(Staff.team, ",")),
    ),
    "else": (Q.select(case((City.pop > 3, 1))), Q.select(case((City.pop > 3, 1), else_=2))),
    "cast": (Q.select(cast(City.name, int)), Q.select(cast(City.name, float))),
    "schema of a function": (Q.select(func.lower("x")), Q.select(func.pg_catalog.lower("x"))),
    "configuration": (
        Q.filter(City.name.matches("x")),
        Q.filter(City.name.matches("x", config="english")),
    ),
    "kind of a path": (
        S.select(Staff.notes["a"].as_int()),
        S.select(Staff.notes["a"].as_float()),
    ),
    "lock": (S.for_update(), S.for_update(no_key=True)),
    "wait": (S.for_update(), S.for_update(nowait=True)),
    "lock of one": (S.for_update(), S.for_update(Staff)),
    "materialized": (Q.with_("x", L), Q.with_("x", L, materialized=True)),
    "name of a common table expression": (Q.with_("x", L), Q.with_("y", L)),
    "recursive": (
        QueryBuilder(cte("x", City)).with_("x", Q.union(Q)),
        QueryBuilder(cte("x", City)).with_("x", Q.union(Q), recursive=True),
    ),
    "set operation": (Q.union(Q.limit(3)), Q.except_(Q.limit(3))),
    "all": (Q.union(Q.limit(3)), Q.union_all(Q.limit(3))),
    "sides": (Q.limit(3).except_(Q), Q.except_(Q.limit(3))),
    "limit of a part": (Q.union(Q.limit(3)), Q.union(Q).limit(3)),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_one_difference_in_structure_is_one_in_the_text(one: Any, other: Any) -> None:
    """Queries that differ in one thing that is no value have different texts, in any order."""
    texts = [each.to_sql().text for each in (one, other, one, other)]

    assert texts[0] != texts[1]
    assert texts[:2] == texts[2:] == [fresh(one).text, fresh(other).text]


def test_one_expression_is_written_once_and_two_equal_ones_twice() -> None:
    """A value of an expression that stands at two places is one parameter, else there are two."""
    double = City.pop * 2
    shared = Q.select(double, count()).group_by(double)
    apart = Q.select(City.pop * 2, count()).group_by(City.pop * 2)

    assert (shared.to_sql().params, apart.to_sql().params) == ((2,), (2, 2))
    assert (shared.to_sql().params, apart.to_sql().params) == ((2,), (2, 2))
    assert shared.to_sql().text != apart.to_sql().text


def test_value_shared_by_two_queries_is_not_mixed_up() -> None:
    """One expression in two queries, and two values where another query of the kind has one."""
    big = City.pop > 5
    once = Q.filter(big | big)
    twice = Q.filter((City.pop > 5) | (City.pop > 6))

    assert [once.to_sql().params, twice.to_sql().params] == [(5,), (5, 6)]
    assert [twice.to_sql().params, once.to_sql().params] == [(5, 6), (5,)]


def test_alias_made_twice_is_one() -> None:
    """Two aliases of one model and name are the same source, with the same columns."""
    one, other = alias(Staff, "boss"), alias(Staff, "boss")
    join = S.join(one, on=Staff.boss == other.id).filter(one.name == "x").select(other.pay)

    assert one == other
    assert hash(one) == hash(other)
    assert join.to_sql().text == (
        'SELECT "boss"."pay" FROM "staff" JOIN "staff" AS "boss" ON "staff"."boss" = "boss"."id"'
        ' WHERE "boss"."name" = $1'
    )
    assert one != alias(Staff, "chief")
    assert one != alias(City, "boss")


def test_paths_of_documents_are_values() -> None:
    """Two paths share a text, and neither is called by the other's last key."""
    one, other = S.select(Staff.notes["a"]), S.select(Staff.notes["b'\""])

    assert (
        one.to_sql().text
        == other.to_sql().text
        == ('SELECT ("notes" #> $1::text[]) AS "notes" FROM "staff"')
    )
    assert [one.to_sql().params, other.to_sql().params] == [(["a"],), (["b'\""],)]

"""Soft delete is a closed world: a deleted row is for every query as if it were not there.

The oracle is PostgreSQL itself: the same query, asked of a database from which the deleted rows
were removed for good, must give the same.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from fix_haus import config_of
from property.oracle.shops import DOMAIN, LETTERS, MODELS
from property.oracle.verbs import CONSTRUCTS, Case, Maker
from storehaus import Model, StoreHaus
from storehaus.expr.computation import Scalar
from storehaus.expr.condition import Exists, Membership
from storehaus.migrations import migrate
from storehaus.query.sources import Combined
from storehaus.sql import select, sources
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.keyset import Keyset
from storehaus.sql.recipes import Recipe
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select
from storehaus.sql.sources import Sources
from storehaus.store import read

pytestmark = pytest.mark.anyio

QUERIES = 2_500
MUTANT_QUERIES = 1_000
LIVE_ROWS, DEAD_ROWS = 12, 9
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Worlds:
    """The same rows twice.

    Attributes:
        marked: Where deleted rows are marked.
        removed: Where they are gone.
    """

    marked: StoreHaus
    removed: StoreHaus

    async def differs(self, case: Case) -> tuple[bool, list[str]]:
        """Ask both; say whether the answers differ, and give the one of `marked`."""
        found, expected = await asyncio.gather(case.run(self.marked), case.run(self.removed))
        one, other = [comparable(row) for row in found], [comparable(row) for row in expected]
        if case.is_ordered:
            return one != other, one
        return Counter(one) != Counter(other), one


def comparable(row: Any) -> str:
    """Give a value that is equal for equal rows; models show no values of theirs."""
    if isinstance(row, Model):
        return repr([getattr(row, each.name) for each in row.__table_info__.columns])
    if isinstance(row, tuple):
        return repr([comparable(value) for value in row])
    return repr(row)


@pytest.fixture(scope="module")
def urls(server_url: str) -> Iterator[tuple[str, str]]:
    """The two databases, filled."""
    names = [f"storehaus_oracle_{uuid4().hex}" for _ in range(2)]
    found = [urlunsplit(urlsplit(server_url)._replace(path=f"/{name}")) for name in names]

    async def run(*statements: str) -> None:
        connection = await asyncpg.connect(server_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    async def create() -> None:
        await run(*(f'CREATE DATABASE "{name}"' for name in names))
        for url in found:
            await migrate({"dsn": url}, MODELS)
        await fill(*found)

    asyncio.run(create())
    yield found[0], found[1]
    asyncio.run(run(*(f'DROP DATABASE "{name}" WITH (FORCE)' for name in names)))


async def fill(marked: str, removed: str) -> None:
    """Put the same random rows into both, the deleted ones into the first only."""
    random = Random(7)
    one, other = await asyncpg.connect(marked), await asyncpg.connect(removed)
    for model in MODELS:
        info = model.__table_info__
        flag = info.soft_delete
        dead = set(random.sample(range(LIVE_ROWS + DEAD_ROWS), DEAD_ROWS))
        names = [each.column for each in info.columns]
        rows = []
        for number in range(LIVE_ROWS + DEAD_ROWS):
            values = {each.column: value_of(random, each, number) for each in info.columns}
            if flag is not None:
                values[flag.column] = number not in dead
            rows.append(tuple(values[name] for name in names))
        live = [row for i, row in enumerate(rows) if i not in dead]
        await one.copy_records_to_table(
            info.name, records=live if flag is None else rows, columns=names
        )
        await other.copy_records_to_table(info.name, records=live, columns=names)
    for connection in (one, other):
        await connection.execute("ANALYZE")
        await connection.close()


def value_of(random: Random, column: Any, number: int) -> Any:
    """Make a value from a small domain, so that much is equal."""
    if column.name == "id":
        return number
    if column.name == "__tags__":
        return []
    kind = column.type.kind
    if kind == "timestamptz":
        return MOMENT
    if column.nullable and random.random() < 0.15:
        return None
    return random.randrange(DOMAIN) if kind == "integer" else random.choice(LETTERS)


@asynccontextmanager
async def opened(urls: tuple[str, str]) -> AsyncIterator[Worlds]:
    """Open both."""
    async with StoreHaus(config_of(urls[0])) as marked, StoreHaus(config_of(urls[1])) as removed:
        yield Worlds(marked, removed)


def cases(seed: int, number: int) -> Iterator[Case]:
    """Make so many queries, the same in each run."""
    maker = Maker(Random(seed))
    for _ in range(number):
        yield maker.case()


async def test_deleted_rows_are_as_good_as_gone(urls: tuple[str, str]) -> None:
    """Thousands of queries of all constructs give the same with rows marked and rows removed."""
    constructs: Counter[str] = Counter()
    non_empty = 0
    async with opened(urls) as worlds:
        for number, case in enumerate(cases(1, QUERIES)):
            differs, found = await worlds.differs(case)
            assert not differs, f"query {number}: {case.constructs}\n{case.query.to_sql()}"
            constructs.update(case.constructs)
            non_empty += bool(found)
    report = [f"{QUERIES:,} queries, {non_empty / QUERIES:.0%} with a non-empty result"]
    report += [f"{constructs[name]:>6}  {name}" for name in CONSTRUCTS]
    print("\n".join(report))  # noqa: T201 - how much was tried is part of the claim
    assert not constructs.keys() - set(CONSTRUCTS)
    assert {name: constructs[name] for name in CONSTRUCTS if constructs[name] < 100} == {}
    assert non_empty >= 0.3 * QUERIES


PLACES = (
    "WHERE of the first source",
    "ON of a joined source",
    "WHERE for a source of a cross join",
    "early filter of the first source",
    "early filter of a joined source",
    "find and select",
    "count_where",
    "exists",
    "page",
    "EXISTS",
    "IN",
    "scalar subquery",
    "derived table",
    "lateral derived table",
    "common table expression",
    "start of a recursion",
    "step of a recursion",
    "left side of a set operation",
    "right side of a set operation",
)


class Saboteur:
    """Leaves out every condition of soft delete that stands at one place.

    Args:
        place: Which, one of `PLACES`.
        monkeypatch: Takes all of it back.

    Attributes:
        left_out: Number of conditions that were left out.
    """

    def __init__(self, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left_out = 0
        self._place = place
        self._levels: list[str | Combined] = []
        conditions: Any = GRAMMAR.conditions
        operands: Any = GRAMMAR.operands
        monkeypatch.setitem(conditions, Exists, self._within("EXISTS", conditions[Exists]))
        monkeypatch.setitem(conditions, Membership, self._within("IN", conditions[Membership]))
        monkeypatch.setitem(operands, Scalar, self._within("scalar subquery", operands[Scalar]))
        monkeypatch.setattr(read, "write_count", self._within("count_where", read.write_count))
        monkeypatch.setattr(read, "write_exists", self._within("exists", read.write_exists))
        monkeypatch.setattr(Keyset, "__init__", self._within("page", Keyset.__init__))
        monkeypatch.setattr(Sources, "_derived", self._derived(Sources._derived))
        monkeypatch.setattr(Select, "_cte", self._cte(Select._cte))
        monkeypatch.setattr(sources, "combined_sql", self._combined(sources.combined_sql))
        monkeypatch.setattr(select, "combined_sql", self._combined(select.combined_sql))
        monkeypatch.setattr(Scope, "subselect", self._side(Scope.subselect))
        monkeypatch.setattr(Sources, "_flag", self._flag(Sources._flag))

    @contextmanager
    def _at(self, level: str | Combined) -> Iterator[None]:
        self._levels.append(level)
        try:
            yield
        finally:
            self._levels.pop()

    def _within(self, level: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._at(level):
                return original(*args, **kwargs)

        return call

    def _derived(self, original: Any) -> Any:
        def call(own: Sources, source: Any, *, lateral: bool) -> Any:
            with self._at("lateral derived table" if lateral else "derived table"):
                return original(own, source, lateral=lateral)

        return call

    def _cte(self, original: Any) -> Any:
        def call(own: Select, each: Any) -> Any:
            with self._at("recursion" if each.recursive else "common table expression"):
                return original(own, each)

        return call

    def _combined(self, original: Any) -> Any:
        def call(scope: Scope, source: Combined) -> Any:
            with self._at(source):
                return original(scope, source)

        return call

    def _side(self, original: Any) -> Any:
        def call(scope: Scope, query: Any) -> Any:
            combined = self._levels[-1] if self._levels else None
            if not isinstance(combined, Combined):
                return original(scope, query)
            names = ("left side of a set operation", "right side of a set operation")
            if len(self._levels) > 1 and self._levels[-2] == "recursion":
                names = ("start of a recursion", "step of a recursion")
            with self._at(names[query is combined.right]):
                return original(scope, query)

        return call

    def _flag(self, original: Any) -> Any:
        def call(own: Sources, source: Any, origin: Any, usual: Any) -> Any:
            found = original(own, source, origin, usual)
            level = self._levels[-1] if self._levels else "find and select"
            if found is None or self._place not in {level, _position(own, source)}:
                return found
            self.left_out += 1
            return None

        return call


def _position(own: Sources, source: Any) -> str:
    """Say where in its level the condition for a source stands."""
    is_first = not own._scope.origins
    if own._early:
        return f"early filter of {'the first' if is_first else 'a joined'} source"
    if is_first:
        return "WHERE of the first source"
    join = next(each for each in own._clauses.joins if each.source == source)
    is_cross = join.on is None
    return "WHERE for a source of a cross join" if is_cross else "ON of a joined source"


@pytest.fixture
def fresh_texts() -> Iterator[None]:
    """Forget the texts that were written before, and afterwards those of the test."""

    def forget() -> None:
        for model in MODELS:
            model.__table_info__.derived.pop(Recipe, None)

    forget()
    yield
    forget()


@pytest.mark.parametrize("place", PLACES)
async def test_oracle_misses_no_condition(
    urls: tuple[str, str], place: str, fresh_texts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving out the condition of soft delete at any one place makes the oracle speak up."""
    saboteur = Saboteur(place, monkeypatch)
    async with opened(urls) as worlds:
        for case in cases(2, MUTANT_QUERIES):
            differs, _ = await worlds.differs(case)
            if differs:
                assert saboteur.left_out
                return
    pytest.fail(f"{MUTANT_QUERIES} queries did not find it; {saboteur.left_out} were left out")

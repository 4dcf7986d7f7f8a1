"""Single-row doors and bulk doors are the same doors: equal rows, equal errors, equal outcomes."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from fix_haus import Recorder, driver_of
from storehaus import (
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    StorehausError,
    ValidationError,
    field,
)
from storehaus.migrations import migrate
from storehaus.model import Index
from storehaus.store import Database

Run = Callable[[Coroutine[Any, Any, Any]], Any]

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


class Item(Model):
    """Everything that a write can touch: uniqueness, a version, a flag, server-made values."""

    id: Field[int] = field(primary_key=True)
    slug: Field[str] = field(unique=True, update=False)
    amount: Field[int] = field(default=0, ge=0)
    words: Field[list[str]] = field(default_factory=list)
    state: Field[str] = field(server_default="'new'")
    version: Field[int] = field(version=True)


class LeftItem(Item, table="left_items", soft_delete=True, indexes=(Index("amount"),)):
    """Written row by row."""


class RightItem(Item, table="right_items", soft_delete=True, indexes=(Index("amount"),)):
    """Written in batches."""


@dataclass(frozen=True)
class Row:
    """One row as it is generated."""

    id: int
    slug: str
    amount: int
    words: tuple[str, ...]
    state: str | None

    def as_model(self, model: type[Any]) -> Any:
        """Make it an instance; a state of None is left out."""
        given_: dict[str, Any] = {
            "id": self.id,
            "slug": self.slug,
            "amount": self.amount,
            "words": list(self.words),
        }
        return model(**given_) if self.state is None else model(**given_, state=self.state)


@dataclass(frozen=True)
class Step:
    """One operation on several rows.

    Attributes:
        verb: Which bulk door; `SINGLE` has its counterpart.
        rows: The rows, sorted by id, each id once.
        tags: Tags.
    """

    verb: str
    rows: tuple[Row, ...]
    tags: tuple[str, ...] | None


words = st.text(st.sampled_from("ab'\"\\{},% \n"), max_size=3)
row_strategy = st.builds(
    Row,
    id=st.integers(0, 3),
    slug=st.sampled_from("abcdefghijklmnop"),
    # Now and then below its bound.
    amount=st.sampled_from([*range(20), -1]),
    words=st.lists(words, max_size=2).map(tuple),
    state=st.sampled_from([None, None, "it's"]),
)
batches = st.lists(row_strategy, min_size=1, max_size=3, unique_by=lambda row: row.id).map(
    lambda rows: tuple(sorted(rows, key=lambda row: row.id))
)
tags = st.none() | st.lists(words, max_size=2).map(tuple)

BULK: dict[str, Callable[[GenericStore[Any], Step], Any]] = {
    "create": lambda s, step: s.create_many(models(s, step), tags=step.tags),
    "load": lambda s, step: s.load(models(s, step), tags=step.tags),
    "update": lambda s, step: s.update_many(
        [(model.id, model) for model in models(s, step)], tags=step.tags
    ),
    "upsert": lambda s, step: s.upsert_many(models(s, step), tags=step.tags),
    "delete": lambda s, step: s.delete_many([row.id for row in step.rows], tags=step.tags),
    "delete where": lambda s, step: s.delete_where(
        s.model.id.in_([row.id for row in step.rows]), tags=step.tags
    ),
    "restore": lambda s, step: s.restore(step.rows[0].id, tags=step.tags),
}
SINGLE: dict[str, Callable[[GenericStore[Any], Row, Step], Any]] = {
    "create": lambda s, row, step: s.create(row.as_model(s.model), tags=step.tags),
    "load": lambda s, row, step: s.create(row.as_model(s.model), tags=step.tags),
    "update": lambda s, row, step: s.update(row.id, row.as_model(s.model), tags=step.tags),
    "upsert": lambda s, row, step: s.upsert(row.as_model(s.model), tags=step.tags),
    "delete": lambda s, row, step: s.delete(row.id, tags=step.tags),
    "delete where": lambda s, row, step: s.delete(row.id, tags=step.tags),
    "restore": lambda s, row, step: s.restore(row.id, tags=step.tags),
}

steps = st.builds(
    Step,
    verb=st.sampled_from([*sorted(BULK), "create", "upsert", "update", "restore"]),
    rows=batches,
    tags=tags,
)


def models(store: GenericStore[Any], step: Step) -> list[Any]:
    """The rows of a step as instances."""
    return [row.as_model(store.model) for row in step.rows]


class Sides:
    """The two tables, their stores and what a plug-in saw of each."""

    def __init__(self, driver: Any) -> None:
        self.left_plugin = Recorder(needs_rows=True)
        self.right_plugin = Recorder(needs_rows=True)
        self.left = GenericStore(Database(driver, [self.left_plugin]), LeftItem)
        self.right = GenericStore(Database(driver, [self.right_plugin]), RightItem)
        self.tried = 0
        self._driver = driver

    async def execute(self, sql: str) -> None:
        """Run SQL past the stores."""
        async with self._driver.acquire() as connection:
            await connection.execute(sql)

    async def take(self, step: Step) -> None:
        """Take a step on both sides and compare what came of it."""
        self.left_plugin.events.clear()
        self.right_plugin.events.clear()
        try:
            await BULK[step.verb](self.right, step)
        except StorehausError as error:
            event(f"{step.verb}: {type(error).__name__}")
            await self._take_failing(step, error)
            return
        event(f"{step.verb}: done")
        for row in step.rows[:1] if step.verb == "restore" else step.rows:
            await SINGLE[step.verb](self.left, row, step)
        assert seen(self.left_plugin) == seen(self.right_plugin)

    async def _take_failing(self, step: Step, error: StorehausError) -> None:
        """Row by row the same row fails in the same way; then undo what came before it."""
        place: int = getattr(error, "row_index", None) or 0
        # What is wrong in itself is refused before any row is written.
        rows = step.rows[place:] if isinstance(error, ValidationError) else step.rows
        failed = await self._first_failure(step, rows)
        assert type(failed) is type(error)
        # Rows that leave out different fields travel apart, and need not fail in their order.
        if len({row.state is None for row in step.rows}) == 1:
            assert self.tried == (1 if isinstance(error, ValidationError) else place + 1)
            for name in ("fields", "constraint", "field", "rule", "record_id"):
                one, other = (getattr(each, name, None) for each in (failed, error))
                assert str(one).replace("left_", "right_") == str(other)
        assert self.right_plugin.outcomes == []
        await self.execute(
            "DELETE FROM left_items; INSERT INTO left_items SELECT * FROM right_items"
        )

    async def _first_failure(self, step: Step, rows: tuple[Row, ...]) -> StorehausError | None:
        """Write row by row until one fails."""
        self.tried = 0
        for row in rows:
            self.tried += 1
            try:
                await SINGLE[step.verb](self.left, row, step)
            except StorehausError as failed:
                return failed
        return None

    async def compare(self) -> None:
        """All rows are equal, deleted ones too, times aside."""
        left = await self.left.find(QueryBuilder(LeftItem).with_deleted().order_by("id"))
        right = await self.right.find(QueryBuilder(RightItem).with_deleted().order_by("id"))
        assert list(map(contents, left)) == list(map(contents, right))


def contents(item: Any) -> tuple[Any, ...]:
    """All of a row but its times."""
    names = ("id", "slug", "amount", "words", "state", "version", "__tags__", "__is_active__")
    return tuple(getattr(item, name) for name in names)


def seen(plugin: Recorder) -> list[Any]:
    """What happened to which rows, in the order of their ids."""
    return sorted(
        (contents(model), outcome.change.operation, outcome.inserted and outcome.inserted[i])
        for outcome in plugin.outcomes
        for i, model in enumerate(outcome.models or ())
    )


@pytest.fixture(scope="module")
def sides(server_url: str, tables_url: str) -> Iterator[tuple[Run, Sides]]:
    """The two empty tables, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        runner.run(migrate({"dsn": tables_url}, [LeftItem, RightItem]))
        driver = driver_of(tables_url)
        runner.run(driver.open())
        yield runner.run, Sides(driver)
        runner.run(driver.close())


@QUIET
@given(path=st.lists(steps, min_size=8, max_size=25))
def test_bulk_doors_do_what_single_doors_do(sides: tuple[Run, Sides], path: list[Step]) -> None:
    """Whatever the sequence, the tables stay equal and plug-ins hear the same."""
    run, both = sides

    async def walk() -> None:
        await both.execute("DELETE FROM left_items; DELETE FROM right_items")
        for step in path:
            await both.take(step)
            await both.compare()

    run(walk())


def test_difference_is_noticed(sides: tuple[Run, Sides]) -> None:
    """The comparison can fail: a row that only one side has is noticed."""
    run, both = sides

    async def differ() -> None:
        await both.execute("DELETE FROM left_items; DELETE FROM right_items")
        await both.left.create(LeftItem(id=1, slug="a"))
        await both.compare()

    with pytest.raises(AssertionError):
        run(differ())

"""Whatever is deleted and restored in a forest, its rows are what a model in Python says."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from fix_cascade import Folder
from fix_haus import Recorder, driver_of
from storehaus import GenericStore, NotFound, QueryBuilder
from storehaus.store import Database

Run = Callable[[Coroutine[Any, Any, Any]], Any]

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=200,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)

SIZE = 10


@dataclass
class Forest:
    """What the table should hold.

    Attributes:
        parents: Parent of each row.
        active: Active rows.
        deletions: Rows that each delete took and that nobody has brought back since.
    """

    parents: dict[int, int | None]
    active: set[int]
    deletions: list[set[int]] = field(default_factory=list[set[int]])

    def below(self, roots: set[int], among: set[int]) -> set[int]:
        """The roots, and what hangs below them through such rows only."""
        found = set(roots)
        while more := {row for row in among - found if self.parents[row] in found}:
            found |= more
        return found

    def delete(self, ids: set[int]) -> set[int]:
        """Delete rows; give those that this takes."""
        taken = self.below(ids & self.active, self.active)
        self.active -= taken
        self.deletions.append(set(taken))
        return taken

    def restore(self, record_id: int) -> set[int] | None:
        """Restore a row; give those that come back, None when it is active."""
        if record_id in self.active:
            return None
        taken = next((each for each in self.deletions if record_id in each), {record_id})
        back = self.below({record_id}, taken)
        self.revive(back)
        return back

    def revive(self, rows: set[int]) -> None:
        """Make rows active, part of no deletion any more."""
        self.active |= rows
        for taken in self.deletions:
            taken.difference_update(rows)


@dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
        verb: Which.
        ids: Its rows; the first one counts for verbs of one row.
        parent: For a move.
    """

    verb: str
    ids: tuple[int, ...]
    parent: int | None


rows = st.integers(0, SIZE - 1)
steps = st.builds(
    Step,
    verb=st.sampled_from(
        ["delete", "delete", "restore", "restore", "delete_many", "delete_where", "upsert", "move"]
    ),
    ids=st.lists(rows, min_size=1, max_size=3, unique=True).map(tuple),
    parent=st.none() | rows,
)
# Each row hangs below an earlier one, or below none; moves make circles of some.
forests = st.tuples(
    *(st.none() | st.integers(0, row - 1) if row else st.none() for row in range(SIZE))
)


class Table:
    """The table, and what a plug-in saw."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.plugin = Recorder()
        self.folders = GenericStore(Database(driver, [self.plugin]), Folder)

    async def fill(self, parents: tuple[int | None, ...]) -> Forest:
        """Begin anew."""
        async with self.driver.acquire() as connection:
            await connection.execute("DELETE FROM folders")
        await self.folders.create_many(
            [Folder(id=row, parent_id=parent) for row, parent in enumerate(parents)]
        )
        return Forest(dict(enumerate(parents)), set(range(SIZE)))

    async def take(self, forest: Forest, step: Step) -> None:
        """Take a step on both, and compare what it touched and what came of it."""
        self.plugin.events.clear()
        touched = await self._apply(forest, step)
        seen = [row.id for outcome in self.plugin.outcomes for row in outcome.models or ()]
        assert sorted(seen) == sorted(touched)
        stored = await self.folders.find(QueryBuilder(Folder).with_deleted())
        assert {row.id for row in stored if row.__is_active__} == forest.active
        assert {row.id: row.parent_id for row in stored} == forest.parents
        event(f"{step.verb}: {min(len(touched), 3)} rows")

    async def _apply(self, forest: Forest, step: Step) -> set[int]:
        folders, first = self.folders, step.ids[0]
        match step.verb:
            case "delete":
                assert await folders.delete(first) == (first in forest.active)
                return forest.delete({first})
            case "delete_many":
                wanted = [row for row in step.ids if row in forest.active]
                assert await folders.delete_many(step.ids) == wanted
                return forest.delete(set(step.ids))
            case "delete_where":
                await folders.delete_where(Folder.id.in_(step.ids))
                return forest.delete(set(step.ids))
            case "restore":
                return await self._restore(forest, first)
            case "upsert":
                await folders.upsert(Folder(id=first, parent_id=step.parent))
                forest.revive({first})
                forest.parents[first] = step.parent
                return {first}
            case _:
                changed = await folders.update_where(
                    Folder.id.in_(step.ids), {Folder.parent_id: step.parent}
                )
                forest.parents |= {row.id: step.parent for row in changed}
                return {row.id for row in changed}

    async def _restore(self, forest: Forest, record_id: int) -> set[int]:
        back = forest.restore(record_id)
        if back is None:
            with pytest.raises(NotFound):
                await self.folders.restore(record_id)
            return set()
        assert (await self.folders.restore(record_id)).id == record_id
        return back


@pytest.fixture(scope="module")
def table(tables_url: str) -> Iterator[tuple[Run, Table]]:
    """The table, and what runs coroutines on its event loop."""
    with asyncio.Runner() as runner:
        driver = driver_of(tables_url)
        runner.run(driver.open())
        yield runner.run, Table(driver)
        runner.run(driver.close())


@QUIET
@given(parents=forests, path=st.lists(steps, min_size=6, max_size=20))
def test_forest_is_what_the_model_says(
    table: tuple[Run, Table], parents: tuple[int | None, ...], path: list[Step]
) -> None:
    """After each step: which rows are active, and exactly the rows that plug-ins were told of."""
    run, folders = table
    forest = run(folders.fill(parents))
    for step in path:
        run(folders.take(forest, step))

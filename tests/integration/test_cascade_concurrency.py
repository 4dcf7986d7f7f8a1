"""Cascades at the same time: no row is left behind, and none is brought back by halves."""

import asyncio
import contextvars
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_cascade import Folder, Region, Shelf, Shop, active_ids, know
from fix_haus import config_of
from storehaus import NotFound, StoreHaus
from storehaus.store import GenericStore

pytestmark = pytest.mark.anyio

TASKS = 8

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

ORPHANS = """
    SELECT child.id FROM folders child JOIN folders parent ON parent.id = child.parent_id
    WHERE child.__is_active__ AND NOT parent.__is_active__
"""


@pytest.fixture
async def crowd(tables_url: str, witness: Any) -> AsyncIterator[StoreHaus]:
    """A haus with a connection for every task and some for hooks."""
    async with StoreHaus(config_of(tables_url, max_connections=TASKS + 2)) as haus:
        know(haus)
        yield haus


async def until_waiting(witness: Any, count: int = 1) -> None:
    """Wait until somebody waits for a lock."""
    async with asyncio.timeout(10):
        while await witness.fetchval(WAITING) < count:  # noqa: ASYNC110 - a server sets no event
            await asyncio.sleep(0.01)


async def plant(folders: GenericStore[Folder], depth: int, width: int) -> list[int]:
    """A tree of so many levels below folder 1; give the ids of all, by level."""
    level, ids = [1], [1]
    await folders.create(Folder(id=1))
    for _ in range(depth):
        children = [
            Folder(id=parent * 10 + i, parent_id=parent) for parent in level for i in range(width)
        ]
        await folders.create_many(children)
        level = [child.id for child in children]
        ids += level
    return ids


async def test_overlapping_trees_stay_whole(crowd: StoreHaus, witness: Any) -> None:
    """Eight tasks delete and restore parts of one tree: no active row hangs below a deleted one.

    A row is restored below an active one only, whose lock keeps it active until that is over.
    They go on until at least 30 deletes and 30 restores met a row.
    """
    folders = crowd.store(Folder)
    ids = await plant(folders, depth=3, width=3)
    rng = random.Random(12)
    done = {"delete": 0, "restore": 0}

    async def restore(record_id: int) -> None:
        try:
            async with crowd.transaction():
                if record_id != 1:
                    await folders.patch(record_id // 10, tags=["held"])
                await folders.restore(record_id)
                done["restore"] += 1
        except NotFound:
            return

    async def work() -> None:
        turns = 0
        while turns < 30 or min(done.values()) < 30:
            turns += 1
            record_id = rng.choice(ids)
            if rng.random() < 0.5:
                done["delete"] += await folders.delete(record_id)
                continue
            digits = str(record_id)
            for end in range(1, len(digits) + 1):
                await restore(int(digits[:end]))

    await asyncio.gather(*(work() for _ in range(TASKS)))

    assert await witness.fetch(ORPHANS) == []


async def test_tables_stay_whole(crowd: StoreHaus, witness: Any) -> None:
    """Two roots, deleted and restored by query and by id at once, end as their roots do."""
    await crowd.store(Region).create_many([Region(id=i) for i in (1, 2)])
    await crowd.store(Shop).create_many([Shop(id=i, region_id=i // 10) for i in (10, 11, 20, 21)])
    await crowd.store(Shelf).create_many(
        [Shelf(id=i, shop_id=i // 10) for i in range(100, 220) if i // 10 in {10, 11, 20, 21}]
    )
    regions = crowd.store(Region)

    async def work(number: int) -> None:
        for turn in range(20):
            match (number + turn) % 4:
                case 0:
                    await regions.delete_many([2, 1])
                case 1:
                    await regions.delete_where(Region.id < 3)
                case _:
                    try:
                        await regions.restore(1 + turn % 2)
                    except NotFound:
                        continue

    await asyncio.gather(*(work(number) for number in range(TASKS)))

    active = await active_ids(regions)
    shops = await active_ids(crowd.store(Shop))
    assert shops == {each for each in (10, 11, 20, 21) if each // 10 in active}
    shelves = await active_ids(crowd.store(Shelf))
    assert len(shelves) == 10 * len(shops)
    assert {each // 10 for each in shelves} == shops


@pytest.mark.parametrize("verb", ["delete", "delete_many", "delete_where"])
async def test_child_that_is_being_inserted_is_waited_for(
    crowd: StoreHaus, witness: Any, verb: str
) -> None:
    """Its foreign key was checked before the delete came, so it is deleted too."""
    folders = crowd.store(Folder)
    await folders.create(Folder(id=1))
    verbs = {
        "delete": lambda: folders.delete(1),
        "delete_many": lambda: folders.delete_many([1]),
        "delete_where": lambda: folders.delete_where(Folder.id == 1),
    }

    async with asyncio.TaskGroup() as group, crowd.transaction():
        await folders.create(Folder(id=2, parent_id=1))
        await _outside(group, verbs[verb])
        await until_waiting(witness)

    assert await active_ids(folders) == set()
    await folders.restore(1)
    assert await active_ids(folders) == {1, 2}


async def test_two_deletes_of_one_child_mark_it_once(crowd: StoreHaus, witness: Any) -> None:
    """Whoever comes second leaves it with the first one's mark, and does not bring it back."""
    folders = crowd.store(Folder)
    await plant(folders, depth=2, width=1)

    async with asyncio.TaskGroup() as group, crowd.transaction():
        await folders.delete(10)
        await _outside(group, lambda: folders.delete(1))
        await until_waiting(witness)

    assert await active_ids(folders) == set()
    await folders.restore(1)
    assert await active_ids(folders) == {1}
    await folders.restore(10)
    assert await active_ids(folders) == {1, 10, 100}


async def _outside(group: asyncio.TaskGroup, work: Any) -> None:
    """Start work in a task that does not take part in the open transaction."""

    async def run() -> None:
        await work()

    group.create_task(run(), context=contextvars.Context())

"""Hooks and plug-ins of deletes that cascade."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_cascade import Folder, Region, Shelf, Shop, active_ids, know
from fix_haus import Recorder, counted_haus
from storehaus import Change, GenericStore, StoreHaus, ValidationError

pytestmark = pytest.mark.anyio


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


class Shops(GenericStore[Shop]):
    """Does what a test tells it to with a change that is part of a cascade."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: list[tuple[str, Any, bool]] = []
        self.rule: Any = None

    async def before_create(self, change: Change[Shop]) -> None:
        """Write it down, then follow the rule."""
        await self._look("create", change)

    async def before_delete(self, change: Change[Shop]) -> None:
        """Write it down, then follow the rule."""
        await self._look("delete", change)

    async def _look(self, hook: str, change: Change[Shop]) -> None:
        ids = None if change.ids is None else list(change.ids)
        self.seen.append((hook, ids, change.cascade))
        if self.rule is not None and change.cascade:
            await self.rule(change)


@pytest.fixture
async def haus(tables_url: str, witness: Any) -> AsyncIterator[StoreHaus]:
    """A haus of one connection: a region with two shops, one of them with a shelf."""
    async with counted_haus(tables_url, max_connections=1) as (opened, _):
        opened.store(Shops)
        for model in (Region, Shelf, Folder):
            opened.store(model)
        await opened.store(Region).create_many([Region(id=1), Region(id=2)])
        await opened.store(Shops).create_many([Shop(id=i, region_id=1) for i in (10, 11)])
        await opened.store(Shelf).create(Shelf(id=100, shop_id=10))
        opened.store(Shops).seen.clear()
        yield opened


async def test_hooks_of_children_see_their_ids(haus: StoreHaus) -> None:
    """before_delete and before_create of the child's store, once a level, marked as a cascade."""
    await haus.store(Region).delete(1)
    await haus.store(Region).restore(1)

    assert haus.store(Shops).seen == [("delete", [10, 11], True), ("create", [10, 11], True)]


async def test_hooks_are_not_called_for_nothing(haus: StoreHaus) -> None:
    """A region without shops asks no shop, so that a hook may refuse any cascade."""
    await haus.store(Region).delete(2)
    await haus.store(Region).restore(2)

    assert haus.store(Shops).seen == []


async def test_own_delete_is_no_cascade(haus: StoreHaus) -> None:
    """The attribute tells both apart."""
    await haus.store(Shops).delete(11)
    await haus.store(Shops).restore(11)

    assert haus.store(Shops).seen == [("delete", [11], False), ("create", [11], False)]


@pytest.mark.parametrize("verb", ["delete", "delete_many", "restore"])
async def test_hook_of_a_child_refuses_the_whole(haus: StoreHaus, verb: str) -> None:
    """What was written before it is undone."""
    regions = haus.store(Region)
    if verb == "restore":
        await regions.delete(1)

    async def refuse(_: Change[Shop]) -> None:
        raise PermissionError("no")

    haus.store(Shops).rule = refuse
    before = [await active_ids(haus.store(each)) for each in (Region, Shops, Shelf)]
    work = {
        "delete": lambda: regions.delete(1),
        "delete_many": lambda: regions.delete_many([1, 2]),
        "restore": lambda: regions.restore(1),
    }

    with pytest.raises(PermissionError):
        await work[verb]()

    assert [await active_ids(haus.store(each)) for each in (Region, Shops, Shelf)] == before


async def test_hook_may_spare_rows(haus: StoreHaus) -> None:
    """What it takes out of the ids stays, and what depends on that."""

    async def spare(change: Change[Shop]) -> None:
        change.ids = [each for each in change.ids or () if each != 10]

    haus.store(Shops).rule = spare
    await haus.store(Region).delete(1)

    assert await active_ids(haus.store(Shops)) == {10}
    assert await active_ids(haus.store(Shelf)) == {100}


async def test_hook_may_spare_all_rows(haus: StoreHaus) -> None:
    """Nothing is left to do then."""

    async def spare(change: Change[Shop]) -> None:
        change.ids = []

    haus.store(Shops).rule = spare
    await haus.store(Region).delete(1)
    assert await active_ids(haus.store(Shops)) == {10, 11}

    haus.store(Shops).rule = None
    await haus.store(Shops).delete_many([10, 11])
    haus.store(Shops).rule = spare
    await haus.store(Region).restore(1)
    assert await active_ids(haus.store(Shops)) == set()


async def test_hook_cannot_bring_back_what_the_deletion_did_not_take(haus: StoreHaus) -> None:
    """An id that it adds to a restore is passed over unless the row has the mark."""
    await haus.store(Shops).create(Shop(id=20))
    await haus.store(Shops).delete(20)
    await haus.store(Region).delete(1)

    async def add(change: Change[Shop]) -> None:
        change.ids = [*(change.ids or ()), 20, 10]

    haus.store(Shops).rule = add
    await haus.store(Region).restore(1)

    assert await active_ids(haus.store(Shops)) == {10, 11}


async def test_what_a_hook_alters_is_checked_again(haus: StoreHaus) -> None:
    """An id of another type is refused, and with it everything."""

    async def spoil(change: Change[Shop]) -> None:
        change.ids = ["ten"]

    haus.store(Shops).rule = spoil

    with pytest.raises(ValidationError):
        await haus.store(Region).delete(1)

    assert await active_ids(haus.store(Region)) == {1, 2}


async def test_verbs_in_a_hook_are_part_of_the_cascade(haus: StoreHaus) -> None:
    """They see what was written, may write to the locked parent, and fall with the whole."""
    regions, shops = haus.store(Region), haus.store(Shops)
    counts: list[int] = []

    async def work(_: Change[Shop]) -> None:
        counts.append(await regions.count())
        await regions.upsert(Region(id=1, name="counted"))
        await haus.store(Folder).create(Folder(id=len(counts)))
        if len(counts) == 1:
            raise Stop

    shops.rule = work
    with pytest.raises(Stop):
        await regions.delete(1)
    assert (await regions.get(1)).name == ""
    assert await haus.store(Folder).count() == 0

    await regions.delete(1)

    assert counts == [1, 1]
    assert await active_ids(shops) == set()
    assert (await regions.get(1)).name == "counted"
    assert await active_ids(haus.store(Folder)) == {2}


async def test_plugin_that_refuses_a_level_undoes_all(tables_url: str, witness: Any) -> None:
    """Raising in before or after of a child's level rolls the root back too."""

    class Refuser(Recorder):
        stage = "before"

        async def before(self, change: Any) -> None:
            if change.cascade and self.stage == "before":
                raise PermissionError("no")

        async def after(self, outcome: Any, connection: Any) -> None:
            if outcome.change.cascade and self.stage == "after":
                raise PermissionError("no")

    plugin, watcher = Refuser(in_transaction=True), Recorder()
    async with counted_haus(tables_url, watcher, plugin) as (haus, _):
        know(haus)
        folders = haus.store(Folder)
        await folders.create_many([Folder(id=1), Folder(id=2, parent_id=1)])
        watcher.events.clear()

        for stage in ("before", "after"):
            Refuser.stage = stage
            with pytest.raises(PermissionError):
                await folders.delete(1)
            assert await active_ids(folders) == {1, 2}
        assert watcher.outcomes == []


async def test_cancelled_cascade_never_happened(haus: StoreHaus) -> None:
    """Whoever is cancelled between two levels leaves all of them as they were."""
    begun = asyncio.Event()

    async def wait(_: Change[Shop]) -> None:
        begun.set()
        await asyncio.Event().wait()

    haus.store(Shops).rule = wait
    task = asyncio.create_task(haus.store(Region).delete(1))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await active_ids(haus.store(Region)) == {1, 2}
    assert await active_ids(haus.store(Shelf)) == {100}

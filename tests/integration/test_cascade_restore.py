"""A restore brings back what the deletion of the row took along, and nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_cascade import Chair, Folder, Hall, Receipt, Region, Shelf, Shop, active_ids, know, marks
from fix_haus import Recorder, counted_haus
from storehaus import NotFound, Operation, StoreHaus, UniqueViolation

pytestmark = pytest.mark.anyio


@pytest.fixture
async def known(tables_url: str, witness: Any) -> AsyncIterator[StoreHaus]:
    """A haus of one connection that knows all models."""
    async with counted_haus(tables_url, max_connections=1) as (haus, _):
        know(haus)
        yield haus


async def grow(haus: StoreHaus) -> None:
    """Folders: 1 → 2 → 3 → 4, 1 → 5."""
    parents = {1: None, 2: 1, 3: 2, 4: 3, 5: 1}
    await haus.store(Folder).create_many(
        [Folder(id=i, parent_id=parent) for i, parent in parents.items()]
    )


async def test_everything_comes_back(known: StoreHaus, witness: Any) -> None:
    """All levels are active again, and no row has a mark any more."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)
    assert await folders.count() == 0

    root = await folders.restore(1)

    assert (root.id, root.__is_active__) == (1, True)
    assert await active_ids(folders) == {1, 2, 3, 4, 5}
    assert set((await marks(witness, Folder)).values()) == {None}


async def test_several_tables_come_back(known: StoreHaus) -> None:
    """Along the same foreign keys, a child of two parents once."""
    await known.store(Region).create(Region(id=1))
    await known.store(Shop).create(Shop(id=10, region_id=1))
    await known.store(Shelf).create(Shelf(id=100, shop_id=10))
    await known.store(Receipt).create(Receipt(id=1, region_id=1, shop_id=10))
    await known.store(Region).delete(1)

    await known.store(Region).restore(1)

    for model in (Region, Shop, Shelf, Receipt):
        assert await known.store(model).count() == 1
    # Written twice by each delete and restore, it would have another one.
    assert (await known.store(Shop).get(10)).version == 3


async def test_row_deleted_before_stays_deleted(known: StoreHaus) -> None:
    """What was deleted on its own, with what was below it, is no part of the later deletion."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(3)
    await folders.delete(1)

    await folders.restore(1)
    assert await active_ids(folders) == {1, 2, 5}

    await folders.restore(3)
    assert await active_ids(folders) == {1, 2, 3, 4, 5}


async def test_row_deleted_before_by_another_parent_stays_deleted(known: StoreHaus) -> None:
    """A child of two parents comes back with the one whose deletion took it."""
    await known.store(Region).create(Region(id=1))
    await known.store(Shop).create(Shop(id=10))
    await known.store(Receipt).create(Receipt(id=1, region_id=1, shop_id=10))
    await known.store(Shop).delete(10)
    await known.store(Region).delete(1)

    await known.store(Region).restore(1)
    assert await known.store(Receipt).count() == 0

    await known.store(Shop).restore(10)
    assert await known.store(Receipt).count() == 1


async def test_row_restored_on_its_own_takes_only_what_is_below(known: StoreHaus) -> None:
    """Its parent may stay deleted, and finds it active when it comes back itself."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)

    await folders.restore(3)
    assert await active_ids(folders) == {3, 4}

    await folders.restore(1)
    assert await active_ids(folders) == {1, 2, 3, 4, 5}


async def test_row_restored_and_deleted_again_stays_deleted(known: StoreHaus) -> None:
    """It belongs to another deletion by now; so does what is below it."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)
    await folders.restore(3)
    await folders.delete(3)

    await folders.restore(1)

    assert await active_ids(folders) == {1, 2, 5}


async def test_roots_of_one_call_come_back_one_by_one(known: StoreHaus) -> None:
    """They share a mark, and a restore follows it downwards only."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete_many([3, 5])

    await folders.restore(5)
    assert await active_ids(folders) == {1, 2, 5}

    await folders.restore(3)
    assert await active_ids(folders) == {1, 2, 3, 4, 5}


async def test_row_moved_meanwhile_is_followed_where_it_is(known: StoreHaus, witness: Any) -> None:
    """What no longer hangs below the restored row stays deleted."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)
    await witness.execute("UPDATE folders SET parent_id = NULL WHERE id = 3")

    await folders.restore(1)

    assert await active_ids(folders) == {1, 2, 5}


async def test_active_row_is_not_restored(known: StoreHaus) -> None:
    """Twice in a row is NotFound, and so is a row that never was deleted."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)
    await folders.restore(1)

    for record_id in (1, 2, 77):
        with pytest.raises(NotFound) as caught:
            await folders.restore(record_id)
        assert caught.value.record_id == record_id


async def test_upsert_revives_one_row(known: StoreHaus, witness: Any) -> None:
    """Its mark is gone, and what its deletion took along stays deleted."""
    await grow(known)
    folders = known.store(Folder)
    await folders.delete(1)

    await folders.upsert(Folder(id=1))
    await folders.upsert_many([Folder(id=5, parent_id=1), Folder(id=6)])

    assert await active_ids(folders) == {1, 5, 6}
    found = await marks(witness, Folder)
    assert found[1] is found[5] is None
    assert found[2] == found[3] is not None


async def test_collision_undoes_the_whole_restore(known: StoreHaus, witness: Any) -> None:
    """An active row has taken a unique value of a row on the way: nothing comes back."""
    folders = known.store(Folder)
    await folders.create_many([Folder(id=1), Folder(id=2, parent_id=1, name="taken")])
    await folders.create(Folder(id=3, parent_id=2))
    await folders.delete(1)
    before = await marks(witness, Folder)
    await folders.create(Folder(id=4, name="taken"))

    with pytest.raises(UniqueViolation) as caught:
        await folders.restore(1)

    assert (caught.value.fields, caught.value.row_index) == (("name",), None)
    assert await active_ids(folders) == {4}
    assert await marks(witness, Folder) == {**before, 4: None}

    await folders.purge(4)
    await folders.restore(1)
    assert await active_ids(folders) == {1, 2, 3}


async def test_collision_below_a_savepoint_leaves_the_transaction(known: StoreHaus) -> None:
    """In a transaction of the caller only the restore is undone."""
    folders = known.store(Folder)
    await folders.create_many([Folder(id=1), Folder(id=2, parent_id=1, name="taken")])
    await folders.delete(1)

    async with known.transaction():
        await folders.create(Folder(id=4, name="taken"))
        with pytest.raises(UniqueViolation):
            await folders.restore(1)
        await folders.create(Folder(id=5))

    assert await active_ids(folders) == {4, 5}


async def test_composite_and_unique_keys_collide_too(known: StoreHaus) -> None:
    """The error names the fields of the child."""
    await known.store(Hall).create(Hall(building="a", number=1))
    chair = Chair(house="a", floor=1, row=1, place="p", label="x")
    await known.store(Chair).create(chair)
    await known.store(Hall).delete(("a", 1))
    await known.store(Chair).create(Chair(row=2, place="p", label="x"))

    with pytest.raises(UniqueViolation) as caught:
        await known.store(Hall).restore(("a", 1))

    assert (caught.value.table, caught.value.fields) == ("chairs", ("label",))
    assert await known.store(Hall).count() == 0


async def test_tags_are_those_of_the_root(known: StoreHaus) -> None:
    """What comes back along keeps its own."""
    folders = known.store(Folder)
    await folders.create(Folder(id=1), tags=["old"])
    await folders.create(Folder(id=2, parent_id=1), tags=["kept"])
    await folders.delete(1)

    root = await folders.restore(1, tags=["back"])

    assert root.__tags__ == ["back"]
    assert (await folders.get(2)).__tags__ == ["kept"]


async def test_outcomes_are_exact_level_by_level(tables_url: str, witness: Any) -> None:
    """Plug-ins see each level as a create: the rows as stored, parents first, one mark."""
    plugin = Recorder(in_transaction=True)
    async with counted_haus(tables_url, plugin) as (haus, _):
        know(haus)
        await grow(haus)
        folders = haus.store(Folder)
        await folders.delete(5)
        await folders.delete(1)
        mark = await witness.fetchval("SELECT __deletion__ FROM folders WHERE id = 1")
        plugin.events.clear()

        await folders.restore(1)

        assert plugin.stages == ["before", "after"] * 4 + ["after_commit"] * 4
        outcomes = plugin.outcomes
        assert [[row.id for row in each.models or ()] for each in outcomes] == [[1], [2], [3], [4]]
        assert [each.change.operation for each in outcomes] == [Operation.CREATE] * 4
        assert [each.change.cascade for each in outcomes] == [False, True, True, True]
        assert {each.deletion for each in outcomes} == {mark}
        rows = [row for each in outcomes for row in each.models or ()]
        assert rows == await folders.get_many([1, 2, 3, 4])


async def test_row_deleted_alone_brings_nothing(tables_url: str, witness: Any) -> None:
    """Without a mark there is nothing to look for."""
    async with counted_haus(tables_url) as (haus, driver):
        regions = haus.store(Region)
        await regions.create(Region(id=1))
        await regions.delete(1)
        haus.store(Shop)
        driver.reset()

        await regions.restore(1)

        assert [call.kind for call in driver.calls] == ["begin", "fetch", "commit"]

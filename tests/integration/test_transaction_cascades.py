"""Deletes and restores that cascade, as part of transactions and savepoints."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_cascade import Folder, active_ids
from fix_haus import Recorder, counted_haus
from storehaus import GenericStore, Operation, StoreHaus
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


Opened = tuple[StoreHaus, GenericStore[Folder], Recorder, CountingDriver]


@pytest.fixture
async def opened(tables_url: str, witness: Any) -> AsyncIterator[Opened]:
    """A haus of one connection with folders 1 → 2 → 3."""
    plugin = Recorder()
    async with counted_haus(tables_url, plugin, max_connections=1) as (haus, driver):
        folders = haus.store(Folder)
        await folders.create_many([Folder(id=i, parent_id=i - 1 or None) for i in (1, 2, 3)])
        plugin.events.clear()
        driver.reset()
        yield haus, folders, plugin, driver


async def test_rolled_back_restore_can_happen_later(opened: Opened) -> None:
    """The marks are there again."""
    haus, folders, _, _ = opened
    await folders.delete(1)
    with pytest.raises(Stop):
        async with haus.transaction():
            await folders.restore(1)
            assert await active_ids(folders) == {1, 2, 3}
            raise Stop

    assert await active_ids(folders) == set()
    await folders.restore(1)
    assert await active_ids(folders) == {1, 2, 3}


async def test_undone_savepoint_undoes_all_levels(opened: Opened) -> None:
    """The transaction around it goes on, and may delete another part."""
    haus, folders, _, _ = opened
    async with haus.transaction():
        with pytest.raises(Stop):
            async with haus.transaction():
                await folders.delete(1)
                assert await active_ids(folders) == set()
                raise Stop
        assert await active_ids(folders) == {1, 2, 3}
        await folders.delete(2)

    assert await active_ids(folders) == {1}


async def test_after_commit_waits_for_the_outermost_block(opened: Opened) -> None:
    """All levels in order then, and none of a part that was undone."""
    haus, folders, plugin, _ = opened
    async with haus.transaction():
        with pytest.raises(Stop):
            async with haus.transaction():
                await folders.delete(1)
                raise Stop
        await folders.delete(2)
        await folders.restore(2)
        assert plugin.outcomes == []

    assert [
        (each.change.operation, [row.id for row in each.models or ()]) for each in plugin.outcomes
    ] == [
        (Operation.DELETE, [2]),
        (Operation.DELETE, [3]),
        (Operation.CREATE, [2]),
        (Operation.CREATE, [3]),
    ]


async def test_cascade_in_a_transaction_is_a_savepoint(opened: Opened) -> None:
    """One for all levels, so that an error leaves the transaction as it was before the verb."""
    haus, folders, _, driver = opened
    async with haus.transaction():
        driver.reset()
        await folders.delete_many([1, 2])
        kinds = [call.kind for call in driver.calls]

    assert kinds == ["savepoint", *["fetch"] * 4, "release_savepoint"]

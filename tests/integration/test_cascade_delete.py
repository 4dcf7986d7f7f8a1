"""Soft deletes take along what depends on them by on_delete="cascade"."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from fix_cascade import (
    Chair,
    Crate,
    Deal,
    Depot,
    Folder,
    Hall,
    Metal,
    Mine,
    Note,
    Ore,
    Receipt,
    Region,
    Shelf,
    Shop,
    Slot,
    Visit,
    active_ids,
    know,
    marks,
)
from fix_haus import Recorder, config_of, counted_haus
from storehaus import (
    Change,
    Field,
    GenericStore,
    Model,
    Operation,
    QueryBuilder,
    QueryError,
    StaleVersion,
    StoreHaus,
    field,
)
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

Verb = Callable[[GenericStore[Any], Any], Awaitable[Any]]


async def _by_query(store: GenericStore[Any], record_id: Any) -> Any:
    return await store.delete_where(QueryBuilder(Region).filter(Region.id == record_id))


VERBS: dict[str, Verb] = {
    "delete": lambda store, record_id: store.delete(record_id),
    "delete_many": lambda store, record_id: store.delete_many([record_id]),
    "delete_where": _by_query,
}

Counted = tuple[StoreHaus, CountingDriver]


@pytest.fixture
async def counted(tables_url: str, witness: Any) -> AsyncIterator[Counted]:
    """A haus of one connection that knows all models, and its driver."""
    async with counted_haus(tables_url, max_connections=1) as (haus, driver):
        know(haus)
        yield haus, driver


@pytest.fixture
async def known(counted: Counted) -> StoreHaus:
    """The haus alone."""
    return counted[0]


async def three_levels(haus: StoreHaus) -> None:
    """Regions 1 and 2, each with two shops, each with two shelves."""
    await haus.store(Region).create_many([Region(id=i) for i in (1, 2)])
    await haus.store(Shop).create_many([Shop(id=i, region_id=i // 10) for i in (10, 11, 20, 21)])
    shelves = [Shelf(id=i, shop_id=i // 10) for i in (100, 101, 110, 111, 200, 201, 210, 211)]
    await haus.store(Shelf).create_many(shelves)


@pytest.mark.parametrize("verb", VERBS)
async def test_every_verb_reaches_three_levels(known: StoreHaus, witness: Any, verb: str) -> None:
    """Everything below the root is deleted under one mark, everything else stays as it is."""
    await three_levels(known)

    await VERBS[verb](known.store(Region), 1)

    assert await active_ids(known.store(Region)) == {2}
    assert await active_ids(known.store(Shop)) == {20, 21}
    assert await active_ids(known.store(Shelf)) == {200, 201, 210, 211}
    found = {**await marks(witness, Region), **await marks(witness, Shop)}
    found |= await marks(witness, Shelf)
    assert len({mark for row, mark in found.items() if str(row).startswith("1")}) == 1
    assert found[1] is not None
    assert {mark for row, mark in found.items() if str(row).startswith("2")} == {None}


async def test_verbs_answer_for_the_roots_alone(known: StoreHaus) -> None:
    """What they give is what they gave without a cascade."""
    await three_levels(known)
    regions = known.store(Region)

    assert await regions.delete_many([7, 2, 2]) == [2]
    assert await regions.delete_where(Region.id == 1) == [1]
    assert await regions.delete(1) is False


async def test_each_call_has_a_mark_of_its_own(known: StoreHaus, witness: Any) -> None:
    """Several roots of one call share it, two calls do not."""
    await three_levels(known)
    await known.store(Region).create(Region(id=3))
    await known.store(Region).delete_many([1, 2])
    await known.store(Region).delete(3)

    found = await marks(witness, Region)
    assert found[1] == found[2] != found[3]


async def test_without_dependents_a_delete_is_one_round_trip(
    counted: Counted, witness: Any
) -> None:
    """A model on which nothing depends is marked as before, and its mark stays empty."""
    haus, driver = counted
    await haus.store(Region).create(Region(id=1))
    await haus.store(Visit).create_many([Visit(id=i, region_id=1) for i in (1, 2, 3)])
    driver.reset()

    await haus.store(Visit).delete(1)
    await haus.store(Visit).delete_many([2])
    await haus.store(Visit).delete_where(Visit.id == 3)
    await haus.store(Visit).restore(1)

    assert [call.kind for call in driver.calls] == ["fetch"] * 4
    assert set((await marks(witness, Visit)).values()) == {None}


async def test_cost_of_a_level(counted: Counted) -> None:
    """A level costs its look-up, and one write if it has rows; savepoints cost nothing."""
    haus, driver = counted
    folders = haus.store(Folder)
    await folders.create_many([Folder(id=1), Folder(id=2, parent_id=1), Folder(id=3, parent_id=1)])
    driver.reset()

    await folders.delete(1)

    # The root · its children, found and deleted · theirs, looked for in vain
    assert [call.kind for call in driver.calls] == ["begin", *["fetch"] * 4, "commit"]
    driver.reset()
    await folders.restore(1)
    assert [call.kind for call in driver.calls] == ["begin", *["fetch"] * 4, "commit"]


async def test_cost_without_rows_below(counted: Counted) -> None:
    """Where rows could depend and none does, it is one look-up per foreign key."""
    haus, driver = counted
    await haus.store(Folder).create(Folder(id=1))
    driver.reset()

    await haus.store(Folder).delete(1)
    assert [call.kind for call in driver.calls] == ["begin", "fetch", "fetch", "commit"]
    driver.reset()
    await haus.store(Folder).delete(1)
    assert [call.kind for call in driver.calls] == ["begin", "fetch", "commit"]


async def test_only_models_that_the_haus_knows(tables_url: str, witness: Any) -> None:
    """A model is known from store() or auto_migrate(), and from nothing else."""
    async with StoreHaus(config_of(tables_url)) as haus:
        regions = haus.store(Region)
        await regions.create_many([Region(id=1), Region(id=2)])
        await witness.execute("INSERT INTO shops (id, region_id) VALUES (10, 1), (20, 2)")

        await regions.delete(1)
        assert await witness.fetchval("SELECT __is_active__ FROM shops WHERE id = 10")

        await haus.auto_migrate(Region, Shop)
        await regions.delete(2)
        assert not await witness.fetchval("SELECT __is_active__ FROM shops WHERE id = 20")


async def test_store_takes_the_place_of_a_migrated_model(tables_url: str, witness: Any) -> None:
    """Its hooks count from then on, whichever came first."""
    seen: list[Any] = []

    class Shops(GenericStore[Shop]):
        async def before_delete(self, change: Change[Shop]) -> None:
            seen.append(change.ids)

    async with StoreHaus(config_of(tables_url)) as haus:
        await haus.auto_migrate(Region, Shop)
        haus.store(Shops)
        await haus.auto_migrate(Region, Shop)
        await haus.store(Region).create(Region(id=1))
        await haus.store(Shops).create(Shop(id=10, region_id=1))

        await haus.store(Region).delete(1)

    assert seen == [[10]]


async def test_diamond_is_deleted_once(known: StoreHaus, witness: Any) -> None:
    """A child of two deleted parents is written once, with the level that reaches it first."""
    await three_levels(known)
    await known.store(Receipt).create_many(
        [
            Receipt(id=1, region_id=1, shop_id=10),
            Receipt(id=2, shop_id=11),
            Receipt(id=3, region_id=1, shop_id=20),
            Receipt(id=4, region_id=2, shop_id=20),
            Receipt(id=5),
        ]
    )

    await known.store(Region).delete(1)

    assert await active_ids(known.store(Receipt)) == {4, 5}
    found = await marks(witness, Receipt)
    assert found[1] == found[2] == found[3] is not None


async def test_two_references_to_one_table(known: StoreHaus) -> None:
    """Each of them is followed."""
    await known.store(Shop).create_many([Shop(id=i) for i in (1, 2, 3)])
    deals = [Deal(id=i, buyer_id=b, seller_id=s) for i, b, s in [(1, 1, 2), (2, 2, 1), (3, 2, 3)]]
    await known.store(Deal).create_many([*deals, Deal(id=4, buyer_id=1, seller_id=1)])

    await known.store(Shop).delete(1)

    assert await active_ids(known.store(Deal)) == {3}


async def test_rows_that_reference_each_other(known: StoreHaus, witness: Any) -> None:
    """A circle ends where it began, and a row may be its own parent."""
    folders = known.store(Folder)
    await folders.create_many([Folder(id=i) for i in (1, 2, 3)])
    await witness.execute("UPDATE folders SET parent_id = CASE id WHEN 3 THEN 3 ELSE 3 - id END")

    await folders.delete(1)
    await folders.delete(3)

    assert await active_ids(folders) == set()
    await folders.restore(2)
    assert await active_ids(folders) == {1, 2}


async def test_composite_key(known: StoreHaus) -> None:
    """Columns pair up as the foreign key says; a NULL among them references nothing."""
    await known.store(Hall).create_many(
        [Hall(building=b, number=n) for b, n in [("a", 1), ("a", 2), ("b", 1)]]
    )
    chairs = known.store(Chair)
    at = [("a", 1), ("a", 1), ("a", 2), ("b", 1), (None, 1), ("a", None)]
    await chairs.create_many(
        [Chair(house=h, floor=f, row=i, place="p") for i, (h, f) in enumerate(at)]
    )

    await known.store(Hall).delete(("a", 1))
    assert {chair.row for chair in await chairs.list_all()} == {2, 3, 4, 5}

    await known.store(Hall).restore(("a", 1))
    assert await chairs.count() == len(at)


async def test_schemas(known: StoreHaus) -> None:
    """A reference finds the table of the schema it names, or of its own."""
    await known.store(Depot).create_many([Depot(id=1), Depot(id=2)])
    await known.store(Crate).create_many([Crate(id=i, depot_id=i) for i in (1, 2)])
    await known.store(Slot).create_many([Slot(id=i, depot_id=i) for i in (1, 2)])

    await known.store(Depot).delete(1)
    assert await active_ids(known.store(Crate)) == await active_ids(known.store(Slot)) == {2}

    await known.store(Depot).restore(1)
    assert await active_ids(known.store(Crate)) == await active_ids(known.store(Slot)) == {1, 2}


async def test_keys_that_travel_in_another_form(known: StoreHaus) -> None:
    """An enum's members are found by their labels and handed to hooks as members."""
    await known.store(Ore).create_many([Ore(metal=metal) for metal in Metal])
    await known.store(Mine).create_many([Mine(metal=metal) for metal in Metal])

    await known.store(Ore).delete(Metal.IRON)
    assert await active_ids(known.store(Mine)) == {Metal.GOLD}

    await known.store(Ore).restore(Metal.IRON)
    assert await active_ids(known.store(Mine)) == set(Metal)


async def test_what_does_not_cascade(known: StoreHaus) -> None:
    """Rows that are deleted for good stay, and so do rows that only refer to the deleted one."""
    await known.store(Region).create(Region(id=1))
    await known.store(Note).create(Note(id=1, region_id=1))
    await known.store(Visit).create(Visit(id=1, region_id=1))

    await known.store(Region).delete(1)

    assert await active_ids(known.store(Note)) == await active_ids(known.store(Visit)) == {1}


async def test_purge_is_left_to_the_server(counted: Counted, witness: Any) -> None:
    """It is one statement, and PostgreSQL deletes what depends on the row."""
    haus, driver = counted
    await three_levels(haus)
    await haus.store(Note).create(Note(id=1, region_id=1))
    driver.reset()

    assert await haus.store(Region).purge(1)

    assert driver.round_trips == 1
    assert await witness.fetchval("SELECT count(*) FROM shops WHERE region_id = 1") == 0
    assert await witness.fetchval("SELECT count(*) FROM notes") == 0


async def test_version_of_the_root_counts(known: StoreHaus) -> None:
    """A stale one refuses the whole cascade; a version below is moved by it."""
    await three_levels(known)
    shops = known.store(Shop)
    with pytest.raises(StaleVersion):
        await shops.delete(10, if_version=7)
    assert await known.store(Shelf).count() == 8

    assert await shops.delete(10, if_version=1)
    await known.store(Region).delete(1)

    assert await active_ids(known.store(Shelf)) == {200, 201, 210, 211}
    rows = await shops.find(QueryBuilder(Shop).only_deleted())
    assert {row.id: row.version for row in rows} == {10: 2, 11: 2}


async def test_tags_are_those_of_the_root(known: StoreHaus) -> None:
    """What was deleted along keeps its own."""
    await known.store(Region).create(Region(id=1), tags=["r"])
    await known.store(Shop).create(Shop(id=10, region_id=1), tags=["s"])

    await known.store(Region).delete(1, tags=["gone"])

    (region,) = await known.store(Region).find(QueryBuilder(Region).only_deleted())
    (shop,) = await known.store(Shop).find(QueryBuilder(Shop).only_deleted())
    assert (region.__tags__, shop.__tags__) == (["gone"], ["s"])


async def test_many_rows(known: StoreHaus) -> None:
    """Levels of more rows than one statement carries are complete."""
    folders = known.store(Folder)
    count = 6_000
    await folders.create_many([Folder(id=i) for i in range(count)])
    children = [Folder(id=count + i, parent_id=i) for i in range(count)]
    await folders.create_many([*children, Folder(id=3 * count, parent_id=2 * count - 1)])
    await folders.create_many([Folder(id=3 * count + 1)])

    gone = await folders.delete_where(Folder.id < count)

    assert len(gone) == count
    assert await active_ids(folders) == {3 * count + 1}
    await folders.restore(count - 1)
    assert await active_ids(folders) == {count - 1, 2 * count - 1, 3 * count, 3 * count + 1}


async def test_child_without_key_is_refused(postgres_url: str) -> None:
    """Its rows could not be told from each other; nothing is deleted."""

    class Tree(Model, table="trees", soft_delete=True):
        id: Field[int] = field(primary_key=True)

    class Leaf(Model, table="leaves", soft_delete=True):
        tree_id: Field[int] = field(references=Tree.id, on_delete="cascade")

    async with StoreHaus(config_of(postgres_url)) as haus:
        await haus.auto_migrate(Tree, Leaf)
        await haus.store(Tree).create(Tree(id=1))

        with pytest.raises(QueryError, match="no primary key"):
            await haus.store(Tree).delete(1)

        assert await haus.store(Tree).count() == 1


async def test_reference_to_a_column_that_the_model_lacks_is_refused(postgres_url: str) -> None:
    """A model need not have all columns of its table, but then nothing can follow by them."""

    class Tree(Model, table="trees", soft_delete=True):
        id: Field[int] = field(primary_key=True)

    class Leaf(Model, table="leaves", soft_delete=True):
        id: Field[int] = field(primary_key=True)
        code: Field[int] = field(references="trees.code", on_delete="cascade")

    async with StoreHaus(config_of(postgres_url)) as haus:
        await haus.auto_migrate(Tree)
        async with haus.connection() as connection:
            await connection.execute("ALTER TABLE trees ADD code bigint UNIQUE")
        await haus.auto_migrate(Leaf)
        await haus.store(Tree).create(Tree(id=1))

        with pytest.raises(QueryError, match="'code' of trees"):
            await haus.store(Tree).delete(1)


async def test_own_sql_that_revives_a_row_leaves_nothing_behind(
    known: StoreHaus, witness: Any
) -> None:
    """A mark that somebody's own UPDATE left on an active row is gone with its next delete."""
    await three_levels(known)
    await known.store(Region).delete(1)
    await witness.execute("UPDATE shelves SET visible = true WHERE id = 100")

    await known.store(Shelf).delete(100)
    await known.store(Region).restore(1)

    assert 100 not in await active_ids(known.store(Shelf))
    assert 101 in await active_ids(known.store(Shelf))


async def test_outcomes_are_exact_level_by_level(tables_url: str, witness: Any) -> None:
    """Plug-ins see each level as a write of its own: the rows as stored, parents first."""
    plugin = Recorder(in_transaction=True)
    async with counted_haus(tables_url, plugin) as (haus, _):
        know(haus)
        await three_levels(haus)
        await haus.store(Receipt).create(Receipt(id=1, region_id=1, shop_id=10))
        plugin.events.clear()

        await haus.store(Region).delete(1)

        levels = [("regions", [1]), ("shops", [10, 11]), ("receipts", [1])]
        levels.append(("shelves", [100, 101, 110, 111]))
        assert plugin.stages == ["before", "after"] * 4 + ["after_commit"] * 4
        for stage in ("after", "after_commit"):
            seen = [outcome for name, outcome in plugin.events if name == stage]
            assert [
                (each.change.table.name, [row.id for row in each.models], each.count)
                for each in seen
            ] == [(name, ids, len(ids)) for name, ids in levels]
        assert [each.change.operation for each in plugin.outcomes] == [Operation.DELETE] * 4
        assert [each.change.cascade for each in plugin.outcomes] == [False, True, True, True]
        assert {each.deletion for each in plugin.outcomes} == {
            await witness.fetchval("SELECT __deletion__ FROM regions WHERE id = 1")
        }
        stored = await haus.store(Shop).find(QueryBuilder(Shop).only_deleted().order_by(Shop.id))
        assert plugin.outcomes[1].models == stored

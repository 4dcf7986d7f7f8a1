"""The statements of deletes and restores that cascade, as text."""

import pytest

from fix_cascade import Chair, Crate, Depot, Hall, Mine, Note, Ore, Region, Shelf, Shop, Slot
from storehaus import Model, QueryBuilder, QueryError, QueryFilter
from storehaus.model import TableInfo
from storehaus.model.analysis import analyse
from storehaus.sql.delete import delete_by_key, delete_many, delete_where
from storehaus.sql.dependents import select_active_dependents, select_marked_dependents
from storehaus.sql.insert import Conflict, upsert_one
from storehaus.sql.restore import restore_many, restore_one
from storehaus.store.change import Change
from storehaus.store.dependents import Dependents
from storehaus.store.table import Table

REGION, SHOP, SHELF = (each.__table_info__ for each in (Region, Shop, Shelf))
RETURNED = '"id", "name", "__created_at__", "__updated_at__", "__tags__", "__is_active__"'
SHOP_RETURNED = ", ".join(f'"t"."{column.column}"' for column in SHOP.columns)


def test_delete_sets_the_mark_behind_the_tags() -> None:
    """NULL where nothing cascades, so that the text is the same."""
    assert delete_by_key(REGION) == (
        'UPDATE "regions" SET "__is_active__" = false,'
        ' "__tags__" = coalesce($2::text[], "__tags__"), "__deletion__" = $3::uuid'
        f' WHERE "id" = $1 AND "__is_active__" RETURNING {RETURNED}'
    )


def test_delete_that_cascades_locks_like_a_real_one() -> None:
    """So that rows that reference it are inserted before it, or wait."""
    assert delete_where(REGION, '"name" = $1', 2, locking=True) == (
        'WITH "#l" AS MATERIALIZED (SELECT 1 FROM "regions" WHERE "name" = $1'
        ' ORDER BY "id" FOR UPDATE),'
        ' "#n"("#") AS MATERIALIZED (SELECT count(*) FROM "#l")'
        ' UPDATE "regions" SET "__is_active__" = false,'
        ' "__tags__" = coalesce($2::text[], "__tags__"), "__deletion__" = $3::uuid'
        f' FROM "#n" WHERE "name" = $1 RETURNING {RETURNED}'
    )


def test_delete_of_a_batch_moves_flag_mark_and_version() -> None:
    """Whatever they are called."""
    assert (
        'SET "__is_active__" = false, "__tags__" = coalesce($2::text[], "t"."__tags__"),'
        ' "version" = "t"."version" + 1, "__deletion__" = $3::uuid FROM "i", "n"'
    ) in delete_many(SHOP)
    assert 'SET "visible" = false' in delete_many(SHELF)


def test_restore_reads_the_mark_before_it_clears_it() -> None:
    """PostgreSQL before 18 returns new values only, so the row is locked and read first."""
    assert restore_one(SHOP) == (
        'WITH "i" AS MATERIALIZED (SELECT "id", "__deletion__" FROM "shops"'
        ' WHERE "id" = $1 AND NOT "__is_active__" FOR NO KEY UPDATE)'
        ' UPDATE "shops" AS "t" SET "__is_active__" = true,'
        ' "__tags__" = coalesce($2::text[], "t"."__tags__"),'
        ' "version" = "t"."version" + 1, "__deletion__" = NULL FROM "i"'
        f' WHERE "t"."id" = "i"."id" RETURNING {SHOP_RETURNED}, "i"."__deletion__"'
    )


def test_restore_of_a_level_asks_for_the_mark_again() -> None:
    """Rows are locked in the order of their keys, and only those of the deletion come back."""
    where = '"t"."id" = "i"."id" AND NOT "t"."__is_active__" AND "t"."__deletion__" = $3::uuid'
    text = restore_many(SHOP)

    assert text.count(where) == 2
    assert 'ORDER BY "t"."id" FOR NO KEY UPDATE OF "t"' in text
    assert '"__deletion__" = NULL FROM "i", "n"' in text


def test_dependents_are_found_by_the_columns_of_the_foreign_key() -> None:
    """With the types of the referenced columns, in the order of their own keys."""
    chair, hall = Chair.__table_info__, Hall.__table_info__
    pairs = [
        (chair.by_name["floor"], hall.by_name["number"]),
        (chair.by_name["house"], hall.by_name["building"]),
    ]

    assert select_active_dependents(chair, hall, pairs) == (
        'SELECT "t"."row", "t"."place" FROM "chairs" AS "t",'
        ' (SELECT "u"."number", "u"."building" FROM unnest($1::bigint[], $2::text[])'
        ' WITH ORDINALITY AS "u"("number", "building", "#")) AS "i"("number", "building")'
        ' WHERE "t"."floor" = "i"."number" AND "t"."house" = "i"."building"'
        ' AND "t"."__is_active__" ORDER BY "t"."row", "t"."place" COLLATE "C" FOR UPDATE OF "t"'
    )


def test_marked_dependents_are_inactive_rows_of_one_deletion() -> None:
    """By the flag of the model, whichever it is."""
    pairs = [(SHELF.by_name["shop_id"], SHOP.by_name["id"])]

    text = select_marked_dependents(SHELF, SHOP, pairs)

    assert (
        'AND NOT "t"."visible" AND "t"."__deletion__" = $2::uuid'
        ' ORDER BY "t"."id" FOR NO KEY UPDATE OF "t"'
    ) in text


def test_enums_are_cast_to_the_type_of_the_referenced_column() -> None:
    """They travel as text."""
    mine, ore = Mine.__table_info__, Ore.__table_info__
    pairs = [(mine.by_name["metal"], ore.by_name["metal"])]

    text = select_active_dependents(mine, ore, pairs)

    assert '"u"."metal"::"metal"' in text
    assert "$1::text[]" in text


def test_upsert_clears_the_mark() -> None:
    """A revived row belongs to no deletion any more."""
    text = upsert_one(REGION, REGION.columns[:2], Conflict(REGION.primary_key, None, ()))

    assert '"__is_active__" = true, "__deletion__" = NULL RETURNING' in text


@pytest.mark.parametrize("model", [Region, Shelf, Note])
def test_mark_is_no_field(model: type[Model]) -> None:
    """No instance has it, no list of columns names it, no query can."""
    info = model.__table_info__

    assert (info.deletion is None) == (info.soft_delete is None)
    assert info.deletion not in info.columns
    assert "__deletion__" not in info.by_name
    assert not hasattr(model, "__deletion__")
    with pytest.raises(QueryError):
        QueryBuilder(model).filter(QueryFilter.is_null("__deletion__")).to_sql()


def hooks(_: Change[object]) -> tuple[()]:
    """None."""
    return ()


def test_haus_that_knows_a_model_late_follows_it_from_then_on() -> None:
    """Nothing is worked out for good while models may still come."""
    known = Dependents()
    known.add(Table(REGION), hooks)
    assert known.of(REGION) == ()

    known.add_model(SHOP)

    assert [each.table.info for each in known.of(REGION)] == [SHOP]


def _places(*infos: TableInfo) -> list[str]:
    known = Dependents()
    for info in infos:
        known.add_model(info)
    return [each.table.info.name for each in known.of(Depot.__table_info__)]


def test_schema_decides_which_table_is_meant() -> None:
    """A name without schema is the model's own schema's first."""
    infos = [each.__table_info__ for each in (Depot, Crate, Slot)]

    assert _places(*infos) == ["crates", "slots"]


def test_no_lint_speaks_against_a_cascade_of_soft_deletes() -> None:
    """SH017 is left for what acts on purge() only."""
    found = [each.model for each in analyse([Region, Shop, Note]) if each.code == "SH017"]

    assert found == ["Note"]

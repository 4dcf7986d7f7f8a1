"""What the statements of batches must say, where no server of the tests would show it."""

import pytest

from fix_haus import Draft, Gadget, Label, Seat, Wallet
from storehaus.sql.delete import delete_many, delete_shared
from storehaus.sql.insert import insert_shared
from storehaus.sql.rows import select_by_keys
from storehaus.sql.update import update_many, update_one, update_shared


@pytest.mark.parametrize(
    "statement", [update_many(Label.__table_info__, ()), delete_many(Label.__table_info__)]
)
def test_text_keys_are_locked_by_code_points(statement: str) -> None:
    """Collations order texts in their own ways; upserts send their rows by code points."""
    assert 'ORDER BY "t"."key" COLLATE "C" FOR' in statement


def test_composite_keys_are_locked_part_by_part() -> None:
    """Each part has the order that Python gives it."""
    assert 'ORDER BY "t"."hall" COLLATE "C", "t"."number" FOR' in delete_many(Seat.__table_info__)


def test_other_keys_are_locked_as_they_are() -> None:
    """Integers are ordered alike everywhere."""
    assert 'ORDER BY "t"."id" FOR' in update_many(Gadget.__table_info__, ())


DRAFT = Draft.__table_info__
ALL = '"id", "text", "version", "__created_at__", "__updated_at__", "__tags__", "__is_active__"'
OF_T = ", ".join(f'"t".{name}' for name in ALL.split(", "))
OF_W = ", ".join(f'"w".{name}' for name in ALL.split(", "))


def test_golden_reads_and_lone_updates() -> None:
    """Statements that are not shared, or read only."""
    assert select_by_keys(DRAFT) == (
        f'SELECT {ALL} FROM "drafts" WHERE "id" = ANY($1::bigint[]) AND "__is_active__"'
    )
    assert update_one(DRAFT, [DRAFT.by_name["text"]], versioned=True) == (
        'UPDATE "drafts" SET "text" = $3, "__tags__" = coalesce($4::text[], "__tags__"),'
        ' "version" = "version" + 1 WHERE "id" = $1 AND "version" = $2 AND "__is_active__"'
        f" RETURNING {ALL}"
    )
    assert "ANY($1::text[])" in select_by_keys(Label.__table_info__)
    assert "unnest" in select_by_keys(Seat.__table_info__)


def test_golden_shared_insert() -> None:
    """It gives up soon when a row of it meets a lock."""
    assert insert_shared(DRAFT, [DRAFT.by_name["id"], DRAFT.by_name["text"]]) == (
        "WITH \"s\" AS MATERIALIZED (SELECT set_config('lock_timeout', '20ms', true))"
        ' INSERT INTO "drafts" ("id", "text", "__tags__") SELECT "u"."id", "u"."text", $3::text[]'
        ' FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS "u"("id", "text", "#"), "s"'
        f' ORDER BY "u"."#" RETURNING {ALL}'
    )


def test_golden_shared_update() -> None:
    """It passes over rows that somebody holds, and says which ones it locked."""
    assert update_shared(DRAFT, [DRAFT.by_name["text"]], versioned=True) == (
        'WITH "i"("id", "version", "text", "#") AS (SELECT "u"."id", "u"."version", "u"."text",'
        ' "u"."#" FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY'
        ' AS "u"("id", "version", "text", "#")),'
        ' "l" AS MATERIALIZED (SELECT "i".* FROM "drafts" AS "t", "i" WHERE "t"."id" = "i"."id"'
        ' AND "t"."version" = "i"."version" AND "t"."__is_active__" ORDER BY "t"."id"'
        ' FOR NO KEY UPDATE OF "t" SKIP LOCKED),'
        ' "w" AS (UPDATE "drafts" AS "t" SET "text" = "l"."text",'
        ' "__tags__" = coalesce($4::text[], "t"."__tags__"), "version" = "t"."version" + 1'
        ' FROM "l" WHERE "t"."id" = "l"."id" AND "t"."__is_active__"'
        f' RETURNING {OF_T}, "l"."#")'
        f' SELECT {OF_W}, "l"."#" FROM "l" LEFT JOIN "w" ON "w"."#" = "l"."#"'
    )


def test_golden_shared_delete() -> None:
    """For good with the lock of a DELETE, by mark with that of an UPDATE."""
    for_good, by_mark = delete_shared(Wallet.__table_info__), delete_shared(DRAFT)
    assert 'FOR UPDATE OF "t" SKIP LOCKED' in for_good
    assert '"w" AS (DELETE FROM "wallets" AS "t" USING "l" WHERE "t"."id" = "l"."id" RETURNING' in (
        for_good
    )
    assert 'FOR NO KEY UPDATE OF "t" SKIP LOCKED' in by_mark
    assert '"w" AS (UPDATE "drafts" AS "t" SET "__is_active__" = false,' in by_mark

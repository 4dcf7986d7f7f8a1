"""What StoreHaus did not make stays; what it made and no longer needs goes."""

import logging

import pytest

from fix_migrations import Ground
from storehaus.errors import MigrationError
from storehaus.model import Check, Field, Index, Model, Unique, field

pytestmark = pytest.mark.anyio


class Item(
    Model, table="items", comment="said by the model", indexes=(Check("x > 0", name="sane"),)
):
    """The model of most tests."""

    id: Field[int] = field(primary_key=True)
    x: Field[int] = field(default=1, index=True, unique=True)
    y: Field[str] = field(default="", comment="said by the model")


async def test_unknown_columns_stay_and_are_reported(ground: Ground) -> None:
    """A newer version's column survives the migration of an older one."""
    await ground.migrate(Item)
    await ground.run("ALTER TABLE items ADD COLUMN newer text DEFAULT 'n'")

    report = await ground.migrate(Item)

    assert report.tables[0].unknown_columns == ("newer",)
    assert report.statements == report.warnings == ()


async def test_unknown_required_column_is_warned_of(ground: Ground) -> None:
    """A column that makes every insert fail is worth a warning."""
    await ground.migrate(Item)
    await ground.run("ALTER TABLE items ADD COLUMN newer text NOT NULL")

    report = await ground.migrate(Item)

    assert "'newer' is NOT NULL without a default" in report.warnings[0]


async def test_unknown_objects_stay_and_are_reported(ground: Ground) -> None:
    """Indexes and constraints without a mark are somebody's."""
    await ground.migrate(Item)
    await ground.run("CREATE INDEX theirs ON items (lower(y))")
    await ground.run("ALTER TABLE items ADD CONSTRAINT also CHECK (x < 9)")

    report = await ground.migrate(Item)

    assert sorted(report.tables[0].unknown_objects) == ["also", "theirs"]
    assert report.statements == ()


async def test_unknown_tables_are_nobodys_business(ground: Ground) -> None:
    """Other tables, whatever references them, are neither changed nor reported."""
    await ground.run("CREATE TABLE other (id int PRIMARY KEY, shape point, doc xml)")
    await ground.migrate(Item)
    await ground.run("ALTER TABLE items ADD COLUMN other int REFERENCES other")

    report = await ground.migrate(Item)

    assert report.statements == ()
    assert await ground.value("SELECT to_regclass('other')::text") == "other"


async def test_peoples_comments_survive(ground: Ground) -> None:
    """A note on a column of no comment, or before a mark, is not lost."""
    await ground.migrate(Item)
    await ground.run("COMMENT ON COLUMN items.x IS 'a note'")
    await ground.run("COMMENT ON INDEX items_x_idx IS 'slow one'")

    first = await ground.migrate(Item)
    second = await ground.migrate(Item)

    assert len(first.statements) == 1
    assert second.statements == ()
    assert await ground.value("SELECT col_description('items'::regclass, 2)") == "a note"
    note = await ground.value("SELECT obj_description('items_x_idx'::regclass)")
    assert note.startswith("slow one storehaus:")


async def test_note_before_a_mark_outlives_a_change(ground: Ground) -> None:
    """An index that is made anew keeps what people wrote on the old one."""
    await ground.migrate(Item)
    await ground.run("COMMENT ON INDEX items_x_idx IS 'slow one'")

    class Changed(Model, table="items", indexes=(Index("x", name="items_x_idx", where="x > 3"),)):
        id: Field[int] = field(primary_key=True)
        x: Field[int] = field(default=1)

    await ground.migrate(Changed)

    note = await ground.value("SELECT obj_description('items_x_idx'::regclass)")
    assert note.startswith("slow one storehaus:")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("DROP INDEX items_x_idx", id="index dropped"),
        pytest.param(
            "DROP INDEX items_x_idx; CREATE INDEX items_x_idx ON items (y)", id="index replaced"
        ),
        pytest.param("ALTER TABLE items DROP CONSTRAINT sane", id="check dropped"),
        pytest.param(
            "ALTER TABLE items DROP CONSTRAINT sane;"
            "ALTER TABLE items ADD CONSTRAINT sane CHECK (x > -9)",
            id="check replaced",
        ),
        pytest.param(
            "ALTER TABLE items DROP CONSTRAINT sane;"
            "ALTER TABLE items ADD CONSTRAINT sane CHECK (x > 0) NOT VALID",
            id="check not valid",
        ),
        pytest.param("ALTER TABLE items DROP CONSTRAINT items_x_key", id="unique dropped"),
        pytest.param("ALTER TABLE items ALTER x SET DEFAULT 5", id="default changed"),
        pytest.param("ALTER TABLE items ALTER x DROP DEFAULT", id="default dropped"),
        pytest.param("ALTER TABLE items ALTER x DROP NOT NULL", id="null allowed"),
        pytest.param("COMMENT ON COLUMN items.y IS NULL", id="comment dropped"),
        pytest.param("COMMENT ON TABLE items IS 'else'", id="comment changed"),
    ],
)
async def test_change_by_hand_is_put_right(ground: Ground, damage: str) -> None:
    """What somebody changed with psql is what the model says again."""
    await ground.migrate(Item)
    intact = await ground.snapshot()
    await ground.run(damage)

    await ground.migrate(Item)

    assert await ground.snapshot() == intact


async def test_table_from_before_is_taken_over(ground: Ground) -> None:
    """A table made without StoreHaus gets system columns and marks, and keeps rows and indexes."""
    await ground.run("""
        CREATE TABLE items (id bigserial PRIMARY KEY, x bigint NOT NULL DEFAULT 1 UNIQUE,
                            y varchar(20) NOT NULL DEFAULT '',
                            CONSTRAINT sane CHECK (0 < x AND x > 0));
        CREATE INDEX items_x_idx ON items (x);
        INSERT INTO items (x, y) VALUES (1, 'a'), (2, 'b');
    """)
    index = await ground.value("SELECT 'items_x_idx'::regclass::oid")

    class Taken(Model, table="items", indexes=(Check("0 < x AND x > 0", name="sane"),)):
        id: Field[int] = field(primary_key=True)
        x: Field[int] = field(default=1, index=True, unique=True)
        y: Field[str] = field(default="")

    await ground.migrate(Taken)

    assert await ground.rows("SELECT id, x, y, __tags__ FROM items") == [
        (1, 1, "a", []),
        (2, 2, "b", []),
    ]
    assert await ground.value("SELECT 'items_x_idx'::regclass::oid") == index
    assert (await ground.migrate(Taken)).statements == ()


async def test_serial_becomes_identity(ground: Ground) -> None:
    """Counting goes on after the greatest id that is there."""
    await ground.run("CREATE TABLE things (id bigserial PRIMARY KEY)")
    await ground.run("INSERT INTO things (id) VALUES (40), (41)")

    class Thing(Model, table="things"):
        id: Field[int] = field(primary_key=True, generated="identity")

    await ground.migrate(Thing)

    assert await ground.value("INSERT INTO things DEFAULT VALUES RETURNING id") == 42


async def test_equal_predicates_are_recognised(ground: Ground) -> None:
    """An index without mark, but with the same meaning, is marked and not built again."""
    await ground.run("CREATE TABLE things (id bigint PRIMARY KEY, state text)")
    await ground.run("CREATE INDEX busy ON things (id) WHERE state IN ('a', 'b')")
    oid = await ground.value("SELECT 'busy'::regclass::oid")

    class Thing(
        Model, table="things", indexes=(Index("id", name="busy", where="state in ('a','b')"),)
    ):
        id: Field[int] = field(primary_key=True)
        state: Field[str | None] = field(default=None)

    await ground.migrate(Thing)

    assert await ground.value("SELECT 'busy'::regclass::oid") == oid


async def test_recreate_says_so(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    """Rows are gone, the report and a warning in the log tell it."""
    await ground.migrate(Item)
    await ground.run("INSERT INTO items (id, x) VALUES (1, 1)")

    with caplog.at_level(logging.WARNING, logger="storehaus"):
        report = await ground.migrate(Item, recreate=True)

    assert report.recreated == ("items",)
    assert report.created == ()
    assert "items is recreated" in caplog.text
    assert await ground.value("SELECT count(*) FROM items") == 0


async def test_recreate_spares_who_references(ground: Ground) -> None:
    """A table that somebody else references is not dropped."""
    await ground.migrate(Item)
    await ground.run("CREATE TABLE other (item bigint REFERENCES items)")

    with pytest.raises(MigrationError, match="'other' references it"):
        await ground.migrate(Item, recreate=True)


async def test_recreate_spares_what_views_need(ground: Ground) -> None:
    """A view on the table stops it."""
    await ground.migrate(Item)
    await ground.run("CREATE VIEW seen AS SELECT id FROM items")

    with pytest.raises(MigrationError, match="DROP TABLE"):
        await ground.migrate(Item, recreate=True)


async def test_recreate_on_an_empty_database(ground: Ground) -> None:
    """Without a table it is a plain creation."""
    report = await ground.migrate(Item, recreate=True)

    assert report.created == ("items",)
    assert report.recreated == ()


async def test_unique_that_is_referenced_stays(ground: Ground) -> None:
    """A unique that somebody's foreign key needs is not dropped behind their back."""
    await ground.migrate(Item)
    await ground.run("CREATE TABLE other (x bigint REFERENCES items (x))")

    class Loose(Model, table="items"):
        id: Field[int] = field(primary_key=True)
        x: Field[int] = field(default=1)

    with pytest.raises(MigrationError, match="depends on"):
        await ground.migrate(Loose)


async def test_rename_goes_by_the_definition(ground: Ground) -> None:
    """A unique that only changes its name is renamed, so that references to it live on."""
    await ground.migrate(Item)
    await ground.run("CREATE TABLE other (x bigint REFERENCES items (x))")

    class Renamed(Model, table="items", indexes=(Unique("x", name="only"),)):
        id: Field[int] = field(primary_key=True)
        x: Field[int] = field(default=1, index=True)

    report = await ground.migrate(Renamed)

    assert any("RENAME CONSTRAINT" in statement for statement in report.statements)

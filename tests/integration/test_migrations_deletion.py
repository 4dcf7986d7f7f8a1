"""The column that says which cascade deleted a row: it comes by itself, and bothers nobody."""

from typing import Any

import pytest
import sqlalchemy as sa

from fix_haus import config_of
from fix_migrations import Ground
from storehaus import Field, MigrationError, Model, StoreHaus, field
from storehaus.migrations import schema_sql, sqlalchemy_table

pytestmark = pytest.mark.anyio


class Tree(Model, table="trees", soft_delete=True):
    """With the flag of the system."""

    id: Field[int] = field(primary_key=True)


class Leaf(Model, table="leaves"):
    """With a flag of its own."""

    id: Field[int] = field(primary_key=True)
    tree_id: Field[int] = field(references=Tree.id, on_delete="cascade", index=True)
    green: Field[bool] = field(soft_delete=True)


class Stone(Model, table="stones"):
    """Deleted for good."""

    id: Field[int] = field(primary_key=True)


async def columns(ground: Ground) -> dict[str, tuple[str, bool]]:
    """Type and NOT NULL of the column, by table."""
    rows = await ground.rows(
        "SELECT attrelid::regclass::text, format_type(atttypid, atttypmod), attnotnull"
        " FROM pg_attribute WHERE attname = '__deletion__' AND NOT attisdropped"
    )
    return {table: (type_name, not_null) for table, type_name, not_null in rows}


async def test_new_tables_have_it(ground: Ground) -> None:
    """Where rows are only marked, and nowhere else."""
    await ground.migrate(Tree, Leaf, Stone)

    assert await columns(ground) == {"trees": ("uuid", False), "leaves": ("uuid", False)}


async def test_table_with_rows_gets_it(ground: Ground) -> None:
    """A table from before works on as if it always had it: rows that were deleted stay so."""
    await ground.migrate(Tree, Leaf)
    for table in ("trees", "leaves"):
        await ground.run(f"ALTER TABLE {table} DROP COLUMN __deletion__")
    await ground.run("INSERT INTO trees (id) VALUES (1), (2)")
    await ground.run("INSERT INTO leaves (id, tree_id, green) VALUES (1, 1, true), (2, 1, false)")

    report = await ground.migrate(Tree, Leaf)

    assert [each.statements for each in report.tables] == [
        ('ALTER TABLE "public"."trees" ADD COLUMN "__deletion__" UUID',),
        ('ALTER TABLE "public"."leaves" ADD COLUMN "__deletion__" UUID',),
    ]
    async with StoreHaus(config_of(ground.url)) as haus:
        trees, leaves = haus.store(Tree), haus.store(Leaf)
        await trees.delete(1)
        assert await leaves.count() == 0
        await trees.restore(1)
        assert [leaf.id for leaf in await leaves.list_all()] == [1]


async def test_second_migration_changes_nothing(ground: Ground) -> None:
    """And reports no column that it does not know."""
    await ground.migrate(Tree, Leaf)

    report = await ground.migrate(Tree, Leaf)

    assert report.statements == ()
    assert [each.unknown_columns for each in report.tables] == [(), ()]


async def test_soft_delete_that_comes_later_brings_it(ground: Ground) -> None:
    """With the flag, on rows that are there."""

    class Later(Model, table="stones", soft_delete=True):
        id: Field[int] = field(primary_key=True)

    await ground.migrate(Stone)
    await ground.run("INSERT INTO stones (id) VALUES (1)")

    await ground.migrate(Later)

    assert await columns(ground) == {"stones": ("uuid", False)}


async def test_script_and_export_have_it(ground: Ground) -> None:
    """`schema_sql` leaves nothing to do, and SQLAlchemy knows the column."""
    await ground.run(schema_sql([Tree, Leaf]))

    assert (await ground.migrate(Tree, Leaf)).statements == ()
    assert isinstance(sqlalchemy_table(Tree).c["__deletion__"].type, sa.Uuid)
    assert "__deletion__" not in sqlalchemy_table(Stone).c


async def test_version_that_does_not_know_it_goes_on(ground: Ground) -> None:
    """It names no such column, so a newer table is no obstacle to its statements."""
    await ground.migrate(Tree)
    await ground.run("INSERT INTO trees (id) VALUES (1)")
    await ground.run("UPDATE trees SET __is_active__ = false")

    assert await ground.value("SELECT __deletion__ FROM trees") is None


async def test_column_of_another_type_is_refused(ground: Ground) -> None:
    """Somebody else's values are not thrown away."""
    await ground.run("CREATE TABLE stones (id bigint PRIMARY KEY, __deletion__ text)")

    class Later(Model, table="stones", soft_delete=True):
        id: Field[int] = field(primary_key=True)

    with pytest.raises(MigrationError, match="__deletion__"):
        await ground.migrate(Later)


def test_checks_of_a_class_count_it() -> None:
    """PostgreSQL has room for 1,600 columns of a table."""

    def make(count: int) -> Any:
        names = {f"f{i}": bool for i in range(count)}
        body: dict[str, Any] = {"__module__": __name__, "__annotations__": names}
        return type(Model)("Wide", (Model,), body, table="wide", soft_delete=True)

    assert len(make(1595).__table_info__.table_columns) == 1600
    with pytest.raises(Exception, match="at most 1600"):
        make(1596)

"""What would lose data is refused, with the SQL, and nothing has happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest

from fix_migrations import Ground
from storehaus.errors import MigrationError
from storehaus.model import Check, Exclude, Field, Model, Numeric, SmallInt, Unique, field

pytestmark = pytest.mark.anyio


class Mood(Enum):
    """As it was."""

    GOOD = "good"
    BAD = "bad"


Better = Enum("Mood", {"GOOD": "good"})


def item(*parts: Any, key: tuple[str, ...] = ("id",), **options: Any) -> type[Model]:
    """Make a model of `items` with an `id` and the fields given as (name, type, options)."""
    namespace: dict[str, Any] = {"__annotations__": {}}
    for name, annotation, *declared in (("id", int), *parts):
        namespace["__annotations__"][name] = annotation
        settings = declared[0] if declared else {}
        namespace[name] = field(primary_key=name in key, **settings)
    return type(Model)("Item", (Model,), namespace, table="items", **options)


@dataclass(frozen=True)
class Refusal:
    """A change that is refused.

    Attributes:
        name: What is changed.
        before: The model as it was.
        after: The model as it is now.
        seed: SQL that writes the rows in its way.
        reason: Part of the message.
        statement: Part of the last statement that would have been run.
    """

    name: str
    before: type[Model]
    after: type[Model]
    seed: str
    reason: str
    statement: str


def refusals() -> Iterator[Refusal]:
    """All of them."""
    seed = "INSERT INTO items (id, x) VALUES (1, {})"
    x = ("x", int | None, {"default": None})
    for name, before, after, value, reason, statement in (
        ("text to integer", str, int, "'1'", "not all its values", "TYPE BIGINT USING"),
        ("integer to text", int, str, "1", "not all its values", "TYPE TEXT USING"),
        (
            "bigint to smallint",
            int,
            Annotated[int, SmallInt],
            "1",
            "not all its values",
            "SMALLINT",
        ),
        ("numeric narrowed", Decimal, Annotated[Decimal, Numeric(5, 2)], "1", "not all", "NUMERIC"),
        (
            "scale grows at the cost of digits",
            Annotated[Decimal, Numeric(5, 2)],
            Annotated[Decimal, Numeric(6, 4)],
            "1",
            "not all",
            "NUMERIC(6, 4)",
        ),
        ("text to enum", str, Mood, "'good'", "not all its values", 'TYPE "public"."mood"'),
        ("array to scalar", list[int], int, "'{1}'", "not all its values", "TYPE BIGINT"),
        ("label removed", Mood, Better, "'bad'", "would lose 'bad'", 'ALTER COLUMN "x" TYPE'),
    ):
        yield Refusal(
            name, item(("x", before)), item(("x", after)), seed.format(value), reason, statement
        )
    for name, before, after, rows, reason, statement in (
        (
            "required column added",
            item(x),
            item(x, ("y", str)),
            "(1, 1)",
            "no value for the new column 'y'",
            'ADD COLUMN "y" TEXT NOT NULL',
        ),
        (
            "nullable tightened",
            item(x),
            item(("x", int)),
            "(1, NULL)",
            "whose 'x' is NULL",
            "SET NOT NULL",
        ),
        (
            "check added",
            item(x),
            item(x, indexes=(Check("x > 1", name="above"),)),
            "(1, 1)",
            "'above'",
            "CHECK (x > 1)",
        ),
        (
            "unique added",
            item(x),
            item(x, indexes=(Unique("x", name="only"),)),
            "(1, 1), (2, 1)",
            "'only'",
            "UNIQUE",
        ),
        (
            "exclude added",
            item(x),
            item(x, indexes=(Exclude(("x", "="), name="apart"),)),
            "(1, 1), (2, 1)",
            "'apart'",
            "EXCLUDE",
        ),
        (
            "reference added",
            item(x),
            item(("x", int | None, {"default": None, "references": "items.id"})),
            "(1, 5)",
            "'items_x_fkey'",
            "FOREIGN KEY",
        ),
        (
            "key moved",
            item(("x", int)),
            item(("x", int), key=("x",)),
            "(1, 1)",
            "primary key is (id)",
            "ADD PRIMARY KEY",
        ),
        (
            "key widened",
            item(("x", int)),
            item(("x", int), key=("id", "x")),
            "(1, 1)",
            "the model's is (id, x)",
            "ADD PRIMARY KEY",
        ),
        ("key dropped", item(x), item(x, key=()), "(1, 1)", "the model's is ()", "DROP CONSTRAINT"),
    ):
        yield Refusal(
            name, before, after, f"INSERT INTO items (id, x) VALUES {rows}", reason, statement
        )
    inactive = "INSERT INTO items (id, __is_active__) VALUES (1, false)"
    back = "come back to life"
    yield Refusal(
        "soft delete turned off", item(soft_delete=True), item(), inactive, back, "DELETE FROM"
    )
    own = ("live", bool, {"soft_delete": True})
    yield Refusal("flag moved", item(soft_delete=True), item(own), inactive, back, "DELETE FROM")
    yield Refusal(
        "flag made a plain field",
        item(own),
        item(("live", bool)),
        inactive.replace("__is_active__", "live"),
        back,
        'NOT "live"',
    )
    missing = ("x", int | None, {"default": None, "references": "nobody.id"})
    yield Refusal(
        "reference to no table",
        item(x),
        item(missing),
        "INSERT INTO items (id) VALUES (1)",
        "migrate its model in the same call",
        "",
    )


REFUSALS = list(refusals())


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in REFUSALS])
async def test_loss_is_refused(ground: Ground, case: Refusal) -> None:
    """The error names the table, the reason and the SQL; catalogs and rows are as they were."""
    await ground.migrate(case.before)
    await ground.run(case.seed)
    before = await ground.snapshot(), await ground.rows("SELECT * FROM items ORDER BY id")

    with pytest.raises(MigrationError) as caught:
        await ground.migrate(case.after)

    assert caught.value.table == "items"
    assert case.reason in str(caught.value)
    assert case.statement in str((caught.value.statements or ("",))[-1])
    assert before == (await ground.snapshot(), await ground.rows("SELECT * FROM items ORDER BY id"))


async def test_refusal_shows_what_would_have_come_before(ground: Ground) -> None:
    """The statements of the error are the whole plan for the table, in order."""
    x = ("x", int | None, {"default": None})
    await ground.migrate(item(x))
    await ground.run("INSERT INTO items (id) VALUES (1)")

    with pytest.raises(MigrationError) as caught:
        await ground.migrate(item(("x", int), ("y", int | None, {"default": None})))

    statements = caught.value.statements or ()
    assert [each.split('"items" ')[1] for each in statements] == [
        'ADD COLUMN "y" BIGINT',
        'ALTER COLUMN "x" SET NOT NULL',
    ]


async def test_message_quotes_no_row(ground: Ground) -> None:
    """Values of rows that are in the way enter neither message nor cause."""
    x = ("x", str | None, {"default": None})
    await ground.migrate(item(x))
    await ground.run("INSERT INTO items (id, x) VALUES (1, 'secret'), (2, 'secret')")

    with pytest.raises(MigrationError) as caught:
        await ground.migrate(item(x, indexes=(Unique("x"),)))

    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


async def test_one_bad_table_stops_all(ground: Ground) -> None:
    """Tables that come earlier in the same call are not made either."""

    class Fine(Model, table="fine"):
        id: Field[int] = field(primary_key=True)

    await ground.migrate(item(("x", str)))

    with pytest.raises(MigrationError):
        await ground.migrate(Fine, item(("x", int)))

    assert await ground.value("SELECT to_regclass('fine')") is None


async def test_required_column_on_an_empty_table(ground: Ground) -> None:
    """Without rows a column needs no default."""
    await ground.migrate(item())

    report = await ground.migrate(item(("x", str)))

    assert 'ADD COLUMN "x" TEXT NOT NULL' in report.statements[0]


async def test_flag_goes_when_nobody_is_deleted(ground: Ground) -> None:
    """Without inactive rows soft deletion can end; its columns stay and are reported."""
    await ground.migrate(item(soft_delete=True))
    await ground.run("INSERT INTO items (id) VALUES (1)")

    report = await ground.migrate(item())

    assert set(report.tables[0].unknown_columns) == {
        "__is_active__",
        "__deletion__",
    }


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(str, id="text"),
        pytest.param(Enum("Temper", {"A": "bad", "B": "good", "C": "new"}), id="another enum"),
    ],
)
async def test_enum_column_becomes_something_wider(ground: Ground, after: Any) -> None:
    """An enum turns into text, or into another enum that has all its labels; rows keep theirs."""
    await ground.migrate(item(("x", Mood, {"default": Mood.BAD})))
    await ground.run("INSERT INTO items (id, x) VALUES (1, 'good')")

    await ground.migrate(item(("x", after)))

    assert await ground.value("SELECT x::text FROM items") == "good"


async def test_two_enums_of_one_name(ground: Ground) -> None:
    """Two models that mean different enums by one type name are told so."""

    class Other(Model, table="others"):
        id: Field[int] = field(primary_key=True)
        mood: Field[Better]

    with pytest.raises(MigrationError, match="different enums"):
        await ground.migrate(item(("x", Mood)), Other)


async def test_two_models_of_one_table(ground: Ground) -> None:
    """Two models of one table in one call are told so."""
    with pytest.raises(MigrationError, match="two models"):
        await ground.migrate(item(), item(("x", int)))


async def test_view_is_no_table(ground: Ground) -> None:
    """A view of the model's name is not touched."""
    await ground.run("CREATE VIEW items AS SELECT 1 AS id")

    with pytest.raises(MigrationError, match="no table"):
        await ground.migrate(item())

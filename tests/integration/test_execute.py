"""`haus.execute(statement)`: SQLAlchemy Core on our connections."""

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fix_haus import (
    Airport,
    Author,
    Book,
    Gadget,
    Keyword,
    Label,
    Level,
    Mood,
    Point,
    Recorder,
    Wallet,
    airport,
    config_of,
)
from storehaus import (
    DatabaseError,
    ForeignKeyViolation,
    QueryError,
    ResultRows,
    StoreHaus,
    sql,
    sqlalchemy_table,
)

pytestmark = pytest.mark.anyio

airports = sqlalchemy_table(Airport)
gadgets = sqlalchemy_table(Gadget)
labels = sqlalchemy_table(Label)
wallets = sqlalchemy_table(Wallet)
keywords = sqlalchemy_table(Keyword)
books = sqlalchemy_table(Book)


class Base(DeclarativeBase):
    """The base of ORM classes."""


class Entry(Base):
    """An ORM class on a table of ours."""

    __tablename__ = "labels"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Shouting(sa.types.TypeDecorator[str]):
    """A user's own type, over text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """Shout; a number cannot be shouted."""
        return value if value is None else value.upper()

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Calm down; what is no shouting cannot be calmed."""
        if value is not None and not value.isupper():
            raise ValueError(value)
        return value and value.lower()


class Boxed(sa.types.TypeDecorator[Any]):
    """A user's own type, over JSONB."""

    impl = postgresql.JSONB
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        """Put it in a box."""
        return {"box": value}

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        """Take it out."""
        return value["box"]


async def test_rows_have_names_and_a_number(haus: StoreHaus) -> None:
    """A select gives named rows in a list that knows its count."""
    await haus.store(Airport).create_many([airport(1), airport(2), airport(3, country="FR")])

    rows = await haus.execute(
        sa.select(airports.c.country, sa.func.count().label("n"))
        .where(airports.c.elevation > 0)
        .group_by(airports.c.country)
        .order_by("n")
    )

    assert isinstance(rows, ResultRows)
    assert (rows, rows.row_count) == ([("FR", 1), ("DE", 2)], 2)
    assert [(row.country, row.n) for row in rows] == rows


async def test_model_round_trips_through_core(haus: StoreHaus) -> None:
    """What SQLAlchemy inserts a store reads, and what a store writes SQLAlchemy reads."""
    values: dict[str, Any] = {
        "id": 1,
        "code": "c",
        "mood": Mood.GREAT,
        "level": Level.HIGH,
        "moods": [Mood.SAD, Mood.FINE],
        "sizes": [1, 2],
        "labels": ["a", None, '"'],
        "spot": {"x": 1, "label": "é"},
        "spots": [{"x": 2, "label": ""}],
        "extra": {"deep": [1, 2.5, 1e22, None, {"k": "v"}]},
    }

    done = await haus.execute(sa.insert(gadgets).values(**values))
    stored = await haus.store(Gadget).get(1)
    (row,) = await haus.execute(sa.select(*[gadgets.c[name] for name in values]))

    assert (done, done.row_count) == ([], 1)
    assert (stored.mood, stored.level, stored.moods) == (Mood.GREAT, Level.HIGH, values["moods"])
    assert (stored.spot, stored.spots) == (Point(1, "é"), [Point(2)])
    assert (stored.labels, stored.sizes, stored.extra) == (
        values["labels"],
        values["sizes"],
        values["extra"],
    )
    assert row.as_dict() == values


async def test_every_column_of_a_model_reads_back(haus: StoreHaus) -> None:
    """UUID, floats, arrays, timestamps: a whole row compares with the store's."""
    stored = await haus.store(Airport).create(airport(1, runways=["07L"], extra={"a": [1]}))

    (row,) = await haus.execute(sa.select(airports))

    columns = Airport.__table_info__.columns
    # The table has one column that no instance has.
    assert row.as_dict() == {
        **{column.column: getattr(stored, column.name) for column in columns},
        "__deletion__": None,
    }


VALUES: dict[str, tuple[Any, Any]] = {
    "numeric": (sa.Numeric(12, 2), Decimal("1.50")),
    "numeric as float": (sa.Numeric(12, 2, asdecimal=False), 1.5),
    "float": (sa.Float(), 0.1),
    "float as decimal": (sa.Float(asdecimal=True), Decimal("0.5")),
    "uuid": (sa.Uuid(), UUID(int=7)),
    "uuid as text": (sa.Uuid(as_uuid=False), str(UUID(int=7))),
    "jsonb": (postgresql.JSONB(), {"a": [1, None, "é"]}),
    "jsonb list": (postgresql.JSONB(), [1, {"a": 2}]),
    "jsonb text": (postgresql.JSONB(), "just text"),
    "json": (sa.JSON(), {"a": 1}),
    "jsonb[]": (postgresql.ARRAY(postgresql.JSONB), [{"a": 1}, [2]]),
    "numeric[]": (postgresql.ARRAY(sa.Numeric), [Decimal("1.5"), None]),
    "int[][]": (postgresql.ARRAY(sa.Integer, dimensions=2), [[1, 2], [3, 4]]),
    "uuid[]": (postgresql.ARRAY(sa.Uuid), [UUID(int=1)]),
    "timestamptz": (sa.DateTime(timezone=True), datetime(2026, 1, 2, tzinfo=UTC)),
    "timestamp": (sa.DateTime(), datetime(2026, 1, 2)),  # noqa: DTZ001 - SQLAlchemy has naive ones
    "date": (sa.Date(), date(2026, 1, 2)),
    "interval": (sa.Interval(), timedelta(days=1, seconds=2)),
    "bytes": (sa.LargeBinary(), b"\0\xff"),
    "boolean": (sa.Boolean(), True),
    "range": (postgresql.INT4RANGE(), postgresql.Range(1, 5)),
    "enum": (gadgets.c.mood.type, Mood.GREAT),
    "enum by name": (gadgets.c.level.type, Level.HIGH),
    "enum[]": (gadgets.c.moods.type, [Mood.SAD, Mood.GREAT]),
    "text": (sa.Text(), "ä'\"\\ %s :x $1"),
    "own type": (Shouting(), "quiet"),
    "own type over jsonb": (Boxed(), [1, 2]),
    "NULL": (sa.Integer(), None),
}


@pytest.mark.parametrize(("kind", "value"), VALUES.values(), ids=VALUES.keys())
async def test_types_convert_both_ways(haus: StoreHaus, kind: Any, value: Any) -> None:
    """SQLAlchemy's types see every value on its way in and out."""
    (row,) = await haus.execute(sa.select(sa.literal(value, kind).label("x")))

    assert row.x == value
    assert isinstance(row.x, type(value))


async def test_column_that_stands_twice_converts_twice(haus: StoreHaus) -> None:
    """Types go by position, whatever the labels are."""
    (row,) = await haus.execute(
        sa.select(
            sa.literal(1.5, sa.Numeric(asdecimal=False)).label("x"),
            sa.literal("a", Shouting()).label("x"),
        )
    )

    assert tuple(row) == (1.5, "a")


async def test_text_among_columns_leaves_the_others_their_types(haus: StoreHaus) -> None:
    """SQLAlchemy does not know how many columns a text is; names tell the rest."""
    await haus.execute(sa.insert(gadgets).values(id=1, code="c", mood=Mood.SAD, spot={"x": 1}))

    (row,) = await haus.execute(sa.select(sa.text("1 AS a, 2 AS b"), gadgets.c.mood))

    assert tuple(row) == (1, 2, Mood.SAD)


async def test_in_takes_lists(haus: StoreHaus) -> None:
    """Expanding parameters, of enums and of none; tuples too."""
    rows = [
        {"id": i, "code": f"{i}", "mood": mood, "spot": {"x": 1}} for i, mood in enumerate(Mood)
    ]
    await haus.execute(sa.insert(gadgets).values(rows))
    chosen = sa.select(gadgets.c.id).order_by(gadgets.c.id)
    pair = sa.tuple_(gadgets.c.id, gadgets.c.mood)

    assert await haus.execute(chosen.where(gadgets.c.mood.in_([Mood.SAD, Mood.GREAT]))) == [
        (0,),
        (2,),
    ]
    assert await haus.execute(chosen.where(gadgets.c.mood.in_([]))) == []
    assert await haus.execute(chosen.where(gadgets.c.mood.not_in([]))) == [(0,), (1,), (2,)]
    assert await haus.execute(chosen.where(pair.in_([(0, Mood.SAD), (1, Mood.SAD)]))) == [(0,)]


async def test_bindparams_take_values(haus: StoreHaus) -> None:
    """One mapping; the same name in two places, odd names, and lists for expanding ones."""
    await haus.execute(sa.insert(labels).values([{"key": key, "value": "v"} for key in "abc"]))
    statement = (
        sa.select(labels.c.key)
        .where(labels.c.key > sa.bindparam("a b"), labels.c.value != sa.bindparam("a b"))
        .where(labels.c.key.in_(sa.bindparam("keys (all)", expanding=True)))
    )

    rows = await haus.execute(statement, {"a b": "a", "keys (all)": ["a", "c"]})

    assert rows == [("c",)]


async def test_parameters_name_the_columns_of_a_write(haus: StoreHaus) -> None:
    """As with SQLAlchemy's own connections."""
    done = await haus.execute(sa.insert(labels), {"key": "a", "value": "v"})
    changed = await haus.execute(
        sa.update(labels).where(labels.c.key == sa.bindparam("k")), {"k": "a", "value": "w"}
    )

    assert (done.row_count, changed.row_count) == (1, 1)
    assert await haus.execute(sa.select(labels.c.key, labels.c.value)) == [("a", "w")]


async def test_writes_count_and_return(haus: StoreHaus) -> None:
    """INSERT, UPDATE and DELETE with RETURNING and without, and ON CONFLICT."""
    rows = [{"key": key, "value": "v"} for key in "abc"]
    inserted = await haus.execute(sa.insert(labels).values(rows).returning(labels.c.key))
    updated = await haus.execute(sa.update(labels).values(hits=labels.c.hits + 1))
    upsert = postgresql.insert(labels).values(rows).on_conflict_do_nothing()
    ignored = await haus.execute(upsert)
    deleted = await haus.execute(
        sa.delete(labels).where(labels.c.key == "a").returning(labels.c.key, labels.c.hits)
    )

    assert (inserted, inserted.row_count) == ([("a",), ("b",), ("c",)], 3)
    assert (updated, updated.row_count) == ([], 3)
    assert (ignored, ignored.row_count) == ([], 0)
    assert (deleted, deleted.row_count) == ([("a", 1)], 1)


async def test_insert_returns_nothing_unasked(haus: StoreHaus) -> None:
    """SQLAlchemy would fetch the key of a single new row; here nobody asked."""
    assert await haus.execute(sa.insert(labels).values(key="a", value="v")) == []


async def test_ctes_subqueries_and_unions(haus: StoreHaus) -> None:
    """Whatever Core can write; a CTE that writes included."""
    await haus.execute(sa.insert(labels).values([{"key": key, "value": "v"} for key in "abc"]))
    gone = sa.delete(labels).where(labels.c.key == "a").returning(labels.c.key).cte("gone")
    moved = await haus.execute(sa.select(gone.c.key))
    both = sa.union_all(
        sa.select(labels.c.key).where(labels.c.key == "b"), sa.select(sa.literal("z"))
    ).order_by("key")

    assert (moved, await haus.execute(both)) == ([("a",)], [("b",), ("z",)])


async def test_functions_and_texts(haus: StoreHaus) -> None:
    """A function alone, a text with parameters, a text that says its types."""
    (row,) = await haus.execute(sa.func.upper("a"))
    (typed,) = await haus.execute(
        sa.text("SELECT CAST(:x AS numeric) AS x, 'A' AS y")
        .bindparams(x=Decimal("1.5"))
        .columns(x=sa.Numeric(asdecimal=False), y=Shouting())
    )

    assert tuple(row) == ("A",)
    assert tuple(typed) == (1.5, "a")
    assert await haus.execute(sa.text("SELECT :x || '%'"), {"x": "a:b"}) == [("a:b%",)]


async def test_words_and_other_names_of_columns(haus: StoreHaus) -> None:
    """Tables and columns called by words of SQL, and in mixed case."""
    await haus.execute(
        sa.insert(keywords).values({"select": 1, "where": "w", "from": "g", "camelCase": 2})
    )
    (row,) = await haus.execute(
        sa.select(keywords.c.where, keywords.c["from"], keywords.c.camelCase)
    )

    assert row.as_dict() == {"where": "w", "from": "g", "camelCase": 2}


async def test_empty_result_has_names(haus: StoreHaus) -> None:
    """No rows is no error, and the count is 0."""
    rows = await haus.execute(sa.select(gadgets))

    assert (rows, rows.row_count) == ([], 0)


async def test_errors_are_ours(haus: StoreHaus) -> None:
    """By SQLSTATE, as from every verb."""
    with pytest.raises(ForeignKeyViolation) as caught:
        await haus.execute(sa.insert(books).values(id=1, author_id=9, title="t"))
    assert caught.value.table == "books"
    with pytest.raises(DatabaseError) as caught_label:
        await haus.execute(sa.select(sa.literal("secret", gadgets.c.mood.type)))
    assert caught_label.value.sqlstate == "22P02"
    assert "secret" not in str(caught_label.value)
    with pytest.raises(DatabaseError) as caught_table:
        await haus.execute(sa.select(sa.table("nowhere", sa.column("x"))))
    assert caught_table.value.sqlstate == "42P01"


computed = sa.Table(
    "labels",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True, default=lambda: "secret"),
    sa.Column("value", sa.Text, onupdate=lambda: "secret"),
)

UNSUPPORTED: dict[str, tuple[Any, Any]] = {
    "text that is no statement": ("SELECT 1", None),
    "our own": (sql("SELECT 1"), None),
    "None": (None, None),
    "a table": (labels, None),
    "a column": (labels.c.key, None),
    "DDL": (sa.schema.CreateTable(labels), None),
    "DDL text": (sa.DDL("DROP TABLE labels"), None),
    "ORM class": (Entry, None),
    "select of an ORM class": (sa.select(Entry), None),
    "select of an ORM attribute": (sa.select(Entry.key), None),
    "insert into an ORM class": (sa.insert(Entry).values(key="a", value="b"), None),
    "several sets": (sa.insert(labels), [{"key": "a", "value": "v"}, {"key": "b", "value": "v"}]),
    "unknown parameter": (sa.select(labels), {"other": 1}),
    "unknown column": (sa.insert(labels), {"key": "a", "value": "v", "other": 1}),
    "sequence": (sa.Sequence("s"), None),
    "missing parameter": (sa.select(sa.bindparam("x")), None),
    "default of Python": (sa.insert(computed).values(value="v"), None),
    "onupdate of Python": (sa.update(computed).values(key="v"), None),
    "nothing to select": (sa.select(labels).where(labels.c.key == sa.literal_column("")), {"x": 1}),
    "literal that cannot be written": (
        sa.select(sa.bindparam("x", object(), literal_execute=True)),
        None,
    ),
}


@pytest.mark.parametrize(("statement", "parameters"), UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
async def test_unsupported_is_refused(haus: StoreHaus, statement: Any, parameters: Any) -> None:
    """Before anything is sent, with a word on what to do instead."""
    before = haus._database.driver.stats().statements
    with pytest.raises(QueryError) as caught:
        await haus.execute(statement, parameters)

    assert haus._database.driver.stats().statements == before
    assert "secret" not in str(caught.value)


CANNOT_TRAVEL: dict[str, Any] = {
    "NUL": sa.select(sa.literal("secret\0")),
    "surrogate": sa.select(sa.literal("secret\ud800")),
    "NUL in an array": sa.select(sa.literal(["secret\0"], postgresql.ARRAY(sa.Text))),
    "NUL in JSON": sa.select(sa.literal({"a": "secret\0"}, postgresql.JSONB)),
    "object in JSON": sa.select(sa.literal({"secret": object()}, postgresql.JSONB)),
    "NaN in JSON": sa.select(sa.literal({"secret": float("nan")}, postgresql.JSONB)),
    "member of another enum": sa.select(sa.literal(Level.LOW, gadgets.c.mood.type)),
    "own type": sa.select(sa.literal(3, Shouting())),
    "big int": sa.select(sa.literal(2**63, sa.BigInteger)),
    "wrong type": sa.select(sa.literal("secret", sa.Integer)),
    "dict without a type": sa.text("SELECT CAST(:x AS jsonb)").bindparams(x={"secret": 1}),
}


@pytest.mark.parametrize("statement", CANNOT_TRAVEL.values(), ids=CANNOT_TRAVEL.keys())
async def test_value_that_cannot_travel_is_refused(haus: StoreHaus, statement: Any) -> None:
    """The error never shows the value, nor does what hangs on it."""
    with pytest.raises(QueryError) as caught:
        await haus.execute(statement)

    assert "secret" not in f"{caught.value} {caught.value.context}"
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_stored_value_that_does_not_fit_is_a_typed_error(haus: StoreHaus) -> None:
    """The column is named, the value is not shown."""
    with pytest.raises(DatabaseError, match="column 'x'") as caught:
        await haus.execute(sa.text("SELECT 'secret' AS x").columns(x=Shouting()))

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_session_state_does_not_leak(tables_url: str) -> None:
    """The connection is reset afterwards, as after fetch."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        look = sa.text("SHOW search_path")
        before = await haus.execute(look)
        await haus.execute(sa.text("SET search_path = warehouse"))

        assert await haus.execute(look) == before


async def test_hooks_and_plug_ins_do_not_see_it(tables_url: str, haus: StoreHaus) -> None:
    """What goes through the hatch passes by the pipeline."""
    recorder = Recorder()
    async with StoreHaus(config_of(tables_url), plugins=[recorder]) as watched:
        await watched.execute(sa.insert(sqlalchemy_table(Author)).values(id=1, name="n"))

    assert recorder.events == []
    assert await haus.store(Author).count() == 1


def test_result_rows_survive_copies() -> None:
    """A list with a count can be copied and pickled."""
    rows = ResultRows([], 3)

    for each in (copy.copy(rows), copy.deepcopy(rows), pickle.loads(pickle.dumps(rows))):
        assert (type(each), each, each.row_count) == (ResultRows, [], 3)

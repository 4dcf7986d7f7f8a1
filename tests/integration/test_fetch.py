"""`haus.fetch(sql(…))` on a real server."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
import pytest

from fix_haus import Airport, Gadget, Label, Level, Mood, Point, Recorder, airport, config_of
from storehaus import (
    DatabaseError,
    QueryError,
    Row,
    StoreHaus,
    StorehausError,
    UniqueViolation,
    identifier,
    sql,
)
from storehaus.driver import ResultColumn, ResultSet
from storehaus.testing import FakeDriver

pytestmark = pytest.mark.anyio


class CountryStats(msgspec.Struct, frozen=True):
    """What a GROUP BY gives."""

    country: str
    n: int
    highest: float = 0.0


@dataclass
class Holder:
    """A dataclass with an enum by name, a list of enums, a struct, and NULLs."""

    mood: Mood
    level: Level | None
    moods: list[Mood]
    spot: Point
    extra: dict[str, object] | None


class Pair(NamedTuple):
    """A named tuple."""

    key: str
    value: str = "none"


def gadget(number: int, **values: Any) -> Gadget:
    """A gadget that differs from those of other numbers."""
    usual: dict[str, Any] = {"id": number, "code": f"g{number}", "mood": Mood.FINE}
    return Gadget(**usual | values)


async def test_rows_have_names(haus: StoreHaus) -> None:
    """The labels that the statement gives, and the positions."""
    await haus.store(Airport).create_many([airport(1), airport(2), airport(3, country="FR")])

    rows = await haus.fetch(
        sql(
            "SELECT {c}, count(*) AS n FROM {airports} WHERE {e} > {least} GROUP BY 1 ORDER BY 1",
            airports=Airport,
            c=Airport.country,
            e=Airport.elevation,
            least=0.5,
        )
    )

    assert rows == [("DE", 2), ("FR", 1)]
    assert [(row.country, row.n) for row in rows] == rows
    assert isinstance(rows[0], Row)


async def test_system_columns_have_names(haus: StoreHaus) -> None:
    """`row.__created_at__` is what the store gave."""
    stored = await haus.store(Label).create(Label(key="a", value="b"), tags=["x"])

    (row,) = await haus.fetch(sql("SELECT __created_at__, __tags__ FROM {t}", t=Label))

    assert row.__created_at__ == stored.__created_at__
    assert row.__tags__ == ["x"]


VALUES: dict[str, tuple[str, Any]] = {
    "bigint": ("bigint", 2**63 - 1),
    "text": ("text", "ä'\"\\ \u2028 {x} $1"),
    "boolean": ("boolean", True),
    "float": ("float8", 0.1),
    "numeric": ("numeric", Decimal("1.50")),
    "bytea": ("bytea", b"\0\xff"),
    "uuid": ("uuid", UUID(int=7)),
    "date": ("date", date(2026, 2, 28)),
    "timestamptz": ("timestamptz", datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
    "interval": ("interval", timedelta(days=3, microseconds=4)),
    "inet": ("inet", IPv4Address("10.0.0.1")),
    "int[]": ("int[]", [1, None, 3]),
    "text[]": ("text[]", ["a", 'b"', "{,}", None]),
    "empty array": ("int[]", []),
    "jsonb": ("jsonb", {"a": [1, 2.5, None, "é"], "b": {}}),
    "json": ("json", {"a": 1}),
    "jsonb[]": ("jsonb[]", [{"a": 1}, None, {"b": [2]}]),
    "enum": ("warehouse.mood", "it's great"),
    "NULL": ("jsonb", None),
}


@pytest.mark.parametrize(("type_name", "value"), VALUES.values(), ids=VALUES.keys())
async def test_value_goes_there_and_back(haus: StoreHaus, type_name: str, value: Any) -> None:
    """A parameter of every kind comes back as it went; JSON as Python values."""
    texts: Any = f"SELECT {{x}}::{type_name} AS x"

    (row,) = await haus.fetch(sql(texts, x=value))

    assert row.x == value
    assert isinstance(row.x, type(value))


async def test_documents_and_enums_go_in(haus: StoreHaus) -> None:
    """Structs, dicts, members and lists of members, compared with what a store wrote."""
    await haus.store(Gadget).create(
        gadget(1, moods=[Mood.SAD], spot=Point(1, "x"), level=Level.LOW)
    )

    rows = await haus.fetch(
        sql(
            "SELECT id FROM {g} WHERE {m} = {mood} AND {l} = {level} AND {ms} = {moods}"
            " AND {s} = {spot} AND {s} @> {part}",
            g=Gadget,
            m=Gadget.mood,
            l=Gadget.level,
            ms=Gadget.moods,
            s=Gadget.spot,
            mood=Mood.FINE,
            level=Level.LOW,
            moods=[Mood.SAD],
            spot=Point(1, "x"),
            part={"label": "x"},
        )
    )

    assert rows == [(1,)]


async def test_what_python_types_do_not_say_can_be_cast(haus: StoreHaus) -> None:
    """A JSON array as bytes of JSON, and a timestamp without time zone as text."""
    (row,) = await haus.fetch(
        sql(
            "SELECT {items}::jsonb AS items, ({at}::text)::timestamp AS at",
            items=msgspec.json.encode([1, {"a": 2}]),
            at="2026-01-02 03:04",
        )
    )

    assert row.items == [1, {"a": 2}]
    assert row.at == datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001 - the type has no time zone


async def test_any_of_a_list(haus: StoreHaus) -> None:
    """`= ANY({ids})` is IN, with one parameter and also for no ids."""
    await haus.store(Label).create_many([Label(key=key, value="v") for key in "abc"])
    for keys in (["a", "c"], []):
        rows = await haus.fetch(
            sql("SELECT key FROM {t} WHERE key = ANY({keys}) ORDER BY key", t=Label, keys=keys)
        )
        assert [row.key for row in rows] == keys


async def test_templates_build_on_each_other(haus: StoreHaus) -> None:
    """A condition is written once and put into two statements."""
    await haus.store(Label).create_many([Label(key=key, value="v") for key in "abc"])
    where = sql("WHERE key > {least}", least="a")

    rows = await haus.fetch(sql("SELECT key FROM {t} {where} ORDER BY 1", t=Label, where=where))
    (number,) = await haus.fetch(
        sql("SELECT count(*) AS n, {x}::text AS x FROM {t} {where}", t=Label, where=where, x="y")
    )

    assert ([row.key for row in rows], number) == (["b", "c"], (2, "y"))


async def test_identifier_names_a_table(haus: StoreHaus) -> None:
    """With its schema."""
    table = identifier("warehouse", "gadgets")

    assert await haus.fetch(sql("SELECT count(*) FROM {table}", table=table)) == [(0,)]


async def test_same_label_twice_is_reached_by_position(haus: StoreHaus) -> None:
    """And so is a column without a name of its own."""
    (row,) = await haus.fetch(sql("SELECT 1 AS a, 2 AS a, 'x'"))

    assert tuple(row) == (1, 2, "x")
    assert not hasattr(row, "a")


async def test_writes_return_rows(haus: StoreHaus) -> None:
    """RETURNING gives rows; without it there are none."""
    inserted = await haus.fetch(
        sql("INSERT INTO {t} (key, value) VALUES ({k}, 'v') RETURNING key", t=Label, k="a")
    )
    deleted = await haus.fetch(sql("DELETE FROM {t}", t=Label))

    assert (inserted, deleted) == ([("a",)], [])
    assert await haus.store(Label).count() == 0


async def test_hooks_and_plug_ins_do_not_see_it(tables_url: str, haus: StoreHaus) -> None:
    """What goes through the hatch passes by the pipeline, as its docstring says."""
    recorder = Recorder()
    async with StoreHaus(config_of(tables_url), plugins=[recorder]) as watched:
        await watched.fetch(sql("INSERT INTO {t} (key, value) VALUES ('a', 'v')", t=Label))

    assert recorder.events == []
    assert "plug-ins" in str(StoreHaus.fetch.__doc__)
    assert "plug-ins" in str(StoreHaus.execute.__doc__)


async def test_rows_become_structs(haus: StoreHaus) -> None:
    """By the names of columns; a field with a default needs no column."""
    await haus.store(Airport).create_many([airport(1), airport(2)])
    statement = sql("SELECT count(*) AS n, country FROM {t} GROUP BY 2", t=Airport)

    assert await haus.fetch(statement, into=CountryStats) == [CountryStats("DE", 2)]


async def test_rows_become_dataclasses_with_enums_and_documents(haus: StoreHaus) -> None:
    """Labels become members, JSON becomes structs, NULL stays None."""
    await haus.store(Gadget).create(gadget(1, moods=[Mood.SAD], spot=Point(1), extra={"a": [1]}))
    await haus.store(Gadget).create(gadget(2, level=Level.HIGH))

    rows = await haus.fetch(
        sql("SELECT mood, level, moods, spot, extra FROM {t} ORDER BY id", t=Gadget), into=Holder
    )

    assert rows == [
        Holder(Mood.FINE, None, [Mood.SAD], Point(1), {"a": [1]}),
        Holder(Mood.FINE, Level.HIGH, [], Point(0), None),
    ]


async def test_rows_become_named_tuples(haus: StoreHaus) -> None:
    """Whatever the order of the columns."""
    assert await haus.fetch(sql("SELECT 'b' AS value, 'a' AS key"), into=Pair) == [Pair("a", "b")]
    assert await haus.fetch(sql("SELECT 'a' AS key"), into=Pair) == [Pair("a", "none")]


@pytest.mark.parametrize("where", ["", " WHERE false"])
@pytest.mark.parametrize(
    ("select", "complaint"),
    [
        ("SELECT 'DE' AS country", "'n'"),
        ("SELECT 'DE' AS country, 1 AS n, 2 AS other", "'other'"),
        ("SELECT 'DE' AS country, 1 AS n, 2 AS n", "two columns are called 'n'"),
    ],
)
async def test_columns_and_fields_must_match(
    haus: StoreHaus, select: str, complaint: str, where: str
) -> None:
    """A column too many or too few is named, also when there are no rows."""
    text: Any = select + where
    with pytest.raises(QueryError, match=complaint):
        await haus.fetch(sql(text), into=CountryStats)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT 'DE' AS country, 'secret' AS n",
        "SELECT 'DE' AS country, NULL::int AS n",
        "SELECT NULL AS country, 1 AS n",
        "SELECT 'DE' AS country, 1.5 AS n",
    ],
)
async def test_values_must_fit_their_fields(haus: StoreHaus, select: str) -> None:
    """The column is named, the value is not shown."""
    text: Any = select
    with pytest.raises(QueryError, match=r"column '(country|n)'") as caught:
        await haus.fetch(sql(text), into=CountryStats)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


class Feeling(msgspec.Struct):
    """An enum that must not be NULL, or a list of them."""

    mood: Mood
    moods: list[Mood] | None = None


@pytest.mark.parametrize("mood", ["'secret'", "NULL"])
async def test_labels_must_belong_to_the_enum(haus: StoreHaus, mood: str) -> None:
    """A label that Python's enum has not, and a NULL where none may be."""
    text: Any = f"SELECT {mood} AS mood"
    with pytest.raises(QueryError, match="column 'mood'") as caught:
        await haus.fetch(sql(text), into=Feeling)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_nullable_list_of_enums_may_be_null(haus: StoreHaus) -> None:
    """None is a value of its own."""
    rows = await haus.fetch(sql("SELECT 'sad' AS mood, NULL::text[] AS moods"), into=Feeling)

    assert rows == [Feeling(Mood.SAD)]


async def test_bounds_of_fields_count(haus: StoreHaus) -> None:
    """Constraints of msgspec hold for rows too."""

    class Small(msgspec.Struct):
        n: Annotated[int, msgspec.Meta(le=3)]

    assert await haus.fetch(sql("SELECT 3 AS n"), into=Small) == [Small(3)]
    with pytest.raises(QueryError, match="column 'n'"):
        await haus.fetch(sql("SELECT 4 AS n"), into=Small)


@pytest.mark.parametrize("into", [int, dict, tuple, object, Label, CountryStats("DE", 1), "x"])
async def test_into_is_a_class_of_fields(haus: StoreHaus, into: Any) -> None:
    """Anything else is refused before the statement runs; so are models, whose rows stores give."""
    statement = sql("INSERT INTO {t} (key, value) VALUES ('a', 'v')", t=Label)
    with pytest.raises(QueryError, match="into="):
        await haus.fetch(statement, into=into)

    assert await haus.store(Label).count() == 0


@pytest.mark.parametrize("statement", ["SELECT 1", None, sql("SELECT 1").to_sql()])
async def test_only_templates_are_fetched(haus: StoreHaus, statement: Any) -> None:
    """A str could hold values; so could a Statement made by hand."""
    with pytest.raises(QueryError, match="sql"):
        await haus.fetch(statement)


async def test_errors_are_ours(haus: StoreHaus) -> None:
    """By SQLSTATE, with constraint and table, as from every verb."""
    await haus.store(Label).create(Label(key="a", value="v"))

    with pytest.raises(UniqueViolation) as caught:
        await haus.fetch(sql("INSERT INTO {t} (key, value) VALUES ({k}, 'v')", t=Label, k="a"))
    assert (caught.value.table, caught.value.constraint) == ("labels", "labels_pkey")
    with pytest.raises(DatabaseError) as caught_syntax:
        await haus.fetch(sql("SELEC 1"))
    assert caught_syntax.value.sqlstate == "42601"


async def test_several_statements_are_refused_by_the_server(haus: StoreHaus) -> None:
    """The extended protocol takes one; the first is not run either."""
    with pytest.raises(DatabaseError) as caught:
        await haus.fetch(sql("DELETE FROM {t}; SELECT {x}::int", t=Label, x=1))

    assert caught.value.sqlstate == "42601"


async def test_value_of_a_wrong_type_is_refused(haus: StoreHaus) -> None:
    """The server infers a type, and the driver finds that the value is none."""
    with pytest.raises(QueryError) as caught:
        await haus.fetch(sql("SELECT {x}::int", x="secret"))

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("document", ["[1e999]", r'["\ud800"]'])
async def test_json_beyond_python_is_a_typed_error(haus: StoreHaus, document: str) -> None:
    """PostgreSQL's json has numbers that floats have not, and texts that are none."""
    with pytest.raises(DatabaseError, match="column 'x' holds JSON"):
        await haus.fetch(sql("SELECT {d}::text::json AS x", d=document))


SETTINGS = {
    "search_path": ("SET search_path = warehouse", "SHOW search_path"),
    "time zone": ("SELECT set_config('TimeZone', 'Asia/Tokyo', false)", "SHOW timezone"),
    "role": ("SET ROLE pg_monitor", "SELECT current_user::text"),
    "advisory lock": (
        "SELECT pg_advisory_lock(4711)",
        "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711",
    ),
    "temporary table": (
        "CREATE TEMP TABLE leak (a int)",
        "SELECT count(*)::text FROM pg_class WHERE relname = 'leak'",
    ),
}


@pytest.mark.parametrize(("change", "look"), SETTINGS.values(), ids=SETTINGS.keys())
async def test_session_state_does_not_leak(tables_url: str, change: str, look: str) -> None:
    """What a statement sets on the connection is reset before anybody else gets it."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        changing: Any = change
        looking: Any = look
        (before,) = await haus.fetch(sql(looking))
        (pid,) = await haus.fetch(sql("SELECT pg_backend_pid()"))
        await haus.fetch(sql(changing))

        assert await haus.fetch(sql(looking)) == [before]
        assert await haus.fetch(sql("SELECT pg_backend_pid()")) == [pid]


async def test_transaction_left_open_is_rolled_back(haus: StoreHaus) -> None:
    """BEGIN as a statement leads nowhere: the connection goes back, and with it the transaction."""
    await haus.fetch(sql("BEGIN"))
    (row,) = await haus.fetch(sql("SELECT pg_current_xact_id_if_assigned() IS NULL AS idle"))

    assert row.idle


async def test_cancelled_statement_frees_its_connection(tables_url: str) -> None:
    """The server is told to stop, and the next caller gets the connection."""
    async with StoreHaus(config_of(tables_url, max_connections=1)) as haus:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await haus.fetch(sql("SELECT pg_sleep(60)"))

        assert await haus.fetch(sql("SELECT 1")) == [(1,)]


async def test_many_at_once_get_their_own_answers(tables_url: str) -> None:
    """More callers than connections; settings of one are not seen by another."""
    ask = "SELECT {n}::int AS n, set_config('app.n', 'x', false), current_setting('app.m', true)"
    leave = "SELECT {n}::int AS n, set_config('app.m', 'left', false), NULL"

    async with StoreHaus(config_of(tables_url, max_connections=2)) as haus:
        texts: list[Any] = [ask, leave] * 20
        rows = await asyncio.gather(*(haus.fetch(sql(t, n=n)) for n, t in enumerate(texts)))

    assert [row.n for (row,) in rows] == list(range(40))
    assert {row[2] for (row,) in rows} <= {None, ""}


async def test_time_limit_of_statements_holds(tables_url: str) -> None:
    """`statement_timeout_seconds` counts for hand-written ones too."""
    async with StoreHaus(config_of(tables_url, statement_timeout_seconds=0.05)) as haus:
        with pytest.raises(DatabaseError) as caught:
            await haus.fetch(sql("SELECT pg_sleep(60)"))

        assert caught.value.sqlstate == "57014"


async def test_closed_haus_refuses(tables_url: str) -> None:
    """A typed error that says what to do."""
    with pytest.raises(StorehausError, match="not open"):
        await StoreHaus(config_of(tables_url)).fetch(sql("SELECT 1"))


async def test_fetch_needs_no_server_in_tests() -> None:
    """A FakeDriver answers; the connection was marked dirty."""
    driver = FakeDriver([ResultSet((ResultColumn("n", "jsonb"),), [(b'{"a":1}',), (None,)], 2)])
    haus = StoreHaus(config_of("postgresql://localhost/db"), driver_factory=lambda _: driver)
    async with haus:
        rows = await haus.fetch(sql("SELECT {x} AS n", x=1))

    assert [row.n for row in rows] == [{"a": 1}, None]
    assert driver.calls[0].params == (1,)
    assert driver.dirty == {1}

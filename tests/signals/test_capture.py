"""Triggers keep what is written as it was written, whoever writes, and cost writers little."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from fault.waiting import until
from fix_events import (
    BEYOND,
    CAPTURED,
    SETTINGS,
    Changed,
    Crate,
    Dinghy,
    Everything,
    FormerShip,
    Inbox,
    Keys,
    Line,
    LongNamed,
    Mood,
    Ship,
    Slot,
    Whole,
    Witness,
    Words,
    log_haus,
    migrated,
)
from fix_haus import counted_haus
from storehaus import (
    DatabaseEvent,
    EventType,
    MigrationError,
    Model,
    StoreHaus,
    sql,
)

pytestmark = pytest.mark.anyio


MODELS: tuple[type[Model], ...] = (*CAPTURED, Ship, Crate)


@pytest.fixture
async def psql(postgres_url: str) -> AsyncIterator[Witness]:
    """A connection past the haus."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


@pytest.fixture
async def haus(postgres_url: str, psql: Witness) -> AsyncIterator[StoreHaus]:
    """An open haus on a database of its own."""
    async with log_haus(postgres_url) as haus:
        await haus.auto_migrate(*MODELS)
        yield haus


async def delivered(haus: StoreHaus, model: type[Model], count: int) -> list[DatabaseEvent]:
    """Give what a subscription gets from the beginning of the log."""
    inbox = Inbox()
    haus.subscription(f"all of {model.__name__}", model, start="beginning")(inbox)

    async def is_over() -> bool:
        return len(inbox.events) >= count or bool(haus.events.problems())

    await until(is_over)
    assert haus.events.problems() == []
    return inbox.events


def by_column(row: Model) -> dict[str, Any]:
    """Give a row as events hold it."""
    return {each.column: getattr(row, each.name) for each in row.__table_info__.columns}


def same(one: Any, other: Any) -> bool:
    """Compare values; what is no number is equal to itself here."""
    return bool(one == other) or repr(one) == repr(other)


async def logged(psql: Witness, columns: str) -> list[tuple[Any, ...]]:
    """Give columns of the log."""
    return list(map(tuple, await psql.fetch(f"SELECT {columns} FROM storehaus.event ORDER BY seq")))


@pytest.mark.parametrize("values", BEYOND)
async def test_every_type_comes_as_it_is_read(haus: StoreHaus, psql: Witness, values: str) -> None:
    """What a store reads and what a subscription gets are equal, whoever wrote it."""
    made = await haus.store(Everything).create(Everything())
    await psql.execute(f"UPDATE cap_everything SET {BEYOND[values]}")
    created, updated = await delivered(haus, Everything, 2)
    assert created.payload == by_column(made)
    row = await haus.store(Everything).get_by_id(made.id)
    assert row is not None
    for name, value in by_column(row).items():
        assert same(updated.payload[name], value), name
    assert updated.record_id == made.id


@pytest.mark.parametrize("setting", SETTINGS)
async def test_sessions_do_not_change_what_is_kept(
    haus: StoreHaus, psql: Witness, setting: str
) -> None:
    """Whatever a session sets, events hold the rows."""
    (made,) = await haus.store(Everything).create_many([Everything()])
    await psql.execute(SETTINGS[setting])
    await psql.execute("UPDATE cap_everything SET number = 7")
    _, updated = await delivered(haus, Everything, 2)
    row = await haus.store(Everything).get_by_id(made.id)
    assert row is not None
    assert updated.payload == by_column(row)
    assert (updated.actor, updated.event_type) == (None, EventType.UPDATE)


async def test_keys_that_are_equal_are_the_same_record(haus: StoreHaus, psql: Witness) -> None:
    """In any time zone, with any number of digits; a key that differs is another record."""
    at, day = datetime(2026, 7, 1, 12, tzinfo=UTC), date(2026, 7, 1)
    slot = Slot(at=at, weight=Decimal("1.0"), mood=Mood.BAD, day=day)
    await haus.store(Slot).create(slot)
    await psql.execute("SET TimeZone = 'America/St_Johns'")
    await psql.execute("UPDATE cap_slots SET weight = 1.000, note = 'a'")
    await psql.execute("SET TimeZone = 'Asia/Kathmandu'; UPDATE cap_slots SET note = 'b'")
    await psql.execute("UPDATE cap_slots SET day = 'infinity'")
    await psql.execute("DELETE FROM cap_slots")
    events = await delivered(haus, Slot, 6)
    same, other = (at, Decimal(1), Mood.BAD, day), (at, Decimal(1), Mood.BAD, date.max)
    assert [(each.event_type.value, each.record_id) for each in events] == [
        ("create", same),
        ("update", same),
        ("update", same),
        ("delete", same),
        ("create", other),
        ("delete", other),
    ]
    assert len({row[0] for row in await logged(psql, "rid")}) == 2


async def test_an_interval_of_another_text_is_the_same_record(
    haus: StoreHaus, psql: Witness
) -> None:
    """24 hours are one day."""
    await psql.execute("INSERT INTO cap_spells VALUES ('24:00')")
    await psql.execute("UPDATE cap_spells SET id = '1 day'")
    assert len({row[0] for row in await logged(psql, "rid")}) == 1


async def test_rows_without_a_key(haus: StoreHaus) -> None:
    """They have no record id, and are told all the same."""
    await haus.store(Line).load([Line(text="a"), Line(text="b")])
    await haus.fetch(sql("UPDATE cap_lines SET text = text || '!'"))
    events = await delivered(haus, Line, 4)
    assert {each.record_id for each in events} == {None}
    assert [each.payload["text"] for each in events] == ["a", "b", "a!", "b!"]
    assert events[2].changes["text"] == ("a", "a!")


async def test_how_much_of_a_row_is_kept(haus: StoreHaus) -> None:
    """As the model says; what is excluded is nowhere, and not told to callbacks either."""
    told = Inbox()
    haus.signals.add_callback(told, tables=Whole)
    for model in (Whole, Changed, Keys):
        store: Any = haus.store(model)
        await store.create(model(id=1, name="a"))
        await store.patch(1, name="b")
        await store.delete(1)
    await haus.store(Whole).create(Whole(id=2, secret="x"))
    await haus.store(Whole).patch(2, secret="y")
    full = await delivered(haus, Whole, 5)
    changed, keys = await delivered(haus, Changed, 3), await delivered(haus, Keys, 3)
    columns = {"id", "name", "__tags__", "__created_at__", "__updated_at__"}
    assert [each.payload.keys() for each in full] == [columns] * 5
    assert full[1].changes.keys() == {"name", "__updated_at__"}
    assert full[1].changes["name"] == ("a", "b")
    assert full[4].changes.keys() == {"__updated_at__"}
    assert [each.payload.keys() for each in changed] == [
        columns | {"size"},
        {"id", "name", "__updated_at__"},
        columns | {"size"},
    ]
    assert changed[1].changes["name"] == ("a", "b")
    assert [dict(each.payload) for each in keys] == [{"id": 1}] * 3
    assert [each.changes for each in keys] == [{}] * 3
    await haus.signals.drain()
    assert [each.payload.keys() | each.changes.keys() for each in told.events] == [columns] * 5


async def test_marked_rows_are_deleted_and_come_back(haus: StoreHaus) -> None:
    """A flag that is set or cleared, by whomever, is no update; a marked row that goes is told."""
    crates = haus.store(Crate)
    await crates.create(Crate(id=1))
    await crates.delete(1, tags=["gone"])
    await crates.restore(1)
    await crates.delete(1)
    await crates.upsert(Crate(id=1, name="back"))
    await haus.fetch(sql("UPDATE event_crates SET __is_active__ = false"))
    await crates.purge(1)
    events = await delivered(haus, Crate, 7)
    kinds = ["create", "delete", "create", "delete", "create", "delete", "delete"]
    assert [each.event_type.value for each in events] == kinds
    assert events[1].tags == ("gone",)
    assert events[1].changes == {}


async def test_columns_may_be_called_like_that(haus: StoreHaus) -> None:
    """Names that the trigger functions use mean the columns."""
    words = haus.store(Words)
    await words.create(Words(key=1, new="a", rid=7))
    await words.patch(1, {Words.new: "b", Words.old: "c", Words.n: 5, Words.value: 6})
    await words.delete(1)
    await words.purge(1)
    created, updated, *_ = await delivered(haus, Words, 4)
    assert (created.payload["new"], created.payload["rid"], created.actor) == ("a", 7, None)
    assert updated.payload.keys() == {"key", "new", "old", "select", "value", "__updated_at__"}
    assert updated.changes["select"] == (0, 5)


ADDED = ["x", "new", "the row", "seq", 'a"b', "TG_OP"]


@pytest.mark.parametrize("name", ADDED)
async def test_columns_that_others_add(haus: StoreHaus, psql: Witness, name: str) -> None:
    """They are kept in the log, and the model's own are as before, in sessions that go on too."""
    quoted = '"' + name.replace('"', '""') + '"'
    await psql.execute("INSERT INTO event_ships (id) VALUES (1)")
    await psql.execute(f"ALTER TABLE event_ships ADD COLUMN {quoted} text DEFAULT 'y'")
    await psql.execute("INSERT INTO event_ships (id) VALUES (2); UPDATE event_ships SET size = 1")
    await psql.execute(f"ALTER TABLE event_ships DROP COLUMN {quoted}")
    await psql.execute("INSERT INTO event_ships (id) VALUES (3); DELETE FROM event_ships")
    events = await delivered(haus, Ship, 8)
    assert [each.payload["id"] for each in events] == [1, 2, 1, 2, 3, 1, 2, 3]
    news = [msgspec.json.decode(new) for (new,) in await logged(psql, "new") if new is not None]
    assert [each.get(name) for each in news] == [None, "y", "y", "y", None]


async def versions(psql: Witness) -> list[Any]:
    """Give what tells whether functions and triggers were made anew."""
    return await psql.fetch("""
        SELECT proname::text, xmin::text FROM pg_proc
        WHERE pronamespace = 'storehaus'::regnamespace
        UNION ALL SELECT tgname, xmin::text FROM pg_trigger UNION ALL
        SELECT relname, xmin::text FROM pg_class WHERE relnamespace = 'storehaus'::regnamespace
        ORDER BY 1, 2
    """)


async def test_migrating_twice_changes_nothing(haus: StoreHaus, psql: Witness) -> None:
    """Nothing is made anew; what was disabled or altered is put right."""
    before = await versions(psql)
    await haus.auto_migrate(*MODELS)
    assert await versions(psql) == before
    await psql.execute("ALTER TABLE event_ships DISABLE TRIGGER storehaus_capture_update")
    await psql.execute("DROP TRIGGER storehaus_capture_insert ON event_crates")
    await haus.auto_migrate(*MODELS)
    assert len(await versions(psql)) == len(before)
    await psql.execute("INSERT INTO event_crates VALUES (1); INSERT INTO event_ships VALUES (1)")
    await psql.execute("UPDATE event_ships SET size = 1")
    assert await logged(psql, "op") == [("c",), ("c",), ("u",)]


async def test_long_names(postgres_url: str, psql: Witness) -> None:
    """A table may have the longest name that PostgreSQL knows."""
    await migrated(postgres_url, LongNamed)
    await psql.execute(f"INSERT INTO {'ü' * 31} VALUES (1)")
    assert await logged(psql, "tbl") == [(f"public.{'ü' * 31}",)]


async def test_a_table_can_be_durable_no_more(haus: StoreHaus, psql: Witness) -> None:
    """Its triggers go, and what was kept stays."""
    await haus.store(Ship).create(Ship(id=1))
    await haus.auto_migrate(FormerShip)
    await haus.store(Ship).create(Ship(id=2))
    assert await logged(psql, "rid") == [("1",)]
    names = await psql.fetch(
        "SELECT FROM pg_trigger WHERE tgname LIKE 'storehaus_capture%'"
        " AND tgrelid = 'event_ships'::regclass"
    )
    functions = await psql.fetch("SELECT FROM pg_proc WHERE proname LIKE 'capture_event_ships%'")
    assert (len(names), len(functions)) == (0, 0)


SHIP = "event_ships (id bigint PRIMARY KEY, name text, size bigint"
REFUSED = {
    "unlogged": f"CREATE UNLOGGED TABLE {SHIP})",
    "partitioned": f"CREATE TABLE {SHIP}) PARTITION BY RANGE (id)",
    "newer log": "CREATE SCHEMA storehaus; CREATE TABLE storehaus.version AS"
    " SELECT 'log'::text AS component, 999 AS version",
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_kept_is_refused(postgres_url: str, psql: Witness, case: str) -> None:
    """And nothing is changed."""
    await psql.execute(REFUSED[case])
    async with log_haus(postgres_url) as haus:
        with pytest.raises(MigrationError):
            await haus.auto_migrate(Ship)
    assert await psql.fetchval("SELECT to_regclass('storehaus.event')") is None


async def test_writers_need_no_rights_on_the_log(haus: StoreHaus, psql: Witness) -> None:
    """Those who may write to a table have their events kept, and can write none of their own."""
    role = f"writer_{uuid4().hex}"
    await psql.execute(f"CREATE ROLE {role}; GRANT ALL ON event_ships TO {role}")
    try:
        async with haus.transaction(), haus.connection() as connection:
            await connection.execute(f"SET LOCAL ROLE {role}")
            with haus.actor("ann"):
                await haus.store(Ship).create(Ship(id=1))
                await haus.store(Ship).patch(1, size=2)
                await haus.fetch(sql("TRUNCATE {table}", table=Ship))
        assert await logged(psql, "op, actor") == [("c", "ann"), ("u", "ann"), ("d", "ann")]
        await psql.execute(f"SET ROLE {role}")
        for statement in ("INSERT INTO", "DELETE FROM", "TABLE"):
            rest = " (op, tbl, tags) VALUES ('c', 'x', '{}')" if statement[0] == "I" else ""
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await psql.execute(f"{statement} storehaus.event{rest}")
        await psql.execute("RESET ROLE")
        assert not await psql.fetch(
            "SELECT FROM pg_proc WHERE proname LIKE 'capture%'"
            " AND has_function_privilege($1, oid, 'EXECUTE')",
            role,
        )
    finally:
        await psql.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


WRITES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "create": lambda s: s.create(s.model(id=9)),
    "create_many": lambda s: s.create_many([s.model(id=8), s.model(id=9)]),
    "at once": lambda s: asyncio.gather(*(s.create(s.model(id=i)) for i in range(10, 40))),
    "update": lambda s: s.update(1, s.model(id=1, name="b")),
    "patch": lambda s: s.patch(1, {s.model.size: s.model.size + 1}),
    "update_where": lambda s: s.update_where(s.model.id > 0, {"size": 2}),
    "upsert_many": lambda s: s.upsert_many([s.model(id=1), s.model(id=9)]),
    "delete": lambda s: s.delete(1),
    "delete_many": lambda s: s.delete_many([1, 2]),
    "load": lambda s: s.load([s.model(id=8), s.model(id=9)]),
}


# A transaction belongs to one task.
PLACES = {f"{verb}, alone": (verb, False) for verb in WRITES} | {
    f"{verb}, in a transaction": (verb, True) for verb in WRITES if verb != "at once"
}


@pytest.mark.parametrize("place", PLACES)
async def test_writers_pay_no_round_trip(postgres_url: str, place: str) -> None:
    """As many statements with a log and an actor as without both; COPY takes one more."""
    verb, joined = PLACES[place]
    async with counted_haus(postgres_url) as (haus, counting):
        await haus.auto_migrate(Ship, Dinghy)

        async def count(model: type[Any]) -> Counter[Any]:
            await haus.store(model).create_many([model(id=1), model(id=2)])
            counting.reset()
            async with haus.transaction() if joined else nullcontext():
                await WRITES[verb](haus.store(model))
            return counting.counts

        expected = await count(Dinghy)
        with haus.actor("ann"):
            assert await count(Ship) - expected == Counter({"fetch": 1} if verb == "load" else {})
            counting.reset()
            await haus.fetch(sql("UPDATE event_ships SET size = 7"))
            assert [each.kind for each in counting.calls] == ["begin", "fetch", "query", "commit"]


async def undo(haus: StoreHaus, how: str, create: Callable[[int], Awaitable[object]]) -> None:
    """Undo a row in a savepoint: that of a block, or `mine`."""
    if how == "block":
        with suppress(ZeroDivisionError):
            async with haus.transaction():
                await create(2)
                raise ZeroDivisionError
    elif how == "SQL":
        await create(2)
        await haus.fetch(sql("ROLLBACK TO SAVEPOINT mine"))
    else:
        async with haus.connection() as connection:
            await create(2)
            await connection.rollback_to_savepoint("mine")


@pytest.mark.parametrize("how", ["block", "SQL", "borrowed"])
async def test_actors_within_a_transaction(haus: StoreHaus, psql: Witness, how: str) -> None:
    """Each statement is by whom it was made, also after a savepoint was undone."""
    ships = haus.store(Ship)
    async with haus.transaction():
        await ships.create(Ship(id=0))
        with haus.actor("ann"):
            await ships.create(Ship(id=1))
            await haus.fetch(sql("SAVEPOINT mine"))
            with haus.actor("bob"):
                await undo(haus, how, lambda number: ships.create(Ship(id=number)))
                await ships.create(Ship(id=3))
            await ships.create(Ship(id=4))
        await ships.create(Ship(id=5))
    expected = [("0", None), ("1", "ann"), ("3", "bob"), ("4", "ann"), ("5", None)]
    assert await logged(psql, "rid, actor") == expected


@pytest.mark.parametrize("first", ["actor", "transaction", "create", "load", "fetch"])
async def test_the_first_write_of_a_process(
    haus: StoreHaus, postgres_url: str, psql: Witness, first: str
) -> None:
    """It names its actor as all others do, though nobody has asked for the log yet."""
    async with log_haus(postgres_url) as fresh:
        ships, ship = fresh.store(Ship), Ship(id=1)
        async with AsyncExitStack() as stack:
            if first == "transaction":
                await stack.enter_async_context(fresh.transaction())
            stack.enter_context(fresh.actor("ann"))
            if first == "actor":
                await stack.enter_async_context(fresh.transaction())
            if first == "load":
                await ships.load([ship])
            elif first == "fetch":
                await fresh.fetch(sql("INSERT INTO event_ships VALUES (1)"))
            else:
                await ships.create(ship)
    assert await logged(psql, "rid, actor") == [("1", "ann")]


async def test_actors_at_once(haus: StoreHaus, psql: Witness) -> None:
    """Calls of several actors that leave together are each by their own."""

    async def create(number: int) -> None:
        with haus.actor(f"user {number % 3}") if number % 4 else nullcontext():
            await haus.store(Ship).create(Ship(id=number))

    await asyncio.gather(*map(create, range(60)))
    expected = {(str(i), f"user {i % 3}" if i % 4 else None) for i in range(60)}
    assert set(await logged(psql, "rid, actor")) == expected


TRIGGER = """
CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body}; RETURN NEW; END$$;
CREATE TRIGGER a_first {when} FOR EACH ROW EXECUTE FUNCTION own()
"""


async def test_what_triggers_of_others_write_is_by_the_same(haus: StoreHaus, psql: Witness) -> None:
    """A trigger that writes to another durable table acts for whom the statement acts."""
    body = "INSERT INTO event_ships (id) VALUES (NEW.id)"
    await psql.execute(TRIGGER.format(body=body, when="AFTER INSERT ON event_crates"))
    async with haus.transaction():
        for number, actor in enumerate(("ann", "bob")):
            with haus.actor(actor):
                await haus.store(Crate).create(Crate(id=number))
    assert sorted(await logged(psql, "rid, actor")) == [("0", "ann")] * 2 + [("1", "bob")] * 2


ORDERS = {
    "key on conflict": "INSERT INTO event_ships (id) VALUES (1), (3)"
    " ON CONFLICT (id) DO UPDATE SET id = 4",
    "truncate": "TRUNCATE event_ships; INSERT INTO event_ships (id) VALUES (1)",
}


@pytest.mark.parametrize("statement", ORDERS)
async def test_the_last_event_of_a_record_is_how_it_is(
    haus: StoreHaus, psql: Witness, statement: str
) -> None:
    """Whatever a single statement, or a trigger of somebody else, does to a record."""
    await psql.execute("INSERT INTO event_ships (id) VALUES (1), (2)")
    await psql.execute(ORDERS[statement])
    last = dict(await logged(psql, "rid, new->>'name'"))
    rows = await psql.fetch("SELECT id::text, name FROM event_ships")
    gone = dict(await logged(psql, "rid, new IS NULL"))
    assert {rid: name for rid, name in last.items() if not gone[rid]} == dict(map(tuple, rows))


async def test_truncate_at_an_older_snapshot(
    haus: StoreHaus, postgres_url: str, psql: Witness
) -> None:
    """Rows go that the transaction cannot see: they are told, or nothing is done."""
    await psql.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; TABLE event_ships")
    await haus.store(Ship).create(Ship(id=1))
    with suppress(asyncpg.PostgresError):
        await psql.execute("TRUNCATE event_ships")
    await psql.execute("COMMIT")
    left = await psql.fetchval("SELECT count(*) FROM event_ships")
    assert len(await logged(psql, "op")) == 2 - left

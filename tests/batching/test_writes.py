"""Writes of single rows at the same time share statements, and do what separate ones would."""

import asyncio
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import (
    Airport,
    Draft,
    Gadget,
    LogLine,
    Mood,
    Parcel,
    Point,
    Recorder,
    Seat,
    Ticket,
    Wallet,
    airport,
)
from gate import GatedDriver, settle
from storehaus import (
    CheckViolation,
    CommitUnknown,
    ConnectionFailed,
    DatabaseError,
    GenericStore,
    Model,
    NotFound,
    Outcome,
    Plugin,
    QueryError,
    StaleVersion,
    StorehausError,
    UniqueViolation,
    ValidationError,
)
from storehaus.store import Database
from storehaus.testing import FakeDriver

pytestmark = pytest.mark.anyio

actor: ContextVar[str] = ContextVar("actor", default="nobody")


def store_of(driver: Any, model: type[Model], *plugins: Plugin, batching: bool = True) -> Any:
    """A store whose database has these plug-ins."""
    return GenericStore(Database(driver, plugins), model, batching=batching)


async def wallets(driver: GatedDriver, *plugins: Plugin, count: int = 20) -> Any:
    """A store with wallets 0, 1 and so on; nothing of that is counted or recorded."""
    plain = store_of(driver, Wallet)
    await plain.create_many([wallet(i) for i in range(count)])
    driver.reset()
    return store_of(driver, Wallet, *plugins)


def wallet(number: int, **values: Any) -> Wallet:
    """A wallet that differs from those of other numbers."""
    return Wallet(id=number, owner=f"o{number}", **values)


async def together(*calls: Any) -> list[Any]:
    """Make calls at the same time; give results and errors."""
    return await asyncio.gather(*calls, return_exceptions=True)


def names(results: list[Any]) -> list[str]:
    """Give the class of each result."""
    return [type(result).__name__ for result in results]


def is_clean(store: Any) -> bool:
    """Whether a store has forgotten all that was under way."""
    writes = store._writes
    return (writes.under_way, writes.latest, writes._waiting) == (0, {}, {})


# Create


async def test_lone_writes_go_out_by_the_plain_statement(gated: GatedDriver) -> None:
    """One after the other none waits, and none is sent as a batch."""
    store = store_of(gated, Wallet)

    await store.create(wallet(1))
    await store.patch(1, note="x")
    await store.update(1, wallet(1, note="y"))
    assert await store.delete(1)

    assert gated.round_trips == 4
    assert "unnest" not in "".join(gated.texts)
    assert is_clean(store)


async def test_creates_share_a_statement_and_each_caller_gets_his_row(gated: GatedDriver) -> None:
    """Whatever the order in which rows come back."""
    store = store_of(gated, Airport)

    stored = await together(*(store.create(airport(i), tags=["t"]) for i in range(40)))

    assert [row.icao for row in stored] == [f"X{i:05}" for i in range(40)]
    assert {tuple(row.__tags__) for row in stored} == {("t",)}
    assert gated.round_trips == 2
    assert len({row.id for row in await store.list_all()}) == 40


async def test_every_type_of_column_travels(gated: GatedDriver) -> None:
    """Arrays, enums, JSON and NULLs, in another schema, by create and by update."""
    store = store_of(gated, Gadget)
    given = [
        Gadget(
            id=i,
            code=f"c{i}",
            mood=Mood.GREAT,
            moods=[Mood.SAD, Mood.FINE][: i % 3],
            sizes=[1, 2] if i % 2 else None,
            labels=["a", None, 'q"\\'],
            spot=Point(i, "p"),
            spots=[Point(1)],
            extra={"k": [i]} if i % 2 else None,
        )
        for i in range(7)
    ]

    stored = await together(*(store.create(each) for each in given))
    changed = await together(*(store.update(each.id, each) for each in stored))

    for one, two, three in zip(given, stored, changed, strict=True):
        for column in Gadget.__table_info__.columns:
            if not column.system:
                value = getattr(one, column.name)
                assert getattr(two, column.name) == getattr(three, column.name) == value
    assert gated.round_trips == 4


async def test_error_of_one_row_meets_its_caller_only(gated: GatedDriver) -> None:
    """The others are stored; the error is the one that a separate call gives."""
    store = await wallets(gated)

    results = await together(
        store.create(wallet(100)),
        store.create(wallet(101)),
        store.create(wallet(5)),
        store.create(Wallet(id=102, owner="o6")),
        store.create(wallet(103, balance=Decimal(2_000_000))),
        store.create(wallet(104)),
    )

    assert names(results) == [
        "Wallet", "Wallet", "UniqueViolation", "UniqueViolation", "CheckViolation", "Wallet",
    ]  # fmt: skip
    assert (results[2].fields, results[2].values) == (("id",), {"id": 5})
    assert (results[3].fields, results[3].row_index) == (("owner",), None)
    assert isinstance(results[4], CheckViolation)
    assert gated.round_trips == 2 + 5
    assert is_clean(store)


async def test_invalid_row_is_refused_before_it_is_sent(gated: GatedDriver) -> None:
    """Its caller hears of it at once, and the others lose nothing."""
    store = store_of(gated, Wallet)

    results = await together(
        store.create(wallet(1)),
        store.create(wallet(2)),
        store.create(Wallet(id=3, owner="a\0b")),
        store.create(wallet(4)),
    )

    assert isinstance(results[2], ValidationError)
    assert [results[i].id for i in (0, 1, 3)] == [1, 2, 4]
    assert gated.round_trips == 2


async def test_rows_without_a_key_of_their_own_are_not_put_together(gated: GatedDriver) -> None:
    """Nobody could tell whose a row is that comes back."""
    tickets, lines = store_of(gated, Ticket), store_of(gated, LogLine)

    await together(*(tickets.create(Ticket(title=f"t{i}")) for i in range(5)))
    await together(*(lines.create(LogLine(level="a", text=f"t{i}")) for i in range(5)))

    assert gated.round_trips == 10


async def test_tags_and_columns_tell_statements_apart(gated: GatedDriver) -> None:
    """Rows of different tags or columns never share one, and keep their own."""
    store = store_of(gated, Parcel)
    gated.shut()
    lone = asyncio.create_task(store.create(Parcel(id=0, title="first")))
    await settle()
    calls = [
        asyncio.create_task(store.create(parcel, tags=tags))
        for parcel, tags in [
            (Parcel(id=1, title="a"), ["x"]),
            (Parcel(id=2, title="a"), ["y"]),
            (Parcel(id=3, title="a", weight=2), ["x"]),
            (Parcel(id=4, title="b"), ["x"]),
            (Parcel(id=5, title="b"), ["y"]),
            (Parcel(id=6, title="b", weight=4), ["x"]),
        ]
    ]
    await gated.until_kept(4)
    gated.open_gate()

    stored = await asyncio.gather(lone, *calls)

    assert [(row.id, row.weight, list(row.__tags__)) for row in stored[1:]] == [
        (1, 7, ["x"]), (2, 7, ["y"]), (3, 2, ["x"]), (4, 7, ["x"]), (5, 7, ["y"]), (6, 4, ["x"]),
    ]  # fmt: skip
    assert gated.round_trips == 4


async def test_create_waits_for_no_strangers_row(gated: GatedDriver, witness: Any) -> None:
    """One that meets an uncommitted twin waits alone; the others are through meanwhile."""
    store = store_of(gated, Wallet)
    transaction = witness.transaction()
    await transaction.start()
    await witness.execute("INSERT INTO wallets (id, owner) VALUES (3, 'theirs')")

    tasks = [asyncio.create_task(store.create(wallet(i))) for i in range(1, 9)]
    done = await asyncio.gather(*(task for i, task in enumerate(tasks, 1) if i != 3))

    assert [row.id for row in done] == [1, 2, 4, 5, 6, 7, 8]
    assert not tasks[2].done()
    await transaction.commit()
    with pytest.raises(UniqueViolation):
        await tasks[2]
    assert is_clean(store)


# Update, patch, delete


async def test_updates_share_a_statement(gated: GatedDriver) -> None:
    """Each row gets its own values, and its version moves once."""
    store = await wallets(gated)

    models = [wallet(i, note=f"n{i}", balance=Decimal(i)) for i in range(20)]
    stored = await together(*(store.update(i, models[i], tags=["new"]) for i in range(20)))

    assert [(row.note, row.balance, row.version) for row in stored] == [
        (f"n{i}", i, 2) for i in range(20)
    ]
    assert {tuple(row.__tags__) for row in stored} == {("new",)}
    assert all(row.__updated_at__ > row.__created_at__ for row in stored)
    assert gated.round_trips == 2


async def test_patches_of_the_same_columns_share_a_statement(gated: GatedDriver) -> None:
    """In whatever order they name them; what is computed by the database goes alone."""
    store = await wallets(gated)

    stored = await together(
        store.patch(0, note="a"),
        store.patch(1, note="b", balance=Decimal(1)),
        store.patch(2, {Wallet.balance: Decimal(2), Wallet.note: "c"}),
        store.patch(3, note="d"),
        store.patch(4, note="e"),
        store.patch(5, {Wallet.balance: Wallet.balance + 5}),
    )

    assert [(row.note, int(row.balance)) for row in stored] == [
        ("a", 0), ("b", 1), ("c", 2), ("d", 0), ("e", 0), (None, 5),
    ]  # fmt: skip
    assert gated.round_trips == 4


async def test_missing_and_stale_rows_are_errors_of_their_own_callers(gated: GatedDriver) -> None:
    """The same ones that separate calls give, and the other rows are written."""
    store = await wallets(gated)
    read = await store.get(4)
    await store.patch(4, note="meanwhile")
    gated.reset()

    results = await together(
        store.patch(1, note="x", if_version=1),
        store.patch(2, note="x", if_version=1),
        store.patch(3, note="x", if_version=9),
        store.patch(99, note="x", if_version=1),
        store.patch(5, note="x", if_version=1),
    )
    updates = await together(
        store.update(6, wallet(6)),
        store.update(7, await store.get(7)),
        store.update(4, read),
        store.update(8, await store.get(8)),
        store.update(98, wallet(98)),
    )

    assert names(results) == ["Wallet", "Wallet", "StaleVersion", "NotFound", "Wallet"]
    assert names(updates) == ["Wallet", "Wallet", "StaleVersion", "Wallet", "NotFound"]
    assert isinstance(results[2], StaleVersion)
    assert (results[2].record_id, results[2].expected) == (3, 9)
    assert isinstance(updates[4], NotFound)


@pytest.mark.parametrize("model", [Wallet, Draft])
async def test_deletes_share_a_statement(gated: GatedDriver, model: type[Model]) -> None:
    """For good or by mark; ids without a row give False."""
    store = store_of(gated, model)
    rows = [wallet(i) if model is Wallet else Draft(id=i, text="t") for i in range(8)]
    await store.create_many(rows)
    gated.reset()

    results = await together(*(store.delete(i) for i in (0, 1, 2, 50, 3)))

    assert results == [True, True, True, False, True]
    assert gated.round_trips == 3
    assert sorted(row.id for row in await store.list_all()) == [4, 5, 6, 7]
    assert is_clean(store)


async def test_composite_keys(gated: GatedDriver) -> None:
    """An id of two parts is one id."""
    store = store_of(gated, Seat)
    ids = [(hall, number) for hall in "ab" for number in range(4)]

    await together(*(store.create(Seat(hall=h, number=n)) for h, n in ids))
    stored = await together(*(store.patch(each, guest=f"{each}") for each in ids))
    gone = await together(*(store.delete(each) for each in [*ids[:3], ("c", 1)]))

    assert [row.guest for row in stored] == [f"{each}" for each in ids]
    assert gone == [True, True, True, False]


async def test_writes_to_one_row_keep_their_order(gated: GatedDriver) -> None:
    """All of them happen, one after the other, by whatever verb; strangers share as ever."""
    store = await wallets(gated)

    results = await together(
        store.patch(1, note="a"),
        store.patch(1, note="b"),
        store.patch(2, note="z"),
        store.update(1, wallet(1, note="c")),
        store.patch(1, {Wallet.balance: Wallet.balance + 3}),
        store.patch(3, note="z"),
        store.delete(1),
        store.create(wallet(1, note="new")),
        store.patch(1, note="last"),
    )

    assert names(results) == [*["Wallet"] * 6, "bool", "Wallet", "Wallet"]
    assert [r.version for r in results[:2]] == [2, 3]
    assert (results[3].version, results[4].version, results[4].note) == (4, 5, "c")
    assert (results[7].version, results[7].balance) == (1, 0)
    assert (await store.get(1)).note == "last"
    assert is_clean(store)


async def test_locked_row_delays_its_own_caller_only(gated: GatedDriver, witness: Any) -> None:
    """The others are through while a stranger still holds it."""
    store = await wallets(gated)
    transaction = witness.transaction()
    await transaction.start()
    await witness.execute("SELECT 1 FROM wallets WHERE id IN (7, 12) FOR UPDATE")

    tasks = [asyncio.create_task(store.patch(i, note="mine")) for i in range(10)]
    deletes = [asyncio.create_task(store.delete(i)) for i in range(10, 20)]
    free = [task for i, task in enumerate([*tasks, *deletes]) if i not in {7, 12}]
    done = await asyncio.gather(*free)

    assert len(done) == 18
    assert not tasks[7].done()
    assert not deletes[2].done()
    await transaction.rollback()
    assert (await tasks[7]).note == "mine"
    assert await deletes[2] is True
    assert is_clean(store)


async def test_transaction_shares_nothing(gated: GatedDriver) -> None:
    """Its writes go by its own connection, though others are under way."""
    store = await wallets(gated)
    gated.shut()
    others = [asyncio.create_task(store.patch(i, note="x")) for i in (0, 1)]
    await settle()

    async with store._database.transaction():
        await store.patch(5, note="inside")
        await store.patch(6, note="inside")

    kinds = [call.kind for call in gated.calls if call.connection is not None]
    assert kinds == ["begin", "fetch", "fetch", "commit"]
    gated.open_gate()
    await asyncio.gather(*others)


async def test_batching_can_be_switched_off(gated: GatedDriver) -> None:
    """Then each call is a statement."""
    store = store_of(gated, Wallet, batching=False)

    await together(*(store.create(wallet(i)) for i in range(10)))

    assert gated.round_trips == 10
    assert store._writes is None


async def test_large_rows_travel_in_several_statements(gated: GatedDriver) -> None:
    """A statement carries about a megabyte."""
    store = store_of(gated, Wallet)

    stored = await together(*(store.create(wallet(i, note="x" * 400_000)) for i in range(9)))

    assert [row.id for row in stored] == list(range(9))
    assert gated.round_trips == 1 + 4


# Failures


@pytest.mark.parametrize("sent", [True, None])
async def test_unknown_outcome_is_told_to_all_and_nothing_is_repeated(*, sent: bool | None) -> None:
    """Somebody's row may be there or not; writing it again could write it twice."""
    driver = GatedDriver(FakeDriver())
    store = store_of(driver, Wallet)
    driver._driver.fail("fetch", *[ConnectionFailed("lost", sent=sent)] * 2)  # type: ignore[attr-defined]  # the fake's
    driver.shut()
    tasks = [asyncio.create_task(store.patch(i, note="x")) for i in range(5)]
    await driver.until_kept(2)
    driver.open_gate()

    results = await together(*tasks)

    assert names(results) == ["CommitUnknown"] * 5
    assert len({id(result) for result in results}) == 5
    assert isinstance(results[1].__cause__, ConnectionFailed)
    assert driver.round_trips == 2
    assert is_clean(store)


async def test_write_that_was_not_sent_is_no_unknown_outcome() -> None:
    """Where no server was reached, every caller hears of that."""
    driver = GatedDriver(FakeDriver())
    store = store_of(driver, Wallet)
    driver._driver.fail("fetch", *[ConnectionFailed("refused", sent=False)] * 2)  # type: ignore[attr-defined]  # the fake's
    driver.shut()
    tasks = [asyncio.create_task(store.patch(i, note="x")) for i in range(4)]
    await driver.until_kept(2)
    driver.open_gate()

    assert names(await together(*tasks)) == ["ConnectionFailed"] * 4
    assert driver.round_trips == 2


async def test_trigger_that_drops_a_row(gated: GatedDriver, witness: Any) -> None:
    """Its caller hears that nothing was stored, and nobody gets another one's row."""
    await witness.execute(
        "CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.note = ''drop'' THEN RETURN NULL; END IF; RETURN NEW; END';"
        "CREATE TRIGGER picky BEFORE INSERT OR UPDATE ON wallets"
        " FOR EACH ROW EXECUTE FUNCTION picky()"
    )
    try:
        store = store_of(gated, Wallet)
        notes = ["a", "b", "drop", "c", "drop", "d"]
        created = await together(*(store.create(wallet(i, note=n)) for i, n in enumerate(notes)))
        round_trips = gated.round_trips
        patched = await together(*(store.patch(i, note=n) for i, n in [(0, "x"), (1, "drop")]))
        more = await together(
            *(store.patch(i, note=n) for i, n in [(5, "x"), (0, "drop"), (3, "y")])
        )
    finally:
        await witness.execute("DROP FUNCTION picky CASCADE")

    assert [getattr(row, "note", None) for row in created] == ["a", "b", None, "c", None, "d"]
    assert names(created)[2::2] == ["DatabaseError", "DatabaseError"]
    assert round_trips == 2
    assert names(patched) == ["Wallet", "NotFound"]
    assert names(more) == ["Wallet", "NotFound", "Wallet"]


async def test_trigger_that_changes_keys_is_named(gated: GatedDriver, witness: Any) -> None:
    """Nobody can be told which row is his, and the error says what helps."""
    await witness.execute(
        "CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.id := NEW.id + 1000; RETURN NEW; END';"
        "CREATE TRIGGER shift BEFORE INSERT ON wallets FOR EACH ROW EXECUTE FUNCTION shift()"
    )
    try:
        results = await together(*(store_of(gated, Wallet).create(wallet(i)) for i in range(1)))
        store = store_of(gated, Wallet)
        more = await together(*(store.create(wallet(i)) for i in range(1, 5)))
        plain = store_of(gated, Wallet, batching=False)
        others = await together(*(plain.create(wallet(i)) for i in range(5, 9)))
    finally:
        await witness.execute("DROP FUNCTION shift CASCADE")

    assert results[0].id == 1000
    assert names(more) == ["Wallet", *["DatabaseError"] * 3]
    assert "batching=False" in str(more[1])
    assert [row.id for row in others] == [1005, 1006, 1007, 1008]


# Cancellation


async def test_cancelled_caller_disturbs_nobody(gated: GatedDriver) -> None:
    """Cancelled before it is sent it does not happen; after that it does."""
    store = await wallets(gated)
    gated.shut()
    tasks = [asyncio.create_task(store.patch(i, note="x")) for i in range(6)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    await gated.until_kept(2)
    tasks[3].cancel()
    await settle()
    gated.open_gate()

    results = await together(*tasks)

    assert [getattr(r, "id", None) for r in results] == [0, 1, None, None, 4, 5]
    assert (await store.get(2)).note is None
    assert (await store.get(3)).note == "x"
    assert is_clean(store)


async def test_write_behind_a_cancelled_one_waits_for_it(gated: GatedDriver) -> None:
    """What was sent cannot overtake what came after it."""
    store = await wallets(gated)
    gated.shut()
    first = asyncio.create_task(store.patch(0, note="first"))
    tasks = [asyncio.create_task(store.patch(i, note="old")) for i in (1, 2)]
    await gated.until_kept(2)
    behind = asyncio.create_task(store.patch(1, note="new"))
    last = asyncio.create_task(store.patch(1, note="newest"))
    await settle()
    tasks[0].cancel()
    behind.cancel()
    await settle()
    assert gated.round_trips == 2

    gated.open_gate()
    await together(first, *tasks, behind)

    assert (await last).note == "newest"
    assert is_clean(store)


async def test_statement_that_nobody_waits_for_is_stopped(gated: GatedDriver) -> None:
    """When its last caller is cancelled the connection is free again."""
    store = await wallets(gated)
    gated.shut()
    first, *others = [asyncio.create_task(store.patch(i, note="x")) for i in range(4)]
    await gated.until_kept(2)

    for task in others:
        task.cancel()
    await together(*others)
    await settle()

    assert len(gated.stopped) == 1
    gated.open_gate()
    await first
    assert is_clean(store)


async def test_plugins_hear_of_a_write_whose_caller_is_gone(gated: GatedDriver) -> None:
    """It has happened, so caches and events must learn of it, in the caller's context."""
    seen: list[tuple[int, str]] = []

    class Listener(Plugin):
        async def after_commit(self, outcome: Outcome[Any]) -> None:
            seen.extend((row.id, actor.get()) for row in outcome.models or ())

    store = await wallets(gated, Listener())

    async def write(number: int) -> None:
        actor.set(f"actor {number}")
        await store.patch(number, note="x")

    gated.shut()
    tasks = [asyncio.create_task(write(i)) for i in range(5)]
    await gated.until_kept(2)
    tasks[2].cancel()
    await settle()
    gated.open_gate()
    await together(*tasks)
    await store._database.keeper.close(grace_seconds=5)

    assert sorted(seen) == [(i, f"actor {i}") for i in range(5)]


# Hooks and plug-ins


class Careful(GenericStore[Wallet]):
    """Refuses some rows, alters others."""

    async def before_create(self, change: Any) -> None:
        """Refuse wallets of 13, sign the others."""
        (row,) = change.models
        if row.id == 13:
            raise QueryError("no thirteen")
        row.note = "signed"


async def test_hooks_see_each_call(gated: GatedDriver) -> None:
    """One that refuses refuses one row."""
    store = Careful(Database(gated))

    results = await together(*(store.create(wallet(i)) for i in (11, 12, 13, 14)))

    assert names(results) == ["Wallet", "Wallet", "QueryError", "Wallet"]
    assert {row.note for row in results if isinstance(row, Wallet)} == {"signed"}
    assert gated.round_trips == 2


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_plugins_see_the_same_as_for_separate_calls(
    gated: GatedDriver, *, in_transaction: bool
) -> None:
    """The same changes and outcomes, for each call, in the same order of stages."""
    seen = {}
    for batching in (True, False):
        plain = store_of(gated, Wallet)
        await plain.delete_where(Wallet.id >= 0)
        await plain.create_many([wallet(i) for i in range(9)])
        recorder = Recorder(in_transaction=in_transaction)
        store = store_of(gated, Wallet, recorder, batching=batching)
        await together(
            *(store.create(wallet(i), tags=["t"]) for i in (20, 21, 22)),
            *(store.patch(i, note="p") for i in (0, 1, 2)),
            *(store.update(i, wallet(i, note="u")) for i in (3, 4, 5)),
            *(store.delete(i) for i in (6, 7, 55)),
        )
        seen[batching] = sorted(
            (stage, change.operation.value, repr(change.tags), repr(rows))
            for stage, event in recorder.events
            for change in [getattr(event, "change", event)]
            for rows in [[(r.id, r.note) for r in getattr(event, "models", None) or ()]]
        )

    assert seen[True] == seen[False]
    assert len(seen[True]) == 12 * (3 if in_transaction else 2)


async def test_batch_with_a_plugin_inside_is_one_transaction(gated: GatedDriver) -> None:
    """BEGIN, one statement, one call of `after_all`, COMMIT."""
    batches: list[int] = []

    class Intents(Plugin):
        in_transaction = True

        async def after_all(self, outcomes: Any, connection: Any) -> None:
            batches.append(len(outcomes))
            await connection.fetch("SELECT 1")

        async def after(self, outcome: Any, connection: Any) -> None:
            await connection.fetch("SELECT 2")

    store = await wallets(gated, Intents())

    results = await together(*(store.patch(i, note="x") for i in range(10)))

    assert names(results) == ["Wallet"] * 10
    assert batches == [9]
    assert gated.counts == {"begin": 2, "fetch": 4, "commit": 2}


async def test_plugin_that_refuses_one_write_refuses_no_other(gated: GatedDriver) -> None:
    """The shared transaction is rolled back, and each is made again alone."""

    class Strict(Plugin):
        in_transaction = True

        async def after(self, outcome: Any, connection: Any) -> None:
            if outcome.models[0].id == 3:
                raise StorehausError("not this one")

    store = await wallets(gated, Strict())

    results = await together(*(store.patch(i, note="x") for i in range(6)))

    assert names(results) == ["Wallet", "Wallet", "Wallet", "StorehausError", "Wallet", "Wallet"]
    assert [row.version for row in sorted(await store.list_all(), key=lambda r: r.id)[:6]] == [
        2, 2, 2, 1, 2, 2,
    ]  # fmt: skip
    assert is_clean(store)


async def test_plugin_may_write_to_the_row_it_hears_of(gated: GatedDriver) -> None:
    """After a commit the row is free, also for whoever is told of it."""

    class Echo(Plugin):
        async def after_commit(self, outcome: Any) -> None:
            if outcome.models[0].note == "x":
                await store.patch(outcome.models[0].id, note="echo")

    class Inside(Echo):
        in_transaction = True

    for plugin in (Echo(), Inside()):
        await store_of(gated, Wallet).delete_where(Wallet.id >= 0)
        store = await wallets(gated, plugin)

        await together(*(store.patch(i, note="x") for i in range(4)))

        notes = {row.note for row in await store.list_all()}
        assert notes == {"echo", None}
        assert is_clean(store)


class Actors(Plugin):
    """Writes belong to an actor."""

    def batch_key(self) -> str:
        """Give the actor."""
        return actor.get()


async def test_writes_of_different_actors_share_nothing(gated: GatedDriver) -> None:
    """Each statement is somebody's."""
    store = await wallets(gated, Actors())

    async def write(name: str, number: int) -> None:
        actor.set(name)
        await store.patch(number, note=name)

    await together(*(write("ab"[i % 2], i) for i in range(9)))

    assert [sorted(call.params[0]) for call in gated.calls[1:]] == [[1, 3, 5, 7], [2, 4, 6, 8]]  # type: ignore[call-overload]  # arrays


async def test_commit_unknown_of_a_shared_transaction_is_told_to_all() -> None:
    """Also where the answer to COMMIT is lost."""
    row = (1, "o", 0, None, 1, None, None, [])

    def answer(call: Any) -> Any:
        if "SKIP LOCKED" in call.text:
            return [(each, *row[1:], place) for place, each in enumerate(call.params[0], 1)]
        return [row]

    driver = GatedDriver(FakeDriver(answer))
    store = store_of(driver, Wallet, Recorder(in_transaction=True))
    await store.patch(1, note="warm")
    driver._driver.fail("commit", *[CommitUnknown("lost")] * 5)  # type: ignore[attr-defined]  # the fake's
    store._writes.under_way += 1
    results = await together(*(store.patch(i, note="x") for i in range(3)))
    store._writes.under_way -= 1

    assert names(results) == ["CommitUnknown"] * 3
    assert driver.counts["commit"] == 2


async def test_error_of_another_kind_is_an_error_of_each_alone() -> None:
    """A statement that the server refuses whole is sent for each caller again."""
    driver = GatedDriver(FakeDriver(lambda call: DatabaseError("refused", sqlstate="42P01")))
    store = store_of(driver, Wallet)
    driver.shut()
    tasks = [asyncio.create_task(store.patch(i, note="x")) for i in range(3)]
    await driver.until_kept(2)
    driver.open_gate()

    assert names(await together(*tasks)) == ["DatabaseError"] * 3
    assert driver.round_trips == 2 + 2

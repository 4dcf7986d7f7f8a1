"""Hooks and plug-ins: every door calls the same ones, in the same order."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import Airport, Draft, Label, Recorder, Ticket, Wallet, airport, driver_of
from storehaus import (
    Change,
    GenericStore,
    NotFound,
    Operation,
    QueryBuilder,
    QueryError,
    UniqueViolation,
    ValidationError,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio


class Ledger(GenericStore[Draft]):
    """Writes down which hook was called with what."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seen: list[tuple[str, Change[Draft]]] = []

    async def before_create(self, change: Change[Draft]) -> None:
        """Write it down."""
        self.seen.append(("create", change))

    async def before_update(self, change: Change[Draft]) -> None:
        """Write it down."""
        self.seen.append(("update", change))

    async def before_delete(self, change: Change[Draft]) -> None:
        """Write it down."""
        self.seen.append(("delete", change))


Door = Callable[[GenericStore[Draft]], Awaitable[Any]]

# Door → the operation that hooks and plug-ins see, and the ids of the rows it touches.
DOORS: dict[str, tuple[Door, Operation, set[int]]] = {
    "create": (lambda s: s.create(Draft(id=9, text="n")), Operation.CREATE, {9}),
    "create_many": (
        lambda s: s.create_many([Draft(id=i, text="n") for i in (8, 9)]),
        Operation.CREATE,
        {8, 9},
    ),
    "load": (
        lambda s: s.load([Draft(id=i, text="n") for i in (8, 9)]),
        Operation.CREATE,
        {8, 9},
    ),
    "upsert": (lambda s: s.upsert(Draft(id=1, text="n")), Operation.CREATE, {1}),
    "upsert_many": (
        lambda s: s.upsert_many([Draft(id=i, text="n") for i in (1, 9)]),
        Operation.CREATE,
        {1, 9},
    ),
    "update": (lambda s: s.update(1, Draft(id=1, text="n")), Operation.UPDATE, {1}),
    "update_many": (
        lambda s: s.update_many([(i, Draft(id=i, text="n")) for i in (1, 2)]),
        Operation.UPDATE,
        {1, 2},
    ),
    "patch": (lambda s: s.patch(1, text="n"), Operation.UPDATE, {1}),
    "update_where": (
        lambda s: s.update_where(Draft.id < 3, {"text": "n"}),
        Operation.UPDATE,
        {1, 2},
    ),
    "delete": (lambda s: s.delete(1), Operation.DELETE, {1}),
    "delete_many": (lambda s: s.delete_many([1, 2, 77]), Operation.DELETE, {1, 2}),
    "delete_where": (lambda s: s.delete_where(Draft.id < 3), Operation.DELETE, {1, 2}),
    "restore": (lambda s: s.restore(3), Operation.CREATE, {3}),
    "purge": (lambda s: s.purge(1), Operation.DELETE, {1}),
}


async def filled(driver: Any, *plugins: Any) -> Ledger:
    """Drafts 1 and 2, and 3 which is deleted; nothing of that is recorded."""
    plain = GenericStore(Database(driver), Draft)
    await plain.create_many([Draft(id=i, text="old") for i in (1, 2, 3)])
    await plain.delete(3)
    driver.reset()
    return Ledger(Database(driver, plugins))


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_calls_the_same_hooks(driver: CountingDriver, door: str) -> None:
    """One hook by operation, then every plug-in: before, after, after_commit."""
    first, second = Recorder(in_transaction=True), Recorder()
    store = await filled(driver, first, second)
    verb, operation, _ = DOORS[door]

    await verb(store)

    assert [name for name, _ in store.seen] == [operation.value]
    assert first.stages == second.stages == ["before", "after", "after_commit"]
    change = store.seen[0][1]
    assert (change.table, change.operation) == (Draft.__table_info__, operation)
    assert {id(change)} == {
        id(getattr(seen, "change", seen)) for _, seen in (*first.events, *second.events)
    }


@pytest.mark.parametrize("needs_rows", [True, False])
@pytest.mark.parametrize("door", DOORS)
async def test_outcome_is_the_exact_rows(
    driver: CountingDriver, door: str, *, needs_rows: bool
) -> None:
    """Plug-ins see the rows that were touched, as they are stored, and no others."""
    plugin = Recorder(needs_rows=needs_rows)
    store = await filled(driver, plugin)
    verb, _, ids = DOORS[door]

    await verb(store)

    (outcome,) = plugin.outcomes
    assert outcome.count == len(ids)
    if door == "load" and not needs_rows:
        assert outcome.models is None
        return
    assert {each.id for each in outcome.models or ()} == ids
    stored = await store.find(QueryBuilder(Draft).with_deleted().filter(Draft.id.in_(ids)))
    if door != "purge":
        assert sorted(outcome.models or (), key=lambda each: each.id) == sorted(
            stored, key=lambda each: each.id
        )


async def test_stages_follow_each_other(driver: CountingDriver) -> None:
    """Before comes before BEGIN, after between the statement and COMMIT, after_commit last."""
    events: list[str] = []

    class Plugin(Recorder):
        async def before(self, change: Any) -> None:
            events.append(f"before {len(driver.calls)}")

        async def after(self, outcome: Any, connection: Any) -> None:
            assert connection.in_transaction
            events.append(f"after {driver.calls[-2].kind} {driver.calls[-1].kind}")

        async def after_commit(self, outcome: Any) -> None:
            events.append(f"after_commit {driver.calls[-1].kind}")

    store = GenericStore(Database(driver, [Plugin(in_transaction=True)]), Label)

    await store.create(Label(key="k", value="v"))

    assert events == ["before 0", "after begin fetch", "after_commit commit"]


async def test_plugin_without_transaction_costs_no_round_trip(driver: CountingDriver) -> None:
    """Only a plug-in that asks for it puts a single statement between BEGIN and COMMIT."""
    plugin = Recorder()
    store = GenericStore(Database(driver, [plugin]), Label)

    await store.create(Label(key="k", value="v"))

    assert [call.kind for call in driver.calls] == ["fetch"]
    assert "after_commit" in plugin.stages


@pytest.mark.parametrize("door", DOORS)
async def test_refusing_plugin_stops_the_write(driver: CountingDriver, door: str) -> None:
    """Whoever raises in `before` refuses the change: nothing is stored, nobody is told."""

    class Refuser(Recorder):
        async def before(self, change: Any) -> None:
            raise PermissionError("no")

    plugin, watcher = Refuser(), Recorder()
    store = await filled(driver, plugin, watcher)
    before = await everything(store)

    with pytest.raises(PermissionError):
        await DOORS[door][0](store)

    assert await everything(store) == before
    assert watcher.events == []


@pytest.mark.parametrize("door", DOORS)
async def test_plugin_that_fails_in_the_transaction_undoes_it(
    driver: CountingDriver, door: str
) -> None:
    """Whoever raises in `after` rolls the write back, and nobody hears of a commit."""

    class Failing(Recorder):
        async def after(self, outcome: Any, connection: Any) -> None:
            raise RuntimeError("outbox is full")

    plugin, watcher = Failing(in_transaction=True), Recorder()
    store = await filled(driver, watcher, plugin)
    before = await everything(store)

    with pytest.raises(RuntimeError):
        await DOORS[door][0](store)

    assert await everything(store) == before
    assert watcher.outcomes == plugin.outcomes == []
    assert driver.stats().idle == driver.stats().size


async def everything(store: GenericStore[Draft]) -> list[Draft]:
    """All rows, deleted ones too."""
    return await store.find(QueryBuilder(Draft).with_deleted().order_by(Draft.id))


@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert_many", "update"])
async def test_hook_may_alter_models(driver: CountingDriver, door: str) -> None:
    """What a hook writes into the change is what is stored."""

    class Shouting(GenericStore[Draft]):
        async def before_create(self, change: Change[Draft]) -> None:
            for model in change.models or ():
                model.text = model.text.upper()
            change.tags = ["altered"]

        before_update = before_create

    await filled(driver)
    store = Shouting(Database(driver))
    verb, _, ids = DOORS[door]

    await verb(store)

    for record_id in ids:
        row = await store.get(record_id)
        assert (row.text, row.__tags__) == ("N", ["altered"])


@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert_many", "update"])
async def test_altered_models_are_checked_again(driver: CountingDriver, door: str) -> None:
    """A hook cannot smuggle in what validation would refuse."""

    class Careless(GenericStore[Draft]):
        async def before_create(self, change: Change[Draft]) -> None:
            for model in change.models or ():
                model.text = "\x00"

        before_update = before_create

    await filled(driver)
    before = await everything(GenericStore(Database(driver), Draft))
    driver.reset()

    with pytest.raises(ValidationError):
        await DOORS[door][0](Careless(Database(driver)))

    assert await everything(GenericStore(Database(driver), Draft)) == before


async def test_hook_may_alter_changes_and_queries(driver: CountingDriver) -> None:
    """A write by query carries both, and is compiled after the hooks."""

    class Careful(GenericStore[Draft]):
        async def before_update(self, change: Change[Draft]) -> None:
            assert change.query is not None
            change.query = change.query.filter(Draft.id > 1)
            change.changes = {"text": "hooked"}

        async def before_delete(self, change: Change[Draft]) -> None:
            change.ids = [each for each in change.ids or () if each != 1]

    await filled(driver)
    store = Careful(Database(driver))

    changed = await store.update_where(Draft.id < 3, {"text": "given"})
    deleted = await store.delete_many([1, 2])

    assert [(each.id, each.text) for each in changed] == [(2, "hooked")]
    assert deleted == [2]


async def test_hook_may_take_rows_out(driver: CountingDriver) -> None:
    """A batch may be thinned out; an only row cannot be, since the caller waits for it."""

    class Choosy(GenericStore[Label]):
        async def before_create(self, change: Change[Label]) -> None:
            change.models = [each for each in change.models or () if each.value]

    store = Choosy(Database(driver))

    created = await store.create_many([Label(key="a", value=""), Label(key="b", value="x")])

    assert [each.key for each in created] == ["b"]
    assert await store.create_many([Label(key="a", value="")]) == []
    assert await store.load([Label(key="a", value=""), Label(key="c", value="x")]) == 1
    with pytest.raises(QueryError):
        await store.create(Label(key="a", value=""))


async def test_altered_keys_are_what_is_looked_for(driver: CountingDriver) -> None:
    """Verbs by id act on the ids of the change, whatever the caller asked for."""

    class Redirecting(GenericStore[Draft]):
        async def before_update(self, change: Change[Draft]) -> None:
            change.ids = [2]

        before_delete = before_update

    await filled(driver)
    store = Redirecting(Database(driver))

    assert (await store.patch(1, text="x")).id == 2
    assert await store.delete(1)
    assert await store.get_many([1, 2]) == [await store.get(1), None]


async def test_hook_sees_checked_changes_only(driver: CountingDriver) -> None:
    """What cannot be stored is refused before any hook is asked."""
    store = Ledger(Database(driver))

    with pytest.raises(ValidationError):
        await store.create(Draft(id=1, text="\x00"))
    with pytest.raises(QueryError):
        await store.patch(1, nope=1)

    assert store.seen == []


async def test_refused_row_is_told_to_nobody(driver: CountingDriver) -> None:
    """A violation, and a row that is not there, end the write before after_commit."""
    plugin = Recorder()
    store = GenericStore(Database(driver, [plugin]), Wallet)
    await store.create(Wallet(id=1, owner="a"))
    plugin.events.clear()

    with pytest.raises(UniqueViolation):
        await store.create(Wallet(id=2, owner="a"))
    with pytest.raises(NotFound):
        await store.patch(5, balance=Decimal(1))

    assert plugin.stages == ["before", "before"]


async def test_load_shows_its_rows_to_those_who_need_them(
    driver: CountingDriver, small_chunks: int
) -> None:
    """With needs_rows a load inserts with RETURNING; ids made by the server are known then."""
    plugin = Recorder(needs_rows=True)
    store = GenericStore(Database(driver, [plugin]), Ticket)

    assert await store.load(Ticket(title=str(i)) for i in range(2_500)) == 2_500

    assert [outcome.count for outcome in plugin.outcomes] == [1_000, 1_000, 500]
    seen = [each.title for outcome in plugin.outcomes for each in outcome.models or ()]
    assert sorted(seen, key=int) == [str(i) for i in range(2_500)]
    assert all(each.id > 0 for outcome in plugin.outcomes for each in outcome.models or ())
    assert "copy_in" not in driver.counts


@pytest.mark.parametrize("needs_rows", [True, False])
async def test_large_load_is_told_as_a_whole(
    driver: CountingDriver, small_chunks: int, *, needs_rows: bool
) -> None:
    """Past 10,000 rows a commit is one outcome without models, so that memory stays bounded."""
    plugin = Recorder(in_transaction=True, needs_rows=needs_rows)
    store = GenericStore(Database(driver, [plugin]), Label)

    await store.load((Label(key=str(i), value="") for i in range(10_500)), tags=["t"])

    (outcome,) = plugin.outcomes
    assert (outcome.count, outcome.models, outcome.change.tags) == (10_500, None, ["t"])
    assert plugin.stages.count("before") == plugin.stages.count("after") == 11


async def test_load_by_insert_names_the_row(driver: CountingDriver, small_chunks: int) -> None:
    """The index counts from the start of all rows, in later chunks too, by either way."""
    for plugins in ([], [Recorder(needs_rows=True)]):
        store = GenericStore(Database(driver, plugins), Label)

        def rows(last: Any) -> Any:
            yield from (Label(key=str(i), value="") for i in range(2_003))
            yield Label(key=last, value="")

        with pytest.raises(ValidationError) as refused:
            await store.load(rows(5))
        with pytest.raises(UniqueViolation) as caught:
            await store.load(rows("17"))

        assert (refused.value.row_index, caught.value.row_index) == (2_003, 2_003)
        assert await store.count() == 0


async def test_hooks_nobody_wrote_cost_nothing(tables_url: str) -> None:
    """A plain store compiles a change once; one with hooks compiles it again after them."""
    store = GenericStore(Database(driver_of(tables_url)), Draft)
    ledger = Ledger(Database(driver_of(tables_url)))
    change: Change[Draft] = Change(table=Draft.__table_info__, operation=Operation.CREATE)

    assert store._hooks(change) == ()
    assert [hook.__name__ for hook in ledger._hooks(change)] == ["before_create"]


async def test_airport_store_with_rules(driver: CountingDriver) -> None:
    """A subclass carries verbs and rules of the application."""

    class Airports(GenericStore[Airport]):
        async def before_create(self, change: Change[Airport]) -> None:
            if any(each.country == "XX" for each in change.models or ()):
                raise PermissionError("no such country")

        async def in_country(self, country: str) -> list[Airport]:
            return await self.find(Airport.country == country)

    store = Airports(Database(driver))
    await store.create(airport(1))

    with pytest.raises(PermissionError):
        await store.load([airport(2), airport(3, country="XX")])

    assert len(await store.in_country("DE")) == 1

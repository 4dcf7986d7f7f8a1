"""Callbacks get events of what was committed, in order, and hurt nobody when they fail."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import pytest

from storehaus import (
    UNSET,
    AppConfig,
    DatabaseConfig,
    DatabaseEvent,
    EventType,
    Field,
    Model,
    NotFound,
    SignalConfig,
    SignalError,
    StoreHaus,
    field,
    sql,
)

pytestmark = pytest.mark.anyio


class Bird(Model, table="signal_birds", soft_delete=True):
    """What is written."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    seen: Field[int] = field(default=0)
    places: Field[list[str]] = field(default_factory=list)


class Pair(Model, table="signal_pairs"):
    """An id of two parts."""

    left: Field[int] = field(primary_key=True)
    right: Field[int] = field(primary_key=True)
    text: Field[str] = field(default="")


class Log:
    """A callback that keeps what it gets."""

    def __init__(self) -> None:
        self.events: list[DatabaseEvent] = []

    async def __call__(self, event: DatabaseEvent) -> None:
        """Keep an event."""
        self.events.append(event)

    @property
    def told(self) -> list[tuple[str, Any]]:
        """Type and id of each event."""
        return [(each.event_type.value, each.record_id) for each in self.events]


def configured(url: str, **signal: Any) -> StoreHaus:
    """Make a haus with these limits."""
    return StoreHaus(AppConfig(database=DatabaseConfig(url=url), signal=SignalConfig(**signal)))


@pytest.fixture
async def haus(postgres_url: str) -> AsyncIterator[StoreHaus]:
    """A haus with two tables."""
    async with configured(postgres_url, callback_timeout_seconds=60.0) as haus:
        await haus.auto_migrate(Bird, Pair)
        yield haus


async def test_every_verb_tells_of_every_row(haus: StoreHaus) -> None:
    """In the order of the commits, by single row or many."""
    log, birds = Log(), haus.store(Bird)
    haus.signals.add_callback(log)
    await birds.create(Bird(id=1))
    await birds.create_many([Bird(id=2), Bird(id=3)])
    await birds.load([Bird(id=4), Bird(id=5)])
    await birds.update(1, Bird(id=1, name="a"))
    await birds.patch(2, name="b")
    await birds.update_many([(3, Bird(id=3, name="c"))])
    await birds.upsert(Bird(id=3, name="d"))
    await birds.upsert(Bird(id=6))
    await birds.update_where(Bird.id >= 4, {"seen": 1})
    await birds.delete(1)
    await birds.restore(1)
    await birds.purge(2)
    await birds.delete_many([3, 4])
    await birds.delete_where(Bird.id == 5)
    await haus.signals.drain()
    told = log.told
    assert told[:11] == [
        *(("create", i) for i in (1, 2, 3, 4, 5)),
        *(("update", i) for i in (1, 2, 3, 3)),
        ("create", 6),
        ("update", 4),
    ]
    assert told[11:] == [
        *(("update", i) for i in (5, 6)),
        ("delete", 1),
        ("create", 1),
        *(("delete", i) for i in (2, 3, 4, 5)),
    ]
    assert haus.signals.stats().emitted == len(told)


async def test_an_event_says_what_was_written(haus: StoreHaus) -> None:
    """The row as stored, its tags, what changed, when, and by whom."""
    log, birds = Log(), haus.store(Bird)
    haus.signals.add_callback(log)
    bird = Bird(id=1, name="a", places=["x"])
    with haus.actor("user:42"):
        await birds.create(bird, tags=["import"])
    await birds.patch(1, {Bird.seen: Bird.seen + 1, Bird.name: "b"})
    bird.places.append("y")
    await haus.store(Pair).create(Pair(left=1, right=2))
    await haus.signals.drain()
    created, updated, pair = log.events
    assert created.table_name == "signal_birds"
    assert created.tags == ("import",)
    assert (created.actor, updated.actor) == ("user:42", None)
    assert created.payload["places"] == ["x"]
    assert created.payload["__tags__"] == ["import"]
    assert created.changes == {}
    assert updated.payload["seen"] == 1
    assert updated.changes == {"seen": (UNSET, 1), "name": (UNSET, "b")}
    assert created.id < updated.id
    assert created.timestamp.tzinfo is not None
    assert created.timestamp <= updated.timestamp
    assert pair.record_id == (1, 2)


async def test_filters(haus: StoreHaus) -> None:
    """By model, by name of the table, by type and by tag."""
    logs = {name: Log() for name in ("model", "name", "type", "tag", "all", "decorated")}
    signals = haus.signals
    signals.add_callback(logs["model"], tables=Bird)
    signals.add_callback(logs["name"], tables="signal_pairs")
    signals.add_callback(logs["type"], types={EventType.DELETE, EventType.UPDATE})
    signals.add_callback(logs["tag"], tags={"red", "blue"})
    signals.add_callback(logs["all"], tables=[Bird, Pair])
    decorate = signals.on(Bird, EventType.CREATE, tags=["red"])
    assert decorate(logs["decorated"]) is logs["decorated"]
    await haus.store(Bird).create(Bird(id=1), tags=["red", "green"])
    await haus.store(Pair).create(Pair(left=1, right=1), tags=["green"])
    await haus.store(Bird).patch(1, name="x")
    await signals.drain()
    bird, pair, update = ("create", 1), ("create", (1, 1)), ("update", 1)
    assert {name: log.told for name, log in logs.items()} == {
        "model": [bird, update],
        "name": [pair],
        "type": [update],
        "tag": [bird, update],
        "all": [bird, pair, update],
        "decorated": [bird],
    }


async def test_only_what_was_committed_is_told(haus: StoreHaus) -> None:
    """Nothing of a transaction that was undone, nothing of a savepoint; the rest at its end."""
    log, birds = Log(), haus.store(Bird)
    haus.signals.add_callback(log)
    with suppress(KeyError):
        async with haus.transaction():
            await birds.create(Bird(id=1))
            raise KeyError
    async with haus.transaction():
        await birds.create(Bird(id=2))
        with suppress(KeyError):
            async with haus.transaction():
                await birds.create(Bird(id=3))
                raise KeyError
        await birds.create(Bird(id=4))
        await haus.signals.drain()
        assert log.told == []
    with pytest.raises(NotFound):
        await birds.patch(9, name="x")
    await haus.signals.drain()
    assert log.told == [("create", 2), ("create", 4)]


async def test_calls_that_share_a_statement_are_told_each(haus: StoreHaus) -> None:
    """Each with the actor of its own caller."""
    log, birds = Log(), haus.store(Bird)
    haus.signals.add_callback(log)

    async def create(number: int) -> None:
        with haus.actor(f"user:{number}"):
            await birds.create(Bird(id=number))

    await asyncio.gather(*(create(i) for i in range(50)))
    await haus.signals.drain()
    assert {each.record_id: each.actor for each in log.events} == {
        i: f"user:{i}" for i in range(50)
    }


async def test_a_slow_callback_delays_nobody(haus: StoreHaus) -> None:
    """Neither the writer nor other callbacks."""
    may_go, log, birds = asyncio.Event(), Log(), haus.store(Bird)

    async def slow(_: DatabaseEvent) -> None:
        await may_go.wait()

    haus.signals.add_callback(slow)
    haus.signals.add_callback(log)
    for i in range(3):
        await birds.create(Bird(id=i))
    while len(log.events) < 3:  # noqa: ASYNC110 - it is the loop that is waited for
        await asyncio.sleep(0)
    assert haus.signals.stats().queue_depth == 2
    may_go.set()
    await haus.signals.drain()
    assert haus.signals.stats().queue_depth == 0


async def test_a_failing_callback_is_removed(haus: StoreHaus, caplog: Any) -> None:
    """After three failures in a row; a success in between begins the count anew."""
    birds, runs = haus.store(Bird), 0

    async def failing(_: DatabaseEvent) -> None:
        nonlocal runs
        runs += 1
        if runs != 3:
            raise ValueError("a secret")

    errors: list[tuple[str, int, str]] = []

    async def handle(error: Exception, event: DatabaseEvent, name: str) -> None:
        errors.append((type(error).__name__, event.record_id, name))

    caplog.set_level(logging.DEBUG)
    handle_of = haus.signals.add_callback(failing, name="fragile")
    haus.signals.set_error_handler(handle)
    for i in range(10):
        await birds.create(Bird(id=i))
    await haus.signals.drain()
    assert runs == 6
    assert not handle_of.is_active
    assert haus.signals.callback_count == 0
    assert errors == [("ValueError", i, "fragile") for i in (0, 1, 3, 4, 5)]
    stats = haus.signals.stats()
    assert (stats.failures, stats.removed, stats.executions) == (5, 1, 6)
    assert "a secret" not in caplog.text


async def test_a_callback_that_takes_too_long_is_cut_off(postgres_url: str) -> None:
    """Even one that does not want to end, and no task is left behind."""
    async with configured(postgres_url, callback_timeout_seconds=0.01) as haus:
        await haus.auto_migrate(Bird)
        ended = asyncio.Event()

        async def endless(_: DatabaseEvent) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        haus.signals.add_callback(endless)
        await haus.store(Bird).create(Bird(id=1))
        await haus.signals.drain()
        stats = haus.signals.stats()
        assert ended.is_set()
        assert (stats.timeouts, stats.failures) == (1, 0)
        await haus.signals.shutdown()
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert not any(name.startswith("storehaus-signal") for name in names)


async def test_a_function_runs_in_a_thread_in_the_writers_context(haus: StoreHaus) -> None:
    """Context variables of the writer are there, in a coroutine as in a thread."""
    trace: ContextVar[str] = ContextVar("trace", default="none")
    found: list[tuple[str, bool]] = []

    def plain(_: DatabaseEvent) -> None:
        found.append((trace.get(), threading.current_thread() is threading.main_thread()))

    async def coroutine(_: DatabaseEvent) -> None:
        found.append((trace.get(), threading.current_thread() is threading.main_thread()))

    haus.signals.add_callback(plain)
    haus.signals.add_callback(coroutine)
    trace.set("abc")
    await haus.store(Bird).create(Bird(id=1))
    trace.set("other")
    await haus.signals.drain()
    assert sorted(found) == [("abc", False), ("abc", True)]


async def test_a_callback_may_write(haus: StoreHaus) -> None:
    """Outside of the transaction that it is told of."""
    birds, pairs = haus.store(Bird), haus.store(Pair)

    @haus.signals.on(Bird)
    async def count(event: DatabaseEvent) -> None:
        await pairs.create(Pair(left=event.record_id, right=0))

    async with haus.transaction():
        await birds.create(Bird(id=1))
    await birds.create(Bird(id=2))
    await haus.signals.drain()
    assert await pairs.count() == 2
    assert count.__name__ == "count"


@pytest.mark.parametrize("policy", ["drop_oldest", "block", "error"])
async def test_a_full_queue(postgres_url: str, policy: str) -> None:
    """The oldest event goes, the writer waits, or he gets an error and has committed."""
    async with configured(postgres_url, queue_size=2, queue_policy=policy) as haus:
        await haus.auto_migrate(Bird)
        may_go, begun, found = asyncio.Event(), asyncio.Event(), list[int]()
        birds = haus.store(Bird)

        async def slow(event: DatabaseEvent) -> None:
            begun.set()
            await may_go.wait()
            found.append(event.record_id)

        haus.signals.add_callback(slow)
        await birds.create(Bird(id=0))
        await begun.wait()
        await birds.create_many([Bird(id=1), Bird(id=2)])
        last = asyncio.create_task(birds.create(Bird(id=3)))
        if policy == "error":
            with pytest.raises(ExceptionGroup) as caught:
                await last
            assert caught.group_contains(SignalError)
        elif policy == "drop_oldest":
            await last
        while not await birds.get_by_id(3):  # noqa: ASYNC110 - the database knows
            await asyncio.sleep(0)
        assert last.done() is (policy != "block")
        may_go.set()
        await asyncio.gather(last, return_exceptions=True)
        await haus.signals.drain()
        expected = {"drop_oldest": [0, 2, 3], "block": [0, 1, 2, 3], "error": [0, 1, 2]}
        assert found == expected[policy]
        assert haus.signals.stats().drops == (0 if policy == "block" else 1)


async def test_handles(haus: StoreHaus) -> None:
    """A callback is taken back once; then writes cost nothing more."""
    log, birds = Log(), haus.store(Bird)
    plugins = haus.cache._core.database.plugins
    handle = haus.signals.add_callback(log, name="log")
    assert (handle.name, handle.is_active) == ("log", True)
    assert len(haus.cache._core.database.plugins) == len(plugins) + 1
    handle.unsubscribe()
    handle.unsubscribe()
    assert not handle.is_active
    assert haus.cache._core.database.plugins == plugins
    await birds.create(Bird(id=1))
    await haus.signals.drain()
    assert log.events == []
    haus.signals.add_callback(log)
    haus.signals.add_callback(Log())
    haus.signals.clear_callbacks()
    assert haus.signals.callback_count == 0


async def test_an_inactive_callback_is_removed(postgres_url: str) -> None:
    """As the configuration says."""
    async with configured(
        postgres_url, cleanup_interval_seconds=0.01, inactive_callback_threshold_seconds=0.02
    ) as haus:
        await haus.auto_migrate(Bird, Pair)
        idle, gone = haus.signals.add_callback(Log(), tables=Pair), asyncio.Event()

        @haus.signals.on(Bird)
        async def watch(_: DatabaseEvent) -> None:
            if not idle.is_active:
                gone.set()

        number = 0
        while not gone.is_set():
            await haus.store(Bird).create(Bird(id=(number := number + 1)))
            await haus.signals.drain()
        assert haus.signals.stats().removed == 1
        assert watch.__name__ == "watch"


async def test_events_of_ones_own(haus: StoreHaus) -> None:
    """They reach those who want them; after the end nobody."""
    log, other = Log(), Log()
    haus.signals.add_callback(log, tables="mail")
    haus.signals.add_callback(other, tables=Bird)
    await haus.store(Bird).create(Bird(id=1))
    await haus.signals.drain()
    (event,) = other.events
    mine = DatabaseEvent(
        id="m1",
        event_type=EventType.CREATE,
        table_name="mail",
        record_id=1,
        tags=(),
        payload={},
        changes={},
        timestamp=event.timestamp,
    )
    await haus.signals.emit(mine)
    await haus.signals.drain()
    assert log.events == [mine]
    assert len(other.events) == 1
    await haus.signals.shutdown()
    with pytest.raises(SignalError):
        await haus.signals.emit(mine)
    with pytest.raises(SignalError):
        haus.signals.add_callback(log)


WRONG: dict[str, dict[str, Any]] = {
    "tables-number": {"tables": 5},
    "tables-object": {"tables": [object()]},
    "types-name": {"types": "rename"},
    "types-number": {"types": ["create", 1]},
    "tags-text": {"tags": "red"},
    "tags-number": {"tags": [1]},
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_filters_are_refused(haus: StoreHaus, wrong: str) -> None:
    """With a typed error, at once."""
    with pytest.raises(SignalError):
        haus.signals.add_callback(Log(), **WRONG[wrong])
    with pytest.raises(SignalError):
        haus.signals.add_callback("no function")  # type: ignore[arg-type]  # it is none
    assert haus.signals.callback_count == 0


async def test_there_is_an_end_to_callbacks(postgres_url: str) -> None:
    """As the configuration says."""
    haus = configured(postgres_url, max_callbacks=2)
    haus.signals.add_callback(Log())
    haus.signals.add_callback(Log())
    with pytest.raises(SignalError):
        haus.signals.add_callback(Log())


async def test_health_tells_of_drops(haus: StoreHaus) -> None:
    """Without callbacks there is nothing to tell."""
    assert (await haus.health()).signals is None
    haus.signals.add_callback(Log())
    found = (await haus.health()).signals
    assert found is not None
    assert found.ok
    assert "1 callbacks" in found.detail


async def test_closing_waits_for_callbacks(postgres_url: str) -> None:
    """They may still use the stores."""
    done: list[int] = []
    async with configured(postgres_url) as haus:
        await haus.auto_migrate(Bird)
        birds = haus.store(Bird)

        @haus.signals.on(EventType.CREATE)
        async def late(event: DatabaseEvent) -> None:
            await asyncio.sleep(0)
            if (bird := await birds.get_by_id(event.record_id)) is not None:
                done.append(bird.id)

        await birds.create(Bird(id=1))
    assert done == [1]
    assert late.__name__ == "late"


async def test_sql_by_hand_is_not_told(haus: StoreHaus) -> None:
    """Nobody here knows what it wrote; events of it come with durable subscriptions."""
    log = Log()
    haus.signals.add_callback(log)
    await haus.fetch(sql("INSERT INTO {t} VALUES (1, 1)", t=Pair))
    await haus.signals.drain()
    assert log.events == []

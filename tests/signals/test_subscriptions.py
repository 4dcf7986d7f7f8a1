"""Named subscriptions get every committed write, in order, and go on by themselves."""

import asyncio
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest

from fault.waiting import until
from fix_events import Crate, Inbox, Ship, Witness, log_haus, until_state
from storehaus import (
    DatabaseEvent,
    EventType,
    Field,
    Model,
    ModelDefinitionError,
    PauseSubscription,
    SignalError,
    StoreHaus,
    Transaction,
    field,
)

pytestmark = pytest.mark.anyio


async def ships(haus: StoreHaus, *ids: int, tags: Sequence[str] = ()) -> None:
    """Create rows, each in a transaction and a tick of its own."""
    for each in ids:
        await haus.store(Ship).create(Ship(id=each), tags=tags)
        await haus.events.subscriptions()


def handler(shape: str, inbox: Inbox) -> Callable[..., Any]:
    """Make a handler of a shape."""

    async def single(event: DatabaseEvent) -> None:
        await inbox(event)

    async def joined(event: DatabaseEvent, tx: Transaction) -> None:
        assert tx.is_open
        await inbox(event)

    async def many(events: list[DatabaseEvent]) -> None:
        await inbox.take(events)

    async def many_joined(events: Sequence[DatabaseEvent], tx: Transaction) -> None:
        assert tx.is_open
        await inbox.take(list(events))

    async def unannotated(events):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - that is the case
        await inbox.take(events)  # pyright: ignore[reportUnknownArgumentType]  # the same

    found: dict[str, Callable[..., Any]] = {
        "event": single,
        "event, tx": joined,
        "events": many,
        "events, tx": many_joined,
        "by name": unannotated,
        "object": inbox,
        "method": inbox.take,
    }
    return found[shape]


SHAPES = ["event", "event, tx", "events", "events, tx", "by name", "object", "method"]


@pytest.mark.parametrize("shape", SHAPES)
async def test_shapes_of_handlers(event_haus: StoreHaus, shape: str) -> None:
    """Single events or lists, with the transaction or without."""
    await event_haus.store(Ship).create_many([Ship(id=1), Ship(id=2), Ship(id=3)])
    inbox = Inbox()
    event_haus.subscription("s", Ship, start="beginning")(handler(shape, inbox))
    await inbox.until(3)
    assert inbox.ids == [1, 2, 3]
    assert (inbox.calls == [[1, 2, 3]]) is (shape not in {"event", "event, tx", "object"})


async def test_what_an_event_says(event_haus: StoreHaus) -> None:
    """Its id, the row, what changed, its tags, and who."""
    inbox, store = Inbox(), event_haus.store(Ship)
    event_haus.subscription("s", Ship, start="beginning")(inbox)
    with event_haus.actor("ann"):
        made = await store.create(Ship(id=1, name="a"), tags=["x"])
    patched = await store.patch(1, name="b")
    await store.delete(1)
    created, updated, deleted = await inbox.until(3)
    assert inbox.told == [("create", 1), ("update", 1), ("delete", 1)]
    assert (created.actor, updated.actor, deleted.tags) == ("ann", None, ("x",))
    assert created.payload["__created_at__"] == made.__created_at__
    assert updated.changes["name"] == ("a", "b")
    assert deleted.payload["__updated_at__"] == patched.__updated_at__
    assert len({each.id for each in inbox.events}) == 3
    assert created.timestamp <= updated.timestamp <= deleted.timestamp


FILTERS: dict[str, tuple[dict[str, Any], list[tuple[str, Any]]]] = {
    "type": ({"types": EventType.DELETE}, [("delete", 1)]),
    "types": (
        {"types": [EventType.DELETE, EventType.UPDATE]},
        [("update", 2), ("delete", 1)],
    ),
    "tags": ({"tags": ["b", "z"]}, [("create", 2), ("update", 2), ("create", 9)]),
    "tag": ({"tags": "a"}, [("create", 1), ("create", 2), ("update", 2), ("delete", 1)]),
    "both": ({"tags": "b", "types": EventType.UPDATE}, [("update", 2)]),
}


@pytest.mark.parametrize("wanted", FILTERS)
async def test_filters(event_haus: StoreHaus, wanted: str) -> None:
    """Types, and tags of which a row has one; of several models in the order of the commits."""
    store, crates = event_haus.store(Ship), event_haus.store(Crate)
    await store.create(Ship(id=1), tags=["a"])
    await store.create(Ship(id=2), tags=["a", "b"])
    await store.create(Ship(id=3))
    await store.patch(2, size=1)
    await store.delete(1)
    await crates.create(Crate(id=9), tags=["b"])
    inbox, (options, expected) = Inbox(), FILTERS[wanted]
    event_haus.subscription("s", Ship, Crate, start="beginning", **options)(inbox)
    await inbox.until(len(expected))
    state = await until_state(event_haus, "s", lambda found: found.lag_events == 0)
    assert inbox.told == expected
    assert state.filter["tables"] == ["public.event_crates", "public.event_ships"]


async def test_one_of_several_processes_works(event_haus: StoreHaus, events_url: str) -> None:
    """The others wait, and one takes over when it goes; nothing comes twice."""
    first, second = Inbox(), Inbox()
    event_haus.subscription("s", Ship, start="beginning")(first)
    await ships(event_haus, 1)
    await first.until(1)
    async with log_haus(events_url) as other:
        other.subscription("s", Ship)(second)
        await ships(other, 2, 3)
        await first.until(3)
        await event_haus.close()
        await ships(other, 4, 5)
        await second.until(2)
    assert (first.ids, second.ids) == ([1, 2, 3], [4, 5])


async def test_a_restart_goes_on(event_haus: StoreHaus, events_url: str) -> None:
    """With what came meanwhile, and with that alone; another start changes nothing."""
    before, after = Inbox(), Inbox()
    async with log_haus(events_url) as other:
        other.subscription("s", Ship)(before)
        await until_state(other, "s", lambda _: True)
        await ships(event_haus, 1, 2)
        await before.until(2)
    await ships(event_haus, 3, 4)
    event_haus.subscription("s", Ship, start="beginning")(after)
    await after.until(2)
    assert (before.ids, after.ids) == ([1, 2], [3, 4])


STARTS = {"now": [], "beginning": [1, 2, 3], "tick": [2, 3], "moment": [2, 3], "id": [2, 3]}


@pytest.mark.parametrize("by", ["declaration", "replay"])
@pytest.mark.parametrize("start", STARTS)
async def test_starts(event_haus: StoreHaus, event_witness: Witness, start: str, by: str) -> None:
    """A new subscription begins where it is told to; one that is there already does not."""
    await ships(event_haus, 1)
    ((tick,),) = await event_witness.fetch("SELECT max(id) FROM storehaus.tick")
    moment = await event_witness.fetchval("SELECT clock_timestamp()")
    await ships(event_haus, 2, 3)
    tail = [each async for each in event_haus.events.tail(start="beginning", follow=False)]
    given: Any = {"tick": tick, "moment": moment, "id": tail[1].id}.get(start, start)
    inbox = Inbox()
    if by == "replay":
        await event_haus.events.replay("s", start=given)
        with pytest.raises(SignalError):
            await event_haus.events.replay("s", start="now")
        event_haus.subscription("s", Ship)(inbox)
    else:
        event_haus.subscription("s", Ship, start=given)(inbox)
        await until_state(event_haus, "s", lambda _: True)
    await ships(event_haus, 4)
    await inbox.until(len(STARTS[start]) + 1)
    assert inbox.ids == [*STARTS[start], 4]


@pytest.mark.parametrize("start", ["1:999999", "9:1", "yesterday", 10**9])
async def test_places_that_are_not_there(event_haus: StoreHaus, start: Any) -> None:
    """Are refused."""
    with pytest.raises(SignalError):
        await event_haus.events.replay("s", start=start)


async def test_a_snapshot_and_what_is_written_meanwhile(event_haus: StoreHaus) -> None:
    """Rows that were there, then every later write: together they give the table as it is."""
    store, inbox = event_haus.store(Ship), Inbox()
    await store.create_many([Ship(id=each) for each in range(40)])

    async def write(first: int) -> None:
        for each in range(first, 40, 4):
            await store.patch(each, {Ship.size: Ship.size + 1})
            await (store.delete(each) if each % 3 else store.create(Ship(id=100 + each)))

    writers = asyncio.gather(*map(write, range(4)))
    event_haus.subscription("s", Ship, start="snapshot", page_size=7)(inbox)
    await writers
    await store.create(Ship(id=999))
    await inbox.until_so(lambda: 999 in inbox.ids)
    found: dict[Any, Any] = {}
    for each in inbox.events:
        found.pop(each.record_id, None)
        if each.event_type is not EventType.DELETE:
            found[each.record_id] = each.payload["size"]
    assert found == {each.id: each.size for each in await store.find(Ship.id >= 0)}


async def test_a_snapshot_waits_for_ticks(
    event_haus: StoreHaus, event_witness: Witness, events_url: str
) -> None:
    """While somebody makes a tick nobody takes a snapshot: what lies between would be lost."""
    await ships(event_haus, 1)
    inbox = Inbox()

    async def is_decided() -> bool:
        waits = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return bool(inbox.events or await event_witness.fetch(waits))

    async with event_witness.transaction():
        ((body,),) = await event_witness.fetch("SELECT prosrc FROM pg_proc WHERE proname = 'tick'")
        assert "storehaus.lock_ticks()" in body
        await event_witness.execute("SELECT storehaus.lock_ticks()")
        event_haus.subscription("s", Ship, start="snapshot")(inbox)
        await until(is_decided)
        assert inbox.events == []
    await inbox.until(1)


async def test_a_snapshot_of_old_rows(event_haus: StoreHaus, event_witness: Witness) -> None:
    """They have no events any more: only the snapshot tells of them, those that are wanted."""
    await event_haus.store(Crate).create(Crate(id=1), tags=["a"])
    await event_haus.store(Crate).create(Crate(id=2))
    await event_haus.store(Crate).create(Crate(id=3), tags=["a"])
    await event_haus.store(Crate).delete(3)
    await event_haus.events.subscriptions()
    await event_witness.execute("DELETE FROM storehaus.event")
    whole, tagged = Inbox(), Inbox()
    event_haus.subscription("whole", Crate, start="snapshot")(whole)
    event_haus.subscription("tagged", Crate, start="snapshot", tags=["a"])(tagged)
    await until_state(event_haus, "whole", lambda found: found.state == "running")
    await until_state(event_haus, "tagged", lambda found: found.state == "running")
    assert (whole.told, tagged.ids) == ([("create", 1), ("create", 2)], [1])


async def test_a_pause_does_not_end_a_snapshot(
    event_haus: StoreHaus, event_witness: Witness
) -> None:
    """Rows that came no further come after it."""
    await ships(event_haus, 1, 2, 3)
    await event_witness.execute("DELETE FROM storehaus.event")

    def refuse(event: DatabaseEvent) -> None:
        if len(inbox.calls) == 2:
            raise PauseSubscription("not now")

    inbox = Inbox(refuse)
    event_haus.subscription("s", Ship, start="snapshot")(inbox)
    await inbox.until_so(lambda: len(inbox.calls) == 2)
    await until_state(event_haus, "s", lambda found: found.state == "running")
    assert set(inbox.ids) == {1, 2, 3}


BOTH = """
SELECT (SELECT count(*) FROM event_crates), (SELECT count(*) FROM storehaus.subscription
    WHERE seq > 0), (SELECT count(*) FROM storehaus.parked)
"""


async def test_effect_and_position_are_one(
    event_haus: StoreHaus, event_witness: Witness, quick_looks: None
) -> None:
    """What a handler writes is there once; where it fails nothing of it is, and others go on."""
    crates, inbox = event_haus.store(Crate), Inbox()

    async def copy(event: DatabaseEvent, tx: Transaction) -> None:
        await crates.create(Crate(id=event.record_id))
        if event.record_id == 2 and [2] not in inbox.calls:
            tx.on_rollback(lambda: inbox.calls.append([2]))
            raise RuntimeError
        seen.append(await event_witness.fetchrow(BOTH))
        tx.on_commit(lambda: inbox(event))

    seen: list[Any] = []
    await event_haus.store(Ship).create_many([Ship(id=1), Ship(id=2), Ship(id=3)])
    options: Any = {"start": "beginning", "backoff_seconds": 0.01}
    event_haus.subscription("s", Ship, **options)(copy)
    await inbox.until(3)
    assert inbox.ids == [1, 3, 2]
    assert [(*row,) for row in seen] == [(0, 0, 0), (0, 0, 0), (2, 1, 1)]
    assert tuple(await event_witness.fetchrow(BOTH) or ()) == (3, 1, 0)


async def test_a_handler_that_takes_too_long(event_haus: StoreHaus) -> None:
    """Is cancelled, and its event parked; others go on."""

    async def hang(event: DatabaseEvent) -> None:
        await (asyncio.Event().wait() if event.record_id == 1 else inbox(event))

    inbox = Inbox()
    options: Any = {"start": "beginning", "timeout_seconds": 0.05, "backoff_seconds": 100.0}
    await ships(event_haus, 1, 2)
    event_haus.subscription("s", Ship, **options)(hang)
    await inbox.until(1)
    assert (await until_state(event_haus, "s", lambda found: found.parked)).parked == 1


class Fleeting(Model, table="fleeting"):
    """Not durable."""

    id: Field[int] = field(primary_key=True)


class Missing(Model, table="missing", durable=True):
    """Nobody has made its table."""

    id: Field[int] = field(primary_key=True)


async def good(event: DatabaseEvent) -> None:
    """Do nothing."""


WRONG: dict[str, tuple[Any, dict[str, Any]]] = {
    "no model": ((), {}),
    "not durable": ((Fleeting,), {}),
    "no table": ((int,), {}),
    "unknown option": ((Ship,), {"speed": 1}),
    "attempts 0": ((Ship,), {"attempts": 0}),
    "attempts text": ((Ship,), {"attempts": "3"}),
    "lease": ((Ship,), {"lease_seconds": math.inf}),
    "timeout": ((Ship,), {"timeout_seconds": -1}),
    "dead letters": ((Ship,), {"on_dead_letter": "drop"}),
    "naive": ((Ship,), {"start": datetime(2026, 1, 1)}),  # noqa: DTZ001 - that is the case
    "start word": ((Ship,), {"start": "yesterday"}),
    "start number": ((Ship,), {"start": 1.5}),
    "types word": ((Ship,), {"types": "rename"}),
    "types number": ((Ship,), {"types": [1]}),
    "tags number": ((Ship,), {"tags": [1]}),
}
NO_HANDLERS: dict[str, Any] = {
    "sync": print,
    "nothing": None,
    "no parameter": Fleeting,
}


@pytest.mark.parametrize("wrong", [*WRONG, *NO_HANDLERS, "name empty", "name long", "name taken"])
async def test_wrong_declarations_are_refused(event_haus: StoreHaus, wrong: str) -> None:
    """At once, and nothing begins."""
    models, options = WRONG.get(wrong, ((Ship,), {}))
    names = {"name empty": "", "name long": "x" * 101}
    if wrong == "name taken":
        event_haus.subscription("s", Ship)(good)
    with pytest.raises(SignalError):
        event_haus.subscription(names.get(wrong, "s"), *models, **options)(
            NO_HANDLERS.get(wrong, good)
        )
    assert event_haus.events.is_in_use is (wrong == "name taken")


async def test_what_is_undone_is_not_told(event_haus: StoreHaus) -> None:
    """Neither a transaction nor a savepoint that is rolled back; the rest is, after the commit."""
    inbox, store = Inbox(), event_haus.store(Ship)
    event_haus.subscription("s", Ship, start="beginning")(inbox)
    with suppress(ZeroDivisionError):
        async with event_haus.transaction():
            await store.create(Ship(id=1))
            raise ZeroDivisionError
    async with event_haus.transaction():
        await store.create(Ship(id=2))
        with suppress(ZeroDivisionError):
            async with event_haus.transaction():
                await store.create(Ship(id=3))
                raise ZeroDivisionError
        await store.create(Ship(id=4))
        await event_haus.events.subscriptions()
        assert inbox.events == []
    await ships(event_haus, 5)
    await inbox.until(3)
    assert inbox.ids == [2, 4, 5]


async def test_health_and_states(event_haus: StoreHaus) -> None:
    """They say who works on what, and what keeps others from it."""
    event_haus.subscription("good", Ship)(good)
    state = await until_state(event_haus, "good", lambda found: found.owner)
    assert (state.state, state.parked, state.dead, state.reason) == ("running", 0, 0, None)
    assert (await event_haus.health()).signals is not None
    event_haus.subscription("bad", Missing)(good)

    async def is_told() -> bool:
        found = (await event_haus.health()).signals
        return found is not None and not found.ok and "Missing" in found.detail

    await until(is_told)
    with pytest.raises(SignalError):
        await event_haus.events.forget("good")
    await event_haus.events.unsubscribe("good")
    await event_haus.events.forget("good")
    assert [each.name for each in await event_haus.events.subscriptions()] == []


async def test_tail(event_haus: StoreHaus) -> None:
    """Gives events to people, those of some tables, and leaves nothing behind."""
    await event_haus.store(Ship).create(Ship(id=1), tags=["a"])
    await event_haus.store(Crate).create(Crate(id=2))
    tail = event_haus.events.tail(start="beginning", tables=["public.event_ships"])
    first = await anext(tail)
    await event_haus.store(Ship).delete(1)
    second = await anext(tail)
    await tail.aclose()
    assert (first.type, first.record_id, first.tags, first.old) == ("create", "1", ["a"], None)
    assert (second.type, second.table, second.new) == ("delete", "public.event_ships", None)
    await event_haus.close()
    assert "storehaus ticker" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_pruning(event_haus: StoreHaus, events_url: str, event_witness: Witness) -> None:
    """Old events go that all have read; those of who is behind and those that are parked stay."""

    async def rids() -> list[str]:
        rows = await event_witness.fetch("SELECT rid FROM storehaus.event ORDER BY seq")
        return [row["rid"] for row in rows]

    def refuse(event: DatabaseEvent) -> None:
        if event.record_id == 2:
            raise ValueError

    await ships(event_haus, 1, 2)
    tail = [each async for each in event_haus.events.tail(start="beginning", follow=False)]
    inbox, options = Inbox(refuse), {"start": "beginning", "backoff_seconds": 100.0}
    event_haus.subscription("s", Ship, **options)(inbox)  # type: ignore[arg-type]  # of two kinds
    await event_haus.events.replay("behind", start=tail[1].tick)
    await ships(event_haus, 3, 4, 5)
    await until_state(event_haus, "s", lambda found: found.parked and not found.lag_events)
    assert await event_haus.events.prune() == 0
    async with log_haus(events_url, event_keep_seconds=0.001) as pruning:
        await pruning.events.prune()
        assert await rids() == ["2", "3", "4", "5"]
    async with log_haus(
        events_url, event_keep_seconds=0.001, subscription_max_idle_seconds=0.001
    ) as pruning:
        await pruning.events.prune()
        assert await rids() == ["2", "5"]
        states = {each.name: each.state for each in await pruning.events.subscriptions()}
        assert states == {"s": "running", "behind": "detached"}
        pruning.subscription("behind", Ship)(good)

        async def is_told() -> bool:
            return any("detached" in each for each in pruning.events.problems())

        await until(is_told)


WRONG_MODELS: dict[str, dict[str, Any]] = {
    "durable": {"durable": "yes"},
    "payload": {"durable": True, "event_payload": "all"},
    "payload without a log": {"event_payload": "keys"},
    "exclude text": {"durable": True, "event_exclude": "name"},
    "exclude unknown": {"durable": True, "event_exclude": ("nam",)},
    "exclude number": {"durable": True, "event_exclude": (1,)},
    "exclude twice": {"durable": True, "event_exclude": ("name", "name")},
    "exclude key": {"durable": True, "event_exclude": ("id",)},
    "exclude system": {"durable": True, "event_exclude": ("__tags__",)},
}


@pytest.mark.parametrize("wrong", WRONG_MODELS)
async def test_wrong_models_are_refused(wrong: str) -> None:
    """When the class is made."""
    with pytest.raises(ModelDefinitionError):

        class Bad(Model, table="bad", **WRONG_MODELS[wrong]):  # pyright: ignore[reportUnusedClass]  # it is not made
            id: Field[int] = field(primary_key=True)
            name: Field[str]

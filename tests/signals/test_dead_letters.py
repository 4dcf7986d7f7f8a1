"""Whatever fails (handlers, networks, processes), nothing is skipped, and nothing out of order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fault.waiting import until
from fix_events import (
    Crate,
    Everything,
    Inbox,
    Ship,
    Slot,
    Witness,
    log_haus,
    migrated,
    until_state,
)
from fix_haus import config_of, driver_of
from storehaus import (
    CommitUnknown,
    DatabaseEvent,
    Model,
    PauseSubscription,
    SignalError,
    StoreHaus,
    Transaction,
    sql,
)
from storehaus.driver import Driver, Row
from storehaus.signals.log.delivery import Delivery
from storehaus.signals.log.statements import PAGE
from storehaus.signals.log.worker import Worker
from storehaus.testing import CountingDriver

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick_looks")]

QUICK: dict[str, Any] = {
    "start": "beginning",
    "backoff_seconds": 0.01,
    "max_backoff_seconds": 0.02,
}
SLOW: dict[str, Any] = {"start": "beginning", "backoff_seconds": 1000.0}


class Refusing:
    """Refuses events of some records for as long as they are named."""

    def __init__(self, *ids: int, error: Callable[[], Exception] = ValueError) -> None:
        self.ids = set(ids)
        self.count = 0
        self.error = error

    def __call__(self, event: DatabaseEvent) -> None:
        """Raise for an event of such a record."""
        if event.record_id in self.ids:
            self.count += 1
            raise self.error()


def worker_of(haus: StoreHaus) -> Worker:
    """Give what works on a subscription `s`."""
    return haus.events._workers["s"]  # pyright: ignore[reportPrivateUsage]  # white box


async def write(haus: StoreHaus, *ids: int) -> None:
    """Create rows, or change those that are there."""
    for each in ids:
        await haus.store(Ship).upsert(Ship(id=each))


async def test_later_events_of_a_record_wait(event_haus: StoreHaus) -> None:
    """Behind the one that fails, in order; other records go on."""
    refuse = Refusing(1)
    inbox = Inbox(refuse)
    event_haus.subscription("s", Ship, **QUICK)(inbox)
    await write(event_haus, 1, 2, 1, 3, 1)
    await event_haus.store(Ship).delete(1)
    await write(event_haus, 2)
    await inbox.until(3)
    state = await until_state(event_haus, "s", lambda found: found.lag_events == 0)
    assert (inbox.ids, state.parked, state.dead) == ([2, 3, 2], 4, 0)
    refuse.ids.clear()
    await inbox.until(7)
    own = [kind for kind, record in inbox.told if record == 1]
    assert own == ["create", "update", "update", "delete"]
    await until_state(event_haus, "s", lambda found: found.parked == 0)
    await write(event_haus, 1)
    await inbox.until(8)
    assert inbox.told[7] == ("create", 1)


async def test_parked_events_outlive_the_process(event_haus: StoreHaus, events_url: str) -> None:
    """The next holder tries them, and keeps later events of their records behind them."""
    first, second = Inbox(Refusing(1)), Inbox()
    async with log_haus(events_url) as other:
        other.subscription("s", Ship, **SLOW)(first)
        await write(other, 1, 2)
        await until_state(other, "s", lambda found: found.parked == 1 and not found.lag_events)
    await write(event_haus, 1, 2)
    event_haus.subscription("s", Ship, **SLOW)(second)
    await until_state(event_haus, "s", lambda found: found.parked == 2)
    await event_haus.fetch(sql("UPDATE storehaus.parked SET next_at = now()"))
    await second.until(3)
    assert (first.ids, second.told) == ([2], [("update", 2), ("create", 1), ("update", 1)])


async def test_the_pause_grows(event_haus: StoreHaus) -> None:
    """It doubles with each failure, between a half and the whole of it, up to its greatest."""
    event_haus.subscription("s", Ship, backoff_seconds=8.0, max_backoff_seconds=100.0)(Inbox())
    subscription, lease = worker_of(event_haus).subscription, Any
    delivery = Delivery(event_haus._database, subscription, lease, set(), lambda: False)  # type: ignore[arg-type]  # it is not asked
    found = [[delivery.delay(attempts) for _ in range(50)] for attempts in (1, 2, 3, 5, 1000)]
    for delays, whole in zip(found, (8, 16, 32, 100, 100), strict=True):
        assert whole / 2 <= min(delays) < max(delays) <= whole


@pytest.mark.parametrize("attempts", [1, 2, 3])
async def test_dead_letters(event_haus: StoreHaus, attempts: int) -> None:
    """After so many tries, no more and no fewer; later events of the record are held."""
    refuse = Refusing(1, error=lambda: ValueError("no\0thing"))
    inbox = Inbox(refuse)
    event_haus.subscription("s", Ship, **QUICK, attempts=attempts)(inbox)
    await write(event_haus, 1, 1, 2)
    state = await until_state(event_haus, "s", lambda found: found.dead and found.parked == 2)
    assert (refuse.count, state.dead, inbox.ids) == (attempts, 1, [2])
    (letter,) = await event_haus.events.dead_letters()
    assert (letter.subscription, letter.table, letter.record_id) == ("s", "public.event_ships", "1")
    assert (letter.attempts, letter.error, letter.waiting) == (attempts, "ValueError: nothing", 1)
    assert await event_haus.events.dead_letters("other") == []


@pytest.mark.parametrize("done", ["retry", "retry by id", "discard", "discard by id"])
async def test_dead_letters_are_settled(event_haus: StoreHaus, done: str) -> None:
    """Tried again as if for the first time, or given up; what waits behind them goes on."""
    refuse = Refusing(1, 2)
    inbox = Inbox(refuse)
    event_haus.subscription("s", Ship, **QUICK, attempts=2)(inbox)
    await write(event_haus, 1, 1, 2, 2)
    await until_state(event_haus, "s", lambda found: found.dead == 2 and found.parked == 4)
    ids = [each.id for each in await event_haus.events.dead_letters() if each.record_id == "1"]
    refuse.ids.clear()
    settle = event_haus.events.retry if "retry" in done else event_haus.events.discard
    assert await settle("s", *(ids if "by id" in done else ())) == (1 if "by id" in done else 2)
    per_record = 2 if "retry" in done else 1
    await inbox.until(per_record * (1 if "by id" in done else 2))
    state = await until_state(event_haus, "s", lambda found: found.parked in {0, 2})
    assert (state.dead, state.parked) == ((1, 2) if "by id" in done else (0, 0))
    assert [kind for kind, record in inbox.told if record == 1] == (
        ["create", "update"] if "retry" in done else ["update"]
    )


@pytest.mark.parametrize("bad", ["x", "1:x", ""])
async def test_ids_that_are_none(event_haus: StoreHaus, bad: str) -> None:
    """Are refused."""
    with pytest.raises(SignalError):
        await event_haus.events.retry("s", bad)


async def test_released_records_go_on(event_haus: StoreHaus) -> None:
    """Where the subscription says so, later events of the record follow the dead letter."""
    inbox = Inbox()
    seen: list[str] = []

    def refuse(event: DatabaseEvent) -> None:
        seen.append(event.event_type)
        if event.event_type == "create" and event.record_id == 1:
            raise ValueError

    inbox.refuse = refuse
    options: Any = QUICK | {"attempts": 3, "on_dead_letter": "release"}
    event_haus.subscription("s", Ship, **options)(inbox)
    await write(event_haus, 1, 1, 1)
    await inbox.until(2)
    assert seen == ["create"] * 3 + ["update"] * 2
    state = await until_state(event_haus, "s", lambda found: found.parked == 1)
    assert state.dead == 1
    await write(event_haus, 1)
    await inbox.until(3)


async def test_too_much_parked(event_haus: StoreHaus) -> None:
    """Pauses the subscription, which says why; it goes on when there is room again."""
    refuse = Refusing(*range(5))
    inbox = Inbox(refuse)
    event_haus.subscription("s", Ship, **QUICK, page_size=1, max_parked=2)(inbox)
    await write(event_haus, *range(8))
    state = await until_state(event_haus, "s", lambda found: found.state == "paused")
    assert (state.parked, "parked" in (state.reason or "")) == (3, True)
    assert state.lag_events > 0
    assert inbox.events == []
    refuse.ids.clear()
    await inbox.until(8)
    state = await until_state(event_haus, "s", lambda found: found.state == "running")
    assert (sorted(inbox.ids), state.parked, state.reason) == (list(range(8)), 0, None)


@pytest.mark.parametrize("shape", ["alone", "joined"])
async def test_a_handler_pauses(event_haus: StoreHaus, event_witness: Witness, shape: str) -> None:
    """Nothing is parked, the reason is told, what came before is done once, and it goes on."""
    refuse = Refusing(3, error=lambda: PauseSubscription("the search engine is down"))
    inbox = Inbox(refuse)

    async def alone(event: DatabaseEvent) -> None:
        await inbox(event)

    async def joined(event: DatabaseEvent, tx: Transaction) -> None:
        await event_haus.store(Crate).upsert(Crate(id=event.record_id))
        await inbox(event)

    await event_haus.store(Ship).create_many([Ship(id=each) for each in range(1, 5)])
    event_haus.subscription("s", Ship, **QUICK)(alone if shape == "alone" else joined)
    state = await until_state(event_haus, "s", lambda found: found.state == "paused")
    assert (state.reason, state.parked) == ("the search engine is down", 0)
    assert "the search engine is down" in event_haus.events.problems()
    refuse.ids.clear()
    await inbox.until_so(lambda: 4 in inbox.ids)
    state = await until_state(event_haus, "s", lambda found: found.state == "running")
    assert (inbox.ids, state.reason, event_haus.events.problems()) == ([1, 2, 3, 4], None, [])
    writes = await event_witness.fetchval(
        "SELECT count(*) FROM storehaus.event WHERE tbl = 'public.event_crates'"
    )
    assert writes == (0 if shape == "alone" else 4)


@pytest.mark.parametrize("shape", ["alone", "joined"])
async def test_lists_are_halved_to_the_one_at_fault(event_haus: StoreHaus, shape: str) -> None:
    """It is parked with those of its record behind it; all others are handled once."""
    refuse = Refusing(5)
    inbox = Inbox(refuse)

    async def alone(events: list[DatabaseEvent]) -> None:
        await inbox.take(events)

    async def joined(events: list[DatabaseEvent], tx: Transaction) -> None:
        await event_haus.store(Crate).create_many([Crate(id=e.payload["size"]) for e in events])
        await inbox.take(events)

    rows = [Ship(id=each % 8, size=each) for each in range(16)]
    async with event_haus.transaction():
        for row in rows:
            await event_haus.store(Ship).upsert(row)
    event_haus.subscription("s", Ship, **SLOW)(alone if shape == "alone" else joined)
    await inbox.until(14)
    state = await until_state(event_haus, "s", lambda found: found.lag_events == 0)
    assert (state.parked, inbox.calls[0]) == (2, [each % 8 for each in range(16)])
    assert sorted(inbox.ids) == sorted(each % 8 for each in range(16) if each % 8 != 5)
    for record in (0, 1, 2, 3, 4, 6, 7):
        sizes = [each.payload["size"] for each in inbox.events if each.record_id == record]
        assert sizes == [record, record + 8]
    if shape == "joined":
        found = await event_haus.store(Crate).find(Crate.id >= 0)
        assert {each.id for each in found} == set(range(16)) - {5, 13}
    refuse.ids.clear()
    await event_haus.fetch(sql("UPDATE storehaus.parked SET next_at = now()"))
    await inbox.until(16)
    assert inbox.ids[14:] == [5, 5]


STEAL = """
UPDATE storehaus.subscription SET lease = lease + 1, owner = 'a thief', lease_until = 'infinity'
"""


@pytest.mark.parametrize("parked", [False, True], ids=["at first", "parked"])
@pytest.mark.parametrize("joins", [False, True], ids=["alone", "joined"])
async def test_who_lost_the_lease_saves_nothing(
    event_haus: StoreHaus, event_witness: Witness, *, joins: bool, parked: bool
) -> None:
    """Neither a position nor, where they are one transaction, what the handler wrote."""
    calls = 0
    gone = asyncio.Event()

    async def alone(event: DatabaseEvent) -> None:
        nonlocal calls
        calls += 1
        if parked and calls == 1:
            raise ValueError
        await event_witness.execute(STEAL)
        gone.set()

    async def joined(event: DatabaseEvent, tx: Transaction) -> None:
        await event_haus.store(Crate).create(Crate(id=calls))
        await alone(event)

    await write(event_haus, 1)
    event_haus.subscription("s", Ship, **QUICK)(joined if joins else alone)
    await gone.wait()
    worker: Worker = worker_of(event_haus)

    async def is_off() -> bool:
        return not worker.is_holding

    await until(is_off)
    assert calls == 1 + parked
    saved = "SELECT owner, lease_until::text, seq > 0 FROM storehaus.subscription"
    assert tuple(await event_witness.fetchrow(saved) or ()) == ("a thief", "infinity", parked)
    assert await event_witness.fetchval("SELECT count(*) FROM storehaus.parked") == parked
    assert await event_witness.fetchval("SELECT count(*) FROM event_crates") == 0


UNREADABLE: dict[str, tuple[type[Model], str]] = {
    "year 10000": (Everything, "UPDATE cap_everything SET day = '10000-01-01' WHERE flag"),
    "24 hours": (Everything, "UPDATE cap_everything SET hour = '24:00' WHERE flag"),
    "unknown label": (
        Slot,
        "ALTER TYPE mood ADD VALUE 'odd'; INSERT INTO cap_slots VALUES (now(), 1, 'odd', now())",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_what_no_program_can_read(
    postgres_url: str, event_witness: Witness, case: str
) -> None:
    """Holds back its own record, as any event that fails, and not all others."""
    await migrated(postgres_url, Everything, Slot, Ship)
    async with log_haus(postgres_url) as haus:
        model, statement = UNREADABLE[case]
        await haus.store(Everything).create(Everything(flag=True))
        async with haus.connection() as connection:
            for each in statement.split("; "):
                await connection.execute(each)
        await haus.store(Ship).create(Ship(id=2))
        inbox = Inbox()
        haus.subscription("s", Ship, model, start="beginning")(inbox)

        async def is_over() -> bool:
            return 2 in inbox.ids or bool(haus.events.problems())

        await until(is_over)
        assert haus.events.problems() == []


async def within(haus: StoreHaus, work: Awaitable[object]) -> None:
    """Do something in a transaction."""
    async with haus.transaction():
        await work


@pytest.mark.parametrize("direction", ["request", "reply"])
async def test_a_lost_commit_is_told_as_it_is(
    make_driver: MakeDriver, proxy: Proxy, postgres_url: str, direction: Any
) -> None:
    """Callbacks hear nothing of what nobody knows; subscriptions know whether it is there."""
    told, inbox, driver = Inbox(), Inbox(), make_driver()
    await migrated(postgres_url, Ship)
    async with (
        log_haus(postgres_url) as watching,
        StoreHaus(config_of(postgres_url), driver_factory=lambda _: driver) as writing,
    ):
        watching.subscription("s", Ship, start="beginning")(inbox)
        writing.signals.add_callback(told)
        proxy.when(direction, b"COMMIT\0", proxy.cut)
        with pytest.raises(CommitUnknown):
            await within(writing, writing.store(Ship).create(Ship(id=1)))
        await write(watching, 2)
        await inbox.until_so(lambda: 2 in inbox.ids)
        await writing.signals.drain()
        assert (told.events, writing.signals.stats().unknown) == ([], 1)
        assert inbox.ids == [each.id for each in await watching.store(Ship).find(Ship.id > 0)]
        assert (1 in inbox.ids) is (direction == "reply")


async def test_an_outage(make_driver: MakeDriver, proxy: Proxy, postgres_url: str) -> None:
    """Subscriptions say what is wrong, and go on by themselves with what came meanwhile."""
    inbox, driver = Inbox(), make_driver()
    await migrated(postgres_url, Ship)
    async with (
        log_haus(postgres_url) as writing,
        StoreHaus(config_of(postgres_url), driver_factory=lambda _: driver) as reading,
    ):
        options: Any = {"start": "beginning", "lease_seconds": 0.5}
        reading.subscription("s", Ship, **options)(inbox)
        await write(writing, 1)
        await until_state(writing, "s", lambda state: state.lag_events == 0)
        proxy.refuse()
        proxy.cut()

        async def is_told() -> bool:
            return bool(reading.events.problems())

        await until(is_told)
        found = (await reading.health()).signals
        assert found is not None
        assert not found.ok
        await write(writing, 2)
        proxy.refuse(refusing=False)
        await inbox.until(2)
        await until_state(writing, "s", lambda state: state.lag_events == 0)
        assert inbox.ids == [1, 2]


async def test_closing_lets_the_handler_finish(event_haus: StoreHaus, events_url: str) -> None:
    """With the event that it has; the next one comes to the next process."""
    started, may_end, inbox = asyncio.Event(), asyncio.Event(), Inbox()

    async def slow(event: DatabaseEvent) -> None:
        started.set()
        await may_end.wait()
        await inbox(event)

    other = log_haus(events_url)
    async with other:
        await other.store(Ship).create_many([Ship(id=1), Ship(id=2)])
        other.subscription("s", Ship, start="beginning")(slow)
        await started.wait()
        closing = asyncio.create_task(other.close())
        await asyncio.sleep(0)
        assert inbox.events == []
        may_end.set()
        await closing
    assert inbox.ids == [1]
    event_haus.subscription("s", Ship)(inbox)
    await inbox.until(2)
    assert inbox.ids == [1, 2]


class Gate(CountingDriver):
    """Holds back the answer to the next page, once it is armed."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.armed = False
        self.reached = asyncio.Event()
        self.may_go = asyncio.Event()

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run a statement."""
        rows = await super().fetch(text, params, timeout_seconds=timeout_seconds)
        if self.armed and text == PAGE:
            self.armed = False
            self.reached.set()
            await self.may_go.wait()
        return rows


async def test_stopping_while_it_looks_for_news(events_url: str, event_witness: Witness) -> None:
    """It ends by itself, and is not cut off after the grace."""
    gate = Gate(driver_of(events_url))
    async with StoreHaus(config_of(events_url), driver_factory=lambda _: gate) as haus:
        inbox, gate.armed = Inbox(), True
        haus.subscription("s", Ship)(inbox)
        await gate.reached.wait()
        task = worker_of(haus)._task  # pyright: ignore[reportPrivateUsage]  # white box
        assert task is not None
        stopping = asyncio.create_task(haus.events.unsubscribe("s", grace_seconds=0.5))
        await asyncio.sleep(0)
        gate.may_go.set()
        await stopping
        assert not task.cancelled()
        with pytest.raises(SignalError):
            await haus.events.unsubscribe("s")

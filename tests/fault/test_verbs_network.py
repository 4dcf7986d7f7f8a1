"""A network that breaks under the verbs that take queries: what may have happened is told apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fault.cancellation import Moment, Scalpel
from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fault.verbs import (
    BEFORE,
    CASES,
    DISTURBED,
    NEWER,
    PETS,
    PLACES,
    allowed,
    prepare,
    reset,
    rows,
)
from fault.waiting import PATIENCE_SECONDS, until_idle, until_quiet
from fix_haus import Recorder, config_of
from fix_verbs import VERBS, Owner, Pet, Reading
from storehaus import (
    CommitUnknown,
    ConnectionFailed,
    QueryBuilder,
    StoreHaus,
    StorehausError,
    UniqueViolation,
)
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.migrations import migrate

pytestmark = pytest.mark.anyio

STEPS_AT_MOST = 90


@pytest.fixture
async def driver(make_driver: MakeDriver, postgres_url: str, witness: Any) -> AsyncpgDriver:
    """A driver of two connections behind the proxy, to a database with the tables."""
    await migrate({"dsn": postgres_url}, VERBS)
    await prepare(witness)
    await reset(witness)
    return make_driver()


@pytest.fixture
async def haus(driver: AsyncpgDriver, postgres_url: str) -> AsyncIterator[StoreHaus]:
    """An open haus on it."""
    opened = StoreHaus(config_of(postgres_url), driver_factory=lambda _: driver)
    await opened.open()
    yield opened
    await opened.close(grace_seconds=0.0)


@pytest.fixture
async def haus_with_plugin(make_driver: MakeDriver, postgres_url: str) -> AsyncIterator[StoreHaus]:
    """Another one, whose plug-in puts writes between BEGIN and COMMIT."""
    made = make_driver()
    plugins = [Recorder(in_transaction=True)]
    opened = StoreHaus(config_of(postgres_url), plugins=plugins, driver_factory=lambda _: made)
    await opened.open()
    yield opened
    await opened.close(grace_seconds=0.0)


@pytest.fixture
def houses(haus: StoreHaus, haus_with_plugin: StoreHaus) -> tuple[StoreHaus, StoreHaus]:
    """The one without a plug-in and the one with it."""
    return haus, haus_with_plugin


@pytest.mark.parametrize("moment", ["while waiting", "when answered"])
@pytest.mark.parametrize("place", PLACES)
async def test_cut_verb_is_all_or_nothing(
    houses: tuple[StoreHaus, StoreHaus], proxy: Proxy, witness: Any, place: str, moment: Moment
) -> None:
    """Cut at each await: a typed error says whether it may have happened, and the pool is whole."""
    chosen = houses[place == "with a plug-in"]
    for name in [case for case, where in DISTURBED if where == place]:
        await cut_everywhere(chosen, proxy, witness, name, place, moment)


async def cut_everywhere(  # noqa: PLR0917 - what is done, and to what
    haus: StoreHaus, proxy: Proxy, witness: Any, name: str, place: str, moment: Moment
) -> None:
    """Cut the network at its first await, its second and so on."""
    work = PLACES[place](CASES[name].work)
    driver = haus._database.driver
    await reset(witness)
    refused: type[StorehausError] | None = None
    try:
        await work(haus)
    except StorehausError as error:
        refused = type(error)
    done = await rows(witness)
    assert (done == (BEFORE, [])) == (not CASES[name].writes or refused is not None)
    failures: set[type] = set()
    for step in range(1, STEPS_AT_MOST):
        await reset(witness)
        failure: StorehausError | None = None
        scalpel = Scalpel(step, moment, proxy.cut)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await scalpel.run(work(haus))  # type: ignore[arg-type]  # a coroutine
        except StorehausError as error:
            failure = error
            failures.add(type(error))
        await until_idle(driver)
        await until_quiet(witness)

        left = await rows(witness)
        assert left in allowed(place, done), (name, step)
        if failure is None:
            assert left == done, (name, step)
        elif isinstance(failure, ConnectionFailed):
            # A statement by hand may have been a write: only its caller knows.
            by_hand = name in {"fetch that writes", "execute"} and place == "alone"
            assert left != done or not CASES[name].writes or by_hand, (name, step)
        else:
            assert isinstance(failure, CommitUnknown) or type(failure) is refused, (name, step)
        stats = driver.stats()
        assert (stats.size, stats.waiting) == (stats.idle, 0)
        if not scalpel.reached:
            break
    assert not scalpel.reached, f"{name}: more than {STEPS_AT_MOST} awaits"
    # What is cut when the one answer has come may end well.
    assert failures - {refused} or moment == "when answered", name


WRITES: dict[str, bytes] = {
    "create_from": b"INSERT 0",
    "create_from that skips": b"INSERT 0",
    "upsert": b"INSERT 0",
    "upsert_many": b"INSERT 0",
    "update_where": b"UPDATE ",
    "delete_where": b"UPDATE ",
}


@pytest.mark.parametrize("direction", ["request", "reply"])
async def test_write_that_is_cut_is_unknown(
    haus: StoreHaus, proxy: Proxy, witness: Any, direction: Any
) -> None:
    """A lost request and a lost answer look alike to the client, and are told as what they are."""
    for name, tag in WRITES.items():
        await reset(witness)
        marker = b"verbs" if direction == "request" else tag
        proxy.when(direction, marker, proxy.cut)

        with pytest.raises(CommitUnknown) as caught:
            await CASES[name].work(haus)

        assert not caught.value.is_transient
        await until_quiet(witness)
        changed = await rows(witness) != (BEFORE, [])
        assert changed == (direction == "reply"), name


async def test_transaction_of_writes_that_is_cut_before_its_commit_has_failed(
    haus_with_plugin: StoreHaus, driver: AsyncpgDriver, proxy: Proxy, witness: Any
) -> None:
    """Before COMMIT nothing has happened, which is known."""
    for name in WRITES:
        await reset(witness)
        proxy.when("reply", b"BEGIN", lambda: proxy.when("request", b"verbs", proxy.cut))

        with pytest.raises(ConnectionFailed):
            await CASES[name].work(haus_with_plugin)

        await until_quiet(witness)
        assert await rows(witness) == (BEFORE, []), name


async def test_stream_that_is_cut_between_its_fetches(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """What was fetched is given, then the error comes; another stream works."""
    store = haus.store(Pet)
    seen: list[int] = []

    async def read() -> None:
        async with store.stream(PETS, batch=2) as pets:
            async for pet in pets:
                seen.append(pet.id)
                if pet.id == 1:
                    proxy.cut()

    with pytest.raises(ConnectionFailed) as caught:
        await read()

    assert caught.value.is_transient
    assert seen == [1, 2]
    await until_idle(haus._database.driver)
    assert [pet.id async for pet in store.stream(PETS)] == [1, 2, 3, 4, 5]


async def test_stream_in_a_transaction_that_is_cut(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """The transaction is lost with it: what it wrote is not there, whoever catches the error."""

    async def read() -> None:
        async for _ in haus.store(Pet).stream(PETS, batch=2):
            proxy.cut()

    async def work() -> None:
        async with haus.transaction():
            await haus.store(Reading).create(Reading(id=7, text="n"))
            with pytest.raises(ConnectionFailed):
                await read()

    with pytest.raises(ConnectionFailed):
        await work()

    await until_quiet(witness)
    assert await rows(witness) == (BEFORE, [])


async def test_relations_that_are_cut_leave_rows_unloaded(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """The rows were read; loading fails as a lost read does, and may be made again."""
    store = haus.store(Owner)
    owners = await store.find(QueryBuilder(Owner).order_by(Owner.id))
    proxy.when("request", b"pets", proxy.cut)

    with pytest.raises(ConnectionFailed) as caught:
        await store.load_related(owners, Owner.pets)

    assert caught.value.is_transient
    await store.load_related(owners, Owner.pets)
    assert sorted(pet.id for pet in owners[0].pets) == [2, 4]


async def test_upsert_tells_its_violation_though_the_search_for_the_row_fails(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """Losing the connection while the row is looked for does not hide why the batch failed."""
    proxy.when("request", b"SAVEPOINT", proxy.cut)

    with pytest.raises(UniqueViolation) as caught:
        await CASES["upsert_many that fails"].work(haus)

    assert (caught.value.row_index, caught.value.fields) == (None, ("serial",))
    await until_quiet(witness)
    assert await rows(witness) == (BEFORE, [])


async def test_verbs_work_again_after_the_network_does(
    haus: StoreHaus, proxy: Proxy, witness: Any
) -> None:
    """Many at once, cut again and again."""
    store = haus.store(Reading)
    for round_ in range(3):
        proxy.cut()
        results = await asyncio.gather(
            *(store.upsert(Reading(id=1, seen_at=10 * round_ + i), where=NEWER) for i in range(6)),
            *(haus.explain(PETS) for _ in range(3)),
            *(haus.store(Pet).page(PETS, size=2) for _ in range(3)),
            return_exceptions=True,
        )
        failed = [each for each in results if isinstance(each, BaseException)]
        assert all(isinstance(each, StorehausError) for each in failed)

    await until_idle(haus._database.driver)
    done = await store.upsert(Reading(id=1, seen_at=99), where=NEWER)
    assert done is not None
    assert done.model.seen_at == 99

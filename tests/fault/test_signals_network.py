"""Nobody knows whether it was committed: then no callback hears of it, and it is counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fault.conftest import MakeDriver
from fault.proxy import Proxy
from fix_haus import Draft, config_of
from storehaus import CommitUnknown, DatabaseEvent, StoreHaus
from storehaus.migrations import migrate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def haus(make_driver: MakeDriver, postgres_url: str) -> AsyncIterator[StoreHaus]:
    """An open haus behind the proxy, with the table of drafts."""
    await migrate({"dsn": postgres_url}, [Draft])
    made = make_driver()
    haus = StoreHaus(config_of(postgres_url), driver_factory=lambda _: made)
    await haus.open()
    yield haus
    await haus.close(grace_seconds=0.0)


async def alone(haus: StoreHaus) -> None:
    """Write a row."""
    await haus.store(Draft).create(Draft(id=1, text="a"))


async def in_a_transaction(haus: StoreHaus) -> None:
    """Write two rows in a transaction."""
    async with haus.transaction():
        await haus.store(Draft).create(Draft(id=1, text="a"))
        await haus.store(Draft).create(Draft(id=2, text="a"))


Write = Callable[[StoreHaus], Awaitable[None]]
CASES: dict[str, tuple[Write, bytes, str]] = {
    "alone, the answer is lost": (alone, b"INSERT 0 1", "reply"),
    "in a transaction, the COMMIT is lost": (in_a_transaction, b"COMMIT\0", "request"),
    "in a transaction, its answer is lost": (in_a_transaction, b"COMMIT\0", "reply"),
}
WRITES = {"alone": 1, "in a transaction": 2}


@pytest.mark.parametrize("case", CASES)
async def test_what_nobody_knows_is_not_told(haus: StoreHaus, proxy: Proxy, case: str) -> None:
    """Each write is counted once; what is written after that is told again."""
    write, marker, direction = CASES[case]
    told: list[object] = []

    async def tell(event: DatabaseEvent) -> None:
        told.append(event.record_id)

    haus.signals.add_callback(tell)
    proxy.when(direction, marker, proxy.cut)  # type: ignore[arg-type]  # one of two words
    with pytest.raises(CommitUnknown):
        await write(haus)
    await haus.signals.drain()
    assert told == []
    assert haus.signals.stats().unknown == WRITES[case.partition(",")[0]]
    await haus.store(Draft).create(Draft(id=100, text="b"))
    await haus.signals.drain()
    assert told == [100]


async def test_of_writes_at_once_each_is_told_or_counted(haus: StoreHaus, proxy: Proxy) -> None:
    """Those whose statement was answered are told, the others are counted."""
    told: list[object] = []

    async def tell(event: DatabaseEvent) -> None:
        told.append(event.record_id)

    haus.signals.add_callback(tell)
    proxy.when("reply", b"INSERT 0 ", proxy.cut)
    store = haus.store(Draft)
    found = await asyncio.gather(
        *(store.create(Draft(id=i, text="a")) for i in range(1, 9)), return_exceptions=True
    )
    await haus.signals.drain()
    unknown = [each for each in found if isinstance(each, CommitUnknown)]
    assert unknown
    assert haus.signals.stats().unknown == len(unknown)
    assert sorted(map(str, told)) == [str(each.id) for each in found if isinstance(each, Draft)]

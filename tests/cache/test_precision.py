"""A write drops the results that its rows were or are part of, and leaves the others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from fix_cache import Colour, Town, caching
from storehaus import QueryBuilder, StoreHaus, UpdateSet

pytestmark = pytest.mark.anyio

LANDS = ("DE", "FR", "CH", "IT")
FROM_DE_TO_FR = {"DE", "FR"}


@pytest.fixture
async def haus(postgres_url: str, shared_redis: str, redis_prefix: str) -> AsyncIterator[StoreHaus]:
    """A haus that keeps entries in Redis only; each land has a town, the first one two."""
    async with caching(postgres_url, shared_redis, prefix=redis_prefix, local_max_items=0) as haus:
        lands = (*LANDS, LANDS[0])
        towns = [Town(id=i, name=f"t{i}", country=land) for i, land in enumerate(lands)]
        await haus.store(Town).create_many(towns)
        yield haus


async def read(haus: StoreHaus) -> set[str]:
    """Ask for the towns of each land; give those for which the database was asked."""
    asked = set()
    for land in LANDS:
        before = (await haus.cache.stats()).query_hits
        await haus.store(Town).find(QueryBuilder(Town).filter(Town.country == land))
        if (await haus.cache.stats()).query_hits == before:
            asked.add(land)
    await haus.cache._core.database.keeper.close(grace_seconds=5)
    return asked


def town(number: int, land: str) -> Town:
    """Make a town."""
    return Town(id=number, name=f"t{number}", country=land)


Door = Callable[[StoreHaus], Awaitable[object]]
MOVES: dict[str, Door] = {
    "patch": lambda h: h.store(Town).patch(0, country="FR"),
    "patch by expressions": lambda h: h.store(Town).patch(
        0, {Town.country: "FR", Town.budget: Town.budget + 1}
    ),
    "update": lambda h: h.store(Town).update(0, town(0, "FR")),
    "update_many": lambda h: h.store(Town).update_many([(0, town(0, "FR")), (4, town(4, "FR"))]),
    "update_where": lambda h: h.store(Town).update_where(
        Town.id == 0, UpdateSet().set("country", "FR")
    ),
    "patches at once": lambda h: asyncio.gather(
        *(h.store(Town).patch(i, country="FR") for i in (0, 4))
    ),
    "updates at once": lambda h: asyncio.gather(
        *(h.store(Town).update(i, town(i, "FR")) for i in (0, 4))
    ),
}
STAYS: dict[str, Door] = {
    "create": lambda h: h.store(Town).create(town(9, "DE")),
    "patch": lambda h: h.store(Town).patch(0, name="new"),
    "patch that changes nothing": lambda h: h.store(Town).patch(0, country="DE"),
    "update": lambda h: h.store(Town).update(0, town(0, "DE")),
    "delete": lambda h: h.store(Town).delete(0),
    "purge": lambda h: h.store(Town).purge(0),
    "delete_where": lambda h: h.store(Town).delete_where(Town.id == 0),
    "update_where": lambda h: h.store(Town).update_where(Town.id == 0, {Town.colour: Colour.BLUE}),
}


@pytest.mark.parametrize("door", MOVES)
async def test_a_row_that_moves_drops_where_it_was_and_where_it_is(
    haus: StoreHaus, door: str
) -> None:
    """Nothing else."""
    assert await read(haus) == set(LANDS)
    assert await read(haus) == set()
    await MOVES[door](haus)
    assert await read(haus) == FROM_DE_TO_FR
    assert await read(haus) == set()


@pytest.mark.parametrize("door", STAYS)
async def test_a_row_that_stays_drops_where_it_is(haus: StoreHaus, door: str) -> None:
    """Nothing else."""
    await read(haus)
    await STAYS[door](haus)
    assert await read(haus) == {"DE"}


async def test_what_a_row_was_is_what_it_was_when_it_was_locked(
    haus: StoreHaus, postgres_url: str
) -> None:
    """Not what the statement saw when it began: another transaction has moved it since."""
    store = haus.store(Town)
    await read(haus)
    may_begin = asyncio.Event()

    async def second() -> None:
        await may_begin.wait()
        await store.patch(0, country="CH")

    # It must not be part of the transaction.
    waiting = asyncio.create_task(second())
    async with haus.transaction():
        await store.patch(0, country="FR")
        may_begin.set()
        witness = await asyncpg.connect(postgres_url)
        async with asyncio.timeout(20):
            while not await witness.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                pass
        await witness.close()
    await waiting
    assert await read(haus) == {"DE", "FR", "CH"}
    for land, count in (("DE", 1), ("FR", 1), ("CH", 2)):
        query = QueryBuilder(Town).filter(Town.country == land)
        assert len(await store.find(query)) == count

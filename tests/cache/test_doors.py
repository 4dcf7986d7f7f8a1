"""Whatever door a write comes through, no read of the cache is older than it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, update

from fix_cache import Colour, House, Owner, Town, caching
from storehaus import (
    NotFound,
    QueryBuilder,
    StoreHaus,
    UniqueViolation,
    count,
    sql,
    sqlalchemy_table,
)

pytestmark = pytest.mark.anyio

IDS = range(8)
LANDS = ("DE", "FR", "CH")


@pytest.fixture(params=["process", "redis", "both"])
async def haus(
    request: pytest.FixtureRequest, postgres_url: str, redis_prefix: str
) -> AsyncIterator[StoreHaus]:
    """A haus on cached tables, which are kept in the process, in Redis, or in Redis beside it."""
    where = request.param
    url = None if where == "process" else request.getfixturevalue("shared_redis")
    items = 0 if where == "redis" else 1_000
    async with caching(postgres_url, url, prefix=redis_prefix, local_max_items=items) as haus:
        yield haus


async def look(haus: StoreHaus) -> list[Any]:
    """Ask all there is to ask, by the cache where it may answer."""
    towns, houses = haus.store(Town), haus.store(House)
    found: list[Any] = [await towns.get_by_id(each) for each in IDS]
    found.append(await towns.get_many(IDS))
    for land in LANDS:
        query = QueryBuilder(Town).filter(Town.country == land).order_by(Town.id)
        found += [await towns.find(query), await towns.count_where(query)]
        found.append(await towns.exists(Town.country == land, Town.colour == Colour.BLUE))
    found.append(
        await towns.find(QueryBuilder(Town).filter(Town.colour == Colour.RED).order_by("id"))
    )
    by_land = QueryBuilder(Town).select(Town.country, count().as_("n")).group_by(Town.country)
    found.append(sorted(await towns.select(by_land)))
    found.append(await towns.find(QueryBuilder(Town).order_by(Town.name)))
    found.append(await houses.find(QueryBuilder(House).order_by(House.id)))
    found += [await houses.get_by_id(each) for each in IDS]
    return found


async def check(haus: StoreHaus) -> None:
    """Compare with what a transaction reads, which asks the database; once cold, once warm."""
    async with haus.transaction():
        expected = await look(haus)
    assert await look(haus) == expected
    assert await look(haus) == expected


Door = Callable[[StoreHaus, Random], Awaitable[object]]


def town(random: Random, number: int | None = None) -> Town:
    """Make a town."""
    chosen = random.choice(IDS) if number is None else number
    return Town(
        id=chosen,
        name=f"town {chosen}",
        country=random.choice(LANDS),
        colour=random.choice(list(Colour)),
        streets=["a", "b"][: random.randrange(3)],
        extra={"n": random.randrange(5)},
    )


def some(random: Random) -> list[int]:
    """Choose ids, each once."""
    return random.sample(IDS, random.randrange(1, 4))


async def _create(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).create(town(random))


async def _create_many(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).create_many([town(random, each) for each in some(random)])


async def _load(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).load([town(random, each) for each in some(random)])


async def _update(haus: StoreHaus, random: Random) -> None:
    made = town(random)
    await haus.store(Town).update(made.id, made)


async def _update_many(haus: StoreHaus, random: Random) -> None:
    made = [town(random, each) for each in some(random)]
    await haus.store(Town).update_many([(each.id, each) for each in made])


async def _patch(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).patch(random.choice(IDS), country=random.choice(LANDS))


async def _patch_other(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).patch(random.choice(IDS), extra={"n": random.randrange(9)}, tags=["t"])


async def _patch_expression(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).patch(random.choice(IDS), {Town.budget: Town.budget + 1})


async def _upsert(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).upsert(town(random))


async def _upsert_many(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).upsert_many([town(random, each) for each in some(random)])


async def _delete(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).delete(random.choice(IDS))


async def _delete_many(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).delete_many(some(random))


async def _restore(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).restore(random.choice(IDS))


async def _purge(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).purge(random.choice(IDS))


async def _update_where(haus: StoreHaus, random: Random) -> None:
    land, colour = random.choice(LANDS), random.choice(list(Colour))
    await haus.store(Town).update_where(Town.country == land, {Town.colour: colour})


async def _delete_where(haus: StoreHaus, random: Random) -> None:
    await haus.store(Town).delete_where(Town.colour == random.choice(list(Colour)))


async def _raw(haus: StoreHaus, random: Random) -> None:
    land, number = random.choice(LANDS), random.choice(IDS)
    text = sql("UPDATE {t} SET country = {land} WHERE id = {n}", t=Town, land=land, n=number)
    await haus.fetch(text, touches=random.choice([None, (Town,)]))


async def _core(haus: StoreHaus, random: Random) -> None:
    table = sqlalchemy_table(Town)
    change = update(table).where(table.c.id == random.choice(IDS)).values(name="c" * 3)
    await haus.execute(change)


async def _cascade(haus: StoreHaus, random: Random) -> None:
    owners, houses = haus.store(Owner), haus.store(House)
    owner = random.choice(IDS)
    await owners.upsert(Owner(id=owner))
    await houses.upsert(House(id=random.choice(IDS), owner_id=owner, number=random.randrange(9)))
    if random.random() < 0.5:
        await owners.delete(owner)


async def _core_cascade(haus: StoreHaus, random: Random) -> None:
    table = sqlalchemy_table(Owner)
    await haus.execute(delete(table).where(table.c.id == random.choice(IDS)), touches=(Owner,))


async def _truncate(haus: StoreHaus, random: Random) -> None:
    if random.random() < 0.1:
        await haus.fetch(sql("TRUNCATE {t}", t=Town))


async def _connection(haus: StoreHaus, random: Random) -> None:
    async with haus.transaction(), haus.connection() as connection:
        await connection.fetch(
            "UPDATE cached_towns SET colour = 'blue' WHERE id = $1", (random.choice(IDS),)
        )


DOORS: tuple[Door, ...] = (
    *(_create, _create, _create_many, _load, _update, _update_many, _patch, _patch, _patch_other),
    *(_patch_expression, _upsert, _upsert_many, _delete, _delete_many, _restore, _purge),
    *(_update_where, _delete_where, _raw, _core, _cascade, _cascade, _core_cascade, _truncate),
    _connection,
)
REFUSED = (NotFound, UniqueViolation)


async def step(haus: StoreHaus, random: Random, depth: int = 0) -> str:
    """Go through a door: alone, in a transaction, or in a savepoint that may be undone."""
    kind = random.random()
    if depth < 2 and kind < 0.25:
        try:
            async with haus.transaction():
                for _ in range(random.randrange(1, 4)):
                    await step(haus, random, depth + 1)
                if random.random() < 0.3:
                    raise NotFound("undone")
        except REFUSED:
            return "undone"
        return "transaction"
    door = random.choice(DOORS)
    try:
        if depth:
            async with haus.transaction():
                await door(haus, random)
        else:
            await door(haus, random)
    except REFUSED:
        return "refused"
    return door.__name__


@pytest.mark.parametrize("seed", range(6))
async def test_no_door_leaves_anything_stale(haus: StoreHaus, seed: int) -> None:
    """Random steps through all doors; after each one the cache and the database agree."""
    random = Random(seed)
    for _ in range(40):
        await step(haus, random)
        await check(haus)
    stats = await haus.cache.stats()
    assert stats.hits > 0
    assert stats.query_hits > 0
    assert stats.hit_rate > 0.3


async def test_what_is_found_is_the_callers_own(haus: StoreHaus) -> None:
    """Changing an instance changes no other one, and not what is kept."""
    towns = haus.store(Town)
    await towns.create(Town(id=1, name="a", streets=["x"], extra={"k": [1]}))
    for _ in range(3):
        found = await towns.get(1)
        found.streets.append("y")
        found.extra["k"] = None
    assert (await towns.get(1)).streets == ["x"]
    one, two = await towns.get_many([1, 1])
    assert one == two
    assert one is not two
    assert one is not None
    assert two is not None
    assert one.streets is not two.streets

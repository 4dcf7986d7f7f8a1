"""Whatever bytes are found in Redis: what is read is right, nothing is raised, and it heals."""

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest

from fix_cache import House, Owner, Town, caching
from fix_redis import RedisServer
from storehaus import QueryBuilder, StoreHaus
from storehaus.cache.entry import check_entry, make_entry, read_entry

pytestmark = pytest.mark.anyio

IDS = range(1, 4)


@pytest.fixture
async def haus(postgres_url: str, redis_server: RedisServer) -> AsyncIterator[StoreHaus]:
    """A haus that keeps entries in Redis only, and some rows."""
    async with caching(postgres_url, redis_server.url, local_max_items=0) as haus:
        await haus.store(Town).create_many(
            [Town(id=i, name=f"town {i}", streets=["a"], extra={"n": i}) for i in IDS]
        )
        await haus.store(Owner).create(Owner(id=1))
        await haus.store(House).create_many([House(id=i, owner_id=1, number=i) for i in IDS])
        yield haus


async def look(haus: StoreHaus) -> list[Any]:
    """Read rows and results."""
    towns, houses = haus.store(Town), haus.store(House)
    found: list[Any] = [await towns.get_by_id(i) for i in IDS]
    found += [await houses.get_by_id(i) for i in IDS]
    found.append(await towns.get_many(IDS))
    for land in ("DE", "FR"):
        found.append(await towns.find(QueryBuilder(Town).filter(Town.country == land)))
        found.append(await towns.count_where(QueryBuilder(Town).filter(Town.country == land)))
    found.append(await houses.find(QueryBuilder(House).order_by(House.number)))
    return found


def entries(server: RedisServer) -> dict[bytes, bytes]:
    """Give all rows and results that are kept."""
    found = [key for key in server.all_keys() if b":r:" in key or b":q:" in key]
    values = {key: server.run("GET", key) for key in found if not key.endswith(b":l")}
    return {key: value for key, value in values.items() if isinstance(value, bytes)}


def _flipped(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    place = random.randrange(len(value))
    return value[:place] + bytes([value[place] ^ (1 << random.randrange(8))]) + value[place + 1 :]


def _cut(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    return value[: random.randrange(len(value))]


def _longer(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    return value + random.randbytes(random.randrange(1, 50))


def _garbled(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    start = random.randrange(len(value))
    return value[:start] + random.randbytes(len(value) - start)


def _noise(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    return random.randbytes(random.choice([0, 1, 11, 12, 13, 50, 300]))


def _of_another(value: bytes, random: Random, all_: dict[bytes, bytes]) -> bytes:
    return random.choice([each for each in all_.values() if each != value])


def _huge(value: bytes, random: Random, _: dict[bytes, bytes]) -> bytes:
    return value[:20] + random.randbytes(4_000_000)


POISONS: dict[str, Callable[[bytes, Random, dict[bytes, bytes]], bytes]] = {
    "flipped": _flipped,
    "cut": _cut,
    "longer": _longer,
    "garbled": _garbled,
    "noise": _noise,
    "of another": _of_another,
    "huge": _huge,
}


@pytest.mark.parametrize("poison", POISONS)
async def test_other_bytes_are_a_miss(
    haus: StoreHaus, redis_server: RedisServer, poison: str
) -> None:
    """They are counted, and soon what is right is there again."""
    random = Random(poison)
    expected = await look(haus)
    keeper = haus.cache._core.database.keeper
    for _ in range(3 if poison == "huge" else 12):
        await keeper.close(grace_seconds=5)
        kept = entries(redis_server)
        assert len(kept) == 2 * len(IDS) + 5
        chosen = random.choice(list(kept))
        redis_server.run("SET", chosen, POISONS[poison](kept[chosen], random, kept))
        unfit = (await haus.cache.stats()).unfit
        assert await look(haus) == expected
        assert (await haus.cache.stats()).unfit > unfit
        await keeper.close(grace_seconds=5)
        # Who finds damaged bytes drops them, and the next one stores.
        assert await look(haus) == expected
        await keeper.close(grace_seconds=5)
        hits = await haus.cache.stats()
        assert await look(haus) == expected
        after = await haus.cache.stats()
        assert (after.misses, after.unfit) == (hits.misses, hits.unfit)


@pytest.mark.parametrize("kind", ["entries", "leases", "tags", "pending"])
async def test_keys_of_another_type_do_no_harm(
    haus: StoreHaus, redis_server: RedisServer, kind: str
) -> None:
    """Redis refuses what is asked of them."""
    expected = await look(haus)
    store = haus.store(Town)
    await haus.cache._core.database.keeper.close(grace_seconds=5)
    for key in redis_server.all_keys():
        tail = b":".join(key.split(b":")[3:])
        is_entry = tail[:2] in {b"r:", b"q:"}
        found = {"entries": is_entry, "leases": is_entry, "pending": tail == b"p"}
        if found.get(kind, not is_entry and tail != b"p"):
            spoilt = key + b":l" if kind == "leases" else key
            redis_server.run("DEL", spoilt)
            redis_server.run("LPUSH", spoilt, "x")
    assert await look(haus) == expected
    await store.patch(1, name="new")
    assert (await store.get(1)).name == "new"
    assert (await store.get(1)).name == "new"


def test_an_entry_agrees_with_nothing_else() -> None:
    """Name, fingerprint, generations and payload: all of them count."""
    one, two = b"1" * 8, b"2" * 8
    value = make_entry(b"n", one, (one, two), b"payload")
    assert check_entry(b"n", value, one, (one, two)) == b"payload"
    assert read_entry(b"n", value, one) == b"payload"
    for name, fingerprint, generations in (
        (b"m", one, (one, two)),
        (b"n", two, (one, two)),
        (b"n", one, (two, one)),
        (b"n", one, (one,)),
        (b"n", one, (one, None)),
        (b"n", one, (one, two, one)),
    ):
        assert check_entry(name, value, fingerprint, generations) is None
    for end in range(len(value)):
        assert check_entry(b"n", value[:end], one, (one, two)) is None
        assert read_entry(b"n", value[:end], one) is None

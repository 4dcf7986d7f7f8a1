"""Many tasks at once: no deadlocks, one winner, typed errors for the others."""

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from fix_haus import Airport, Gadget, Label, Mood, Seat, Ticket, Wallet, airport, config_of
from storehaus import (
    Field,
    Model,
    NotFound,
    SerializationFailure,
    StaleVersion,
    StoreHaus,
    UniqueViolation,
    ValidationError,
    field,
)

pytestmark = pytest.mark.anyio

TASKS = 8


class Colour(Model, table="colours"):
    """A key whose order in PostgreSQL is not that of its texts."""

    mood: Field[Mood] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    text: Field[str]


@pytest.fixture
async def crowd(tables_url: str, witness: Any) -> AsyncIterator[StoreHaus]:
    """A haus with a connection for every task."""
    async with StoreHaus(config_of(tables_url, max_connections=TASKS)) as haus:
        yield haus


async def storm(batches: Any) -> list[BaseException | Any]:
    """Run several batches per task, all tasks at once; give errors and results."""
    return await asyncio.gather(*batches, return_exceptions=True)


async def check_no_deadlock(store: Any, ids: list[Any], make: Any, turns: int = 8) -> None:
    """Write most of the rows at once by different verbs; none may end by anything but a collision.

    Only rows that others have just deleted may be missing.
    """
    rng = random.Random(20)
    size = len(ids) * 5 // 6

    async def work(number: int) -> None:
        for turn in range(turns):
            chosen = rng.sample(ids, size)
            try:
                # Deletes are rare, or most updates would find a row missing and lock none.
                if (number + turn) % 8 == 7:
                    await store.delete_many(chosen)
                elif (number + turn) % 2:
                    await store.update_many([(each, make(each)) for each in chosen])
                else:
                    await store.upsert_many([make(each) for each in chosen])
            except (NotFound, SerializationFailure):
                await store.upsert_many([make(each) for each in chosen])

    results = await storm([work(number) for number in range(TASKS)])

    assert results == [None] * TASKS


async def test_batches_with_text_keys_meet_no_deadlock(crowd: StoreHaus) -> None:
    """Texts of all kinds as keys; see also tests/unit/test_store_text.py."""
    store = crowd.store(Label)
    ids = [f"{letter}{i}" for i in range(20) for letter in ("a", "A", "é", "_", "Z", "z-")]
    await store.create_many([Label(key=each, value="") for each in ids])
    await check_no_deadlock(store, ids, lambda key: Label(key=key, value="x"))


async def test_batches_with_composite_keys_meet_no_deadlock(crowd: StoreHaus) -> None:
    """Soft delete and keys of two parts."""
    store = crowd.store(Seat)
    ids = [(hall, number) for hall in "ÄBcA" for number in range(30)]
    await store.create_many([Seat(hall=hall, number=number) for hall, number in ids])

    await check_no_deadlock(store, ids, lambda key: Seat(hall=key[0], number=key[1]))


async def test_batches_with_enum_keys_meet_no_deadlock(crowd: StoreHaus) -> None:
    """Enums are ordered by declaration in PostgreSQL, and sent as labels."""
    await crowd.auto_migrate(Colour)
    store = crowd.store(Colour)
    ids = [(mood, number) for mood in Mood for number in range(40)]
    await store.upsert_many([Colour(mood=mood, number=n, text="") for mood, n in ids])

    try:
        await check_no_deadlock(store, ids, lambda key: Colour(mood=key[0], number=key[1], text=""))
    finally:
        async with crowd.connection() as connection:
            await connection.execute("DROP TABLE colours")


async def test_batches_of_several_chunks_meet_no_deadlock(crowd: StoreHaus) -> None:
    """Chunks are cut in the order of the keys, so that no chunk waits for an earlier one."""
    store = crowd.store(Wallet)
    ids = list(range(6_000))
    await store.load(Wallet(id=i, owner=str(i)) for i in ids)
    rng = random.Random(5)

    async def update() -> int:
        chosen = rng.sample(ids, 5_500)
        return len(await store.update_many([(i, Wallet(id=i, owner=str(i))) for i in chosen]))

    assert await storm([update() for _ in range(3)]) == [5_500] * 3


async def test_one_of_many_takes_a_unique_value(crowd: StoreHaus) -> None:
    """Exactly one create wins, the others learn what they collided with."""
    store = crowd.store(Airport)

    results = await storm([store.create(airport(1)) for _ in range(TASKS)])

    winners = [each for each in results if isinstance(each, Airport)]
    losers = [each for each in results if isinstance(each, UniqueViolation)]
    assert (len(winners), len(losers)) == (1, TASKS - 1)
    assert {each.fields for each in losers} == {("icao",)}
    assert await store.list_all() == winners


async def test_upserts_of_one_row_all_succeed(crowd: StoreHaus) -> None:
    """One inserts, the others update; none is lost."""
    store = crowd.store(Label)

    results = await storm([store.upsert(Label(key="k", value=str(i))) for i in range(TASKS)])

    assert sorted(each.inserted for each in results) == [False] * (TASKS - 1) + [True]
    assert await store.count() == 1


async def test_one_writer_wins_each_version(crowd: StoreHaus) -> None:
    """Of all who read the same version one writes; the others are stale. No increment is lost."""
    store = crowd.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))
    rounds = 5

    async def deposit() -> int:
        for attempt in range(TASKS * rounds):
            row = await store.get(1)
            row.balance += 1
            try:
                await store.update(1, row)
            except StaleVersion:
                continue
            return attempt
        raise AssertionError("never won")

    for turn in range(rounds):
        await storm([deposit() for _ in range(TASKS)])
        row = await store.get(1)
        assert (row.balance, row.version) == (TASKS * (turn + 1), TASKS * (turn + 1) + 1)


async def test_same_version_is_written_once(crowd: StoreHaus) -> None:
    """patch, update and update_many with one version at once: exactly one happens."""
    store = crowd.store(Wallet)
    row = await store.create(Wallet(id=1, owner="a"))
    other = await store.create(Wallet(id=2, owner="b"))

    for version in range(1, 6):
        row.version = version
        attempts = [
            store.patch(1, note="p", if_version=version),
            store.patch(1, note="q", if_version=version),
            store.update(1, row),
            store.update_many([(1, row), (2, Wallet(id=2, owner="b"))]),
            store.update_many([(2, other), (1, row)], if_version=[version, version]),
        ]
        results = await storm(attempts)
        stale = [each for each in results if isinstance(each, StaleVersion)]
        assert len(stale) == len(attempts) - 1
        assert (await store.get(1)).version == version + 1
        # Whoever lost has changed neither of its rows.
        other = await store.get(2)
        if other.version <= version:
            other = (await store.update_many([(2, Wallet(id=2, owner="b"))]))[0]


async def test_expressions_lose_no_increment(crowd: StoreHaus) -> None:
    """What the server computes needs no version."""
    store = crowd.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))

    await storm([store.patch(1, {Wallet.balance: Wallet.balance + 1}) for _ in range(40)])

    assert (await store.get(1)).balance == Decimal(40)


async def test_delete_happens_once(crowd: StoreHaus) -> None:
    """Of many deletes one is True; of many batches each id is in one answer."""
    store = crowd.store(Airport)
    rows = await store.create_many([airport(i) for i in range(50)])

    single = await storm([store.delete(rows[0].id) for _ in range(TASKS)])
    many = await storm([store.delete_many([each.id for each in rows]) for _ in range(TASKS)])

    assert sorted(single) == [False] * (TASKS - 1) + [True]
    assert sorted(chain.from_iterable(many)) == sorted(each.id for each in rows[1:])


async def test_more_tasks_than_connections(crowd: StoreHaus) -> None:
    """Callers wait for a connection; none is lost, whatever the others do."""
    store = crowd.store(Ticket)

    async def work(number: int) -> None:
        row = await store.create(Ticket(title=str(number)))
        await store.patch(row.id, weight=number)
        with pytest.raises(ValidationError):
            await store.patch(row.id, title=5)

    assert await storm([work(i) for i in range(100)]) == [None] * 100
    health = await crowd.health()
    assert health.database.pool is not None
    assert health.database.pool.size <= TASKS
    assert health.database.pool.idle == health.database.pool.size


async def test_enum_of_another_schema_works_on_every_connection(crowd: StoreHaus) -> None:
    """Types are looked up on each connection that meets them first."""
    store = crowd.store(Gadget)
    gadgets = [Gadget(id=i, code=str(i), mood=Mood.GREAT, moods=[Mood.SAD]) for i in range(16)]

    results = await storm([store.create(each) for each in gadgets])

    assert {each.mood for each in results} == {Mood.GREAT}

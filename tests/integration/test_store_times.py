"""`__updated_at__` moves on every write by whatever door; `__created_at__` never does."""

from typing import Any

import pytest

from fix_haus import Draft
from storehaus import GenericStore, QueryBuilder, StoreHaus

pytestmark = pytest.mark.anyio

DOORS: dict[str, Any] = {
    "update": lambda s, d: s.update(1, Draft(id=1, text="n")),
    "update_many": lambda s, d: s.update_many([(i, Draft(id=i, text="n")) for i in (1, 2)]),
    "patch": lambda s, d: s.patch(1, text="n"),
    "patch of tags": lambda s, d: s.patch(1, tags=["n"]),
    "patch with the same value": lambda s, d: s.patch(1, text=d.text),
    "update_where": lambda s, d: s.update_where(Draft.id == 1, {"text": "n"}),
    "upsert": lambda s, d: s.upsert(Draft(id=1, text="n")),
    "upsert_many": lambda s, d: s.upsert_many([Draft(id=i, text="n") for i in (1, 9)]),
    "upsert of nothing": lambda s, d: s.upsert(Draft(id=1, text="n"), update=()),
    "delete": lambda s, d: s.delete(1),
    "delete_many": lambda s, d: s.delete_many([1]),
    "delete_where": lambda s, d: s.delete_where(Draft.id == 1),
}


async def stored(store: GenericStore[Draft]) -> Draft:
    """Draft 1, deleted or not."""
    found = await store.find_one(QueryBuilder(Draft).with_deleted().filter(Draft.id == 1))
    assert found is not None
    return found


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_moves_the_time_of_change(haus: StoreHaus, door: str) -> None:
    """Strictly, by each of two writes in a row; the time of creation stays."""
    store = haus.store(Draft)
    first = await store.create(Draft(id=1, text="o"))
    await store.create(Draft(id=2, text="o"))

    times = [first.__updated_at__]
    for _ in range(2):
        await DOORS[door](store, first)
        now = await stored(store)
        times.append(now.__updated_at__)
        assert now.__created_at__ == first.__created_at__
        if not now.__is_active__:
            times.append((await store.restore(1)).__updated_at__)

    assert times == sorted(set(times))


async def test_what_is_returned_is_what_is_stored(haus: StoreHaus) -> None:
    """The time in the answer is the row's own, not the caller's clock."""
    store = haus.store(Draft)
    await store.create(Draft(id=1, text="o"))

    patched = await store.patch(1, text="n")

    assert patched == await store.get(1)


async def test_psql_moves_it_too(haus: StoreHaus, witness: Any) -> None:
    """A trigger does it: a write from outside that knows nothing of StoreHaus moves the time."""
    row = await haus.store(Draft).create(Draft(id=1, text="o"))

    await witness.execute("UPDATE drafts SET text = 'psql' WHERE id = 1")

    now = await haus.store(Draft).get(1)
    assert now.__updated_at__ > row.__updated_at__
    assert now.__created_at__ == row.__created_at__


async def test_psql_cannot_turn_it_back(haus: StoreHaus, witness: Any) -> None:
    """Whatever is written into the column, the row's time goes forward."""
    row = await haus.store(Draft).create(Draft(id=1, text="o"))

    await witness.execute("UPDATE drafts SET __updated_at__ = '2000-01-01' WHERE id = 1")

    assert (await haus.store(Draft).get(1)).__updated_at__ > row.__updated_at__


async def test_two_writes_of_one_transaction_differ(haus: StoreHaus, witness: Any) -> None:
    """now() stands still within a transaction; the time of change does not."""
    await haus.store(Draft).create(Draft(id=1, text="o"))
    update = "UPDATE drafts SET text = $1 WHERE id = 1 RETURNING __updated_at__"

    async with witness.transaction():
        times = [await witness.fetchval(update, str(i)) for i in range(5)]

    assert times == sorted(set(times))


async def test_clock_that_was_set_back_hides_no_write(haus: StoreHaus, witness: Any) -> None:
    """A row from the future moves on by a microsecond."""
    store = haus.store(Draft)
    await store.create(Draft(id=1, text="o"))
    await witness.execute(
        "ALTER TABLE drafts DISABLE TRIGGER USER;"
        "UPDATE drafts SET __updated_at__ = '2200-01-01 00:00:00+00';"
        "ALTER TABLE drafts ENABLE TRIGGER USER"
    )

    patched = await store.patch(1, text="n")

    assert patched.__updated_at__.isoformat() == "2200-01-01T00:00:00.000001+00:00"


async def test_writes_of_one_batch_share_no_clock_with_their_past(haus: StoreHaus) -> None:
    """Rows changed twice in a row by batches move each time, every one of them."""
    store = haus.store(Draft)
    rows = await store.create_many([Draft(id=i, text="o") for i in range(200)])

    for _ in range(3):
        changed = await store.update_many([(row.id, row) for row in rows])
        assert all(
            new.__updated_at__ > old.__updated_at__ and new.__created_at__ == old.__created_at__
            for new, old in zip(changed, rows, strict=True)
        )
        rows = changed

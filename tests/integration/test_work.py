"""Work is counted, not timed: statements and round trips per verb, calls and memory per row.

Who makes a verb slower by a statement, or a row by a call, changes a number here.
"""

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import make_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import FrameType
from typing import Any

import pytest

from fix_haus import Gadget, Wallet
from storehaus import GenericStore, QueryBuilder, StoreHaus, count
from storehaus.store import Database
from storehaus.store.rows import RowReader
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

Verb = Callable[[GenericStore[Any]], Awaitable[Any]]


def wallet(number: int, **values: Any) -> Wallet:
    """A wallet that differs from those of other numbers."""
    return Wallet(id=number, owner=f"o{number}", **values)


ALONE: dict[str, Verb] = {
    "get_by_id": lambda s: s.get_by_id(1),
    "get": lambda s: s.get(1),
    "get_many": lambda s: s.get_many([1, 2, 3]),
    "find": lambda s: s.find(Wallet.id < 5),
    "find_one": lambda s: s.find_one(Wallet.id < 5),
    "select": lambda s: s.select(QueryBuilder(Wallet).select(count())),
    "page": lambda s: s.page(QueryBuilder(Wallet).order_by(Wallet.id), size=2),
    "list_all": lambda s: s.list_all(),
    "count": lambda s: s.count(),
    "exists": lambda s: s.exists(Wallet.id == 1),
    "create": lambda s: s.create(wallet(50)),
    "create_many": lambda s: s.create_many([wallet(i) for i in range(60, 70)]),
    "update": lambda s: s.update(1, wallet(1)),
    "update_many": lambda s: s.update_many([(i, wallet(i)) for i in (1, 2)]),
    "patch": lambda s: s.patch(1, note="x"),
    "patch, computed": lambda s: s.patch(1, {Wallet.balance: Wallet.balance + 1}),
    "update_where": lambda s: s.update_where(Wallet.id < 3, {"note": "y"}),
    "upsert": lambda s: s.upsert(wallet(1)),
    "upsert_many": lambda s: s.upsert_many([wallet(i) for i in (1, 99)]),
    "delete": lambda s: s.delete(1),
    "delete_many": lambda s: s.delete_many([1, 2]),
    "delete_where": lambda s: s.delete_where(Wallet.id < 3),
}


async def filled(driver: CountingDriver) -> GenericStore[Wallet]:
    """A store with ten wallets; nothing of that is counted."""
    store = GenericStore(Database(driver), Wallet)
    await store.create_many([wallet(i) for i in range(10)])
    driver.reset()
    return store


@pytest.mark.parametrize("verb", ALONE)
async def test_lone_verb_is_one_round_trip(driver: CountingDriver, verb: str) -> None:
    """No BEGIN, no COMMIT, no SELECT after a write, no reset behind it."""
    store = await filled(driver)
    before = driver.stats().statements

    await ALONE[verb](store)

    assert driver.counts == {"fetch": 1}
    assert driver.stats().statements - before == 1


# Calls at the same time → statements: the first goes at once, the others together.
AT_ONCE: dict[str, tuple[Callable[[GenericStore[Any], int], Awaitable[Any]], int]] = {
    "get_by_id": (lambda s, i: s.get_by_id(i), 2),
    "get_many": (lambda s, i: s.get_many([i, i + 1]), 2),
    "create": (lambda s, i: s.create(wallet(100 + i)), 2),
    "update": (lambda s, i: s.update(i, wallet(i)), 2),
    "patch": (lambda s, i: s.patch(i, note="x"), 2),
    "delete": (lambda s, i: s.delete(i), 2),
    "find": (lambda s, i: s.find(Wallet.id == i), 10),
    "patch, computed": (lambda s, i: s.patch(i, {Wallet.balance: Wallet.balance + 1}), 10),
}


@pytest.mark.parametrize("verb", AT_ONCE)
async def test_calls_at_once_are_few_statements(driver: CountingDriver, verb: str) -> None:
    """Ten calls by id are two round trips, not ten."""
    store = await filled(driver)
    call, expected = AT_ONCE[verb]

    await asyncio.gather(*(call(store, i) for i in range(10)))

    assert driver.counts == {"fetch": expected}


async def test_load_is_one_copy(driver: CountingDriver) -> None:
    """In a transaction of its own, whatever the number of rows."""
    store = GenericStore(Database(driver), Wallet)

    await store.load(wallet(i) for i in range(2_000))

    assert driver.counts == {
        "begin": 1,
        "savepoint": 1,
        "copy_in": 1,
        "release_savepoint": 1,
        "commit": 1,
    }


async def test_statement_is_prepared_once(haus: StoreHaus) -> None:
    """Equal calls have equal texts, so that a connection prepares each once."""
    store = haus.store(Wallet)
    await store.create_many([wallet(i) for i in range(10)])
    async with haus.transaction():
        for i in range(5):
            await store.get(i)
            await store.find(Wallet.owner == f"o{i}")
            await store.patch(i, note=f"{i}")
            await store.update(i, wallet(i))
        rows = await haus._database.fetch_rows(
            "SELECT statement, generic_plans + custom_plans"
            " FROM pg_prepared_statements WHERE statement LIKE '%wallets%'"
        )

    # The texts of find, get, patch and update; create_many was prepared elsewhere, or ran once.
    assert sorted(uses for _, uses in rows)[-4:] == [5, 5, 5, 5]


# Rows


def python_calls(work: Callable[[], object]) -> int:
    """Count the Python functions that are called meanwhile."""
    calls = 0

    def watch(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    gc.disable()  # its callbacks, which tests have, are calls as well
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


def rows_of(model: Any, number: int) -> list[tuple[Any, ...]]:
    """Make rows as a driver gives them."""
    now = datetime.now(UTC)
    values: dict[Any, Any] = {
        Wallet: (1, "o", Decimal(1), None, 1, now, now, []),
        Gadget: (
            1, "c", "fine", None, None, [1], ["a", None], b'{"x":1}', b'[{"x":1}]', b"{}",
            now, now, [],
        ),
    }  # fmt: skip
    by_kind = values[model]
    assert len(by_kind) == len(model.__table_info__.columns)
    return [by_kind] * number


@pytest.mark.parametrize("model", [Wallet, Gadget])
def test_building_rows_calls_no_python_per_row(model: Any) -> None:
    """A thousand rows take as many Python calls as ten, also with enums, arrays and JSON.

    Arrays of enums alone are an exception: their items are looked up one by one.
    """
    reader: RowReader[Any] = RowReader(model.__table_info__)
    few, many = rows_of(model, 10), rows_of(model, 1_000)

    assert python_calls(lambda: reader.models(few)) == python_calls(lambda: reader.models(many))


def test_row_is_little_more_than_a_slotted_dataclass() -> None:
    """Memory of a row that is held: within 1.3 of a dataclass with slots and the same fields."""
    columns = Wallet.__table_info__.columns
    plain = make_dataclass("Plain", [column.name for column in columns], slots=True)
    reader: RowReader[Any] = RowReader(Wallet.__table_info__)
    rows = rows_of(Wallet, 10_000)

    ours = held(lambda: reader.models(rows))
    theirs = held(lambda: [plain(*row) for row in rows])

    assert ours <= 1.3 * theirs


def held(work: Callable[[], object]) -> int:
    """Give the bytes that a result takes."""
    tracemalloc.start()
    try:
        result = work()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del result
    return size

"""Random calls at the same time, by shared statements, do what they do one after the other."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from fix_haus import Wallet, driver_of
from storehaus import GenericStore, StorehausError
from storehaus.store import Database
from storehaus.testing import CountingDriver

IDS = st.integers(0, 15)
NOTES = st.sampled_from(["a", "b", None])
TAGS = st.sampled_from([None, None, None, ("x", "y")])
# The last one breaks a CHECK of the table.
BALANCES = st.sampled_from([Decimal(0), Decimal("1.5"), Decimal(5_000_000)])
VERSIONS = st.sampled_from([None, None, 1, 2])

Call = tuple[str, int, dict[str, Any]]


def calls_of(verb: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """Make calls of one verb."""
    return st.tuples(st.just(verb), IDS, st.fixed_dictionaries(arguments))


CALLS = st.one_of(
    calls_of("create", note=NOTES, balance=BALANCES, tags=TAGS),
    calls_of("update", note=NOTES, balance=BALANCES, tags=TAGS),
    calls_of("patch", note=NOTES, tags=TAGS, if_version=VERSIONS),
    calls_of("pay", balance=BALANCES),
    calls_of("delete", if_version=VERSIONS),
)


async def make(store: GenericStore[Wallet], call: Call) -> Any:
    """Make one call; give what it gave, as far as two runs can agree on it."""
    verb, number, given_values = call
    values = dict(given_values)
    owner = f"o{number}"
    try:
        if verb == "delete":
            return await store.delete(number, **values)
        if verb == "pay":
            balance = Wallet.balance + values["balance"]
            return visible(await store.patch(number, {Wallet.balance: balance}))
        tags = values.pop("tags")
        if verb == "patch":
            version = values.pop("if_version")
            return visible(await store.patch(number, values, tags=tags, if_version=version))
        model = Wallet(id=number, owner=owner, **values)
        if verb == "create":
            return visible(await store.create(model, tags=tags))
        return visible(await store.update(number, model, tags=tags))
    except StorehausError as error:
        context = error.context | {"values": getattr(error, "values", None)}
        return {name: value for name, value in context.items() if name != "tags"}


def visible(row: Wallet) -> tuple[Any, ...]:
    """Give what two runs must agree on: all but the times."""
    return (row.id, row.owner, row.balance, row.note, row.version, tuple(row.__tags__))


async def run(url: str, calls: list[Call], *, at_once: bool) -> tuple[list[Any], list[Any], int]:
    """Run calls on an emptied table; give results, rows and how many statements were shared."""
    driver = CountingDriver(driver_of(url))
    await driver.open()
    try:
        store = GenericStore(Database(driver), Wallet, batching=at_once)
        await store.delete_where(Wallet.id >= 0)
        await store.create_many([Wallet(id=i, owner=f"o{i}") for i in range(10)])
        driver.reset()
        if at_once:
            results = await asyncio.gather(*(make(store, call) for call in calls))
            assert store._writes is not None
            assert store._writes.under_way == 0
            assert store._writes.latest == {}
        else:
            results = [await make(store, call) for call in calls]
        shared = sum("lock_timeout" in text or "SKIP LOCKED" in text for text in driver.texts)
        rows = sorted(visible(row) for row in await store.list_all())
    finally:
        await driver.close()
    return results, rows, shared


@pytest.mark.timeout(600)
def test_calls_at_once_are_calls_one_after_the_other(tables_url: str) -> None:
    """The same results and errors, the same rows; and statements were shared."""
    shared = 0

    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(st.lists(CALLS, min_size=15, max_size=40))
    def check(calls: list[Call]) -> None:
        nonlocal shared
        expected, rows, none = asyncio.run(run(tables_url, calls, at_once=False))
        results, stored, some = asyncio.run(run(tables_url, calls, at_once=True))
        note(f"{some} statements were shared")
        assert results == expected
        assert stored == rows
        assert none == 0
        shared += some

    asyncio.run(_empty(tables_url))
    check()

    assert shared >= 20


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DELETE FROM wallets")
    await connection.close()

"""Deadlines and cancellations of transactions: who is told what, and what is kept."""

import asyncio
import contextlib
from typing import Any

import pytest

from fix_haus import Label, counted_haus
from storehaus import QueryTimeout, StoreHaus

pytestmark = pytest.mark.anyio


def label(key: str) -> Label:
    """A row."""
    return Label(key=key, value="")


async def keys(witness: Any) -> list[str]:
    """Keys that others see."""
    return [row[0] for row in await witness.fetch("SELECT key FROM labels ORDER BY key")]


async def test_deadline_rolls_back(haus: StoreHaus, witness: Any) -> None:
    """The body is cancelled, and the caller gets QueryTimeout."""
    labels = haus.store(Label)
    cancelled = False
    with pytest.raises(QueryTimeout) as caught:
        async with haus.transaction(timeout_seconds=0.2):
            await labels.create(label("a"))
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled = True
                raise

    assert cancelled
    assert caught.value.is_transient
    assert await keys(witness) == []


async def test_deadline_that_is_swallowed_rolls_back_too(haus: StoreHaus, witness: Any) -> None:
    """A body that suppresses the cancellation does not commit late."""
    with pytest.raises(QueryTimeout):
        async with haus.transaction(timeout_seconds=0.2):
            await haus.store(Label).create(label("a"))
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    assert await keys(witness) == []


async def test_deadline_of_a_savepoint_undoes_only_that(haus: StoreHaus, witness: Any) -> None:
    """Also when it cuts off a statement."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("a"))
        with pytest.raises(QueryTimeout):
            async with haus.transaction(timeout_seconds=0.2), haus.connection() as connection:
                await labels.create(label("b"))
                await connection.fetch("SELECT pg_sleep(60)")
        await labels.create(label("c"))

    assert await keys(witness) == ["a", "c"]


async def test_time_out_of_the_body_stays_what_it_is(haus: StoreHaus, witness: Any) -> None:
    """asyncio.timeout() in and around a block works as everywhere."""
    labels = haus.store(Label)
    async with haus.transaction(timeout_seconds=30):
        await labels.create(label("a"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.Event().wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), haus.transaction(timeout_seconds=30):
            await labels.create(label("b"))
            await asyncio.Event().wait()

    assert await keys(witness) == ["a"]


async def test_cancellation_stays_a_cancellation(haus: StoreHaus, witness: Any) -> None:
    """From outside, with a deadline or without."""
    started = asyncio.Event()

    async def work() -> None:
        async with haus.transaction(timeout_seconds=30):
            await haus.store(Label).create(label("a"))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert await keys(witness) == []


async def test_server_ends_a_transaction_of_a_frozen_client(tables_url: str, witness: Any) -> None:
    """Its time-outs are set in the round trip of BEGIN, and gone afterwards."""
    names = ("statement_timeout", "idle_in_transaction_session_timeout")
    async with counted_haus(tables_url, max_connections=1) as (haus, driver):
        async with haus.transaction(timeout_seconds=4), haus.connection() as connection:
            assert [call.kind for call in driver.calls] == ["begin"]
            inside = [(await connection.fetch(f"SHOW {name}"))[0][0] for name in names]
        async with haus.connection() as connection:
            outside = [(await connection.fetch(f"SHOW {name}"))[0][0] for name in names]

    assert (inside, outside) == (["5s", "5s"], ["0", "0"])

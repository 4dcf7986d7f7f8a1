"""Transactions used where they may not be: refused, with a text that says what to do."""

import asyncio
import contextvars
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_haus import Label
from storehaus import StoreHaus, Transaction, TransactionMisuse

pytestmark = pytest.mark.anyio


def label(key: str) -> Label:
    """A row."""
    return Label(key=key, value="")


async def test_child_task_is_refused(haus: StoreHaus) -> None:
    """Every way into the database is; the owner's transaction is none the worse for it."""
    labels = haus.store(Label)

    async def nest() -> None:
        async with haus.transaction():
            pass

    async def lend() -> None:
        async with haus.connection():
            pass

    async def lock() -> None:
        async with haus.lock("x"):
            pass

    async def replay() -> None:
        await haus.atomic(labels.count)

    ways: list[Any] = [
        lambda: labels.get_by_id("a"),
        lambda: labels.create(label("b")),
        lambda: labels.create_many([label("b"), label("c")]),
        lambda: labels.load([label("b")]),
        labels.count,
        nest,
        lend,
        lock,
        replay,
    ]
    async with haus.transaction():
        await labels.create(label("a"))
        for way in ways:
            with pytest.raises(TransactionMisuse, match="belongs to the task"):
                await asyncio.create_task(way())
        assert await labels.count() == 1
    assert await labels.count() == 1


async def test_two_verbs_at_once_are_refused_with_advice(haus: StoreHaus) -> None:
    """The text says what to do instead of gather."""
    labels = haus.store(Label)
    async with haus.transaction():
        with pytest.raises(TransactionMisuse) as caught:
            await asyncio.gather(labels.count(), labels.count())

    for word in ("gather", "one after the other", "asyncio.timeout()", "contextvars.Context()"):
        assert word in str(caught.value)


async def test_task_with_a_context_of_its_own_takes_no_part(haus: StoreHaus) -> None:
    """As the text of the error advises; so does a task that started before."""
    labels = haus.store(Label)
    begin = asyncio.Event()

    async def earlier() -> int:
        await begin.wait()
        return await labels.count()

    waiting = asyncio.create_task(earlier())
    async with haus.transaction():
        await labels.create(label("a"))
        apart = asyncio.create_task(labels.count(), context=contextvars.Context())
        begin.set()
        assert (await apart, await waiting) == (0, 0)


async def test_ended_transaction_counts_as_none(haus: StoreHaus) -> None:
    """A task that inherited it may use the stores once it is over."""
    labels = haus.store(Label)
    over = asyncio.Event()

    async def later() -> int:
        await over.wait()
        async with haus.transaction():
            return await labels.count()

    async with haus.transaction():
        await labels.create(label("a"))
        task = asyncio.create_task(later())
    over.set()
    assert await task == 1


async def test_ended_object_is_refused(haus: StoreHaus) -> None:
    """A callback that nobody would call is not taken; in child tasks it is not either."""
    async with haus.transaction() as tx:
        async with haus.transaction() as inner:
            pass
        for register in (inner.on_commit, inner.on_rollback):
            with pytest.raises(TransactionMisuse, match="ended"):
                register(print)

        async def register_in_child() -> None:
            tx.on_commit(print)

        with pytest.raises(TransactionMisuse, match="belongs to the task"):
            await asyncio.create_task(register_in_child())
    with pytest.raises(TransactionMisuse, match="ended"):
        tx.on_commit(print)


@pytest.mark.parametrize(
    "options",
    [
        {"isolation": "serializable"},
        {"readonly": True},
        {"isolation": "serializable", "readonly": True, "deferrable": True},
    ],
)
async def test_savepoint_takes_no_options(haus: StoreHaus, options: Any) -> None:
    """They belong to the whole transaction; the outer block goes on."""
    async with haus.transaction():
        with pytest.raises(TransactionMisuse, match="outermost"):
            async with haus.transaction(**options):
                pass
        async with haus.transaction(timeout_seconds=10):
            await haus.store(Label).create(label("a"))


@pytest.mark.parametrize(
    "options",
    [
        {"isolation": "sloppy"},
        {"isolation": "SERIALIZABLE; DROP TABLE labels"},
        {"deferrable": True},
        {"deferrable": True, "readonly": True},
        {"timeout_seconds": 0},
        {"timeout_seconds": -1.0},
        {"timeout_seconds": math.nan},
        {"timeout_seconds": math.inf},
    ],
)
async def test_options_without_meaning_are_refused(haus: StoreHaus, options: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(TransactionMisuse):
        haus.transaction(**options)


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK"])
async def test_end_by_sql_is_noticed(haus: StoreHaus, statement: str) -> None:
    """Neither kind of callback runs, for nobody knows what they should say."""
    ran: list[str] = []
    with pytest.raises(TransactionMisuse, match="ended by SQL"):
        async with haus.transaction() as tx:
            tx.on_commit(lambda: ran.append("commit"))
            tx.on_rollback(lambda: ran.append("rollback"))
            await haus.store(Label).create(label("a"))
            async with haus.connection() as connection:
                await connection.execute(statement)
    assert ran == []


async def test_end_by_sql_is_noticed_by_the_next_verb(haus: StoreHaus, witness: Any) -> None:
    """Which would be committed on its own otherwise."""
    labels = haus.store(Label)
    ways: list[Any] = [
        lambda: labels.create(label("b")),
        lambda: labels.create_many([label("b"), label("c")]),
        labels.count,
    ]
    for way in ways:
        with pytest.raises(TransactionMisuse, match="ended by SQL"):
            async with haus.transaction():
                async with haus.connection() as connection:
                    await connection.execute("ROLLBACK")
                await way()
    assert await witness.fetchval("SELECT count(*) FROM labels") == 0


async def test_end_by_sql_within_a_savepoint_is_noticed(haus: StoreHaus) -> None:
    """At its end, and at that of the transaction."""
    with pytest.raises(TransactionMisuse, match="ended by SQL"):
        async with haus.transaction():
            with pytest.raises(TransactionMisuse, match="ended by SQL"):
                async with haus.transaction(), haus.connection() as connection:
                    await connection.execute("COMMIT")


async def test_blocks_end_in_reverse_order(haus: StoreHaus, witness: Any) -> None:
    """A block that a generator holds open cannot outlive the one around it."""
    labels = haus.store(Label)

    async def hold() -> AsyncIterator[Transaction]:
        async with haus.transaction() as tx:
            await labels.create(label("inner"))
            yield tx

    held = hold()
    with pytest.raises(TransactionMisuse, match="reverse order"):
        async with haus.transaction():
            await labels.create(label("outer"))
            await anext(held)
    with pytest.raises(TransactionMisuse, match="reverse order"):
        await anext(held)

    assert await labels.count() == 0


async def test_generator_that_is_closed_elsewhere_leaves_others_alone(haus: StoreHaus) -> None:
    """Its transaction rolls back; the one of the task that closes it stays bound."""
    labels = haus.store(Label)

    async def hold() -> AsyncIterator[None]:
        async with haus.transaction():
            await labels.create(label("held"))
            yield

    held: Any = hold()

    async def start() -> None:
        await anext(held)

    await asyncio.create_task(start())
    async with haus.transaction():
        await labels.create(label("own"))
        await held.aclose()
        assert await labels.count() == 1
        await labels.create(label("own too"))
    assert await labels.count() == 2

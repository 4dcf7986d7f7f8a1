"""What happens after a transaction: when, in which order, and when not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fix_haus import Label, Recorder, counted_haus
from storehaus import Plugin, StoreHaus, StorehausError, UniqueViolation

pytestmark = pytest.mark.anyio


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


class Journal(Plugin):
    """Writes down the keys of what was committed, among what callbacks write down."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def after_commit(self, outcome: Any) -> None:
        """Write it down, with a wait in between."""
        await asyncio.sleep(0)
        models = outcome.models
        keys = "rows" if models is None else ",".join(each.key for each in models)
        self.lines.append(f"{outcome.change.operation}:{keys}")

    def note(self, line: str) -> Any:
        """Make a callback."""
        return lambda: self.lines.append(line)


Opened = tuple[StoreHaus, Journal]


@pytest.fixture
async def opened(tables_url: str, witness: Any) -> AsyncIterator[Opened]:
    """An open haus of one connection with a journal."""
    journal = Journal()
    async with counted_haus(tables_url, journal, max_connections=1) as (haus, _):
        yield haus, journal


def label(key: str) -> Label:
    """A row."""
    return Label(key=key, value="")


async def test_effects_follow_the_commit_in_order(opened: Opened, witness: Any) -> None:
    """Those of plug-ins and callbacks together, sync or async, and none before the commit."""
    haus, journal = opened
    labels = haus.store(Label)

    async def waits() -> None:
        await asyncio.sleep(0)
        journal.lines.append(f"async, {await witness.fetchval('SELECT count(*) FROM labels')} rows")

    async with haus.transaction() as tx:
        await labels.create(label("a"))
        tx.on_commit(journal.note("first"))
        await labels.create_many([label("b"), label("c")])
        tx.on_commit(waits)
        await labels.load([label("d")])
        tx.on_rollback(journal.note("never"))
        await labels.delete("a")
        assert journal.lines == []

    assert journal.lines == [
        "create:a",
        "first",
        "create:b,c",
        "async, 3 rows",
        "create:rows",
        "delete:a",
    ]


async def test_rollback_has_its_own_effects(opened: Opened, witness: Any) -> None:
    """Those of a commit do not happen."""
    haus, journal = opened
    with pytest.raises(Stop):
        async with haus.transaction() as tx:
            await haus.store(Label).create(label("a"))
            tx.on_commit(journal.note("never"))
            tx.on_rollback(journal.note("one"))
            tx.on_rollback(journal.note("two"))
            raise Stop

    assert journal.lines == ["one", "two"]


async def test_effects_of_a_savepoint_move_out(opened: Opened) -> None:
    """In the order of registration, whichever block they were registered on."""
    haus, journal = opened
    labels = haus.store(Label)
    async with haus.transaction() as tx:
        tx.on_commit(journal.note("1"))
        async with haus.transaction() as middle:
            middle.on_commit(journal.note("2"))
            async with haus.transaction() as inner:
                await labels.create(label("a"))
                inner.on_commit(journal.note("3"))
                tx.on_commit(journal.note("4"))
                middle.on_commit(journal.note("5"))
            inner_lines = list(journal.lines)
        tx.on_commit(journal.note("6"))
        assert journal.lines == inner_lines == []

    assert journal.lines == ["1", "2", "create:a", "3", "4", "5", "6"]


async def test_effects_of_an_undone_savepoint_are_dropped(opened: Opened) -> None:
    """Those registered on the outer block meanwhile stay; on_rollback runs at once."""
    haus, journal = opened
    labels = haus.store(Label)
    async with haus.transaction() as tx:
        await labels.create(label("a"))
        with pytest.raises(Stop):
            async with haus.transaction() as inner:
                await labels.create(label("b"))
                async with haus.transaction() as innermost:
                    innermost.on_commit(journal.note("never"))
                    innermost.on_rollback(journal.note("undone"))
                inner.on_commit(journal.note("never"))
                tx.on_commit(journal.note("outer"))
                raise Stop
        assert journal.lines == ["undone"]
        await labels.create(label("c"))

    assert journal.lines == ["undone", "create:a", "outer", "create:c"]


async def test_rollback_callback_of_a_savepoint_is_in_the_outer_block(
    opened: Opened, witness: Any
) -> None:
    """Its verbs join the block that goes on."""
    haus, journal = opened
    labels = haus.store(Label)

    async def compensate() -> None:
        await labels.create(label("instead"))

    async with haus.transaction():
        with pytest.raises(Stop):
            async with haus.transaction() as inner:
                await labels.create(label("a"))
                inner.on_rollback(compensate)
                raise Stop
        assert await labels.count() == 1

    assert journal.lines == ["create:instead"]


async def test_effects_of_a_released_savepoint_fall_with_the_outer_block(opened: Opened) -> None:
    """What was released is not durable."""
    haus, journal = opened
    with pytest.raises(Stop):
        async with haus.transaction():
            async with haus.transaction() as inner:
                await haus.store(Label).create(label("a"))
                inner.on_commit(journal.note("never"))
                inner.on_rollback(journal.note("undone"))
            raise Stop

    assert journal.lines == ["undone"]


async def test_effects_may_use_the_store(opened: Opened, witness: Any) -> None:
    """The transaction is over by then, and its only connection is free again."""
    haus, journal = opened
    labels = haus.store(Label)

    async def write() -> None:
        async with haus.transaction():
            await labels.create(label("b"))

    async with haus.transaction() as tx:
        await labels.create(label("a"))
        tx.on_commit(write)

    assert journal.lines == ["create:a", "create:b"]


async def test_all_effects_run_though_some_fail(opened: Opened, witness: Any) -> None:
    """Then one group says that the transaction was committed."""
    haus, journal = opened

    async def fail() -> None:
        raise LookupError("second")

    def fail_at_once() -> None:
        raise ValueError("first")

    with pytest.raises(ExceptionGroup, match="was committed") as caught:
        async with haus.transaction() as tx:
            await haus.store(Label).create(label("a"))
            tx.on_commit(fail_at_once)
            tx.on_commit(fail)
            tx.on_commit(journal.note("last"))

    assert [type(each) for each in caught.value.exceptions] == [ValueError, LookupError]
    assert journal.lines == ["create:a", "last"]
    assert await witness.fetchval("SELECT count(*) FROM labels") == 1


async def test_effect_that_is_cancelled_by_itself_is_an_error(opened: Opened) -> None:
    """It awaits a task that somebody cancelled: the caller is not cancelled by that."""
    haus, journal = opened

    async def wait_in_vain() -> None:
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        await task

    with pytest.raises(ExceptionGroup) as caught:
        async with haus.transaction() as tx:
            tx.on_commit(wait_in_vain)
            tx.on_commit(journal.note("last"))

    assert len(caught.value.exceptions) == 1
    assert journal.lines == ["last"]


async def test_failing_rollback_callback_does_not_hide_the_error(opened: Opened) -> None:
    """What ended the block comes out; the other goes to the loop's handler."""
    haus, _ = opened
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def fail() -> None:
        raise ValueError("secret")

    with pytest.raises(Stop) as caught:
        async with haus.transaction() as tx:
            tx.on_rollback(fail)
            raise Stop
    asyncio.get_running_loop().set_exception_handler(None)

    assert caught.value.__notes__ == ["an effect of the transaction failed too: ValueError"]
    assert [type(each["exception"]) for each in told] == [ValueError]


async def test_effects_happen_once_though_the_caller_is_cancelled(
    opened: Opened, witness: Any
) -> None:
    """They are seen through; then the cancellation comes out."""
    haus, journal = opened
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        reached.set()
        await go_on.wait()
        journal.lines.append("slow")

    async def work() -> None:
        async with haus.transaction() as tx:
            await haus.store(Label).create(label("a"))
            tx.on_commit(slow)
            tx.on_commit(journal.note("last"))

    task = asyncio.create_task(work())
    await reached.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    await asyncio.wait([task])

    assert task.cancelled()
    assert journal.lines == ["create:a", "slow", "last"]
    assert await witness.fetchval("SELECT count(*) FROM labels") == 1


async def test_effect_that_never_ends_does_not_hold_a_cancelled_caller(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a grace it goes on without him, and closing the haus waits for it."""
    monkeypatch.setattr("storehaus.store.effects._GRACE_SECONDS", 0.0)
    haus, journal = opened
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        reached.set()
        await go_on.wait()
        journal.lines.append("slow")

    async def work() -> None:
        async with haus.transaction() as tx:
            tx.on_commit(slow)

    task = asyncio.create_task(work())
    await reached.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert journal.lines == []

    closing = asyncio.create_task(haus.close())
    await asyncio.sleep(0)
    assert not closing.done()
    go_on.set()
    await closing
    assert journal.lines == ["slow"]


async def test_effect_that_outlasts_the_closing_is_cut_off(opened: Opened) -> None:
    """Whoever waits for it is told, and is not cancelled by that."""
    haus, journal = opened
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    async def work() -> None:
        async with haus.transaction() as tx:
            tx.on_commit(journal.note("first"))
            tx.on_commit(hang)

    task = asyncio.create_task(work())
    await reached.wait()
    await haus.close(grace_seconds=0.0)

    with pytest.raises(ExceptionGroup, match="was committed") as caught:
        await task
    assert "closed" in str(caught.value.exceptions[0])
    assert journal.lines == ["first"]


async def test_effect_may_close_the_haus(opened: Opened) -> None:
    """It does not wait for itself."""
    haus, _ = opened
    async with haus.transaction() as tx:
        tx.on_commit(haus.close)
    with pytest.raises(StorehausError, match="not open"):
        await haus.store(Label).count()


async def test_single_write_sees_its_effects_through(tables_url: str, witness: Any) -> None:
    """Outside of a transaction as well: a cancelled caller does not cut them off."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Recorder):
        async def after_commit(self, outcome: Any) -> None:
            reached.set()
            await go_on.wait()
            await super().after_commit(outcome)

    plugin = Slow()
    async with counted_haus(tables_url, plugin) as (haus, _):
        task = asyncio.create_task(haus.store(Label).create(label("a")))
        await reached.wait()
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait([task])

    assert task.cancelled()
    assert plugin.stages == ["before", "after_commit"]


async def test_failed_write_has_no_effect_in_a_transaction(opened: Opened) -> None:
    """Only what the block keeps is told."""
    haus, journal = opened
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("a"))
        with pytest.raises(UniqueViolation):
            await labels.create_many([label("b"), label("a")])

    assert journal.lines == ["create:a"]

"""Transactions and savepoints: what joins them, what is kept of them, what they cost."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from fix_haus import Draft, Label, Recorder, Wallet, config_of, counted_haus
from storehaus import (
    DatabaseError,
    NotFound,
    Operation,
    SerializationFailure,
    StoreHaus,
    Transaction,
    TransactionMisuse,
    UniqueViolation,
)
from storehaus.store.effects import Fate
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

Opened = tuple[StoreHaus, CountingDriver]


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


@pytest.fixture
async def opened(tables_url: str, witness: Any) -> AsyncIterator[Opened]:
    """An open haus of two connections, and its counting driver."""
    async with counted_haus(tables_url, max_connections=2) as made:
        yield made


def label(key: str, value: str = "") -> Label:
    """A row."""
    return Label(key=key, value=value)


async def keys(witness: Any) -> list[str]:
    """Keys that others see."""
    return [row[0] for row in await witness.fetch("SELECT key FROM labels ORDER BY key")]


async def test_transaction_with_one_create_is_three_round_trips(opened: Opened) -> None:
    """BEGIN, INSERT, COMMIT; and a verb of one row costs one round trip."""
    haus, driver = opened
    labels = haus.store(Label)

    async with haus.transaction():
        await labels.create(label("a"))

    assert [call.kind for call in driver.calls] == ["begin", "fetch", "commit"]
    assert len({call.connection for call in driver.calls}) == 1


async def test_one_row_verbs_cost_one_round_trip_each(opened: Opened) -> None:
    """Reading, changing and deleting one row sets no savepoint."""
    haus, driver = opened
    labels = haus.store(Label)
    verbs: list[Any] = [
        lambda: labels.create(label("a")),
        lambda: labels.get_by_id("a"),
        lambda: labels.patch("a", value="b"),
        lambda: labels.update("a", label("a", "c")),
        lambda: labels.upsert(label("a", "d")),
        lambda: labels.update_where(Label.key == "a", {"value": "e"}),
        lambda: labels.find(Label.key == "a"),
        lambda: labels.get_many(["a", "b"]),
        labels.count,
        labels.exists,
        labels.list_all,
        lambda: labels.delete("a"),
    ]
    async with haus.transaction():
        for verb in verbs:
            driver.reset()
            await verb()
            assert [call.kind for call in driver.calls] == ["fetch"]


async def test_batch_is_kept_whole_by_one_savepoint(opened: Opened) -> None:
    """Several rows in one statement cost two round trips more."""
    haus, driver = opened
    async with haus.transaction():
        driver.reset()
        await haus.store(Label).create_many([label("a"), label("b")])
        kinds = [call.kind for call in driver.calls]

    assert kinds == ["savepoint", "fetch", "release_savepoint"]


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("readonly", [True, False])
async def test_options_reach_the_server(haus: StoreHaus, level: Any, *, readonly: bool) -> None:
    """Isolation and access mode are what was asked for."""
    names = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")
    deferrable = readonly and level == "serializable"
    async with (
        haus.transaction(level, readonly=readonly, deferrable=deferrable),
        haus.connection() as connection,
    ):
        seen = [(await connection.fetch(f"SHOW {name}"))[0][0] for name in names]

    assert seen == [level, "on" if readonly else "off", "on" if deferrable else "off"]


async def test_readonly_refuses_writes(haus: StoreHaus) -> None:
    """SQLSTATE 25006."""
    with pytest.raises(DatabaseError) as caught:
        async with haus.transaction(readonly=True):
            await haus.store(Label).create(label("a"))

    assert caught.value.sqlstate == "25006"


async def test_nobody_sees_it_before_its_commit(haus: StoreHaus, witness: Any) -> None:
    """Its own verbs do."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("a"))
        assert await labels.count() == 1
        assert await keys(witness) == []
    assert await keys(witness) == ["a"]


async def test_every_verb_joins(haus: StoreHaus, witness: Any) -> None:
    """What any verb writes is gone when the block fails."""
    labels, drafts = haus.store(Label), haus.store(Draft)
    await labels.create_many([label("a"), label("b"), label("c")])
    await drafts.create(Draft(id=1, text="old"))
    with pytest.raises(Stop):
        async with haus.transaction():
            await labels.create(label("d"))
            await labels.create_many([label("e"), label("f")])
            await labels.create_many([label("g"), label("h")], returning=False)
            await labels.load(label(str(i)) for i in range(20))
            await labels.update("a", label("a", "n"))
            await labels.update_many([("a", label("a", "m")), ("b", label("b", "m"))])
            await labels.patch("a", value="p")
            await labels.update_where(Label.key == "a", {"value": "q"})
            await labels.upsert(label("i"))
            await labels.upsert_many([label("a", "r"), label("j")])
            await labels.delete("b")
            await labels.delete_many(["a", "c"])
            await labels.delete_where(Label.key == "d")
            await drafts.delete(1)
            await drafts.restore(1)
            await drafts.purge(1)
            raise Stop

    rows = await witness.fetch("SELECT key, value FROM labels ORDER BY key")
    assert [tuple(row) for row in rows] == [("a", ""), ("b", ""), ("c", "")]
    assert await witness.fetchval("SELECT text FROM drafts WHERE __is_active__") == "old"


async def test_error_of_one_row_fails_the_block(haus: StoreHaus, witness: Any) -> None:
    """As in PostgreSQL: after it, only the end of the block is possible."""
    labels = haus.store(Label)
    await labels.create(label("a"))
    with pytest.raises(DatabaseError) as caught:
        async with haus.transaction():
            await labels.create(label("b"))
            with pytest.raises(UniqueViolation):
                await labels.create(label("a"))

    assert caught.value.sqlstate == "25P02"
    assert await keys(witness) == ["a"]


async def test_error_in_a_savepoint_fails_only_that(haus: StoreHaus, witness: Any) -> None:
    """The outer block goes on."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("a"))
        with pytest.raises(UniqueViolation):
            async with haus.transaction():
                await labels.create(label("b"))
                await labels.create(label("a"))
        await labels.create(label("c"))

    assert await keys(witness) == ["a", "c"]


async def test_savepoint_with_a_hidden_failure_raises(haus: StoreHaus, witness: Any) -> None:
    """Leaving it without an exception does not make it succeed."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("a"))
        with pytest.raises(DatabaseError) as caught:
            async with haus.transaction():
                with pytest.raises(UniqueViolation):
                    await labels.create(label("a"))
        await labels.create(label("b"))

    assert caught.value.sqlstate == "25P02"
    assert await keys(witness) == ["a", "b"]


async def test_batch_that_fails_leaves_the_block_intact(haus: StoreHaus, witness: Any) -> None:
    """The error names the row, nothing of the batch stays, and the block goes on."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("b"))
        with pytest.raises(UniqueViolation) as caught:
            await labels.create_many([label("a"), label("b"), label("c")])
        await labels.create(label("d"))

    assert (caught.value.row_index, caught.value.fields) == (1, ("key",))
    assert await keys(witness) == ["b", "d"]


async def test_write_of_several_statements_is_kept_whole(haus: StoreHaus, witness: Any) -> None:
    """Whoever catches the error of a later chunk keeps none of the earlier ones."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("z"))
        # More rows than one statement carries, and the last of them is there already.
        many = [label(f"{i:06}") for i in range(20_000)]
        with pytest.raises(UniqueViolation) as caught:
            await labels.create_many([*many, label("z")])
        await labels.create(label("y"))

    assert caught.value.row_index == 20_000
    assert await keys(witness) == ["y", "z"]


async def test_load_that_fails_is_undone(haus: StoreHaus, small_chunks: int, witness: Any) -> None:
    """All of its chunks, and nothing of what was there before."""
    labels = haus.store(Label)
    async with haus.transaction():
        await labels.create(label("z"))
        with pytest.raises(UniqueViolation) as caught:
            await labels.load(label(str(i) if i < 2_500 else "z") for i in range(2_501))
        await labels.create(label("y"))

    assert caught.value.row_index == 2_500
    assert await keys(witness) == ["y", "z"]


async def test_missing_row_does_not_fail_the_block(haus: StoreHaus) -> None:
    """NotFound is no error of the server."""
    labels = haus.store(Label)
    async with haus.transaction():
        with pytest.raises(NotFound):
            await labels.patch("nope", value="x")
        await labels.create(label("a"))
    assert await labels.count() == 1


async def test_plugin_in_the_transaction_sees_its_connection(tables_url: str, witness: Any) -> None:
    """`after` runs where the write ran; the write and what it adds are kept whole."""

    class Counting(Recorder):
        async def after(self, outcome: Any, connection: Any) -> None:
            rows = await connection.fetch("SELECT count(*) FROM labels")
            self.events.append(("after", rows[0][0]))
            if rows[0][0] == 2:
                raise Stop

    plugin = Counting(in_transaction=True)
    async with counted_haus(tables_url, plugin) as (haus, _), haus.transaction():
        labels = haus.store(Label)
        await labels.create(label("a"))
        with pytest.raises(Stop):
            await labels.create(label("b"))
        assert await labels.count() == 1

    assert [seen for stage, seen in plugin.events if stage == "after"] == [1, 2]
    assert [outcome.change.operation for outcome in plugin.outcomes] == [Operation.CREATE]
    assert await keys(witness) == ["a"]


async def test_hooks_read_in_the_transaction(opened: Opened, tables_url: str) -> None:
    """A rule that looks at other rows sees those of the open transaction."""
    haus, _ = opened
    seen: list[int] = []

    class Labels(type(haus.store(Draft))):  # type: ignore[misc]  # GenericStore itself
        model_class = Wallet

        async def before_create(self, change: Any) -> None:
            seen.append(await self.count())

    wallets = haus.store(Labels)
    async with haus.transaction():
        await wallets.create(Wallet(id=1, owner="a"))
        await wallets.create(Wallet(id=2, owner="b"))
    assert seen == [0, 1]


async def test_two_hauses_do_not_mix(tables_url: str, haus: StoreHaus, witness: Any) -> None:
    """Verbs of another haus in the block are on their own; both can have a transaction at once."""
    async with StoreHaus(config_of(tables_url)) as other:
        ours, theirs = haus.store(Label), other.store(Label)
        with pytest.raises(Stop):
            async with haus.transaction():
                await ours.create(label("ours"))
                await theirs.create(label("alone"))
                async with other.transaction():
                    await theirs.create(label("theirs"))
                    await ours.create(label("ours too"))
                assert await ours.count() == 4
                assert await theirs.count() == 2
                raise Stop

        assert await keys(witness) == ["alone", "theirs"]


async def test_transactions_of_two_tasks_do_not_mix(haus: StoreHaus, witness: Any) -> None:
    """Each task has its own, whatever the order of their steps."""
    labels = haus.store(Label)
    meeting = asyncio.Barrier(2)

    async def work(key: str, *, fails: bool) -> None:
        async with haus.transaction():
            await meeting.wait()
            await labels.create(label(key))
            await meeting.wait()
            assert await labels.count() == 1
            await meeting.wait()
            if fails:
                raise Stop

    done = await asyncio.gather(
        work("a", fails=True), work("b", fails=False), return_exceptions=True
    )

    assert [type(each) for each in done] == [Stop, type(None)]
    assert await keys(witness) == ["b"]


async def test_connection_is_the_transactions_own(opened: Opened, witness: Any) -> None:
    """haus.connection() lends it, does not give it back, and it is reset at the end."""
    haus, driver = opened
    async with haus.transaction():
        async with haus.connection() as connection:
            await connection.execute("INSERT INTO labels (key, value, hits) VALUES ('a', '', 0)")
            await connection.execute("SET search_path = nowhere")
            await connection.execute("SET search_path = DEFAULT")
            pid = (await connection.fetch("SELECT pg_backend_pid()"))[0][0]
        async with haus.connection() as connection:
            assert (await connection.fetch("SELECT pg_backend_pid()"))[0][0] == pid
        assert await haus.store(Label).count() == 1
        assert driver.stats().idle == 0
    assert driver.stats().idle == driver.stats().size == 1
    assert await keys(witness) == ["a"]


async def test_session_state_does_not_leak(tables_url: str, witness: Any) -> None:
    """What was set on a transaction's connection is gone for the next user."""
    async with counted_haus(tables_url, max_connections=1) as (haus, _):
        async with haus.transaction(), haus.connection() as connection:
            await connection.execute("SET statement_timeout = 12345")
        async with haus.connection() as connection:
            assert (await connection.fetch("SHOW statement_timeout"))[0][0] != "12345ms"


async def test_health_is_never_part_of_it(opened: Opened) -> None:
    """It asks on a connection of its own, also when the transaction has failed."""
    haus, _ = opened
    labels = haus.store(Label)
    await labels.create(label("a"))
    with pytest.raises(UniqueViolation):
        async with haus.transaction():
            try:
                await labels.create(label("a"))
            finally:
                assert (await haus.health()).ok


async def test_migration_in_it_is_refused(haus: StoreHaus) -> None:
    """A migration commits on its own, which a rollback could not undo."""
    async with haus.transaction():
        with pytest.raises(TransactionMisuse, match="migration"):
            await haus.auto_migrate(Label)


async def test_collision_at_commit_is_told_as_such(haus: StoreHaus, witness: Any) -> None:
    """Write skew under serializable: one of two is refused, at the latest by its COMMIT."""
    wallets = haus.store(Wallet)
    await wallets.create_many([Wallet(id=i, owner=str(i), balance=Decimal(1)) for i in (1, 2)])
    meeting = asyncio.Barrier(2)

    async def withdraw(wallet_id: int) -> None:
        async with haus.transaction("serializable"):
            assert sum(each.balance for each in await wallets.list_all()) == 2
            await meeting.wait()
            await wallets.patch(wallet_id, balance=Decimal(0))
            await meeting.wait()

    done = await asyncio.gather(withdraw(1), withdraw(2), return_exceptions=True)

    assert {type(each) for each in done} == {type(None), SerializationFailure}
    assert await witness.fetchval("SELECT sum(balance) FROM wallets") == 1


async def test_block_is_what_it_is_where_it_begins(haus: StoreHaus, witness: Any) -> None:
    """Not where it was asked for: made outside and entered inside, it is a savepoint."""
    labels = haus.store(Label)
    block = haus.transaction()
    with pytest.raises(Stop):
        async with haus.transaction():
            async with block as tx:
                await labels.create(label("a"))
            assert tx.savepoint is not None
            raise Stop

    assert await keys(witness) == []


async def test_many_small_blocks_take_linear_time(opened: Opened) -> None:
    """Each looks at the effects that were registered since it began, and at no others."""
    haus, _ = opened
    async with haus.transaction() as tx:
        ledger = tx.unit.ledger
        for _ in range(100):
            tx.on_commit(print)
        entries: Any = ledger._entries
        before = list(entries)
        async with haus.transaction() as inner:
            inner.on_commit(print)
            assert inner.start == 100
        assert ledger._entries is entries
        assert all(old is new for old, new in zip(before, entries, strict=False))
        ledger.take_all(Fate.COMMITTED)


async def test_block_is_a_transaction_object(haus: StoreHaus) -> None:
    """It says what it is, and whether it is open."""
    async with haus.transaction() as tx:
        async with haus.transaction() as inner:
            assert (repr(tx), repr(inner)) == (
                "<Transaction: open transaction>",
                "<Transaction: open savepoint>",
            )
        assert isinstance(tx, Transaction)
        assert (tx.is_open, inner.is_open) == (True, False)
    assert not tx.is_open

"""Streams: bounded batches, one connection, and an end whatever the loop does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fault.waiting import until_idle
from fix_haus import Draft, Label, config_of, counted_haus
from storehaus import (
    DatabaseError,
    GenericStore,
    QueryBuilder,
    QueryError,
    StoreHaus,
    TransactionMisuse,
    func,
    literal,
)
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio

ROWS = 20
BY_HITS = QueryBuilder(Label).order_by(Label.hits)


@pytest.fixture
async def opened(tables_url: str, witness: Any) -> AsyncIterator[tuple[StoreHaus, CountingDriver]]:
    """A haus of one connection that counts, on twenty labels."""
    async with counted_haus(tables_url, max_connections=1, min_connections=0) as (haus, driver):
        await haus.store(Label).create_many(
            [Label(key=f"k{i:02}", value=f"v{i % 3}", hits=i) for i in range(ROWS)]
        )
        driver.reset()
        yield haus, driver


@pytest.fixture
def labels(opened: tuple[StoreHaus, CountingDriver]) -> GenericStore[Label]:
    """Its store."""
    return opened[0].store(Label)


@pytest.fixture
def driver(opened: tuple[StoreHaus, CountingDriver]) -> CountingDriver:
    """Its driver."""
    return opened[1]


def is_idle(driver: CountingDriver) -> bool:
    """Whether the one connection is in the pool."""
    stats = driver.stats()
    return stats.size == stats.idle


@pytest.mark.parametrize(
    ("batch", "fetches"), [(1, 21), (7, 3), (10, 3), (19, 2), (20, 2), (21, 1), (100_000, 1)]
)
async def test_rows_come_in_batches(
    labels: GenericStore[Label], driver: CountingDriver, batch: int, fetches: int
) -> None:
    """Each batch is one fetch of so many rows; a short one is the last."""
    hits = [label.hits async for label in labels.stream(BY_HITS, batch=batch)]

    assert hits == list(range(ROWS))
    asked = [call for call in driver.calls if call.kind == "next_rows"]
    assert [call.params for call in asked] == [(batch,)] * fetches


async def test_nothing_is_fetched_ahead(
    labels: GenericStore[Label], driver: CountingDriver
) -> None:
    """A batch is fetched when its first row is wanted; none before."""
    async with labels.stream(BY_HITS, batch=5) as rows:
        assert driver.calls == []
        seen = 0
        async for _ in rows:
            seen += 1
            assert driver.counts["next_rows"] == (seen + 4) // 5
            if seen == 11:
                break


async def test_leaving_the_block_closes_at_once(
    labels: GenericStore[Label], driver: CountingDriver
) -> None:
    """After a break, an error or the last row the connection is back where the block ends."""
    async with labels.stream(BY_HITS, batch=5) as rows:
        async for label in rows:
            assert not is_idle(driver)
            if label.hits == 7:
                break
    assert is_idle(driver)

    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the loop is what fails
        async with labels.stream(BY_HITS, batch=5) as rows:
            async for label in rows:
                _ = 1 / (label.hits - 3)
    assert is_idle(driver)

    async with labels.stream(BY_HITS) as rows:
        assert len([label async for label in rows]) == ROWS
        assert is_idle(driver)
    assert await labels.count() == ROWS


async def test_break_without_the_block_closes_soon(
    labels: GenericStore[Label], driver: CountingDriver
) -> None:
    """A loop that is left early gives its connection back without anybody asking."""
    async for label in labels.stream(BY_HITS, batch=5):
        if label.hits == 3:
            break

    await until_idle(driver)
    # It was the only one.
    assert await labels.count() == ROWS


async def test_closing_by_hand(labels: GenericStore[Label], driver: CountingDriver) -> None:
    """`close` ends reading; it may come twice."""
    stream = labels.stream(BY_HITS, batch=5)
    rows = aiter(stream)
    assert (await anext(rows)).hits == 0
    await stream.close()
    assert is_idle(driver)
    with pytest.raises(StopAsyncIteration):
        await anext(rows)
    await stream.close()


async def test_read_once(labels: GenericStore[Label]) -> None:
    """A second loop over the same stream would miss rows or read them again: it is refused."""
    stream = labels.stream(BY_HITS)
    assert len([label async for label in stream]) == ROWS
    with pytest.raises(QueryError, match="once"):
        [label async for label in stream]

    async with labels.stream(BY_HITS, batch=5) as rows:
        async for _ in rows:
            break
        with pytest.raises(QueryError, match="once"):
            aiter(rows)


@pytest.mark.parametrize("batch", [0, -1, 100_001, True, 2.0, "7", None])
async def test_batch_is_a_number_of_rows(
    labels: GenericStore[Label], driver: CountingDriver, batch: Any
) -> None:
    """Anything else is refused before a connection is taken."""
    with pytest.raises(QueryError, match="batch"):
        labels.stream(BY_HITS, batch=batch)
    assert driver.calls == []


async def test_query_is_checked_when_the_stream_is_made(
    labels: GenericStore[Label], driver: CountingDriver
) -> None:
    """A name that is no field is an error where the stream is asked for."""
    with pytest.raises(QueryError, match="no field"):
        labels.stream(QueryBuilder(Label).order_by("nothing"))
    assert driver.calls == []


async def test_conditions_and_projections(labels: GenericStore[Label]) -> None:
    """Conditions, queries and projections are streamed alike."""
    found = [label.hits async for label in labels.stream(Label.hits > 17, Label.value != "v1")]
    assert sorted(found) == [18]
    projection = BY_HITS.select(Label.key, (Label.hits * 2).as_("twice"), Label)
    rows = [row async for row in labels.stream(projection, batch=6)]
    assert len(rows) == ROWS
    assert [row.twice for row in rows] == [2 * i for i in range(ROWS)]
    assert rows[3][0] == rows[3][2].key == "k03"


async def test_deleted_rows_are_not_streamed(tables_url: str, haus: StoreHaus) -> None:
    """Soft-deleted rows are left out of streams as of everything else."""
    drafts = haus.store(Draft)
    await drafts.create_many([Draft(id=i, text="x") for i in range(4)])
    await drafts.delete_many([1, 2])

    assert sorted([draft.id async for draft in drafts.stream()]) == [0, 3]


async def test_verbs_in_the_loop_are_no_part_of_the_stream(tables_url: str, witness: Any) -> None:
    """They run on connections of their own, and last although the stream is broken off."""
    async with StoreHaus(config_of(tables_url, max_connections=2)) as haus:
        labels = haus.store(Label)
        await labels.create_many([Label(key=f"k{i}", value="", hits=i) for i in range(6)])
        async with labels.stream(BY_HITS, batch=2) as rows:
            async for label in rows:
                await labels.patch(label.key, value="seen")
                # The stream reads what was there when it began.
                assert label.value == ""
                if label.hits == 4:
                    break
        assert await labels.count_where(Label.value == "seen") == 5


async def test_in_a_transaction_own_rows_are_seen(
    opened: tuple[StoreHaus, CountingDriver], labels: GenericStore[Label]
) -> None:
    """A stream within a transaction reads on its connection, beside the verbs of the loop."""
    haus, driver = opened
    async with haus.transaction():
        await labels.create(Label(key="new", value="", hits=100))
        seen = 0
        async with labels.stream(BY_HITS, batch=4) as rows:
            async for label in rows:
                seen += 1
                await labels.patch(label.key, value="seen")
        assert seen == ROWS + 1
        async with labels.stream(BY_HITS, batch=4) as rows:
            async for _ in rows:
                break
        # Leaving a stream does not end the transaction.
        assert await labels.count_where(Label.value == "seen") == seen
    assert is_idle(driver)
    assert await labels.count_where(Label.value == "seen") == seen


async def test_stream_ends_with_its_transaction(
    opened: tuple[StoreHaus, CountingDriver], labels: GenericStore[Label]
) -> None:
    """Reading on after the end of the transaction is refused; the connection is another's then."""
    haus, driver = opened
    async with haus.transaction():
        rows = aiter(labels.stream(BY_HITS, batch=2))
        assert (await anext(rows)).hits == 0
        assert (await anext(rows)).hits == 1
    assert is_idle(driver)
    with pytest.raises(TransactionMisuse):
        await anext(rows)
    assert await labels.count() == ROWS


async def test_other_task_cannot_read_in_the_transaction(
    opened: tuple[StoreHaus, CountingDriver], labels: GenericStore[Label]
) -> None:
    """A child task that inherits the transaction is refused, also with a stream."""
    haus, _ = opened

    async def read() -> None:
        async for _ in labels.stream(BY_HITS):
            pass

    async with haus.transaction():
        with pytest.raises(TransactionMisuse):
            await asyncio.create_task(read())
        assert len([label async for label in labels.stream(BY_HITS)]) == ROWS


async def test_error_in_a_later_batch(labels: GenericStore[Label], driver: CountingDriver) -> None:
    """Rows before it are given, the error comes typed, and the connection goes back whole."""
    share = (literal(100) / (Label.hits - 12)).as_("share")
    stream = QueryBuilder(Label).filter(Label.key >= "").select(Label.hits, share)
    seen = 0
    with pytest.raises(DatabaseError) as caught:  # noqa: PT012 - the loop is what fails
        async for _ in labels.stream(stream, batch=5):
            seen += 1
    assert caught.value.sqlstate == "22012"
    # Without an order the server may begin anywhere: only whole batches are given.
    assert seen in range(0, ROWS, 5)
    assert is_idle(driver)
    assert await labels.count() == ROWS


async def test_error_in_a_transaction_leaves_it_to_its_block(
    opened: tuple[StoreHaus, CountingDriver], labels: GenericStore[Label]
) -> None:
    """As with any verb that fails within a transaction."""
    haus, driver = opened
    share = (literal(100) / (Label.hits - 12)).as_("share")
    with pytest.raises(DatabaseError):  # noqa: PT012 - the block is what fails
        async with haus.transaction():
            await labels.create(Label(key="new", value="", hits=100))
            [row async for row in labels.stream(QueryBuilder(Label).select(share), batch=5)]
    assert is_idle(driver)
    assert await labels.get_by_id("new") is None


async def test_what_a_function_set_is_reset(
    opened: tuple[StoreHaus, CountingDriver], labels: GenericStore[Label]
) -> None:
    """Nobody knows what a function does: its connection is reset, also after a break."""
    haus, _ = opened
    setting = func.set_config("application_name", "left behind", False, returns=str)
    async with labels.stream(QueryBuilder(Label).select(setting), batch=5) as rows:
        async for row in rows:
            assert row[0] == "left behind"
            break
    async with haus.connection() as connection:
        found = await connection.fetch("SELECT current_setting('application_name')")
    assert found[0][0] != "left behind"

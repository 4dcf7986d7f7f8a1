"""The pool's book-keeping, on connections that are none and a clock that is wound by hand."""

import asyncio
from collections.abc import AsyncIterator
from typing import Self

import pytest

from storehaus.driver.pool import Pool, PoolLimits
from storehaus.errors import ConnectionFailed, DatabaseError, PoolTimeout

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 5.0


class FakeMember:
    """A connection that remembers how it ended."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.expires_at = 0.0
        self.idle_since = 0.0
        self.closed = False
        self.said_goodbye = False

    def is_closed(self) -> bool:
        """Whether it ended, by our doing or not."""
        return self.closed

    def terminate(self) -> None:
        """End at once."""
        self.closed = True

    async def close(self, *, timeout_seconds: float) -> None:
        """End in the orderly way."""
        self.said_goodbye = True
        self.closed = True


class Bench:
    """A pool, with all that is around it under the test's control."""

    def __init__(self, *, min_connections: int = 0, max_connections: int = 2) -> None:
        self.now = 1000.0
        self.jitter = 0.0
        self.members: list[FakeMember] = []
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.pool: Pool[FakeMember] = Pool(
            self._connect,
            PoolLimits(
                min_connections=min_connections,
                max_connections=max_connections,
                idle_timeout_seconds=60.0,
                max_lifetime_seconds=600.0,
            ),
            clock=lambda: self.now,
            jitter=lambda: self.jitter,
        )

    async def __aenter__(self) -> Self:
        await self.pool.open(timeout_seconds=1.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close(grace_seconds=0.0)

    async def take_all(self) -> list[FakeMember]:
        """Borrow as many connections as there may be."""
        return [await self.borrow() for _ in range(self.pool._limits.max_connections)]

    async def borrow(self) -> FakeMember:
        """Acquire with a time-out that is not met."""
        return await self.pool.acquire(timeout_seconds=PATIENCE_SECONDS)

    async def queue(self, count: int) -> list[asyncio.Task[FakeMember]]:
        """Let callers wait, in the order given."""
        tasks = [asyncio.create_task(self.borrow()) for _ in range(count)]
        await turn()
        return tasks

    async def _connect(self, timeout_seconds: float) -> FakeMember:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop()
        self.members.append(FakeMember(len(self.members)))
        return self.members[-1]


async def turn() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A pool of at most two connections, opened, empty."""
    async with Bench() as made:
        yield made


async def test_open_connects_to_the_minimum() -> None:
    """After `open` there are `min_connections` idle connections."""
    async with Bench(min_connections=2, max_connections=3) as bench:
        assert (bench.pool.size, bench.pool.idle, bench.pool.opened) == (2, 2, 2)


async def test_failed_open_leaves_nothing_open() -> None:
    """When the second connection fails, the first one is closed and the error comes through."""
    bench = Bench(min_connections=2)
    original = bench._connect

    async def fail_second(timeout_seconds: float) -> FakeMember:
        if bench.members:
            raise ConnectionFailed("no")
        return await original(timeout_seconds)

    bench.pool._connect = fail_second

    with pytest.raises(ConnectionFailed):
        await bench.pool.open(timeout_seconds=1.0)

    assert [member.closed for member in bench.members] == [True]
    assert bench.pool.size == 0


async def test_a_pool_that_is_not_open_refuses() -> None:
    """Before `open` nobody gets a connection, and nothing is connected."""
    bench = Bench()

    with pytest.raises(DatabaseError, match="not open"):
        await bench.borrow()

    assert bench.members == []


async def test_the_last_returned_is_lent_first(bench: Bench) -> None:
    """Idle connections are reused last in, first out."""
    first, second = await bench.take_all()
    bench.pool.release(first)
    bench.pool.release(second)

    assert bench.pool.take() is second
    assert bench.pool.take() is first


async def test_connections_are_opened_on_demand_up_to_the_maximum(bench: Bench) -> None:
    """A third caller of a pool of two gets no third connection."""
    await bench.take_all()

    with pytest.raises(PoolTimeout):
        await bench.pool.acquire(timeout_seconds=0.0)

    assert len(bench.members) == 2


async def test_pool_timeout_says_how_long_and_how_many(bench: Bench) -> None:
    """The message names the limit that was met and the time that was waited."""
    await bench.take_all()

    with pytest.raises(PoolTimeout, match="within 0 seconds; 2 are in use"):
        await bench.pool.acquire(timeout_seconds=0.0)


async def test_a_caller_who_gave_up_is_out_of_the_queue(bench: Bench) -> None:
    """After a time-out nothing is left waiting, and a return makes a connection idle."""
    first, _ = await bench.take_all()
    with pytest.raises(PoolTimeout):
        await bench.pool.acquire(timeout_seconds=0.0)

    bench.pool.release(first)

    assert (bench.pool.waiting, bench.pool.idle) == (0, 1)


async def test_waiters_are_served_in_order(bench: Bench) -> None:
    """Whoever waited longest gets the next connection."""
    first, second = await bench.take_all()
    early, late = await bench.queue(2)

    bench.pool.release(second)
    bench.pool.release(first)

    assert await early is second
    assert await late is first


async def test_a_newcomer_does_not_overtake(bench: Bench) -> None:
    """A connection handed to a waiter is not taken by someone who comes before he wakes up."""
    first, _ = await bench.take_all()
    (waiter,) = await bench.queue(1)

    bench.pool.release(first)

    assert bench.pool.take() is None
    assert await waiter is first


async def test_cancelled_waiter_is_skipped(bench: Bench) -> None:
    """The connection goes to the next one who still waits."""
    first, _ = await bench.take_all()
    gone, there = await bench.queue(2)
    gone.cancel()

    bench.pool.release(first)

    assert await there is first


async def test_connection_handed_to_a_cancelled_waiter_is_passed_on(bench: Bench) -> None:
    """Cancelled in the same tick in which he was served, a waiter hands on what he got."""
    first, _ = await bench.take_all()
    unlucky, lucky = await bench.queue(2)

    bench.pool.release(first)
    unlucky.cancel()

    assert await lucky is first
    with pytest.raises(asyncio.CancelledError):
        await unlucky


async def test_connection_handed_to_the_last_cancelled_waiter_becomes_idle(bench: Bench) -> None:
    """With nobody behind him, the connection of a cancelled waiter is free again."""
    first, _ = await bench.take_all()
    (unlucky,) = await bench.queue(1)

    bench.pool.release(first)
    unlucky.cancel()
    await asyncio.wait([unlucky])

    assert bench.pool.take() is first


async def test_broken_connection_gives_its_place_to_a_waiter(bench: Bench) -> None:
    """A waiter is not left alone when what comes back is dead: he opens a new one."""
    first, _ = await bench.take_all()
    (waiter,) = await bench.queue(1)

    first.closed = True
    bench.pool.release(first)

    assert (await waiter).number == 2
    assert bench.pool.size == 2


async def test_place_given_to_a_cancelled_waiter_is_passed_on(bench: Bench) -> None:
    """The right to open a connection is not lost with a cancelled waiter."""
    first, _ = await bench.take_all()
    unlucky, lucky = await bench.queue(2)

    first.closed = True
    bench.pool.release(first)
    unlucky.cancel()

    assert (await lucky).number == 2


async def test_failed_connect_gives_its_place_to_a_waiter() -> None:
    """Whoever fails to connect lets the next one try, and gets the error himself."""
    async with Bench(max_connections=1) as bench:
        bench.gate.clear()
        first, second = await bench.queue(2)
        bench.failures.append(ConnectionFailed("no"))
        bench.gate.set()
        with pytest.raises(ConnectionFailed):
            await first

        assert (await second).number == 0


async def test_cancelled_connect_frees_its_place() -> None:
    """Cancelled while connecting, a caller leaves the pool as it was."""
    async with Bench(max_connections=1) as bench:
        bench.gate.clear()
        (unlucky,) = await bench.queue(1)
        unlucky.cancel()
        await asyncio.wait([unlucky])
        bench.gate.set()

        assert bench.pool.size == 0
        assert (await bench.borrow()).number == 0


async def test_connection_that_dies_on_its_way_to_a_waiter_is_replaced(bench: Bench) -> None:
    """A waiter never gets a connection that broke between the return and his waking up."""
    first, _ = await bench.take_all()
    (waiter,) = await bench.queue(1)

    bench.pool.release(first)
    first.closed = True

    assert (await waiter).number == 2
    assert bench.pool.size == 2


async def test_dead_idle_connections_are_replaced(bench: Bench) -> None:
    """When a restart of the server killed every idle connection, the next caller gets a new one."""
    for member in await bench.take_all():
        bench.pool.release(member)
        member.closed = True

    assert (await bench.borrow()).number == 2
    assert bench.pool.size == 1


async def test_old_connection_is_not_lent_again(bench: Bench) -> None:
    """Past its lifetime an idle connection is closed, not lent."""
    member = await bench.borrow()
    bench.pool.release(member)
    bench.now += 600.0

    assert bench.pool.take() is None
    assert member.closed


async def test_old_connection_is_closed_on_return(bench: Bench) -> None:
    """A connection that outlived its time at work does not become idle."""
    member = await bench.borrow()
    bench.now += 600.0
    bench.pool.release(member)

    assert (bench.pool.size, member.closed) == (0, True)


async def test_lifetimes_are_spread(bench: Bench) -> None:
    """Chance takes up to a tenth off, so that connections do not all end at once."""
    calm = await bench.borrow()
    bench.jitter = 1.0
    jittery = await bench.borrow()

    assert calm.expires_at - bench.now == pytest.approx(600.0)
    assert jittery.expires_at - bench.now == pytest.approx(540.0)


async def test_sweep_closes_surplus_that_was_not_used() -> None:
    """Unused for the idle time-out, connections are closed, the longest unused first."""
    async with Bench(min_connections=1, max_connections=3) as bench:
        members = await bench.take_all()
        for member in members:
            bench.pool.release(member)
            bench.now += 1.0
        bench.now += 60.0
        bench.pool.sweep()

        assert [member.closed for member in members] == [True, True, False]
        assert bench.pool.size == 1


async def test_sweep_keeps_what_was_used(bench: Bench) -> None:
    """Within the idle time-out surplus connections stay."""
    for member in await bench.take_all():
        bench.pool.release(member)
    bench.now += 59.0
    bench.pool.sweep()

    assert bench.pool.idle == 2


async def test_sweep_closes_old_connections_below_the_minimum() -> None:
    """Lifetime ends also for those that are always kept; `refill` replaces them."""
    async with Bench(min_connections=1) as bench:
        bench.now += 600.0
        bench.pool.sweep()
        assert bench.pool.size == 0
        await bench.pool.refill(timeout_seconds=1.0)

        assert [member.closed for member in bench.members] == [True, False]
        assert bench.pool.idle == 1


async def test_close_says_goodbye_to_idle_connections() -> None:
    """Idle connections are closed in the orderly way."""
    async with Bench(min_connections=2) as bench:
        await bench.pool.close(grace_seconds=PATIENCE_SECONDS)

        assert [member.said_goodbye for member in bench.members] == [True, True]
        assert bench.pool.size == 0


async def test_close_waits_for_what_is_lent(bench: Bench) -> None:
    """Within the grace a lent connection stays usable; its return ends the wait."""
    member = await bench.borrow()
    closing = asyncio.create_task(bench.pool.close(grace_seconds=PATIENCE_SECONDS))
    await turn()
    assert not closing.done()
    assert not member.closed

    bench.pool.release(member)
    await closing

    assert (member.closed, bench.pool.size) == (True, 0)


async def test_close_serves_those_who_wait_already(bench: Bench) -> None:
    """Who queued up before `close` is served within the grace."""
    first, second = await bench.take_all()
    (waiter,) = await bench.queue(1)
    closing = asyncio.create_task(bench.pool.close(grace_seconds=PATIENCE_SECONDS))
    await turn()

    bench.pool.release(first)
    assert await waiter is first
    bench.pool.release(first)
    bench.pool.release(second)
    await closing


async def test_close_refuses_newcomers(bench: Bench) -> None:
    """From the moment `close` is called nobody new is let in."""
    member = await bench.borrow()
    closing = asyncio.create_task(bench.pool.close(grace_seconds=PATIENCE_SECONDS))
    await turn()

    with pytest.raises(DatabaseError, match="not open"):
        await bench.borrow()

    bench.pool.release(member)
    await closing


async def test_close_terminates_after_the_grace(bench: Bench) -> None:
    """When the grace is over, what is lent is cut off and those who wait are told."""
    members = await bench.take_all()
    (waiter,) = await bench.queue(1)

    await bench.pool.close(grace_seconds=0.0)

    assert all(member.closed for member in members)
    with pytest.raises(DatabaseError, match="closed"):
        await waiter


async def test_cancelled_close_closes_all_the_same(bench: Bench) -> None:
    """A shutdown that runs out of patience leaves no connection open."""
    member = await bench.borrow()
    closing = asyncio.create_task(bench.pool.close(grace_seconds=PATIENCE_SECONDS))
    await turn()
    closing.cancel()
    await asyncio.wait([closing])

    assert member.closed


async def test_closing_twice_does_no_harm(bench: Bench) -> None:
    """`close` may be called again, at the same time and afterwards."""
    member = await bench.borrow()
    both = [asyncio.create_task(bench.pool.close(grace_seconds=5.0)) for _ in range(2)]
    await turn()
    bench.pool.release(member)
    await asyncio.gather(*both)

    await bench.pool.close(grace_seconds=0.0)


async def test_connection_opened_during_close_is_closed() -> None:
    """Who was still connecting when the grace ended gets an error, and his connection is closed."""
    async with Bench(max_connections=1) as bench:
        bench.gate.clear()
        (late,) = await bench.queue(1)
        await bench.pool.close(grace_seconds=0.0)
        bench.gate.set()

        with pytest.raises(DatabaseError, match="closed"):
            await late
        assert [member.closed for member in bench.members] == [True]


async def test_connection_returned_after_close_is_not_kept(bench: Bench) -> None:
    """What comes back when all is over is dropped, and the books are even."""
    member = await bench.borrow()
    await bench.pool.close(grace_seconds=0.0)
    bench.pool.release(member)

    assert (bench.pool.size, bench.pool.idle) == (0, 0)


async def test_no_task_is_left_after_close() -> None:
    """The task that looks after idle connections ends with the pool."""
    before = asyncio.all_tasks()
    async with Bench(min_connections=1):
        assert len(asyncio.all_tasks() - before) == 1

    assert asyncio.all_tasks() == before

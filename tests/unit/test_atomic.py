"""Replaying: when, how often, after what pauses. No server, no clock."""

from typing import Any

import pytest

from storehaus import (
    CommitUnknown,
    ConnectionFailed,
    DatabaseError,
    DeadlockDetected,
    QueryTimeout,
    SerializationFailure,
    StorehausError,
    TransactionMisuse,
)
from storehaus.haus.atomic import Replay
from storehaus.store import Database, Options
from storehaus.testing import FakeDriver

pytestmark = pytest.mark.anyio


class Lab:
    """A database without a server, time that passes while one sleeps, and what was seen of it."""

    def __init__(self, retries: int = 5, draw: float = 1.0) -> None:
        self.driver = FakeDriver()
        self.database = Database(self.driver)
        self.pauses: list[float] = []
        self.attempts = 0
        self.now = 100.0
        self.replay = Replay(
            retries=retries, draw=lambda: draw, sleep=self.sleep, clock=lambda: self.now
        )

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += seconds

    async def run(self, *errors: Exception | None, **options: Any) -> int:
        """Run work that raises these errors, one per attempt, and then succeeds."""
        left = list(errors)

        async def work() -> int:
            self.attempts += 1
            error = left.pop(0) if left else None
            if error is not None:
                raise error
            return self.attempts

        return await self.replay.run(self.database, Options(**options), work)

    @property
    def kinds(self) -> list[str]:
        """What was asked of the driver."""
        return [call.kind for call in self.driver.calls]


async def test_success_runs_once() -> None:
    """And gives what the function gave."""
    lab = Lab()
    assert await lab.run() == 1
    assert lab.kinds == ["begin", "commit"]


@pytest.mark.parametrize("error", [SerializationFailure("x"), DeadlockDetected("x")])
async def test_collision_is_replayed_whole(error: Exception) -> None:
    """Each attempt is a transaction of its own."""
    lab = Lab()
    assert await lab.run(error, error, isolation="serializable") == 3
    assert lab.kinds == ["begin", "rollback", "begin", "rollback", "begin", "commit"]
    assert {call.text for call in lab.driver.calls if call.kind == "begin"} == {"serializable"}


async def test_collision_at_commit_is_replayed() -> None:
    """Serializable transactions may be refused as late as that."""
    lab = Lab()
    lab.driver.fail("commit", SerializationFailure("x"))
    assert await lab.run() == 2


@pytest.mark.parametrize(
    "error",
    [
        CommitUnknown("x"),
        ConnectionFailed("x"),
        QueryTimeout("x"),
        DatabaseError("x", sqlstate="40002"),
        StorehausError("x"),
        ValueError("x"),
        ExceptionGroup("x", [SerializationFailure("x")]),
    ],
)
async def test_nothing_else_is_replayed(error: Exception) -> None:
    """Whether it is transient or not."""
    lab = Lab()
    with pytest.raises(type(error)):
        await lab.run(error)
    assert (lab.attempts, lab.pauses) == (1, [])


async def test_unknown_commit_is_never_replayed() -> None:
    """The second transaction could be the one too many."""
    lab = Lab()
    lab.driver.fail("commit", CommitUnknown("x"))
    with pytest.raises(CommitUnknown):
        await lab.run()
    assert lab.attempts == 1


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_last_collision_comes_out(retries: int) -> None:
    """After `retries` further attempts."""
    lab = Lab(retries)
    errors = [SerializationFailure(str(i)) for i in range(9)]
    with pytest.raises(SerializationFailure, match=str(retries)):
        await lab.run(*errors)
    assert lab.attempts == retries + 1
    assert len(lab.pauses) == retries


async def test_pauses_double_up_to_a_second() -> None:
    """The limit from which each one is drawn."""
    lab = Lab(retries=9)
    assert await lab.run(*[SerializationFailure("x")] * 9) == 10
    assert lab.pauses == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]


async def test_pauses_have_full_jitter() -> None:
    """A draw of 0 is no pause at all."""
    for draw in (0.0, 0.5):
        lab = Lab(draw=draw)
        await lab.run(*[DeadlockDetected("x")] * 2)
        assert lab.pauses == [0.01 * draw, 0.02 * draw]


async def test_deadline_is_for_all_attempts_together() -> None:
    """A pause that would outlast it is not begun: the collision comes out."""
    lab = Lab(retries=100)
    with pytest.raises(SerializationFailure):
        await lab.run(*[SerializationFailure("x")] * 100, timeout_seconds=2.0)
    assert lab.attempts == 8
    assert sum(lab.pauses) < 2.0
    begins = [call.text for call in lab.driver.calls if call.kind == "begin"]
    assert begins[0] == "timeout 3"
    assert begins[1] == "timeout 2.99"


async def test_errors_of_effects_never_lead_to_a_replay() -> None:
    """It was committed, even when an effect raises what would be replayed."""
    lab = Lab()

    async def work() -> None:
        lab.attempts += 1
        unit = lab.database.joined()
        assert unit is not None

        def fail() -> None:
            raise SerializationFailure("in an effect")

        unit.innermost.on_commit(fail)

    with pytest.raises(ExceptionGroup, match="was committed"):
        await lab.replay.run(lab.database, Options(), work)
    assert lab.attempts == 1


async def test_effects_are_those_of_the_attempt_that_was_committed() -> None:
    """Those of others are dropped, and their on_rollback runs."""
    lab = Lab()
    seen: list[str] = []

    async def work() -> None:
        lab.attempts += 1
        name = str(lab.attempts)
        unit = lab.database.joined()
        assert unit is not None
        unit.innermost.on_commit(lambda: seen.append("commit " + name))
        unit.innermost.on_rollback(lambda: seen.append("rollback " + name))
        if lab.attempts < 3:
            raise DeadlockDetected("x")

    await lab.replay.run(lab.database, Options(), work)
    assert seen == ["rollback 1", "rollback 2", "commit 3"]


async def test_inside_a_transaction_it_is_a_savepoint_and_runs_once() -> None:
    """A collision ends the whole transaction, so that only that can be replayed."""
    lab = Lab()
    async with lab.database.transaction():
        with pytest.raises(SerializationFailure):
            await lab.run(SerializationFailure("x"))
    assert lab.attempts == 1
    assert lab.kinds == [
        "begin",
        "savepoint",
        "rollback_to_savepoint",
        "release_savepoint",
        "commit",
    ]


def test_retries_are_a_number_of_attempts() -> None:
    """Less than none is refused."""
    with pytest.raises(TransactionMisuse):
        Replay(retries=-1)

"""Replaying a transaction that collided with another one."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from storehaus.errors import DeadlockDetected, SerializationFailure, TransactionMisuse
from storehaus.store import Database, Options

__all__ = ["Replay"]

T = TypeVar("T")

_BASE_SECONDS = 0.01
_CAP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How often a collision is tried again, and after what pause.

    A pause is anything from nothing to a limit that doubles each time, from 10 ms up to 1 s, so
    that those who collided do not meet again.

    Attributes:
        retries: Further attempts after the first.
        draw: A number from 0 to 1 for each pause.
        sleep: Waits for some seconds.
        clock: Monotonic seconds.

    Raises:
        TransactionMisuse: When `retries` is negative.
    """

    retries: int
    draw: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise TransactionMisuse("retries is a number of further attempts, 0 or more")

    async def run(
        self, database: Database, options: Options, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Run some work in a transaction; again when that collided, and in no other case.

        Inside of an open transaction it is a savepoint and runs once: a collision ends the whole
        transaction, which only the outermost block can repeat.

        Args:
            database: Where.
            options: How each transaction is to be; `timeout_seconds` is for all of them together.
            work: Called once per attempt.

        Raises:
            SerializationFailure: When the last attempt collided too, or no time is left.
            DeadlockDetected: The same.
        """
        left = 0 if database.joined() is not None else self.retries
        limit = options.timeout_seconds
        started = self.clock()
        for attempt in range(left + 1):
            try:
                async with database.transaction(options):
                    return await work()
            except (SerializationFailure, DeadlockDetected):
                pause = self.draw() * min(_CAP_SECONDS, _BASE_SECONDS * 2**attempt)
                spent = self.clock() - started + pause
                if attempt == left or (limit is not None and spent >= limit):
                    raise
            if limit is not None:
                options = replace(options, timeout_seconds=limit - spent)
            await self.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

"""The one place of a process that looks for news in the log, on behalf of all who read there."""

import asyncio
import logging
from contextlib import suppress
from contextvars import Context
from time import monotonic

from storehaus.errors import StorehausError
from storehaus.signals.log.statements import TICK
from storehaus.store.database import Database

__all__ = ["Ticker"]

log = logging.getLogger("storehaus.signals")

# Writes of this process wake it up; for those of others it looks so often.
_LEAST_SECONDS = 0.010
_MOST_SECONDS = 0.050
# Under a steady stream of writes, one tick holds what was committed in so long.
_BETWEEN_SECONDS = 0.004
_TROUBLED_SECONDS = 1.0


class Ticker:
    """Makes ticks while somebody waits for them.

    Args:
        database: Where the log is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._woken = asyncio.Event()
        self._news = asyncio.Event()
        self._interrupted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.newest = 0
        """The newest tick that is known."""
        self.problem: StorehausError | None = None
        """Why no tick could be made the last time; None when one could."""

    @property
    def is_running(self) -> bool:
        """Whether it looks for news."""
        return self._task is not None

    def start(self) -> None:
        """Begin to look for news."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name="storehaus ticker", context=Context())

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        """Look at once: something was committed here."""
        self._woken.set()

    async def wait(self, beyond: int, seconds: float | None) -> None:
        """Wait until there is a tick after one, or so long (None is without limit).

        It may return earlier.
        """
        if self.newest <= beyond:
            await _wait(self._news, seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until `interrupt`."""
        await _wait(self._interrupted, seconds)

    def interrupt(self) -> None:
        """Let all that wait here look around."""
        self._news, news = asyncio.Event(), self._news
        self._interrupted, interrupted = asyncio.Event(), self._interrupted
        news.set()
        interrupted.set()

    async def _run(self) -> None:
        pause = _LEAST_SECONDS
        while True:
            self._woken.clear()
            began = monotonic()
            try:
                newest: int = (await self._database.driver.fetch(TICK))[0][0]
                self.problem = None
            except StorehausError as problem:
                self._note(problem)
                await asyncio.sleep(_TROUBLED_SECONDS)
                continue
            if newest > self.newest:
                self.newest = newest
                self._news, news = asyncio.Event(), self._news
                news.set()
                pause = _LEAST_SECONDS
            else:
                pause = min(2 * pause, _MOST_SECONDS)
            await _wait(self._woken, pause)
            left = began + _BETWEEN_SECONDS - monotonic()
            if left > 0:
                await asyncio.sleep(left)

    def _note(self, problem: StorehausError) -> None:
        if self.problem is None or str(self.problem) != str(problem):
            log.error("subscriptions get no events: %s", problem)
        self.problem = problem


async def _wait(event: asyncio.Event, seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

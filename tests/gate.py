"""A driver that holds answers back, so that calls are under way for as long as a test wants."""

import asyncio
from collections.abc import Sequence

from storehaus.driver import Driver, Row
from storehaus.errors import StorehausError
from storehaus.testing import CountingDriver


class GatedDriver(CountingDriver):
    """Passes everything on, counts it, and keeps the answers of `fetch` while it is shut.

    Args:
        driver: The driver that does the work.

    Attributes:
        kept: Number of answers that are kept at the moment.
        stopped: Statements whose caller was cancelled while their answer was kept.
    """

    def __init__(self, driver: Driver) -> None:
        super().__init__(driver)
        self.stopped: list[str] = []
        self.kept = 0
        self._gate = asyncio.Event()
        self._gate.set()

    def shut(self) -> None:
        """Keep answers from now on."""
        self._gate.clear()

    def open_gate(self) -> None:
        """Give out what was kept, and all that follows."""
        self._gate.set()

    async def fetch(
        self, text: str, params: Sequence[object] = (), *, timeout_seconds: float | None = None
    ) -> Sequence[Row]:
        """Run one statement, give its rows when the gate is open."""
        failure: StorehausError | None = None
        answer: Sequence[Row] = ()
        try:
            answer = await super().fetch(text, params, timeout_seconds=timeout_seconds)
        except StorehausError as error:
            failure = error
        self.kept += 1
        try:
            await self._gate.wait()
        except asyncio.CancelledError:
            self.stopped.append(text)
            raise
        finally:
            self.kept -= 1
        if failure is not None:
            raise failure
        return answer

    async def until_kept(self, count: int) -> None:
        """Wait until so many answers have come and are kept."""
        while self.kept < count:  # noqa: ASYNC110 - answers come from a server
            await asyncio.sleep(0)


async def settle(turns: int = 5) -> None:
    """Let tasks go on that wait for nothing but their turn of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)

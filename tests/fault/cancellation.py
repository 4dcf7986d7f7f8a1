"""Cancelling a task, or doing something else to it, at a chosen one of its awaits."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Literal, TypeAlias

Moment: TypeAlias = Literal["while waiting", "when answered"]


class Scalpel:
    """Runs a coroutine and cancels its own task at the n-th time that it waits.

    Args:
        step: Which wait, from 1 on.
        moment: "while waiting" cancels what is waited for; "when answered" cancels in the tick in
            which the answer has come and the task has not yet been resumed.
        act: What is done instead of cancelling the task; None cancels.

    Attributes:
        reached: Whether the coroutine waited that often.
    """

    def __init__(self, step: int, moment: Moment, act: Callable[[], object] | None = None) -> None:
        self.reached = False
        self._left = step
        self._moment = moment
        self._act = act

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the coroutine, in a task of its own."""
        await self._drive(work)

    @types.coroutine
    def _drive(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        # What happened at the last wait, told to the coroutine next: send(None) or throw(error).
        error: BaseException | None = None
        while True:
            try:
                waited = work.send(None) if error is None else work.throw(error)
            except StopIteration:
                return
            self._count(waited)
            try:
                yield waited
            except BaseException as thrown:  # noqa: BLE001 - it is passed on, whatever it is
                error = thrown
            else:
                error = None

    def _count(self, waited: Any) -> None:
        self._left -= 1
        if self._left != 0:
            return
        self.reached = True
        task = asyncio.current_task()
        assert task is not None
        act = self._act or task.cancel
        if self._moment == "while waiting" or waited is None:
            act()
        else:
            # Callbacks run in order, and the task's own comes after this one.
            waited.add_done_callback(lambda _: act())

"""A deadline for one call after the other, which costs next to nothing while they are quick."""

import asyncio

__all__ = ["Watch"]


class Watch:
    """Cancels the current task when one of its calls takes too long.

    `asyncio.timeout` makes a timer per call, which costs more than many a handler. Here one timer
    looks after all of them: when its time has come, it goes on with the call of that moment.

    Args:
        seconds: Longest duration of a call.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._began: float | None = None
        self._is_late = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """A call begins."""
        self._task = asyncio.current_task()
        self._began = self._loop.time()
        self._is_late = False
        if self._timer is None:
            self._timer = self._loop.call_at(self._began + self._seconds, self._look)

    def end(self) -> None:
        """It has ended."""
        self._began = None

    def takes_back(self) -> bool:
        """Say whether the call was cancelled for its being late and for nothing else."""
        task = self._task
        return self._is_late and task is not None and task.uncancel() == 0

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._began is None or self._task is None:
            return
        due = self._began + self._seconds
        if self._loop.time() < due:
            self._timer = self._loop.call_at(due, self._look)
            return
        self._is_late = True
        self._task.cancel()

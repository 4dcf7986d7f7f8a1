"""What is to happen after a transaction, and seeing to its end what must not stop halfway."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from storehaus.errors import QueryTimeout, StorehausError

__all__ = ["Effect", "Fate", "Keeper", "Ledger", "report"]

T = TypeVar("T")

Effect = Callable[[], object]
"""A function without arguments, synchronous or asynchronous; what it gives is not looked at."""

# So long a cancelled caller waits for an answer to COMMIT, and for effects.
_GRACE_SECONDS = 5.0


class Fate(Enum):
    """How a block ended, and which effects that calls for."""

    COMMITTED = auto()
    ROLLED_BACK = auto()
    UNKNOWN = auto()


class Ledger:
    """The effects of a transaction in order of registration, each with the block it belongs to."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[tuple[object, Fate, Effect]] = []

    def add(self, block: object, fate: Fate, effect: Effect) -> None:
        """Note what is to happen when a block meets a fate."""
        self._entries.append((block, fate, effect))

    def __len__(self) -> int:
        return len(self._entries)

    def merge(self, inner: object, outer: object, start: int) -> None:
        """Let the effects of a block belong to the one around it.

        Args:
            inner: The block.
            outer: The one around it.
            start: How many effects there were when the block began.
        """
        # Whatever is older stays untouched, or many small blocks would take quadratic time.
        self._entries[start:] = [
            (outer if block is inner else block, fate, effect)
            for block, fate, effect in self._entries[start:]
        ]

    def take(self, block: object, met: Fate, start: int) -> list[Effect]:
        """Take out the effects of a block; give those that its fate calls for.

        Args:
            block: The block.
            met: Its fate.
            start: How many effects there were when the block began.
        """
        since = self._entries[start:]
        self._entries[start:] = [entry for entry in since if entry[0] is not block]
        return [effect for owner, fate, effect in since if owner is block and fate is met]

    def take_all(self, met: Fate) -> list[Effect]:
        """Take out everything; give the effects that the fate of the transaction calls for."""
        taken, self._entries = self._entries, []
        return [effect for _, fate, effect in taken if fate is met]


class Keeper:
    """Owner of tasks that come to their end even when whoever waits for them is cancelled."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def finish(
        self, work: Coroutine[Any, Any, None], *, limit_seconds: float | None = None
    ) -> tuple[BaseException | None, asyncio.CancelledError | None]:
        """Do some work to its end; give its error, and a cancellation of the caller to be raised.

        Args:
            work: It is cut off when the time is up, and 5 s after a cancellation of the caller;
                then its error is a `QueryTimeout`.
            limit_seconds: None is no limit.
        """
        task = self.start(work)
        cancelled = await _wait(task, limit_seconds)
        if not task.done():
            task.cancel()
            again = await _wait(task, None)
            cancelled = cancelled or again
        if task.cancelled():
            return QueryTimeout("no answer came in time"), cancelled
        return task.exception(), cancelled

    async def run(
        self, effects: Sequence[Effect]
    ) -> tuple[list[Exception], asyncio.CancelledError | None]:
        """Run effects one after the other; give their errors, and a cancellation to be raised.

        A caller who is cancelled waits 5 s more for them. Then they go on without him.
        """
        if not effects:
            return [], None
        task = self.start(_run(effects))
        cancelled = await _wait(task, None)
        if not task.done():
            task.add_done_callback(_report_all)
            return [], cancelled
        if task.cancelled():
            return [StorehausError("effects were cut off: the haus was closed")], cancelled
        return task.result(), cancelled

    def start(
        self, work: Coroutine[Any, Any, T], context: Context | None = None
    ) -> asyncio.Task[T]:
        """Do some work in a task of its own, which is kept until it ends.

        Args:
            work: What is to be done.
            context: Where it runs; None is a copy of the caller's.
        """
        task = asyncio.create_task(work, name="storehaus-finish", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, *, grace_seconds: float) -> None:
        """Wait for what still runs; cancel what takes longer."""
        # One of them may be the caller: an effect that closes the haus.
        tasks = {task for task in self._tasks if task is not asyncio.current_task()}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            task.cancel()


def report(error: BaseException, message: str) -> None:
    """Tell the event loop of an error that cannot be raised, for another one is on its way."""
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": f"storehaus: {message}", "exception": error})


async def _wait(
    task: asyncio.Task[Any], limit_seconds: float | None
) -> asyncio.CancelledError | None:
    """Wait for a task, for as long as allowed; give the first cancellation that arrived."""
    loop = asyncio.get_running_loop()
    end = None if limit_seconds is None else loop.time() + limit_seconds
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (end is None or loop.time() < end):
        # asyncio.wait() does the same at three times the price.
        waiter = loop.create_future()
        wake = partial(_wake, waiter)
        task.add_done_callback(wake)
        timer = None if end is None else loop.call_at(end, wake)
        try:
            await waiter
        except asyncio.CancelledError as error:
            if cancelled is None:
                cancelled = error
                grace = loop.time() + _GRACE_SECONDS
                end = grace if end is None else min(end, grace)
        finally:
            task.remove_done_callback(wake)
            if timer is not None:
                timer.cancel()
    return cancelled


def _wake(waiter: asyncio.Future[None], *_: object) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _run(effects: Sequence[Effect]) -> list[Exception]:
    errors: list[Exception] = []
    for effect in effects:
        try:
            result = effect()
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            errors.append(StorehausError("an effect gave up: what it waited for was cancelled"))
        except Exception as error:  # noqa: BLE001 - all effects run, whatever happens to one
            errors.append(error)
    return errors


def _report_all(task: asyncio.Task[list[Exception]]) -> None:
    for error in [] if task.cancelled() else task.result():
        report(error, "an effect of a transaction failed")

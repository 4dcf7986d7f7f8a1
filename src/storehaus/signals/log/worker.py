"""One subscription at work in one process; of all processes one at a time holds it."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context
from time import monotonic
from typing import Any

import msgspec

from storehaus.driver import Row
from storehaus.errors import SignalError, StorehausError
from storehaus.model import TableInfo
from storehaus.signals.log.beginning import begin_at
from storehaus.signals.log.holding import Lease, LeaseLost, Position
from storehaus.signals.log.shift import Shift
from storehaus.signals.log.statements import ACQUIRE, CREATE, FIND, LABELS
from storehaus.signals.log.subscription import PauseSubscription, Subscription
from storehaus.signals.log.ticker import Ticker
from storehaus.sql.identifiers import table_name
from storehaus.store.database import Database

__all__ = ["Worker"]

log = logging.getLogger("storehaus.signals")

# How often a process that does not hold a subscription asks for it.
_ASKED_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.5
_MOST_PAUSE_SECONDS = 30.0
_OWNER = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Worker:
    """Takes a subscription whenever it is free, and hands its events to the handler.

    Args:
        database: Where the log is.
        subscription: What is to be done.
        ticker: Looks for news.
    """

    def __init__(self, database: Database, subscription: Subscription, ticker: Ticker) -> None:
        self._database = database
        self.subscription = subscription
        self._ticker = ticker
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._labels: dict[str, TableInfo] = {}
        self._pause = _LEAST_PAUSE_SECONDS
        self.problem: Exception | None = None
        """Why it does not work; None when it does, or waits for another process."""
        self.is_holding = False
        """Whether this process has the subscription."""

    def start(self) -> None:
        """Begin to work, in a task of its own that belongs to nobody's transaction."""
        if self._task is None:
            self._is_stopping = False
            name = f"storehaus subscription {self.subscription.name}"
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._run(), name=name, context=Context())

    async def stop(self, grace_seconds: float) -> None:
        """Let the handler finish with its event, keep the position, let another process go on."""
        task, self._task = self._task, None
        if task is None:
            return
        self._is_stopping = True
        self._ticker.interrupt()
        _, late = await asyncio.wait([task], timeout=grace_seconds)
        for each in late:
            each.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                await self._take_part()
                self.problem = None
                self._pause = _LEAST_PAUSE_SECONDS
            except LeaseLost:
                log.warning("the lease of subscription %r was lost", self.subscription.name)
            except Exception as problem:  # noqa: BLE001 - the worker must outlive whatever it is
                await self._wait_out(problem)

    def _note(self, pause: PauseSubscription | None) -> None:
        """Take note of how a shift does."""
        self.problem = pause
        # A shift that works has overcome what was wrong before it.
        self._pause = _LEAST_PAUSE_SECONDS

    async def _wait_out(self, problem: Exception) -> None:
        """Say what is wrong, once, and wait before the next try."""
        if str(self.problem) != str(problem):
            is_own = isinstance(problem, StorehausError)
            log.error(
                "subscription %r does not go on: %s",
                self.subscription.name,
                problem if is_own else type(problem).__name__,
                exc_info=None if is_own else problem,
            )
        self.problem = problem
        await self._ticker.sleep(self._pause)
        self._pause = min(2 * self._pause, _MOST_PAUSE_SECONDS)

    async def _take_part(self) -> None:
        """Hold the subscription if it is free, and work until it is lost or the end is near."""
        await self._know_tables()
        began = monotonic()
        held = await self._acquire()
        if held is None:
            await self._ticker.sleep(_ASKED_SECONDS)
            return
        number, tick, seq, state = held
        lease = Lease(
            self._database,
            self.subscription.name,
            number,
            self.subscription.lease_seconds,
            began,
        )
        self.is_holding = True
        try:
            shift = Shift(
                self._database,
                self.subscription,
                self._ticker,
                lease,
                self._labels,
                (Position(tick, seq), state),
                self._note,
            )
            await _while_kept(lease, shift.work(lambda: self._is_stopping))
        finally:
            self.is_holding = False
            await asyncio.shield(_release(lease))

    async def _know_tables(self) -> None:
        """Find out under which names the log keeps the tables."""
        if self._labels:
            return
        infos, labels = self.subscription.tables, dict[str, TableInfo]()
        rows = await self._database.driver.fetch(LABELS, ([table_name(each) for each in infos],))
        for info, (label,) in zip(infos, rows, strict=True):
            if label is None:
                raise SignalError(f"the table of {info.model.__name__} is not there: migrate first")
            labels[label] = info
        # All of them or none: events of one that is not known would be passed over.
        self._labels = labels

    async def _acquire(self) -> Row | None:
        fetch, name = self._database.driver.fetch, self.subscription.name
        if not await fetch(FIND, (name,)):
            position, state = await begin_at(self._database, self.subscription.start)
            filtered = self._filter()
            await fetch(CREATE, (name, filtered, position.tick, position.seq, state))
        await fetch("SELECT storehaus.check_origin()")
        seconds = self.subscription.lease_seconds
        rows = await fetch(ACQUIRE, (name, _OWNER, seconds, self._filter()))
        if rows:
            return rows[0]
        found = await fetch(FIND, (name,))
        if found and found[0][2] == "detached":
            raise SignalError(
                f"subscription {name!r} was detached, since nobody read it for too long:"
                " events may be gone; replay into a new name, or forget it"
            )
        return None

    def _filter(self) -> bytes:
        """Write what the subscription wants, for people."""
        types, tags = self.subscription.types, self.subscription.tags
        return msgspec.json.encode(
            {
                "tables": sorted(self._labels),
                "types": None if types is None else sorted(types),
                "tags": None if tags is None else sorted(tags),
            }
        )


async def _while_kept(lease: Lease, work: Coroutine[Any, Any, None]) -> None:
    """Do something for as long as a lease is kept.

    Raises:
        LeaseLost: When it could not be kept; the work was cancelled before that.
    """
    task = asyncio.ensure_future(work)
    keeping = asyncio.ensure_future(lease.keep())
    try:
        await asyncio.wait([task, keeping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (task, keeping):
            each.cancel()
        results = await asyncio.gather(task, keeping, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _release(lease: Lease) -> None:
    # Where that is not possible, it ends by itself.
    with suppress(StorehausError):
        await lease.release()

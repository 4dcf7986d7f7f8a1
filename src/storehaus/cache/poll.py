"""Reading the outbox and the registry, again and again: what makes hits trustworthy."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from storehaus.cache.announcement import Announcement
from storehaus.cache.core import TAG_SLACK_MS, Core, log
from storehaus.cache.names import generation_tag, queries_tag
from storehaus.cache.registry import (
    CONDENSE,
    IS_THERE,
    MARK,
    STATE,
    USE_REDIS,
    State,
    Waiting,
    is_there,
    state_of,
)
from storehaus.errors import CacheError, DatabaseError, StorehausError
from storehaus.sql.identifiers import table_name

__all__ = ["Poll"]

_MOST_WAITING = 10_000
# Somebody dropped the schema: nothing is registered any more, so nothing needs to be announced.
_UNDEFINED_TABLE = "42P01"


class Poll:
    """The background work of a cache.

    Args:
        core: The cache.
        open_: The announcements whose COMMIT is under way.
    """

    __slots__ = ("_applied", "_core", "_open", "_tasks")

    def __init__(self, core: Core, open_: set[Announcement]) -> None:
        self._core = core
        self._open = open_
        self._applied: set[int] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_running(self) -> bool:
        """Whether it goes on by itself."""
        return bool(self._tasks)

    def start(self) -> None:
        """Poll every T/2 from now on."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._run(), name="storehaus-cache-poll"),
                asyncio.create_task(self._remind(), name="storehaus-cache-remind"),
            ]

    async def stop(self) -> None:
        """Poll no more."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def once(self) -> None:
        """Read everything and apply it.

        Raises:
            StorehausError: When the database or Redis did not answer.
        """
        core = self._core
        began = core.now()
        database = core.database
        if core.directory is None and not is_there(await database.driver.fetch(IS_THERE, ())):
            return
        infos = core.models
        try:
            rows = await database.driver.fetch(STATE, ([table_name(info) for info in infos],))
        except DatabaseError as error:
            if error.sqlstate == _UNDEFINED_TABLE:
                core.directory = None
            raise
        state = state_of(rows[0][0])
        self._enter(state)
        core.learn(state, infos)
        await self._use_redis(state)
        await self._apply(state)
        if state.timeline is None:
            # A standby may be behind: what it gives must not be kept.
            return
        if not core.is_trusted(began):
            # What others wrote meanwhile may have come and gone in the outbox.
            core.local.flush()
        core.polled_at = began
        core.forgive(began)
        core.counters.polls += 1

    def _enter(self, state: State) -> None:
        """Follow the database to another timeline.

        Others may still announce what they write in the old space, and write it to the outbox.
        """
        core = self._core
        if state.timeline is None or core.space == state.space:
            return
        if core.space:
            core.local.flush()
            core.rests_until = core.now() + 2 * core.timing.trust
        core.space = state.space
        if core.transport is not None:
            core.transport.space = state.space

    async def _use_redis(self, state: State) -> None:
        if self._core.transport is not None and any(
            each.redis_seconds is None for each in state.tables
        ):
            await self._core.database.driver.fetch(USE_REDIS, ())

    async def _apply(self, state: State) -> None:
        """Make stale what the outbox names, here and in Redis, and let it know."""
        waiting = state.waiting
        fresh = [each for each in waiting if each.id not in self._applied]
        if fresh:
            await self._drop(fresh)
        self._applied = {each.id for each in waiting}
        core = self._core
        # Where Redis is used, only who has it can say that it has heard.
        marks = core.transport is not None or all(
            each.redis_seconds is None for each in state.tables
        )
        if not waiting or not marks:
            return
        driver = core.database.driver
        ids = [each.id for each in waiting]
        if len(waiting) > _MOST_WAITING:
            await driver.fetch(CONDENSE, (ids, _whole_tables(waiting)))
            return
        await driver.fetch(MARK, (ids, 2 * core.timing.trust))

    async def _drop(self, rows: Sequence[Waiting]) -> None:
        core = self._core
        unheard = [row for row in rows if not row.heard]
        try:
            if core.transport is not None and unheard:
                tag_ttl_ms = round(core.ttl_seconds * 1000) + TAG_SLACK_MS
                await core.transport.intend(None, *_names(unheard), tag_ttl_ms=tag_ttl_ms)
        finally:
            # Not before that: whoever reads in between would bring back what Redis still has.
            core.local.drop(*_names(rows))

    async def _run(self) -> None:
        core = self._core
        while True:
            await self._safely()
            core.wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(core.wake.wait(), core.timing.trust / 2)

    async def _safely(self) -> None:
        """Poll, whatever comes of it."""
        core = self._core
        try:
            async with asyncio.timeout(core.timing.trust):
                await self.once()
                if core.transport is not None:
                    await core.transport.sweep()
        except CacheError:
            core.counters.errors += 1
        except (StorehausError, TimeoutError, OSError) as error:
            core.counters.failed_polls += 1
            log.warning("the outbox of the cache could not be read: %s", error)
        except Exception:  # noqa: BLE001 - nothing here may end the loop
            core.counters.failed_polls += 1
            log.exception("the outbox of the cache could not be read")

    async def _remind(self) -> None:
        """Send again what was announced by transactions that take long.

        Should Redis lose what it has noted, it stores nothing for W: by then it must have heard of
        them anew. A poll may take too long for that.
        """
        core = self._core
        while True:
            window = core.timing.window
            await asyncio.sleep(window / 4)
            late = [each for each in self._open if core.now() - each.sent_at > window / 2]
            await asyncio.gather(*(each.send_again() for each in late))


def _names(rows: Sequence[Waiting]) -> tuple[list[bytes], list[bytes]]:
    """Give the names of entries and tags in rows of the outbox."""
    entries = {name.encode() for row in rows for name in row.entries}
    tags = {name.encode() for row in rows for name in row.tags}
    return sorted(entries), sorted(tags)


def _whole_tables(rows: Sequence[Waiting]) -> list[str]:
    """Name all of the tables that rows of the outbox name something of."""
    oids = {int(name.split(":")[1]) for row in rows for name in (*row.entries, *row.tags)}
    return sorted(tag.decode() for oid in oids for tag in (generation_tag(oid), queries_tag(oid)))

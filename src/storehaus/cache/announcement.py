"""Announcing what a transaction makes stale, right before its COMMIT.

With Redis this is one script, which drops entries, gives tags new generations and notes the
transaction: until it is over, nobody stores what he has read. What Redis does not hear is written
to the outbox, as part of the transaction itself.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from storehaus.cache.core import TAG_SLACK_MS, Core, log
from storehaus.cache.directory import Directory
from storehaus.cache.registry import IS_THERE, STATE, WRITE, is_there, state_of
from storehaus.cache.touches import Touches
from storehaus.errors import CacheError, StorehausError
from storehaus.model import TableInfo
from storehaus.sql.identifiers import table_name
from storehaus.store.change import Outcome
from storehaus.store.effects import Fate
from storehaus.store.transaction import Unit

__all__ = ["Announcement"]

# PostgreSQL ends a session that keeps a transaction open for so long after the announcement: its
# readers wait no longer than Timing.horizon.
_PREPARE = """
SELECT ARRAY[{transaction}::text::bigint,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint],
    set_config('idle_in_transaction_session_timeout', $1, true)
"""
_CERTAIN = _PREPARE.format(transaction="pg_current_xact_id()")
_IF_ANY = _PREPARE.format(transaction="pg_current_xact_id_if_assigned()")
_KEY = object()


class Announcement:
    """What one transaction makes stale, until it is over.

    Args:
        core: The cache.
        open_: Takes the announcements whose COMMIT is under way.
    """

    __slots__ = (
        "_core",
        "_entries",
        "_is_blocked",
        "_is_heard",
        "_is_written",
        "_open",
        "_over",
        "_tags",
        "_touches",
        "_transaction",
        "_unknown",
        "_unsure",
        "sent_at",
    )

    def __init__(self, core: Core, open_: set["Announcement"]) -> None:
        self._core = core
        self._open = open_
        self._touches = Touches()
        self._unknown: list[Outcome[Any]] = []
        self._unsure: set[TableInfo] | None = set()
        self._entries: Sequence[bytes] = ()
        self._tags: Sequence[bytes] = ()
        self._transaction: int | None = None
        self._over = 0
        self._is_blocked = False
        self._is_heard = True
        # Whether processes will tell Redis, since it has not heard.
        self._is_written = False
        self.sent_at = 0.0
        """When it was sent last, by `Core.now`."""

    @classmethod
    def of(cls, unit: Unit, core: Core, open_: set["Announcement"]) -> "Announcement":
        """Give that of a transaction, made at its first write."""
        found: Announcement | None = unit.notes.get(_KEY)
        if found is None:
            found = unit.notes[_KEY] = cls(core, open_)
            unit.before_commit.append(found.announce)
            unit.at_end.append(found.end)
        return found

    def add(self, outcome: Outcome[Any]) -> None:
        """Take what a write did."""
        directory = self._core.directory
        if directory is None or not directory.knows(outcome.change.table):
            self._unknown.append(outcome)
        else:
            self._touches.add(outcome, directory)

    def add_statement(self, touches: Iterable[TableInfo] | None) -> None:
        """Take note of a statement that nobody here understands.

        Args:
            touches: The tables that it may have written to; None may be any.
        """
        if touches is None:
            self._unsure = None
        elif self._unsure is not None:
            self._unsure.update(touches)

    async def announce(self, unit: Unit) -> None:
        """Let everybody know, before the COMMIT; an error rolls the transaction back."""
        core = self._core
        if self._unknown or self._unsure is None or self._unsure:
            await self._resolve(unit)
        if not self._touches:
            return
        known = unit.transaction_id
        if known is None:
            limit = str(round(core.timing.horizon * 500))
            rows = await unit.connection.fetch(_CERTAIN, (limit,))
            known = rows[0][0]
        self._transaction, self._over = known
        self._entries, self._tags = self._touches.names()
        core.local.block(self._entries, self._tags)
        self._is_blocked = True
        heard = await self.send()
        # While nothing is trusted, it may not even be known which database this is.
        is_certain = heard and core.is_trusted(core.now())
        if not is_certain or self._touches.is_held:
            await self._write(unit, heard=is_certain)
        while heard and core.now() - self.sent_at > core.timing.window / 2:
            heard = await self.send()
            if not heard and is_certain:
                await self._write(unit, heard=False)
        # What is kept in this process only was dropped; it needs nobody to hear of it.
        self._is_heard = heard or core.transport is None
        self._open.add(self)

    async def send(self) -> bool:
        """Announce it to Redis; give whether that has heard it."""
        core, transport = self._core, self._core.transport
        if transport is None or not transport.is_usable:
            return False
        self.sent_at = core.now()
        try:
            await transport.intend(
                self._transaction,
                self._entries,
                self._tags,
                tag_ttl_ms=round(core.ttl_seconds * 1000) + TAG_SLACK_MS,
                over=self._over,
            )
        except CacheError:
            core.counters.errors += 1
            return False
        core.counters.announced += 1
        return True

    async def send_again(self) -> None:
        """Announce it again: its COMMIT takes long, and Redis may have lost what it has noted."""
        if self._core.transport is not None and self._is_heard and not await self.send():
            self._is_heard = False

    def end(self, fate: Fate) -> None:
        """Let go of what was blocked: the transaction is over, or nobody knows."""
        self._open.discard(self)
        if not self._is_blocked:
            return
        core = self._core
        core.local.unblock(self._entries, self._tags)
        # Unknown is that the server has the COMMIT, and the answer was lost: it may still happen.
        if fate is Fate.UNKNOWN or (fate is Fate.COMMITTED and not self._is_heard):
            core.bypass((*self._entries, *self._tags), core.now())
            if not self._is_written:
                _ = core.database.keeper.start(self._write_late())

    async def _write(self, unit: Unit, *, heard: bool) -> None:
        await unit.connection.fetch(WRITE, (*self._names(), heard))
        self._is_written = self._is_written or not heard
        self._core.counters.outboxed += 1

    async def _write_late(self) -> None:
        """Write it after all: Redis could not be reached any more while the COMMIT took long."""
        core = self._core
        try:
            await core.database.driver.fetch(WRITE, (*self._names(), False))
        except StorehausError as error:
            log.warning("a write could not be announced: %s", error)
        else:
            core.counters.outboxed += 1

    def _names(self) -> list[list[str]]:
        return [[each.decode() for each in part] for part in (self._entries, self._tags)]

    async def _resolve(self, unit: Unit) -> None:
        """Find out about tables that were met for the first time, and about unknown statements."""
        for info in (*(each.change.table for each in self._unknown), *(self._unsure or ())):
            self._core.know(info)
        directory = await self._directory(unit)
        if directory is None:
            return
        for outcome in self._unknown:
            self._touches.add(outcome, directory)
        self._unknown.clear()
        if self._unsure is None or self._unsure:
            await self._find_out(unit, directory)

    async def _directory(self, unit: Unit) -> Directory | None:
        core = self._core
        directory = core.directory
        if directory is not None and all(map(directory.knows, core.models)):
            return directory
        if not is_there(await unit.connection.fetch(IS_THERE)):
            return None
        infos = core.models
        rows = await unit.connection.fetch(STATE, ([table_name(info) for info in infos],))
        core.learn(state_of(rows[0][0]), infos)
        return core.directory

    async def _find_out(self, unit: Unit, directory: Directory) -> None:
        """See whether statements that nobody here understands have written anything."""
        limit = str(round(self._core.timing.horizon * 500))
        rows = await unit.connection.fetch(_IF_ANY, (limit,))
        if rows[0][0][0] is None:
            return
        unit.transaction_id = rows[0][0]
        if self._unsure is None:
            self._touches.add_tables(directory.registered, directory)
            return
        for info in self._unsure:
            self._touches.add_tables(directory.reached(info), directory)

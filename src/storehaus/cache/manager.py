"""`CacheManager`: what users see of the cache, `haus.cache`."""

import asyncio
from collections.abc import Awaitable, Collection, Sequence
from typing import Any, TypeVar

import msgspec

from storehaus.cache.announcement import Announcement
from storehaus.cache.codec import decode_rows
from storehaus.cache.core import Core, log
from storehaus.cache.directory import Cached
from storehaus.cache.entry import check_entry
from storehaus.cache.explanation import Explanation, explain
from storehaus.cache.local import LocalTier
from storehaus.cache.names import generation_tag, queries_tag
from storehaus.cache.plugin import CachedReads, CachePlugin
from storehaus.cache.poll import Poll
from storehaus.cache.reader import Item, Reader
from storehaus.cache.stats import CacheStats
from storehaus.cache.survey import Survey, clear, forget, take_survey
from storehaus.cache.transport import CacheTransport, Timing
from storehaus.driver import Row
from storehaus.errors import CacheError
from storehaus.model import Model, TableInfo
from storehaus.store.database import Database
from storehaus.store.table import Table

__all__ = ["CacheManager", "Explanation"]

M = TypeVar("M", bound=Model)


class CacheManager:
    """The cache of one haus. There is no way to put something into it: every fill is fenced.

    Nothing that Redis does reaches a store: when it fails, reads go to the database, and writes
    announce themselves there.

    Args:
        database: Where rows are.
        transport: Where entries are kept for all processes; None keeps them in this one only.
        timing: The constants of the protocol.
        ttl_seconds: How long entries live where a model does not say.
        local_max_items: Most entries kept in this process.
        local_max_bytes: What they may take.
    """

    def __init__(
        self,
        database: Database,
        transport: CacheTransport | None = None,
        *,
        timing: Timing | None = None,
        ttl_seconds: float = 3600.0,
        local_max_items: int = 10_000,
        local_max_bytes: int = 67_108_864,
    ) -> None:
        local = LocalTier(local_max_items, local_max_bytes)
        self._core = Core(database, transport, local, timing or Timing(), ttl_seconds)
        self._open: set[Announcement] = set()
        self._poll = Poll(self._core, self._open)
        self._reads = CachedReads(self._core, Reader(self._core))
        self.plugin = CachePlugin(self._core, self._open)
        """Announces what the stores of the haus write."""

    @property
    def is_in_use(self) -> bool:
        """Whether any table that is used here is cached, by this process or by others."""
        return self._poll.is_running

    async def open(self) -> None:
        """Read what the database knows, and go on reading if anything is cached.

        Raises:
            ConfigurationError: When a model declares something else than other processes.
        """
        await self._poll_once()
        directory = self._core.directory
        if directory is not None:
            directory.check()
        if (directory is not None and directory.registered) or any(
            info.cache for info in self._core.models
        ):
            self._start()

    async def close(self) -> None:
        """Read no more, and leave Redis."""
        await self._poll.stop()
        database = self._core.database
        database.cache = None
        database.use([each for each in database.plugins if each is not self.plugin])
        if self._core.transport is not None:
            await self._core.transport.close()

    def know(self, info: TableInfo) -> None:
        """Learn of a model that is used here."""
        core = self._core
        core.know(info)
        if info.cache is not None and core.database.is_open and not self._poll.is_running:
            self._start()

    def check(self, info: TableInfo) -> None:
        """Refuse a model when it is known already that other processes declare something else.

        Raises:
            ConfigurationError: When it is.
        """
        directory = self._core.directory
        if directory is not None:
            directory.check_model(info)

    async def refresh(self) -> None:
        """Look at the database now: tables were migrated.

        Raises:
            ConfigurationError: As `open`.
        """
        if self._poll.is_running or any(info.cache for info in self._core.models):
            await self._poll_once()
            directory = self._core.directory
            if directory is not None:
                directory.check()
            self._start()

    async def ready(self) -> None:
        """Wait until entries are stored and hits are served.

        That takes some seconds after the first use of a Redis, or after a table began to be cached:
        all processes must have heard of it. Nothing needs to wait for it but tests and examples. It
        waits for as long as Redis or the database does not answer.
        """
        core = self._core
        while True:
            directory, now = core.directory, core.now()
            if directory is not None and core.is_trusted(now):
                waits = [each.ready_at - now for each in directory.serving.values()]
                waits.append(await self._cold_seconds())
                if all(each <= 0 for each in waits):
                    return
                await asyncio.sleep(max(waits))
            else:
                await asyncio.sleep(core.timing.trust / 20)

    async def stats(self) -> CacheStats:
        """Give what was counted since the haus was opened, and the state of the parts."""
        core = self._core
        directory = core.directory
        return CacheStats(
            **msgspec.structs.asdict(core.counters),
            breaker=None if core.transport is None else core.transport.state,
            trusted=core.is_trusted(core.now()),
            local_items=len(core.local),
            local_bytes=core.local.size,
            tables=() if directory is None else tuple(name for _, name in directory.serving),
        )

    async def health_check(self) -> tuple[bool, str]:
        """Say whether the cache works, and what is wrong or where entries are kept."""
        core = self._core
        if core.directory is None:
            return True, "no table is cached"
        if core.directory.mismatches:
            return False, core.directory.mismatches[0]
        if not core.is_trusted(core.now()):
            return False, "the outbox could not be read for a while, so no hits are served"
        if core.transport is None:
            return True, "in this process; no Redis is configured"
        try:
            server = await core.transport.ping()
            # What may connect may still not be allowed to run scripts.
            await core.transport.cold_ms()
        except CacheError as error:
            return False, str(error)
        return True, server

    async def get_record(self, model: type[M], record_id: Any) -> M | None:
        """Give a row if it is cached, None if it is not. The database is not asked."""
        table = Table[M](model.__table_info__)
        rows = await self._rows(table, record_id)
        return table.reader.model(rows[0]) if rows else None

    async def record_exists(self, model: type[Model], record_id: Any) -> bool:
        """Say whether a row is cached."""
        return await self.get_record(model, record_id) is not None

    async def record_ttl(self, model: type[Model], record_id: Any) -> float | None:
        """Give the seconds for which Redis keeps a row, None where it is not there."""
        core = self._core
        item = self._item(Table(model.__table_info__), record_id)
        if item is None or core.transport is None or not await self.record_exists(model, record_id):
            return None
        left = await self._ask(core.transport.remaining_ms(item.name))
        return None if left is None else left / 1000

    def record_key(self, model: type[Model], record_id: Any) -> str | None:
        """Give the name under which a row is kept, for `explain`; None for a table that is not."""
        item = self._item(Table(model.__table_info__), record_id)
        return None if item is None else item.name.decode()

    async def invalidate_record(self, model: type[Model], record_id: Any) -> None:
        """Forget a row, in all processes: something outside of StoreHaus has written it."""
        cached = self._cached(model)
        item = self._item(Table(model.__table_info__), record_id)
        if cached is not None and item is not None:
            await forget(self._core, (item.name,), (queries_tag(cached.oid),))

    async def invalidate_table(self, model: type[Model]) -> None:
        """Forget all rows of a table and all results about it, in all processes."""
        cached = self._cached(model)
        if cached is not None:
            await forget(self._core, (), (generation_tag(cached.oid), queries_tag(cached.oid)))

    async def invalidate_queries(self, model: type[Model]) -> None:
        """Forget all results of queries about a table, in all processes."""
        cached = self._cached(model)
        if cached is not None:
            await forget(self._core, (), (queries_tag(cached.oid),))

    async def explain(self, key: str) -> Explanation:
        """Say whether the entry of this name is a hit now, and why.

        Args:
            key: What `record_key` gives, or a key as Redis shows it.
        """
        return await explain(self._core, key)

    async def survey(self) -> Survey:
        """Look at the cache of the database as a whole, whoever uses it.

        Raises:
            DatabaseError: When the database does not answer.
        """
        return await take_survey(self._core)

    async def clear(self, tables: Collection[str] | None = None) -> Sequence[str]:
        """Make everything about tables stale, in all processes; give their names.

        Args:
            tables: Names, with or without schema; None is all that are cached.

        Raises:
            StorehausError: When one of them is not cached.
            DatabaseError: When the database does not answer.
        """
        return await clear(self._core, tables)

    async def _cold_seconds(self) -> float:
        transport = self._core.transport
        if transport is None:
            return 0.0
        left = await self._ask(transport.cold_ms()) if transport.is_usable else None
        return self._core.timing.trust / 20 if left is None else left / 1000

    def _start(self) -> None:
        """Stand in front of the stores from now on."""
        database = self._core.database
        if not self._poll.is_running:
            database.cache = self._reads
            database.use((*database.plugins, self.plugin))
            self._poll.start()

    async def _poll_once(self) -> None:
        try:
            await self._poll.once()
        except CacheError:
            self._core.counters.errors += 1
        except Exception as error:  # noqa: BLE001 - a cache that fails is none
            self._core.counters.failed_polls += 1
            log.warning("the outbox of the cache could not be read: %s", error)

    def _cached(self, model: type[Model]) -> Cached | None:
        directory = self._core.directory
        info = model.__table_info__
        return None if directory is None else directory.serving.get((info.schema, info.name))

    def _item(self, table: Table[Any], record_id: Any) -> Item | None:
        cached = self._cached(table.info.model)
        return None if cached is None else self._reads.record(cached, table.key.params(record_id))

    async def _rows(self, table: Table[Any], record_id: Any) -> Sequence[Row] | None:
        core = self._core
        item = self._item(table, record_id)
        if item is None or not core.is_trusted(core.now()):
            return None
        held = core.local.get(item.name, core.now()) if item.is_local else None
        if held is not None:
            read, body = held
            return read(body)
        if core.transport is None:
            return None
        values = await self._ask(core.transport.read((item.name, *item.tags)))
        value, *generations = values or (None,)
        payload = (
            None if value is None else check_entry(item.name, value, item.fingerprint, generations)
        )
        return None if payload is None else decode_rows(payload)

    async def _ask(self, request: Awaitable[Any]) -> Any:
        """Ask Redis; None when it does not answer."""
        try:
            return await request
        except CacheError:
            self._core.counters.errors += 1
            return None

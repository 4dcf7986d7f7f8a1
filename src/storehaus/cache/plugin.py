"""The two seams of the store: what is written is announced, and what is read is looked up."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from storehaus.cache.announcement import Announcement
from storehaus.cache.codec import VERSION
from storehaus.cache.core import Core
from storehaus.cache.directory import Cached
from storehaus.cache.names import (
    fingerprint,
    queries_tag,
    query_name,
    record_name,
    row_tag,
)
from storehaus.cache.plan import Plan, Use, plan_of
from storehaus.cache.reader import Item, Reader
from storehaus.driver import Row
from storehaus.model import TableInfo
from storehaus.sql.statement import Statement
from storehaus.store.binding import find
from storehaus.store.caching import Key, Question
from storehaus.store.change import Outcome
from storehaus.store.plugin import Plugin
from storehaus.store.table import Table
from storehaus.store.transaction import Unit

__all__ = ["CachePlugin", "CachedReads"]

_MOST_NAMES = 100_000


class CachePlugin(Plugin):
    """Announces writes.

    Args:
        core: The cache.
        open_: Takes the announcements whose COMMIT is under way.
    """

    def __init__(self, core: Core, open_: set[Announcement]) -> None:
        self._core = core
        self._open = open_

    def joins(self, table: TableInfo) -> bool:
        """Say whether a write to a table may make something stale."""
        directory = self._core.directory
        return table.cache is not None if directory is None else directory.concerns(table)

    def observe(self, outcome: Outcome[Any], unit: Unit) -> None:
        """Take note of what a write made stale."""
        if self.joins(outcome.change.table):
            Announcement.of(unit, self._core, self._open).add(outcome)

    def watches_statements(self) -> bool:
        """Whether any table is cached, by whatever process."""
        directory = self._core.directory
        return directory is not None and bool(directory.registered)

    def observe_statement(self, unit: Unit, touches: Sequence[TableInfo] | None) -> None:
        """Take note of a statement that nobody here understands."""
        Announcement.of(unit, self._core, self._open).add_statement(touches)


class CachedReads:
    """Answers reads outside of transactions.

    Args:
        core: The cache.
    """

    def __init__(self, core: Core, reader: Reader) -> None:
        self._core = core
        self._reader = reader

    def held(self, table: Table[Any], record_id: Any) -> Row | None:
        """Give a row that is kept in this process; None says that it must be asked for."""
        core = self._core
        directory = core.directory
        cached = None if directory is None else directory.by_info.get(table.info)
        # Equal ids of different types (1 and True) are not the same to PostgreSQL.
        if cached is None or type(record_id) is not cached.id_type:
            return None
        name = cached.names.get(record_id)
        if name is None:
            return None
        now = core.now()
        if now - core.polled_at >= core.timing.trust or cached.ready_at > now or core.bypassed:
            return None
        found = core.local.get(name, now)
        if found is None or find(core.database) is not None:
            return None
        read, body = found
        rows = read(body)
        if not rows:
            return None
        core.counters.local_hits += 1
        core.counters.hits += 1
        return rows[0]

    async def row(
        self, table: Table[Any], key: Key, load: Callable[[Key], Awaitable[Row | None]]
    ) -> Row | None:
        """Give the active row with an id, None when there is none."""
        cached = self._serving(table)
        if cached is None:
            return await load(key)
        item = self.record(cached, key)
        if item.is_local and type(key[0]) is cached.id_type:
            _remember(cached.names, key[0], item.name)
        if not self._is_asked(item):
            return await load(key)

        async def ask() -> Sequence[Row]:
            found = await load(key)
            return () if found is None else (found,)

        rows = await self._reader.rows(item, ask)
        if not rows:
            return None
        if table.key.of_row(rows[0]) != table.key.wire_id(key):
            # Somebody else's bytes, or two ids with one digest.
            self._core.counters.unfit += 1
            return await load(key)
        return rows[0]

    async def rows(
        self,
        table: Table[Any],
        keys: Sequence[Key],
        load: Callable[[Sequence[Key]], Awaitable[Mapping[Any, Row]]],
    ) -> Mapping[Any, Row]:
        """Give the active rows with these ids, by id in wire form."""
        cached = self._serving(table)
        if cached is None:
            return await load(keys)
        items = {key: self.record(cached, key) for key in keys}
        if not all(map(self._is_asked, items.values())):
            return await load(keys)
        return await self._reader.many(table, items, load)

    async def answer(
        self, question: Question, load: Callable[[Statement], Awaitable[Sequence[Row]]]
    ) -> Sequence[Row]:
        """Give the rows of a query."""
        item = self._query(question)
        if item is None or not self._is_asked(item):
            return await load(question.statement)
        return await self._reader.rows(item, lambda: load(question.statement))

    def record(self, cached: Cached, key: Key) -> Item:
        """Say where a row is kept."""
        return Item(
            name=record_name(cached.oid, key),
            tags=(cached.generation,),
            fingerprint=cached.fingerprint,
            ttl_ms=cached.ttl_ms,
            is_local=self._core.uses_local(cached),
            keeps_nothing=cached.params.negative,
        )

    def _serving(self, table: Table[Any]) -> Cached | None:
        """Give a table whose rows may be looked up now."""
        core, info = self._core, table.info
        if info.cache is None:
            return None
        if find(core.database) is not None:
            return None
        found = core.serving(info, core.now()) if table.key.is_exact else None
        if found is None:
            core.counters.bypassed += 1
        return found

    def _is_asked(self, item: Item) -> bool:
        """Say whether the cache may be asked for an item now, and can keep it."""
        core = self._core
        if core.keeps(is_local=item.is_local) and not (
            core.bypassed and core.is_bypassed((item.name, *item.tags), core.now())
        ):
            return True
        core.counters.bypassed += 1
        return False

    def _query(self, question: Question) -> Item | None:
        """Say where the result of a query is kept, None where it cannot be."""
        core = self._core
        directory = core.directory
        if directory is None or not directory.serving or find(core.database) is not None:
            return None
        plan = plan_of(question)
        if plan is None:
            return None
        now = core.now()
        tables = [core.serving(use.info, now) for use in plan.uses]
        cached = [each for each in tables if each is not None]
        reader = self._reader_key()
        if len(cached) < len(tables) or reader is None:
            return None
        tags = _tags(question, plan, cached)
        statement = question.statement
        try:
            name = query_name(cached[0].oid, statement.text, statement.params, reader)
        except (ValueError, TypeError, OverflowError):
            return None
        return Item(
            name=name,
            tags=tags,
            fingerprint=fingerprint([each.info for each in cached], VERSION),
            ttl_ms=min(each.ttl_ms for each in cached),
            is_local=all(core.uses_local(each) for each in cached),
            is_query=True,
        )

    def _reader_key(self) -> bytes | None:
        """Give what tells apart those whom the same query may give other rows."""
        directory = self._core.directory
        kind = self._core.database.batch_key()
        if directory is None or not _is_plain(kind):
            return None
        return repr((directory.role, kind)).encode()


def _remember(names: dict[Any, bytes], record_id: Any, name: bytes) -> None:
    if len(names) >= _MOST_NAMES:
        names.clear()
    names[record_id] = name


def _tags(question: Question, plan: Plan, cached: Sequence[Cached]) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    for use, each in zip(plan.uses, cached, strict=True):
        found[queries_tag(each.oid)] = None
        found[_tag(question, use, each)] = None
    return tuple(found)


def _tag(question: Question, use: Use, cached: Cached) -> bytes:
    for field in cached.params.tags:
        if field in use.equal:
            place, convert = use.equal[field]
            value = convert(question.values[place].value)
            if value is not None:
                return row_tag(cached.oid, field, value)
    return row_tag(cached.oid)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # any items
    return value is None or isinstance(value, str | int | bytes | bool)

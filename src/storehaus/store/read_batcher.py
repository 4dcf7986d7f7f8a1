"""Reads by id that go to the server together while others are under way.

A lone read goes out at once. While one is under way, further ones of the same store wait for the
next turn of the event loop and leave as one statement, which nobody joins once it is sent: a read
gives all that was durable when it was asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from storehaus.driver import Row
from storehaus.errors import ConnectionFailed
from storehaus.store.database import Database
from storehaus.store.sharing import MOST_CALLS, Sharers, concerns_all, same_error
from storehaus.store.table import Table

__all__ = ["ReadBatcher"]

_Key = tuple[Any, ...]
_Found = Mapping[Any, Row]
"""Rows by id in wire form."""


class _Batch(Sharers):
    """Reads that leave together.

    Attributes:
        keys: What they ask for.
        repeated: Those that several callers ask for.
        waiting: One for each; it gets the rows of all, or None to read alone.
    """

    __slots__ = ("keys", "repeated", "waiting")

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[_Key] = []
        self.repeated: frozenset[_Key] = frozenset()
        self.waiting: list[asyncio.Future[_Found | None]] = []


class ReadBatcher:
    """Answers the reads by id of one store.

    Args:
        database: Where statements run.
        table: The store's table.
        enabled: False sends each read alone.
    """

    __slots__ = ("_database", "_enabled", "_open", "_table", "_under_way")

    def __init__(self, database: Database, table: Table[Any], *, enabled: bool = True) -> None:
        self._database = database
        self._table = table
        self._enabled = enabled
        self._under_way = 0
        self._open: dict[Hashable, _Batch] = {}

    async def row(self, key: _Key) -> Row | None:
        """Give the active row with a key, None when there is none."""
        if self._under_way and self._may_share():
            found = await self._shared((key,))
            if found is not None:
                return found.get(self._table.key.wire_id(key))
        rows = await self._alone(self._table.select_by_key, key)
        return rows[0] if rows else None

    async def rows(self, keys: Sequence[_Key]) -> _Found:
        """Give the active rows with these keys, by id in wire form."""
        if self._under_way and len(keys) < MOST_CALLS and self._may_share():
            found = await self._shared(keys)
            if found is not None:
                return found
        return self._by_id(await self._alone(*self._by_keys(keys)))

    def _may_share(self) -> bool:
        return self._enabled and self._database.joined() is None

    async def _alone(self, text: str, params: Sequence[object]) -> Sequence[Row]:
        self._under_way += 1
        try:
            return await self._database.fetch_rows(text, params)
        finally:
            self._under_way -= 1

    async def _shared(self, keys: Sequence[_Key]) -> _Found | None:
        loop = asyncio.get_running_loop()
        kind = self._database.batch_key()
        batch = self._open.get(kind)
        if batch is None or len(batch.keys) + len(keys) > MOST_CALLS:
            batch = self._open[kind] = _Batch()
            loop.call_soon(self._send, batch, kind)
        waiter: asyncio.Future[_Found | None] = loop.create_future()
        batch.keys += keys
        batch.waiting.append(waiter)
        batch.count += 1
        try:
            found = await waiter
        except asyncio.CancelledError:
            batch.leave()
            raise
        if found is None or not batch.repeated or batch.repeated.isdisjoint(keys):
            return found
        # Whoever changes an array of his row must not change another caller's.
        own, ids = self._table.reader.own, map(self._table.key.wire_id, keys)
        return {each: own(found[each]) for each in ids if each in found}

    def _send(self, batch: _Batch, kind: Hashable) -> None:
        if self._open.get(kind) is batch:
            del self._open[kind]
        if not batch.are_gone:
            self._under_way += 1
            batch.task = self._database.keeper.start(self._run(batch))

    async def _run(self, batch: _Batch) -> None:
        try:
            keys = list(dict.fromkeys(batch.keys))
            if len(keys) < len(batch.keys):
                counts = Counter(batch.keys)
                batch.repeated = frozenset(key for key in keys if counts[key] > 1)
            found = await self._fetch(keys)
        except asyncio.CancelledError:
            _fail(batch, ConnectionFailed("the haus was closed", sent=True))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the callers
            _fail(batch, error)
        else:
            for waiter in batch.waiting:
                if not waiter.done():
                    waiter.set_result(found)
        finally:
            # After the callers have had their turn: what they ask next is to leave together again.
            asyncio.get_running_loop().call_soon(self._arrived)

    def _arrived(self) -> None:
        self._under_way -= 1

    async def _fetch(self, keys: Sequence[_Key]) -> _Found | None:
        """Read rows by key; None when it is not clear which row belongs to which key."""
        table = self._table
        query = (table.select_by_key, keys[0]) if len(keys) == 1 else self._by_keys(keys)
        found = self._by_id(await self._database.fetch_rows(*query))
        # A collation may call keys equal that are not the same text.
        is_clear = len(found) == len(keys) or found.keys() <= set(map(table.key.wire_id, keys))
        return found if is_clear else None

    def _by_keys(self, keys: Sequence[_Key]) -> tuple[str, Sequence[object]]:
        return self._table.select_by_keys, self._table.key_arrays(keys)

    def _by_id(self, rows: Sequence[Row]) -> _Found:
        return dict(zip(map(self._table.key.of_row, rows), rows, strict=True))


def _fail(batch: _Batch, error: Exception) -> None:
    for waiter in batch.waiting:
        if waiter.done():
            continue
        if concerns_all(error):
            waiter.set_exception(same_error(error))
        else:
            waiter.set_result(None)

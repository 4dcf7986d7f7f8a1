"""Reads through the cache: a hit, or the database and what may be stored of its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from secrets import token_bytes
from typing import Any, TypeAlias

from msgspec import Struct

from storehaus.cache.codec import decode_rows, encode_rows
from storehaus.cache.core import TAG_SLACK_MS, Core
from storehaus.cache.entry import check_entry, make_entry, read_entry
from storehaus.cache.flights import Flight, Flights
from storehaus.cache.local import Ticket
from storehaus.cache.transport import CacheTransport, Finding, Lease
from storehaus.driver import Row
from storehaus.errors import CacheError, StorehausError
from storehaus.store.caching import Key
from storehaus.store.table import Table

__all__ = ["Item", "Load", "Reader"]

Load: TypeAlias = Callable[[], Awaitable[Sequence[Row]]]
"""Asks the database."""

MOST_BYTES = 256 * 1024
"""Entries beyond that are not stored."""

MOST_FILLED = 64
"""So many missing rows of one call are stored; of more, none."""

# So long somebody else's read is waited for, in pauses, before the database is asked after all.
_PAUSES_SECONDS = (0.002, 0.004, 0.008, 0.012, 0.024)
_SNAPSHOT = "SELECT pg_current_snapshot()::text"


class Item(Struct, frozen=True, gc=False):
    """What is asked for.

    Attributes:
        name: Its entry.
        tags: The tags that it carries.
        fingerprint: Of the tables it comes from.
        ttl_ms: How long it lives.
        is_local: Whether it is kept in this process too.
        keeps_nothing: Whether it is stored that there is no row.
        is_query: Whether it is the result of a query, not a row.
    """

    name: bytes
    tags: tuple[bytes, ...]
    fingerprint: bytes
    ttl_ms: int
    is_local: bool
    keeps_nothing: bool = True
    is_query: bool = False

    @property
    def tag_ttl_ms(self) -> int:
        """How long its tags live."""
        return self.ttl_ms + TAG_SLACK_MS


class Reader:
    """Answers reads.

    Args:
        core: The cache.
    """

    __slots__ = ("_core", "_flights")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._flights = Flights()

    async def rows(self, item: Item, load: Load) -> Sequence[Row]:
        """Give the rows of an item.

        Args:
            item: What is asked for.
            load: Asks the database for it. Its errors are the caller's.
        """
        core = self._core
        while True:
            found = self.held(item) if item.is_local else None
            ticket = None
            if found is None:
                ticket = core.local.ticket(item.name, item.tags) if item.is_local else None
                found = await self._read(item, ticket)
            if found is not None:
                return found
            flight = self._flights.join(item.name)
            if flight is None:
                return await self._lead(item, load)
            joined_early = not flight.has_left
            await flight.landed.wait()
            if flight.is_fresh_for(joined_early=joined_early):
                rows = decode_rows(flight.payload or b"")
                if rows is not None:
                    core.counters.joined += 1
                    return rows
            if not flight.is_worth_waiting:
                return await load()

    async def many(
        self,
        table: Table[Any],
        items: Mapping[Key, Item],
        load: Callable[[Sequence[Key]], Awaitable[Mapping[Any, Row]]],
    ) -> Mapping[Any, Row]:
        """Give the rows of many items by id in wire form, those that are missing by one query.

        Args:
            table: Whose rows they are.
            items: What is asked for, by key.
            load: Asks the database for rows by key.
        """
        found: dict[Any, Row] = {}
        missing: list[Key] = []
        values = await self._read_many(items)
        for key, item in items.items():
            rows = (self.held(item) if item.is_local else None) or values.get(key)
            if rows is None:
                missing.append(key)
            elif rows and table.key.of_row(rows[0]) == table.key.wire_id(key):
                found[table.key.wire_id(key)] = rows[0]
        if len(missing) > MOST_FILLED:
            # Storing each would cost more than it saves: whoever reads so much reads it once.
            self._core.counters.misses += len(missing)
            return {**found, **await load(missing)}

        async def one(key: Key) -> Sequence[Row]:
            # What comes may be the answer to others too, who asked at the same time.
            row = (await load((key,))).get(table.key.wire_id(key))
            return () if row is None else (row,)

        answers = await asyncio.gather(
            *(self.rows(items[key], partial(one, key)) for key in missing)
        )
        for key, rows in zip(missing, answers, strict=True):
            if rows:
                found[table.key.wire_id(key)] = rows[0]
        return found

    async def _read_many(self, items: Mapping[Key, Item]) -> Mapping[Key, Sequence[Row]]:
        """Ask Redis for many items of one table at once; give the hits."""
        transport = self._core.transport
        if transport is None or not transport.is_usable:
            return {}
        tags = next(iter(items.values())).tags
        try:
            answer = await transport.read((*(item.name for item in items.values()), *tags))
        except CacheError:
            self._core.counters.errors += 1
            return {}
        generations = answer[len(items) :]
        hits: dict[Key, Sequence[Row]] = {}
        for (key, item), value in zip(items.items(), answer, strict=False):
            payload = self._payload(item, value, generations)
            rows = None if payload is None else decode_rows(payload)
            if rows is not None:
                self._count_hit(item)
                hits[key] = rows
        return hits

    def held(self, item: Item) -> Sequence[Row] | None:
        """Give what is kept in this process."""
        core = self._core
        found = core.local.get(item.name, core.now())
        if found is None:
            return None
        core.counters.local_hits += 1
        self._count_hit(item)
        read, body = found
        return read(body)

    async def _read(self, item: Item, ticket: Ticket | None) -> Sequence[Row] | None:
        """Ask Redis; give None for a miss."""
        core, transport = self._core, self._core.transport
        payload = None
        if transport is not None and transport.is_usable:
            try:
                value, *generations = await transport.read((item.name, *item.tags))
            except CacheError:
                core.counters.errors += 1
            else:
                payload = self._payload(item, value, generations)
        rows = None if payload is None else decode_rows(payload)
        if rows is None or payload is None:
            if ticket is not None:
                core.local.give_back(ticket)
            return None
        self._keep(item, ticket, payload)
        self._count_hit(item)
        return rows

    async def _lead(self, item: Item, load: Load) -> Sequence[Row]:
        """Ask the database for all who ask at the same time."""
        core = self._core
        flight = self._flights.begin(item.name)
        ticket = core.local.ticket(item.name, item.tags) if item.is_local else None
        is_handed_over = False
        try:
            found, lease = await self._open(item)
            stored = None if found is None else decode_rows(found)
            if stored is not None:
                # It is as old as Redis's answer, so whoever joined since then asks again.
                self._keep(item, ticket, found)
                ticket = None
                self._count_hit(item)
                return stored
            core.counters.misses += 1
            is_over = lease is None or await self._is_over(lease)
            flight.has_left = True
            rows = await self._load(flight, load)
            payload = flight.payload
            if not _may_keep(item, rows, payload):
                payload = None
            if lease is not None:
                keep = payload if is_over else None
                _ = core.database.keeper.start(self._store(item, flight, lease, ticket, keep))
                is_handed_over = True
            elif core.transport is None:
                flight.is_accepted = self._keep(item, ticket, payload)
                ticket = None
            return rows
        finally:
            if not is_handed_over:
                self._keep(item, ticket, None)
                self._flights.end(item.name, flight)

    async def _load(self, flight: Flight, load: Load) -> Sequence[Row]:
        try:
            rows = await load()
        except Exception:
            flight.is_worth_waiting = False
            raise
        flight.payload = encode_rows(rows)
        flight.is_worth_waiting = flight.payload is not None
        return rows

    async def _open(self, item: Item) -> tuple[bytes | None, Lease | None]:
        """Give what somebody stored meanwhile, or the right to store it oneself, or neither."""
        transport = self._core.transport
        if transport is None or not transport.is_usable:
            return None, None
        try:
            opened = await transport.open(
                item.name,
                item.tags,
                token_bytes(16),
                fingerprint=item.fingerprint,
                tag_ttl_ms=item.tag_ttl_ms,
            )
            if opened.finding is Finding.WAIT:
                return await self._wait(transport, item), None
        except CacheError:
            self._core.counters.errors += 1
            return None, None
        if opened.finding is Finding.HIT and opened.value is not None:
            return await self._sound(transport, item, opened.value), None
        return None, opened.lease

    async def _sound(self, transport: CacheTransport, item: Item, value: bytes) -> bytes | None:
        """Give the payload of an entry, and drop it where it is damaged: nobody else would."""
        payload = read_entry(item.name, value, item.fingerprint)
        if payload is not None and decode_rows(payload) is not None:
            return payload
        await transport.intend(None, (item.name,), (), tag_ttl_ms=item.tag_ttl_ms)
        return None

    async def _wait(self, transport: CacheTransport, item: Item) -> bytes | None:
        """Wait a little for what another process is reading."""
        for pause in _PAUSES_SECONDS:
            await asyncio.sleep(pause)
            value, *generations = await transport.read((item.name, *item.tags))
            payload = self._payload(item, value, generations)
            if payload is not None:
                return payload
        return None

    async def _is_over(self, lease: Lease) -> bool:
        """Say whether all transactions that announced a write are visible, or never will be."""
        waiting = lease.transactions
        if not waiting:
            return True
        try:
            rows = await self._core.database.fetch_rows(_SNAPSHOT)
        except StorehausError:
            return False
        _, next_, running = rows[0][0].split(":")
        open_ = list(map(int, running.split(","))) if running else []
        return all(
            last < int(next_) and not any(first <= each <= last for each in open_)
            for first, last in waiting
        )

    async def _store(
        self,
        item: Item,
        flight: Flight,
        lease: Lease,
        ticket: Ticket | None,
        payload: bytes | None,
    ) -> None:
        """Store what was read, if that is allowed, after the caller has got it."""
        core, transport = self._core, self._core.transport
        self._flights.seal(item.name, flight)
        try:
            if transport is not None:
                flight.is_accepted = await self._fill(transport, item, lease, payload)
        except CacheError:
            core.counters.errors += 1
        finally:
            self._keep(item, ticket, payload if flight.is_accepted else None)
            self._flights.end(item.name, flight)

    async def _fill(
        self, transport: CacheTransport, item: Item, lease: Lease, payload: bytes | None
    ) -> bool:
        counters = self._core.counters
        if payload is None:
            counters.refused += 1
            await transport.release(item.name, lease)
            return False
        value = make_entry(item.name, item.fingerprint, lease.generations, payload)
        is_stored = await transport.fill(
            item.name, item.tags, lease, value, ttl_ms=item.ttl_ms, tag_ttl_ms=item.tag_ttl_ms
        )
        if is_stored:
            counters.fills += 1
        else:
            counters.refused += 1
        return is_stored

    def _keep(self, item: Item, ticket: Ticket | None, payload: bytes | None) -> bool:
        """Use a ticket of the tier in the process, or give it back."""
        local = self._core.local
        if ticket is None:
            return False
        if payload is None:
            local.give_back(ticket)
            return False
        return local.put(ticket, payload, now=self._core.now(), ttl_seconds=item.ttl_ms / 1000)

    def _payload(
        self, item: Item, value: bytes | None, generations: Sequence[bytes | None]
    ) -> bytes | None:
        if value is None:
            return None
        payload = check_entry(item.name, value, item.fingerprint, generations)
        if payload is None and read_entry(item.name, value, item.fingerprint) is None:
            self._core.counters.unfit += 1
        return payload

    def _count_hit(self, item: Item) -> None:
        if item.is_query:
            self._core.counters.query_hits += 1
        else:
            self._core.counters.hits += 1


def _may_keep(item: Item, rows: Sequence[Row], payload: bytes | None) -> bool:
    if payload is None or len(payload) > MOST_BYTES:
        return False
    return item.keeps_nothing or bool(rows)

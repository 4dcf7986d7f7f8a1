"""The cache of a database as a whole, whoever uses it: what there is, and dropping it."""

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct

from storehaus.cache.core import TAG_SLACK_MS, Core
from storehaus.cache.names import generation_tag, queries_tag
from storehaus.cache.registry import (
    IS_THERE,
    STATE,
    WRITE,
    Registered,
    State,
    is_there,
    state_of,
)
from storehaus.errors import CacheError, StorehausError

__all__ = ["Survey", "SurveyedTable", "clear", "forget", "take_survey"]

_LEASE = b":l"


class SurveyedTable(Struct, frozen=True, kw_only=True):
    """A cached table.

    Attributes:
        name: With its schema.
        declaration: What its model declares.
        age_seconds: For how long it has been cached so.
        redis_seconds: How long ago a process with Redis used it first, None when none has.
        records: Rows that Redis keeps, None when it was not asked.
        queries: Results of queries, by the table whose store was asked.
        tags: Generations.
        leases: Reads that are under way.
    """

    name: str
    declaration: dict[str, object]
    age_seconds: float
    redis_seconds: float | None
    records: int | None = None
    queries: int | None = None
    tags: int | None = None
    leases: int | None = None


class Survey(Struct, frozen=True, kw_only=True):
    """What there is.

    Attributes:
        tables: All cached tables.
        waiting: Rows of the outbox.
        server: Name and version of what answers as Redis, None where none is configured or none
            does.
        problem: Why it does not, None where it does or need not.
        cold_seconds: For how long nothing is stored, since Redis is new; None without it.
    """

    tables: Sequence[SurveyedTable]
    waiting: int
    server: str | None = None
    problem: str | None = None
    cold_seconds: float | None = None


async def take_survey(core: Core) -> Survey:
    """Look at the registry, the outbox and all keys of this database in Redis.

    Raises:
        DatabaseError: When the database does not answer.
    """
    state = await _read(core)
    if state is None:
        return Survey(tables=(), waiting=0)
    tables = sorted(state.tables, key=lambda each: each.qualified_name)
    waiting = len(state.waiting)
    transport = core.transport
    if transport is None:
        return Survey(tables=[_surveyed(each, None) for each in tables], waiting=waiting)
    if state.timeline is not None:
        transport.space = state.space
    try:
        server = await transport.ping()
        cold_seconds = await transport.cold_ms() / 1000
        counts = Counter([_kind_of(name) async for name in transport.names()])
    except CacheError as error:
        return Survey(
            tables=[_surveyed(each, None) for each in tables], waiting=waiting, problem=str(error)
        )
    return Survey(
        tables=[_surveyed(each, counts) for each in tables],
        waiting=waiting,
        server=server,
        cold_seconds=cold_seconds,
    )


async def clear(core: Core, tables: Collection[str] | None = None) -> Sequence[str]:
    """Make everything about tables stale, in all processes; give their names.

    Args:
        core: The cache.
        tables: Names, with or without schema; None is all that are cached.

    Raises:
        StorehausError: When one of them is not cached.
        DatabaseError: When the database does not answer.
    """
    state = await _read(core)
    known = () if state is None else state.tables
    missing = [name for name in tables or () if not any(_is_called(each, name) for each in known)]
    if missing:
        raise StorehausError(f"{missing[0]} is not cached")
    chosen = [
        each for each in known if tables is None or any(_is_called(each, name) for name in tables)
    ]
    tags = [tag for each in chosen for tag in (generation_tag(each.oid), queries_tag(each.oid))]
    if tags:
        await forget(core, (), tags)
    return sorted(each.qualified_name for each in chosen)


async def _read(core: Core) -> State | None:
    """Read the registry; give None where nothing is cached."""
    driver = core.database.driver
    if not is_there(await driver.fetch(IS_THERE)):
        return None
    return state_of((await driver.fetch(STATE, ([],)))[0][0])


async def forget(core: Core, names: Sequence[bytes], tags: Sequence[bytes]) -> None:
    """Drop entries in Redis, here, and by the outbox in the memory of other processes."""
    transport = core.transport
    heard = False
    if transport is not None and transport.is_usable:
        tag_ttl_ms = round(core.ttl_seconds * 1000) + TAG_SLACK_MS
        try:
            await transport.intend(None, names, tags, tag_ttl_ms=tag_ttl_ms)
            heard = True
        except CacheError:
            core.counters.errors += 1
    core.local.drop(names, tags)
    texts = [[each.decode() for each in part] for part in (names, tags)]
    await core.database.driver.fetch(WRITE, (*texts, heard))


def _surveyed(known: Registered, counts: Counter[tuple[int, str]] | None) -> SurveyedTable:
    kinds = ("records", "queries", "tags", "leases")
    found = {} if counts is None else {kind: counts[known.oid, kind] for kind in kinds}
    return SurveyedTable(
        name=known.qualified_name,
        declaration=msgspec.json.decode(known.declaration),
        age_seconds=known.age_seconds,
        redis_seconds=known.redis_seconds,
        **found,
    )


def _kind_of(name: bytes) -> tuple[int, str]:
    """Give table and kind of what has a name."""
    parts = name.split(b":")
    if len(parts) < 2 or not parts[1].isdigit():  # noqa: PLR2004 - kind and table
        return 0, "other"
    if name.endswith(_LEASE):
        return int(parts[1]), "leases"
    kind = {b"r": "records", b"q": "queries", b"g": "tags", b"t": "tags"}.get(parts[0], "other")
    return int(parts[1]), kind


def _is_called(table: Registered, name: str) -> bool:
    return name in {table.name, table.qualified_name}

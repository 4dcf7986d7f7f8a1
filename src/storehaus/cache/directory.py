"""What one process knows of the cached tables of its database: a snapshot, made by each poll."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from msgspec import Struct

from storehaus.cache.codec import VERSION
from storehaus.cache.names import fingerprint, generation_tag
from storehaus.cache.registry import Edge, Registered, State, declaration
from storehaus.cache.transport import Timing
from storehaus.errors import ConfigurationError
from storehaus.model import CacheParams, TableInfo
from storehaus.store.key import Key

__all__ = ["Cached", "Directory", "Place", "make_directory", "place_of"]

_RULE = "one declaration for all processes"

Place: TypeAlias = tuple[str | None, str]
"""Schema and name of a table, as its model gives them."""


class Cached(Struct, frozen=True, kw_only=True):
    """A table whose rows may be kept.

    Attributes:
        oid: PostgreSQL's own name of it.
        info: The model.
        params: How it is cached.
        fingerprint: Changes with its columns.
        generation: The tag that all its rows carry.
        is_exact: Whether Python and PostgreSQL agree on which ids are equal; else no row is kept,
            only results of queries.
        is_shared: Whether processes keep it in Redis, which those without do not hear of.
        ready_at: Hits are served from then on, by `Core.now`.
        ttl_ms: How long an entry lives.
        id_type: Of ids that are one value and travel as they are; None for all others.
        names: Names of rows that were asked for lately, by such an id.
    """

    oid: int
    info: TableInfo
    params: CacheParams
    fingerprint: bytes
    generation: bytes
    is_exact: bool
    is_shared: bool
    ready_at: float
    ttl_ms: int
    id_type: type[Any] | None
    names: dict[Any, bytes]


class Directory(Struct, frozen=True, kw_only=True):
    """What is known.

    Attributes:
        role: Who asks the database.
        oids: Of the tables of all models known, None where there is no such table.
        registered: All cached tables, by oid.
        serving: Tables whose rows may be kept, by place.
        by_info: The same by model.
        on_delete: For a table, the cached ones that the database writes to when its rows go.
        on_update: The same for its keys changing.
        held: Tables whose entries processes may keep in memory of their own.
        mismatches: What is wrong between models and declarations, one sentence each.
    """

    role: str
    oids: Mapping[Place, int | None]
    registered: Mapping[int, Registered]
    serving: Mapping[Place, Cached]
    by_info: Mapping[TableInfo, Cached]
    on_delete: Mapping[int, frozenset[int]]
    on_update: Mapping[int, frozenset[int]]
    held: frozenset[int]
    mismatches: Sequence[str]

    def knows(self, info: TableInfo) -> bool:
        """Say whether it was found out where a model's table is."""
        return (info.schema, info.name) in self.oids

    def reached(self, info: TableInfo) -> frozenset[int]:
        """Give the cached tables that a statement may write to which names this table."""
        oid = self.oids.get(place_of(info))
        if oid is None:
            return frozenset()
        return frozenset({oid} & self.registered.keys()) | self.on_delete.get(oid, frozenset())

    def concerns(self, info: TableInfo) -> bool:
        """Say whether a write to a table may make something stale."""
        place = place_of(info)
        if place not in self.oids:
            return info.cache is not None or bool(self.registered)
        oid = self.oids[place]
        return oid in self.registered or oid in self.on_delete or oid in self.on_update

    def check_model(self, info: TableInfo) -> None:
        """Refuse a model that declares something else than the database holds, as far as is known.

        Without a schema of its own a model is compared where one cached table alone has its name.

        Raises:
            ConfigurationError: When it does.
        """
        found = [
            each
            for each in self.registered.values()
            if each.name == info.name and info.schema in {None, each.schema}
        ]
        problem = _mismatch(info, found[0]) if len(found) == 1 and info.cache else None
        if problem:
            raise ConfigurationError(problem, rule=_RULE)

    def check(self) -> None:
        """Refuse models that declare something else than the database holds.

        Raises:
            ConfigurationError: When one does.
        """
        if self.mismatches:
            raise ConfigurationError(self.mismatches[0], rule=_RULE)


def place_of(info: TableInfo) -> Place:
    """Give what a table is known by."""
    return info.schema, info.name


def make_directory(
    state: State,
    infos: Sequence[TableInfo],
    *,
    now: float,
    rests_until: float,
    timing: Timing,
    ttl_seconds: float,
    before: "Directory | None" = None,
) -> Directory:
    """Make a directory of what a poll read.

    Args:
        state: What was read; its `oids` are those of `infos`.
        infos: The models known.
        now: Time now, by `Core.now`.
        rests_until: No table is ready before that.
        timing: The constants.
        ttl_seconds: How long entries live where a model does not say.
        before: What was known until now; what has not changed is taken over.
    """
    known_before: Mapping[TableInfo, Cached] = {} if before is None else before.by_info
    registered = {each.oid: each for each in state.tables}
    serving: dict[Place, Cached] = {}
    mismatches: list[str] = []
    for info, oid in zip(infos, state.oids, strict=True):
        known = None if oid is None else registered.get(oid)
        problem = None if known is None else _mismatch(info, known)
        if problem:
            mismatches.append(problem)
        elif known is not None and info.cache is not None and not known.secured:
            ready_at = max(rests_until, now + max(0.0, 2 * timing.trust - known.age_seconds))
            fresh = _cached(info, known, ready_at, ttl_seconds)
            same = known_before.get(info)
            # By the clock of the server it may be ready a little earlier or later each time.
            if (
                same is not None
                and rests_until <= now
                and (same.oid, same.is_shared) == (fresh.oid, fresh.is_shared)
                and fresh.ready_at <= max(now, same.ready_at + 1)
            ):
                fresh = same
            serving[place_of(info)] = fresh
    on_delete, on_update = _closures(state.edges, registered)
    return Directory(
        role=state.role,
        oids=dict(zip(map(place_of, infos), state.oids, strict=True)),
        registered=registered,
        serving=serving,
        by_info={each.info: each for each in serving.values()},
        on_delete=on_delete,
        on_update=on_update,
        held=frozenset(each.oid for each in state.tables if _may_be_held(each, timing)),
        mismatches=mismatches,
    )


def _may_be_held(known: Registered, timing: Timing) -> bool:
    """Say whether processes keep entries of a table, which Redis cannot drop.

    Those without Redis do until they hear that others use it; by 2T all of them have.
    """
    age = known.redis_seconds
    return known.is_local or age is None or age < 2 * timing.trust


def _cached(info: TableInfo, known: Registered, ready_at: float, ttl_seconds: float) -> Cached:
    params = info.cache or CacheParams()
    return Cached(
        oid=known.oid,
        info=info,
        params=params,
        fingerprint=fingerprint([info], VERSION),
        generation=generation_tag(known.oid),
        is_exact=Key(info).is_exact,
        is_shared=known.redis_seconds is not None,
        ready_at=ready_at,
        ttl_ms=max(1, round((params.ttl_seconds or ttl_seconds) * 1000)),
        id_type=_plain_id(info),
        names={},
    )


def _plain_id(info: TableInfo) -> type[Any] | None:
    kinds = [column.type.kind for column in info.primary_key]
    plain: dict[str, type[Any]] = {"integer": int, "text": str, "uuid": UUID}
    return plain.get(kinds[0]) if len(kinds) == 1 else None


def _mismatch(info: TableInfo, known: Registered) -> str | None:
    if info.cache is None:
        return (
            f"{info.model.__name__}: other processes cache the table {known.name}, so every process"
            " that uses it must declare the same cache="
        )
    if declaration(info.cache, external_writes=info.external_writes) == known.declaration:
        return None
    return (
        f"{info.model.__name__}: cache= differs from what the table {known.name} was migrated with:"
        f" {known.declaration}; run auto_migrate() with the model that counts"
    )


def _closures(
    edges: Iterable[Edge], registered: Mapping[int, Registered]
) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """Find the cached tables that foreign keys reach, in any number of steps."""
    children: dict[int, set[int]] = defaultdict(set)
    updated: dict[int, set[int]] = defaultdict(set)
    for edge in edges:
        children[edge.parent].add(edge.child)
        if edge.updates:
            updated[edge.parent].add(edge.child)

    def reached(first: set[int]) -> frozenset[int]:
        seen: set[int] = set()
        waiting = list(first)
        while waiting:
            oid = waiting.pop()
            if oid not in seen:
                seen.add(oid)
                waiting += children.get(oid, ())
        return frozenset(seen & registered.keys())

    on_delete = {parent: reached(found) for parent, found in list(children.items())}
    on_update = {parent: reached(found) for parent, found in list(updated.items())}
    return (
        {parent: found for parent, found in on_delete.items() if found},
        {parent: found for parent, found in on_update.items() if found},
    )

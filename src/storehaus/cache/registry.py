"""What the database itself knows of the cache: declarations, and writes that Redis never heard of.

Two tables in the schema `storehaus`. `cached_tables` holds what each cached table's model declares,
so that all processes agree on it. `cache_outbox` holds the names of entries and tags that a
transaction made stale and could not announce; it is written by that transaction itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from storehaus.cache.names import generation_tag, queries_tag
from storehaus.model import CacheParams, TableInfo
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = [
    "CONDENSE",
    "MARK",
    "STATE",
    "USE_REDIS",
    "WRITE",
    "Edge",
    "Registered",
    "State",
    "Waiting",
    "declaration",
    "is_there",
    "register",
    "state_of",
]

_SCHEMA = (
    "CREATE SCHEMA IF NOT EXISTS storehaus",
    """CREATE TABLE IF NOT EXISTS storehaus.cached_tables (
    table_oid oid PRIMARY KEY,
    declaration text NOT NULL,
    since timestamptz NOT NULL,
    redis_since timestamptz
)""",
    "COMMENT ON TABLE storehaus.cached_tables IS 'What the models of cached tables declare'",
    """CREATE TABLE IF NOT EXISTS storehaus.cache_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entries text[] NOT NULL,
    tags text[] NOT NULL,
    heard boolean NOT NULL DEFAULT false,
    applied_at timestamptz
)""",
    "COMMENT ON TABLE storehaus.cache_outbox IS 'What became stale and could not be announced'",
)

WRITE = """
INSERT INTO storehaus.cache_outbox (entries, tags, heard)
VALUES ($1::text[], $2::text[], $3::boolean)
"""
"""Names of entries and tags that became stale, and whether Redis has heard of it already.

It is part of the transaction that wrote.
"""

MARK = """
WITH marked AS (
    UPDATE storehaus.cache_outbox SET applied_at = clock_timestamp()
    WHERE id = ANY($1::bigint[]) AND applied_at IS NULL
)
DELETE FROM storehaus.cache_outbox
WHERE applied_at < clock_timestamp() - make_interval(secs => $2::double precision)
"""
"""Rows that Redis has heard of; those that all processes have seen since then go."""

CONDENSE = """
WITH gone AS (DELETE FROM storehaus.cache_outbox WHERE id = ANY($1::bigint[]) RETURNING 1)
INSERT INTO storehaus.cache_outbox (entries, tags)
SELECT '{}', $2::text[] FROM (SELECT count(*) FROM gone) AS counted
"""
"""Many rows as one that makes whole tables stale."""

USE_REDIS = """
UPDATE storehaus.cached_tables SET redis_since = clock_timestamp() WHERE redis_since IS NULL
"""
"""From now on a row of the outbox stays until a process with Redis has applied it.

And processes without Redis keep nothing of the table that is not `local`: they are not told."""

IS_THERE = "SELECT to_regclass('storehaus.cached_tables') IS NOT NULL"

STATE = """
SELECT json_build_object(
    'system', (SELECT system_identifier::text FROM pg_control_system()),
    'timeline', CASE WHEN NOT pg_is_in_recovery()
        THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
    'database', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),
    'role', current_user::text,
    'writable', has_table_privilege('storehaus.cached_tables', 'UPDATE')
        AND has_table_privilege('storehaus.cache_outbox', 'SELECT')
        AND has_table_privilege('storehaus.cache_outbox', 'INSERT')
        AND has_table_privilege('storehaus.cache_outbox', 'UPDATE')
        AND has_table_privilege('storehaus.cache_outbox', 'DELETE'),
    'oids', (SELECT coalesce(json_agg(to_regclass(name)::oid::bigint ORDER BY place), '[]')
        FROM unnest($1::text[]) WITH ORDINALITY AS asked(name, place)),
    'tables', (SELECT coalesce(json_agg(json_build_object(
            'oid', table_oid::bigint, 'schema', nspname, 'name', relname,
            'declaration', declaration,
            'redis_seconds', extract(epoch FROM clock_timestamp() - redis_since),
            'age_seconds', least(extract(epoch FROM clock_timestamp() - since), 1e9),
            'secured', relrowsecurity)), '[]')
        FROM storehaus.cached_tables
        JOIN pg_class ON pg_class.oid = table_oid AND relkind IN ('r', 'p')
        JOIN pg_namespace ON pg_namespace.oid = relnamespace),
    'edges', (SELECT coalesce(json_agg(json_build_object(
            'parent', confrelid::bigint, 'child', conrelid::bigint,
            'deletes', confdeltype IN ('c', 'n', 'd'), 'updates', confupdtype IN ('c', 'n', 'd'))),
            '[]')
        FROM pg_constraint
        WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))),
    'waiting', (SELECT coalesce(json_agg(json_build_object(
            'id', id, 'entries', entries, 'tags', tags, 'heard', heard)), '[]')
        FROM storehaus.cache_outbox)
)::text
"""
"""All that a poll reads, in one snapshot. Parameter: quoted names of the tables of models."""


class Registered(Struct, frozen=True):
    """A cached table.

    Attributes:
        oid: PostgreSQL's own name of it.
        schema: Its schema.
        name: Its name.
        declaration: What its model declares, as `declaration` writes it.
        redis_seconds: How long ago a process with Redis used it first; None when none has.
        age_seconds: How long ago the declaration came.
        secured: Whether row-level security decides what a role sees; then nothing is cached.
    """

    oid: int
    schema: str
    name: str
    declaration: str
    redis_seconds: float | None
    age_seconds: float
    secured: bool

    @property
    def qualified_name(self) -> str:
        """Its name with its schema, as people write it."""
        return f"{self.schema}.{self.name}"

    @property
    def is_local(self) -> bool:
        """Whether processes keep its rows in memory of their own."""
        return self._declares("local")

    @property
    def has_external_writes(self) -> bool:
        """Whether triggers tell of writes that nobody announced."""
        return self._declares("external_writes")

    def _declares(self, word: str) -> bool:
        return bool(msgspec.json.decode(self.declaration)[word])


class Edge(Struct, frozen=True):
    """A foreign key through which the database writes to a table by itself.

    Attributes:
        parent: Table that is referenced.
        child: Table that references it.
        deletes: Whether a DELETE of the parent writes to the child.
        updates: Whether an UPDATE of its key does.
    """

    parent: int
    child: int
    deletes: bool
    updates: bool


class Waiting(Struct, frozen=True):
    """A row of the outbox.

    Attributes:
        id: Its own.
        entries: Names of entries.
        tags: Names of tags.
        heard: Whether Redis has heard of it; then it only concerns what processes keep themselves.
    """

    id: int
    entries: list[str]
    tags: list[str]
    heard: bool


class State(Struct, frozen=True):
    """What a poll read.

    Attributes:
        system: PostgreSQL's system identifier.
        timeline: Its timeline; None on a standby, whose rows may be older than commits.
        database: Oid of the database.
        role: Who asks.
        writable: Whether the role may do all that the cache needs.
        oids: Of the names given, None where there is no such table.
        tables: All cached tables.
        edges: Foreign keys with actions.
        waiting: The outbox.
    """

    system: str
    timeline: int | None
    database: int
    role: str
    writable: bool
    oids: list[int | None]
    tables: list[Registered]
    edges: list[Edge]
    waiting: list[Waiting]

    @property
    def space(self) -> bytes:
        """What tells this database from all others under one Redis."""
        return f"{self.system}.{self.timeline}.{self.database}".encode()


_decode = msgspec.json.Decoder(State).decode


def state_of(text: str) -> State:
    """Read what `STATE` gave."""
    return _decode(text)


def is_there(rows: Sequence[Any]) -> bool:
    """Read what `IS_THERE` gave."""
    return [tuple(row) for row in rows] == [(True,)]


def declaration(params: CacheParams, *, external_writes: bool) -> str:
    """Write what a model declares, equal for what means the same."""
    return msgspec.json.encode(
        {
            "ttl_seconds": None if params.ttl_seconds is None else float(params.ttl_seconds),
            "tags": sorted(params.tags),
            "local": params.local,
            "negative": params.negative,
            "external_writes": external_writes,
        }
    ).decode()


_FORGET = """
DELETE FROM storehaus.cached_tables WHERE table_oid NOT IN (SELECT oid FROM pg_class)
RETURNING table_oid::bigint
"""

_DECLARE = """
INSERT INTO storehaus.cached_tables (table_oid, declaration, since)
VALUES ($1, $2, CASE WHEN $3::boolean THEN to_timestamp(0) ELSE clock_timestamp() END)
ON CONFLICT (table_oid) DO UPDATE SET declaration = EXCLUDED.declaration, since = EXCLUDED.since
"""

Run = Callable[..., Sequence[Any]]
"""Runs a statement with parameters in the transaction of a migration, gives its rows."""


def register(run: Run, tables: Sequence[tuple[TableInfo, str]]) -> None:
    """Keep in the database what models declare, as part of the migration that makes their tables.

    Args:
        run: Runs a statement.
        tables: The models of the migration, and what became of their tables: "created", "changed"
            or "unchanged".
    """
    if not is_there(run(IS_THERE)):
        if not any(info.cache for info, _ in tables):
            return
        for statement in _SCHEMA:
            run(statement)
    # What another process still believes about a table that was dropped is stale too.
    for (oid,) in run(_FORGET):
        _write_off(run, oid)
    for info, change in tables:
        _register(run, info, change)


def _register(run: Run, info: TableInfo, change: str) -> None:
    oid: int | None = run("SELECT to_regclass($1)::oid::bigint", table_name(info))[0][0]
    if oid is None:
        return
    before = run("SELECT declaration FROM storehaus.cached_tables WHERE table_oid = $1", oid)
    if info.cache is None:
        if before:
            run("DELETE FROM storehaus.cached_tables WHERE table_oid = $1", oid)
            _drop_triggers(run, info)
        return
    declared = declaration(info.cache, external_writes=info.external_writes)
    if not before or before[0][0] != declared:
        # Of a table that nobody could write to before now, there is nothing to wait for.
        run(_DECLARE, oid, declared, change == "created")
        (_make_triggers if info.external_writes else _drop_triggers)(run, info)
    if change == "changed" or before:
        _write_off(run, oid)


def _write_off(run: Run, oid: int) -> None:
    """Make everything about a table stale."""
    run(WRITE, [], [generation_tag(oid).decode(), queries_tag(oid).decode()], False)


_FUNCTION = """
CREATE OR REPLACE FUNCTION storehaus.announce_writes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $body$
BEGIN
    -- Stores announce their writes themselves, and say so for each transaction.
    IF current_setting('storehaus.announced', true) IS DISTINCT FROM 'on'
        AND current_setting('storehaus.announced_' || TG_RELID, true) IS DISTINCT FROM 'on'
    THEN
        INSERT INTO storehaus.cache_outbox (entries, tags)
        VALUES ('{}', ARRAY['g:' || TG_RELID, 't:' || TG_RELID || ':q']);
        PERFORM set_config('storehaus.announced_' || TG_RELID, 'on', true);
    END IF;
    RETURN NULL;
END
$body$
"""
_TRIGGER = "storehaus_announce_writes"


def _make_triggers(run: Run, info: TableInfo) -> None:
    _drop_triggers(run, info)
    run(_FUNCTION)
    run(
        f"CREATE TRIGGER {quote_identifier(_TRIGGER)}"
        f" AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table_name(info)}"
        " FOR EACH STATEMENT EXECUTE FUNCTION storehaus.announce_writes()"
    )


def _drop_triggers(run: Run, info: TableInfo) -> None:
    run(f"DROP TRIGGER IF EXISTS {quote_identifier(_TRIGGER)} ON {table_name(info)}")

"""The event log in the database: its tables and functions, in the schema `storehaus`.

`event` holds what was written, in the transaction that wrote it. `tick` holds snapshots: an event
belongs to the first one that sees it, and the position of whoever reads is a tick and the last
event of it that was read. docs/adr/0015 tells why no number or transaction id can stand for that.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from storehaus.errors import MigrationError

__all__ = ["IS_THERE", "VERSION", "Run", "ensure_log", "is_there"]

Run = Callable[..., Sequence[Any]]
"""Runs a statement with parameters in the transaction of a migration, gives its rows."""

IS_THERE = "SELECT to_regclass('storehaus.event') IS NOT NULL"

_TABLES = """
CREATE SCHEMA IF NOT EXISTS storehaus;

CREATE TABLE storehaus.origin (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    system_identifier text NOT NULL,
    log oid NOT NULL,
    timeline integer NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE storehaus.origin IS 'The cluster that the transaction ids of the log belong to';

CREATE TABLE storehaus.event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    op text NOT NULL,
    tbl text NOT NULL,
    rid text,
    tags text[] NOT NULL,
    actor text,
    new jsonb,
    old jsonb
);
CREATE INDEX event_xid ON storehaus.event (xid, seq);
COMMENT ON TABLE storehaus.event IS 'What was written to durable tables, by the writers themselves';
COMMENT ON COLUMN storehaus.event.op IS 'c: created, u: updated, d: deleted';

CREATE TABLE storehaus.tick (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prior pg_snapshot NOT NULL,
    snap pg_snapshot NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    epoch integer NOT NULL,
    seq_lo bigint,
    seq_hi bigint,
    events bigint NOT NULL
);
CREATE INDEX tick_at ON storehaus.tick (at);
COMMENT ON TABLE storehaus.tick IS 'Snapshots; the prior one does not see its events';

CREATE TABLE storehaus.subscription (
    name text PRIMARY KEY,
    filter jsonb NOT NULL,
    tick bigint NOT NULL,
    seq bigint NOT NULL,
    state text NOT NULL,
    reason text,
    owner text,
    lease bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    active_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE storehaus.subscription IS 'Who reads the log, and how far';

CREATE TABLE storehaus.parked (
    subscription text NOT NULL REFERENCES storehaus.subscription ON DELETE CASCADE,
    seq bigint NOT NULL REFERENCES storehaus.event,
    tick bigint NOT NULL,
    epoch integer NOT NULL,
    key text NOT NULL,
    attempts integer NOT NULL,
    next_at timestamptz NOT NULL,
    error text,
    is_dead boolean NOT NULL DEFAULT false,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription, seq)
);
CREATE INDEX parked_key ON storehaus.parked (subscription, key, tick, seq);
CREATE INDEX parked_seq ON storehaus.parked (seq);
COMMENT ON TABLE storehaus.parked IS 'Events that failed, and those of the same record after them';

CREATE TABLE storehaus.acting (actor text CHECK (false));
COMMENT ON TABLE storehaus.acting IS 'Always empty; statements name it to say who acts';
GRANT USAGE ON SCHEMA storehaus TO PUBLIC;
GRANT INSERT ON storehaus.acting TO PUBLIC
"""

# The lock is held to the end of the transaction, so that each snapshot sees the one before it; the
# snapshot must be newer than the lock, which it is where every statement has its own.
_TICK = """
CREATE FUNCTION storehaus.tick() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $body$
DECLARE
    last storehaus.tick;
    here storehaus.origin;
    made bigint;
BEGIN
    IF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'ticks are made on the primary, not on a standby'
            USING ERRCODE = 'SH001';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed'
        OR pg_current_xact_id_if_assigned() IS NOT NULL
    THEN
        RAISE EXCEPTION 'a tick is a transaction of its own, at READ COMMITTED'
            USING ERRCODE = 'SH002';
    END IF;
    SELECT * INTO STRICT last FROM storehaus.tick ORDER BY id DESC LIMIT 1;
    IF NOT EXISTS (SELECT FROM storehaus.events_after(last.snap, 1)) THEN
        RETURN last.id;
    END IF;
    PERFORM storehaus.lock_ticks();
    SELECT * INTO STRICT last FROM storehaus.tick ORDER BY id DESC LIMIT 1;
    SELECT * INTO STRICT here FROM storehaus.origin;
    PERFORM storehaus.check_origin();
    IF here.timeline <> storehaus.timeline() THEN
        UPDATE storehaus.origin
        SET timeline = storehaus.timeline(), epoch = epoch + 1, since = clock_timestamp()
        RETURNING * INTO here;
    END IF;
    IF current_setting('synchronous_commit') IN ('off', 'local') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    INSERT INTO storehaus.tick (prior, snap, epoch, seq_lo, seq_hi, events)
    SELECT last.snap, pg_current_snapshot(), here.epoch, min(seq), max(seq), count(*)
    FROM storehaus.events_after(last.snap, NULL) AS seq
    HAVING count(*) > 0
    RETURNING id INTO made;
    RETURN coalesce(made, last.id);
END
$body$
"""

# Two ordered branches of one index: what began after the snapshot, and what was under way in it.
# The upper bound leaves out ids of another cluster.
_EVENTS_AFTER = """
CREATE FUNCTION storehaus.events_after(since pg_snapshot, most bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE
AS $body$
    SELECT seq FROM (
        (SELECT e.seq FROM storehaus.event AS e
         WHERE e.xid >= pg_catalog.pg_snapshot_xmax(since)
           AND e.xid < pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
         ORDER BY e.xid, e.seq LIMIT most)
        UNION ALL
        (SELECT e.seq FROM pg_catalog.pg_snapshot_xip(since) AS open(xid)
         CROSS JOIN LATERAL (
             SELECT f.seq FROM storehaus.event AS f WHERE f.xid = open.xid
             ORDER BY f.xid, f.seq LIMIT most) AS e
         LIMIT most)
    ) AS found
    LIMIT most
$body$
"""

# A tick that holds nothing for the reader is a row of NULLs, so that he gets past it. Those that
# come after the page is full are not even looked into. The settings make it walk the index in
# order, whatever the statistics of a table that is always new may say.
_PAGE = """
CREATE FUNCTION storehaus.page(
    after_tick bigint, after_seq bigint, most bigint, tables text[], ops text[], any_tags text[],
    OUT tick bigint, OUT epoch integer, OUT seq bigint, OUT at timestamptz, OUT op text,
    OUT tbl text, OUT rid text, OUT tags text[], OUT actor text, OUT new jsonb, OUT old jsonb
) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET plan_cache_mode = force_generic_plan
AS $body$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (
        SELECT id, epoch, prior, snap, seq_hi,
            CASE WHEN id = after_tick THEN greatest(seq_lo, after_seq + 1) ELSE seq_lo END AS lo,
            sum(events) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - events AS ahead
        FROM (SELECT * FROM storehaus.tick AS t WHERE t.id >= after_tick
                AND (t.id > after_tick OR t.seq_hi > after_seq)
              ORDER BY t.id LIMIT 200) AS later
    )
    SELECT t.id, t.epoch, e.seq, e.at, e.op, e.tbl, e.rid, e.tags, e.actor, e.new, e.old
    FROM due AS t LEFT JOIN LATERAL (
        SELECT f.* FROM storehaus.event AS f
        WHERE f.seq BETWEEN t.lo AND t.seq_hi
          AND pg_visible_in_snapshot(f.xid, t.snap) AND NOT pg_visible_in_snapshot(f.xid, t.prior)
          AND (tables IS NULL OR f.tbl = ANY (tables))
          AND (ops IS NULL OR f.op = ANY (ops))
          AND (any_tags IS NULL OR f.tags && any_tags)
        ORDER BY f.seq LIMIT most
    ) AS e ON true
    WHERE t.ahead < most
    ORDER BY t.id, e.seq LIMIT most;
END
$body$
"""

# The number is "sh_ticks" in ASCII.
_LOCK_TICKS = """
CREATE FUNCTION storehaus.lock_ticks() RETURNS void
LANGUAGE sql VOLATILE
AS $body$
    SELECT pg_catalog.pg_advisory_xact_lock(8316001665528589171)
$body$
"""

_IS_FOREIGN = """
CREATE FUNCTION storehaus.is_foreign() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $body$
    SELECT o.system_identifier <> c.system_identifier::text
        OR o.log <> 'storehaus.event'::regclass
        OR pg_snapshot_xmin(last.snap) > pg_snapshot_xmax(pg_current_snapshot())
    FROM storehaus.origin AS o CROSS JOIN pg_control_system() AS c
    CROSS JOIN (SELECT snap FROM storehaus.tick ORDER BY id DESC LIMIT 1) AS last
$body$
"""

_CHECK_ORIGIN = """
CREATE FUNCTION storehaus.check_origin() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF storehaus.is_foreign() THEN
        RAISE EXCEPTION 'the event log was restored from another database, and its transaction ids '
            'mean nothing here: see to it that the original is not read any more, then run '
            '`storehaus events rebase`' USING ERRCODE = 'SH003';
    END IF;
END
$body$
"""

_TIMELINE = """
CREATE FUNCTION storehaus.timeline() RETURNS integer
LANGUAGE sql STABLE
AS $body$
    SELECT ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)
        )::bit(32)::integer
$body$
"""

_MOVED = """
CREATE FUNCTION storehaus.moved(snapshot pg_snapshot, by numeric) RETURNS pg_snapshot
LANGUAGE sql STABLE
AS $body$
    SELECT (pg_catalog.concat(
        pg_catalog.pg_snapshot_xmin(snapshot)::text::numeric + by, ':',
        pg_catalog.pg_snapshot_xmax(snapshot)::text::numeric + by, ':',
        (SELECT pg_catalog.string_agg((xid::text::numeric + by)::text, ',' ORDER BY xid)
         FROM pg_catalog.pg_snapshot_xip(snapshot) AS open(xid))))::pg_snapshot
$body$
"""

_BEGINNING = """
INSERT INTO storehaus.origin (system_identifier, log, timeline)
SELECT system_identifier::text, 'storehaus.event'::regclass, storehaus.timeline()
FROM pg_control_system();

INSERT INTO storehaus.tick (prior, snap, epoch, events)
SELECT pg_current_snapshot(), pg_current_snapshot(), 1, 0
"""

_VERSIONS: Final[Sequence[Sequence[str]]] = (
    (
        *_TABLES.split(";\n"),
        _TIMELINE,
        _LOCK_TICKS,
        _IS_FOREIGN,
        _CHECK_ORIGIN,
        _EVENTS_AFTER,
        _TICK,
        _PAGE,
        _MOVED,
        *_BEGINNING.split(";\n"),
    ),
)
"""What brings the log from each version to the next. Those that were published stay as they are."""

VERSION: Final = len(_VERSIONS)

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS storehaus.version (component text PRIMARY KEY, version integer NOT NULL)
"""
_SET_VERSION = """
INSERT INTO storehaus.version (component, version) VALUES ('log', $1)
ON CONFLICT (component) DO UPDATE SET version = EXCLUDED.version
"""


def is_there(rows: Sequence[Any]) -> bool:
    """Read what `IS_THERE` gave."""
    return [tuple(row) for row in rows] == [(True,)]


def ensure_log(run: Run, versions: Sequence[Sequence[str]] = _VERSIONS) -> None:
    """Make the log, or bring it to the version that this program writes and reads.

    Args:
        run: Runs a statement in the transaction of a migration.
        versions: Steps from each version to the next.

    Raises:
        MigrationError: When the log is of a later version than this program knows.
    """
    run("CREATE SCHEMA IF NOT EXISTS storehaus")
    run(_VERSION_TABLE)
    rows = run("SELECT version FROM storehaus.version WHERE component = 'log'")
    current = rows[0][0] if rows else 0
    if current > len(versions):
        raise MigrationError(
            f"the event log of this database has version {current}, and this program knows"
            f" {len(versions)}: a newer StoreHaus has been here"
        )
    for statement in (each for step in versions[current:] for each in step):
        run(statement)
    if current < len(versions):
        run(_SET_VERSION, len(versions))

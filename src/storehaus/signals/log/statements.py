"""What is read and written of the log, as SQL.

A position is a tick and a number: all events of earlier ticks have been read, and of this one those
up to the number. Whatever the holder of a subscription writes says which lease it holds, so that
one who lost it writes nothing.
"""

from typing import Final

from storehaus.signals.log.decoding import COLUMNS

__all__ = [
    "ACQUIRE",
    "BLOCKED",
    "CREATE",
    "END_OF_TICK",
    "FAIL_AGAIN",
    "FIND",
    "FORGET",
    "HEADS",
    "KEY",
    "LABELS",
    "NEXT_RETRY",
    "PAGE",
    "RELEASE",
    "RENEW",
    "SAVE",
    "SET_STATE",
    "TICK",
]

END_OF_TICK: Final = 2**62
"""The number in a position that stands behind all events of its tick."""

TICK: Final = "SELECT storehaus.tick()"
"""Gives the newest tick, after making one if something was committed that none sees yet."""

LABELS: Final = """
SELECT (SELECT n.nspname || '.' || c.relname
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = to_regclass(asked.name))
FROM unnest($1::text[]) WITH ORDINALITY AS asked(name, place) ORDER BY place
"""
"""Quoted names of tables → schema and name, as the log writes them."""

PAGE: Final = "SELECT * FROM storehaus.page($1, $2, $3, $4, $5, $6)"
"""Events behind a position. Parameters: tick, number, most rows, tables, operations, tags; the last
three may be None. Gives the tick and its epoch, then as `COLUMNS`; NULLs where it holds nothing."""

CREATE: Final = """
INSERT INTO storehaus.subscription (name, filter, tick, seq, state)
VALUES ($1, $2::jsonb, $3, $4, $5) ON CONFLICT (name) DO NOTHING
"""

FIND: Final = """
SELECT tick, seq, state FROM storehaus.subscription WHERE name = $1
"""

ACQUIRE: Final = """
UPDATE storehaus.subscription
SET owner = $2, lease = lease + 1, active_at = clock_timestamp(), filter = $4::jsonb,
    lease_until = clock_timestamp() + make_interval(secs => $3::double precision)
WHERE name = $1 AND lease_until < clock_timestamp() AND state <> 'detached'
RETURNING lease, tick, seq, state
"""
"""Gives nothing when somebody else holds it, or it was detached."""

_MINE: Final = """
UPDATE storehaus.subscription
SET active_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => $3::double precision){more}
WHERE name = $1 AND lease = $2
RETURNING lease
"""

RENEW: Final = _MINE.format(more="")
"""Gives nothing when the lease was lost."""

SAVE: Final = """
WITH mine AS ({MINE}),
parked AS (
    INSERT INTO storehaus.parked
        (subscription, seq, tick, epoch, key, attempts, next_at, error, is_dead)
    SELECT $1, seq, tick, epoch, key, attempts,
        clock_timestamp() + make_interval(secs => delay), error, is_dead
    FROM unnest($6::bigint[], $7::bigint[], $8::integer[], $9::text[], $10::integer[],
        $11::double precision[], $12::text[], $13::boolean[])
        AS failed(seq, tick, epoch, key, attempts, delay, error, is_dead)
    WHERE EXISTS (SELECT FROM mine)
    ON CONFLICT DO NOTHING
)
SELECT lease FROM mine
""".replace("{MINE}", _MINE.format(more=", tick = $4, seq = $5"))
"""Keeps a position, and events that failed before it. Gives nothing when the lease was lost."""

SET_STATE: Final = """
UPDATE storehaus.subscription SET state = $3, reason = $4
WHERE name = $1 AND lease = $2 AND (state, reason) IS DISTINCT FROM ($3, $4)
"""

RELEASE: Final = """
UPDATE storehaus.subscription SET owner = NULL, lease_until = '-infinity'
WHERE name = $1 AND lease = $2
"""

KEY: Final = "\x1f"
"""Stands between table and record id in the key of what must stay in order."""

BLOCKED: Final = """
SELECT DISTINCT key FROM storehaus.parked WHERE subscription = $1 AND NOT ($2 AND is_dead)
"""
"""Keys whose later events must wait. $2: whether a dead letter lets them go."""

_FIRST: Final = """
SELECT DISTINCT ON (key) * FROM storehaus.parked
WHERE subscription = $1 AND NOT ($2 AND is_dead)
ORDER BY key, tick, seq
"""

HEADS: Final = """
SELECT p.epoch, p.attempts, {COLUMNS}
FROM ({FIRST}) AS p JOIN storehaus.event AS e ON e.seq = p.seq
WHERE NOT p.is_dead AND p.next_at <= clock_timestamp()
ORDER BY p.tick, p.seq LIMIT $3
""".replace("{COLUMNS}", COLUMNS).replace("{FIRST}", _FIRST)
"""The first event of each key whose time has come. $2: whether a dead letter lets its key go."""

NEXT_RETRY: Final = """
SELECT extract(epoch FROM min(p.next_at) - clock_timestamp())::double precision,
    (SELECT count(*) FROM storehaus.parked WHERE subscription = $1)
FROM ({FIRST}) AS p WHERE NOT p.is_dead
""".replace("{FIRST}", _FIRST)
"""Seconds to the next one, NULL when there is none, and how many events are parked in all."""

FORGET: Final = """
WITH mine AS ({MINE})
, gone AS (
    DELETE FROM storehaus.parked WHERE subscription = $1 AND seq = ANY ($4::bigint[])
        AND EXISTS (SELECT FROM mine)
)
SELECT lease FROM mine
""".replace("{MINE}", RENEW)
"""Parked events that were handled. Gives nothing when the lease was lost."""

FAIL_AGAIN: Final = """
WITH mine AS ({MINE})
, failed AS (
    UPDATE storehaus.parked
    SET attempts = $5, error = $6, is_dead = $7,
        next_at = clock_timestamp() + make_interval(secs => $8::double precision)
    WHERE subscription = $1 AND seq = $4 AND EXISTS (SELECT FROM mine)
)
SELECT lease FROM mine
""".replace("{MINE}", RENEW)
"""A parked event that failed once more."""

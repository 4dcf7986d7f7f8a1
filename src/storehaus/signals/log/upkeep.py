"""What keeps the log from growing for ever, and what makes it readable after a restore."""

from typing import Final

from storehaus.errors import SignalError
from storehaus.store.database import Database

__all__ = ["prune", "rebase"]

_DETACH: Final = """
UPDATE storehaus.subscription SET state = 'detached',
    reason = format('nobody read it since %s', date_trunc('second', active_at))
WHERE state <> 'detached' AND lease_until < clock_timestamp()
    AND active_at < clock_timestamp() - make_interval(secs => $1::double precision)
RETURNING name
"""

# What all subscriptions have read, and is old enough: the events that the newest such tick sees.
_BOUND: Final = """
SELECT max(t.id) FROM storehaus.tick AS t
WHERE t.at < clock_timestamp() - make_interval(secs => $1::double precision)
  AND t.id <= (SELECT coalesce(
        min(CASE WHEN s.seq >= 4611686018427387904 THEN s.tick ELSE s.tick - 1 END),
        9223372036854775807) FROM storehaus.subscription AS s WHERE s.state <> 'detached')
  AND t.id < (SELECT max(id) FROM storehaus.tick)
"""
_DELETE_EVENTS: Final = """
WITH bound AS MATERIALIZED (
    SELECT snap, (SELECT max(seq_hi) FROM storehaus.tick WHERE id <= $1) AS seq_hi
    FROM storehaus.tick WHERE id = $1
)
DELETE FROM storehaus.event WHERE seq IN (
    SELECT e.seq FROM storehaus.event AS e CROSS JOIN bound AS b
    WHERE e.seq <= b.seq_hi AND pg_visible_in_snapshot(e.xid, b.snap)
      AND NOT EXISTS (SELECT FROM storehaus.parked AS p WHERE p.seq = e.seq)
    ORDER BY e.seq LIMIT $2
    FOR UPDATE OF e SKIP LOCKED)
RETURNING seq
"""
_DELETE_TICKS: Final = """
DELETE FROM storehaus.tick AS t WHERE id <= $1
    AND NOT EXISTS (SELECT FROM storehaus.event AS e WHERE e.seq BETWEEN t.seq_lo AND t.seq_hi
        AND pg_visible_in_snapshot(e.xid, t.snap) AND NOT pg_visible_in_snapshot(e.xid, t.prior))
"""
_CHUNK: Final = 5_000


async def prune(
    database: Database, *, keep_seconds: float, max_idle_seconds: float
) -> tuple[list[str], int]:
    """Remove events that everybody has read and that are old enough, bit by bit.

    Args:
        database: Where the log is.
        keep_seconds: How long events stay at least, to be replayed.
        max_idle_seconds: A subscription that nobody worked on for so long is detached: it holds
            nothing back any more.

    Returns:
        Names of subscriptions that were detached, and the number of events that were removed.
    """
    fetch = database.driver.fetch
    detached = [name for (name,) in await fetch(_DETACH, (max_idle_seconds,))]
    ((bound,),) = await fetch(_BOUND, (keep_seconds,))
    if bound is None:
        return detached, 0
    count = 0
    while removed := len(await fetch(_DELETE_EVENTS, (bound, _CHUNK))):
        count += removed
    await fetch(_DELETE_TICKS, (bound,))
    return detached, count


# Ids of the cluster that the log comes from are moved beyond all that this one will ever give, and
# so are the snapshots that speak of them: what they say of each other stays the same. An event that
# no tick has seen, from there or from here, is taken for one of this transaction, which the next
# tick sees.
_FAR: Final = 2**48
_REBASE: Final = """
DO $rebase$
DECLARE
    before pg_snapshot := pg_current_snapshot();
    last storehaus.tick;
    known bigint;
    own integer;
BEGIN
    SELECT * INTO STRICT last FROM storehaus.tick ORDER BY id DESC LIMIT 1;
    SELECT coalesce(max(seq_hi), 0) INTO known FROM storehaus.tick;
    UPDATE storehaus.event
    SET xid = CASE
        WHEN seq > known OR NOT pg_visible_in_snapshot(xid, last.snap) THEN pg_current_xact_id()
        ELSE ((xid::text::numeric + {far})::text)::xid8 END;
    UPDATE storehaus.tick SET
        prior = storehaus.moved(prior, {far}), snap = storehaus.moved(snap, {far});
    UPDATE storehaus.origin SET epoch = epoch + 1, since = clock_timestamp(),
        log = 'storehaus.event'::regclass, timeline = storehaus.timeline(),
        system_identifier = (SELECT system_identifier::text FROM pg_control_system())
    RETURNING epoch INTO own;
    INSERT INTO storehaus.tick (prior, snap, epoch, events)
    VALUES (storehaus.moved(last.snap, {far}), before, own, 0);
    UPDATE storehaus.subscription SET owner = NULL, lease_until = '-infinity', lease = lease + 1,
        active_at = clock_timestamp();
END
$rebase$
""".replace("{far}", str(_FAR))


async def rebase(database: Database) -> None:
    """Let a log that was restored into another database go on there.

    Subscriptions go on where they were when the dump was made. Events that no tick had seen then,
    and those written since the restore, follow under a new epoch, so that their ids are nobody
    else's.

    Raises:
        SignalError: When the log was not restored.
    """
    async with database.driver.acquire() as connection:
        await connection.begin(isolation="read committed")
        # Waits for writers that are under way, and keeps others out.
        await connection.fetch("SELECT storehaus.lock_ticks()")
        await connection.execute("LOCK TABLE storehaus.event IN SHARE ROW EXCLUSIVE MODE")
        ((is_foreign,),) = await connection.fetch("SELECT storehaus.is_foreign()")
        if not is_foreign:
            raise SignalError("this log is at home here: there is nothing to rebase")
        await connection.execute(_REBASE)
        await connection.commit()

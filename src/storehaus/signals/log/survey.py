"""How subscriptions are, and their dead letters: for people who look after them."""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from storehaus.driver import Row
from storehaus.signals.event import EventType
from storehaus.signals.log.decoding import TYPES

__all__ = [
    "DISCARD",
    "FIND_DEAD",
    "FORGET_SUBSCRIPTION",
    "RETRY",
    "SURVEY",
    "DeadLetter",
    "SubscriptionState",
    "dead_letter_of",
    "state_of",
]


class SubscriptionState(Struct, frozen=True, kw_only=True):
    """How a subscription is.

    Attributes:
        name: What it is called.
        state: "running", "paused" (it tries again by itself), "snapshot" (it delivers the rows
            that were there first) or "detached" (nobody read it for too long).
        reason: Why it is paused or detached; None for the other states.
        owner: The process that works on it; None when none does.
        tick: The tick it is at.
        lag_events: Events of all tables that it has not got past yet.
        lag_seconds: Age of the oldest tick among them; None when there is none.
        parked: Events that failed, or wait for one that did; dead letters included.
        dead: Dead letters.
        filter: What it wants.
        active_at: When somebody worked on it last.
    """

    name: str
    state: str
    reason: str | None
    owner: str | None
    tick: int
    lag_events: int
    lag_seconds: float | None
    parked: int
    dead: int
    filter: dict[str, Any]
    active_at: datetime


class DeadLetter(Struct, frozen=True, kw_only=True):
    """An event that was tried too often.

    Attributes:
        subscription: Whose.
        id: The event's.
        type: What became of the row.
        table: Schema and name of the table.
        record_id: The primary key as text; None where the table has none.
        attempts: How often it was tried.
        error: The last error.
        parked_at: When it failed first.
        waiting: Later events of the same record that wait behind it.
    """

    subscription: str
    id: str
    type: EventType
    table: str
    record_id: str | None
    attempts: int
    error: str | None
    parked_at: datetime
    waiting: int


SURVEY: Final = """
SELECT s.name, s.state, s.reason,
    CASE WHEN s.lease_until > clock_timestamp() THEN s.owner END, s.tick,
    (SELECT coalesce(sum(t.events), 0)::bigint FROM storehaus.tick AS t WHERE t.id > s.tick)
      + CASE WHEN at.seq_hi > s.seq THEN at.events ELSE 0 END,
    extract(epoch FROM clock_timestamp() - (
        SELECT min(t.at) FROM storehaus.tick AS t
        WHERE t.events > 0 AND (t.id > s.tick OR t.id = s.tick AND t.seq_hi > s.seq)
    ))::double precision,
    (SELECT count(*) FROM storehaus.parked AS p WHERE p.subscription = s.name),
    (SELECT count(*) FROM storehaus.parked AS p WHERE p.subscription = s.name AND p.is_dead),
    s.filter, s.active_at
FROM storehaus.subscription AS s LEFT JOIN storehaus.tick AS at ON at.id = s.tick
ORDER BY s.name
"""

FIND_DEAD: Final = """
SELECT p.subscription, p.epoch, p.seq, e.op, e.tbl, e.rid, p.attempts, p.error, p.parked_at,
    (SELECT count(*) FROM storehaus.parked AS w
     WHERE w.subscription = p.subscription AND w.key = p.key AND (w.tick, w.seq) > (p.tick, p.seq))
FROM storehaus.parked AS p JOIN storehaus.event AS e ON e.seq = p.seq
WHERE p.is_dead AND ($1::text IS NULL OR p.subscription = $1)
ORDER BY p.subscription, p.tick, p.seq
"""

RETRY: Final = """
UPDATE storehaus.parked SET is_dead = false, attempts = 0, next_at = clock_timestamp()
WHERE subscription = $1 AND is_dead AND ($2::bigint[] IS NULL OR seq = ANY ($2::bigint[]))
RETURNING seq
"""

DISCARD: Final = """
DELETE FROM storehaus.parked
WHERE subscription = $1 AND is_dead AND ($2::bigint[] IS NULL OR seq = ANY ($2::bigint[]))
RETURNING seq
"""

FORGET_SUBSCRIPTION: Final = """
DELETE FROM storehaus.subscription WHERE name = $1 AND lease_until < clock_timestamp()
RETURNING name
"""


def state_of(row: Row) -> SubscriptionState:
    """Read a row of `SURVEY`."""
    name, state, reason, owner, tick, events, seconds, parked, dead, wanted, active_at = row
    return SubscriptionState(
        name=name,
        state=state,
        reason=reason,
        owner=owner,
        tick=tick,
        lag_events=events,
        lag_seconds=seconds,
        parked=parked,
        dead=dead,
        filter=msgspec.json.decode(wanted),
        active_at=active_at,
    )


def dead_letter_of(row: Row) -> DeadLetter:
    """Read a row of `FIND_DEAD`."""
    subscription, epoch, seq, op, label, record_id, attempts, error, parked_at, waiting = row
    return DeadLetter(
        subscription=subscription,
        id=f"{epoch}:{seq}",
        type=TYPES[op],
        table=label,
        record_id=record_id,
        attempts=attempts,
        error=error,
        parked_at=parked_at,
        waiting=waiting,
    )

"""The places that others keep in a log, all of which are wrong: what ours is compared with.

Each reads the same log as the subscriptions do, and gives what it takes for the next events.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import asyncpg
from durable_records import Delivery

__all__ = ["CURSORS", "Cursor", "LastSeq", "LastSeqBelow", "LastXid", "Mark"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_SELECT = """
SELECT xid::text::bigint AS xid, seq, rid::int AS record, (new->>'number')::int AS number,
    extract(epoch FROM at)::float AS at
FROM storehaus.event WHERE tbl = 'public.durability_records' AND
"""
_XMIN = "pg_snapshot_xmin(pg_current_snapshot())"


class Cursor(Protocol):
    """Somebody's place in the log."""

    async def read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """Give what comes next."""
        ...


class LastSeq:
    """The number of the last event."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq

    async def read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """Give what has a greater number."""
        rows = await connection.fetch(f"{_SELECT} seq > $1 ORDER BY seq", self._seq)
        self._seq = rows[-1]["seq"] if rows else self._seq
        return rows


class LastSeqBelow:
    """The same, without what began when an open transaction had begun."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq

    async def read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """Give what has a greater number and an id below all open ones."""
        text = f"{_SELECT} seq > $1 AND xid < {_XMIN} ORDER BY seq"
        rows = await connection.fetch(text, self._seq)
        self._seq = rows[-1]["seq"] if rows else self._seq
        return rows


class LastXid:
    """The transaction id of the last event and its number."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq
        self._place = (0, 0)

    async def read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """Give what comes after both and has an id below all open ones."""
        text = f"""{_SELECT} seq > $3 AND (xid, seq) > ($1::bigint::text::xid8, $2)
            AND xid < {_XMIN} ORDER BY xid, seq"""
        rows = await connection.fetch(text, *self._place, self._seq)
        self._place = (rows[-1]["xid"], rows[-1]["seq"]) if rows else self._place
        return rows


class Mark:
    """A number that is safe once all transactions are over that could have taken a smaller one."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq
        self._marks: deque[tuple[int, int]] = deque()

    async def read(self, connection: Connection) -> Sequence[asyncpg.Record]:
        """Give what has a number up to the last safe one."""
        seq = await connection.fetchval("SELECT last_value FROM storehaus.event_seq_seq")
        row = await connection.fetchrow(
            """SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint
            FROM pg_current_snapshot() AS s"""
        )
        assert row is not None
        oldest, next_one = row
        self._marks.append((seq, next_one))
        safe = self._seq
        while self._marks and self._marks[0][1] <= oldest:
            safe = self._marks.popleft()[0]
        text = f"{_SELECT} seq > $1 AND seq <= $2 ORDER BY seq"
        rows = await connection.fetch(text, self._seq, safe)
        self._seq = safe
        return rows


CURSORS: dict[str, Callable[[int], Cursor]] = {
    "seq > last": LastSeq,
    "seq > last AND xid < xmin": LastSeqBelow,
    "(xid, seq) > last AND xid < xmin": LastXid,
    "seq <= mark of xmax": Mark,
}


def delivery_of(row: asyncpg.Record) -> Delivery:
    """Read a row as if a handler had got it."""
    return Delivery(0, str(row["seq"]), row["record"], row["number"], 0)

"""What a cache did since it was opened."""

from msgspec import Struct

__all__ = ["CacheStats", "Counters"]


class Counters(Struct):
    """Counted as it happens.

    Attributes:
        hits: Rows by id that came out of the cache.
        local_hits: Those of them, and of the query results, that came out of this process.
        query_hits: Results of queries that came out of the cache.
        misses: Reads that the cache was asked for and did not have.
        bypassed: Reads that the cache was not asked for: it is not trusted now, or cannot know.
        fills: Entries that were stored.
        refused: Entries that could not be stored: something was written meanwhile.
        unfit: Entries of another version, damaged or foreign, and results that cannot be stored.
        joined: Reads that were answered by another one under way.
        errors: Requests to Redis that failed.
        announced: Transactions that were announced to Redis.
        outboxed: Transactions that were announced by the outbox.
        polls: Polls that succeeded.
        failed_polls: Polls that failed.
    """

    hits: int = 0
    local_hits: int = 0
    query_hits: int = 0
    misses: int = 0
    bypassed: int = 0
    fills: int = 0
    refused: int = 0
    unfit: int = 0
    joined: int = 0
    errors: int = 0
    announced: int = 0
    outboxed: int = 0
    polls: int = 0
    failed_polls: int = 0


class CacheStats(Counters, kw_only=True):
    """A reading of the counters, with the state of the parts.

    Attributes:
        breaker: State of the circuit breaker: "closed", "open" or "probing"; None without Redis.
        trusted: Whether hits are served: the outbox was read a short time ago.
        local_items: Entries in this process.
        local_bytes: What they take.
        tables: Names of the tables whose rows may be kept.
    """

    breaker: str | None
    trusted: bool
    local_items: int
    local_bytes: int
    tables: tuple[str, ...]

    @property
    def hit_rate(self) -> float:
        """Share of hits in all reads that the cache was asked for; 0 when there were none."""
        found = self.hits + self.query_hits
        asked = found + self.misses
        return found / asked if asked else 0.0

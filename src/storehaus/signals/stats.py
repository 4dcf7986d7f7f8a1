"""What callbacks did since they were added."""

from collections.abc import Sequence

from msgspec import Struct

__all__ = ["CallbackStats", "Latency", "SignalStats", "latency_of"]


class Latency(Struct, frozen=True, kw_only=True):
    """Seconds between the acknowledgement of a commit and the end of a callback, of the last 1,000.

    Attributes:
        p50: Half of them took at most so long; 0 when there were none.
        p95: 95 of a hundred.
        p99: 99 of a hundred.
    """

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


class CallbackStats(Struct, frozen=True, kw_only=True):
    """What one callback did.

    Attributes:
        name: As it was given, or the function's own.
        executions: Runs that began.
        failures: Runs that raised.
        timeouts: Runs that took too long and were cancelled.
        drops: Events that it did not get, since too many waited.
        queue_depth: Events that wait.
        latency: How late it is.
    """

    name: str
    executions: int
    failures: int
    timeouts: int
    drops: int
    queue_depth: int
    latency: Latency


class SignalStats(Struct, frozen=True, kw_only=True):
    """What all callbacks did, those that were removed since included.

    Attributes:
        emitted: Events that at least one callback was to get.
        executions: Runs that began.
        failures: Runs that raised.
        timeouts: Runs that took too long and were cancelled.
        drops: Events that callbacks did not get, since too many waited.
        removed: Callbacks that were removed for failing or being inactive.
        unknown: Writes whose outcome nobody knows: the connection was lost during COMMIT, and no
            event was made.
        queue_depth: Events that wait.
        latency: How late callbacks are.
        callbacks: Each of those that are there.
    """

    emitted: int
    executions: int
    failures: int
    timeouts: int
    drops: int
    removed: int
    unknown: int
    queue_depth: int
    latency: Latency
    callbacks: Sequence[CallbackStats]


def latency_of(seconds: Sequence[float]) -> Latency:
    """Give the percentiles of durations."""
    if not seconds:
        return Latency()
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Latency(p50=at(0.50), p95=at(0.95), p99=at(0.99))

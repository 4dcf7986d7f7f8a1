"""The circuit breaker: a server that does not answer is not asked for a while."""

import random
from collections.abc import Iterator

__all__ = ["Breaker"]

_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 5.0


class Breaker:
    """Closed it lets requests through, open it does not; while probing one is tried."""

    __slots__ = ("is_closed", "is_probing")

    def __init__(self) -> None:
        self.is_closed = True
        """Whether requests are let through."""
        self.is_probing = False
        """Whether a probe is under way."""

    @property
    def state(self) -> str:
        """In one word."""
        if self.is_closed:
            return "closed"
        return "probing" if self.is_probing else "open"

    def open(self) -> bool:
        """Let nothing through from now on; give whether something was let through until now."""
        was_closed, self.is_closed = self.is_closed, False
        return was_closed

    def close(self) -> None:
        """Let everything through again."""
        self.is_closed = True
        self.is_probing = False

    @staticmethod
    def pauses() -> Iterator[float]:
        """Give the seconds to wait before each probe: longer and longer, and never in step."""
        pause = _FIRST_SECONDS
        while True:
            yield pause * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            pause = min(2 * pause, _LONGEST_SECONDS)

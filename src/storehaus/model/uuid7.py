"""UUIDs of version 7 (RFC 9562): they grow with time, so that indexes grow at one end."""

import os
import threading
import time
from collections.abc import Callable
from uuid import UUID

__all__ = ["Uuid7Generator", "uuid7"]

_COUNTER_BITS = 42
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class Uuid7Generator:
    """RFC 9562, section 6.2, method 1: 42 bits count within a millisecond, 32 are random.

    Args:
        clock_ns: Gives nanoseconds since 1970.
        randomness: Gives so many random bytes.
    """

    __slots__ = ("_clock_ns", "_counter", "_lock", "_milliseconds", "_randomness")

    def __init__(
        self,
        clock_ns: Callable[[], int] = time.time_ns,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock_ns = clock_ns
        self._randomness = randomness
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._counter = 0

    def __call__(self) -> UUID:
        """Make one. Each is greater than the one before, in every thread."""
        random = int.from_bytes(self._randomness(10))
        with self._lock:
            self._advance(self._clock_ns() // 1_000_000, random >> 32)
            milliseconds, counter = self._milliseconds, self._counter
        value = milliseconds << 80 | _VERSION_7 | (counter >> 30) << 64
        value |= _VARIANT | (counter & 0x3FFF_FFFF) << 32 | random & 0xFFFF_FFFF
        return UUID(int=value)

    def _advance(self, now: int, seed: int) -> None:
        if now > self._milliseconds:
            # The top bit starts at 0, so that the counter has room within the millisecond.
            self._milliseconds, self._counter = now, seed & ((1 << (_COUNTER_BITS - 1)) - 1)
            return
        self._counter += 1
        if self._counter >> _COUNTER_BITS:
            self._milliseconds, self._counter = self._milliseconds + 1, 0


uuid7 = Uuid7Generator()
"""Make a UUID version 7. Within a process each is greater than the one before, in every thread."""

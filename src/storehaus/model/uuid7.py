"""UUIDs of version 7 (RFC 9562): they grow with time, so that indexes grow at one end."""

import os
import threading
import time
from uuid import UUID

__all__ = ["uuid7"]

_COUNTER_BITS = 42
_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62


class _Generator:
    """RFC 9562, section 6.2, method 1: 42 bits count within a millisecond, 32 are random."""

    __slots__ = ("_counter", "_lock", "_milliseconds")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = -1
        self._counter = 0

    def __call__(self) -> UUID:
        random = int.from_bytes(os.urandom(10))
        with self._lock:
            self._advance(time.time_ns() // 1_000_000, random >> 32)
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


uuid7 = _Generator()
"""Make a UUID version 7. Within a process each is greater than the one before, in every thread."""

"""How long a start may take."""

import threading
import time
from collections.abc import Callable
from typing import Final

_PAUSE_SECONDS: Final = 0.01


class Patience:
    """A deadline that the caller can also bring forward from another thread.

    Args:
        seconds: Longest wait.
        clock: Monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._is_abandoned = threading.Event()

    @property
    def is_left(self) -> bool:
        """Whether to go on waiting."""
        return not self._is_abandoned.is_set() and self._clock() < self._end

    def abandon(self) -> None:
        """Make the waiting thread give up soon."""
        self._is_abandoned.set()

    def pause(self) -> None:
        """Wait a moment before another look."""
        self._is_abandoned.wait(_PAUSE_SECONDS)

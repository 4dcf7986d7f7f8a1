"""Ties a child's life to its parent's, where the platform can."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def make_tether(signal_number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs before it executes its program, None where no tether exists.

    On Linux the kernel then sends the signal when the parent dies by whatever means, SIGKILL
    included. The signal follows the *thread* that forked: call from one that lives as long as the
    parent. Elsewhere an orphan is stopped by the next supervisor of its directory.

    Args:
        signal_number: The signal that asks the child to end.
    """
    if sys.platform != "linux":
        return None
    # Loaded before the fork: afterwards only what needs no lock is safe.
    set_option = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tether() -> None:
        set_option(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tether

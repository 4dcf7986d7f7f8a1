"""The seam of the store: what was committed is told to the manager."""

from typing import Any, Protocol

from storehaus.model import TableInfo
from storehaus.store.change import Change, Outcome
from storehaus.store.plugin import Plugin

__all__ = ["Listener", "SignalPlugin", "WaitingSignalPlugin"]


class Listener(Protocol):
    """Who is told."""

    unknown: int

    def wants(self, info: TableInfo) -> bool:
        """Say whether anybody may want events of a table."""
        ...

    def arrive(self, outcome: Outcome[Any]) -> None:
        """Take note of what was committed."""
        ...

    async def arrive_waiting(self, outcome: Outcome[Any]) -> None:
        """The same, and maybe make the writer wait."""
        ...


class _Telling(Plugin):
    # The rows of a load by COPY do not come back, so that nobody could tell of them.
    needs_rows = True

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def lost(self, change: Change[Any]) -> None:
        """Count a write whose outcome nobody knows."""
        if self._listener.wants(change.table):
            self._listener.unknown += 1


class SignalPlugin(_Telling):
    """Tells of writes without making anybody wait.

    Args:
        listener: Who is told.
    """

    def committed(self, outcome: Outcome[Any]) -> None:
        """Tell of a write."""
        if self._listener.wants(outcome.change.table):
            self._listener.arrive(outcome)


class WaitingSignalPlugin(_Telling):
    """Tells of writes; where too many events wait, the writer waits too, or gets an error.

    Args:
        listener: Who is told.
    """

    async def after_commit(self, outcome: Outcome[Any]) -> None:
        """Tell of a write."""
        if self._listener.wants(outcome.change.table):
            await self._listener.arrive_waiting(outcome)

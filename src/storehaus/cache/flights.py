"""One read for all who ask for the same at the same time.

Whoever comes later may share the answer only if it is as fresh as one of his own: he came before
the read left, or before the request to store it left, and that was granted, which nothing that was
written meanwhile allows. Whoever comes after that would not know of what was written since.
"""

import asyncio

from msgspec import Struct

__all__ = ["Flight", "Flights"]


class Flight(Struct, eq=False):
    """A read under way.

    Attributes:
        landed: Set when it is over.
        has_left: Whether the statement was sent.
        payload: What the database gave; None when it was not asked, or that cannot be shared.
        is_accepted: Whether the entry was stored.
        is_worth_waiting: Whether the next one may do better; not when the database gave an error
            or what cannot be shared.
    """

    landed: asyncio.Event
    has_left: bool = False
    payload: bytes | None = None
    is_accepted: bool = False
    is_worth_waiting: bool = True

    def is_fresh_for(self, *, joined_early: bool) -> bool:
        """Whether somebody who joined may use it."""
        return self.payload is not None and (joined_early or self.is_accepted)


class Flights:
    """The reads under way of one process."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        self._under_way: dict[bytes, Flight] = {}

    def join(self, name: bytes) -> Flight | None:
        """Give the one under way, None when there is none."""
        return self._under_way.get(name)

    def begin(self, name: bytes) -> Flight:
        """Begin one; whoever does calls `end`."""
        flight = self._under_way[name] = Flight(asyncio.Event())
        return flight

    def seal(self, name: bytes, flight: Flight) -> None:
        """Let nobody join any more: from now on an answer may be older than who asks."""
        if self._under_way.get(name) is flight:
            del self._under_way[name]

    def end(self, name: bytes, flight: Flight) -> None:
        """Let those who joined look at it."""
        self.seal(name, flight)
        flight.landed.set()

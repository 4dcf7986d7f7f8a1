"""The tier in the process: the entries used last, within a number and a size.

Whoever reads places a *ticket* before the read leaves, and may store what came back only if
nothing has dropped the entry or its tags meanwhile. A transaction of this process *blocks* what it
writes from before its COMMIT to its end: no ticket is given in between, and both times everything
is dropped, so that what a reader saw of the time before is never kept.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from random import random
from typing import TypeAlias

from msgspec import Struct

from storehaus.cache.codec import Prepared, prepare_rows

__all__ = ["LocalTier", "Ticket"]

_MOST_TAGS = 100_000
_JITTER = 0.1
_OVERHEAD_BYTES = 300


class Ticket(Struct):
    """The right to store one entry.

    Attributes:
        name: The entry.
        stamps: Pairs of tag and its local generation.
        users: How many readers hold it.
        is_void: Whether the entry was dropped meanwhile.
    """

    name: bytes
    stamps: tuple[tuple[bytes, int], ...]
    users: int = 1
    is_void: bool = False


_Item: TypeAlias = tuple[float, tuple[tuple[bytes, int], ...], Prepared, int]
"""When it expires, its stamps, its rows, and what it takes."""


class LocalTier:
    """Keeps entries in memory.

    Args:
        max_items: Most entries.
        max_bytes: Most bytes of entries, names and all.
    """

    __slots__ = (
        "_blocked",
        "_clock",
        "_items",
        "_tags",
        "_tickets",
        "max_bytes",
        "max_items",
        "size",
    )

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self.max_items = max_items
        self.max_bytes = max_bytes
        self.size = 0
        """What the entries take."""
        self._items: dict[bytes, _Item] = {}
        self._tags: dict[bytes, int] = {}
        self._clock = 0
        self._tickets: dict[bytes, Ticket] = {}
        self._blocked: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, name: bytes, now: float) -> Prepared | None:
        """Give an entry, None when there is none that counts.

        Args:
            name: Its name.
            now: Time now, by `Core.now`.
        """
        item = self._items.pop(name, None)
        if item is None:
            return None
        expires, stamps, prepared, size = item
        if expires > now:
            tags = self._tags
            for tag, stamp in stamps:
                if tags.get(tag, 0) != stamp:
                    break
            else:
                self._items[name] = item
                return prepared
        self.size -= size
        return None

    def ticket(self, name: bytes, tags: Iterable[bytes]) -> Ticket | None:
        """Give the right to store an entry, None while somebody writes it."""
        blocked = self._blocked
        if blocked and (name in blocked or any(tag in blocked for tag in tags)):
            return None
        found = self._tickets.get(name)
        stamps = tuple((tag, self._tags.get(tag, 0)) for tag in tags)
        if found is not None and found.stamps == stamps:
            found.users += 1
            return found
        if found is not None:
            found.is_void = True
        made = self._tickets[name] = Ticket(name, stamps)
        return made

    def put(self, ticket: Ticket, payload: bytes, *, now: float, ttl_seconds: float) -> bool:
        """Store an entry and give the ticket back; give whether it was stored."""
        is_good = not ticket.is_void and all(
            self._tags.get(tag, 0) == stamp for tag, stamp in ticket.stamps
        )
        self.give_back(ticket)
        size = len(ticket.name) + len(payload) + _OVERHEAD_BYTES
        prepared = prepare_rows(payload) if is_good else None
        if prepared is None or size > self.max_bytes or self.max_items < 1:
            return False
        self._remove(ticket.name)
        # Entries that were made together shall not expire together.
        expires = now + ttl_seconds * (1 - _JITTER * random())  # noqa: S311 - no secret
        self._items[ticket.name] = (expires, ticket.stamps, prepared, size)
        self.size += size
        while len(self._items) > self.max_items or self.size > self.max_bytes:
            self._remove(next(iter(self._items)))
        return True

    def give_back(self, ticket: Ticket) -> None:
        """Do without storing."""
        ticket.users -= 1
        if ticket.users == 0 and self._tickets.get(ticket.name) is ticket:
            del self._tickets[ticket.name]

    def drop(self, names: Iterable[bytes], tags: Iterable[bytes]) -> None:
        """Forget entries, and all that carry one of some tags."""
        for name in names:
            self._remove(name)
            ticket = self._tickets.pop(name, None)
            if ticket is not None:
                ticket.is_void = True
        for tag in tags:
            self._clock += 1
            self._tags[tag] = self._clock
        if len(self._tags) > _MOST_TAGS:
            self.flush()

    def block(self, names: Sequence[bytes], tags: Sequence[bytes]) -> None:
        """Forget what is about to be written, and keep it from being stored."""
        self._blocked.update((*names, *tags))
        self.drop(names, tags)

    def unblock(self, names: Sequence[bytes], tags: Sequence[bytes]) -> None:
        """Let what was written be stored again."""
        blocked = self._blocked
        for name in (*names, *tags):
            blocked[name] -= 1
            if blocked[name] <= 0:
                del blocked[name]
        self.drop(names, tags)

    def flush(self) -> None:
        """Forget everything."""
        for ticket in self._tickets.values():
            ticket.is_void = True
        self._tickets.clear()
        self._items.clear()
        self._tags.clear()
        self.size = 0

    def _remove(self, name: bytes) -> None:
        item = self._items.pop(name, None)
        if item is not None:
            self.size -= item[3]

"""The tier in the process keeps what was used last, and nothing that somebody has written since."""

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from storehaus.cache.codec import encode_rows
from storehaus.cache.local import LocalTier, Ticket

NAMES = [b"a", b"b", b"c"]
TAGS = [b"x", b"y"]


def put(local: LocalTier, name: bytes, value: object = 0, tags: tuple[bytes, ...] = ()) -> bool:
    """Store a row of one value."""
    ticket = local.ticket(name, tags)
    assert ticket is not None
    return local.put(ticket, payload(value), now=0.0, ttl_seconds=100.0)


def payload(value: object) -> bytes:
    """Give a row of one value as bytes."""
    encoded = encode_rows([(value,)])
    assert encoded is not None
    return encoded


def held(local: LocalTier, name: bytes, now: float = 0.0) -> object:
    """Give the value of a row that is kept, None when there is none."""
    found = local.get(name, now)
    return None if found is None else found[0](found[1])[0][0]


def test_least_recently_used_go_first() -> None:
    """By number."""
    local = LocalTier(2, 10_000)
    assert put(local, b"a")
    assert put(local, b"b")
    assert held(local, b"a") == 0
    assert put(local, b"c")
    assert [held(local, name) for name in NAMES] == [0, None, 0]


def test_bytes_are_bounded() -> None:
    """By size, and what is larger than all of it is not kept at all."""
    local = LocalTier(100, 2_000)
    assert put(local, b"a", "." * 1_000)
    assert put(local, b"b", "." * 1_000)
    assert local.get(b"a", 0.0) is None
    assert not put(local, b"c", "." * 3_000)
    assert local.size <= 2_000


def test_time_is_up() -> None:
    """An entry lives for its time, a tenth less at most."""
    local = LocalTier(10, 10_000)
    assert put(local, b"a")
    assert held(local, b"a", 89.0) == 0
    assert local.get(b"a", 101.0) is None
    assert local.size == 0


def test_no_items_switch_it_off() -> None:
    """Nothing is stored."""
    assert not put(LocalTier(0, 10_000), b"a")


def test_many_tags_are_forgotten_with_everything() -> None:
    """Their number is bounded too."""
    local = LocalTier(10, 10_000)
    assert put(local, b"a")
    ticket = local.ticket(b"b", ())
    local.drop((), [b"%d" % i for i in range(100_001)])
    assert local.get(b"a", 0.0) is None
    assert ticket is not None
    assert not local.put(ticket, payload(0), now=0.0, ttl_seconds=1.0)


class Readers(RuleBasedStateMachine):
    """Readers and writers in any order: a value read before a write is never found after it."""

    tickets: Bundle[Any] = Bundle("tickets")
    writes: Bundle[Any] = Bundle("writes")

    def __init__(self) -> None:
        super().__init__()
        self.local = LocalTier(10, 100_000)
        self.stored = dict.fromkeys(NAMES, 0)
        """What is committed."""

    @rule(target=tickets, name=st.sampled_from(NAMES))
    def read(self, name: bytes) -> tuple[Ticket | None, int]:
        """Place a ticket, then read."""
        ticket = self.local.ticket(name, (b"x",))
        return ticket, self.stored[name]

    @rule(read=consumes(tickets))
    def fill(self, read: tuple[Ticket | None, int]) -> None:
        """Store what was read."""
        ticket, value = read
        if ticket is not None:
            self.local.put(ticket, payload(value), now=0.0, ttl_seconds=100.0)

    @rule(read=consumes(tickets))
    def give_up(self, read: tuple[Ticket | None, int]) -> None:
        """Do without storing."""
        if read[0] is not None:
            self.local.give_back(read[0])

    @rule(target=writes, name=st.sampled_from(NAMES), by_tag=st.booleans())
    def announce(self, name: bytes, *, by_tag: bool) -> tuple[bytes, bool]:
        """Block what is about to be written."""
        self.local.block(*self.named(name, by_tag=by_tag))
        return name, by_tag

    @rule(write=consumes(writes), commits=st.booleans())
    def end(self, write: tuple[bytes, bool], *, commits: bool) -> None:
        """Commit or not, then let go."""
        name, by_tag = write
        if commits:
            self.stored[name] += 1
        self.local.unblock(*self.named(name, by_tag=by_tag))

    @rule()
    def flush(self) -> None:
        """Forget everything."""
        self.local.flush()

    @rule(name=st.sampled_from(NAMES))
    def drop(self, name: bytes) -> None:
        """Forget one, as the outbox says."""
        self.local.drop((name,), ())

    def named(self, name: bytes, *, by_tag: bool) -> tuple[list[bytes], list[bytes]]:
        """Name it, or all that carry a tag."""
        return ([], [b"x"]) if by_tag else ([name], [])

    @invariant()
    def nothing_is_stale(self) -> None:
        """What is found is what is committed."""
        for name, value in self.stored.items():
            assert held(self.local, name) in {None, value}


TestReaders = Readers.TestCase

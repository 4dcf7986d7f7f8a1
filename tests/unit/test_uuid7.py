"""UUIDs of version 7."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

from storehaus.model import uuid7
from storehaus.model.uuid7 import Uuid7Generator


def test_it_is_a_uuid_of_version_7() -> None:
    """Version and variant are those of RFC 9562."""
    made = uuid7()

    assert isinstance(made, UUID)
    assert (made.version, made.variant) == (7, RFC_4122)


def test_it_starts_with_the_time_in_milliseconds() -> None:
    """So that other systems can read when it was made."""
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000

    # A fast burst may run ahead of the clock, never behind it.
    assert before <= made.int >> 80 <= after + 1_000


def test_each_is_greater_than_the_one_before() -> None:
    """Also within one millisecond."""
    made = [uuid7() for _ in range(20_000)]

    assert made == sorted(set(made))


def test_threads_never_get_the_same() -> None:
    """The counter is shared under a lock."""
    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(lambda _: [uuid7() for _ in range(2_000)], range(4)))

    assert len({each for batch in batches for each in batch}) == 8_000
    assert all(batch == sorted(batch) for batch in batches)


def test_it_goes_on_when_the_clock_steps_back() -> None:
    """A correction of the clock does not break the order."""
    times = iter([2_000_000_000, 1_000_000_000, 1_500_000_000])
    make = Uuid7Generator(clock_ns=lambda: next(times), randomness=lambda n: b"\x01" * n)

    made = [make() for _ in range(3)]

    assert made == sorted(set(made))
    assert {each.int >> 80 for each in made} == {2_000}


def test_full_counter_borrows_from_the_next_millisecond() -> None:
    """After 2^41 of them at the earliest; the order stays."""
    make = Uuid7Generator(clock_ns=lambda: 1_000_000, randomness=lambda n: b"\xff" * n)
    first = make()
    make._counter = (1 << 42) - 2
    last, after = make(), make()

    assert first < last < after
    assert [each.int >> 80 for each in (first, last, after)] == [1, 1, 2]

"""Links to Redis come and go: nothing is ever T too old, and nobody misses his own writes."""

from dataclasses import replace

import pytest

from model_check.explorer import explore
from model_check.links import TRUST, Conduct, Role
from model_check.partition import Partition

WRITER = Role(reads=False)
READER = Role(fails=False)
BOTH = Role()
ALONE = Role(fails=False, has_redis=False)

ONE = Conduct((BOTH,), (0,))
TWO = Conduct((WRITER, READER), (0,))
SCENARIOS = {
    "one": ONE,
    "one-with-memory": replace(ONE, has_local=True),
    "two": TWO,
    "two-with-memory": replace(TWO, has_local=True),
    "two-with-memory-that-both-lose-redis": replace(TWO, roles=(WRITER, BOTH), has_local=True),
    "two-without-redis": replace(TWO, roles=(replace(WRITER, has_redis=False), ALONE)),
    "one-of-two-without-redis": replace(TWO, roles=(WRITER, ALONE)),
    "one-of-two-without-redis-with-memory": replace(TWO, roles=(WRITER, ALONE), has_local=True),
    "two-write": replace(TWO, homes=(0, 1), answers_get_lost=False),
    "two-write-without-redis": replace(
        TWO, roles=(replace(WRITER, has_redis=False), ALONE), homes=(0, 1), answers_get_lost=False
    ),
    "two-write-with-memory": replace(TWO, homes=(0, 1), answers_get_lost=False, has_local=True),
    "one-writes-twice": replace(ONE, homes=(0, 0), answers_get_lost=False, has_local=True),
}
MUTANTS = {
    "no-outbox": replace(TWO, outbox=False),
    "no-outbox-without-redis": replace(SCENARIOS["two-without-redis"], outbox=False),
    "polls-not-needed": replace(TWO, trusts_polls=False),
    "no-tickets": replace(SCENARIOS["two-with-memory"], tickets=False),
    "rows-gone-when-applied": replace(SCENARIOS["two-with-memory"], retain=0),
    "rows-gone-after-t": replace(SCENARIOS["two-with-memory"], retain=TRUST),
    "memory-not-flushed": replace(SCENARIOS["two-with-memory"], flushes=False),
    "memory-dropped-before-redis": replace(SCENARIOS["two-with-memory"], drops_local_last=False),
    "memory-that-writers-do-not-know-of": replace(TWO, roles=(WRITER, ALONE), mixes=True),
    "own-writes-used": replace(ONE, bypasses=False),
    "own-writes-used-t-after-their-announcement": replace(ONE, bypasses_from_end=False),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_too_old(name: str) -> None:
    """What is visible for T is in every answer, and what its process wrote is in it at once."""
    model = Partition(SCENARIOS[name])
    report = explore(model.initial, model.successors, model.check)
    assert not report.trace, report
    assert report.states > 1_000


@pytest.mark.parametrize("name", ["two", "two-with-memory", "two-without-redis"])
def test_the_bound_is_as_small_as_it_can_be(name: str) -> None:
    """An answer may lack what is visible for one tick less than T."""
    model = Partition(SCENARIOS[name], bound=TRUST - 1)
    assert explore(model.initial, model.successors, model.check).trace


@pytest.mark.parametrize("name", MUTANTS)
def test_less_than_that_is_too_old(name: str) -> None:
    """Each part is needed: without it, a hit is wrong, even if nothing is shared."""
    model = Partition(replace(MUTANTS[name], shares=False))
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert " gives what " in report.trace[-1]

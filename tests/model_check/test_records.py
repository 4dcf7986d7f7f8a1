"""A row in the cache: no read gives less than what was visible, whatever Redis loses."""

from dataclasses import replace

import pytest

from model_check.explorer import explore
from model_check.rules import After, Before, Joining, Rules, Scenario, Write
from model_check.shared import SharedCache
from model_check.states import answered

ROW = Write(entry=True)
ROW_AND_TABLE = Write(entry=True, tags=(0,))
TABLE = Write(entry=False, tags=(0,))
"""What nobody can tell the rows of: TRUNCATE, raw SQL, a cascade."""

SCENARIOS = {
    "two": Scenario((ROW, ROW)),
    "four": Scenario((ROW,) * 4),
    "row-and-table": Scenario((ROW, TABLE), tags=1),
    "truncate-between": Scenario((ROW, TABLE, ROW), tags=1),
    "truncate-around": Scenario((TABLE, ROW_AND_TABLE, TABLE), tags=1),
}
SMALL = {
    "two": Scenario((ROW, ROW)),
    "row-and-table": Scenario((ROW_AND_TABLE,), tags=1),
    "table": Scenario((TABLE,), tags=1),
}
MUTANTS = {
    "delete-after": Rules(before=Before.NOTHING, after=After.DELETE, leases=False, waits=False),
    "delete-before": Rules(before=Before.DELETE, waits=False),
    "delete-before-and-after": Rules(
        before=Before.DELETE, after=After.DELETE, leases=False, waits=False
    ),
    "lock-with-time-out": Rules(before=Before.LOCK, after=After.UNLOCK, waits=False),
    "transactions-not-waited-for": Rules(waits=False),
    "no-lease": Rules(leases=False),
    "select-before-the-lease": Rules(reads_after_open=False),
    "snapshot-after-the-select": Rules(looks_after_select=True),
    "no-window": Rules(window=False),
    "commit-later-than-w": Rules(in_time=False),
    "a-key-for-each-transaction": Rules(one_hash=False),
}
SHARING = {
    "tags-not-compared-at-fill": Rules(compares_generations=False),
    "joined-whatever-comes-of-it": Rules(joining=Joining.OF_ANY),
    "joined-until-it-is-stored": Rules(joining=Joining.OF_STORED_LATER),
}
# Without a crash nobody is told that his COMMIT happened before the deletion did.
WHEN_SEEN = {
    "leases-and-delete-after": Rules(before=Before.NOTHING, after=After.DELETE, waits=False),
    "leases-and-delete-before-and-after": Rules(
        before=Before.DELETE, after=After.DELETE, waits=False
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_read_is_stale(name: str) -> None:
    """Neither a hit nor an answer that was shared, even of what only the database has shown."""
    model = SharedCache(SCENARIOS[name], Rules())
    report = explore(model.initial, model.successors, model.check)
    assert not report.trace, report
    assert report.states > 300


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_hidden_by_what_is_left_out(name: str) -> None:
    """The same without taking states for equal whose differences no longer matter."""
    model = SharedCache(SMALL[name], Rules(), reduced=False)
    report = explore(model.initial, model.successors, model.check)
    assert not report.trace, report


@pytest.mark.parametrize("name", MUTANTS)
def test_less_than_that_is_stale(name: str) -> None:
    """Each part of the protocol is needed: without it, a hit lacks an answered write."""
    rules = replace(MUTANTS[name], joining=Joining.OF_NONE)
    model = SharedCache(SCENARIOS["row-and-table"], rules, owed=answered)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("a hit gives")


@pytest.mark.parametrize("name", SHARING)
def test_not_every_answer_may_be_shared(name: str) -> None:
    """Whoever joins a read late must know that nothing was written since it left."""
    model = SharedCache(SCENARIOS["row-and-table"], SHARING[name], owed=answered)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("whoever joined")


@pytest.mark.parametrize("name", WHEN_SEEN)
def test_what_a_crash_leaves_behind(name: str) -> None:
    """Deleting after the COMMIT leaves what somebody has seen to be over, for good in a crash."""
    rules = replace(WHEN_SEEN[name], joining=Joining.OF_NONE)
    model = SharedCache(SCENARIOS["two"], rules)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("a hit gives")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_boot_is_a_second_lock(name: str) -> None:
    """Comparing it once more at `fill` guards nothing that the lease does not guard already."""
    model = SharedCache(SCENARIOS[name], Rules(compares_boot=False))
    assert not explore(model.initial, model.successors, model.check).trace

"""The result of a query in the cache: its writers know its tags, and nothing of its entry."""

from dataclasses import replace

import pytest

from model_check.explorer import explore
from model_check.rules import After, Before, Joining, Rules, Scenario, Write
from model_check.shared import SharedCache
from model_check.states import answered

ONE = Write(entry=False, tags=(0,))
OTHER = Write(entry=False, tags=(1,))
BOTH = Write(entry=False, tags=(0, 1))
ELSEWHERE = Write(entry=False)
"""What the result does not depend on. Its transaction may lie between those that are noted."""

SCENARIOS = {
    "two-of-one-table": Scenario((ONE, ONE), tags=1, one_row=False),
    "three-of-one-table": Scenario((ONE, ONE, ONE), tags=1, one_row=False),
    "one-elsewhere-between": Scenario((ONE, ELSEWHERE, ONE), tags=1, one_row=False),
    "one-elsewhere-first": Scenario((ELSEWHERE, ONE, ONE), tags=1, one_row=False),
    "one-of-each-table": Scenario((ONE, OTHER), tags=2, one_row=False),
    "both-and-each": Scenario((ONE, BOTH, OTHER), tags=2, one_row=False),
    "each-and-both": Scenario((BOTH, ONE, BOTH), tags=2, one_row=False),
}
SMALL = {
    "one": Scenario((ONE,), tags=1),
    "one-of-two-tables": Scenario((ONE,), tags=2),
}
MUTANTS = {
    "bumped-before-only": Rules(before=Before.DELETE, waits=False),
    "transactions-not-waited-for": Rules(waits=False),
    "counted-generations": Rules(random=False),
    "stamped-at-fill": Rules(stamps_at_open=False, compares_generations=False),
    "select-before-the-lease": Rules(reads_after_open=False),
    "snapshot-after-the-select": Rules(looks_after_select=True),
    "only-the-last-transaction-noted": Rules(keeps_all=False),
    "no-window": Rules(window=False),
    "commit-later-than-w": Rules(in_time=False),
    "a-key-for-each-transaction": Rules(one_hash=False),
}
SHARING = {
    "tags-not-compared-at-fill": Rules(compares_generations=False),
    "joined-whatever-comes-of-it": Rules(joining=Joining.OF_ANY),
    "joined-until-it-is-stored": Rules(joining=Joining.OF_STORED_LATER),
}
WHEN_SEEN = {
    "bumped-after-only": Rules(before=Before.NOTHING, after=After.DELETE, waits=False),
    "bumped-before-and-after": Rules(before=Before.DELETE, after=After.DELETE, waits=False),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_result_is_stale(name: str) -> None:
    """Neither a hit nor an answer that was shared lacks a write that was visible before."""
    model = SharedCache(SCENARIOS[name], Rules())
    report = explore(model.initial, model.successors, model.check)
    assert not report.trace, report
    assert report.states > 1_000


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
    model = SharedCache(SCENARIOS["two-of-one-table"], rules, owed=answered)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("a hit gives")


@pytest.mark.parametrize("name", SHARING)
def test_not_every_answer_may_be_shared(name: str) -> None:
    """Whoever joins a read late must know that nothing was written since it left."""
    model = SharedCache(SCENARIOS["two-of-one-table"], SHARING[name], owed=answered)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("whoever joined")


@pytest.mark.parametrize("name", WHEN_SEEN)
def test_what_a_crash_leaves_behind(name: str) -> None:
    """Bumping after the COMMIT leaves what somebody has seen to be over, for good in a crash."""
    rules = replace(WHEN_SEEN[name], joining=Joining.OF_NONE)
    model = SharedCache(SCENARIOS["two-of-one-table"], rules)
    report = explore(model.initial, model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace[-1].startswith("a hit gives")


def test_the_boot_is_a_second_lock() -> None:
    """Comparing it once more at `fill` guards nothing that the tags do not guard already."""
    model = SharedCache(SCENARIOS["one-of-each-table"], Rules(compares_boot=False))
    assert not explore(model.initial, model.successors, model.check).trace

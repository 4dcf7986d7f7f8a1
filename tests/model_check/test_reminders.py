"""A transaction whose COMMIT takes long is announced again before W is over."""

import pytest

from model_check.explorer import explore
from model_check.reminders import WINDOW, Loop, Reminders, State

MUTANTS = {
    "by-a-poll-that-may-take-t": Loop(takes=WINDOW, rests=WINDOW // 2),
    "by-a-poll-that-takes-half-of-t": Loop(takes=WINDOW // 2, rests=WINDOW // 2),
    "every-w": Loop(takes=0, rests=WINDOW),
}


def test_a_loop_of_its_own_is_in_time() -> None:
    """Every W/4, and it does nothing else."""
    model = Reminders(Loop(takes=0, rests=1))
    report = explore(State(), model.successors, model.check)
    assert not report.trace, report


@pytest.mark.parametrize("name", MUTANTS)
def test_the_poll_is_not(name: str) -> None:
    """It looks once in T/2 and the time that it takes itself, where T is no less than W."""
    model = Reminders(MUTANTS[name])
    report = explore(State(), model.successors, model.check)
    print(report)  # noqa: T201 - `pytest -s` shows the counter-example
    assert report.trace

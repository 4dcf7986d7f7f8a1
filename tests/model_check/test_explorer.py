"""The explorer itself: it visits everything, and takes the shortest way."""

from collections.abc import Iterator

import pytest

from model_check.explorer import explore


def steps(state: int) -> Iterator[tuple[str, int]]:
    """Count to twenty, and on round, by one or by five."""
    yield "one", (state + 1) % 20
    yield "five", (state + 5) % 20


def test_everything_is_visited() -> None:
    """And each state once."""
    seen: list[int] = []

    def check(state: int) -> None:
        seen.append(state)

    report = explore(0, steps, check)
    assert report == (20, ())
    assert sorted(seen) == list(range(20))


def test_the_way_is_the_shortest() -> None:
    """With what is wrong at its end."""
    report = explore(0, steps, lambda state: "eleven" if state == 11 else None)
    assert sorted(report.trace[:3]) == ["five", "five", "one"]
    assert report.trace[3:] == ("eleven",)
    assert str(report).endswith("4. eleven")


def test_it_does_not_go_on_for_ever() -> None:
    """A model with too many states is a mistake."""
    with pytest.raises(OverflowError, match="more than 10"):
        explore(0, steps, lambda _: None, most_states=10)

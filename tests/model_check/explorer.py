"""Visits every state that a model can reach, and finds the shortest way to one that must not be.

A model is a first state and what may happen next in any state. Whatever may happen is one step that
nothing else interrupts; every order of the steps of all who take part is tried.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, TypeVar

__all__ = ["Report", "explore"]

S = TypeVar("S", bound=Hashable)


class Report(NamedTuple):
    """What was found.

    Attributes:
        states: How many states were visited.
        trace: The steps to the nearest state that must not be, and then what is wrong with it;
            empty when there is no such state.
    """

    states: int
    trace: tuple[str, ...]

    def __str__(self) -> str:
        lines = "\n".join(f"  {number:2}. {step}" for number, step in enumerate(self.trace, 1))
        return f"{self.states} states\n{lines}"


def explore(
    initial: S,
    successors: Callable[[S], Iterable[tuple[str, S]]],
    check: Callable[[S], str | None],
    *,
    most_states: int = 1_000_000,
) -> Report:
    """Visit all states, those that take the fewest steps first.

    Args:
        initial: Where it begins. States are equal if nobody can tell them apart from now on.
        successors: Gives what may happen in a state: a label, and the state after it.
        check: Says what is wrong with a state, None for nothing.
        most_states: A model with more of them is a mistake.

    Raises:
        OverflowError: When there are more.
    """
    came_from: dict[S, tuple[str, S] | None] = {initial: None}
    waiting = deque([initial])
    while waiting:
        state = waiting.popleft()
        wrong = check(state)
        if wrong is not None:
            return Report(len(came_from), (*_way_to(state, came_from), wrong))
        for label, following in successors(state):
            if following not in came_from:
                came_from[following] = (label, state)
                waiting.append(following)
        if len(came_from) > most_states:
            raise OverflowError(f"more than {most_states} states")
    return Report(len(came_from), ())


def _way_to(state: S, came_from: dict[S, tuple[str, S] | None]) -> tuple[str, ...]:
    labels: list[str] = []
    step = came_from[state]
    while step is not None:
        label, before = step
        labels.append(label)
        step = came_from[before]
    return tuple(reversed(labels))

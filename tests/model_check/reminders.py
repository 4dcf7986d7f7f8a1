"""A model of how long ago a transaction was announced last when it becomes visible.

That nothing is stored while the pending HASH is younger than W is enough only if this is never more
than W: what was stored before the last announcement is dropped by it. The model has one transaction
and the loop that announces it again, in ticks of W/4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

__all__ = ["WINDOW", "Loop", "Reminders", "State"]

WINDOW = 4
"""W in ticks."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What goes on by itself in a process: look at transactions, do something, rest, and again.

    Attributes:
        takes: Most ticks that it takes to do something.
        rests: Ticks of rest.
    """

    takes: int
    rests: int


class State(NamedTuple):
    """All there is.

    Attributes:
        is_committing: Whether the COMMIT was sent.
        is_over: Whether it is visible.
        age: Ticks since the transaction was announced last.
        is_resting: Whether the loop rests; else it does something.
        since: Ticks since it began that.
    """

    is_committing: bool = False
    is_over: bool = False
    age: int = 0
    is_resting: bool = False
    since: int = 0


Step: TypeAlias = tuple[str, State]


class Reminders:
    """The model.

    Args:
        loop: What looks at transactions.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def check(self, state: State) -> str | None:
        """Say what is wrong with a state."""
        if state.age <= WINDOW or not state.is_over:
            return None
        return "it was announced last longer than W before"

    def successors(self, state: State) -> Iterator[Step]:
        """Give what may happen."""
        if state.is_over:
            return
        if state.since < (self._loop.rests if state.is_resting else self._loop.takes):
            age = min(state.age + 1, WINDOW + 1)
            yield "a tick", state._replace(age=age, since=state.since + 1)
        if not state.is_resting:
            yield "the loop rests", state._replace(is_resting=True, since=0)
        elif state.since == self._loop.rests:
            looked = state._replace(is_resting=False, since=0)
            yield "the loop looks", _again(looked) if state.is_committing else looked
        if not state.is_committing:
            sent = _again(state)
            yield "COMMIT is sent", sent._replace(is_committing=True)
        else:
            yield "COMMIT is visible", state._replace(is_over=True)


def _again(state: State) -> State:
    """Announce it again, if that was more than W/2 ago."""
    return state._replace(age=0) if state.age > WINDOW // 2 else state

"""What writers do, in the model of what all processes share."""

from collections.abc import Iterator

from model_check.rules import After, Before, Rules, Scenario
from model_check.states import (
    Phase,
    State,
    Step,
    extended,
    fresh,
    made,
    moved,
    under_way,
    without_lease,
)

__all__ = ["Writers"]


class Writers:
    """The writers.

    Args:
        scenario: Who they are.
        rules: How they go about it.
    """

    def __init__(self, scenario: Scenario, rules: Rules) -> None:
        self._scenario = scenario
        self._rules = rules

    def steps(self, state: State, index: int) -> Iterator[Step]:
        """Give what a writer may do."""
        phase, name = state.phases[index], f"W{index + 1}"
        match phase:
            case Phase.IDLE if self._may_begin(state, index):
                yield f"{name}: writes", moved(state, index, Phase.WRITTEN)
            case Phase.WRITTEN:
                label, after = self._before_commit(state, index)
                yield f"{name}: {label}", moved(after, index, Phase.ANNOUNCED)
            case Phase.ANNOUNCED:
                yield f"{name}: COMMIT is visible", moved(state, index, Phase.COMMITTED)
            case Phase.COMMITTED:
                label, after = self._after_commit(state, index)
                yield f"{name}: {label}COMMIT is answered", moved(after, index, Phase.ANSWERED)
            case _:
                return
        if phase in {Phase.ANNOUNCED, Phase.COMMITTED} and self._rules.before is Before.ANNOUNCE:
            # It took long. What was sent before the COMMIT may also arrive after it.
            yield f"{name}: announces it again", self._announce(state, index)
        if phase in {Phase.WRITTEN, Phase.ANNOUNCED}:
            yield f"{name}: rolled back", moved(state, index, Phase.ABORTED)

    def _may_begin(self, state: State, index: int) -> bool:
        before = state.phases[:index]
        if self._scenario.one_row:
            return all(each >= Phase.COMMITTED for each in before)
        return Phase.IDLE not in before

    def _before_commit(self, state: State, index: int) -> Step:
        match self._rules.before:
            case Before.ANNOUNCE:
                return "announces it", self._announce(state, index)
            case Before.DELETE:
                return "deletes before COMMIT", self._drop(state, index)
            case Before.LOCK:
                return "locks the entry", self._drop(state, index)._replace(locked_by=index)
            case Before.NOTHING:
                return "sends COMMIT", state

    def _after_commit(self, state: State, index: int) -> Step:
        match self._rules.after:
            case After.DELETE:
                return "deletes after COMMIT, ", self._drop(state, index)
            case After.UNLOCK:
                held = state.locked_by
                return "unlocks, ", state._replace(locked_by=None if held == index else held)
            case After.NOTHING:
                return "", state

    def _announce(self, state: State, index: int) -> State:
        """INTEND: everything is dropped and noted at once."""
        write = self._scenario.writes[index]
        state = self._drop(state, index)
        running = under_way(state)
        over = next((i for i in range(index) if running >> i & 1), index)
        pending = list(state.pending)
        for place in ((0,) if write.entry else ()) + tuple(1 + tag for tag in write.tags):
            kept = pending[place] if self._rules.keeps_all else ()
            pending[place] = extended(kept, index, over)
        return state._replace(
            boot=made(state, self._rules),
            pending=tuple(pending),
            unheard=state.unheard & ~(1 << index),
        )

    def _drop(self, state: State, index: int) -> State:
        write = self._scenario.writes[index]
        tags = tuple(
            fresh(tag, self._rules) if place in write.tags else tag
            for place, tag in enumerate(state.tags)
        )
        if not write.entry:
            return state._replace(tags=tags)
        return without_lease(state._replace(tags=tags, entry=None))

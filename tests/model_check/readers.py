"""What readers do, in the model of what all processes share."""

from collections.abc import Callable, Iterator

from model_check.rules import Joining, Rules, Scenario
from model_check.states import (
    HOPELESS,
    Boot,
    Entry,
    Flight,
    Phase,
    Stage,
    State,
    Step,
    fresh,
    is_hit,
    made,
    named,
    new_flight,
    visible,
    with_flight,
)

__all__ = ["Readers"]


class Readers:
    """The readers that may store what they read.

    Args:
        scenario: Who takes part.
        rules: How they go about it.
        owed: Gives the writes that a read must see which begins now.
    """

    def __init__(self, scenario: Scenario, rules: Rules, owed: Callable[[State], int]) -> None:
        self._most = scenario.flights
        self._relevant = sum(
            1 << i for i, each in enumerate(scenario.writes) if each.entry or each.tags
        )
        self._rules = rules
        self._owed = owed

    def is_stale(self, state: State, value: int) -> bool:
        """Say whether a value lacks what a read must see which begins now."""
        return self._owed(state) & self._relevant & ~value != 0

    def steps(self, state: State) -> Iterator[Step]:
        """Give what readers may do."""
        yield from self._open(state)
        for index in range(len(state.flights)):
            yield from self._read(state, index)

    def _open(self, state: State) -> Iterator[Step]:
        """OPEN of one more reader, with the SELECT before it if that is how they do it."""
        if len(state.flights) < self._most:
            if self._rules.reads_after_open:
                yield "R: misses and opens", self._opened(state, None)
            else:
                early = new_flight(Stage.EARLY, value=visible(state), unseen=_unseen(state))
                yield "R: misses, SELECT", with_flight(state, early)

    def _opened(self, state: State, early: Flight | None) -> State:
        tags = tuple(fresh(None, self._rules) if tag is None else tag for tag in state.tags)
        state = state._replace(tags=tags)
        if is_hit(state):
            return state
        state = state._replace(boot=made(state, self._rules))
        is_held = self._rules.leases and any(each.holds for each in state.flights)
        if state.boot is not Boot.WARM or is_held or state.locked_by is not None:
            return state
        flight = new_flight(Stage.OPENED) if early is None else early._replace(stage=Stage.READ)
        return with_flight(
            state,
            flight._replace(
                holds=self._rules.leases, same_boot=True, stamps=tags, noted=state.pending
            ),
        )

    def _read(self, state: State, index: int) -> Iterator[Step]:
        flight = state.flights[index]
        others = state._replace(flights=(*state.flights[:index], *state.flights[index + 1 :]))
        match flight.stage:
            case Stage.EARLY:
                yield "R: opens", self._opened(others, flight)
            case Stage.OPENED:
                yield from self._select(others, flight)
            case Stage.READ:
                if flight.unseen < 0 and self._needs_snapshot(flight):
                    yield _look(others, flight)
                else:
                    yield self._fill(others, flight)
            case Stage.STORED:
                misled = self.is_stale(others, flight.value)
                yield "R: hears that it is stored", others._replace(misled=misled)

    def _needs_snapshot(self, flight: Flight) -> bool:
        return self._rules.waits and any(flight.noted)

    def _select(self, others: State, flight: Flight) -> Iterator[Step]:
        looks_first = self._needs_snapshot(flight) and not self._rules.looks_after_select
        if looks_first and flight.unseen < 0:
            yield _look(others, flight)
        else:
            read = flight._replace(stage=Stage.READ, value=visible(others))
            yield f"R: SELECT gives {named(read.value)}", with_flight(others, read)

    def _fill(self, others: State, flight: Flight) -> Step:
        """FILL or RELEASE, right after nobody can join any more."""
        joining = self._rules.joining
        shared = others._replace(misled=self.is_stale(others, flight.value))
        if not self._may_store(others, flight):
            return "R: may not store it", shared if joining is Joining.OF_ANY else others
        stamps = flight.stamps if self._rules.stamps_at_open else others.tags
        stored = shared if joining in {Joining.OF_STORED, Joining.OF_ANY} else others
        stored = stored._replace(
            entry=Entry(flight.value, stamps),
            pending=tuple(
                () if now == noted else now
                for now, noted in zip(others.pending, flight.noted, strict=True)
            ),
        )
        if joining is Joining.OF_STORED_LATER:
            stored = with_flight(stored, new_flight(Stage.STORED, value=flight.value))
        return "R: stores it", stored

    def _may_store(self, others: State, flight: Flight) -> bool:
        rules = self._rules
        if flight == HOPELESS or (rules.waits and not flight.is_over):
            return False
        if rules.compares_boot and not flight.same_boot:
            return False
        if rules.compares_generations and flight.stamps != others.tags:
            return False
        if rules.leases:
            return flight.holds
        return not is_hit(others)


def _look(others: State, flight: Flight) -> Step:
    unseen = _unseen(others)
    shown = f"R: takes a snapshot, without {named(unseen)}"
    return shown, with_flight(others, flight._replace(unseen=unseen))


def _unseen(state: State) -> int:
    """Give the transactions that are not over in a snapshot taken now."""
    return sum(1 << i for i, each in enumerate(state.phases) if each <= Phase.ANNOUNCED)

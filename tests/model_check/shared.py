"""A model of what all processes share: one entry in Redis, its lease, its tags, the pending HASH.

It follows `storehaus.cache.scripts` and `storehaus.cache.reader`. A value is the set of writes that
a snapshot saw. What needs no state of its own:

- A hit is one MGET. So in each state a read that begins and ends now must not be stale.
- Whoever does not store gives what the database gave him; that cannot be stale.
- A process that crashes is one that takes no further step. PostgreSQL ends its transaction, which
  any transaction may meet with before its COMMIT.
- The readers who ask most of a shared answer are those who join at the last moment. It is enough
  to look at them.
- A time to live that is over, a lease that has run out and a key that was evicted are all one: the
  key is gone. FLUSHALL is all of that, one after the other.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from model_check.rules import After, Before, Joining, Rules, Scenario
from model_check.states import (
    Boot,
    Entry,
    Flight,
    Phase,
    Stage,
    State,
    compared,
    extended,
    is_over,
    moved,
    named,
    under_way,
    visible,
    with_flight,
    without_hash,
    without_lease,
)

__all__ = ["SharedCache"]

Step: TypeAlias = tuple[str, State]

_NEW = 2  # a random generation; in a state, 1 is the one of now and 0 any that never comes back


class SharedCache:
    """The model.

    Args:
        scenario: Who takes part.
        rules: How they go about it.
        owed: Gives the writes that a read must see which begins now: `visible` ones, for somebody
            may have seen them in the database; or only those that were `answered`.
        reduced: Whether states count as equal that differ only in what no longer matters.
    """

    def __init__(
        self,
        scenario: Scenario,
        rules: Rules,
        *,
        owed: Callable[[State], int] = visible,
        reduced: bool = True,
    ) -> None:
        self._scenario = scenario
        self._rules = rules
        self._owed = owed
        self._is_reduced = (
            reduced and rules.leases and rules.random and rules.joining is not Joining.OF_ANY
        )
        writes, tags = len(scenario.writes), scenario.tags
        self._is_noted = rules.before is Before.ANNOUNCE
        self.initial = State(
            phases=(Phase.IDLE,) * writes,
            unheard=0,
            boot=Boot.MISSING if self._is_noted else Boot.WARM,
            pending=((),) * (1 + tags),
            tags=(None,) * tags,
            entry=None,
            locked_by=None,
            flights=(),
            misled=False,
        )

    def check(self, state: State) -> str | None:
        """Say what is wrong with a state."""
        if state.misled:
            return "whoever joined that read is given less than he must see"
        entry = state.entry
        if entry is None or not self._is_hit(state) or not self._is_stale(state, entry.value):
            return None
        return f"a hit gives {named(entry.value)}, where it must show {named(self._owed(state))}"

    def successors(self, state: State) -> Iterator[Step]:
        """Give what may happen."""
        for label, following in self._steps(state):
            yield label, self._normal(following)

    def _steps(self, state: State) -> Iterator[Step]:
        for index in range(len(state.phases)):
            yield from self._write(state, index)
        yield from self._lose(state)
        yield from self._open(state)
        for index in range(len(state.flights)):
            yield from self._read(state, index)

    # --- writers

    def _write(self, state: State, index: int) -> Iterator[Step]:
        phase, name = state.phases[index], f"W{index + 1}"
        match phase:
            case Phase.IDLE if self._may_begin(state, index):
                yield f"{name}: writes", moved(state, index, Phase.WRITTEN)
            case Phase.WRITTEN:
                label, after = self._before_commit(state, index)
                yield f"{name}: {label}", moved(after, index, Phase.ANNOUNCED)
            case Phase.ANNOUNCED:
                if self._is_noted:
                    yield f"{name}: announces it again", self._announce(state, index)
                yield f"{name}: COMMIT is visible", moved(state, index, Phase.COMMITTED)
            case Phase.COMMITTED:
                label, after = self._after_commit(state, index)
                yield f"{name}: {label}COMMIT is answered", moved(after, index, Phase.ANSWERED)
            case _:
                return
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
        over = next(i for i in range(index + 1) if running >> i & 1)
        pending = list(state.pending)
        for place in ((0,) if write.entry else ()) + tuple(1 + tag for tag in write.tags):
            pending[place] = extended(pending[place], index, over)
        return state._replace(
            boot=self._made(state), pending=tuple(pending), unheard=state.unheard & ~(1 << index)
        )

    def _drop(self, state: State, index: int) -> State:
        write = self._scenario.writes[index]
        tags = tuple(
            self._next(tag) if place in write.tags else tag for place, tag in enumerate(state.tags)
        )
        if not write.entry:
            return state._replace(tags=tags)
        return without_lease(state._replace(tags=tags, entry=None))

    def _next(self, generation: int | None) -> int:
        return _NEW if self._rules.random else (generation or 0) + 1

    def _made(self, state: State) -> Boot:
        """Make the HASH if it is not there."""
        if state.boot is not Boot.MISSING:
            return state.boot
        return Boot.COLD if self._rules.window else Boot.WARM

    # --- what gets lost

    def _lose(self, state: State) -> Iterator[Step]:
        if state.entry is not None:
            yield "Redis loses the entry", state._replace(entry=None)
        if any(each.holds for each in state.flights):
            yield "Redis loses the lease", without_lease(state)
        if state.locked_by is not None:
            yield "the lock times out", state._replace(locked_by=None)
        for place, tag in enumerate(state.tags):
            if tag is not None:
                tags = (*state.tags[:place], None, *state.tags[place + 1 :])
                yield f"Redis loses tag {place + 1}", state._replace(tags=tags)
        if self._is_noted and state.boot is not Boot.MISSING:
            yield "Redis loses the pending HASH", without_hash(state)
        for place, noted in enumerate(() if self._rules.one_hash else state.pending):
            if noted:
                pending = (*state.pending[:place], (), *state.pending[place + 1 :])
                yield f"Redis loses key {place} of those noted", state._replace(pending=pending)
        # A transaction is visible, or announced again, at most W after it was announced.
        if state.boot is Boot.COLD and not state.unheard:
            yield "W is over", state._replace(boot=Boot.WARM)

    # --- readers

    def _is_hit(self, state: State) -> bool:
        entry = state.entry
        return entry is not None and None not in state.tags and entry.stamps == state.tags

    def _is_stale(self, state: State, value: int) -> bool:
        return self._owed(state) & ~value != 0

    def _open(self, state: State) -> Iterator[Step]:
        """OPEN of one more reader, with the SELECT before it if that is how they do it."""
        if len(state.flights) < self._scenario.flights:
            if self._rules.reads_after_open:
                yield "R: misses and opens", self._opened(state, None)
            else:
                early = _flight(Stage.EARLY, value=visible(state), unseen=_unseen(state))
                yield "R: misses, SELECT", with_flight(state, early)

    def _opened(self, state: State, early: Flight | None) -> State:
        tags = tuple(self._next(None) if tag is None else tag for tag in state.tags)
        state = state._replace(tags=tags)
        if self._is_hit(state):
            return state
        state = state._replace(boot=self._made(state))
        is_held = self._rules.leases and any(each.holds for each in state.flights)
        if state.boot is not Boot.WARM or is_held or state.locked_by is not None:
            return state
        flight = _flight(Stage.OPENED) if early is None else early._replace(stage=Stage.READ)
        return with_flight(
            state,
            flight._replace(
                holds=self._rules.leases,
                same_boot=True,
                stamps=state.tags,
                noted=state.pending,
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
                misled = self._is_stale(others, flight.value)
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
        joining, shared = self._rules.joining, self._share(others, flight.value)
        if not self._may_store(others, flight):
            return "R: may not store it", shared if joining is Joining.OF_ANY else others
        stamps = flight.stamps if self._rules.stamps_at_open else others.tags
        stored = others if joining is Joining.OF_STORED_LATER else shared
        stored = stored._replace(
            entry=Entry(flight.value, stamps),
            pending=tuple(
                () if now == noted else now
                for now, noted in zip(others.pending, flight.noted, strict=True)
            ),
        )
        if joining is Joining.OF_STORED_LATER:
            stored = with_flight(stored, _flight(Stage.STORED, value=flight.value))
        return "R: stores it", stored

    def _may_store(self, others: State, flight: Flight) -> bool:
        rules = self._rules
        if flight == _HOPELESS or (rules.waits and not self._is_over(flight)):
            return False
        if rules.compares_boot and not flight.same_boot:
            return False
        if rules.compares_generations and flight.stamps != others.tags:
            return False
        if rules.leases:
            return flight.holds
        return not self._is_hit(others)

    def _normal(self, state: State) -> State:
        """Give equal states for what cannot be told apart."""
        entry, tags, flights = state.entry, state.tags, list(state.flights)
        if self._rules.random:
            entry = entry if self._is_hit(state) else None
            flights = [each._replace(stamps=compared(each.stamps, tags)) for each in flights]
            tags = tuple(None if tag is None else 1 for tag in tags)
            entry = None if entry is None else entry._replace(stamps=tags)
        if self._is_reduced:
            flights = [left for left in map(self._what_is_left, flights) if left]
        return state._replace(entry=entry, tags=tags, flights=tuple(sorted(flights)))

    def _what_is_left(self, flight: Flight) -> Flight | None:
        """Forget what a read knows that will store nothing: at most it gives its lease back."""
        rules = self._rules
        if flight.stage in {Stage.EARLY, Stage.STORED}:
            return flight
        if not flight.holds:
            return None
        is_hopeless = (
            (rules.compares_boot and not flight.same_boot)
            or (rules.compares_generations and 0 in flight.stamps)
            or (rules.waits and flight.unseen >= 0 and not self._is_over(flight))
        )
        return _HOPELESS if is_hopeless else flight

    def _is_over(self, flight: Flight) -> bool:
        return all(is_over(each, flight.unseen) for each in flight.noted)

    def _share(self, others: State, value: int) -> State:
        """Hand an answer to whoever joined at the last moment."""
        return others._replace(misled=self._is_stale(others, value))


def _flight(stage: Stage, *, value: int = 0, unseen: int = -1) -> Flight:
    return Flight(stage, False, False, (), (), value, unseen)


_HOPELESS = _flight(Stage.READ)._replace(holds=True)


def _look(others: State, flight: Flight) -> Step:
    unseen = _unseen(others)
    shown = f"R: takes a snapshot, without {named(unseen)}" 
    return shown, with_flight(others, flight._replace(unseen=unseen))


def _unseen(state: State) -> int:
    """Give the transactions that are not over in a snapshot taken now."""
    return sum(1 << i for i, each in enumerate(state.phases) if each <= Phase.ANNOUNCED)

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

from model_check.readers import Readers
from model_check.rules import Before, Joining, Rules, Scenario
from model_check.states import (
    HOPELESS,
    Boot,
    Flight,
    Phase,
    Stage,
    State,
    Step,
    compared,
    is_hit,
    named,
    visible,
    without_hash,
    without_lease,
)
from model_check.writers import Writers

__all__ = ["SharedCache"]


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
        self._rules = rules
        self._owed = owed
        self._writers = Writers(scenario, rules)
        self._readers = Readers(scenario, rules, owed)
        self._is_reduced = (
            reduced and rules.leases and rules.random and rules.joining is not Joining.OF_ANY
        )
        self.initial = State(
            phases=(Phase.IDLE,) * len(scenario.writes),
            unheard=0,
            boot=Boot.MISSING if rules.before is Before.ANNOUNCE else Boot.WARM,
            pending=((),) * (1 + scenario.tags),
            tags=(None,) * scenario.tags,
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
        if entry is None or not is_hit(state) or not self._readers.is_stale(state, entry.value):
            return None
        return f"a hit gives {named(entry.value)}, where it must show {named(self._owed(state))}"

    def successors(self, state: State) -> Iterator[Step]:
        """Give what may happen."""
        for label, following in self._steps(state):
            yield label, self._normal(following)

    def _steps(self, state: State) -> Iterator[Step]:
        for index in range(len(state.phases)):
            yield from self._writers.steps(state, index)
        yield from self._lose(state)
        yield from self._readers.steps(state)

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
        if self._rules.before is Before.ANNOUNCE and state.boot is not Boot.MISSING:
            yield "Redis loses the pending HASH", without_hash(state)
        for place, noted in enumerate(() if self._rules.one_hash else state.pending):
            if noted:
                pending = (*state.pending[:place], (), *state.pending[place + 1 :])
                yield f"Redis loses key {place} of those noted", state._replace(pending=pending)
        if state.boot is Boot.COLD and not (state.unheard and self._rules.in_time):
            yield "W is over", state._replace(boot=Boot.WARM)

    def _normal(self, state: State) -> State:
        """Give equal states for what cannot be told apart."""
        entry, tags, flights = state.entry, state.tags, list(state.flights)
        if self._rules.random:
            entry = entry if is_hit(state) else None
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
            or (rules.waits and flight.unseen >= 0 and not flight.is_over)
        )
        return HOPELESS if is_hopeless else flight

"""A model of processes whose links to Redis come and go: outbox, trust, memory of their own.

It follows `storehaus.cache.announcement`, `poll`, `core` and `local`. Time goes by in ticks, at any
moment; a poll begins when it likes, and takes as long as it likes up to T. What `shared` has
checked is one step here: a lease is given only while no transaction is under way that Redis has
heard of.
"""

from collections.abc import Iterator

from model_check.links import (
    GONE,
    NOTHING,
    TRUST,
    WAITS,
    Conduct,
    Flight,
    Phase,
    Process,
    Stage,
    State,
    Step,
    Write,
    dropped,
    forgetting,
    is_trusted,
    older,
    visible,
    with_process,
    with_write,
)
from model_check.polls import Polls

__all__ = ["Partition"]


class Partition:
    """The model.

    Args:
        conduct: Who takes part, and how they go about it.
        bound: Ticks; a read may lack what is visible for less than that.
    """

    def __init__(self, conduct: Conduct, *, bound: int = TRUST) -> None:
        self._conduct = conduct
        self._bound = bound
        self._polls = Polls(conduct)
        self.initial = State(
            writes=(Write(),) * len(conduct.homes),
            stored=NOTHING,
            # Of a process that does not read it matters only what it writes and applies.
            processes=tuple(
                Process(polled=2 * TRUST if each.reads else 0) for each in conduct.roles
            ),
        )

    def check(self, state: State) -> str | None:
        """Say what is wrong with a state."""
        if state.misled:
            return "whoever joined that read is given too old an answer"
        for place, process in enumerate(state.processes):
            if not self._conduct.roles[place].reads or not self._may_hit(process):
                continue
            if self._is_late(state, place, process.local):
                return f"P{place} gives what it keeps in memory, and that is too old"
            is_linked = process.is_linked and self._conduct.roles[place].has_redis
            if is_linked and self._is_late(state, place, state.stored):
                return f"P{place} gives what Redis keeps, and that is too old"
        return None

    def successors(self, state: State) -> Iterator[Step]:
        """Give what may happen."""
        yield "a tick", self._tick(state)
        if state.stored != NOTHING:
            yield "Redis loses the entry", state._replace(stored=NOTHING)
        for index in range(len(state.writes)):
            yield from self._write(state, index)
        for place, role in enumerate(self._conduct.roles):
            process = state.processes[place]
            if role.fails and role.reads and role.has_redis:
                turned = "loses" if process.is_linked else "finds"
                linked = process._replace(is_linked=not process.is_linked)
                yield f"P{place}: {turned} Redis", with_process(state, place, linked)
            yield from self._polls.steps(state, place)
            if role.reads:
                yield from self._read(state, place)

    # --- what everybody may use

    def _may_hit(self, process: Process) -> bool:
        return is_trusted(process.polled, self._conduct) and not process.bypass

    def _is_late(self, state: State, place: int, value: int) -> bool:
        """Say whether a value lacks what is visible for too long, or what this process wrote."""
        return value != NOTHING and any(
            write.phase is Phase.COMMITTED
            and not value >> index & 1
            and (
                write.age >= self._bound
                or (write.is_answered and self._conduct.homes[index] == place)
            )
            for index, write in enumerate(state.writes)
        )

    def _is_blocked(self, state: State, place: int) -> bool:
        return any(
            write.phase is Phase.ANNOUNCED and self._conduct.homes[index] == place
            for index, write in enumerate(state.writes)
        )

    # --- time

    def _tick(self, state: State) -> State:
        return state._replace(
            writes=tuple(map(self._older, state.writes)),
            processes=tuple(
                older(process) if role.reads else process
                for process, role in zip(state.processes, self._conduct.roles, strict=True)
            ),
        )

    def _older(self, write: Write) -> Write:
        age = write.age + 1 if write.phase is Phase.COMMITTED else 0
        row = write.row + 1 if write.row >= 0 else write.row
        return write._replace(age=min(age, TRUST), row=min(row, self._conduct.retain))

    # --- writers

    def _write(self, state: State, index: int) -> Iterator[Step]:
        write, name = state.writes[index], f"P{self._conduct.homes[index]}: W{index + 1}"
        if write.phase is Phase.IDLE and all(
            each.phase >= Phase.COMMITTED for each in state.writes[:index]
        ):
            yield f"{name} writes", with_write(state, index, write._replace(phase=Phase.WRITTEN))
        elif write.phase is Phase.WRITTEN:
            role = self._conduct.roles[self._conduct.homes[index]]
            is_linked = state.processes[self._conduct.homes[index]].is_linked
            yield self._announce(state, index, name, is_heard=is_linked)
            if role.fails and not role.reads:
                # Its link is no part of the state: it may be there or not at any time.
                yield self._announce(state, index, name, is_heard=False)
        elif write.phase is Phase.ANNOUNCED:
            done = _committed(write)._replace(is_answered=True)
            yield f"{name} is committed", self._end(state, index, done)
            if self._conduct.answers_get_lost:
                unknown = write._replace(phase=Phase.UNKNOWN)
                yield f"{name} has lost the answer to its COMMIT", self._end(state, index, unknown)
            undone = Write(phase=Phase.ABORTED)
            yield f"{name} is rolled back", self._end(state, index, undone)
        elif write.phase is Phase.UNKNOWN:
            yield f"{name} is committed after all", with_write(state, index, _committed(write))

    def _announce(self, state: State, index: int, name: str, *, is_heard: bool) -> Step:
        conduct = self._conduct
        place = conduct.homes[index]
        process = state.processes[place]
        is_heard = is_heard and conduct.roles[place].has_redis
        has_row = not is_heard or conduct.has_local or not is_trusted(process.polled, self._conduct)
        if not is_heard and self._keeps_off(place) and not conduct.bypasses_from_end:
            process = process._replace(bypass=TRUST)
        state = with_process(state, place, forgetting(process))
        if is_heard:
            state = dropped(state)
        write = state.writes[index]._replace(
            phase=Phase.ANNOUNCED, is_heard=is_heard, has_row=has_row and conduct.outbox
        )
        told = "Redis" if is_heard else "the outbox"
        return f"{name} tells {told}", with_write(state, index, write)

    def _end(self, state: State, index: int, write: Write) -> State:
        """The transaction is over, or nobody knows: nothing is blocked any more."""
        place = self._conduct.homes[index]
        process = forgetting(state.processes[place])
        is_unheard = not state.writes[index].is_heard and self._conduct.bypasses_from_end
        if self._keeps_off(place) and (is_unheard or write.phase is Phase.UNKNOWN):
            process = process._replace(bypass=TRUST)
        return with_process(with_write(state, index, write), place, process)

    def _keeps_off(self, place: int) -> bool:
        role = self._conduct.roles[place]
        return self._conduct.bypasses and role.has_redis and role.reads

    # --- readers

    def _read(self, state: State, place: int) -> Iterator[Step]:
        process = state.processes[place]
        flight = process.flight
        if flight is None:
            if self._may_hit(process) and process.local == NOTHING:
                yield from self._begin(state, place, process)
        elif flight.stage is Stage.OPENED:
            read = flight._replace(stage=Stage.READ, value=visible(state))
            yield f"P{place}: SELECT", with_process(state, place, process._replace(flight=read))
        elif flight.stage is Stage.READ:
            yield f"P{place}: fills", self._fill(state, place, process, flight)
        else:
            yield f"P{place}: keeps it in memory", self._keep(state, place, process, flight)

    def _begin(self, state: State, place: int, process: Process) -> Iterator[Step]:
        conduct = self._conduct
        has_ticket = conduct.keeps_memory(place) and not self._is_blocked(state, place)
        if not conduct.roles[place].has_redis:
            leader = process._replace(flight=Flight(Stage.OPENED, False, has_ticket, 0))
            yield f"P{place}: misses", with_process(state, place, leader)
        elif process.is_linked and state.stored != NOTHING:
            if has_ticket:
                hit = process._replace(flight=Flight(Stage.ARRIVES, False, True, state.stored))
                yield f"P{place}: hits", with_process(state, place, hit)
        elif process.is_linked and not self._is_held(state):
            leader = process._replace(flight=Flight(Stage.OPENED, True, has_ticket, 0))
            yield f"P{place}: gets a lease", with_process(state, place, leader)

    def _is_held(self, state: State) -> bool:
        """Say whether there is a lease, or a transaction under way that forbids one."""
        flights = [each.flight for each in state.processes]
        return any(each is not None and each.holds for each in flights) or any(
            each.is_heard and each.phase in {Phase.ANNOUNCED, Phase.UNKNOWN}
            for each in state.writes
        )

    def _fill(self, state: State, place: int, process: Process, flight: Flight) -> State:
        """Store it, right after nobody can join any more."""
        nothing = with_process(state, place, process._replace(flight=None))
        has_redis = self._conduct.roles[place].has_redis
        if has_redis and not (flight.holds and process.is_linked):
            return nothing
        if has_redis:
            arrives = flight._replace(stage=Stage.ARRIVES, holds=False)
            state = with_process(state, place, process._replace(flight=arrives))._replace(
                stored=flight.value
            )
        elif flight.has_ticket:
            state = self._keep(state, place, process, flight)
        else:
            return nothing
        is_late = self._may_hit(process) and self._is_late(state, place, flight.value)
        return state._replace(misled=is_late and self._conduct.shares)

    def _keep(self, state: State, place: int, process: Process, flight: Flight) -> State:
        is_kept = self._conduct.keeps_memory(place) and (
            flight.has_ticket or not self._conduct.tickets
        )
        local = flight.value if is_kept else process.local
        return with_process(state, place, process._replace(flight=None, local=local))


def _committed(write: Write) -> Write:
    row = WAITS if write.has_row else GONE
    return Write(phase=Phase.COMMITTED, row=row)

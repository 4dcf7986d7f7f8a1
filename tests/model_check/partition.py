"""A model of processes whose links to Redis come and go: outbox, trust, memory of their own.

It follows `storehaus.cache.announcement`, `poll`, `core` and `local`. Time goes by in ticks, at any
moment; a poll begins when it likes, and takes as long as it likes up to T. What `shared` has checked
is one step here: a lease is given only while no transaction is under way that Redis has heard of.
"""

from collections.abc import Iterator
from typing import TypeAlias

from model_check.links import (
    GONE,
    NOTHING,
    TRUST,
    WAITS,
    Conduct,
    Flight,
    Phase,
    Poll,
    PollStage,
    Process,
    Stage,
    State,
    Write,
    visible,
)

__all__ = ["Partition"]

Step: TypeAlias = tuple[str, State]


class Partition:
    """The model.

    Args:
        conduct: Who takes part, and how they go about it.
        bound: Ticks; a read may lack what is visible for less than that.
    """

    def __init__(self, conduct: Conduct, *, bound: int = TRUST) -> None:
        self._conduct = conduct
        self._bound = bound
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
            if process.is_linked and self._is_late(state, place, state.stored):
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
            if role.fails and role.reads and self._conduct.has_redis:
                turned = "loses" if process.is_linked else "finds"
                linked = process._replace(is_linked=not process.is_linked)
                yield f"P{place}: {turned} Redis", _with(state, place, linked)
            yield from self._poll(state, place)
            if role.reads:
                yield from self._read(state, place)

    # --- what everybody may use

    def _is_trusted(self, ticks: int) -> bool:
        return ticks < TRUST or not self._conduct.trusts_polls

    def _may_hit(self, process: Process) -> bool:
        return self._is_trusted(process.polled) and not process.bypass

    def _is_late(self, state: State, place: int, value: int) -> bool:
        """Say whether a value lacks what is visible for too long, or what this process wrote."""
        return value != NOTHING and any(
            write.phase is Phase.COMMITTED
            and not value >> index & 1
            and (write.age >= self._bound or self._conduct.homes[index] == place)
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
                _later(process) if role.reads else process
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
            yield f"{name} writes", _with_write(state, index, write._replace(phase=Phase.WRITTEN))
        elif write.phase is Phase.WRITTEN:
            role = self._conduct.roles[self._conduct.homes[index]]
            is_linked = state.processes[self._conduct.homes[index]].is_linked
            for heard in {is_linked, is_linked and (role.reads or not role.fails)}:
                yield self._announce(state, index, name, is_heard=heard)
        elif write.phase is Phase.ANNOUNCED:
            row = WAITS if write.has_row else GONE
            done = write._replace(phase=Phase.COMMITTED, row=row, has_row=False)
            yield f"{name} is committed", self._end(state, index, done)
            undone = Write(phase=Phase.ABORTED)
            yield f"{name} is rolled back", self._end(state, index, undone)

    def _announce(self, state: State, index: int, name: str, *, is_heard: bool) -> Step:
        conduct = self._conduct
        place = conduct.homes[index]
        process = state.processes[place]
        is_heard = is_heard and conduct.has_redis
        has_row = not is_heard or conduct.has_local or not self._is_trusted(process.polled)
        if not is_heard and self._keeps_off(place):
            process = process._replace(bypass=TRUST)
        state = _with(state, place, _forgetting(process))
        if is_heard:
            state = _dropped(state)
        write = state.writes[index]._replace(
            phase=Phase.ANNOUNCED, is_heard=is_heard, has_row=has_row and conduct.outbox
        )
        told = "Redis" if is_heard else "the outbox"
        return f"{name} tells {told}", _with_write(state, index, write)

    def _end(self, state: State, index: int, write: Write) -> State:
        conduct = self._conduct
        place = conduct.homes[index]
        process = _forgetting(state.processes[place])
        if not write.is_heard and conduct.bypasses_from_end and self._keeps_off(place):
            process = process._replace(bypass=TRUST)
        return _with(_with_write(state, index, write), place, process)

    def _keeps_off(self, place: int) -> bool:
        conduct = self._conduct
        return conduct.bypasses and conduct.has_redis and conduct.roles[place].reads

    # --- the outbox

    def _poll(self, state: State, place: int) -> Iterator[Step]:
        process = state.processes[place]
        if process.poll is not None:
            label, following = self._next(state, place, process, process.poll)
            yield f"P{place}: {label}", following
            return
        state = _with(state, place, process._replace(poll=Poll(PollStage.READS, 0, 0)))
        if self._conduct.roles[place].reads:
            yield f"P{place}: begins to poll", state
            return
        while (poll := state.processes[place].poll) is not None:
            _, state = self._next(state, place, state.processes[place], poll)
        yield f"P{place}: polls", state

    def _next(self, state: State, place: int, process: Process, poll: Poll) -> Step:
        first, then = PollStage.DROPS_LOCAL, PollStage.DROPS_REDIS
        if self._conduct.drops_local_last:
            first, then = then, first
        following = {first: then, then: PollStage.ENDS}
        match poll.stage:
            case PollStage.READS:
                rows = sum(1 << i for i, write in enumerate(state.writes) if write.row != GONE)
                stage = first if rows & ~process.applied else PollStage.ENDS
                read = process._replace(poll=Poll(stage, poll.age, rows))
                return "reads the outbox", _with(state, place, read)
            case PollStage.DROPS_LOCAL:
                gone = _forgetting(process)._replace(poll=poll._replace(stage=following[first]))
                if self._conduct.drops_local_last:
                    gone = gone._replace(poll=poll._replace(stage=PollStage.ENDS))
                return "drops what it keeps in memory", _with(state, place, gone)
            case PollStage.DROPS_REDIS:
                return self._drop_in_redis(state, place, process, following[PollStage.DROPS_REDIS])
            case PollStage.ENDS:
                return "ends its poll", self._finish(state, place, process, poll)

    def _drop_in_redis(self, state: State, place: int, process: Process, then: PollStage) -> Step:
        if not self._conduct.has_redis:
            following = process._replace(poll=process.poll and process.poll._replace(stage=then))
            return "has no Redis", _with(state, place, following)
        if not process.is_linked:
            return "fails to poll", _with(state, place, process._replace(poll=None))
        following = process._replace(poll=process.poll and process.poll._replace(stage=then))
        return "drops what Redis keeps", _dropped(_with(state, place, following))

    def _finish(self, state: State, place: int, process: Process, poll: Poll) -> State:
        if self._conduct.flushes and not self._is_trusted(process.polled - poll.age):
            process = _forgetting(process)
        process = process._replace(poll=None, polled=poll.age, applied=poll.rows)
        if poll.rows:
            writes = tuple(
                self._marked(write, is_known=bool(poll.rows >> index & 1))
                for index, write in enumerate(state.writes)
            )
            state = state._replace(writes=writes)
        return _with(state, place, process)

    def _marked(self, write: Write, *, is_known: bool) -> Write:
        if write.row >= self._conduct.retain:
            return write._replace(row=GONE)
        if write.row == WAITS and is_known:
            return write._replace(row=0 if self._conduct.retain else GONE)
        return write

    # --- readers

    def _read(self, state: State, place: int) -> Iterator[Step]:
        process = state.processes[place]
        flight = process.flight
        if flight is None:
            if self._may_hit(process) and process.local == NOTHING:
                yield from self._begin(state, place, process)
        elif flight.stage is Stage.OPENED:
            read = flight._replace(stage=Stage.READ, value=visible(state))
            yield f"P{place}: SELECT", _with(state, place, process._replace(flight=read))
        elif flight.stage is Stage.READ:
            yield f"P{place}: fills", self._fill(state, place, process, flight)
        else:
            yield f"P{place}: keeps it in memory", self._keep(state, place, process, flight)

    def _begin(self, state: State, place: int, process: Process) -> Iterator[Step]:
        conduct = self._conduct
        has_ticket = conduct.has_local and not self._is_blocked(state, place)
        if not conduct.has_redis:
            opened = Flight(Stage.OPENED, True, has_ticket, 0)
            yield f"P{place}: misses", _with(state, place, process._replace(flight=opened))
        elif process.is_linked and state.stored != NOTHING:
            arrives = Flight(Stage.ARRIVES, False, True, state.stored)
            if has_ticket:
                yield f"P{place}: hits", _with(state, place, process._replace(flight=arrives))
        elif process.is_linked and not self._is_held(state):
            opened = Flight(Stage.OPENED, True, has_ticket, 0)
            yield f"P{place}: gets a lease", _with(state, place, process._replace(flight=opened))

    def _is_held(self, state: State) -> bool:
        return any(
            each.flight is not None and each.flight.holds for each in state.processes
        ) or any(write.phase is Phase.ANNOUNCED and write.is_heard for write in state.writes)

    def _fill(self, state: State, place: int, process: Process, flight: Flight) -> State:
        nothing = _with(state, place, process._replace(flight=None))
        if not flight.holds or (self._conduct.has_redis and not process.is_linked):
            return nothing
        if self._conduct.has_redis:
            arrives = flight._replace(stage=Stage.ARRIVES, holds=False)
            state = _with(state, place, process._replace(flight=arrives))._replace(
                stored=flight.value
            )
        elif flight.has_ticket:
            state = self._keep(state, place, process, flight)
        else:
            return nothing
        misled = self._may_hit(process) and self._is_late(state, place, flight.value)
        return state._replace(misled=misled)

    def _keep(self, state: State, place: int, process: Process, flight: Flight) -> State:
        is_kept = self._conduct.has_local and (flight.has_ticket or not self._conduct.tickets)
        local = flight.value if is_kept else process.local
        return _with(state, place, process._replace(flight=None, local=local))


def _later(process: Process) -> Process:
    poll = process.poll
    if poll is not None:
        poll = None if poll.age == TRUST else poll._replace(age=poll.age + 1)
    return process._replace(
        polled=min(process.polled + 1, 2 * TRUST), poll=poll, bypass=max(process.bypass - 1, 0)
    )


def _forgetting(process: Process) -> Process:
    """Drop what is in memory, and the ticket of who would put it there."""
    flight = process.flight
    return process._replace(
        local=NOTHING, flight=None if flight is None else flight._replace(has_ticket=False)
    )


def _dropped(state: State) -> State:
    """Drop the entry and its lease, in Redis."""
    processes = tuple(
        each if each.flight is None else each._replace(flight=each.flight._replace(holds=False))
        for each in state.processes
    )
    return state._replace(stored=NOTHING, processes=processes)


def _with(state: State, place: int, process: Process) -> State:
    processes = (*state.processes[:place], process, *state.processes[place + 1 :])
    return state._replace(processes=processes)


def _with_write(state: State, index: int, write: Write) -> State:
    return state._replace(writes=(*state.writes[:index], write, *state.writes[index + 1 :]))

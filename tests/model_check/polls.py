"""What a poll of the outbox does, in the model of processes whose links to Redis fail."""

from collections.abc import Iterator

from model_check.links import (
    GONE,
    WAITS,
    Conduct,
    Poll,
    PollStage,
    Process,
    State,
    Step,
    Write,
    dropped,
    forgetting,
    is_trusted,
    with_process,
)

__all__ = ["Polls"]


class Polls:
    """The polls of all processes.

    Args:
        conduct: How processes go about it.
    """

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        order = [PollStage.DROPS_LOCAL, PollStage.DROPS_REDIS]
        if conduct.drops_local_last:
            order.reverse()
        self._first = order[0]
        self._after = {order[0]: order[1], order[1]: PollStage.ENDS}

    def steps(self, state: State, place: int) -> Iterator[Step]:
        """Give what the poll of a process may do next."""
        process = state.processes[place]
        if process.poll is not None:
            label, following = self._next(state, place, process.poll)
            yield f"P{place}: {label}", following
            return
        begun = process._replace(poll=Poll(PollStage.READS, 0, 0))
        state = with_process(state, place, begun)
        if self._conduct.roles[place].reads:
            yield f"P{place}: begins to poll", state
            return
        while (poll := state.processes[place].poll) is not None:
            _, state = self._next(state, place, poll)
        yield f"P{place}: polls", state

    def _next(self, state: State, place: int, poll: Poll) -> Step:
        process = state.processes[place]
        match poll.stage:
            case PollStage.READS:
                return "reads the outbox", self._read(state, place, poll)
            case PollStage.DROPS_LOCAL:
                process = forgetting(self._going_on(process, poll))
                return "drops what it keeps in memory", with_process(state, place, process)
            case PollStage.DROPS_REDIS:
                return self._drop_in_redis(state, place, poll)
            case PollStage.ENDS:
                return "ends its poll", self._finish(state, place, poll)

    def _going_on(self, process: Process, poll: Poll) -> Process:
        return process._replace(poll=poll._replace(stage=self._after[poll.stage]))

    def _read(self, state: State, place: int, poll: Poll) -> State:
        rows = _rows(state)
        process = state.processes[place]
        stage = self._first if rows & ~process.applied else PollStage.ENDS
        return with_process(state, place, process._replace(poll=Poll(stage, poll.age, rows)))

    def _drop_in_redis(self, state: State, place: int, poll: Poll) -> Step:
        process = state.processes[place]
        has_redis = self._conduct.roles[place].has_redis
        if has_redis and not process.is_linked:
            return "fails to poll", with_process(state, place, process._replace(poll=None))
        state = with_process(state, place, self._going_on(process, poll))
        return "drops what Redis keeps", dropped(state) if has_redis else state

    def _finish(self, state: State, place: int, poll: Poll) -> State:
        process = state.processes[place]
        if self._conduct.flushes and not is_trusted(process.polled - poll.age, self._conduct):
            process = forgetting(process)
        process = process._replace(poll=None, polled=poll.age, applied=poll.rows)
        # Where Redis is used, only who has it can say that it has heard.
        if poll.rows and self._conduct.uses_redis <= self._conduct.roles[place].has_redis:
            writes = tuple(
                self._marked(write, is_known=bool(poll.rows >> index & 1))
                for index, write in enumerate(state.writes)
            )
            state = _with_rows(state, writes)
        return with_process(state, place, process._replace(applied=process.applied & _rows(state)))

    def _marked(self, write: Write, *, is_known: bool) -> Write:
        """MARK: note when a row was applied first, and let old ones go."""
        if write.row >= self._conduct.retain:
            return write._replace(row=GONE)
        if write.row == WAITS and is_known:
            return write._replace(row=0 if self._conduct.retain else GONE)
        return write


def _rows(state: State) -> int:
    """Give the writes that have a row in the outbox."""
    return sum(1 << i for i, write in enumerate(state.writes) if write.row != GONE)


def _with_rows(state: State, writes: tuple[Write, ...]) -> State:
    """Change rows of the outbox; nobody needs to know of those that are gone."""
    state = state._replace(writes=writes)
    rows = _rows(state)
    processes = tuple(each._replace(applied=each.applied & rows) for each in state.processes)
    return state._replace(processes=processes)

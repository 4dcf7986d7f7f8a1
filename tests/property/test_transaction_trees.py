"""Any tree of blocks leaves the rows and the effects that a model of it foretells."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fix_haus import Label, config_of
from storehaus import DatabaseError, Plugin, StoreHaus, Transaction

Run = Callable[[Coroutine[Any, Any, Any]], Any]

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


@dataclass(frozen=True)
class Create:
    """Creates rows; a key that is there already is an error, which the block catches or not."""

    keys: tuple[str, ...]
    caught: bool


@dataclass(frozen=True)
class Callback:
    """Asks for a callback, on a block so many levels further out."""

    kind: str
    line: int
    out: int


@dataclass(frozen=True)
class Block:
    """A block within, whose errors the block around it catches."""

    steps: "tuple[Step, ...]"
    stops: bool


Step = Create | Callback | Block

creates = st.builds(
    Create,
    keys=st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=3, unique=True).map(tuple),
    caught=st.booleans(),
)
callbacks = st.builds(
    Callback,
    kind=st.sampled_from(["commit", "rollback"]),
    line=st.integers(0, 99),
    out=st.integers(0, 2),
)
blocks = st.recursive(
    st.builds(
        Block, steps=st.lists(creates | callbacks, max_size=4).map(tuple), stops=st.booleans()
    ),
    lambda inner: st.builds(
        Block,
        steps=st.lists(creates | callbacks | inner, max_size=5).map(tuple),
        stops=st.sampled_from([False, False, True]),
    ),
    max_leaves=6,
)


@dataclass
class _Entry:
    """A callback that the model was asked for, and every block that it depends on."""

    path: tuple[int, ...]
    kind: str
    line: str
    is_alive: bool = True


@dataclass
class Forecast:
    """What PostgreSQL and the documentation say that a tree leaves."""

    rows: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    _entries: list[_Entry] = field(default_factory=list)
    _count: int = 0

    def run(self, root: Block) -> None:
        """Foretell a whole transaction."""
        try:
            self._block(root, ())
        except (Stop, DatabaseError):
            self.seen["transaction rolled back"] += 1
            return
        self.seen["transaction committed"] += 1
        self._fire("commit", ())

    def _block(self, block: Block, outer: tuple[int, ...]) -> None:
        self._count += 1
        path = (*outer, self._count)
        before = set(self.rows)
        try:
            if self._steps(block, path):
                raise DatabaseError
            if block.stops:
                raise Stop
        except (Stop, DatabaseError):
            self.rows = before
            self._fire("rollback", path)
            for entry in self._entries:
                entry.is_alive &= entry.path[: len(path)] != path
            raise

    def _steps(self, block: Block, path: tuple[int, ...]) -> bool:
        """Run steps; give whether a statement has failed whose error was caught."""
        failed = False
        for step in block.steps:
            if isinstance(step, Callback):
                end = max(1, len(path) - step.out)
                self._entries.append(_Entry(path[:end], step.kind, str(step.line)))
            elif isinstance(step, Block):
                failed = failed or self._inner(step, path)
            elif failed or self.rows & set(step.keys):
                # Several rows are kept whole by a savepoint, which the error does not outlive.
                failed = failed or len(step.keys) == 1
                self.seen["error"] += 1
                if not step.caught:
                    raise DatabaseError
            else:
                self.rows |= set(step.keys)
                self._entries.append(_Entry(path, "commit", "".join(step.keys)))
        return failed

    def _inner(self, block: Block, path: tuple[int, ...]) -> bool:
        try:
            self._block(block, path)
        except (Stop, DatabaseError):
            self.seen["savepoint rolled back"] += 1
        else:
            self.seen["savepoint released"] += 1
        return False

    def _fire(self, kind: str, path: tuple[int, ...]) -> None:
        for entry in self._entries:
            if entry.is_alive and entry.kind == kind and entry.path[: len(path)] == path:
                self.lines.append(entry.line)
                self.seen[kind] += 1


class Real(Plugin):
    """The same on a server."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def after_commit(self, outcome: Any) -> None:
        """Write down which keys were created."""
        self.lines.append("".join(each.key for each in outcome.models))

    async def run(self, haus: StoreHaus, root: Block) -> None:
        """Run a whole transaction."""
        await haus.store(Label).delete_where(Label.key != "", everything=True)
        self.lines.clear()
        await self._block(haus, root, ())

    async def _block(self, haus: StoreHaus, block: Block, outer: tuple[Transaction, ...]) -> None:
        try:
            async with haus.transaction() as tx:
                for step in block.steps:
                    await self._step(haus, step, (*outer, tx))
                if block.stops:
                    raise Stop
        except (Stop, DatabaseError):
            return

    async def _step(self, haus: StoreHaus, step: Step, open_: tuple[Transaction, ...]) -> None:
        if isinstance(step, Block):
            await self._block(haus, step, open_)
        elif isinstance(step, Callback):
            tx = open_[max(0, len(open_) - 1 - step.out)]
            register = tx.on_commit if step.kind == "commit" else tx.on_rollback
            register(lambda: self.lines.append(str(step.line)))
        else:
            labels = haus.store(Label)
            try:
                await labels.create_many([Label(key=key, value="") for key in step.keys])
            except DatabaseError:
                if not step.caught:
                    raise


@pytest.fixture
def run(tables_url: str) -> Iterator[Run]:
    """Runs coroutines, one after the other, in one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


def test_tree_of_blocks_is_what_the_model_foretells(tables_url: str, run: Run) -> None:
    """Rows, effects and their order; each kind of ending occurs often."""
    real = Real()
    haus = StoreHaus(config_of(tables_url), plugins=[real])
    seen: Counter[str] = Counter()

    @QUIET
    @given(blocks)
    def check(root: Block) -> None:
        forecast = Forecast()
        forecast.run(root)
        run(real.run(haus, root))
        keys = {each.key for each in run(haus.store(Label).list_all())}

        assert keys == forecast.rows
        assert real.lines == forecast.lines
        seen.update(forecast.seen)

    run(haus.open())
    try:
        check()
    finally:
        run(haus.close())
    kinds = ["commit", "error", "rollback", "savepoint released", "savepoint rolled back"]
    assert all(seen[kind] >= 10 for kind in [*kinds, "transaction committed"]), seen

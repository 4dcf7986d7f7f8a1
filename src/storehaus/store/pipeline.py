"""The one way into the database. Read this file first.

Every write, whatever verb it came from, runs through `write`, in this order:

    validate → hooks and plug-ins: before → compile (checks again what they altered)
             → execute, RETURNING what changed → rows to models
             → plug-ins: after (inside the transaction) → commit → plug-ins: after_commit

A verb is a `Write`: it knows what to send and how to read what came back, and nothing of plug-ins,
transactions and errors. So no verb can skip a hook. Inside of `haus.transaction()` a write joins
it, and after_commit waits for its end.

What a write brings about (`FollowUps`: a delete that cascades) are writes too. They run after it in
one transaction, each on the same way, and may bring about more.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from storehaus.driver import Row
from storehaus.errors import CommitUnknown
from storehaus.model import Model
from storehaus.store.batch import Batch, SingleStatement
from storehaus.store.change import Change, Hook, Outcome
from storehaus.store.database import Database
from storehaus.store.running import run_alone, run_plain, run_within
from storehaus.store.sending import Fetch, fetch_on
from storehaus.store.transaction import Transaction, Unit
from storehaus.store.write_batcher import WriteBatcher

__all__ = ["FollowUps", "Hook", "Step", "Write", "before", "within", "write"]

M = TypeVar("M", bound=Model)


class Write(Protocol[M]):
    """One verb at work."""

    change: Change[M]

    def compile(self) -> Sequence[SingleStatement]:
        """Check `change` and give what is to be sent, in order.

        Raises:
            ValidationError: When a value does not fit.
            QueryError: When the change cannot mean anything.
        """
        ...

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Read what came back, one result per batch.

        Raising rolls the write back, unless it was one statement alone, which is durable by then:
        only triggers and rules that swallow single rows of a batch can bring that about.

        Args:
            results: The rows that each batch returned.
            fetch: Runs a statement where the write ran, to find out why rows are missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """A write that another one brings about.

    Attributes:
        work: The verb.
        hooks: The `before_...` hooks of its store.
    """

    work: Write[Any]
    hooks: Sequence[Hook]


FollowUps = Callable[[Outcome[Any], Fetch], AsyncGenerator[Step]]
"""Gives what an outcome brings about. Each step has run when the next one is asked for."""


async def write(
    database: Database,
    work: Write[M],
    hooks: Sequence[Hook] = (),
    follow_ups: FollowUps | None = None,
    batcher: WriteBatcher | None = None,
) -> Outcome[M]:
    """Run one write.

    Args:
        database: Where it runs, with its plug-ins.
        work: The verb.
        hooks: The store's own `before_...` hooks.
        follow_ups: What it and its follow-ups bring about; None is nothing.
        batcher: Lets writes of one row share statements outside of transactions; None does not.

    Returns:
        The outcome of the write itself.
    """
    unit = database.joined()
    batches = work.compile()
    if hooks or database.first:
        batches = await _recompiled(database, work, hooks)
    await database.acts()
    if batcher is None or unit is not None or follow_ups is not None or len(batches) != 1:
        return await _run(database, unit, work, batches, follow_ups)
    turn = batcher.turn(work, batches[0])
    try:
        outcome = None
        if turn.waiter is not None:
            try:
                outcome = await turn.waiter
            except asyncio.CancelledError:
                turn.give_up()
                raise
            except CommitUnknown:
                database.lose(work.change)
                raise
            if outcome is None:
                turn.go()
        if outcome is None:
            return await _run(database, None, work, batches, over=turn.end)
    finally:
        turn.end()
    if database.tells:
        await database.tell(outcome)
    return outcome


async def _run(
    database: Database,
    unit: Unit | None,
    work: Write[M],
    batches: Sequence[SingleStatement],
    follow_ups: FollowUps | None = None,
    *,
    over: Callable[[], None] | None = None,
) -> Outcome[M]:
    """Run a write by statements of its own; `over` is called as soon as it is durable."""
    if follow_ups is not None or not _is_alone(database, unit, batches):
        # Verbs join it where hooks run inside: anywhere else they would wait for its locks.
        opened = database.write_block() if follow_ups is None else database.transaction()
        async with opened as block:
            savepoint = block.savepoint if len(batches) == 1 else None
            outcome = await _execute(database, block, work, batches, savepoint)
            if over is not None:
                block.on_commit(over)
            database.announce(outcome, block)
            if follow_ups is not None:
                await _follow(database, block, outcome, follow_ups)
        return outcome
    if unit is not None:
        rows = await run_plain(unit, batches[0])
        outcome = await work.finish([rows], database.fetch)
        database.announce(outcome, unit.innermost)
        return outcome
    try:
        rows = await run_alone(database, batches[0])
    except CommitUnknown:
        database.lose(work.change)
        raise
    outcome = await work.finish([rows], database.fetch)
    if over is not None:
        over()
    await database.tell(outcome)
    return outcome


async def within(
    database: Database, block: Transaction, work: Write[M], hooks: Sequence[Hook]
) -> Outcome[M]:
    """Run one write as part of a block; `after_commit` is left to whoever opened that."""
    batches = work.compile()
    if hooks or database.first:
        batches = await _recompiled(database, work, hooks)
    return await _execute(database, block, work, batches)


async def _follow(
    database: Database, block: Transaction, first: Outcome[Any], follow_ups: FollowUps
) -> None:
    waiting = deque([first])
    fetch = fetch_on(block.unit.connection)
    while waiting:
        async with aclosing(follow_ups(waiting.popleft(), fetch)) as steps:
            async for step in steps:
                outcome = await within(database, block, step.work, step.hooks)
                database.announce(outcome, block)
                waiting.append(outcome)


async def before(database: Database, change: Change[Any], hooks: Sequence[Hook]) -> None:
    """Show a change to the hooks, then to the plug-ins."""
    for hook in hooks:
        await hook(change)
    for plugin in database.first:
        await plugin.before(change)


async def _recompiled(
    database: Database, work: Write[M], hooks: Sequence[Hook]
) -> Sequence[SingleStatement]:
    """Let hooks and plug-ins see a change that fits, and compile what they made of it."""
    await before(database, work.change, hooks)
    return work.compile()


def _is_alone(database: Database, unit: Unit | None, batches: Sequence[SingleStatement]) -> bool:
    """Whether a write needs no transaction around it but the server's own, or the open one."""
    if len(batches) != 1 or database.joined_by_plugins(batches[0].info):
        return False
    # In a transaction an error of one row fails it, as in PostgreSQL. Several rows are kept whole.
    return unit is None or batches[0].size == 1


async def _execute(
    database: Database,
    block: Transaction,
    work: Write[M],
    batches: Sequence[SingleStatement],
    savepoint: str | None = None,
) -> Outcome[M]:
    connection = block.unit.connection
    results = [await run_within(block.unit, batch, savepoint) for batch in batches]
    outcome = await work.finish(results, fetch_on(connection))
    if database.plugins:
        block.unit.transaction_id = block.unit.transaction_id or _transaction_id(batches, results)
        for plugin in database.plugins:
            await plugin.after(outcome, connection)
            plugin.observe(outcome, block.unit)
    return outcome


def _transaction_id(
    batches: Sequence[Batch], results: Sequence[Sequence[Row]]
) -> Sequence[int] | None:
    """Give what statements return behind the columns of a cached table."""
    info = batches[0].info if batches else None
    if info is None or info.cache is None:
        return None
    first = next((rows[0] for rows in results if rows), ())
    place = len(info.columns)
    return first[place] if len(first) > place else None

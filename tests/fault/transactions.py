"""Transactions that are disturbed at each of their awaits, and what must hold afterwards."""

from collections.abc import Awaitable, Callable
from typing import Any

from fix_haus import Draft
from storehaus import GenericStore, SerializationFailure, StoreHaus

Effects = list[str]
Work = Callable[[StoreHaus, Effects], Awaitable[Any]]

BEFORE = [(1, "old"), (2, "old")]


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


def drafts_of(haus: StoreHaus) -> GenericStore[Draft]:
    """The store."""
    return haus.store(Draft)


async def run_verbs(haus: StoreHaus, effects: Effects) -> None:
    """Several verbs, one of which fails and is undone."""
    drafts = drafts_of(haus)
    async with haus.transaction(timeout_seconds=30) as tx:
        await drafts.create(Draft(id=7, text="n"))
        tx.on_commit(lambda: effects.append("sync"))
        await drafts.create_many([Draft(id=i, text="n") for i in (8, 9)])
        await drafts.load([Draft(id=i, text="n") for i in (10, 11)])
        await drafts.get(1)

        async def waits() -> None:
            effects.append(f"async {await drafts.count()}")

        tx.on_commit(waits)
        await drafts.patch(1, text="n")


async def run_nested(haus: StoreHaus, effects: Effects) -> None:
    """A savepoint that is kept, and one that is undone."""
    drafts = drafts_of(haus)
    async with haus.transaction() as tx:
        await drafts.create(Draft(id=7, text="n"))
        tx.on_commit(lambda: effects.append("outer"))
        async with haus.transaction() as inner:
            await drafts.create(Draft(id=8, text="n"))
            inner.on_commit(lambda: effects.append("inner"))
        try:
            async with haus.transaction() as undone:
                undone.on_commit(lambda: effects.append("never"))
                await drafts.create(Draft(id=9, text="n"))
                raise Stop  # noqa: TRY301 - it ends the block inside
        except Stop:
            await drafts.patch(2, text="n")


async def run_atomic(haus: StoreHaus, effects: Effects) -> None:
    """A first attempt that collides, and a second one."""
    attempts: list[int] = []

    async def work(number: int) -> None:
        async with haus.transaction() as tx:
            await drafts_of(haus).create(Draft(id=number, text="n"))
            tx.on_commit(lambda: effects.append("atomic"))
            attempts.append(number)
            if len(attempts) == 1:
                raise SerializationFailure("made up")

    await haus.atomic(work, 7, isolation="serializable", timeout_seconds=30)


async def run_locked(haus: StoreHaus, effects: Effects) -> None:
    """A lock around a transaction with a lock."""
    async with haus.lock("outer", timeout_seconds=30), haus.transaction() as tx:
        async with haus.lock("inner", timeout_seconds=30):
            await drafts_of(haus).create(Draft(id=7, text="n"))
        tx.on_commit(lambda: effects.append("locked"))


# Work → the rows and effects that it leaves when it is not disturbed.
WORKS: dict[str, tuple[Work, list[tuple[int, str]], Effects]] = {
    "verbs": (
        run_verbs,
        [(1, "n"), (2, "old"), *((i, "n") for i in (7, 8, 9, 10, 11))],
        ["sync", "async 7"],
    ),
    "nested": (run_nested, [(1, "old"), (2, "n"), (7, "n"), (8, "n")], ["outer", "inner"]),
    "atomic": (run_atomic, [*BEFORE, (7, "n")], ["atomic"]),
    "locked": (run_locked, [*BEFORE, (7, "n")], ["locked"]),
}


async def reset(witness: Any) -> None:
    """The rows of `BEFORE`."""
    await witness.execute("DELETE FROM drafts")
    await witness.executemany("INSERT INTO drafts (id, text) VALUES ($1, $2)", BEFORE)


async def rows(witness: Any) -> list[tuple[int, str]]:
    """All rows as they are in the table."""
    found = await witness.fetch("SELECT id, text FROM drafts ORDER BY id")
    return [(row[0], row[1]) for row in found]


async def locks(witness: Any) -> int:
    """How many advisory locks there are in this database."""
    count: int = await witness.fetchval(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return count

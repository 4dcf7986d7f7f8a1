"""How each cursor that others use goes wrong, step by step, and that subscriptions do not.

Two transactions are interleaved by hand; nothing here depends on time.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from cursors import Connection, Cursor, LastSeq, LastSeqBelow, LastXid, Mark
from durable_records import Record, opened, prepare, until, write_in_turn

from storehaus import DatabaseEvent

pytestmark = pytest.mark.anyio

_XID = "SELECT pg_current_xact_id()"


class Scene:
    """Two writers, one cursor, and a subscription beside it.

    Args:
        first: Connection of a writer.
        second: Connection of another one.
        reader: Connection of who reads.
        arrived: What the subscription got: record and number.
    """

    def __init__(
        self,
        first: Connection,
        second: Connection,
        reader: Connection,
        arrived: list[tuple[int, int]],
    ) -> None:
        self.first = first
        self.second = second
        self._reader = reader
        self._arrived = arrived

    async def read(self, cursor: Cursor) -> list[tuple[int, int]]:
        """Give what a cursor takes for the next events; those of the beginning left out."""
        rows = await cursor.read(self._reader)
        return [(row["record"], row["number"]) for row in rows if row["number"]]

    async def until_arrived(self, *expected: tuple[int, int]) -> None:
        """Wait until the subscription got so many events; these must be they."""
        await until(lambda: len(self._arrived) >= len(expected))
        assert self._arrived == list(expected)


@pytest.fixture
async def scene(quiet_url: str) -> AsyncGenerator[Scene]:
    """Records, two writers and a reader on a server where nobody else is."""
    await prepare(quiet_url)
    arrived: list[tuple[int, int]] = []
    async with opened(quiet_url) as haus, connected(quiet_url, 3) as (first, second, reader):

        @haus.subscription("beside", Record, start="now")
        async def note(event: DatabaseEvent) -> None:
            arrived.append((event.record_id, event.payload["number"]))

        await until(lambda: _is_there(reader))
        yield Scene(first, second, reader, arrived)


async def _is_there(connection: Connection) -> bool:
    text = "SELECT EXISTS (SELECT FROM storehaus.subscription WHERE owner IS NOT NULL)"
    return bool(await connection.fetchval(text))


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncGenerator[Sequence[Connection]]:
    """Open connections."""
    async with AsyncExitStack() as stack:
        found: list[Connection] = []
        for _ in range(count):
            connection: Connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            found.append(connection)
        yield found


async def test_last_number_loses(scene: Scene) -> None:
    """Who took the smaller number commits later, when the cursor is past it."""
    cursor = LastSeq()
    await scene.read(cursor)
    open_one = scene.first.transaction()
    await open_one.start()
    await write_in_turn(scene.first, 1)
    await write_in_turn(scene.second, 2)

    assert await scene.read(cursor) == [(2, 1)]
    await scene.until_arrived((2, 1))
    await open_one.commit()
    assert await scene.read(cursor) == []
    await scene.until_arrived((2, 1), (1, 1))


async def test_last_number_below_xmin_loses(scene: Scene) -> None:
    """Who has the smaller id takes the greater number; the cursor passes the one that is open."""
    cursor = LastSeqBelow()
    await scene.read(cursor)
    older, newer = scene.first.transaction(), scene.second.transaction()
    await older.start()
    await scene.first.execute(_XID)
    await newer.start()
    await write_in_turn(scene.second, 2)
    await write_in_turn(scene.first, 1)
    await older.commit()

    assert await scene.read(cursor) == [(1, 1)]
    await scene.until_arrived((1, 1))
    await newer.commit()
    assert await scene.read(cursor) == []
    await scene.until_arrived((1, 1), (2, 1))


async def test_last_id_disorders(scene: Scene) -> None:
    """Who began earlier writes a record later: its events come in the order of beginnings."""
    cursor = LastXid()
    await scene.read(cursor)
    older = scene.first.transaction()
    await older.start()
    await scene.first.execute(_XID)
    await write_in_turn(scene.second, 1)
    await write_in_turn(scene.first, 1)
    await older.commit()

    assert await scene.read(cursor) == [(1, 2), (1, 1)]
    await scene.until_arrived((1, 1), (1, 2))


@pytest.mark.parametrize("kind", [LastSeqBelow, LastXid, Mark])
async def test_ids_below_xmin_wait(scene: Scene, kind: type[LastSeqBelow | LastXid | Mark]) -> None:
    """As long as anybody at all has a transaction open, nothing that began later comes."""
    cursor = kind()
    await scene.read(cursor)
    unrelated = scene.first.transaction()
    await unrelated.start()
    await scene.first.execute(_XID)
    # So that the one that is open is not the newest that was begun.
    await scene.second.execute(_XID)
    await write_in_turn(scene.second, 1)

    assert await scene.read(cursor) == []
    await scene.until_arrived((1, 1))
    await unrelated.commit()
    assert await scene.read(cursor) == [(1, 1)]


async def test_mark_of_xmax_loses(scene: Scene) -> None:
    """The newest id is beyond xmax until its transaction is over: nobody waits for it."""
    cursor = Mark()
    await scene.read(cursor)
    open_one = scene.first.transaction()
    await open_one.start()
    await write_in_turn(scene.first, 1)

    assert await scene.read(cursor) == []
    await open_one.commit()
    assert await scene.read(cursor) == []
    await scene.until_arrived((1, 1))

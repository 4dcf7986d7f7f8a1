"""Events in files: what a subscription wrote there comes back, into another database too."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fix_haus import config_of
from storehaus import (
    DatabaseEvent,
    EventType,
    Field,
    FileLog,
    Model,
    PauseSubscription,
    SignalError,
    StoreHaus,
    field,
)

pytestmark = pytest.mark.anyio


class Leaf(Model, table="file_leaves", durable=True, soft_delete=True):
    """What is written."""

    id: Field[int] = field(primary_key=True)
    data: Field[bytes] = field(default=b"")
    extra: Field[dict[str, object]] = field(default_factory=dict)


async def written(haus: StoreHaus, files: FileLog) -> list[DatabaseEvent]:
    """Write rows, and their events to files."""
    await haus.auto_migrate(Leaf)
    leaves = haus.store(Leaf)
    await leaves.create_many([Leaf(id=i, data=bytes([i]), extra={"i": i}) for i in range(4)])
    await leaves.patch(1, extra={"i": [1, None]})
    await leaves.delete(2)
    await leaves.purge(3)
    logged: list[Any] = [each async for each in haus.events.tail(start="beginning", follow=False)]
    events: list[DatabaseEvent] = []

    async def keep(given: list[DatabaseEvent]) -> None:
        await files.write(given)
        events.extend(given)

    haus.subscription("files", Leaf, start="beginning")(keep)
    while len(events) < len(logged):
        await haus.events.subscriptions()
    return events


async def test_events_come_back_as_they_were(postgres_url: str, tmp_path: Path) -> None:
    """Types and all, after the files were closed, and a second writer is refused."""
    async with StoreHaus(config_of(postgres_url)) as haus, FileLog(tmp_path, Leaf) as files:
        events = await written(haus, files)
        with pytest.raises(SignalError):
            await FileLog(tmp_path, Leaf).open()
    files = FileLog(tmp_path, Leaf)
    assert [each async for each in files.read()] == events
    again: list[DatabaseEvent] = []

    async def callback(event: DatabaseEvent) -> None:
        again.append(event)

    assert await files.replay(callback, first=3) == len(events) - 2
    assert again == events[2:]


async def test_a_table_comes_back(postgres_url: str, tmp_path: Path) -> None:
    """What the files say makes the same rows, also when it is said twice."""
    async with StoreHaus(config_of(postgres_url)) as haus, FileLog(tmp_path, Leaf) as files:
        events = await written(haus, files)
        rows = "SELECT id, data, extra, __tags__, __is_active__, __created_at__ FROM file_leaves"
        async with haus.connection() as connection:
            before = sorted(tuple(row) for row in await connection.fetch(rows))
            await haus.events.unsubscribe("files")
            await connection.execute("DELETE FROM file_leaves")
            for _ in range(2):
                assert await haus.events.apply(files.read(), Leaf) == len(events)
            assert sorted(tuple(row) for row in await connection.fetch(rows)) == before


async def test_what_cannot_be_written_pauses(tmp_path: Path) -> None:
    """The subscription is told to wait, and why."""
    files = FileLog(tmp_path, Leaf)
    with pytest.raises(PauseSubscription, match="not open"):
        await files.write([_event()])


def _event() -> DatabaseEvent:
    return DatabaseEvent(
        id="1:1",
        event_type=EventType.CREATE,
        table_name="file_leaves",
        record_id=1,
        tags=(),
        payload={},
        changes={},
        timestamp=datetime.now(UTC),
    )

"""`FileLog`: events in files, which outlive the database (what the original calls its WAL).

It is written by a subscription, after the commit, from the event log: never a second truth.

    files = FileLog("/var/lib/app/events", Airport)
    async with files:
        haus.subscription("files", Airport)(files.write)
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import msgspec
from msgspec import UNSET

from storehaus.errors import SignalError
from storehaus.model import ColumnInfo, Model, TableInfo
from storehaus.signals.event import DatabaseEvent
from storehaus.signals.frames import SEGMENT_BYTES, FrameLog, FsyncPolicy, Recovery
from storehaus.signals.log.subscription import PauseSubscription

__all__ = ["FileLog"]


class FileLog:
    """Events in the files of a directory, one frame with a checksum per event.

    Args:
        directory: Where; it is made when it is not there.
        *models: Models whose events are in it. Events of other tables are read with values as
            MessagePack knows them: a UUID is a text.
        fsync: "group" flushes to disk what arrived meanwhile at once, "always" every call on its
            own, "never" leaves it to the system.
        segment_bytes: A file that would become larger is followed by another one.
        keep_segments: So many files are kept; None keeps all.
    """

    def __init__(
        self,
        directory: str | Path,
        *models: type[Model],
        fsync: FsyncPolicy = "group",
        segment_bytes: int = SEGMENT_BYTES,
        keep_segments: int | None = None,
    ) -> None:
        self._frames = FrameLog(
            Path(directory), fsync=fsync, segment_bytes=segment_bytes, keep_segments=keep_segments
        )
        self._types = {info.name: _Types(info) for info in (each.__table_info__ for each in models)}

    @property
    def last(self) -> int:
        """Number of the last record; 0 when there is none, or the log is not open."""
        return self._frames.last

    @property
    def recovery(self) -> Recovery:
        """What opening it found: records, and bytes of a torn tail that were cut off.

        Raises:
            SignalError: When it is not open.
        """
        return self._frames.recovery

    async def open(self) -> None:
        """Open it for writing; a torn tail is cut back to the last whole record.

        Raises:
            SignalError: When another process writes it, or a record before the tail is damaged.
        """
        await self._frames.open()

    async def close(self) -> None:
        """Write what waits, and let others have it."""
        await self._frames.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def write(self, events: Sequence[DatabaseEvent]) -> None:
        """Append events; they are on disk when it returns. It is a handler for a subscription.

        Raises:
            PauseSubscription: When they could not be written; none of them is there then.
        """
        try:
            await self._frames.append([_encode(event) for event in events])
        except SignalError as problem:
            raise PauseSubscription(str(problem)) from problem

    async def read(self, first: int = 1) -> AsyncGenerator[DatabaseEvent]:
        """Give events in the order in which they were written; nobody needs to have it open.

        An event may come twice, with the same id: subscriptions deliver at least once.

        Args:
            first: Number of the first record.

        Raises:
            SignalError: When that is not kept any more, or a record before the tail is damaged.
        """
        async for _, frame in self._frames.read(first):
            yield self._decode(frame)

    async def replay(
        self, callback: Callable[[DatabaseEvent], Awaitable[Any]], first: int = 1
    ) -> int:
        """Call a coroutine function with each event, one after the other; give their number.

        Args:
            callback: The function; its error ends the replay.
            first: Number of the first record.
        """
        count = 0
        async for event in self.read(first):
            await callback(event)
            count += 1
        return count

    def _decode(self, frame: bytes) -> DatabaseEvent:
        raw: dict[str, Any] = msgspec.msgpack.decode(frame)
        types = self._types.get(raw["table_name"])
        if types is not None:
            raw["record_id"] = types.record_id(raw["record_id"])
            raw["payload"] = types.row(raw["payload"])
            raw["changes"] = types.changes(raw["changes"])
        return msgspec.convert(raw, DatabaseEvent, strict=False)


def _encode(event: DatabaseEvent) -> bytes:
    known = {name: pair for name, pair in event.changes.items() if UNSET not in pair}
    raw = msgspec.structs.asdict(event) | {"changes": known}
    return msgspec.msgpack.encode(raw, enc_hook=str)


class _Types:
    """Makes Python's values of what MessagePack holds."""

    def __init__(self, info: TableInfo) -> None:
        self._columns = {column.column: _type(column) for column in info.columns}
        self._key = [_type(column) for column in info.primary_key]

    def row(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _convert(value, self._columns.get(name)) for name, value in values.items()}

    def changes(self, pairs: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
        columns = self._columns
        return {
            name: tuple(_convert(value, columns.get(name)) for value in pair)
            for name, pair in pairs.items()
        }

    def record_id(self, value: Any) -> Any:
        if len(self._key) == 1:
            return _convert(value, self._key[0])
        parts = cast("Sequence[Any]", value or ())
        return tuple(map(_convert, parts, self._key)) if self._key else None


def _type(column: ColumnInfo) -> Any:
    return column.type.python | None


def _convert(value: Any, to: Any) -> Any:
    if value is None or to is None:
        return value
    return msgspec.convert(value, to, strict=False, dec_hook=_make)


def _make(kind: type[Any], value: Any) -> Any:
    return value if kind is object else kind(value)

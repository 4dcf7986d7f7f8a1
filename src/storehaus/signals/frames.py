"""A log of records in files: what was appended survives a crash, and what was torn is cut off.

`FrameLog` is the door, on the event loop: it lets appends wait and share a write. One thread does
the writing, `FrameWriter`, which knows no loop. How the files look is told in `frame_scan`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias, get_args

from storehaus.errors import SignalError
from storehaus.signals.frame_scan import (
    MAX_PAYLOAD_BYTES,
    Cursor,
)
from storehaus.signals.frame_writer import FrameWriter, Recovery, reason

__all__ = ["SEGMENT_BYTES", "FrameLog", "FsyncPolicy", "Recovery"]

SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""Where a file ends and the next one begins, unless something else is asked for."""

FsyncPolicy: TypeAlias = Literal["group", "always", "never"]
"""When records are forced to disk.

- `group`: before an append returns; appends that wait share one fsync.
- `always`: before an append returns; each has an fsync of its own.
- `never`: when the system likes; only a segment that is finished is forced. A crash of the process
  loses nothing, one of the machine the last records.
"""

_Payloads: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Append:
    payloads: _Payloads
    done: asyncio.Future[int]


class FrameLog:
    """Numbered records in a directory, appended by one process and read by any.

    Usage:
        async with FrameLog(Path("events")) as log:
            last = await log.append([b"one", b"two"])
            async for number, payload in log.read(first=1): ...

    An append is whole within one segment. A write that fails, for instance on a full disk, fails
    the appends that share it and leaves nothing of them; later ones may succeed. When an fsync
    fails nobody knows what is on disk: the log is broken then, and refuses every append until it
    is closed and opened anew.

    Args:
        directory: Where the segments are. It is made when it is missing.
        fsync: When records are forced to disk.
        segment_bytes: A segment that an append would make longer is finished, and another one is
            begun. A single append may be longer all the same.
        keep_segments: So many segments are kept, 1 at least, and older ones removed when another
            one was begun; None keeps all.

    Raises:
        SignalError: An argument is out of range.
    """

    def __init__(
        self,
        directory: Path,
        *,
        fsync: FsyncPolicy = "group",
        segment_bytes: int = SEGMENT_BYTES,
        keep_segments: int | None = None,
    ) -> None:
        if fsync not in get_args(FsyncPolicy):
            raise SignalError(f"fsync= is one of {', '.join(get_args(FsyncPolicy))}")
        if segment_bytes < 1 or (keep_segments is not None and keep_segments < 1):
            raise SignalError("segment_bytes= and keep_segments= are 1 at least")
        self._directory = Path(directory)
        self._fsync = fsync
        self._new_writer = partial(
            FrameWriter,
            self._directory,
            is_synced=fsync != "never",
            segment_bytes=segment_bytes,
            keep_segments=keep_segments,
        )
        self._thread: ThreadPoolExecutor | None = None
        self._writer = self._new_writer()
        self._waiting: deque[_Append] = deque()
        self._is_writing = False
        self._recovery: Recovery | None = None
        self._last = 0

    @property
    def recovery(self) -> Recovery:
        """What was found when it was opened.

        Raises:
            SignalError: It is not open.
        """
        if self._recovery is None:
            raise self._not_open()
        return self._recovery

    @property
    def last(self) -> int:
        """Number of the last record that was appended for sure; 0 when empty or never opened."""
        return self._last

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Lock the directory, look at every record, and cut off a torn tail.

        Raises:
            SignalError: It is open already, here or in another process; a record is damaged or
                missing that is not at the end, and nothing was cut; or the files cannot be read
                or written.
        """
        if self._thread is not None:
            raise SignalError(f"{self._directory} is open already")
        self._thread = thread = ThreadPoolExecutor(1, thread_name_prefix="storehaus-frames")
        self._writer = writer = self._new_writer()
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(thread, writer.open)
            self._recovery, self._last = found, found.last
        except OSError as error:
            raise SignalError(f"cannot open {self._directory}: {reason(error)}") from error
        finally:
            if self._recovery is None:
                # A caller who is cancelled does not wait for it: what it opens is closed behind it.
                thread.submit(writer.close)
                thread.shutdown(wait=False)
                self._thread = None

    async def close(self) -> None:
        """Write what waits, and unlock the directory. A log that is not open stays as it is.

        Raises:
            SignalError: The last file could not be closed; what was acknowledged is not concerned.
        """
        thread = self._thread
        if thread is None or self._recovery is None:
            return
        # All is submitted before the first await: a cancelled caller leaves nothing undone.
        while self._waiting:
            self._submit()
        self._thread = self._recovery = None
        closing = asyncio.get_running_loop().run_in_executor(thread, self._writer.close)
        thread.shutdown(wait=False)
        try:
            await asyncio.shield(closing)
        except OSError as error:
            raise SignalError(f"cannot close {self._directory}: {reason(error)}") from error

    async def append(self, payloads: Sequence[bytes]) -> int:
        """Add records; return when they are as durable as the log's `fsync` promises.

        Records are in the order of the calls. When the caller is cancelled they are written all
        the same, or none of them is.

        Args:
            payloads: What they hold, 1 byte to 256 MiB each. Without any, nothing happens.

        Returns:
            Number of the last record.

        Raises:
            SignalError: The log is not open or broken, a payload is too long or empty, or writing
                failed; none of the records is there, or after a failed fsync maybe.
        """
        if self._recovery is None:
            raise self._not_open()
        append = _Append(tuple(payloads), asyncio.get_running_loop().create_future())
        if not append.payloads:
            return self._last
        if not all(0 < len(payload) <= MAX_PAYLOAD_BYTES for payload in append.payloads):
            raise SignalError(f"a payload has 1 to {MAX_PAYLOAD_BYTES} bytes")
        self._waiting.append(append)
        if not self._is_writing:
            self._submit()
        return await append.done

    async def read(self, first: int = 1) -> AsyncIterator[tuple[int, bytes]]:
        """Give records with their numbers, up to the last one, also while others are appended.

        It needs no lock, and the log need not be open. While it is, only records whose append
        has returned are given; else also those that another process is about to write.

        Args:
            first: Number of the record to begin with; behind the last one there are none.

        Raises:
            SignalError: The record was removed, or is damaged and not the end of the log; or the
                files cannot be read.
        """
        if first < 1:
            raise SignalError("records are numbered from 1")
        cursor = Cursor(self._directory, first)
        while records := await self._take(cursor):
            for record in records:
                yield record

    async def _take(self, cursor: Cursor) -> list[tuple[int, bytes]]:
        last = None if self._recovery is None else self._last
        try:
            return await asyncio.to_thread(cursor.take, last)
        except OSError as error:
            raise SignalError(f"cannot read {self._directory}: {reason(error)}") from error

    def _submit(self) -> None:
        """Let the thread write what waits, in the order of the calls."""
        if self._fsync == "always":
            batch = [self._waiting.popleft()]
        else:
            batch = list(self._waiting)
            self._waiting.clear()
        batch = [append for append in batch if not append.done.done()]
        self._is_writing = True
        payloads = [append.payloads for append in batch]
        loop = asyncio.get_running_loop()
        # No task: it would be cancelled with all others when the loop is shut down.
        writing = loop.run_in_executor(self._thread, self._writer.write, payloads)
        writing.add_done_callback(partial(self._settle, batch))

    def _settle(
        self, batch: list[_Append], writing: asyncio.Future[list[int | SignalError]]
    ) -> None:
        """Tell the callers how their appends ended, and write what has come since."""
        self._is_writing = False
        for append, outcome in zip(batch, writing.result(), strict=True):
            if isinstance(outcome, int):
                self._last = outcome
            if append.done.done():
                continue
            if isinstance(outcome, SignalError):
                append.done.set_exception(outcome)
            else:
                append.done.set_result(outcome)
        if self._waiting:
            self._submit()

    def _not_open(self) -> SignalError:
        return SignalError(f"{self._directory} is not open")

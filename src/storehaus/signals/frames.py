"""A log of records in files: what was appended survives a crash, and what was torn is cut off.

`FrameLog` is the door, on the event loop: it lets appends wait and share a write. One thread does
the writing, `_Writer`, which knows no loop. How the files look is told in `frame_scan`.
"""

import asyncio
import fcntl
import logging
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

from storehaus.errors import SignalError
from storehaus.signals.frame_scan import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    Cursor,
    Survey,
    encode,
    segment_path,
    size_of,
    survey,
)

__all__ = ["FrameLog", "FsyncPolicy", "Recovery"]

FsyncPolicy: TypeAlias = Literal["group", "always", "never"]
"""When records are forced to disk.

- `group`: before an append returns; appends that wait share one fsync.
- `always`: before an append returns; each has an fsync of its own.
- `never`: when the system likes; only a segment that is finished is forced. A crash of the process
  loses nothing, one of the machine the last records.
"""

log = logging.getLogger("storehaus.signals")

_Payloads: TypeAlias = tuple[bytes, ...]
_CLOSED = -1


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found when a log was opened.

    Attributes:
        first: Number of the oldest record; `last + 1` when there is none.
        last: Number of the newest record; 0 when there never was one.
        cut_bytes: Length of the torn tail that was cut off.
    """

    first: int
    last: int
    cut_bytes: int


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
        segment_bytes: int = 64 * 1024 * 1024,
        keep_segments: int | None = None,
    ) -> None:
        if fsync not in get_args(FsyncPolicy):
            raise SignalError(f"fsync= is one of {', '.join(get_args(FsyncPolicy))}")
        if segment_bytes < 1 or (keep_segments is not None and keep_segments < 1):
            raise SignalError("segment_bytes= and keep_segments= are 1 at least")
        self._directory = Path(directory)
        self._fsync = fsync
        self._new_writer = partial(
            _Writer,
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
            raise SignalError(f"cannot open {self._directory}: {_reason(error)}") from error
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
            raise SignalError(f"cannot close {self._directory}: {_reason(error)}") from error

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
            raise SignalError(f"cannot read {self._directory}: {_reason(error)}") from error

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


class _Writer:
    """The end of a log, where it grows. All of it runs in one thread."""

    def __init__(
        self, directory: Path, *, is_synced: bool, segment_bytes: int, keep_segments: int | None
    ) -> None:
        self._directory = directory
        self._is_synced = is_synced
        self._segment_bytes = segment_bytes
        self._keep_segments = keep_segments
        self._lock = self._file = _CLOSED
        self._segments: list[int] = []
        # What is certain: the last record, and where it ends in the last segment.
        self._last = self._end = 0
        self._broken: str | None = None

    def open(self) -> Recovery:
        """Lock the log, cut off its torn tail and stand behind it; or open nothing at all."""
        try:
            _make_directory(self._directory)
            self._lock = _locked(self._directory)
            return self._recover()
        except BaseException:
            self.close()
            raise

    def _recover(self) -> Recovery:
        found = survey(self._directory)
        self._segments = list(found.segments)
        self._last = found.last
        if not self._segments:
            self._begin()
        else:
            self._go_on(found)
        return Recovery(self._segments[0], self._last, found.size - found.end)

    def write(self, appends: Sequence[_Payloads]) -> list[int | SignalError]:
        """Write appends one after the other; give the last number of each, or why it failed."""
        outcomes: list[int | SignalError] = []
        waiting = deque(appends)
        while waiting:
            outcomes += self._write_run(self._take_run(waiting))
        return outcomes

    def close(self) -> None:
        """Close the files; what is closed already stays so."""
        file, lock = self._file, self._lock
        self._file = self._lock = _CLOSED
        try:
            if file != _CLOSED:
                os.close(file)
        finally:
            if lock != _CLOSED:
                os.close(lock)

    def _take_run(self, waiting: deque[_Payloads]) -> list[_Payloads]:
        """Take appends that share a segment, and so a write: one at least."""
        run = [waiting.popleft()]
        end = self._end + size_of(run[0])
        while waiting:
            end += size_of(waiting[0])
            if end > self._segment_bytes:
                break
            run.append(waiting.popleft())
        return run

    def _is_full(self, size: int) -> bool:
        return self._end > len(HEADER) and self._end + size > self._segment_bytes

    def _write_run(self, run: list[_Payloads]) -> list[int | SignalError]:
        if self._broken is not None:
            return [SignalError(self._broken) for _ in run]
        try:
            self._write(encode(self._last + 1, chain.from_iterable(run)))
        except Exception as error:  # noqa: BLE001 - MemoryError, say: whatever it is, callers wait
            self._cut_back()
            message = f"cannot append to {self._directory}: {_reason(error)}"
            return [_caused(SignalError(message), error) for _ in run]
        self._retire()
        return [self._acknowledge(payloads) for payloads in run]

    def _write(self, frames: bytes) -> None:
        if self._is_full(len(frames)):
            self._rotate()
        _write_all(self._file, frames)
        if self._is_synced:
            self._sync(self._file)
        self._end += len(frames)

    def _acknowledge(self, payloads: _Payloads) -> int:
        self._last += len(payloads)
        return self._last

    def _rotate(self) -> None:
        if not self._is_synced:
            # Only the last segment may be torn, after a crash of the machine too.
            self._sync(self._file)
        finished = self._file
        self._begin()
        os.close(finished)

    def _begin(self) -> None:
        """Begin the segment of the next record."""
        first = self._last + 1
        path = segment_path(self._directory, first)
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o640)
        try:
            _write_all(file, HEADER)
            self._sync(file)
            _sync_directory(self._directory)
        except OSError:
            os.close(file)
            self._discard(path)
            raise
        self._file, self._end = file, len(HEADER)
        self._segments.append(first)

    def _discard(self, path: Path) -> None:
        """Remove a segment that could not be begun: its number will be another record's."""
        try:
            path.unlink()
            _sync_directory(self._directory)
        except OSError as error:
            self._break(error)

    def _go_on(self, found: Survey) -> None:
        """Cut off the torn tail of the last segment, and append to it from now on."""
        path = segment_path(self._directory, self._segments[-1])
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.ftruncate(self._file, found.end)
        if not found.end:
            _write_all(self._file, HEADER)
        self._end = found.end or len(HEADER)
        # Also when nothing was cut: records of a killed process may be in memory only.
        self._sync(self._file)
        _sync_directory(self._directory)

    def _cut_back(self) -> None:
        """Take back what was written since the last record that is certain."""
        # Also when an fsync failed: pages that the system takes for clean must not come back as
        # records when the log is opened anew.
        try:
            os.ftruncate(self._file, self._end)
            self._sync(self._file)
        except OSError as error:
            self._break(error)

    def _retire(self) -> None:
        """Remove the segments that are too many."""
        keep = self._keep_segments
        if keep is None or len(self._segments) <= keep:
            return
        try:
            # The oldest first, so that a crash leaves no gap.
            while len(self._segments) > keep:
                segment_path(self._directory, self._segments[0]).unlink(missing_ok=True)
                del self._segments[0]
            _sync_directory(self._directory)
        except OSError:
            # What was appended is there; the next time may do better.
            log.warning("old segments of %s cannot be removed", self._directory, exc_info=True)

    def _sync(self, file: int) -> None:
        try:
            os.fsync(file)
        except OSError as error:
            self._break(error)
            raise

    def _break(self, error: OSError) -> None:
        self._broken = f"{self._directory} is broken ({_reason(error)}): close it and open it anew"


def _write_all(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def _make_directory(directory: Path) -> None:
    """Make a directory that outlives a crash, and those it is in."""
    if not directory.is_dir():
        _make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _locked(directory: Path) -> int:
    """Lock a log against other writers, until what is given is closed."""
    file = os.open(directory / "lock", os.O_CREAT | os.O_RDWR, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(file)
        if not isinstance(error, BlockingIOError):
            raise
        raise SignalError(f"{directory} is open for appending elsewhere: it is locked") from None
    return file


def _reason(error: BaseException) -> str:
    """Say in words why a call failed: `no space left on device`."""
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).lower()


def _caused(error: SignalError, cause: BaseException) -> SignalError:
    error.__cause__ = cause
    return error

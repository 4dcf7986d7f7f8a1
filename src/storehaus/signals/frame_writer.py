"""The end of a log of records, where it grows. All of it runs in one thread, and knows no loop."""

import fcntl
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from storehaus.errors import SignalError
from storehaus.signals.frame_scan import HEADER, Survey, encode, segment_path, size_of, survey

__all__ = ["FrameWriter", "Recovery", "reason"]

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


class FrameWriter:
    """Writes frames, and goes on behind the last whole one.

    Args:
        directory: The log.
        is_synced: Whether what was written is forced to disk before it counts.
        segment_bytes: A file that would become larger is followed by another one.
        keep_segments: So many files are kept; None keeps all.
    """

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
            message = f"cannot append to {self._directory}: {reason(error)}"
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
        self._broken = f"{self._directory} is broken ({reason(error)}): close it and open it anew"


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


def reason(error: BaseException) -> str:
    """Say in words why a call failed: `no space left on device`."""
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error) or type(error).__name__).lower()


def _caused(error: SignalError, cause: BaseException) -> SignalError:
    error.__cause__ = cause
    return error

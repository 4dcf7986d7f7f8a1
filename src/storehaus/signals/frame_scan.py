"""The bytes of a file log: how records become frames, and how they are found again.

A log is a directory of segments. Each is named after the number of its first record in 20 digits,
`00000000000000000001.log`; records are numbered from 1, without gaps over all segments.

    segment = header, frame, frame, …
    header  = "SHFRAMES" (8 bytes), version of the format (u32)
    frame   = length of the payload (u32), checksum (u32), payload

Integers are little-endian. The checksum is the CRC-32 of the record's number (u64) and the payload:
a whole frame in the wrong place is as wrong as a damaged one. A payload has one byte at least, so
that zeros are never a frame.

Nothing here writes.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import BinaryIO
from zlib import crc32

from storehaus.errors import SignalError

__all__ = [
    "HEADER",
    "MAX_PAYLOAD_BYTES",
    "Cursor",
    "Survey",
    "encode",
    "segment_path",
    "size_of",
    "survey",
]

MAX_PAYLOAD_BYTES = 256 * 1024 * 1024
"""A longer length is garbage, and is not read."""

_MAGIC = b"SHFRAMES"
_VERSION = Struct("<I")
_FRAME = Struct("<II")
_NUMBER = Struct("<Q")
_NAME = re.compile(r"\d{20}\.log", re.ASCII)
_CHUNK_BYTES = 1024 * 1024

HEADER = _MAGIC + _VERSION.pack(1)
"""What every segment begins with."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a log holds.

    Attributes:
        segments: Numbers of their first records, in order; empty for a new log.
        last: Number of the last whole record; 0 for a new log.
        end: Where it ends in the last segment, in bytes; 0 when not even the header is whole.
        size: Bytes of the last segment. What lies behind `end` is a torn tail.
    """

    segments: tuple[int, ...] = ()
    last: int = 0
    end: int = 0
    size: int = 0


def encode(first: int, payloads: Iterable[bytes]) -> bytes:
    """Make frames of records.

    Args:
        first: Number of the first one.
        payloads: What they hold.
    """
    parts: list[bytes] = []
    for number, payload in enumerate(payloads, first):
        parts += (_FRAME.pack(len(payload), _checksum(number, payload)), payload)
    return b"".join(parts)


def size_of(payloads: Collection[bytes]) -> int:
    """Say how many bytes the frames of records take."""
    return sum(map(len, payloads)) + _FRAME.size * len(payloads)


def segment_path(directory: Path, first: int) -> Path:
    """Name the segment that begins with a record."""
    return directory / f"{first:020}.log"


def survey(directory: Path) -> Survey:
    """Look at every record of a log, to know where to go on.

    Raises:
        SignalError: A record is damaged or missing that is not at the end of the log, or a
            segment is of another format.
        OSError: It cannot be read.
    """
    segments = _segments(directory)
    if not segments:
        return Survey()
    for first, following in pairwise(segments):
        path = segment_path(directory, first)
        last, end = _scan(path, first)
        if end < path.stat().st_size:
            raise _damaged(path, end)
        if last + 1 != following:
            raise SignalError(f"record {last + 1} is missing: {path} ends at byte {end}")
    path = segment_path(directory, segments[-1])
    last, end = _scan(path, segments[-1])
    return Survey(tuple(segments), last, end, path.stat().st_size)


class Cursor:
    """A place in a log that moves on as records are taken. It keeps no file open.

    Args:
        directory: Where the segments are.
        first: Number of the record to begin with.
    """

    def __init__(self, directory: Path, first: int) -> None:
        self._directory = directory
        self._first = first
        self._number = first
        self._segment = self._offset = 0

    def take(self, last: int | None) -> list[tuple[int, bytes]]:
        """Give the next records with their numbers, about 1 MiB of them; none at the end.

        Args:
            last: Number of the last record that may be given, and is there; None is any.

        Raises:
            SignalError: The next record was removed, or is damaged and not the end of the log.
            OSError: It cannot be read.
        """
        while found := self._chunk(last):
            wanted = [record for record in found if record[0] >= self._first]
            if wanted:
                return wanted
        return []

    def _chunk(self, last: int | None) -> list[tuple[int, bytes]]:
        if last is not None and self._number > last:
            return []
        # Before the records: a segment that has a follower by now grows no more.
        segments = _segments(self._directory)
        if not self._enter(segments):
            return []
        found = self._read(last)
        if not found and (last is not None or self._segment < segments[-1]):
            raise _damaged(segment_path(self._directory, self._segment), self._offset)
        return found

    def _enter(self, segments: list[int]) -> bool:
        """Go to the segment that has the next record; False when there is none."""
        segment = max((each for each in segments if each <= self._number), default=0)
        if segment == 0 and segments:
            raise self._removed(segments)
        if segment != self._segment:
            self._segment = self._number = segment
            self._offset = 0
        return segment != 0

    def _read(self, last: int | None) -> list[tuple[int, bytes]]:
        # Anew each time: what a buffer has read ahead may have been cut back meanwhile.
        try:
            file = segment_path(self._directory, self._segment).open("rb")
        except FileNotFoundError:
            raise self._removed(_segments(self._directory)) from None
        found: list[tuple[int, bytes]] = []
        with file:
            if not self._offset:
                self._offset = _skip_header(file)
            file.seek(self._offset)
            end = self._offset + _CHUNK_BYTES
            for payload in _payloads(file, self._number) if self._offset else ():
                found.append((self._number, payload))
                self._number += 1
                self._offset += _FRAME.size + len(payload)
                if self._offset >= end or self._number - 1 == last:
                    break
        return found

    def _removed(self, segments: list[int]) -> SignalError:
        oldest = f"the oldest is {segments[0]}" if segments else "there are none"
        return SignalError(f"record {self._number} was removed from {self._directory}: {oldest}")


def _segments(directory: Path) -> list[int]:
    paths = directory.iterdir()
    return sorted(int(path.stem) for path in paths if _NAME.fullmatch(path.name))


def _scan(path: Path, first: int) -> tuple[int, int]:
    """Give the number of the last whole record of a segment, and where it ends in bytes."""
    last = first - 1
    with path.open("rb", buffering=_CHUNK_BYTES) as file:
        end = _skip_header(file)
        for payload in _payloads(file, first) if end else ():
            last += 1
            end += _FRAME.size + len(payload)
    return last, end


def _skip_header(file: BinaryIO) -> int:
    """Give the length of a header; 0 when it is torn, as a crash may leave it."""
    head = file.read(len(HEADER))
    if head == HEADER:
        return len(head)
    is_torn = len(head) < len(HEADER) or not any(head)
    if is_torn and not file.read(1):
        return 0
    # It was synced before any record was written: a wrong one is no torn tail.
    if not head.startswith(_MAGIC):
        raise _damaged(file.name, 0)
    (version,) = _VERSION.unpack_from(head, len(_MAGIC))
    raise SignalError(f"{file.name} is of version {version} of the format, which is not known")


def _payloads(file: BinaryIO, number: int) -> Iterator[bytes]:
    """Give payloads up to the first byte that belongs to no whole frame.

    Args:
        file: It stands where a frame begins.
        number: Of the first record.
    """
    rest = os.fstat(file.fileno()).st_size - file.tell()
    while len(head := file.read(_FRAME.size)) == _FRAME.size:
        length, checksum = _FRAME.unpack(head)
        rest -= _FRAME.size + length
        # Not to be tried: reading takes memory for as much as is asked for, not as there is.
        if not 0 < length <= MAX_PAYLOAD_BYTES or rest < 0:
            return
        payload = file.read(length)
        if _checksum(number, payload) != checksum:
            return
        yield payload
        number += 1


def _checksum(number: int, payload: bytes) -> int:
    return crc32(payload, crc32(_NUMBER.pack(number)))


def _damaged(path: object, offset: int) -> SignalError:
    return SignalError(f"{path} is damaged at byte {offset}")

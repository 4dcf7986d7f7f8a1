"""A file log keeps what it acknowledged, whatever happens to process, files and disk."""

import asyncio
import errno
import fcntl
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storehaus.errors import SignalError
from storehaus.signals import frame_scan
from storehaus.signals.frames import FrameLog, FsyncPolicy, Recovery

pytestmark = pytest.mark.anyio

HEADER = b"SHFRAMES\x01\x00\x00\x00"
DAMAGES_OF_A_KIND = 70
KILLS = 6

APPENDER = """
import asyncio, sys
from pathlib import Path
from storehaus.signals.frames import FrameLog

async def append(log, run, who):
    for i in range(1_000_000):
        token = f"{run}.{who}.{i}"
        payloads = [b"." * 50, token.encode()]
        print(await log.append(payloads), token, flush=True)

async def main(directory, run):
    async with FrameLog(Path(directory), segment_bytes=20_000) as log:
        await asyncio.gather(*(append(log, run, who) for who in range(8)))

asyncio.run(main(*sys.argv[1:]))
"""

# It fills what there is, gets more, and appends again.
FILLER = """
import asyncio, json, resource, sys
from pathlib import Path
from storehaus.errors import SignalError
from storehaus.signals.frames import FrameLog

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main(kind, directory):
    ballast = Path(directory, "ballast")
    if kind == "disk":
        ballast.write_bytes(bytes(100_000))
    async with FrameLog(Path(directory, "log")) as log:
        if kind == "limit":
            limit(100_000)
        acknowledged = 0
        try:
            while True:
                acknowledged = await log.append([b"a" * 999, b"b" * 2000])
        except SignalError as error:
            reason = str(error)
        if kind == "limit":
            limit(resource.RLIM_INFINITY)
        else:
            ballast.unlink()
        later = [await log.append([b"later"]), await log.append([b"later"])]
    async with FrameLog(Path(directory, "log")) as log:
        payloads = [payload.decode() async for _, payload in log.read()]
        cut = log.recovery.cut_bytes
    print(json.dumps([reason, acknowledged, later, payloads, cut]))

asyncio.run(main(*sys.argv[1:]))
"""

IN_SMALL_DISK = 'mount -t tmpfs -o size=300k tmpfs "$0" || exit 77; exec "$@"'


class Gate:
    """An fsync that counts its calls, and waits for leave when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.leave.set()
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, file: int) -> None:
        """Count, wait, sync."""
        self.calls += 1
        self.entered.set()
        self.leave.wait()
        self._fsync(file)

    async def block(self, log: FrameLog, payloads: Sequence[bytes]) -> "asyncio.Task[int]":
        """Begin an append that has been written and is being synced."""
        self.entered.clear()
        self.leave.clear()
        task = asyncio.create_task(log.append(payloads))
        await asyncio.to_thread(self.entered.wait)
        return task


async def started(*appends: "asyncio.Task[int]") -> "tuple[asyncio.Task[int], ...]":
    """Let tasks run up to where they wait."""
    await asyncio.sleep(0)
    return appends


async def ended(before: set[threading.Thread]) -> None:
    """Wait until the threads of logs end that were not there before."""
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("storehaus-frames"):
            await asyncio.to_thread(thread.join)


def files(directory: Path) -> list[Path]:
    """The segments, in order."""
    return sorted(directory.glob("*.log"))


def framed(number: int, payload: bytes) -> bytes:
    """Make a frame as the format says."""
    checksum = zlib.crc32(struct.pack("<Q", number) + payload)
    return struct.pack("<II", len(payload), checksum) + payload


async def records(log: FrameLog, first: int = 1) -> list[tuple[int, bytes]]:
    """Read a log to its end."""
    return [record async for record in log.read(first)]


async def payloads(log: FrameLog, first: int = 1) -> list[bytes]:
    """Read what the records hold."""
    return [payload for _, payload in await records(log, first)]


async def filled(directory: Path, count: int = 30, **options: Any) -> list[bytes]:
    """Write a log of small segments; give the payloads."""
    wrote = [b"%d" % number * (number % 7 + 1) for number in range(1, count + 1)]
    async with FrameLog(directory, segment_bytes=200, **options) as log:
        for payload in wrote:
            await log.append([payload])
    return wrote


# Writing and reading


@pytest.mark.parametrize("policy", ["group", "always", "never"])
async def test_round_trip(tmp_path: Path, policy: FsyncPolicy) -> None:
    """What was appended is read, with its numbers, before and after opening anew."""
    path = tmp_path / "a" / "b"
    async with FrameLog(path, fsync=policy) as log:
        assert log.recovery == Recovery(first=1, last=0, cut_bytes=0)
        assert (log.last, await records(log)) == (0, [])
        assert await log.append([b"one", b"two"]) == 2
        assert await log.append([bytes(3_000_000)]) == 3
        assert await records(log) == [(1, b"one"), (2, b"two"), (3, bytes(3_000_000))]
    async with FrameLog(path, fsync=policy) as log:
        assert log.recovery == Recovery(first=1, last=3, cut_bytes=0)
        assert await log.append([b"four"]) == log.last == 4
        assert await records(log, 4) == [(4, b"four")]
        assert await records(log, 5) == []


async def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    """Other programs may read it."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one", b"two"])
    (file,) = files(tmp_path)
    assert file.name == "00000000000000000001.log"
    assert file.read_bytes() == HEADER + framed(1, b"one") + framed(2, b"two")


async def test_nothing_to_append(tmp_path: Path) -> None:
    """The last number is given, and nothing is written."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
        assert await log.append([]) == 1
        assert await payloads(log) == [b"one"]


async def test_a_payload_of_a_wrong_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole append is refused before anything is written."""
    monkeypatch.setattr("storehaus.signals.frames.MAX_PAYLOAD_BYTES", 10)
    async with FrameLog(tmp_path) as log:
        for wrong in (b"", bytes(11)):
            with pytest.raises(SignalError, match="1 to 10 bytes"):
                await log.append([b"one", wrong])
        assert await log.append([bytes(10)]) == 1


async def test_wrong_arguments(tmp_path: Path) -> None:
    """They are refused when the log is made, or read."""
    wrong: Any = {"fsync": "sometimes"}, {"segment_bytes": 0}, {"keep_segments": 0}
    for options in wrong:
        with pytest.raises(SignalError):
            FrameLog(tmp_path, **options)
    with pytest.raises(SignalError, match="from 1"):
        await records(FrameLog(tmp_path), 0)


async def test_a_log_that_is_not_open(tmp_path: Path) -> None:
    """It can be read, and closed again, but not appended to."""
    log = FrameLog(tmp_path)
    with pytest.raises(SignalError, match="not open"):
        await log.append([b"one"])
    with pytest.raises(SignalError, match="not open"):
        _ = log.recovery
    async with log:
        await log.append([b"one"])
        with pytest.raises(SignalError, match="open already"):
            await log.open()
    await log.close()
    assert await payloads(log) == [b"one"]
    with pytest.raises(SignalError, match="not open"):
        await log.append([b"one"])
    (tmp_path / "empty").mkdir()
    assert await payloads(FrameLog(tmp_path / "empty")) == []
    with pytest.raises(SignalError, match=r"cannot read .* no such file"):
        await records(FrameLog(tmp_path / "nowhere"))


async def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """Opening says why."""
    (tmp_path / "file").touch()
    with pytest.raises(SignalError, match="cannot open"):
        await FrameLog(tmp_path / "file").open()


async def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening says so."""
    monkeypatch.setattr(fcntl, "flock", failing)
    with pytest.raises(SignalError, match=r"cannot open .* input/output error"):
        await FrameLog(tmp_path).open()


async def test_files_that_cannot_be_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing says why, and closes the rest."""
    close = os.close

    def closed(file: int) -> None:
        close(file)
        failing()

    log = FrameLog(tmp_path)
    await log.open()
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", closed)
        with pytest.raises(SignalError, match=r"cannot close .* input/output error"):
            await log.close()
    async with log:
        assert log.last == 0


async def test_concurrent_appends_keep_their_order(tmp_path: Path) -> None:
    """Records are in the order of the calls, and those of a call stand together."""
    calls = [[b"%d.%d" % (call, i) for i in range(call % 4 + 1)] for call in range(300)]
    async with FrameLog(tmp_path, segment_bytes=500) as log:
        numbers = await asyncio.gather(*map(log.append, calls))
        wrote = [payload for call in calls for payload in call]
        assert await records(log) == list(enumerate(wrote, 1))
        assert [b - a for a, b in pairwise([0, *numbers])] == [len(call) for call in calls]


async def test_appends_that_wait_share_an_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one runs the others gather, and are synced together."""
    gate = Gate(monkeypatch)
    async with FrameLog(tmp_path) as log:
        gate.calls = 0
        first = await gate.block(log, [b"first"])
        others = await started(*(asyncio.create_task(log.append([b"x"])) for _ in range(50)))
        gate.leave.set()
        assert await asyncio.gather(first, *others) == list(range(1, 52))
        assert gate.calls == 2


async def test_what_is_not_acknowledged_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that is written, and not synced, may still be taken back."""
    gate = Gate(monkeypatch)
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
        appending = await gate.block(log, [b"two"])
        assert log.last == 1
        assert await payloads(log) == [b"one"]
        gate.leave.set()
        assert await appending == 2
        assert await payloads(log) == [b"one", b"two"]


@pytest.mark.parametrize(("policy", "calls"), [("always", 20), ("never", 0)])
async def test_fsyncs_by_policy(
    policy: FsyncPolicy, calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each append, or none."""
    gate = Gate(monkeypatch)
    async with FrameLog(tmp_path, fsync=policy) as log:
        gate.calls = 0
        await asyncio.gather(*(log.append([b"x"]) for _ in range(20)))
        assert gate.calls == calls


async def test_what_is_synced_beside_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files when they come and go, and a finished segment even when records are not."""
    synced: list[tuple[int, int]] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        synced.append((os.fstat(file).st_ino, os.fstat(file).st_size))
        fsync(file)

    def directories() -> int:
        here = tmp_path.stat().st_ino
        count = sum(inode == here for inode, _ in synced)
        synced.clear()
        return count

    monkeypatch.setattr(os, "fsync", noted)
    async with FrameLog(tmp_path, fsync="never", segment_bytes=50, keep_segments=2) as log:
        assert directories() == 1
        await log.append([bytes(20)])
        assert directories() == 0
        finished = files(tmp_path)[0].stat()
        await log.append([bytes(20)])
        assert synced[0] == (finished.st_ino, finished.st_size)
        assert directories() == 1
        await log.append([bytes(20)])
        assert directories() == 2
    async with FrameLog(tmp_path):
        last = files(tmp_path)[-1].stat()
        assert (last.st_ino, last.st_size) in synced
        assert directories() == 1


async def test_no_file_is_touched_on_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk stops nobody but those who wait for it."""
    here = threading.get_ident()
    for name in ("open", "write", "fsync", "close", "ftruncate", "unlink"):
        original = getattr(os, name)

        def elsewhere(*args: Any, call: Callable[..., Any] = original, **options: Any) -> Any:
            assert threading.get_ident() != here
            return call(*args, **options)

        monkeypatch.setattr(os, name, elsewhere)
    log = FrameLog(tmp_path, segment_bytes=50, keep_segments=2)
    await log.open()
    for _ in range(10):
        await log.append([b"record"])
    await log.close()
    monkeypatch.undo()
    assert len(files(tmp_path)) == 2


async def test_cancelled_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being written is written whole; what waited is not written at all."""
    gate = Gate(monkeypatch)
    async with FrameLog(tmp_path) as log:
        written = await gate.block(log, [b"a", b"b"])
        waiting, other = await started(
            asyncio.create_task(log.append([b"c", b"d"])),
            asyncio.create_task(log.append([b"e"])),
        )
        written.cancel()
        waiting.cancel()
        gate.leave.set()
        assert await other == 3
        assert written.cancelled()
        assert waiting.cancelled()
        assert await payloads(log) == [b"a", b"b", b"e"]


@pytest.mark.parametrize("policy", ["group", "always"])
async def test_closing_writes_what_waits(
    policy: FsyncPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the one who closes is cancelled; and then the lock is free."""
    gate = Gate(monkeypatch)
    threads = set(threading.enumerate())
    log = FrameLog(tmp_path, fsync=policy)
    await log.open()
    first = await gate.block(log, [b"a"])
    others = await started(*(asyncio.create_task(log.append([each])) for each in (b"b", b"c")))
    closing = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    closing.cancel()
    gate.leave.set()
    assert await asyncio.gather(first, *others) == [1, 2, 3]
    await ended(threads)
    async with log:
        assert await payloads(log) == [b"a", b"b", b"c"]


async def test_a_cancelled_opening_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is free as soon as the thread is through."""
    gate = Gate(monkeypatch)
    gate.leave.clear()
    threads = set(threading.enumerate())
    opening = asyncio.create_task(FrameLog(tmp_path).open())
    await asyncio.to_thread(gate.entered.wait)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    gate.leave.set()
    await ended(threads)
    async with FrameLog(tmp_path) as log:
        assert await log.append([b"one"]) == 1


async def test_one_writer(tmp_path: Path) -> None:
    """A second one is refused, in this process and in another; readers are welcome."""
    script = "import sys; sys.argv[1:] = [sys.argv[1], 'x']\n" + APPENDER
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
        with pytest.raises(SignalError, match="locked"):
            await FrameLog(tmp_path).open()
        other = await asyncio.to_thread(run, script, str(tmp_path))
        assert other.returncode == 1
        assert "SignalError" in other.stderr
        assert "locked" in other.stderr
        assert await payloads(FrameLog(tmp_path)) == [b"one"]
    async with FrameLog(tmp_path) as log:
        assert log.last == 1


def run(
    script: str, *arguments: str, under: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run a script in a process of its own."""
    command = [*under, sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# Segments


async def test_rotation(tmp_path: Path) -> None:
    """A segment is named after its first record and no longer than allowed."""
    wrote = await filled(tmp_path)
    number = 1
    for file in files(tmp_path):
        assert int(file.stem) == number
        assert file.stat().st_size <= 200
        rest = file.read_bytes().removeprefix(HEADER)
        while rest:
            frame = framed(number, wrote[number - 1])
            assert rest.startswith(frame)
            rest, number = rest[len(frame) :], number + 1
    assert number == len(wrote) + 1
    assert await payloads(FrameLog(tmp_path), 17) == wrote[16:]


async def test_an_append_longer_than_a_segment(tmp_path: Path) -> None:
    """It has a segment to itself."""
    async with FrameLog(tmp_path, segment_bytes=50) as log:
        await asyncio.gather(*(log.append([b"x" * size] * 2) for size in (5, 90, 90, 5)))
    assert [int(file.stem) for file in files(tmp_path)] == [1, 3, 5, 7]


async def test_retention(tmp_path: Path) -> None:
    """The oldest segments go; asking for their records says which is the oldest."""
    wrote = await filled(tmp_path, keep_segments=2)
    oldest = int(files(tmp_path)[0].stem)
    assert len(files(tmp_path)) == 2
    async with FrameLog(tmp_path, segment_bytes=200, keep_segments=2) as log:
        assert log.recovery == Recovery(first=oldest, last=30, cut_bytes=0)
        with pytest.raises(SignalError, match=f"record 1 was removed .* the oldest is {oldest}"):
            await records(log)
        assert await payloads(log, oldest) == wrote[oldest - 1 :]


async def test_retention_during_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is too slow is told so."""
    monkeypatch.setattr(frame_scan, "_CHUNK_BYTES", 1)
    async with FrameLog(tmp_path, segment_bytes=50, keep_segments=2) as log:
        await log.append([b"a", b"b"])
        reading = log.read()
        assert await anext(reading) == (1, b"a")
        for _ in range(10):
            await log.append([bytes(30)])
        with pytest.raises(SignalError, match=r"record 2 was removed .* the oldest is 11"):
            await anext(reading)


async def test_a_segment_that_vanishes_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was removed, too."""
    await filled(tmp_path)

    def vanish(path: Path, _: str) -> None:
        path.unlink()
        raise FileNotFoundError

    monkeypatch.setattr(Path, "open", vanish)
    with pytest.raises(SignalError, match="record 1 was removed"):
        await records(FrameLog(tmp_path))


async def test_segments_that_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The append succeeds all the same, and the next one removes them."""
    async with FrameLog(tmp_path, segment_bytes=30, keep_segments=1) as log:
        await log.append([bytes(20)])
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", failing)
            assert await log.append([bytes(20)]) == 2
        assert "cannot be removed" in caplog.text
        assert len(files(tmp_path)) == 2
        assert await log.append([bytes(20)]) == 3
        assert len(files(tmp_path)) == 1


async def test_reading_beside_a_writer(tmp_path: Path) -> None:
    """A reader that begins where it ended sees every record once, in order."""
    wrote = [b"%d" % i for i in range(200) for _ in range(3)]

    async def write(log: FrameLog) -> None:
        for start in range(0, len(wrote), 3):
            await log.append(wrote[start : start + 3])

    async with FrameLog(tmp_path, fsync="never", segment_bytes=1000) as log:
        seen: list[tuple[int, bytes]] = []
        writing = asyncio.create_task(write(log))
        while not writing.done():
            for reader in (log, FrameLog(tmp_path)):
                seen += await records(reader, len(seen) + 1)
        await writing
        seen += await records(log, len(seen) + 1)
        assert seen == list(enumerate(wrote, 1))


async def test_reading_stops_at_a_torn_tail(tmp_path: Path) -> None:
    """As a reader beside another process's writer may find it."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    frame = framed(2, b"two")
    for length in range(len(frame)):
        file.write_bytes(whole + frame[:length])
        assert await payloads(FrameLog(tmp_path)) == [b"one"]
    file.write_bytes(whole + frame)
    assert await payloads(FrameLog(tmp_path)) == [b"one", b"two"]


async def test_reading_in_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any record on, whatever the chunks are."""
    wrote = await filled(tmp_path)
    for size in (1, 40, 150):
        monkeypatch.setattr(frame_scan, "_CHUNK_BYTES", size)
        for first in (1, 2, 15, 30, 31):
            assert await payloads(FrameLog(tmp_path), first) == wrote[first - 1 :]


# Damage


def cut_short(chance: random.Random, data: bytes) -> bytes:
    """Lose the end, maybe with a part of the header."""
    return data[: chance.randrange(len(data))]


def flip(chance: random.Random, data: bytes) -> bytes:
    """Flip some bits behind the header."""
    damaged = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(HEADER), len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def add_garbage(chance: random.Random, data: bytes) -> bytes:
    """Have something at the end that is no frame."""
    return data + chance.randbytes(chance.randint(1, 60))


def add_zeros(chance: random.Random, data: bytes) -> bytes:
    """Have zeros at the end, as a file system may leave them."""
    return data + bytes(chance.randint(1, 5000))


def zero_tail(chance: random.Random, data: bytes) -> bytes:
    """Have zeros instead of the end."""
    start = chance.randrange(len(HEADER), len(data))
    return data[:start] + bytes(len(data) - start)


def repeat_frame(chance: random.Random, data: bytes) -> bytes:
    """Have a whole frame a second time, at the end."""
    starts = [len(HEADER)]
    while starts[-1] < len(data):
        (length,) = struct.unpack_from("<I", data, starts[-1])
        starts.append(starts[-1] + 8 + length)
    start, end = chance.choice(list(pairwise(starts)))
    return data + data[start:end]


@pytest.mark.parametrize(
    "damage", [cut_short, flip, add_garbage, add_zeros, zero_tail, repeat_frame]
)
async def test_a_damaged_tail_is_cut_off(
    tmp_path: Path, damage: Callable[[random.Random, bytes], bytes]
) -> None:
    """Exactly the whole records before the damage are left, and appending goes on."""
    chance = random.Random(damage.__name__)
    for each in range(DAMAGES_OF_A_KIND):
        directory = tmp_path / str(each)
        sizes = [chance.randint(1, 40) for _ in range(chance.randint(2, 14))]
        wrote = [chance.randbytes(size) for size in sizes]
        async with FrameLog(directory, fsync="never", segment_bytes=150) as log:
            for payload in wrote:
                await log.append([payload])
        file = files(directory)[-1]
        first = int(file.stem)
        data = file.read_bytes()
        damaged = damage(chance, data)
        file.write_bytes(damaged)
        # A record is whole when its last byte is before the first one that differs.
        same = next(
            (at for at, pair in enumerate(zip(data, damaged, strict=False)) if len(set(pair)) > 1),
            min(len(data), len(damaged)),
        )
        left, end = first - 1, len(HEADER)
        for payload in wrote[first - 1 :]:
            end += 8 + len(payload)
            left += end <= same
        kept = len(HEADER) + sum(8 + len(payload) for payload in wrote[first - 1 : left])
        cut = len(damaged) - (kept if len(damaged) >= len(HEADER) else 0)

        async with FrameLog(directory, segment_bytes=150) as log:
            assert log.recovery == Recovery(first=1, last=left, cut_bytes=cut)
            assert file.stat().st_size == kept
            assert await payloads(log) == wrote[:left]
            assert await log.append([b"more"]) == left + 1
        async with FrameLog(directory) as log:
            assert log.recovery.cut_bytes == 0
            assert await payloads(log) == [*wrote[:left], b"more"]


async def test_a_frame_of_another_log(tmp_path: Path) -> None:
    """A whole frame with a wrong number is none."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
    with files(tmp_path)[0].open("ab") as file:
        file.write(framed(3, b"three"))
    async with FrameLog(tmp_path) as log:
        assert log.recovery == Recovery(first=1, last=1, cut_bytes=len(framed(3, b"three")))


async def test_zeros_are_no_record(tmp_path: Path) -> None:
    """Not even where the checksum of a number without a payload is 0."""
    number = 270_217_040
    assert zlib.crc32(struct.pack("<Q", number)) == 0
    (tmp_path / f"{number:020}.log").write_bytes(HEADER + bytes(8))
    async with FrameLog(tmp_path) as log:
        assert log.recovery == Recovery(first=number, last=number - 1, cut_bytes=8)


async def test_a_frame_longer_than_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is garbage, even if its checksum is right."""
    monkeypatch.setattr(frame_scan, "MAX_PAYLOAD_BYTES", 10)
    (tmp_path / f"{1:020}.log").write_bytes(HEADER + framed(1, bytes(10)) + framed(2, bytes(11)))
    async with FrameLog(tmp_path) as log:
        assert log.recovery == Recovery(first=1, last=1, cut_bytes=19)


@pytest.mark.parametrize("left", [b"", HEADER[:7], bytes(len(HEADER))])
async def test_a_crash_right_after_a_segment_was_created(tmp_path: Path, left: bytes) -> None:
    """A torn header is made anew, and the numbers go on."""
    await filled(tmp_path)
    fresh = tmp_path / f"{31:020}.log"
    fresh.write_bytes(left)
    async with FrameLog(tmp_path) as log:
        assert log.recovery == Recovery(first=1, last=30, cut_bytes=len(left))
        assert await log.append([b"more"]) == 31
    assert fresh.read_bytes() == HEADER + framed(31, b"more")


async def refused(directory: Path, match: str) -> None:
    """A log is not opened, and its files stay as they are."""
    before = [file.read_bytes() for file in files(directory)]
    with pytest.raises(SignalError, match=match):
        await FrameLog(directory).open()
    assert [file.read_bytes() for file in files(directory)] == before


@pytest.mark.parametrize("damage", [cut_short, flip, add_garbage, add_zeros, zero_tail])
async def test_damage_in_an_earlier_segment(
    tmp_path: Path, damage: Callable[[random.Random, bytes], bytes]
) -> None:
    """It is no torn tail: nothing is opened, nothing cut; repaired, the log opens."""
    wrote = await filled(tmp_path)
    chance = random.Random(damage.__name__)
    for file in files(tmp_path)[:-1]:
        data = file.read_bytes()
        file.write_bytes(damage(chance, data))
        await refused(tmp_path, f"{file}.* at byte \\d+")
        file.write_bytes(data)
    async with FrameLog(tmp_path) as log:
        assert await payloads(log) == wrote


async def test_the_place_of_damage_is_told(tmp_path: Path) -> None:
    """By file and offset, when it is opened and when it is read."""
    wrote = await filled(tmp_path)
    file = files(tmp_path)[1]
    first = int(file.stem)
    data = bytearray(file.read_bytes())
    start = len(HEADER) + len(framed(first, wrote[first - 1]))
    data[start + 9] ^= 1
    async with FrameLog(tmp_path) as log:
        file.write_bytes(data)
        reading = log.read()
        assert [(await anext(reading))[1] for _ in range(first)] == wrote[:first]
        with pytest.raises(SignalError, match=f"{file} is damaged at byte {start}$"):
            await anext(reading)
    await refused(tmp_path, f"{file} is damaged at byte {start}$")


async def test_a_missing_segment(tmp_path: Path) -> None:
    """A gap in the numbers is refused, by opening and by reading."""
    wrote = await filled(tmp_path, 60)
    _, before, missing, after = files(tmp_path)[:4]
    missing.unlink()
    size, number, later = before.stat().st_size, int(missing.stem), int(after.stem)
    await refused(tmp_path, f"record {number} is missing: {before} ends at byte {size}")
    with pytest.raises(SignalError, match=f"{before} is damaged at byte {size}"):
        await records(FrameLog(tmp_path))
    assert await payloads(FrameLog(tmp_path), later) == wrote[later - 1 :]


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (b"SHFRAMES\x02\x00\x00\x00", "version 2"),
        (b"SHFRAMEZ\x01\x00\x00\x00", "damaged at byte 0"),
        (bytes(len(HEADER)), "damaged at byte 0"),
    ],
)
async def test_a_header_that_is_whole_and_wrong(tmp_path: Path, header: bytes, match: str) -> None:
    """A log of a later version must not be cut, nor one whose first bytes were damaged."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
    (file,) = files(tmp_path)
    file.write_bytes(header + file.read_bytes()[len(HEADER) :])
    await refused(tmp_path, match)
    with pytest.raises(SignalError, match=match):
        await records(FrameLog(tmp_path))


async def test_acknowledged_records_that_are_gone(tmp_path: Path) -> None:
    """A reader of the open log does not take that for its end."""
    async with FrameLog(tmp_path) as log:
        await log.append([b"one", b"two"])
        (file,) = files(tmp_path)
        os.truncate(file, file.stat().st_size - 1)
        with pytest.raises(SignalError, match="damaged at byte 23"):
            await records(log)


# Crashes and full disks


async def test_kill(tmp_path: Path) -> None:
    """Every record that was acknowledged before the process was killed is there."""
    chance = random.Random(9)
    acknowledged: dict[int, bytes] = {}
    found: dict[int, bytes] = {}
    for each in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            APPENDER,
            str(tmp_path),
            str(each),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        told = [await process.stdout.readline() for _ in range(chance.randint(1, 400))]
        process.kill()
        told += (await process.stdout.read()).splitlines(keepends=True)
        assert await process.wait() == -9
        for line in told:
            if line.endswith(b"\n"):
                number, token = line.split()
                assert int(number) not in acknowledged
                acknowledged[int(number)] = token
        async with FrameLog(tmp_path) as log:
            found = dict(await records(log))
            assert log.last == len(found)
    assert len(acknowledged) > KILLS
    assert {number: found[number] for number in acknowledged} == acknowledged


def told(outcome: "subprocess.CompletedProcess[str]") -> list[Any]:
    """Check what a process says that ran out of space, and got some; give the rest."""
    assert outcome.returncode == 0, outcome.stderr
    reason, acknowledged, later, found, cut = json.loads(outcome.stdout)
    assert acknowledged > 10
    assert later == [acknowledged + 1, acknowledged + 2]
    assert found == ["a" * 999, "b" * 2000] * (acknowledged // 2) + ["later"] * 2
    assert cut == 0
    return [reason]


async def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """Half a record is taken back; with the limit gone, appending goes on."""
    (reason,) = told(await asyncio.to_thread(run, FILLER, "limit", str(tmp_path)))
    assert "file too large" in reason


async def test_a_full_disk(tmp_path: Path) -> None:
    """A real one, small, in a mount namespace of its own."""
    under = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_SMALL_DISK)
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    outcome = await asyncio.to_thread(
        run, FILLER, "disk", str(tmp_path), under=(*under, str(tmp_path))
    )
    if outcome.returncode == 77 or outcome.stderr.startswith("unshare:"):
        pytest.skip("mounting is not possible")
    (reason,) = told(outcome)
    assert "no space left on device" in reason


class Disk:
    """A disk that is full after so many more bytes; None is never."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, file: int, data: bytes) -> int:
        """Write what there is room for."""
        if self.room is None:
            return self._write(file, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        wrote = self._write(file, data[: self.room])
        self.room -= wrote
        return wrote


def failing(*_: object, **__: object) -> None:
    """Fail as a broken disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("room", [0, 1, 7, 8, 9, 30])
async def test_a_write_that_fails_halfway(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that shared it fail and leave nothing; with space again, appending goes on."""
    disk, gate = Disk(monkeypatch), Gate(monkeypatch)
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
        gate.calls = 0
        first = await gate.block(log, [b"two"])
        others = await started(*(asyncio.create_task(log.append([b"lost"] * 2)) for _ in range(3)))
        disk.room = room
        gate.leave.set()
        assert await first == 2
        for outcome in await asyncio.gather(*others, return_exceptions=True):
            assert isinstance(outcome, SignalError)
            assert "no space left on device" in str(outcome)
            assert isinstance(outcome.__cause__, OSError)
        # Once for the record, once for the cut.
        assert gate.calls == 2
        disk.room = None
        assert await log.append([b"three"]) == 3
        assert await payloads(log) == [b"one", b"two", b"three"]
    async with FrameLog(tmp_path) as log:
        assert log.recovery == Recovery(first=1, last=3, cut_bytes=0)


@pytest.mark.parametrize("room", [0, 5])
async def test_no_room_for_another_segment(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is left; a record that fits goes to the old one, and later a new one is begun."""
    disk = Disk(monkeypatch)
    async with FrameLog(tmp_path, segment_bytes=50) as log:
        await log.append([bytes(20)])
        disk.room = room
        with pytest.raises(SignalError, match="no space left"):
            await log.append([bytes(20)])
        disk.room = None
        assert len(files(tmp_path)) == 1
        assert await log.append([b"2"]) == 2
        assert await log.append([bytes(20)]) == 3
        assert [int(file.stem) for file in files(tmp_path)] == [1, 3]
    async with FrameLog(tmp_path) as log:
        assert await payloads(log) == [bytes(20), b"2", bytes(20)]


async def test_a_segment_that_can_neither_be_begun_nor_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is broken, for the file's number may become another record's."""
    disk = Disk(monkeypatch)
    async with FrameLog(tmp_path, segment_bytes=50) as log:
        await log.append([bytes(20)])
        disk.room = 5
        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", failing)
            with pytest.raises(SignalError, match="no space left"):
                await log.append([bytes(20)])
        disk.room = None
        with pytest.raises(SignalError, match="broken"):
            await log.append([b"2"])
        await log.close()
        await log.open()
        assert log.recovery == Recovery(first=1, last=1, cut_bytes=5)
        assert await log.append([b"2"]) == 2


@pytest.mark.parametrize("policy", ["group", "always"])
async def test_a_failed_fsync_breaks_the_log(
    policy: FsyncPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it is opened anew, which keeps what was acknowledged; the system tells only once."""
    fsync, errors = os.fsync, [failing]

    def fail_once(file: int) -> None:
        (errors.pop() if errors else fsync)(file)

    async with FrameLog(tmp_path, fsync=policy) as log:
        await log.append([b"one", b"two"])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail_once)
            with pytest.raises(SignalError, match="input/output error"):
                await log.append([b"lost"])
        for _ in range(2):
            with pytest.raises(SignalError, match=r"broken \(input/output error\)"):
                await log.append([b"three"])
        assert log.last == 2
        assert await payloads(log) == [b"one", b"two"]
        await log.close()
        await log.open()
        assert log.recovery == Recovery(first=1, last=2, cut_bytes=0)
        assert await log.append([b"three"]) == 3
        assert await payloads(log) == [b"one", b"two", b"three"]


async def test_what_cannot_be_taken_back_breaks_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening it anew cuts it off."""
    disk = Disk(monkeypatch)
    async with FrameLog(tmp_path) as log:
        await log.append([b"one"])
        disk.room = 10
        with monkeypatch.context() as patch:
            patch.setattr(os, "ftruncate", failing)
            with pytest.raises(SignalError, match="no space left"):
                await log.append([b"lost"])
        disk.room = None
        with pytest.raises(SignalError, match="broken"):
            await log.append([b"two"])
        await log.close()
        await log.open()
        assert log.recovery == Recovery(first=1, last=1, cut_bytes=10)
        assert await log.append([b"two"]) == 2


async def test_an_unexpected_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, the caller is told, and the next one is served."""

    def exhausted(*_: object) -> bytes:
        raise MemoryError

    async with FrameLog(tmp_path) as log:
        with monkeypatch.context() as patch:
            patch.setattr("storehaus.signals.frame_writer.encode", exhausted)
            with pytest.raises(SignalError, match="memoryerror"):
                await log.append([b"lost"])
        assert await log.append([b"one"]) == 1


# Anything


@settings(max_examples=80)
@given(
    runs=st.lists(
        st.lists(st.lists(st.binary(min_size=1, max_size=40), max_size=5), max_size=8), max_size=4
    ),
    segment_bytes=st.integers(1, 250),
    policy=st.sampled_from(["group", "always", "never"]),
    first=st.integers(1, 60),
)
async def test_any_records(
    runs: list[list[list[bytes]]], segment_bytes: int, policy: FsyncPolicy, first: int
) -> None:
    """They are read as they were appended, whatever the segments, however often it is opened."""
    wrote: list[bytes] = []
    with TemporaryDirectory() as directory:
        for calls in runs:
            async with FrameLog(Path(directory), fsync=policy, segment_bytes=segment_bytes) as log:
                assert log.recovery == Recovery(first=1, last=len(wrote), cut_bytes=0)
                await asyncio.gather(*map(log.append, calls))
                wrote += [payload for call in calls for payload in call]
                assert log.last == len(wrote)
                assert await records(log, first) == list(enumerate(wrote, 1))[first - 1 :]
        data = b"".join(file.read_bytes()[len(HEADER) :] for file in files(Path(directory)))
        assert data == b"".join(framed(*record) for record in enumerate(wrote, 1))

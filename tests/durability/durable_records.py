"""Records that only count, and what must be true of the events that tell of them.

Each write counts a record up by one under the lock of its row, so that the numbers of a record are
its history: 0, 1, 2 … up to the number that the table holds in the end. Each write leaves a stamp
of its own, so that two writes that share a number, which a crash might bring about, are not taken
for one.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path
from typing import Self, TypeAlias

import asyncpg

from storehaus import AppConfig, DatabaseConfig, Field, Model, StoreHaus, field
from storehaus.signals.log import SubscriptionState

SECONDS = float(os.environ.get("STOREHAUS_DURABILITY_SECONDS", "3"))
# In a long run chance has no say: what must occur somewhere has occurred.
IS_LONG = SECONDS >= 30
RECORDS = 30
_PATIENCE_SECONDS = 100.0
_POLL_SECONDS = 0.02

History: TypeAlias = Mapping[int, int]
"""Record → the number that the table holds."""


class Record(Model, table="durability_records", durable=True):
    """It counts its writes."""

    id: Field[int] = field(primary_key=True)
    number: Field[int] = field(default=0)
    stamp: Field[int] = field(default=0)


class Seen(Model, table="durability_seen"):
    """What a handler did in the transaction that keeps the place."""

    id: Field[int] = field(primary_key=True, generated="identity")
    reader: Field[str] = field(index=True)
    event: Field[str] = field()
    record: Field[int] = field()
    number: Field[int] = field()
    stamp: Field[int] = field()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of a handler with one event, or one write that was acknowledged.

    Attributes:
        life: The process that it happened in.
        event: Id of the event; "-" for a write.
        record: The record.
        number: Its number after the write.
        stamp: The stamp of the write.
    """

    life: int
    event: str
    record: int
    number: int
    stamp: int

    def write(self, descriptor: int) -> None:
        """Append it to a file, by one call that a kill cannot divide."""
        words = (self.life, self.event, self.record, self.number, self.stamp)
        os.write(descriptor, f"{' '.join(map(str, words))}\n".encode())

    @classmethod
    def read(cls, line: str) -> Self:
        """Read a line that `write` wrote."""
        life, event, record, number, stamp = line.split()
        return cls(int(life), event, int(record), int(number), int(stamp))


def read_all(path: Path) -> list[Delivery]:
    """Read a file of them; it need not be there."""
    if not path.exists():
        return []
    return [Delivery.read(line) for line in path.read_text().splitlines()]


def open_log(path: Path) -> int:
    """Open a file to append to."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


@dataclass(slots=True)
class Findings:
    """What is wrong with deliveries, and what is not.

    Attributes:
        events: Events that arrived.
        duplicates: Deliveries of an event that had arrived before.
        changed: Duplicates that say something else than the first time.
        renamed: Events that arrived under a second id too.
        lost: Writes whose event did not arrive.
        foreign: Events of writes that are not in the history.
        disordered: First deliveries that do not follow the one before in their record.
        unlike: Acknowledged writes whose event says something else.
    """

    events: int = 0
    duplicates: int = 0
    changed: int = 0
    renamed: int = 0
    lost: int = 0
    foreign: int = 0
    disordered: int = 0
    unlike: int = 0

    @property
    def faults(self) -> dict[str, int]:
        """What no delivery may show."""
        names = ("changed", "renamed", "lost", "foreign", "disordered", "unlike")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def __str__(self) -> str:
        return (
            f"{self.events:,} events, {self.lost:,} lost, {self.duplicates:,} duplicates,"
            f" {self.disordered:,} out of order, {self.foreign:,} foreign, {self.changed:,} changed"
        )


def examine(
    deliveries: Iterable[Delivery],
    history: History,
    acknowledged: Iterable[Delivery] = (),
    *,
    start: int = 0,
) -> Findings:
    """Compare deliveries with what was written.

    Args:
        deliveries: In their order.
        history: What the table holds in the end.
        acknowledged: Writes that the database said it had committed.
        start: First number of each record that was to be delivered.
    """
    found = Findings()
    firsts: dict[str, Delivery] = {}
    writes: dict[tuple[int, int], Delivery] = {}
    last: dict[int, int] = {}
    for each in deliveries:
        same = firsts.setdefault(each.event, each)
        if same is not each:
            found.duplicates += 1
            before = (same.record, same.number, same.stamp)
            found.changed += before != (each.record, each.number, each.stamp)
            continue
        found.renamed += (each.record, each.number) in writes
        writes[each.record, each.number] = each
        found.disordered += each.number != last.get(each.record, start - 1) + 1
        last[each.record] = each.number
    expected = {(record, n) for record, end in history.items() for n in range(start, end + 1)}
    found.events = len(firsts)
    found.lost = len(expected - writes.keys())
    found.foreign = len(writes.keys() - expected)
    for each in acknowledged:
        event = writes.get((each.record, each.number))
        found.unlike += event is None or event.stamp != each.stamp
    return found


@asynccontextmanager
async def opened(url: str, connections: int = 6) -> AsyncGenerator[StoreHaus]:
    """Open a haus on a server."""
    database = DatabaseConfig(url=url, max_connections=connections)
    async with StoreHaus(AppConfig(database=database)) as haus:
        yield haus


async def prepare(url: str) -> None:
    """Make the tables and the records."""
    async with opened(url) as haus:
        await haus.auto_migrate(Record, Seen)
        await haus.store(Record).create_many([Record(id=each) for each in range(RECORDS)])


async def read_history(url: str) -> History:
    """Ask what the table holds."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT id, number FROM durability_records")
    finally:
        await connection.close()
    return {row["id"]: row["number"] for row in rows}


async def read_seen(url: str, reader: str) -> list[Delivery]:
    """Ask what a handler left in the database, in its order."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT event, record, number, stamp FROM durability_seen WHERE reader = $1"
            " ORDER BY id",
            reader,
        )
    finally:
        await connection.close()
    return [Delivery(0, *row) for row in rows]


async def write_in_turn(
    connection: "asyncpg.Connection[asyncpg.Record]", record: int, times: int = 1
) -> None:
    """Count a record up, each time in a transaction of its own."""
    for _ in range(times):
        await connection.execute(
            "UPDATE durability_records SET number = number + 1 WHERE id = $1", record
        )


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: When it is not for very long.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_POLL_SECONDS)


async def until_read(url: str, names: Sequence[str]) -> list[SubscriptionState]:
    """Wait until subscriptions have nothing more to read, and give how they are then."""
    async with opened(url, 2) as haus:

        async def is_read() -> bool:
            states = await haus.events.subscriptions()
            own = [each for each in states if each.name in names]
            return len(own) == len(names) and not any(
                each.lag_events or each.parked for each in own
            )

        await until(is_read)
        return [each for each in await haus.events.subscriptions() if each.name in names]


@dataclass(slots=True)
class Worker:
    """A process that reads or writes, again and again.

    Args:
        script: Its program.
        words: Its arguments.
        log: What it did, one line each.
    """

    script: str
    words: Sequence[str]
    log: Path
    process: Process | None = None
    kills: int = 0
    _stderr: list[Path] = attribute(default_factory=list[Path])

    @property
    def size(self) -> int:
        """Size of what it did so far, in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    @property
    def errors(self) -> str:
        """What all its lives had to say."""
        return "\n".join(each.read_text() for each in self._stderr if each.exists())

    async def start(self, *more: str) -> None:
        """Begin a life."""
        said = self.log.with_suffix(f".{len(self._stderr)}.err")
        self._stderr.append(said)
        with said.open("wb") as stderr:
            script = str(Path(__file__).with_name(self.script))
            words = (sys.executable, script, *self.words, str(self.log), *more)
            self.process = await asyncio.create_subprocess_exec(*words, stderr=stderr)

    async def until_grown(self, since: int, lines: int) -> None:
        """Wait until it did so much more since a size; a line has 25 bytes at least.

        Raises:
            AssertionError: When it ended by itself.
        """

        def is_grown() -> bool:
            assert self.process is not None
            assert self.process.returncode is None, self.errors
            return self.size >= since + 25 * lines

        await until(is_grown)

    async def end(self, number: signal.Signals) -> None:
        """Send it a signal that ends it, and wait for that."""
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        await process.wait()

    async def kill(self) -> None:
        """Kill it."""
        await self.end(signal.SIGKILL)
        self.kills += 1

    async def stop(self) -> None:
        """Let it end as it should.

        Raises:
            AssertionError: When it did not.
        """
        process = self.process
        await self.end(signal.SIGTERM)
        assert process is not None
        # One that has only just begun does not know yet what to do then.
        assert process.returncode in {0, -signal.SIGTERM}, self.errors


@asynccontextmanager
async def workers(*those: Worker) -> AsyncGenerator[None]:
    """Leave none of them alive."""
    async with AsyncExitStack() as stack:
        for each in those:
            stack.push_async_callback(each.end, signal.SIGKILL)
        yield


def report(title: str, *lines: str) -> None:
    """Print what was tried."""
    print("\n".join(["", f"{title}:", *(f"  {each}" for each in lines)]))  # noqa: T201 - what was tried is the claim


def counted(acknowledged: Sequence[Delivery]) -> str:
    """Say how much was written."""
    lives = Counter(each.life for each in acknowledged)
    return f"{len(acknowledged):,} acknowledged writes by {len(lives)} processes"

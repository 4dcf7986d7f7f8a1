"""Whatever happens in whatever order, nobody reads from the cache what is older than a commit.

The scripts run on a real server, on a database that is only a model of one. Time does not pass:
what it would do (a lease ends, a full server forgets, W is over) are steps like all others.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fix_transport import BOOT, LEASE, PENDING, MemoryStand, RedisStand, Stand, age, redis_stand
from storehaus.cache import Finding, Lease, Opened, scripts
from storehaus.cache.core import Core
from storehaus.cache.entry import check_entry, make_entry, read_entry
from storehaus.cache.reader import Reader

T = TypeVar("T")

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
MUTANT = settings(
    QUIET,
    # What the clock of the server says decides too: a run that is unlucky goes on for longer.
    max_examples=4000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    print_blob=False,
    report_multiple_bugs=False,
)
TTL_MS = 600_000
PRINT = b"columns1"

ROWS = ("a", "b")
# A row, and a query over two: the row carries the tag of its table, the query those of its rows.
TAGS_OF = {b"a": (b"g",), b"q": (b"x", b"y")}
ROWS_OF = {b"a": ("a",), b"q": ROWS}
TAG_OF_ROW = {b"a": b"x", b"b": b"y"}
ENTRIES = (*TAGS_OF,)
TAGS = (b"g", b"x", b"y")
LEASES = tuple(entry + LEASE for entry in ENTRIES)
NAMES = (*ENTRIES, *TAGS, *LEASES)
MOST_READERS = 8

_spaces = count()


@dataclass(frozen=True)
class Snapshot:
    """Which transactions somebody sees as ended: those before `next_` that do not run."""

    next_: int
    running: frozenset[int]

    def sees(self, transaction: int) -> bool:
        """Whether it had ended."""
        return transaction < self.next_ and transaction not in self.running

    @property
    def first(self) -> int:
        """Before this one all have ended."""
        return min(self.running, default=self.next_)

    def __str__(self) -> str:
        return f"{self.first}:{self.next_}:{','.join(map(str, sorted(self.running)))}"


class Postgres:
    """As much of PostgreSQL as it takes: transactions, and which of them a snapshot sees."""

    def __init__(self) -> None:
        self._next = 100
        self._ended = 99
        self._running: set[int] = set()
        self._commits: list[tuple[int, frozenset[str]]] = []

    def begin(self) -> int:
        """Begin a transaction."""
        self._running.add(self._next)
        self._next += 1
        return self._next - 1

    def end(self, transaction: int, written: Iterable[str] = ()) -> None:
        """Commit what it has written, or roll it back."""
        self._running.remove(transaction)
        self._ended = max(self._ended, transaction)
        self._commits.append((transaction, frozenset(written)))

    def snapshot(self) -> Snapshot:
        """Take one. What has begun since the last end is not before `next_`, running or not."""
        next_ = self._ended + 1
        return Snapshot(next_, frozenset(each for each in self._running if each < next_))

    def value(self, rows: Sequence[str], snapshot: Snapshot | None = None) -> bytes:
        """Give rows, each as the number of the transaction that wrote it last."""
        seen = snapshot or self.snapshot()
        found = dict.fromkeys(rows, 0)
        for transaction, written in self._commits:
            if seen.sees(transaction):
                found.update(dict.fromkeys(written & {*rows}, transaction))
        return ",".join(map(str, found.values())).encode()


@dataclass(eq=False)
class Writer:
    """A transaction that writes.

    Attributes:
        transaction: Its id.
        rows: What it writes to.
        is_whole: Whether it makes everything of the table stale, not only its rows.
        over: Before this one all have ended, as it knows.
        told: The pending HASH that has heard of it.
    """

    transaction: int
    rows: frozenset[str]
    is_whole: bool
    over: int = 0
    told: int | None = None

    @property
    def names(self) -> tuple[Sequence[bytes], Sequence[bytes]]:
        """The entries and the tags that it makes stale."""
        if self.is_whole:
            return (), TAGS
        entries = [row.encode() for row in sorted(self.rows)]
        return entries, [TAG_OF_ROW[entry] for entry in entries]


@dataclass(eq=False)
class Holder:
    """Whoever has, or had, the lease of an entry.

    Attributes:
        entry: Its name.
        leases: His, one per stand.
        epoch: The pending HASH that he has heard of.
        is_over: Whether he may store; None before he has looked.
        payload: What he has read.
        read_at: In which step.
    """

    entry: bytes
    leases: Sequence[Lease]
    epoch: int | None
    is_over: bool | None = None
    payload: bytes = b""
    read_at: int = 0


@dataclass
class World:
    """What all examples of one test share.

    Attributes:
        real: The transport to the server.
        run: Runs coroutines in one loop.
        is_strict: Whether answers must be those that are foretold, and those of the memory;
            otherwise only what is read from the cache counts.
        seen: How often what happened.
    """

    real: RedisStand
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    is_strict: bool = True
    seen: Counter[str] = field(default_factory=Counter[str])


class Protocol(RuleBasedStateMachine):
    """Readers, writers and mishaps in any order.

    Args:
        world: Where it happens.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.stands: Sequence[Stand] = (world.real, MemoryStand())[: 1 + world.is_strict]
        space = b"%d" % next(_spaces)
        for stand in self.stands:
            stand.transport.space = space
            self.run(stand.transport.cold_ms())
        self.postgres = Postgres()
        self.writers: list[Writer] = []
        self.readers: list[Holder] = []
        self.holders: dict[bytes, Holder] = {}
        """Of the leases that are there."""
        self.reads: dict[bytes, Holder] = {}
        """Who has read what: no payload occurs twice."""
        self.known: dict[bytes, int] = {}
        """Generations, and the step in which each was seen first."""
        self.step = 0
        self.tokens = count()
        self.epochs = count()
        self.epoch: int | None = next(self.epochs)
        """Of the pending HASH; None while there is none."""
        self.is_warm = True
        age(*self.stands)

    # --- readers

    @rule(entry=st.sampled_from(ENTRIES), how=st.sampled_from(["", "fill", "fill", "other"]))
    def open(self, entry: bytes, how: str) -> None:
        """Ask for an entry or the right to make it, and maybe make it at once."""
        if how == "other":
            self._open_with_other_columns(entry)
            return
        holder = self._open(entry)
        if how and holder is not None:
            self._fill(holder)

    def _open(self, entry: bytes) -> Holder | None:
        foretold = self._foretold(entry)
        answers = self._opened(entry, PRINT)
        self._notice_hash()
        opened = answers[0]
        self.world.seen[opened.finding.name] += 1
        if opened.value is not None:
            payload = read_entry(entry, opened.value, PRINT)
            assert payload is not None
            self._check_fresh(entry, payload)
        if self.world.is_strict:
            assert [each.finding for each in answers] == [foretold, foretold]
        leases = [each.lease for each in answers if each.lease is not None]
        if not leases:
            return None
        if self.world.is_strict:
            assert leases[0].transactions == leases[1].transactions
        holder = Holder(entry, leases, self.epoch)
        self.holders[entry] = holder
        self.readers = [*self.readers[1 - MOST_READERS :], holder]
        self._know(leases[0].generations)
        return holder

    def _open_with_other_columns(self, entry: bytes) -> None:
        """Ask as a process that is newer or older: it never hits."""
        answers = self._opened(entry, b"columns2")
        self._notice_hash()
        for stand, opened in zip(self.stands, answers, strict=True):
            assert opened.finding is not Finding.HIT
            if opened.lease is not None:
                self.run(stand.transport.release(entry, opened.lease))

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), reads=st.booleans())
    def look(self, data: st.DataObject, *, reads: bool) -> None:
        """See whether all that is noted is over, and maybe read from the database."""
        holder = self._reader(data)
        self._look(holder)
        if reads:
            self._read(holder)

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), stores=st.sampled_from([True, True, False]))
    def fill(self, data: st.DataObject, *, stores: bool) -> None:
        """Store what was read, or do not, with any lease that ever was, and again."""
        holder = self._reader(data)
        if stores:
            self._fill(holder)
        else:
            self._release(holder)

    def _fill(self, holder: Holder) -> None:
        self._read(holder)
        if not holder.is_over:
            self._release(holder)
            return
        values = self._values(self.stands[0])
        tags = tuple(values[tag] for tag in TAGS_OF[holder.entry])
        is_his = self.holders.get(holder.entry) is holder and tags == holder.leases[0].generations
        granted = self._filled(holder)
        self.world.seen["granted" if granted[0] else "refused"] += 1
        if self.world.is_strict:
            expected = is_his and holder.epoch == self.epoch
            assert granted == [expected, expected]
        self._let_go(holder)

    # --- writers

    @rule(
        rows=st.sets(st.sampled_from(ROWS), min_size=1),
        is_whole=st.booleans(),
        comes=st.sampled_from(["begin", "announce", "announce", "commit", "tell"]),
    )
    def begin(self, rows: set[str], *, is_whole: bool, comes: str) -> None:
        """Write to rows, and maybe come as far as the announcement or the end."""
        transaction = self.postgres.begin()
        writer = Writer(transaction, frozenset(rows), is_whole, self.postgres.snapshot().first)
        if comes == "tell":
            # Nobody heard the announcement, and it is told in the end: until then hits are stale.
            self.postgres.end(transaction, rows)
            self._intend(None, writer)
            return
        self.writers.append(writer)
        if comes != "begin":
            self._announce(writer)
        if comes == "commit":
            self._end(writer, commits=True)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), how=st.sampled_from(["announce", "look", "commit", "commit", "abort"]))
    def go_on(self, data: st.DataObject, how: str) -> None:
        """Announce a write, maybe once more, or end it; only what is announced may commit."""
        writer = data.draw(st.sampled_from(self.writers))
        if how == "abort" or (how == "commit" and writer.told is not None):
            self._end(writer, commits=how == "commit")
            return
        if how == "look":
            writer.over = self.postgres.snapshot().first
        self._announce(writer)

    # --- mishaps

    @rule(
        names=st.sampled_from([(PENDING,), (*NAMES, PENDING)])
        | st.sampled_from(NAMES).map(lambda name: (name,))
    )
    def lose(self, names: Sequence[bytes]) -> None:
        """A full server forgets something, its time is over, or somebody empties the server."""
        self._lose(*names)

    @precondition(lambda self: self.epoch is not None and not self.is_warm)
    @rule()
    def pass_window(self) -> None:
        """W is over: by now all have ended that announced before, or have said so again."""
        for writer in self.announced:
            if writer.told != self.epoch:
                self._announce(writer)
        age(*self.stands)
        self.is_warm = True
        self.world.seen["warm again"] += 1

    @rule(passes=st.booleans())
    def sweep(self, *, passes: bool) -> None:
        """Sweep, when H is over for what is noted of nobody who still runs, and before."""
        kept = {name for each in self.announced for names in each.names for name in names}
        for stand in self.stands:
            for name, noted in stand.noted().items() if passes else ():
                if name != BOOT and name not in kept:
                    stand.note(name, noted.partition(b"@")[0] + b"@1")
            self.run(stand.transport.sweep())

    # --- what must hold

    @invariant()
    def nothing_is_stale(self) -> None:
        """What counts as a hit is what is committed, and was read under what it carries."""
        self.step += 1
        self.world.seen["steps"] += 1
        values = self._values(self.stands[0])
        self._know(values[tag] for tag in TAGS)
        for entry in ENTRIES:
            payload = _hit(values, entry)
            if payload is not None:
                self.world.seen["hits"] += 1
                self._check_fresh(entry, payload)
            self._check_stamps(values[entry], len(TAGS_OF[entry]))
        if self.world.is_strict:
            self._check_state(values)

    def _check_fresh(self, entry: bytes, payload: bytes) -> None:
        assert payload.partition(b"#")[0] == self.postgres.value(ROWS_OF[entry]), "stale"

    def _check_stamps(self, value: bytes | None, size: int) -> None:
        """See that generations were there before what they stand for was read."""
        if value is not None:
            end = 12 + 8 * size
            read_at = self.reads[value[end + 4 :]].read_at
            for start in range(12, end, 8):
                assert self.known[value[start : start + 8]] <= read_at

    def _check_state(self, values: Mapping[bytes, bytes | None]) -> None:
        """Compare with the memory, and leases with whom they were given to."""
        copies = self._values(self.stands[1])
        assert [copies[name] is None for name in NAMES] == [values[name] is None for name in NAMES]
        for entry in ENTRIES:
            holder = self.holders.get(entry)
            assert values[entry + LEASE] == (None if holder is None else holder.leases[0].token)
            assert _hit(copies, entry) == _hit(values, entry)
        noted, copied = map(self._noted, self.stands)
        assert noted == copied
        assert (noted[0] is None) == (self.epoch is None)

    # --- how it is done

    @property
    def announced(self) -> list[Writer]:
        """Those that may commit."""
        return [each for each in self.writers if each.told is not None]

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine."""
        found: T = self.world.run(coroutine)
        return found

    def _reader(self, data: st.DataObject) -> Holder:
        return data.draw(st.sampled_from(self.readers))

    def _foretold(self, entry: bytes) -> Finding:
        if _hit(self._values(self.stands[0]), entry) is not None:
            return Finding.HIT
        if not self.is_warm:
            return Finding.COLD
        return Finding.WAIT if entry in self.holders else Finding.LEASE

    def _opened(self, entry: bytes, columns: bytes) -> Sequence[Opened]:
        token = b"token %d" % next(self.tokens)
        return [
            self.run(
                stand.transport.open(
                    entry, TAGS_OF[entry], token, fingerprint=columns, tag_ttl_ms=TTL_MS
                )
            )
            for stand in self.stands
        ]

    def _look(self, holder: Holder) -> None:
        if holder.is_over is None:
            snapshots = Snapshots(self.postgres.snapshot())
            reader = Reader(cast("Core", SimpleNamespace(database=snapshots)))
            # The test is about how this and the scripts play together.
            is_over = reader._is_over  # pyright: ignore[reportPrivateUsage]
            holder.is_over = self.run(is_over(holder.leases[0]))

    def _read(self, holder: Holder) -> None:
        self._look(holder)
        if not holder.payload:
            value = self.postgres.value(ROWS_OF[holder.entry])
            holder.payload = b"%b#%d" % (value, len(self.reads))
            holder.read_at = self.step
            self.reads[holder.payload] = holder

    def _filled(self, holder: Holder) -> Sequence[bool]:
        entry = holder.entry
        return [
            self.run(
                stand.transport.fill(
                    entry,
                    TAGS_OF[entry],
                    lease,
                    make_entry(entry, PRINT, lease.generations, holder.payload),
                    ttl_ms=TTL_MS,
                    tag_ttl_ms=TTL_MS,
                )
            )
            for stand, lease in zip(self.stands, holder.leases, strict=True)
        ]

    def _release(self, holder: Holder) -> None:
        for stand, lease in zip(self.stands, holder.leases, strict=True):
            self.run(stand.transport.release(holder.entry, lease))
        self._let_go(holder)

    def _let_go(self, holder: Holder) -> None:
        if self.holders.get(holder.entry) is holder:
            del self.holders[holder.entry]

    def _announce(self, writer: Writer) -> None:
        self._intend(writer.transaction, writer)
        writer.told = self.epoch

    def _end(self, writer: Writer, *, commits: bool) -> None:
        self.postgres.end(writer.transaction, writer.rows if commits else ())
        self.writers.remove(writer)
        self.world.seen["committed"] += commits

    def _intend(self, transaction: int | None, writer: Writer) -> None:
        entries, tags = writer.names
        for stand in self.stands:
            self.run(
                stand.transport.intend(
                    transaction, entries, tags, tag_ttl_ms=TTL_MS, over=writer.over
                )
            )
        for entry in entries:
            self.holders.pop(entry, None)
        self._notice_hash()

    def _lose(self, *names: bytes) -> None:
        for stand in self.stands:
            stand.drop(*names)
        for entry in ENTRIES:
            if entry + LEASE in names:
                self.holders.pop(entry, None)
        if PENDING in names:
            self.epoch, self.is_warm = None, False

    def _notice_hash(self) -> None:
        """See whether there is a pending HASH by now."""
        if self.epoch is None and self._noted(self.stands[0])[0] is not None:
            self.epoch = next(self.epochs)

    def _know(self, generations: Iterable[bytes | None]) -> None:
        for each in generations:
            if each is not None:
                self.known.setdefault(each, self.step)

    def _values(self, stand: Stand) -> Mapping[bytes, bytes | None]:
        return dict(zip(NAMES, self.run(stand.transport.read(NAMES)), strict=True))

    def _noted(self, stand: Stand) -> Sequence[bytes | None]:
        """Give whether there is a pending HASH, and what is noted there but for the times."""
        boot, *noted = self.run(stand.transport.pending((BOOT, b"b", *ENTRIES, *TAGS)))
        return [
            None if boot is None else b"",
            *(None if each is None else each.partition(b"@")[0] for each in noted),
        ]


class Snapshots:
    """What a reader asks of a database.

    Args:
        snapshot: The one that is there.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    async def fetch_rows(self, _: str) -> Sequence[tuple[str]]:
        """Give it as text."""
        return [(str(self._snapshot),)]


def _hit(values: Mapping[bytes, bytes | None], entry: bytes) -> bytes | None:
    """Give what a plain read takes for a hit."""
    value = values[entry]
    generations = [values[tag] for tag in TAGS_OF[entry]]
    return None if value is None else check_entry(entry, value, PRINT, generations)


def machine(world: World) -> Any:
    """Give what makes a machine: to Hypothesis it is a class, and any callable will do."""
    return partial(Protocol, world)


@pytest.fixture
def world(shared_redis: str, redis_prefix: str) -> Iterator[World]:
    """A server, and a loop to ask it in."""
    with asyncio.Runner() as runner, redis_stand(shared_redis, redis_prefix) as real:
        run = runner.get_loop().run_until_complete
        yield World(real, run)
        run(real.transport.close())


def test_no_order_of_steps_makes_a_hit_stale(world: World) -> None:
    """And all that a protocol is good for occurs often."""
    run_state_machine_as_test(machine(world), settings=QUIET)
    findings = {each.name for each in Finding}
    for kind in findings | {"granted", "refused", "committed", "warm again", "hits"}:
        assert world.seen[kind] >= 3, world.seen


MUTANTS: dict[str, tuple[str, str, str]] = {
    "open hits whatever the generation": ("OPEN", "== generations then", "and true then"),
    "open hits whatever the columns": ("OPEN", "== ARGV[6] and", "and"),
    "open is never cold": ("OPEN", "if now - boot <", "if false and now - boot <"),
    "open tells nothing of the entry": ("OPEN", "{string.sub(KEYS[2], cut)}", "{'-'}"),
    "open tells nothing of tags": (
        "OPEN",
        "fields[i + 1] = string.sub(KEYS[3 + i], cut)",
        "fields[i + 1] = '-'",
    ),
    "open gives a lease twice": ("OPEN", "if left ~= -2 then return {0, left} end", ""),
    "fill without a lease": (
        "FILL",
        "if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end",
        "",
    ),
    "fill with any lease": ("FILL", "KEYS[3]) ~= ARGV[2]", "KEYS[3]) == false"),
    "fill whatever the tags": ("FILL", "start + 8) then return 0 end", "start + 8) then end"),
    "fill keeps the lease": ("FILL", "redis.call('DEL', KEYS[3])", ""),
    "fill whatever the hash": (
        "FILL",
        "if redis.call('HGET', KEYS[1], 'boot') ~= ARGV[3] then return 0 end",
        "",
    ),
    "fill forgets nothing": ("FILL", "redis.call('HDEL', KEYS[1], ARGV[i])", ""),
    "release of any lease": (
        "RELEASE",
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end",
        "",
    ),
    "intend keeps entries": (
        "INTEND",
        "redis.call('DEL', KEYS[i], KEYS[i + 1])",
        "redis.call('DEL', KEYS[i + 1])",
    ),
    "intend keeps leases": (
        "INTEND",
        "redis.call('DEL', KEYS[i], KEYS[i + 1])",
        "redis.call('DEL', KEYS[i])",
    ),
    "intend keeps generations": (
        "INTEND",
        "redis.call('SET', KEYS[i], ARGV[5], 'PX', ARGV[4])",
        "",
    ),
    "intend notes nothing of entries": ("INTEND", "KEYS[i + 1])\n  note(KEYS[i])", "KEYS[i + 1])"),
    "intend notes nothing of tags": ("INTEND", "ARGV[4])\n  note(KEYS[i])", "ARGV[4])"),
    "intend notes the last only": ("INTEND", "if noted then", "if false then"),
    "intend drops first": ("INTEND", "first = math.min(first, math.max(low, over))", ""),
    "intend drops last": ("INTEND", "last = math.max(last, high)", ""),
    "intend cuts at the last": ("INTEND", "high >= over", "high > over"),
    "intend cuts too much": ("INTEND", "math.max(low, over)", "math.max(low, over + 1)"),
    "intend never cuts": ("INTEND", "math.max(low, over)", "low"),
    "intend forgets at once": ("INTEND", "tonumber(at) >= horizon", "false"),
    "hash is as old as can be": ("INTEND", "string.format('%.0f', now)\n  redis", "'1'\n  redis"),
    "open makes an old hash": ("OPEN", "string.format('%.0f', now)\n  redis", "'1'\n  redis"),
    "open makes no hash": ("OPEN", "redis.call('HSET', KEYS[1], 'boot', boot)", ""),
    "sweep forgets everything": ("SWEEP", "is_old = false", "is_old = true"),
    "sweep forgets boot": ("SWEEP", "found[2][i] ~= 'boot'", "true"),
    "sweep forgets nothing": ("SWEEP", "if is_old then", "if false then"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_script_that_does_something_else_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By a hit that is stale, or by an answer that is not the one of the memory."""
    script, old, new = MUTANTS[name]
    text = getattr(scripts, script).text.decode()
    assert text.count(old) == 1
    changed = scripts._script(text.replace(old, new))
    monkeypatch.setattr(f"storehaus.cache.redis_transport.{script}", changed)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine(world), settings=MUTANT)

"""`storehaus events` on a real database, as processes of their own."""

import asyncio
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fix_cli import PATIENCE_SECONDS, CommandLine
from storehaus import (
    AppConfig,
    DatabaseConfig,
    DatabaseEvent,
    Field,
    FileLog,
    Model,
    StoreHaus,
    field,
)

pytestmark = pytest.mark.anyio

MODELS = """
from storehaus import Field, Model, field

class Parcel(Model, table="cli_parcels", durable=True):
    id: Field[int] = field(primary_key=True)
    place: Field[str] = field(default="depot")
    weight: Field[int] = field(default=0)

class Stamp(Model, table="cli_stamps"):
    id: Field[int] = field(primary_key=True)
"""
HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202egnp.exe"
DRIVING = frozenset("\x1b\x07\r\x9b\u202e")
NOTHING_THERE = "this database has no event log"


class Parcel(Model, table="cli_parcels", durable=True):
    """As in `MODELS`."""

    id: Field[int] = field(primary_key=True)
    place: Field[str] = field(default="depot")
    weight: Field[int] = field(default=0)


class Letter(Model, table="cli_letters", durable=True):
    """Another table of the log."""

    id: Field[int] = field(primary_key=True)


class Events:
    """Runs `storehaus events`."""

    def __init__(self, line: CommandLine, database: str) -> None:
        self.line = line
        self.environment = {"DATABASE_URL": database}

    async def run(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Give exit status, output and complaints."""
        return await self.storehaus("events", *words, **environment)

    async def storehaus(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Run another command."""
        whole = self.environment | environment
        done = await asyncio.to_thread(self.line.run, *words, **whole)
        return done.returncode, done.stdout, done.stderr

    async def ask(self, *words: str) -> tuple[int, Any]:
        """Give exit status and JSON."""
        status, output, complaints = await self.run(*words, "--json")
        assert output, complaints
        return status, json.loads(output)

    async def tail(self, *words: str) -> list[dict[str, Any]]:
        """Give what is there."""
        status, output, complaints = await self.run("tail", "--no-follow", "--json", *words)
        assert status == 0, complaints
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def events(command_line: CommandLine, postgres_url: str) -> Events:
    """The command line, configured by the environment, with models to name."""
    command_line.write("shop/__init__.py", "")
    command_line.write("shop/models.py", MODELS)
    return Events(command_line, postgres_url)


@pytest.fixture
async def haus(postgres_url: str) -> AsyncIterator[StoreHaus]:
    """A haus with durable tables."""
    config = AppConfig(database=DatabaseConfig(url=postgres_url))
    async with StoreHaus(config) as haus:
        await haus.auto_migrate(Parcel, Letter)
        yield haus


Execute = Callable[[str], Awaitable[object]]


@pytest.fixture
async def execute(postgres_url: str) -> AsyncIterator[Execute]:
    """What somebody does by hand."""
    connection = await asyncpg.connect(postgres_url)
    try:
        yield connection.execute
    finally:
        await connection.close()


async def until(haus: StoreHaus, name: str, dead: int) -> None:
    """Wait until a subscription is there, and has so many dead letters."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:  # another task of the haus does it, and tells nobody
            found = {each.name: each.dead for each in await haus.events.subscriptions()}
            if found.get(name) == dead:
                return
            await asyncio.sleep(0.01)


async def fail(haus: StoreHaus, name: str, *ids: int, error: str = "out of stamps") -> None:
    """Let a subscription fail with new rows, and end it."""

    @haus.subscription(name, Parcel, attempts=2, backoff_seconds=0.01)
    async def handle(event: DatabaseEvent) -> None:
        raise ValueError(error)

    await until(haus, name, 0)
    for each in ids:
        await haus.store(Parcel).create(Parcel(id=each))
    await until(haus, name, len(ids))
    await haus.events.unsubscribe(name)


@contextmanager
def following(events: Events, *form: str) -> Generator["subprocess.Popen[str]"]:
    """A tail from the beginning, which is gone at the end of the block."""
    words = ("events", "tail", "--from", "beginning", *form)
    with events.line.start(*words, **events.environment) as process:
        try:
            yield process
        finally:
            process.kill()


async def read_line(process: "subprocess.Popen[str]") -> str:
    """Read what a process prints next."""
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.to_thread(process.stdout.readline)


async def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end; give exit status and complaints."""
    assert process.stderr is not None
    complaints = await asyncio.to_thread(process.stderr.read)
    return await asyncio.to_thread(process.wait, PATIENCE_SECONDS), complaints


async def write_some(haus: StoreHaus) -> None:
    """Create, update and delete a parcel."""
    parcels = haus.store(Parcel)
    with haus.actor("user:42"):
        await parcels.create(Parcel(id=1, place="depot"), tags=["urgent", "glass"])
    await parcels.patch(1, place="train", weight=7)
    await parcels.delete(1)


async def test_tail_tells_what_happened(haus: StoreHaus, events: Events) -> None:
    """When, what became of which row, by whom, and what changed."""
    await write_some(haus)

    status, output, _ = await events.run("tail", "--no-follow")

    created, updated, deleted = (line.split(" ", 2)[2] for line in output.splitlines())
    assert status == 0
    row = 'place: "depot", weight: 0'
    assert created == f"created public.cli_parcels 1 by user:42 #urgent #glass id: 1, {row}"
    assert updated.startswith("updated public.cli_parcels 1 #urgent #glass")
    assert updated.endswith('glass place: "depot" → "train", weight: 0 → 7')
    assert deleted.endswith('id: 1, place: "train", weight: 7')
    assert deleted.startswith("deleted")


async def test_tail_as_json(haus: StoreHaus, events: Events) -> None:
    """A line of JSON per event: what was written, in order."""
    await write_some(haus)

    found = await events.tail()

    assert [each["type"] for each in found] == ["create", "update", "delete"]
    assert found[0]["actor"] == "user:42"
    assert found[0]["tags"] == ["urgent", "glass"]
    assert found[0]["new"].items() >= {"id": 1, "place": "depot", "weight": 0}.items()
    assert (found[1]["old"]["place"], found[1]["new"]["place"]) == ("depot", "train")
    assert (found[2]["record_id"], found[2]["new"]) == ("1", None)


async def test_tail_begins_at_a_place(haus: StoreHaus, events: Events) -> None:
    """Now, an event, a tick, a moment: what comes from there on."""
    for each in range(3):
        await haus.store(Parcel).create(Parcel(id=each))
        await haus.events.subscriptions()  # a tick
    first, second, third = await events.tail()
    rows = [each async for each in haus.events.tail(start="beginning", follow=False)]
    moment = (rows[2].at - timedelta(microseconds=1)).replace(tzinfo=None)

    assert await events.tail("--from", "now") == []
    assert await events.tail("--from", second["id"]) == [second, third]
    assert await events.tail("--from", str(first["tick"])) == [second, third]
    assert await events.tail("--from", moment.isoformat()) == [third]
    assert await events.tail("--limit", "1") == [first]
    status, _, complaints = await events.run("tail", "--from", "1:99", "--no-follow")
    assert (status, "no event 1:99" in complaints) == (1, True)
    status, _, complaints = await events.run("tail", "--from", "yesterday")
    assert (status, "yesterday" in complaints) == (2, True)


async def test_tail_of_tables(haus: StoreHaus, events: Events) -> None:
    """By name, with or without the schema; of a table that is not kept nothing will come."""
    await haus.store(Parcel).create(Parcel(id=1))
    await haus.store(Letter).create(Letter(id=2))

    for name in ("cli_letters", "public.cli_letters"):
        assert [each["record_id"] for each in await events.tail("--table", name)] == ["2"]
    both = await events.tail("--table", "cli_letters", "--table", "cli_parcels")
    assert len(both) == 2
    status, output, complaints = await events.run("tail", "--no-follow", "--table", "parcels")
    assert (status, output) == (0, "")
    assert complaints == "storehaus: what is written to parcels is not kept at present\n"


@pytest.mark.parametrize("form", [[], ["--json"]])
async def test_tail_follows(haus: StoreHaus, events: Events, form: list[str]) -> None:
    """What is written after it started comes too; Ctrl-C ends it."""
    await haus.store(Parcel).create(Parcel(id=1))

    with following(events, *form) as process:
        assert "cli_parcels" in await read_line(process)
        await haus.store(Parcel).create(Parcel(id=2, place="late"))
        assert '"late"' in await read_line(process)
        process.send_signal(signal.SIGINT)
        status, complaints = await end(process)

    assert status == 130
    assert "Traceback" not in complaints


@pytest.mark.parametrize("form", [[], ["--json"]])
async def test_tail_ends_when_nobody_reads(
    haus: StoreHaus, events: Events, form: list[str]
) -> None:
    """A reader that has seen enough causes no complaint."""
    await haus.store(Parcel).create(Parcel(id=1))

    with following(events, *form) as process:
        await read_line(process)
        assert process.stdout is not None
        process.stdout.close()
        await haus.store(Parcel).create(Parcel(id=2))
        status, complaints = await end(process)

    assert (status, complaints) == (1, "")


async def test_tail_is_not_silent_about_troubles(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """What keeps events from coming is told, and does not look like silence."""
    await haus.store(Parcel).create(Parcel(id=1))

    with following(events) as process:
        await read_line(process)
        await execute("UPDATE storehaus.origin SET system_identifier = 'another'")
        await haus.store(Parcel).create(Parcel(id=2))
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            complaint = await asyncio.to_thread(process.stderr.readline)

    assert complaint.startswith("storehaus: subscriptions get no events: ")


async def test_values_cannot_drive_the_terminal(haus: StoreHaus, events: Events) -> None:
    """Control characters of rows, tags and actors are written as escapes."""
    with haus.actor(HOSTILE):
        await haus.store(Parcel).create(Parcel(id=1, place=HOSTILE), tags=["a\x1b[31m\u202eb"])
    await haus.store(Parcel).patch(1, place="x" * 100_000)

    _, shown, _ = await events.run("tail", "--no-follow")
    _, as_json, _ = await events.run("tail", "--no-follow", "--json")

    assert not DRIVING & set(shown + as_json)
    assert len(shown.splitlines()) == 2
    assert r"by \x1b]0;owned" in shown
    assert len(shown) < 1_000
    first = json.loads(as_json.splitlines()[0])
    assert (first["actor"], first["new"]["place"]) == (HOSTILE, HOSTILE)


async def test_colours(haus: StoreHaus, events: Events) -> None:
    """Verbs are coloured in a terminal, unless nobody wants that."""
    await write_some(haus)
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}

    _, coloured, _ = await events.run("tail", "--no-follow", **terminal)
    _, plain, _ = await events.run("tail", "--no-follow", **terminal, NO_COLOR="1")

    for colour, verb in ((32, "created"), (33, "updated"), (31, "deleted")):
        assert f"\x1b[{colour}m{verb}\x1b[0m" in coloured
        assert f"\x1b[{colour}m" not in plain


async def test_subscriptions(haus: StoreHaus, events: Events) -> None:
    """How far each one is; the exit status tells whether one needs attention."""
    assert await events.run("subscriptions") == (0, "there are no subscriptions\n", "")
    await haus.events.replay("index", start="now")
    await haus.store(Parcel).create(Parcel(id=1))

    status, output, _ = await events.run("subscriptions")
    assert status == 0
    (line,) = (line for line in output.splitlines() if "index" in line)
    assert line.split()[:4] == ["index", "running", "nobody", "1"]
    status, found = await events.ask("subscriptions")
    (state,) = found["subscriptions"]
    assert (status, found["ok"]) == (0, True)
    assert (state["name"], state["state"], state["lag_events"]) == ("index", "running", 1)


async def test_subscriptions_that_need_attention(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """Dead letters, a pause or a detachment are told with their reason, and end with 1."""
    await fail(haus, "index", 1)
    status, output, _ = await events.run("subscriptions")
    assert status == 1
    assert "index: 1 dead letter (`storehaus events dead-letters`)" in output
    await haus.events.discard("index")
    reason = "nobody read it since the beginning of time, which is rather long"
    await execute(f"UPDATE storehaus.subscription SET state = 'detached', reason = '{reason}'")

    status, output, _ = await events.run("subscriptions")
    assert status == 1
    assert f"index: detached: {reason}" in output
    status, found = await events.ask("subscriptions")
    assert (status, found["ok"]) == (1, False)
    status, output, _ = await events.run("verify")
    assert status == 1
    assert f"! subscription index: detached: {reason}" in output.replace(
        "! index", "! subscription index"
    )


async def test_replay(haus: StoreHaus, events: Events) -> None:
    """A new subscription, from where one wants it."""
    await haus.store(Parcel).create(Parcel(id=1))

    status, output, _ = await events.run("replay", "again", "--from", "beginning")
    assert status == 0
    assert output.startswith("again: who declares a subscription of this name")
    (state,) = await haus.events.subscriptions()
    assert (state.name, state.lag_events) == ("again", 1)
    status, _, complaints = await events.run("replay", "again", "--from", "now")
    assert (status, "already" in complaints) == (1, True)
    assert (await events.run("replay", "rows", "--from", "snapshot"))[0] == 0
    assert (await events.run("replay", "rows"))[0] == 2


async def test_apply(haus: StoreHaus, events: Events, tmp_path: Path) -> None:
    """What a file log holds becomes rows again, once or twice; damage and misuse are said."""
    files = FileLog(tmp_path / "files", Parcel, Letter, segment_bytes=400)
    parcels, letters = haus.store(Parcel), haus.store(Letter)
    wanted, arrived = 5, asyncio.Event()
    received = list[DatabaseEvent]()

    async def keep(batch: Sequence[DatabaseEvent]) -> None:
        for event in batch:
            await files.write([event])
        received.extend(batch)
        if len(received) == wanted:
            arrived.set()

    async with files:
        haus.subscription("files", Parcel, Letter, start="beginning")(keep)
        await parcels.create_many([Parcel(id=1), Parcel(id=2), Parcel(id=3)])
        await letters.create(Letter(id=1))
        await parcels.patch(2, place="door", weight=7)
        await asyncio.wait_for(arrived.wait(), PATIENCE_SECONDS)
        await haus.events.unsubscribe("files")
    await parcels.delete_many([1, 2])
    directory = str(tmp_path / "files")

    status, output, _ = await events.run("apply", directory, "shop.models:Parcel")

    assert (status, output) == (0, "4 events written to 1 table\n")
    assert [row.place for row in await parcels.get_many([1, 2, 3])] == ["depot", "door", "depot"]
    assert (await events.run("apply", directory, "shop.models:Parcel"))[0] == 0
    assert await parcels.count() == 3
    segment = min((tmp_path / "files").glob("*.log"))
    damaged = bytearray(segment.read_bytes())
    damaged[damaged.index(b"depot")] ^= 0xFF
    segment.write_bytes(damaged)
    status, _, complaints = await events.run("apply", directory, "shop.models:Parcel")
    assert (status, "damaged" in complaints) == (1, True), complaints
    for words in ([directory], [str(tmp_path / "none"), "shop.models:Parcel"]):
        assert (await events.run("apply", *words))[0] == 2


async def test_dead_letters(haus: StoreHaus, events: Events) -> None:
    """They are listed with the last error, for one subscription or all."""
    status, output, _ = await events.run("dead-letters")
    assert (status, output) == (0, "there are no dead letters\n")
    await fail(haus, "index", 1, 2, error=f"no {HOSTILE}")

    for words in ([], ["list"], ["list", "--subscription", "index"]):
        status, output, _ = await events.run("dead-letters", *words)
        assert status == 0
        assert output.count("index 1:") == 2
        assert "create public.cli_parcels 1: 2 attempts since" in output
        assert r"no \x1b]0;owned" in output
        assert not DRIVING & set(output)
    status, found = await events.ask("dead-letters", "list")
    assert [each["record_id"] for each in found["dead_letters"]] == ["1", "2"]
    _, found = await events.ask("dead-letters", "list", "--subscription", "other")
    assert found == {"dead_letters": []}


async def test_retry(haus: StoreHaus, events: Events) -> None:
    """A dead letter that is retried comes to the handler again."""
    await fail(haus, "index", 1, 2)
    first, second = (each.id for each in await haus.events.dead_letters())

    status, output, _ = await events.run("dead-letters", "retry", first)
    assert (status, output) == (0, "1 dead letter to be tried again\n")
    assert [each.id for each in await haus.events.dead_letters()] == [second]
    assert await events.ask("dead-letters", "retry", "--subscription", "index") == (
        0,
        {"retried": 1},
    )
    done = asyncio.Queue[Any]()

    @haus.subscription("index", Parcel)
    async def handle(event: DatabaseEvent) -> None:
        done.put_nowait(event.record_id)

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert {await done.get(), await done.get()} == {1, 2}


async def test_retry_of_what_is_not_dead(haus: StoreHaus, events: Events) -> None:
    """Nothing is done when one of the ids is wrong."""
    await fail(haus, "index", 1)
    (dead,) = (each.id for each in await haus.events.dead_letters())

    status, _, complaints = await events.run("dead-letters", "retry", dead, "9:1")
    assert status == 1
    assert "there is no dead letter 9:1" in complaints
    assert len(await haus.events.dead_letters()) == 1
    status, _, complaints = await events.run("dead-letters", "retry", "first")
    assert (status, "'first' is no id" in complaints) == (2, True)


async def test_discard(haus: StoreHaus, events: Events) -> None:
    """It must be meant, and is done by id or for all."""
    await fail(haus, "index", 1, 2)
    first, second = (each.id for each in await haus.events.dead_letters())

    status, _, complaints = await events.run("dead-letters", "discard", first)
    assert status == 2
    assert f"nobody will ever handle {first}: add --yes" in complaints
    assert len(await haus.events.dead_letters()) == 2
    status, output, _ = await events.run("dead-letters", "discard", first, "--yes")
    assert (status, output) == (0, "1 dead letter given up\n")
    assert [each.id for each in await haus.events.dead_letters()] == [second]
    assert await events.ask("dead-letters", "discard", "--yes") == (0, {"discarded": 1})
    assert await haus.events.dead_letters() == []


async def doctor(events: Events) -> tuple[int, dict[str, str] | None]:
    """Give exit status, and what the doctor says of the log."""
    status, output, _ = await events.storehaus("doctor", "--json")
    found = [each for each in json.loads(output)["findings"] if each["name"] == "event log"]
    return status, found[0] if found else None


async def test_verify_finds_all_well(haus: StoreHaus, events: Events) -> None:
    """Of models that are named, or of all tables that have triggers."""
    await haus.events.replay("index", start="now")

    status, output, _ = await events.run("verify")
    assert status == 0
    assert output.splitlines() == [
        "✓ event log: version 1, at home in this database",
        "✓ public.cli_letters: 4 triggers are enabled",
        "✓ public.cli_parcels: 4 triggers are enabled",
        "✓ index: running, up to date",
    ]
    status, found = await events.ask("verify", "shop.models:Parcel")
    assert (status, found["ok"]) == (0, True)
    (table,) = (each for each in found["findings"] if each["kind"] == "table")
    assert table["subject"] == "public.cli_parcels"
    assert table["detail"].endswith("keep what the model says")
    status, finding = await doctor(events)
    assert finding is not None
    assert (status, finding["status"]) == (0, "ok")
    assert "durable tables: 2" in finding["detail"]


DROP = "; ".join(
    f"DROP TRIGGER storehaus_capture_{verb} ON cli_parcels"
    for verb in ("insert", "truncate", "update", "delete")
)
DIVERT = """
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER storehaus_capture_delete AFTER DELETE ON cli_parcels
    EXECUTE FUNCTION nothing()
"""
BREAKS = {
    "disabled": (
        "ALTER TABLE cli_parcels DISABLE TRIGGER storehaus_capture_update",
        "trigger storehaus_capture_update is disabled",
    ),
    "for replicas": (
        DROP.replace("DROP TRIGGER", "ALTER TABLE cli_parcels ENABLE REPLICA TRIGGER").replace(
            " ON cli_parcels", ""
        ),
        "all triggers are disabled",
    ),
    "gone": (
        "; ".join(DROP.split("; ")[:2]),
        "trigger storehaus_capture_insert and storehaus_capture_truncate are missing",
    ),
    "all gone": (DROP, "all triggers are missing"),
    "diverted": (DIVERT, "triggers call public.nothing, the function of another table"),
}


@pytest.mark.parametrize("name", BREAKS)
async def test_verify_finds_triggers_that_do_nothing(
    haus: StoreHaus, events: Events, execute: Execute, name: str
) -> None:
    """What is wrong with them; the advice puts it right."""
    statement, detail = BREAKS[name]
    await execute(statement)

    for words in ([], ["shop.models:Parcel"]):
        status, output, _ = await events.run("verify", *words)
        assert status == 1
        assert f"✗ public.cli_parcels: {detail}" in output
        assert "→ run `storehaus migrate`" in output

    await events.storehaus("migrate", "shop.models:Parcel")
    assert (await events.run("verify", "shop.models:Parcel"))[0] == 0


async def test_doctor_finds_triggers_that_do_nothing(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """In one line, which says how to learn more."""
    statement, detail = BREAKS["disabled"]
    await execute(statement)

    status, finding = await doctor(events)

    assert finding is not None
    assert (status, finding["status"]) == (1, "failed")
    assert finding["detail"] == f"public.cli_parcels: {detail}"
    assert "`storehaus events verify`" in finding["advice"]


async def test_verify_compares_with_the_model(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """A function that keeps something else is found where the model is named."""
    events.line.write("shop/models.py", MODELS.replace("durable", 'event_payload="keys", durable'))

    assert (await events.run("verify"))[0] == 0
    status, output, _ = await events.run("verify", "shop.models:Parcel")

    assert status == 1
    assert "its function keeps something else than the model says" in output


async def test_verify_finds_a_renamed_table(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """Its events go by the old name."""
    await execute("ALTER TABLE cli_parcels RENAME TO cli_packets")

    status, output, _ = await events.run("verify")
    assert status == 1
    assert "✗ public.cli_packets: triggers call capture_cli_parcels" in output
    status, output, _ = await events.run("verify", "shop.models:Parcel")
    assert status == 1
    assert "✗ cli_parcels: it is not there" in output


async def test_verify_finds_what_a_crash_would_empty(
    haus: StoreHaus, events: Events, execute: Execute
) -> None:
    """The log, or a table of it, is UNLOGGED."""
    await execute("ALTER TABLE cli_letters SET UNLOGGED")
    await execute("ALTER TABLE storehaus.parked DROP CONSTRAINT parked_seq_fkey")
    await execute("ALTER TABLE storehaus.event SET UNLOGGED")

    status, output, _ = await events.run("verify")

    assert status == 1
    assert "✗ event log: storehaus.event is UNLOGGED" in output
    assert "✗ public.cli_letters: it is UNLOGGED" in output


async def test_verify_of_other_versions(haus: StoreHaus, events: Events, execute: Execute) -> None:
    """A log of another version is not looked into."""
    await execute("UPDATE storehaus.version SET version = 99 WHERE component = 'log'")

    status, output, _ = await events.run("verify")

    assert status == 1
    assert "it has version 99, and this program knows version" in output
    assert "install the newer StoreHaus" in output


async def test_verify_finds_who_is_late(haus: StoreHaus, events: Events, execute: Execute) -> None:
    """A subscription that nobody reads is worth a note."""
    await haus.events.replay("index", start="now")
    await haus.store(Parcel).create(Parcel(id=1))
    await haus.events.subscriptions()
    await execute("UPDATE storehaus.tick SET at = at - interval '1 hour'")

    status, output, _ = await events.run("verify")
    assert status == 1
    assert "! index: no process works on it; 1 event behind, the oldest since 3,6" in output
    status, finding = await doctor(events)
    assert finding is not None
    assert (status, finding["status"]) == (0, "note")


async def test_rebase(haus: StoreHaus, events: Events, execute: Execute) -> None:
    """A restored log is found by every command, and goes on after it was moved here."""
    status, output, complaints = await events.run("rebase", "--yes")
    assert status == 1
    assert "nothing to rebase" in complaints
    await haus.store(Parcel).create(Parcel(id=1))
    await execute("UPDATE storehaus.origin SET system_identifier = 'another'")

    status, output, _ = await events.run("verify")
    assert status == 1
    assert "✗ event log: it was restored from another database" in output
    for words in (["subscriptions"], ["tail", "--no-follow"]):
        status, _, complaints = await events.run(*words)
        assert status == 1
        assert "run `storehaus events rebase`" in complaints
    status, output, complaints = await events.run("rebase")
    assert status == 2
    assert "Every event is rewritten" in output
    assert "--yes" in complaints

    status, output, _ = await events.run("rebase", "--yes")
    assert status == 0
    assert output.endswith("done: the log is at home here\n")
    assert (await events.run("verify"))[0] == 0
    assert [each["record_id"] for each in await events.tail()] == ["1"]


async def test_without_a_log(events: Events) -> None:
    """Each command says so in a sentence; what only looks is content with nothing."""
    for words in (["subscriptions"], ["dead-letters"]):
        status, output, complaints = await events.run(*words)
        assert (status, complaints) == (0, "")
        assert output.startswith(NOTHING_THERE)
    for words in (
        ["tail", "--json"],
        ["replay", "x", "--from", "now"],
        ["dead-letters", "discard", "--yes"],
        ["rebase", "--yes"],
    ):
        status, _, complaints = await events.run(*words)
        assert status == 1
        assert complaints.startswith(f"storehaus: {NOTHING_THERE}")
    assert await events.ask("subscriptions") == (0, {"ok": True, "subscriptions": []})
    status, output, _ = await events.run("verify")
    assert (status, output.startswith(f"✗ event log: {NOTHING_THERE}")) == (1, True)
    assert await doctor(events) == (0, None)


async def test_models_that_are_not_durable(haus: StoreHaus, events: Events) -> None:
    """They are passed over beside others; alone they are wrong usage."""
    status, _, complaints = await events.run("verify", "shop.models:Stamp")
    assert (status, "none of Stamp is declared durable=True" in complaints) == (2, True)
    assert (await events.run("verify", "shop.models"))[0] == 0


async def test_without_signals(haus: StoreHaus, events: Events) -> None:
    """The command line starts, and says what it lacks."""
    source = events.line.directory / "src"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(Path(__file__).parents[2] / "src", source, ignore=ignored)
    shutil.rmtree(source / "storehaus" / "signals")
    # Compiled once, since each of these modules is new.
    events.environment |= {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": ""}

    status, output, _ = await events.run("--help")
    assert (status, "dead-letters" in output) == (0, True)
    for words in (["subscriptions"], ["tail"], ["verify"], ["dead-letters"]):
        assert await events.run(*words) == (
            1,
            "",
            "storehaus: this installation has no storehaus.signals\n",
        )
    assert await doctor(events) == (0, None)

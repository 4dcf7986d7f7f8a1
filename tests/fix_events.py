"""Durable tables with a log that begins anew for each test, and handlers that can be waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from fault.conftest import make_driver, proxy
from storehaus import (
    AppConfig,
    DatabaseConfig,
    DatabaseEvent,
    Field,
    Model,
    Numeric,
    SignalConfig,
    StoreHaus,
    field,
    uuid7,
)

__all__ = [
    "BEYOND",
    "CAPTURED",
    "DURABLE",
    "HARBOURS",
    "PATIENCE_SECONDS",
    "REPLAY",
    "SETTINGS",
    "Buoy",
    "Changed",
    "Chart",
    "Crate",
    "Dinghy",
    "Everything",
    "FormerShip",
    "Harbour",
    "Inbox",
    "Keys",
    "Level",
    "Line",
    "LongNamed",
    "Mood",
    "Pier",
    "Point",
    "Ship",
    "Slot",
    "Spell",
    "Whole",
    "Witness",
    "Words",
    "begin_anew",
    "event_haus",
    "event_witness",
    "events_url",
    "log_haus",
    "make_driver",
    "migrated",
    "proxy",
    "quick_looks",
    "until_state",
]

Witness: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PATIENCE_SECONDS = 15.0


class Ship(Model, table="event_ships", durable=True):
    """Rows that are deleted for good."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)


class Crate(Model, table="event_crates", soft_delete=True, durable=True):
    """Rows that are only marked when deleted."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")


class Harbour(Model, table="log_harbours", soft_delete=True, durable=True):
    """What others reference; a version, and a flag."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)
    version: Field[int] = field(version=True)


class Pier(Model, table="log_piers", soft_delete=True, durable=True):
    """Goes with its harbour, whether that is marked or deleted for good."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)
    harbour_id: Field[int | None] = field(
        default=None, references=Harbour.id, on_delete="cascade", index=True
    )


class Buoy(Model, table="log_buoys", durable=True):
    """Stays when its harbour goes."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)
    harbour_id: Field[int | None] = field(
        default=None, references=Harbour.id, on_delete="set null", index=True
    )


class Chart(Model, table="log_charts", durable=True):
    """A key of two parts, one of them with a scale that means nothing."""

    sheet: Field[str] = field(primary_key=True)
    id: Field[Decimal] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)


class Mood(StrEnum):
    """Labels are the values."""

    GOOD = "good"
    BAD = "b\"a\\d'"


class Level(Enum):
    """Labels are the names."""

    LOW = 1
    HIGH = 2


class Point(msgspec.Struct):
    """A struct in jsonb."""

    x: int
    at: datetime | None = None


class Everything(Model, table="cap_everything", durable=True):
    """A column of every type."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    text: Field[str] = field(default='it\'s \\ "ü" \n')
    number: Field[int] = field(default=-(2**63))
    flag: Field[bool] = field(default=True)
    ratio: Field[float] = field(default=0.1 + 0.2)
    amount: Field[Decimal] = field(default=Decimal("1e-20"))
    price: Field[Annotated[Decimal, Numeric(12, 2)]] = field(default=Decimal("10.50"))
    raw: Field[bytes] = field(default=b"\0\\'\xff")
    at: Field[datetime] = field(default=datetime(1999, 12, 31, 23, 59, 59, 999999, UTC))
    day: Field[date] = field(default=date(1, 1, 2))
    hour: Field[time] = field(default=time(23, 59, 59, 999999))
    span: Field[timedelta] = field(default=timedelta(days=-400, hours=5, microseconds=1))
    host: Field[IPv4Address] = field(default=IPv4Address("10.0.0.1"))
    host6: Field[IPv6Address] = field(default=IPv6Address("::1"))
    net: Field[IPv4Network] = field(default=IPv4Network("10.0.0.0/8"))
    net6: Field[IPv6Network] = field(default=IPv6Network("fe80::/10"))
    mood: Field[Mood] = field(default=Mood.BAD)
    level: Field[Level | None] = field(default=None)
    moods: Field[list[Mood]] = field(default_factory=lambda: [Mood.BAD, Mood.GOOD])
    levels: Field[list[Level | None]] = field(default_factory=lambda: [Level.HIGH, None])
    ratios: Field[list[float]] = field(default_factory=lambda: [1e308, 5e-324, -0.1])
    raws: Field[list[bytes]] = field(default_factory=lambda: [b"", b"\\x00"])
    spans: Field[list[timedelta]] = field(default_factory=lambda: [timedelta(days=1, seconds=-1)])
    moments: Field[list[datetime]] = field(
        default_factory=lambda: [datetime(2026, 1, 1, tzinfo=UTC)]
    )
    point: Field[Point] = field(default_factory=lambda: Point(1, datetime(2026, 1, 1, tzinfo=UTC)))
    extra: Field[dict[str, object] | None] = field(default_factory=lambda: {"a": [1, None, "ü"]})


class Slot(Model, table="cap_slots", durable=True):
    """A key of several parts, in which one value has several texts."""

    at: Field[datetime] = field(primary_key=True)
    weight: Field[Decimal] = field(primary_key=True)
    mood: Field[Mood] = field(primary_key=True)
    day: Field[date] = field(primary_key=True)
    note: Field[str] = field(default="")


class Line(Model, table="cap_lines", durable=True):
    """No key at all."""

    text: Field[str]


class Spell(Model, table="cap_spells", durable=True):
    """A key whose values have several texts."""

    id: Field[timedelta] = field(primary_key=True)
    note: Field[str] = field(default="")


class Words(Model, table="cap_words", durable=True, event_payload="changed", soft_delete=True):
    """Columns called like what the trigger functions speak of."""

    key: Field[int] = field(primary_key=True)
    new: Field[str] = field(default="")
    old: Field[str] = field(default="")
    r: Field[int] = field(default=0)
    value: Field[int] = field(default=0)
    n: Field[int] = field(column="select", default=0)
    op: Field[int] = field(default=0)
    tbl: Field[int] = field(default=0)
    rid: Field[int] = field(default=0)
    actor: Field[int] = field(default=0)
    new_rows: Field[int] = field(default=0)


class Whole(Model, table="cap_whole", durable=True, event_exclude=("secret",)):
    """All of a row but one column."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    secret: Field[str] = field(default="")


class Changed(Model, table="cap_changed", durable=True, event_payload="changed"):
    """Of an update what it changed."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)


class Keys(Model, table="cap_keys", durable=True, event_payload="keys"):
    """The key alone."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")


class LongNamed(Model, table="ü" * 31, durable=True):
    """A name of 62 bytes."""

    id: Field[int] = field(primary_key=True)


class FormerShip(Model, table="event_ships", durable=False):
    """The table of ships, which is durable no more."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)


class Dinghy(Model, table="cap_dinghies"):
    """A ship that is not durable."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    size: Field[int] = field(default=0)


CAPTURED: tuple[type[Model], ...] = (
    Everything,
    Slot,
    Line,
    Spell,
    Words,
    Whole,
    Changed,
    Keys,
)
HARBOURS: tuple[type[Any], ...] = (Harbour, Pier, Buoy, Chart)

REPLAY = """
CREATE SCHEMA copies;
CREATE TABLE copies.log_harbours (LIKE public.log_harbours);
CREATE TABLE copies.log_piers (LIKE public.log_piers);
CREATE TABLE copies.log_buoys (LIKE public.log_buoys);
CREATE TABLE copies.log_charts (LIKE public.log_charts);
CREATE FUNCTION copies.replay() RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    e record;
    copy text;
    rid text;
    gone bigint;
BEGIN
    TRUNCATE copies.log_harbours, copies.log_piers, copies.log_buoys, copies.log_charts;
    FOR e IN
        SELECT f.* FROM storehaus.event AS f JOIN storehaus.tick AS t
            ON pg_visible_in_snapshot(f.xid, t.snap) AND NOT pg_visible_in_snapshot(f.xid, t.prior)
        ORDER BY t.id, f.seq
    LOOP
        copy := 'copies.' || split_part(e.tbl, '.', 2);
        rid := CASE WHEN copy = 'copies.log_charts'
            THEN $$format('["%s", "%s"]', sheet, trim_scale(id))$$ ELSE 'id::text' END;
        EXECUTE format('DELETE FROM %s WHERE %s = $1', copy, rid) USING e.rid;
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone <> (CASE WHEN e.old IS NULL THEN 0 ELSE 1 END) THEN
            RAISE EXCEPTION 'event % finds % rows', e, gone;
        END IF;
        IF e.new IS NOT NULL THEN
            EXECUTE format('INSERT INTO %1$s SELECT * FROM jsonb_populate_record(NULL::%1$s, $1)',
                copy) USING e.new;
        END IF;
    END LOOP;
END
$body$
"""
"""Tables beside those of `HARBOURS`, and what fills them from the log."""

BEYOND = {
    "as it is": "flag = flag",
    "infinity": "at = 'infinity', day = '-infinity', ratio = '-infinity'",
    "not a number": "ratio = 'NaN', amount = 'NaN', ratios = '{NaN,infinity}'",
    "infinity in arrays": "moments = '{infinity,-infinity}'",
    "months": "span = '1 year 2 months 3 days -04:05:06.000007'",
    "zones": "at = '2026-03-29 02:30:00+05:45', moments = '{2026-03-29 02:30:00+05:45}'",
    "empty": "moods = '{}', raws = '{}', extra = NULL, level = 'HIGH', text = ''",
    "numbers": "amount = 123456789012345678901234567890.00, number = 9223372036854775807",
}
"""What others may write that no store would."""

SETTINGS = {
    "bytea_output": "SET bytea_output = escape",
    "IntervalStyle": "SET IntervalStyle = sql_standard",
    "DateStyle": "SET DateStyle = 'SQL, DMY'",
    "TimeZone": "SET TimeZone = 'Asia/Kathmandu'",
    "extra_float_digits": "SET extra_float_digits = 0",
    "search_path": """
        CREATE SCHEMA evil;
        CREATE FUNCTION evil.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql
            AS $$SELECT '{}'::jsonb$$;
        CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql
            AS $$SELECT 'evil'::text$$;
        CREATE FUNCTION evil.differs(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$SELECT true$$;
        CREATE OPERATOR evil.<> (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.differs);
        SET search_path = evil, pg_catalog, public
    """,
}
"""What sessions may set."""

DURABLE: tuple[type[Model], ...] = (Ship, Crate)


class Inbox:
    """A handler of single events that keeps what it gets; others wait for that.

    Args:
        refuse: Called with each event before it is kept; what it raises, the handler raises.
    """

    def __init__(self, refuse: Callable[[DatabaseEvent], object] = lambda _: None) -> None:
        self.events: list[DatabaseEvent] = []
        self.calls: list[Any] = []
        self.refuse = refuse
        self._news = asyncio.Condition()

    async def __call__(self, event: DatabaseEvent) -> None:
        """Keep an event."""
        await self.take([event])

    async def take(self, events: list[DatabaseEvent]) -> None:
        """Keep events that came at once."""
        async with self._news:
            self.calls.append([each.record_id for each in events])
            self._news.notify_all()
            for event in events:
                self.refuse(event)
            self.events += events

    async def until(self, count: int) -> list[DatabaseEvent]:
        """Wait until there are so many events; give them."""
        await self.until_so(lambda: len(self.events) >= count)
        return self.events

    async def until_so(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, which changes with a call of the handler."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_so)

    @property
    def told(self) -> list[tuple[str, Any]]:
        """Type and id of each event."""
        return [(each.event_type.value, each.record_id) for each in self.events]

    @property
    def ids(self) -> list[Any]:
        """Record id of each event."""
        return [each.record_id for each in self.events]


async def until_state(haus: StoreHaus, name: str, is_so: Callable[[Any], bool]) -> Any:
    """Wait until the state of a subscription is so; give it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = {each.name: each for each in await haus.events.subscriptions()}
            if name in found and is_so(found[name]):
                return found[name]
            await asyncio.sleep(0.01)


def log_haus(url: str, **signal: Any) -> StoreHaus:
    """Make a haus with these limits of signals."""
    return StoreHaus(AppConfig(database=DatabaseConfig(url=url), signal=SignalConfig(**signal)))


async def migrated(url: str, *models: type[Model]) -> None:
    """Make tables, and triggers that keep what is written to durable ones."""
    async with log_haus(url) as haus:
        await haus.auto_migrate(*models)


async def begin_anew(connection: Witness, models: tuple[type[Model], ...]) -> None:
    """Empty tables and the log, and forget all subscriptions."""
    names = ", ".join(f'"{each.__table_info__.name}"' for each in models)
    await connection.execute(f"TRUNCATE {names}")
    await connection.execute("""
        DELETE FROM storehaus.subscription;
        DELETE FROM storehaus.event;
        DELETE FROM storehaus.tick WHERE id < (SELECT max(id) FROM storehaus.tick)
    """)


@pytest.fixture(scope="session")
def events_url(server_url: str) -> Iterator[str]:
    """URL of a database with the tables of `DURABLE`, which all tests of this process share."""
    name = f"storehaus_events_{uuid4().hex}"
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server_url)
        with suppress(asyncpg.InvalidCatalogNameError):
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(migrated(url, *DURABLE))
        yield url
    finally:
        asyncio.run(run(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def event_witness(events_url: str) -> AsyncIterator[Witness]:
    """A raw connection to the durable tables, which it empties first, with the log."""
    connection = await asyncpg.connect(events_url)
    await begin_anew(connection, DURABLE)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def event_haus(events_url: str, event_witness: Witness) -> AsyncIterator[StoreHaus]:
    """An open haus on empty durable tables."""
    async with log_haus(events_url) as haus:
        yield haus


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other processes did to parked events and leases is seen soon."""
    monkeypatch.setattr("storehaus.signals.log.parking._LOOKED_SECONDS", 0.05)
    monkeypatch.setattr("storehaus.signals.log.worker._ASKED_SECONDS", 0.05)

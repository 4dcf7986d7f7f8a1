"""Whether the event log works: its place, the triggers that fill it, and who reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from storehaus.driver import Connection, Row
from storehaus.errors import DatabaseError
from storehaus.model import TableInfo
from storehaus.signals.log.capture import (
    SEARCH_PATH,
    SETTINGS,
    TRIGGERS,
    capture_body,
    capture_settings,
    function_name,
)
from storehaus.signals.log.schema import IS_THERE, VERSION, is_there
from storehaus.signals.log.statements import LABELS, TICK
from storehaus.signals.log.survey import SURVEY, SubscriptionState, state_of
from storehaus.sql.identifiers import table_name

__all__ = ["FOREIGN", "LATE_SECONDS", "LogFinding", "captured_tables", "has_log", "verify_log"]

Severity: TypeAlias = Literal["ok", "note", "failed"]

FOREIGN: Final = "SH003"
"""SQLSTATE with which the log says that it was restored from another database."""

LATE_SECONDS: Final = 60.0
"""A subscription is late when what it has to read next is older."""

_TIMEOUT_SECONDS: Final = 10.0
_FIRING: Final = {"O", "A"}

_PLACE: Final = """
SELECT (SELECT version FROM storehaus.version WHERE component = 'log'),
    (SELECT relpersistence::text FROM pg_class WHERE oid = 'storehaus.event'::regclass),
    current_setting('session_replication_role'), pg_is_in_recovery()
"""
_CHECK_ORIGIN: Final = "SELECT storehaus.check_origin()"

# A function names its table, and tells of it even where somebody dropped all of the triggers.
_FUNCTIONS: Final = r"""
SELECT p.proname::text, substring(p.prosrc FROM $$SELECT 'c', '([^']+)'$$), p.prosrc,
    coalesce(p.proconfig, '{}'), p.prosecdef
FROM pg_proc AS p
WHERE p.pronamespace = 'storehaus'::regnamespace AND p.proname LIKE 'capture\_%'
"""
_TRIGGERS: Final = r"""
SELECT tn.nspname || '.' || c.relname, t.tgname::text, t.tgenabled::text,
    CASE pn.nspname WHEN 'storehaus' THEN p.proname ELSE pn.nspname || '.' || p.proname END
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS tn ON tn.oid = c.relnamespace
JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_namespace AS pn ON pn.oid = p.pronamespace
WHERE NOT t.tgisinternal AND (t.tgname = ANY ($1::text[])
    OR pn.nspname = 'storehaus' AND p.proname LIKE 'capture\_%')
ORDER BY 1, 2
"""
_TABLES: Final = """
SELECT n.nspname || '.' || c.relname, c.relpersistence::text
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname || '.' || c.relname = ANY ($1::text[]) AND c.relkind = 'r'
"""

_MIGRATE: Final = (
    "run `storehaus migrate` with its model, which puts triggers right; what was written to the"
    " table meanwhile may not be in the log"
)


class LogFinding(Struct, frozen=True, kw_only=True):
    """What is to be said of one part of the log.

    Attributes:
        kind: What was looked at.
        subject: Its name.
        severity: "ok"; "note" where events wait that nothing keeps from being read later; "failed"
            where writes are not kept, or nothing can be read.
        detail: What was found.
        advice: What to do; empty when nothing has to be done.
    """

    kind: Literal["log", "table", "subscription"]
    subject: str
    severity: Severity
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class _Capture:
    """What the database has to keep writes by.

    Attributes:
        functions: Name of a trigger function → its table, body, settings, and whether it runs with
            the rights of its owner.
        triggers: Schema and name of a table → its triggers: name, state and function.
        persistence: Schema and name of a table that is there → "p", or "u" for UNLOGGED.
    """

    functions: Mapping[str, Row]
    triggers: Mapping[str, Sequence[Row]]
    persistence: Mapping[str, str]


async def has_log(connection: Connection) -> bool:
    """Say whether a database has an event log."""
    return is_there(await _fetch(connection, IS_THERE))


async def captured_tables(connection: Connection) -> list[str]:
    """Give schema and name of the tables whose writes triggers are to keep."""
    return _captured(await _look(connection, []))


async def verify_log(
    connection: Connection, tables: Sequence[TableInfo] = ()
) -> Sequence[LogFinding]:
    """Look at everything that keeps events from being kept or read.

    It reads, and makes a tick, as everybody does who looks how far subscriptions are.

    Args:
        connection: No transaction is open on it.
        tables: Durable models whose triggers must be as they say; none is all tables that have
            triggers, of which nobody knows then what their functions should do exactly.

    Returns:
        What was found, the good with the bad: the log first, then tables and subscriptions by name.
    """
    if not await has_log(connection):
        advice = "run `storehaus migrate` with a model that is declared durable=True"
        return [_log("failed", "this database has no event log", advice)]
    ((version, persistence, role, is_standby),) = await _fetch(connection, _PLACE)
    if version != VERSION:
        return [_of_version(version)]
    origin = await _check_origin(connection)
    findings = [origin or _log("ok", f"version {version}, at home in this database")]
    if persistence != "p":
        advice = "run ALTER TABLE storehaus.event SET LOGGED: a crash of the server empties it"
        findings.append(_log("failed", "storehaus.event is UNLOGGED", advice))
    if role == "replica":
        advice = "end it, for this role or database: no trigger fires, so that no event is kept"
        findings.append(_log("failed", "session_replication_role is replica", advice))
    findings += await _verify_tables(connection, tables)
    if origin is None and not is_standby:
        await _fetch(connection, TICK)
    rows = await _fetch(connection, SURVEY)
    return [*findings, *(_of_subscription(state_of(row)) for row in rows)]


def _log(severity: Severity, detail: str, advice: str = "") -> LogFinding:
    return LogFinding(
        kind="log", subject="event log", severity=severity, detail=detail, advice=advice
    )


def _of_version(version: int | None) -> LogFinding:
    detail = f"it has version {version}, and this program knows version {VERSION}"
    if version is not None and version > VERSION:
        return _log("failed", detail, "install the newer StoreHaus that has been here")
    return _log("failed", detail, "run `storehaus migrate` with a durable model")


async def _check_origin(connection: Connection) -> LogFinding | None:
    try:
        await _fetch(connection, _CHECK_ORIGIN)
    except DatabaseError as problem:
        if problem.sqlstate != FOREIGN:
            raise
        return _log(
            "failed",
            "it was restored from another database: its transaction ids mean nothing here",
            "see to it that the original is not read any more, then run `storehaus events rebase`",
        )
    return None


async def _verify_tables(
    connection: Connection, tables: Sequence[TableInfo]
) -> Sequence[LogFinding]:
    if not tables:
        capture = await _look(connection, [])
        return [_of_table(label, None, capture) for label in _captured(capture)]
    names = [table_name(info) for info in tables]
    labels = [label for (label,) in await _fetch(connection, LABELS, (names,))]
    capture = await _look(connection, [label for label in labels if label is not None])
    return [
        _of_table(label or info.name, info, capture)
        for label, info in zip(labels, tables, strict=True)
    ]


async def _look(connection: Connection, labels: Sequence[str]) -> _Capture:
    functions = await _fetch(connection, _FUNCTIONS)
    triggers = await _fetch(connection, _TRIGGERS, (list(TRIGGERS),))
    by_table = {key: list(rows) for key, rows in groupby(triggers, key=itemgetter(0))}
    named = [row[1] for row in functions if row[1] is not None]
    known = sorted({*labels, *by_table, *named})
    return _Capture(
        functions={row[0]: row[1:] for row in functions},
        triggers={key: [row[1:] for row in rows] for key, rows in by_table.items()},
        persistence={row[0]: row[1] for row in await _fetch(connection, _TABLES, (known,))},
    )


def _captured(capture: _Capture) -> list[str]:
    named = {row[0] for row in capture.functions.values()}
    return sorted({*capture.triggers, *(named & capture.persistence.keys())})


def _of_table(label: str, info: TableInfo | None, capture: _Capture) -> LogFinding:
    if label not in capture.persistence:
        detail, advice = "it is not there", "run `storehaus migrate` with its model"
        return LogFinding(
            kind="table", subject=label, severity="failed", detail=detail, advice=advice
        )
    found = [*_trigger_problems(label, capture), *_function_problems(label, info, capture)]
    advice = _MIGRATE
    if capture.persistence[label] != "p":
        found.append("it is UNLOGGED: a crash of the server empties it without an event")
        advice = "run ALTER TABLE … SET LOGGED" if len(found) == 1 else _MIGRATE
    if found:
        detail = "; ".join(found)
        return LogFinding(
            kind="table", subject=label, severity="failed", detail=detail, advice=advice
        )
    count = f"{len(TRIGGERS)} triggers are enabled"
    detail = f"{count}, and keep what the model says" if info else count
    return LogFinding(kind="table", subject=label, severity="ok", detail=detail)


def _trigger_problems(label: str, capture: _Capture) -> list[str]:
    triggers = {
        name: (state, function) for name, state, function in capture.triggers.get(label, ())
    }
    missing = [name for name in TRIGGERS if name not in triggers]
    silent = [name for name, (state, _) in triggers.items() if state not in _FIRING]
    foreign = {name for _, name in triggers.values() if name != function_name(label)}
    found = list[str]()
    if missing:
        found.append(f"{_few(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if silent:
        found.append(f"{_few(silent)} {'is' if len(silent) == 1 else 'are'} disabled")
    # As after a table was renamed: its events go by the old name, and no subscription gets them.
    found.extend(f"triggers call {name}, the function of another table" for name in sorted(foreign))
    return found


def _few(names: Sequence[str]) -> str:
    if len(names) == len(TRIGGERS):
        return "all triggers"
    return "trigger " + " and ".join(names)


def _function_problems(label: str, info: TableInfo | None, capture: _Capture) -> list[str]:
    function = capture.functions.get(function_name(label))
    if function is None:  # then triggers are missing too, or call another one
        return []
    named, body, settings, is_definer = function
    # Without the model nobody knows which of the others are needed.
    allowed = {SEARCH_PATH, *(f"{name}={value}" for name, value in SETTINGS.items())}
    is_right = SEARCH_PATH in settings and allowed.issuperset(settings) and is_definer
    if info is not None and settings != capture_settings(info):
        is_right = False
    if named != label or not is_right:
        return ["its function was changed by hand"]
    if info is not None and body != capture_body(info, label):
        return ["its function keeps something else than the model says"]
    return []


def _of_subscription(found: SubscriptionState) -> LogFinding:
    behind = f"{_count(found.lag_events, 'event')} behind" if found.lag_events else "up to date"
    is_late = found.lag_seconds is not None and found.lag_seconds > LATE_SECONDS
    parts, advice = list[str](), ""
    if found.state == "detached":
        parts.append(f"detached: {found.reason}")
        advice = (
            "its place is not kept: after `haus.events.forget` it begins anew where it is declared"
        )
    elif found.state == "paused":
        parts.append(f"paused: {found.reason}")
        advice = "it tries again by itself, and goes on as soon as the reason is gone"
    elif is_late and found.owner is None:
        parts.append("no process works on it")
        advice = "start a process that declares it"
    if is_late:
        parts.append(f"{behind}, the oldest since {found.lag_seconds:,.0f} s")
        advice = advice or "its handler is slower than the writers: see what it waits for"
    if found.dead:
        parts.append(_count(found.dead, "dead letter"))
        advice = advice or "`storehaus events dead-letters` shows them"
    return LogFinding(
        kind="subscription",
        subject=found.name,
        severity="note" if parts else "ok",
        detail="; ".join(parts) or f"{found.state}, {behind}",
        advice=advice,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


async def _fetch(connection: Connection, text: str, params: Sequence[object] = ()) -> Sequence[Row]:
    return await connection.fetch(text, params, timeout_seconds=_TIMEOUT_SECONDS)

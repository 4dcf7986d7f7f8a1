"""What `storehaus doctor` looks at in a database, one function per question."""

import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Final

from storehaus.cli.events_text import escape
from storehaus.config import DatabaseConfig
from storehaus.driver import Connection, Row
from storehaus.errors import StorehausError

__all__ = ["Finding", "Status", "examine_database"]

_OLDEST_VERSION: Final = 15
_ROUND_TRIPS: Final = 11
_SLOW_MS: Final = 20.0
_SKEW_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 10.0
_PERMISSIONS: Final = """
SELECT current_schema(),
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
       has_database_privilege(current_database(), 'CREATE')
"""
_CONNECTIONS: Final = """
SELECT current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
"""
_ENCRYPTION: Final = (
    "SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
)
_EXTENSION: Final = """
SELECT installed_version IS NOT NULL FROM pg_available_extensions WHERE name = 'btree_gist'
"""


class Status(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        name: What was looked at.
        status: Whether it is fine, worth a thought, or in the way.
        detail: What was found.
        advice: What to do; empty when nothing has to be done.
    """

    name: str
    status: Status
    detail: str
    advice: str = ""


Question = Callable[[Connection, DatabaseConfig], Awaitable[Finding | None]]
"""None is that there is nothing to look at."""


async def examine_database(connection: Connection, config: DatabaseConfig) -> Sequence[Finding]:
    """Ask a server everything; a question that fails is a finding too."""
    findings = list[Finding]()
    for name, question in _QUESTIONS.items():
        try:
            finding = await question(connection, config)
            findings += [] if finding is None else [finding]
        except StorehausError as problem:
            findings.append(Finding(name, Status.FAILED, str(problem)))
    return findings


async def _examine_version(connection: Connection, _config: DatabaseConfig) -> Finding:
    version = await _ask(connection, "SHOW server_version")
    if connection.server_version < _OLDEST_VERSION:
        advice = f"StoreHaus needs PostgreSQL {_OLDEST_VERSION} or later"
        return Finding("version", Status.FAILED, f"PostgreSQL {version}", advice)
    return Finding("version", Status.OK, f"PostgreSQL {version}")


async def _examine_encoding(connection: Connection, _config: DatabaseConfig) -> Finding:
    encoding = await _ask(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        advice = "text beyond this encoding is refused: create the database with ENCODING 'UTF8'"
        return Finding("encoding", Status.NOTE, str(encoding), advice)
    return Finding("encoding", Status.OK, str(encoding))


async def _examine_role(connection: Connection, _config: DatabaseConfig) -> Finding:
    if await _ask(connection, "SELECT pg_is_in_recovery()"):
        return Finding("role", Status.FAILED, "a standby", "writes need the primary server")
    if await _ask(connection, "SHOW default_transaction_read_only") == "on":
        advice = "writes need default_transaction_read_only = off"
        return Finding("role", Status.FAILED, "read only", advice)
    return Finding("role", Status.OK, "takes writes")


async def _examine_latency(connection: Connection, _config: DatabaseConfig) -> Finding:
    times = list[float]()
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        await _ask(connection, "SELECT 1")
        times.append((time.perf_counter() - started) * 1000)
    median = statistics.median(times)
    detail = f"{median:.2f} ms for a round trip (median of {_ROUND_TRIPS})"
    if median > _SLOW_MS:
        return Finding("latency", Status.NOTE, detail, "use batches; move closer to the server")
    return Finding("latency", Status.OK, detail)


async def _examine_clock(connection: Connection, _config: DatabaseConfig) -> Finding:
    before = datetime.now(UTC)
    server: datetime = await _ask(connection, "SELECT clock_timestamp()")
    after = datetime.now(UTC)
    skew = (server - (before + (after - before) / 2)).total_seconds()
    detail = f"the server is {abs(skew):.3f} s {'ahead' if skew > 0 else 'behind'}"
    if abs(skew) > _SKEW_SECONDS + (after - before).total_seconds():
        advice = "__created_at__ is the server's time: synchronise both clocks (NTP)"
        return Finding("clock", Status.NOTE, detail, advice)
    return Finding("clock", Status.OK, detail)


async def _examine_permissions(connection: Connection, _config: DatabaseConfig) -> Finding:
    [(schema, may_create, may_create_schema)] = await _fetch(connection, _PERMISSIONS)
    if schema is None:
        advice = "create one of the schemas in search_path, or give models a schema="
        return Finding("permissions", Status.FAILED, "search_path names no schema", advice)
    if not may_create:
        advice = f'auto_migrate needs: GRANT CREATE ON SCHEMA "{schema}" TO the login role'
        return Finding("permissions", Status.NOTE, f"no tables can be created in {schema}", advice)
    schemas = "and new schemas" if may_create_schema else "but no new schemas"
    return Finding("permissions", Status.OK, f"tables can be created in {schema}, {schemas}")


async def _examine_extensions(connection: Connection, _config: DatabaseConfig) -> Finding:
    rows = await _fetch(connection, _EXTENSION)
    if not rows:
        advice = "Exclude(...) on scalar columns needs it: install PostgreSQL's contrib package"
        return Finding("extensions", Status.NOTE, "btree_gist is not available", advice)
    state = "installed" if rows[0][0] else "available"
    return Finding("extensions", Status.OK, f"btree_gist is {state}")


async def _examine_limits(connection: Connection, config: DatabaseConfig) -> Finding:
    [(limit, used)] = await _fetch(connection, _CONNECTIONS)
    detail = (
        f"{config.max_connections} per process, of {limit} that the server allows ({used} used)"
    )
    if config.max_connections > limit - used:
        advice = "lower database.max_connections, or raise the server's max_connections"
        return Finding("connections", Status.NOTE, detail, advice)
    return Finding("connections", Status.OK, detail)


async def _examine_pooler(connection: Connection, config: DatabaseConfig) -> Finding:
    port = await _ask(connection, "SELECT inet_server_port()")
    detail = "prepared statements are " + ("on" if config.prepared_statements else "off")
    if port is None or port == config.port or not config.prepared_statements:
        return Finding("pooler", Status.OK, detail)
    advice = (
        f"port {config.port} leads to a server on port {port}: if a PgBouncer in transaction mode"
        " stands between, set database.prepared_statements = false"
    )
    return Finding("pooler", Status.NOTE, detail, advice)


async def _examine_encryption(connection: Connection, config: DatabaseConfig) -> Finding:
    if config.host.startswith("/") or config.host in {"localhost", "127.0.0.1", "::1"}:
        return Finding("encryption", Status.OK, "the server is on this machine")
    if await _ask(connection, _ENCRYPTION):
        return Finding("encryption", Status.OK, "the connection is encrypted")
    advice = 'set database.ssl = true or "verify-full" unless the network is your own'
    return Finding("encryption", Status.NOTE, "the connection is not encrypted", advice)


async def _examine_events(connection: Connection, _config: DatabaseConfig) -> Finding | None:
    if find_spec("storehaus.signals") is None:
        return None
    from storehaus.signals.log.verification import (  # noqa: PLC0415 - may be left out
        has_log,
        verify_log,
    )

    if not await has_log(connection):
        return None
    try:
        found = await verify_log(connection)
    except StorehausError as problem:  # as where this role may write, and not look
        return Finding("event log", Status.NOTE, f"could not be looked at: {problem}")
    for severity, status in (("failed", Status.FAILED), ("note", Status.NOTE)):
        wrong = [
            escape(f"{each.subject}: {each.detail}") for each in found if each.severity == severity
        ]
        if wrong:
            detail = f"{wrong[0]} (and {len(wrong) - 1} more)" if wrong[1:] else wrong[0]
            return Finding("event log", status, detail, "`storehaus events verify` says what to do")
    counts = Counter(each.kind for each in found)
    detail = (
        f"durable tables: {counts['table']}, their triggers are enabled;"
        f" subscriptions: {counts['subscription']}, none is late"
    )
    return Finding("event log", Status.OK, detail)


_QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType(
    {
        "version": _examine_version,
        "role": _examine_role,
        "encoding": _examine_encoding,
        "latency": _examine_latency,
        "clock": _examine_clock,
        "permissions": _examine_permissions,
        "extensions": _examine_extensions,
        "connections": _examine_limits,
        "pooler": _examine_pooler,
        "encryption": _examine_encryption,
        "event log": _examine_events,
    }
)


async def _ask(connection: Connection, text: str) -> Any:
    return (await _fetch(connection, text))[0][0]


async def _fetch(connection: Connection, text: str) -> Sequence[Row]:
    return await connection.fetch(text, timeout_seconds=_TIMEOUT_SECONDS)

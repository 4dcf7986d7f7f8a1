"""`storehaus migrate`: bring the tables of the configured database to their models."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from storehaus.cli.failure import ExitStatus
from storehaus.cli.references import References, load_models
from storehaus.cli.terminal import AsJson, ConfigFile, make_console, print_json
from storehaus.config import AppConfig
from storehaus.errors import ConfigurationError
from storehaus.haus import StoreHaus
from storehaus.migrations import MigrationReport, TableReport
from storehaus.model import Model

__all__ = ["migrate"]


def migrate(
    models: References,
    *,
    config: ConfigFile = None,
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Drop the tables first, with all their rows.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Mean --recreate.")] = False,
    as_json: AsJson = False,
) -> int:
    """Bring tables to their models: create what is missing, change what differs.

    It is one transaction, and refuses what would lose data.
    """
    classes = load_models(models)
    if recreate and not yes:
        names = ", ".join(model.__table_info__.name for model in classes)
        raise ConfigurationError(
            f"--recreate drops {names} with all rows: add --yes if that is meant", rule="--yes"
        )
    report = asyncio.run(_migrate(AppConfig.load(config), classes, recreate=recreate))
    if as_json:
        print_json(_as_facts(report))
    else:
        _show(report, make_console())
    return ExitStatus.OK


async def _migrate(
    config: AppConfig, models: Sequence[type[Model]], *, recreate: bool
) -> MigrationReport:
    async with StoreHaus(config) as haus:
        return await haus.auto_migrate(*models, recreate=recreate)


def _as_facts(report: MigrationReport) -> dict[str, object]:
    return {
        "statements": report.statements,
        "created": report.created,
        "recreated": report.recreated,
        "tables": report.tables,
        "warnings": report.warnings,
    }


def _show(report: MigrationReport, console: Console) -> None:
    def say(*parts: str | tuple[str, str]) -> None:
        console.print(Text.assemble(*parts), soft_wrap=True)

    for statement in report.statements:
        say(f"{statement};")
    for table in report.tables:
        say((table.table, "bold"), f": {_describe(table)}")
        for column in table.unknown_columns:
            say(f"  the column {column} is not in the model; it stays")
        for name in table.unknown_objects:
            say(f"  {name} was not made by StoreHaus; it stays")
    for warning in report.warnings:
        say(("warning ", "yellow"), warning)


def _describe(table: TableReport) -> str:
    if not table.statements:
        return "unchanged"
    state = "recreated" if table.recreated else "created" if table.created else "changed"
    return f"{state} (statements: {len(table.statements)})"

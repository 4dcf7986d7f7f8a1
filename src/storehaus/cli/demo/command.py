"""`storehaus demo`: from nothing to 28,000 rows, and once through the verbs."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from storehaus._version import __version__
from storehaus.cli.demo.airport import Airport
from storehaus.cli.demo.cached import CachedAirport
from storehaus.cli.demo.followed import FollowedAirport
from storehaus.cli.demo.place import TABLE, choose_database, claim_table, open_haus, reserve
from storehaus.cli.demo.steps import STEPS
from storehaus.cli.demo.tour import Tour, announce
from storehaus.cli.failure import ExitStatus
from storehaus.cli.terminal import make_console
from storehaus.config import DatabaseConfig
from storehaus.driver import Connection

__all__ = ["demo"]


def demo(
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Use this PostgreSQL instead of an embedded one."),
    ] = None,
    data_directory: Annotated[
        Path | None,
        typer.Option(metavar="DIRECTORY", help="Where the embedded PostgreSQL keeps its data."),
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Keep what is cached in this Redis too."),
    ] = None,
) -> int:
    """Load 28,000 airports into a real PostgreSQL, and show what a store can do with them.

    The PostgreSQL is the demo's own: it is started here, and stopped at the end. The demo works in
    the schema storehaus_demo, and recreates no table but its own.
    """
    place = choose_database(database, data_directory)
    asyncio.run(_demonstrate(place, redis, make_console()))
    return ExitStatus.OK


async def _demonstrate(database: DatabaseConfig, redis: str | None, console: Console) -> None:
    console.print(Text.assemble(("StoreHaus", "bold"), f" {__version__} · demo\n"))
    started = time.perf_counter()
    kind = "embedded" if database.embedded else f"at {database.host}:{database.port}"
    announce(console, "open", f"a PostgreSQL, {kind}")
    async with open_haus(database, redis) as haus, reserve(haus) as connection:
        tour = Tour(haus=haus, airports=haus.store(Airport), console=console)
        tour.remember("open", f"a PostgreSQL, {kind}", None, started)
        tour.say((await haus.health()).database.detail)
        await _make_table(tour, connection)
        await _make_other_tables(tour, connection)
        for step in STEPS:
            await step(tour)
        await _conclude(tour, started)
    if database.embedded:
        tour.say(f"PostgreSQL is stopped; its data stays in {database.embedded}")


async def _make_table(tour: Tour, connection: Connection) -> None:
    rows = await claim_table(connection)
    if rows is not None:
        tour.say(f"found {TABLE} of an earlier demo with {rows:,} rows: it starts anew")
    work = tour.haus.auto_migrate(Airport, recreate=rows is not None)
    report = await tour.run("auto_migrate", f"the table {TABLE}", work)
    tour.say(f"{len(report.statements)} statements: columns, constraints, indexes, trigger")


async def _make_other_tables(tour: Tour, connection: Connection) -> None:
    for model in (CachedAirport, FollowedAirport):
        rows = await claim_table(connection, model)
        await tour.haus.auto_migrate(model, recreate=rows is not None)
    ok, server = await tour.haus.cache.health_check()
    tour.redis = server if ok and tour.haus.config.cache.redis_url is not None else None


async def _conclude(tour: Tour, started: float) -> None:
    rows = await tour.airports.count()
    tour.console.print(Text("\nWhat was done", "bold"))
    tour.summarize()
    tour.console.print(
        Text(f"{rows:,} rows in {TABLE}, {_since(started):.1f} s in all", "bold green")
    )


def _since(started: float) -> float:
    return time.perf_counter() - started

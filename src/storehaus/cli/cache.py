"""`storehaus cache`: the cache of the configured database, whoever uses it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar, cast

import typer
from rich.console import Console
from rich.text import Text

from storehaus.cache import Explanation, Survey, SurveyedTable
from storehaus.cli.failure import ExitStatus
from storehaus.cli.terminal import AsJson, ConfigFile, make_console, print_json
from storehaus.config import AppConfig
from storehaus.haus import StoreHaus

__all__ = ["cache"]

T = TypeVar("T")

cache = typer.Typer(
    help="Look at the cache of the configured database, and empty it.", no_args_is_help=True
)


@cache.command()
def stats(*, config: ConfigFile = None, as_json: AsJson = False) -> int:
    """Show which tables are cached, and what Redis keeps of them.

    Hits and misses are counted by each process: `await haus.cache.stats()` gives them.
    """
    survey = _ask(AppConfig.load(config), lambda haus: haus.cache.survey())
    if as_json:
        print_json(survey)
    else:
        _show(survey, make_console())
    return ExitStatus.OK


@cache.command()
def health(*, config: ConfigFile = None, as_json: AsJson = False) -> int:
    """Say whether the parts of the cache work; the exit status is 1 when one does not."""
    settings = AppConfig.load(config)
    survey = _ask(settings, lambda haus: haus.cache.survey())
    findings = _findings(survey, has_redis=settings.cache.redis_url is not None)
    ok = all(well for _, well, _ in findings)
    if as_json:
        parts = [{"name": name, "ok": well, "detail": text} for name, well, text in findings]
        print_json({"ok": ok, "parts": parts})
    else:
        console = make_console()
        for name, well, text in findings:
            mark = ("✓", "green") if well else ("✗", "red")
            console.print(Text.assemble(mark, f" {name:<9} {text}"), soft_wrap=True)
    return ExitStatus.OK if ok else ExitStatus.FAILURE


@cache.command()
def clear(
    *,
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="Only this one, with or without its schema; may be repeated."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Make everything that is kept stale, in Redis and in the memory of all processes.

    Processes hear of it within two seconds. Nothing is lost: it is read from the database again.
    """
    cleared = _ask(AppConfig.load(config), lambda haus: haus.cache.clear(table))
    if as_json:
        print_json({"cleared": cleared})
    elif not cleared:
        print("no table of this database is cached")
    for name in () if as_json else cleared:
        print(f"{name}: everything is stale now")
    return ExitStatus.OK


@cache.command()
def explain(
    key: Annotated[
        str, typer.Argument(help="As Redis shows it, or as haus.cache.record_key() gives it.")
    ],
    *,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> int:
    """Say why a read of an entry is a hit, a miss or not even tried."""
    found = _ask(AppConfig.load(config), lambda haus: haus.cache.explain(key))
    if as_json:
        print_json(found)
    else:
        print(_describe(found))
    return ExitStatus.OK


def _ask(settings: AppConfig, question: Callable[[StoreHaus], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with StoreHaus(settings) as haus:
            return await question(haus)

    return asyncio.run(ask())


def _findings(survey: Survey, *, has_redis: bool) -> list[tuple[str, bool, str]]:
    """Give for each part its name, whether it works, and what there is to say."""
    count = len(survey.tables)
    found = [("registry", True, f"{count} cached table{'' if count == 1 else 's'}")]
    # Whoever has Redis applies them within two seconds, and they stay for four.
    found.append(("outbox", True, f"{survey.waiting:,} rows"))
    if not has_redis:
        found.append(("Redis", True, "none is configured: each process keeps its own entries"))
    elif survey.problem is not None:
        found.append(("Redis", False, survey.problem))
    elif survey.cold_seconds:
        found.append(("Redis", True, f"{survey.server}, new: it stores nothing for a moment"))
    else:
        found.append(("Redis", True, survey.server or "no table is cached, so it was not asked"))
    return found


def _show(survey: Survey, console: Console) -> None:
    if not survey.tables:
        print("no table of this database is cached")
        return
    for each in survey.tables:
        console.print(
            Text.assemble((each.name, "bold"), f": {_describe_table(each)}"), soft_wrap=True
        )
    if survey.problem is not None:
        print(f"Redis was not asked: {survey.problem}")
    elif survey.server is None:
        print("no Redis is configured: each process keeps its own entries")
    else:
        print(f"{survey.server}; {survey.waiting:,} rows wait in the outbox")


def _describe_table(table: SurveyedTable) -> str:
    ttl, tags = table.declaration.get("ttl_seconds"), table.declaration.get("tags")
    parts: list[str] = []
    if table.records is not None:
        kept = f"{table.records:,} rows and {table.queries:,} results of queries in Redis"
        parts.append(f"{kept}, {table.leases:,} reads under way")
    parts.append(f"lives {ttl:,.0f} s" if isinstance(ttl, int | float) else "lives as configured")
    if isinstance(tags, list) and tags:
        parts.append(f"tags {', '.join(cast('list[str]', tags))}")
    if table.declaration.get("local"):
        parts.append("in processes too")
    if table.declaration.get("external_writes"):
        parts.append("triggers announce the writes of others")
    return "; ".join(parts)


def _describe(found: Explanation) -> str:
    parts = [f"{found.verdict}: {found.reason}"]
    if found.size is not None:
        parts.append(f"{found.size:,} bytes")
    if found.ttl_seconds is not None:
        parts.append(f"expires in {found.ttl_seconds:,.0f} s")
    return "; ".join(parts)

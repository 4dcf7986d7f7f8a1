"""Where a haus gets its cache from; without the package `cache` it has none."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from storehaus.config import CacheConfig
from storehaus.errors import QueryError, StorehausError
from storehaus.haus.health import ComponentHealth
from storehaus.model import Model, TableInfo
from storehaus.store import Database

if TYPE_CHECKING:
    from storehaus.cache import CacheManager
    from storehaus.migrations import MigrationReport

__all__ = [
    "Touched",
    "check_cache",
    "close_cache",
    "know_model",
    "make_cache",
    "open_cache",
    "present",
    "refresh_cache",
    "register_tables",
    "touched",
]


Touched: TypeAlias = Sequence[type[Model]] | None
"""Models whose tables a statement writes to; None may be any."""


def touched(models: Touched) -> Sequence[TableInfo] | None:
    """Give the tables of models.

    Raises:
        QueryError: When they are no models.
    """
    if models is None:
        return None
    infos = [getattr(each, "__table_info__", None) for each in models]
    found = tuple(each for each in infos if each is not None)
    if len(found) < len(infos):
        raise QueryError("touches= takes a tuple of models with a table")
    return found


def make_cache(database: Database, config: CacheConfig) -> "CacheManager | None":
    """Make the cache of a haus; nothing is connected yet.

    Raises:
        ConfigurationError: When Redis is configured and the extra `redis` is not installed.
    """
    if find_spec("storehaus.cache") is None:
        return None
    from storehaus.cache import CacheManager, make_redis_transport  # noqa: PLC0415 - may be left out

    transport = None if config.redis_url is None else make_redis_transport(config)
    return CacheManager(
        database,
        transport,
        ttl_seconds=config.ttl_seconds,
        local_max_items=config.local_max_items,
        local_max_bytes=config.local_max_bytes,
    )


def register_tables(run: Any, models: Sequence[type[Model]], report: "MigrationReport") -> None:
    """Keep in the database how tables are cached: a migration does this last."""
    from storehaus.cache import register  # noqa: PLC0415 - may be left out

    infos = [model.__table_info__ for model in models]
    register(run, [(info, _change(each)) for info, each in zip(infos, report.tables, strict=True)])


async def open_cache(cache: "CacheManager | None") -> None:
    """Begin to cache, if there is a cache."""
    if cache is not None:
        await cache.open()


async def close_cache(cache: "CacheManager | None") -> None:
    """Cache no more."""
    if cache is not None:
        await cache.close()


def know_model(cache: "CacheManager | None", info: TableInfo) -> None:
    """Let the cache know a model that is used.

    Raises:
        ConfigurationError: When other processes declare something else.
    """
    if cache is not None:
        cache.check(info)
        cache.know(info)


def present(cache: "CacheManager | None") -> "CacheManager":
    """Give the cache.

    Raises:
        StorehausError: When there is none.
    """
    if cache is None:
        raise StorehausError("this installation has no storehaus.cache")
    return cache


async def refresh_cache(cache: "CacheManager | None", models: Sequence[type[Model]]) -> None:
    """Let the cache look at what a migration made."""
    if cache is None:
        return
    for model in models:
        cache.know(model.__table_info__)
    await cache.refresh()


async def check_cache(cache: "CacheManager | None") -> ComponentHealth | None:
    """Say how the cache is, None where nothing is cached."""
    if cache is None or not cache.is_in_use:
        return None
    ok, detail = await cache.health_check()
    return ComponentHealth(ok=ok, detail=detail)


def _change(report: Any) -> str:
    if report.created or report.recreated:
        return "created"
    return "changed" if report.statements else "unchanged"

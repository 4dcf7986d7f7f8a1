"""Where a haus gets its cache from; without the package `cache` it has none."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from storehaus.config import CacheConfig
from storehaus.haus.health import ComponentHealth
from storehaus.model import Model
from storehaus.store import Database

if TYPE_CHECKING:
    from storehaus.cache import CacheManager
    from storehaus.migrations import MigrationReport

__all__ = ["check_cache", "make_cache", "registration"]


def make_cache(database: Database, config: CacheConfig) -> "CacheManager | None":
    """Make the cache of a haus; nothing is connected yet.

    Raises:
        ConfigurationError: When Redis is configured and the extra `redis` is not installed.
    """
    if find_spec("storehaus.cache") is None:
        return None
    from storehaus.cache import CacheManager, redis_transport  # noqa: PLC0415 - may be left out

    transport = None if config.redis_url is None else redis_transport(config)
    return CacheManager(
        database,
        transport,
        ttl_seconds=config.ttl_seconds,
        local_max_items=config.local_max_items,
        local_max_bytes=config.local_max_bytes,
    )


def registration(models: Sequence[type[Model]]) -> Any:
    """Give what a migration does last: it keeps in the database how tables are cached."""
    from storehaus.cache import register  # noqa: PLC0415 - may be left out

    infos = [model.__table_info__ for model in models]

    def finish(run: Any, report: "MigrationReport") -> None:
        register(
            run, [(info, _change(each)) for info, each in zip(infos, report.tables, strict=True)]
        )

    return finish


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

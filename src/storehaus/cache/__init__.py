"""The cache: coherent with the tables by protocol, and invisible when it fails.

    plugin ─► announcement ─► transport (Redis) ┐
    plugin ─► reader ─► local, flights ─────────┤
    poll ───► registry (the outbox) ────────────┘

docs/adr/0014 tells the protocol, docs/caching.md what it promises.
"""

from typing import TYPE_CHECKING

from storehaus.cache.explanation import Explanation
from storehaus.cache.manager import CacheManager
from storehaus.cache.memory_transport import MemoryServer, MemoryTransport
from storehaus.cache.registry import register
from storehaus.cache.stats import CacheStats
from storehaus.cache.survey import Survey, SurveyedTable
from storehaus.cache.transport import CacheTransport, Finding, Lease, Opened, Timing
from storehaus.errors import ConfigurationError

if TYPE_CHECKING:
    from storehaus.config import CacheConfig

__all__ = [
    "CacheManager",
    "CacheStats",
    "CacheTransport",
    "Explanation",
    "Finding",
    "Lease",
    "MemoryServer",
    "MemoryTransport",
    "Opened",
    "Survey",
    "SurveyedTable",
    "Timing",
    "make_redis_transport",
    "register",
]


def make_redis_transport(config: "CacheConfig", timing: Timing | None = None) -> CacheTransport:
    """Make the transport to Redis; it connects when it is first asked.

    Raises:
        ConfigurationError: When the extra `redis` is not installed.
    """
    try:
        from storehaus.cache.redis_transport import RedisTransport  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as problem:
        if problem.name is None or problem.name.startswith("storehaus"):
            raise
        raise ConfigurationError(
            "cache.redis_url is set, and redis-py is not installed: pip install storehaus[redis]",
            rule="needs the extra redis",
        ) from None
    return RedisTransport(config, timing or Timing())

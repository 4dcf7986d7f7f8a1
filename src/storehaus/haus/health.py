"""How the parts of a haus are, each on its own."""

import asyncio
import time
from dataclasses import dataclass

from storehaus.driver import Driver, PoolStats
from storehaus.errors import StorehausError

__all__ = ["ComponentHealth", "Health", "check_database"]

_DEADLINE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """State of one component.

    Attributes:
        ok: Whether it works.
        latency_seconds: Time of one round trip, None when there was none.
        detail: Version when it works, the error when it does not.
        pool: Connections of the database, None for other components.
    """

    ok: bool
    latency_seconds: float | None = None
    detail: str = ""
    pool: PoolStats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """State of a haus. A component that is not in use is None.

    Attributes:
        database: PostgreSQL.
        cache: The cache.
        signals: The signals.
    """

    database: ComponentHealth
    cache: ComponentHealth | None = None
    signals: ComponentHealth | None = None

    @property
    def ok(self) -> bool:
        """Whether everything in use works."""
        parts = (self.database, self.cache, self.signals)
        return all(part.ok for part in parts if part is not None)


async def check_database(driver: Driver) -> ComponentHealth:
    """Ask the server for its version; an unreachable one is a result, not an error."""
    started = time.perf_counter()
    try:
        # The statement's own deadline does not cover the wait for a connection.
        async with asyncio.timeout(_DEADLINE_SECONDS):
            rows = await driver.fetch("SHOW server_version")
    except StorehausError as problem:
        return ComponentHealth(ok=False, detail=problem.message, pool=driver.stats())
    except TimeoutError:
        detail = f"no answer within {_DEADLINE_SECONDS:g} seconds"
        return ComponentHealth(ok=False, detail=detail, pool=driver.stats())
    return ComponentHealth(
        ok=True,
        latency_seconds=time.perf_counter() - started,
        detail=f"PostgreSQL {rows[0][0]}",
        pool=driver.stats(),
    )

"""The driver that a haus uses where it is given no other."""

from collections.abc import Callable

from storehaus.config import DatabaseConfig
from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver

__all__ = ["DriverFactory", "asyncpg_driver"]

DriverFactory = Callable[[DatabaseConfig], Driver]

# The server enforces `statement_timeout_seconds` and says so. The client gives up later, and only
# when no answer comes: after that nobody knows whether a write happened. Behind PgBouncer, which
# does not pass the limit on, it is the client's alone.
_ANSWER_SECONDS = 1.0


def asyncpg_driver(config: DatabaseConfig) -> Driver:
    """Make the driver that stands on asyncpg."""
    limit = config.statement_timeout_seconds
    if limit is not None and config.prepared_statements:
        limit += _ANSWER_SECONDS
    return AsyncpgDriver(
        config.connect_arguments(),
        min_connections=config.min_connections,
        max_connections=config.max_connections,
        connection_timeout_seconds=config.connection_timeout_seconds,
        idle_timeout_seconds=config.idle_timeout_seconds,
        max_lifetime_seconds=config.max_lifetime_seconds,
        statement_timeout_seconds=limit,
        prepared_statements=config.prepared_statements,
    )

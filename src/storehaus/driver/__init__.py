"""The door to PostgreSQL: a Protocol of one page, and one adapter on asyncpg behind it."""

from storehaus.driver.protocol import (
    Connection,
    Cursor,
    Driver,
    IsolationLevel,
    PoolStats,
    ResultColumn,
    ResultSet,
    Row,
)

__all__ = [
    "Connection",
    "Cursor",
    "Driver",
    "IsolationLevel",
    "PoolStats",
    "ResultColumn",
    "ResultSet",
    "Row",
]

"""A database to migrate in, and what stands in its catalogs afterwards."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from storehaus.migrations import MigrationReport, migrate
from storehaus.model import Model

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attidentity::text, pg_get_expr(d.adbin, d.adrelid),
       col_description(c.oid, a.attnum), obj_description(c.oid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
  AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated,
       obj_description(oid, 'pg_constraint')
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND contype <> 'n' ORDER BY 1, 2
"""
INDEXES = """
SELECT indexdef, obj_description(format('%I.%I', schemaname, indexname)::regclass)
FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1
"""
TRIGGERS = """
SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger
WHERE NOT tgisinternal ORDER BY 1, 2
"""
LABELS = """
SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
ORDER BY t.typname, e.enumsortorder
"""


class Ground:
    """A database, a connection to look at it, and migrations into it."""

    def __init__(self, url: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.url = url
        self.connection = connection

    async def migrate(self, *models: type[Model], **settings: Any) -> MigrationReport:
        """Migrate as an application does."""
        return await migrate({"dsn": self.url}, models, **settings)

    async def run(self, sql: str) -> None:
        """Run SQL as somebody with psql does."""
        await self.connection.execute(sql)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read rows."""
        return [tuple(row) for row in await self.connection.fetch(sql)]

    async def value(self, sql: str) -> Any:
        """Read one value."""
        return await self.connection.fetchval(sql)

    async def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that the catalogs say about the first schema."""
        queries = {
            "columns": COLUMNS,
            "constraints": CONSTRAINTS,
            "indexes": INDEXES,
            "triggers": TRIGGERS,
            "labels": LABELS,
        }
        return {name: await self.rows(sql) for name, sql in queries.items()}


@pytest.fixture
async def ground(postgres_url: str) -> AsyncIterator[Ground]:
    """An empty database."""
    connection = await asyncpg.connect(postgres_url)
    try:
        yield Ground(postgres_url, connection)
    finally:
        await connection.close()

"""What PostgreSQL means to do with a query."""

from typing import Any

from msgspec.structs import replace

from storehaus.errors import QueryError
from storehaus.query import Query
from storehaus.sql import QueryBuilder, Selection
from storehaus.store import Database

__all__ = ["explain"]


async def explain(
    database: Database, query: Query[Any] | Selection[Any], *, analyze: bool, buffers: bool
) -> str:
    """Ask for the plan of a query; see `StoreHaus.explain`."""
    if not isinstance(query, QueryBuilder | Selection):
        raise QueryError(f"a query is explained, not {type(query).__name__}")
    if buffers and not analyze:
        raise QueryError("buffers are counted where the query runs: say analyze=True too")
    # PostgreSQL 18 counts buffers by itself where it analyzes, older servers do not.
    options = f" (ANALYZE, BUFFERS {'on' if buffers else 'off'})" if analyze else ""
    statement = query.to_sql()
    rows = await database.fetch(replace(statement, text=f"EXPLAIN{options} {statement.text}"))
    return "\n".join(row[0] for row in rows)

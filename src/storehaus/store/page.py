"""Pages by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import QueryError
from storehaus.model import Model
from storehaus.query import Query
from storehaus.sql.keyset import Keyset
from storehaus.store.cursor import Anchor
from storehaus.store.database import Database
from storehaus.store.table import Table

__all__ = ["Page", "read_page"]

M = TypeVar("M", bound=Model)

_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows of a query, and how to go on.

    Attributes:
        items: The rows, in the order of the query.
        next: Cursor of the page after it; None when it is the last one.
        previous: Cursor of the page before it; None when it is the first one.
    """

    items: list[M]
    next: str | None
    previous: str | None


async def read_page(
    database: Database, table: Table[M], query: Query[M], size: object, cursor: str | None
) -> Page[M]:
    """Read one page.

    Raises:
        QueryError: When the size is no number of rows, the query cannot be given page by page, or
            the cursor is not one of this query.
    """
    rows = _checked_size(size)
    keyset = Keyset(table.info, query)
    anchor: Anchor | None = None
    if cursor is not None:
        types = [key.operand.column.type for key in keyset.keys]
        anchor = database.sealer.unseal(keyset.fingerprint, types, cursor)
    backwards = anchor is not None and anchor.backwards
    # One row more than wanted tells whether there is a page behind.
    values = None if anchor is None else anchor.values
    statement = keyset.statement(rows + 1, values, backwards=backwards)
    found = list(await database.fetch(statement))
    more = len(found) > rows
    found = found[:rows][::-1] if backwards else found[:rows]

    def seal(row: Row | None, *, towards_start: bool) -> str | None:
        if row is None:
            return None
        values = tuple(row[len(table.info.columns) :])
        return database.sealer.seal(keyset.fingerprint, Anchor(values, towards_start))

    first, last = _ends(found, more=more, backwards=backwards, started=anchor is not None)
    return Page(
        table.reader.models([tuple(row)[: len(table.info.columns)] for row in found]),
        seal(last, towards_start=False),
        seal(first, towards_start=True),
    )


def _ends(
    rows: Sequence[Row], *, more: bool, backwards: bool, started: bool
) -> tuple[Row | None, Row | None]:
    """Give the rows at which pages before and after begin, None where there is no such page."""
    if not rows:
        return None, None
    before = more if backwards else started
    after = started if backwards else more
    return (rows[0] if before else None), (rows[-1] if after else None)


def _checked_size(size: object) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MOST_ROWS:
        raise QueryError(f"size is a number of rows: an integer from 1 to {_MOST_ROWS:,}")
    return size

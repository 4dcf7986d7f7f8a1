"""The seam where a cache stands in front of reads; nothing here knows one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from storehaus.driver import Row
from storehaus.model import TableInfo
from storehaus.query.clauses import Clauses
from storehaus.sql.recipes import Recipe
from storehaus.sql.statement import Statement
from storehaus.store.table import Table

__all__ = ["Key", "Question", "ReadCache"]

Key: TypeAlias = tuple[Any, ...]
"""An id in wire form, one part per column."""


class Question(Struct, frozen=True, gc=False):
    """A query that is about to be sent.

    Attributes:
        info: The model whose store is asked, None where it is asked of no store.
        clauses: What is asked for.
        recipe: Its text; what is worked out from it once is kept there.
        values: The nodes that hold its values, in their order.
        statement: What is sent.
    """

    info: TableInfo
    clauses: Clauses
    recipe: Recipe
    values: Sequence[Any]
    statement: Statement


class ReadCache(Protocol):
    """Answers reads outside of transactions, by itself or by asking the database.

    Rows are as the driver gives them. Whatever fails in it, it asks the database.
    """

    def held(self, table: Table[Any], record_id: Any) -> Row | None:
        """Give the active row with an id at once, None when that cannot be."""
        ...

    async def row(
        self, table: Table[Any], key: Key, load: Callable[[Key], Awaitable[Row | None]]
    ) -> Row | None:
        """Give the active row with an id, None when there is none."""
        ...

    async def rows(
        self,
        table: Table[Any],
        keys: Sequence[Key],
        load: Callable[[Sequence[Key]], Awaitable[Mapping[Any, Row]]],
    ) -> Mapping[Any, Row]:
        """Give the active rows with these ids, by id in wire form."""
        ...

    async def answer(
        self, question: Question, load: Callable[[Statement], Awaitable[Sequence[Row]]]
    ) -> Sequence[Row]:
        """Give the rows of a query."""
        ...

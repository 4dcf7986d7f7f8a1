"""What you want: queries, filters by name and changes, as immutable values without SQL."""

from storehaus.query.changes import UpdateSet
from storehaus.query.filters import QueryFilter
from storehaus.query.query import Query
from storehaus.query.sorting import SortOrder, asc, desc
from storehaus.query.sources import alias, cte, optional

__all__ = [
    "Query",
    "QueryFilter",
    "SortOrder",
    "UpdateSet",
    "alias",
    "asc",
    "cte",
    "desc",
    "optional",
]

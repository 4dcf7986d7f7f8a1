"""What cannot be given page by page is refused, not given in part."""

from typing import Any

import pytest

from golden_queries import Airport
from storehaus import count
from storehaus.errors import QueryError
from storehaus.query.query import Fluent
from storehaus.sql import QueryBuilder
from storehaus.sql.keyset import Keyset

Q = QueryBuilder(Airport)


@pytest.mark.parametrize(
    ("part", "query"),
    [
        ("projection", Q.select(count())),
        ("group_by", Q.group_by(Airport.name)),
        ("having", Q.having(count() > 1)),
        ("distinct", Q.distinct()),
        ("distinct", Q.distinct(Airport.name)),
        ("limit", Q.limit(1)),
        ("offset", Q.offset(1)),
        ("lock", Q.for_update()),
    ],
)
def test_page_has_no_such_part(part: str, query: Fluent[Any]) -> None:
    """Each part that pages cannot keep to is an error that names it."""
    with pytest.raises(QueryError, match=f"page by page has no {part}"):
        Keyset(Airport.__table_info__, query)


def test_query_without_these_parts_is_given_page_by_page() -> None:
    """Conditions and an order are what pages follow."""
    keyset = Keyset(Airport.__table_info__, Q.filter(Airport.name != "").order_by(Airport.name))

    assert [key.operand.column.name for key in keyset.keys] == ["name", "id"]

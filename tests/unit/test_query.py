"""Queries are immutable, and refuse what is no part of one."""

from typing import Any

import pytest

from golden_queries import Airport, Thing
from storehaus.errors import QueryError
from storehaus.query import QueryFilter, SortOrder, UpdateSet
from storehaus.sql import QueryBuilder, as_query, has_filter

AIRPORT = Airport.__table_info__


def test_every_method_gives_a_new_query() -> None:
    """A query kept by somebody never changes."""
    query = QueryBuilder(Airport)
    before = query.to_sql()

    query.filter(Airport.id > 3).filter_by_tag("x").order_by("name").limit(1).offset(1)
    query.with_deleted()

    assert query.to_sql() == before


def test_branches_do_not_meet() -> None:
    """Two queries made of one stay apart."""
    base = QueryBuilder(Airport).filter(Airport.id > 3)
    one, two = base.filter(Airport.name == "a"), base.limit(2)

    assert '"name"' in one.to_sql().text.partition("WHERE")[2]
    assert '"name"' not in two.to_sql().text.partition("WHERE")[2]


@pytest.mark.parametrize("value", [True, False, None, "name", 3, Airport.name])
def test_filter_takes_conditions_only(value: Any) -> None:
    """A comparison that Python answered itself is refused instead of ignored."""
    with pytest.raises(QueryError, match="a filter is a condition"):
        QueryBuilder(Airport).filter(value)
    with pytest.raises(QueryError, match="a filter is a condition"):
        QueryFilter.and_([value])
    with pytest.raises(QueryError, match="a filter is a condition"):
        QueryFilter.not_(value)


@pytest.mark.parametrize("rows", [-1, 1.0, "1", True, 2**63])
@pytest.mark.parametrize("method", ["limit", "offset"])
def test_number_of_rows_is_an_integer(method: str, rows: object) -> None:
    """Negative, fractional and immense numbers are refused before SQL."""
    with pytest.raises(QueryError, match=f"{method} is a number of rows"):
        getattr(QueryBuilder(Airport), method)(rows)


@pytest.mark.parametrize("key", [3, None, Airport.id > 3, ["name"]])
def test_sort_keys_are_columns_and_names(key: Any) -> None:
    """Anything else is no sort key."""
    with pytest.raises(QueryError, match="order_by takes"):
        QueryBuilder(Airport).order_by(key)


def test_sort_order_follows_its_key() -> None:
    """A direction without a column has nothing to turn."""
    with pytest.raises(QueryError, match="after the column"):
        QueryBuilder(Airport).order_by(SortOrder.DESC)


def test_tags_are_a_list() -> None:
    """One tag where several are taken would be its letters."""
    with pytest.raises(QueryError, match="list of values"):
        QueryBuilder(Airport).filter_by_any_tag("hub")


def test_query_without_model_means_the_store_that_is_asked() -> None:
    """Names are looked up in the model the query is made one with."""
    query = QueryBuilder[Airport]().filter(QueryFilter.gt("elevation", 500)).order_by("name")

    with pytest.raises(QueryError, match="names its model"):
        query.to_sql()
    assert '"elevation" > $1' in as_query(AIRPORT, query).to_sql().text


def test_conditions_are_short_for_a_query() -> None:
    """`find(condition, condition)` is a query with these filters."""
    query = as_query(AIRPORT, Airport.id > 3, Airport.name == "x")

    assert query.to_sql().params == (3, "x")
    assert query.model is Airport


def test_conditions_narrow_a_query() -> None:
    """A query and conditions together filter by all of them."""
    query = as_query(AIRPORT, QueryBuilder(Airport).filter(Airport.id > 3).limit(2), Airport.id < 9)

    assert query.to_sql().params == (3, 9, 2)


@pytest.mark.parametrize("part", [True, None, "x", 3, Airport.name])
def test_query_is_not_made_of_anything_else(part: Any) -> None:
    """`find(Airport.id == 3)` must not become `find(False)` unseen."""
    with pytest.raises(QueryError, match="a filter is a condition"):
        as_query(AIRPORT, part)


def test_query_is_one() -> None:
    """Two queries have no meaning together."""
    with pytest.raises(QueryError, match="one query"):
        as_query(AIRPORT, QueryBuilder(Airport), QueryBuilder(Airport))


def test_query_is_about_the_model_of_the_store() -> None:
    """A query for another model would find rows by accident."""
    with pytest.raises(QueryError, match="about Thing"):
        as_query(AIRPORT, QueryBuilder(Thing))


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        (QueryBuilder(Airport), False),
        (QueryBuilder(Airport).order_by("name").limit(3), False),
        (QueryBuilder(Airport).only_deleted(), False),
        (QueryBuilder(Airport).filter_by_all_tags([]), False),
        (QueryBuilder(Airport).filter(QueryFilter.and_([])), False),
        (QueryBuilder(Airport).filter(~QueryFilter.or_([])), False),
        (QueryBuilder(Airport).filter(Airport.id.not_in([])), False),
        (QueryBuilder(Airport).filter(Airport.name.startswith("")), False),
        (QueryBuilder(Airport).filter(Airport.name.contains("")), False),
        (QueryBuilder(Airport).filter(Airport.name.contains("%")), True),
        (QueryBuilder(Airport).filter((Airport.id > 3) | QueryFilter.and_([])), False),
        (QueryBuilder(Airport).filter((Airport.id > 3) & QueryFilter.and_([])), True),
        (QueryBuilder(Airport).filter(Airport.id.in_([])), True),
        (QueryBuilder(Airport).filter(Airport.id > 3), True),
        (QueryBuilder(Airport).filter_by_tag("x"), True),
    ],
)
def test_filter_that_keeps_every_row_is_none(query: QueryBuilder[Airport], filters: bool) -> None:
    """`delete_where` must not empty a table because a list of tags was empty."""
    assert has_filter(query) is filters


def test_update_set_is_immutable() -> None:
    """Every method gives a new set."""
    empty = UpdateSet()

    assert len(empty.set("name", "x").increment("id").changes) == 2
    assert not empty.changes


@pytest.mark.parametrize("key", [3, None, Airport.id > 3])
def test_changed_fields_are_columns_and_names(key: Any) -> None:
    """Anything else is no field."""
    with pytest.raises(QueryError, match="column or a name"):
        UpdateSet().set(key, 1)

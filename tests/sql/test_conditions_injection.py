"""Whatever arrives from outside, values stay parameters and names stay names."""

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from golden_queries import Thing
from storehaus.errors import QueryError
from storehaus.query import QueryFilter, UpdateSet, asc
from storehaus.sql import Binder, QueryBuilder, Statement, compile_assignments, quote_identifier

INFO = Thing.__table_info__
T = QueryBuilder(Thing)

# Any text at all, with those in front that have broken things before.
TEXTS = st.one_of(
    st.sampled_from(
        ["'", '"', "''", "$1", "%s", "%", "_", "\\", "\0", ";--", "*/", "\ud800", "{}", "\n", "🦊"]
    ),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=30),
    st.text(alphabet="'\"\\$%_;-*/ \0()1x", max_size=12),
)

FILTERS = [
    QueryFilter.eq,
    QueryFilter.ne,
    QueryFilter.gt,
    QueryFilter.gte,
    QueryFilter.lt,
    QueryFilter.lte,
    QueryFilter.like,
    QueryFilter.ilike,
]


def _compile(query: QueryBuilder[Thing]) -> Statement | None:
    try:
        return query.to_sql()
    except QueryError:
        return None


@pytest.mark.parametrize("make", FILTERS, ids=lambda make: make.__name__)
@given(value=TEXTS)
def test_any_text_as_value_is_a_parameter(make: Any, value: str) -> None:
    """The text of the statement does not depend on the value; an unfit one is a `QueryError`."""
    plain = T.filter(make("name", "x")).to_sql()

    statement = _compile(T.filter(make("name", value)))

    if statement is None:
        unfit = "\0" in value or any("\ud800" <= char <= "\udfff" for char in value)
        assert unfit or make in {QueryFilter.like, QueryFilter.ilike}
    else:
        assert statement == Statement(plain.text, (value,))


@given(value=TEXTS)
def test_any_text_in_lists_and_tags_is_a_parameter(value: str) -> None:
    """The same for lists, tags and parts of texts."""
    for query, plain in (
        (T.filter(Thing.name.in_([value])), T.filter(Thing.name.in_(["x"]))),
        (T.filter_by_tag(value), T.filter_by_tag("x")),
        (T.filter_by_any_tag([value]), T.filter_by_any_tag(["x"])),
        (T.filter(Thing.name.contains(value)), T.filter(Thing.name.contains("x"))),
        (T.filter(Thing.extra.contains({value: value})), T.filter(Thing.extra.contains({}))),
    ):
        statement = _compile(query)
        assert statement is None or statement.text == plain.to_sql().text


@given(value=TEXTS)
def test_any_text_as_new_value_is_a_parameter(value: str) -> None:
    """The same for what an update writes."""
    binder = Binder()
    try:
        [(column, text)] = compile_assignments(INFO, UpdateSet().set("name", value), binder)
    except Exception as error:  # noqa: BLE001 - which one is what is tested
        assert type(error).__name__ == "ValidationError"  # noqa: PT017 - not always raised
    else:
        assert (column.name, text, binder.statement("").params) == ("name", "$1", (value,))


@given(name=TEXTS)
def test_any_text_as_name_is_a_field_or_an_error(name: str) -> None:
    """A name from outside finds a field of the model or is refused; it never becomes SQL."""
    assume(name not in INFO.by_name)

    for query in (
        T.filter(QueryFilter.eq(name, 1)),
        T.filter(QueryFilter.is_null(name)),
        T.filter(QueryFilter.in_values(name, [1])),
        T.order_by(name),
        T.order_by(asc(name)),
    ):
        with pytest.raises(QueryError, match="has no field"):
            query.to_sql()
    with pytest.raises(QueryError, match="has no field"):
        compile_assignments(INFO, {name: 1}, Binder())


@given(name=TEXTS)
def test_any_text_as_identifier_stays_within_its_quotes(name: str) -> None:
    """A quoted name ends where it should, whatever is in it."""
    assume("\0" not in name)
    quoted = quote_identifier(name)

    assert re.fullmatch(r'"(?:[^"]|"")*"', quoted, re.DOTALL)
    assert quoted[1:-1].replace('""', '"') == name

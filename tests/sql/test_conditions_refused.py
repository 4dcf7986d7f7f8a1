"""What PostgreSQL would refuse, or take for something else, never becomes SQL."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest

from golden_queries import Airport, Thing, update
from storehaus.errors import QueryError, ValidationError
from storehaus.expr import Condition
from storehaus.expr.condition import Comparison
from storehaus.expr.node import Value
from storehaus.query import QueryFilter, UpdateSet
from storehaus.sql import (
    Binder,
    QueryBuilder,
    compile_count,
    compile_exists,
    compile_filter,
    compile_find,
    quote_identifier,
    render_literal_condition,
)

F = QueryFilter
T: Any = Thing  # the type checkers refuse these programs too: that is tests/typing

CONDITIONS: dict[str, Callable[[], Condition]] = {
    "a text for an integer": lambda: T.count > "3",
    "a boolean for an integer": lambda: T.count > True,
    "an integer for a boolean": lambda: F.eq("flag", 1),
    "a fraction for an integer": lambda: T.count > 1.5,
    "an integer beyond 64 bits": lambda: T.count > 2**70,
    "an integer beyond 16 bits": lambda: T.small > 2**15,
    "a float for a decimal": lambda: T.price > 1.5,
    "NaN": lambda: F.gt("height", float("nan")),
    "a decimal NaN": lambda: T.price > Decimal("nan"),
    "a number for a text": lambda: F.eq("name", 3),
    "a NUL": lambda: T.name > "a\0b",
    "a lone surrogate": lambda: T.name > "\ud800",
    "a naive datetime": lambda: T.seen_at > datetime(2026, 1, 1),  # noqa: DTZ001 - the point
    "a date for a moment": lambda: T.seen_at > date(2026, 1, 1),
    "a moment for a date": lambda: T.day == datetime(2026, 1, 1, tzinfo=UTC),
    "a text for a uuid": lambda: F.eq("id", "0190163d-8694-739b-aea5-966c26f8ad91"),
    "a label for an enum": lambda: F.eq("mood", "good"),
    "no choice": lambda: F.eq("size", "xxl"),
    "an object": lambda: F.eq("name", object()),
    "a query for a value": lambda: F.eq("name", QueryBuilder(Thing)),
    "a condition for a value": lambda: F.eq("name", T.count > 1),
    "a set in a document": lambda: F.eq("extra", {"a": {1}}),
    "NaN in a document": lambda: F.eq("extra", {"a": float("nan")}),
    "NUL in a document": lambda: T.extra.contains({"a": "\0"}),
    "None for an order": lambda: F.gt("nick", None),
    "a wrong item in a list": lambda: T.count.in_([1, "x"]),
    "a list among lists": lambda: T.labels.in_([["a"]]),
    "columns of two types": lambda: T.name == T.count,
    "a struct and a text": lambda: T.address == T.name,
    "two kinds of arrays": lambda: T.labels == T.numbers,
    "an order of documents": lambda: T.extra > {},
    "a range of documents": lambda: T.extra.between({}, {}),
    "a bound of another type": lambda: T.count.between(1, "x"),
    "a pattern on a number": lambda: F.like("count", "1%"),
    "a pattern on an enum": lambda: T.mood.like("g%"),
    "a pattern that is no text": lambda: F.like("name", 3),
    "a pattern with a NUL": lambda: F.ilike("name", "\0"),
    "a pattern with a dangling escape": lambda: F.like("name", "abc\\"),
    "a part of a number": lambda: T.count.contains([1]),
    "a wrong part of an array": lambda: T.labels.contains([1]),
    "NULL in an array without": lambda: T.labels.contains([None]),
    "overlap of texts": lambda: T.name.overlaps(["a"]),
    "an item of a text": lambda: T.name.any_("a"),
    "a wrong item": lambda: T.labels.any_(3),
    "a wrong tag": lambda: F.has_any_tag([3]),
    "a tag with a NUL": lambda: F.has_all_tags(["\0"]),
    "another model's column": lambda: Airport.name == "x",
    "another model's column on the right": lambda: T.name == Airport.name,
    "an unknown name": lambda: F.eq("nam", "x"),
    "a name that is none": lambda: F.eq(3, "x"),
    "SQL for a name": lambda: F.eq('name" = "name" OR "name', "x"),
    "the name in the database": lambda: F.eq("select", "x"),
    "a value for a field": lambda: Comparison("eq", Value(1), Value(1)),
    "text minus a number": lambda: T.name - 1 == "x",
    "text plus a number": lambda: T.name + 1 == "x",
    "text times text": lambda: T.name * "x" == "x",
    "an integer plus a float": lambda: T.count + 1.5 > 1,
    "an integer plus a text": lambda: T.count + "x" > 1,
    "an integer plus NULL": lambda: T.count + None > 1,
    "a decimal plus a float": lambda: T.price + 1.5 > 1,
    "the remainder of a float": lambda: T.height % 2 > 1,
    "moment plus moment": lambda: T.seen_at + T.seen_at > timedelta(1),
    "moment plus a number": lambda: T.seen_at + 1 > datetime.now(UTC),
    "moment times a number": lambda: T.seen_at * 2 > datetime.now(UTC),
    "an array computed": lambda: T.labels + ["x"] == ["x"],  # noqa: RUF005 - no list
    "an enum computed": lambda: T.mood + "x" == "x",
    "division by zero": lambda: T.count / 0 > 1,
    "remainder by zero": lambda: T.price % Decimal(0) > 1,
}


@pytest.mark.parametrize("make", CONDITIONS.values(), ids=CONDITIONS)
def test_condition_is_refused_before_sql(make: Callable[[], Condition]) -> None:
    """A `QueryError` says so when the query is built or compiled; nothing reaches the server."""
    with pytest.raises(QueryError):
        QueryBuilder(Thing).filter(make()).to_sql()


def test_refusal_names_model_and_field() -> None:
    """The error tells which field the value was compared with, without the value."""
    with pytest.raises(QueryError) as caught:
        QueryBuilder(Thing).filter(F.gt("count", "secret")).to_sql()

    assert (caught.value.model, caught.value.field) == ("Thing", "count")
    assert "secret" not in str(caught.value)


def test_unknown_name_is_shown_harmlessly() -> None:
    """A name from outside appears short, and without characters that break a log."""
    with pytest.raises(QueryError) as caught:
        QueryBuilder(Thing).filter(F.eq("\ud800\n" + "x" * 10_000, 1)).to_sql()

    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_endless_nesting_is_refused() -> None:
    """A filter from outside cannot overflow the stack."""
    deep: Condition = reduce(
        lambda inner, _: F.not_(F.or_([inner, F.eq("count", 1)])), range(5000), Thing.count > 1
    )

    with pytest.raises(QueryError, match="nested too deeply"):
        QueryBuilder(Thing).filter(deep).to_sql()


def test_endless_arithmetic_is_refused() -> None:
    """The same for expressions, wherever they stand."""
    deep = reduce(lambda inner, _: inner + 1, range(5000), Thing.count + 1)

    with pytest.raises(QueryError, match="nested too deeply"):
        QueryBuilder(Thing).filter(deep > 1).to_sql()
    with pytest.raises(QueryError, match="nested too deeply"):
        QueryBuilder(Thing).order_by(deep).to_sql()
    with pytest.raises(QueryError, match="nested too deeply"):
        update(Thing, {Thing.count: deep})


def test_too_many_values_are_refused() -> None:
    """The protocol carries 32,767 parameters."""
    many = F.or_([F.eq("count", i) for i in range(32_768)])

    with pytest.raises(QueryError, match="at most 32767 values"):
        QueryBuilder(Thing).filter(many).to_sql()


def test_a_long_list_is_one_value() -> None:
    """The length of a list changes neither text nor number of parameters."""
    short = QueryBuilder(Thing).filter(Thing.count.in_([1])).to_sql()
    long = QueryBuilder(Thing).filter(Thing.count.in_(range(100_000))).to_sql()

    assert long.text == short.text
    assert len(long.params) == 1


@pytest.mark.parametrize("write", [compile_find, compile_count, compile_exists])
def test_query_about_another_model_is_refused(write: Callable[..., object]) -> None:
    """No statement is made for the wrong table."""
    with pytest.raises(QueryError, match="about Thing"):
        write(Airport.__table_info__, QueryBuilder(Thing))


def test_deleted_rows_of_a_model_without_soft_delete() -> None:
    """There are none, so asking for them is a mistake; asking for all is harmless."""
    with pytest.raises(QueryError, match="does not soft-delete"):
        QueryBuilder(Thing).only_deleted().to_sql()
    assert "WHERE" not in QueryBuilder(Thing).with_deleted().to_sql().text


@pytest.mark.parametrize("query", [QueryBuilder(Airport).limit(1), QueryBuilder(Airport).offset(1)])
def test_write_by_query_has_no_limit(query: QueryBuilder[Airport]) -> None:
    """UPDATE and DELETE know no LIMIT; ignoring it would touch more rows than meant."""
    with pytest.raises(QueryError, match=r"has no (limit|offset)"):
        compile_filter(Airport.__table_info__, query, Binder())


CHANGES: dict[str, tuple[type[Exception], Any]] = {
    "nothing": (QueryError, {}),
    "an empty set": (QueryError, UpdateSet()),
    "no mapping": (QueryError, [("name", "x")]),
    "an unknown name": (QueryError, {"nam": "x"}),
    "no field": (QueryError, {3: "x"}),
    "another model's column": (QueryError, {Airport.name: "x"}),
    "a field twice": (QueryError, {Thing.name: "x", "name": "y"}),
    "a field twice in a set": (QueryError, UpdateSet().increment("count").set("count", 1)),
    "a condition": (QueryError, {Thing.flag: Thing.count > 1}),
    "an expression of another type": (QueryError, {Thing.name: Thing.count + 1}),
    "a column of another type": (QueryError, {Thing.count: Thing.name}),
    "a fraction into an integer": (QueryError, {Thing.count: Thing.height * 2}),
    "a wrong operand": (QueryError, UpdateSet().increment("count", "x")),
    "arithmetic on a text": (QueryError, UpdateSet().increment("name")),
    "division by zero": (QueryError, UpdateSet().divide("count", 0)),
    "a wrong value": (ValidationError, {Thing.count: "x"}),
    "None where none may be": (ValidationError, {Thing.name: None}),
    "a value out of bounds": (ValidationError, {Thing.count: -1}),
    "a NUL": (ValidationError, {Thing.name: "\0"}),
    "the primary key": (ValidationError, {Thing.id: Thing.id}),
    "a field fixed at creation": (ValidationError, {Thing.fixed: "x"}),
    "a system field": (ValidationError, {"__created_at__": datetime.now(UTC)}),
}


@pytest.mark.parametrize(("error", "changes"), CHANGES.values(), ids=CHANGES)
def test_change_is_refused_before_sql(error: type[Exception], changes: Any) -> None:
    """A change that cannot be meant never reaches the server."""
    with pytest.raises(error):
        update(Thing, changes)


def test_literals_are_quoted() -> None:
    """In DDL, where no parameters exist, values are literals that cannot end early."""
    condition = (Thing.name == "a'; DROP TABLE x; --\\") & (Thing.count > -3)

    text = render_literal_condition(Thing.__table_info__, condition)

    assert text == """"name" = 'a''; DROP TABLE x; --\\' AND "count" > (-3)"""


def test_identifiers_are_quoted() -> None:
    """A name cannot end early, and one with a NUL is none."""
    assert quote_identifier('a"b') == '"a""b"'
    with pytest.raises(ValueError, match="NUL"):
        quote_identifier("a\0")

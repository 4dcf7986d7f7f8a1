"""Items, groups and functions that mean nothing are refused before any SQL is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from golden_queries import Thing
from golden_tables import City, Country, L, Q, S, Staff
from storehaus import (
    QueryError,
    array_agg,
    avg,
    bool_and,
    case,
    cast,
    coalesce,
    count,
    count_distinct,
    cube,
    excluded,
    first_value,
    func,
    grouping_sets,
    lag,
    literal,
    max_,
    min_,
    nth_value,
    ntile,
    rank,
    rollup,
    string_agg,
    sum_,
    truth,
)
from storehaus.query import QueryFilter, alias
from storehaus.sql import QueryBuilder

# The type checkers refuse most of these programs too: that is tests/typing.
FROM = QueryBuilder.from_
IN_COUNTRY = Country.code == City.country
Boss = alias(Staff, "boss")
TOTALS = Q.select(City.country, sum_(City.pop).as_("total")).group_by("country")
totals = TOTALS.as_("totals")
Make = Callable[[], Any]

ITEMS: dict[str, tuple[Make, str]] = {
    "nothing": (Q.select, "asks for something"),
    "a number": (lambda: Q.select(3), "columns, expressions and models, not int"),
    "None": (lambda: Q.select(City.name, None), "not NoneType"),
    "a query": (lambda: Q.select(L), "not QueryBuilder"),
    "a window function without over": (lambda: Q.select(rank()), "not WindowFunction"),
    "an ordering": (lambda: Q.select(City.name.desc()), "not Ordering"),
    "a class that is no model": (lambda: Q.select(int), "a model with a table is needed"),
    "an unknown name": (lambda: Q.select("nam"), "City has no field 'nam'"),
    "a column of a stranger": (lambda: Q.select(Thing.name), "is no column of City"),
    "a model of a stranger": (lambda: Q.select(Country), "Country is none of the sources"),
    "an alias of a stranger": (lambda: S.select(Boss), "none of the sources"),
    "a column of a stranger in a join": (
        lambda: Q.join(Country, on=IN_COUNTRY).select(Thing.name),
        "belongs to none of the sources",
    ),
    "two equal labels": (
        lambda: Q.select(City.name.as_("a"), City.pop.as_("a")),
        "two items of a projection have the same label",
    ),
    "an empty label": (lambda: Q.select(City.name.as_("")), "1 … 63 bytes"),
    "a label with a NUL": (lambda: Q.select(City.name.as_("a\0")), "1 … 63 bytes"),
    "a label of 64 bytes": (lambda: Q.select(City.name.as_("é" * 32)), "1 … 63 bytes"),
    "a label that is no text": (lambda: Q.select(City.name.as_(3)), "a name is a text"),
    "a label with a lone surrogate": (lambda: Q.select(City.name.as_("\ud800")), "a name"),
    "a value as a column": (lambda: Q.select(coalesce("x", "y")), "str is not a value"),
    "None as a literal": (lambda: Q.select(literal(None)), "None has no type of its own"),
    "an object as a literal": (lambda: Q.select(literal(object())), "has no PostgreSQL type"),
    "models where there is none": (lambda: FROM(totals).models(), "no model takes part"),
}

GROUPS: dict[str, tuple[Make, str]] = {
    "models with group_by": (lambda: Q.group_by("country"), "gives a projection"),
    "a key that is a number": (lambda: Q.select(count()).group_by(1), "a key is a column"),
    "a key that is a condition": (lambda: Q.select(count()).group_by(City.pop > 1), "a key is"),
    "an unknown key": (lambda: Q.select(count()).group_by("nope"), "no field 'nope'"),
    "a distinct key that is a number": (lambda: Q.distinct(3), "a key is a column"),
    "an unknown distinct key": (lambda: Q.distinct("nope"), "no field 'nope'"),
    "having a truth value": (lambda: Q.select(count()).having(True), "a filter is a condition"),
    "having an unknown name": (
        lambda: Q.select(count().as_("n")).having(QueryFilter.gt("m", 3)),
        "no field 'm'",
    ),
    "rollup without keys": (rollup, "at least one key"),
    "cube without keys": (cube, "at least one key"),
    "rollup of a name": (lambda: rollup("country"), "expressions as keys, not str"),
    "no grouping sets": (grouping_sets, "at least one"),
    "grouping sets of columns": (lambda: grouping_sets(City.name), "tuples of keys"),
    "grouping sets of names": (lambda: grouping_sets(("country",)), "not str"),
    "an aggregate as a filter": (lambda: Q.filter(count() > 1), r"count\(\) is about many rows"),
    "an aggregate in on": (
        lambda: Q.join(Country, on=count() > 1).select(count()),
        r"count\(\) is about many rows",
    ),
    "an aggregate as a key": (
        lambda: Q.select(count()).group_by(max_(City.pop)),
        r"max\(\) is about many rows",
    ),
    "an aggregate in an aggregate": (
        lambda: Q.select(sum_(count())),
        r"count\(\) is about many rows",
    ),
    "an aggregate in a FILTER": (
        lambda: Q.select(count().filter(max_(City.pop) > 3)),
        r"max\(\) is about many rows",
    ),
    "a window as a filter": (lambda: Q.filter(count().over() > 1), r"over\(\) stands in"),
    "a window in having": (
        lambda: Q.select(City.name).group_by("name").having(rank().over() > 1),
        r"over\(\) stands in",
    ),
    "a window as a key": (
        lambda: Q.select(count()).group_by(rank().over(order_by=City.id)),
        r"over\(\) stands in",
    ),
    "a window in a window": (
        lambda: Q.select(sum_(rank().over()).over()),
        r"over\(\) stands in",
    ),
}

FUNCTIONS: dict[str, tuple[Make, str]] = {
    "a sum of texts": (lambda: Q.select(sum_(City.name)), "which has no sum"),
    "a mean of texts": (lambda: Q.select(avg(City.name)), "which has no avg"),
    "a sum of dates": (lambda: Q.select(sum_(City.founded)), "which has no sum"),
    "the least boolean": (lambda: S.select(min_(Staff.away)), "which has no min"),
    "the greatest document": (lambda: S.select(max_(Staff.notes)), "which has no max"),
    "all of numbers": (lambda: Q.select(bool_and(City.pop)), "which has no bool_and"),
    "joined numbers": (lambda: Q.select(string_agg(City.pop, ",")), "has no string_agg"),
    "a separator that is no text": (lambda: Q.select(string_agg(City.name, 3)), "be str"),
    "a list of lists": (lambda: S.select(array_agg(Staff.skills)), "of which no list is made"),
    "a count of a number": (lambda: Q.select(count(3)), "int is not a value"),
    "an aggregate filtered by a truth value": (lambda: count().filter(None), "is a condition"),
    "a list in the order of a name": (
        lambda: array_agg(City.name, order_by=City.__name__),
        "keys are expressions, not str",
    ),
    "a window in the order of a number": (lambda: rank().over(order_by=None), "not NoneType"),
    "a partition by a name": (lambda: count().over(partition_by="x"), "not str"),
    "a sort key that is none": (lambda: count().over(order_by=[3]), "a sort key is"),
    "two frames": (lambda: count().over(rows=(0, 1), groups=(0, 1)), "has one frame"),
    "a frame that ends before it starts": (lambda: count().over(rows=(1, 0)), "before it starts"),
    "a range that counts": (lambda: count().over(range_=(-1, 0)), "range_ takes 0 and None"),
    "a frame of fractions": (lambda: count().over(rows=(0, 1.5)), "a frame is a pair"),
    "a frame of truth values": (lambda: count().over(rows=(False, True)), "a frame is a pair"),
    "a frame of one": (lambda: count().over(rows=3), "a frame is a pair"),
    "a frame of three": (lambda: count().over(rows=(0, 1, 2)), "a frame is a pair"),
    "a frame that is too far": (lambda: count().over(rows=(0, 1 << 31)), "a frame is a pair"),
    "groups without an order": (lambda: Q.select(count().over(groups=(0, 1))), "order_by=…"),
    "a window of different values": (
        lambda: Q.select(count_distinct(City.name).over()),
        "of different or of sorted values",
    ),
    "a window of a sorted list": (
        lambda: Q.select(array_agg(City.name, order_by=City.id).over()),
        "of different or of sorted values",
    ),
    "no bucket": (lambda: ntile(0), "1 or more"),
    "half a bucket": (lambda: ntile(1.5), "1 or more"),
    "a true bucket": (lambda: ntile(True), "1 or more"),
    "row number zero": (lambda: nth_value(City.name, 0), "1 or more"),
    "an offset that is no number": (lambda: lag(City.name, "1"), "a number of rows"),
    "an offset that is too far": (lambda: lag(City.name, 1 << 31), "a number of rows"),
    "a default of another type": (
        lambda: Q.select(lag(City.pop, 1, "x").over()),
        "must be int",
    ),
    "a neighbour of a value": (lambda: Q.select(lag(3).over()), "int is not a value"),
    "a case without branches": (case, "at least one branch"),
    "a branch that is no pair": (lambda: case(City.pop > 3), "is a pair"),
    "a branch of three": (lambda: case((City.pop > 3, 1, 2)), "is a pair"),
    "a branch without a condition": (lambda: case((True, 1)), "is a condition"),
    "a case of two types": (
        lambda: Q.select(case((City.pop > 3, "x"), else_=3)),
        "must be str",
    ),
    "a case of columns of two types": (
        lambda: Q.select(case((City.pop > 3, City.name), else_=City.pop)),
        "is of another type",
    ),
    "coalesce of two types": (
        lambda: Q.select(coalesce(City.parent, "x")),
        "must be int",
    ),
    "a cast to what has no type": (lambda: Q.select(cast(City.name, object)), "no PostgreSQL type"),
    "a function without a name": (lambda: func(1), "called by its name"),
    "a function in a schema in a schema": (lambda: func.a.b.c(1), "called by its name"),
    "a function with a NUL": (lambda: Q.select(getattr(func, "a\0")(1)), "a name is a text"),
    "a function with a long name": (lambda: Q.select(getattr(func, "a" * 64)(1)), "a name is"),
    "a function of None": (lambda: Q.select(func.lower(None)), "None has no type of its own"),
    "a function of a query": (lambda: Q.select(func.lower(Q)), "is not a value of a row"),
    "a function of an object": (lambda: Q.select(func.lower(object())), "no PostgreSQL type"),
    "a function that returns nothing known": (
        lambda: Q.select(func.lower(City.name, returns=object)),
        "no PostgreSQL type",
    ),
    "a truth that is none": (lambda: truth(True), "a filter is a condition"),
    "excluded in a query": (lambda: Q.filter(City.name == excluded(City.name)), "an upsert only"),
    "excluded in a projection": (lambda: Q.select(excluded(City.name)), "an upsert only"),
    "a search of a number": (lambda: Q.filter(City.pop.matches("x")), "only text can be searched"),
    "a search that is no text": (lambda: Q.filter(City.name.matches(3)), "must be str"),
    "a configuration with a quote": (
        lambda: Q.filter(City.name.matches("x", config="a'b\0")),
        "no such name",
    ),
    "a rank of a number": (lambda: Q.select(City.pop.match_rank("x")), "only text can be searched"),
    "a path of a text": (lambda: Q.filter(City.name["a"] == 3), "only JSON has a path"),
    "a step that is no key": (lambda: Staff.notes["a"][City], "keys and positions"),
    "a true step": (lambda: Staff.notes[True], "keys and positions"),
    "an order of paths": (lambda: S.filter(Staff.notes["a"] > 3), r"as_int\(\)"),
    "a path with a NUL": (lambda: S.filter(Staff.notes["\0"] == 3), "no NUL"),
    "a number that is true": (lambda: Q.filter(City.pop.is_true()), "neither true nor false"),
    "nothing that is less": (lambda: City.pop < None, "nothing is less or greater than None"),
    "between None": (lambda: Q.filter(City.pop.between(None, 3)), "must not be None"),
}

REFUSED = {
    f"{kind}: {name}": refused
    for kind, group in (
        ("item", ITEMS),
        ("group", GROUPS),
        ("function", FUNCTIONS),
    )
    for name, refused in group.items()
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_query_is_refused_before_sql(make: Make, message: str) -> None:
    """A `QueryError` says why, when the query is built or at the latest when it is compiled."""
    with pytest.raises(QueryError, match=message):
        _compiled(make())


def _compiled(made: Any) -> None:
    if hasattr(made, "to_sql"):
        made.to_sql()
    elif not hasattr(made, "clauses"):
        Q.select(made).to_sql()
    else:
        made.select(count()).to_sql()


def test_refusal_names_model_and_field() -> None:
    """An error about a column says which, for logs that are read by machines."""
    with pytest.raises(QueryError) as caught:
        Q.select(sum_(City.name)).to_sql()

    assert (caught.value.model, caught.value.field) == ("City", "name")


def test_first_value_is_a_window_function() -> None:
    """A window function without its window has no comparison, so it is no filter by accident."""
    function: Any = first_value(City.name)

    with pytest.raises(QueryError, match="a filter is a condition"):
        Q.filter(function == "x")

"""Queries that mean nothing are refused when they are built or compiled, before any SQL is sent."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from golden_queries import Airport, Book, Member, Thing
from golden_tables import City, Country, L, Q, S, Staff
from storehaus import (
    QueryError,
    avg,
    count,
    exists_,
    func,
    rank,
    scalar,
    sum_,
)
from storehaus.query import SortOrder, alias, cte, optional
from storehaus.sql import QueryBuilder, as_query, compile_count, compile_exists, compile_find
from storehaus.sql.keyset import Keyset

# The type checkers refuse most of these programs too: that is tests/typing.
FROM = QueryBuilder.from_
IN_COUNTRY = Country.code == City.country
Boss = alias(Staff, "boss")
TOTALS = Q.select(City.country, sum_(City.pop).as_("total")).group_by("country")
totals = TOTALS.as_("totals")
Make = Callable[[], Any]

SOURCES: dict[str, tuple[Make, str]] = {
    "a join without on": (lambda: Q.join(Country), r"by on=… which rows"),
    "a cross join with on": (lambda: Q.join(Country, on=IN_COUNTRY, how="cross"), "by on=…"),
    "an unknown kind of join": (lambda: Q.join(Country, on=IN_COUNTRY, how="outer"), "how is"),
    "a kind that is no text": (lambda: Q.join(Country, on=IN_COUNTRY, how=None), "how is"),
    "on a truth value": (lambda: Q.join(Country, on=True), "a filter is a condition"),
    "on a column": (lambda: Q.join(Country, on=City.name), "a filter is a condition"),
    "a join with a query": (lambda: Q.join(L, on=IN_COUNTRY), "a model with a table is needed"),
    "a join with no model": (lambda: Q.join(int, on=IN_COUNTRY), "needed, not int"),
    "a join with an instance": (lambda: Q.join(3, on=IN_COUNTRY), "needed, not int"),
    "a source twice": (lambda: Q.join(City, on=City.id == City.parent), "takes part twice"),
    "an alias twice": (
        lambda: S.join(Boss, on=Staff.boss == Boss.id).join(Boss, on=Staff.boss == Boss.id),
        "takes part twice",
    ),
    "a derived table twice": (
        lambda: FROM(totals).join(totals, on=totals["total"] > 3).select("total"),
        "takes part twice",
    ),
    "a lateral model": (lambda: Q.join(Country, on=IN_COUNTRY, lateral=True), "can be lateral"),
    "a lateral common table expression": (
        lambda: Q.join(cte("x"), how="cross", lateral=True),
        "can be lateral",
    ),
    "on a source that comes later": (
        lambda: Q.join(Country, on=Staff.city == City.id).join(Staff, on=Staff.city == City.id),
        "none of the sources",
    ),
    "a subquery that looks beside it": (
        lambda: Q.join(
            L.filter(Country.code == City.country).select(Country.code).as_("c"), how="cross"
        ),
        "is no column of Country",
    ),
    "from a model": (lambda: FROM(City), r"from_\(\) starts with"),
    "from a query": (lambda: FROM(Q), r"from_\(\) starts with"),
    "a query of no model": (lambda: QueryBuilder().to_sql(), "names its model"),
    "a projection of no model": (lambda: QueryBuilder().select("name"), "names its model"),
    "a query of a class that is no model": (lambda: alias(int, "x"), "needed, not int"),
    "an alias without a name": (lambda: alias(City, ""), "1 … 63 bytes"),
    "an alias that is too long": (lambda: alias(City, "x" * 64), "1 … 63 bytes"),
    "an alias with a NUL": (lambda: alias(City, "\0"), "without NUL"),
    "an alias that is no text": (lambda: alias(City, 3), "a name is a text"),
    "a derived table without a name": (lambda: Q.as_(""), "1 … 63 bytes"),
    "an unknown column of a derived table": (
        lambda: FROM(totals).select(totals["nope"]),
        "'totals' has no column 'nope'",
    ),
    "a derived table that takes no part": (
        lambda: Q.select(totals["total"]),
        "'totals' is none of the sources",
    ),
    "a name in a projection of a projection": (
        lambda: FROM(totals).select("nope"),
        "has no field 'nope'",
    ),
    "optional nothing": (lambda: optional(3), "needed, not int"),
}

CTES: dict[str, tuple[Make, str]] = {
    "that nobody defines": (lambda: FROM(cte("x")).select(cte("x")["n"]), r"with_\(\) defines no"),
    "of models that nobody defines": (lambda: QueryBuilder(cte("x", City)), "defines no 'x'"),
    "twice": (lambda: Q.with_("x", Q).with_("x", Q), "defines 'x' twice"),
    "of no query": (lambda: Q.with_("x", City), "defines a query, not"),
    "without a name": (lambda: Q.with_("", Q), "1 … 63 bytes"),
    "named as the table": (lambda: Q.with_("cities", L), "hides the table 'cities'"),
    "named as a joined table": (
        lambda: Q.with_("staff", L).join(Staff, on=Staff.city == City.id),
        "hides the table 'staff'",
    ),
    "that names itself without recursion": (
        lambda: QueryBuilder(cte("x", City)).with_("x", QueryBuilder(cte("x", City))),
        "defines no 'x'",
    ),
    "that names a later one": (
        lambda: QueryBuilder(cte("a", City)).with_("a", QueryBuilder(cte("b", City))).with_("b", Q),
        "defines no 'b'",
    ),
    "recursive without a union": (
        lambda: QueryBuilder(cte("x", City)).with_("x", Q, recursive=True),
        r"is start.union\(step\)",
    ),
    "recursive with an intersection": (
        lambda: QueryBuilder(cte("x", City)).with_("x", Q.intersect(Q), recursive=True),
        r"is start.union\(step\)",
    ),
    "recursive with the step first": (
        lambda: QueryBuilder(cte("x", City)).with_(
            "x",
            Q.join(cte("x", City), on=City.parent == cte("x", City).id).union(Q),
            recursive=True,
        ),
        "defines no 'x'",
    ),
    "of other models": (
        lambda: QueryBuilder(cte("x", City)).with_("x", L),
        "without the fields of City",
    ),
    "of models as a projection": (
        lambda: QueryBuilder(cte("x", City)).with_("x", Q.select(City.id)),
        "without the fields of City",
    ),
    "with an unknown column": (
        lambda: FROM(cte("x")).with_("x", TOTALS).select(cte("x")["nope"]),
        "has no column 'nope'",
    ),
    "of a subquery outside of it": (
        lambda: FROM(cte("x")).select("n").filter(exists_(Q.with_("x", TOTALS))),
        "defines no 'x'",
    ),
}

SETS: dict[str, tuple[Make, str]] = {
    "two models": (lambda: Q.union(L), "both name the same model"),
    "a model and its alias's model": (lambda: S.union(Q), "both name the same model"),
    "without a model": (lambda: QueryBuilder().union(QueryBuilder()), "both name the same model"),
    "a model and a projection": (lambda: Q.union(Q.select(City.id)), "combined with another"),
    "a projection and a model": (lambda: Q.select(City.id).except_(Q), "projection is combined"),
    "a condition": (lambda: Q.intersect(City.pop > 3), "combined with another"),
    "different columns": (
        lambda: Q.select(City.id).union(Q.select(City.name)),
        "columns of the same types",
    ),
    "different numbers of columns": (
        lambda: Q.select(City.id).union(Q.select(City.id, City.pop)),
        "columns of the same types",
    ),
    "different models as items": (
        lambda: Q.select(City).union(L.select(Country)),
        "columns of the same types",
    ),
    "whole numbers and decimals": (
        lambda: Q.select(sum_(City.pop)).union(Q.select(avg(City.pop))),
        "columns of the same types",
    ),
    "filtered by a column of neither": (
        lambda: Q.union(Q).filter(Country.code == "x"),
        "is no column of City",
    ),
    "a column of a projection": (
        lambda: Q.select(City.name).union(Q.select(City.name)).filter(City.name == "x"),
        "is no column of",
    ),
}

SUBQUERIES: dict[str, tuple[Make, str]] = {
    "exists of no query": (lambda: exists_(City), "a query is needed, not ModelMeta"),
    "exists of a list": (lambda: exists_([]), "a query is needed, not list"),
    "a scalar of no query": (lambda: scalar(3), "a query is needed, not int"),
    "a scalar of two columns": (
        lambda: Q.select(scalar(L.select(Country.code, Country.title))),
        "gives one column",
    ),
    "a scalar of models": (lambda: Q.select(scalar(L)), "gives one column"),
    "in models": (lambda: Q.filter(City.country.in_(L)), "a query that gives one column"),
    "in two columns": (
        lambda: Q.filter(City.country.in_(L.select(Country.code, Country.title))),
        "a query that gives one column",
    ),
    "in a model as an item": (lambda: Q.filter(City.country.in_(L.select(Country))), "one column"),
    "in a query of another type": (
        lambda: Q.filter(City.id.in_(L.select(Country.code))),
        "cannot be compared with what the query gives",
    ),
    "compared with a scalar of another type": (
        lambda: Q.filter(City.id == scalar(L.select(Country.code))),
        "cannot be compared",
    ),
    "equal to a query": (lambda: Q.filter(City.id == L.select(Country.code)), "not a value"),
    "in a number": (lambda: Q.filter(City.id.in_(3)), "a list of values is needed, not int"),
    "in a text": (lambda: Q.filter(City.name.in_("abc")), "a list of values is needed, not str"),
    "a column of the subquery outside": (
        lambda: L.filter(exists_(Q), City.id == 3),
        "is no column of Country",
    ),
    "a subquery without a model": (lambda: Q.filter(exists_(QueryBuilder())), "names its model"),
}

VISIBILITY: dict[str, tuple[Make, str]] = {
    "deleted rows of a model without": (S.only_deleted, "does not soft-delete"),
    "deleted rows of a joined model without": (
        lambda: Q.join(Staff, on=Staff.city == City.id).only_deleted(Staff),
        "does not soft-delete",
    ),
    "deleted rows of a stranger": (lambda: Q.only_deleted(Country), "none of the sources"),
    "all rows of a stranger": (lambda: Q.with_deleted(Country), "none of the sources"),
    "all rows of a model in a subquery": (
        lambda: L.filter(exists_(Q)).with_deleted(City),
        "none of the sources",
    ),
    "all rows of no model": (lambda: Q.with_deleted(3), "a model with a table is needed"),
    "deleted rows of united ones": (lambda: Q.union(Q).only_deleted(), r"say only_deleted\(\) in"),
    "deleted rows of united and filtered ones": (
        lambda: Q.union(Q).filter(City.pop > 3).only_deleted(),
        r"say only_deleted\(\) in",
    ),
    "deleted rows of a common table expression": (
        lambda: QueryBuilder(cte("x", City)).with_("x", Q).only_deleted(),
        r"say only_deleted\(\) in",
    ),
    "deleted rows of a derived table": (
        lambda: FROM(totals).select("total").only_deleted(),
        r"say only_deleted\(\) in",
    ),
}

ENDS: dict[str, tuple[Make, str]] = {
    "a negative limit": (lambda: Q.limit(-1), "limit is a number of rows"),
    "a fraction as limit": (lambda: Q.limit(1.5), "limit is a number of rows"),
    "a true limit": (lambda: Q.limit(True), "limit is a number of rows"),
    "a limit beyond 64 bits": (lambda: Q.limit(2**63), "limit is a number of rows"),
    "a text as offset": (lambda: Q.offset("3"), "offset is a number of rows"),
    "sorted by a number": (lambda: Q.order_by(1), "order_by takes columns"),
    "sorted by a condition": (lambda: Q.order_by(City.pop > 1), "order_by takes columns"),
    "sorted by a rank without over": (lambda: Q.order_by(rank()), "order_by takes columns"),
    "a direction first": (lambda: Q.order_by(SortOrder.ASC, "name"), "after the column"),
    "sorted by an unknown name": (lambda: Q.order_by("nope"), "no field 'nope'"),
    "sorted by a stranger": (lambda: Q.order_by(Country.code), "is no column of City"),
    "filtered by a truth value": (lambda: Q.filter(False), "a filter is a condition"),
    "a lock that skips and fails": (
        lambda: S.for_update(skip_locked=True, nowait=True),
        "not both",
    ),
    "a lock on a stranger": (lambda: S.for_update(City), "City is none of the sources"),
    "a lock on a model beside its alias": (
        lambda: QueryBuilder(Boss).for_update(Staff),
        "none of the sources",
    ),
    "a lock on no model": (lambda: S.for_share(3), "a model with a table is needed"),
    "a lock on groups": (lambda: Q.select("name").group_by("name").for_update(), "not on groups"),
    "a lock on different rows": (lambda: Q.distinct().for_update(), "not on groups, distinct"),
    "a lock on united rows": (lambda: Q.union(Q).for_share(), "united rows"),
    "a lock on a number": (lambda: Q.select(count()).for_update(), "not on groups"),
    "a lock on windows": (lambda: Q.select(rank().over()).for_update(), "not on groups"),
    "a lock on what may be missing": (
        lambda: S.join(City, on=Staff.city == City.id, how="left").for_update(),
        "name the others",
    ),
    "a lock of what may be missing": (
        lambda: S.join(City, on=Staff.city == City.id, how="left").for_update(City),
        "name the others",
    ),
    "a lock on the left of a right join": (
        lambda: S.join(City, on=Staff.city == City.id, how="right").for_update().models(),
        "name the others",
    ),
}  # fmt: skip

REFUSED = {
    f"{kind}: {name}": refused
    for kind, group in (
        ("source", SOURCES),
        ("cte", CTES),
        ("set", SETS),
        ("subquery", SUBQUERIES),
        ("visibility", VISIBILITY),
        ("end", ENDS),
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


@pytest.mark.parametrize("write", [compile_find, compile_count, compile_exists])
def test_mistakes_are_found_by_every_verb(write: Callable[..., object]) -> None:
    """Counting and asking for existence look at a query as closely as finding does."""
    for query in (
        Q.filter(Thing.name == "x"),
        Q.filter(count() > 1),
        Q.only_deleted(Country),
        Q.join(Country, on=Thing.name == "x"),
        QueryBuilder(cte("x", City)),
    ):
        with pytest.raises(QueryError):
            write(City.__table_info__, query)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((Q.select(City.id),), "a projection has no models: use store.select"),
        ((QueryBuilder(cte("x", Country)),), "about Country, not about City"),
        ((L,), "about Country, not about City"),
        ((QueryBuilder.from_(totals),), "about a projection"),
        ((Q, Q), "one query is needed, not several"),
        ((Q, False), "a filter is a condition"),
        ((Q.join(Country, on=IN_COUNTRY, how="right").select(City),), "a projection has no models"),
    ],
    ids=range(7),
)
def test_store_takes_queries_of_its_model_only(parts: tuple[Any, ...], message: str) -> None:
    """What `find` is given must give whole rows of its model."""
    with pytest.raises(QueryError, match=message):
        as_query(City.__table_info__, *parts)


PAGES: dict[str, tuple[Make, str]] = {
    "a limit": (lambda: Q.limit(3), "has no limit"),
    "an offset": (lambda: Q.offset(3), "has no offset"),
    "groups": (lambda: Q.group_by("name"), "has no group_by"),
    "having": (lambda: Q.having(City.pop > 3), "has no having"),
    "a projection": (lambda: Q.select("name"), "has no projection"),
    "distinct": (lambda: Q.distinct("name"), "has no distinct"),
    "a lock": (Q.for_update, "has no lock"),
    "united rows that may be equal": (lambda: Q.union_all(Q), r"use union\(\)"),
    "a derived table": (lambda: Q.join(totals, on=totals["total"] > 3), "a primary key in each"),
    "an order of documents": (lambda: S.order_by(Staff.notes), "no key by which pages"),
    "an order of paths": (lambda: S.order_by(Staff.notes["a"]), "no key by which pages"),
    "an order of unknown type": (lambda: S.order_by(func.lower(Staff.name)), "no key by which"),
    "an unknown order": (lambda: S.order_by("nope"), "no field 'nope'"),
}


@pytest.mark.parametrize(("make", "message"), PAGES.values(), ids=PAGES)
def test_query_cannot_be_given_page_by_page(make: Make, message: str) -> None:
    """Pages follow the keys of whole rows; what has none, or its own end, is refused."""
    query = make()
    with pytest.raises(QueryError, match=message):
        Keyset(City.__table_info__, query)


def test_endless_nesting_of_queries_is_refused() -> None:
    """Queries within queries, unions of unions and labels of labels cannot overflow the stack."""
    nested = reduce(lambda inner, _: Q.filter(exists_(inner)), range(3000), Q)
    united = reduce(lambda inner, _: inner.union(Q), range(3000), Q)
    derived = reduce(
        lambda inner, _: FROM(inner.as_("d")).select("id"), range(3000), Q.select(City.id)
    )

    for query in (nested, united, derived):
        with pytest.raises(QueryError, match="nested too deeply"):
            query.to_sql()


def test_conditions_of_books_and_members_stay_apart() -> None:
    """Two models with equal names of fields are told from each other."""
    with pytest.raises(QueryError, match=r"Book\.id is no column of Member"):
        QueryBuilder(Member).filter(Book.id == 3).to_sql()
    with pytest.raises(QueryError, match=r"Airport\.id is no column of Book"):
        QueryBuilder(Book).filter(Airport.id == 3).to_sql()

"""Queries, aliases and sources survive copies and pickles, and mean the same afterwards."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from golden_tables import City, Country, L, Q, S, Staff
from goldens import GOLDENS
from storehaus import Row, count, exists_, func, rank, sum_
from storehaus.expr.row import row_class
from storehaus.query import alias, cte
from storehaus.query.query import Fluent

Boss = alias(Staff, "boss")
Big = cte("big", City)

COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(
            pickle.dumps(value, protocol)
        )
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}

# Methods of queries, each on its query.
QUERIES = {
    golden.name: golden.make.__self__
    for golden in GOLDENS
    if isinstance(getattr(golden.make, "__self__", None), Fluent)
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_of_queries_mean_the_same(make: Callable[[Any], Any]) -> None:
    """Every golden query gives the same text and values after a copy."""
    assert len(QUERIES) > 200
    for name, query in QUERIES.items():
        copied = make(query)
        assert type(copied) is type(query), name
        assert copied.to_sql() == query.to_sql(), name


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copy_goes_on_as_its_original(make: Callable[[Any], Any]) -> None:
    """A copied query takes filters, joins and aliases made before and after it was copied."""
    copied = make(S.join(Boss, on=Staff.boss == Boss.id))

    made = copied.filter(Boss.pay > 3, alias(Staff, "boss").name == "x").select(Boss.id)

    assert made.to_sql() == (
        S.join(Boss, on=Staff.boss == Boss.id)
        .filter(Boss.pay > 3, Boss.name == "x")
        .select(Boss.id)
        .to_sql()
    )


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "source", [Boss, Big, cte("n"), City], ids=["alias", "cte", "rows", "model"]
)
def test_copied_source_is_the_same(make: Callable[[Any], Any], source: Any) -> None:
    """An alias is known by what it stands for, not by the object."""
    copied = make(source)

    assert copied == source
    assert hash(copied) == hash(source)


def test_columns_of_an_alias_are_kept() -> None:
    """They can be keys, and come back from a copy as themselves."""
    assert Boss.name is Boss.name
    assert copy.deepcopy(Boss.name).key == Boss.name.key
    assert copy.deepcopy(City.name) is City.name
    assert pickle.loads(pickle.dumps(City.name)) is City.name


def test_expression_shared_within_a_query_stays_shared() -> None:
    """What was one value before a pickle is one value after it."""
    double = City.pop * 2
    query = Q.select(double, count()).group_by(double)

    assert pickle.loads(pickle.dumps(query)).to_sql().params == (2,)


def test_rows_survive_a_pickle() -> None:
    """A row of a projection keeps its names in another process."""
    row = row_class(("country", "n"))(("DE", 3))

    for copied in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert (copied, copied.country, copied.n) == (("DE", 3), "DE", 3)
        assert isinstance(copied, Row)


@pytest.mark.parametrize(
    "value",
    [Q, Q.select(City.id), S.join(City, on=Staff.city == City.id, how="full"), Boss],
    ids=["query", "projection", "rows", "alias"],
)
def test_nothing_of_a_query_can_be_changed(value: Any) -> None:
    """What somebody kept stays as it was."""
    with pytest.raises(AttributeError):
        value.clauses = None
    with pytest.raises(AttributeError):
        value.name = "x"


def test_every_method_of_a_projection_gives_a_new_one() -> None:
    """Parts can be kept and used in several projections."""
    base = Q.select(City.country, count().as_("n"))
    before = base.to_sql()

    base.filter(City.pop > 3).group_by("country").having(count() > 1).order_by("n").limit(1)
    base.join(Country, on=Country.code == City.country).distinct().with_deleted()
    base.union(base)

    assert base.to_sql() == before


def test_methods_add_up() -> None:
    """Conditions, keys and orders given one after the other are as those given together."""
    together = (
        Q.filter(City.pop > 1, City.id > 2)
        .select(City.country)
        .group_by("country", City.id)
        .having(count() > 1, sum_(City.pop) > 2)
        .order_by("country", City.id.desc())
    )
    apart = (
        Q.select(City.country)
        .filter(City.pop > 1)
        .filter(City.id > 2)
        .group_by("country")
        .group_by(City.id)
        .having(count() > 1)
        .having(sum_(City.pop) > 2)
        .order_by("country")
        .order_by(City.id.desc())
    )

    assert apart.to_sql() == together.to_sql()


@pytest.mark.parametrize(
    ("query", "resets"),
    [
        (Q.filter(func.lower(City.name) == "x"), True),
        (Q.select(func.pg_catalog.lower(City.name)), True),
        (Q.order_by(func.random()), True),
        (L.filter(exists_(Q.filter(func.f(City.name, returns=bool).is_true()))), True),
        (Q.with_("x", L.select(func.f())), True),
        (Q.union(Q.filter(func.f(1, returns=bool).is_true())), True),
        (Q.join(L.select(func.f().as_("n")).as_("d"), how="cross").select(City.id), True),
        (Q.select(count(), sum_(City.pop), rank().over()), False),
        (Q.filter(City.name.matches("x")), False),
    ],
    ids=range(9),
)
def test_unknown_functions_reset_the_connection(query: Any, resets: bool) -> None:
    """Nobody knows what a function leaves behind, wherever in a query it stands."""
    assert query.to_sql().resets is resets
    assert query.to_sql().resets is resets

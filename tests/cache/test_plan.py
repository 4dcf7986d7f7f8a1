"""Which results are kept, and which writes make them stale."""

from typing import Any

import pytest

from storehaus import (
    CacheParams,
    Field,
    Model,
    QueryBuilder,
    QueryFilter,
    alias,
    avg,
    cast,
    count,
    cte,
    exists_,
    field,
    func,
    rank,
)
from storehaus.cache.plan import plan_of
from storehaus.sql.recipes import prepare, write_count, write_whole
from storehaus.store.caching import Question


class Town(Model, table="towns", soft_delete=True, cache=CacheParams(tags=("country", "size"))):
    """A cached table with tags."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    country: Field[str]
    size: Field[int]
    area: Field[float]


class Land(Model, table="lands", cache=CacheParams()):
    """Another one."""

    code: Field[str] = field(primary_key=True)
    name: Field[str]


Other = alias(Town, "other")


def uses(query: Any, write: Any = write_whole) -> Any:
    """Give each table with the values that it must equal, None for what is not kept."""
    info = Town.__table_info__
    recipe, values = prepare(info, query, write)
    plan = plan_of(Question(info, query.clauses, recipe, values, recipe.bind(values)))
    return plan and [
        (use.info.name, {name: values[place].value for name, (place, _) in use.equal.items()})
        for use in plan.uses
    ]


Q = QueryBuilder(Town)
KEPT = {
    "all": (Q, [("towns", {})]),
    "equal": (Q.filter(Town.country == "DE"), [("towns", {"country": "DE"})]),
    "two equal": (
        Q.filter(Town.country == "DE", Town.size == 3),
        [("towns", {"country": "DE", "size": 3})],
    ),
    "and": (
        Q.filter((Town.country == "DE") & (Town.area > 2)),
        [("towns", {"country": "DE"})],
    ),
    "or": (Q.filter((Town.country == "DE") | (Town.size == 3)), [("towns", {})]),
    "not": (Q.filter(~(Town.country == "DE")), [("towns", {})]),
    "unequal": (Q.filter(Town.country != "DE"), [("towns", {})]),
    "in": (Q.filter(Town.country.in_(["DE"])), [("towns", {})]),
    "by name": (
        QueryBuilder().filter(QueryFilter.eq("country", "DE")),
        [("towns", {"country": "DE"})],
    ),
    "order, limit": (Q.order_by(Town.name.desc()).limit(3).offset(1), [("towns", {})]),
    "tags": (Q.filter_by_any_tag(["a"]), [("towns", {})]),
    "left join, ON": (
        Q.join(Land, on=(Land.code == Town.country) & (Land.code == "DE"), how="left"),
        [("towns", {}), ("lands", {})],
    ),
    "join, WHERE": (
        Q.join(Land, on=Land.code == Town.country).filter(Land.code == "DE"),
        [("towns", {}), ("lands", {"code": "DE"})],
    ),
    "alias": (
        Q.join(Other, on=Other.size == Town.size).filter(Other.country == "FR"),
        [("towns", {}), ("towns", {"country": "FR"})],
    ),
    "aggregates": (
        Q.select(Town.country, count(), avg(Town.area)).group_by(Town.country).having(count() > 1),
        [("towns", {})],
    ),
    "exists": (
        Q.filter(exists_(QueryBuilder(Land).filter(Land.code == Town.country))),
        [("towns", {}), ("lands", {})],
    ),
    "outer equality within": (
        Q.filter(exists_(QueryBuilder(Land).filter(Town.country == "DE"))),
        [("towns", {}), ("lands", {})],
    ),
    "window": (
        Q.select(Town.name, rank().over(order_by=Town.area).as_("r")),
        [("towns", {})],
    ),
    "cte": (
        QueryBuilder(cte("big", Town)).with_("big", Q.filter(Town.country == "DE")),
        [("towns", {"country": "DE"})],
    ),
    "union": (
        Q.filter(Town.country == "DE").union(Q.filter(Town.size == 1)),
        [("towns", {"country": "DE"}), ("towns", {"size": 1})],
    ),
}


@pytest.mark.parametrize(("query", "expected"), KEPT.values(), ids=KEPT)
def test_kept(query: Any, expected: object) -> None:
    """Each occurrence of a table, with what it must equal in its own WHERE."""
    assert uses(query) == expected


def test_count_has_the_same_plan() -> None:
    """It depends on the same rows."""
    assert uses(Q.filter(Town.country == "DE"), write_count) == [("towns", {"country": "DE"})]


NOT_KEPT = {
    "unknown function": Q.filter(func.my_own(Town.name) == "x"),
    "now()": Q.filter(func.now() == Town.name),
    "lock": Q.for_update(),
    "cast": Q.filter(cast(Town.area, str) == "x"),
    "function deep inside": Q.filter(exists_(QueryBuilder(Land).filter(func.random() > 0.5))),
    "function in the order": Q.order_by(func.random()),
}


@pytest.mark.parametrize("query", NOT_KEPT.values(), ids=NOT_KEPT)
def test_not_kept(query: Any) -> None:
    """It may give something else on the same rows, or does more than read."""
    assert uses(query) is None

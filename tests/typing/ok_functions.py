"""What aggregates, windows and functions give, as both checkers see it."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type
from uuid import UUID

from storehaus import (
    Aggregate,
    Condition,
    Expression,
    Field,
    JsonPath,
    Model,
    Ordering,
    QueryBuilder,
    Row,
    Selection,
    array_agg,
    avg,
    bool_and,
    bool_or,
    case,
    cast,
    coalesce,
    count,
    count_distinct,
    cube,
    cume_dist,
    dense_rank,
    excluded,
    exists_,
    field,
    first_value,
    func,
    greatest,
    grouping_sets,
    lag,
    last_value,
    lead,
    least,
    literal,
    max_,
    min_,
    nth_value,
    ntile,
    nullif,
    percent_rank,
    rank,
    rollup,
    row_number,
    scalar,
    string_agg,
    sum_,
    truth,
)
from storehaus.expr.computation import GroupingSets
from storehaus.expr.windows import WindowFunction


class Thing(Model, table="things"):
    """One field of every kind that functions care about."""

    id: Field[UUID] = field(primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    count: Field[int]
    maybe_count: Field[int | None] = field(default=None)
    height: Field[float]
    price: Field[Decimal]
    maybe_price: Field[Decimal | None] = field(default=None)
    seen_at: Field[datetime]
    day: Field[date]
    span: Field[timedelta]
    flag: Field[bool]
    maybe_flag: Field[bool | None] = field(default=None)
    labels: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)
    maybe_extra: Field[dict[str, object] | None] = field(default=None)


q = QueryBuilder(Thing)

# Aggregates: NULL without rows, but for counts.
assert_type(count(), Aggregate[int])
assert_type(count(Thing.nick), Aggregate[int])
assert_type(count_distinct(Thing.name), Aggregate[int])
assert_type(sum_(Thing.count), Aggregate[int | None])
assert_type(sum_(Thing.maybe_count, distinct=True), Aggregate[int | None])
assert_type(sum_(Thing.price), Aggregate[Decimal | None])
assert_type(sum_(Thing.height), Aggregate[float | None])
assert_type(sum_(Thing.span), Aggregate[timedelta | None])
assert_type(avg(Thing.count), Aggregate[Decimal | None])
assert_type(avg(Thing.price), Aggregate[Decimal | None])
assert_type(avg(Thing.height), Aggregate[float | None])
assert_type(avg(Thing.span), Aggregate[timedelta | None])
assert_type(min_(Thing.name), Aggregate[str | None])
assert_type(max_(Thing.seen_at), Aggregate[datetime | None])
assert_type(bool_and(Thing.flag), Aggregate[bool | None])
assert_type(bool_or(Thing.maybe_flag), Aggregate[bool | None])
assert_type(array_agg(Thing.name), Aggregate[list[str] | None])
assert_type(array_agg(Thing.nick, order_by=Thing.id), Aggregate[list[str | None] | None])
assert_type(string_agg(Thing.nick, ", ", distinct=True), Aggregate[str | None])
assert_type(string_agg(Thing.name, "", order_by=Thing.day.desc()), Aggregate[str | None])
assert_type(count().filter(Thing.count > 3), Aggregate[int])
assert_type(sum_(Thing.price).filter(Thing.flag.is_true(), Thing.count > 1),
            Aggregate[Decimal | None])  # fmt: skip
assert_type(count() > 100, Condition)
assert_type(sum_(Thing.price) > 100, Condition)
assert_type(sum_(Thing.count) + 1, Expression[int | None])
assert_type(sum_(Thing.price) / count(), Expression[Decimal | None])
assert_type(count() * 2, Expression[int])
assert_type(count().desc(), Ordering)
assert_type(sum_(Thing.price * Thing.count), Aggregate[Decimal | None])

# Windows.
assert_type(row_number().over(order_by=Thing.id), Expression[int])
assert_type(rank().over(partition_by=Thing.name, order_by=Thing.count.desc()), Expression[int])
assert_type(dense_rank().over(order_by=[Thing.name, Thing.count.desc()]), Expression[int])
assert_type(percent_rank().over(), Expression[float])
assert_type(cume_dist().over(), Expression[float])
assert_type(ntile(4).over(order_by=Thing.id), Expression[int])
assert_type(lag(Thing.name).over(order_by=Thing.id), Expression[str | None])
assert_type(lag(Thing.count, 2).over(), Expression[int | None])
assert_type(lag(Thing.count, 1, 0).over(), Expression[int])
assert_type(lead(Thing.name, 1, Thing.name).over(), Expression[str])
assert_type(first_value(Thing.price).over(), Expression[Decimal | None])
assert_type(last_value(Thing.day).over(rows=(None, None)), Expression[date | None])
assert_type(nth_value(Thing.name, 3).over(range_=(0, None)), Expression[str | None])
assert_type(sum_(Thing.price).over(groups=(-1, 0), order_by=Thing.day), Expression[Decimal | None])
assert_type(count().filter(Thing.flag.is_true()).over(partition_by=[Thing.name]), Expression[int])
assert_type(rank(), WindowFunction[int])
assert_type(Thing.count - lag(Thing.count, 1, 0).over(), Expression[int])

# Choices.
assert_type(case((Thing.count > 3, Thing.price), else_=Decimal(0)), Expression[Decimal])
assert_type(case((Thing.count > 3, Decimal(0)), else_=Thing.price), Expression[Decimal])
assert_type(case((Thing.count > 3, Thing.price)), Expression[Decimal | None])
assert_type(case((Thing.count > 3, Thing.nick), else_=Thing.nick), Expression[str | None])
assert_type(case((Thing.count > 3, 1), (Thing.count > 2, Thing.count), else_=0), Expression[int])
assert_type(case((Thing.count > 3, Thing.name), else_="x"), Expression[str])
assert_type(case((Thing.count > 3, "a"), else_="b"), Expression[str])
assert_type(case((Thing.count > 3, "a"), (Thing.flag.is_true(), "b")), Expression[str | None])
assert_type(case((Thing.count > 3, Thing.price), else_=Thing.price * 2), Expression[Decimal])
assert_type(coalesce(Thing.nick, ""), Expression[str])
assert_type(coalesce(Thing.nick, Thing.name), Expression[str])
assert_type(coalesce(Thing.maybe_count, Thing.maybe_count, 0), Expression[int])
assert_type(coalesce(Thing.nick, Thing.nick, Thing.nick, Thing.nick), Expression[str | None])
assert_type(coalesce(sum_(Thing.count), 0), Expression[int])
assert_type(nullif(Thing.name, ""), Expression[str | None])
assert_type(greatest(Thing.count, 3), Expression[int])
assert_type(least(Thing.day, Thing.day, date(2026, 1, 1)), Expression[date])

# Values, casts and truth.
assert_type(literal("x"), Expression[str])
assert_type(literal(3) + 1, Expression[int])
assert_type(cast(Thing.name, int), Expression[int])
assert_type(cast(Thing.nick, int), Expression[int | None])
assert_type(cast("2026-01-01", date), Expression[date])
assert_type(truth(Thing.count > 3), Expression[bool | None])
assert_type(Thing.flag.is_true(), Condition)
assert_type(~Thing.maybe_flag.is_true(), Condition)
assert_type(Thing.nick.is_distinct_from(None), Condition)
assert_type(Thing.count.is_not_distinct_from(Thing.maybe_count), Condition)
assert_type(excluded(Thing.price), Expression[Decimal])

# Functions by name.
assert_type(func.lower(Thing.name, returns=str), Expression[str])
assert_type(func.stats.score(Thing.count, 3, returns=float), Expression[float])
assert_type(func.anything(), Expression[Any])
assert_type(func.lower(Thing.name) == "x", Condition)

# Search.
assert_type(Thing.name.matches("a or b"), Condition)
assert_type(Thing.nick.matches("a", config="english"), Condition)
assert_type(Thing.nick.match_rank("a"), Expression[float | None])
assert_type(Thing.name.match_rank("a").desc(), Ordering)

# Documents.
assert_type(Thing.extra["a"], JsonPath)
assert_type(Thing.extra["a"]["b"][0], JsonPath)
assert_type(Thing.maybe_extra["a"], JsonPath)
assert_type(Thing.extra["a"] == {"b": 1}, Condition)
assert_type(Thing.extra["a"].in_([1, "x", None]), Condition)
assert_type(Thing.extra["a"].is_null(), Condition)
assert_type(Thing.extra["a"].contains({"b": 1}), Condition)
assert_type(Thing.extra["a"].as_int(), Expression[int | None])
assert_type(Thing.extra["a"].as_int() > 3, Condition)
assert_type(Thing.extra["a"].as_float() < 1.5, Condition)
assert_type(Thing.extra["a"].as_str().startswith("x"), Condition)
assert_type(Thing.extra["a"].as_bool().is_true(), Condition)
assert_type(Thing.extra["a"].as_int().desc().nulls_last(), Ordering)
assert_type(sum_(Thing.extra["a"].as_int()), Aggregate[int | None])

# Queries as values.
assert_type(exists_(q.filter(Thing.count > 3)), Condition)
assert_type(exists_(q.select(Thing.id)) & ~exists_(q), Condition)
assert_type(scalar(q.select(max_(Thing.count))), Expression[int | None])
assert_type(scalar(q.select(Thing.name)), Expression[str | None])
assert_type(Thing.count > scalar(q.select(max_(Thing.count))), Condition)
assert_type(Thing.count > scalar(q.select(Thing.count)), Condition)
assert_type(Thing.count == scalar(q.select(Thing.maybe_count)), Condition)
assert_type(Thing.price - scalar(q.select(avg(Thing.price))), Expression[Decimal | None])
assert_type(coalesce(scalar(q.select(sum_(Thing.count))), 0), Expression[int])
assert_type(Thing.name.in_(q.select(max_(Thing.name))), Condition)
assert_type(Thing.name.in_(q.select(Thing.nick)), Condition)
assert_type(Thing.nick.in_(q.select(Thing.name)), Condition)
assert_type(Thing.nick.not_in(q.select(Thing.nick)), Condition)
assert_type(Thing.name.in_(q.select(func.lower(Thing.name))), Condition)
assert_type(Thing.name.in_(q.select("nick")), Condition)
assert_type(q.select("name", Thing.id, count()), Selection[Row[*tuple[Any, ...]]])
assert_type(q.select(Thing.id, "name", count()), Selection[Row[*tuple[Any, ...]]])

# Groupings.
assert_type(rollup(Thing.name, Thing.day), GroupingSets)
assert_type(cube(Thing.name), GroupingSets)
assert_type(grouping_sets((Thing.name, Thing.count), (Thing.name,), ()), GroupingSets)

"""What projections give, value by value, as both checkers see it."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, assert_type
from uuid import UUID

import msgspec

from storehaus import (
    Expression,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    Row,
    Selection,
    alias,
    avg,
    case,
    cast,
    coalesce,
    count,
    cte,
    field,
    func,
    literal,
    max_,
    optional,
    rank,
    scalar,
    sum_,
    truth,
)


class Shop(Model, table="shops"):
    """Others refer to it."""

    id: Field[UUID] = field(primary_key=True)
    name: Field[str]


class Order(Model, table="orders"):
    """Refers to a shop."""

    id: Field[UUID] = field(primary_key=True)
    shop: Field[UUID]
    city: Field[str | None] = field(default=None)
    total: Field[Decimal]
    weight: Field[float]
    pieces: Field[int]
    day: Field[date]
    paid_at: Field[datetime | None] = field(default=None)
    gift: Field[bool]
    words: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)


q = QueryBuilder(Order)
Other = alias(Shop, "other")
joined = q.join(Shop, on=Order.shop == Shop.id, how="left")

# One value and up to ten, each typed.
assert_type(q.select(Order.id), Selection[Row[UUID]])
assert_type(q.select(Order.city, Order.total), Selection[Row[str | None, Decimal]])
assert_type(q.select(Order.id, Order.day, Order.paid_at),
            Selection[Row[UUID, date, datetime | None]])  # fmt: skip
assert_type(
    q.select(
        Order.id, Order.city, Order.total, Order.weight, Order.pieces,
        Order.day, Order.gift, Order.words, count(), literal("x"),
    ),
    Selection[Row[UUID, str | None, Decimal, float, int, date, bool, list[str], int, str]],
)  # fmt: skip
assert_type(
    q.select(
        Order.id, Order.id, Order.id, Order.id, Order.id, Order.id,
        Order.id, Order.id, Order.id, Order.id, Order.id,
    ),
    Selection[Row[*tuple[Any, ...]]],
)  # fmt: skip
assert_type(q.select("city", "total"), Selection[Row[*tuple[Any, ...]]])

# Models among values, and those that a join leaves out.
assert_type(joined.select(Order, Shop.name), Selection[Row[Order, str]])
assert_type(joined.select(Order.total, optional(Shop)), Selection[Row[Decimal, Shop | None]])
assert_type(joined.select(Order.total, optional(Shop.name)), Selection[Row[Decimal, str | None]])
assert_type(joined.select(Other), Selection[Row[Shop]])
assert_type(optional(Shop), Expression[Shop | None])
assert_type(optional(Other.name), Expression[str | None])
assert_type(optional(count()), Expression[int | None])

# Labels keep the type.
assert_type(Order.total.as_("t"), Expression[Decimal])
assert_type(q.select(Order.total.as_("t"), count().as_("n")), Selection[Row[Decimal, int]])
assert_type(q.select((Order.total * 2).as_("t")), Selection[Row[Decimal]])

# Computed items.
assert_type(q.select(sum_(Order.pieces), avg(Order.pieces)),
            Selection[Row[int | None, Decimal | None]])  # fmt: skip
assert_type(q.select(max_(Order.day), coalesce(max_(Order.pieces), 0)),
            Selection[Row[date | None, int]])  # fmt: skip
assert_type(q.select(rank().over(order_by=Order.total)), Selection[Row[int]])
assert_type(q.select(truth(Order.total > 3)), Selection[Row[bool | None]])
assert_type(q.select(case((Order.gift.is_true(), "g"), else_="n")), Selection[Row[str]])
assert_type(q.select(case((Order.gift.is_true(), "g"))), Selection[Row[str | None]])
assert_type(q.select(cast(Order.pieces, str)), Selection[Row[str]])
assert_type(q.select(func.lower(Order.city, returns=str)), Selection[Row[str]])
assert_type(q.select(Order.extra["a"].as_int(), Order.extra["a"]["b"].as_str()),
            Selection[Row[int | None, str | None]])  # fmt: skip
assert_type(q.select(scalar(QueryBuilder(Shop).select(count()))), Selection[Row[int | None]])

# Columns of derived tables are typed where a column says how.
totals = q.select(Order.city, sum_(Order.total).as_("sum")).group_by("city").as_("totals")
assert_type(totals["sum"], Expression[Any])
assert_type(totals.column(Order.city), Expression[str | None])
assert_type(cte("totals").column(Order.total), Expression[Decimal])
assert_type(QueryBuilder.from_(totals).select(totals.column(Order.city), count()),
            Selection[Row[str | None, int]])  # fmt: skip


class Stats(msgspec.Struct):
    """What rows are built into."""

    city: str | None
    n: int


@dataclass
class Pair:
    """The same."""

    city: str | None
    n: int


class Named(NamedTuple):
    """The same."""

    city: str | None
    n: int


by_city = q.select(Order.city, count().as_("n")).group_by(Order.city)


async def rows(orders: GenericStore[Order]) -> None:
    """Rows are tuples, typed by position, and names at run time."""
    found = await orders.select(by_city)
    assert_type(found, list[Row[str | None, int]])
    row = found[0]
    assert_type(row[0], str | None)
    assert_type(row[1], int)
    assert_type(row[-1], int)
    assert_type(row.anything, Any)
    assert_type(row.count, Any)
    city, n = row
    assert_type(city, str | None)
    assert_type(n, int)
    for _, number in found:
        assert_type(number, int)
    assert_type(dict(found), dict[str | None, int])
    assert_type([n for _, n in found if n > 3], list[int])
    assert_type(await orders.select(by_city, into=Stats), list[Stats])
    assert_type(await orders.select(by_city, into=Pair), list[Pair])
    assert_type(await orders.select(by_city, into=Named), list[Named])
    [(order, shop)] = await orders.select(joined.models())
    assert_type(order, Order)
    assert_type(shop, Shop | None)
    assert_type(order.total, Decimal)
    assert_type(shop.name if shop else None, str | None)

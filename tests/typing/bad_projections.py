"""Projections that cannot be meant, and rows taken for what they are not, are errors."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from storehaus import (
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    Row,
    RowQuery,
    Selection,
    count,
    dense_rank,
    field,
    lag,
    max_,
    optional,
    rank,
    sum_,
)


class Shop(Model, table="shops"):
    """Others refer to it."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Order(Model, table="orders"):
    """Refers to a shop."""

    id: Field[int] = field(primary_key=True)
    shop: Field[int]
    city: Field[str | None] = field(default=None)
    total: Field[Decimal]
    day: Field[date]


class Stats(msgspec.Struct):
    """What rows are built into."""

    city: str
    n: int


q = QueryBuilder(Order)
by_city = q.select(Order.city, count().as_("n")).group_by("city")
joined = q.join(Shop, on=Order.shop == Shop.id, how="left")
some = optional(Shop)
_: Any = None

# Constructors are for builders.
Selection()  # error: call-arg | reportCallIssue
RowQuery()  # error: call-arg | reportCallIssue
Selection(q)  # error: arg-type | reportArgumentType
QueryBuilder(Order, Shop)  # error: call-arg | reportCallIssue

# What is no item loses the types, and methods refuse what they cannot take.
q.select(rank())  # error: call-overload | reportArgumentType, reportCallIssue
q.select(3)  # error: call-overload | reportArgumentType, reportCallIssue
s1: Selection[Row[str]] = q.select(Order.city)  # error: arg-type | reportAssignmentType
s2: Selection[Row[Shop]] = joined.select(some)  # error: arg-type | reportAssignmentType
s3: Selection[Row[int]] = q.select(max_(Order.id))  # error: arg-type | reportAssignmentType
s4: Selection[Row[Order, Shop]] = joined.models()  # error: assignment | reportAssignmentType
q.order_by(rank())  # error: arg-type | reportArgumentType
q.filter(rank() > 1)  # error: arg-type, operator | reportOperatorIssue
q.filter(lag(Order.id))  # error: arg-type | reportArgumentType
_ = rank() + 1  # error: operator | reportOperatorIssue
_ = dense_rank().as_("n")  # error: attr-defined | reportAttributeAccessIssue
_ = count().filter(True)  # error: arg-type | reportArgumentType
_ = count().as_(3)  # error: arg-type | reportArgumentType
_ = Order.total.as_()  # error: call-arg | reportCallIssue
_ = Order.total.as_("x").filter(Order.id > 3)  # error: attr-defined | reportAttributeAccessIssue
by_city.group_by(3)  # error: arg-type | reportArgumentType
by_city.join(Shop)["x"]  # error: index | reportIndexIssue
by_city.select(Order.id)  # error: attr-defined | reportAttributeAccessIssue
by_city.models()  # error: attr-defined | reportAttributeAccessIssue
_ = by_city["n"]  # error: index | reportIndexIssue
_ = by_city.as_("x").n  # error: attr-defined | reportAttributeAccessIssue
_ = by_city.as_(3)  # error: arg-type | reportArgumentType
_ = by_city.as_("x")[0]  # error: index | reportArgumentType
_ = by_city.as_("x").column("city")  # error: arg-type | reportArgumentType


async def rows(orders: GenericStore[Order]) -> None:
    """What rows are not."""
    found = await orders.select(by_city)
    row = found[0]
    _ = row[2]  # error: misc | reportGeneralTypeIssues
    _ = row["n"]  # error: call-overload | reportArgumentType, reportCallIssue
    _, _, _ = row  # error: misc | reportAssignmentType
    (_,) = row  # error: misc | reportAssignmentType
    a: str = row[0]  # error: assignment | reportAssignmentType
    b: str = row[1]  # error: assignment | reportAssignmentType
    row[1] = 3  # error: - | reportIndexIssue
    _ = row[1].upper()  # error: attr-defined | reportAttributeAccessIssue
    _ = row[0].upper()  # error: union-attr | reportOptionalMemberAccess
    sums = await orders.select(q.select(sum_(Order.total)))
    _ = sums[0][0] + 1  # error: operator | reportOptionalOperand
    pairs = await orders.select(joined.models())
    _ = pairs[0][1].name  # error: union-attr | reportOptionalMemberAccess
    _ = pairs[0][0].nam  # error: attr-defined | reportAttributeAccessIssue
    c: list[Order] = await orders.select(by_city)  # error: arg-type | reportAssignmentType
    await orders.select(by_city, Stats)  # error: call-overload | reportCallIssue
    stats = await orders.select(by_city, into=Stats)
    await orders.select(by_city, into=stats[0])  # error: call-overload | reportArgumentType
    _ = stats[0].m  # error: attr-defined | reportAttributeAccessIssue
    _ = stats[0][0]  # error: index | reportIndexIssue
    d: list[Order] = await orders.select(q.select(Order))  # error: arg-type | reportAssignmentType
    e: list[int] = await orders.select(q.select(Order.id))  # error: arg-type | reportAssignmentType
    async with orders.stream(by_city) as stream:
        async for _city, _n, _more in stream:  # error: misc | reportAssignmentType
            pass
        async for each in stream:
            _ = each[1] + "x"  # error: operator | reportOperatorIssue
    del a, b, c, d, e

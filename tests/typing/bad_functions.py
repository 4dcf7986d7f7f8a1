"""Functions over what they are not for are errors for both checkers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from storehaus import (
    Expression,
    Field,
    Model,
    QueryBuilder,
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
    field,
    first_value,
    func,
    greatest,
    grouping_sets,
    lag,
    least,
    literal,
    max_,
    min_,
    nth_value,
    ntile,
    nullif,
    rank,
    rollup,
    string_agg,
    sum_,
    truth,
)


class Thing(Model, table="things"):
    """A few kinds of fields."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    price: Field[Decimal]
    height: Field[float]
    seen_at: Field[datetime]
    day: Field[date]
    flag: Field[bool]
    labels: Field[list[str]] = field(default_factory=list)
    extra: Field[dict[str, object]] = field(default_factory=dict)


q = QueryBuilder(Thing)
_: Any = None

# Aggregates.
_ = sum_(Thing.name)  # error: arg-type | reportArgumentType, reportCallIssue
_ = sum_(Thing.day)  # error: arg-type | reportArgumentType, reportCallIssue
_ = sum_(Thing.labels)  # error: arg-type | reportArgumentType, reportCallIssue
_ = avg(Thing.name)  # error: arg-type | reportArgumentType, reportCallIssue
_ = avg(Thing.seen_at)  # error: arg-type | reportArgumentType, reportCallIssue
_ = sum_(3)  # error: call-overload | reportArgumentType, reportCallIssue
_ = sum_("price")  # error: call-overload | reportArgumentType, reportCallIssue
_ = count("name")  # error: arg-type | reportArgumentType
_ = count(3)  # error: arg-type | reportArgumentType
_ = count_distinct()  # error: call-arg | reportCallIssue
_ = min_("name")  # error: arg-type | reportArgumentType
_ = max_()  # error: call-arg | reportCallIssue
_ = bool_and(Thing.id)  # error: arg-type | reportArgumentType
_ = bool_and(Thing.id > 3)  # error: arg-type | reportArgumentType
_ = string_agg(Thing.id, ", ")  # error: arg-type | reportArgumentType
_ = string_agg(Thing.name)  # error: call-arg | reportCallIssue
_ = string_agg(Thing.name, 3)  # error: arg-type | reportArgumentType
_ = array_agg(Thing.name, order_by="name")  # error: arg-type | reportArgumentType
_ = array_agg("name")  # error: arg-type | reportArgumentType
_ = sum_(Thing.price, Thing.height)  # error: call-overload | reportCallIssue
_ = count().filter(Thing.flag)  # error: arg-type | reportArgumentType
_ = count().filter(Thing.name)  # error: arg-type | reportArgumentType
_ = count() > "3"  # error: operator | reportOperatorIssue
_ = sum_(Thing.price) + "x"  # error: operator | reportOperatorIssue
_ = max_(Thing.name) + 1  # error: operator | reportOperatorIssue

# Windows.
_ = rank(Thing.id)  # error: call-arg | reportCallIssue
_ = rank().over(Thing.id)  # error: call-arg | reportCallIssue
_ = rank().over(order_by="id")  # error: arg-type | reportArgumentType
_ = rank().over(partition_by="name")  # error: arg-type | reportArgumentType
_ = rank().over(partition_by=Thing.id.desc())  # error: arg-type | reportArgumentType
_ = rank().over(rows=3)  # error: arg-type | reportArgumentType
_ = rank().over(rows=(0,))  # error: arg-type | reportArgumentType
_ = rank().over(rows=("a", "b"))  # error: arg-type | reportArgumentType
_ = rank().over(range=(0, None))  # error: call-arg | reportCallIssue
_ = rank() > 3  # error: operator | reportOperatorIssue
_ = rank().desc()  # error: attr-defined | reportAttributeAccessIssue
_ = Thing.id.over()  # error: attr-defined | reportAttributeAccessIssue
_ = lag("name")  # error: call-overload | reportArgumentType
_ = lag(Thing.name, "1")  # error: call-overload | reportArgumentType
c7 = lag(Thing.id, 1, "x")  # error: misc | reportArgumentType
_ = first_value(3)  # error: arg-type | reportArgumentType
_ = nth_value(Thing.name, "3")  # error: arg-type | reportArgumentType
_ = ntile()  # error: call-arg | reportCallIssue
_ = ntile("4")  # error: arg-type | reportArgumentType

# Choices.
_ = case()  # error: call-overload | reportCallIssue
_ = case(Thing.id > 3)  # error: call-overload | reportArgumentType, reportCallIssue
_ = case((True, "x"))  # error: arg-type | reportArgumentType, reportCallIssue
_ = case((Thing.id > 3, 1, 2))  # error: arg-type | reportArgumentType, reportCallIssue
_ = case((Thing.flag, "x"))  # error: arg-type | reportArgumentType, reportCallIssue
c1: Expression[str] = case((Thing.id > 3, "x"))  # error: assignment | reportAssignmentType
c2: Expression[int] = case((Thing.id > 3, "x"), else_=3)  # error: arg-type | reportAssignmentType
_ = coalesce()  # error: call-overload | reportCallIssue
_ = coalesce("x", Thing.name)  # error: call-overload | reportArgumentType, reportCallIssue
c8 = coalesce(Thing.nick, 3)  # error: misc | reportArgumentType, reportCallIssue
_ = nullif("x", Thing.name)  # error: arg-type | reportArgumentType
_ = nullif(Thing.name)  # error: call-arg | reportCallIssue
_ = greatest()  # error: call-arg | reportCallIssue
_ = greatest(3, Thing.id)  # error: arg-type | reportArgumentType
c5: Expression[int] = least(Thing.id, "x")  # error: arg-type | reportArgumentType

# Casts, literals, conditions.
c3: Expression[str] = cast(Thing.id, int)  # error: arg-type, assignment | reportAssignmentType
_ = cast(Thing.name)  # error: call-overload | reportCallIssue
_ = cast(Thing.name, "int")  # error: call-overload | reportArgumentType, reportCallIssue
c6: Expression[str] = literal(3)  # error: arg-type | reportAssignmentType
_ = literal()  # error: call-arg | reportCallIssue
_ = truth(Thing.flag)  # error: arg-type | reportArgumentType
_ = truth(True)  # error: arg-type | reportArgumentType
_ = Thing.id.is_true()  # error: misc | reportAttributeAccessIssue
_ = Thing.name.is_true()  # error: misc | reportAttributeAccessIssue
_ = Thing.id.is_distinct_from("x")  # error: arg-type | reportArgumentType
_ = excluded("name")  # error: arg-type | reportArgumentType
_ = ~Thing.flag  # error: operator | reportOperatorIssue
_ = -Thing.name  # error: misc | reportOperatorIssue

# Functions by name.
c4: Expression[int] = func.now(returns=str)  # error: arg-type | reportAssignmentType
_ = func.now(returns="str")  # error: call-overload | reportArgumentType, reportCallIssue
_ = func.lower(Thing.name, type=str)  # error: call-overload | reportCallIssue

# Search and documents.
_ = Thing.id.matches("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.name.matches(3)  # error: arg-type | reportArgumentType
_ = Thing.name.matches("x", "english")  # error: call-arg | reportCallIssue
_ = Thing.price.match_rank("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.name["a"]  # error: misc | reportIndexIssue
_ = Thing.labels["a"]  # error: misc | reportIndexIssue
_ = Thing.extra[None]  # error: index | reportArgumentType
_ = Thing.extra["a"].as_integer()  # error: attr-defined | reportAttributeAccessIssue
_ = Thing.extra["a"].as_int() > "3"  # error: operator | reportOperatorIssue
_ = Thing.extra["a"].as_int().like("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.extra["a"].as_str() > 3  # error: operator | reportOperatorIssue
_ = Thing.extra["a"].as_bool().like("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.extra.as_int()  # error: attr-defined | reportAttributeAccessIssue

# Groupings.
q.select(count()).group_by(rollup("name"))  # error: arg-type | reportArgumentType
q.select(count()).group_by(cube(3))  # error: arg-type | reportArgumentType
q.select(count()).group_by(grouping_sets(Thing.name))  # error: arg-type | reportArgumentType
q.select(count()).group_by(grouping_sets(("name",)))  # error: arg-type | reportArgumentType
q.order_by(rollup(Thing.name))  # error: arg-type | reportArgumentType

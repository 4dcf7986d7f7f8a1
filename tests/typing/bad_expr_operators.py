"""Operands that cannot be meant are errors for both checkers."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from storehaus.model import Field, Model, field
from storehaus.query import QueryFilter, UpdateSet
from storehaus.sql import QueryBuilder


class Thing(Model, table="things"):
    """A few kinds of fields."""

    id: Field[UUID] = field(primary_key=True)
    name: Field[str]
    nick: Field[str | None] = field(default=None)
    count: Field[int]
    maybe_count: Field[int | None] = field(default=None)
    height: Field[float]
    price: Field[Decimal]
    seen_at: Field[datetime]
    labels: Field[list[str]] = field(default_factory=list)


hour = timedelta(hours=1)
query = QueryBuilder(Thing)

# Comparisons.
_ = Thing.name < 3  # error: operator | reportOperatorIssue
_ = Thing.count > "x"  # error: operator | reportOperatorIssue
_ = Thing.count > 1.5  # error: operator | reportOperatorIssue
_ = Thing.count < None  # error: operator | reportOperatorIssue
_ = Thing.maybe_count < "x"  # error: operator | reportOperatorIssue
_ = Thing.price > 1.5  # error: operator | reportOperatorIssue
_ = Thing.seen_at > hour  # error: operator | reportOperatorIssue
_ = Thing.name < Thing.count  # error: operator | reportOperatorIssue
_ = 3 < Thing.name  # noqa: SIM300 - wrong on purpose  # error: operator | reportOperatorIssue
query.filter(Thing.name == 3)  # error: arg-type | reportArgumentType
query.filter(Thing.count != "x")  # error: arg-type | reportArgumentType
query.filter(Thing.count == Thing.name)  # error: operator | reportOperatorIssue
query.filter(Thing.seen_at == "2026-01-01")  # error: arg-type | reportArgumentType

# Lists and ranges.
_ = Thing.count.in_(["x"])  # error: list-item | reportArgumentType
_ = Thing.count.in_([1, None])  # error: list-item | reportArgumentType
_ = Thing.count.in_(3)  # error: arg-type | reportArgumentType
_ = Thing.name.not_in([1])  # error: list-item | reportArgumentType
_ = Thing.count.between(1, "x")  # error: arg-type | reportArgumentType

# Methods that make no sense for the type.
_ = Thing.count.like("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.count.startswith("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.name.overlaps(["x"])  # error: arg-type, misc | reportAttributeAccessIssue
_ = Thing.name.any_("x")  # error: call-overload, misc | reportAttributeAccessIssue
_ = Thing.count.contains("x")  # error: misc | reportAttributeAccessIssue
_ = Thing.name.contains(["x"])  # error: arg-type | reportArgumentType
_ = Thing.labels.contains([1])  # error: list-item | reportArgumentType
_ = Thing.labels.any_(1)  # error: arg-type | reportArgumentType
_ = Thing.name.like(3)  # error: arg-type | reportArgumentType

# Arithmetic.
_ = Thing.name - 1  # error: operator | reportOperatorIssue
_ = Thing.name + 1  # error: operator | reportOperatorIssue
_ = Thing.name * 2  # error: operator | reportOperatorIssue
_ = Thing.count + 1.5  # error: operator | reportOperatorIssue
_ = Thing.count + "x"  # error: operator | reportOperatorIssue
_ = Thing.price - 1.5  # error: operator | reportOperatorIssue
_ = Thing.height % 2  # error: operator | reportOperatorIssue
_ = Thing.seen_at + 1  # error: operator | reportOperatorIssue
_ = Thing.seen_at + Thing.seen_at  # error: operator | reportOperatorIssue
_ = Thing.labels + ["x"]  # noqa: RUF005 - wrong on purpose  # error: misc, operator | reportOperatorIssue
_ = 1.5 + Thing.count  # error: operator | reportOperatorIssue

# A condition has no truth value, and is no value.
if Thing.count > 1:  # error: - | reportGeneralTypeIssues
    pass
_ = not Thing.count > 1  # error: - | reportGeneralTypeIssues
_ = (Thing.count > 1) + 1  # error: operator | reportOperatorIssue
_ = (Thing.count > 1) & True  # error: operator | reportOperatorIssue

# A column is no container.
_ = list(Thing.labels)  # error: call-overload | reportArgumentType
_ = "x" in Thing.labels  # error: misc | reportOperatorIssue

# Queries.
query.filter(True)  # error: arg-type | reportArgumentType
query.filter("name")  # error: arg-type | reportArgumentType
query.filter(Thing.name)  # error: arg-type | reportArgumentType
query.order_by(3)  # error: arg-type | reportArgumentType
query.limit("3")  # error: arg-type | reportArgumentType
query.filter_by_tag(3)  # error: arg-type | reportArgumentType
QueryFilter.and_([True])  # error: list-item | reportArgumentType
UpdateSet().set(Thing.count, "x")  # error: misc | reportArgumentType, reportCallIssue
UpdateSet().set(3, "x")  # error: call-overload | reportArgumentType, reportCallIssue
QueryBuilder(int)  # error: type-var | reportArgumentType

"""Taking further sources in."""

import msgspec

from storehaus.errors import QueryError
from storehaus.expr.operands import checked_condition
from storehaus.query.clauses import Clauses
from storehaus.query.sources import Derived, How, Join, checked_model

__all__ = ["joined"]


def joined(clauses: Clauses, other: object, on: object, how: object, *, lateral: bool) -> Clauses:
    """Add a source to the parts of a query.

    Raises:
        QueryError: When it is none, or `on` is missing or too much.
    """
    if how not in _HOWS:
        raise QueryError("how is inner, left, right, full or cross")
    source = other if isinstance(other, Derived) else checked_model(other)
    if (on is None) is not (how == "cross"):
        raise QueryError("a join says by on=… which rows belong together; a cross join does not")
    if lateral and (not isinstance(other, Derived) or other.query is None):
        raise QueryError("only a subquery, query.as_(name), can be lateral")
    condition = None if on is None else checked_condition(on)
    join = Join(source, _HOWS[how], condition, lateral)
    return msgspec.structs.replace(clauses, joins=(*clauses.joins, join))


_HOWS: dict[object, How] = {
    "inner": "inner",
    "left": "left",
    "right": "right",
    "full": "full",
    "cross": "cross",
}

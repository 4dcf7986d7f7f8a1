"""Values that stand beside an operand: checked against its type, given in wire form."""

from decimal import Decimal
from functools import partial
from math import isnan
from typing import Any

from storehaus.errors import QueryError, ValidationError
from storehaus.expr.node import FromJson
from storehaus.model.plan import plan_of
from storehaus.model.records import ColumnInfo
from storehaus.model.validation import wire_value
from storehaus.sql.binder import Convert
from storehaus.sql.json_values import from_json

__all__ = ["converter", "to_wire"]


def converter(model: str, column: ColumnInfo) -> Convert:
    """Give `to_wire` of a column; what is of its exact type is looked at in passing."""
    plan = plan_of(column, bounds=False)
    exact, rules = plan.python, plan.rules
    plain = plan.encode is None and isinstance(exact, type) and column.type.kind != "float"
    if not plain or len(rules) > 1:
        return partial(to_wire, model, column)
    holds = rules[0].holds if rules else _anything

    def convert(value: object) -> Any:
        if type(value) is exact and holds(value):
            return value
        return to_wire(model, column, value)

    return convert


def _anything(_value: object) -> bool:
    return True


def to_wire(model: str, column: ColumnInfo, value: object) -> Any:
    """Check a value against a column's type, give it in wire form.

    Raises:
        QueryError: When the value does not fit the type.
    """
    if isinstance(value, FromJson):
        value = from_json(column.type, value.value)
    if type(value) is int and column.type.kind == "numeric":
        value = Decimal(value)  # exact, and what everybody writes: balance > 0
    try:
        wire = wire_value(model, column, value, bounds=False)
    except ValidationError as invalid:
        raise QueryError(invalid.message, model=invalid.model, field=invalid.field) from None
    if isinstance(wire, float) and isnan(wire):
        raise QueryError(
            f"{model}.{column.name} is compared with NaN, which Python and PostgreSQL"
            " order differently",
            model=model,
            field=column.name,
        )
    return wire

"""How the values of one column are checked, worked out once per column."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import GenericAlias
from typing import Any
from uuid import UUID

import msgspec

from storehaus.errors import ValidationError
from storehaus.model.records import ColumnInfo
from storehaus.model.rules import Rule, bound_rules, type_rules
from storehaus.model.types import ColumnType
from storehaus.model.wire import UnfitValueError, encoder

__all__ = ["Plan", "checked_value", "encoded_value", "plan_of"]

# Naming these switches msgspec's conversions off: the text "2020-01-01" is no date.
_STRICT = (bytes, date, datetime, time, timedelta, Decimal, UUID)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to check one column.

    Attributes:
        column: The column.
        python: What msgspec is asked to convert to; Any where it cannot help.
        strict: Types whose conversions from texts and numbers are switched off.
        lossy: Whether a conversion may change the value: an int of 60 bits is no float.
        rules: What a value fulfils beyond its Python type.
        encode: From a checked value to its wire form, None where it travels as it is.
    """

    column: ColumnInfo
    python: Any
    strict: tuple[type, ...]
    lossy: bool
    rules: tuple[Rule, ...]
    encode: Callable[[Any], Any] | None

    @property
    def open_to_none(self) -> bool:
        """Whether msgspec would let a None through that the column refuses."""
        return self.python is Any and not self.column.nullable


_BOUND, _UNBOUND = (Plan, True), (Plan, False)


def plan_of(column: ColumnInfo, *, bounds: bool = True) -> Plan:
    """Give the plan of a column, without its bounds where only the type counts."""
    key = _BOUND if bounds else _UNBOUND
    plan: Plan | None = column.derived.get(key)
    if plan is None:
        plan = column.derived[key] = _make_plan(column, bounds=bounds)
    return plan


def _make_plan(column: ColumnInfo, *, bounds: bool) -> Plan:
    rules = type_rules(column.type)
    if bounds:
        rules += bound_rules(column.bounds, column.type)
    item = column.type.element or column.type
    return Plan(
        column=column,
        python=_checked_type(column),
        strict=(item.python,) if item.python in _STRICT else (),
        lossy=item.kind == "float",
        rules=rules,
        encode=encoder(column.type),
    )


def _checked_type(column: ColumnInfo) -> Any:
    python = _msgspec_type(column.type)
    return python | None if column.nullable and python is not Any else python


def _msgspec_type(column_type: ColumnType) -> Any:
    # Any: msgspec would turn the text "a" into a member, and cannot see inside of structs.
    if column_type.kind in {"enum", "inet", "cidr", "jsonb"}:
        return Any
    if column_type.element is None:
        return column_type.python
    item = _msgspec_type(column_type.element)
    if column_type.element_nullable and item is not Any:
        item |= None
    return GenericAlias(list, (item,))


def checked_value(plan: Plan, model: str, value: Any, row_index: int | None) -> Any:
    """Check one value and give it in its exact Python type.

    Raises:
        ValidationError: Naming the field.
    """
    column = plan.column
    if value is None:
        if not column.nullable:
            raise _invalid(model, column, value, "must not be None", row_index)
        return None
    if value is msgspec.UNSET:
        raise _invalid(model, column, value, "has no value yet", row_index)
    try:
        converted = msgspec.convert(value, plan.python, builtin_types=plan.strict)
    except (msgspec.ValidationError, ArithmeticError, RecursionError, ValueError):
        wanted = f"must be {_type_name(column.type.python)}"
        raise _invalid(model, column, value, wanted, row_index) from None
    if plan.lossy and converted is not value and converted != value:
        raise _invalid(model, column, value, "must be a number that floats hold exactly", row_index)
    for rule in plan.rules:
        if not rule.holds(converted):
            raise _invalid(model, column, value, rule.text, row_index)
    return converted


def encoded_value(plan: Plan, model: str, checked: Any, row_index: int | None) -> Any:
    """Give a checked value in its wire form.

    Raises:
        ValidationError: When PostgreSQL would change or refuse it.
    """
    if plan.encode is None or checked is None:
        return checked
    try:
        return plan.encode(checked)
    except UnfitValueError as unfit:
        raise _invalid(model, plan.column, checked, str(unfit), row_index) from None


def _invalid(
    model: str, column: ColumnInfo, value: Any, rule: str, row_index: int | None
) -> ValidationError:
    value_type = type(value).__name__
    place = "" if row_index is None else f" of row {row_index}"
    return ValidationError(
        f"{model}.{column.name}{place} {rule} (got {value_type})",
        model=model,
        field=column.name,
        value_type=value_type,
        rule=rule,
        row_index=row_index,
    )


def _type_name(python: Any) -> str:
    return python.__name__ if isinstance(python, type) else str(python)

"""Checking what is about to be written, at the price of a fraction of a microsecond a row.

A batch is converted whole by msgspec and checked column by column; only when that fails is it
gone through row by row and field by field, to say exactly what was wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter
from types import GenericAlias
from typing import Any
from uuid import UUID

import msgspec

from storehaus.errors import ValidationError
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.rules import Rule, bound_rules, type_rules
from storehaus.model.types import ColumnType
from storehaus.model.wire import UnfitValueError, encoder

__all__ = ["Validator", "check_value", "wire_value"]

# Naming these switches msgspec's conversions off: the text "2020-01-01" is no date.
_STRICT = (bytes, date, datetime, time, timedelta, Decimal, UUID)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to check one column."""

    column: ColumnInfo
    python: Any
    rules: tuple[Rule, ...]
    encode: Callable[[Any], Any] | None


def _plan(column: ColumnInfo, *, bounds: bool = True) -> _Plan:
    key = (_Plan, bounds)
    if key not in column.derived:
        column.derived[key] = _make_plan(column, bounds=bounds)
    plan: _Plan = column.derived[key]
    return plan


def _make_plan(column: ColumnInfo, *, bounds: bool) -> _Plan:
    rules = type_rules(column.type)
    if bounds:
        rules += bound_rules(column.bounds, column.type)
    return _Plan(column, _checked_type(column), rules, encoder(column.type))


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


def check_value(
    model: str, column: ColumnInfo, value: Any, *, bounds: bool = True, row_index: int | None = None
) -> Any:
    """Check one value and give it in its exact Python type.

    Args:
        model: Name of the model, for the error.
        column: The column it is meant for.
        value: The value, None where the column allows it.
        bounds: Whether `ge`, `max_length` and the like apply (they do not in a filter).
        row_index: Place in the batch, for the error.

    Raises:
        ValidationError: When it does not fit.
    """
    plan = _plan(column, bounds=bounds)
    checked = _checked(plan, model, value, row_index)
    _encoded(plan, model, checked, row_index)
    return checked


def wire_value(
    model: str, column: ColumnInfo, value: Any, *, bounds: bool = True, row_index: int | None = None
) -> Any:
    """As `check_value`, but give the value as the driver takes it."""
    plan = _plan(column, bounds=bounds)
    return _encoded(plan, model, _checked(plan, model, value, row_index), row_index)


def _checked(plan: _Plan, model: str, value: Any, row_index: int | None) -> Any:
    column = plan.column
    if value is None:
        if not column.nullable:
            raise _invalid(model, column, value, "must not be None", row_index)
        return None
    try:
        checked = msgspec.convert(value, plan.python, builtin_types=_STRICT)
    except (msgspec.ValidationError, OverflowError):
        wanted = f"must be {_type_name(column.type.python)}"
        raise _invalid(model, column, value, wanted, row_index) from None
    for rule in plan.rules:
        if not rule.holds(checked):
            raise _invalid(model, column, value, rule.text, row_index)
    return checked


def _encoded(plan: _Plan, model: str, checked: Any, row_index: int | None) -> Any:
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


class Validator:
    """Checks models for a list of columns and gives their values as the driver takes them.

    Args:
        info: The model.
        columns: Columns to check, in the order wanted.
    """

    __slots__ = ("_encoded", "_model", "_name", "_plans", "_rows_type", "_ruled", "_values")

    def __init__(self, info: TableInfo, columns: Sequence[ColumnInfo]) -> None:
        self._model = info.model
        self._name = info.model.__name__
        self._plans = tuple(_plan(column) for column in columns)
        self._values = _values_of([column.name for column in columns])
        row_type = GenericAlias(tuple, tuple(plan.python for plan in self._plans))
        self._rows_type = GenericAlias(list, (row_type,))
        self._ruled = tuple((i, plan) for i, plan in enumerate(self._plans) if plan.rules)
        self._encoded = tuple((i, plan) for i, plan in enumerate(self._plans) if plan.encode)

    def row(self, model: Any, row_index: int | None = None) -> tuple[Any, ...]:
        """Check one model, give its values.

        Raises:
            ValidationError: Naming the field.
        """
        self._check_class(model, row_index)
        return tuple(
            _encoded(plan, self._name, _checked(plan, self._name, value, row_index), row_index)
            for plan, value in zip(self._plans, self._values(model), strict=True)
        )

    def columns(self, models: Sequence[Any], *, first_index: int = 0) -> list[Sequence[Any]]:
        """Check many models, give their values column by column.

        Args:
            models: Instances of the model; they are not changed.
            first_index: What to add to a position for `row_index`, when this is part of a batch.

        Raises:
            ValidationError: Naming field and row.
        """
        if not models or not self._plans:
            return [() for _ in self._plans]
        try:
            return self._fast(models)
        except (AttributeError, TypeError, OverflowError, msgspec.ValidationError, UnfitValueError):
            pass
        # Slowly, to find the culprit. When there is none, the fast way was too strict.
        rows = [self.row(model, first_index + i) for i, model in enumerate(models)]
        return list(zip(*rows, strict=True))

    def _fast(self, models: Sequence[Any]) -> list[Sequence[Any]]:
        if set(map(type, models)) != {self._model}:
            raise TypeError
        raw = list(map(self._values, models))
        rows = msgspec.convert(raw, self._rows_type, builtin_types=_STRICT)
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for i, plan in self._ruled:
            _check_column(plan, columns[i])
        for i, plan in self._encoded:
            columns[i] = _encode_column(plan, columns[i])
        return columns

    def _check_class(self, model: Any, row_index: int | None) -> None:
        if type(model) is self._model:
            return
        rule = f"must be a {self._name}"
        value_type = type(model).__name__
        raise ValidationError(
            f"expected a {self._name}, got {value_type}",
            model=self._name,
            value_type=value_type,
            rule=rule,
            row_index=row_index,
        )


def _values_of(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) == 1:
        get = attrgetter(names[0])
        return lambda model: (get(model),)
    if not names:
        return lambda _model: ()
    return attrgetter(*names)


def _check_column(plan: _Plan, values: Sequence[Any]) -> None:
    if plan.column.nullable or plan.python is Any:
        present = [value for value in values if value is not None]
        if len(present) < len(values) and not plan.column.nullable:
            raise UnfitValueError("must not be None")
        values = present
    if values and not all(rule.all_hold(values) for rule in plan.rules):
        raise UnfitValueError("a value breaks a rule")


def _encode_column(plan: _Plan, values: Sequence[Any]) -> list[Any]:
    encode = plan.encode
    assert encode is not None  # noqa: S101 - only such plans are asked
    if plan.column.nullable:
        return [None if value is None else encode(value) for value in values]
    if any(value is None for value in values):
        raise UnfitValueError("must not be None")
    return list(map(encode, values))

"""Checking what is about to be written, at the price of a fraction of a microsecond a row.

A batch is converted whole by msgspec and checked column by column, a single row by way of a struct
made for it; only when that fails is a row gone through field by field, to say what was wrong.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from types import GenericAlias
from typing import Any

import msgspec

from storehaus.errors import ValidationError
from storehaus.model.plan import Plan, checked_value, encoded_value, plan_of
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.rules import is_text
from storehaus.model.wire import UnfitValueError

__all__ = ["Validator", "check_value", "wire_keys", "wire_value"]

# The fast ways stop at these. ValueError: lone surrogates and signaling NaNs fail within msgspec.
_DOUBTS = (
    ArithmeticError,
    AttributeError,
    RecursionError,
    TypeError,
    ValueError,
    msgspec.ValidationError,
)


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
    plan = plan_of(column, bounds=bounds)
    checked = checked_value(plan, model, value, row_index)
    encoded_value(plan, model, checked, row_index)
    return checked


def wire_value(
    model: str, column: ColumnInfo, value: Any, *, bounds: bool = True, row_index: int | None = None
) -> Any:
    """As `check_value`, but give the value as the driver takes it."""
    plan = plan_of(column, bounds=bounds)
    checked = checked_value(plan, model, value, row_index)
    if plan.encode is None:
        return checked
    return encoded_value(plan, model, checked, row_index)


def wire_keys(
    model: str, column: ColumnInfo, values: Sequence[Any], indexes: Sequence[int]
) -> list[Any]:
    """As `wire_value` without bounds, for many values that are not None.

    Args:
        model: Name of the model, for the error.
        column: The column they are values of.
        values: The values.
        indexes: Their places in the batch, for the error.

    Raises:
        ValidationError: Naming field and row.
    """
    plan = plan_of(column, bounds=False)
    try:
        checked: list[Any] = msgspec.convert(
            values, GenericAlias(list, (plan.python,)), builtin_types=plan.strict
        )
    except _DOUBTS:
        checked = []
    if checked and not plan.lossy and _all_hold(plan, checked):
        return checked if plan.encode is None else list(map(plan.encode, checked))
    return [
        wire_value(model, column, value, bounds=False, row_index=index)
        for value, index in zip(values, indexes, strict=True)
    ]


def _all_hold(plan: Plan, values: Sequence[Any]) -> bool:
    return all(all(map(rule.holds, values)) for rule in plan.rules)


class Validator:
    """Checks models for a list of columns and gives their values as the driver takes them.

    Args:
        info: The model.
        columns: Columns to check, in the order wanted.
    """

    __slots__ = (
        "_encoded",
        "_lossy",
        "_model",
        "_name",
        "_plans",
        "_row_type",
        "_rows_type",
        "_ruled",
        "_strict",
        "_tests",
        "_texts",
        "_values",
    )

    def __init__(self, info: TableInfo, columns: Sequence[ColumnInfo]) -> None:
        plans = tuple(plan_of(column) for column in columns)
        self._model = info.model
        self._name = info.model.__name__
        self._plans = plans
        self._values = _values_of([column.name for column in columns])
        types = tuple(plan.python for plan in plans)
        self._rows_type = GenericAlias(list, (GenericAlias(tuple, types),))
        # msgspec keeps what it knows about a struct, but learns a tuple type anew in each call.
        fields = [(f"f{i}", python) for i, python in enumerate(types)]
        self._row_type = msgspec.defstruct("_Row", fields, array_like=True, gc=False)
        self._strict = tuple({python for plan in plans for python in plan.strict})
        self._lossy = any(plan.lossy for plan in plans)
        texts = [i for i, plan in enumerate(plans) if _is_plain_text(plan)]
        self._texts = itemgetter(*texts, texts[0]) if texts else None
        self._ruled = tuple((i, plan) for i, plan in enumerate(plans) if plan.rules)
        # All texts of a row are tested in one go, see _texts.
        self._tests = tuple(
            (i, rule.holds, plan.open_to_none)
            for i, plan in self._ruled
            for rule in plan.rules
            if rule.holds is not is_text
        )
        self._encoded = tuple((i, plan) for i, plan in enumerate(plans) if plan.encode)

    def row(self, model: Any, row_index: int | None = None) -> tuple[Any, ...]:
        """Check one model, give its values.

        Raises:
            ValidationError: Naming the field.
        """
        if type(model) is not self._model:
            return self._slow_row(model, row_index)
        try:
            return self._fast_values(self._values(model))
        except _DOUBTS:
            return self._slow_row(model, row_index)

    def values(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Check values that belong to no model, in the order of the columns.

        Raises:
            ValidationError: Naming the field.
        """
        try:
            return self._fast_values(given)
        except _DOUBTS:
            return self._slow_values(given, None)

    def columns(
        self, models: Sequence[Any], indexes: Sequence[int] | None = None
    ) -> list[Sequence[Any]]:
        """Check many models, give their values column by column.

        Args:
            models: Instances of the model; they are not changed.
            indexes: Their places in what the caller gave, for `row_index`; None counts from 0.

        Raises:
            ValidationError: Naming field and row.
        """
        if not models or not self._plans:
            return [() for _ in self._plans]
        try:
            return self._fast_columns(models)
        except _DOUBTS:
            pass
        # Slowly, to find the culprit. When there is none, the fast way was too strict.
        places = range(len(models)) if indexes is None else indexes
        rows = [self._slow_row(model, i) for model, i in zip(models, places, strict=True)]
        return list(zip(*rows, strict=True))

    def _fast_values(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        converted = msgspec.convert(given, self._row_type, builtin_types=self._strict)
        row = msgspec.structs.astuple(converted)
        if self._lossy and row != given:
            raise UnfitValueError
        if self._texts and not is_text("".join(filter(None, self._texts(row)))):
            raise UnfitValueError
        for i, holds, open_to_none in self._tests:
            value = row[i]
            if open_to_none if value is None else not holds(value):
                raise UnfitValueError
        return self._encoded_row(row) if self._encoded else row

    def _encoded_row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for i, plan in self._encoded:
            if values[i] is None:
                if plan.open_to_none:
                    raise UnfitValueError
                continue
            values[i] = _encode(plan)(values[i])
        return tuple(values)

    def _fast_columns(self, models: Sequence[Any]) -> list[Sequence[Any]]:
        if set(map(type, models)) != {self._model}:
            raise TypeError
        given = list(map(self._values, models))
        rows = msgspec.convert(given, self._rows_type, builtin_types=self._strict)
        # msgspec hands most objects through, so that this compares identities.
        if self._lossy and rows != given:
            raise UnfitValueError
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for i, plan in self._ruled:
            _check_column(plan, columns[i])
        for i, plan in self._encoded:
            columns[i] = _encode_column(plan, columns[i])
        return columns

    def _slow_row(self, model: Any, row_index: int | None) -> tuple[Any, ...]:
        self._check_class(model, row_index)
        # A field that was deleted from the instance has no value, like one that was never set.
        values = [getattr(model, plan.column.name, msgspec.UNSET) for plan in self._plans]
        return self._slow_values(values, row_index)

    def _slow_values(self, values: Sequence[Any], row_index: int | None) -> tuple[Any, ...]:
        return tuple(
            encoded_value(
                plan, self._name, checked_value(plan, self._name, value, row_index), row_index
            )
            for plan, value in zip(self._plans, values, strict=True)
        )

    def _check_class(self, model: Any, row_index: int | None) -> None:
        if type(model) is self._model:
            return
        rule = f"must be a {self._name}"
        value_type = type(model).__name__
        raise ValidationError(
            f"expected an instance of {self._name}, got {value_type}",
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


def _is_plain_text(plan: Plan) -> bool:
    return any(rule.holds is is_text for rule in plan.rules)


def _check_column(plan: Plan, values: Sequence[Any]) -> None:
    if plan.column.nullable or plan.python is Any:
        present = [value for value in values if value is not None]
        if len(present) < len(values) and plan.open_to_none:
            raise UnfitValueError
        values = present
    if values and not all(rule.all_hold(values) for rule in plan.rules):
        raise UnfitValueError


def _encode(plan: Plan) -> Callable[[Any], Any]:
    assert plan.encode is not None  # noqa: S101 - only such plans are asked
    return plan.encode


def _encode_column(plan: Plan, values: Sequence[Any]) -> list[Any]:
    encode = _encode(plan)
    if plan.column.nullable:
        return [None if value is None else encode(value) for value in values]
    if any(value is None for value in values):
        raise UnfitValueError
    return list(map(encode, values))

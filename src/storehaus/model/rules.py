"""What a value must fulfil before it may be sent, beyond its Python type.

msgspec checks types at C speed, but knows nothing of PostgreSQL's limits (64-bit integers, no NUL)
and no bounds of Decimals and dates. Each rule tests one value, or a whole column in one go.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import (
    Clamped,
    Context,
    Decimal,
    DecimalException,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
)
from functools import partial
from operator import attrgetter, ge, gt, le, lt
from typing import Any

from storehaus.model.pattern import compile_pattern
from storehaus.model.records import Bounds
from storehaus.model.types import ColumnType, Numeric

__all__ = ["Rule", "bound_rules", "is_text", "type_rules"]

# PostgreSQL, "Numeric Types": digits before and after the point of an unsized numeric.
_NUMERIC_WHOLE_DIGITS = 131_072
_NUMERIC_FRACTION_DIGITS = 16_383

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)
_ZONE = attrgetter("tzinfo")
# What fits in here unrounded has at most 8,000 digits on either side of the point.
_SMALL = Context(
    prec=4_000,
    Emin=-4_000,
    Emax=4_000,
    traps=[Clamped, InvalidOperation, Overflow, Rounded, Subnormal, Underflow],
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        text: What is right, for the message: "at most 200 characters".
        holds: Tests one value, never None.
        all_hold: Tests many values, none of them None.
    """

    text: str
    holds: Callable[[Any], bool]
    all_hold: Callable[[Sequence[Any]], bool]


def _each(text: str, holds: Callable[[Any], Any]) -> Rule:
    return Rule(text, lambda value: bool(holds(value)), lambda values: all(map(holds, values)))


def type_rules(column_type: ColumnType) -> tuple[Rule, ...]:  # noqa: PLR0911 - one per kind
    """Rules that follow from the type alone."""
    if column_type.element is not None:
        return tuple(_of_items(rule) for rule in type_rules(column_type.element))
    match column_type.kind:
        case "text":
            return (_TEXT,)
        case "integer":
            return (_integer(column_type),)
        case "numeric":
            return (_numeric(column_type.numeric),)
        case "timestamptz":
            return (_INSTANT,)
        case "time":
            return (_each("must carry no time zone", lambda value: value.tzinfo is None),)
        case "enum" | "inet" | "cidr":
            return (_instance(column_type.python),)
        case _:
            return ()


def bound_rules(bounds: Bounds, column_type: ColumnType) -> tuple[Rule, ...]:
    """Rules that the field declares, such as `ge`, `max_length` and `pattern`."""
    return tuple(_bound(name, value, column_type) for name, value in bounds.rules())


def _bound(name: str, value: Any, column_type: ColumnType) -> Rule:
    unit = {"text": "characters", "bytes": "bytes"}.get(column_type.kind, "items")
    match name:
        case "min_length":
            return _length(f"must have at least {value} {unit}", partial(le, value), min)
        case "max_length":
            return _length(f"must have at most {value} {unit}", partial(ge, value), max)
        case "pattern":
            return _each(f"must match {value!r}", compile_pattern(value).search)
        case _:
            # Written with the bound first: a NaN then fails, whatever the direction.
            test = {"ge": le, "gt": lt, "le": ge, "lt": gt}[name]
            sign = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}[name]
            return _each(f"must be {sign} {value}", partial(test, value))


def _length(
    text: str, fits: Callable[[int], bool], extreme: Callable[[Iterable[int]], int]
) -> Rule:
    return Rule(
        text,
        lambda value: fits(len(value)),
        lambda values: fits(extreme(map(len, values))),
    )


def _of_items(rule: Rule) -> Rule:
    def items(values: Iterable[Any]) -> Iterator[Any]:
        return (item for value in values for item in value if item is not None)

    def hold(values: Sequence[Any]) -> bool:
        flat = list(items(values))
        return not flat or rule.all_hold(flat)

    return Rule(f"each item {rule.text}", lambda value: hold([value]), hold)


def is_text(value: str) -> bool:
    """Whether PostgreSQL can store a text: it knows no NUL and no lone surrogate."""
    if "\x00" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_TEXT = Rule(
    "must hold no NUL and no lone surrogate",
    is_text,
    lambda values: is_text("".join(values)),
)


def _integer(column_type: ColumnType) -> Rule:
    low, high = column_type.low, column_type.high
    assert low is not None and high is not None  # noqa: S101, PT018 - an integer type always has both
    return Rule(
        f"must lie in {low} … {high}",
        lambda value: low <= value <= high,
        lambda values: low <= min(values) and max(values) <= high,
    )


def _numeric(size: Numeric | None) -> Rule:
    if size is None:
        return Rule(
            "must be finite and within PostgreSQL's numeric",
            _is_storable_decimal,
            lambda values: _are_small(values) or all(map(_is_storable_decimal, values)),
        )
    text = f"must be finite with at most {size.precision - size.scale} digits before the point"
    if size.scale:
        text += f" and {size.scale} after it"
    unit = Decimal((0, (1,), -size.scale))
    # Quantizing past the precision is an invalid operation.
    context = Context(prec=size.precision, traps=[InvalidOperation])
    return _each(text, partial(_fits, context, unit))


def _is_storable_decimal(value: Decimal) -> bool:
    if _are_small((value,)):
        return True
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - finite decimals have one
    return -exponent <= _NUMERIC_FRACTION_DIGITS and value.adjusted() < _NUMERIC_WHOLE_DIGITS


def _are_small(values: Sequence[Decimal]) -> bool:
    """Whether all are far from the limits, at C speed; False says nothing."""
    try:
        return all(map(Decimal.is_finite, map(_SMALL.plus, values)))
    except DecimalException:
        return False


def _fits(context: Context, unit: Decimal, value: Decimal) -> bool:
    try:
        return context.quantize(value, unit) == value
    except InvalidOperation:
        return False


def _is_instant(value: datetime) -> bool:
    # The first and the last microsecond are PostgreSQL's infinities to the driver, and would come
    # back without a time zone.
    return value.utcoffset() is not None and _FIRST < value < _LAST


def _are_instants(values: Sequence[datetime]) -> bool:
    if set(map(_ZONE, values)) == {UTC}:
        return _FIRST not in values and _LAST not in values
    return all(map(_is_instant, values))


_INSTANT = Rule(
    "must carry a time zone and lie within the years 1 … 9999 of UTC, whose first and last"
    " microsecond mean infinity",
    _is_instant,
    _are_instants,
)


def _instance(cls: type[Any]) -> Rule:
    def holds(value: Any) -> bool:
        return isinstance(value, cls) and getattr(value, "scope_id", None) is None

    return _each(f"must be a {cls.__name__}", holds)

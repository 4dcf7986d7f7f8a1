"""Window functions: a value for each row that depends on the rows around it."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from storehaus.errors import QueryError
from storehaus.expr.computation import AggregateCall, Bound, Frame, WindowCall
from storehaus.expr.expression import Computed, Expression
from storehaus.expr.node import Node, Parameter
from storehaus.expr.operands import operand
from storehaus.expr.ordering import Ordering

__all__ = [
    "Keys",
    "SortKeys",
    "WindowFunction",
    "Windowed",
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
    "sort_keys",
]

T = TypeVar("T")
S = TypeVar("S")

Keys: TypeAlias = "Expression[Any] | Sequence[Expression[Any]]"
SortKeys: TypeAlias = "Expression[Any] | Ordering | Sequence[Expression[Any] | Ordering]"
Rows: TypeAlias = tuple[Bound, Bound]


class Windowed(Generic[T]):
    """What can look at the rows of a window."""

    __slots__ = ()

    node: Node

    def over(
        self,
        *,
        partition_by: Keys = (),
        order_by: SortKeys = (),
        rows: Rows | None = None,
        range_: Rows | None = None,
        groups: Rows | None = None,
    ) -> Expression[T]:
        """Look at the rows of a window.

        Args:
            partition_by: Rows with equal values here make one window; none makes all of them one.
            order_by: Order within the window.
            rows: First and last row of the frame, counted from the current one: `(-2, 0)` are the
                two before and itself; None has no end. Without a frame it is PostgreSQL's: from
                the first row to the last one equal to the current one in `order_by`.
            range_: As `rows`, but only 0 and None, 0 being all rows equal in `order_by`.
            groups: As `rows`, counted in groups of rows that are equal in `order_by`.

        Raises:
            QueryError: When more than one frame is given, or one that ends before it starts.
        """
        frame = _frame(rows=rows, range=range_, groups=groups)
        partition = tuple(_sequence(partition_by))
        return Computed(WindowCall(self.node, partition, sort_keys(order_by), frame))


class WindowFunction(Windowed[T]):
    """A function that needs a window: `rank().over(order_by=Airport.elevation.desc())`.

    Args:
        node: The function.
    """

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node


def row_number() -> WindowFunction[int]:
    """Place of the row in its window, from 1 on."""
    return _window("row_number")


def rank() -> WindowFunction[int]:
    """Place of the row, equal rows sharing one and leaving gaps after it."""
    return _window("rank")


def dense_rank() -> WindowFunction[int]:
    """Place of the row, equal rows sharing one, without gaps."""
    return _window("dense_rank")


def percent_rank() -> WindowFunction[float]:
    """`(rank - 1) / (rows - 1)`, from 0 to 1."""
    return _window("percent_rank")


def cume_dist() -> WindowFunction[float]:
    """Share of rows up to this one, over 0 up to 1."""
    return _window("cume_dist")


def ntile(buckets: int) -> WindowFunction[int]:
    """Number of the bucket, when the window is cut into so many of equal size."""
    return _window("ntile", Parameter(_count("ntile", buckets)))


@overload
def lag(expression: Expression[T], offset: int = 1) -> WindowFunction[T | None]: ...
@overload
def lag(
    expression: Expression[T], offset: int, default: T | Expression[T]
) -> WindowFunction[T]: ...
def lag(expression: Expression[T], offset: int = 1, default: Any = None) -> WindowFunction[Any]:
    """Value of the row so many places before; the default, or NULL, where there is none."""
    return _neighbour("lag", expression, offset, default)


@overload
def lead(expression: Expression[T], offset: int = 1) -> WindowFunction[T | None]: ...
@overload
def lead(
    expression: Expression[T], offset: int, default: T | Expression[T]
) -> WindowFunction[T]: ...
def lead(expression: Expression[T], offset: int = 1, default: Any = None) -> WindowFunction[Any]:
    """Value of the row so many places after; the default, or NULL, where there is none."""
    return _neighbour("lead", expression, offset, default)


def first_value(expression: Expression[T]) -> WindowFunction[T | None]:
    """Value of the first row of the frame; NULL where the frame is empty."""
    return _window("first_value", expression)


def last_value(expression: Expression[T]) -> WindowFunction[T | None]:
    """Value of the last row of the frame; NULL where the frame is empty."""
    return _window("last_value", expression)


def nth_value(expression: Expression[T], n: int) -> WindowFunction[T | None]:
    """Value of the n-th row of the frame, from 1 on; NULL where there is none."""
    return _window("nth_value", expression, Parameter(_count("nth_value", n)))


def sort_keys(keys: object) -> tuple[Ordering, ...]:
    """Make sort keys of expressions and orderings.

    Raises:
        QueryError: When something is neither.
    """
    return tuple(map(_sort_key, _sequence(keys)))


def _sort_key(key: object) -> Ordering:
    if isinstance(key, Ordering):
        return key
    if isinstance(key, Expression):
        return Ordering(key)  # pyright: ignore[reportUnknownArgumentType]  # any value
    raise QueryError(f"a sort key is an expression or its desc(), not {type(key).__name__}")


def _sequence(keys: object) -> Sequence[Any]:
    if isinstance(keys, Node):
        return (keys,)
    if isinstance(keys, list | tuple):
        return cast("Sequence[Any]", keys)
    raise QueryError(f"keys are expressions, not {type(keys).__name__}")


def _window(name: str, *arguments: Node) -> WindowFunction[Any]:
    return WindowFunction(AggregateCall(name, arguments))


def _neighbour(name: str, expression: Node, offset: int, default: Any) -> WindowFunction[Any]:
    if isinstance(offset, bool) or not isinstance(offset, int) or abs(offset) >= 1 << 31:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise QueryError(f"the offset of {name} is a number of rows")
    arguments = (expression, Parameter(offset))
    return _window(name, *arguments, *(() if default is None else (operand(default),)))


def _count(name: str, number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 31:
        raise QueryError(f"{name} takes a whole number, 1 or more")
    return number


def _is_bound(bound: object) -> bool:
    return bound is None or (type(bound) is int and abs(bound) < 1 << 31)


_Unit: TypeAlias = Literal["rows", "range", "groups"]


def _frame(**given: Rows | None) -> Frame | None:
    frames = [(unit, bounds) for unit, bounds in given.items() if bounds is not None]
    if not frames:
        return None
    if len(frames) > 1:
        raise QueryError("a window has one frame: rows, range_ or groups")
    unit, bounds = frames[0]
    if not isinstance(bounds, tuple) or len(bounds) != 2 or not all(map(_is_bound, bounds)):  # noqa: PLR2004 - a pair  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryComparison]  # callers err
        raise QueryError("a frame is a pair, each a number of rows or None")
    start, end = bounds
    numbers = [bound for bound in (start, end) if bound is not None]
    if unit == "range" and any(numbers):
        raise QueryError("range_ takes 0 and None only; rows and groups count")
    if start is not None and end is not None and start > end:
        raise QueryError("a frame does not end before it starts")
    return Frame(cast("_Unit", unit), start, end)

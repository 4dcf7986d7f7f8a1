"""Functions over expressions: what SQL has words of its own for, and any other by its name."""

from typing import Any, TypeVar, overload

from storehaus.errors import QueryError
from storehaus.expr.computation import (
    Call,
    Case,
    Cast,
    Excluded,
    GroupingSets,
    Scalar,
    Truth,
    Variadic,
)
from storehaus.expr.condition import Condition, Exists
from storehaus.expr.expression import Computed, Expression
from storehaus.expr.node import Node, Parameter, Subselect
from storehaus.expr.operands import argument, checked_condition, operand
from storehaus.expr.row import Row

__all__ = [
    "Function",
    "case",
    "cast",
    "coalesce",
    "cube",
    "excluded",
    "exists_",
    "func",
    "greatest",
    "grouping_sets",
    "least",
    "literal",
    "nullif",
    "rollup",
    "scalar",
    "truth",
]

T = TypeVar("T")
S = TypeVar("S")


class Function:
    """A function of PostgreSQL by its name: `func.lower(User.name, returns=str)`.

    `func.stats.score(...)` is `score` of the schema `stats`. Arguments are expressions and values;
    values are parameters. Since nobody knows what a function does, the connection on which it ran
    is reset before somebody else uses it, at the price of one more round trip.
    """

    __slots__ = ("_name",)

    def __init__(self, name: tuple[str, ...] = ()) -> None:
        self._name = name

    def __getattr__(self, name: str) -> "Function":
        if name.startswith("__"):
            raise AttributeError(name)
        return Function((*self._name, name))

    @overload
    def __call__(self, *arguments: object, returns: type[T]) -> Expression[T]: ...
    @overload
    def __call__(self, *arguments: object, returns: None = None) -> Expression[Any]: ...
    def __call__(self, *arguments: object, returns: Any = None) -> Expression[Any]:
        """Call it.

        Args:
            *arguments: Expressions and values. An int is sent as `integer` where it fits.
            returns: Python type of the result, with `| None` where it can be NULL. None leaves it
                as the driver gives it; JSON needs a type.

        Raises:
            QueryError: When `func` itself is called, or by a name with more than a schema.
        """
        if not 1 <= len(self._name) <= 2:  # noqa: PLR2004 - schema and function
            raise QueryError("a function is called by its name: func.lower(...)")
        return Computed(Call(self._name, tuple(map(argument, arguments)), returns))

    def __repr__(self) -> str:
        return ".".join(("func", *self._name))


func = Function()
"""Any function of PostgreSQL: `func.lower(User.name, returns=str)`."""


def literal(value: T) -> Expression[T]:
    """A value as an expression; it travels as a parameter, an int as `bigint`."""
    # As fields do: a recursion that starts with literal(0) and adds to it keeps one type.
    return Computed(Parameter(value, int if type(value) is int else None))


@overload
def cast(expression: Expression[S | None], to: type[T]) -> Expression[T | None]: ...
@overload
def cast(expression: object, to: type[T]) -> Expression[T]: ...
def cast(expression: object, to: Any) -> Expression[Any]:
    """A value as another type: `cast(Order.total, int)`.

    Args:
        expression: An expression or a value.
        to: Python type; its PostgreSQL type is the one that a field of it would have.
    """
    return Computed(Cast(argument(expression), to))


# Expressions alone come first: in a union with T mypy finds no T for them.
@overload
def case(
    first: tuple[Condition, Expression[T]],
    /,
    *rest: tuple[Condition, Expression[T]],
    else_: Expression[T],
) -> Expression[T]: ...
@overload
def case(
    first: tuple[Condition, Expression[T]], /, *rest: tuple[Condition, Expression[T]], else_: T
) -> Expression[T]: ...
@overload
def case(
    first: tuple[Condition, Expression[T]], /, *rest: tuple[Condition, Expression[T]]
) -> Expression[T | None]: ...
@overload
def case(
    first: tuple[Condition, T | Expression[T]],
    /,
    *rest: tuple[Condition, T | Expression[T]],
    else_: T | Expression[T],
) -> Expression[T]: ...
@overload
def case(
    first: tuple[Condition, T | Expression[T]], /, *rest: tuple[Condition, T | Expression[T]]
) -> Expression[T | None]: ...
def case(*branches: tuple[Condition, Any], else_: Any = None) -> Expression[Any]:
    """The value of the first branch whose condition holds.

    Args:
        *branches: Pairs of condition and value, at least one.
        else_: Value when none holds; None gives NULL.

    Raises:
        QueryError: When there is no branch, or something is no pair of these.
    """
    if not branches:
        raise QueryError("case() has at least one branch: (condition, value)")
    pairs = tuple(_branch(branch) for branch in branches)
    return Computed(Case(pairs, None if else_ is None else operand(else_)))


@overload
def coalesce(first: Expression[T | None], last: T | Expression[T], /) -> Expression[T]: ...
@overload
def coalesce(
    first: Expression[T | None], second: Expression[T | None], last: T | Expression[T], /
) -> Expression[T]: ...
@overload
def coalesce(
    first: Expression[T | None], /, *rest: Expression[T | None]
) -> Expression[T | None]: ...
def coalesce(first: Expression[Any], /, *rest: Any) -> Expression[Any]:
    """The first value that is not NULL."""
    return Computed(Variadic("coalesce", (first, *map(operand, rest))))


def nullif(expression: Expression[T], value: T | Expression[T]) -> Expression[T | None]:
    """NULL where the two are equal, else the first."""
    return Computed(Variadic("nullif", (expression, operand(value))))


def greatest(first: Expression[T], /, *rest: T | Expression[T]) -> Expression[T]:
    """The greatest of several values; NULLs are passed over."""
    return Computed(Variadic("greatest", (first, *map(operand, rest))))


def least(first: Expression[T], /, *rest: T | Expression[T]) -> Expression[T]:
    """The least of several values; NULLs are passed over."""
    return Computed(Variadic("least", (first, *map(operand, rest))))


def exists_(query: Subselect[Any]) -> Condition:
    """A query gives at least one row. It may name columns of the query around it.

    Raises:
        QueryError: When it is no query.
    """
    return Exists(_query(query))


@overload
def scalar(query: Subselect[Row[T | None]]) -> Expression[T | None]: ...
@overload
def scalar(query: Subselect[Row[T]]) -> Expression[T | None]: ...  # type: ignore[overload-cannot-match]  # it is where mypy takes T from what stands around
def scalar(query: Subselect[Row[Any]]) -> Expression[Any]:
    """The one value that a query gives, NULL without a row; more than one row is an error."""
    return Computed(Scalar(_query(query)))


def truth(condition: Condition) -> Expression[bool | None]:
    """A condition as a value: true, false, or NULL where it is unknown."""
    return Computed(Truth(checked_condition(condition)))


def excluded(column: Expression[T]) -> Expression[T]:
    """In the condition and the changes of an upsert: the value that was to be inserted."""
    return Computed(Excluded(column))


def rollup(*keys: Expression[Any]) -> GroupingSets:
    """For `group_by`: groups by all keys, by all but the last, and so on, down to all rows."""
    return GroupingSets("rollup", _each("rollup", keys))


def cube(*keys: Expression[Any]) -> GroupingSets:
    """For `group_by`: groups by every choice of the keys."""
    return GroupingSets("cube", _each("cube", keys))


def grouping_sets(*sets: tuple[Expression[Any], ...]) -> GroupingSets:
    """For `group_by`: groups by each of these lists of keys; `()` is all rows."""
    if not sets or not all(isinstance(keys, tuple) for keys in sets):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise QueryError("grouping_sets() takes tuples of keys, at least one; () is all rows")
    return GroupingSets("grouping sets", tuple(tuple(map(_key, keys)) for keys in sets))


def _each(name: str, keys: tuple[object, ...]) -> tuple[tuple[Node, ...], ...]:
    if not keys:
        raise QueryError(f"{name}() has at least one key")
    return tuple((_key(key),) for key in keys)


def _key(key: object) -> Node:
    if isinstance(key, Expression):
        return key  # pyright: ignore[reportUnknownVariableType]  # any value
    raise QueryError(f"a grouping has expressions as keys, not {type(key).__name__}")


def _branch(branch: object) -> tuple[Condition, Node]:
    if not isinstance(branch, tuple) or len(branch) != 2:  # noqa: PLR2004  # pyright: ignore[reportUnknownArgumentType]  # a pair of anything
        raise QueryError("a branch of case() is a pair (condition, value)")
    condition, value = branch  # pyright: ignore[reportUnknownVariableType]  # a pair of anything
    return checked_condition(condition), operand(value)  # pyright: ignore[reportUnknownArgumentType]  # as above


def _query(query: object) -> Subselect[Any]:
    if isinstance(query, Subselect):
        return query  # pyright: ignore[reportUnknownVariableType]  # any row
    raise QueryError(f"a query is needed, not {type(query).__name__}")

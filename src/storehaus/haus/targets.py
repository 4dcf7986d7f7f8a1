"""Classes that rows are built into: `haus.fetch(…, into=CountryStats)`."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from enum import Enum
from types import GenericAlias
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

from storehaus.driver import ResultColumn, ResultSet
from storehaus.errors import QueryError
from storehaus.haus.results import decoded_columns
from storehaus.model import Model
from storehaus.model.types import UnmappedTypeError, column_type, split_optional
from storehaus.model.wire import decoder

__all__ = ["Target"]

T = TypeVar("T")

_NUMBERS = frozenset({"int2", "int4", "int8"})


@dataclass(frozen=True, slots=True)
class Target(Generic[T]):
    """A struct, dataclass or NamedTuple whose fields are named like the columns of a result.

    Attributes:
        into: The class.
        hints: Field → its annotation.
        required: Fields without a default.
    """

    into: type[T]
    hints: dict[str, Any]
    required: frozenset[str]

    @classmethod
    def of(cls, into: type[T]) -> "Target[T]":
        """Look at a class.

        Raises:
            QueryError: When rows cannot be built into it.
        """
        if not _is_target(into):
            raise QueryError("into= is a class: a msgspec.Struct, a dataclass or a NamedTuple")
        try:
            hints = get_type_hints(into, include_extras=True)
        except NameError as problem:
            raise QueryError(f"{into.__name__}: {problem.name!r} cannot be resolved") from None
        parameters = inspect.signature(into).parameters.values()
        return cls(
            into,
            {each.name: hints.get(each.name, Any) for each in parameters},
            frozenset(each.name for each in parameters if each.default is each.empty),
        )

    def build(self, result: ResultSet) -> list[T]:
        """Build one instance per row.

        Raises:
            QueryError: When columns and fields do not match, or a value does not fit its field.
        """
        self._check_names([column.name for column in result.columns])
        if not result.rows:
            return []
        pairs = zip(result.columns, decoded_columns(result), strict=True)
        values = [self._converted(column, given) for column, given in pairs]
        names = [column.name for column in result.columns]
        build: Callable[..., T] = self.into
        return [build(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]

    def _check_names(self, labels: Sequence[str]) -> None:
        name = self.into.__name__
        twice = [label for label, times in Counter(labels).items() if times > 1]
        if twice:
            raise QueryError(f"two columns are called {twice[0]!r}; give one another name by AS")
        unknown = sorted(set(labels) - self.hints.keys())
        if unknown:
            raise QueryError(f"{name} has no field for column {unknown[0]!r}", field=unknown[0])
        missing = sorted(self.required - set(labels))
        if missing:
            raise QueryError(f"no column is called {missing[0]!r}, which {name} needs")

    def _converted(self, column: ResultColumn, values: Sequence[Any]) -> list[Any]:
        # Raised outside of `except`: the original may quote a value, and must not hang on ours.
        with suppress(msgspec.ValidationError, ArithmeticError, LookupError, TypeError, ValueError):
            return _converted(column, self.hints[column.name], values)
        raise QueryError(
            f"column {column.name!r} ({column.type_name}) holds a value that does not fit"
            f" {self.into.__name__}.{column.name}",
            field=column.name,
        )


def _converted(column: ResultColumn, hint: Any, values: Sequence[Any]) -> list[Any]:
    decode = None if column.type_name in _NUMBERS else _label_decoder(hint)
    if decode is None:
        converted: list[Any] = msgspec.convert(list(values), GenericAlias(list, (hint,)))
        return converted
    nullable = split_optional(hint)[1]
    return [None if value is None and nullable else decode(value) for value in values]


def _is_target(into: Any) -> bool:
    if not isinstance(into, type) or Model in into.__mro__:
        return False
    is_named_tuple = tuple in into.__mro__ and hasattr(into, "_make")
    return msgspec.Struct in into.__mro__ or is_named_tuple or is_dataclass(into)


def _label_decoder(hint: Any) -> Callable[[Any], Any] | None:
    """Give the function from labels to members, for an enum or a list of them."""
    try:
        found = column_type(split_optional(hint)[0])
    except UnmappedTypeError:
        return None
    is_enum = issubclass((found.element or found).enum or object, Enum)
    return decoder(found) if is_enum else None

"""Ids: primary keys as callers give them."""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, TypeGuard

from storehaus.driver import Row
from storehaus.errors import QueryError, ValidationError
from storehaus.model import ColumnInfo, TableInfo
from storehaus.model.validation import wire_value
from storehaus.model.wire import decoder
from storehaus.store.rows import decoded

__all__ = ["Key", "in_lock_order"]


# A NaN is equal to itself for PostgreSQL and not for Python; lists have no hash.
_INEXACT = frozenset(("array", "float", "jsonb", "numeric"))


class Key:
    """The primary key of one model. An id is a value, or a tuple where the key is composite.

    Args:
        info: The model.
    """

    __slots__ = ("_model", "columns", "is_exact", "of_model", "of_row")

    def __init__(self, info: TableInfo) -> None:
        self._model = info.model.__name__
        self.columns = info.primary_key
        self.is_exact = bool(self.columns) and not any(
            column.type.kind in _INEXACT for column in self.columns
        )
        """Whether there is a key, and Python and PostgreSQL agree on which ones are equal."""
        names = [column.name for column in self.columns]
        positions = [column.position for column in self.columns]
        self.of_model: Callable[[Any], Any] = attrgetter(*names) if names else _none
        """Give the id of a model, None where there is no primary key."""
        self.of_row: Callable[[Row], Any] = itemgetter(*positions) if names else _none
        """Give the id of a row in wire form."""

    def require(self) -> None:
        """Refuse verbs by id.

        Raises:
            QueryError: When the model has no primary key.
        """
        if not self.columns:
            raise QueryError(
                f"{self._model} has no primary key, so its rows have no id; use a query",
                model=self._model,
            )

    def params(self, record_id: Any, row_index: int | None = None) -> tuple[Any, ...]:
        """Check an id, give its parts as the driver takes them.

        Raises:
            QueryError: When the model has no primary key.
            ValidationError: When the id does not fit it.
        """
        columns = self.columns
        if len(columns) == 1:
            return (wire_value(self._model, columns[0], record_id, row_index=row_index),)
        self.require()
        parts = record_id if _is_tuple(record_id) else ()
        if len(parts) != len(columns):
            names = ", ".join(column.name for column in columns)
            rule = f"must be a tuple ({names})"
            raise ValidationError(
                f"the id of a {self._model} {rule}",
                model=self._model,
                field=columns[0].name,
                value_type=type(record_id).__name__,
                rule=rule,
                row_index=row_index,
            )
        return tuple(
            wire_value(self._model, column, part, row_index=row_index)
            for column, part in zip(columns, parts, strict=True)
        )

    def read(self, rows: Sequence[Row]) -> list[Any]:
        """Give the ids of rows that hold the key columns alone."""
        if not rows:
            return []
        parts: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for i, column in enumerate(self.columns):
            decode = decoder(column.type)
            if decode is not None:
                parts[i] = decoded(f"{self._model}.{column.name}", decode, parts[i])
        return list(parts[0]) if len(parts) == 1 else list(zip(*parts, strict=True))

    def finder(self, columns: Sequence[ColumnInfo]) -> Callable[[Sequence[Any]], Any] | None:
        """Give what finds the id among values of some columns.

        None says that it is not there, or that Python cannot tell which ids are equal.
        """
        if not self.is_exact or not all(column in columns for column in self.columns):
            return None
        return itemgetter(*(columns.index(column) for column in self.columns))

    def row_id(self, params: Sequence[Any]) -> Any:
        """Give parts as `of_row` gives them, None where Python cannot tell which are equal."""
        return self.wire_id(params) if self.is_exact else None

    def wire_id(self, params: Sequence[Any]) -> Any:
        """Give parts as `of_row` gives them, for looking rows up."""
        return params[0] if len(self.columns) == 1 else tuple(params)


def in_lock_order(keys: Sequence[tuple[Any, ...]]) -> list[int]:
    """Give the places of keys in the order in which every batch locks its rows.

    Two batches that lock in the same order never wait for each other in a circle.
    """
    try:
        return sorted(range(len(keys)), key=lambda i: [(part is None, part) for part in keys[i]])
    except TypeError:  # IPv4 and IPv6 addresses have no order among each other
        return list(range(len(keys)))


def _none(_: Any) -> None:
    return None


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)

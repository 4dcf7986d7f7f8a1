"""What a store works out from its model once, and keeps."""

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

from storehaus.model import ColumnInfo, Model, TableInfo
from storehaus.model.validation import Validator
from storehaus.sql.array_literal import array_literal
from storehaus.sql.rows import select_all, select_by_key, select_by_keys
from storehaus.store.batch import Form
from storehaus.store.key import Key
from storehaus.store.rows import RowReader
from storehaus.store.shape import Shape, shapes

__all__ = ["Table", "as_parameters"]

M = TypeVar("M", bound=Model)

_CHUNK_ROWS = 5_000
_CHUNK_BYTES = 8 * 1024 * 1024


class Table(Generic[M]):
    """A model with everything that its verbs share.

    Attributes:
        info: The model's record.
        key: Its primary key.
        reader: Builds models from rows.
        insert_shape: Finds the columns that an INSERT of a model sends.
        update_shape: Finds the columns that an UPDATE by a model sends.
    """

    def __init__(self, info: TableInfo) -> None:
        self.info = info
        self.key = Key(info)
        self.reader: RowReader[M] = RowReader(info)
        # PostgreSQL has no DEFAULT for what a function of Python makes, so the store sends it.
        self._made = [column for column in info.columns if _is_made(column)]
        sent = [column for column in info.columns if column.insertable or column in self._made]
        self.insert_shape = shapes(sent)
        self.update_shape = shapes([column for column in info.columns if column.updatable])
        self._validators: dict[Shape, Validator] = {}
        self._texts: dict[Any, str] = {}
        self._forms: dict[Any, Form] = {}

    def completed(self, models: Sequence[M]) -> Sequence[M]:
        """Give models with new defaults in the fields that callers may not set on create."""
        if not self._made:
            return models
        return [self._complete(model) for model in models]

    def _complete(self, model: M) -> M:
        if type(model) is not self.info.model:
            return model  # validation says what is wrong with it
        made = {c.name: c.default_factory() for c in self._made if c.default_factory}
        return msgspec.structs.replace(model, **made)

    @cached_property
    def select_all(self) -> str:
        """SELECT of all active rows."""
        return select_all(self.info)

    @cached_property
    def select_by_key(self) -> str:
        """SELECT of the active row with a key. Parameters: the key."""
        return select_by_key(self.info)

    @cached_property
    def select_by_keys(self) -> str:
        """SELECT of active rows by many keys. Parameters: `key_arrays`."""
        return select_by_keys(self.info)

    def key_arrays(self, keys: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
        """Turn keys in wire form into one array per column."""
        return tuple([key[i] for key in keys] for i in range(len(self.key.columns)))

    def text(self, write: Callable[..., str], *shape: Shape, **options: Any) -> str:
        """Give the text of a statement, written once.

        Args:
            write: Function of the sql layer that takes the model and what follows.
            *shape: The columns that are sent, where the statement depends on them.
            **options: As `write` takes them.
        """
        key = (write, *shape, *options.values())
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = write(self.info, *shape, **options)
        return found

    def form(self, make: Callable[..., Form], *parts: Hashable) -> Form:
        """Give a form, made once.

        Args:
            make: Function that takes the table and the parts.
            *parts: What the form depends on.
        """
        key = (make, parts)
        found = self._forms.get(key)
        if found is None:
            found = self._forms[key] = make(self, *parts)
        return found

    def validator(self, shape: Shape) -> Validator:
        """Give the validator for a shape."""
        found = self._validators.get(shape)
        if found is None:
            found = self._validators[shape] = Validator(self.info, shape)
        return found

    def chunks(
        self,
        columns: Sequence[Sequence[Any]],
        rows: int,
        *,
        most_rows: int = _CHUNK_ROWS,
        most_bytes: int = _CHUNK_BYTES,
    ) -> list[tuple[int, int]]:
        """Cut a batch below what one statement should carry.

        Args:
            columns: Values in wire form, column by column.
            rows: Number of rows.
            most_rows: Rows in one statement.
            most_bytes: Bytes in one statement, where rows are of about the same size.

        Returns:
            Pairs of first row and row after the last.
        """
        if rows <= 1:
            return [(0, rows)]
        limit = min(most_rows, max(1, most_bytes * rows // max(_size(columns), 1)))
        return [(low, min(low + limit, rows)) for low in range(0, rows, limit)]


def as_parameters(shape: Shape, columns: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Turn columns of values into array parameters: arrays travel as text within."""
    return [
        values
        if column.type.element is None
        else [None if value is None else array_literal(value) for value in values]
        for column, values in zip(shape, columns, strict=True)
    ]


def _size(columns: Sequence[Sequence[Any]]) -> int:
    """Estimate the bytes of a batch; only texts, bytes and JSON can be large."""
    return sum(sum(len(value) for value in values if value) for values in columns if _sized(values))


def _sized(values: Sequence[Any]) -> bool:
    first = next((value for value in values if value is not None), None)
    return isinstance(first, str | bytes)


def _is_made(column: ColumnInfo) -> bool:
    managed = column.system or column.identity or column.version or column.soft_delete
    by_function = column.default_factory is not None and column.default_sql is None
    return by_function and not column.insertable and not managed

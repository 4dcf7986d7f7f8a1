"""From rows to models, at C speed where nothing needs decoding."""

from collections.abc import Callable, Sequence
from itertools import starmap
from typing import Any, Generic, TypeVar, cast

import msgspec

from storehaus.driver import Row
from storehaus.errors import DatabaseError
from storehaus.model import Model, TableInfo
from storehaus.model.wire import decoder

__all__ = ["RowReader", "decoded"]

M = TypeVar("M", bound=Model)


class RowReader(Generic[M]):
    """Builds instances of one model from rows with its columns in order.

    Behind those there may be more where the model is cached (`returning`); it is passed over.

    Args:
        info: The model.
    """

    __slots__ = ("_arrays", "_build", "_decoders", "_is_longer", "_name", "_width")

    def __init__(self, info: TableInfo) -> None:
        self._name = info.model.__name__
        # Instances are laid out like rows, so that building one is a call by position.
        self._build = cast("Callable[..., M]", info.model)
        self._width = len(info.columns)
        self._arrays = [each.position for each in info.columns if each.type.element is not None]
        self._is_longer = info.cache is not None
        found = ((column, decoder(column.type)) for column in info.columns)
        self._decoders = [(column, decode) for column, decode in found if decode is not None]

    def models(self, rows: Sequence[Row]) -> list[M]:
        """Build one model per row.

        Raises:
            DatabaseError: When a jsonb value does not fit the type of its field.
        """
        if self._is_longer and rows and len(rows[0]) > self._width:
            rows = [row[: self._width] for row in rows]
        if not self._decoders or not rows:
            return list(starmap(self._build, rows))
        return self.columns(list(zip(*rows, strict=True)))

    def remembered(self, rows: Sequence[Row]) -> list[tuple[Any, ...]] | None:
        """Give what an UPDATE returned behind all else: values that were there before.

        They stand behind what tells the transaction; None where there are none.
        """
        start = self._width + 1
        if not self._is_longer or not rows or len(rows[0]) <= start:
            return None
        return [tuple(row[start:]) for row in rows]

    def columns(self, columns: Sequence[Sequence[Any]]) -> list[M]:
        """Build one model per row, of values that are given column by column.

        Raises:
            DatabaseError: When a jsonb value does not fit the type of its field.
        """
        found = list(columns)
        for column, decode in self._decoders:
            name = f"{self._name}.{column.name}"
            found[column.position] = decoded(name, decode, found[column.position])
        return list(map(self._build, *found))

    def own(self, row: Row) -> Row:
        """Give a row whose arrays no other reader of it has."""
        if not self._arrays:
            return row
        values = list(row)
        for place in self._arrays:
            value = values[place]
            values[place] = None if value is None else list(value)
        return values

    def model(self, row: Row) -> M:
        """Build the model of one row."""
        return self._build(*row) if not self._decoders else self.models([row])[0]


def decoded(name: str, decode: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Decode the values of one column; NULLs stay None.

    Raises:
        DatabaseError: When one does not fit.
    """
    try:
        return [None if value is None else decode(value) for value in values]
    except (msgspec.MsgspecError, KeyError, RecursionError):
        raise DatabaseError(
            f"{name}: a stored value does not fit the field's type; it was"
            " written by another program or an earlier version of the model"
        ) from None

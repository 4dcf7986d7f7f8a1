"""Keys that stand twice in one batch."""

from collections.abc import Sequence
from typing import Any

from storehaus.errors import ValidationError
from storehaus.model import ColumnInfo
from storehaus.store.table import Table

__all__ = ["TWICE", "hashable", "refuse_duplicates"]

TWICE = "must not name a row twice in one batch"
"""The rule that a batch breaks."""


def hashable(value: Any) -> Any:
    """Give a value in wire form as part of a key; only arrays need anything done."""
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of anything


def refuse_duplicates(
    table: Table[Any], columns: Sequence[ColumnInfo], keys: Sequence[tuple[Any, ...]]
) -> None:
    """Refuse a batch that names a row twice: one statement would apply only one of the two.

    Keys with a NULL are never equal.

    Raises:
        ValidationError: Naming the second row.
    """
    if len(set(keys)) == len(keys):
        return
    seen: set[tuple[Any, ...]] = set()
    for index, key in enumerate(keys):
        if key in seen and None not in key:
            model, field = table.info.model.__name__, columns[0].name
            raise ValidationError(
                f"{model}.{field} of row {index} {TWICE}",
                model=model,
                field=field,
                value_type=type(key[0]).__name__,
                rule=TWICE,
                row_index=index,
            )
        seen.add(key)

"""Rows of results that are no models: tuples whose values have names too."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, TypeVarTuple

__all__ = ["AnyRow", "Row", "row_class"]

Ts = TypeVarTuple("Ts")


class Row(tuple[*Ts]):
    """One row: a tuple, whose values are also attributes named by the columns.

        row[0]          # typed, where the query says the types
        row.country     # the same value by name; checkers take it for Any

    It compares, hashes and unpacks like a tuple. A label that stands twice is no attribute, nor are
    `as_dict`, `_fields` and labels like `__len__`, but for the system fields; such values are
    reached by position. `count` and `index` are columns here, not the methods of tuples.
    """

    __slots__ = ()

    _fields: ClassVar[tuple[str, ...]] = ()
    """Labels of the columns, in order."""

    if TYPE_CHECKING:
        count: Any
        index: Any

        def __getattr__(self, name: str) -> Any: ...

    def as_dict(self) -> dict[str, Any]:
        """Give label → value; of values with one label, the last."""
        return dict(self._pairs())

    def _pairs(self) -> Iterator[tuple[str, Any]]:
        values: tuple[Any, ...] = self
        return zip(self._fields, values, strict=True)

    def __repr__(self) -> str:
        values = ", ".join(f"{label}={value!r}" for label, value in self._pairs())
        return f"Row({values})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[tuple[str, ...], tuple[Any, ...]]]:
        # The class was made at run time: another process finds it by the labels, not by a name.
        return (_rebuild, (self._fields, tuple(self)))


AnyRow = Row[*tuple[Any, ...]]
"""A row whose types are known at run time only."""

_TAKEN = frozenset({"as_dict", "_fields", "_pairs"})
_SYSTEM = frozenset({"__created_at__", "__updated_at__", "__tags__", "__is_active__"})


# A memo, not state: a class depends on its labels alone, and one that was dropped is made again.
# Making one costs some 20 µs; programs send far fewer than 512 shapes of queries.
@lru_cache(maxsize=512)
def row_class(labels: tuple[str, ...]) -> type[AnyRow]:
    """Give the class of rows with these labels.

    It takes a row's values in order: `list(map(row_class(labels), records))` runs no Python code
    per row.

    Args:
        labels: Names of the columns, as the server gives them: any text, also several times.
    """
    namespace: dict[str, Any] = {"__slots__": (), "_fields": labels}
    for i, label in enumerate(labels):
        if _is_free(label) and labels.count(label) == 1:
            namespace[label] = property(itemgetter(i))
    return type("Row", (Row,), namespace)


def _is_free(label: str) -> bool:
    # An attribute `__bool__` would change what Python does with a row, and each version of Python
    # has more such names; `__x__` is therefore left alone, but for our own.
    is_special = label.startswith("__") and label.endswith("__")
    return label in _SYSTEM if is_special else label not in _TAKEN


def _rebuild(labels: tuple[str, ...], values: tuple[Any, ...]) -> AnyRow:
    return row_class(labels)(values)

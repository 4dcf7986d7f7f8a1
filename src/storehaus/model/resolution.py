"""From declared constraints, which name fields, to records, which name columns."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, cast

from storehaus.expr import Column, Condition, Ordering
from storehaus.expr.expression import Computed
from storehaus.expr.node import Name, Parameter, Subselect, Value, Values
from storehaus.model.columns import refuse, text_problem
from storehaus.model.constraints import Check, Exclude, Index, Key, Unique
from storehaus.model.identifiers import constraint_name, identifier_problem
from storehaus.model.records import CheckInfo, ColumnInfo, ExclusionInfo, IndexInfo, IndexKey

__all__ = ["Resolver"]

_METHODS = {"btree", "hash", "gin", "gist", "spgist", "brin"}
_SORTED_METHODS = {"btree"}
_OPERATOR = frozenset("+-*/<>=~!@#%^&|`?")


# What is left of SQL without its texts names columns, functions and keywords.
_TEXT = re.compile(r"'(?:[^']|'')*'")
_WORD = re.compile(r"\w+")


# No field has this name, so that a subquery is refused where a name would be looked up.
_SUBQUERY = "a subquery"


class Resolver:
    """Looks fields of one model up by what a declaration calls them.

    Args:
        cls: The class.
        table: Name of the table.
        columns: All its columns.
    """

    __slots__ = ("_by_name", "_class", "_soft_deletes", "model", "table")

    def __init__(self, cls: type[Any], table: str, columns: Sequence[ColumnInfo]) -> None:
        self._class = cls
        self.model = cls.__name__
        self.table = table
        self._by_name = {column.name: column for column in columns}
        self._soft_deletes = any(column.soft_delete for column in columns)

    def column(self, key: object, where: str) -> ColumnInfo:
        """Find a column by field name or by itself.

        Raises:
            ModelDefinitionError: When the model has no such field.
        """
        name: object = key.name if isinstance(key, Column | Name) else key
        found = self._by_name.get(name) if isinstance(name, str) else None
        is_own = not isinstance(key, Column) or issubclass(self._class, key.model)
        if found is None or not is_own:
            shown = f"{name!r}" if is_own else f"{key!r}"
            raise refuse(self.model, None, f"{where} names {shown}, which is not among its fields")
        return found

    def columns(self, keys: Iterable[object], where: str) -> tuple[ColumnInfo, ...]:
        """Find several different columns, at least one.

        Raises:
            ModelDefinitionError: When one is unknown or stands twice, or there is none.
        """
        found = tuple(self.column(key, where) for key in keys)
        if not found:
            raise refuse(self.model, None, f"{where} names no field")
        if len(set(found)) < len(found):
            raise refuse(self.model, None, f"{where} names a field twice")
        return found

    def name(self, given: str | None, columns: Sequence[ColumnInfo], suffix: str) -> str:
        """Take the given name of a constraint or make one.

        Raises:
            ModelDefinitionError: When the given one is impossible.
        """
        if given is None:
            return constraint_name(self.table, [column.column for column in columns], suffix)
        problem = identifier_problem(given)
        if problem:
            raise refuse(self.model, None, f"name={given!r}: {problem}")
        return given

    def unique(self, declared: Unique) -> IndexInfo:
        """Resolve a Unique; on a soft-deleting model it covers active rows only."""
        columns = self.columns(declared.columns, "Unique")
        self._check_where(declared.where, "Unique")
        return IndexInfo(
            name=self.name(declared.name, columns, "key"),
            keys=tuple(IndexKey(column.column) for column in columns),
            unique=True,
            constraint=declared.where is None and not self._soft_deletes,
            where=declared.where,
            active_only=self._soft_deletes,
        )

    def index(self, declared: Index) -> IndexInfo:
        """Resolve an Index."""
        if declared.using not in _METHODS:
            raise refuse(self.model, None, f"using is one of {', '.join(sorted(_METHODS))}")
        orderings = [_ordering(key) for key in declared.columns]
        columns = self.columns([key.operand for key in orderings], "Index")
        self._check_where(declared.where, "Index")
        if declared.unique and declared.using != "btree":
            raise refuse(self.model, None, f"{declared.using} indexes cannot be unique")
        keys = tuple(map(_key, columns, orderings))
        if declared.using not in _SORTED_METHODS and any(
            key.descending or key.nulls for key in keys
        ):
            raise refuse(self.model, None, f"{declared.using} indexes have no order")
        include = self.columns(declared.include, "include") if declared.include else ()
        return IndexInfo(
            name=self.name(declared.name, columns, "key" if declared.unique else "idx"),
            keys=keys,
            unique=declared.unique,
            using=declared.using,
            where=declared.where,
            active_only=declared.unique and self._soft_deletes,
            include=tuple(column.column for column in include),
        )

    def check(self, declared: Check) -> CheckInfo:
        """Resolve a Check."""
        fields = self._check_where(declared.condition, "Check", required=True)
        return CheckInfo(
            name=self.name(declared.name, (), "check"), condition=declared.condition, fields=fields
        )

    def exclusion(self, declared: Exclude) -> ExclusionInfo:
        """Resolve an Exclude."""
        if declared.using not in _METHODS:
            raise refuse(self.model, None, f"using is one of {', '.join(sorted(_METHODS))}")
        columns = self.columns([element[0] for element in declared.elements], "Exclude")
        operators = [element[1] for element in declared.elements]
        if not all(operator and set(operator) <= _OPERATOR for operator in operators):
            raise refuse(self.model, None, "Exclude pairs a field with an operator such as '='")
        self._check_where(declared.where, "Exclude")
        return ExclusionInfo(
            name=self.name(declared.name, columns, "excl"),
            elements=tuple(
                (column.column, operator)
                for column, operator in zip(columns, operators, strict=True)
            ),
            using=declared.using,
            where=declared.where,
            active_only=self._soft_deletes,
        )

    def _check_where(self, where: Any, what: str, *, required: bool = False) -> tuple[str, ...]:
        """Give the fields that a predicate speaks of."""
        if isinstance(where, Condition):
            named = [self.column(leaf, what).name for leaf in _mentioned(where)]
            return tuple(dict.fromkeys(named))
        if (where is None and required) or text_problem(where):
            raise refuse(self.model, None, f"the predicate of {what} is SQL or a condition")
        words = set(_WORD.findall(_TEXT.sub("", where or "")))
        return tuple(name for name, each in self._by_name.items() if each.column in words)


def _mentioned(node: object) -> Iterator[Column[Any] | Name]:
    if isinstance(node, Column | Name):
        yield node
    elif isinstance(node, tuple):
        for part in cast("tuple[object, ...]", node):
            yield from _mentioned(part)
    elif isinstance(node, Computed):
        yield from _mentioned(node.node)
    elif isinstance(node, Subselect):
        yield Name(_SUBQUERY)
    elif is_dataclass(node) and not isinstance(node, Value | Values | Parameter | type):
        for each in fields(node):
            yield from _mentioned(getattr(node, each.name))


def _ordering(key: Key) -> Ordering:
    match key:
        case Ordering():
            return key
        case str():
            return Ordering(Name(key))
        case _:
            return Ordering(key)


def _key(column: ColumnInfo, ordering: Ordering) -> IndexKey:
    return IndexKey(column.column, ordering.descending, ordering.nulls)

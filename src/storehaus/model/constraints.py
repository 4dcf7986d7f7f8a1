"""Declarations over several columns, given as `indexes=(...)` of a model."""

from collections.abc import Sequence
from typing import Any

from storehaus.expr import Column, Condition, Ordering
from storehaus.model.records import OnDelete

__all__ = ["Check", "Constraint", "Exclude", "ForeignKey", "Index", "Key", "Unique"]

Key = str | Column[Any] | Ordering
"""A column by name or as itself, or an ordering such as `desc("created")`."""


class Constraint:
    """Common root of what may stand in `indexes`."""

    __slots__ = ()


class Index(Constraint):
    """An index.

    Args:
        *columns: Keys in order: field names, columns, or orderings such as `desc("created")`.
        using: Access method: `btree`, `hash`, `gin`, `gist`, `spgist` or `brin`.
        where: Predicate, as SQL over database names or as a condition; None covers all rows.
        include: Further columns stored in the index.
        unique: Whether equal rows are refused.
        name: Name in the database; None makes `table_columns_idx`.
    """

    __slots__ = ("columns", "include", "name", "unique", "using", "where")

    def __init__(
        self,
        *columns: Key,
        using: str = "btree",
        where: str | Condition | None = None,
        include: Sequence[str | Column[Any]] = (),
        unique: bool = False,
        name: str | None = None,
    ) -> None:
        self.columns = columns
        self.using = using
        self.where = where
        self.include = tuple(include)
        self.unique = unique
        self.name = name


class Unique(Constraint):
    """No two rows share the values of these columns.

    On a soft-deleting model only active rows count. Rows with a NULL never collide.

    Args:
        *columns: Field names or columns.
        where: Predicate, as SQL over database names or as a condition; None covers all rows.
        name: Name in the database; None makes `table_columns_key`.
    """

    __slots__ = ("columns", "name", "where")

    def __init__(
        self,
        *columns: str | Column[Any],
        where: str | Condition | None = None,
        name: str | None = None,
    ) -> None:
        self.columns = columns
        self.where = where
        self.name = name


class Check(Constraint):
    """A condition every row fulfils.

    Args:
        condition: SQL over database names, or a condition.
        name: Name in the database, with which a row that breaks the rule is reported; None makes
            `table_check`.
    """

    __slots__ = ("condition", "name")

    def __init__(self, condition: str | Condition, *, name: str | None = None) -> None:
        self.condition = condition
        self.name = name


class Exclude(Constraint):
    """No two rows for which all operators hold.

    Args:
        *elements: Pairs of field and operator, such as `("room", "=")`.
        using: Access method.
        where: Predicate, as SQL over database names or as a condition; None covers all rows.
        name: Name in the database; None makes `table_columns_excl`.
    """

    __slots__ = ("elements", "name", "using", "where")

    def __init__(
        self,
        *elements: tuple[str | Column[Any], str],
        using: str = "gist",
        where: str | Condition | None = None,
        name: str | None = None,
    ) -> None:
        self.elements = elements
        self.using = using
        self.where = where
        self.name = name


class ForeignKey(Constraint):
    """A foreign key over several columns; one column says `field(references=...)`.

    Args:
        columns: Own field names or columns.
        references: As many `"table.column"`s or columns of another model.
        on_delete: What becomes of this row when the referenced one is deleted; None refuses
            to delete it.
        name: Name in the database; None makes `table_columns_fkey`.
    """

    __slots__ = ("columns", "name", "on_delete", "references")

    def __init__(
        self,
        columns: Sequence[str | Column[Any]],
        references: Sequence[str | Column[Any]],
        *,
        on_delete: OnDelete | None = None,
        name: str | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.references = tuple(references)
        self.on_delete = on_delete
        self.name = name

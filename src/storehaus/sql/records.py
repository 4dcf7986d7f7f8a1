"""What is known of the parts of a statement while it is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from storehaus.errors import QueryError
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType
from storehaus.query.sources import Alias, Source
from storehaus.sql.types import NUMERIC

__all__ = ["Body", "Operand", "Origin", "Output", "comparand", "retyped"]


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression as SQL.

    Attributes:
        text: SQL that needs no parentheses around it.
        column: The column it is, or comes from, with the type of the result.
        model: Name of the model it belongs to, for messages.
        schema: Schema in which its enum is looked for; None is the first of `search_path`.
        absent: Whether an outer join can leave it NULL.
    """

    text: str
    column: ColumnInfo
    model: str
    schema: str | None = None
    absent: bool = False

    @property
    def nullable(self) -> bool:
        """Whether it can be NULL."""
        return self.column.nullable or self.absent

    def like(self, text: str, column: ColumnInfo) -> "Operand":
        """Give something computed from it."""
        return Operand(text, column, self.model, self.schema, self.absent)

    def refuse(self, reason: str) -> QueryError:
        """Make the error for an operand that cannot be used this way."""
        name = self.column.name
        return QueryError(f"{self.model}.{name} {reason}", model=self.model, field=name)


@dataclass(frozen=True, slots=True)
class Output:
    """One item of what a query gives.

    Attributes:
        label: Its name in Python.
        operand: What it is; for a whole row its first column.
        entity: The model, where it is a whole row; None for a single value.
        nullable: Whether a whole row can be missing.
    """

    label: str
    operand: Operand
    entity: TableInfo | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """A query as SQL.

    Attributes:
        text: The statement.
        outputs: What it gives.
        columns: Columns by label, as a query around it names them.
    """

    text: str
    outputs: tuple[Output, ...]
    columns: Mapping[str, Operand]


@dataclass(frozen=True, slots=True)
class Origin:
    """A relation in FROM.

    Attributes:
        source: What the query calls it.
        name: What the statement calls it.
        info: Its model; None for a projection.
        columns: Columns of a projection by label; empty for a model.
        nullable: Whether an outer join can leave its columns NULL.
    """

    source: Source
    name: str
    info: TableInfo | None
    columns: Mapping[str, Operand]
    nullable: bool = False

    def answers(self, wanted: Any) -> bool:
        """Whether a column of `wanted` is one of these."""
        if isinstance(self.source, Alias):
            return bool(self.source == wanted)
        # A field of an abstract class is one of every model derived from it.
        return (
            self.info is not None
            and isinstance(wanted, type)
            and issubclass(self.info.model, wanted)
        )


def comparand(operand: Operand) -> Operand:
    """What a value beside this operand must be like: never None, decimals of any size."""
    column = operand.column
    known: ColumnInfo | None = column.derived.get(comparand)
    if known is None:
        kind = NUMERIC if column.type.kind == "numeric" else column.type
        known = replace(column, type=kind, nullable=False, derived={})
        column.derived[comparand] = known
    return replace(operand, column=known)


def retyped(operand: Operand, new: ColumnType, *, nullable: bool = False) -> Operand:
    """The same operand for messages, with another type."""
    column = operand.column
    key = (retyped, new.kind, new.sql, new.python, nullable)
    known: ColumnInfo | None = column.derived.get(key)
    if known is None:
        known = replace(column, type=new, nullable=nullable, derived={})
        column.derived[key] = known
    return replace(operand, column=known)

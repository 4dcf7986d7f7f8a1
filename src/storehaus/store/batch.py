"""Batches: what is sent at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from storehaus.driver import Row
from storehaus.errors import ConstraintViolation
from storehaus.expr import Expression
from storehaus.model import Model, TableInfo
from storehaus.query import UpdateSet
from storehaus.sql.statement import Statement
from storehaus.store.actor import name_actor, on_behalf
from storehaus.store.change import Changes
from storehaus.store.sending import send
from storehaus.store.shape import Shape
from storehaus.store.transaction import Unit
from storehaus.store.violations import explain

__all__ = [
    "Batch",
    "CopyBatch",
    "Form",
    "RowBatch",
    "SingleStatement",
    "StatementBatch",
    "always",
    "named_values",
    "over_arrays",
    "unnumbered",
]


@dataclass(slots=True, kw_only=True, eq=False)
class Batch(ABC):
    """Rows that are sent together.

    Attributes:
        info: The model.
        indexes: Their places in what the caller gave; None for a write of one row or by query.
        values: Gives the row at a place of this batch by field name, for errors.
    """

    info: TableInfo
    indexes: Sequence[int] | None = None
    values: Callable[[int], Mapping[str, Any]] | None = None

    @property
    def size(self) -> int:
        """Number of rows; 1 for a write that is no batch."""
        return 1 if self.indexes is None else len(self.indexes)

    @abstractmethod
    async def run(self, unit: Unit, low: int, high: int) -> Sequence[Row]:
        """Send rows `low` up to, not including, `high`."""

    def explained(self, violation: ConstraintViolation, row: int | None) -> ConstraintViolation:
        """Say which row and which fields were at fault."""
        if row is None:
            return explain(self.info, violation)
        values = None if self.values is None else self.values(row)
        return explain(self.info, violation, values, self.indexes[row] if self.indexes else None)


@dataclass(slots=True, kw_only=True, eq=False)
class StatementBatch(Batch):
    """A batch of one statement.

    Attributes:
        statement: Makes the statement for rows `low` up to, not including, `high`.
        row_id: For a write of one row by id, that id in wire form, if Python can tell which ids
            are equal.
    """

    statement: Callable[[int, int], Statement]
    row_id: Any = None

    async def run(self, unit: Unit, low: int, high: int) -> Sequence[Row]:
        """Send them."""
        return await send(unit.connection, on_behalf(self.statement(low, high), unit))


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How rows are written one by one, and several by their own callers in a shared statement.

    Attributes:
        alone: SQL whose parameters are the values of a row, then those of `RowBatch.rest`.
        shared: SQL whose parameters are one array per column, then the same.
        columns: What the values belong to.
        id_of: Finds the id among the values; None where it is not there, or Python cannot tell
            which ids are equal. Such rows go alone.
        numbered: Whether rows of a shared statement come back with their place behind them, NULLs
            standing for one that was not written; rows that somebody holds are left out. Otherwise
            all come back that were written, and their ids tell whose they are.
    """

    alone: str
    shared: str
    columns: Shape
    id_of: Callable[[Sequence[Any]], Any] | None
    numbered: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class RowBatch(Batch):
    """A write of one row, which may become part of a shared statement.

    Attributes:
        form: Its SQL.
        sent: Values of the row in wire form, as the form has columns.
        rest: Further parameters; only rows with equal ones share a statement.
        source: The model or the changes that the values are of, for errors; None for a delete.
        row_id: The id in wire form, None where the form cannot find it.
    """

    form: Form
    sent: Sequence[Any]
    rest: tuple[Any, ...]
    source: Model | Changes | None = None
    row_id: Any = field(init=False)

    def __post_init__(self) -> None:
        find = self.form.id_of
        self.row_id = None if find is None else find(self.sent)

    def statement(self, _low: int = 0, _high: int = 1) -> Statement:
        """Make the statement for this row alone."""
        return Statement(self.form.alone, (*self.sent, *self.rest))

    def explained(self, violation: ConstraintViolation, row: int | None) -> ConstraintViolation:
        """Say which fields were at fault, and which row if it has a place."""
        del row
        values = None if self.source is None else named_values(self.source)
        place = self.indexes[0] if self.indexes else None
        return explain(self.info, violation, values, place)

    async def run(self, unit: Unit, low: int, high: int) -> Sequence[Row]:
        """Send it alone."""
        return await send(unit.connection, on_behalf(self.statement(low, high), unit))


def named_values(source: Model | Changes) -> Mapping[str, Any]:
    """Give the values of a row by field name, as far as they are not for the database to find."""
    if isinstance(source, Model):
        return {name: getattr(source, name) for name in source.__struct_fields__}
    pairs = source.changes if isinstance(source, UpdateSet) else source.items()
    return {
        each if isinstance(each, str) else each.name: value
        for each, value in pairs
        if not isinstance(value, Expression)
    }


SingleStatement: TypeAlias = StatementBatch | RowBatch
"""What one statement carries out."""


def always(statement: Statement) -> Callable[[int, int], Statement]:
    """Make the `statement` of a write that is no batch."""
    return lambda _low, _high: statement


def over_arrays(
    text: str, columns: Sequence[Sequence[Any]], *rest: Any, resets: bool = False
) -> Callable[[int, int], Statement]:
    """Make the `statement` of a batch.

    Args:
        text: SQL whose first parameters are one array per column.
        columns: Values in wire form, column by column.
        *rest: Further parameters, the same for any part of the batch.
        resets: As of `Statement`.
    """

    def statement(low: int, high: int) -> Statement:
        return Statement(text, (*(values[low:high] for values in columns), *rest), resets)

    return statement


def unnumbered(
    info: TableInfo,
    text: str,
    columns: Sequence[Sequence[Any]],
    chunks: Sequence[tuple[int, int]],
    *rest: Any,
) -> list[StatementBatch]:
    """Make the batches of a write whose rows no caller gave, so that errors name none of them.

    Args:
        info: The model.
        text: As for `over_arrays`.
        columns: As for `over_arrays`.
        chunks: First row of each, and row after the last.
        *rest: As for `over_arrays`.
    """
    whole = over_arrays(text, columns, *rest)
    return [StatementBatch(info=info, statement=always(whole(*chunk))) for chunk in chunks]


@dataclass(slots=True, kw_only=True, eq=False)
class CopyBatch(Batch):
    """A batch that travels by COPY.

    Attributes:
        columns: Names in the database.
        rows: Gives rows `low` up to, not including, `high` in wire form, checked as they are read.
    """

    columns: Sequence[str]
    rows: Callable[[int, int], Iterable[Sequence[Any]]]

    async def run(self, unit: Unit, low: int, high: int) -> Sequence[Row]:
        """Send them; COPY returns no rows."""
        rows = self.rows(low, high)
        await name_actor(unit)
        copying = unit.connection.copy_in
        await copying(self.info.name, self.columns, rows, schema=self.info.schema)
        return ()

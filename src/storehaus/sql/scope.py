"""What names mean in a statement, and how values get into it."""

from dataclasses import dataclass, replace
from decimal import Decimal
from math import isnan
from typing import Any

from storehaus.errors import QueryError, ValidationError
from storehaus.expr import Column
from storehaus.expr.node import Name, Node
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType, column_type
from storehaus.model.validation import wire_value
from storehaus.sql.binder import Writer
from storehaus.sql.identifiers import cast_name

__all__ = ["NUMERIC", "Scope", "comparand", "retyped"]

NUMERIC = column_type(Decimal)

# The server would take the parameter for inet and JSON text for text.
_CAST_ALWAYS = frozenset({"cidr", "jsonb"})

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """One table and the place where values go.

    Attributes:
        info: The model that names are looked up in.
        writer: Takes the values.
    """

    info: TableInfo
    writer: Writer

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.info.model.__name__

    def column(self, node: Node) -> ColumnInfo:
        """Look a field up.

        Raises:
            QueryError: When the model has none of this name, or the column is another model's.
        """
        if isinstance(node, Column):
            # A field of an abstract class is one of every model derived from it.
            if not issubclass(self.info.model, node.model):
                raise QueryError(
                    f"{node!r} is no column of {self.model}, whose rows the query is about",
                    model=self.model,
                    field=node.name,
                )
            return self.info.by_name[node.name]
        if isinstance(node, Name):
            return self._named(node.name)
        raise QueryError(
            f"{type(node).__name__} is not a value of a row of {self.model}", model=self.model
        )

    def _named(self, name: object) -> ColumnInfo:
        found = self.info.by_name.get(name) if isinstance(name, str) else None
        if found is not None:
            return found
        # The name comes from outside: it is shown short and without anything unprintable.
        shown = ascii(name)[:_SHOWN_CHARACTERS] if isinstance(name, str) else type(name).__name__
        raise QueryError(f"{self.model} has no field {shown}", model=self.model, field=shown)

    def value(self, column: ColumnInfo, value: object, *, cast: bool = False) -> str:
        """Check a value against a column's type, give the SQL that stands for it.

        Bounds such as `max_length` do not matter: asking for what cannot be there is legal.

        Args:
            column: What the value is compared or computed with.
            value: The value as the caller gave it.
            cast: Whether its type is named, where the server could not infer it.

        Raises:
            QueryError: When the value does not fit the type.
        """
        return self.write(column, self.wire(column, value), cast=cast)

    def wire(self, column: ColumnInfo, value: object) -> Any:
        """Check a value against a column's type, give it in wire form.

        Raises:
            QueryError: When the value does not fit the type.
        """
        if type(value) is int and column.type.kind == "numeric":
            value = Decimal(value)  # exact, and what everybody writes: balance > 0
        try:
            wire = wire_value(self.model, column, value, bounds=False)
        except ValidationError as invalid:
            raise QueryError(invalid.message, model=invalid.model, field=invalid.field) from None
        if isinstance(wire, float) and isnan(wire):
            raise QueryError(
                f"{self.model}.{column.name} is compared with NaN, which Python and PostgreSQL"
                " order differently",
                model=self.model,
                field=column.name,
            )
        return wire

    def write(self, column: ColumnInfo, wire: Any, *, cast: bool = False) -> str:
        """Give the SQL that stands for a value in wire form."""
        named = cast or column.type.kind in _CAST_ALWAYS
        return self.writer.write(wire, cast_name(self.info.schema, column.type) if named else None)

    def refuse(self, column: ColumnInfo, reason: str) -> QueryError:
        """Make the error for a column that cannot be used this way."""
        return QueryError(
            f"{self.model}.{column.name} {reason}", model=self.model, field=column.name
        )


def comparand(column: ColumnInfo) -> ColumnInfo:
    """What a value beside this column must be like: never None, decimals of any size."""
    known: ColumnInfo | None = column.derived.get(comparand)
    if known is None:
        sized = column.type.numeric is not None
        known = replace(column, type=NUMERIC if sized else column.type, nullable=False, derived={})
        column.derived[comparand] = known
    return known


def retyped(column: ColumnInfo, new: ColumnType) -> ColumnInfo:
    """The same field for messages, with another type."""
    key = (retyped, new.kind, new.sql)
    known: ColumnInfo | None = column.derived.get(key)
    if known is None:
        known = replace(column, type=new, nullable=False, derived={})
        column.derived[key] = known
    return known

"""Names in SQL. Every name is quoted, always, so none of them can be anything but a name."""

from collections.abc import Iterable
from dataclasses import dataclass

from storehaus.errors import QueryError
from storehaus.model.identifiers import identifier_problem
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.model.types import ColumnType

__all__ = [
    "Identifier",
    "cast_name",
    "column_list",
    "identifier",
    "quote_identifier",
    "table_name",
]


@dataclass(frozen=True, slots=True)
class Identifier:
    """A name for `sql()` that is a name and nothing else; `identifier()` makes and checks it.

    Attributes:
        parts: The name, or schema and name, as they are called in the database.
    """

    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.parts) not in {1, 2}:
            raise QueryError("an identifier is a name, or a schema and a name")
        for part in self.parts:
            problem = identifier_problem(part)
            if problem:
                raise QueryError(f"this is no identifier: {problem}")

    def to_sql(self) -> str:
        """Write it in double quotes."""
        return ".".join(map(quote_identifier, self.parts))


def identifier(name: str, of_schema: str | None = None, /) -> Identifier:
    """Make the name of a table, column or function for `sql()`.

        sql("SELECT count(*) FROM {table}", table=identifier("warehouse", "gadgets"))

    It is quoted, so upper and lower case count. What a name may be is what models may call their
    tables: letters, digits and underscores, at most 63 bytes.

    Args:
        name: The name; its schema where two are given.
        of_schema: The name within that schema.

    Raises:
        QueryError: When a part cannot be a name.
    """
    return Identifier((name,) if of_schema is None else (name, of_schema))


def quote_identifier(name: str) -> str:
    """Write a name in double quotes, those inside of it doubled.

    Raises:
        ValueError: On a NUL, which no quoting can carry.
    """
    if "\0" in name:
        raise ValueError("a name cannot hold a NUL")
    return '"' + name.replace('"', '""') + '"'


def table_name(info: TableInfo, name: str | None = None) -> str:
    """Write the name of a table, with its schema where it has one.

    Args:
        info: The model.
        name: Something else in the same schema; None is the table itself.
    """
    return _qualified(info.schema, info.name if name is None else name)


def column_list(columns: Iterable[ColumnInfo]) -> str:
    """Write columns in the order given, with commas between them."""
    return ", ".join([quote_identifier(column.column) for column in columns])


def cast_name(schema: str | None, column_type: ColumnType) -> str:
    """Write a type as the target of a cast.

    The size of a numeric is left out: casting to it would round the value.

    Args:
        schema: Schema of the table; its enums stand beside it.
        column_type: The type.
    """
    if column_type.element is not None:
        return cast_name(schema, column_type.element) + "[]"
    if column_type.enum is not None:
        return _qualified(schema, column_type.sql)
    return "numeric" if column_type.kind == "numeric" else column_type.sql


def _qualified(schema: str | None, name: str) -> str:
    quoted = quote_identifier(name)
    return quoted if schema is None else f"{quote_identifier(schema)}.{quoted}"

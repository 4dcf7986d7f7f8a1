"""One model on its way into one database: its names there and its SQLAlchemy table."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateColumn

from storehaus.errors import MigrationError
from storehaus.migrations.definitions import Definition, definitions
from storehaus.migrations.tables import column_table, sqlalchemy_type
from storehaus.model import ColumnInfo, ColumnType, Model, TableInfo
from storehaus.sql.identifiers import quote_identifier

__all__ = ["Target", "enum_types", "make_targets", "qualify"]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A model and where it lives.

    Attributes:
        info: The model.
        schema: Schema in the database; None leaves it to `search_path`.
        table: Columns and primary key in SQLAlchemy's terms.
        definitions: Constraints and indexes.
    """

    info: TableInfo
    schema: str | None
    table: sa.Table
    definitions: tuple[Definition, ...]

    @property
    def label(self) -> str:
        """Name for people, as the model gives it."""
        return f"{self.info.schema}.{self.info.name}" if self.info.schema else self.info.name

    @property
    def sql(self) -> str:
        """Name in SQL."""
        return qualify(self.schema, self.info.name)

    def column_sql(self, column: ColumnInfo) -> str:
        """Write a column the way CREATE TABLE and ADD COLUMN want it."""
        element = CreateColumn(self.table.c[column.column])
        return str(element.compile(dialect=_dialect()))

    def type_sql(self, column_type: ColumnType) -> str:
        """Write a type, an enum's with its schema."""
        element = sqlalchemy_type(column_type, sa.MetaData(), self.schema)
        return element.compile(dialect=_dialect())

    def type_name(self, column_type: ColumnType) -> str:
        """Name a type the way the catalog is read."""
        if column_type.element is not None:
            return f"{self.type_name(column_type.element)}[]"
        if column_type.enum is not None:
            return f"{self.schema}.{column_type.sql}"
        return column_type.sql


def _dialect() -> sa.Dialect:
    # The one that statements are run by: another would double every % in them.
    dialect: sa.Dialect = registry.load("postgresql.asyncpg")()
    return dialect


def make_targets(
    models: Sequence[type[Model]], *, default_schema: str | None
) -> tuple[Target, ...]:
    """Place models; one given twice counts once.

    Args:
        models: The models.
        default_schema: Where models without schema live; None leaves it to `search_path`.

    Raises:
        MigrationError: When two models have one table.
    """
    metadata = sa.MetaData()
    targets: list[Target] = []
    for model in dict.fromkeys(models):
        info = model.__table_info__
        schema = info.schema or default_schema
        if any((each.schema, each.info.name) == (schema, info.name) for each in targets):
            raise MigrationError(f"{info.name}: two models have this table", table=info.name)
        table = column_table(info, metadata, schema)
        targets.append(Target(info, schema, table, tuple(definitions(info))))
    return tuple(targets)


def enum_types(target: Target) -> dict[str, ColumnType]:
    """Give the enum types that a model uses, by name, items of arrays included."""
    types = [column.type.element or column.type for column in target.info.columns]
    return {each.sql: each for each in types if each.enum is not None}


def qualify(schema: str | None, name: str) -> str:
    """Write a name with its schema, if any."""
    quoted = quote_identifier(name)
    return quoted if schema is None else f"{quote_identifier(schema)}.{quoted}"

"""Models as SQLAlchemy Core tables: for users' own statements, for Alembic, and for DDL."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storehaus.migrations.definitions import predicate
from storehaus.model import ColumnInfo, ColumnType, Model, TableInfo
from storehaus.model.records import ExclusionInfo, ForeignKeyInfo, IndexInfo, IndexKey

__all__ = ["column_table", "sqlalchemy_table", "sqlalchemy_type"]

_TYPES: dict[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    "boolean": sa.Boolean,
    "bytes": sa.LargeBinary,
    "cidr": postgresql.CIDR,
    "date": sa.Date,
    "float": postgresql.DOUBLE_PRECISION,
    "inet": postgresql.INET,
    "interval": postgresql.INTERVAL,
    "jsonb": postgresql.JSONB,
    "text": sa.Text,
    "time": sa.Time,
    "timestamptz": lambda: sa.DateTime(timezone=True),
    "uuid": sa.Uuid,
}
_INTEGERS: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "smallint": sa.SmallInteger,
    "integer": sa.Integer,
    "bigint": sa.BigInteger,
}


def sqlalchemy_table(model: type[Model], metadata: sa.MetaData | None = None) -> sa.Table:
    """Give a model as a SQLAlchemy Core table, with everything SQLAlchemy can say about it.

    Each call makes a new one. The trigger that moves `__updated_at__` is no part of it: tables come
    from `auto_migrate`, not from `metadata.create_all`.

    Args:
        model: The model.
        metadata: Collection to add the table to; None makes a new one.
    """
    info = model.__table_info__
    table = column_table(info, sa.MetaData() if metadata is None else metadata, info.schema)
    for check in info.checks:
        condition: sa.ColumnElement[bool] = sa.literal_column(predicate(info, check.condition))
        table.append_constraint(sa.CheckConstraint(condition, name=check.name))
    for index in info.indexes:
        _add_index(info, table, index)
    for exclusion in info.exclusions:
        _add_exclusion(info, table, exclusion)
    for key in info.foreign_keys:
        _add_foreign_key(info, table, key)
    return table


def column_table(info: TableInfo, metadata: sa.MetaData, schema: str | None) -> sa.Table:
    """Give columns and primary key alone.

    Args:
        info: The model.
        metadata: Collection to add the table to.
        schema: Schema to name, None for none.
    """
    columns = [_column(column, metadata, schema) for column in info.table_columns]
    place = None if schema is None else _quoted(schema)
    return sa.Table(_quoted(info.name), metadata, *columns, schema=place, comment=info.comment)


def sqlalchemy_type(
    column_type: ColumnType, metadata: sa.MetaData, schema: str | None
) -> sa.types.TypeEngine[Any]:
    """Find SQLAlchemy's type; an enum's lives in `schema`."""
    if column_type.element is not None:
        return postgresql.ARRAY(sqlalchemy_type(column_type.element, metadata, schema))
    if column_type.enum is not None:
        return _enum(column_type, metadata, schema)
    if column_type.kind == "integer":
        return _INTEGERS[column_type.sql]()
    if column_type.kind == "numeric":
        size = column_type.numeric
        return sa.Numeric(size.precision, size.scale) if size else sa.Numeric()
    return _TYPES[column_type.kind]()


def _quoted(name: str) -> sa.quoted_name:
    # SQLAlchemy's list of reserved words is not the server's.
    return sa.quoted_name(name, quote=True)


def _enum(column_type: ColumnType, metadata: sa.MetaData, schema: str | None) -> postgresql.ENUM:
    def labels_of(_: object) -> list[str]:
        return list(column_type.labels)

    return postgresql.ENUM(
        column_type.enum,
        name=_quoted(column_type.sql),
        schema=None if schema is None else _quoted(schema),
        metadata=metadata,
        values_callable=labels_of,
    )


def _column(column: ColumnInfo, metadata: sa.MetaData, schema: str | None) -> sa.Column[Any]:
    # In parentheses: CREATE TABLE takes no `a AND b` without them.
    default = column.default_sql if column.server_default is None else f"({column.default_sql})"
    return sa.Column(
        _quoted(column.column),
        sqlalchemy_type(column.type, metadata, schema),
        *([sa.Identity(always=True)] if column.identity else []),
        primary_key=column.primary_key,
        nullable=column.nullable,
        # SQLAlchemy would make an integer key SERIAL by itself.
        autoincrement=column.identity,
        server_default=None if default is None else sa.literal_column(default),
        comment=column.comment,
    )


def _add_index(info: TableInfo, table: sa.Table, index: IndexInfo) -> None:
    if index.constraint:
        names = [key.column for key in index.keys]
        table.append_constraint(sa.UniqueConstraint(*names, name=index.name))
        return
    where = predicate(info, index.where, active_only=index.active_only)
    sa.Index(
        index.name,
        *(_key(table, key) for key in index.keys),
        unique=index.unique,
        postgresql_using=index.using,
        postgresql_include=list(index.include),
        postgresql_where=sa.literal_column(where) if where else None,
    )


def _key(table: sa.Table, key: IndexKey) -> sa.ColumnElement[Any]:
    column = table.c[key.column]
    ordered = column.desc() if key.descending else column
    match key.nulls:
        case "first":
            return ordered.nulls_first()
        case "last":
            return ordered.nulls_last()
        case None:
            return ordered


def _add_exclusion(info: TableInfo, table: sa.Table, exclusion: ExclusionInfo) -> None:
    where = predicate(info, exclusion.where, active_only=exclusion.active_only)
    table.append_constraint(
        postgresql.ExcludeConstraint(
            *((table.c[column], operator) for column, operator in exclusion.elements),
            name=exclusion.name,
            using=exclusion.using,
            where=sa.literal_column(where) if where else None,
        )
    )


def _add_foreign_key(info: TableInfo, table: sa.Table, key: ForeignKeyInfo) -> None:
    schema = key.schema or info.schema
    prefix = f"{schema}.{key.table}" if schema else key.table
    table.append_constraint(
        sa.ForeignKeyConstraint(
            key.columns,
            [f"{prefix}.{column}" for column in key.references],
            name=key.name,
            ondelete=None if key.on_delete == "no action" else key.on_delete.upper(),
        )
    )

"""What Alembic finds different between tables and their models.

It is asked for what it can compare: which columns there are, their types and nullability. Defaults,
enums, constraints, indexes and triggers are compared beside it, by text or by mark.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import ops
from sqlalchemy.exc import SAWarning

from storehaus.migrations.catalog import ExistingColumn
from storehaus.migrations.session import Session
from storehaus.migrations.target import Target

__all__ = ["Difference", "compare_columns"]


@dataclass(slots=True)
class Difference:
    """How the columns of one table differ from its model, by name in the database.

    Attributes:
        added: Columns the table lacks.
        retyped: Columns of another type.
        loosened: Columns that must take NULL.
        tightened: Columns that must not.
        unknown: Columns the model does not know.
    """

    added: list[str] = field(default_factory=list[str])
    retyped: list[str] = field(default_factory=list[str])
    loosened: list[str] = field(default_factory=list[str])
    tightened: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])


def compare_columns(
    session: Session, existing: Mapping[Target, Mapping[str, ExistingColumn]]
) -> dict[Target, Difference]:
    """Compare tables that are there with their models.

    Args:
        session: The migration.
        existing: The columns that each table has.
    """
    found = {target: Difference() for target in existing}
    if not found:
        return found
    home = session.connection.dialect.default_schema_name
    # Alembic calls the schema that comes first by no name.
    places = {(_without(home, each.schema), each.info.name): each for each in existing}
    with warnings.catch_warnings():
        # Types and indexes that SQLAlchemy does not know are not ours to complain about.
        warnings.simplefilter("ignore", SAWarning)
        script = produce_migrations(_context(session, existing, home), _metadata(existing))
    for modified in _operations(script.upgrade_ops):
        target = places.get((_without(home, modified.schema), modified.table_name))
        if target is not None:
            for operation in modified.ops:
                _note(found[target], operation)
    return found


def _metadata(existing: Mapping[Target, Any]) -> sa.MetaData:
    return next(iter(existing)).table.metadata


def _context(
    session: Session,
    existing: Mapping[Target, Mapping[str, ExistingColumn]],
    home: str | None,
) -> MigrationContext:
    schemas = {_without(home, target.schema) for target in existing}
    tables = {(_without(home, target.schema), target.info.name) for target in existing}
    by_table = {id(target.table): target for target in existing}

    def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        if kind == "schema":
            return name in schemas
        if kind == "table":
            return (parents["schema_name"], name) in tables
        return kind == "column"

    def include_object(thing: object, _name: object, kind: str, *_: object) -> bool:
        return id(thing) in by_table if kind == "table" else kind == "column"

    def compare_type(_context: object, _have: object, want: sa.Column[Any], *_: object) -> bool:
        # PostgreSQL names every type, also those that SQLAlchemy does not know.
        target = by_table[id(want.table)]
        column = next(each for each in target.info.table_columns if each.column == want.name)
        return existing[target][want.name].type != target.type_name(column.type)

    options = {
        "include_schemas": True,
        "include_name": include_name,
        "include_object": include_object,
        "compare_type": compare_type,
        "compare_server_default": False,
        "target_metadata": _metadata(existing),
    }
    return MigrationContext.configure(session.connection, opts=options)


def _without(home: str | None, schema: str | None) -> str | None:
    return None if schema == home else schema


def _operations(found: ops.UpgradeOps | None) -> Sequence[ops.ModifyTableOps]:
    operations = found.ops if found is not None else []
    return [each for each in operations if isinstance(each, ops.ModifyTableOps)]


def _note(difference: Difference, operation: ops.MigrateOperation) -> None:
    match operation:
        case ops.AddColumnOp():
            difference.added.append(operation.column.name)
        case ops.DropColumnOp():
            difference.unknown.append(operation.column_name)
        case ops.AlterColumnOp():
            if operation.modify_type is not None:
                difference.retyped.append(operation.column_name)
            if operation.modify_nullable is True:
                difference.loosened.append(operation.column_name)
            if operation.modify_nullable is False:
                difference.tightened.append(operation.column_name)
        case _:
            pass

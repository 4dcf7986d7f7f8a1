"""The SQL that makes the tables of models on an empty database, without a connection."""

from collections.abc import Iterator, Sequence

from storehaus.migrations.statements import (
    add_definition,
    column_comment,
    comment_on_column,
    comment_on_definition,
    comment_on_table,
    create_enum,
    create_table,
    extensions,
)
from storehaus.migrations.target import Target, enum_types, make_targets
from storehaus.migrations.touch import create_function, create_trigger
from storehaus.model import Model
from storehaus.sql.identifiers import quote_identifier

__all__ = ["schema_sql", "schema_statements"]


def schema_sql(models: Sequence[type[Model]]) -> str:
    """Write the script that creates the tables of models, for PostgreSQL 15 and later.

    Args:
        models: The models; a model they reference must be among them or be there already.

    Returns:
        Statements that end with a semicolon, to be run on an empty database. `auto_migrate` finds
        nothing left to do afterwards.
    """
    return "".join(f"{statement};\n\n" for statement in schema_statements(models))


def schema_statements(models: Sequence[type[Model]]) -> tuple[str, ...]:
    """Give the statements of `schema_sql` one by one."""
    return tuple(_statements(make_targets(models, default_schema=None)))


def _statements(targets: Sequence[Target]) -> Iterator[str]:
    schemas = dict.fromkeys(target.schema for target in targets)
    for schema in schemas:
        if schema is not None:
            yield f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(schema)}"
    for name in dict.fromkeys(extensions(targets)):
        yield f"CREATE EXTENSION IF NOT EXISTS {name}"
    enums = {
        (each.schema, name): kind for each in targets for name, kind in enum_types(each).items()
    }
    for (schema, _), kind in enums.items():
        yield create_enum(schema, kind)
    for schema in schemas:
        yield create_function(schema)
    for target in targets:
        yield create_table(target)
        yield from _attachments(target)
    for target in targets:
        yield from _foreign_keys(target, targets)


def _attachments(target: Target) -> Iterator[str]:
    for definition in target.definitions:
        if definition.kind == "foreign key":
            continue
        if definition.kind == "index":
            yield add_definition(target, definition)
        yield comment_on_definition(target, definition, None)
    if target.info.comment is not None:
        yield comment_on_table(target, target.info.comment)
    for column in target.info.columns:
        comment = column_comment(column, None)
        if comment is not None:
            yield comment_on_column(target, column.column, comment)
    yield create_trigger(target)


def _foreign_keys(target: Target, targets: Sequence[Target]) -> Iterator[str]:
    places = {(each.schema, each.info.name) for each in targets}
    for definition in target.definitions:
        if definition.key is None:
            continue
        own = (definition.key.schema or target.schema, definition.key.table)
        plain = (definition.key.schema, definition.key.table)
        yield add_definition(target, definition, plain if own not in places else own)
        yield comment_on_definition(target, definition, None)

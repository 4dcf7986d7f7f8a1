"""The SQL that makes things, shared by migrations and by scripts."""

from collections.abc import Iterator, Sequence

from storehaus.migrations.definitions import Definition, foreign_key_shape, names
from storehaus.migrations.marks import FLAG, join_comment
from storehaus.migrations.target import Target, qualify
from storehaus.model import ColumnInfo, ColumnType
from storehaus.model.literals import literal
from storehaus.sql.identifiers import quote_identifier

__all__ = [
    "add_definition",
    "clause",
    "column_comment",
    "comment_on_column",
    "comment_on_definition",
    "comment_on_table",
    "create_enum",
    "create_table",
    "extensions",
]

_GIN_NATIVE = frozenset({"array", "jsonb"})


def create_table(target: Target) -> str:
    """Write CREATE TABLE with columns, primary key and all constraints but foreign keys."""
    lines = [target.column_sql(column) for column in target.info.table_columns]
    if target.info.primary_key:
        key = names(tuple(column.column for column in target.info.primary_key))
        lines.append(f"PRIMARY KEY ({key})")
    lines += [
        f"CONSTRAINT {quote_identifier(each.name)} {clause(each)}"
        for each in target.definitions
        if each.kind not in {"index", "foreign key"}
    ]
    body = ",\n  ".join(lines)
    return f"CREATE TABLE {target.sql} (\n  {body}\n)"


def clause(definition: Definition) -> str:
    """Write a constraint behind its name."""
    if definition.kind == "check":
        return f"CHECK ({definition.predicate})"
    where = f" WHERE ({definition.predicate})" if definition.predicate else ""
    return f"{definition.shape}{where}"


def add_definition(
    target: Target, definition: Definition, referenced: tuple[str | None, str] | None = None
) -> str:
    """Write what adds a constraint or an index to a table.

    Args:
        target: The table.
        definition: What to add.
        referenced: Schema and name of the table a foreign key references.
    """
    name = quote_identifier(definition.name)
    if definition.kind != "index":
        text = clause(definition)
        if definition.key is not None and referenced is not None:
            key = definition.key
            text = foreign_key_shape(key.columns, referenced, key.references, key.on_delete)
        return f"ALTER TABLE {target.sql} ADD CONSTRAINT {name} {text}"
    head, _, body = clause(definition).partition(" USING ")
    return f"CREATE {head} {name} ON {target.sql} USING {body}"


def comment_on_definition(target: Target, definition: Definition, text: str | None) -> str:
    """Write the mark of a constraint or index, behind what people wrote."""
    comment = literal(join_comment(text, definition.mark))
    if definition.kind == "index":
        return f"COMMENT ON INDEX {qualify(target.schema, definition.name)} IS {comment}"
    name = quote_identifier(definition.name)
    return f"COMMENT ON CONSTRAINT {name} ON {target.sql} IS {comment}"


def comment_on_table(target: Target, comment: str | None) -> str:
    """Write the comment of a table."""
    return f"COMMENT ON TABLE {target.sql} IS {literal(comment)}"


def comment_on_column(target: Target, column: str, comment: str | None) -> str:
    """Write the comment of a column."""
    return f"COMMENT ON COLUMN {target.sql}.{quote_identifier(column)} IS {literal(comment)}"


def column_comment(column: ColumnInfo, text: str | None) -> str | None:
    """Give the comment a column should have.

    Args:
        column: The column.
        text: What people wrote in the database; it stays when the model says nothing.
    """
    said = column.comment if column.comment is not None else text
    return join_comment(said, FLAG if column.soft_delete else None)


def create_enum(schema: str | None, column_type: ColumnType) -> str:
    """Write CREATE TYPE."""
    labels = ", ".join(map(literal, column_type.labels))
    return f"CREATE TYPE {qualify(schema, column_type.sql)} AS ENUM ({labels})"


def extensions(targets: Sequence[Target]) -> Iterator[str]:
    """Give the extensions that the access methods of indexes and EXCLUDEs need."""
    for target in targets:
        kinds = {column.column: column.type.kind for column in target.info.columns}
        used = [(each.using, name) for each in target.info.exclusions for name, _ in each.elements]
        used += [(each.using, key.column) for each in target.info.indexes for key in each.keys]
        for using, column in used:
            if using == "gist":
                yield "btree_gist"
            if using == "gin" and kinds[column] not in _GIN_NATIVE:
                yield "btree_gin"

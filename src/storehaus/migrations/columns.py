"""Columns of an existing table, brought to the model without losing a value."""

from collections.abc import Mapping

from storehaus.migrations.catalog import ExistingColumn, ExistingTable, columns_of, primary_key_of
from storehaus.migrations.comparison import Difference
from storehaus.migrations.definitions import names
from storehaus.migrations.enums import enum_labels
from storehaus.migrations.marks import split_comment
from storehaus.migrations.session import Session
from storehaus.migrations.spelling import same_expressions
from storehaus.migrations.statements import column_comment, comment_on_column
from storehaus.migrations.target import Target
from storehaus.migrations.widening import is_widening
from storehaus.model import ColumnInfo
from storehaus.sql.identifiers import quote_identifier

__all__ = [
    "change_columns",
    "check_flag",
    "check_primary_key",
    "comment_columns",
    "rename_columns",
    "settle_defaults",
]

_SYSTEM_FLAG = "__is_active__"


def rename_columns(
    session: Session, target: Target, existing: Mapping[str, ExistingColumn]
) -> None:
    """Rename columns whose model says how they were called before."""
    for column in target.info.columns:
        old = column.renamed_from
        if old is not None and old in existing and column.column not in existing:
            pair = f"{quote_identifier(old)} TO {quote_identifier(column.column)}"
            session.run(target.label, f"ALTER TABLE {target.sql} RENAME COLUMN {pair}")


def check_primary_key(session: Session, target: Target, table: ExistingTable) -> None:
    """Refuse another primary key: rows are known elsewhere by the one they have.

    Raises:
        MigrationError: When it differs in more than the order of its columns.
    """
    existing = primary_key_of(session, table)
    wanted = tuple(column.column for column in target.info.primary_key)
    if set(existing) == set(wanted):
        return
    statements: list[str] = []
    if existing:
        name = session.fetch(_KEY_NAME, table.oid)[0][0]
        statements.append(f"ALTER TABLE {target.sql} DROP CONSTRAINT {quote_identifier(name)}")
    if wanted:
        statements.append(f"ALTER TABLE {target.sql} ADD PRIMARY KEY ({names(wanted)})")
    reason = f"its primary key is ({', '.join(existing)}), the model's is ({', '.join(wanted)})"
    raise session.refuse(target.label, reason, *statements)


_KEY_NAME = """
SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = $1::bigint AND contype = 'p'
"""


def check_flag(session: Session, target: Target, existing: Mapping[str, ExistingColumn]) -> None:
    """Refuse to forget which rows are deleted, since they would come back to life.

    Raises:
        MigrationError: When a column that was the flag of active rows no longer is, and there are
            inactive rows.
    """
    flag = target.info.soft_delete.column if target.info.soft_delete else None
    for column in existing.values():
        was_flag = column.marked_flag or column.name == _SYSTEM_FLAG
        if not was_flag or column.name == flag or column.type != "boolean":
            continue
        deleted = f"NOT {quote_identifier(column.name)}"
        if _holds(session, target, deleted):
            reason = f"rows that are soft-deleted by {column.name!r} would come back to life"
            raise session.refuse(target.label, reason, _delete(target, deleted))


def _delete(target: Target, condition: str) -> str:
    return f"DELETE FROM {target.sql} WHERE {condition}"  # noqa: S608 - names are quoted


def change_columns(
    session: Session,
    target: Target,
    difference: Difference,
    existing: Mapping[str, ExistingColumn],
) -> None:
    """Add, retype, loosen and tighten columns as Alembic found.

    Raises:
        MigrationError: When that would lose values, or rows that are there forbid it.
    """
    by_column = {column.column: column for column in target.info.table_columns}
    for name in difference.added:
        _add(session, target, by_column[name])
    for name in difference.retyped:
        _retype(session, target, by_column[name], existing[name])
    for name in difference.loosened:
        session.run(target.label, _alter(target, name, "DROP NOT NULL"))
    for name in difference.tightened:
        _tighten(session, target, name)
    for name in difference.unknown:
        column = existing[name]
        if column.not_null and column.default is None and not column.identity:
            session.warn(
                target.label,
                f"the unknown column {name!r} is NOT NULL without a default: every insert fails",
            )


def settle_defaults(session: Session, target: Target, table: ExistingTable) -> None:
    """Set DEFAULTs and identities that differ from the model."""
    existing = columns_of(session, table)
    known = [each for each in target.info.table_columns if each.column in existing]
    for column in known:
        _settle_identity(session, target, column, existing[column.column])
    plain = [each for each in known if not each.identity]
    pairs = [
        (column, wanted, have)
        for column in plain
        if (wanted := column.default_sql) is not None
        and (have := existing[column.column].default) is not None
    ]
    types = [target.type_sql(column.type) for column, _, _ in pairs]
    casts = [
        (f"({have})::{cast}", f"({wanted})::{cast}")
        for (_, wanted, have), cast in zip(pairs, types, strict=True)
    ]
    same = same_expressions(session, casts)
    equal = {column for (column, _, _), is_same in zip(pairs, same, strict=True) if is_same}
    for column in plain:
        if column not in equal:
            _settle_default(session, target, column, existing[column.column])


def comment_columns(session: Session, target: Target, table: ExistingTable) -> None:
    """Set comments the model gives; where it gives none, people's own stay."""
    existing = columns_of(session, table)
    for column in target.info.columns:
        have = existing[column.column].comment
        wanted = column_comment(column, split_comment(have)[0])
        if wanted != have:
            session.run(target.label, comment_on_column(target, column.column, wanted))


def _add(session: Session, target: Target, column: ColumnInfo) -> None:
    statement = f"ALTER TABLE {target.sql} ADD COLUMN {target.column_sql(column)}"
    filled = column.nullable or column.default_sql is not None or column.identity
    if not filled and _holds(session, target, "true"):
        reason = f"rows that are there have no value for the new column {column.column!r}"
        raise session.refuse(target.label, reason, statement)
    session.run(target.label, statement)


def _retype(session: Session, target: Target, column: ColumnInfo, have: ExistingColumn) -> None:
    wanted = target.type_sql(column.type)
    name = quote_identifier(column.column)
    using = f"{name}::{wanted}"
    lossless = is_widening(have.type, target.type_name(column.type))
    labels = _labels(session, have.type)
    if labels is not None:
        lossless = column.type.kind == "text" and not have.type.endswith("[]")
        if column.type.enum is not None:
            lossless = set(labels) <= set(column.type.labels)
        using = f"{name}::text::{wanted}"
    statement = _alter(target, column.column, f"TYPE {wanted} USING {using}")
    if not lossless:
        reason = f"{column.column!r} is {have.type}, and not all its values are {wanted}"
        raise session.refuse(target.label, reason, statement)
    if have.default is not None:
        # It may have no cast of its own; settle_defaults sets the model's.
        session.run(target.label, _alter(target, column.column, "DROP DEFAULT"))
    session.run(target.label, statement)


def _labels(session: Session, type_name: str) -> tuple[str, ...] | None:
    schema, dot, name = type_name.removesuffix("[]").partition(".")
    return enum_labels(session, schema, name) if dot else None


def _tighten(session: Session, target: Target, name: str) -> None:
    statement = _alter(target, name, "SET NOT NULL")
    if _holds(session, target, f"{quote_identifier(name)} IS NULL"):
        raise session.refuse(target.label, f"there are rows whose {name!r} is NULL", statement)
    session.run(target.label, statement)


def _settle_identity(
    session: Session, target: Target, column: ColumnInfo, have: ExistingColumn
) -> None:
    if column.identity and have.identity == "d":
        session.run(target.label, _alter(target, column.column, "SET GENERATED ALWAYS"))
    elif column.identity and not have.identity:
        if have.default is not None:
            session.run(target.label, _alter(target, column.column, "DROP DEFAULT"))
        session.run(target.label, _alter(target, column.column, "ADD GENERATED ALWAYS AS IDENTITY"))
        _continue_counting(session, target, column.column)
    elif have.identity and not column.identity:
        session.run(target.label, _alter(target, column.column, "DROP IDENTITY"))


def _continue_counting(session: Session, target: Target, name: str) -> None:
    quoted = quote_identifier(name)
    greatest = session.fetch(f"SELECT coalesce(max({quoted}), 0) + 1 FROM {target.sql}")[0][0]  # noqa: S608 - names are quoted
    if greatest > 1:
        session.run(target.label, _alter(target, name, f"RESTART WITH {greatest}"))


def _settle_default(
    session: Session, target: Target, column: ColumnInfo, have: ExistingColumn
) -> None:
    if column.default_sql is not None:
        change = f"SET DEFAULT {column.default_sql}"
        session.run(target.label, _alter(target, column.column, change))
    elif have.default is not None and not have.default.startswith("nextval("):
        # A sequence is somebody's: a SERIAL from before is harmless and stays.
        session.run(target.label, _alter(target, column.column, "DROP DEFAULT"))


def _alter(target: Target, column: str, change: str) -> str:
    return f"ALTER TABLE {target.sql} ALTER COLUMN {quote_identifier(column)} {change}"


def _holds(session: Session, target: Target, condition: str) -> bool:
    query = f"SELECT EXISTS (SELECT FROM {target.sql} WHERE {condition})"  # noqa: S608 - names are quoted
    return bool(session.fetch(query)[0][0])

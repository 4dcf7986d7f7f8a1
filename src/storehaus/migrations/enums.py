"""Enum types: made, extended in the right place, never shortened."""

from collections.abc import Iterator, Sequence

from storehaus.migrations.session import Session
from storehaus.migrations.statements import create_enum
from storehaus.migrations.target import Target, enum_types, qualify
from storehaus.model import ColumnType
from storehaus.model.literals import literal
from storehaus.sql.identifiers import quote_identifier

__all__ = ["drop_unused_enums", "ensure_enums", "enum_labels"]

_LABELS = """
SELECT ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e
             WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typname = $2 AND t.typtype = 'e'
"""

_USED = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type u ON u.oid = a.atttypid
    WHERE NOT a.attisdropped AND (u.oid = t.oid OR u.typelem = t.oid))
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = $1 AND t.typname = $2 AND t.typtype = 'e'
"""


def enum_labels(session: Session, schema: str, name: str) -> tuple[str, ...] | None:
    """Read the labels of an enum type in order; None when there is no such type."""
    rows = session.fetch(_LABELS, schema, name)
    return tuple(rows[0][0]) if rows else None


def ensure_enums(session: Session, targets: Sequence[Target]) -> None:
    """Make the enum types of models, or give existing ones the labels they lack.

    Raises:
        MigrationError: When a label left the model, or two models mean different enums by a name.
    """
    done: dict[tuple[str | None, str], ColumnType] = {}
    for target in targets:
        for name, column_type in enum_types(target).items():
            other = done.setdefault((target.schema, name), column_type)
            if other.labels != column_type.labels:
                reason = f"two models mean different enums by the type name {name!r}"
                raise session.refuse(target.label, reason)
            if other is column_type:
                _ensure(session, target, column_type)


def drop_unused_enums(session: Session, targets: Sequence[Target]) -> None:
    """Drop the enum types of tables that were dropped, unless another column has them."""
    for target in targets:
        for name in enum_types(target):
            rows = session.fetch(_USED, target.schema, name)
            if rows and not rows[0][0]:
                session.run(target.label, f"DROP TYPE {qualify(target.schema, name)}")


def _ensure(session: Session, target: Target, column_type: ColumnType) -> None:
    assert target.schema is not None  # noqa: S101 - migrations name every schema
    existing = enum_labels(session, target.schema, column_type.sql)
    if existing is None:
        session.run(target.label, create_enum(target.schema, column_type))
        return
    gone = [label for label in existing if label not in column_type.labels]
    if gone:
        reason = f"the enum {column_type.sql!r} would lose {', '.join(map(repr, gone))}"
        raise session.refuse(target.label, reason, *_replacement(target, column_type))
    for statement in _additions(target, column_type, existing):
        session.run(target.label, statement)
    kept = [label for label in column_type.labels if label in existing]
    if kept != list(existing):
        session.warn(
            target.label,
            f"the enum {column_type.sql!r} sorts its labels in another order than the model",
        )


def _additions(target: Target, column_type: ColumnType, existing: tuple[str, ...]) -> Iterator[str]:
    previous: str | None = None
    for label in column_type.labels:
        if label not in existing:
            place = f"AFTER {literal(previous)}" if previous else f"BEFORE {literal(existing[0])}"
            name = qualify(target.schema, column_type.sql)
            yield f"ALTER TYPE {name} ADD VALUE {literal(label)} {place}"
        previous = label


def _replacement(target: Target, column_type: ColumnType) -> Iterator[str]:
    old = quote_identifier(f"{column_type.sql}_old"[:63])
    yield f"ALTER TYPE {qualify(target.schema, column_type.sql)} RENAME TO {old}"
    yield create_enum(target.schema, column_type)
    for column in target.info.columns:
        if (column.type.element or column.type).enum is column_type.enum:
            name, wanted = quote_identifier(column.column), target.type_sql(column.type)
            text = "text[]" if column.type.element else "text"
            yield (
                f"ALTER TABLE {target.sql} ALTER COLUMN {name} TYPE {wanted}"
                f" USING {name}::{text}::{wanted}"
            )

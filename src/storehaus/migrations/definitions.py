"""Constraints and indexes of a model as text of our own: to create, to compare and to mark them.

The text is not SQLAlchemy's, because marks are hashes of it and must outlive its versions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, overload

from storehaus.expr import Condition
from storehaus.migrations.marks import fingerprint
from storehaus.model import TableInfo
from storehaus.model.records import ExclusionInfo, ForeignKeyInfo, IndexInfo, IndexKey, OnDelete
from storehaus.sql.grammar import render_literal_condition
from storehaus.sql.identifiers import quote_identifier

__all__ = [
    "Definition",
    "Kind",
    "definitions",
    "exclusion_shape",
    "foreign_key_shape",
    "index_shape",
    "names",
    "predicate",
    "unique_shape",
]

Kind: TypeAlias = Literal["check", "unique", "exclude", "foreign key", "index"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A constraint or an index.

    Attributes:
        name: Name in the database.
        kind: Family.
        shape: SQL of all but name and predicate; a foreign key's names no schema.
        predicate: Condition of a CHECK, or WHERE of the others; None covers all rows.
        key: The foreign key, None for all else.
        mark: Hash of what the model says, without the name.
    """

    name: str
    kind: Kind
    shape: str
    predicate: str | None = None
    key: ForeignKeyInfo | None = None
    mark: str


def definitions(info: TableInfo) -> Iterator[Definition]:
    """Give all constraints and indexes of a model but its primary key; foreign keys come last."""
    for check in info.checks:
        condition = predicate(info, check.condition)
        yield _define(check.name, "check", "CHECK", condition)
    for index in info.indexes:
        yield _index(info, index)
    for exclusion in info.exclusions:
        yield _exclusion(info, exclusion)
    for key in info.foreign_keys:
        yield _foreign_key(info, key)


@overload
def predicate(info: TableInfo, where: str | Condition, *, active_only: bool = False) -> str: ...
@overload
def predicate(
    info: TableInfo, where: str | Condition | None, *, active_only: bool = False
) -> str | None: ...
def predicate(
    info: TableInfo, where: str | Condition | None, *, active_only: bool = False
) -> str | None:
    """Write a predicate as SQL without parameters, None when it covers all rows.

    Args:
        info: The model.
        where: SQL, a condition, or None.
        active_only: Whether rows must be active besides.
    """
    text = render_literal_condition(info, where) if isinstance(where, Condition) else where
    if not active_only or info.soft_delete is None:
        return text
    flag = quote_identifier(info.soft_delete.column)
    return flag if text is None else f"{flag} AND ({text})"


def unique_shape(columns: tuple[str, ...]) -> str:
    """Write a UNIQUE constraint."""
    return f"UNIQUE ({names(columns)})"


def index_shape(
    keys: tuple[IndexKey, ...], *, unique: bool, using: str, include: tuple[str, ...]
) -> str:
    """Write an index without its name, table and predicate."""
    text = f"{'UNIQUE ' if unique else ''}INDEX USING {using} ({', '.join(map(_key, keys))})"
    return f"{text} INCLUDE ({names(include)})" if include else text


def exclusion_shape(elements: tuple[tuple[str, str], ...], *, using: str) -> str:
    """Write an EXCLUDE without its predicate."""
    pairs = ", ".join(f"{quote_identifier(name)} WITH {sign}" for name, sign in elements)
    return f"EXCLUDE USING {using} ({pairs})"


def foreign_key_shape(
    columns: tuple[str, ...],
    target: tuple[str | None, str],
    references: tuple[str, ...],
    on_delete: OnDelete,
) -> str:
    """Write a FOREIGN KEY; a target without schema is in that of the table."""
    schema, table = target
    prefix = f"{quote_identifier(schema)}." if schema else ""
    text = (
        f"FOREIGN KEY ({names(columns)})"
        f" REFERENCES {prefix}{quote_identifier(table)} ({names(references)})"
    )
    return text if on_delete == "no action" else f"{text} ON DELETE {on_delete.upper()}"


def names(columns: tuple[str, ...]) -> str:
    """Write a list of columns."""
    return ", ".join(map(quote_identifier, columns))


def _index(info: TableInfo, index: IndexInfo) -> Definition:
    if index.constraint:
        shape = unique_shape(tuple(key.column for key in index.keys))
        return _define(index.name, "unique", shape)
    shape = index_shape(index.keys, unique=index.unique, using=index.using, include=index.include)
    where = predicate(info, index.where, active_only=index.active_only)
    return _define(index.name, "index", shape, where)


def _exclusion(info: TableInfo, exclusion: ExclusionInfo) -> Definition:
    shape = exclusion_shape(exclusion.elements, using=exclusion.using)
    where = predicate(info, exclusion.where, active_only=exclusion.active_only)
    return _define(exclusion.name, "exclude", shape, where)


def _foreign_key(info: TableInfo, key: ForeignKeyInfo) -> Definition:
    target = (None if key.schema == info.schema else key.schema, key.table)
    shape = foreign_key_shape(key.columns, target, key.references, key.on_delete)
    return replace(_define(key.name, "foreign key", shape), key=key)


def _define(name: str, kind: Kind, shape: str, where: str | None = None) -> Definition:
    mark = fingerprint("\n".join((kind, shape, where or "")))
    return Definition(name=name, kind=kind, shape=shape, predicate=where, mark=mark)


def _key(key: IndexKey) -> str:
    text = quote_identifier(key.column) + (" DESC" if key.descending else "")
    # PostgreSQL's default is dropped, so that saying it changes nothing.
    default = "first" if key.descending else "last"
    if key.nulls is None or key.nulls == default:
        return text
    return f"{text} NULLS {key.nulls.upper()}"

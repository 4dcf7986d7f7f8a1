"""What the database has: its catalogs as frozen records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from storehaus.migrations.definitions import (
    Kind,
    exclusion_shape,
    foreign_key_shape,
    index_shape,
    unique_shape,
)
from storehaus.migrations.marks import FLAG, split_comment
from storehaus.migrations.session import Session
from storehaus.model.records import IndexKey, OnDelete

__all__ = [
    "ExistingColumn",
    "ExistingObject",
    "ExistingTable",
    "columns_of",
    "find_table",
    "objects_of",
    "primary_key_of",
]


@dataclass(frozen=True, slots=True)
class ExistingTable:
    """A table that is there.

    Attributes:
        oid: PostgreSQL's number of it.
        relkind: `r` is a table, `p` a partitioned one, all else is none.
        comment: Its comment.
    """

    oid: int
    relkind: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class ExistingColumn:
    """A column that is there.

    Attributes:
        name: Its name.
        type: Its type as PostgreSQL writes it; an enum's with schema, unquoted.
        not_null: Whether NULL is forbidden.
        identity: `a` for ALWAYS, `d` for BY DEFAULT, empty for none.
        default: Its DEFAULT, None for none.
        comment: Its comment.
    """

    name: str
    type: str
    not_null: bool
    identity: str
    default: str | None
    comment: str | None

    @property
    def marked_flag(self) -> bool:
        """Whether it said which rows are active when StoreHaus saw it last."""
        return split_comment(self.comment)[1] == FLAG


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingObject:
    """A constraint or an index that is there.

    Attributes:
        name: Its name.
        kind: Family.
        shape: As in a definition, with schema; None when no definition can say it.
        predicate: Its condition in PostgreSQL's spelling.
        comment: Its comment.
        valid: Whether it holds for all rows.
    """

    name: str
    kind: Kind
    shape: str | None
    predicate: str | None
    comment: str | None
    valid: bool

    @property
    def mark(self) -> str | None:
        """Hash of the definition StoreHaus made it by, None when it did not."""
        return split_comment(self.comment)[1]


def find_table(session: Session, schema: str, name: str) -> ExistingTable | None:
    """Look a table up; None when there is none."""
    rows = session.fetch(_TABLE, schema, name)
    return ExistingTable(*rows[0]) if rows else None


def columns_of(session: Session, table: ExistingTable) -> dict[str, ExistingColumn]:
    """Read the columns of a table, by name."""
    rows = session.fetch(_COLUMNS, table.oid)
    return {row[0]: ExistingColumn(*row) for row in rows}


def primary_key_of(session: Session, table: ExistingTable) -> tuple[str, ...]:
    """Read the columns of the primary key, empty when there is none."""
    rows = session.fetch(_PRIMARY_KEY, table.oid)
    return tuple(rows[0][0]) if rows else ()


def objects_of(session: Session, table: ExistingTable) -> dict[str, ExistingObject]:
    """Read constraints and indexes of a table but its primary key, by name."""
    found = [_constraint(row) for row in session.fetch(_CONSTRAINTS, table.oid)]
    found += [_index(row) for row in session.fetch(_INDEXES, table.oid)]
    return {each.name: each for each in found}


_TABLE = """
SELECT c.oid::bigint, c.relkind::text, obj_description(c.oid, 'pg_class')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2
"""

_COLUMNS = """
SELECT a.attname::text,
       CASE WHEN e.typtype = 'e'
            THEN n.nspname || '.' || e.typname || CASE WHEN t.typelem <> 0 THEN '[]' ELSE '' END
            ELSE format_type(a.atttypid, a.atttypmod) END,
       a.attnotnull, a.attidentity::text,
       pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type e ON e.oid = CASE WHEN t.typelem <> 0 AND t.typlen = -1
                                          THEN t.typelem ELSE t.oid END
JOIN pg_catalog.pg_namespace n ON n.oid = e.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::bigint AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_PRIMARY_KEY = """
SELECT ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num
             ORDER BY k.place)
FROM pg_catalog.pg_constraint c WHERE c.conrelid = $1::bigint AND c.contype = 'p'
"""

_CONSTRAINTS = """
SELECT c.conname::text, c.contype::text,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k (num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num
             ORDER BY k.place),
       ARRAY(SELECT o.oprname::text FROM unnest(c.conexclop) WITH ORDINALITY k (num, place)
             JOIN pg_catalog.pg_operator o ON o.oid = k.num ORDER BY k.place),
       m.amname::text, rn.nspname::text, r.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k (num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.num
             ORDER BY k.place),
       c.confdeltype::text,
       c.condeferrable OR c.confupdtype NOT IN ('a', ' ') OR c.confmatchtype NOT IN ('s', ' ')
           OR coalesce(x.indnullsnotdistinct OR x.indnatts <> x.indnkeyatts OR 0 = ANY (x.indkey),
                       false),
       CASE WHEN c.contype = 'c' THEN pg_get_expr(c.conbin, c.conrelid)
            ELSE pg_get_expr(x.indpred, x.indrelid) END,
       obj_description(c.oid, 'pg_constraint'), c.convalidated
FROM pg_catalog.pg_constraint c
LEFT JOIN pg_catalog.pg_class r ON r.oid = c.confrelid
LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.conindid AND c.contype IN ('u', 'x')
LEFT JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_catalog.pg_am m ON m.oid = i.relam
WHERE c.conrelid = $1::bigint AND c.contype IN ('c', 'u', 'x', 'f')
ORDER BY c.conname
"""

_INDEXES = """
SELECT i.relname::text, m.amname::text, x.indisunique, x.indisvalid AND x.indisready,
       x.indnkeyatts::int,
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY k (num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.num
             ORDER BY k.place),
       x.indoption::int2[],
       x.indexprs IS NOT NULL OR x.indnullsnotdistinct
           OR EXISTS (SELECT FROM unnest(x.indclass::oid[]) k (num)
                      JOIN pg_catalog.pg_opclass o ON o.oid = k.num WHERE NOT o.opcdefault),
       pg_get_expr(x.indpred, x.indrelid), obj_description(i.oid, 'pg_class')
FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = i.relam
WHERE x.indrelid = $1::bigint AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_constraint c
    WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u', 'x'))
ORDER BY i.relname
"""

_KINDS: dict[str, Kind] = {"c": "check", "f": "foreign key", "u": "unique", "x": "exclude"}
_ON_DELETE: dict[str, OnDelete] = {
    "a": "no action",
    "c": "cascade",
    "n": "set null",
    "r": "restrict",
}


def _constraint(row: Sequence[Any]) -> ExistingObject:
    name, contype, columns, operators, method, schema, table, targets, on_delete = row[:9]
    special, where, comment, valid = row[9:]
    shape: str | None = "CHECK"
    if contype == "u":
        shape = unique_shape(tuple(columns))
    elif contype == "x":
        shape = exclusion_shape(tuple(zip(columns, operators, strict=False)), using=method)
    elif contype == "f" and on_delete in _ON_DELETE:
        action = _ON_DELETE[on_delete]
        shape = foreign_key_shape(tuple(columns), (schema, table), tuple(targets), action)
    elif contype == "f":
        shape = None
    return ExistingObject(
        name=name,
        kind=_KINDS[contype],
        shape=None if special else shape,
        predicate=where,
        comment=comment,
        valid=valid,
    )


def _index(row: Sequence[Any]) -> ExistingObject:
    name, method, unique, valid, key_count, columns, options, special, where, comment = row
    shape = None
    if not special:
        keys = tuple(map(_key, columns[:key_count], options))
        include = tuple(columns[key_count:])
        shape = index_shape(keys, unique=unique, using=method, include=include)
    return ExistingObject(
        name=name, kind="index", shape=shape, predicate=where, comment=comment, valid=valid
    )


def _key(column: str, option: int) -> IndexKey:
    nulls: Literal["first", "last"] = "first" if option & 2 else "last"
    return IndexKey(column, descending=bool(option & 1), nulls=nulls)

"""INSERT and upsert statements of a model, as text; the values are parameters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storehaus.expr import Condition
from storehaus.expr.node import Name
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.sql.assignments import assigned_sql
from storehaus.sql.binder import Binder
from storehaus.sql.columns import TABLE, column_list, qualified, returning, typed_unnest
from storehaus.sql.grammar import condition_sql, table_scope
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = [
    "Conflict",
    "computed_upsert",
    "insert_many",
    "insert_one",
    "insert_shared",
    "upsert_many",
    "upsert_one",
]

_TAGS = '"__tags__"'
# Far below PostgreSQL's own deadlock_timeout of 1 s, so that shared statements meet no deadlock.
_PATIENCE = "20ms"


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an upsert does when the row exists.

    Attributes:
        target: Columns of the primary key or of a unique index.
        predicate: Predicate of a partial unique index as SQL, None for a full one.
        update: Columns that take the new values, as far as a row sends them.
        conditional: Whether the index has a predicate of the user's own, so that rows with equal
            `target` need not be the same.
        changes: Expressions that an existing row takes besides.
        where: What an existing row must fulfil to be updated; None updates it always.
    """

    target: tuple[ColumnInfo, ...]
    predicate: str | None
    update: tuple[ColumnInfo, ...]
    conditional: bool = False
    changes: tuple[tuple[ColumnInfo, Any], ...] = ()
    where: Condition | None = None

    @property
    def computed(self) -> bool:
        """Whether the statement holds values besides those of the rows."""
        return bool(self.changes) or self.where is not None


def insert_one(info: TableInfo, columns: Sequence[ColumnInfo]) -> str:
    """Insert one row. Parameters: the columns in order, then the tags."""
    return f"{_single(info, columns)} {returning(info)}"


def insert_many(info: TableInfo, columns: Sequence[ColumnInfo]) -> str:
    """Insert rows in order. Parameters: an array per column, then the tags.

    Without any column the first parameter is the number of rows.
    """
    return f"{_batch(info, columns)} {returning(info)}"


def insert_shared(info: TableInfo, columns: Sequence[ColumnInfo]) -> str:
    """As `insert_many`, for rows of strangers: it gives up soon when one of them meets a lock.

    Whoever is refused then tries alone, and only he waits.
    """
    relation, values = typed_unnest(info, columns)
    return (
        f"WITH \"s\" AS MATERIALIZED (SELECT set_config('lock_timeout', '{_PATIENCE}', true))"
        f" INSERT INTO {table_name(info)} ({_targets(columns)})"
        f" SELECT {values}, {_tags(len(columns) + 1, optional=False)}"
        f' FROM {relation}, "s" ORDER BY "u"."#" {returning(info)}'
    )


def upsert_one(info: TableInfo, columns: Sequence[ColumnInfo], conflict: Conflict) -> str:
    """Insert one row or update the one it collides with.

    Parameters as for `insert_one`; tags that are NULL keep those of an existing row. The last
    column returned says whether the row was inserted.
    """
    return _upsert(info, _single(info, columns, optional_tags=True), columns, conflict)


def upsert_many(info: TableInfo, columns: Sequence[ColumnInfo], conflict: Conflict) -> str:
    """As `upsert_one` for many rows, with the parameters of `insert_many`."""
    return _upsert(info, _batch(info, columns, optional_tags=True), columns, conflict)


def computed_upsert(
    info: TableInfo, columns: Sequence[ColumnInfo], conflict: Conflict, *, many: bool
) -> tuple[str, tuple[Any, ...], bool]:
    """Write an upsert whose changes or condition hold values of their own.

    Returns:
        The text, the values that follow the parameters of `upsert_one` or `upsert_many`, and
        whether the statement may change the state of the connection.

    Raises:
        QueryError: When an expression means nothing, or a value does not fit.
    """
    binder = Binder()
    taken = len(columns) + 1
    for _ in range(taken):
        binder.write(None)
    scope = table_scope(info, binder, name="t", excluded=True)
    changes = [
        (column, assigned_sql(scope, scope.reference(Name(column.name)), value))
        for column, value in conflict.changes
    ]
    where = None if conflict.where is None else condition_sql(scope, conflict.where)
    insert = (_batch if many else _single)(info, columns, optional_tags=True)
    text = _upsert(info, insert, columns, conflict, computed=changes, where=where)
    statement = binder.statement(text)
    return text, statement.params[taken:], statement.resets


def _single(info: TableInfo, columns: Sequence[ColumnInfo], *, optional_tags: bool = False) -> str:
    values = [f"${i}" for i in range(1, len(columns) + 1)]
    values.append(_tags(len(columns) + 1, optional=optional_tags))
    return f"INSERT INTO {table_name(info)} ({_targets(columns)}) VALUES ({', '.join(values)})"


def _batch(info: TableInfo, columns: Sequence[ColumnInfo], *, optional_tags: bool = False) -> str:
    target = f"INSERT INTO {table_name(info)} ({_targets(columns)})"
    if not columns:
        return f"{target} SELECT {_tags(2, optional=optional_tags)} FROM generate_series(1, $1)"
    relation, values = typed_unnest(info, columns)
    tags = _tags(len(columns) + 1, optional=optional_tags)
    return f'{target} SELECT {values}, {tags} FROM {relation} ORDER BY "u"."#"'


def _targets(columns: Sequence[ColumnInfo]) -> str:
    return f"{column_list(columns)}, {_TAGS}" if columns else _TAGS


def _tags(parameter: int, *, optional: bool) -> str:
    value = f"${parameter}::text[]"
    return f"coalesce({value}, '{{}}')" if optional else value


def _upsert(
    info: TableInfo,
    insert: str,
    columns: Sequence[ColumnInfo],
    conflict: Conflict,
    *,
    computed: Sequence[tuple[ColumnInfo, str]] = (),
    where: str | None = None,
) -> str:
    # In ON CONFLICT only the table itself may be named, and is: its columns are ambiguous there.
    table = table_name(info)
    insert = insert.replace(f"INSERT INTO {table} (", f'INSERT INTO {table} AS "t" (', 1)
    target = f"({column_list(conflict.target)})"
    if conflict.predicate is not None:
        target += f" WHERE {conflict.predicate}"
    # A column that is not sent has its default in EXCLUDED, which would overwrite a stored value.
    sent = [column for column in conflict.update if column in columns]
    changes = [f"{_name(column)} = EXCLUDED.{_name(column)}" for column in sent]
    changes += [f"{_name(column)} = {text}" for column, text in computed]
    changes.append(f'{_TAGS} = coalesce(${len(columns) + 1}::text[], "t".{_TAGS})')
    if info.soft_delete is not None:
        changes.append(f"{_name(info.soft_delete)} = true")
    if info.deletion is not None:
        changes.append(f"{_name(info.deletion)} = NULL")
    if info.version is not None:
        changes.append(f"{_name(info.version)} = {qualified(TABLE, info.version)} + 1")
    condition = ""
    if where is not None:
        # A deleted row is none that exists: it is revived whatever it holds.
        dead = "" if info.soft_delete is None else f" OR NOT {qualified(TABLE, info.soft_delete)}"
        condition = f" WHERE ({where}){dead}"
    # A row version made by INSERT has never been locked or deleted: its xmax is 0.
    return (
        f"{insert} ON CONFLICT {target} DO UPDATE SET {', '.join(changes)}{condition}"
        f' {returning(info, TABLE)}, "t".xmax = 0'
    )


def _name(column: ColumnInfo) -> str:
    return quote_identifier(column.column)

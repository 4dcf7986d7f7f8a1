"""Triggers that keep every write of a durable table in the event log, whoever writes.

An INSERT or DELETE costs one statement for all its rows, from transition tables. An UPDATE costs
one per row, because nothing but the trigger knows which old row became which new one. A TRUNCATE
keeps one event per row that goes. The event is written after the row, in the same transaction.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from storehaus.errors import MigrationError
from storehaus.model import ColumnInfo, TableInfo
from storehaus.signals.log.schema import IS_THERE, Run, ensure_log, is_there
from storehaus.sql.identifiers import quote_identifier, table_name

__all__ = [
    "SEARCH_PATH",
    "SETTINGS",
    "TRIGGERS",
    "capture_body",
    "capture_settings",
    "function_name",
    "payload_sql",
    "record_id_sql",
    "register_capture",
]

TRIGGERS: Final = {
    "storehaus_capture_insert": "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows"
    " FOR EACH STATEMENT",
    "storehaus_capture_update": "AFTER UPDATE ON {table} FOR EACH ROW",
    "storehaus_capture_delete": "AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows"
    " FOR EACH STATEMENT",
    "storehaus_capture_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}
"""Name → when it fires."""

_BODY = """
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO storehaus.event (op, tbl, rid, tags, actor, new)
        SELECT 'c', {label}, {rid_r}, {r}."__tags__", {actor}, {row_r} FROM new_rows AS {r};
    ELSIF TG_OP = 'UPDATE' THEN
        {update}
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO storehaus.event (op, tbl, rid, tags, actor, old)
        SELECT 'd', {label}, {rid_r}, {r}."__tags__", {actor}, {row_r} FROM old_rows AS {r};
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'TRUNCATE of a durable table needs READ COMMITTED: an older snapshot would '
            'not see all rows that go' USING ERRCODE = 'feature_not_supported';
    ELSE
        INSERT INTO storehaus.event (op, tbl, rid, tags, actor, old)
        SELECT 'd', {label}, {rid_r}, {r}."__tags__", {actor}, {row_r} FROM {table} AS {r};
    END IF;
    RETURN NULL;
END
"""

# A key that changes is one record that goes and another one that comes.
_MOVE = """IF {moved} THEN
            INSERT INTO storehaus.event (op, tbl, rid, tags, actor, new, old)
            VALUES ('d', {label}, {rid_old}, OLD."__tags__", {actor}, NULL, {row_old}),
                   ('c', {label}, {rid_new}, NEW."__tags__", {actor}, {row_new}, NULL);
            RETURN NULL;
        END IF;
        """
_UPDATE = """INSERT INTO storehaus.event (op, tbl, rid, tags, actor, new, old)
        {source};"""
_CHANGED = """SELECT {op}, {label}, {rid_new}, NEW."__tags__", {actor},
            coalesce(jsonb_object_agg(n.key, n.value), '{{}}'),
            coalesce(jsonb_object_agg(n.key, o.value), '{{}}')
        FROM jsonb_each({row_new}) AS n JOIN jsonb_each({row_old}) AS o ON o.key = n.key
        WHERE n.value <> o.value"""
_WHOLE = """VALUES ({op}, {label}, {rid_new}, NEW."__tags__", {actor}, {row_new}, {row_old})"""

# No column can have such a name, and a column hides an alias.
_ROW: Final = '"the row"'
_ACTOR = "nullif(current_setting('storehaus.actor', true), '')"
_STABLE_TEXT = frozenset({"boolean", "enum", "integer", "text", "uuid"})

SETTINGS: Final = {"bytea_output": "hex", "IntervalStyle": "iso_8601", "extra_float_digits": "1"}
"""How values are written that sessions may write otherwise."""
SEARCH_PATH: Final = "search_path=pg_catalog, pg_temp"
"""What every trigger function sets for itself, as PostgreSQL keeps it."""
_SETTING_OF: Final = {
    "bytes": "bytea_output",
    "interval": "IntervalStyle",
    "float": "extra_float_digits",
}

_TABLE = """
SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1)
"""

_STATE = """
SELECT p.prosrc, coalesce(p.proconfig, '{}'),
    (SELECT coalesce(array_agg(t.tgname::text ORDER BY t.tgname), '{}')
     FROM pg_trigger AS t WHERE t.tgrelid = $2 AND t.tgfoid = p.oid AND t.tgenabled IN ('O', 'A'))
FROM pg_proc AS p
WHERE p.pronamespace = 'storehaus'::regnamespace AND p.proname = $1
"""


def function_name(label: str) -> str:
    """Name the trigger function of a table.

    Args:
        label: Schema and name of the table, as `public.airports`.
    """
    digest = hashlib.sha256(label.encode()).hexdigest()[:8]
    start = label.partition(".")[2].encode()[:40].decode(errors="ignore")
    return f"capture_{start}_{digest}"


def ensure_capture(run: Run, info: TableInfo, label: str, oid: int) -> None:
    """Make the triggers of a table, or put them right."""
    name, body, settings = function_name(label), capture_body(info, label), capture_settings(info)
    rows = run(_STATE, name, oid)
    wanted = (body, settings)
    found = tuple(rows[0]) if rows else ()
    if found == (*wanted, sorted(TRIGGERS)):
        return
    function = f'storehaus."{name}"()'
    clauses = " ".join(f"SET {each}" for each in settings)
    run(
        f"CREATE OR REPLACE FUNCTION {function} RETURNS trigger"
        f" LANGUAGE plpgsql SECURITY DEFINER {clauses} AS $capture${body}$capture$"
    )
    # Who may run it could attach it to a table of his own and write events that never were.
    run(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    table = table_name(info)
    for trigger, when in TRIGGERS.items():
        event = when.format(table=table)
        run(f"CREATE OR REPLACE TRIGGER {trigger} {event} EXECUTE FUNCTION {function}")
        run(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


def register_capture(run: Run, tables: Sequence[TableInfo]) -> None:
    """Keep writes of the tables of models that say so, as part of the migration that makes them.

    Args:
        run: Runs a statement.
        tables: The models of the migration.

    Raises:
        MigrationError: When the writes of a table cannot be kept.
    """
    if any(info.durable for info in tables):
        ensure_log(run)
    elif not is_there(run(IS_THERE)):
        return
    for info in tables:
        oid, schema, name, kind, persistence = run(_TABLE, table_name(info))[0]
        label = f"{schema}.{name}"
        if not info.durable:
            drop_capture(run, info, label)
        elif (kind, persistence) != ("r", "p"):
            reason = "only an ordinary table that survives a crash can be durable"
            raise MigrationError(f"{label}: {reason}; nothing was changed", table=label)
        else:
            ensure_capture(run, info, label, oid)


def drop_capture(run: Run, info: TableInfo, label: str) -> None:
    """Keep writes of a table no more; what was kept stays."""
    for trigger in TRIGGERS:
        run(f"DROP TRIGGER IF EXISTS {trigger} ON {table_name(info)}")
    run(f'DROP FUNCTION IF EXISTS storehaus."{function_name(label)}"()')


def capture_body(info: TableInfo, label: str) -> str:
    """Write the trigger function of a table."""
    parts = {
        "actor": _ACTOR,
        "label": f"'{label}'",
        "table": ".".join(map(quote_identifier, label.split("."))),
        "op": _op(info),
        "r": _ROW,
        "moved": _moved(info.primary_key),
    }
    for alias, row in (("r", _ROW), ("new", "NEW"), ("old", "OLD")):
        parts[f"rid_{alias}"] = record_id_sql(info.primary_key, row)
        parts[f"row_{alias}"] = payload_sql(info, row)
    source = _CHANGED if info.event_payload == "changed" else _WHOLE
    update = (_MOVE if info.primary_key else "") + _UPDATE.replace("{source}", source)
    return _BODY.format(**parts, update=update.format(**parts))


def capture_settings(info: TableInfo) -> list[str]:
    """Give the settings of the trigger function of a table, as PostgreSQL keeps them."""
    kinds = {(column.type.element or column.type).kind for column in info.columns}
    own = [name for kind, name in _SETTING_OF.items() if kind in kinds]
    return [SEARCH_PATH, *(f"{name}={SETTINGS[name]}" for name in own)]


def _op(info: TableInfo) -> str:
    """A row that is marked as deleted is deleted, one that is restored is created."""
    if info.soft_delete is None:
        return "'u'"
    flag = quote_identifier(info.soft_delete.column)
    return (
        f"CASE WHEN OLD.{flag} AND NOT NEW.{flag} THEN 'd'"
        f" WHEN NEW.{flag} AND NOT OLD.{flag} THEN 'c' ELSE 'u' END"
    )


def _moved(key: Sequence[ColumnInfo]) -> str:
    names = [quote_identifier(column.column) for column in key]
    return " OR ".join(f"NEW.{name} <> OLD.{name}" for name in names)


def record_id_sql(key: Sequence[ColumnInfo], row: str) -> str:
    """Write the primary key of a row as text; two texts are equal when the keys are.

    Args:
        key: Its columns.
        row: Name of the row in SQL.
    """
    if not key:
        return "NULL"
    if len(key) == 1:
        return _part(key[0], row)
    return f"jsonb_build_array({', '.join(_part(column, row) for column in key)})::text"


def _part(column: ColumnInfo, row: str) -> str:
    value = f"{row}.{quote_identifier(column.column)}"
    if column.type.kind in _STABLE_TEXT:
        return f"{value}::text"
    if column.type.kind == "numeric":
        return f"trim_scale({value})::text"
    if column.type.kind == "interval":
        return f"to_jsonb(justify_interval({value})) #>> '{{}}'"
    if column.type.kind == "timestamptz":
        return f"(to_jsonb(timezone('UTC', {value})) #>> '{{}}') || 'Z'"
    return f"to_jsonb({value}) #>> '{{}}'"


def payload_sql(info: TableInfo, row: str) -> str:
    """Write what an event holds of a row.

    Args:
        info: The model.
        row: Name of the row in SQL.
    """
    if info.event_payload == "keys":
        return "NULL::jsonb"
    names = ", ".join(f"'{column.column}'" for column in info.event_exclude)
    # With the star it is the row, even where a column has the name of the alias.
    whole = f"to_jsonb({row}.*)"
    return f"({whole} - ARRAY[{names}])" if names else whole

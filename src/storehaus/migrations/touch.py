"""The trigger that moves `__updated_at__` on every write, by whatever door it came."""

from storehaus.migrations.session import Session
from storehaus.migrations.target import Target, qualify

__all__ = ["create_function", "create_trigger", "ensure_function", "ensure_trigger"]

_NAME = "storehaus_touch"

# now() stands still within a transaction, so the clock it is; and a clock that was set back, or
# that two writes read within one microsecond, must not hide a write. Every name is qualified, so
# that no search_path can put another function in its place; fixing the path with SET is as safe,
# but doubles what the trigger costs for a row.
_BODY = """
BEGIN
  NEW.__updated_at__ := greatest(
    pg_catalog.clock_timestamp(),
    OLD.__updated_at__ OPERATOR(pg_catalog.+) interval '1 microsecond');
  RETURN NEW;
END
"""

# 1 row + 2 before + 16 update: src/include/catalog/pg_trigger.h
_TYPE = 19

_FUNCTION = """
SELECT p.prosrc, p.proconfig, l.lanname::text, p.prosecdef
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE n.nspname = $1 AND p.proname = $2 AND p.pronargs = 0
"""

_TRIGGER = """
SELECT t.tgtype::int, t.tgenabled IN ('O', 'A'), t.tgqual IS NULL AND t.tgattr::text = '',
       p.proname::text, n.nspname::text
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE t.tgrelid = $1::bigint AND t.tgname = $2
"""


def create_function(schema: str | None) -> str:
    """Write the function of a schema."""
    return (
        f"CREATE OR REPLACE FUNCTION {qualify(schema, _NAME)}() RETURNS trigger"
        f" LANGUAGE plpgsql AS $touch${_BODY}$touch$"
    )


def create_trigger(target: Target) -> str:
    """Write the trigger of a table."""
    return (
        f"CREATE OR REPLACE TRIGGER {_NAME} BEFORE UPDATE ON {target.sql}"
        f" FOR EACH ROW EXECUTE FUNCTION {qualify(target.schema, _NAME)}()"
    )


def ensure_function(session: Session, target: Target) -> None:
    """Make the function of a table's schema, or put it right."""
    wanted = (_BODY, None, "plpgsql", False)
    rows = session.fetch(_FUNCTION, target.schema, _NAME)
    if not rows or tuple(rows[0]) != wanted:
        session.run(target.label, create_function(target.schema))


def ensure_trigger(session: Session, target: Target, oid: int) -> None:
    """Make the trigger of a table, or put it right."""
    rows = session.fetch(_TRIGGER, oid, _NAME)
    if rows and not rows[0][1]:
        session.run(target.label, f"ALTER TABLE {target.sql} ENABLE TRIGGER {_NAME}")
    if not rows or (*rows[0][:1], *rows[0][2:]) != (_TYPE, True, _NAME, target.schema):
        session.run(target.label, create_trigger(target))

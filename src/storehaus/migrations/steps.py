"""The steps of a migration, in order."""

import logging
from collections.abc import Mapping, Sequence

from storehaus.migrations.catalog import ExistingTable, columns_of, find_table
from storehaus.migrations.columns import (
    change_columns,
    check_flag,
    check_primary_key,
    comment_columns,
    rename_columns,
    settle_defaults,
)
from storehaus.migrations.comparison import Difference, compare_columns
from storehaus.migrations.constraints import (
    ConstraintPlan,
    Place,
    drop_objects,
    make_objects,
    plan_objects,
)
from storehaus.migrations.enums import drop_unused_enums, ensure_enums
from storehaus.migrations.report import MigrationReport, TableReport
from storehaus.migrations.session import Session
from storehaus.migrations.statements import comment_on_table, create_table, extensions
from storehaus.migrations.target import Target, make_targets, qualify
from storehaus.migrations.touch import ensure_function, ensure_trigger
from storehaus.model import Model
from storehaus.model.identifiers import primary_key_name
from storehaus.sql.identifiers import quote_identifier

__all__ = ["bring_up", "place_models"]

_log = logging.getLogger("storehaus.migrations")

_TABLE_KINDS = frozenset({"r", "p"})


def place_models(session: Session, models: Sequence[type[Model]]) -> tuple[Target, ...]:
    """Say where models live, and make the schemas they name.

    Raises:
        MigrationError: When a model names no schema and the connection has none either.
    """
    home = session.fetch("SELECT current_schema()::text")[0][0]
    targets = make_targets(models, default_schema=home)
    for target in targets:
        if target.schema is None:
            reason = "the search_path of the connection names no schema that is there"
            raise session.refuse(target.label, reason)
        if not session.fetch(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", target.schema
        ):
            session.run(target.label, f"CREATE SCHEMA {quote_identifier(target.schema)}")
    return targets


def bring_up(session: Session, targets: Sequence[Target], *, recreate: bool) -> MigrationReport:
    """Bring the database to the models.

    Raises:
        MigrationError: When that would lose data, or rows that are there forbid it.
    """
    recreated = _drop_tables(session, targets) if recreate else set[Target]()
    for target in targets:
        _rename_table(session, target)
    before = _find_tables(session, targets)
    places = {target: _references(session, target, targets) for target in targets}
    _ensure_extensions(session, targets)
    ensure_enums(session, targets)
    for target in targets:
        ensure_function(session, target)
        if target not in before:
            session.run(target.label, create_table(target))
    differences = _bring_up_columns(session, before)
    now = _find_tables(session, targets)
    plans = [
        plan_objects(session, each, table, places[each], fresh=each not in before)
        for each, table in now.items()
    ]
    drop_objects(session, plans)
    make_objects(session, plans)
    for target, table in now.items():
        ensure_trigger(session, target, table.oid)
        _comment(session, target, table)
    reports = [
        _report(session, plan, differences.get(plan.target), recreated, before) for plan in plans
    ]
    return MigrationReport(statements=session.statements, tables=tuple(reports))


def _report(
    session: Session,
    plan: ConstraintPlan,
    difference: Difference | None,
    recreated: set[Target],
    before: Mapping[Target, ExistingTable],
) -> TableReport:
    target = plan.target
    return TableReport(
        table=target.label,
        created=target not in before and target not in recreated,
        recreated=target in recreated,
        statements=session.statements_of(target.label),
        unknown_columns=tuple(difference.unknown) if difference else (),
        unknown_objects=tuple(plan.foreign),
        warnings=session.warnings_of(target.label),
    )


def _find_tables(session: Session, targets: Sequence[Target]) -> dict[Target, ExistingTable]:
    found: dict[Target, ExistingTable] = {}
    for target in targets:
        table = find_table(session, _schema(target), target.info.name)
        if table is None:
            continue
        if table.relkind not in _TABLE_KINDS:
            raise session.refuse(target.label, "something that is no table has this name")
        found[target] = table
    return found


def _drop_tables(session: Session, targets: Sequence[Target]) -> set[Target]:
    found = _find_tables(session, targets)
    oids = [table.oid for table in found.values()]
    for target, table in found.items():
        statement = f"DROP TABLE {target.sql}"
        for referrer, constraint in session.fetch(_REFERRERS, table.oid, oids):
            reason = f"the table {referrer!r} references it by {constraint!r}"
            raise session.refuse(target.label, reason, statement)
    for target, table in found.items():
        _log.warning("%s is recreated: the table is dropped with its rows", target.label)
        for (constraint,) in session.fetch(_FOREIGN_KEYS, table.oid):
            name = quote_identifier(constraint)
            session.run(target.label, f"ALTER TABLE {target.sql} DROP CONSTRAINT {name}")
    for target in found:
        session.run(target.label, f"DROP TABLE {target.sql}")
    drop_unused_enums(session, tuple(found))
    return set(found)


_REFERRERS = """
SELECT conrelid::regclass::text, conname::text FROM pg_catalog.pg_constraint
WHERE contype = 'f' AND confrelid = $1::bigint AND NOT conrelid::bigint = ANY ($2::bigint[])
"""

_FOREIGN_KEYS = """
SELECT conname::text FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conrelid = $1::bigint
"""


def _rename_table(session: Session, target: Target) -> None:
    old, new = target.info.renamed_from, target.info.name
    if old is None or find_table(session, _schema(target), new) is not None:
        return
    table = find_table(session, _schema(target), old)
    if table is None or table.relkind not in _TABLE_KINDS:
        return
    renamed = f"ALTER TABLE {qualify(target.schema, old)} RENAME TO {quote_identifier(new)}"
    session.run(target.label, renamed)
    if session.fetch(_KEY_NAMED, table.oid, primary_key_name(old)):
        names = (quote_identifier(primary_key_name(name)) for name in (old, new))
        pair = " TO ".join(names)
        session.run(target.label, f"ALTER TABLE {target.sql} RENAME CONSTRAINT {pair}")


_KEY_NAMED = """
SELECT 1 FROM pg_catalog.pg_constraint
WHERE contype = 'p' AND conrelid = $1::bigint AND conname = $2
"""


def _references(session: Session, target: Target, targets: Sequence[Target]) -> dict[str, Place]:
    """Find the tables that foreign keys reference, in the table's own schema first."""
    named = {(_schema(each), each.info.name) for each in targets}
    home = session.connection.dialect.default_schema_name
    places: dict[str, Place] = {}
    for key in target.info.foreign_keys:
        schemas = [key.schema] if key.schema else [_schema(target), home or _schema(target)]
        wanted = [(schema, key.table) for schema in schemas]
        there = [each for each in wanted if each in named or find_table(session, *each)]
        if not there:
            reason = (
                f"{key.name!r} references the table {key.table!r}, which is not there;"
                " migrate its model in the same call"
            )
            raise session.refuse(target.label, reason)
        places[key.name] = there[0]
    return places


def _ensure_extensions(session: Session, targets: Sequence[Target]) -> None:
    for target in targets:
        for name in dict.fromkeys(extensions([target])):
            if session.fetch("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = $1", name):
                continue
            statement = f"CREATE EXTENSION {name}"
            query = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = $1"
            if not session.fetch(query, name):
                reason = f"it needs the extension {name}, which this server does not have"
                raise session.refuse(target.label, reason, statement)
            session.run(target.label, statement)


def _bring_up_columns(
    session: Session, before: Mapping[Target, ExistingTable]
) -> dict[Target, Difference]:
    for target, table in before.items():
        rename_columns(session, target, columns_of(session, table))
        check_primary_key(session, target, table)
    existing = {target: columns_of(session, table) for target, table in before.items()}
    differences = compare_columns(session, existing)
    for target, table in before.items():
        check_flag(session, target, existing[target])
        change_columns(session, target, differences[target], existing[target])
        settle_defaults(session, target, table)
    return differences


def _comment(session: Session, target: Target, table: ExistingTable) -> None:
    wanted = target.info.comment
    if wanted is not None and wanted != table.comment:
        session.run(target.label, comment_on_table(target, wanted))
    comment_columns(session, target, table)


def _schema(target: Target) -> str:
    assert target.schema is not None  # noqa: S101 - place_models has seen to it
    return target.schema

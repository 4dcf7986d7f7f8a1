"""Constraints and indexes of existing tables, brought to the model.

What carries a mark is ours and goes when it leaves the model; what carries none is somebody else's
and stays, unless it has the name of something of ours and another meaning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from storehaus.migrations.catalog import ExistingObject, ExistingTable, objects_of
from storehaus.migrations.definitions import Definition, foreign_key_shape
from storehaus.migrations.marks import split_comment
from storehaus.migrations.session import Session
from storehaus.migrations.spelling import same_expressions
from storehaus.migrations.statements import add_definition, comment_on_definition
from storehaus.migrations.target import Target, qualify
from storehaus.sql.identifiers import quote_identifier

__all__ = ["ConstraintPlan", "drop_objects", "make_objects", "plan_objects"]

Place = tuple[str, str]


@dataclass(slots=True)
class ConstraintPlan:
    """What is to be done with the constraints and indexes of one table.

    Attributes:
        target: The table.
        places: Schema and name of the table each foreign key references, by its name.
        drops: What goes.
        renames: Old name and definition of what only changes its name.
        creates: What is missing, with the comment people wrote on its forerunner.
        marks: What is right but has no mark or an old one, with its comment.
        foreign: Names of what is somebody else's.
    """

    target: Target
    places: dict[str, Place]
    drops: list[ExistingObject] = field(default_factory=list[ExistingObject])
    renames: list[tuple[str, Definition]] = field(default_factory=list[tuple[str, Definition]])
    creates: list[tuple[Definition, str | None]] = field(
        default_factory=list[tuple[Definition, str | None]]
    )
    marks: list[tuple[Definition, str | None]] = field(
        default_factory=list[tuple[Definition, str | None]]
    )
    foreign: list[str] = field(default_factory=list[str])


def plan_objects(
    session: Session,
    target: Target,
    table: ExistingTable,
    places: dict[str, Place],
    *,
    fresh: bool,
) -> ConstraintPlan:
    """Compare one table with its model.

    Args:
        session: The migration.
        target: The model.
        table: The table, whose columns are the model's already.
        places: Schema and name of the table each foreign key references, by its name.
        fresh: Whether the table was made just now, so that what it has is right.
    """
    plan = ConstraintPlan(target, places)
    left = objects_of(session, table)
    missing: list[Definition] = []
    for definition in target.definitions:
        have = left.pop(definition.name, None)
        if have is None:
            missing.append(definition)
        elif have.valid and have.mark == definition.mark:
            continue
        elif fresh or _same(session, plan, definition, have):
            plan.marks.append((definition, split_comment(have.comment)[0]))
        else:
            plan.drops.append(have)
            plan.creates.append((definition, split_comment(have.comment)[0]))
    for definition in missing:
        _find_or_create(session, plan, definition, left)
    plan.drops += [have for have in left.values() if have.mark is not None]
    plan.foreign += [have.name for have in left.values() if have.mark is None]
    return plan


def _find_or_create(
    session: Session, plan: ConstraintPlan, definition: Definition, left: dict[str, ExistingObject]
) -> None:
    """Take what only had another name: a renamed table or column renames what follows from it."""
    ours = [have for have in left.values() if have.mark is not None and have.valid]
    for have in ours:
        if have.kind == definition.kind and _same(session, plan, definition, have):
            del left[have.name]
            plan.renames.append((have.name, definition))
            if have.mark != definition.mark:
                plan.marks.append((definition, split_comment(have.comment)[0]))
            return
    plan.creates.append((definition, None))


def _same(
    session: Session, plan: ConstraintPlan, definition: Definition, have: ExistingObject
) -> bool:
    if have.kind != definition.kind or not have.valid or have.shape is None:
        return False
    if have.shape != _shape(plan, definition):
        return False
    if definition.predicate is None or have.predicate is None:
        return definition.predicate is have.predicate
    pair = (have.predicate, definition.predicate)
    return same_expressions(session, [pair], table=plan.target.sql) == [True]


def _shape(plan: ConstraintPlan, definition: Definition) -> str:
    key = definition.key
    if key is None:
        return definition.shape
    return foreign_key_shape(key.columns, plan.places[key.name], key.references, key.on_delete)


def drop_objects(session: Session, plans: Sequence[ConstraintPlan]) -> None:
    """Drop what goes, foreign keys first: they hold on to the uniques they reference."""
    for foreign_keys in (True, False):
        for plan in plans:
            for have in plan.drops:
                if (have.kind == "foreign key") is foreign_keys:
                    session.run(plan.target.label, _drop(plan.target, have))


def make_objects(session: Session, plans: Sequence[ConstraintPlan]) -> None:
    """Rename, create and mark, foreign keys last."""
    for plan in plans:
        for old, definition in plan.renames:
            session.run(plan.target.label, _rename(plan.target, old, definition))
    for foreign_keys in (False, True):
        for plan in plans:
            for definition, comment in plan.creates:
                if (definition.kind == "foreign key") is foreign_keys:
                    for statement in _create(plan, definition, comment):
                        session.run(plan.target.label, statement)
    for plan in plans:
        for definition, comment in plan.marks:
            statement = comment_on_definition(plan.target, definition, comment)
            session.run(plan.target.label, statement)


def _create(plan: ConstraintPlan, definition: Definition, comment: str | None) -> Iterator[str]:
    yield add_definition(plan.target, definition, plan.places.get(definition.name))
    yield comment_on_definition(plan.target, definition, comment)


def _drop(target: Target, have: ExistingObject) -> str:
    if have.kind == "index":
        return f"DROP INDEX {qualify(target.schema, have.name)}"
    return f"ALTER TABLE {target.sql} DROP CONSTRAINT {quote_identifier(have.name)}"


def _rename(target: Target, old: str, definition: Definition) -> str:
    new = quote_identifier(definition.name)
    if definition.kind == "index":
        return f"ALTER INDEX {qualify(target.schema, old)} RENAME TO {new}"
    return f"ALTER TABLE {target.sql} RENAME CONSTRAINT {quote_identifier(old)} TO {new}"

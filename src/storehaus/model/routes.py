"""How rows lead to their related rows: by which columns, through which model in between.

What needs the other model is found out here, when a relation is first used: both classes are there
by then, whichever was made first.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from storehaus.errors import ModelDefinitionError
from storehaus.expr import Column
from storehaus.model.columns import refuse
from storehaus.model.records import ColumnInfo, ForeignKeyInfo, TableInfo
from storehaus.model.relation import DeclaredRelation, Relation
from storehaus.model.relation_spec import as_tuple

__all__ = ["Link", "Route", "check_own_key", "route_of"]

_INCOMPARABLE = ("array", "jsonb")


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A model in between, which refers to both sides.

    Attributes:
        info: The model.
        near: Its columns that refer to the rows at hand.
        far: Its columns that refer to the related rows.
    """

    info: TableInfo
    near: tuple[ColumnInfo, ...]
    far: tuple[ColumnInfo, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """The way of one relation.

    Attributes:
        own: Columns of the rows at hand whose values lead on.
        target: The model of the related rows.
        keys: Columns of the related rows, as many as `own` or as the far end of the link.
        link: The model in between, None when there is none.
        refers: Whether the rows at hand hold the foreign key, so that each has one related row.
    """

    own: tuple[ColumnInfo, ...]
    target: TableInfo
    keys: tuple[ColumnInfo, ...]
    link: Link | None = None
    refers: bool = False


def check_own_key(info: TableInfo, declared: DeclaredRelation) -> None:
    """Check a relation that goes by own fields, when the class is made.

    Raises:
        ModelDefinitionError: When a field is unknown, refers to nothing, or may be None where the
            annotation says that there is always a row.
    """
    if not declared.own:
        return
    _foreign_keys(info, declared, _own_columns(info, declared, declared.own))


def route_of(relation: Relation[Any, Any]) -> Route:
    """Give the way of a relation, found at first use and kept.

    Raises:
        ModelDefinitionError: When the two models are not tied as the relation says.
    """
    info: TableInfo = relation.model.__table_info__
    key = (Route, relation.name)
    found: Route | None = info.derived.get(key)
    if found is None:
        found = info.derived[key] = _find(info, relation.declared)
    return found


def _find(info: TableInfo, declared: DeclaredRelation) -> Route:
    keys = () if declared.columns is None else _columns(info, declared, declared.columns)
    if declared.via is not None:
        route = _through(info, declared, keys, _columns(info, declared, declared.via))
    elif declared.own:
        route = _referring(info, declared, declared.own)
    elif not declared.many and all(issubclass(info.model, key.model) for key in keys):
        # A column of an abstract class is one of every model derived from it.
        route = _referring(info, declared, [key.name for key in keys])
    else:
        route = _referred(info, declared, keys)
    _check_target(info, declared, route.target)
    return route


def _columns(
    info: TableInfo, declared: DeclaredRelation, give: Callable[[], object]
) -> tuple[Column[Any], ...]:
    try:
        found = as_tuple(give())
    except Exception as problem:
        rule = f"its function fails: {type(problem).__name__}: {problem}"
        raise _refuse(info, declared, rule) from problem
    if not found or not all(isinstance(each, Column) for each in found):
        raise _refuse(info, declared, "its function gives a column, or a tuple of columns")
    return found


def _referring(info: TableInfo, declared: DeclaredRelation, names: Sequence[str]) -> Route:
    """The rows at hand hold the foreign key."""
    candidates = _foreign_keys(info, declared, _own_columns(info, declared, names))
    key, target = _far_end(info, declared, info, candidates)
    own, theirs = _pairs(info, declared, info, key, target)
    return Route(own, target, theirs, refers=True)


def _referred(info: TableInfo, declared: DeclaredRelation, keys: Sequence[Column[Any]]) -> Route:
    """The related rows hold the foreign key."""
    target = _holder(info, declared, keys)
    theirs, own = _back(info, declared, target, keys)
    return Route(own, target, theirs)


def _through(
    info: TableInfo,
    declared: DeclaredRelation,
    keys: Sequence[Column[Any]],
    via: Sequence[Column[Any]],
) -> Route:
    """A model in between holds both foreign keys."""
    between = _holder(info, declared, keys)
    if _holder(info, declared, via) is not between:
        rule = f"via= names columns of {between.model.__name__}, as the first argument does"
        raise _refuse(info, declared, rule)
    near, own = _back(info, declared, between, keys)
    columns = tuple(between.by_name[column.name] for column in via)
    candidates = _foreign_keys(between, declared, columns, of=info)
    key, target = _far_end(info, declared, between, candidates)
    far, theirs = _pairs(info, declared, between, key, target)
    return Route(own, target, theirs, Link(between, near, far))


def _holder(info: TableInfo, declared: DeclaredRelation, keys: Sequence[Column[Any]]) -> TableInfo:
    """Give the one model with a table that columns belong to."""
    models = {key.model for key in keys}
    model = models.pop()
    if models:
        raise _refuse(info, declared, "its columns belong to one model")
    holder: TableInfo | None = getattr(model, "__table_info__", None)
    if holder is None:
        # The mixin's column of a model that refers to itself is the model's own.
        if issubclass(info.model, model):
            return info
        raise _refuse(
            info, declared, f"{model.__name__} has no table; name a model derived from it"
        )
    return holder


def _back(
    info: TableInfo, declared: DeclaredRelation, holder: TableInfo, keys: Sequence[Column[Any]]
) -> tuple[tuple[ColumnInfo, ...], tuple[ColumnInfo, ...]]:
    """Pair columns that refer to the model at hand with what they refer to."""
    columns = tuple(holder.by_name[key.name] for key in keys)
    for key in _foreign_keys(holder, declared, columns, of=info):
        if _leads_to(holder, key, info):
            return _pairs(info, declared, holder, key, info)
    names = ", ".join(column.name for column in columns)
    rule = f"({names}) of {holder.model.__name__} does not reference {info.model.__name__}"
    raise _refuse(info, declared, rule)


def _own_columns(
    info: TableInfo, declared: DeclaredRelation, names: Sequence[str]
) -> tuple[ColumnInfo, ...]:
    unknown = next((name for name in names if name not in info.by_name), None)
    if unknown is not None:
        raise _refuse(info, declared, f"{unknown!r} is not among the fields")
    columns = tuple(info.by_name[name] for name in names)
    open_to_none = next((column.name for column in columns if column.nullable), None)
    if open_to_none is not None and not declared.optional:
        rule = f"{open_to_none} may be None, so the annotation is One[... | None]"
        raise _refuse(info, declared, rule)
    return columns


def _foreign_keys(
    holder: TableInfo,
    declared: DeclaredRelation,
    columns: tuple[ColumnInfo, ...],
    *,
    of: TableInfo | None = None,
) -> list[ForeignKeyInfo]:
    """Find the foreign keys of exactly these columns, at least one."""
    wanted = {column.column for column in columns}
    found = [key for key in holder.foreign_keys if set(key.columns) == wanted]
    if not found:
        names = ", ".join(column.name for column in columns)
        rule = (
            f"{holder.model.__name__} has no foreign key of exactly ({names}): declare it with"
            " references=, or for several columns with ForeignKey in indexes"
        )
        raise _refuse(of or holder, declared, rule)
    return found


def _leads_to(holder: TableInfo, key: ForeignKeyInfo, target: TableInfo) -> bool:
    if key.model is not None:
        info: TableInfo = key.model.__table_info__
        return info is target or (info.schema, info.name) == (target.schema, target.name)
    return (key.schema or holder.schema, key.table) == (target.schema, target.name)


def _far_end(
    info: TableInfo, declared: DeclaredRelation, holder: TableInfo, keys: list[ForeignKeyInfo]
) -> tuple[ForeignKeyInfo, TableInfo]:
    """Find the model that one of some foreign keys refers to."""
    # A name is trusted last: where the class is local to a function, it may mean another one.
    named = declared.target if isinstance(declared.target, type) else None
    for key in keys:
        for model in (named, key.model, holder.model, _annotated(info, declared)):
            target: TableInfo | None = getattr(model, "__table_info__", None)
            if target is not None and _leads_to(holder, key, target):
                return key, target
    rule = (
        f"the annotation names no model of the table {keys[0].table}, to which the column refers;"
        " say references=Model.column"
    )
    raise _refuse(info, declared, rule)


def _annotated(info: TableInfo, declared: DeclaredRelation) -> Any:
    """Evaluate the annotation's model where it is text; None when its name is not known here."""
    if not isinstance(declared.target, str):
        return declared.target
    module = sys.modules.get(info.model.__module__)
    try:
        # The text is the developer's own source code.
        return eval(declared.target, dict(vars(module)) if module else {})  # noqa: S307
    except Exception:  # noqa: BLE001 - a class local to a function, for instance
        return None


def _check_target(info: TableInfo, declared: DeclaredRelation, target: TableInfo) -> None:
    named = declared.target
    if isinstance(named, str):
        if named.rpartition(".")[2] == target.model.__name__:
            return
        named = _annotated(info, declared)
    if named is not None and named is not target.model:
        rule = f"its columns lead to {target.model.__name__}, not to what the annotation says"
        raise _refuse(info, declared, rule)


def _pairs(
    info: TableInfo,
    declared: DeclaredRelation,
    holder: TableInfo,
    key: ForeignKeyInfo,
    target: TableInfo,
) -> tuple[tuple[ColumnInfo, ...], tuple[ColumnInfo, ...]]:
    """Give the columns of a foreign key and those they refer to, in the same order."""
    by_column = {column.column: column for column in target.columns}
    unknown = next((name for name in key.references if name not in by_column), None)
    if unknown is not None:
        rule = f"{key.name} references {unknown!r}, which {target.model.__name__} does not have"
        raise _refuse(info, declared, rule)
    mine = {column.column: column for column in holder.columns}
    pairs = [
        (mine[one], by_column[two]) for one, two in zip(key.columns, key.references, strict=True)
    ]
    for one, two in pairs:
        if one.type.kind != two.type.kind:
            rule = f"{key.name}: {one.type.sql} cannot reference {two.type.sql}"
            raise _refuse(info, declared, rule)
        if one.type.kind in _INCOMPARABLE:
            raise _refuse(info, declared, f"rows cannot be related by {one.type.sql}")
    return tuple(one for one, _ in pairs), tuple(two for _, two in pairs)


def _refuse(info: TableInfo, declared: DeclaredRelation, rule: str) -> ModelDefinitionError:
    return refuse(info.model.__name__, declared.name, rule)

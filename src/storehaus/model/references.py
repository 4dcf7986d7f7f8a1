"""Foreign keys: whom a field may reference."""

from collections.abc import Collection, Iterator
from typing import Any, cast

from storehaus.expr import Column
from storehaus.model.columns import refuse
from storehaus.model.constraints import ForeignKey
from storehaus.model.identifiers import identifier_problem
from storehaus.model.layout import DeclaredField
from storehaus.model.records import ColumnInfo, ForeignKeyInfo, TableInfo
from storehaus.model.resolution import Resolver

__all__ = ["check_self_references", "field_reference", "resolve_references", "table_reference"]

_Target = tuple[str | None, str, str]
_ON_DELETE = (None, "restrict", "cascade", "set null", "no action")


def field_reference(resolver: Resolver, declared: DeclaredField) -> ForeignKeyInfo:
    """Resolve `field(references=...)`.

    Raises:
        ModelDefinitionError: When the target cannot be referenced.
    """
    spec = declared.spec
    key = ForeignKey([declared.name], [spec.references or ""], on_delete=spec.on_delete)
    return table_reference(resolver, key)


def table_reference(resolver: Resolver, declared: ForeignKey) -> ForeignKeyInfo:
    """Resolve a `ForeignKey`.

    Raises:
        ModelDefinitionError: When it is malformed or its target cannot be referenced.
    """
    model = resolver.model
    columns = resolver.columns(declared.columns, "ForeignKey")
    field = columns[0].name
    if len(columns) != len(declared.references):
        raise refuse(model, field, "a foreign key references as many columns as it has")
    if declared.on_delete not in _ON_DELETE:
        raise refuse(model, field, 'on_delete is "restrict", "cascade", "set null" or left out')
    if declared.on_delete == "set null" and not all(column.nullable for column in columns):
        raise refuse(model, field, 'on_delete="set null" needs nullable fields')
    targets = [_target(model, field, reference) for reference in declared.references]
    if len({target[:2] for target in targets}) > 1:
        raise refuse(model, field, "a foreign key references columns of one table")
    _check_target(model, field, declared.references, columns)
    schema, table, _ = targets[0]
    return ForeignKeyInfo(
        name=resolver.name(declared.name, columns, "fkey"),
        columns=tuple(column.column for column in columns),
        schema=schema,
        table=table,
        references=tuple(target[2] for target in targets),
        on_delete=declared.on_delete or "no action",
        model=next((each.model for each in declared.references if isinstance(each, Column)), None),
    )


def _target(model: str, field: str, reference: object) -> _Target:
    if isinstance(reference, Column):
        info = _table_info(model, field, cast("Column[object]", reference))
        return info.schema, info.name, info.by_name[reference.name].column
    parts = reference.split(".") if isinstance(reference, str) else []
    if len(parts) not in {2, 3} or any(identifier_problem(part) for part in parts):
        rule = 'references is "table.column", "schema.table.column" or a column of a model'
        raise refuse(model, field, rule)
    return (parts[0] if len(parts) == 3 else None), parts[-2], parts[-1]  # noqa: PLR2004 - schema.table.column


def _table_info(model: str, field: str, reference: Column[Any]) -> TableInfo:
    info: TableInfo | None = getattr(reference.model, "__table_info__", None)
    if info is None:
        raise refuse(model, field, f"{reference.model.__name__} has no table to reference")
    return info


def _check_target(
    model: str, field: str, references: tuple[str | Column[Any], ...], own: tuple[ColumnInfo, ...]
) -> None:
    named = [reference for reference in references if isinstance(reference, Column)]
    if len(named) == len(references):
        info = _table_info(model, field, named[0])
        _check_referable(model, own, info, [info.by_name[each.name] for each in named])


def check_self_references(info: TableInfo) -> None:
    """Check foreign keys to the model's own table, whose columns are known only now.

    Raises:
        ModelDefinitionError: When one names an unknown column, or one that is not unique.
    """
    model = info.model.__name__
    by_column = {column.column: column for column in info.columns}
    for key in info.foreign_keys:
        if (key.schema or info.schema, key.table) != (info.schema, info.name):
            continue
        own = tuple(by_column[name] for name in key.columns)
        unknown = [name for name in key.references if name not in by_column]
        if unknown:
            rule = f"references names {unknown[0]!r}, which is not among its columns"
            raise refuse(model, own[0].name, rule)
        _check_referable(model, own, info, [by_column[name] for name in key.references])


def resolve_references(
    infos: Collection[TableInfo],
) -> Iterator[tuple[TableInfo, ForeignKeyInfo, TableInfo]]:
    """Give each foreign key whose target is among the models: model, key, target.

    A reference that names no schema means the table of the model's own schema, else the one of a
    model without schema.
    """
    by_place = {(info.schema, info.name): info for info in infos}
    for info in infos:
        for key in info.foreign_keys:
            own = by_place.get((key.schema or info.schema, key.table))
            target = own or by_place.get((key.schema, key.table))
            if target is not None:
                yield info, key, target


def _check_referable(
    model: str, own: tuple[ColumnInfo, ...], info: TableInfo, columns: list[ColumnInfo]
) -> None:
    """PostgreSQL references a primary key or a whole UNIQUE, never a partial one (42830)."""
    wanted = {column.column for column in columns}
    keys = [{column.column for column in info.primary_key}]
    keys += [
        {key.column for key in index.keys}
        for index in info.indexes
        if index.unique and index.where is None and not index.active_only
    ]
    if wanted not in keys:
        rule = (
            f"{info.model.__name__} has neither a primary key nor a full unique constraint on"
            f" {', '.join(sorted(wanted))} (on a soft-deleting model uniqueness covers active rows"
            " only and cannot be referenced)"
        )
        raise refuse(model, own[0].name, rule)
    for mine, theirs in zip(own, columns, strict=True):
        if mine.type.kind != theirs.type.kind:
            rule = f"{mine.type.sql} cannot reference {theirs.type.sql}"
            raise refuse(model, mine.name, rule)

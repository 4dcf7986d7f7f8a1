"""Lints that look at several tables together."""

from collections.abc import Iterator, Sequence

from storehaus.model.findings import Finding, Lint
from storehaus.model.records import ColumnInfo, ForeignKeyInfo, TableInfo

__all__ = ["SCHEMA_LINTS"]


def same_table(infos: Sequence[TableInfo]) -> Iterator[Finding]:
    """Find models that describe one table twice."""
    first: dict[tuple[str | None, str], TableInfo] = {}
    for info in infos:
        other = first.setdefault((info.schema, info.name), info)
        if other is not info:
            yield Lint.SAME_TABLE.found(
                info,
                f"{other.model.__name__} has the table {info.name} too",
                "a table has one model: rename one, or give it another schema=",
            )


def same_index_name(infos: Sequence[TableInfo]) -> Iterator[Finding]:
    """Find indexes of one name, which a schema cannot hold."""
    first: dict[tuple[str | None, str], TableInfo] = {}
    for info in infos:
        names = [index.name for index in info.indexes]
        names += [exclusion.name for exclusion in info.exclusions]
        for name in names:
            other = first.setdefault((info.schema, name), info)
            if other is not info and other.name != info.name:
                yield Lint.SAME_INDEX_NAME.found(
                    info,
                    f"{other.model.__name__} has an index {name} too",
                    "leave name= out, or make it differ: a mixin's name= is that of all its tables",
                )


def enum_clash(infos: Sequence[TableInfo]) -> Iterator[Finding]:
    """Find enums that would be one type of PostgreSQL, and are not."""
    first: dict[tuple[str | None, str], tuple[TableInfo, tuple[str, ...]]] = {}
    tables = {(info.schema, info.name) for info in infos}
    for info in infos:
        for column in info.columns:
            item = column.type.element or column.type
            if item.enum is None:
                continue
            place = (info.schema, item.sql)
            other, labels = first.setdefault(place, (info, item.labels))
            if labels != item.labels:
                message = f"{other.model.__name__} has another enum that becomes {item.sql}"
            elif place in tables:
                message = f"the table {item.sql} is a type of this name already"
            else:
                continue
            hint = "rename one of the classes: its name is the type's"
            yield Lint.ENUM_CLASH.found(info, message, hint, field=column.name)


def broken_reference(infos: Sequence[TableInfo]) -> Iterator[Finding]:
    """Find references by name that PostgreSQL would refuse."""
    for info, key, target in _references(infos):
        problem = _reference_problem(info, key, target)
        if problem:
            yield Lint.BROKEN_REFERENCE.found(
                info,
                problem,
                "name the column as it is in the database, or give the model's column itself",
                field=_field(info, key),
            )


def _reference_problem(info: TableInfo, key: ForeignKeyInfo, target: TableInfo) -> str | None:
    columns = {column.column: column for column in target.columns}
    unknown = [name for name in key.references if name not in columns]
    if unknown:
        return f"{target.model.__name__} has no column {unknown[0]}"
    keys = [{column.column for column in target.primary_key}]
    keys += [
        {each.column for each in index.keys}
        for index in target.indexes
        if index.unique and index.where is None and not index.active_only
    ]
    if set(key.references) not in keys:
        return f"{target.model.__name__}.{key.references[0]} is not unique over all rows"
    own = {column.column: column for column in info.columns}
    for mine, theirs in zip(key.columns, key.references, strict=True):
        if _family(own[mine]) != _family(columns[theirs]):
            return f"{own[mine].type.sql} cannot reference {columns[theirs].type.sql}"
    return None


def _family(column: ColumnInfo) -> str:
    # Any integer references any other; enums are types of their own.
    return column.type.sql if column.type.enum else column.type.kind


def soft_cascade(infos: Sequence[TableInfo]) -> Iterator[Finding]:
    """Find actions on a deletion that seldom comes."""
    for info, key, target in _references(infos):
        if key.on_delete in {"cascade", "set null"} and target.soft_delete is not None:
            yield Lint.SOFT_CASCADE.found(
                info,
                f"{target.model.__name__} soft-deletes, which is an update:"
                f" on_delete={key.on_delete!r} acts on purge() only",
                "delete the dependent rows in the same transaction, or in before_delete",
                field=_field(info, key),
            )


def _references(
    infos: Sequence[TableInfo],
) -> Iterator[tuple[TableInfo, ForeignKeyInfo, TableInfo]]:
    """Give each foreign key whose target is among the models."""
    by_name = {(info.schema, info.name): info for info in infos}
    for info in infos:
        for key in info.foreign_keys:
            own = by_name.get((key.schema or info.schema, key.table))
            target = own or by_name.get((key.schema, key.table))
            if target is not None:
                yield info, key, target


def _field(info: TableInfo, key: ForeignKeyInfo) -> str:
    return next(column.name for column in info.columns if column.column == key.columns[0])


SCHEMA_LINTS = (same_table, same_index_name, enum_clash, broken_reference, soft_cascade)

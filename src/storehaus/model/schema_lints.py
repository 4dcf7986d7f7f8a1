"""Lints that look at several tables together."""

from collections.abc import Iterator, Sequence

from storehaus.model.findings import Finding, Lint
from storehaus.model.records import ColumnInfo, ForeignKeyInfo, TableInfo
from storehaus.model.references import resolve_references

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
    for info, key, target in resolve_references(infos):
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
    """Find actions on a deletion that seldom comes, and cascades that cannot happen."""
    for info, key, target in resolve_references(infos):
        if key.on_delete not in {"cascade", "set null"} or target.soft_delete is None:
            continue
        parent = target.model.__name__
        if key.on_delete == "set null" or info.soft_delete is None:
            message = (
                f"{parent} soft-deletes, which is an update:"
                f" on_delete={key.on_delete!r} acts on purge() only"
            )
            hint = 'say soft_delete=True here too and on_delete="cascade", or leave it at that'
        elif not info.primary_key:
            message = f"deleting a {parent} will be refused: without a primary key no row has an id"
            hint = "add id: Field[UUID] = field(primary_key=True, default_factory=uuid7)"
        else:
            continue
        yield Lint.SOFT_CASCADE.found(info, message, hint, field=_field(info, key))


def _field(info: TableInfo, key: ForeignKeyInfo) -> str:
    return next(column.name for column in info.columns if column.column == key.columns[0])


SCHEMA_LINTS = (same_table, same_index_name, enum_clash, broken_reference, soft_cascade)

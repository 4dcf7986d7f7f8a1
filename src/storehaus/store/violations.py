"""Making a constraint's refusal speak of fields and rows."""

from collections.abc import Mapping
from typing import Any

from storehaus.errors import ConstraintViolation, NotNullViolation, UniqueViolation
from storehaus.model import TableInfo
from storehaus.model.identifiers import primary_key_name

__all__ = ["explain"]


def explain(
    info: TableInfo,
    violation: ConstraintViolation,
    values: Mapping[str, Any] | None = None,
    row_index: int | None = None,
) -> ConstraintViolation:
    """Give the same violation with fields, values and row.

    The constraint's name is looked up among the model's own; PostgreSQL's texts are never read.

    Args:
        info: The model that was written to.
        violation: As the driver raised it.
        values: The offending row by field name, None when it is not known.
        row_index: Its place in the batch, None for a single row or when it is not known.
    """
    fields = _fields(info, violation)
    known = {name: values[name] for name in fields if name in values} if values else None
    what = f"{info.model.__name__}.{', '.join(fields)}" if fields else info.model.__name__
    place = "" if row_index is None else f" (row {row_index})"
    constraint = f" {violation.constraint!r}" if violation.constraint else ""
    return type(violation)(
        f"{what}{place}: {_reason(violation)}{constraint}",
        sqlstate=violation.sqlstate,
        table=violation.table or info.name,
        constraint=violation.constraint,
        fields=fields,
        values=known,
        row_index=row_index,
    )


def _reason(violation: ConstraintViolation) -> str:
    if isinstance(violation, UniqueViolation):
        return "another row has the same value:"
    if isinstance(violation, NotNullViolation):
        return "a value is required"
    return "the row breaks the constraint"


def _fields(info: TableInfo, violation: ConstraintViolation) -> tuple[str, ...]:
    names = {column.column: column.name for column in info.columns}
    if violation.table not in {None, info.name}:
        return ()
    if violation.fields:
        return tuple(names.get(column, column) for column in violation.fields)
    columns = _constrained_columns(info, violation.constraint)
    return tuple(names[column] for column in columns if column in names)


def _constrained_columns(info: TableInfo, constraint: str | None) -> tuple[str, ...]:
    if constraint == primary_key_name(info.name):
        return tuple(column.column for column in info.primary_key)
    for index in info.indexes:
        if index.name == constraint:
            return tuple(key.column for key in index.keys)
    for foreign_key in info.foreign_keys:
        if foreign_key.name == constraint:
            return foreign_key.columns
    for exclusion in info.exclusions:
        if exclusion.name == constraint:
            return tuple(column for column, _ in exclusion.elements)
    for check in info.checks:
        if check.name == constraint:
            return tuple(info.by_name[name].column for name in check.fields)
    return ()

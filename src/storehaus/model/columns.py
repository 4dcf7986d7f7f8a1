"""From declared fields to `ColumnInfo`s, refusing what contradicts itself."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from storehaus.errors import ModelDefinitionError, ValidationError
from storehaus.model.defaults import default_sql
from storehaus.model.identifiers import identifier_problem
from storehaus.model.layout import DELETION, SYSTEM_FIELDS, DeclaredField
from storehaus.model.pattern import compile_pattern
from storehaus.model.records import NO_DEFAULT, Bounds, ColumnInfo
from storehaus.model.rules import is_text
from storehaus.model.types import ColumnType, UnmappedTypeError, column_type, split_optional
from storehaus.model.validation import check_value

__all__ = [
    "make_column",
    "make_deletion_column",
    "make_system_column",
    "refuse",
    "text_problem",
]

_ORDERED = {"integer", "float", "numeric", "timestamptz", "date", "time", "interval"}
_MEASURED = {"text", "bytes", "array"}
_NO_KEY = {"jsonb", "array", "float"}


def refuse(model: str, field: str | None, rule: str) -> ModelDefinitionError:
    """Make the error that says what a declaration should have been."""
    name = model if field is None else f"{model}.{field}"
    return ModelDefinitionError(f"{name}: {rule}", model=model, field=field, rule=rule)


def text_problem(text: object) -> str | None:
    """Say why a comment or a piece of SQL cannot be sent; None when it can."""
    if text is None or (isinstance(text, str) and text.strip() and is_text(text)):
        return None
    return "is a text that is not empty and holds no NUL"


def make_column(model: str, declared: DeclaredField, position: int) -> ColumnInfo:
    """Turn one declared field into its column.

    Raises:
        ModelDefinitionError: Naming the field.
    """
    annotation, nullable = split_optional(declared.annotation)
    try:
        mapped = column_type(annotation)
    except UnmappedTypeError as problem:
        raise refuse(model, declared.name, str(problem)) from None
    for rule in _problems(declared, mapped, nullable=nullable):
        raise refuse(model, declared.name, rule)
    column = _column(declared, mapped, position, nullable=nullable)
    _check_default(model, column)
    return column


def make_system_column(name: str, position: int) -> ColumnInfo:
    """Make one of the columns that every model has."""
    mapped = column_type(SYSTEM_FIELDS[name])
    default = {"__tags__": "'{}'", "__is_active__": "true"}.get(name, "statement_timestamp()")
    return ColumnInfo(
        name=name,
        column=name,
        type=mapped,
        nullable=False,
        position=position,
        insertable=False,
        updatable=False,
        system=True,
        soft_delete=name == "__is_active__",
        default_sql=default,
    )


def make_deletion_column(position: int) -> ColumnInfo:
    """Make the column of a soft-deleting model's table that its instances do not have."""
    return ColumnInfo(
        name=DELETION,
        column=DELETION,
        type=column_type(UUID),
        nullable=True,
        position=position,
        insertable=False,
        updatable=False,
        system=True,
    )


def _column(
    declared: DeclaredField, mapped: ColumnType, position: int, *, nullable: bool
) -> ColumnInfo:
    spec = declared.spec
    managed = spec.generated is not None or spec.version or spec.soft_delete
    sql = spec.server_default or default_sql(mapped, spec.default, spec.default_factory)
    if spec.version:
        sql = "1"
    if spec.soft_delete:
        sql = "true"
    return ColumnInfo(
        name=declared.name,
        column=declared.name if spec.column is None else spec.column,
        type=mapped,
        nullable=nullable,
        position=position,
        primary_key=spec.primary_key,
        insertable=spec.create and not spec.readonly and not managed,
        updatable=spec.update and not spec.readonly and not managed and not spec.primary_key,
        identity=spec.generated is not None,
        version=spec.version,
        soft_delete=spec.soft_delete,
        default=spec.default,
        default_factory=spec.default_factory,
        server_default=spec.server_default,
        default_sql=sql,
        bounds=_exact_bounds(spec.bounds, mapped),
        comment=spec.comment,
        renamed_from=spec.renamed_from,
    )


def _exact_bounds(bounds: Bounds, mapped: ColumnType) -> Bounds:
    """Let `ge=0` bound a Decimal; any other bound is a value of the field's own type."""
    if mapped.kind != "numeric":
        return bounds
    exact: dict[str, Any] = {
        name: Decimal(bound)
        for name, bound in bounds.rules()
        if name in {"ge", "gt", "le", "lt"} and type(bound) is int
    }
    return replace(bounds, **exact)


def _problems(declared: DeclaredField, mapped: ColumnType, *, nullable: bool) -> Iterator[str]:
    spec = declared.spec
    name_problem = identifier_problem(declared.name if spec.column is None else spec.column)
    if name_problem:
        yield name_problem
    if spec.column is not None and spec.column in {*SYSTEM_FIELDS, DELETION}:
        yield "this column name is taken by StoreHaus"
    if spec.renamed_from is not None and (
        identifier_problem(spec.renamed_from) or spec.renamed_from == (spec.column or declared.name)
    ):
        yield "renamed_from is the earlier name of the column"
    for name in ("comment", "server_default"):
        problem = text_problem(getattr(spec, name))
        if problem:
            yield f"{name} {problem}"
    yield from _default_problems(declared)
    yield from _role_problems(declared, mapped, nullable=nullable)
    yield from _bound_problems(spec.bounds, mapped)
    if spec.on_delete is not None and spec.references is None:
        yield "on_delete says what happens with references=, which is missing"
    if spec.on_delete == "set null" and not nullable:
        yield 'on_delete="set null" needs a nullable field'


def _default_problems(declared: DeclaredField) -> Iterator[str]:
    spec = declared.spec
    given = [spec.default is not NO_DEFAULT, spec.default_factory is not None]
    given += [declared.unset_at_first]
    if sum(given) > 1:
        yield "only one of default, default_factory, server_default and generated makes the value"
    if spec.default_factory is not None and not callable(spec.default_factory):
        yield "default_factory is a function without arguments"
    if type(spec.default).__hash__ is None:
        yield "a mutable default would be shared by all instances; use default_factory"
    if isinstance(spec.default, tuple):
        yield "a tuple is no list; use default_factory=lambda: [...]"


def _role_problems(declared: DeclaredField, mapped: ColumnType, *, nullable: bool) -> Iterator[str]:
    spec = declared.spec
    if spec.generated is not None and spec.generated != "identity":
        yield 'generated is "identity" or left out'
    if spec.generated and (mapped.kind != "integer" or nullable):
        yield "identity counts integers: the field is an int that is never None"
    if spec.version and (mapped.kind != "integer" or nullable):
        yield "a version is an int that is never None"
    if spec.soft_delete and (mapped.kind != "boolean" or nullable):
        yield "the flag of active rows is a bool that is never None"
    if spec.soft_delete and spec.default not in {NO_DEFAULT, True}:
        yield "the flag of active rows starts as True"
    if spec.primary_key and nullable:
        yield "a primary key is never None"
    if spec.primary_key and mapped.kind in _NO_KEY:
        yield f"{mapped.sql} is no primary key"
    if spec.primary_key and (spec.version or spec.soft_delete):
        yield "a primary key never changes, so it is neither a version nor a flag"
    if (not spec.create or spec.readonly) and declared.required and not nullable:
        yield "a field that is not given on create needs a default or may be None"


def _bound_problems(bounds: Bounds, mapped: ColumnType) -> Iterator[str]:
    for name, value in bounds.rules():
        if name == "pattern":
            yield from _pattern_problems(value, mapped)
        elif name in {"min_length", "max_length"}:
            if mapped.kind not in _MEASURED or mapped.labels:
                yield f"{name} measures texts, bytes and arrays, not {mapped.sql}"
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                yield f"{name} is a whole number, 0 or more"
        elif mapped.kind not in _ORDERED:
            yield f"{name} compares numbers and times, not {mapped.sql}"


def _pattern_problems(pattern: object, mapped: ColumnType) -> Iterator[str]:
    if mapped.kind != "text" or mapped.labels:
        yield f"pattern is for texts, not {mapped.sql}"
        return
    if not isinstance(pattern, str) or not is_text(pattern):
        yield "pattern is a text without NUL and lone surrogates"
        return
    try:
        compile_pattern(pattern)
    except ValueError as problem:
        yield f"pattern {pattern!r}: {problem}"


def _check_default(model: str, column: ColumnInfo) -> None:
    _check_bounds(model, column)
    if column.default is NO_DEFAULT or (column.default is None and column.nullable):
        return
    try:
        check_value(model, column, column.default)
    except ValidationError as problem:
        raise refuse(model, column.name, f"the default {problem.rule}") from None


def _check_bounds(model: str, column: ColumnInfo) -> None:
    """A bound is a value of the field's own type."""
    for name in ("ge", "gt", "le", "lt"):
        bound = getattr(column.bounds, name)
        if bound is None:
            continue
        if isinstance(bound, float) and not isfinite(bound):
            raise refuse(model, column.name, f"{name} is a finite number")
        try:
            check_value(model, column, bound, bounds=False)
        except ValidationError as problem:
            raise refuse(model, column.name, f"{name} {problem.rule}") from None

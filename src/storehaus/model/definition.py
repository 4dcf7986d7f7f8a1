"""From a class's options and fields to its `TableInfo`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from storehaus.model.cache_params import CacheParams
from storehaus.model.caching import check_caching
from storehaus.model.capture import checked_exclusion
from storehaus.model.checks import field_checks
from storehaus.model.columns import (
    make_column,
    make_deletion_column,
    make_system_column,
    refuse,
    text_problem,
)
from storehaus.model.constraints import Check, Constraint, Exclude, ForeignKey, Index, Unique
from storehaus.model.identifiers import identifier_problem, primary_key_name
from storehaus.model.layout import DeclaredField
from storehaus.model.records import (
    CheckInfo,
    ColumnInfo,
    EventPayload,
    ForeignKeyInfo,
    TableInfo,
)
from storehaus.model.references import check_self_references, field_reference, table_reference
from storehaus.model.resolution import Resolver

__all__ = ["Definition", "TableOptions", "checked_constraints", "define"]

_MAX_COLUMNS = 1600


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """The class keywords of a model, as given.

    Attributes:
        name: Name of the table, None for an abstract class.
        schema: Schema, None for the first of `search_path`.
        soft_delete: Whether deleting marks rows; None where nothing says it.
        indexes: Constraints over several columns.
        comment: Comment on the table.
        renamed_from: Earlier name of the table.
        cache: How it is cached, None when it is not.
        external_writes: Whether others than stores write to it, so that triggers must tell of it.
        durable: Whether every write to it is kept in the event log.
        event_payload: How much of a row an event of the log holds.
        event_exclude: Names of fields that no event holds.
    """

    name: str | None
    schema: str | None
    soft_delete: bool | None
    indexes: tuple[Constraint, ...]
    comment: str | None
    renamed_from: str | None
    cache: CacheParams | None
    external_writes: bool | None
    durable: bool | None
    event_payload: EventPayload | None
    event_exclude: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Definition:
    """A model that was found sound, waiting for its class.

    Attributes:
        model: Name of the class.
        table: Name of the table.
        options: Class keywords.
        fields: Declared fields in the order of the instance.
        columns: All columns, system ones last.
        excluded: Columns that no event holds.
    """

    model: str
    table: str
    options: TableOptions
    fields: list[DeclaredField]
    columns: tuple[ColumnInfo, ...]
    excluded: tuple[ColumnInfo, ...]

    def table_info(self, cls: type[Any]) -> TableInfo:
        """Make the record that all else reads."""
        resolver = Resolver(cls, self.table, self.columns)
        flag = next((column for column in self.columns if column.soft_delete), None)
        info = TableInfo(
            model=cls,
            name=self.table,
            schema=self.options.schema,
            columns=self.columns,
            primary_key=tuple(column for column in self.columns if column.primary_key),
            soft_delete=flag,
            deletion=None if flag is None else make_deletion_column(len(self.columns)),
            version=next((column for column in self.columns if column.version), None),
            indexes=self._indexes(resolver),
            checks=self._checks(resolver),
            exclusions=tuple(resolver.exclusion(each) for each in self._declared(Exclude)),
            foreign_keys=self._foreign_keys(resolver),
            by_name=MappingProxyType({column.name: column for column in self.columns}),
            comment=self.options.comment,
            renamed_from=self.options.renamed_from,
            cache=self.options.cache,
            external_writes=bool(self.options.external_writes),
            durable=bool(self.options.durable),
            event_payload=self.options.event_payload or "full",
            event_exclude=self.excluded,
        )
        check_self_references(info)
        _refuse_repeated_names(self.model, info)
        return info

    def _declared(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.options.indexes if isinstance(each, kind)]

    def _indexes(self, resolver: Resolver) -> tuple[Any, ...]:
        found = [resolver.unique(Unique(each.name)) for each in self.fields if each.spec.unique]
        found += [resolver.index(Index(each.name)) for each in self.fields if each.spec.index]
        found += [resolver.unique(each) for each in self._declared(Unique)]
        found += [resolver.index(each) for each in self._declared(Index)]
        found.append(resolver.index(Index("__tags__", using="gin")))
        return tuple(found)

    def _checks(self, resolver: Resolver) -> tuple[CheckInfo, ...]:
        found = [
            check
            for column in self.columns
            for check in field_checks(self.model, self.table, column)
        ]
        found += [resolver.check(each) for each in self._declared(Check)]
        return tuple(found)

    def _foreign_keys(self, resolver: Resolver) -> tuple[ForeignKeyInfo, ...]:
        found = [field_reference(resolver, each) for each in self.fields if each.spec.references]
        found += [table_reference(resolver, each) for each in self._declared(ForeignKey)]
        return tuple(found)


def define(model: str, options: TableOptions, fields: list[DeclaredField]) -> Definition:
    """Check a declaration and make its columns.

    Args:
        model: Name of the class.
        options: Class keywords; `name` is set.
        fields: Declared fields in the order of the instance.

    Raises:
        ModelDefinitionError: On anything wrong with it.
    """
    table = _checked_names(model, options)
    columns = [make_column(model, declared, i) for i, declared in enumerate(fields)]
    flags = [column.name for column in columns if column.soft_delete]
    for role in ("soft_delete", "version", "identity"):
        holders = [column.name for column in columns if getattr(column, role)]
        if len(holders) > 1:
            raise refuse(model, holders[1], f"only one field can have the role {role}")
    system = ["__created_at__", "__updated_at__", "__tags__"]
    if options.soft_delete and not flags:
        system.append("__is_active__")
    columns += [make_system_column(name, len(columns) + i) for i, name in enumerate(system)]
    _refuse_name_of_enum(model, table, columns)
    check_caching(model, options.cache, options.external_writes, columns)
    excluded = checked_exclusion(
        model, options.durable, options.event_payload, options.event_exclude, columns
    )
    repeated = _repeated([column.column for column in columns])
    if repeated:
        raise refuse(model, None, f"two fields have the column {repeated!r}")
    hidden = any(column.soft_delete for column in columns)
    if len(columns) + hidden > _MAX_COLUMNS:
        raise refuse(model, None, f"a table in PostgreSQL has at most {_MAX_COLUMNS} columns")
    return Definition(model, table, options, fields, tuple(columns), excluded)


def checked_constraints(model: str, indexes: object) -> tuple[Constraint, ...]:
    """Check that the class keyword `indexes` holds constraints.

    Raises:
        ModelDefinitionError: When it does not.
    """
    found = tuple(cast("Iterable[object]", indexes)) if isinstance(indexes, Iterable) else (None,)
    constraints = tuple(each for each in found if isinstance(each, Constraint))
    if len(constraints) < len(found):
        rule = "indexes is a tuple of Index, Unique, Check, Exclude and ForeignKey"
        raise refuse(model, None, rule)
    return constraints


def _checked_names(model: str, options: TableOptions) -> str:
    table = options.name
    assert table is not None  # noqa: S101 - abstract classes are not defined
    given = {"table": table, "schema": options.schema, "renamed_from": options.renamed_from}
    for role, name in given.items():
        problem = None if name is None else identifier_problem(name)
        if problem:
            raise refuse(model, None, f"{role}={name!r}: {problem}")
    if options.schema is not None and options.schema.startswith(("pg_", "information_schema")):
        raise refuse(model, None, f"the schema {options.schema} belongs to PostgreSQL")
    if options.soft_delete not in {None, True, False}:
        raise refuse(model, None, "soft_delete is True or False")
    problem = text_problem(options.comment)
    if problem:
        raise refuse(model, None, f"comment {problem}")
    return table


def _refuse_name_of_enum(model: str, table: str, columns: Iterable[ColumnInfo]) -> None:
    """A table is a type too, so an enum of its name cannot be created in the same schema."""
    for column in columns:
        item = column.type.element or column.type
        if item.enum is not None and item.sql == table:
            rule = f"the enum {item.enum.__name__} would have the name of the table; rename one"
            raise refuse(model, column.name, rule)


def _repeated(names: list[str]) -> str | None:
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _refuse_repeated_names(model: str, info: TableInfo) -> None:
    """Indexes and constraints of a table share one space of names, with the table itself."""
    names = [info.name, primary_key_name(info.name)]
    names += [index.name for index in info.indexes]
    names += [check.name for check in info.checks]
    names += [exclusion.name for exclusion in info.exclusions]
    names += [key.name for key in info.foreign_keys]
    repeated = _repeated(names)
    if repeated:
        rule = f"two of its indexes and constraints are called {repeated!r}; give one a name="
        raise refuse(model, None, rule)

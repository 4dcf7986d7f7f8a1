"""`Model`: the class that users derive from, and the metaclass that reads what they declare."""

import inspect
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import FrameType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import msgspec

from storehaus.errors import ModelDefinitionError
from storehaus.expr import Column
from storehaus.model.annotations import (
    annotation_scope,
    evaluated_annotations,
    raw_annotations,
)
from storehaus.model.body import struct_namespace
from storehaus.model.cache_params import CacheParams
from storehaus.model.constraints import Constraint
from storehaus.model.definition import TableOptions, checked_constraints, define
from storehaus.model.field import Field, field
from storehaus.model.inheritance import inherited_constraints, inherited_fields, inherited_option
from storehaus.model.interchange import (
    DATACLASS_FACTS,
    dataclass_facts,
    pydantic_core_schema,
    pydantic_json_schema,
)
from storehaus.model.layout import DeclaredField, check_body, declare, order
from storehaus.model.records import EventPayload, TableInfo
from storehaus.model.relation import DeclaredRelation, Relation
from storehaus.model.relation_declarations import (
    check_relations,
    declare_relations,
    inherited_relations,
)
from storehaus.model.relation_spec import related
from storehaus.model.routes import check_own_key

__all__ = ["Model", "ModelMeta"]


class ModelMeta(msgspec.StructMeta):
    """Reads a class body, lays the struct out and keeps its `TableInfo`."""

    @classmethod
    def __prepare__(
        cls, name: str, bases: tuple[type, ...], /, **keywords: Any
    ) -> dict[str, object]:
        """Refuse unknown class keywords, which would else be a TypeError about `__new__`."""
        known = cls.__new__.__kwdefaults__ or {}
        unknown = sorted(keywords.keys() - known.keys())
        if unknown:
            raise ModelDefinitionError(
                f"{name}: {unknown[0]}= is no class keyword; there are {', '.join(known)}",
                model=name,
                rule="class keywords of a model",
            )
        return {}

    def __new__(  # noqa: D102, PLR0913 - these are the class keywords, see Model
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        table: str | None = None,
        schema: str | None = None,
        soft_delete: bool | None = None,
        indexes: Iterable[Constraint] = (),
        comment: str | None = None,
        renamed_from: str | None = None,
        cache: CacheParams | None = None,
        external_writes: bool | None = None,
        durable: bool | None = None,
        event_payload: EventPayload | None = None,
        event_exclude: tuple[str, ...] | None = None,
    ) -> Any:
        own, related_here = _declarations(name, namespace, _caller())
        inherited = inherited_fields(name, bases, namespace)
        relations = inherited_relations(bases)
        check_relations(name, inherited.keys() | own.keys(), related_here.keys() | relations.keys())
        check_body(name, namespace, (inherited.keys() - own.keys()) | relations.keys())
        options = TableOptions(
            name=table,
            schema=inherited_option(bases, "schema", schema),
            soft_delete=inherited_option(bases, "soft_delete", soft_delete),
            indexes=(*inherited_constraints(bases), *checked_constraints(name, indexes)),
            comment=comment,
            renamed_from=renamed_from,
            cache=inherited_option(bases, "cache", cache),
            external_writes=inherited_option(bases, "external_writes", external_writes),
            durable=inherited_option(bases, "durable", durable),
            event_payload=inherited_option(bases, "event_payload", event_payload),
            event_exclude=inherited_option(bases, "event_exclude", event_exclude),
        )
        body = _without_annotations(namespace)
        if table is None:
            cls = _make_struct(mcs, name, bases, body)
            declared = {**inherited, **{key: (cls, each) for key, each in own.items()}}
            _keep(cls, declared, __declared__=declared, __shared__=options)
            _keep_relations(cls, relations, related_here)
            return cls
        fields = order(list(({key: each for key, (_, each) in inherited.items()} | own).values()))
        definition = define(name, options, fields)
        body |= struct_namespace(fields, definition.columns)
        related_here = {key: each.declared for key, each in relations.items()} | related_here
        cls = _make_struct(mcs, name, bases, body, holds_relations=bool(related_here))
        _keep(cls, cls.__struct_fields__, __table_info__=definition.table_info(cls))
        _keep_relations(cls, {}, related_here)
        return cls

    # Checkers must not see this, or any misspelt name would be a column of some type.
    if not TYPE_CHECKING:

        def __getattribute__(cls, name: str) -> Any:  # noqa: N805 - of a metaclass
            """Answer `User.name` with a column; `user.name` stays at C speed, not coming here."""
            try:
                value = _attribute(cls, name)
            except AttributeError:
                return _fallback(cls, name)
            if type(value) is MemberDescriptorType:
                return _attribute(cls, "__columns__").get(name, value)
            return value


# Faster than super(), and this runs at each use of a class.
_attribute = type.__getattribute__


def _fallback(cls: type[Any], name: str) -> Any:
    """Answer for the fields of an abstract class, and for what is worked out when it is asked."""
    facts = vars(cls)
    if name in DATACLASS_FACTS and "__table_info__" in facts:
        for key, fact in dataclass_facts(facts["__table_info__"]).items():
            type.__setattr__(cls, key, fact)
        return facts[name]
    columns: Mapping[str, Column[Any]] = facts.get("__columns__", {})
    if name not in columns:
        raise AttributeError(f"{cls.__name__} has no field or attribute {name!r}")
    return columns[name]


def _caller() -> FrameType:
    """Give the frame in which the class statement stands."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    assert frame is not None  # noqa: S101 - CPython has frames, and msgspec wants CPython
    return frame


def _declarations(
    name: str, namespace: dict[str, Any], frame: FrameType
) -> tuple[dict[str, DeclaredField], dict[str, DeclaredRelation]]:
    """Take fields and relations out of a class body."""
    annotations = raw_annotations(name, namespace)
    scope = annotation_scope(namespace, frame)
    relations = declare_relations(name, namespace, annotations, scope)
    evaluated = evaluated_annotations(name, annotations, scope)
    fields = {key: declare(name, key, value, namespace) for key, value in evaluated.items()}
    return fields, relations


def _make_struct(
    mcs: type[ModelMeta],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    *,
    holds_relations: bool = False,
) -> Any:
    # dict=False would be refused where a plain base class brings one along.
    options: dict[str, Any] = {"dict": True} if holds_relations else {}
    try:
        return msgspec.StructMeta.__new__(mcs, name, bases, namespace, **options)
    except TypeError as problem:
        raise ModelDefinitionError(f"{name}: {problem}", model=name) from problem


def _keep(cls: Any, names: Iterable[str], **facts: Any) -> None:
    """Write on the class what was found out; its own attributes cannot be assigned by users."""
    columns = {name: Column[Any](cls, name) for name in names}
    for key, fact in {"__columns__": columns, **facts}.items():
        type.__setattr__(cls, key, fact)


def _keep_relations(
    cls: Any,
    inherited: Mapping[str, Relation[Any, Any]],
    declared: Mapping[str, DeclaredRelation],
) -> None:
    """Write relations on the class; one with a table has those of its bases for itself."""
    info: TableInfo | None = cls.__dict__.get("__table_info__")
    own: dict[str, Relation[Any, Any]] = {
        name: Relation(cls, each) for name, each in declared.items()
    }
    for name, relation in own.items():
        if info is not None:
            check_own_key(info, relation.declared)
        type.__setattr__(cls, name, relation)
    type.__setattr__(cls, "__relations__", {**inherited, **own})


def _without_annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    # msgspec gets those of the fields only, evaluated and in the order of the instance.
    dropped = {"__annotations__", "__annotate__", "__annotate_func__"}
    return {key: value for key, value in namespace.items() if key not in dropped}


@dataclass_transform(field_specifiers=(field, related), kw_only_default=True)
class Model(msgspec.Struct, metaclass=ModelMeta):
    """Base of all models.

    A class with `table=` is a table, one without is abstract and gives its fields to those derived
    from it:

        class Airport(Model, table="airports", soft_delete=True):
            id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
            name: Field[str] = field(index=True, max_length=200)

    Class keywords:
        table: Name of the table; None makes an abstract class.
        schema: Schema of the table; None is that of the abstract classes, else the first of the
            connection's `search_path`.
        soft_delete: Whether `delete` only marks a row as inactive; None is what the abstract
            classes say, else False.
        indexes: `Index`, `Unique`, `Check`, `Exclude` and `ForeignKey` over several columns, in
            addition to those of the abstract classes.
        comment: Comment on the table.
        renamed_from: Earlier name of the table, for `auto_migrate`.
        cache: How rows are cached; None is what the abstract classes say, else not at all.
        external_writes: Whether others than stores write to a cached table (psql, another
            service): triggers then tell of it. None is what the abstract classes say, else False.
        durable: Whether triggers keep every write in the event log, for subscriptions. None is what
            the abstract classes say, else False.
        event_payload: How much of a row an event of the log holds: "full" (the row, and what an
            UPDATE replaced), "changed" (of an UPDATE only what it changed) or "keys" (the primary
            key alone). None is what the abstract classes say, else "full".
        event_exclude: Names of fields that no event holds. None is what the abstract classes say,
            else none.

    Class access gives columns (`Airport.name == "Frankfurt"` is a condition), instance access gives
    values. An instance is a `msgspec.Struct`: it compares by value, copies, pickles, and encodes
    with msgspec; the constructor does not check values, storing does.

    Raises:
        ModelDefinitionError: When the class is created, on anything wrong with the declaration.
    """

    if TYPE_CHECKING:
        __table_info__: ClassVar[TableInfo]
        __created_at__: ClassVar[Field[datetime]]
        __updated_at__: ClassVar[Field[datetime]]
        __tags__: ClassVar[Field[list[str]]]
        __is_active__: ClassVar[Field[bool]]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> dict[str, Any]:
        """Let Pydantic and FastAPI take the model as a field, a request or a response."""
        return pydantic_core_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        """Describe the model for OpenAPI."""
        return pydantic_json_schema(cls)

"""`Model`: the class that users derive from, and the metaclass that reads what they declare."""

import inspect
from collections.abc import Iterable
from datetime import datetime
from types import FrameType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import msgspec

from storehaus.errors import ModelDefinitionError
from storehaus.expr import Column
from storehaus.model.annotations import read_annotations
from storehaus.model.constraints import Constraint
from storehaus.model.definition import TableOptions, define
from storehaus.model.field import Field, field
from storehaus.model.interchange import pydantic_core_schema, pydantic_json_schema
from storehaus.model.layout import DeclaredField, declare, order, struct_namespace
from storehaus.model.records import TableInfo

__all__ = ["Model", "ModelMeta"]


class ModelMeta(msgspec.StructMeta):
    """Reads a class body, lays the struct out and keeps its `TableInfo`."""

    def __new__(  # noqa: D102, PLR0913 - these are the class keywords, see Model
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        table: str | None = None,
        schema: str | None = None,
        soft_delete: bool = False,
        indexes: Iterable[Constraint] = (),
        comment: str | None = None,
        renamed_from: str | None = None,
    ) -> Any:
        annotations = read_annotations(name, namespace, _caller())
        own = {key: declare(name, key, value, namespace) for key, value in annotations.items()}
        inherited = _inherited(name, bases)
        fields = {**inherited, **own}
        options = TableOptions(
            name=table,
            schema=schema,
            soft_delete=soft_delete,
            indexes=(*_inherited_indexes(bases), *indexes),
            comment=comment,
            renamed_from=renamed_from,
        )
        if table is None:
            return _abstract(mcs, name, bases, namespace, fields, options)
        ordered = order(list(fields.values()))
        definition = define(name, options, ordered)
        body = {**_without_annotations(namespace), **struct_namespace(ordered, definition.system)}
        cls = _make_struct(mcs, name, bases, body)
        columns = {key: Column[Any](cls, key) for key in cls.__struct_fields__}
        type.__setattr__(cls, "__columns__", columns)
        type.__setattr__(cls, "__table_info__", definition.table_info(cls))
        return cls

    def __getattribute__(cls, name: str) -> Any:  # noqa: N805 - of a metaclass
        """Answer `User.name` with a column; `user.name` never comes here and stays at C speed."""
        value = super().__getattribute__(name)
        if type(value) is MemberDescriptorType:
            return super().__getattribute__("__columns__").get(name, value)
        return value


def _caller() -> FrameType:
    """Give the frame in which the class statement stands."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    assert frame is not None  # noqa: S101 - CPython has frames, and msgspec wants CPython
    return frame


def _make_struct(
    mcs: type[ModelMeta], name: str, bases: tuple[type, ...], namespace: dict[str, Any]
) -> Any:
    try:
        return msgspec.StructMeta.__new__(mcs, name, bases, namespace)
    except TypeError as problem:
        raise ModelDefinitionError(f"{name}: {problem}", model=name) from problem


def _abstract(  # noqa: PLR0917 - one call, with the arguments of __new__
    mcs: type[ModelMeta],
    name: str,
    bases: tuple[type, ...],
    namespace: dict[str, Any],
    fields: dict[str, DeclaredField],
    options: "TableOptions",
) -> Any:
    cls = _make_struct(mcs, name, bases, _without_annotations(namespace))
    type.__setattr__(cls, "__declared__", fields)
    type.__setattr__(cls, "__abstract_options__", options)
    return cls


def _without_annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    dropped = {"__annotations__", "__annotate__", "__annotate_func__", "__classcell__"}
    kept = {key: value for key, value in namespace.items() if key not in dropped}
    if "__classcell__" in namespace:
        kept["__classcell__"] = namespace["__classcell__"]
    return kept


def _inherited(name: str, bases: tuple[type, ...]) -> dict[str, DeclaredField]:
    fields: dict[str, DeclaredField] = {}
    # The leftmost base wins, as everywhere in Python; so it comes last.
    for base in reversed(bases):
        if "__table_info__" in vars(base):
            raise ModelDefinitionError(
                f"{name}: {base.__name__} has a table of its own; only a class without table= can"
                " be derived from",
                model=name,
                rule="shared fields stand in an abstract class",
            )
        for key, declared in getattr(base, "__declared__", {}).items():
            fields.pop(key, None)
            fields[key] = declared
    return fields


def _inherited_indexes(bases: tuple[type, ...]) -> tuple[Constraint, ...]:
    options = [getattr(base, "__abstract_options__", None) for base in bases]
    return tuple(index for found in options if found for index in found.indexes)


@dataclass_transform(field_specifiers=(field,), kw_only_default=True)
class Model(msgspec.Struct, metaclass=ModelMeta):
    """Base of all models.

    A class with `table=` is a table, one without is abstract and gives its fields to those derived
    from it:

        class Airport(Model, table="airports", soft_delete=True):
            id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
            name: Field[str] = field(index=True, max_length=200)

    Class keywords:
        table: Name of the table; None makes an abstract class.
        schema: Schema of the table; None is the first of the connection's `search_path`.
        soft_delete: Whether `delete` only marks a row as inactive.
        indexes: `Index`, `Unique`, `Check`, `Exclude` and `ForeignKey` over several columns.
        comment: Comment on the table.
        renamed_from: Earlier name of the table, for `auto_migrate`.

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

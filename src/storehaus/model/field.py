"""`Field[T]` and `field(...)`: how one column is declared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from msgspec import UNSET, UnsetType

from storehaus.errors import ModelDefinitionError
from storehaus.expr import Column
from storehaus.model.records import NO_DEFAULT, Bounds, OnDelete

__all__ = ["Field", "FieldSpec", "field"]

T = TypeVar("T")


class Field(Generic[T]):
    """Annotation of a column: `name: Field[str]`.

    For type checkers it is a descriptor: `User.name` is a `Column[str]`, `user.name` is a `str`,
    and assigning an `int` is an error. At run time `Field[str]` is `str` itself, so an instance
    holds the plain value and nothing stands between it and its reader.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any], /) -> Column[T]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any], /) -> T: ...
        def __get__(self, instance: object, owner: type[Any], /) -> Any: ...
        def __set__(self, instance: object, value: T, /) -> None: ...

    else:

        def __class_getitem__(cls, item: Any) -> Any:
            return item


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """What `field(...)` was told, unchecked; the class keeps `ColumnInfo`s instead."""

    bounds: Bounds
    primary_key: bool = False
    default: Any = NO_DEFAULT
    default_factory: Any = None
    create: bool = True
    update: bool = True
    readonly: bool = False
    unique: bool = False
    index: bool = False
    soft_delete: bool = False
    version: bool = False
    references: "str | Column[Any] | None" = None
    on_delete: Any = None
    renamed_from: str | None = None
    generated: Any = None
    server_default: str | None = None
    column: str | None = None
    comment: str | None = None


@overload
def field(
    *,
    generated: Literal["identity"],
    init: Literal[False] = False,
    primary_key: bool = False,
    unique: bool = False,
    index: bool = False,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
) -> Any: ...
@overload
def field(
    *,
    version: Literal[True],
    init: Literal[False] = False,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
) -> Any: ...
@overload
def field(
    *,
    default: T,
    primary_key: bool = False,
    create: bool = True,
    update: bool = True,
    readonly: bool = False,
    unique: bool = False,
    index: bool = False,
    soft_delete: bool = False,
    references: str | Column[Any] | None = None,
    on_delete: OnDelete | None = None,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Field[T]: ...
@overload
def field(
    *,
    default_factory: Callable[[], T],
    primary_key: bool = False,
    create: bool = True,
    update: bool = True,
    readonly: bool = False,
    unique: bool = False,
    index: bool = False,
    references: str | Column[Any] | None = None,
    on_delete: OnDelete | None = None,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Field[T]: ...
@overload
def field(
    *,
    server_default: str,
    init: Literal[False] = False,
    primary_key: bool = False,
    create: bool = True,
    update: bool = True,
    readonly: bool = False,
    unique: bool = False,
    index: bool = False,
    references: str | Column[Any] | None = None,
    on_delete: OnDelete | None = None,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Any: ...
@overload
def field(
    *,
    server_default: str,
    default: UnsetType,
    primary_key: bool = False,
    create: bool = True,
    update: bool = True,
    readonly: bool = False,
    unique: bool = False,
    index: bool = False,
    references: str | Column[Any] | None = None,
    on_delete: OnDelete | None = None,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Any: ...
@overload
def field(
    *,
    primary_key: bool = False,
    create: bool = True,
    update: bool = True,
    unique: bool = False,
    index: bool = False,
    references: str | Column[Any] | None = None,
    on_delete: OnDelete | None = None,
    renamed_from: str | None = None,
    column: str | None = None,
    comment: str | None = None,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
) -> Any: ...
def field(
    *,
    init: bool = True,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    lt: Any = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    **declared: Any,
) -> Any:
    """Declare a column beyond its type.

    Args:
        primary_key: Part of the primary key. Two such fields make a composite one, whose ids are
            tuples in field order. Primary keys are never updated.
        default: Value of a new instance; a plain one is the column's DEFAULT too.
        default_factory: Makes the value of a new instance, for instance `uuid7` or `list`.
        create: False: what the caller gives on create is ignored; the default is stored.
        update: False: what the caller gives on update is ignored.
        readonly: Both of them.
        unique: No two rows (of a soft-deleting model: no two active rows) share a value.
        index: A btree index on the column.
        soft_delete: This boolean is the flag of active rows instead of `__is_active__`.
        version: This integer is the optimistic lock: it starts at 1 and grows with each update.
        references: `"table.column"`, `"schema.table.column"` or another model's column.
        on_delete: What becomes of this row when the referenced one is deleted; None refuses
            to delete it.
        renamed_from: Earlier name of the column, for `auto_migrate`.
        generated: `"identity"`: PostgreSQL counts it up; never sent, UNSET until stored.
        server_default: SQL of the column's DEFAULT, used where the field is left out; UNSET until
            stored. For type checkers it is no argument of the constructor, except together with
            `default=UNSET`.
        column: Name in the database, when it is not the field's.
        comment: Comment on the column.
        init: For type checkers only: whether it is an argument of the constructor.
        ge: Least value.
        gt: Value that must be exceeded.
        le: Greatest value.
        lt: Value that must not be reached.
        min_length: Fewest characters of a text, bytes of a `bytes`, items of a list.
        max_length: Most characters, bytes or items.
        pattern: Regular expression to be found in the text. Python and PostgreSQL must agree on
            it, so look-around, back-references, named groups and inline flags are refused.
        **declared: As above.

    Raises:
        ModelDefinitionError: On an unknown argument.
    """
    del init
    unknown = sorted(declared.keys() - FieldSpec.__dataclass_fields__.keys())
    if unknown:
        raise ModelDefinitionError(
            f"field(): unknown argument {unknown[0]!r}", rule="the arguments of field()"
        )
    if declared.get("default") is UNSET and "server_default" in declared:
        del declared["default"]
    bounds = Bounds(
        ge=ge,
        gt=gt,
        le=le,
        lt=lt,
        min_length=min_length,
        max_length=max_length,
        pattern=pattern,
    )
    return FieldSpec(bounds=bounds, **declared)

"""Python annotations to PostgreSQL types, once, when a class is created.

`column_type(annotation)` is the only door; everything later reads the frozen `ColumnType`.
"""

import sys
import types
import typing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

from storehaus.errors import ModelDefinitionError
from storehaus.model.documents import document_problem, is_document
from storehaus.model.identifiers import MAX_BYTES, identifier_problem, is_built_in_type, snake_case

__all__ = [
    "ColumnType",
    "Integer",
    "IntegerSize",
    "Kind",
    "Numeric",
    "SmallInt",
    "UnmappedTypeError",
    "column_type",
    "enum_labels",
    "split_optional",
]

Kind = Literal[
    "array",
    "boolean",
    "bytes",
    "cidr",
    "date",
    "enum",
    "float",
    "inet",
    "integer",
    "interval",
    "jsonb",
    "numeric",
    "text",
    "time",
    "timestamptz",
    "unknown",
    "uuid",
]


@dataclass(frozen=True, slots=True)
class IntegerSize:
    """Width of an integer column, written `Annotated[int, SmallInt]`.

    Attributes:
        sql: PostgreSQL's name of the type.
        bits: Width including the sign.
    """

    sql: str
    bits: int


SmallInt = IntegerSize("smallint", 16)
"""`Annotated[int, SmallInt]`: −32,768 … 32,767, two bytes."""

Integer = IntegerSize("integer", 32)
"""`Annotated[int, Integer]`: ±2,147,483,647, four bytes."""

_BIGINT = IntegerSize("bigint", 64)

_MAX_PRECISION = 1000


@dataclass(frozen=True, slots=True)
class Numeric:
    """Exact size of a Decimal column, written `Annotated[Decimal, Numeric(12, 2)]`.

    Args:
        precision: Digits in all, 1 … 1000.
        scale: Digits after the point, 0 … precision.

    Raises:
        ModelDefinitionError: When either is out of range.
    """

    precision: int
    scale: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.precision <= _MAX_PRECISION:
            rule = f"precision must be 1 … {_MAX_PRECISION}, not {self.precision}"
            raise ModelDefinitionError(f"Numeric: {rule}", rule=rule)
        if not 0 <= self.scale <= self.precision:
            rule = f"scale must be 0 … {self.precision}, not {self.scale}"
            raise ModelDefinitionError(f"Numeric: {rule}", rule=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """What PostgreSQL stores and how Python sees it.

    Attributes:
        kind: Family of the type; decides checks and conversions. No column is "unknown": that is
            what a function gives of which nothing is known.
        sql: Name in SQL. An enum's is its own name without schema.
        python: Type of a value in Python, without None.
        element: Type of an array's items, None for all else.
        element_nullable: Whether an array may hold NULLs.
        enum: The Enum class of an enum column.
        labels: Values an enum or Literal column accepts, as stored; empty for all else.
        low: Least integer that fits, None where there is no limit.
        high: Greatest integer that fits, None where there is no limit.
        numeric: Precision and scale of a sized Decimal.
    """

    kind: Kind
    sql: str
    python: Any
    element: "ColumnType | None" = None
    element_nullable: bool = False
    enum: type[Enum] | None = None
    labels: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    numeric: Numeric | None = None


class UnmappedTypeError(TypeError):
    """An annotation has no PostgreSQL type; the message says which one."""


_SCALARS: dict[Any, tuple[Kind, str]] = {
    str: ("text", "text"),
    float: ("float", "double precision"),
    bool: ("boolean", "boolean"),
    bytes: ("bytes", "bytea"),
    datetime: ("timestamptz", "timestamp with time zone"),
    date: ("date", "date"),
    time: ("time", "time without time zone"),
    timedelta: ("interval", "interval"),
    UUID: ("uuid", "uuid"),
    IPv4Address: ("inet", "inet"),
    IPv6Address: ("inet", "inet"),
    IPv4Network: ("cidr", "cidr"),
    IPv6Network: ("cidr", "cidr"),
}


def split_optional(annotation: Any) -> tuple[Any, bool]:
    """Take None out of an annotation: `str | None` gives `(str, True)`."""
    annotation = _named(annotation)
    origin, members = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, nullable = split_optional(members[0])
        return (Annotated[inner, *annotation.__metadata__], nullable)
    rest = tuple(member for member in members if member not in {None, type(None)})
    if len(rest) == len(members) or not rest:
        return annotation, False
    if origin is Literal:
        return Literal[rest], True
    if origin in {Union, types.UnionType}:
        return Union[rest], True  # noqa: UP007 - built at run time
    return annotation, False


def _named(annotation: Any) -> Any:
    """Look behind `NewType("UserId", int)` and `type UserId = int`."""
    while True:
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif sys.version_info >= (3, 12) and isinstance(annotation, typing.TypeAliasType):
            annotation = annotation.__value__
        else:
            return annotation


def column_type(annotation: Any) -> ColumnType:
    """Find the PostgreSQL type of an annotation without None.

    Raises:
        UnmappedTypeError: When there is none.
    """
    metadata: tuple[Any, ...] = ()
    annotation = _named(annotation)
    if get_origin(annotation) is Annotated:
        metadata = annotation.__metadata__
        annotation = _named(get_args(annotation)[0])
    if annotation is int:
        return _integer(metadata)
    if annotation is Decimal:
        return _numeric(metadata)
    _refuse_metadata(annotation, metadata)
    if annotation in _SCALARS:
        kind, sql = _SCALARS[annotation]
        return ColumnType(kind=kind, sql=sql, python=annotation)
    return _composed(annotation)


def _integer(metadata: tuple[Any, ...]) -> ColumnType:
    sizes = [item for item in metadata if isinstance(item, IntegerSize)]
    _refuse_metadata(int, [item for item in metadata if item not in sizes])
    size = sizes[0] if sizes else _BIGINT
    bound = 1 << (size.bits - 1)
    return ColumnType(kind="integer", sql=size.sql, python=int, low=-bound, high=bound - 1)


def _numeric(metadata: tuple[Any, ...]) -> ColumnType:
    sizes = [item for item in metadata if isinstance(item, Numeric)]
    _refuse_metadata(Decimal, [item for item in metadata if item not in sizes])
    if not sizes:
        return ColumnType(kind="numeric", sql="numeric", python=Decimal)
    size = sizes[0]
    sql = f"numeric({size.precision},{size.scale})"
    return ColumnType(kind="numeric", sql=sql, python=Decimal, numeric=size)


def _refuse_metadata(annotation: Any, metadata: typing.Sequence[Any]) -> None:
    if metadata:
        raise UnmappedTypeError(
            f"Annotated[{_name(annotation)}, {metadata[0]!r}] means nothing to a column;"
            " sizes are SmallInt and Integer for int, Numeric(precision, scale) for Decimal"
        )


def _composed(annotation: Any) -> ColumnType:
    origin = get_origin(annotation)
    if origin is Literal:
        return _literal(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation)
    if origin is list:
        return _list(annotation)
    if is_document(annotation):
        return _document(annotation)
    raise UnmappedTypeError(
        f"{_name(annotation)} has no PostgreSQL type; wrap it in a msgspec.Struct, a dataclass"
        " or a dict to store it as jsonb"
    )


def _document(annotation: Any) -> ColumnType:
    problem = document_problem(annotation)
    if problem:
        raise UnmappedTypeError(f"{_name(annotation)} cannot be stored as jsonb: {problem}")
    return ColumnType(kind="jsonb", sql="jsonb", python=annotation)


def _literal(annotation: Any) -> ColumnType:
    choices = get_args(annotation)
    if not all(isinstance(choice, str) for choice in choices):
        raise UnmappedTypeError(f"{annotation}: only strings can be choices of a column")
    if not all(map(_is_storable, choices)):
        raise UnmappedTypeError(f"{annotation}: PostgreSQL stores no NUL and no lone surrogate")
    return ColumnType(kind="text", sql="text", python=annotation, labels=tuple(choices))


def _enum(cls: type[Enum]) -> ColumnType:
    labels = enum_labels(cls)
    if not labels:
        raise UnmappedTypeError(f"{cls.__name__} is an Enum without members")
    if not all(_is_storable(label) and 1 <= len(label.encode()) <= MAX_BYTES for label in labels):
        raise UnmappedTypeError(f"{cls.__name__}: labels of a PostgreSQL enum have 1 … 63 bytes")
    sql = snake_case(cls.__name__)
    problem = identifier_problem(sql)
    if problem or is_built_in_type(sql):
        reason = problem or "PostgreSQL has a type of this name"
        raise UnmappedTypeError(f"the enum {cls.__name__} would be the type {sql!r}: {reason}")
    return ColumnType(kind="enum", sql=sql, python=cls, enum=cls, labels=labels)


def enum_labels(cls: type[Enum]) -> tuple[str, ...]:
    """Give the texts that members travel as, in their order: the values where all are texts.

    Else they are the members' names.

    Raises:
        UnmappedTypeError: When members can be combined, so that a value need not be a member.
    """
    if issubclass(cls, Flag) or cls.__hash__ is None:
        raise UnmappedTypeError(f"{cls.__name__} combines its members; store its value as an int")
    by_value = all(isinstance(member.value, str) for member in cls)
    return tuple(member.value if by_value else member.name for member in cls)


def _is_storable(text: str) -> bool:
    return "\x00" not in text and text == text.encode(errors="replace").decode()


def _list(annotation: Any) -> ColumnType:
    item, nullable = split_optional(get_args(annotation)[0])
    try:
        element = column_type(item)
    except UnmappedTypeError:
        element = None
    if element is None or element.kind in {"array", "jsonb"}:
        return _document(annotation)
    return ColumnType(
        kind="array",
        sql=f"{element.sql}[]",
        python=annotation,
        element=element,
        element_nullable=nullable,
    )


def _name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)

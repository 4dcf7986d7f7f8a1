"""Python annotations and the PostgreSQL types they become."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pytest

from storehaus.errors import ModelDefinitionError
from storehaus.model import ColumnType, Field, Integer, Model, Numeric, SmallInt, field
from storehaus.model.types import UnmappedTypeError, column_type, split_optional

T = TypeVar("T")
UserId = NewType("UserId", UUID)


class OrderState(Enum):
    """Labels are the values, all of them texts."""

    OPEN = "open"
    PAID = "paid & sent"
    DONE = "paid & sent"  # an alias is no label  # noqa: PIE796


class HTTPCode(IntEnum):
    """Labels are the names, for the values are numbers."""

    OK = 200


class Point(msgspec.Struct):
    """A struct."""

    x: int


class Box(msgspec.Struct, Generic[T]):
    """A generic struct."""

    value: T


class Cat(msgspec.Struct, tag=True):
    """One of a union."""

    lives: int


class Dog(msgspec.Struct, tag=True):
    """The other one."""

    name: str


class Node(msgspec.Struct):
    """Refers to itself."""

    children: list["Node"]


class Movie(TypedDict):
    """A typed dict."""

    title: str


@dataclass(frozen=True)
class Size:
    """A dataclass."""

    width: int


MAPPED: dict[Any, str] = {
    str: "text",
    int: "bigint",
    Annotated[int, SmallInt]: "smallint",
    Annotated[int, Integer]: "integer",
    float: "double precision",
    bool: "boolean",
    Decimal: "numeric",
    Annotated[Decimal, Numeric(12, 2)]: "numeric(12,2)",
    bytes: "bytea",
    datetime: "timestamp with time zone",
    date: "date",
    time: "time without time zone",
    timedelta: "interval",
    UUID: "uuid",
    UserId: "uuid",
    IPv4Address: "inet",
    IPv6Address: "inet",
    IPv4Network: "cidr",
    IPv6Network: "cidr",
    OrderState: "order_state",
    HTTPCode: "http_code",
    Literal["a", "b"]: "text",
    list[str]: "text[]",
    list[int | None]: "bigint[]",
    list[Annotated[int, SmallInt]]: "smallint[]",
    list[OrderState]: "order_state[]",
    list[Literal["a"]]: "text[]",
    list[UserId]: "uuid[]",
    list: "jsonb",
    list[list[int]]: "jsonb",
    list[Point]: "jsonb",
    list[Any]: "jsonb",
    dict: "jsonb",
    dict[str, object]: "jsonb",
    dict[date, int]: "jsonb",
    Point: "jsonb",
    Box[int]: "jsonb",
    Node: "jsonb",
    Size: "jsonb",
    Movie: "jsonb",
    Cat | Dog: "jsonb",
}


@pytest.mark.parametrize(
    ("annotation", "sql"), MAPPED.items(), ids=lambda value: str(value).replace("/", "")
)
def test_annotation_has_its_type(annotation: Any, sql: str) -> None:
    """Every type of the contract, alone and nullable."""
    assert column_type(annotation).sql == sql

    inner, nullable = split_optional(Optional[annotation])  # noqa: UP045 - built at run time
    assert nullable
    assert column_type(inner).sql == sql


@pytest.mark.parametrize(
    "annotation",
    [complex, object, set[int], tuple[int, ...], bytearray, int | str, Literal[1], Point | int],
    ids=str,
)
def test_annotation_without_type_is_refused(annotation: Any) -> None:
    """Nothing is guessed."""
    with pytest.raises(UnmappedTypeError):
        column_type(annotation)


def test_none_in_a_literal_makes_it_nullable() -> None:
    """`Literal["a", None]` is `Literal["a"] | None`."""
    assert split_optional(Literal["a", None]) == (Literal["a"], True)  # noqa: PYI061 - both spellings count


def test_labels_of_an_enum_are_values_where_they_are_texts() -> None:
    """Else names, and aliases count once."""
    assert column_type(OrderState).labels == ("open", "paid & sent")
    assert column_type(HTTPCode).labels == ("OK",)


def test_items_of_an_array_may_be_null_only_where_they_say_so() -> None:
    """`list[str]` holds no None, `list[str | None]` does."""
    assert not column_type(list[str]).element_nullable
    assert column_type(list[str | None]).element_nullable


@pytest.mark.parametrize(("precision", "scale"), [(0, 0), (1001, 0), (2, 3), (5, -1)])
def test_size_of_a_numeric_is_checked(precision: int, scale: int) -> None:
    """Precision 1 … 1000, scale 0 … precision."""
    with pytest.raises(ModelDefinitionError, match=r"precision|scale"):
        Numeric(precision, scale)


def test_record_of_a_type_is_public() -> None:
    """Tools read it."""
    assert isinstance(column_type(str), ColumnType)


def test_enum_with_strings_as_a_mixin_type() -> None:
    """StrEnum members travel as labels, not as texts."""

    class Mood(StrEnum):
        GOOD = "good"

    class Person(Model, table="people"):
        mood: Field[Mood] = field(default=Mood.GOOD)

    assert Person.__table_info__.by_name["mood"].default_sql == "'good'"

"""What Python refuses before writing, PostgreSQL refuses from anybody: the CHECKs of bounds."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import asyncpg
import pytest

from storehaus.errors import ValidationError
from storehaus.migrations import schema_statements
from storehaus.model import Field, Integer, Model, Numeric, field
from storehaus.model.validation import check_value

pytestmark = pytest.mark.anyio


class Item(Model, table="items"):
    """Bounds of every kind on every type that takes them."""

    id: Field[int] = field(primary_key=True)
    price: Field[Annotated[Decimal, Numeric(12, 2)]] = field(
        ge=0, default=Decimal(1), column="cost"
    )
    share: Field[float] = field(gt=-1, lt=1.5, default=0.0)
    size: Field[Annotated[int, Integer]] = field(le=-5, default=-5)
    day: Field[date] = field(ge=date(2000, 1, 1), le=date.max, default=date.max)
    at: Field[datetime] = field(
        ge=datetime(2000, 1, 1, tzinfo=UTC), default=datetime(2026, 1, 1, tzinfo=UTC)
    )
    wait: Field[timedelta] = field(lt=timedelta(days=1, seconds=2), default=timedelta(0))
    name: Field[str] = field(min_length=1, max_length=4, pattern=r"^[a-z'\w]+$", default="it's")
    data: Field[bytes] = field(max_length=4, default=b"\x00'")
    tags: Field[list[str] | None] = field(min_length=1, default=None)
    kind: Field[Literal["a", "it's"]] = field(default="it's")
    kinds: Field[list[Literal["a"] | None]] = field(default_factory=list)


WRONG: list[tuple[str, Any]] = [
    ("price", Decimal("-0.01")),
    ("share", -1.0),
    ("share", 1.5),
    ("size", -4),
    ("day", date(1999, 12, 31)),
    ("at", datetime(1999, 12, 31, 23, 59, tzinfo=UTC)),
    ("wait", timedelta(days=1, seconds=2)),
    ("name", ""),
    ("name", "abcde"),
    ("name", "a-b"),
    ("name", "é"),
    ("name", "a\n"),
    ("data", b"abcde"),
    ("tags", []),
    ("kind", "b"),
    ("kinds", ["a", "b"]),
]

RIGHT: list[tuple[str, Any]] = [
    ("price", Decimal(0)),
    ("share", 1.4999999999999998),
    ("size", -(2**31)),
    ("day", date(2000, 1, 1)),
    ("day", date.max),
    ("at", datetime(2000, 1, 1, tzinfo=UTC)),
    ("wait", timedelta(days=1, seconds=1, microseconds=999_999)),
    ("name", "a'_9"),
    ("data", b"\xff\x00"),
    ("tags", ["a"]),
    ("tags", None),
    ("kind", "a"),
    ("kinds", ["a", None]),
]


@pytest.fixture
async def row(postgres_url: str) -> Any:
    """A connection to a database with one item, made of the columns' defaults."""
    connection = await asyncpg.connect(postgres_url)
    for statement in schema_statements([Item]):
        await connection.execute(statement)
    await connection.execute("INSERT INTO items (id) VALUES (1)")
    yield connection
    await connection.close()


async def test_database_refuses_what_python_refuses(row: asyncpg.Connection) -> None:
    """Each value breaks a CHECK that bears the column's name, and is a ValidationError before."""
    for name, value in WRONG:
        column = Item.__table_info__.by_name[name]
        with pytest.raises(ValidationError):
            check_value("Item", column, value)
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await row.execute(f"UPDATE items SET {column.column} = $1", value)
        assert f"items_{column.column}_" in str(caught.value.constraint_name)


async def test_database_takes_what_python_takes(row: asyncpg.Connection) -> None:
    """The limits themselves, NULL where it is allowed, and NULLs within arrays."""
    for name, value in RIGHT:
        column = Item.__table_info__.by_name[name]
        check_value("Item", column, value)
        await row.execute(f"UPDATE items SET {column.column} = $1", value)


async def test_defaults_in_the_database_are_those_of_the_fields(row: asyncpg.Connection) -> None:
    """A row from elsewhere gets what a new instance has."""
    stored = await row.fetchrow("SELECT * FROM items")
    made = Item(id=1)

    for column in Item.__table_info__.columns:
        if not column.system:
            assert stored[column.column] == getattr(made, column.name)

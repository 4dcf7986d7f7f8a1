"""What goes through the escape hatches, as both checkers see it."""

from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, assert_type

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, text, update

from storehaus import (
    Field,
    Identifier,
    Model,
    ResultRows,
    Row,
    SqlTemplate,
    StoreHaus,
    field,
    identifier,
    sql,
    sqlalchemy_table,
)
from storehaus.sql import QueryBuilder
from storehaus.sql.recipes import compile_find


class Thing(Model, table="things"):
    """A table."""

    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Stats(msgspec.Struct):
    """A struct for rows."""

    name: str
    n: int


@dataclass
class Count:
    """A dataclass for rows."""

    n: int


class Pair(NamedTuple):
    """A named tuple for rows."""

    a: int
    b: str


def typed(row: Row[int, str], unknown: str) -> None:
    """A row whose types are known is a tuple of them."""
    n, name = row
    assert_type(n, int)
    assert_type(name, str)
    assert_type(row[1], str)
    assert_type(row.n, Any)
    assert_type(row.count, Any)
    assert_type(identifier(unknown), Identifier)


async def escape(haus: StoreHaus, wanted: str) -> None:
    """Text stands in the program, values come from anywhere."""
    assert_type(sql("SELECT {x}", x=wanted), SqlTemplate)
    where: LiteralString = "WHERE id = {id}" if wanted else ""
    part = sql(where, id=1)
    assert_type(sql("SELECT {c} FROM {t} {part}", c=Thing.id, t=Thing, part=part), SqlTemplate)
    rows = await haus.fetch(sql("SELECT 1 AS n"))
    assert_type(rows[0].n, Any)
    assert_type(rows[0][0], Any)
    assert_type(await haus.fetch(sql("SELECT 1 AS n"), into=Stats), list[Stats])
    assert_type(await haus.fetch(sql("SELECT 1 AS n"), into=Count), list[Count])
    assert_type(await haus.fetch(sql("SELECT 1 AS n"), into=Pair), list[Pair])


async def core(haus: StoreHaus) -> None:
    """Every kind of statement that SQLAlchemy Core has."""
    things = sqlalchemy_table(Thing)
    found = await haus.execute(select(things).where(things.c.id.in_([1, 2])))
    assert_type(found, ResultRows)
    assert_type(found.row_count, int)
    assert_type(found[0].name, Any)
    await haus.execute(insert(things).values(id=1, name="x").returning(things.c.id))
    await haus.execute(update(things).values(name="y"), {"b": 1})
    await haus.execute(delete(things).where(things.c.id == bindparam("b")), {"b": 1})
    await haus.execute(text("SELECT 1"))
    await haus.execute(func.now())


def package() -> None:
    """The package of the same name is where it was."""
    assert_type(QueryBuilder(Thing), QueryBuilder[Thing])
    assert_type(compile_find(Thing.__table_info__, QueryBuilder(Thing)).text, str)

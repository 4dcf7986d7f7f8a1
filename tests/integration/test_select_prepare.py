"""PostgreSQL takes every golden query: the text is valid and each value fits its parameter."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from golden_queries import Golden, Thing
from goldens import GOLDENS, MODELS
from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.expr import Condition
from storehaus.model import ColumnType, TableInfo
from storehaus.model.literals import literal
from storehaus.query import QueryFilter
from storehaus.sql import (
    QueryBuilder,
    cast_name,
    compile_find,
    quote_identifier,
    render_literal_condition,
    table_name,
)

pytestmark = pytest.mark.anyio

INFO = Thing.__table_info__

HOSTILE = [
    "'",
    '"',
    "''",
    "$1",
    "%s",
    "%",
    "_",
    "\\",
    "\\%",
    ";--",
    "*/",
    "{}",
    "{a,b}",
    "\n",
    "🦊",
]
HOSTILE += ["NULL", "x' OR 'a'='a", "é", "e\u0301", " ", "", "x" * 65_536]


@pytest.fixture
async def driver(postgres_url: str) -> AsyncIterator[Driver]:
    """A driver on a database with the tables of the golden queries."""
    made = AsyncpgDriver({"dsn": postgres_url}, max_connections=1)
    await made.open()
    for model in MODELS:
        for statement in _ddl(model.__table_info__):
            await made.fetch(statement)
    yield made
    await made.close(grace_seconds=0.0)


async def test_every_golden_query_runs(driver: Driver) -> None:
    """No text is refused and no value is, the server's inference of types included."""
    refused: dict[str, str] = {}
    for golden in GOLDENS:
        statement = golden.make()
        try:
            await driver.fetch(statement.text, statement.params)
        except Exception as error:  # noqa: BLE001 - all of them are to be seen at once
            refused[golden.name] = f"{error} in {statement.text}"

    assert not refused


async def test_conditions_work_as_constraints(driver: Driver) -> None:
    """The literal form of every condition is valid in a CHECK."""
    refused: dict[str, str] = {}
    for golden in _conditions():
        assert golden.condition is not None
        text = render_literal_condition(MODELS[0].__table_info__, golden.condition)
        try:
            await driver.fetch(f'ALTER TABLE "things" ADD CHECK ({text})')
        except Exception as error:  # noqa: BLE001 - all of them are to be seen at once
            refused[golden.name] = f"{error} in {text}"

    assert not refused


async def test_hostile_texts_are_found_exactly(driver: Driver) -> None:
    """A text matches itself only, as value, in a list, as part, as tag and as item."""
    insert = 'INSERT INTO "things" ("id", "name", "labels", "__tags__") VALUES ($1, $2, $3, $3)'
    for text in HOSTILE:
        await driver.fetch(insert, (uuid4(), f"<{text}>", [text]))

    for text in HOSTILE:
        for condition in (
            Thing.name == f"<{text}>",
            Thing.name.in_([f"<{text}>"]),
            Thing.name.startswith(f"<{text}>"),
            Thing.name.endswith(f"<{text}>"),
            Thing.name.contains(f"<{text}>"),
            Thing.labels.any_(text),
            Thing.labels.contains([text]),
            QueryFilter.has_any_tag([text]),
        ):
            statement = compile_find(INFO, QueryBuilder(Thing).filter(condition))
            rows = await driver.fetch(statement.text, statement.params)
            assert [row[INFO.by_name["name"].position] for row in rows] == [f"<{text}>"]


async def test_null_in_a_list_stands_for_null(driver: Driver) -> None:
    """`in_` with None finds NULL, `not_in` with None leaves it out, as `not_in` without does."""
    for nick in ("a", "b", None):
        await driver.fetch(
            'INSERT INTO "things" ("id", "name", "nick") VALUES ($1, \'x\', $2)', (uuid4(), nick)
        )

    async def found(condition: Condition) -> set[str | None]:
        statement = compile_find(INFO, QueryBuilder(Thing).filter(condition))
        rows = await driver.fetch(statement.text, statement.params)
        return {row[INFO.by_name["nick"].position] for row in rows}

    assert await found(Thing.nick.in_(["a", None])) == {"a", None}
    assert await found(~Thing.nick.in_(["a", None])) == {"b"}
    assert await found(Thing.nick.not_in(["a", None])) == {"b"}
    assert await found(Thing.nick.not_in(["a"])) == {"b"}
    assert await found(Thing.nick.not_in([])) == {"a", "b", None}
    assert await found(Thing.nick.in_([])) == set()


def _conditions() -> Iterator[Golden]:
    return (golden for golden in GOLDENS if golden.condition is not None)


def _ddl(info: TableInfo) -> Iterator[str]:
    if info.schema is not None:
        yield f"CREATE SCHEMA {quote_identifier(info.schema)}"
    for column_type in {column.type.sql: column.type for column in info.columns}.values():
        if column_type.enum is not None:
            labels = ", ".join(map(literal, column_type.labels))
            yield f"CREATE TYPE {table_name(info, column_type.sql)} AS ENUM ({labels})"
    columns = ", ".join(
        f"{quote_identifier(column.column)} {_type(info, column.type)}" for column in info.columns
    )
    yield f"CREATE TABLE {table_name(info)} ({columns})"


def _type(info: TableInfo, column_type: ColumnType) -> str:
    if column_type.numeric is not None:
        return column_type.sql
    return cast_name(info.schema, column_type)

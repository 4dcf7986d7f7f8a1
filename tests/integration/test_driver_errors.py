"""Errors of a real server, as they reach a caller of the driver."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from storehaus.driver import Driver
from storehaus.driver.asyncpg_driver import AsyncpgDriver
from storehaus.errors import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    DeadlockDetected,
    ExclusionViolation,
    ForeignKeyViolation,
    NotNullViolation,
    QueryError,
    SerializationFailure,
    StorehausError,
    UniqueViolation,
)

pytestmark = pytest.mark.anyio

SECRET = "4111 1111 1111 1111"

SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE card (
    number text UNIQUE,
    owner text NOT NULL DEFAULT 'x',
    parent_id int CONSTRAINT card_parent REFERENCES parent,
    digits int CONSTRAINT card_digits CHECK (digits > 0),
    during int4range,
    EXCLUDE USING gist (during WITH &&)
);
INSERT INTO parent VALUES (1);
INSERT INTO card VALUES ('4111 1111 1111 1111', 'x', 1, 16, '[1,5)');
"""


@pytest.fixture
async def driver(postgres_url: str) -> AsyncIterator[AsyncpgDriver]:
    """A driver on a database with one constraint of every kind."""
    made = AsyncpgDriver({"dsn": postgres_url})
    await made.open()
    async with made.acquire() as connection:
        await connection.execute(SCHEMA)
    yield made
    await made.close(grace_seconds=0.0)


@pytest.mark.parametrize(
    ("text", "params", "expected", "constraint", "fields"),
    [
        (
            "INSERT INTO card (number) VALUES ($1)",
            (SECRET,),
            UniqueViolation,
            "card_number_key",
            (),
        ),
        ("INSERT INTO card (owner) VALUES ($1)", (None,), NotNullViolation, None, ("owner",)),
        ("INSERT INTO card (parent_id) VALUES (2)", (), ForeignKeyViolation, "card_parent", ()),
        ("DELETE FROM parent", (), ForeignKeyViolation, "card_parent", ()),
        ("INSERT INTO card (digits) VALUES (0)", (), CheckViolation, "card_digits", ()),
        (
            "INSERT INTO card (during) VALUES ('[2,3)')",
            (),
            ExclusionViolation,
            "card_during_excl",
            (),
        ),
    ],
)
async def test_violation_names_its_constraint(  # noqa: PLR0917 - one row of the table above each
    driver: Driver,
    text: str,
    params: Sequence[object],
    expected: type[ConstraintViolation],
    constraint: str | None,
    fields: tuple[str, ...],
) -> None:
    """Class, table, constraint and column come from the server's report."""
    with pytest.raises(ConstraintViolation) as caught:
        await driver.fetch(text, params)

    error = caught.value
    assert type(error) is expected
    assert (error.table, error.constraint, error.fields) == ("card", constraint, fields)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("INSERT INTO card (number) VALUES ($1)", (SECRET,)),
        ("INSERT INTO card (number, digits) VALUES ($1, 0)", (SECRET,)),
        ("SELECT $1::text::int", (SECRET,)),
        ("SELECT $1::text::jsonb", (SECRET,)),
        ("SELECT $1::int", (SECRET,)),
        ("SELECT $1::jsonb", (SECRET.encode(),)),
        ("SELECT $1::text::date", (SECRET,)),
    ],
)
async def test_error_never_holds_a_value(
    driver: Driver, text: str, params: Sequence[object]
) -> None:
    """Neither message nor attributes nor a printed traceback repeat what was sent."""
    with pytest.raises(StorehausError) as caught:
        await driver.fetch(text, params)

    printed = "".join(traceback.format_exception(caught.value))
    assert SECRET not in printed + repr(vars(caught.value)) + repr(caught.value.context)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("SELECT $1::int", ("one",)),
        ("SELECT $1::int", (2**31,)),
        ("SELECT $1::int", ()),
        ("SELECT 1", (1,)),
        ("SELECT $1::text", ("\ud800",)),
        ("SELECT $1::jsonb", ("not bytes",)),
        ("SELECT $1::json", (3,)),
        ("SELECT '20000-01-01'::date", ()),
    ],
)
async def test_value_that_does_not_travel_is_a_query_error(
    driver: Driver, text: str, params: Sequence[object]
) -> None:
    """What asyncpg cannot encode or decode is never a raw error of asyncpg's or Python's."""
    with pytest.raises(QueryError):
        await driver.fetch(text, params)

    assert len(await driver.fetch("SELECT 1")) == 1


@pytest.mark.parametrize("prepared_statements", [True, False])
async def test_value_that_does_not_travel_leaves_no_lock(
    postgres_url: str, *, prepared_statements: bool
) -> None:
    """It is found out when the server has read the statement, and with it locked the table."""
    driver = AsyncpgDriver({"dsn": postgres_url}, prepared_statements=prepared_statements)
    other = await asyncpg.connect(postgres_url)
    await driver.open()
    await other.execute("CREATE TABLE t (a int)")
    with pytest.raises(QueryError):
        await driver.fetch("SELECT a FROM t WHERE a = $1", ("seven",))

    await other.execute("SET lock_timeout = '10s'; DROP TABLE t")
    await driver.close()
    await other.close()


@pytest.mark.parametrize(
    "rows", [[("a", "not a number")], [("a",)], [("a", 2**31)], [("\ud800", 1)], [(1, 1)]]
)
async def test_row_that_does_not_fit_copy_is_a_query_error(
    driver: Driver, rows: list[tuple[Any, ...]]
) -> None:
    """COPY with a wrong row writes nothing and leaves the connection usable."""
    async with driver.acquire() as connection:
        with pytest.raises(QueryError):
            await connection.copy_in("card", ["owner", "digits"], rows)

        assert len(await connection.fetch("SELECT 1 FROM card")) == 1


async def test_copy_that_breaks_a_rule_is_a_violation(driver: Driver) -> None:
    """COPY raises the same errors as INSERT."""
    async with driver.acquire() as connection:
        with pytest.raises(CheckViolation):
            await connection.copy_in("card", ["digits"], [(1,), (0,)])


async def test_unknown_name_is_told(driver: Driver) -> None:
    """For a mistake in the statement PostgreSQL's own sentence is kept."""
    with pytest.raises(DatabaseError, match="nonsense") as caught:
        await driver.fetch("SELECT * FROM nonsense")

    assert caught.value.sqlstate == "42P01"


async def test_lock_that_is_taken_is_a_database_error(driver: Driver) -> None:
    """NOWAIT gives SQLSTATE 55P03."""
    async with driver.acquire() as holder, driver.acquire() as other:
        await holder.begin()
        await holder.fetch("SELECT 1 FROM parent FOR UPDATE")
        with pytest.raises(DatabaseError) as caught:
            await other.fetch("SELECT 1 FROM parent FOR UPDATE NOWAIT")

    assert caught.value.sqlstate == "55P03"


async def test_collision_of_serializable_transactions_is_transient(driver: Driver) -> None:
    """The second of two that read what the other writes has to be replayed."""
    async with driver.acquire() as one, driver.acquire() as two:
        for connection in (one, two):
            await connection.begin(isolation="serializable")
            await connection.fetch("SELECT * FROM parent")
        await one.fetch("INSERT INTO parent VALUES (10)")
        await two.fetch("INSERT INTO parent VALUES (11)")
        await one.commit()
        with pytest.raises(SerializationFailure) as caught:
            await two.commit()
        assert not two.in_transaction

    assert caught.value.is_transient


async def test_deadlock_is_transient(driver: Driver) -> None:
    """One of two that wait for each other is told so, the other goes on."""
    await driver.fetch("INSERT INTO parent VALUES (2)")
    async with driver.acquire() as one, driver.acquire() as two:
        for connection, number in ((one, 1), (two, 2)):
            await connection.begin()
            await connection.execute("SET LOCAL deadlock_timeout = '50ms'")
            await connection.fetch("SELECT 1 FROM parent WHERE id = $1 FOR UPDATE", (number,))
        outcomes = await asyncio.gather(
            one.fetch("SELECT 1 FROM parent WHERE id = 2 FOR UPDATE"),
            two.fetch("SELECT 1 FROM parent WHERE id = 1 FOR UPDATE"),
            return_exceptions=True,
        )

    (deadlock,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert isinstance(deadlock, DeadlockDetected)
    assert deadlock.is_transient


async def test_deferred_constraint_fails_the_commit(driver: Driver) -> None:
    """What is checked at COMMIT is a violation, not an unknown outcome."""
    await driver.fetch(
        "ALTER TABLE card ALTER CONSTRAINT card_parent DEFERRABLE INITIALLY DEFERRED"
    )
    async with driver.acquire() as connection:
        await connection.begin()
        await connection.fetch("INSERT INTO card (parent_id) VALUES (99)")
        with pytest.raises(ForeignKeyViolation):
            await connection.commit()

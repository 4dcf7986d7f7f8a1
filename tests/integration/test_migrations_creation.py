"""New tables: names, order, schemas, triggers, the script, and who else is at it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from fix_migrations import Ground
from storehaus.errors import ConnectionFailed, MigrationError
from storehaus.migrations import migrate, schema_sql, sqlalchemy_table
from storehaus.model import Check, Exclude, Field, Index, Model, Unique, field

pytestmark = pytest.mark.anyio


class Mood(Enum):
    """An enum of two tables."""

    GOOD = "good"
    BAD = "bad"


class Author(Model, table="authors", soft_delete=True, comment="who writes"):
    """A model with a little of everything."""

    id: Field[int] = field(primary_key=True, generated="identity")
    name: Field[str] = field(max_length=50, unique=True, comment="as printed")
    mood: Field[Mood] = field(default=Mood.GOOD)
    best: Field[int | None] = field(default=None, references="books.id", on_delete="set null")


class Book(
    Model,
    table="books",
    indexes=(
        Index("title", where="title <> ''", include=("year",)),
        Unique("title", "year"),
        Check("year > 0 OR title ~ '^(?:a:b|100%)$'", name="books_sane"),
        Exclude(("title", "="), ("author", "<>")),
    ),
):
    """References the other one, which references it."""

    id: Field[int] = field(primary_key=True)
    title: Field[str]
    year: Field[int] = field(default=1)
    moods: Field[list[Mood]] = field(default_factory=list)
    author: Field[int] = field(references="authors.id", index=True)


async def test_second_run_does_nothing(ground: Ground) -> None:
    """A model that did not change runs no statement."""
    first = await ground.migrate(Author, Book)
    second = await ground.migrate(Author, Book)

    assert first.created == ("authors", "books")
    assert second.statements == ()
    assert second.created == ()


async def test_report_tells_statements_apart(ground: Ground) -> None:
    """Each table's report holds its own statements, and together they are all."""
    report = await ground.migrate(Author, Book)

    assert [each.table for each in report.tables] == ["authors", "books"]
    assert "CREATE TABLE" in "".join(report.tables[1].statements)
    assert sorted(report.statements) == sorted(
        statement for each in report.tables for statement in each.statements
    )


async def test_tables_may_reference_each_other(ground: Ground) -> None:
    """A cycle of references is no obstacle, in whatever order the models come."""
    await ground.migrate(Book, Author)

    targets = await ground.rows(
        "SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
    )
    assert sorted(targets) == [("authors",), ("books",)]


async def test_script_makes_the_same(ground: Ground) -> None:
    """What `schema_sql` writes leaves nothing to migrate."""
    await ground.run(schema_sql([Author, Book]))

    report = await ground.migrate(Author, Book)

    assert report.statements == ()


async def test_sqlalchemy_makes_the_same_tables(ground: Ground) -> None:
    """The exported table has the same columns, constraints and indexes."""
    await ground.migrate(Author, Book)
    made = await ground.snapshot()
    metadata = sa.MetaData()
    for model in (Author, Book):
        sqlalchemy_table(model, metadata)
    await ground.run("DROP TABLE authors, books; DROP TYPE mood")
    await ground.run(ddl(metadata))

    exported = await ground.snapshot()
    assert without_comments(exported["constraints"]) == without_comments(made["constraints"])
    assert [row[0] for row in exported["indexes"]] == [row[0] for row in made["indexes"]]
    assert [row[:6] for row in exported["columns"]] == [row[:6] for row in made["columns"]]


def without_comments(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Constraints without their marks."""
    return [row[:-1] for row in rows]


def ddl(metadata: sa.MetaData) -> str:
    """What SQLAlchemy would run to create everything."""
    statements: list[str] = []

    def keep(statement: sa.schema.ExecutableDDLElement, *_: Any, **__: Any) -> None:
        statements.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("postgresql+asyncpg://", keep)
    metadata.create_all(engine, checkfirst=False)
    return ";".join(statements)


async def test_schemas_are_made(ground: Ground) -> None:
    """A model's schema is created; its enums and its trigger's function live there."""

    class Order(Model, table="order", schema="Shop"):
        id: Field[int] = field(primary_key=True)
        user: Field[str] = field(index=True, column="User", max_length=9)
        mood: Field[Mood] = field(default=Mood.BAD)
        parent: Field[int | None] = field(default=None, references="order.id")

    class Line(Model, table="line", schema="Shop"):
        id: Field[int] = field(primary_key=True)
        order: Field[int] = field(references=Order.id)

    await ground.migrate(Line, Order)
    report = await ground.migrate(Line, Order)

    assert report.statements == ()
    assert await ground.value("""SELECT to_regproc('"Shop".storehaus_touch')""")
    assert await ground.value("""SELECT to_regtype('"Shop".mood')""")


async def test_search_path_decides_without_schema(ground: Ground) -> None:
    """A model without schema lives in the first one of `search_path`."""
    await ground.run("CREATE SCHEMA first; CREATE SCHEMA second")
    arguments = {"dsn": ground.url, "server_settings": {"search_path": "first, second, public"}}

    await migrate(arguments, [Author, Book])
    report = await migrate(arguments, [Author, Book])

    assert report.statements == ()
    assert await ground.value("SELECT to_regclass('first.books')::text") == "first.books"
    assert await ground.value("SELECT to_regclass('public.books')") is None


async def test_search_path_without_schema_is_an_error(ground: Ground) -> None:
    """Where no schema of `search_path` exists the error says so."""
    arguments = {"dsn": ground.url, "server_settings": {"search_path": "nowhere"}}

    with pytest.raises(MigrationError, match="search_path"):
        await migrate(arguments, [Author, Book])


async def test_reference_goes_to_a_table_that_is_there(ground: Ground) -> None:
    """A referenced table that was migrated earlier need not be named again."""

    class Shelf(Model, table="shelves"):
        id: Field[int] = field(primary_key=True)
        book: Field[int] = field(references=Book.id)

    await ground.migrate(Author, Book)

    await ground.migrate(Shelf)
    assert (await ground.migrate(Shelf)).statements == ()


async def test_every_word_is_a_name(ground: Ground) -> None:
    """Each keyword of PostgreSQL can be the name of a column."""
    words = [word for (word,) in await ground.rows("SELECT word FROM pg_get_keywords()")]
    namespace: dict[str, Any] = {"__annotations__": {"id": int}, "id": field(primary_key=True)}
    for word in words:
        namespace["__annotations__"][f"f_{word}"] = int
        namespace[f"f_{word}"] = field(column=word, default=1, ge=0)
    words_model = type(Model)("Words", (Model,), namespace, table="table")

    await ground.migrate(words_model)

    assert (await ground.migrate(words_model)).statements == ()


async def test_updated_at_moves_on_every_write(ground: Ground) -> None:
    """The trigger moves it within one transaction, and when nothing else changes."""
    await ground.migrate(Author, Book)
    await ground.run("INSERT INTO authors (name) VALUES ('a')")
    touch = "UPDATE authors SET name = name RETURNING __updated_at__"
    async with ground.connection.transaction():
        seen = [await ground.value(touch) for _ in range(3)]

    assert seen == sorted(set(seen))


async def test_updated_at_moves_past_a_clock_set_back(ground: Ground) -> None:
    """A value from the future still grows, by a microsecond."""
    await ground.migrate(Author, Book)
    await ground.run("INSERT INTO authors (name, __updated_at__) VALUES ('a', '2100-01-01Z')")

    moved = await ground.value(
        "UPDATE authors SET name = 'b' RETURNING __updated_at__ - '2100-01-01Z'"
    )

    assert moved.total_seconds() == 0.000_001


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("DROP TRIGGER storehaus_touch ON authors", id="dropped"),
        pytest.param("ALTER TABLE authors DISABLE TRIGGER storehaus_touch", id="disabled"),
        pytest.param(
            "CREATE OR REPLACE TRIGGER storehaus_touch AFTER UPDATE ON authors"
            " FOR EACH ROW EXECUTE FUNCTION storehaus_touch()",
            id="moved",
        ),
        pytest.param(
            "CREATE OR REPLACE TRIGGER storehaus_touch BEFORE UPDATE OF name ON authors"
            " FOR EACH ROW EXECUTE FUNCTION storehaus_touch()",
            id="narrowed",
        ),
        pytest.param(
            "CREATE OR REPLACE FUNCTION storehaus_touch() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'",
            id="rewritten",
        ),
        pytest.param("ALTER FUNCTION storehaus_touch() SET search_path = public", id="set up"),
        pytest.param("DROP FUNCTION storehaus_touch() CASCADE", id="without function"),
    ],
)
async def test_trigger_is_repaired(ground: Ground, damage: str) -> None:
    """Whatever was done to the trigger or its function is put right."""
    await ground.migrate(Author, Book)
    intact = await ground.snapshot()
    await ground.run(damage)

    report = await ground.migrate(Author, Book)

    assert report.statements
    assert await ground.snapshot() == intact
    assert (await ground.migrate(Author, Book)).statements == ()


PROCESS = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from test_migrations_creation import Author, Book
from storehaus.migrations import migrate
report = asyncio.run(migrate({"dsn": sys.argv[1]}, [Author, Book]))
print(len(report.statements))
"""


async def test_three_processes_start_at_once(
    ground: Ground, request: pytest.FixtureRequest
) -> None:
    """On an empty database all succeed, and one of them did the work."""
    folder = request.path.parent
    paths = f"{folder}:{folder.parent}"
    environment = {"PYTHONPATH": paths}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROCESS,
            ground.url,
            str(folder),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]
    answers = await asyncio.gather(*(process.communicate() for process in processes))

    assert [process.returncode for process in processes] == [0, 0, 0], answers
    counts = sorted(int(output) for output, _ in answers)
    assert counts[:2] == [0, 0]
    assert counts[2] > 0


@asynccontextmanager
async def held(ground: Ground, statement: str) -> AsyncIterator[None]:
    """Keep a transaction open that has run a statement."""
    connection = await asyncpg.connect(ground.url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def test_another_migration_is_waited_for(ground: Ground) -> None:
    """When another one takes too long the error says so."""
    key = 0x73746F7265686175
    async with held(ground, f"SELECT pg_advisory_xact_lock({key})"):
        with pytest.raises(MigrationError, match="another process is migrating"):
            await ground.migrate(Author, Book, wait_seconds=0.05)


async def test_table_in_use_is_not_waited_for_long(ground: Ground) -> None:
    """A table whose lock is not to be had is named, with the statement."""
    await ground.migrate(Author, Book)

    class Changed(Model, table="authors"):
        id: Field[int] = field(primary_key=True, generated="identity")
        more: Field[int] = field(default=1)

    async with held(ground, "LOCK TABLE authors IN ACCESS SHARE MODE"):
        with pytest.raises(MigrationError, match="in use") as caught:
            await ground.migrate(Changed, lock_timeout_seconds=0.05)

    assert "ADD COLUMN" in (caught.value.statements or ("",))[-1]


async def test_unchanged_model_waits_for_nobody(ground: Ground) -> None:
    """A table in use does not hold up a process that finds nothing to do."""
    await ground.migrate(Author, Book)

    async with held(ground, "LOCK TABLE authors IN ROW EXCLUSIVE MODE"):
        report = await ground.migrate(Author, Book, lock_timeout_seconds=0.05)

    assert report.statements == ()


async def test_whole_has_a_deadline(ground: Ground) -> None:
    """A migration that does not end in time is given up, and nothing was changed."""
    key = 0x73746F7265686175
    async with held(ground, f"SELECT pg_advisory_xact_lock({key})"):
        with pytest.raises(MigrationError, match="did not end within"):
            await ground.migrate(Author, Book, timeout_seconds=0.5)

    assert await ground.value("SELECT to_regclass('authors')") is None


async def test_cancelling_leaves_nothing(ground: Ground) -> None:
    """A cancelled migration closes its connection and has changed nothing."""
    key = 0x73746F7265686175
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE wait_event = 'advisory' AND datname = current_database()"
    )
    async with held(ground, f"SELECT pg_advisory_xact_lock({key})"):
        task = asyncio.create_task(ground.migrate(Author, Book))
        await becomes(ground, waiting, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await becomes(ground, waiting, 0)

    assert await ground.value("SELECT to_regclass('authors')") is None


async def test_broken_connection(ground: Ground) -> None:
    """A connection that the server ends is a ConnectionFailed, and nothing was changed."""
    key = 0x73746F7265686175
    waiting = "FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    async with held(ground, f"SELECT pg_advisory_xact_lock({key})"):
        task = asyncio.create_task(ground.migrate(Author, Book))
        await becomes(ground, f"SELECT count(*) {waiting}", 1)
        await ground.run(f"SELECT pg_terminate_backend(pid) {waiting}")
        with pytest.raises(ConnectionFailed):
            await task

    assert await ground.value("SELECT to_regclass('authors')") is None


async def becomes(ground: Ground, query: str, wanted: int) -> None:
    """Wait until a query gives a number."""
    async with asyncio.timeout(20):
        while await ground.value(query) != wanted:  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.01)


async def test_one_connection_is_enough(ground: Ground) -> None:
    """The whole migration fits into a role's single connection."""
    await ground.run("CREATE EXTENSION btree_gist")
    role = await ground.value("SELECT 'one_' || md5(current_database())")
    await ground.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x' CONNECTION LIMIT 1")
    await ground.run(f"GRANT ALL ON SCHEMA public TO {role}")
    try:
        report = await migrate({"dsn": ground.url, "user": role, "password": "x"}, [Author, Book])
    finally:
        await ground.run(f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert report.created == ("authors", "books")


async def test_missing_right_is_told(ground: Ground) -> None:
    """A role that may not create tables gets the statement it was refused."""
    role = await ground.value("SELECT 'none_' || md5(current_database())")
    await ground.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    await ground.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        with pytest.raises(MigrationError, match="permission denied"):
            await migrate({"dsn": ground.url, "user": role, "password": "x"}, [Author, Book])
    finally:
        await ground.run(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"host": "127.0.0.1", "port": 1, "user": "x"}, id="nobody listens"),
        pytest.param({"host": "/nonexistent", "port": 5432, "user": "x"}, id="no socket"),
    ],
)
async def test_no_server(arguments: dict[str, Any]) -> None:
    """A server that cannot be reached is a ConnectionFailed."""
    with pytest.raises(ConnectionFailed):
        await migrate(arguments, [Author, Book])


async def test_refused_login(ground: Ground) -> None:
    """A database that is not there is a ConnectionFailed with its SQLSTATE."""
    with pytest.raises(ConnectionFailed) as caught:
        await migrate({"dsn": ground.url, "database": "nowhere"}, [Author, Book])

    assert caught.value.sqlstate == "3D000"

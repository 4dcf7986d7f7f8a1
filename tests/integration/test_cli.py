"""`schema`, `migrate` and `doctor` as processes, on a real database."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fix_cli import CommandLine

MODELS = """
from storehaus import Field, Model, field

print("loading the shop")

class Base(Model):
    id: Field[int] = field(primary_key=True, generated="identity")

class Order(Base, table="orders"):
    total: Field[int]

class Customer(Base, table="customers", soft_delete=True):
    name: Field[str] = field(unique=True)
"""
LONGER_MODELS = MODELS.replace("total:", "note: Field[str | None]\n    total:")
NARROWER_MODELS = MODELS.replace("name: Field[str]", "name: Field[int]")
BAD_MODEL = """
from storehaus import Field, Model, field

class Order(Model, table="orders"):
    id: Field[str] = field(primary_key=True, generated="identity")
"""
TABLES = """
SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'
"""


def query(url: str, *statements: str) -> Any:
    """Run statements on a connection of one's own; give the value of the last."""

    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def shop(command_line: CommandLine) -> CommandLine:
    """A directory with the package `shop` and its models."""
    command_line.write("shop/__init__.py", "")
    command_line.write("shop/models.py", MODELS)
    return command_line


def test_schema_makes_the_tables(shop: CommandLine, postgres_url: str) -> None:
    """What `schema` prints can be run as it is."""
    outcome = shop.run("schema", "shop.models")

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, outcome.stdout, TABLES) == "customers orders"


def test_schema_of_one_model(shop: CommandLine) -> None:
    """A reference to one class prints that class's table alone."""
    outcome = shop.run("schema", "shop.models:Order")

    assert 'CREATE TABLE "orders"' in outcome.stdout
    assert "customers" not in outcome.stdout


def test_schema_as_json(shop: CommandLine) -> None:
    """With --json the statements are a list, and what the module prints is not among it."""
    outcome = shop.run("schema", "shop.models:Order", "shop.models:Customer", "--json")

    statements = json.loads(outcome.stdout)["statements"]
    assert sum(statement.startswith("CREATE TABLE") for statement in statements) == 2
    assert outcome.stderr == "loading the shop\n"


def test_schema_survives_a_closed_pipe(shop: CommandLine) -> None:
    """A reader that has seen enough causes no complaint."""
    with shop.start("schema", "shop.models") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        complaint = process.stderr.read()

    assert "BrokenPipe" not in complaint
    assert "Traceback" not in complaint


def test_migrate_creates_the_tables(shop: CommandLine, postgres_url: str) -> None:
    """`migrate` makes the tables in the configured database, and prints the statements."""
    outcome = shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, TABLES) == "customers orders"
    assert 'CREATE TABLE "public"."orders"' in outcome.stdout
    assert "customers: created" in outcome.stdout


def test_migrate_again_changes_nothing(shop: CommandLine, postgres_url: str) -> None:
    """A second `migrate` finds nothing to do and says so."""
    shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)

    outcome = shop.run("migrate", "shop.models", "--json", DATABASE_URL=postgres_url)

    report = json.loads(outcome.stdout)
    assert (outcome.returncode, report["statements"], report["created"]) == (0, [], [])
    assert [table["table"] for table in report["tables"]] == ["orders", "customers"]


def test_migrate_prints_what_it_changed(shop: CommandLine, postgres_url: str) -> None:
    """A new field is the one statement of the next `migrate`."""
    shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)
    shop.write("shop/models.py", LONGER_MODELS)

    outcome = shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)

    assert outcome.stdout.count("ALTER TABLE") == 1
    assert "orders: changed" in outcome.stdout


def test_migrate_refuses_to_lose_data(shop: CommandLine, postgres_url: str) -> None:
    """What would lose data is a failure that shows the SQL it did not run."""
    shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)
    query(postgres_url, "INSERT INTO customers (name) VALUES ('Ada')", "SELECT 1")
    shop.write("shop/models.py", NARROWER_MODELS)

    outcome = shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)

    assert outcome.returncode == 1
    assert "ALTER TABLE" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert query(postgres_url, "SELECT name FROM customers") == "Ada"


def test_recreate_needs_to_be_meant(shop: CommandLine, postgres_url: str) -> None:
    """--recreate without --yes drops nothing."""
    shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)
    query(postgres_url, "INSERT INTO customers (name) VALUES ('Ada')", "SELECT 1")

    outcome = shop.run("migrate", "shop.models", "--recreate", DATABASE_URL=postgres_url)

    assert outcome.returncode == 2
    assert "--yes" in outcome.stderr
    assert query(postgres_url, "SELECT count(*) FROM customers") == 1


def test_recreate_drops_what_was_named(shop: CommandLine, postgres_url: str) -> None:
    """--recreate --yes makes the named tables anew, and leaves others."""
    shop.run("migrate", "shop.models", DATABASE_URL=postgres_url)
    query(postgres_url, "INSERT INTO customers (name) VALUES ('Ada')", "SELECT 1")
    query(postgres_url, "INSERT INTO orders (total) VALUES (1)", "SELECT 1")

    outcome = shop.run(
        "migrate", "shop.models:Customer", "--recreate", "--yes", DATABASE_URL=postgres_url
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "customers: recreated" in outcome.stdout
    assert query(postgres_url, "SELECT count(*) FROM customers") == 0
    assert query(postgres_url, "SELECT count(*) FROM orders") == 1


def test_migrate_reads_the_named_file(shop: CommandLine, postgres_url: str) -> None:
    """--config names the configuration to read."""
    file = shop.write("other.toml", f'[database]\nurl = "{postgres_url}"\n')

    outcome = shop.run("migrate", "shop.models", "--config", str(file))

    assert outcome.returncode == 0, outcome.stderr
    assert query(postgres_url, TABLES) == "customers orders"


def test_migrate_without_configuration(shop: CommandLine) -> None:
    """Nothing configured is wrong usage, and the message says what to write."""
    outcome = shop.run("migrate", "shop.models")

    assert outcome.returncode == 2
    assert "storehaus.toml" in outcome.stderr


def test_unreachable_server_is_a_failure(shop: CommandLine) -> None:
    """A server that does not answer is a failure, told without the password."""
    url = "postgresql://me:hush@127.0.0.1:1/x"

    outcome = shop.run("migrate", "shop.models", DATABASE_URL=url)

    assert outcome.returncode == 1
    assert "cannot connect to 127.0.0.1:1" in outcome.stderr
    assert "hush" not in outcome.stderr


def test_debug_shows_where_it_failed(shop: CommandLine) -> None:
    """--debug adds the traceback, wherever it stands, and still no password."""
    url = "postgresql://me:hush@127.0.0.1:1/x"

    outcome = shop.run("migrate", "shop.models", "--debug", DATABASE_URL=url)

    assert outcome.returncode == 1
    assert "Traceback" in outcome.stderr
    assert "hush" not in outcome.stderr


def test_badly_declared_model_is_a_failure(shop: CommandLine) -> None:
    """A model that cannot be declared so is a finding, told in one line."""
    shop.write("shop/bad.py", BAD_MODEL)

    outcome = shop.run("schema", "shop.bad")

    assert (outcome.returncode, outcome.stderr.count("\n")) == (1, 1)
    assert "Order.id" in outcome.stderr


def findings(output: str) -> dict[str, str]:
    """Status by name of what the doctor found."""
    return {each["name"]: each["status"] for each in json.loads(output)["findings"]}


def test_doctor_finds_all_well(command_line: CommandLine, postgres_url: str) -> None:
    """On a server that works, nothing stands in the way."""
    outcome = command_line.run("doctor", "--json", DATABASE_URL=postgres_url)

    found = findings(outcome.stdout)
    assert outcome.returncode == 0, outcome.stdout
    assert json.loads(outcome.stdout)["ok"] is True
    assert "failed" not in found.values()
    assert set(found) >= {"configuration", "database", "version", "latency", "clock", "permissions"}


def test_doctor_speaks_to_people(command_line: CommandLine, postgres_url: str) -> None:
    """Without --json each finding is a line, without control codes or the password."""
    outcome = command_line.run("doctor", DATABASE_URL=postgres_url)

    assert outcome.returncode == 0, outcome.stderr
    assert "✓ configuration read from DATABASE_URL" in outcome.stdout
    assert "✓ version       PostgreSQL" in outcome.stdout
    assert "\x1b" not in outcome.stdout
    assert "://" not in outcome.stdout


def test_doctor_notes_a_missing_permission(command_line: CommandLine, postgres_url: str) -> None:
    """A schema in which nothing can be created is named."""
    query(postgres_url, "DROP SCHEMA public", "SELECT 1")

    outcome = command_line.run("doctor", "--json", DATABASE_URL=postgres_url)

    assert outcome.returncode == 1
    assert findings(outcome.stdout)["permissions"] == "failed"


def test_doctor_notes_a_pool_beyond_the_server(
    command_line: CommandLine, postgres_url: str
) -> None:
    """A pool that may grow larger than the server allows is worth a note."""
    outcome = command_line.run(
        "doctor",
        "--json",
        DATABASE_URL=postgres_url,
        STOREHAUS_DATABASE__MAX_CONNECTIONS="100000",
    )

    assert outcome.returncode == 0
    assert findings(outcome.stdout)["connections"] == "note"


def test_doctor_notes_a_database_that_is_read_only(
    command_line: CommandLine, postgres_url: str
) -> None:
    """A database that takes no writes is a failure."""
    name = query(postgres_url, "SELECT current_database()")
    query(
        postgres_url,
        f'ALTER DATABASE "{name}" SET default_transaction_read_only = on',
        "SELECT 1",
    )

    outcome = command_line.run("doctor", "--json", DATABASE_URL=postgres_url)

    assert outcome.returncode == 1
    assert findings(outcome.stdout)["role"] == "failed"


def test_doctor_of_an_unreachable_server(command_line: CommandLine) -> None:
    """A server that does not answer is a failed finding, without the password."""
    url = "postgresql://me:hush@127.0.0.1:1/x"

    outcome = command_line.run("doctor", "--json", DATABASE_URL=url)

    assert outcome.returncode == 1
    assert findings(outcome.stdout)["database"] == "failed"
    assert "hush" not in outcome.stdout + outcome.stderr


def test_doctor_of_a_broken_configuration(command_line: CommandLine) -> None:
    """A configuration that cannot be read is named with its file and line, and ends with 2."""
    command_line.write("storehaus.toml", "[database]\nprot = 1\n")

    outcome = command_line.run("doctor")

    assert outcome.returncode == 2
    assert "storehaus.toml:2" in outcome.stdout


def test_doctor_starts_the_embedded_server(command_line: CommandLine, data_directory: Path) -> None:
    """An embedded server is started for the examination."""
    command_line.write("storehaus.toml", f'[database]\nembedded = "{data_directory}"\n')

    outcome = command_line.run("doctor")

    assert outcome.returncode == 0, outcome.stdout
    assert f"reached the embedded PostgreSQL in {data_directory}" in outcome.stdout


def test_installed_script_is_the_same(command_line: CommandLine) -> None:
    """The script that pip installs runs the same program."""
    script = Path(sys.executable).with_name("storehaus")

    outcome = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert outcome.stdout == command_line.run("--version").stdout

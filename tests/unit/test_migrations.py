"""Migrations without a server: marks, widenings, scripts, exported tables."""

import subprocess
import sys
from enum import Enum

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from storehaus.migrations import schema_sql, schema_statements, sqlalchemy_table
from storehaus.migrations.definitions import definitions
from storehaus.migrations.marks import fingerprint, join_comment, split_comment
from storehaus.migrations.widening import is_widening
from storehaus.model import Check, Exclude, Field, Index, Model, Unique, field


class Mood(Enum):
    """An enum whose labels are values."""

    GOOD = "good"
    BAD = "bad"


class Country(Model, table="countries", schema="geo"):
    """Referenced by the other one."""

    code: Field[str] = field(primary_key=True)


class City(
    Model,
    table="cities",
    schema="geo",
    soft_delete=True,
    indexes=(
        Index("name", where="name <> ''", include=("country",)),
        Unique("name", "country"),
        Check("name <> ':x %'", name="sane"),
        Exclude(("name", "="), ("country", "<>")),
    ),
):
    """A little of everything."""

    id: Field[int] = field(primary_key=True, generated="identity")
    name: Field[str] = field(max_length=100)
    mood: Field[Mood] = field(default=Mood.BAD)
    country: Field[str] = field(references=Country.code, on_delete="cascade", index=True)


@pytest.mark.parametrize("text", [None, "a note", "storehaus: a library", "two\nlines"])
@pytest.mark.parametrize("mark", [None, "0123456789abcdef", "soft_delete"])
def test_comment_and_mark_come_apart_again(text: str | None, mark: str | None) -> None:
    """Whatever people wrote is found again beside the mark."""
    assert split_comment(join_comment(text, mark)) == (text, mark)


def test_fingerprint_stays() -> None:
    """Marks in databases outlive versions of the library: their hash never changes."""
    assert fingerprint("CHECK") == "c7b798176eee3fad"


def test_marks_stay() -> None:
    """The definitions behind marks never change either, or every index would be built anew."""
    assert {each.name: each.mark for each in definitions(City.__table_info__)} == {
        "cities_country_fkey": "cad4c6ecc94d8771",
        "cities_country_idx": "561417ade6064876",
        "cities_name_country_excl": "912583f80bedf756",
        "cities_name_country_key": "1e4dd32c1582df23",
        "cities_name_idx": "95901fb2e772874d",
        "cities_name_max_length": "06d2180969303162",
        "cities_tags_idx": "b0075a2a79997233",
        "sane": "25a9ef7316a6f648",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("smallint", "bigint"),
        ("integer", "numeric"),
        ("integer", "numeric(12,2)"),
        ("integer", "double precision"),
        ("numeric(5,2)", "numeric(9,4)"),
        ("numeric(5,2)", "numeric"),
        ("real", "double precision"),
        ("character varying(20)", "text"),
        ("uuid", "text"),
        ("cidr", "inet"),
        ("timestamp(3) with time zone", "timestamp with time zone"),
        ("time(0) without time zone", "time without time zone"),
        ("integer[]", "bigint[]"),
    ],
)
def test_widening_keeps_every_value(old: str, new: str) -> None:
    """These changes of type are applied."""
    assert is_widening(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint", "integer"),
        ("bigint", "double precision"),
        ("bigint", "numeric(18,0)"),
        ("numeric", "numeric(10,2)"),
        ("numeric(5,2)", "numeric(6,4)"),
        ("numeric(5,2)", "double precision"),
        ("double precision", "real"),
        ("double precision", "numeric"),
        ("text", "uuid"),
        ("character(5)", "text"),
        ("citext", "text"),
        ("json", "jsonb"),
        ("date", "timestamp with time zone"),
        ("timestamp without time zone", "timestamp with time zone"),
        ("timestamp with time zone", "timestamp(0) with time zone"),
        ("bigint", "bigint[]"),
        ("bigint[]", "bigint"),
        ("bigint[]", "integer[]"),
    ],
)
def test_narrowing_is_none(old: str, new: str) -> None:
    """These changes of type can lose something or mean something else."""
    assert not is_widening(old, new)


def test_script_names_things_in_the_order_they_need() -> None:
    """Schemas, extensions, types and functions come before tables, foreign keys at the end."""
    starts = [" ".join(each.split()[:2]) for each in schema_statements([City, Country])]

    first = {start: starts.index(start) for start in reversed(starts)}
    assert sorted(first, key=lambda start: first[start])[:5] == [
        "CREATE SCHEMA",
        "CREATE EXTENSION",
        "CREATE TYPE",
        "CREATE OR",
        "CREATE TABLE",
    ]
    assert starts[-2:] == ["ALTER TABLE", "COMMENT ON"]


def test_script_ends_each_statement() -> None:
    """The script is its statements, each with a semicolon."""
    statements = schema_statements([City, Country])

    assert schema_sql([City, Country]) == "".join(f"{each};\n\n" for each in statements)


def test_unique_of_active_rows_is_a_partial_index() -> None:
    """On a soft-deleting model a UNIQUE leaves deleted rows out."""
    assert (
        'CREATE UNIQUE INDEX "cities_name_country_key" ON "geo"."cities"'
        ' USING btree ("name", "country") WHERE ("__is_active__")'
    ) in schema_statements([City, Country])


def test_exported_table_knows_its_types() -> None:
    """Columns of the SQLAlchemy table have PostgreSQL's types and the model's nullability."""
    table = sqlalchemy_table(City)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own is not typed

    types = {column.name: column.type.compile(dialect=dialect) for column in table.c}

    assert types["id"] == "BIGINT"
    assert types["mood"] == '"geo"."mood"'
    assert types["__tags__"] == "TEXT[]"
    assert types["__updated_at__"] == "TIMESTAMP WITH TIME ZONE"


def test_exported_tables_reference_each_other() -> None:
    """In one MetaData foreign keys resolve, so that joins need no condition."""
    metadata = sa.MetaData()
    city, country = (sqlalchemy_table(model, metadata) for model in (City, Country))

    assert "geo.countries.code = geo.cities.country" in str(city.join(country)).replace('"', "")


def test_exported_table_reads_enums() -> None:
    """An enum column takes and gives members, by the labels that are stored."""
    kind = sqlalchemy_table(City).c.mood.type

    assert isinstance(kind, postgresql.ENUM)
    assert kind.enums == ["good", "bad"]
    assert kind.enum_class is Mood


def test_models_do_not_load_sqlalchemy() -> None:
    """Who only imports the library and its models pays for no SQLAlchemy."""
    program = (
        "import sys, storehaus, storehaus.model;"
        "sys.exit(any(name in sys.modules for name in ('sqlalchemy', 'alembic')))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

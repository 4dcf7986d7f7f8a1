"""What a declaration becomes: the records that SQL, migrations and stores read."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest

from storehaus.model import (
    Check,
    Exclude,
    Field,
    ForeignKey,
    Index,
    Integer,
    Model,
    Numeric,
    Unique,
    field,
)
from storehaus.model.records import IndexInfo
from storehaus.query.sorting import asc, desc


class Country(Model, table="countries", schema="geo"):
    """Referenced by others."""

    code: Field[str] = field(primary_key=True)
    iso: Field[str] = field(unique=True, column="iso_code")


class Airport(
    Model,
    table="airports",
    soft_delete=True,
    comment="All of them",
    renamed_from="fields",
    indexes=(
        Index("country", desc("city").nulls_last()),
        Index("name", using="hash", name="by_name"),
        Index("city", include=("name",), where="city <> ''", name="cities"),
        Index("country", "name", unique=True),
        Unique("iata", where="iata <> ''"),
        Check("length(name) > 0", name="named"),
        Exclude(("country", "="), ("name", "<>"), where="name <> ''"),
        ForeignKey(("country", "name"), ("geo.regions.country", "geo.regions.name")),
    ),
):
    """Most kinds of constraints."""

    icao: Field[str] = field(unique=True, primary_key=True)
    iata: Field[str] = field(default="")
    name: Field[str] = field(index=True, max_length=200, comment="As on the sign")
    country: Field[str] = field(references=Country.iso, on_delete="cascade", column="land")
    city: Field[str | None] = field(default=None, renamed_from="town")


INFO = Airport.__table_info__
BY_NAME: dict[str, IndexInfo] = {index.name: index for index in INFO.indexes}


def test_table_keeps_its_comment_and_earlier_name() -> None:
    """For migrations."""
    assert (INFO.name, INFO.comment, INFO.renamed_from) == ("airports", "All of them", "fields")
    assert INFO.by_name["city"].renamed_from == "town"
    assert INFO.by_name["name"].comment == "As on the sign"


def test_unique_on_a_soft_deleting_model_covers_active_rows() -> None:
    """It becomes a partial index, which no constraint can be."""
    unique = BY_NAME["airports_icao_key"]

    assert unique.unique
    assert unique.active_only
    assert not unique.constraint


def test_unique_elsewhere_is_a_constraint() -> None:
    """So that foreign keys can reference it."""
    (unique, _) = Country.__table_info__.indexes

    assert unique.constraint
    assert not unique.active_only
    assert unique.keys[0].column == "iso_code"


def test_unique_with_a_predicate_keeps_it() -> None:
    """In addition to active rows."""
    unique = BY_NAME["airports_iata_key"]

    assert (unique.where, unique.active_only, unique.constraint) == ("iata <> ''", True, False)


def test_unique_index_covers_active_rows_too() -> None:
    """`Index(unique=True)` means the same rows as `Unique`."""
    assert BY_NAME["airports_land_name_key"].active_only


def test_index_keeps_order_method_predicate_and_include() -> None:
    """Everything that SQL needs."""
    keys = BY_NAME["airports_land_city_idx"].keys
    assert [(key.column, key.descending, key.nulls) for key in keys] == [
        ("land", False, None),
        ("city", True, "last"),
    ]
    assert BY_NAME["cities"].include == ("name",)
    assert BY_NAME["cities"].where == "city <> ''"


def test_two_indexes_on_one_column_have_two_names() -> None:
    """A plain one is called as PostgreSQL does, another one as it says."""
    assert BY_NAME["airports_name_idx"].using == "btree"
    assert BY_NAME["by_name"].using == "hash"


def test_tags_have_a_gin_index() -> None:
    """On every model."""
    assert BY_NAME["airports_tags_idx"].using == "gin"
    assert "countries_tags_idx" in {index.name for index in Country.__table_info__.indexes}


def test_foreign_key_of_a_field_names_columns_of_the_database() -> None:
    """Also where fields are called differently."""
    (key, _) = INFO.foreign_keys

    assert (key.name, key.columns) == ("airports_land_fkey", ("land",))
    assert (key.schema, key.table, key.references) == ("geo", "countries", ("iso_code",))
    assert key.on_delete == "cascade"


def test_composite_foreign_key_is_kept_as_declared() -> None:
    """By `ForeignKey` in `indexes`."""
    key = INFO.foreign_keys[1]

    assert key.columns == ("land", "name")
    assert (key.schema, key.table, key.references) == ("geo", "regions", ("country", "name"))
    assert key.on_delete == "no action"


def test_table_may_reference_itself() -> None:
    """By name, since its columns are not there yet."""

    class Employee(Model, table="employees"):
        id: Field[int] = field(primary_key=True)
        boss: Field[int | None] = field(
            default=None, references="employees.id", on_delete="set null"
        )

    (key,) = Employee.__table_info__.foreign_keys
    assert (key.table, key.references, key.on_delete) == ("employees", ("id",), "set null")


def test_exclusion_covers_active_rows() -> None:
    """As uniqueness does."""
    (exclusion,) = INFO.exclusions

    assert exclusion.elements == (("land", "="), ("name", "<>"))
    assert exclusion.active_only


def test_bounds_become_checks() -> None:
    """Each is a named constraint over the column as the database calls it."""

    class Item(Model, table="items"):
        price: Field[Annotated[Decimal, Numeric(12, 2)]] = field(ge=0, column="cost")
        share: Field[float] = field(gt=-1, lt=1.5)
        size: Field[Annotated[int, Integer]] = field(le=-5)
        day: Field[date] = field(ge=date(2000, 1, 1), le=date.max)
        at: Field[datetime] = field(ge=datetime(2000, 1, 1, tzinfo=UTC))
        wait: Field[timedelta] = field(lt=timedelta(days=1, seconds=2))
        name: Field[str] = field(min_length=1, max_length=9, pattern="^[a-z']+$")
        data: Field[bytes] = field(max_length=4)
        tags: Field[list[str]] = field(min_length=1)
        kind: Field[Literal["a", "it's"]]
        kinds: Field[list[Literal["a"] | None]]

    checks = {check.name: check.condition for check in Item.__table_info__.checks}
    assert checks == {
        "items_cost_ge": '"cost" >= 0',
        "items_share_gt": "\"share\" > '-1.0'::double precision",
        "items_share_lt": "\"share\" < '1.5'::double precision",
        "items_size_le": '"size" <= (-5)',
        "items_day_ge": "\"day\" >= '2000-01-01'::date",
        "items_day_le": "\"day\" <= 'infinity'::date",
        "items_at_ge": "\"at\" >= '2000-01-01T00:00:00+00:00'::timestamp with time zone",
        "items_wait_lt": "\"wait\" < '1 days 2000000 microseconds'::interval",
        "items_name_min_length": 'char_length("name") >= 1',
        "items_name_max_length": 'char_length("name") <= 9',
        "items_name_pattern": "\"name\" COLLATE \"C\" ~ '^[a-z'']+$'",
        "items_data_max_length": 'octet_length("data") <= 4',
        "items_tags_min_length": 'cardinality("tags") >= 1',
        "items_kind_choice": "\"kind\" IN ('a', 'it''s')",
        "items_kinds_choice": "array_remove(\"kinds\", NULL) <@ ARRAY['a']",
    }


def test_long_names_are_cut_and_stay_different() -> None:
    """PostgreSQL would cut at 63 bytes and call two indexes the same."""
    body: dict[str, Any] = {"__module__": __name__}
    body["__annotations__"] = {f"{'long' * 14}_{i}": int for i in range(2)}
    body |= {name: field(index=True, default=0) for name in body["__annotations__"]}
    model = type(Model)("Long", (Model,), body, table="long_table")

    names = [index.name for index in model.__table_info__.indexes]
    assert len(set(names)) == 3
    assert all(len(name.encode()) <= 63 for name in names)
    assert names[0].endswith("_idx")


DEFAULTS: list[tuple[Any, Any, str | None]] = [
    (str, field(default="it's"), "'it''s'"),
    (int, field(default=-3), "(-3)"),
    (int | None, field(default=None), None),
    (float, field(default=0), "0"),
    (bool, field(default=True), "true"),
    (Decimal, field(default=Decimal("1.50")), "1.50"),
    (bytes, field(default=b"\x00a"), "'\\x0061'::bytea"),
    (list[str], field(default_factory=list), "'{}'"),
    (dict[str, Any], field(default_factory=dict), "'{}'::jsonb"),
    (date, field(default=date.min), "'-infinity'::date"),
    (datetime, field(default_factory=datetime.now), None),
    (str, field(server_default="current_user"), "current_user"),
    (int, field(version=True), "1"),
    (int, field(generated="identity"), None),
]


@pytest.mark.parametrize(("annotation", "spec", "sql"), DEFAULTS)
def test_default_of_a_field_is_the_columns_too(annotation: Any, spec: Any, sql: str | None) -> None:
    """A column can then be added to a table with rows, and an older program goes on inserting."""
    body = {"__module__": __name__, "__annotations__": {"it": annotation}, "it": spec}
    model = type(Model)("Thing", (Model,), body, table="things")

    assert model.__table_info__.by_name["it"].default_sql == sql


def test_condition_check_knows_its_fields() -> None:
    """Those whose columns the SQL names, outside of its texts."""
    (check,) = INFO.checks[-1:]
    assert (check.name, check.fields) == ("named", ("name",))

    class Thing(Model, table="things", indexes=(Check("a <> 'b' OR c IS NULL"),)):
        a: Field[str]
        b: Field[str]
        see: Field[str | None] = field(default=None, column="c")

    (check,) = Thing.__table_info__.checks
    assert (check.name, check.fields) == ("things_check", ("a", "see"))


def test_names_of_orderings_are_looked_up() -> None:
    """`asc("name")` in an index is a field of the model."""

    class Thing(Model, table="things", indexes=(Index(asc("name"), "id"),)):
        id: Field[int]
        name: Field[str]

    assert [key.column for key in Thing.__table_info__.indexes[0].keys] == ["name", "id"]

"""Whatever is wrong with a declaration is a ModelDefinitionError when the class is made."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum, Flag
from typing import Annotated, Any, Literal

import msgspec
import pytest

from storehaus.errors import ModelDefinitionError
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
from storehaus.query.sorting import desc


class Country(Model, table="countries", soft_delete=True):
    """Something to reference."""

    code: Field[str] = field(primary_key=True)
    iso: Field[str] = field(unique=True)


class Slugged(Model):
    """A mixin."""

    slug: Field[str]


def make(annotation: Any, value: Any = None, *, name: str = "it", **keywords: Any) -> type[Model]:
    """Make a model with one field of interest."""
    body: dict[str, Any] = {
        "__annotations__": {"id": int, name: annotation},
        "__module__": __name__,
    }
    if value is not None:
        body[name] = value
    keywords = {"table": "things", **keywords}
    made: type[Model] = type(Model)("Thing", (Model,), body, **keywords)
    return made


class Colour(Enum):
    """An enum that is fine."""

    RED = "red"


class Things(Enum):
    """An enum called like the table of `make`."""

    ONE = "one"


class Path(Enum):
    """PostgreSQL has a type `path`."""

    UP = "up"


class Rights(Flag):
    """Combinations are no labels."""

    READ = 1
    WRITE = 2


class Nothing(Enum):
    """No members."""


class Wordy(Enum):
    """A label that is too long."""

    LONG = "x" * 64


@dataclass(eq=False)
class Identical:
    """Compares by identity."""

    x: int


class Unreadable(msgspec.Struct):
    """JSON has no complex numbers."""

    z: complex


FIELDS: dict[str, tuple[Any, Any]] = {
    "unmapped type": (complex, None),
    "tuple": (tuple[int, ...], None),
    "union of scalars": (int | str, None),
    "literal of numbers": (Literal[1, 2], None),
    "literal with NUL": (Literal["\x00"], None),
    "flag": (Rights, None),
    "enum without members": (Nothing, None),
    "enum with a long label": (Wordy, None),
    "enum called like a type": (Path, None),
    "enum called like the table": (Things, None),
    "dataclass without equality": (Identical, None),
    "struct that JSON cannot hold": (Unreadable, None),
    "another model": (Country, None),
    "size of a text": (Annotated[str, Integer], None),
    "precision of an integer": (Annotated[int, Numeric(3)], None),
    "bare Field": (Field, None),
    "identity on a string": (str, field(generated="identity")),
    "nullable identity": (int | None, field(generated="identity")),
    "unknown generated": (int, field(generated="always")),
    "version on a string": (str, field(version=True)),
    "soft delete on an int": (int, field(soft_delete=True, default=1)),
    "soft delete that starts False": (bool, field(soft_delete=True, default=False)),
    "nullable primary key": (int | None, field(primary_key=True)),
    "jsonb as primary key": (dict, field(primary_key=True)),
    "float as primary key": (float, field(primary_key=True)),
    "two defaults": (int, field(default=1, default_factory=int)),
    "default and identity": (int, field(generated="identity", default=1)),
    "mutable default": (list[str], field(default=[])),
    "tuple as default of a list": (list[str], field(default=("a",))),
    "default of another type": (int, field(default="1")),
    "default beyond a bound": (int, field(default=5, le=4)),
    "default outside of the choices": (Literal["a"], field(default="b")),
    "default_factory that is no function": (int, field(default_factory=3)),
    "no value on create": (int, field(create=False)),
    "bound on a boolean": (bool, field(ge=1)),
    "bound of another type": (int, field(ge="a")),
    "length of a number": (int, field(max_length=3)),
    "negative length": (str, field(max_length=-1)),
    "pattern on a number": (int, field(pattern="a")),
    "pattern outside of the subset": (str, field(pattern="(?=a)")),
    "pattern on a choice": (Literal["a"], field(pattern="a")),
    "empty server default": (int, field(server_default=" ")),
    "comment with NUL": (int, field(comment="\x00")),
    "column of the system": (int, field(column="__tags__")),
    "column that no instance has": (int, field(column="__deletion__")),
    "column that is no name": (int, field(column="a b")),
    "column of PostgreSQL": (int, field(column="ctid")),
    "column twice": (int, field(column="id")),
    "earlier name that is none": (int, field(renamed_from="")),
    "reference to nowhere": (int, field(references="countries")),
    "reference to an abstract class": (str, field(references=Slugged.slug)),
    "reference to a partial unique": (str, field(references=Country.iso)),
    "reference of another type": (int, field(references=Country.code)),
    "reference to an own unknown column": (int, field(references="things.nothing")),
    "reference to an own column that is not unique": (int, field(references="things.it")),
    "on_delete without reference": (int, field(on_delete="cascade")),
    "set null where None is refused": (
        str,
        field(references=Country.code, on_delete="set null"),
    ),
    "unknown on_delete": (str, field(references=Country.code, on_delete="explode")),
}


@pytest.mark.parametrize(("annotation", "value"), FIELDS.values(), ids=FIELDS.keys())
def test_wrong_field_is_refused_by_name(annotation: Any, value: Any) -> None:
    """The error names class and field, and says what would be right."""
    with pytest.raises(ModelDefinitionError) as caught:
        make(annotation, value)

    assert caught.value.model == "Thing"
    assert caught.value.field in {"it", None}
    assert caught.value.rule


NAMES = ["__created_at__", "__updated_at__", "__tags__", "__is_active__", "__deletion__"]
NAMES += ["__secret", "mro"]


@pytest.mark.parametrize("name", [*NAMES, "x" * 64, "é" * 32, "xmin"])
def test_reserved_or_long_name_is_refused(name: str) -> None:
    """Names of system fields, of PostgreSQL's columns, and beyond 63 bytes are not for users."""
    with pytest.raises(ModelDefinitionError) as caught:
        make(int, name=name)

    assert caught.value.field == name


def test_private_name_is_refused_as_written() -> None:
    """Python's mangling of `__secret` does not smuggle it in."""
    with pytest.raises(ModelDefinitionError, match=r"Vault\.__secret"):

        class Vault(Model, table="vaults"):
            __secret: Field[int]


INDEXES: dict[str, Any] = {
    "index on an unknown field": Index("nothing"),
    "index on no field": Index(),
    "index on a field twice": Index("id", "id"),
    "index on another model's column": Index(Country.iso),
    "index by an unknown method": Index("id", using="magic"),
    "unique gin index": Index("id", using="gin", unique=True),
    "order in a gin index": Index(desc("id"), using="gin"),
    "predicate that is nothing": Index("id", where="  "),
    "predicate on another model": Index("id", where=Country.iso == "DE"),
    "include of an unknown field": Index("id", include=("nothing",)),
    "name that is none": Index("id", name="a b"),
    "name that is too long": Index("id", name="x" * 64),
    "two indexes of one name": (Index("id"), Index("id")),
    "index and check of one name": (Index("id", name="x"), Check("id > 0", name="x")),
    "index called like the table": Index("id", name="things"),
    "index called like the primary key": Index("id", name="things_pkey"),
    "unique on an unknown field": Unique("nothing"),
    "check without condition": Check("", name="empty"),
    "check on another model": Check(Country.iso == "DE", name="foreign"),
    "exclusion on an unknown field": Exclude(("nothing", "=")),
    "exclusion without operator": Exclude(("id", "; DROP")),
    "foreign key of two lengths": ForeignKey(("id",), (Country.code, Country.iso)),
    "foreign key to two tables": ForeignKey(("id", "it"), ("a.x", "b.y")),
    "something else": "id",
}


@pytest.mark.parametrize("indexes", INDEXES.values(), ids=INDEXES.keys())
def test_wrong_constraint_is_refused(indexes: Any) -> None:
    """Constraints speak of fields that the model has."""
    with pytest.raises(ModelDefinitionError, match="Thing"):
        make(int, indexes=indexes if isinstance(indexes, tuple) else (indexes,))


KEYWORDS: dict[str, dict[str, Any]] = {
    "table that is no text": {"table": 3},
    "empty table": {"table": ""},
    "long table": {"table": "x" * 64},
    "table with a dot": {"table": "a.b"},
    "schema of PostgreSQL": {"schema": "pg_catalog"},
    "schema that is no name": {"schema": "a b"},
    "soft_delete that is no bool": {"soft_delete": "yes"},
    "indexes that is one index": {"indexes": Index("id")},
    "indexes that is a text": {"indexes": "id"},
    "comment that is no text": {"comment": 3},
    "earlier name that is none": {"renamed_from": "a b"},
}


@pytest.mark.parametrize("keywords", KEYWORDS.values(), ids=KEYWORDS.keys())
def test_wrong_class_keyword_is_refused(keywords: dict[str, Any]) -> None:
    """Class keywords are checked as fields are."""
    with pytest.raises(ModelDefinitionError, match="Thing"):
        make(int, **keywords)


def test_unknown_class_keyword_is_refused_with_the_known_ones() -> None:
    """A misspelt keyword does not make an abstract class of a table."""
    with pytest.raises(ModelDefinitionError, match="tabel= is no class keyword; there are table"):

        class Thing(Model, tabel="things"):
            id: Field[int]


def _two_flags() -> None:
    class Thing(Model, table="things"):
        one: Field[bool] = field(soft_delete=True, default=True)
        two: Field[bool] = field(soft_delete=True, default=True)


def _two_versions() -> None:
    class Thing(Model, table="things"):
        one: Field[int] = field(version=True)
        two: Field[int] = field(version=True)


def _two_identities() -> None:
    class Thing(Model, table="things"):
        one: Field[int] = field(generated="identity")
        two: Field[int] = field(generated="identity")


def _no_annotation() -> None:
    class Thing(Model, table="things"):
        id: Field[int]
        name = field(unique=True)


def _hidden_by_a_method() -> None:
    class Thing(Slugged, table="things"):
        def slug(self) -> str:
            return ""


def _named_like_its_type() -> None:
    class Thing(Model, table="things"):
        date: Field[date] = field(unique=True)


def _of_a_table() -> None:
    class Thing(Country, table="things"):
        pass


def _with_an_initializer() -> None:
    class Thing(Model, table="things"):
        def __init__(self) -> None:
            pass


@pytest.mark.parametrize(
    "declare",
    [
        _two_flags,
        _two_versions,
        _two_identities,
        _no_annotation,
        _hidden_by_a_method,
        _named_like_its_type,
        _of_a_table,
        _with_an_initializer,
    ],
)
def test_wrong_class_body_is_refused(declare: Callable[[], None]) -> None:
    """Two of a role, fields that are none, and bases that are tables are refused."""
    with pytest.raises(ModelDefinitionError, match="Thing"):
        declare()


def test_unknown_argument_of_field_is_refused() -> None:
    """A misspelt argument is not dropped."""
    with pytest.raises(ModelDefinitionError, match="primry_key"):
        field(primry_key=True)


def test_missing_value_in_the_constructor_is_a_type_error() -> None:
    """The constructor is msgspec's own."""
    with pytest.raises(TypeError, match="Missing required argument 'slug'"):
        type(Model)("Thing", (Slugged,), {"__module__": __name__}, table="things")()


def test_error_survives_pickling() -> None:
    """Its facts are attributes, on the other side too."""
    with pytest.raises(ModelDefinitionError) as caught:
        make(complex)

    copy = pickle.loads(pickle.dumps(caught.value))
    assert (
        copy.context
        == caught.value.context
        == {
            "error": "ModelDefinitionError",
            "is_transient": False,
            "model": "Thing",
            "field": "it",
            "rule": caught.value.rule,
        }
    )

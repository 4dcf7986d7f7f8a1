"""`sql()`: what becomes a parameter, what becomes a name, and what is refused."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Flag, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest

from fix_haus import Gadget, Keyword, Label, Level, Mood, Point
from storehaus import Field, Model, QueryBuilder, QueryError, Statement, identifier, sql
from storehaus.sql import Identifier


@dataclass
class Place:
    """A dataclass as a document."""

    name: str
    at: list[float]


class Unequal(msgspec.Struct, eq=False):
    """A struct of which nobody can say whether it came back as it went."""

    x: int


class Shared(Model):
    """An abstract model: it has no table."""

    note: Field[str]


class Permission(Flag):
    """Members that combine have no label."""

    READ = 1
    WRITE = 2


class Rank(IntEnum):
    """Members that are numbers travel by name, as they do in columns."""

    FIRST = 1


def test_placeholder_is_a_parameter() -> None:
    """Values stand apart from the text, in the order of their first place."""
    written = sql("SELECT {b}, {a}", a=1, b="x").to_sql()

    assert written == Statement("SELECT $1, $2", ("x", 1))


def test_same_name_is_the_same_parameter() -> None:
    """A value that stands twice is sent once."""
    written = sql("SELECT {x}::int + {y} + {x}", x=1, y=2).to_sql()

    assert written == Statement("SELECT $1::int + $2 + $1", (1, 2))


def test_doubled_braces_are_braces() -> None:
    """Array and JSON literals can be written."""
    written = sql("""SELECT '{{1,2}}'::int[], '{{"a": 1}}', {x}""", x=1).to_sql()

    assert written == Statement("""SELECT '{1,2}'::int[], '{"a": 1}', $1""", (1,))


def test_statement_without_values() -> None:
    """Text alone is a statement too."""
    assert sql("SELECT 1").to_sql() == Statement("SELECT 1", ())


def test_percent_and_dollar_mean_nothing_here() -> None:
    """Only braces are special."""
    assert sql("SELECT '%s', '$$', 5 % 2").to_sql().text == "SELECT '%s', '$$', 5 % 2"


def test_names_that_python_uses_are_names() -> None:
    """`self`, `template` and `values` are placeholders like any other."""
    written = sql("SELECT {self}, {template}, {values}", self=1, template=2, values=3).to_sql()

    assert written.params == (1, 2, 3)


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("SELECT {}", {}),
        ("SELECT {0}", {}),
        ("SELECT {a.b}", {"a": 1}),
        ("SELECT {a[0]}", {"a": [1]}),
        ("SELECT {a!r}", {"a": 1}),
        ("SELECT {a:d}", {"a": 1}),
        ("SELECT {a:{b}}", {"a": 1, "b": 2}),
        ("SELECT { a }", {"a": 1}),
        ("SELECT {a b}", {"a": 1}),
        ("SELECT {a", {"a": 1}),
        ("SELECT a}", {}),
        ("SELECT }{", {}),
    ],
)
def test_placeholder_is_a_plain_name(template: Any, values: dict[str, Any]) -> None:
    """Whatever else format strings allow is refused."""
    with pytest.raises(QueryError):
        sql(template, **values)


@pytest.mark.parametrize("template", ["SELECT {a}, {b}", "SELECT 1"])
def test_names_and_values_must_match(template: Any) -> None:
    """A missing value and one that is not used are mistakes."""
    with pytest.raises(QueryError, match=r"\{[ab]\}"):
        sql(template, a=1)


@pytest.mark.parametrize(
    "template",
    [
        "SELECT '{a}'",
        "SELECT ' {a}' || '{a}'",
        'SELECT "{a}"',
        "SELECT {a}1",
        "SELECT x{a}",
        "SELECT {a}{a}",
        "SELECT é{a}",
        "SELECT ${a}",
        "SELECT E{a}",
        "SELECT {a}AND",
    ],
)
def test_placeholder_stands_apart(template: Any) -> None:
    """Beside a quote or a word it would be part of a text, a name, or another parameter."""
    with pytest.raises(QueryError, match=r"\{a\} touches"):
        sql(template, a=1)


def test_names_stand_apart() -> None:
    """Two quoted names side by side would be one name with a quote in it."""
    with pytest.raises(QueryError, match="touches"):
        sql("SELECT {a}{b}", a=identifier("a"), b=identifier("b"))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("({a})", "($1)"),
        ("f({a},{a})", "f($1,$1)"),
        ("ARRAY[{a}]", "ARRAY[$1]"),
        ("{a}::int", "$1::int"),
        ("-{a}", "-$1"),
        ("x>{a};", "x>$1;"),
        ("'x'||{a}||'y'", "'x'||$1||'y'"),
        ("{{{a}}}", "{$1}"),
    ],
)
def test_operators_and_brackets_may_touch(template: Any, text: str) -> None:
    """What cannot merge with a parameter needs no space."""
    assert sql(template, a=1).to_sql().text == text


@pytest.mark.parametrize("template", ["SELECT '\0'", "SELECT '\ud800'", b"SELECT 1", None, 3])
def test_text_is_text(template: Any) -> None:
    """A NUL would end the statement early; what is no str is no statement."""
    with pytest.raises(QueryError):
        sql(template)


def test_model_is_its_table() -> None:
    """Quoted, and with its schema where it has one."""
    written = sql("SELECT 1 FROM {a} JOIN {b} ON true", a=Gadget, b=Keyword).to_sql()

    assert written.text == 'SELECT 1 FROM "warehouse"."gadgets" JOIN "order" ON true'


def test_column_is_its_name_in_the_database() -> None:
    """Which need not be the field's."""
    written = sql("SELECT k.{a}, {b}", a=Keyword.group, b=Gadget.__tags__).to_sql()

    assert written.text == 'SELECT k."from", "__tags__"'


def test_identifier_is_quoted() -> None:
    """A name alone, or schema and name."""
    written = sql("SELECT {a} FROM {b}", a=identifier("Größe"), b=identifier("s", "t")).to_sql()

    assert written == Statement('SELECT "Größe" FROM "s"."t"', ())


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "1a", "a.b", "a;", "a" * 64, "xmin", "\0", 3])
def test_identifier_is_checked(name: Any) -> None:
    """What models may not be called is no identifier."""
    with pytest.raises(QueryError):
        identifier(name)
    with pytest.raises(QueryError):
        identifier("s", name)


@pytest.mark.parametrize("parts", [(), ("a", "b", "c")])
def test_identifier_has_one_or_two_parts(parts: tuple[str, ...]) -> None:
    """Nothing is no name, and databases are not crossed."""
    with pytest.raises(QueryError):
        Identifier(parts)


def test_template_is_put_in_with_its_values() -> None:
    """Parameters are counted anew; names of the two do not meet."""
    where = sql("WHERE {c} = {x}", c=Label.key, x="inner")
    written = sql("SELECT {x} FROM t {where} AND {y}", x="outer", y=2, where=where).to_sql()

    assert written == Statement('SELECT $1 FROM t WHERE "key" = $2 AND $3', ("outer", "inner", 2))


def test_template_put_in_twice_sends_its_values_once() -> None:
    """It is the same value in both places."""
    part = sql("({x} + {x})", x=1)
    written = sql(
        "SELECT {part}, {outer}, {part}", part=part, outer=sql("{p} * 2", p=part)
    ).to_sql()

    assert written == Statement("SELECT ($1 + $1), ($1 + $1) * 2, ($1 + $1)", (1,))


def test_templates_stand_apart_too() -> None:
    """Words of two templates do not become one word, nor does an empty one hide that."""
    with pytest.raises(QueryError, match="touches"):
        sql("SELECT a{b}", b=sql("b"))
    with pytest.raises(QueryError, match="touches"):
        sql("SELECT {b}{nothing}1", b=sql("{x}", x=1), nothing=sql(""))
    assert sql("SELECT 1{rest}", rest=sql(" + 1")).to_sql().text == "SELECT 1 + 1"


def test_templates_nest_without_limit() -> None:
    """A statement that a loop has built is written like any other."""
    part = sql("{n}", n=0)
    for n in range(5_000):
        part = sql("{part} + {n}", part=part, n=n)
    written = part.to_sql()

    assert (len(written.params), written.text[-7:]) == (5_001, "+ $5001")


def test_too_many_values_are_refused() -> None:
    """The protocol counts parameters in 16 bits."""
    values = {f"v{i}": i for i in range(32_768)}
    text: Any = ", ".join(f"{{{name}}}" for name in values)
    with pytest.raises(QueryError, match="32767"):
        sql(text, **values).to_sql()


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (Mood.GREAT, "it's great"),
        (Level.HIGH, "HIGH"),
        (Rank.FIRST, "FIRST"),
        ([Mood.SAD, None, Level.LOW], ["sad", None, "LOW"]),
        ([[Mood.SAD]], [["sad"]]),
        ((1, Mood.SAD), (1, "sad")),
        ({1}, [1]),
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (float("inf"), float("inf")),
        (Decimal("1.50"), Decimal("1.50")),
        (b"\0", b"\0"),
        (UUID(int=1), UUID(int=1)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        ("", ""),
        ("'; DROP TABLE labels; --", "'; DROP TABLE labels; --"),
        ("{x} {{ $1", "{x} {{ $1"),
    ],
)
def test_value_travels(value: Any, wire: Any) -> None:
    """Enums as labels, everything else as it is."""
    (param,) = sql("SELECT {x}", x=value).to_sql().params

    assert param == wire
    assert type(param) is type(wire)


@pytest.mark.parametrize(
    ("value", "text", "wire"),
    [
        ({"a": [1, None]}, "$1::jsonb", b'{"a":[1,null]}'),
        ({}, "$1::jsonb", b"{}"),
        (Point(1, "x"), "$1::jsonb", b'{"x":1,"label":"x"}'),
        (Place("x", [1.0]), "$1::jsonb", b'{"name":"x","at":[1.0]}'),
        ([Point(1), None, {"y": 2}], "$1::jsonb[]", [b'{"x":1,"label":""}', None, b'{"y":2}']),
    ],
)
def test_document_travels_as_jsonb(value: Any, text: str, wire: Any) -> None:
    """Dicts, structs and dataclasses say what they are; a list of them is an array."""
    assert sql("{x}", x=value).to_sql() == Statement(text, (wire,))


def test_values_are_taken_when_given() -> None:
    """What happens to a list or a dict afterwards does not change the statement."""
    items, document = [1], {"a": 1}
    made = sql("{items} {document}", items=items, document=document)
    items.append(2)
    document["b"] = 2

    assert made.to_sql().params == ([1], b'{"a":1}')


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


class Odd(StrEnum):
    """A label that PostgreSQL cannot store."""

    NUL = "secret\0"


REFUSED: dict[str, Any] = {
    "NUL": "secret\0",
    "surrogate": "secret\ud800",
    "NUL in a list": ["secret\0"],
    "NUL in a tuple": ("secret\0",),
    "NUL in a set": {"secret\0"},
    "NUL in a dict": {"k": "secret\0"},
    "NUL in a key": {"secret\0": 1},
    "surrogate in a dict": {"k": "secret\ud800"},
    "object in a dict": {"k": object()},
    "datetime in a dict": {"k": datetime(2026, 1, 1, tzinfo=UTC)},
    "key that is no text": {1: 2},
    "NaN in a dict": {"k": float("nan")},
    "label with NUL": Odd.NUL,
    "big int": 2**63,
    "small int": -(2**63) - 1,
    "big int in a list": [2**63],
    "NaN": Decimal("NaN"),
    "huge Decimal": Decimal("1e200000"),
    "naive datetime": datetime(2026, 1, 1),  # noqa: DTZ001 - a naive one is the point
    "first datetime": datetime.min.replace(tzinfo=UTC),
    "mixed list": [{"a": 1}, 1],
    "flag": Permission.READ | Permission.WRITE,
    "struct without equality": Unequal(1),
    "endless list": ENDLESS,
    "instance of a model": Label(key="secret", value="secret"),
    "class": int,
    "abstract model": Shared,
    "struct class": Point,
    "condition": Gadget.id > 3,
    "expression": Gadget.id + 3,
    "query": QueryBuilder(Gadget),
    "statement": Statement("SELECT 1"),
    "list of models": [Gadget],
    "list of columns": [Gadget.id],
    "list of identifiers": [identifier("a")],
    "list of templates": [sql("1")],
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_value_that_cannot_travel_is_refused(value: Any) -> None:
    """The error names the placeholder and never shows the value."""
    with pytest.raises(QueryError) as caught:
        sql("SELECT {culprit}", culprit=value)

    assert "{culprit}" in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value.context}"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_column_of_an_abstract_model_is_refused() -> None:
    """Only a table's columns have names in the database."""
    with pytest.raises(QueryError, match="abstract"):
        sql("SELECT {c}", c=Shared.note)


def test_repr_shows_no_values() -> None:
    """The text as it was written, and nothing else."""
    made = sql("SELECT {x} {part}", x="secret", part=sql("{y}", y="secret"))

    assert repr(made) == "sql('SELECT {x} {part}')"
    assert "secret" not in f"{made} {made!r}"


def test_template_cannot_be_changed() -> None:
    """It is a value: it can be kept and put into several others."""
    made = sql("SELECT 1")
    with pytest.raises(AttributeError):
        made.template = "SELECT 2"  # type: ignore[misc]  # the point

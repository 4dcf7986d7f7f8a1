"""`QueryFilter.from_dict`: what a JSON filter means, and what is none."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any
from uuid import UUID

import pytest

from fix_verbs import City, Every, Rank, Shade, Spot
from storehaus import Condition, QueryBuilder, QueryError, QueryFilter
from storehaus.sql import has_filter
from storehaus.sql.filters import compile_filter
from storehaus.testing import FakeDriver

ID = UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def written(condition: Condition) -> tuple[str, tuple[object, ...]]:
    """The SQL of a condition, and its values."""
    statement = QueryBuilder(Every).filter(condition).to_sql()
    return statement.text, statement.params


def read(document: Any, **limits: Any) -> tuple[str, tuple[object, ...]]:
    """The SQL of a filter that went through JSON, and its values."""
    return written(QueryFilter.from_dict(json.loads(json.dumps(document)), **limits))


# Document → the same, typed.
MEANINGS: list[tuple[dict[str, Any], Condition]] = [
    ({"number": 3}, Every.number == 3),
    ({"number": None}, Every.number.is_null()),
    ({"number": {"eq": 3}}, Every.number == 3),
    ({"number": {"eq": None}}, Every.number.is_null()),
    ({"number": {"ne": 3}}, Every.number != 3),
    ({"number": {"ne": None}}, Every.number.is_not_null()),
    ({"number": {"gt": 3}}, Every.number > 3),
    ({"number": {"gte": 3}}, Every.number >= 3),
    ({"number": {"lt": 3}}, Every.number < 3),
    ({"number": {"lte": 3}}, Every.number <= 3),
    ({"number": {"between": [1, 3]}}, Every.number.between(1, 3)),
    ({"number": {"in": [1, 3]}}, Every.number.in_([1, 3])),
    ({"number": {"in": [1, None]}}, Every.number.in_([1, None])),
    ({"number": {"in": []}}, Every.number.in_([])),
    ({"number": {"not_in": [1, 3]}}, Every.number.not_in([1, 3])),
    ({"number": {"not_in": [1, None]}}, Every.number.not_in([1, None])),
    ({"number": {"is_null": True}}, Every.number.is_null()),
    ({"number": {"is_null": False}}, Every.number.is_not_null()),
    ({"name": {"like": "a%"}}, Every.name.like("a%")),
    ({"name": {"ilike": "a_"}}, Every.name.ilike("a_")),
    ({"name": {"startswith": "50%"}}, Every.name.startswith("50%")),
    ({"name": {"endswith": "a_b"}}, Every.name.endswith("a_b")),
    ({"name": {"contains": "\\"}}, Every.name.contains("\\")),
    ({"name": {"icontains": "x"}}, QueryFilter.ilike("name", "%x%")),
    ({"words": {"has_any": ["a", "b"]}}, Every.words.overlaps(["a", "b"])),
    ({"words": {"has_all": ["a", "b"]}}, Every.words.contains(["a", "b"])),
    ({"words": {"has_any": []}}, Every.words.overlaps([])),
    ({"words": {"has_all": []}}, Every.words.contains([])),
    ({"__tags__": {"has_any": ["a"]}}, QueryFilter.has_any_tag(["a"])),
    ({"__tags__": {"has_all": ["a"]}}, QueryFilter.has_all_tags(["a"])),
    ({"number": {"gt": 1, "lt": 9}}, (Every.number > 1) & (Every.number < 9)),
    ({"number": 3, "name": "x"}, (Every.number == 3) & (Every.name == "x")),
    ({"and": [{"number": 3}, {"name": "x"}]}, (Every.number == 3) & (Every.name == "x")),
    ({"or": [{"number": 3}, {"name": "x"}]}, (Every.number == 3) | (Every.name == "x")),
    ({"not": {"number": 3}}, ~(Every.number == 3)),
    (
        {"flag": True, "or": [{"number": 3}, {"not": {"name": "x", "number": {"gt": 1}}}]},
        (Every.flag == True)  # noqa: E712 - a column
        & ((Every.number == 3) | ~((Every.name == "x") & (Every.number > 1))),
    ),
    ({"and": []}, QueryFilter.and_([])),
    ({"or": []}, QueryFilter.or_([])),
    ({}, QueryFilter.and_([])),
]


@pytest.mark.parametrize(("document", "condition"), MEANINGS, ids=lambda each: str(each)[:60])
def test_document_means_what_the_typed_form_means(
    document: dict[str, Any], condition: Condition
) -> None:
    """The same SQL with the same values."""
    assert read(document) == written(condition)


# Field → a value as JSON has it, and what it is.
VALUES: list[tuple[str, Any, Any]] = [
    ("id", str(ID), ID),
    ("id", ID.hex, ID),
    ("name", "x", "x"),
    ("number", 2**62, 2**62),
    ("small", 7, 7),
    ("flag", False, False),
    ("ratio", 0.1, 0.1),
    ("ratio", 3, 3.0),
    ("amount", "0.1", Decimal("0.1")),
    ("amount", 0.1, Decimal("0.1")),
    ("amount", 3, Decimal(3)),
    ("amount", 1e-7, Decimal("1E-7")),
    ("amount", "123456789012345678901234567890.5", Decimal("123456789012345678901234567890.5")),
    ("price", "9.99", Decimal("9.99")),
    ("price", "0.125", Decimal("0.125")),
    ("day", "2024-02-29", date(2024, 2, 29)),
    ("at", "2024-02-29T12:30:00Z", MOMENT),
    ("at", "2024-02-29T13:30:00+01:00", MOMENT),
    ("clock", "12:30:00", time(12, 30)),
    ("span", "PT90M", timedelta(minutes=90)),
    ("blob", "AAH/", b"\x00\x01\xff"),
    ("owner", str(ID), ID),
    ("shade", "it's blue", Shade.BLUE),
    ("rank", "HIGH", Rank.HIGH),
    ("word", "a", "a"),
    ("four", "10.0.0.1", IPv4Address("10.0.0.1")),
    ("six", "::1", IPv6Address("::1")),
    ("net", "10.0.0.0/8", IPv4Network("10.0.0.0/8")),
    ("words", ["a", "b"], ["a", "b"]),
    ("days", ["2024-02-29"], [date(2024, 2, 29)]),
    ("shades", ["red", "it's blue"], [Shade.RED, Shade.BLUE]),
]


@pytest.mark.parametrize(("field", "given", "value"), VALUES)
def test_value_is_read_as_the_type_of_its_field(field: str, given: Any, value: Any) -> None:
    """What JSON has no type for is a text there; numbers are exact."""
    assert read({field: given}) == written(QueryFilter.eq(field, value))


@pytest.mark.parametrize(("field", "given", "value"), VALUES)
def test_values_of_lists_are_read_alike(field: str, given: Any, value: Any) -> None:
    """In lists and bounds the same value is the same."""
    if isinstance(given, list):
        assert read({field: {"has_any": given}}) == written(getattr(Every, field).overlaps(value))
        return
    assert read({field: {"in": [given]}}) == written(QueryFilter.in_values(field, [value]))
    assert read({field: {"between": [given, given]}}) == written(
        getattr(Every, field).between(value, value)
    )


def test_document_field_is_compared_with_a_document() -> None:
    """JSON beside JSON stays JSON; a struct is read as one."""
    document = {"a": [1, {"b": None}]}

    assert read({"doc": {"eq": document}}) == written(QueryFilter.eq("doc", document))
    assert read({"spot": {"eq": {"x": 1}}}) == written(QueryFilter.eq("spot", Spot(1)))


def test_moments_of_all_zones_are_taken() -> None:
    """An offset is part of the value."""
    east = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert read({"at": east.isoformat()}) == read({"at": MOMENT.isoformat()})


UNFIT: list[dict[str, Any]] = [
    {"number": "3"},
    {"number": 1.5},
    {"number": True},
    {"number": 2**63},
    {"small": 40_000},
    {"flag": 1},
    {"flag": "true"},
    {"ratio": "0.1"},
    {"ratio": True},
    {"ratio": float("nan")},
    {"amount": "many"},
    {"amount": "NaN"},
    {"amount": True},
    {"amount": []},
    {"day": "2024-02-30"},
    {"day": 20240229},
    {"at": "2024-02-29T12:30:00"},
    {"at": 1_700_000_000},
    {"clock": "25:00"},
    {"span": 90},
    {"blob": "not base64!"},
    {"owner": "123"},
    {"owner": 123},
    {"shade": "green"},
    {"shade": 1},
    {"rank": 1},
    {"rank": "1"},
    {"word": "c"},
    {"four": "::1"},
    {"four": 5},
    {"four": True},
    {"six": "10.0.0.1"},
    {"net": "10.0.0.1/8"},
    {"net": 5},
    {"words": "a"},
    {"words": [1]},
    {"words": ["\x00"]},
    {"days": ["2024-02-30"]},
    {"shades": ["green"]},
    {"name": 3},
    {"name": "\x00"},
    {"name": ["a"]},
    {"spot": {"eq": {"x": "1"}}},
    {"doc": {"gt": {}}},
    {"name": {"has_any": ["a"]}},
    {"words": {"in": [["a"]]}},
    {"number": {"like": "1%"}},
    {"name": {"like": "a\\"}},
    {"number": {"in": [1, "2"]}},
    {"number": {"between": ["1", 2]}},
    {"nope": 1},
    {"headline": 1},
    {"__dict__": 1},
]


@pytest.mark.parametrize("document", UNFIT, ids=str)
def test_value_that_does_not_fit_is_refused(document: dict[str, Any]) -> None:
    """When the query is written, by a typed error; JSON is not converted by guessing."""
    condition = QueryFilter.from_dict(document)

    with pytest.raises(QueryError):
        written(condition)


WRONG: list[tuple[Any, str]] = [
    ([], "a filter is an object"),
    ("name", "a filter is an object"),
    (None, "a filter is an object"),
    (3, "a filter is an object"),
    ({"and": {}}, "list of filters"),
    ({"or": "name"}, "list of filters"),
    ({"or": [3]}, "a filter is an object"),
    ({"and": [None]}, "a filter is an object"),
    ({"not": []}, "a filter is an object"),
    ({"not": None}, "a filter is an object"),
    ({3: 4}, "a field is a name"),
    ({None: 4}, "a field is a name"),
    ({"number": {}}, "followed by a value"),
    ({"number": {"above": 3}}, "no operator"),
    ({"number": {"EQ": 3}}, "no operator"),
    ({"number": {3: 3}}, "no operator"),
    ({"number": {"__class__": 3}}, "no operator"),
    ({"number": {"gt": None}}, "null"),
    ({"number": {"gte": None}}, "null"),
    ({"number": {"lt": None}}, "null"),
    ({"number": {"lte": None}}, "null"),
    ({"number": {"between": [1]}}, "least and the greatest"),
    ({"number": {"between": [1, 2, 3]}}, "least and the greatest"),
    ({"number": {"between": [1, None]}}, "least and the greatest"),
    ({"number": {"between": 3}}, "a list is needed"),
    ({"number": {"in": 3}}, "a list is needed"),
    ({"number": {"in": "abc"}}, "a list is needed"),
    ({"number": {"in": None}}, "a list is needed"),
    ({"number": {"not_in": {"a": 1}}}, "a list is needed"),
    ({"number": {"is_null": 1}}, "true or false"),
    ({"number": {"is_null": None}}, "true or false"),
    ({"name": {"like": None}}, "a text is needed"),
    ({"name": {"ilike": 3}}, "a text is needed"),
    ({"name": {"startswith": ["a"]}}, "a text is needed"),
    ({"name": {"endswith": None}}, "a text is needed"),
    ({"name": {"contains": {"a": 1}}}, "a text is needed"),
    ({"name": {"icontains": True}}, "a text is needed"),
    ({"words": {"has_any": "a"}}, "a list is needed"),
    ({"words": {"has_all": None}}, "a list is needed"),
]


@pytest.mark.parametrize(("document", "said"), WRONG, ids=str)
def test_what_is_no_filter_is_refused_at_once(document: Any, said: str) -> None:
    """Without any model, with an error that says what is wrong."""
    with pytest.raises(QueryError, match=said):
        QueryFilter.from_dict(document)


def test_hostile_names_are_shown_harmlessly() -> None:
    """Errors quote little of them, and nothing unprintable."""
    name = "\x1b[31m\n'; DROP TABLE cities --" + "x" * 10_000

    for document in ({name: 1}, {"number": {name: 1}}):
        with pytest.raises(QueryError) as caught:
            written(QueryFilter.from_dict(document, fields=["number"]))
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 400


def test_only_listed_fields_can_be_filtered_by() -> None:
    """Columns or names, at every depth; operators are no way around it."""
    fields = [Every.number, "name"]
    allowed = {"number": 1, "or": [{"name": "x"}, {"not": {"number": {"gt": 3}}}]}

    assert read(allowed, fields=fields) == read(allowed)
    for refused in (
        {"price": 1},
        {"or": [{"number": 1}, {"not": {"price": {"is_null": True}}}]},
        {"__tags__": {"has_any": ["x"]}},
        {"__is_active__": False},
    ):
        with pytest.raises(QueryError, match="cannot be filtered by") as caught:
            QueryFilter.from_dict(refused, fields=fields)
        assert caught.value.field is not None
    with pytest.raises(QueryError, match="cannot be filtered by"):
        QueryFilter.from_dict({"number": 1}, fields=[])
    assert read({}, fields=[]) == read({})


@pytest.mark.parametrize("fields", ["name", Every.name, 3, [3], [None]])
def test_list_of_fields_is_one(fields: Any) -> None:
    """A single field would be its letters."""
    with pytest.raises(QueryError):
        QueryFilter.from_dict({"name": "x"}, fields=fields)


def test_nesting_has_a_limit() -> None:
    """Objects within objects; the operators of a field are no level."""
    document: dict[str, Any] = {"number": {"gt": 1}}
    for word in ("not", "and", "or", "not"):
        document = {word: document if word == "not" else [document]}

    assert read(document)
    with pytest.raises(QueryError, match="5 levels"):
        QueryFilter.from_dict({"not": document})
    assert read({"not": document}, max_depth=6)
    with pytest.raises(QueryError, match="1 levels"):
        QueryFilter.from_dict({"not": {}}, max_depth=1)


def test_endless_nesting_is_refused_early() -> None:
    """Deeper than Python's own stack."""
    document: dict[str, Any] = {}
    for _ in range(100_000):
        document = {"not": document}

    with pytest.raises(QueryError, match="levels"):
        QueryFilter.from_dict(document)


@pytest.mark.parametrize(
    "document",
    [
        {"or": [{"number": i} for i in range(4)]},
        {"number": {"gt": 1, "gte": 1, "lt": 1, "lte": 1}},
        {"and": [{"and": []}, {"or": []}, {"and": []}, {"or": []}]},
        {"or": [{}, {}, {}, {}]},
        {"and": [{"number": 1}, {"not": {}}, {"number": {"is_null": True}}, {"or": []}]},
    ],
    ids=str,
)
def test_conditions_are_counted(document: dict[str, Any]) -> None:
    """All that becomes SQL counts, what is empty too: nobody sends a million of them."""
    QueryFilter.from_dict(document, max_conditions=4)
    with pytest.raises(QueryError, match="3 conditions"):
        QueryFilter.from_dict(document, max_conditions=3)


def test_fifty_conditions_are_the_limit() -> None:
    """As long as nobody says otherwise."""
    many = [{"number": i} for i in range(51)]

    QueryFilter.from_dict({"or": many[:50]})
    with pytest.raises(QueryError, match="50 conditions"):
        QueryFilter.from_dict({"or": many})


def test_values_of_all_lists_are_counted_together() -> None:
    """Whatever stands before them."""
    document = {"number": {"in": [1, 2]}, "words": {"has_any": ["a"]}, "days": ["2024-01-01"]}

    assert read(document, max_values=4)
    with pytest.raises(QueryError, match="3 values"):
        QueryFilter.from_dict(document, max_values=3)
    QueryFilter.from_dict({"number": {"in": list(range(1_000))}})
    with pytest.raises(QueryError, match="1000 values"):
        QueryFilter.from_dict({"number": {"in": list(range(1_001))}})


# Filters that hold for every row by their shape.
VACUOUS: list[dict[str, Any]] = [
    {},
    {"and": []},
    {"and": [{}, {}]},
    {"or": [{}]},
    {"or": [{"number": 1}, {}]},
    {"not": {"or": []}},
    {"not": {"not": {}}},
    {"not": {"and": [{"number": 1}, {"or": []}]}},
    {"not": {"number": 1, "or": []}},
    {"number": {"not_in": []}},
    {"not": {"number": {"in": []}}},
    {"not": {"words": {"has_any": []}}},
    {"not": {"or": [{"number": {"in": []}}, {"words": {"has_any": []}}]}},
    {"name": {"contains": ""}},
    {"name": {"icontains": ""}},
    {"name": {"startswith": ""}},
    {"name": {"endswith": ""}},
    {"name": {"like": "%"}},
    {"words": {"has_all": []}},
]
FILTERS: list[dict[str, Any]] = [
    {"number": 1},
    {"or": []},
    {"not": {}},
    {"not": {"and": []}},
    {"not": {"not": {"number": 1}}},
    {"not": {"or": [{"number": 1}, {"or": []}]}},
    {"number": {"in": []}},
    {"not": {"number": {"not_in": []}}},
    {"words": {"has_any": []}},
    {"words": {"has_all": ["a"]}},
    {"name": {"contains": "%"}},
    {"and": [{}, {"number": 1}]},
]


@pytest.mark.parametrize("document", VACUOUS, ids=str)
def test_filter_that_keeps_every_row_is_none(document: dict[str, Any]) -> None:
    """A write by such a filter must say that all rows are meant."""
    assert not has_filter(QueryBuilder(Every).filter(QueryFilter.from_dict(document)))


@pytest.mark.parametrize("document", FILTERS, ids=str)
def test_filter_that_can_leave_rows_out_is_one(document: dict[str, Any]) -> None:
    """It may be a write's."""
    assert has_filter(QueryBuilder(Every).filter(QueryFilter.from_dict(document)))


@pytest.mark.anyio
async def test_vacuous_filters_empty_no_table() -> None:
    """delete_where and update_where send nothing, unless everything is meant."""
    from storehaus import GenericStore  # noqa: PLC0415 - for this test alone
    from storehaus.store import Database  # noqa: PLC0415 - the same

    driver = FakeDriver()
    store = GenericStore(Database(driver), City)
    for document in ({}, {"and": []}, {"not": {"id": {"in": []}}}, {"name": {"contains": ""}}):
        condition = QueryFilter.from_dict(document)
        with pytest.raises(QueryError, match="everything=True"):
            await store.delete_where(condition)
        with pytest.raises(QueryError, match="everything=True"):
            await store.update_where(condition, {"people": 1})
    assert driver.calls == []


def test_filter_of_a_write_is_the_same_filter() -> None:
    """The condition of an UPDATE has the same values, in the same order."""
    from storehaus.sql.binder import Binder  # noqa: PLC0415 - for this test alone

    query = QueryBuilder(Every).filter(
        QueryFilter.from_dict({"amount": {"gt": 0.1}, "day": "2024-01-01"})
    )
    binder = Binder()

    text = compile_filter(Every.__table_info__, query, binder)

    assert '"amount" > $1' in text
    assert binder.statement("").params == (Decimal("0.1"), date(2024, 1, 1))


def test_endless_nesting_is_no_vacuous_filter() -> None:
    """Whether a filter filters is asked before it is compiled, and must not fail by depth."""
    condition = Every.number == 1
    for _ in range(20_000):
        condition = ~(condition & (Every.number == 1))

    assert has_filter(QueryBuilder(Every).filter(condition))

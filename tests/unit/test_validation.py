"""Checking values before they are sent: exact types, limits of PostgreSQL, declared bounds."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
import pytest

from storehaus.errors import ValidationError
from storehaus.model import Field, Integer, Model, Numeric, SmallInt, field
from storehaus.model.validation import Validator, check_value, wire_value


class Mood(Enum):
    """An enum."""

    GOOD = "good"


class Point(msgspec.Struct):
    """A struct in jsonb."""

    x: int


class Thing(Model, table="things"):
    """One field of each kind that has rules."""

    text: Field[str] = field(default="", max_length=5, pattern="^[a-z]*$")
    number: Field[int] = field(default=0, ge=-10, lt=10)
    small: Field[Annotated[int, SmallInt]] = field(default=0)
    medium: Field[Annotated[int, Integer]] = field(default=0)
    big: Field[int] = field(default=0)
    share: Field[float] = field(default=0.0, gt=-1, le=1)
    ratio: Field[float] = field(default=0.0)
    flag: Field[bool] = field(default=False)
    price: Field[Annotated[Decimal, Numeric(5, 2)]] = field(default=Decimal(0), ge=0)
    exact: Field[Decimal] = field(default=Decimal(0))
    data: Field[bytes] = field(default=b"", min_length=0, max_length=3)
    at: Field[datetime] = field(default=datetime(2026, 1, 1, tzinfo=UTC))
    day: Field[date] = field(default=date(2026, 1, 1), ge=date(2000, 1, 1))
    hour: Field[time] = field(default=time(0))
    wait: Field[timedelta] = field(default=timedelta(0))
    key: Field[UUID] = field(default=UUID(int=0))
    host: Field[IPv4Address] = field(default=IPv4Address(0))
    host6: Field[IPv6Address] = field(default=IPv6Address(0))
    mood: Field[Mood] = field(default=Mood.GOOD)
    choice: Field[Literal["a", "b"]] = field(default="a")
    labels: Field[list[str]] = field(default_factory=list, max_length=2)
    floats: Field[list[float]] = field(default_factory=list)
    moods: Field[list[Mood | None]] = field(default_factory=list)
    maybe: Field[str | None] = field(default=None, min_length=1)
    point: Field[Point] = field(default_factory=lambda: Point(1))
    extra: Field[dict[str, object]] = field(default_factory=dict)


INFO = Thing.__table_info__
OWN = [column for column in INFO.columns if not column.system]
VALIDATOR = Validator(INFO, OWN)

ACCEPTED: list[tuple[str, Any]] = [
    ("text", "abcde"),
    ("number", -10),
    ("small", 32_767),
    ("medium", -(2**31)),
    ("big", 2**63 - 1),
    ("share", 1.0),
    ("ratio", float("nan")),
    ("ratio", float("-inf")),
    ("ratio", 2**53),
    ("price", Decimal("999.99")),
    ("price", Decimal("1.100")),
    ("exact", Decimal("1e-16383")),
    ("data", b"\x00\xff"),
    ("at", datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    ("at", datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=14)))),
    ("day", date.max),
    ("hour", time.max),
    ("wait", timedelta.min),
    ("labels", ["é", ""]),
    ("floats", [1, 2.5]),
    ("moods", [Mood.GOOD, None]),
    ("maybe", None),
    ("point", Point(2**70)),
    ("extra", {"a": [1, {"b": None}], "c": 1e300}),
]

REFUSED: list[tuple[str, Any, str]] = [
    ("text", 3, "str"),
    ("text", b"a", "str"),
    ("text", None, "None"),
    ("text", msgspec.UNSET, "no value yet"),
    ("text", "a\x00", "NUL"),
    ("text", "\ud83d", "surrogate"),
    ("text", "abcdef", "at most 5 characters"),
    ("text", "A", "match"),
    ("text", "a\n", "match"),
    ("number", "3", "int"),
    ("number", True, "int"),
    ("number", 1.0, "int"),
    ("number", Decimal(1), "int"),
    ("number", 10, "< 10"),
    ("number", -11, "≥ -10"),
    ("small", 32_768, "32767"),
    ("medium", 2**31, "2147483647"),
    ("big", 2**63, "9223372036854775807"),
    ("big", -(2**63) - 1, "-9223372036854775808"),
    ("big", 10**400, "9223372036854775807"),
    ("share", "0.5", "float"),
    ("share", True, "float"),
    ("share", float("nan"), "-1"),
    ("share", -1.0, "> -1"),
    ("ratio", 2**53 + 1, "exactly"),
    ("ratio", 10**400, "float"),
    ("ratio", Decimal("0.1"), "exactly"),
    ("flag", 1, "bool"),
    ("price", 1, "Decimal"),
    ("price", 1.5, "Decimal"),
    ("price", "1.5", "Decimal"),
    ("price", Decimal("1.234"), "2 after it"),
    ("price", Decimal(1000), "3 digits before"),
    ("price", Decimal("-0.01"), "≥ 0"),
    ("exact", Decimal("NaN"), "finite"),
    ("exact", Decimal("sNaN"), "finite"),
    ("exact", Decimal("Infinity"), "finite"),
    ("exact", Decimal("1e131072"), "numeric"),
    ("exact", Decimal("1e-16384"), "numeric"),
    ("data", "a", "bytes"),
    ("data", b"abcd", "at most 3 bytes"),
    ("at", datetime(2026, 1, 1), "time zone"),  # noqa: DTZ001 - naive on purpose
    ("at", date(2026, 1, 1), "datetime"),
    ("at", "2026-01-01T00:00:00Z", "datetime"),
    ("at", datetime.max.replace(tzinfo=UTC), "years"),
    ("at", datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "years"),
    ("day", datetime(2026, 1, 1, tzinfo=UTC), "date"),
    ("day", "2026-01-01", "date"),
    ("day", date(1999, 12, 31), "2000-01-01"),
    ("hour", time(1, tzinfo=UTC), "no time zone"),
    ("wait", 5, "timedelta"),
    ("key", "00000000-0000-0000-0000-000000000000", "UUID"),
    ("host", "127.0.0.1", "IPv4Address"),
    ("host", IPv6Address(1), "IPv4Address"),
    ("host", None, "None"),
    ("host6", IPv6Address("fe80::1%eth0"), "IPv6Address"),
    ("mood", "good", "Mood"),
    ("mood", None, "None"),
    ("choice", "c", "Literal"),
    ("choice", "\ud83d", "Literal"),
    ("labels", "ab", "list"),
    ("labels", ["a", 1], "list"),
    ("labels", [None], "list"),
    ("labels", ["\x00"], "NUL"),
    ("labels", ["a", "b", "c"], "at most 2 items"),
    ("floats", [2**53 + 1], "exactly"),
    ("moods", ["good"], "Mood"),
    ("maybe", "", "at least 1"),
    ("point", {"x": 1}, "JSON"),
    ("point", Point("1"), "JSON"),
    ("point", None, "None"),
    ("extra", [1], "JSON"),
    ("extra", {"a": float("nan")}, "JSON"),
    ("extra", {"a": {1}}, "JSON"),
    ("extra", {1: "a"}, "JSON"),
    ("extra", {"a": "\x00"}, "NUL"),
    ("extra", {"a": "\ud83d"}, "JSON"),
    ("extra", {"a": object()}, "JSON"),
]


REFUSED_IDS = [f"{i}-{name}-{type(value).__name__}" for i, (name, value, _) in enumerate(REFUSED)]
ACCEPTED_IDS = [f"{i}-{name}" for i, (name, _) in enumerate(ACCEPTED)]


def _nested(levels: int) -> dict[str, object]:
    nested: dict[str, object] = {}
    for _ in range(levels):
        nested = {"a": nested}
    return nested


def _doors(model: Thing) -> list[Sequence[Any]]:
    """Check a model by itself and as a part of a batch."""
    columns = VALIDATOR.columns([Thing(), model])
    return [VALIDATOR.row(model), [values[1] for values in columns]]


@pytest.mark.parametrize(("name", "value"), ACCEPTED, ids=ACCEPTED_IDS)
def test_fitting_value_is_accepted(name: str, value: Any) -> None:
    """Alone, in a row, and in a batch, all with the same result."""
    alone = wire_value("Thing", INFO.by_name[name], value)
    by_row, by_batch = _doors(Thing(**{name: value}))

    place = INFO.by_name[name].position
    assert repr(by_row[place]) == repr(by_batch[place]) == repr(alone)


@pytest.mark.parametrize(("name", "value", "rule"), REFUSED, ids=REFUSED_IDS)
def test_unfit_value_is_refused_with_its_rule(name: str, value: Any, rule: str) -> None:
    """The error names model, field, rule and the value's type."""
    with pytest.raises(ValidationError) as caught:
        VALIDATOR.row(Thing(**{name: value}))

    error = caught.value
    assert (error.model, error.field) == ("Thing", name)
    assert error.value_type == type(value).__name__
    assert rule in str(error.rule)
    assert error.row_index is None


@pytest.mark.parametrize(("name", "value", "rule"), REFUSED, ids=REFUSED_IDS)
def test_unfit_value_in_a_batch_is_refused_with_its_row(name: str, value: Any, rule: str) -> None:
    """The same error, and the index is the place that the caller knows."""
    with pytest.raises(ValidationError) as caught:
        VALIDATOR.columns([Thing(), Thing(**{name: value}), Thing()], [7, 101, 9])

    assert (caught.value.field, caught.value.row_index) == (name, 101)
    assert rule in str(caught.value.rule)


@pytest.mark.parametrize(("name", "value", "rule"), REFUSED, ids=REFUSED_IDS)
def test_message_never_holds_the_value(name: str, value: Any, rule: str) -> None:
    """A value may be a secret, and errors are logged."""
    with pytest.raises(ValidationError) as caught:
        check_value("Thing", INFO.by_name[name], value)

    if isinstance(value, str) and len(value) > 2:
        assert value not in str(caught.value)
        assert value not in repr(caught.value.context)


def test_values_are_converted_to_the_fields_own_types() -> None:
    """What is sent is what was checked: an int in a float field is a float."""
    values = VALIDATOR.row(Thing(share=1, data=bytearray(b"a")))

    assert type(values[INFO.by_name["share"].position]) is float
    assert type(values[INFO.by_name["data"].position]) is bytes


def test_models_are_not_changed() -> None:
    """Converted values go into the statement only."""
    thing = Thing(share=1)
    VALIDATOR.columns([thing])

    assert type(thing.share) is int


def test_enums_and_json_travel_encoded() -> None:
    """Labels as text, jsonb as bytes."""
    values = VALIDATOR.row(Thing(moods=[Mood.GOOD, None], extra={"a": 1e22}))

    assert values[INFO.by_name["mood"].position] == "good"
    assert values[INFO.by_name["moods"].position] == ["good", None]
    # Written out, or jsonb would give an integer back.
    assert values[INFO.by_name["extra"].position] == b'{"a":10000000000000000000000.0}'


def test_nesting_of_json_is_limited() -> None:
    """PostgreSQL's parser would give up at some thousands of levels."""
    column = INFO.by_name["extra"]
    check_value("Thing", column, _nested(499))

    for levels in (500, 100_000):
        with pytest.raises(ValidationError):
            check_value("Thing", column, _nested(levels))


def test_many_brackets_are_not_deep() -> None:
    """Only levels count, not brackets, and not those within texts."""
    check_value("Thing", INFO.by_name["extra"], {"a": [[]] * 1000, "b": "[" * 1000})


def test_instance_of_another_class_is_refused() -> None:
    """A batch has one type."""

    class Other(Model, table="others"):
        text: Field[str]

    for wrong in (Other(text="a"), {"text": "a"}, None):
        with pytest.raises(ValidationError, match="expected an instance of Thing"):
            VALIDATOR.row(wrong)
        with pytest.raises(ValidationError, match="expected an instance of Thing") as caught:
            VALIDATOR.columns([Thing(), wrong])
        assert caught.value.row_index == 1


def test_deleted_attribute_has_no_value() -> None:
    """It is refused like one that was never set."""
    thing = Thing()
    del thing.text

    with pytest.raises(ValidationError, match=r"Thing\.text has no value yet"):
        VALIDATOR.row(thing)


def test_bounds_do_not_apply_to_filters() -> None:
    """Asking for what cannot be there is no error."""
    assert check_value("Thing", INFO.by_name["number"], 99, bounds=False) == 99


def test_columns_come_in_the_order_asked() -> None:
    """And only those."""
    wanted = [INFO.by_name["number"], INFO.by_name["text"]]

    assert Validator(INFO, wanted).row(Thing(text="a", number=1)) == (1, "a")
    assert Validator(INFO, wanted[:1]).row(Thing(number=1)) == (1,)
    assert Validator(INFO, []).row(Thing()) == ()
    assert Validator(INFO, wanted).columns([]) == [(), ()]


def test_batch_gives_columns() -> None:
    """One sequence per column, in the order of the rows."""
    wanted = [INFO.by_name["number"], INFO.by_name["maybe"]]
    things = [Thing(number=i, maybe=None if i else "x") for i in range(3)]

    assert [list(values) for values in Validator(INFO, wanted).columns(things)] == [
        [0, 1, 2],
        ["x", None, None],
    ]


def test_equal_uuid_of_the_driver_is_accepted() -> None:
    """Rows that were read can be written: the driver has a UUID of its own."""

    class DriverUuid(UUID):
        pass

    key = DriverUuid(int=uuid4().int)
    assert wire_value("Thing", INFO.by_name["key"], key) == key

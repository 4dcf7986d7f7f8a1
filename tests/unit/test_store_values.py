"""The small parts of the store that need no server."""

import pytest

from fix_haus import Airport, Gadget, Level, LogLine, Mood, Seat, Ticket, airport
from storehaus import ForeignKeyViolation, NotNullViolation, QueryError, UniqueViolation
from storehaus.errors import ValidationError
from storehaus.store.duplicates import refuse_duplicates
from storehaus.store.key import Key, in_lock_order
from storehaus.store.shape import shapes
from storehaus.store.table import Table
from storehaus.store.violations import explain


def test_rows_are_cut_below_what_a_statement_carries() -> None:
    """Few large rows and many small ones are both cut; every row is in exactly one chunk."""
    table: Table[Airport] = Table(Airport.__table_info__)

    small = table.chunks([["x"] * 12_000], 12_000)
    large = table.chunks([["x" * 1_000_000] * 20], 20)

    assert small == [(0, 5_000), (5_000, 10_000), (10_000, 12_000)]
    assert large == [(0, 8), (8, 16), (16, 20)]
    assert table.chunks([["x" * 10**8]], 1) == [(0, 1)]
    assert table.chunks([], 0) == [(0, 0)]


def test_shape_leaves_out_what_the_database_makes() -> None:
    """UNSET server defaults are not sent; everything else is."""
    info = Ticket.__table_info__
    shape = shapes([column for column in info.columns if column.insertable])

    assert [column.name for column in shape(Ticket(title="a"))] == ["title"]
    assert [column.name for column in shape(Ticket(title="a", weight=1))] == ["title", "weight"]
    assert [column.name for column in shape(object())] == ["title", "state", "weight"]


def test_lock_order_is_that_of_code_points() -> None:
    """Keys are sorted by their parts; a NULL stands last."""
    keys = [("b", 1), ("Z", 2), ("b", 0), ("a", None), ("a", 5)]

    assert [keys[i] for i in in_lock_order(keys)] == [
        ("Z", 2),
        ("a", 5),
        ("a", None),
        ("b", 0),
        ("b", 1),
    ]


def test_duplicates_name_the_second_row() -> None:
    """Keys with a NULL are never the same."""
    table: Table[Seat] = Table(Seat.__table_info__)
    columns = Seat.__table_info__.primary_key

    refuse_duplicates(table, columns, [("a", None), ("a", None), ("b", 1)])
    with pytest.raises(ValidationError) as caught:
        refuse_duplicates(table, columns, [("a", 1), ("b", 1), ("a", 1)])

    assert caught.value.row_index == 2


def test_keys_know_models_and_rows() -> None:
    """One part is a value, several are a tuple, none is None."""
    seat = Seat(hall="A", number=1)

    assert Key(Seat.__table_info__).of_model(seat) == ("A", 1)
    assert Key(LogLine.__table_info__).of_model(LogLine(level="", text="")) is None
    key = Key(Airport.__table_info__)
    one = airport(1)
    assert key.of_model(one) == one.id
    with pytest.raises(QueryError):
        Key(LogLine.__table_info__).require()


def test_enums_travel_as_labels() -> None:
    """What is sent for a column of labels, alone and within a list."""
    table: Table[Gadget] = Table(Gadget.__table_info__)
    gadget = Gadget(id=1, code="c", mood=Mood.GREAT, level=Level.LOW, moods=[Mood.SAD])
    shape = table.insert_shape(gadget)

    sent = dict(zip([each.name for each in shape], table.validator(shape).row(gadget), strict=True))

    assert (sent["mood"], sent["level"], sent["moods"]) == ("it's great", "LOW", ["sad"])


def test_violation_speaks_of_fields() -> None:
    """Columns become fields, constraints are looked up; what is unknown stays unknown."""
    info = Gadget.__table_info__
    by_key = explain(info, UniqueViolation("x", table="gadgets", constraint="gadgets_code_key"))
    by_column = explain(info, NotNullViolation("x", table="gadgets", fields=("mood",)))
    foreign = explain(info, ForeignKeyViolation("x", table="others", constraint="gadgets_code_key"))
    unknown = explain(info, UniqueViolation("x", table="gadgets", constraint="psql"))

    assert [each.fields for each in (by_key, by_column, foreign, unknown)] == [
        ("code",),
        ("mood",),
        (),
        (),
    ]
    assert by_key.table == "gadgets"
    assert foreign.table == "others"

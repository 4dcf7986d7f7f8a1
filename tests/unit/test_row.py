"""Rows: tuples with names, whatever the server calls its columns."""

import copy
import pickle
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storehaus.expr.row import AnyRow, Row, row_class


def row(**values: object) -> AnyRow:
    """A row of these labels and values."""
    return row_class(tuple(values))(tuple(values.values()))


def test_values_are_found_by_name_and_by_place() -> None:
    """`row.name` and `row[0]` are the same value."""
    found = row(country="DE", n=3)

    assert (found.country, found.n) == (found[0], found[1]) == ("DE", 3)


def test_row_is_a_tuple() -> None:
    """It compares, hashes, unpacks and is sliced like the tuple of its values."""
    found = row(country="DE", n=3)
    country, n = found

    assert found == ("DE", 3)
    assert hash(found) == hash(("DE", 3))
    assert (country, n) == found[:]
    assert isinstance(found, Row)
    assert isinstance(found, tuple)


def test_labels_do_not_enter_comparisons() -> None:
    """Two rows of equal values are equal, whatever their columns are called."""
    assert row(a=1) == row(b=1)


@pytest.mark.parametrize(
    "label", ["__created_at__", "__tags__", "__is_active__", "count", "index", "_private", ""]
)
def test_label_is_an_attribute(label: str) -> None:
    """System columns, and names that tuples have for methods, are attributes too."""
    assert getattr(row_class((label,))((7,)), label) == 7


@pytest.mark.parametrize("label", ["?column?", "a b", "1", "größe", "\ud800", 'x"y', "self"])
def test_label_may_be_any_text(label: str) -> None:
    """What is no identifier can still be asked for by `getattr`."""
    assert getattr(row_class((label,))((7,)), label) == 7


@pytest.mark.parametrize(
    "label",
    [
        "__len__",
        "__class__",
        "__iter__",
        "__eq__",
        "__reduce__",
        "__slots__",
        "__bool__",
        "__call__",
        "__classcell__",
        "__set_name__",
        "_fields",
        "as_dict",
        "_pairs",
    ],
)
def test_label_does_not_shadow_what_rows_need(label: str) -> None:
    """Such a value is reached by position, and the row goes on working as a tuple."""
    found = row_class((label, "n"))((7, 8))

    assert found[0] == 7
    assert len(found) == 2
    assert bool(found) is True
    assert list(found) == [7, 8]
    assert found._fields == (label, "n")
    assert found.as_dict() == {label: 7, "n": 8}
    assert pickle.loads(pickle.dumps(found)) == found


def test_label_that_stands_twice_is_no_attribute() -> None:
    """Which of the two would it be? Both are there by position."""
    found = row_class(("id", "id", "n"))((1, 2, 3))

    assert not hasattr(found, "id")
    assert (found[0], found[1], found.n) == (1, 2, 3)


def test_unknown_name_is_an_attribute_error() -> None:
    """The error names what was asked for; with system columns or without."""
    for labels in (("n",), ("__tags__",)):
        with pytest.raises(AttributeError, match="missing"):
            _ = row_class(labels)((1,)).missing


def test_fields_and_dict() -> None:
    """`_fields` are the labels, `as_dict()` pairs them with the values."""
    found = row(country="DE", n=3)

    assert found._fields == ("country", "n")
    assert found.as_dict() == {"country": "DE", "n": 3}


def test_repr() -> None:
    """It reads like a call with names."""
    assert repr(row(country="DE", n=3)) == "Row(country='DE', n=3)"
    assert repr(row()) == "Row()"


def test_row_cannot_be_changed() -> None:
    """Neither a column nor anything else can be set."""
    found = row(n=3)
    with pytest.raises(AttributeError):
        found.n = 4
    with pytest.raises(AttributeError):
        found.other = 4


def test_copies_are_rows() -> None:
    """`copy`, `deepcopy` and every pickle protocol give an equal row of the same class."""
    found = row(__tags__=["a"], n=3)
    copies = [copy.copy(found), copy.deepcopy(found)]
    copies += [
        pickle.loads(pickle.dumps(found, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]

    assert all(each == found and type(each) is type(found) for each in copies)
    assert copies[1][0] is not found[0]


def test_pickle_is_read_by_another_process() -> None:
    """A process that never met these labels can read the row."""
    program = "import pickle, sys; print(repr(pickle.load(sys.stdin.buffer)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(row(country="DE", n=3)),
        capture_output=True,
        check=True,
    )

    assert done.stdout.decode().strip() == "Row(country='DE', n=3)"


def test_equal_labels_share_a_class() -> None:
    """A query that is sent often makes one class."""
    assert row_class(("a", "b")) is row_class(("a", "b"))
    assert row_class(("a", "b")) is not row_class(("b", "a"))


def test_building_runs_no_python_code() -> None:
    """Construction is the tuple's own, in C."""
    cls = row_class(("country", "__tags__"))

    assert cls.__new__ is tuple.__new__
    assert cls.__init__ is tuple.__init__


@given(st.lists(st.text(), max_size=6))
def test_any_labels_make_a_working_row(labels: list[str]) -> None:
    """Whatever the columns are called: values by place, by each name that is unique, and copies."""
    values = tuple(range(len(labels)))
    found = row_class(tuple(labels))(values)

    assert found == values
    assert pickle.loads(pickle.dumps(found)) == values
    for i, label in enumerate(labels):
        if labels.count(label) == 1 and not label.startswith("_"):
            assert getattr(found, label) == i

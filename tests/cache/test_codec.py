"""Rows come back from bytes as they were, and bytes that are no rows are a miss."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any
from uuid import UUID

import pytest
from asyncpg.pgproto import pgproto
from hypothesis import given
from hypothesis import strategies as st

from storehaus.cache.codec import decode_rows, encode_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS: list[st.SearchStrategy[Any]] = [
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    TEXT,
    st.floats(allow_nan=False),
    st.binary(),
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from([datetime.max, datetime.min]),  # noqa: DTZ901 - the driver's infinities
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.sampled_from([ip_interface("10.0.0.1/8"), ip_interface("192.168.1.1/32")]),
    st.sampled_from([ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16")]),
]


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Rows whose columns are of one type each, with NULLs and arrays among them."""
    columns = draw(st.lists(st.sampled_from(SCALARS), max_size=6))
    kinds = [
        draw(st.sampled_from([each, st.none() | each, st.lists(st.none() | each, max_size=3)]))
        for each in columns
    ]
    return draw(st.lists(st.tuples(*kinds), max_size=4))


@given(tables())
def test_rows_come_back(rows: list[tuple[Any, ...]]) -> None:
    """Equal, and of the same types."""
    payload = encode_rows(rows)
    assert payload is not None
    found = decode_rows(payload)
    assert found == rows
    assert found is not None
    shapes = [[[type(value) for value in row] for row in each] for each in (found, rows)]
    assert shapes[0] == shapes[1]


def test_uuid_of_the_driver_is_one() -> None:
    """It is a class of its own, and comes back as Python's."""
    text = "12345678-1234-5678-1234-567812345678"
    payload = encode_rows([(pgproto.UUID(text),)])
    assert payload is not None
    assert decode_rows(payload) == [(UUID(text),)]


@pytest.mark.parametrize(
    "value",
    [
        2**70,
        {"a": 1},
        [[1], [2]],
        complex(1, 2),
        {1},
        "\ud800",
    ],
    ids=repr,
)
def test_what_would_not_come_back_is_not_encoded(value: object) -> None:
    """Nothing is stored then."""
    assert encode_rows([(value,)]) is None


@pytest.mark.parametrize("column", [[1, "a"], [Decimal(1), 1.0], [[1], 1]], ids=repr)
def test_columns_of_two_types(column: list[Any]) -> None:
    """Natives may stand together; whatever needs a type of its own may not."""
    payload = encode_rows([(each,) for each in column])
    natives = all(isinstance(each, int | str) for each in column)
    assert (payload is not None) is natives


@given(st.binary(max_size=200))
def test_any_bytes_are_a_miss(noise: bytes) -> None:
    """No bytes raise."""
    found = decode_rows(noise)
    assert found is None or isinstance(found, list)


@given(tables(), st.data())
def test_damaged_bytes_do_not_raise(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """Cut off or altered, they give rows or nothing."""
    payload = encode_rows(rows)
    assert payload is not None
    cut = data.draw(st.integers(0, len(payload)))
    flipped = bytearray(payload)
    if flipped:
        flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= data.draw(st.integers(1, 255))
    for damaged in (payload[:cut], bytes(flipped)):
        found = decode_rows(damaged)
        assert found is None or isinstance(found, list)


def test_day_and_time() -> None:
    """The types whose text forms are alike stay apart."""
    row = (
        date(2026, 1, 2),
        time(3, 4, 5, 6),
        timedelta(days=-1, microseconds=1),
        ip_address("::1"),
    )
    payload = encode_rows([row])
    assert payload is not None
    assert decode_rows(payload) == [row]

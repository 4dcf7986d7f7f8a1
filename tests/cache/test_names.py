"""No two ids, values or queries share a name, whatever they hold."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storehaus import CacheParams, Field, Model, field
from storehaus.cache.names import fingerprint, query_name, record_name, row_tag

HOSTILE = ["", ":", "a:b", "{x}", "a\nb", "r:1:2", "\x00", "é", "x" * 65_536, " ", "t:1:any"]


def test_hostile_ids_have_names_of_their_own() -> None:
    """Names are short, printable, and hold none of what an id holds."""
    names = [record_name(7, (each,)) for each in HOSTILE]
    names += [record_name(7, (a, b)) for a, b in [("a", "b:c"), ("a:b", "c"), ("", "a"), ("a", "")]]
    assert len(set(names)) == len(names)
    assert all(len(name) < 60 and name.isascii() and b"{" not in name for name in names)
    assert all(name.count(b":") == 2 for name in names)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, unique=True))
def test_texts(texts: list[str]) -> None:
    """As ids and as values of tags."""
    assert len({record_name(1, (each,)) for each in texts}) == len(texts)
    assert len({row_tag(1, "name", each) for each in texts}) == len(texts)


@pytest.mark.parametrize(
    "value", [True, 5, -5, UUID(int=3), date(2026, 1, 1), "text", "any"], ids=repr
)
def test_tag_of_a_value_is_not_that_of_all(value: object) -> None:
    """A field may be called what it likes."""
    assert row_tag(1, "any", value) != row_tag(1)
    assert row_tag(1, "q", value) != row_tag(2, "q", value)


def test_queries_differ_by_text_values_and_reader() -> None:
    """And by the types of values that print alike."""
    asked = [
        ("SELECT 1", (), b""),
        ("SELECT 2", (), b""),
        ("SELECT 1", (1,), b""),
        ("SELECT 1", ("1",), b""),
        ("SELECT 1", (True,), b""),
        ("SELECT 1", (Decimal(1),), b""),
        ("SELECT 1", (Decimal("1.0"),), b""),
        ("SELECT 1", ([1, 2],), b""),
        ("SELECT 1", ([1], 2), b""),
        ("SELECT 1", (), b"somebody"),
    ]
    assert len({query_name(1, *each) for each in asked}) == len(asked)


def test_fingerprint_changes_with_the_columns() -> None:
    """Names, types, order and nullability."""

    def model(**annotations: object) -> type[Model]:
        body = {"__annotations__": {"id": Field[int], **annotations}, "id": field(primary_key=True)}
        made: type[Model] = type(Model)(
            "Thing", (Model,), body, table="things", cache=CacheParams()
        )
        return made

    shapes = [
        model(a=Field[int], b=Field[str]),
        model(b=Field[str], a=Field[int]),
        model(a=Field[int], c=Field[str]),
        model(a=Field[int], b=Field[bytes]),
        model(a=Field[int | None], b=Field[str]),
    ]
    found = [fingerprint([each.__table_info__], 1) for each in shapes]
    assert len({*found, fingerprint([shapes[0].__table_info__], 2)}) == len(found) + 1
    again = model(a=Field[int], b=Field[str])
    assert fingerprint([again.__table_info__], 1) == found[0]

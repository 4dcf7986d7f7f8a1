"""What the statements of batches must say, where no server of the tests would show it."""

import pytest

from fix_haus import Gadget, Label, Seat
from storehaus.sql.delete import delete_many
from storehaus.sql.update import update_many


@pytest.mark.parametrize(
    "statement", [update_many(Label.__table_info__, ()), delete_many(Label.__table_info__)]
)
def test_text_keys_are_locked_by_code_points(statement: str) -> None:
    """Collations order texts in their own ways; upserts send their rows by code points."""
    assert 'ORDER BY "t"."key" COLLATE "C" FOR' in statement


def test_composite_keys_are_locked_part_by_part() -> None:
    """Each part has the order that Python gives it."""
    assert 'ORDER BY "t"."hall" COLLATE "C", "t"."number" FOR' in delete_many(Seat.__table_info__)


def test_other_keys_are_locked_as_they_are() -> None:
    """Integers are ordered alike everywhere."""
    assert 'ORDER BY "t"."id" FOR' in update_many(Gadget.__table_info__, ())

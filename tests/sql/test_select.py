"""Queries become the SQL that is expected of them, character by character."""

import pytest

from golden_queries import Golden
from goldens import GOLDENS


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)
def test_query_becomes_this_sql(golden: Golden) -> None:
    """Text and parameters are exactly these; a value never shows in the text."""
    statement = golden.make()

    assert statement.text == golden.text
    assert statement.params == golden.params
    assert list(map(type, statement.params)) == list(map(type, golden.params))


def test_names_of_goldens_differ() -> None:
    """A failure can be found by its name."""
    assert len({golden.name for golden in GOLDENS}) == len(GOLDENS)

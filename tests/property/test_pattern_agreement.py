"""Accepted patterns mean the same to Python and to PostgreSQL."""

import asyncio
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storehaus.model.pattern import compile_pattern

Matches = Callable[[str, str], bool]

CHARACTERS = "ab1-_. \n\té٣Z]}"
LITERALS = [*"ab1 é-_", "."]
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"]
ESCAPES = [r"\.", r"\-", r"\\", r"\]", r"\}"]
BRACKETS = [
    "[ab]",
    "[^a]",
    r"[\d-]",
    r"[^\w]",
    "[a-z1]",
    r"[\s.]",
    r"[\]é]",
    "[-a]",
    "[^\n]",
    "[0-9-]",
    "[^a-b_-]",
]
ATOMS = st.sampled_from([*LITERALS, *CLASSES, *ESCAPES, *BRACKETS, "^", "$"])
QUANTIFIERS = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}?"])


def _sequences(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(parts, QUANTIFIERS).map("".join), max_size=4).map("".join)


def _groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(inner, min_size=1, max_size=3).map("|".join)
    return st.one_of(ATOMS, branches.map("({})".format), branches.map("(?:{})".format))


PATTERNS = st.recursive(_sequences(ATOMS), lambda inner: _sequences(_groups(inner)), max_leaves=4)
NOISE = st.text(alphabet="ab\\[]()^$|*+?{}-,01dDwsé.:&", max_size=8)


@pytest.fixture(scope="module")
def matches(server_url: str) -> Iterator[Matches]:
    """Ask the server whether a text matches a pattern."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(server_url))

        def ask(text: str, pattern: str) -> bool:
            query = 'SELECT $1::text COLLATE "C" ~ $2'
            return bool(runner.run(connection.fetchval(query, text, pattern)))

        yield ask
        runner.run(connection.close())


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pattern=st.one_of(PATTERNS, NOISE),
    texts=st.lists(st.text(alphabet=CHARACTERS, max_size=6), min_size=1, max_size=5),
)
def test_python_and_postgresql_agree(matches: Matches, pattern: str, texts: list[str]) -> None:
    """Whatever is accepted means the same to both, on any text."""
    try:
        compiled = compile_pattern(pattern)
    except ValueError:
        return
    for text in texts:
        assert (compiled.search(text) is not None) == matches(text, pattern)


def test_biggest_patterns_are_taken_by_postgresql(matches: Matches) -> None:
    """The limit on repetitions keeps below PostgreSQL's own."""
    for pattern in (r"(?:[a-z]{15}){255}", r"(?:\w{15}x?){240}", r"(?:(?:a{4}|b){3}){255}"):
        compile_pattern(pattern)
        assert not matches("x", pattern)

"""Patterns: a subset on which Python and PostgreSQL agree, and nothing outside of it."""

import re

import pytest

from storehaus.model.pattern import compile_pattern

ACCEPTED = [
    r"",
    r"abc",
    r"^[A-Z]{3}$",
    r"^\d+$",
    r"(?:a|b)*?c",
    r"[^\d\s-]+",
    r"[-a]|[a-]|[a-z0-9-]",
    r"\.\[\]\-\\",
    r"^[^@]+@[^@]+\.[a-z]{2,63}$",
    r"a{255}",
    r"(|a)b",
    r"é+",
    r"[\]\[]",
]

REFUSED = {
    "look-ahead": r"a(?=b)",
    "look-behind": r"(?<=a)b",
    "named group": r"(?P<x>a)",
    "inline flags": r"(?i)a",
    "back-reference": r"(a)\1",
    "word boundary": r"\ba",
    "python's end": r"a\Z",
    "unicode escape": r"\u0041",
    "newline escape": r"a\n",
    "possessive": r"a++",
    "atomic group": r"(?>a)",
    "comment": r"(?#a)",
    "director": r"***=a",
    "leading quantifier": r"*a",
    "repeated anchor": r"^*a",
    "class of names": r"[[:alpha:]]",
    "negated class in a bracket": r"[\D]",
    "range of classes": r"[\d-z]",
    "shared end of ranges": r"[a-b-c]",
    "set operation": r"[a&&b]",
    "empty bracket": r"[]",
    "empty group": r"()",
    "open brace": r"a{,3}",
    "too many repeats": r"a{256}",
    "too big": r"((a{100}){100})",
    "unclosed group": r"(a",
    "unopened group": r"a)",
    "reversed range": r"[z-a]",
    "reversed repeat": r"a{3,2}",
    "NUL": "a\x00",
    "trailing backslash": "a\\",
}


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_pattern_of_the_subset_compiles(pattern: str) -> None:
    """Every construct of the documented subset is accepted."""
    assert isinstance(compile_pattern(pattern), re.Pattern)


@pytest.mark.parametrize("pattern", REFUSED.values(), ids=REFUSED.keys())
def test_pattern_outside_of_the_subset_is_refused(pattern: str) -> None:
    """What one of the two would read differently, or not at all, is a ValueError."""
    with pytest.raises(ValueError, match=r"\w"):
        compile_pattern(pattern)


def test_dollar_is_the_very_end() -> None:
    r"""Python's `^\d+$` would accept `"1\n"`, PostgreSQL's does not."""
    assert not compile_pattern(r"^\d+$").search("1\n")


def test_classes_are_ascii() -> None:
    r"""`\d` and `\w` know no digits and letters beyond ASCII."""
    assert not compile_pattern(r"[\d\w]|\d|\w").search("é٣")


def test_dot_matches_a_newline() -> None:
    """As in PostgreSQL, where a newline is a character like others."""
    assert compile_pattern(r"^a.b$").search("a\nb")

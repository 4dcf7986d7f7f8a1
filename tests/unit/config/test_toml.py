"""Finding the line on which a key stands."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storehaus.config.toml import find_line

DOCUMENT = '''\
# password = "comment"
title = "x"

[database]
notes = """
port = 1
[cache]
"""
"port" = 5432
hosts = [
  "a",
  "b",
]
last = 1
inline = { a = 1, b = { c = 2 } }

[cache]
dotted.key = 1
port = 6379
[a.b.c]
d = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("database",), 4),
        (("database", "notes"), 5),
        (("database", "port"), 9),
        (("database", "hosts"), 10),
        (("database", "last"), 14),
        (("database", "inline"), 15),
        (("database", "inline", "b", "c"), 15),
        (("cache",), 17),
        (("cache", "dotted"), 18),
        (("cache", "port"), 19),
        (("a",), 20),
        (("a", "b", "c", "d"), 21),
    ],
)
def test_line_of_a_key_is_found(path: tuple[str, ...], line: int) -> None:
    """Look-alikes in strings, quoted keys, arrays and inline tables do not mislead."""
    assert find_line(DOCUMENT, path) == line


names = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=3)
statements = st.one_of(
    st.builds("{} = 1\n".format, names),
    st.builds('{} = """\n{} = 1\n[{}]\n"""\n'.format, names, names, names),
    st.builds("{} = [\n1,\n\n2]\n".format, names),
    st.builds("[{}]\n".format, names),
    st.sampled_from(["\n", "# x = 1\n", "  \n"]),
)


def leaves(tables: dict[str, Any], *above: str) -> list[tuple[str, ...]]:
    """All paths of a document."""
    found = [(*above, name) for name in tables]
    inner = [leaves(v, *above, k) for k, v in tables.items() if isinstance(v, dict)]
    return found + [path for paths in inner for path in paths]


@given(st.lists(statements, max_size=12))
def test_statement_at_the_line_names_the_key(parts: list[str]) -> None:
    """Without the statement found, and what follows, the document no longer holds the key."""
    text = "".join(parts)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    starts = {sum(part.count("\n") for part in parts[:n]) + 1: n for n in range(len(parts))}

    for path in leaves(tables):
        count = starts[find_line(text, path)]
        assert path not in leaves(tomllib.loads("".join(parts[:count])))
        assert path in leaves(tomllib.loads("".join(parts[: count + 1])))

r"""The regular expressions on which Python and PostgreSQL agree.

The subset: literals, `.`, `^`, `$`, `|`, groups `(…)` and `(?:…)`, brackets, the classes
`\d \w \s` (`\D \W \S` outside brackets), escaped punctuation, and the quantifiers
`* + ? {m} {m,} {m,n}` with their lazy forms. Whether a text matches is then the same in both, where
Python compiles with `re.ASCII` and `$` means the very end (as it does in PostgreSQL).
"""

import re

__all__ = ["compile_pattern"]

_ESCAPED_PUNCTUATION = r"\\[^\w\s]"
_TOKEN = re.compile(
    rf"""
      (?P<class>\\[dDwWsS])
    | (?P<escape>{_ESCAPED_PUNCTUATION})
    | (?P<bracket>\[\^?(?:\\[dws]|{_ESCAPED_PUNCTUATION}|[^\[\]\\])+\])
    | (?P<group>\((?:\?:)?(?![?*)]))
    | (?P<close>\))
    | (?P<anchor>[\^$])
    | (?P<branch>\|)
    | (?P<quantifier>(?:[*+?]|\{{\d{{1,3}}(?:,\d{{0,3}})?\}})\??)
    | (?P<literal>[^\\\[\](){{}}*+?|^$])
    """,
    re.VERBOSE | re.DOTALL,
)
_NOT_REPEATABLE = {None, "anchor", "group", "branch", "quantifier"}
_MAX_REPEAT = 255


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern of the common subset.

    Raises:
        ValueError: When it is outside of the subset or malformed; the message says where.
    """
    parts: list[str] = []
    previous: str | None = None
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            raise ValueError(f"PostgreSQL and Python disagree on it at position {position}")
        kind = token.lastgroup
        _check_token(kind, token.group(), previous)
        parts.append(r"\Z" if token.group() == "$" else token.group())
        previous, position = kind, token.end()
    try:
        return re.compile("".join(parts), re.ASCII | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as problem:
        raise ValueError(f"it is malformed: {problem}") from None


def _check_token(kind: str | None, text: str, previous: str | None) -> None:
    if kind == "quantifier":
        if previous in _NOT_REPEATABLE:
            raise ValueError(f"the quantifier {text!r} has nothing to repeat")
        if any(int(number) > _MAX_REPEAT for number in re.findall(r"\d+", text)):
            raise ValueError(f"PostgreSQL repeats at most {_MAX_REPEAT} times")
    if kind == "bracket" and re.search(r"[^\\]-\\[dws]|\\[dws]-[^\]]", text):
        raise ValueError(f"the range in {text!r} ends with a class")
    if "\x00" in text:
        raise ValueError("a text in PostgreSQL holds no NUL")

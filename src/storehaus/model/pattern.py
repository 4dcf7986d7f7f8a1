r"""The regular expressions on which Python and PostgreSQL agree.

The subset: literals, `.`, `^`, `$`, `|`, groups `(…)` and `(?:…)`, brackets, the classes
`\d \w \s` (`\D \W \S` outside brackets), escaped ASCII punctuation, and the quantifiers
`* + ? {m} {m,} {m,n}` with their lazy forms. Whether a text matches is then the same in both, where
Python compiles with `re.ASCII` and `$` means the very end (as it does in PostgreSQL), and
PostgreSQL compares with `COLLATE "C"`.
"""

import re

__all__ = ["compile_pattern", "repeats_repetitions"]

_PUNCTUATION = r"\\[!-/:-@\[-^`{-~]"
_TOKEN = re.compile(
    rf"""
      (?P<class>\\[dDwWsS])
    | (?P<escape>{_PUNCTUATION})
    | \[(?P<bracket>\^?(?:\\[dws]|{_PUNCTUATION}|[^\[\]\\])+)\]
    | (?P<open>\((?:\?:)?(?![?*)]))
    | (?P<close>\))
    | (?P<anchor>[\^$])
    | (?P<branch>\|)
    | (?P<quantifier>(?:[*+?]|\{{\d{{1,3}}(?:,\d{{0,3}})?\}})\??)
    | (?P<literal>[^\\\[\](){{}}*+?|^$\x00])
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(rf"\\[dws]|{_PUNCTUATION}|.", re.DOTALL)
_ATOMS = {"class", "escape", "bracket", "literal", "close"}
_MAX_REPEAT = 255
# PostgreSQL writes repetitions out and gives up on what becomes too big ("too complex").
_MAX_SIZE = 4000


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern of the common subset.

    Raises:
        ValueError: When it is outside of the subset or malformed; the message says where.
    """
    parts: list[str] = []
    sizes = _Sizes()
    previous: str | None = None
    position = 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            raise ValueError(f"PostgreSQL and Python disagree on it at position {position}")
        kind, text = str(token.lastgroup), token.group()
        if kind == "bracket":
            _check_bracket(token.group("bracket"))
        if kind == "quantifier" and previous not in _ATOMS:
            raise ValueError(f"the quantifier {text!r} has nothing to repeat")
        sizes.count(kind, text)
        parts.append(r"\Z" if text == "$" else text)
        previous, position = kind, token.end()
    try:
        return re.compile("".join(parts), re.ASCII | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as problem:
        raise ValueError(f"it is malformed: {problem}") from None


def repeats_repetitions(pattern: str) -> bool:
    """Whether a group with an endless repetition within is repeated itself, as in `(a+)*`.

    PostgreSQL takes such a pattern in its stride; Python tries all ways to split the text.
    """
    endless = [False]
    last = False
    for token in _TOKEN.finditer(pattern):
        text = token.group()
        if token.lastgroup == "open":
            endless.append(False)
        elif token.lastgroup == "close":
            last = endless.pop()
            endless[-1] = endless[-1] or last
        elif token.lastgroup == "quantifier" and text.rstrip("?") not in {"", "{0,1}", "{1}"}:
            if last:
                return True
            endless[-1] = endless[-1] or text[0] in "*+" or ",}" in text
        if token.lastgroup != "close":
            last = False
    return False


def _check_bracket(content: str) -> None:
    """Refuse brackets that the two read differently, or one of them not at all."""
    members: list[str] = _MEMBER.findall(content.removeprefix("^"))
    if not members:
        raise ValueError("a bracket is not closed")
    for i, member in enumerate(members):
        if member == "-" and 0 < i < len(members) - 1:
            _check_range(members[i - 1], members[i + 1], after=members[i + 2 :])
        # Python keeps doubled operators for set operations and warns of them.
        if member in "-&|~" and members[i + 1 : i + 2] == [member]:
            raise ValueError(f"{member * 2!r} in a bracket; escape it")


def _check_range(low: str, high: str, after: list[str]) -> None:
    if (low[-1] in "dws" and low[0] == "\\") or (high[-1] in "dws" and high[0] == "\\"):
        raise ValueError(f"the range {low}-{high} ends with a class")
    if low == "-" or high == "-" or (after[:1] == ["-"] and after != ["-"]):
        raise ValueError("a hyphen in a bracket stands first or last, or is escaped")


class _Sizes:
    """Counts how big a pattern is with its repetitions written out."""

    def __init__(self) -> None:
        self._open = [0]
        self._last = 0

    def count(self, kind: str, text: str) -> None:
        """Count one token.

        Raises:
            ValueError: When the pattern has become too big.
        """
        if kind == "open":
            self._open.append(0)
        elif kind == "close" and len(self._open) > 1:
            self._last = self._open.pop() or 1
            self._open[-1] += self._last
        elif kind == "quantifier":
            self._repeat(text)
        elif kind in _ATOMS:
            self._last = 1
            self._open[-1] += 1
        if self._open[-1] > _MAX_SIZE:
            raise ValueError("with its repetitions written out it is too big for PostgreSQL")

    def _repeat(self, text: str) -> None:
        numbers = [int(number) for number in re.findall(r"\d+", text)]
        if any(number > _MAX_REPEAT for number in numbers):
            raise ValueError(f"PostgreSQL repeats at most {_MAX_REPEAT} times")
        self._open[-1] += self._last * (max([*numbers, 1]) - 1)

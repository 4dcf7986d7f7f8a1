"""What is wrong with a configuration, told without any of its values."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from storehaus.config.tables import KeyPath
from storehaus.errors import ConfigurationError

__all__ = ["Problem", "as_error", "find_problems", "suggest"]

_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One setting that cannot be used.

    Attributes:
        key: Dotted name of the setting; None when the fault is that of a whole file.
        source: `file:line`, the name of a variable, or `argument`.
        rule: What would have been right, as the rest of a sentence that begins with the key.
        given: Name of the type that was given, None where the type is not the fault.
    """

    key: str | None
    source: str
    rule: str
    given: str | None = None

    def __str__(self) -> str:
        subject = f"{self.key} {self.rule}" if self.key else f"{self.source} {self.rule}"
        given = f", not {self.given}" if self.given else ""
        place = f" [{self.source}]" if self.key else ""
        return f"{subject}{given}{place}"


def as_error(problems: Sequence[Problem]) -> ConfigurationError:
    """Join problems in one error: the first in its attributes, all of them in its message."""
    first = problems[0]
    lines = [str(problem) for problem in islice(problems, _MOST_LISTED)]
    if len(problems) > _MOST_LISTED:
        lines.append(f"and {len(problems) - _MOST_LISTED} more")
    message = lines[0]
    if len(problems) > 1:
        message = "\n  - ".join([f"{len(problems)} settings cannot be used:", *lines])
    return ConfigurationError(message, key=first.key, source=first.source, rule=first.rule)


def suggest(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word as the end of a sentence, or nothing when none is near."""
    near = get_close_matches(word.lower(), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def find_problems(
    error: ValidationError,
    known: Mapping[KeyPath, Collection[str]],
    locate: Callable[[KeyPath], str],
    *,
    under: KeyPath = (),
) -> list[Problem]:
    """Translate what pydantic found.

    Args:
        error: What pydantic raised.
        known: The names that exist: sections under `()`, keys under `(section,)`.
        locate: Gives the source of a key.
        under: The section that was validated, empty for the whole configuration.
    """
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        key = detail.get("ctx", {}).get("key")
        inner = (*detail["loc"], key) if key else detail["loc"]
        # What lies deeper than section and key is a member of a union or of a value.
        path = (*under, *(str(part) for part in inner))[:2]
        grouped.setdefault(path, []).append(detail)
    return [_translate(path, details, known, locate) for path, details in grouped.items()]


def _translate(
    path: KeyPath,
    details: Sequence[ErrorDetails],
    known: Mapping[KeyPath, Collection[str]],
    locate: Callable[[KeyPath], str],
) -> Problem:
    key, source = ".".join(_printable(part) for part in path), locate(path)
    given = type(details[0]["input"]).__name__
    if details[0]["type"] == "extra_forbidden":
        what = "key" if path[1:] else "section"
        hint = suggest(path[-1], known.get(path[:-1], ()))
        return Problem(key, source, f"is not a known {what}{hint}")
    if details[0]["type"] in {"model_type", "model_attributes_type"}:
        return Problem(key, source, "must be a section of keys", given)
    rules = dict.fromkeys(
        detail["msg"].replace("Input should be ", "must be ") for detail in details
    )
    is_typed = any(detail["type"].endswith(("_type", "_parsing")) for detail in details)
    rule = " or ".join(rules).replace(" or must be", " or")
    return Problem(key, source, rule, given if is_typed else None)


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]

"""Read a TOML file, and find the line on which a key stands."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storehaus.config.problems import Problem, as_error
from storehaus.config.tables import KeyPath, holds

__all__ = ["TomlFile", "find_line", "read_toml"]

_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that was read and understood.

    Attributes:
        path: The file, as it was named.
        text: Its text, kept to find lines in.
        tables: What it says.
    """

    path: Path
    text: str
    tables: dict[str, Any]

    def locate(self, path: KeyPath) -> str:
        """Give `file:line` of a key that the file holds."""
        return f"{self.path}:{find_line(self.text, path)}"


def read_toml(path: Path) -> TomlFile:
    """Read a file.

    Raises:
        ConfigurationError: When it cannot be read, is not UTF-8 or is not TOML.
    """
    text, failure = _read_text(path)
    tables: dict[str, Any] = {}
    if not failure:
        tables, failure = _parse(path, text)
    if failure:  # raised here, outside every handler: the causes quote what they could not read
        raise as_error([failure])
    return TomlFile(path, text, tables)


def _read_text(path: Path) -> tuple[str, Problem | None]:
    content = b""
    try:
        content = path.read_bytes()
        # Windows editors write a byte order mark that TOML does not know.
        return content.decode("utf-8-sig").replace("\r\n", "\n"), None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return "", Problem(None, f"{path}:{line}", "must be UTF-8 text")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return "", Problem(None, str(path), f"must be a readable file ({reason})")


def _parse(path: Path, text: str) -> tuple[dict[str, Any], Problem | None]:
    try:
        return tomllib.loads(text), None
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _POSITION.search(message)
        last = text.count("\n") + 1
        line = position[1] if position and position[1] else last
        reason = message[: position.start()] if position else message
        return {}, Problem(None, f"{path}:{line}", f"must be TOML: {reason}")
    except (ValueError, RecursionError):  # a number of thousands of digits, a thousand brackets
        return {}, Problem(None, str(path), "must be TOML without endless numbers or nesting")


def find_line(text: str, path: KeyPath) -> int:
    """Find the line, from 1, of the statement that first names a key.

    tomllib keeps no positions, but it tells which beginnings of a document are documents
    themselves: the statement starts after the longest of them that lacks the key.

    Args:
        text: A valid document whose lines end with LF.
        path: A key that it holds.
    """
    lines = text.split("\n")
    low, end = 0, len(lines)
    while end - low > 1:
        middle = (low + end) // 2
        probes = ((count, _holds(lines[:count], path)) for count in range(middle, end))
        count, held = next((probe for probe in probes if probe[1] is not None), (middle, True))
        low, end = (low, count) if held else (count, end)
    return low + 1


def _holds(lines: list[str], path: KeyPath) -> bool | None:
    """Whether these lines name the key; None where they stop in the middle of a statement."""
    try:
        return holds(tomllib.loads("\n".join(lines)), path)
    except (ValueError, RecursionError):
        return None

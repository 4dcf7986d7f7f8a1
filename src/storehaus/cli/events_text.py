"""Events as lines: nothing that stands in a row can drive the terminal."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.text import Text

if TYPE_CHECKING:
    from storehaus.signals.log import LoggedEvent

__all__ = ["count", "describe_event", "encode", "encode_indented", "escape", "show_time"]

_VERBS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "create": ("created", "green"),
        "update": ("updated", "yellow"),
        "delete": ("deleted", "red"),
    }
)
_LONGEST_VALUE: Final = 40
_MOST_COLUMNS: Final = 8
# Whatever the event says of itself anyhow, and what changes with every write.
_NEVER_SHOWN: Final = "__updated_at__"
_SYSTEM: Final = "__"
# JSON may hold these as they are: DEL and the C1 controls, and what turns the direction of text.
_DRIVING: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    r"""Write what is not printable as Python writes it: `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def encode(value: object) -> str:
    """Write a value as one line of JSON without control characters."""
    return _calm(msgspec.json.encode(value).decode())


def encode_indented(value: object) -> str:
    """Write a value as indented JSON without control characters."""
    return _calm(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def count(number: int, noun: str) -> str:
    """Write how many there are of something."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _calm(text: str) -> str:
    return _DRIVING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def describe_event(event: "LoggedEvent") -> Text:
    """Write an event as a line: when, which, what became of which row, by whom, what changed."""
    parts = [
        Text(f"{show_time(event.at)} {event.id}", "dim"),
        Text(*_VERBS[event.type.value]),
        Text(escape(event.table), "bold"),
    ]
    if event.record_id is not None:
        parts.append(Text(_shorten(escape(event.record_id))))
    if event.actor is not None:
        parts.append(Text(f"by {_shorten(escape(event.actor))}", "cyan"))
    parts += [Text(f"#{_shorten(escape(tag))}", "magenta") for tag in event.tags]
    changes = list(_changes(event.old, event.new))
    shown = changes[:_MOST_COLUMNS]
    if len(changes) > len(shown):
        shown.append(f"… {len(changes) - len(shown)} more")
    if shown:
        parts.append(Text(", ".join(shown)))
    return Text(" ").join(parts)


def show_time(moment: Any) -> str:
    """Write a moment in UTC, so that `--from` takes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _changes(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[str]:
    """Write what differs between two rows, or what there is of one that came or went."""
    if old is not None and new is not None:
        for name in (*new, *(each for each in old if each not in new)):
            before, after = old.get(name), new.get(name)
            if before != after and name != _NEVER_SHOWN:
                yield f"{escape(name)}: {_show(before)} → {_show(after)}"
        return
    for name, value in (new or old or {}).items():
        if not name.startswith(_SYSTEM):
            yield f"{escape(name)}: {_show(value)}"


def _show(value: Any) -> str:
    # Cut first as well: a value may hold megabytes, of which a line shows a few words.
    short = value[: 2 * _LONGEST_VALUE] if isinstance(value, str) else value
    return _shorten(escape(msgspec.json.encode(short).decode()))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"

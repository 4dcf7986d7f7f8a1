"""`--from`: where in the event log to begin."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from storehaus.errors import ConfigurationError

__all__ = ["parse_start"]

_EVENT_ID: Final = re.compile(r"\d{1,9}:\d{1,18}", re.ASCII)
_TICK: Final = re.compile(r"\d{1,18}", re.ASCII)


def parse_start(text: str, *, also: Sequence[str] = ()) -> str | int | datetime:
    """Read a place in the log, as `haus.events` takes it.

    Args:
        text: "now", "beginning", a number (a tick), a time in ISO 8601, which is UTC where it has
            no offset, or the id of an event.
        also: Further words.

    Raises:
        ConfigurationError: When it is none of these.
    """
    words = ("now", "beginning", *also)
    if text in words or _EVENT_ID.fullmatch(text):
        return text
    if _TICK.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        rule = f"{', '.join(words)}, a tick, a time as 2026-01-31T12:00, or an event as 1:4711"
        raise ConfigurationError(f"--from {text!r:.60} is none of: {rule}", rule=rule) from problem

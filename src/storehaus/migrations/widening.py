"""Which changes of a column's type keep every value exactly."""

import re

__all__ = ["is_widening"]

_INTEGER_DIGITS = {"smallint": 5, "integer": 10, "bigint": 19}
_INTEGER_ORDER = tuple(_INTEGER_DIGITS)
_SIZED = re.compile(r"(?P<head>[a-z ]+?)\((?P<size>\d+)(?:,(?P<scale>-?\d+))?\)(?P<tail>.*)\Z")

# Types whose values differ from text in no way but the name.
_TEXTS = frozenset({"character varying", "text", "name"})
_EXACT_TEXTS = frozenset({"uuid"})

_OTHERS = frozenset(
    {
        ("cidr", "inet"),
        ("real", "double precision"),
        ("smallint", "real"),
        ("smallint", "double precision"),
        ("integer", "double precision"),
    }
)

# Without a size these hold whatever they hold with one.
_TIMES = frozenset(
    {
        "timestamp with time zone",
        "timestamp without time zone",
        "time without time zone",
        "time with time zone",
        "interval",
    }
)


def is_widening(old: str, new: str) -> bool:
    """Whether every value of the old type is a value of the new one, and comes back as it was.

    Args:
        old: Type as PostgreSQL writes it; an enum's says its labels' home, see `Target.type_name`.
        new: The same of the type that is wanted.
    """
    if old.endswith("[]") or new.endswith("[]"):
        both = old.endswith("[]") and new.endswith("[]")
        return both and is_widening(old.removesuffix("[]"), new.removesuffix("[]"))
    old_head, old_size = _split(old)
    new_head, new_size = _split(new)
    if new_head == "numeric":
        return _fits_numeric(old_head, old_size, new_size)
    if old_head == new_head and old_head in _TIMES:
        return new_size is None
    if new == "text":
        return old_head in _TEXTS | _EXACT_TEXTS
    if old_head in _INTEGER_DIGITS and new in _INTEGER_DIGITS:
        return _INTEGER_ORDER.index(old_head) <= _INTEGER_ORDER.index(new)
    return (old, new) in _OTHERS


def _split(name: str) -> tuple[str, tuple[int, int] | None]:
    found = _SIZED.match(name)
    if found is None:
        return name, None
    return found["head"] + found["tail"], (int(found["size"]), int(found["scale"] or 0))


def _fits_numeric(head: str, size: tuple[int, int] | None, wanted: tuple[int, int] | None) -> bool:
    if head in _INTEGER_DIGITS:
        size = (_INTEGER_DIGITS[head], 0)
    elif head != "numeric":
        return False
    if wanted is None:
        return True
    if size is None:
        return False
    whole, fraction = size[0] - size[1], size[1]
    return wanted[1] >= fraction and wanted[0] - wanted[1] >= whole

"""Rows as bytes and back: what the driver gave, value by value, with nothing of the model in it.

A payload is the kinds of its columns, one letter or two each, and the rows as MessagePack. So it
says itself how it is to be read, and a projection is kept in the same way as a row.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from itertools import starmap
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from storehaus.driver import Row

__all__ = ["VERSION", "Prepared", "decode_rows", "encode_rows", "prepare_rows"]

VERSION = 1
"""Changes with the format, so that another version's bytes are a miss."""

_NATIVE = b"n"
_LIST = b"["
_INTERNET: dict[bytes, type[Any]] = {
    b"4": IPv4Address,
    b"5": IPv4Interface,
    b"f": IPv4Network,
    b"6": IPv6Address,
    b"7": IPv6Interface,
    b"s": IPv6Network,
}
# What MessagePack carries as it is, and what msgspec brings back when it is told the type.
_LETTERS: dict[type[Any], bytes] = {
    **dict.fromkeys((bool, int, str, float, bytes), _NATIVE),
    UUID: b"u",
    datetime: b"d",
    date: b"D",
    time: b"t",
    timedelta: b"i",
    Decimal: b"N",
    **{kind: letter for letter, kind in _INTERNET.items()},
}
_TYPES: dict[bytes, Any] = {
    _NATIVE: Any,
    b"u": UUID,
    b"d": datetime,
    b"D": date,
    b"t": time,
    b"i": timedelta,
    b"N": Decimal,
    **dict.fromkeys(_INTERNET, str),
}
_MOST_COLUMNS = 1600
_SEPARATOR = b"\n"

_encoder = msgspec.msgpack.Encoder(uuid_format="bytes", enc_hook=str)


class _UnknownValueError(Exception):
    """A value that would not come back equal."""


def encode_rows(rows: Sequence[Row]) -> bytes | None:
    """Give rows as bytes, None when a value of theirs would not come back equal."""
    found = [tuple(row) for row in rows]
    try:
        kinds = b"".join(map(_kind, zip(*found, strict=True)))
        return kinds + _SEPARATOR + _encoder.encode(found)
    except (_UnknownValueError, msgspec.MsgspecError, OverflowError, ValueError, TypeError):
        # Numbers beyond 64 bits, naive values among others, types that nobody here knows.
        return None


Prepared: TypeAlias = tuple[Callable[[bytes], list[Row]], bytes]
"""What reads rows, and what it reads."""


def prepare_rows(payload: bytes) -> Prepared | None:
    """Find out once how bytes are read that are read often; None when they are no rows."""
    if decode_rows(payload) is None:
        return None
    kinds, _, body = payload.partition(_SEPARATOR)
    return _reader(kinds), body


def decode_rows(payload: bytes) -> list[Row] | None:
    """Give rows back, None when the bytes are no rows."""
    kinds, separator, body = payload.partition(_SEPARATOR)
    if not separator:
        return None
    try:
        return _reader(kinds)(body)
    except (msgspec.MsgspecError, ValueError, KeyError, RecursionError, TypeError):
        return None


def _kind(values: Sequence[Any]) -> bytes:
    types = set(map(type, values))
    types.discard(type(None))
    if list in types:
        if len(types) > 1:
            raise _UnknownValueError
        items = [item for value in values if value is not None for item in value]
        inner = _kind(items)
        if inner.startswith(_LIST):
            raise _UnknownValueError
        return _LIST + inner
    letters = {_letter(each) for each in types}
    if len(letters) > 1:
        raise _UnknownValueError
    return letters.pop() if letters else _NATIVE


def _letter(kind: type[Any]) -> bytes:
    found = _LETTERS.get(kind)
    if found is None:
        # The driver has a UUID of its own, which is one.
        if issubclass(kind, UUID):
            return _LETTERS[UUID]
        raise _UnknownValueError
    return found


@lru_cache(maxsize=1_000)
def _reader(kinds: bytes) -> Callable[[bytes], list[Row]]:
    """Give what reads rows with columns of these kinds.

    Raises:
        KeyError: When there is no such kind.
        ValueError: When they cannot be those of a row.
    """
    parsed = _parsed(kinds)
    types = [_type(letter, is_list=is_list) for letter, is_list in parsed]
    row: Any = tuple.__class_getitem__(tuple(types) or ((),))
    decode: Callable[[bytes], list[Row]] = msgspec.msgpack.Decoder(list[row]).decode
    converted = [
        (place, _INTERNET[letter], is_list)
        for place, (letter, is_list) in enumerate(parsed)
        if letter in _INTERNET
    ]
    if not converted:
        return decode

    def read(body: bytes) -> list[Row]:
        return [_convert(row, converted) for row in decode(body)]

    return read


def _parsed(kinds: bytes) -> list[tuple[bytes, bool]]:
    letters = [kinds[i : i + 1] for i in range(len(kinds))]
    found: list[tuple[bytes, bool]] = []
    is_list = False
    for letter in letters:
        if letter == _LIST and not is_list:
            is_list = True
            continue
        found.append((letter, is_list))
        is_list = False
    if is_list or len(found) > _MOST_COLUMNS:
        raise ValueError
    return found


def _type(letter: bytes, *, is_list: bool) -> Any:
    one = _TYPES[letter]
    optional = Any if one is Any else one | None
    return list[optional] | None if is_list else optional  # type: ignore[valid-type]  # made at run time


def _convert(row: Row, places: Sequence[tuple[int, type[Any], bool]]) -> Row:
    values = list(row)
    for place, kind, is_list in places:
        value = values[place]
        if value is None:
            continue
        values[place] = (
            list(starmap(_maybe, ((kind, each) for each in value))) if is_list else kind(value)
        )
    return tuple(values)


def _maybe(kind: type[Any], value: Any) -> Any:
    return None if value is None else kind(value)

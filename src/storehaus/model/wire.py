"""Values on their way to the driver and back.

Most types travel as they are. Enums travel as their label, jsonb as JSON bytes, arrays of either
as lists of those.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from storehaus.model.types import ColumnType

__all__ = ["UnfitValueError", "decoder", "encoder"]

_BIG_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?[eE]\+?\d+')
_HINT_OF_BIG_NUMBER = re.compile(rb"\d[eE]\+?\d")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class UnfitValueError(ValueError):
    """A value that PostgreSQL would change or refuse; the message is the rule it breaks."""


def encoder(column_type: ColumnType) -> Callable[[Any], Any] | None:
    """Give the function from Python to wire, None where values travel as they are.

    It takes no None. For jsonb it raises UnfitValueError where the value would come back changed.
    """
    if column_type.enum is not None:
        return dict(zip(column_type.enum, column_type.labels, strict=True)).__getitem__
    if column_type.kind == "jsonb":
        return _json_encoder(column_type.python)
    if column_type.element is not None:
        return _over_items(encoder(column_type.element))
    return None


def decoder(column_type: ColumnType) -> Callable[[Any], Any] | None:
    """Give the function from wire to Python, None where values travel as they are.

    It takes no None.
    """
    if column_type.enum is not None:
        return dict(zip(column_type.labels, column_type.enum, strict=True)).__getitem__
    if column_type.kind == "numeric" and column_type.python is int:
        return int  # a sum of integers, which may be beyond 64 bits
    if column_type.kind == "jsonb":
        return msgspec.json.Decoder(column_type.python).decode
    if column_type.element is not None:
        return _over_items(decoder(column_type.element))
    return None


def _over_items(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    if convert is None:
        return None

    def convert_items(items: list[Any]) -> list[Any]:
        return [None if item is None else convert(item) for item in items]

    return convert_items


# PostgreSQL's own parser gives up at some thousands of levels, at `max_stack_depth`.
_MAX_DEPTH = 500
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')


def _is_too_deep(encoded: bytes) -> bool:
    if encoded.count(b"[") + encoded.count(b"{") <= _MAX_DEPTH:
        return False
    deepest = depth = 0
    for character in _STRINGS.sub(b"", encoded):
        if character in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in b"]}":
            depth -= 1
    return deepest > _MAX_DEPTH


def _json_encoder(python: Any) -> Callable[[Any], bytes]:
    encode = msgspec.json.Encoder().encode
    decode = msgspec.json.Decoder(python).decode

    def encode_exactly(value: Any) -> bytes:
        # msgspec writes NaN as null, sets as lists and dates as texts: what does not come back
        # equal is refused, which costs one decoding.
        try:
            encoded = _with_big_floats(encode(value))
            returned = decode(encoded)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            raise UnfitValueError("must be representable as JSON of the field's type") from None
        if returned != value:
            raise UnfitValueError("must come back equal from JSON") from None
        if _NUL.search(encoded):
            raise UnfitValueError("must hold no NUL: PostgreSQL cannot store it")
        if _is_too_deep(encoded):
            raise UnfitValueError(f"must be nested at most {_MAX_DEPTH} levels deep")
        return encoded

    return encode_exactly


def _with_big_floats(encoded: bytes) -> bytes:
    """Write big floats out: jsonb would keep 1e22 as an integer, and 22.0 as it stands."""
    if not _HINT_OF_BIG_NUMBER.search(encoded):
        return encoded
    return _BIG_NUMBER.sub(_written_out, encoded)


def _written_out(token: re.Match[bytes]) -> bytes:
    text = token.group()
    return text if text.startswith(b'"') else f"{Decimal(text.decode()):f}.0".encode()

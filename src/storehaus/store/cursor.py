"""Cursors of pages: where a page ends, as a text that callers pass on and cannot change.

A cursor is the values of the sort keys, signed together with the query they belong to. It is not
encrypted: who holds it can read these values, which are those of a row that was given to them.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import msgspec

from storehaus.errors import QueryError
from storehaus.model import ColumnType

__all__ = ["Anchor", "CursorSealer"]

_MAC_BYTES = 16

_PYTHON: dict[str, Any] = {
    "boolean": bool,
    "bytes": bytes,
    "date": date,
    "enum": str,
    "float": float,
    "integer": int,
    "interval": timedelta,
    "numeric": Decimal,
    "text": str,
    "time": time,
    "timestamptz": datetime,
    "uuid": UUID,
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a page begins.

    Attributes:
        values: Values of the sort keys, in wire form.
        backwards: Whether the page ends there instead.
    """

    values: tuple[Any, ...]
    backwards: bool


class CursorSealer:
    """Makes cursors, and takes back those that it made.

    Args:
        secret: Shared by all processes that take each other's cursors; None makes one up, and
            cursors are then good for this object only.
    """

    __slots__ = ("_key",)

    def __init__(self, secret: str | None = None) -> None:
        given = secrets.token_bytes(32) if secret is None else secret.encode()
        self._key = hashlib.blake2b(given, person=b"storehaus-page", digest_size=32).digest()

    def seal(self, query: str, anchor: Anchor) -> str:
        """Make a cursor.

        Args:
            query: What tells the query from others.
            anchor: Where the next page begins.
        """
        parts = (anchor.backwards, *anchor.values)
        payload = msgspec.msgpack.encode(
            msgspec.to_builtins(parts, builtin_types=(bytes,), enc_hook=str)
        )
        token = self._mac(query, payload) + payload
        return base64.urlsafe_b64encode(token).rstrip(b"=").decode()

    def unseal(self, query: str, types: Sequence[ColumnType], cursor: object) -> Anchor:
        """Read a cursor.

        Args:
            query: As for `seal`.
            types: Types of the sort keys.
            cursor: What the caller gave.

        Raises:
            QueryError: When it is not a cursor that was made for this query.
        """
        token = _decoded(cursor)
        mac, payload = token[:_MAC_BYTES], token[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(query, payload)):
            raise _refused()
        backwards, *values = msgspec.msgpack.decode(payload)
        pairs = zip(types, values, strict=True)
        return Anchor(tuple(_restored(kind, value) for kind, value in pairs), backwards)

    def _mac(self, query: str, payload: bytes) -> bytes:
        digest = hashlib.blake2b(query.encode(), digest_size=32).digest()
        return hashlib.blake2b(digest + payload, key=self._key, digest_size=_MAC_BYTES).digest()


def _decoded(cursor: object) -> bytes:
    if not isinstance(cursor, str) or not cursor.isascii():
        raise _refused()
    try:
        token = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _refused() from None
    # Base64 leaves some bits of the last letter open; there is one spelling of a cursor.
    if base64.urlsafe_b64encode(token).rstrip(b"=") != cursor.encode():
        raise _refused()
    return token


def _refused() -> QueryError:
    return QueryError("the cursor was not made for this query, or was changed on the way")


def _restored(kind: ColumnType, value: Any) -> Any:
    if value is None:
        return None
    if kind.element is not None:
        return [_restored(kind.element, item) for item in value]
    if kind.kind in {"inet", "cidr"}:
        return ip_network(value) if kind.kind == "cidr" else ip_address(value)
    return msgspec.convert(value, _PYTHON[kind.kind], builtin_types=(bytes,))

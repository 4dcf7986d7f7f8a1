"""The bytes of an entry: a header that must agree with what is expected, and a payload.

    magic 3 | fingerprint 8 | number of tags 1 | their generations 8 each | checksum 4 | payload

The checksum is of name, header and payload, so that bytes which were damaged, or belong under
another name, do not count. It is no signature: whoever may write to Redis may write what he likes.
"""

from collections.abc import Sequence
from zlib import crc32

__all__ = ["check_entry", "fingerprint_of", "make_entry", "read_entry"]

_MAGIC = b"SH\x02"
_LENGTH = 8
_CHECKSUM = 4
_START = len(_MAGIC) + _LENGTH + 1


def make_entry(
    name: bytes, fingerprint: bytes, generations: Sequence[bytes], payload: bytes
) -> bytes:
    """Put header and payload together.

    Args:
        name: Of the entry.
        fingerprint: Of the tables it comes from.
        generations: Of its tags, in their order.
        payload: What is stored.
    """
    header = b"".join((_MAGIC, fingerprint, bytes((len(generations),)), *generations))
    return b"".join((header, _checksum(name, header, payload), payload))


def check_entry(
    name: bytes, value: bytes, fingerprint: bytes, generations: Sequence[bytes | None]
) -> bytes | None:
    """Give the payload of an entry, None where anything does not agree.

    Args:
        name: Of the entry.
        value: The entry.
        fingerprint: Expected.
        generations: Of its tags now, in their order; None for those that are not there.
    """
    if value[: _START - 1] != _MAGIC + fingerprint or None in generations:
        return None
    noted = b"".join(each or b"" for each in generations)
    end = _START + len(noted)
    if value[_START - 1 : end] != bytes((len(generations),)) + noted:
        return None
    payload = value[end + _CHECKSUM :]
    checksum = value[end : end + _CHECKSUM]
    return payload if checksum == _checksum(name, value[:end], payload) else None


def read_entry(name: bytes, value: bytes, fingerprint: bytes) -> bytes | None:
    """Give the payload of an entry whatever has become of its tags, None for other bytes."""
    if len(value) < _START:
        return None
    noted = value[_START : _START + value[_START - 1] * _LENGTH]
    generations = [noted[i : i + _LENGTH] for i in range(0, len(noted), _LENGTH)]
    return check_entry(name, value, fingerprint, generations)


def fingerprint_of(value: bytes) -> bytes:
    """Give the fingerprint that an entry has."""
    return value[len(_MAGIC) : len(_MAGIC) + _LENGTH]


def _checksum(name: bytes, header: bytes, payload: bytes) -> bytes:
    return crc32(payload, crc32(header, crc32(name))).to_bytes(_CHECKSUM, "big")

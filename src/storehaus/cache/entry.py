"""The header of an entry: what it must agree with to count."""

from collections.abc import Sequence

__all__ = ["check_entry", "make_entry"]

_MAGIC = b"SH\x01"
_LENGTH = 8


def make_entry(fingerprint: bytes, generations: Sequence[bytes], payload: bytes) -> bytes:
    """Put header and payload together."""
    return b"".join((_MAGIC, fingerprint, bytes((len(generations),)), *generations, payload))


def check_entry(
    value: bytes, fingerprint: bytes, generations: Sequence[bytes | None] | None
) -> bytes | None:
    """Give the payload of an entry, None where anything does not agree.

    Args:
        value: The entry.
        fingerprint: Expected.
        generations: Of its tags now, in their order; None does not compare them.
    """
    start = len(_MAGIC) + _LENGTH + 1
    if len(value) < start or value[: start - 1] != _MAGIC + fingerprint:
        return None
    end = start + value[start - 1] * _LENGTH
    if len(value) < end:
        return None
    if generations is None:
        return value[end:]
    noted = b"".join(each or b"" for each in generations)
    return None if None in generations or value[start:end] != noted else value[end:]

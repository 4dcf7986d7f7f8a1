"""Names of entries and tags. Whatever an id or a value holds, no two of them share a name."""

from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any, cast
from uuid import UUID

import msgspec

from storehaus.model import TableInfo

__all__ = ["fingerprint", "generation_tag", "queries_tag", "query_name", "record_name", "row_tag"]

_encoder = msgspec.msgpack.Encoder(uuid_format="bytes", enc_hook=str)
_DIGEST_BYTES = 16
_FINGERPRINT_BYTES = 8


def record_name(table: int, key: Sequence[Any]) -> bytes:
    """Name the entry of a row.

    Args:
        table: PostgreSQL's oid of the table.
        key: The id in wire form, one part per column.
    """
    return b"r:%d:%b" % (table, _part(key[0]) if len(key) == 1 else _digest(tuple(key)))


def query_name(table: int, text: str, params: Sequence[Any], reader: bytes) -> bytes:
    """Name the entry of a query's result.

    Args:
        table: The table whose store is asked.
        text: The statement.
        params: Its parameters in wire form.
        reader: Who asks: what is left of two roles may differ.
    """
    return b"q:%d:%b" % (table, _digest((text, [repr_of(each) for each in params], reader)))


def generation_tag(table: int) -> bytes:
    """Name the generation that all records of a table carry."""
    return b"g:%d" % table


def queries_tag(table: int) -> bytes:
    """Name the generation that all results of queries over a table carry."""
    return b"t:%d:q" % table


def row_tag(table: int, field: str | None = None, value: Any = None) -> bytes:
    """Name the tag of the results that rows with a value in a field may belong to.

    Args:
        table: The table.
        field: The field; None is the tag of all results that say nothing precise.
        value: The value in wire form.
    """
    if field is None:
        return b"t:%d:any" % table
    return b"t:%d:%b=%b" % (table, field.encode(), _part(value))


def fingerprint(infos: Iterable[TableInfo], version: int) -> bytes:
    """Give what changes with the columns of tables: names, types, order and nullability."""
    columns = [
        (info.schema, info.name, [(c.column, c.type.sql, c.nullable) for c in info.columns])
        for info in infos
    ]
    encoded = _encoder.encode((version, columns))
    return blake2b(encoded, digest_size=_FINGERPRINT_BYTES).digest()


def repr_of(value: Any) -> Any:
    """Give a value that MessagePack tells apart from all others of its column."""
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return [repr_of(each) for each in items]
    return (
        value
        if value is None or isinstance(value, bool | int | str | bytes | float | UUID)
        else repr(value)
    )


def _part(value: Any) -> bytes:
    """Give what is readable as it is, and a digest of everything else: it may be anything."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, UUID | date):
        return str(value).encode()
    return _digest(value)


def _digest(value: Any) -> bytes:
    encoded = _encoder.encode(repr_of(value))
    return blake2b(encoded, digest_size=_DIGEST_BYTES).hexdigest().encode()

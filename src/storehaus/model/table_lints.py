"""Lints that look at one table."""

from collections.abc import Iterator

from storehaus.model.findings import Finding, Lint
from storehaus.model.identifiers import is_reserved_word, primary_key_name
from storehaus.model.records import ColumnInfo, IndexInfo, IndexKey, TableInfo

__all__ = ["TABLE_LINTS"]

_MANY_COLUMNS = 50
# The greatest key of a btree, in bytes, and the most bytes of a character.
_MAX_KEY_BYTES = 2_704
_MAX_CHARACTER_BYTES = 4
_SHORT_TEXT = 64


def no_primary_key(info: TableInfo) -> Iterator[Finding]:
    """Find tables whose rows have no name."""
    if not info.primary_key:
        yield Lint.NO_PRIMARY_KEY.found(
            info,
            "without a primary key rows cannot be read, changed or deleted one by one",
            "add id: Field[UUID] = field(primary_key=True, default_factory=uuid7)",
        )


def long_text_key(info: TableInfo) -> Iterator[Finding]:
    """Find texts of any length that every reference would repeat."""
    for column in info.primary_key:
        longest = column.bounds.max_length
        if _is_open_text(column) and (longest is None or longest > _SHORT_TEXT):
            yield Lint.LONG_TEXT_KEY.found(
                info,
                "a text as primary key is repeated in every index and every reference",
                f"use a UUID or an int, or say max_length= (at most {_SHORT_TEXT})",
                field=column.name,
            )


def unindexed_reference(info: TableInfo) -> Iterator[Finding]:
    """Find foreign keys that PostgreSQL has to look up by reading the whole table."""
    leading = [tuple(column.column for column in info.primary_key)]
    leading += [_columns(index) for index in info.indexes if _is_plain_btree(index)]
    for key in info.foreign_keys:
        wanted = set(key.columns)
        if not any(set(columns[: len(wanted)]) == wanted for columns in leading):
            yield Lint.UNINDEXED_REFERENCE.found(
                info,
                f"deleting from {key.table} reads all of {info.name} to find what refers to it",
                "say index=True, or add an Index that starts with it",
                field=_field(info, key.columns[0]),
            )


def wide_row(info: TableInfo) -> Iterator[Finding]:
    """Find tables that are several."""
    count = sum(not column.system for column in info.columns)
    if count > _MANY_COLUMNS:
        yield Lint.WIDE_ROW.found(
            info,
            f"{count} columns are read and written with each row",
            "split off what is rarely used, or keep it in one struct as jsonb",
        )


def redundant_index(info: TableInfo) -> Iterator[Finding]:
    """Find indexes that another one serves as well."""
    key = IndexInfo(
        name=primary_key_name(info.name),
        keys=tuple(IndexKey(column.column) for column in info.primary_key),
        unique=True,
    )
    whole = [key, *(index for index in info.indexes if _is_plain_btree(index))]
    for place, index in enumerate(whole):
        serving = [other for other in whole[:place] if _columns(other) == _columns(index)]
        serving += [other for other in whole if _serves(other, index)]
        if serving and not (index.unique or index.include or _is_sorted(index)):
            yield Lint.REDUNDANT_INDEX.found(
                info,
                f"whatever {index.name} finds, {serving[0].name} finds too",
                "drop it: each index is written with every row",
                field=_field(info, _columns(index)[0]),
            )


def _serves(other: IndexInfo, index: IndexInfo) -> bool:
    own, theirs = _columns(index), _columns(other)
    if theirs == own:
        return other.unique and not index.unique
    return theirs[: len(own)] == own


def nullable_unique(info: TableInfo) -> Iterator[Finding]:
    """Find uniqueness that NULL escapes."""
    for index in info.indexes:
        nullable = [name for name in _columns(index) if _column(info, name).nullable]
        if index.unique and nullable and index.where is None:
            yield Lint.NULLABLE_UNIQUE.found(
                info,
                "rows with NULL never collide, so any number of them can be alike",
                "make the field required, or say where= to show that it is meant",
                field=_field(info, nullable[0]),
            )


def document_index(info: TableInfo) -> Iterator[Finding]:
    """Find btrees over documents and arrays, which only compare them whole."""
    for index in info.indexes:
        for name in _columns(index):
            column = _column(info, name)
            if column.type.kind in {"jsonb", "array"} and index.using in {"btree", "hash"}:
                yield Lint.DOCUMENT_INDEX.found(
                    info,
                    f"a {index.using} index finds whole values of {column.type.sql} only, not what"
                    " is in them",
                    'use Index(..., using="gin")',
                    field=column.name,
                )


def unbounded_key_text(info: TableInfo) -> Iterator[Finding]:
    """Find indexed texts of any length, of which PostgreSQL refuses the long ones."""
    indexed = {name for index in info.indexes if _is_btree(index) for name in _columns(index)}
    for column in info.columns:
        longest = column.bounds.max_length
        fits = longest is not None and longest * _MAX_CHARACTER_BYTES <= _MAX_KEY_BYTES
        if column.column in indexed and _is_open_text(column) and not fits:
            yield Lint.UNBOUNDED_KEY_TEXT.found(
                info,
                f"a btree refuses texts that stay above {_MAX_KEY_BYTES:,} bytes when compressed",
                f"say max_length= (at most {_MAX_KEY_BYTES // _MAX_CHARACTER_BYTES})",
                field=column.name,
            )


def reserved_word(info: TableInfo) -> Iterator[Finding]:
    """Find names that SQL written by hand has to quote."""
    for name, field in _names(info):
        if is_reserved_word(name):
            yield Lint.RESERVED_WORD.found(
                info,
                f'{name} is a reserved word of SQL: by hand it has to be written "{name}"',
                "StoreHaus quotes every name, so this matters to people only",
                field=field,
            )


def quoted_name(info: TableInfo) -> Iterator[Finding]:
    """Find names that PostgreSQL would fold to lower case."""
    for name, field in _names(info):
        if name != name.lower() or not name.isascii():
            yield Lint.QUOTED_NAME.found(
                info,
                f'by hand {name} has to be written "{name}", or PostgreSQL looks for another one',
                "use lower case and ASCII; column= can differ from the field",
                field=field,
            )


def _names(info: TableInfo) -> Iterator[tuple[str, str | None]]:
    yield info.name, None
    for column in info.columns:
        if not column.system:
            yield column.column, column.name


def _columns(index: IndexInfo) -> tuple[str, ...]:
    return tuple(key.column for key in index.keys)


def _column(info: TableInfo, name: str) -> ColumnInfo:
    return next(column for column in info.columns if column.column == name)


def _field(info: TableInfo, name: str) -> str:
    return _column(info, name).name


def _is_btree(index: IndexInfo) -> bool:
    return index.using == "btree"


def _is_plain_btree(index: IndexInfo) -> bool:
    """Whether it covers all rows."""
    return _is_btree(index) and index.where is None and not index.active_only


def _is_sorted(index: IndexInfo) -> bool:
    return any(key.descending or key.nulls for key in index.keys)


def _is_open_text(column: ColumnInfo) -> bool:
    return column.type.kind == "text" and not column.type.labels


TABLE_LINTS = (
    no_primary_key,
    long_text_key,
    unindexed_reference,
    wide_row,
    redundant_index,
    nullable_unique,
    document_index,
    unbounded_key_text,
    reserved_word,
    quoted_name,
)

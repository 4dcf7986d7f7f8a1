"""What a transaction makes stale: names of entries and tags."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from storehaus.cache.directory import Cached, Directory, place_of
from storehaus.cache.names import generation_tag, queries_tag, record_name, row_tag
from storehaus.model import ColumnInfo
from storehaus.model.wire import encoder
from storehaus.store.change import Operation, Outcome

__all__ = ["Touches"]

MOST_ROWS = 10_000
"""Beyond so many rows the whole table is stale."""


class Touches:
    """Collects what writes make stale."""

    __slots__ = ("entries", "is_held", "tables", "tags")

    def __init__(self) -> None:
        self.entries: set[bytes] = set()
        self.tags: set[bytes] = set()
        self.tables: set[int] = set()
        """Tables of which everything is stale."""
        self.is_held = False
        """Whether other processes may keep some of it in memory of their own."""

    def __bool__(self) -> bool:
        return bool(self.entries or self.tags or self.tables)

    def add(self, outcome: Outcome[Any], directory: Directory) -> None:
        """Add what a write made stale."""
        info = outcome.change.table
        oid = directory.oids.get(place_of(info))
        if oid is None:
            return
        if oid in directory.registered:
            self._add_rows(outcome, oid, directory)
        hard = outcome.change.purge or info.soft_delete is None
        if outcome.change.operation is Operation.DELETE and hard:
            self.add_tables(directory.on_delete.get(oid, ()), directory)
        elif outcome.change.operation is Operation.UPDATE:
            self.add_tables(directory.on_update.get(oid, ()), directory)

    def add_tables(self, oids: Iterable[int], directory: Directory) -> None:
        """Add everything of some tables."""
        for oid in oids:
            self.tables.add(oid)
            self.is_held = self.is_held or oid in directory.held

    def names(self) -> tuple[list[bytes], list[bytes]]:
        """Give the names of entries and of tags."""
        tags = set(self.tags)
        for oid in self.tables:
            tags |= {generation_tag(oid), queries_tag(oid)}
        return sorted(self.entries), sorted(tags)

    def _add_rows(self, outcome: Outcome[Any], oid: int, directory: Directory) -> None:
        info = outcome.change.table
        cached = directory.serving.get(place_of(info))
        models = outcome.models
        if models is not None and not models:
            return
        # A process that declares something else cannot know what others keep.
        if cached is None or models is None or len(self.entries) + len(models) > MOST_ROWS:
            self.add_tables((oid,), directory)
            return
        self.is_held = self.is_held or oid in directory.held
        self.entries.update(_records(cached, models))
        self.tags.add(row_tag(oid))
        fields = [info.by_name[name] for name in cached.params.tags]
        before = outcome.before
        if before is None and any(_may_change(outcome, column) for column in fields):
            # Nobody here knows the old values, so results about them may be any.
            self.tags.add(queries_tag(oid))
            return
        for place, column in enumerate(fields):
            values = set(_values(column, models)).union(each[place] for each in before or ())
            self.tags.update(row_tag(oid, column.name, each) for each in values)


def _records(cached: Cached, models: Sequence[Any]) -> Iterable[bytes]:
    if not cached.is_exact:
        return ()
    columns = [_values(column, models) for column in cached.info.primary_key]
    return (record_name(cached.oid, parts) for parts in zip(*columns, strict=True))


def _values(column: ColumnInfo, models: Sequence[Any]) -> list[Any]:
    encode = encoder(column.type)
    values = [getattr(model, column.name) for model in models]
    return values if encode is None else [None if v is None else encode(v) for v in values]


def _may_change(outcome: Outcome[Any], column: ColumnInfo) -> bool:
    """Say whether rows had another value in a column before."""
    change = outcome.change
    if outcome.inserted is not None:
        return not all(outcome.inserted)
    if change.operation is not Operation.UPDATE or not column.updatable:
        return False
    changes = change.changes
    if not isinstance(changes, Mapping):
        return True
    return any((each if isinstance(each, str) else each.name) == column.name for each in changes)

"""The models of one haus, and which of them soft-delete along with which."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from storehaus.errors import QueryError
from storehaus.model import ColumnInfo, TableInfo
from storehaus.model.records import ForeignKeyInfo
from storehaus.model.references import resolve_references
from storehaus.sql.dependents import Pairs, select_active_dependents, select_marked_dependents
from storehaus.store.change import Change, Hook
from storehaus.store.table import Table

__all__ = ["Dependent", "Dependents"]

Place = tuple[str | None, str]
Hooks = Callable[[Change[Any]], Sequence[Hook]]


@dataclass(frozen=True, slots=True)
class Dependent:
    """A table whose rows soft-delete along with those that a foreign key of theirs references.

    Attributes:
        table: The table.
        hooks: Gives the hooks of its store for a change.
        referenced: Columns of the parent that the foreign key references, in its order.
        active: SELECT of the keys of its active rows, by values of those fields.
        marked: SELECT of the keys of its rows that one deletion marked, by those and the deletion.
    """

    table: Table[Any]
    hooks: Hooks
    referenced: tuple[ColumnInfo, ...]
    active: str
    marked: str


class Dependents:
    """What one haus knows of its models, by table."""

    __slots__ = ("_found", "_known")

    def __init__(self) -> None:
        self._known: dict[Place, tuple[Table[Any], Hooks]] = {}
        self._found: dict[Place, tuple[Dependent, ...]] = {}

    def add(self, table: Table[Any], hooks: Hooks) -> None:
        """Learn of a store; it takes the place of another one of its table."""
        self._known[_place(table.info)] = (table, hooks)
        self._found.clear()

    def add_model(self, info: TableInfo) -> None:
        """Learn of a model that has no store yet."""
        if _place(info) not in self._known:
            self.add(Table(info), _no_hooks)

    def of(self, info: TableInfo) -> tuple[Dependent, ...]:
        """Give the tables that soft-delete along with one, each once per foreign key.

        Raises:
            QueryError: When the rows of one cannot be told from each other.
        """
        if info.soft_delete is None:
            return ()
        place = _place(info)
        found = self._found.get(place)
        if found is None:
            infos = [table.info for table, _ in self._known.values()]
            found = self._found[place] = tuple(
                self._dependent(child, key, info)
                for child, key, parent in resolve_references(infos)
                if _place(parent) == place and _cascades(child, key)
            )
        return found

    def _dependent(self, child: TableInfo, key: ForeignKeyInfo, parent: TableInfo) -> Dependent:
        if not child.primary_key:
            raise QueryError(
                f"{child.model.__name__} soft-deletes along with {parent.model.__name__}, but has"
                " no primary key: its rows have no id by which to delete and restore them",
                model=child.model.__name__,
            )
        pairs = _pairs(child, key, parent)
        table, hooks = self._known[_place(child)]
        return Dependent(
            table=table,
            hooks=hooks,
            referenced=tuple(theirs for _, theirs in pairs),
            active=select_active_dependents(child, parent, pairs),
            marked=select_marked_dependents(child, parent, pairs),
        )


def _place(info: TableInfo) -> Place:
    return info.schema, info.name


def _no_hooks(_: Change[Any]) -> Sequence[Hook]:
    return ()


def _cascades(child: TableInfo, key: ForeignKeyInfo) -> bool:
    return key.on_delete == "cascade" and child.soft_delete is not None


def _pairs(child: TableInfo, key: ForeignKeyInfo, parent: TableInfo) -> Pairs:
    own = {column.column: column for column in child.columns}
    theirs = {column.column: column for column in parent.columns}
    unknown = [name for name in key.references if name not in theirs]
    if unknown:
        raise QueryError(
            f"{child.model.__name__} references {unknown[0]!r} of {parent.name}, which"
            f" {parent.model.__name__} does not have, so nothing can cascade by it",
            model=parent.model.__name__,
        )
    names = zip(key.columns, key.references, strict=True)
    return [(own[mine], theirs[referenced]) for mine, referenced in names]

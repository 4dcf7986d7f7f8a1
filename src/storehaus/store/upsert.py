"""upsert and upsert_many."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import DatabaseError, QueryError, ValidationError
from storehaus.expr import Column
from storehaus.model import ColumnInfo, Model, TableInfo
from storehaus.model.records import IndexInfo
from storehaus.sql.grammar import render_literal_condition
from storehaus.sql.identifiers import quote_identifier
from storehaus.sql.insert import Conflict, upsert_many, upsert_one
from storehaus.sql.statement import Statement
from storehaus.store.batch import StatementBatch, always, over_arrays
from storehaus.store.change import Change, Outcome
from storehaus.store.create import field_values, grouped
from storehaus.store.database import Database
from storehaus.store.duplicates import TWICE, refuse_duplicates
from storehaus.store.key import in_lock_order
from storehaus.store.pipeline import Fetch, Hook, write
from storehaus.store.shape import Shape
from storehaus.store.table import Table, as_parameters
from storehaus.store.tags import checked_tags

__all__ = ["Upsert", "conflict", "upsert"]

M = TypeVar("M", bound=Model)

# cardinality_violation: ON CONFLICT DO UPDATE cannot affect a row a second time
_TWICE = "21000"

FieldNames = Sequence[Column[Any] | str] | None


class Upsert(Generic[M]):
    """INSERT … ON CONFLICT DO UPDATE of models.

    Args:
        table: The store's table.
        change: `models` and `tags` are read.
        conflict: What makes a row the same, and what is updated then.
        numbered: Whether errors name the row's place, as they do in a batch.
    """

    __slots__ = ("_batches", "_conflict", "_numbered", "_table", "change")

    def __init__(
        self, table: Table[M], change: Change[M], conflict: Conflict, *, numbered: bool = True
    ) -> None:
        self._table = table
        self.change = change
        self._conflict = conflict
        self._numbered = numbered
        self._batches: Sequence[StatementBatch] = ()

    def compile(self) -> Sequence[StatementBatch]:
        """Check the models; two for the same row are refused."""
        models = self._table.completed(self.change.models or [])
        tags = checked_tags(self._table.info, self.change.tags)
        groups = grouped(models, self._table.insert_shape)
        batches: list[StatementBatch] = []
        keys: list[tuple[Any, ...]] = [()] * len(models)
        for shape, indexes in groups.items():
            columns = self._columns([models[i] for i in indexes], shape, indexes)
            for index, key in zip(indexes, self._keys(shape, columns, indexes), strict=True):
                keys[index] = key
            batches += self._group(models, tags, shape, indexes, columns)
        if not self._conflict.conditional:
            refuse_duplicates(self._table, self._conflict.target, keys)
        self._batches = batches
        return batches

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Put the rows back into the order given."""
        del fetch
        count = len(self.change.models or ())
        models: list[Any] = [None] * count
        inserted = [False] * count
        for batch, rows in zip(self._batches, results, strict=True):
            if len(rows) != batch.size:
                raise DatabaseError(
                    f"{self._table.info.name}: {batch.size - len(rows)} of {batch.size} rows were"
                    " not written, which a trigger or rule of the table must have decided"
                )
            built = self._table.reader.models([tuple(row)[:-1] for row in rows])
            for index, model, row in zip(batch.indexes or (0,), built, rows, strict=True):
                models[index], inserted[index] = model, row[-1]
        if self._conflict.conditional and len(self._batches) > 1:
            # Equal rows in two statements are updated one after the other, without complaint.
            ids = [(self._table.key.of_model(model),) for model in models]
            refuse_duplicates(self._table, self._conflict.target, ids)
        return Outcome(change=self.change, models=models, count=count, inserted=inserted)

    def _columns(
        self, models: Sequence[M], shape: Shape, indexes: Sequence[int]
    ) -> list[Sequence[Any]]:
        validator = self._table.validator(shape)
        if self._numbered or len(models) > 1:
            return validator.columns(models, indexes)
        return [(value,) for value in validator.row(models[0])]

    def _keys(
        self, shape: Shape, columns: Sequence[Sequence[Any]], indexes: Sequence[int]
    ) -> list[tuple[Any, ...]]:
        target = self._conflict.target
        missing = [column for column in target if column not in shape]
        if missing:
            raise QueryError(
                f"{self._table.info.model.__name__}.{missing[0].name} decides whether the row"
                f" exists, but row {indexes[0]} has no value for it",
                model=self._table.info.model.__name__,
                field=missing[0].name,
            )
        return list(zip(*(columns[shape.index(column)] for column in target), strict=True))

    def _group(
        self,
        models: Sequence[M],
        tags: list[str] | None,
        shape: Shape,
        indexes: Sequence[int],
        columns: Sequence[Sequence[Any]],
    ) -> list[StatementBatch]:
        table = self._table
        if len(models) == 1:
            text = table.text(upsert_one, shape, conflict=self._conflict)
            single = Statement(text, (*(values[0] for values in columns), tags))
            return [
                StatementBatch(
                    info=table.info,
                    indexes=(0,) if self._numbered else None,
                    values=partial(field_values, models, indexes),
                    statement=always(single),
                )
            ]
        text = table.text(upsert_many, shape, conflict=self._conflict)
        # Rows are locked in the order they are sent: in that of their keys, no two batches wait
        # for each other in a circle.
        order = in_lock_order(self._keys(shape, columns, indexes))
        parameters = [[values[i] for i in order] for values in as_parameters(shape, columns)]
        places = [indexes[i] for i in order]
        return [
            StatementBatch(
                info=table.info,
                indexes=places[low:high],
                values=partial(field_values, models, places[low:high]),
                statement=over_arrays(text, [values[low:high] for values in parameters], tags),
            )
            for low, high in table.chunks(parameters, len(indexes))
        ]


async def upsert(database: Database, work: Upsert[M], hooks: Sequence[Hook] = ()) -> Outcome[M]:
    """Run an upsert.

    Raises:
        ValidationError: When two rows are the same one, also where only the server can tell.
    """
    try:
        return await write(database, work, hooks)
    except DatabaseError as error:
        if error.sqlstate != _TWICE:
            raise
    model = work.change.table.model.__name__
    raise ValidationError(f"{model}: {TWICE}", model=model, rule=TWICE)


def conflict(info: TableInfo, on: FieldNames, update: FieldNames) -> Conflict:
    """Find out what makes a row the same, and what is updated then.

    Args:
        info: The model.
        on: Fields of the primary key or of a unique index; None is the primary key.
        update: Fields that take the new values; None is all that may be created and updated
            but `on`.

    Raises:
        QueryError: When no primary key or unique index covers exactly `on`, or a field in `update`
            may not be updated.
    """
    target = info.primary_key if on is None else _columns(info, on)
    if not target:
        raise _refused(info, "say by on=(...) which fields make a row the same")
    index = _index(info, target)
    if update is None:
        changed = tuple(
            column
            for column in info.columns
            if column.insertable and column.updatable and column not in target
        )
    else:
        changed = _columns(info, update)
    for column in changed:
        if not column.updatable:
            raise _refused(info, f"{column.name} may not be updated", column.name)
        if not column.insertable:
            raise _refused(info, f"{column.name} is not given on create", column.name)
    conditional = index is not None and index.where is not None
    return Conflict(target, _predicate(info, index), changed, conditional)


def _columns(info: TableInfo, fields: Sequence[Column[Any] | str]) -> tuple[ColumnInfo, ...]:
    if isinstance(fields, str | Column):
        raise _refused(info, "on and update are tuples of fields")
    found: list[ColumnInfo] = []
    for field in fields:
        foreign = isinstance(field, Column) and not issubclass(info.model, field.model)
        name = field.name if isinstance(field, Column) else field
        column = None if foreign else info.by_name.get(name)
        if column is None:
            raise _refused(info, f"it has no field {name!r:.60}")
        found.append(column)
    return tuple(found)


def _predicate(info: TableInfo, index: IndexInfo | None) -> str | None:
    if index is None:
        return None
    parts: list[str] = []
    if index.active_only and info.soft_delete is not None:
        parts.append(quote_identifier(info.soft_delete.column))
    if isinstance(index.where, str):
        parts.append(f"({index.where})")
    elif index.where is not None:
        parts.append(f"({render_literal_condition(info, index.where)})")
    return " AND ".join(parts) or None


def _index(info: TableInfo, target: tuple[ColumnInfo, ...]) -> IndexInfo | None:
    """Find the unique index that covers exactly these columns; None is the primary key."""
    names = {column.column for column in target}
    if names and names == {column.column for column in info.primary_key}:
        return None
    for index in info.indexes:
        if index.unique and {key.column for key in index.keys} == names:
            return index
    wanted = ", ".join(column.name for column in target) or "no field"
    raise _refused(info, f"neither its primary key nor a unique index covers exactly {wanted}")


def _refused(info: TableInfo, reason: str, field: str | None = None) -> QueryError:
    name = info.model.__name__
    return QueryError(f"upsert of {name}: {reason}", model=name, field=field)

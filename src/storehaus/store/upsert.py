"""upsert and upsert_many."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import DatabaseError, QueryError, ValidationError
from storehaus.expr import Column, Condition
from storehaus.expr.operands import checked_condition
from storehaus.model import ColumnInfo, Model, TableInfo
from storehaus.model.records import IndexInfo
from storehaus.sql.grammar import render_literal_condition
from storehaus.sql.identifiers import quote_identifier
from storehaus.sql.insert import Conflict, computed_upsert, upsert_many, upsert_one
from storehaus.sql.statement import Statement
from storehaus.store.batch import StatementBatch, always, over_arrays
from storehaus.store.change import Change, Outcome
from storehaus.store.create import field_values, grouped
from storehaus.store.database import Database
from storehaus.store.duplicates import TWICE, hashable, refuse_duplicates
from storehaus.store.key import in_lock_order
from storehaus.store.pipeline import Hook, write
from storehaus.store.sending import Fetch
from storehaus.store.shape import Shape
from storehaus.store.table import Table, as_parameters
from storehaus.store.tags import checked_tags

__all__ = ["Updates", "Upsert", "conflict", "upsert"]

M = TypeVar("M", bound=Model)

# cardinality_violation: ON CONFLICT DO UPDATE cannot affect a row a second time
_TWICE = "21000"

FieldNames = Sequence[Column[Any] | str] | None
Updates = FieldNames | Mapping[Any, Any]


class Upsert(Generic[M]):
    """INSERT … ON CONFLICT DO UPDATE of models.

    Args:
        table: The store's table.
        change: `models` and `tags` are read.
        conflict: What makes a row the same, and what is updated then.
        numbered: Whether errors name the row's place, as they do in a batch.
    """

    __slots__ = ("_batches", "_conflict", "_numbered", "_sent", "_table", "change", "placed")

    def __init__(
        self, table: Table[M], change: Change[M], conflict: Conflict, *, numbered: bool = True
    ) -> None:
        self._table = table
        self.change = change
        self._conflict = conflict
        self._numbered = numbered
        self._batches: Sequence[StatementBatch] = ()
        self._sent: Sequence[tuple[Any, ...]] = ()
        self.placed: Sequence[M | None] = ()
        """The rows as stored, in the order given; None for those that were left alone."""

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
        self._sent = keys
        return batches

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Put the rows back into the order given; None stands for those that were left alone."""
        del fetch
        count = len(self.change.models or ())
        models: list[Any] = [None] * count
        inserted = [False] * count
        for batch, rows in zip(self._batches, results, strict=True):
            places = self._places(batch, rows)
            built = self._table.reader.models([tuple(row)[:-1] for row in rows])
            for index, model, row in zip(places, built, rows, strict=True):
                models[index], inserted[index] = model, row[-1]
        if self._conflict.conditional and len(self._batches) > 1:
            # Equal rows in two statements are updated one after the other, without complaint.
            found = [model for model in models if model is not None]
            ids = [(self._table.key.of_model(model),) for model in found]
            refuse_duplicates(self._table, self._conflict.target, ids)
        self.placed = models
        written = [(model, new) for model, new in zip(models, inserted, strict=True) if model]
        return Outcome(
            change=self.change,
            models=[model for model, _ in written],
            count=len(written),
            inserted=[new for _, new in written],
        )

    def _places(self, batch: StatementBatch, rows: Sequence[Row]) -> Sequence[int]:
        """Find out which of the rows given came back."""
        places = batch.indexes or (0,)
        if len(rows) == batch.size:
            return places
        if self._conflict.where is None:
            raise self._disturbed(f"{batch.size - len(rows)} of {batch.size} rows were not written")
        # Rows that the condition left alone do not come back: the others are known by their keys.
        # Keys with a NULL may be equal; nothing collides with them, so all come back, in order.
        waiting: dict[tuple[Any, ...], deque[int]] = {}
        for place in places:
            waiting.setdefault(self._sent[place], deque()).append(place)
        positions = [column.position for column in self._conflict.target]
        found: list[int] = []
        for row in rows:
            queue = waiting.get(tuple(hashable(row[position]) for position in positions))
            if not queue:
                raise self._disturbed("a row came back under a key that was not sent")
            found.append(queue.popleft())
        if any(None in key and queue for key, queue in waiting.items()):
            raise self._disturbed("a row without an equal was not written")
        return found

    def _disturbed(self, what: str) -> DatabaseError:
        reason = "which a trigger or rule of the table must have decided"
        return DatabaseError(f"{self._table.info.name}: {what}, {reason}")

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
        parts = (map(hashable, columns[shape.index(column)]) for column in target)
        return list(zip(*parts, strict=True))

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
            single = self._statement(shape, [values[0] for values in columns], tags, many=False)
            return [
                StatementBatch(
                    info=table.info,
                    indexes=(0,) if self._numbered else None,
                    values=partial(field_values, models, indexes),
                    statement=always(single),
                )
            ]
        # Rows are locked in the order they are sent: in that of their keys, no two batches wait
        # for each other in a circle.
        order = in_lock_order(self._keys(shape, columns, indexes))
        parameters = [[values[i] for i in order] for values in as_parameters(shape, columns)]
        places = [indexes[i] for i in order]
        whole = self._statement(shape, (), tags, many=True)
        return [
            StatementBatch(
                info=table.info,
                indexes=places[low:high],
                values=partial(field_values, models, places[low:high]),
                statement=over_arrays(
                    whole.text,
                    [values[low:high] for values in parameters],
                    *whole.params,
                    resets=whole.resets,
                ),
            )
            for low, high in table.chunks(parameters, len(indexes))
        ]

    def _statement(
        self, shape: Shape, values: Sequence[Any], tags: list[str] | None, *, many: bool
    ) -> Statement:
        """Write the statement, with what follows the arrays where there are many rows."""
        conflict = self._conflict
        if not conflict.computed:
            write_text = upsert_many if many else upsert_one
            text = self._table.text(write_text, shape, conflict=conflict)
            return Statement(text, (*values, tags))
        text, more, resets = computed_upsert(self._table.info, shape, conflict, many=many)
        return Statement(text, (*values, tags, *more), resets)


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


def conflict(
    info: TableInfo, on: FieldNames, update: Updates, where: Condition | None = None
) -> Conflict:
    """Find out what makes a row the same, and what is updated then.

    Args:
        info: The model.
        on: Fields of the primary key or of a unique index; None is the primary key.
        update: Fields that take the new values, or new values and expressions by field; None is all
            that may be created and updated but `on`.
        where: What an existing row must fulfil to be updated; None updates it always.

    Raises:
        QueryError: When no primary key or unique index covers exactly `on`, a field in `update`
            may not be updated, or `where` is no condition.
    """
    target = info.primary_key if on is None else _columns(info, on)
    if not target:
        raise _refused(info, "say by on=(...) which fields make a row the same")
    index = _index(info, target)
    condition = None if where is None else checked_condition(where)
    conditional = index is not None and index.where is not None
    if conditional and condition is not None:
        raise _refused(info, "where= needs an index over all rows, to tell which were left alone")
    changes: tuple[tuple[ColumnInfo, Any], ...] = ()
    if isinstance(update, Mapping):
        changes = tuple(zip(_columns(info, tuple(update)), update.values(), strict=True))
        taken: tuple[ColumnInfo, ...] = ()
    else:
        taken = _taken(info, target, update)
    updated = (*taken, *(column for column, _ in changes))
    _check_updated(info, updated)
    if condition is not None:
        _check_target(info, target, updated)
    return Conflict(target, _predicate(info, index), taken, conditional, changes, condition)


def _check_updated(info: TableInfo, updated: Sequence[ColumnInfo]) -> None:
    for index, column in enumerate(updated):
        if not column.updatable:
            raise _refused(info, f"{column.name} may not be updated", column.name)
        if column in updated[:index]:
            raise _refused(info, f"{column.name} is changed twice", column.name)


def _check_target(
    info: TableInfo, target: Sequence[ColumnInfo], updated: Sequence[ColumnInfo]
) -> None:
    """See that rows can be told apart by what comes back, where some are left alone."""
    for column in target:
        if column in updated:
            reason = f"with where=, {column.name} is what tells rows apart and stays as it is"
            raise _refused(info, reason, column.name)
        if column.type.kind == "jsonb":
            reason = f"with where=, {column.name} must tell rows apart, which JSON does not"
            raise _refused(info, reason, column.name)


def _taken(
    info: TableInfo, target: tuple[ColumnInfo, ...], update: FieldNames
) -> tuple[ColumnInfo, ...]:
    """Find the fields that an existing row takes over."""
    if update is None:
        return tuple(
            column
            for column in info.columns
            if column.insertable and column.updatable and column not in target
        )
    found = _columns(info, update)
    for column in found:
        if column.updatable and not column.insertable:
            raise _refused(info, f"{column.name} is not given on create", column.name)
    return found


def _columns(info: TableInfo, fields: Sequence[Column[Any] | str]) -> tuple[ColumnInfo, ...]:
    if isinstance(fields, str | Column) or not isinstance(fields, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise _refused(info, "on and update are tuples of fields; update may be a mapping too")
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

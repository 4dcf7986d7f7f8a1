"""create and create_many."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import DatabaseError
from storehaus.model import Model
from storehaus.sql.insert import insert_many, insert_one, insert_shared
from storehaus.sql.statement import Statement
from storehaus.store.batch import Share, StatementBatch, always
from storehaus.store.change import Change, Outcome
from storehaus.store.sending import Fetch
from storehaus.store.shape import Shape
from storehaus.store.table import Table, as_parameters
from storehaus.store.tags import checked_tags

__all__ = ["Create", "field_values", "grouped"]

M = TypeVar("M", bound=Model)


class Create(Generic[M]):
    """INSERT of models, in the order given.

    Args:
        table: The store's table.
        change: `models` and `tags` are read.
        numbered: Whether errors name the row's place, as they do in a batch.
        first: Place of the first row in all that is created; not 0 for a later part of a load.
    """

    __slots__ = ("_batches", "_first", "_numbered", "_table", "change")

    def __init__(
        self, table: Table[M], change: Change[M], *, numbered: bool = True, first: int = 0
    ) -> None:
        self._table = table
        self.change = change
        self._numbered = numbered
        self._first = first
        self._batches: Sequence[StatementBatch] = ()

    def compile(self) -> Sequence[StatementBatch]:
        """Check the models, group them by the columns they send, cut the groups into chunks."""
        models = self._table.completed(self.change.models or [])
        tags = checked_tags(self._table.info, self.change.tags) or []
        if len(models) == 1:
            self._batches = [self._single(models, tags)]
        else:
            groups = grouped(models, self._table.insert_shape)
            self._batches = [
                batch
                for shape, indexes in groups.items()
                for batch in self._group(models, tags, shape, indexes)
            ]
        return self._batches

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Put the rows back into the order given."""
        del fetch
        models: list[Any] = [None] * len(self.change.models or ())
        for batch, rows in zip(self._batches, results, strict=True):
            if len(rows) != batch.size:
                raise DatabaseError(
                    f"{self._table.info.name}: {batch.size - len(rows)} of {batch.size} rows were"
                    " not inserted, which a trigger or rule of the table must have decided"
                )
            places = batch.indexes or (self._first,)
            for place, model in zip(places, self._table.reader.models(rows), strict=True):
                models[place - self._first] = model
        return Outcome(change=self.change, models=models, count=len(models))

    def _single(self, models: Sequence[M], tags: list[str]) -> StatementBatch:
        table = self._table
        shape = table.insert_shape(models[0])
        text = table.text(insert_one, shape)
        place = self._first if self._numbered else None
        values = table.validator(shape).row(models[0], place)
        row_id = self._row_id(shape, values)
        share: Share | None = None
        if row_id is not None:
            text_of_many = table.text(insert_shared, shape)
            share = Share(text_of_many, shape, values, (tags,), numbered=False)
        return StatementBatch(
            info=table.info,
            indexes=None if place is None else (place,),
            values=partial(field_values, models, (0,)),
            statement=always(Statement(text, (*values, tags))),
            row_id=row_id,
            share=share,
        )

    def _row_id(self, shape: Shape, values: Sequence[Any]) -> Any:
        """Give the id of a new row in wire form, None where the database makes it."""
        key = self._table.key
        if not key.is_exact or not all(column in shape for column in key.columns):
            return None
        return key.wire_id([values[shape.index(column)] for column in key.columns])

    def _group(
        self, models: Sequence[M], tags: list[str], shape: Shape, indexes: Sequence[int]
    ) -> list[StatementBatch]:
        table = self._table
        text = table.text(insert_many, shape)
        places = [self._first + i for i in indexes]
        columns = table.validator(shape).columns([models[i] for i in indexes], places)
        columns = as_parameters(shape, columns)
        return [
            StatementBatch(
                info=table.info,
                indexes=places[low:high],
                values=partial(field_values, models, indexes[low:high]),
                statement=partial(_slice, text, [values[low:high] for values in columns], tags),
            )
            for low, high in table.chunks(columns, len(indexes))
        ]


def _slice(
    text: str, columns: Sequence[Sequence[Any]], tags: list[str], low: int, high: int
) -> Statement:
    if not columns:
        return Statement(text, (high - low, tags))
    return Statement(text, (*(values[low:high] for values in columns), tags))


def grouped(models: Sequence[M], shape_of: Any) -> dict[Shape, Sequence[int]]:
    """Group the places of models by the columns they send, in order of first appearance."""
    groups: dict[Shape, list[int]] = {}
    for index, model in enumerate(models):
        groups.setdefault(shape_of(model), []).append(index)
    return dict(groups)


def field_values(models: Sequence[Any], indexes: Sequence[int], row: int) -> Mapping[str, Any]:
    """Give a row of a batch by field name, for errors."""
    model = models[indexes[row]]
    return {name: getattr(model, name) for name in model.__struct_fields__}

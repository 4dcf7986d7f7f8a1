"""create and create_many."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from storehaus.driver import Row
from storehaus.errors import DatabaseError
from storehaus.model import Model
from storehaus.sql.insert import insert_many
from storehaus.sql.statement import Statement
from storehaus.store.batch import RowBatch, SingleStatement, StatementBatch, named_values
from storehaus.store.change import Change, Outcome
from storehaus.store.forms import insert_form
from storehaus.store.sending import Fetch
from storehaus.store.shape import Shape
from storehaus.store.table import Table, as_parameters
from storehaus.store.tags import checked_tags

__all__ = ["Create", "field_values", "grouped"]

M = TypeVar("M", bound=Model)

# One for all rows: what a call keeps until its answer comes, the garbage collector goes through.
_UNTAGGED: tuple[list[str]] = ([],)


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
        self._batches: Sequence[SingleStatement] = ()

    def compile(self) -> Sequence[SingleStatement]:
        """Check the models, group them by the columns they send, cut the groups into chunks."""
        models = self._table.completed(self.change.models or [])
        tags = checked_tags(self._table.info, self.change.tags) or []
        if len(models) == 1:
            self._batches = (self._single(models[0], tags),)
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

    def _single(self, model: M, tags: list[str]) -> RowBatch:
        table = self._table
        shape = table.insert_shape(model)
        place = self._first if self._numbered else None
        return RowBatch(
            info=table.info,
            indexes=None if place is None else (place,),
            source=model,
            form=table.form(insert_form, shape),
            sent=table.validator(shape).row(model, place),
            rest=(tags,) if tags else _UNTAGGED,
        )

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
    return named_values(models[indexes[row]])

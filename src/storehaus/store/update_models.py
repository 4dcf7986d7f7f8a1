"""update and update_many: rows take the values of models."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from msgspec import UNSET

from storehaus.driver import Row
from storehaus.errors import (
    DatabaseError,
    QueryError,
    SerializationFailure,
    StorehausError,
    ValidationError,
)
from storehaus.model import Model
from storehaus.sql.statement import Statement
from storehaus.sql.update import update_many
from storehaus.store.batch import RowBatch, SingleStatement, StatementBatch
from storehaus.store.change import Change, Outcome
from storehaus.store.create import field_values
from storehaus.store.duplicates import refuse_duplicates
from storehaus.store.forms import update_form
from storehaus.store.key import in_lock_order
from storehaus.store.sending import Fetch
from storehaus.store.shape import Shape
from storehaus.store.table import Table, as_parameters
from storehaus.store.tags import checked_tags
from storehaus.store.versions import absent, carried_version, checked_version, is_stale

__all__ = ["UpdateModels"]

M = TypeVar("M", bound=Model)


_Group = tuple[Shape, bool]
"""The columns that are sent, and whether versions count."""


class UpdateModels(Generic[M]):
    """UPDATE of rows by id, each with the values of its model: all of them or none.

    Args:
        table: The store's table.
        change: `ids`, `models` and `tags` are read; both lists belong together by position.
        versions: Versions the rows must have; None takes those the models were read with.
        numbered: Whether errors name the row's place, as they do in a batch.
    """

    __slots__ = ("_expected", "_keys", "_numbered", "_table", "_versions", "change")

    def __init__(
        self,
        table: Table[M],
        change: Change[M],
        versions: Sequence[int] | None = None,
        *,
        numbered: bool = True,
    ) -> None:
        self._table = table
        self.change = change
        self._versions = versions
        self._numbered = numbered
        self._keys: list[tuple[Any, ...]] = []
        self._expected: list[int | None] = []

    def compile(self) -> Sequence[SingleStatement]:
        """Check ids, models and versions; group the rows by the columns they send."""
        ids, models = self.change.ids or [], self.change.models or []
        self._keys = [
            self._checked_key(record_id, model, self._place(i))
            for i, (record_id, model) in enumerate(zip(ids, models, strict=True))
        ]
        refuse_duplicates(self._table, self._table.key.columns, self._keys)
        self._expected = self._checked_versions(models)
        tags = checked_tags(self._table.info, self.change.tags)
        if len(models) == 1:
            return (self._single(models[0], tags),)
        groups: dict[_Group, list[int]] = {}
        for i, model in enumerate(models):
            group = (self._table.update_shape(model), self._expected[i] is not None)
            groups.setdefault(group, []).append(i)
        return [
            batch
            for group, indexes in groups.items()
            for batch in self._group(models, tags, group, indexes)
        ]

    async def finish(self, results: Sequence[Sequence[Row]], fetch: Fetch) -> Outcome[M]:
        """Put the rows back into the order given; find out which one is missing."""
        table = self._table
        rows = {table.key.of_row(row): row for result in results for row in result}
        if len(rows) < len(self._keys):
            raise await self._absent(fetch, len(rows))
        ordered = [rows[table.key.wire_id(key)] for key in self._keys]
        return Outcome(
            change=self.change,
            models=table.reader.models(ordered),
            count=len(ordered),
            before=table.reader.remembered(ordered),
        )

    async def _absent(self, fetch: Fetch, updated: int) -> StorehausError:
        table, ids = self._table, self.change.ids or []
        if len(ids) == 1:
            return await absent(table, fetch, ids[0], self._expected[0], self._place(0))
        found = await fetch(Statement(table.select_by_keys, table.key_arrays(self._keys)))
        rows = {table.key.of_row(row): row for row in found}
        for i, (key, expected) in enumerate(zip(self._keys, self._expected, strict=True)):
            row = rows.get(table.key.wire_id(key))
            if row is None or is_stale(table.info, row, expected):
                return await absent(table, fetch, ids[i], expected, i)
        if not updated:
            return SerializationFailure(
                f"{table.info.name}: a row was missing that another transaction has created since;"
                " none was changed"
            )
        return DatabaseError(
            f"{table.info.name}: not all rows were updated, which a trigger or rule of the table"
            " must have decided"
        )

    def _place(self, row: int) -> int | None:
        return row if self._numbered else None

    def _checked_key(self, record_id: Any, model: Any, place: int | None) -> tuple[Any, ...]:
        info, key = self._table.info, self._table.key
        wanted = key.params(record_id, place)
        if not isinstance(model, info.model):
            return wanted  # the validator says what is wrong with it
        carried = key.of_model(model)
        parts = carried if len(wanted) > 1 else (carried,)
        own = record_id if len(wanted) > 1 else (record_id,)
        # A part that the database makes is UNSET in a new instance, which then carries no other id.
        known = tuple(
            mine if part is UNSET else part for part, mine in zip(parts, own, strict=True)
        )
        if key.params(known if len(wanted) > 1 else next(iter(known)), place) != wanted:
            rule = "must be the id that is updated: primary keys never change"
            name = key.columns[0].name
            raise ValidationError(
                f"{info.model.__name__}.{name} {rule}",
                model=info.model.__name__,
                field=name,
                value_type=type(carried).__name__,
                rule=rule,
                row_index=place,
            )
        return wanted

    def _checked_versions(self, models: Sequence[M]) -> list[int | None]:
        info = self._table.info
        versions: Sequence[int | None] | None = self._versions
        if versions is None:
            versions = [carried_version(info, model) for model in models]
        if len(versions) != len(models):
            raise QueryError("if_version holds one version per row", model=info.model.__name__)
        checked = (checked_version(info, each, self._place(i)) for i, each in enumerate(versions))
        return [version[0] if version else None for version in checked]

    def _single(self, model: M, tags: list[str] | None) -> RowBatch:
        table = self._table
        shape = table.update_shape(model)
        values = table.validator(shape).row(model, self._place(0))
        version = checked_version(table.info, self._expected[0])
        return RowBatch(
            info=table.info,
            indexes=(0,) if self._numbered else None,
            source=model,
            form=table.form(update_form, shape, bool(version)),
            sent=(*self._keys[0], *version, *values),
            rest=(tags,),
        )

    def _group(
        self, models: list[M], tags: list[str] | None, group: _Group, indexes: Sequence[int]
    ) -> list[StatementBatch]:
        table, (shape, versioned) = self._table, group
        values = table.validator(shape).columns([models[i] for i in indexes], indexes)
        keys = [self._keys[i] for i in indexes]
        sent: list[Sequence[Any]] = [*table.key_arrays(keys)]
        if versioned:
            sent.append([self._expected[i] for i in indexes])
        sent += as_parameters(shape, values)
        text = table.text(update_many, shape, versioned=versioned)
        chunks = table.chunks(sent, len(indexes))
        if len(chunks) > 1:
            order = in_lock_order(keys)
            sent = [[column[i] for i in order] for column in sent]
            indexes = [indexes[i] for i in order]
        return [
            StatementBatch(
                info=table.info,
                indexes=indexes[low:high],
                values=partial(field_values, models, indexes[low:high]),
                statement=partial(_slice, text, [column[low:high] for column in sent], tags),
            )
            for low, high in chunks
        ]


def _slice(
    text: str, columns: Sequence[Sequence[Any]], tags: list[str] | None, low: int, high: int
) -> Statement:
    return Statement(text, (*(values[low:high] for values in columns), tags, high - low))

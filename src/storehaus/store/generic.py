"""`GenericStore`: the verbs of one table. This file lists them; its siblings do the work."""

from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_args, get_origin, overload

from msgspec import UNSET, UnsetType

from storehaus.errors import QueryError
from storehaus.expr import Column, Condition
from storehaus.model import Model
from storehaus.query import UpdateSet
from storehaus.sql import Selection
from storehaus.store.cascade import cascade, new_deletion
from storehaus.store.change import Change, Changes, Operation, Outcome, Upserted, hook_of, one_of
from storehaus.store.create import Create
from storehaus.store.create_from import CreateFrom
from storehaus.store.database import Database
from storehaus.store.delete import Delete, DeleteMany, DeleteWhere
from storehaus.store.load import load
from storehaus.store.pipeline import Hook, Write, write
from storehaus.store.read import QueryLike, Reads
from storehaus.store.restore import Restore
from storehaus.store.table import Table
from storehaus.store.update import Patch, UpdateWhere
from storehaus.store.update_models import UpdateModels
from storehaus.store.upsert import Updates, Upsert, conflict, upsert
from storehaus.store.write_batcher import WriteBatcher

__all__ = ["GenericStore"]

M = TypeVar("M", bound=Model)
R = TypeVar("R")
S = TypeVar("S")

Tags = Sequence[str] | None
Fields = Sequence[Column[Any] | str] | None


class GenericStore(Reads[M]):
    """The rows of one model: create, read, update, delete.

    `haus.store(Airport)` gives one. A subclass carries an application's own verbs and rules:

        class Airports(GenericStore[Airport]):
            async def before_create(self, change: Change[Airport]) -> None:
                ...

    Every verb that writes takes `tags`: on create None stores none, on update None keeps those of
    the row and `()` clears them. Soft-deleted rows are left out everywhere, unless a query says
    `with_deleted()` or `only_deleted()`. A batch happens whole or not at all, and its error names
    the row.

    Errors that every verb may raise: `ValidationError` and `QueryError` before anything is sent;
    `ConstraintViolation` and its kin; `ConnectionFailed`, `PoolTimeout`, `QueryTimeout`;
    `CommitUnknown` when the connection broke during a write.

    Args:
        database: Where statements run.
        model: The model; None takes the one that a subclass names.
        batching: Whether calls that tasks make at the same time may share statements; None takes
            what the class says, which is True.
    """

    model_class: ClassVar[type[Model] | None] = None
    """The model of a subclass `class Airports(GenericStore[Airport])`; None for the plain store."""

    batching: bool = True
    """Whether calls that tasks make at the same time may share statements."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            arguments = get_args(base) if get_origin(base) else ()
            if arguments and isinstance(arguments[0], type) and issubclass(arguments[0], Model):
                cls.model_class = arguments[0]

    def __init__(
        self, database: Database, model: type[M] | None = None, *, batching: bool | None = None
    ) -> None:
        chosen: Any = model or self.model_class
        if chosen is None:
            raise QueryError(f"{type(self).__name__} names no model: GenericStore[YourModel]")
        self.model: type[M] = chosen
        if batching is not None:
            self.batching = batching
        super().__init__(database, Table(self.model.__table_info__), batching=self.batching)
        self._writes = WriteBatcher(database, self._table) if self.batching else None
        # A hook that nobody wrote costs nothing.
        found = ((each, hook_of(type(self), each)) for each in Operation)
        self._hooked = {each for each, hook in found if hook is not hook_of(GenericStore, each)}
        database.dependents.add(self._table, self._hooks)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.table_info.name!r}>"

    # Hooks: the place for business rules

    async def before_create(self, change: Change[M]) -> None:
        """Alter or refuse (by raising) a create, an upsert, a chunk of a load, or a restore."""

    async def before_update(self, change: Change[M]) -> None:
        """Alter or refuse (by raising) an update; one by query carries query and changes."""

    async def before_delete(self, change: Change[M]) -> None:
        """Alter or refuse (by raising) a delete or purge; one by query carries the query."""

    # Create

    async def create(self, model: M, *, tags: Tags = None) -> M:
        """Store one row; give it as stored, system fields filled."""
        change = self._change(Operation.CREATE, models=[model], tags=tags)
        work = Create(self._table, change, numbered=False)
        return self._first((await self._one(work)).models)

    async def create_many(
        self, models: Iterable[M], *, tags: Tags = None, returning: bool = True
    ) -> list[M]:
        """Store many rows; give them as stored, in the order given.

        Args:
            models: The rows.
            tags: Tags of all of them.
            returning: False sends them by COPY, which is faster, and gives an empty list.
        """
        given = list(models)
        if not returning:
            await self.load(given, tags=tags)
            return []
        if not given:
            return []
        change = self._change(Operation.CREATE, models=given, tags=tags)
        outcome = await write(self._database, Create(self._table, change), self._hooks(change))
        return self._rows(outcome.models)

    async def load(self, rows: Iterable[M] | AsyncIterable[M], *, tags: Tags = None) -> int:
        """Store any number of rows by COPY, in one transaction and bounded memory.

        Args:
            rows: Iterable or asynchronous iterable; at most 100,000 rows of it are held at a
                time.
            tags: Tags of all of them.

        Returns:
            The number of rows.
        """
        hooks = self._hooks(self._change(Operation.CREATE))
        return await load(self._database, self._table, rows, tags=tags, hooks=hooks)

    async def create_from(
        self, query: Selection[Any], *, tags: Tags = None, skip_conflicts: bool = False
    ) -> list[M]:
        """Store what a query gives, by one INSERT … SELECT; give the rows as stored.

            await archive.create_from(
                QueryBuilder(Order).filter(Order.closed == True).select(Order.id, Order.total)
            )

        Each value is stored in the field of its label. Values are checked by the database, not
        here; what Python makes (`default_factory`) must be selected.

        Args:
            query: A projection over any models.
            tags: Tags of all rows.
            skip_conflicts: Pass over rows that collide with others, instead of storing none.

        Raises:
            QueryError: When a label is no field that is given on create, a type does not fit, or a
                field has no value.
        """
        if not isinstance(query, Selection):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
            raise QueryError("a projection is needed: QueryBuilder(...).select(...)")
        change = self._change(Operation.CREATE, query=query, tags=tags)
        work = CreateFrom(self._table, change, skip_conflicts=skip_conflicts)
        outcome = await write(self._database, work, self._hooks(change))
        return self._rows(outcome.models)

    # Update

    async def update(self, record_id: Any, model: M, *, tags: Tags = None) -> M:
        """Give a row the values of a model; give it as stored.

        Fields that may not be updated keep their values. Where the model has a version and this
        instance was read from the database, the row must still have it.

        Raises:
            NotFound: When there is no such row.
            StaleVersion: When the row was changed since the model was read.
            ValidationError: When the model carries another id.
        """
        change = self._change(Operation.UPDATE, ids=[record_id], models=[model], tags=tags)
        work = UpdateModels(self._table, change, numbered=False)
        return self._first((await self._one(work)).models)

    async def update_many(
        self,
        pairs: Iterable[tuple[Any, M]],
        *,
        tags: Tags = None,
        if_version: Sequence[int] | None = None,
    ) -> list[M]:
        """Give many rows the values of models; give them as stored, in the order given.

        Args:
            pairs: Pairs of id and model.
            tags: Tags of all of them.
            if_version: Version that each row must have; None takes those of the models.

        Raises:
            NotFound: When there is no such row; then none is changed.
            StaleVersion: When a row has another version; then none is changed.
            SerializationFailure: When a row was missing that somebody has created since; then none
                is changed, and the same call may succeed.
            ValidationError: When a model carries another id, or an id stands twice.
        """
        given = list(pairs)
        if not given:
            return []
        change = self._change(
            Operation.UPDATE,
            ids=[record_id for record_id, _ in given],
            models=[model for _, model in given],
            tags=tags,
        )
        work = UpdateModels(self._table, change, if_version)
        outcome = await write(self._database, work, self._hooks(change))
        return self._rows(outcome.models)

    async def patch(
        self,
        record_id: Any,
        changes: Changes | None = None,
        /,
        *,
        tags: Tags | UnsetType = UNSET,
        if_version: int | UnsetType | None = UNSET,
        **fields: Any,
    ) -> M:
        """Change some fields of a row; give it as stored.

            await wallets.patch(wallet.id, {Wallet.balance: Wallet.balance - 10})
            await airports.patch(airport.id, name="Frankfurt")

        Args:
            record_id: Which row.
            changes: New values or expressions by column or name, or an `UpdateSet`.
            tags: New tags; None (or nothing) keeps them, changing nothing but them is fine.
            if_version: Version that the row must have; None (or nothing) is any.
            **fields: New values or expressions by name, instead of `changes`.

        Raises:
            NotFound: When there is no such row.
            StaleVersion: When it has another version.
            QueryError: When a field is unknown or nothing is changed, or when the model has a field
                of its own called `tags` or `if_version`: then use the mapping.
            ValidationError: When a value does not fit, or the field may not be updated.
        """
        self._refuse_ambiguous(tags=tags, if_version=if_version)
        change = self._change(
            Operation.UPDATE,
            ids=[record_id],
            changes=one_of(changes, fields),
            tags=None if tags is UNSET else tags,
        )
        work = Patch(self._table, change, None if if_version is UNSET else if_version)
        return self._first((await self._one(work)).models)

    async def update_where(
        self,
        query: QueryLike[M],
        changes: Mapping[Any, Any] | UpdateSet,
        *,
        tags: Tags = None,
        everything: bool = False,
    ) -> list[M]:
        """Change all rows that a query finds; give them as stored.

        Args:
            query: Which rows.
            changes: New values or expressions by column or name, or an `UpdateSet`.
            tags: New tags of all of them.
            everything: Must be True where the query has no filter.

        Raises:
            QueryError: On a query without filter, unless `everything`.
        """
        change = self._change(
            Operation.UPDATE, query=self._query((query,)), changes=changes, tags=tags
        )
        work = UpdateWhere(self._table, change, everything=everything)
        outcome = await write(self._database, work, self._hooks(change))
        return self._rows(outcome.models)

    # Upsert

    @overload
    async def upsert(
        self, model: M, *, on: Fields = None, update: Updates = None, tags: Tags = None
    ) -> Upserted[M]: ...
    @overload
    async def upsert(
        self,
        model: M,
        *,
        where: Condition,
        on: Fields = None,
        update: Updates = None,
        tags: Tags = None,
    ) -> Upserted[M] | None: ...
    async def upsert(
        self,
        model: M,
        *,
        on: Fields = None,
        update: Updates = None,
        where: Condition | None = None,
        tags: Tags = None,
    ) -> Upserted[M] | None:
        """Insert a row or update the one that is there, in one atomic statement.

            await prices.upsert(price, where=excluded(Price.seen_at) > Price.seen_at)
            await hits.upsert(hit, update={Hit.count: Hit.count + excluded(Hit.count)})

        A soft-deleted row with the same primary key is revived.

        Args:
            model: The row.
            on: Fields that make a row the same: the primary key (None) or those of a unique index.
            update: Fields that an existing row takes, or new values and expressions by field, in
                which `excluded(field)` is the value of `model`; None is all that may be created and
                updated but `on`. Fields that the database makes keep their values where they are
                left out.
            where: What an existing row must fulfil to be updated; None updates it always.
            tags: Tags; None keeps those of an existing row.

        Returns:
            The row as stored; None when there is one that does not fulfil `where`.
        """
        chosen = conflict(self.table_info, on, update, where)
        change = self._change(Operation.CREATE, models=[model], tags=tags)
        work = Upsert(self._table, change, chosen, numbered=False)
        outcome = await upsert(self._database, work, self._hooks(change))
        if where is not None and not outcome.models:
            return None
        inserted = outcome.inserted or (False,)
        return Upserted(self._first(outcome.models), inserted[0])

    @overload
    async def upsert_many(
        self,
        models: Iterable[M],
        *,
        on: Fields = None,
        update: Updates = None,
        tags: Tags = None,
    ) -> list[Upserted[M]]: ...
    @overload
    async def upsert_many(
        self,
        models: Iterable[M],
        *,
        where: Condition,
        on: Fields = None,
        update: Updates = None,
        tags: Tags = None,
    ) -> list[Upserted[M] | None]: ...
    async def upsert_many(
        self,
        models: Iterable[M],
        *,
        on: Fields = None,
        update: Updates = None,
        where: Condition | None = None,
        tags: Tags = None,
    ) -> list[Any]:
        """Upsert many rows; give them as stored, in the order given, None for those left alone.

        Raises:
            ValidationError: When two of them are the same row.
        """
        given = list(models)
        chosen = conflict(self.table_info, on, update, where)
        if not given:
            return []
        change = self._change(Operation.CREATE, models=given, tags=tags)
        work = Upsert(self._table, change, chosen)
        outcome = await upsert(self._database, work, self._hooks(change))
        written = iter(zip(outcome.models or (), outcome.inserted or (), strict=True))
        return [None if row is None else Upserted(*next(written)) for row in work.placed]

    # Delete and restore

    async def delete(
        self, record_id: Any, *, tags: Tags = None, if_version: int | None = None
    ) -> bool:
        """Delete a row, softly where the model soft-deletes; say whether there was one.

        A soft delete cascades: active rows of soft-deleting models that reference it by
        `on_delete="cascade"` are deleted with it, level by level, as far as this haus knows the
        models, from `store()` or `auto_migrate()`.

        Raises:
            StaleVersion: When it has another version than `if_version`.
            NotFound: When `if_version` is given and there is no such row.
        """
        change = self._change(Operation.DELETE, ids=[record_id], tags=tags)
        follow_ups = cascade(self._database, self.table_info)
        work = Delete(self._table, change, if_version, new_deletion(follow_ups))
        hooks = self._hooks(change)
        outcome = await write(self._database, work, hooks, follow_ups, self._writes)
        return bool(outcome.count)

    async def delete_many(self, ids: Iterable[Any], *, tags: Tags = None) -> list[Any]:
        """Delete rows, as `delete`; give the ids of those that were there, in the order given."""
        given = list(ids)
        if not given:
            return []
        change = self._change(Operation.DELETE, ids=given, tags=tags)
        follow_ups = cascade(self._database, self.table_info)
        work = DeleteMany(self._table, change, new_deletion(follow_ups))
        outcome = await write(self._database, work, self._hooks(change), follow_ups)
        return [self._table.key.of_model(model) for model in self._rows(outcome.models)]

    async def delete_where(
        self, query: QueryLike[M], *, tags: Tags = None, everything: bool = False
    ) -> list[Any]:
        """Delete all rows that a query finds, as `delete`; give their ids.

        Args:
            query: Which rows.
            tags: New tags of rows that are only marked.
            everything: Must be True where the query has no filter.

        Raises:
            QueryError: On a query without filter, unless `everything`.
        """
        change = self._change(Operation.DELETE, query=self._query((query,)), tags=tags)
        follow_ups = cascade(self._database, self.table_info)
        deletion = new_deletion(follow_ups)
        work = DeleteWhere(self._table, change, everything=everything, deletion=deletion)
        outcome = await write(self._database, work, self._hooks(change), follow_ups)
        return [self._table.key.of_model(model) for model in self._rows(outcome.models)]

    async def restore(self, record_id: Any, *, tags: Tags = None) -> M:
        """Bring a soft-deleted row back, and what its deletion took along; give the row.

        Of the rows that reference it by `on_delete="cascade"`, those come back that the same
        deletion marked, and nobody has restored or deleted since.

        Raises:
            NotFound: When no soft-deleted row has this id.
            QueryError: When the model does not soft-delete.
            UniqueViolation: When an active row has taken the place of one of them.
        """
        change = self._change(Operation.CREATE, ids=[record_id], tags=tags)
        work = Restore(self._table, change)
        follow_ups = cascade(self._database, self.table_info)
        outcome = await write(self._database, work, self._hooks(change), follow_ups)
        return self._first(outcome.models)

    async def purge(self, record_id: Any, *, tags: Tags = None) -> bool:
        """Delete a row for good, active or not; say whether there was one."""
        change = self._change(Operation.DELETE, ids=[record_id], tags=tags, purge=True)
        outcome = await write(self._database, Delete(self._table, change), self._hooks(change))
        return bool(outcome.count)

    def _one(self, work: Write[M]) -> Awaitable[Outcome[M]]:
        """Write one row, which may share a statement with those of other callers."""
        hooks = self._hooks(work.change)
        return write(self._database, work, hooks, batcher=self._writes)

    def _change(self, operation: Operation, **parts: Any) -> Change[M]:
        return Change(table=self._table.info, operation=operation, **parts)

    def _hooks(self, change: Change[M]) -> tuple[Hook, ...]:
        return (hook_of(self, change.operation),) if change.operation in self._hooked else ()

    def _rows(self, models: Sequence[M] | None) -> list[M]:
        return list(models or ())

    def _first(self, models: Sequence[M] | None) -> M:
        if not models:
            raise QueryError(
                "a hook took the row out of the change; to refuse it, raise an error",
                model=self.model.__name__,
            )
        return models[0]

    def _refuse_ambiguous(self, **keywords: Any) -> None:
        # None may be meant for the field too, so that only a keyword left out is unambiguous.
        for name, value in keywords.items():
            if value is not UNSET and name in self.table_info.by_name:
                raise QueryError(
                    f"{self.model.__name__} has a field {name!r} of its own: write"
                    f" patch(id, {{{self.model.__name__}.{name}: ...}}) to change it",
                    model=self.model.__name__,
                    field=name,
                )

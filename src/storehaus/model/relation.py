"""Relations: rows of another model that belong to a row, loaded when asked and never before.

A `Relation` says what belongs together and what of it is wanted; it holds no SQL and does no I/O.
What was loaded lies in the `__dict__` of the instance, where Python finds it first: a relation is a
descriptor without `__set__`, which answers only for instances that hold nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from storehaus.errors import NotFound, QueryError, RelationNotLoaded
from storehaus.expr import Condition, Expression, Ordering
from storehaus.expr.node import Name

__all__ = ["DeclaredRelation", "Relation"]

# A relation of an abstract class is one of every model derived from it.
OwnerT_contra = TypeVar("OwnerT_contra", contravariant=True)
RelatedT_co = TypeVar("RelatedT_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class DeclaredRelation:
    """One relation as its class body says it.

    Attributes:
        name: Name of the attribute.
        many: Whether it is a list.
        optional: Whether there may be no row where one is meant.
        target: The other model, its name as text, None when the annotation leaves it open.
        own: Names of own fields that refer to the other model; empty when there are columns.
        columns: Gives columns of the other model, or of the one in between.
        via: Gives where the model in between refers to the other one; None when there is none.
    """

    name: str
    many: bool
    optional: bool
    target: type[Any] | str | None
    own: tuple[str, ...] = ()
    columns: Callable[[], object] | None = None
    via: Callable[[], object] | None = None


# A dataclass's own __eq__ would compare conditions, which answer with a condition.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Relation(Generic[OwnerT_contra, RelatedT_co]):
    """Rows of another model that belong to a row, and which of them are wanted: `User.posts`.

    Every method returns a new relation, which is a value of its own; two are equal only when they
    are the same.

        recent = User.posts.filter(Post.draft == False).order_by(Post.created.desc())
        await users.load_related(rows, recent.then(Post.tags))

    Attributes:
        model: The class whose rows it belongs to.
        declared: Its declaration.
        conditions: All must hold for a related row.
        ordering: Sort keys of a list, before the primary key of the related model.
        deleted: Whether soft-deleted rows are seen too.
        nested: Relations of the related rows, loaded with them.
    """

    model: type[Any]
    declared: DeclaredRelation
    conditions: tuple[Condition, ...] = ()
    ordering: tuple[Ordering, ...] = ()
    deleted: bool = False
    nested: "tuple[Relation[Any, Any], ...]" = ()

    @property
    def name(self) -> str:
        """Name of the attribute."""
        return self.declared.name

    def filter(self, *conditions: Condition) -> "Relation[OwnerT_contra, RelatedT_co]":
        """Keep related rows for which all conditions hold, in addition to earlier ones.

        Raises:
            QueryError: When something is not a condition.
        """
        for condition in conditions:
            if not isinstance(condition, Condition):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a checker
                raise QueryError(f"{self!r}: {type(condition).__name__} is not a condition")
        return replace(self, conditions=(*self.conditions, *conditions))

    def order_by(
        self, *keys: "Expression[Any] | Ordering | str"
    ) -> "Relation[OwnerT_contra, RelatedT_co]":
        """Sort related rows, after the keys given earlier and before their primary key.

        Of a `One` with several candidates the first one is taken.

        Args:
            *keys: Columns, `column.desc()`, or names of fields.

        Raises:
            QueryError: When a key is something else.
        """
        found = tuple(_sort_key(self, key) for key in keys)
        return replace(self, ordering=(*self.ordering, *found))

    def with_deleted(self) -> "Relation[OwnerT_contra, RelatedT_co]":
        """See soft-deleted rows too, those of the model in between included."""
        return replace(self, deleted=True)

    def then(
        self, *relations: "Relation[RelatedT_co, Any]"
    ) -> "Relation[OwnerT_contra, RelatedT_co]":
        """Load relations of the related rows with them.

        Raises:
            QueryError: When something is not a relation.
        """
        for relation in relations:
            if not isinstance(relation, Relation):  # pyright: ignore[reportUnnecessaryIsInstance]  # as above
                raise QueryError(f"{self!r}: {type(relation).__name__} is not a relation")
        return replace(self, nested=(*self.nested, *relations))

    def of(self, model: type[Any]) -> "Relation[Any, RelatedT_co]":
        """Give the same relation of a model that inherits it.

        Raises:
            QueryError: When the model has no such relation.
        """
        if model is self.model:
            return self
        own = getattr(model, self.name, None) if issubclass(model, self.model) else None
        if not isinstance(own, Relation):
            raise QueryError(
                f"{self!r} is no relation of {model.__name__}, whose rows it is loaded for",
                model=model.__name__,
                field=self.name,
            )
        declared: DeclaredRelation = own.declared  # pyright: ignore[reportUnknownMemberType]  # whatever it relates to
        return replace(self, model=model, declared=declared)

    def keep(self, row: Any, value: object) -> None:
        """Let a row have what was loaded."""
        held: dict[str, Any] = row.__dict__
        held.pop(self._absence, None)
        held[self.name] = value

    def miss(self, row: Any, table: str, record_id: object) -> None:
        """Let a row know that it lacks the row which the annotation promises.

        Args:
            row: The row.
            table: Table of the missing row.
            record_id: Its id, None where only it knows.
        """
        held: dict[str, Any] = row.__dict__
        held.pop(self.name, None)
        held[self._absence] = (table, record_id)

    @property
    def _absence(self) -> str:
        # No attribute is called so.
        return f"{self.name}?"

    def __get__(self, instance: object, owner: type[Any]) -> Any:
        """Give the relation by class; by instance, refuse what was not loaded.

        Raises:
            RelationNotLoaded: When it was not loaded for this instance.
            NotFound: When there is no such row, and the annotation does not allow for that.
        """
        if instance is None:
            return self
        absent: tuple[str, Any] | None = instance.__dict__.get(self._absence)
        if absent is not None:
            raise NotFound(
                f"{self!r}: there is no such row, it is soft-deleted, or a filter left it out;"
                " where that may be, the annotation is One[... | None]",
                table=absent[0],
                record_id=absent[1],
            )
        raise RelationNotLoaded(
            f"{self!r} is not loaded: load it with store.load_related(rows, {self!r}) or"
            f" QueryBuilder({self.model.__name__}).include({self!r})",
            model=self.model.__name__,
            field=self.name,
        )

    def __repr__(self) -> str:
        parts = [f"{self.model.__name__}.{self.name}"]
        if self.conditions:
            parts.append("filter(...)")
        if self.ordering:
            parts.append("order_by(...)")
        if self.deleted:
            parts.append("with_deleted()")
        if self.nested:
            parts.append(f"then({', '.join(map(repr, self.nested))})")
        return ".".join(parts)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Declarations hold functions, which do not pickle; the class has the declaration.
        parts = (self.conditions, self.ordering, self.deleted, self.nested)
        return (_restored, (self.model, self.name, *parts))


def _restored(model: type[Any], name: str, *parts: Any) -> Relation[Any, Any]:
    plain: Relation[Any, Any] = getattr(model, name)
    return Relation(model, plain.declared, *parts) if any(parts) else plain


def _sort_key(relation: Relation[Any, Any], key: Any) -> Ordering:
    if isinstance(key, Ordering):
        return key
    if isinstance(key, Expression):
        return key.asc()
    if isinstance(key, str):
        return Ordering(Name(key))
    raise QueryError(f"{relation!r}: order_by takes columns and names, not {type(key).__name__}")

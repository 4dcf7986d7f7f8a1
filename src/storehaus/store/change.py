"""What a write is about to do, and what it did."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from storehaus.errors import QueryError
from storehaus.model import Model, TableInfo
from storehaus.query import UpdateSet
from storehaus.query.query import Fluent

if TYPE_CHECKING:
    from storehaus.expr import Column

__all__ = ["Change", "Changes", "Hook", "Operation", "Outcome", "Upserted", "hook_of", "one_of"]

M = TypeVar("M", bound=Model)

Changes = Mapping["Column[Any] | str", Any] | UpdateSet
"""New values or expressions by column or field name."""


class Operation(StrEnum):
    """What becomes of a row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Change(Struct, Generic[M], kw_only=True, gc=False):
    """One write before it happens. Hooks may alter it, or refuse it by raising.

    Attributes:
        table: The model that is written to.
        operation: What becomes of the rows; an upsert is a CREATE, a restore is one too.
        models: Rows as given, for create, upsert and update; None for writes without models.
        ids: Primary keys, for writes by id; None for all others.
        changes: New values by field, for patch and update_where; None for all others.
        query: Which rows, for writes by query; the projection of create_from; None for the rest.
        tags: Tags to store; None keeps those of existing rows.
        purge: Whether rows of a soft-deleting model are deleted for good.
        cascade: Whether rows that these ones reference are being deleted or restored, and this
            follows from it. Hooks then run inside of that transaction.
    """

    table: TableInfo
    operation: Operation
    models: list[M] | None = None
    ids: list[Any] | None = None
    changes: Changes | None = None
    query: Fluent[Any] | None = None
    tags: Sequence[str] | None = None
    purge: bool = False
    cascade: bool = False


Hook = Callable[[Change[Any]], Awaitable[None]]
"""Sees a change before it happens."""


class Outcome(Struct, Generic[M], frozen=True, kw_only=True, gc=False):
    """One write after it happened: the exact rows that it touched.

    Attributes:
        change: What was asked for.
        models: The rows as stored (as they were, when deleted for good), in the order asked for;
            None for a load by COPY, which returns no rows.
        count: Number of rows.
        inserted: For an upsert, whether each row is new; None for all other writes.
        deletion: The mark that a cascading delete put on these rows, or that a restore took off
            them; None for all other writes.
        before: For each row, the values that the tags of the cache had before, in their order;
            None where none of them changed, or nobody knows.
    """

    change: Change[M]
    models: Sequence[M] | None
    count: int
    inserted: Sequence[bool] | None = None
    deletion: UUID | None = None
    before: Sequence[tuple[Any, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Upserted(Generic[M]):
    """Result of an upsert.

    Attributes:
        model: The row as stored.
        inserted: Whether it is a new row; False for an existing one that was updated or revived.
    """

    model: M
    inserted: bool


def hook_of(owner: Any, operation: Operation) -> Hook:
    """Give the hook of a store, or of its class, that sees an operation."""
    hook: Hook = getattr(owner, f"before_{operation.value}")
    return hook


def one_of(changes: Changes | None, fields: Mapping[str, Any]) -> Changes:
    """Give the changes of a patch, which come as a mapping or as keywords.

    Raises:
        QueryError: When they come as both.
    """
    if changes is None:
        named: dict[Column[Any] | str, Any] = dict(fields.items())
        return named
    if fields:
        raise QueryError("changes are given as a mapping or as keywords, not as both")
    return changes

"""What a query asks for, part by part."""

from typing import Any, Literal, TypeAlias

import msgspec

from storehaus.expr import Condition, Ordering
from storehaus.expr.node import Node, Value
from storehaus.query.sources import Cte, Join, Source

__all__ = ["Clauses", "Lock", "LockStrength", "Visibility", "asks_for"]

Visibility: TypeAlias = Literal["active", "all", "deleted"]
LockStrength: TypeAlias = Literal["update", "no key update", "share", "key share"]


class Lock(msgspec.Struct, frozen=True, eq=False):
    """A lock on the rows found.

    Attributes:
        strength: What it keeps others from.
        sources: Whose rows are locked; empty means all of them.
        wait: What happens to rows that somebody else has locked.
    """

    strength: LockStrength
    sources: tuple[Any, ...] = ()
    wait: Literal["wait", "nowait", "skip locked"] = "wait"


# A struct, since every step of a builder makes a new one, which structs do at C speed.
class Clauses(msgspec.Struct, frozen=True, eq=False):
    """The parts of a query.

    Attributes:
        source: Where rows come from first; None means the model of the store that is asked.
        joins: Further sources.
        items: What each row has; None means the whole row of the model.
        conditions: All must hold.
        groups: Keys by which rows are gathered.
        having: Conditions that must hold for each group.
        distinct: None keeps equal rows; empty leaves one of rows that are equal; otherwise the
            keys of which each combination is given once.
        ordering: Sort keys, the first one first.
        limit: Most rows; None is all of them.
        offset: Rows skipped at the start; None is none.
        locks: Locks on the rows found.
        ctes: Common table expressions.
        visibility: Which rows of soft-deleting models are seen.
        seen: What differs from that for single sources.
        relations: What is loaded with the rows.
    """

    source: Source | None = None
    joins: tuple[Join, ...] = ()
    items: tuple[Node, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    groups: tuple[Node, ...] = ()
    having: tuple[Condition, ...] = ()
    distinct: tuple[Node, ...] | None = None
    ordering: tuple[Ordering, ...] = ()
    limit: Value | None = None
    offset: Value | None = None
    locks: tuple[Lock, ...] = ()
    ctes: tuple[Cte, ...] = ()
    visibility: Visibility = "active"
    seen: tuple[tuple[Any, Visibility], ...] = ()
    relations: tuple[Any, ...] = ()


# For DISTINCT, what is not asked for is not the empty tuple.
_NOTHING = Clauses()


def asks_for(clauses: Clauses, *parts: str) -> str | None:
    """Give the first of these parts that a query has; None when it has none of them."""
    for part in parts:
        if getattr(clauses, part) != getattr(_NOTHING, part):
            return part
    return None

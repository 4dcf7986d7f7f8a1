"""Texts of queries, each written once for all queries of its shape."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from storehaus.errors import QueryError
from storehaus.expr.node import Node
from storehaus.model.records import TableInfo
from storehaus.query.clauses import Clauses
from storehaus.query.query import Fluent
from storehaus.query.sources import model_of
from storehaus.sql.binder import Binder, Convert
from storehaus.sql.grammar import GRAMMAR
from storehaus.sql.records import Output
from storehaus.sql.scope import Scope
from storehaus.sql.select import Select
from storehaus.sql.shape import Collector, shape_of
from storehaus.sql.statement import Statement

__all__ = [
    "Recipe",
    "Write",
    "compile_count",
    "compile_exists",
    "compile_find",
    "compile_selection",
    "prepare",
    "write_count",
    "write_exists",
    "write_whole",
]

_MOST_RECIPES = 1_000

Write = Callable[[Select], tuple[str, tuple[Output, ...]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A query but for its values.

    Attributes:
        text: The SQL.
        slots: For each parameter the place of its value and how that is converted.
        resets: Whether it may change the state of the connection.
        outputs: What its rows hold.
        derived: What later stages worked out from it once, by their own keys.
    """

    text: str
    slots: tuple[tuple[int, Convert], ...]
    resets: bool
    outputs: tuple[Output, ...]
    derived: dict[Any, Any]

    def bind(self, values: list[Any]) -> Statement:
        """Put values in.

        Raises:
            QueryError: When one does not fit.
        """
        params = [convert(values[place].value) for place, convert in self.slots]
        return Statement(self.text, tuple(params), self.resets)


def compile_find(info: TableInfo, query: Fluent[Any]) -> Statement:
    """Write the SELECT of whole rows, columns in the order of `info.columns`.

    Raises:
        QueryError: When the query is about another model, or means nothing for this one.
    """
    recipe, values = prepare(info, query, write_whole)
    return recipe.bind(values)


def compile_selection(query: Fluent[Any]) -> Statement:
    """Write the SELECT of a projection.

    Raises:
        QueryError: When the query means nothing.
    """
    recipe, values = prepare(None, query, write_whole)
    return recipe.bind(values)


def compile_count(info: TableInfo, query: Fluent[Any]) -> Statement:
    """Write the SELECT of the number of rows that the query gives; it gives one row.

    Raises:
        QueryError: As `compile_find`.
    """
    recipe, values = prepare(info, query, write_count)
    return recipe.bind(values)


def compile_exists(info: TableInfo, query: Fluent[Any]) -> Statement:
    """Write the SELECT of whether the query gives a row; it gives one boolean.

    Raises:
        QueryError: As `compile_find`.
    """
    recipe, values = prepare(info, query, write_exists)
    return recipe.bind(values)


def prepare(info: TableInfo | None, query: Fluent[Any], write: Write) -> tuple[Recipe, list[Any]]:
    """Find or write the recipe of a query, with the nodes that hold its values.

    Args:
        info: The model of the store that is asked; None leaves it to the query.
        query: The query.
        write: What is wanted of it.

    Raises:
        QueryError: When the query is about another model, or means nothing.
    """
    written = query.written
    # A query that is kept and asked again need not be looked at again: nothing in it can change.
    if written is not None and written[0] is info and written[1] is write:
        recipe, nodes = written[2:]
        return recipe, nodes
    clauses = query.clauses
    if clauses.source is None and info is not None:
        clauses = msgspec.structs.replace(clauses, source=info.model)
    model = model_of(clauses.source)
    # A projection may start with the result of another query; whose store is asked is all the same.
    if info is not None and model is not None and model is not info.model:
        raise QueryError(
            f"the query is about {model.__name__}, not about {info.model.__name__}",
            model=info.model.__name__,
        )
    values = Collector()
    shape = (write, shape_of(clauses, values))
    known = _known(info or (None if model is None else model.__table_info__))
    recipe = known.get(shape)
    if recipe is None:
        recipe = _recipe(clauses, write, values)
        if len(known) >= _MOST_RECIPES:
            known.pop(next(iter(known)))
        known[shape] = recipe
    object.__setattr__(query, "written", (info, write, recipe, values.nodes))
    return recipe, values.nodes


def _known(info: TableInfo | None) -> dict[Any, Recipe]:
    if info is None:
        return {}
    found: dict[Any, Recipe] = info.derived.setdefault(Recipe, {})
    return found


def _recipe(clauses: Clauses, write: Write, values: Collector) -> Recipe:
    binder = Binder()
    try:
        text, outputs = write(Select(Scope(GRAMMAR, binder), clauses))
    except RecursionError:
        raise QueryError("the query is nested too deeply") from None
    slots = tuple(
        (values.place(node), convert) for node, convert in binder.slots if isinstance(node, Node)
    )
    return Recipe(text, slots, binder.resets, outputs, {})


def write_whole(select: Select) -> tuple[str, tuple[Output, ...]]:
    """Write all of a query."""
    body = select.body()
    return body.text, body.outputs


def write_count(select: Select) -> tuple[str, tuple[Output, ...]]:
    """Write the SELECT of the number of rows that a query gives."""
    return select.count(), ()


def write_exists(select: Select) -> tuple[str, tuple[Output, ...]]:
    """Write the SELECT of whether a query gives a row."""
    return f"SELECT EXISTS ({select.exists()})", ()

"""What names mean in a statement, and how values get into it."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from storehaus.errors import QueryError
from storehaus.expr import Column, Condition
from storehaus.expr.computation import OfDerived
from storehaus.expr.expression import Computed
from storehaus.expr.node import Name, Node, Subselect
from storehaus.model.records import ColumnInfo, TableInfo
from storehaus.query.sources import Derived
from storehaus.sql.binder import Binder, Convert, ValueNode, Writer
from storehaus.sql.identifiers import cast_name, quote_identifier
from storehaus.sql.records import Body, Operand, Origin
from storehaus.sql.values import converter

__all__ = ["Grammar", "Scope", "Stage"]

# The server would take the parameter for inet and JSON text for text.
_CAST_ALWAYS = frozenset({"cidr", "jsonb"})

_SHOWN_CHARACTERS = 60

Stage: TypeAlias = Literal["row", "group", "window"]
"""What an expression can be about: a row only, also its group, also the rows of a window."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Who writes what. Families of nodes need each other, but their modules need only this.

    Attributes:
        operands: Writers of expressions by node.
        conditions: Writers of conditions by node.
        select: Writer of queries, given the level around.
        exists: Writer of queries of which only counts whether they give a row.
    """

    operands: "Mapping[type[Any], Callable[[Scope, Any], Operand]]"
    conditions: "Mapping[type[Any], Callable[[Scope, Any], str]]"
    select: "Callable[[Scope, Any], Body]"
    exists: "Callable[[Scope, Any], str]"


class Scope:
    """The relations of one query level, those of the levels around it, and where values go.

    Args:
        grammar: Who writes what.
        writer: Takes the values.
        qualified: Whether own columns are written with the name of their relation.
        outer: The level around; None for the outermost.
        ctes: Common table expressions that are visible, with their columns by label.
        excluded: Whether `excluded(…)` means something.

    Attributes:
        stage: What an expression may be about where it is being written.
    """

    __slots__ = (
        "ctes",
        "excluded",
        "grammar",
        "labels",
        "origins",
        "outer",
        "qualified",
        "stage",
        "writer",
    )

    def __init__(
        self,
        grammar: Grammar,
        writer: Writer,
        *,
        qualified: bool = False,
        outer: "Scope | None" = None,
        ctes: Mapping[str, Mapping[str, Operand]] | None = None,
        excluded: bool = False,
    ) -> None:
        self.grammar = grammar
        self.writer = writer
        self.qualified = qualified
        self.outer = outer
        self.ctes = ctes or {}
        self.excluded = excluded
        self.origins: list[Origin] = []
        self.labels: Mapping[str, Operand] = {}
        self.stage: Stage = "window"

    @property
    def info(self) -> TableInfo:
        """The model that names are looked up in.

        Raises:
            QueryError: When the query is about no model.
        """
        info = self.origins[0].info if self.origins else None
        if info is None:
            raise QueryError("the query is about a projection, which is no model")
        return info

    @property
    def model(self) -> str:
        """Name of the model, for messages."""
        info = self.origins[0].info if self.origins else None
        return "the query" if info is None else info.model.__name__

    @property
    def schema(self) -> str | None:
        """Schema of the model, where enums are looked for."""
        info = self.origins[0].info if self.origins else None
        return None if info is None else info.schema

    def beside(self) -> "Scope":
        """Give a level in the place of this one that sees none of its relations."""
        return Scope(self.grammar, self.writer, outer=self.outer, ctes=self.ctes)

    def trial(self) -> "Scope":
        """Give a level in the place of this one whose values are thrown away."""
        return Scope(self.grammar, Binder(), outer=self.outer, ctes=self.ctes)

    @contextmanager
    def at(self, stage: Stage) -> Generator[None]:
        """Write expressions that may be about this much."""
        before, self.stage = self.stage, stage
        try:
            yield
        finally:
            self.stage = before

    def free_name(self, wanted: str) -> str:
        """Give a name that no relation has which is visible here."""
        taken: set[str] = set()
        level: Scope | None = self
        while level is not None:
            taken.update(origin.name for origin in level.origins)
            level = level.outer
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def operand(self, node: Node) -> Operand:
        """Write an expression.

        Raises:
            QueryError: On an unknown name, or types that do not go together.
        """
        inner = node.node if isinstance(node, Computed) else node  # pyright: ignore[reportUnknownMemberType]  # any value
        writer = self.grammar.operands.get(type(inner))
        return self.reference(inner) if writer is None else writer(self, inner)

    def condition(self, condition: Condition) -> str:
        """Write a condition.

        Raises:
            QueryError: On an unknown name, or a value that does not fit.
        """
        writer = self.grammar.conditions.get(type(condition))
        if writer is None:
            raise QueryError(f"{type(condition).__name__} cannot be used here", model=self.model)
        return writer(self, condition)

    def subselect(self, query: Subselect[Any]) -> Body:
        """Write a query that stands within this one; it may name columns of this one."""
        return self.grammar.select(self, query)

    def reference(self, node: Node) -> Operand:
        """Look a column up.

        Raises:
            QueryError: When there is none of this name, or it belongs to no source of the query.
        """
        if isinstance(node, Column):
            return self._column(node)  # pyright: ignore[reportUnknownArgumentType]  # any value
        if isinstance(node, Name):
            return self._named(node.name)
        if isinstance(node, OfDerived):
            return self._derived(node)
        raise QueryError(
            f"{type(node).__name__} is not a value of a row of {self.model}", model=self.model
        )

    def _column(self, node: Column[Any]) -> Operand:
        level: Scope | None = self
        while level is not None:
            for origin in level.origins:
                if origin.answers(node.model) and origin.info is not None:
                    column = origin.info.by_name[node.name]
                    return level._of_model(origin, column, qualified=level is not self)  # noqa: SLF001 - the same class
            level = level.outer
        raise QueryError(
            f"{node!r} is no column of {self.model}, whose rows the query is about"
            if len(self.origins) < 2  # noqa: PLR2004 - without joins
            else f"{node!r} belongs to none of the sources of the query",
            model=self.model,
            field=node.name,
        )

    def _of_model(self, origin: Origin, column: ColumnInfo, *, qualified: bool) -> Operand:
        assert origin.info is not None  # noqa: S101 - a model's
        text = quote_identifier(column.column)
        if qualified or self.qualified:
            text = f"{quote_identifier(origin.name)}.{text}"
        model = origin.info.model.__name__
        return Operand(text, column, model, origin.info.schema, origin.nullable)

    def _named(self, name: object) -> Operand:
        if isinstance(name, str):
            label = self.labels.get(name)
            if label is not None:
                return label
            origin = self.origins[0] if self.origins else None
            if origin is not None and origin.info is not None and name in origin.info.by_name:
                return self._of_model(origin, origin.info.by_name[name], qualified=False)
            if origin is not None and name in origin.columns:
                return self._of_projection(origin, name, qualified=False)
        # The name comes from outside: it is shown short and without anything unprintable.
        shown = ascii(name)[:_SHOWN_CHARACTERS] if isinstance(name, str) else type(name).__name__
        raise QueryError(f"{self.model} has no field {shown}", model=self.model, field=shown)

    def _derived(self, node: OfDerived) -> Operand:
        level: Scope | None = self
        while level is not None:
            for origin in level.origins:
                if isinstance(origin.source, Derived) and origin.source.name == node.source:
                    return level._of_projection(origin, node.name, qualified=level is not self)  # noqa: SLF001 - the same class
            level = level.outer
        raise QueryError(f"{node.source!r:.60} is none of the sources of the query")

    def _of_projection(self, origin: Origin, label: str, *, qualified: bool) -> Operand:
        found = origin.columns.get(label)
        if found is None:
            raise QueryError(f"{origin.name!r:.60} has no column {label!r:.60}", field=label)
        if qualified or self.qualified:
            return replace(found, text=f"{quote_identifier(origin.name)}.{found.text}")
        return found

    def constant(self, beside: Operand, wire: Any) -> str:
        """Give the SQL that stands for a value that is in wire form already."""
        named = beside.column.type.kind in _CAST_ALWAYS
        name = cast_name(beside.schema, beside.column.type) if named else None
        return self.writer.write(wire, name)

    def value(
        self,
        beside: Operand,
        node: ValueNode,
        *,
        cast: bool = False,
        convert: Convert | None = None,
    ) -> str:
        """Give the SQL that stands for a value.

        It is checked against the type of what it stands beside. Bounds such as `max_length` do not
        matter: asking for what cannot be there is legal.

        Args:
            beside: What the value is compared or computed with.
            node: Holds the value.
            cast: Whether its type is named, where the server could not infer it.
            convert: From the value to its wire form; None is `to_wire` of the column.

        Raises:
            QueryError: When the value does not fit the type.
        """
        column = beside.column
        name = None
        if cast or column.type.kind in _CAST_ALWAYS:
            name = cast_name(beside.schema, column.type)
        if convert is None:
            convert = converter(beside.model, column)
        return self.writer.place(node, column, convert, name)

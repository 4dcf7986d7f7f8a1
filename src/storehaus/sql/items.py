"""The list of a SELECT: what the rows of a query hold, and what it is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storehaus.errors import QueryError
from storehaus.expr import Column
from storehaus.expr.computation import (
    AggregateCall,
    Call,
    Case,
    JsonItem,
    JsonScalar,
    Labelled,
    OfDerived,
    Variadic,
    WindowCall,
)
from storehaus.expr.expression import Computed
from storehaus.expr.node import Name, Node
from storehaus.query.sources import Alias, Entity, checked_name
from storehaus.sql.columns import column_list
from storehaus.sql.identifiers import quote_identifier
from storehaus.sql.records import Operand, Origin, Output
from storehaus.sql.scope import Scope

__all__ = ["Items", "unlabelled", "unwrapped"]


@dataclass(frozen=True, slots=True)
class Items:
    """The list of a SELECT.

    Attributes:
        text: It as SQL.
        outputs: What the rows hold.
        columns: Columns by label, as a query around this one names them.
        by_label: Expressions by label, as HAVING writes them.
        places: Places by label, from 1 on; only where rows are a projection.
        nodes: Labels by the identity of the expression.
    """

    text: str
    outputs: tuple[Output, ...]
    columns: Mapping[str, Operand]
    by_label: Mapping[str, Operand]
    places: Mapping[str, int]
    nodes: Mapping[int, str]

    def label_of(self, key: Node) -> str | None:
        """Find the label of an item that is computed, so that a key of it is not written again."""
        inner = unlabelled(key)
        plain = isinstance(inner, Column | Name)
        return None if plain else self.nodes.get(id(inner))

    def hides(self, text: str) -> bool:
        """Whether a label is written like this and stands for something else."""
        return any(
            text == quote_identifier(label) and operand.text != text
            for label, operand in self.by_label.items()
        )

    @classmethod
    def whole(cls, scope: Scope) -> "Items":
        """Take all columns of the first source."""
        origin = scope.origins[0]
        if origin.info is None:
            return cls._projected(scope, origin)
        if origin.nullable:
            name = origin.info.model.__name__
            raise QueryError(
                f"a right or full join also gives rows without a {name}: say what you want by"
                " models() or select(...)",
                model=name,
            )
        operand = Operand("", origin.info.columns[0], origin.info.model.__name__)
        output = Output("", operand, origin.info, nullable=origin.nullable)
        columns = {
            column.name: Operand(
                quote_identifier(column.column),
                column,
                origin.info.model.__name__,
                origin.info.schema,
            )
            for column in origin.info.columns
        }
        return cls(_columns(scope, origin), (output,), columns, {}, {}, {})

    @classmethod
    def _projected(cls, scope: Scope, origin: Origin) -> "Items":
        prefix = f"{quote_identifier(origin.name)}." if scope.qualified else ""
        text = ", ".join([f"{prefix}{operand.text}" for operand in origin.columns.values()])
        outputs = tuple(Output(label, operand) for label, operand in origin.columns.items())
        places = {label: i for i, label in enumerate(origin.columns, start=1)}
        return cls(text, outputs, origin.columns, {}, places, {})

    @classmethod
    def of(cls, scope: Scope, nodes: Sequence[Node]) -> "Items":
        """Write the items of a projection."""
        labels = _labels(nodes)
        texts: list[str] = []
        outputs: list[Output] = []
        columns: dict[str, Operand] = {}
        by_label: dict[str, Operand] = {}
        places: dict[str, int] = {}
        known: dict[int, str] = {}
        place = 1
        for node, label in zip(nodes, labels, strict=True):
            inner = unlabelled(node)
            if isinstance(inner, Entity):
                output, text, width = _entity(scope, inner, label)
                texts.append(text)
                outputs.append(output)
                place += width
                continue
            operand = scope.operand(inner)
            natural = isinstance(inner, Column | Name | OfDerived)
            name = quote_identifier(label)
            same = natural and operand.text.rpartition(".")[2] == name
            texts.append(operand.text if same else f"{operand.text} AS {name}")
            outputs.append(Output(label, operand))
            columns[label] = replace(operand, text=name)
            by_label[label] = operand
            places[label] = place
            known[id(inner)] = label  # pyright: ignore[reportUnknownArgumentType]  # any value
            place += 1
        return cls(", ".join(texts), tuple(outputs), columns, by_label, places, known)


def _entity(scope: Scope, node: Entity, label: str) -> tuple[Output, str, int]:
    for origin in scope.origins:
        if origin.source == node.source and origin.info is not None:
            operand = Operand("", origin.info.columns[0], origin.info.model.__name__)
            output = Output(label, operand, origin.info, nullable=origin.nullable)
            return output, _columns(scope, origin), len(origin.info.columns)
    raise QueryError(f"{node.source.__name__} is none of the sources of the query")


def _columns(scope: Scope, origin: Origin) -> str:
    info = origin.info
    assert info is not None  # noqa: S101 - a model's
    if not scope.qualified:
        return column_list(info.columns)
    name = quote_identifier(origin.name)
    return ", ".join([f"{name}.{quote_identifier(column.column)}" for column in info.columns])


def _labels(nodes: Sequence[Node]) -> list[str]:
    """Name the items: by their labels, else by what they are, each name once."""
    given = [
        checked_name(inner.label)
        for node in nodes
        if isinstance(inner := unwrapped(node), Labelled)
    ]
    if len(set(given)) < len(given):
        raise QueryError("two items of a projection have the same label")
    taken = set(given)
    labels: list[str] = []
    for i, node in enumerate(nodes, start=1):
        inner = unwrapped(node)
        if isinstance(inner, Labelled):
            labels.append(inner.label)
            continue
        name, number = _natural_name(inner) or f"column_{i}", 1
        label = name
        while label in taken:
            number += 1
            label = f"{name}_{number}"
        taken.add(label)
        labels.append(label)
    return labels


def _natural_name(node: Node) -> str | None:  # noqa: PLR0911 - one per kind
    match node:
        case Column() | Name() | OfDerived() | AggregateCall():
            return node.name
        case Call():
            return node.name[-1]
        case Variadic():
            return node.keyword
        case Case():
            return "case"
        case WindowCall():
            return _natural_name(node.function)
        case Entity():
            return _source_name(node.source)
        case JsonItem():
            # Not after the path: that is a value, and queries of one shape share their text.
            return _natural_name(unwrapped(node.document))
        case JsonScalar():
            return _natural_name(node.item)
        case _:
            return None


def _source_name(source: Any) -> str:
    name: str = source.__alias__.name if isinstance(source, Alias) else source.__table_info__.name
    return name


def unwrapped(node: Node) -> Node:
    """Look behind the typed face of an expression."""
    return node.node if isinstance(node, Computed) else node  # pyright: ignore[reportUnknownMemberType]  # any value


def unlabelled(node: Node) -> Node:
    """Look behind a label."""
    inner = unwrapped(node)
    return unlabelled(inner.operand) if isinstance(inner, Labelled) else inner

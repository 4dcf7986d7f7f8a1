"""The models that are asked about, and how a query sees what it takes rows from."""

from dataclasses import dataclass, field
from typing import Any

from storehaus import Field, Model
from storehaus import field as column
from storehaus.query.sources import model_of

DOMAIN = 12
LETTERS = "abcd"


class Shop(Model, table="shops", soft_delete=True):
    """A tree."""

    id: Field[int] = column(primary_key=True)
    parent: Field[int | None] = column(default=None)
    town: Field[str]
    stars: Field[int | None] = column(default=None)


class Item(Model, table="items", soft_delete=True):
    """Things in shops."""

    id: Field[int] = column(primary_key=True)
    shop: Field[int | None] = column(default=None)
    kind: Field[str | None] = column(default=None)
    weight: Field[int]


class Sale(Model, table="sales"):
    """A flag of its own, under the name that it has in the database."""

    id: Field[int] = column(primary_key=True)
    item: Field[int | None] = column(default=None)
    buyer: Field[str]
    amount: Field[int]
    valid: Field[bool] = column(soft_delete=True, column="isValid")


class Tariff(Model, table="tariffs"):
    """Rows that are deleted for good."""

    id: Field[int] = column(primary_key=True)
    kind: Field[str]
    factor: Field[int | None] = column(default=None)


MODELS: tuple[type[Model], ...] = (Shop, Item, Sale, Tariff)

INTEGERS = {
    Shop: ("id", "parent", "stars"),
    Item: ("id", "shop", "weight"),
    Sale: ("id", "item", "amount"),
    Tariff: ("id", "factor"),
}
TEXTS = {Shop: ("town",), Item: ("kind",), Sale: ("buyer",), Tariff: ("kind",)}


@dataclass(frozen=True)
class Relation:
    """A source of rows as conditions see it.

    Attributes:
        source: A model, an alias, a derived table or a common table expression.
        integers: Expressions that are numbers.
        texts: Expressions that are texts.
        key: What tells its rows apart, or all that it has.
    """

    source: Any
    integers: tuple[Any, ...]
    texts: tuple[Any, ...]
    key: tuple[Any, ...]

    @classmethod
    def of_model(cls, source: Any) -> "Relation":
        """Take the columns of a model or an alias."""
        model: Any = model_of(source)
        integers = tuple(getattr(source, name) for name in INTEGERS[model])
        texts = tuple(getattr(source, name) for name in TEXTS[model])
        return cls(source, integers, texts, (source.id,))

    @classmethod
    def of_derived(cls, source: Any) -> "Relation":
        """Take the columns that every derived table here has."""
        return cls(source, (source["n"],), (source["t"],), (source["n"], source["t"]))


@dataclass
class Level:
    """A query level that is being built.

    Attributes:
        query: The query so far.
        relations: Its sources.
        outer: Sources of the levels around it.
        hows: How its sources are joined.
    """

    query: Any
    relations: list[Relation]
    outer: list[Relation] = field(default_factory=list)
    hows: list[str] = field(default_factory=list)

    @property
    def key(self) -> list[Any]:
        """Sort keys of which no two different rows have the same."""
        return [each for relation in self.relations for each in relation.key]

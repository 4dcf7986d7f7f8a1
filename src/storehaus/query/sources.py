"""What rows are taken from: tables, other names for them, and the results of other queries."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, cast, overload

from storehaus.errors import QueryError
from storehaus.expr import Column, Condition, Expression
from storehaus.expr.computation import OfDerived
from storehaus.expr.expression import Computed
from storehaus.expr.node import Node, Subselect
from storehaus.model.identifiers import MAX_BYTES
from storehaus.model.records import TableInfo

if TYPE_CHECKING:
    from storehaus.model.base import Model

__all__ = [
    "Alias",
    "AliasRecord",
    "Combined",
    "Cte",
    "Derived",
    "Entity",
    "How",
    "Join",
    "SetOperator",
    "Source",
    "alias",
    "checked_name",
    "cte",
    "model_of",
    "optional",
]

M = TypeVar("M", bound="Model")
T = TypeVar("T")

How: TypeAlias = Literal["inner", "left", "right", "full", "cross"]
SetOperator: TypeAlias = Literal["union", "intersect", "except"]


@dataclass(frozen=True, slots=True)
class AliasRecord:
    """What an alias stands for.

    Attributes:
        model: The model.
        name: The name in the statement.
        cte: The common table expression whose rows these are, with the columns of the model; None
            for the rows of its table.
    """

    model: type[Any]
    name: str
    cte: str | None = None


class Alias:
    """Another name for a model in one statement. For type checkers it is the model itself.

    Its attributes are the columns of the model, so what it is itself has a name that no field has.

    Args:
        record: What it stands for.
    """

    __slots__ = ("__alias__", "__columns__", "__key__")

    __alias__: AliasRecord
    __columns__: dict[str, Column[Any]]
    __key__: tuple[Any, ...]
    """What tells it from others, and hashes at C speed."""

    def __init__(self, record: AliasRecord) -> None:
        self.__alias__ = record
        self.__columns__ = {}
        self.__key__ = (Alias, record.model, record.name, record.cte)

    def __getattr__(self, name: str) -> Column[Any]:
        if name in self.__slots__ or name not in self.__table_info__.by_name:
            raise AttributeError(f"the alias has no field {name!r}")
        known = self.__columns__.get(name)
        if known is None:
            owner = cast("type[Any]", self)
            known = self.__columns__[name] = Column(owner, name, (self.__key__, name))
        return known

    @property
    def __table_info__(self) -> TableInfo:
        """The model's record."""
        info: TableInfo = self.__alias__.model.__table_info__
        return info

    @property
    def __name__(self) -> str:
        """As messages call it."""
        return f"{self.__alias__.model.__name__} as {self.__alias__.name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alias) and other.__alias__ == self.__alias__

    def __hash__(self) -> int:
        return hash(self.__alias__)

    def __repr__(self) -> str:
        return self.__name__

    def __reduce__(self) -> tuple[Any, ...]:
        return (Alias, (self.__alias__,))


def alias(model: type[M], name: str) -> type[M]:
    """Give a model another name, for a query in which it takes part twice.

        Boss = alias(Employee, "boss")
        QueryBuilder(Employee).join(Boss, on=Employee.boss_id == Boss.id)

    Args:
        model: The model.
        name: Its name in the statement.

    Raises:
        QueryError: When the name is impossible, or it is no model with a table.
    """
    known: Any = checked_model(model)
    if isinstance(known, Alias):
        inner = known.__alias__
        return cast("type[M]", Alias(replace(inner, name=checked_name(name))))
    return cast("type[M]", Alias(AliasRecord(known, checked_name(name))))


@overload
def cte(name: str, model: type[M]) -> type[M]: ...
@overload
def cte(name: str) -> "Derived": ...
def cte(name: str, model: type[Any] | None = None) -> Any:
    """Refer to a common table expression that the query defines by `with_(name, …)`.

    Args:
        name: Its name.
        model: The model whose rows it gives; then it can be queried like that model. None for one
            that gives a projection: its columns are `cte("totals")["n"]`.

    Raises:
        QueryError: When the name is impossible, or it is no model with a table.
    """
    if model is None:
        return Derived(checked_name(name))
    known = model_of(checked_model(model))
    assert known is not None  # noqa: S101 - it was checked
    return Alias(AliasRecord(known, checked_name(name), cte=name))


@dataclass(frozen=True, slots=True)
class Derived:
    """The result of a query as a source of rows: a subquery, or a common table expression.

    Attributes:
        name: Name in the statement; that of a common table expression is also what defines it.
        query: The subquery; None for a common table expression.
        of: The common table expression of which `name` is another name; None for its own.
    """

    name: str
    query: Subselect[Any] | None = field(default=None, compare=False)
    of: str | None = None

    def __getitem__(self, column: str) -> Expression[Any]:
        """A column by its label; whether there is one is seen when the query is compiled."""
        return Computed(OfDerived(self.name, column))

    def column(self, like: Column[T]) -> Expression[T]:
        """The column that was selected under its own name, typed as it was."""
        return Computed(OfDerived(self.name, like.name))

    def as_(self, name: str) -> "Derived":
        """The same rows under another name, for a query in which they take part twice."""
        return Derived(checked_name(name), self.query, self.of or self.name)


@dataclass(frozen=True, slots=True, eq=False)
class Combined:
    """Two queries as one: their rows together, those in both, or those in the first only.

    Attributes:
        operator: How.
        every: Whether equal rows stay as often as they are there (ALL).
        left: The first query.
        right: The second query, with as many columns of the same types.
        model: The model whose rows both give; None for projections.
    """

    operator: SetOperator
    every: bool
    left: Subselect[Any]
    right: Subselect[Any]
    model: type[Any] | None


Source: TypeAlias = type[Any] | Alias | Derived | Combined


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """A further source.

    Attributes:
        source: Where rows come from.
        how: What becomes of rows without a partner.
        on: Which rows belong together; None for a cross join.
        lateral: Whether the subquery may name columns of the sources before it.
    """

    source: Source
    how: How
    on: Condition | None
    lateral: bool


@dataclass(frozen=True, slots=True, eq=False)
class Cte:
    """A common table expression.

    Attributes:
        name: Its name.
        query: What it is.
        recursive: Whether it may name itself.
        materialized: Whether it is computed once, on its own; None leaves it to PostgreSQL.
    """

    name: str
    query: Subselect[Any]
    recursive: bool
    materialized: bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Entity(Node):
    """All columns of a source as one value: an instance of the model.

    Attributes:
        source: The model or its alias.
    """

    source: Any


@overload
def optional(wanted: type[M]) -> Expression[M | None]: ...
@overload
def optional(wanted: Expression[T | None]) -> Expression[T | None]: ...
@overload
def optional(wanted: Expression[T]) -> Expression[T | None]: ...
def optional(wanted: Any) -> Any:
    """Say to type checkers that a value may be None, as on the right of a left join.

        QueryBuilder(User).join(Post, on=…, how="left").select(User.name, optional(Post.title))

    Args:
        wanted: A model or an expression.
    """
    if isinstance(wanted, Expression):
        return wanted  # pyright: ignore[reportUnknownVariableType]  # any value
    return Computed[Any](Entity(checked_model(wanted)))


def model_of(source: object) -> type[Any] | None:
    """Give the model whose rows a source has; None where they are a projection."""
    if isinstance(source, type):
        return source
    if isinstance(source, Alias):
        return source.__alias__.model
    return source.model if isinstance(source, Combined) else None


def checked_model(model: object) -> Any:
    """Take a model with a table, or an alias of one.

    Raises:
        QueryError: When it is something else.
    """
    if isinstance(model, Alias) or (isinstance(model, type) and "__table_info__" in vars(model)):
        return model
    shown = model.__name__ if isinstance(model, type) else type(model).__name__
    raise QueryError(f"a model with a table is needed, not {shown}")


def checked_name(name: object) -> str:
    """Take the name of an alias, a label or a common table expression.

    Raises:
        QueryError: When PostgreSQL could not keep it apart from others.
    """
    if isinstance(name, str) and name and "\0" not in name:
        encoded = name.encode(errors="replace")
        if len(encoded) <= MAX_BYTES and encoded.decode() == name:
            return name
    raise QueryError(f"a name is a text of 1 … {MAX_BYTES} bytes without NUL")

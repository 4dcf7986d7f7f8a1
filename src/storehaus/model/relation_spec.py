"""`Many[T]`, `One[T]` and `related(...)`: how one relation is declared."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Never,
    TypeAlias,
    TypeGuard,
    TypeVar,
    overload,
)

from storehaus.errors import ModelDefinitionError
from storehaus.expr import Column
from storehaus.model.field import Field, FieldSpec
from storehaus.model.relation import Relation

__all__ = ["Many", "One", "RelationSpec", "as_tuple", "related"]

S = TypeVar("S")
OwnerT = TypeVar("OwnerT")
RelatedT_co = TypeVar("RelatedT_co", covariant=True)

Own: TypeAlias = "Field[Any] | str | tuple[Field[Any] | str, ...]"
Columns: TypeAlias = "Column[Any] | tuple[Column[Any], ...]"
Other: TypeAlias = "Columns | Callable[[], Columns]"


@dataclass(frozen=True, slots=True, eq=False)
class RelationSpec:
    """What `related(...)` was told, unchecked.

    Attributes:
        own: Own fields, each its name or what `field(...)` gave; empty when there are columns.
        columns: Gives columns of the other model, or of the one in between.
        via: Gives where the model in between refers to the other one.
    """

    own: tuple[str | FieldSpec, ...] = ()
    columns: Callable[[], object] | None = None
    via: Callable[[], object] | None = None


class Many(Generic[RelatedT_co]):
    """Annotation of a relation to any number of rows: `posts: Many["Post"] = related(...)`.

    For type checkers `User.posts` is a `Relation`, `user.posts` a `list[Post]`.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(
            self, instance: None, owner: type[OwnerT], /
        ) -> Relation[OwnerT, RelatedT_co]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any], /) -> list[RelatedT_co]: ...
        def __get__(self, instance: object, owner: type[Any], /) -> Any: ...
        def __set__(self, instance: object, value: Never, /) -> None: ...


class One(Generic[RelatedT_co]):
    """Annotation of a relation to one row: `author: One["User"] = related(author_id)`.

    For type checkers `Post.author` is a `Relation`, `post.author` a `User`. There may be none with
    `One["User | None"]`; without the None a missing row is `NotFound` when it is accessed.
    """

    if TYPE_CHECKING:

        @overload
        def __get__(
            self: "One[S | None]", instance: None, owner: type[OwnerT], /
        ) -> Relation[OwnerT, S]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any], /) -> RelatedT_co: ...
        def __get__(self, instance: object, owner: type[Any], /) -> Any: ...
        def __set__(self, instance: object, value: Never, /) -> None: ...


def related(
    keys: "Own | Other",
    /,
    *,
    via: "Other | None" = None,
    init: Literal[False] = False,
) -> Any:
    """Declare a relation over columns that `references=` or a `ForeignKey` ties together.

        posts: Many["Post"] = related(lambda: Post.author_id)
        author: One[User] = related(author_id)
        tags: Many["Tag"] = related(lambda: PostTag.post_id, via=lambda: PostTag.tag_id)

    Args:
        keys: The columns that refer to the other side: an own field (itself or its name), or a
            function that gives a column of the other model, which may be defined later. A tuple
            where the key is composite. In a model that refers to itself, `One` goes from a row to
            the one it refers to, `Many` back.
        via: Where the two are tied by a model in between: its column that refers to the other
            model, while `keys` is the one that refers to this model.
        init: For type checkers only: a relation is no argument of the constructor.

    Raises:
        ModelDefinitionError: When something else is given.
    """
    del init
    given = as_tuple(keys)
    if given and all(isinstance(key, str | FieldSpec) for key in given):
        return RelationSpec(own=given, via=None if via is None else _columns(via))
    return RelationSpec(columns=_columns(keys), via=None if via is None else _columns(via))


def as_tuple(given: object) -> tuple[Any, ...]:
    """Give a tuple as it is, anything else as the only member of one."""
    return given if _is_tuple(given) else (given,)


def _is_tuple(given: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(given, tuple)


def _columns(given: object) -> Callable[[], object]:
    if callable(given) and not isinstance(given, type):
        return given
    columns = as_tuple(given)
    if columns and all(isinstance(column, Column) for column in columns):
        return lambda: columns
    rule = "related() takes fields of this model, or columns, or a function that gives columns"
    raise ModelDefinitionError(rule, rule=rule)

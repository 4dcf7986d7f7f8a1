"""A model class: a struct whose class attributes are columns."""

import copy
import pickle
from datetime import UTC, datetime
from itertools import starmap
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

import msgspec
import pytest

from storehaus.expr import Column, Condition
from storehaus.model import Check, Field, Index, Model, field, uuid7

OwnerT = TypeVar("OwnerT")


class Timestamped(Model, indexes=(Index("seen_at"),)):
    """A mixin with a field and an index."""

    seen_at: Field[datetime | None] = field(default=None)
    label: Field[str]


class Owned(Model, Generic[OwnerT], schema="shop", soft_delete=True):
    """A generic mixin that says more than fields."""

    owner: Field[OwnerT]


class Greeter:
    """A plain class, no model."""

    def greeting(self) -> str:
        """Use a field of whoever inherits this."""
        return f"I am {self.name}"


class Article(Greeter, Timestamped, Owned[int], table="articles"):
    """Fields of its own between inherited ones."""

    LIMIT: ClassVar[int] = 3
    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str]
    text: Field[str] = field(default="")

    def __post_init__(self) -> None:
        self.text = self.text.strip()

    @property
    def words(self) -> int:
        """Count words."""
        return len(self.text.split())

    @classmethod
    def empty(cls, name: str) -> "Article":
        """Make one without text."""
        return cls(name=name, owner=1, label="")


ARTICLE = Article(name="one", owner=7, label="x", text=" a b ")
SYSTEM = ("__created_at__", "__updated_at__", "__tags__", "__is_active__")


def test_class_access_gives_the_same_column_each_time() -> None:
    """A column is made once, so that it can be a key."""
    assert isinstance(Article.name, Column)
    assert Article.name is Article.name
    assert (Article.name.model, Article.name.name) == (Article, "name")


def test_class_access_gives_columns_of_inherited_and_system_fields() -> None:
    """Each belongs to the model that is asked, not to the mixin."""
    for name in ("label", "owner", *SYSTEM):
        column = getattr(Article, name)
        assert isinstance(column, Column)
        assert column.model is Article


def test_class_access_on_an_abstract_class_gives_columns_too() -> None:
    """So that its indexes and conditions can name them."""
    assert isinstance(Timestamped.label == "x", Condition)
    assert Timestamped.label is Timestamped.label
    assert Timestamped.label is not Article.label


def test_unknown_attribute_is_an_attribute_error_that_names_the_model() -> None:
    """On table classes and abstract ones."""
    with pytest.raises(AttributeError, match="Article has no field or attribute 'nmae'"):
        _ = Article.nmae


def test_instance_access_gives_values() -> None:
    """An instance holds plain values."""
    assert (ARTICLE.name, ARTICLE.owner, ARTICLE.seen_at) == ("one", 7, None)


def test_fields_lie_required_first_then_defaulted_then_system() -> None:
    """A row of the database is an instance by position, whatever the order of declaration."""
    names = tuple(column.name for column in Article.__table_info__.columns)

    assert names == Article.__struct_fields__
    assert set(names[:3]) == {"owner", "label", "name"}
    assert names[-4:] == SYSTEM


def test_rows_become_instances_by_position() -> None:
    """This is how a store builds models, so nothing may stand between."""
    now = datetime.now(UTC)
    row = (*msgspec.structs.astuple(ARTICLE)[:-4], now, now, ["a"], True)

    (made,) = starmap(Article, [row])

    assert made.name == "one"
    assert made.__tags__ == ["a"]


def test_system_fields_are_unset_before_storing() -> None:
    """Nobody has decided them yet."""
    assert all(getattr(ARTICLE, name) is msgspec.UNSET for name in SYSTEM)


def test_methods_properties_and_class_variables_work() -> None:
    """A model is a class like others."""
    assert ARTICLE.words == 2
    assert ARTICLE.greeting() == "I am one"
    assert Article.LIMIT == 3
    assert Article.empty("e").words == 0


def test_post_init_runs() -> None:
    """As msgspec's structs do it."""
    assert ARTICLE.text == "a b"


def test_keywords_and_indexes_of_mixins_are_inherited() -> None:
    """A mixin may say schema, soft_delete and indexes for all that derive from it."""
    info = Article.__table_info__

    assert info.schema == "shop"
    assert info.soft_delete is not None
    assert "articles_seen_at_idx" in {index.name for index in info.indexes}


def test_own_keyword_wins_over_the_mixins() -> None:
    """What the class itself says counts."""

    class Note(Owned[str], table="notes", schema="other", soft_delete=False):
        pass

    assert Note.__table_info__.schema == "other"
    assert Note.__table_info__.soft_delete is None


def test_type_arguments_of_a_generic_mixin_are_filled_in() -> None:
    """One mixin serves keys of any type."""

    class Note(Owned[str], table="notes"):
        pass

    assert Article.__table_info__.by_name["owner"].type.sql == "bigint"
    assert Note.__table_info__.by_name["owner"].type.sql == "text"


def test_deeper_class_wins_in_a_diamond() -> None:
    """As attributes do in Python's own resolution order."""

    class Base(Model, indexes=(Index("value"),)):
        value: Field[int]

    class Left(Base):
        pass

    class Right(Base):
        value: Field[str]

    class Both(Left, Right, table="both"):
        pass

    assert Both.__table_info__.by_name["value"].type.sql == "text"
    assert [index.name for index in Both.__table_info__.indexes] == [
        "both_value_idx",
        "both_tags_idx",
    ]


def test_redeclared_field_replaces_the_inherited_one() -> None:
    """With its annotation repeated."""

    class Note(Timestamped, table="notes"):
        label: Field[int] = field(default=1)

    assert Note().label == 1


def test_column_of_a_mixin_serves_in_constraints() -> None:
    """Conditions and keys over an abstract class's columns mean the table's own."""

    class Priced(Model):
        price: Field[int]

    class Item(
        Priced,
        table="items",
        indexes=(Index(Priced.price.desc()), Check(Priced.price > 0, name="positive")),
    ):
        id: Field[int] = field(primary_key=True)

    info = Item.__table_info__
    assert info.indexes[0].keys[0].column == "price"
    assert info.indexes[0].keys[0].descending
    assert info.checks[0].fields == ("price",)


def test_instances_compare_copy_and_pickle_by_value() -> None:
    """They are values."""
    assert copy.deepcopy(ARTICLE) == ARTICLE
    assert pickle.loads(pickle.dumps(ARTICLE)) == ARTICLE
    assert Article.empty("a") != Article.empty("b")


def test_column_survives_pickling_as_itself() -> None:
    """Identity is what mappings of changes go by."""
    assert pickle.loads(pickle.dumps(Article.name)) is Article.name


def test_model_without_fields_of_its_own_works() -> None:
    """It still has the system fields."""

    class Bare(Model, table="bares"):
        pass

    assert Bare.__struct_fields__ == SYSTEM[:3]


def test_own_soft_delete_flag_replaces_the_system_one() -> None:
    """And is True in a new instance."""

    class Flagged(Model, table="flagged", soft_delete=True):
        alive: Field[bool] = field(soft_delete=True)

    assert Flagged().alive is True
    assert "__is_active__" not in Flagged.__struct_fields__
    assert Flagged.__table_info__.soft_delete is Flagged.__table_info__.by_name["alive"]


def test_fields_the_database_decides_are_unset_at_first() -> None:
    """Identities, versions and server defaults have no value before they are stored."""

    class Counted(Model, table="counted"):
        id: Field[int] = field(generated="identity", primary_key=True)
        version: Field[int] = field(version=True)
        code: Field[str] = field(server_default="md5(random()::text)")

    made: Any = Counted()
    assert [made.id, made.version, made.code] == [msgspec.UNSET] * 3


def test_field_may_be_called_like_a_class_keyword_or_method() -> None:
    """Only the system's own names are reserved."""

    class Odd(Model, table="odds"):
        table: Field[str]
        tags: Field[list[str]] = field(default_factory=list)
        name: Field[str]
        model: Field[str]
        columns: Field[int]

    odd = Odd(table="t", name="n", model="m", columns=1)
    assert (odd.table, odd.name, odd.model, odd.columns) == ("t", "n", "m", 1)
    assert isinstance(Odd.table, Column)


def test_keyword_of_python_can_be_a_column() -> None:
    """By the name in the database."""

    class Odd(Model, table="odds"):
        class_: Field[str] = field(column="class")

    assert Odd.__table_info__.by_name["class_"].column == "class"


def test_permissions_are_kept_per_column() -> None:
    """create=, update=, readonly= and the primary key decide what callers may store."""

    class Guarded(Model, table="guarded"):
        id: Field[int] = field(primary_key=True)
        once: Field[str] = field(update=False)
        later: Field[str | None] = field(create=False, default=None)
        never: Field[str] = field(readonly=True, default="x")

    allowed = {
        column.name: (column.insertable, column.updatable)
        for column in Guarded.__table_info__.columns[:4]
    }
    assert allowed == {
        "id": (True, False),
        "once": (True, False),
        "later": (False, True),
        "never": (False, False),
    }


def test_composite_and_absent_primary_keys_are_known() -> None:
    """Two fields make a composite key, none makes none."""

    class Seat(Model, table="seats"):
        hall: Field[str] = field(primary_key=True)
        number: Field[int] = field(primary_key=True)

    class Log(Model, table="logs"):
        line: Field[str]

    assert [column.name for column in Seat.__table_info__.primary_key] == ["hall", "number"]
    assert Log.__table_info__.primary_key == ()


def test_server_default_may_be_said_to_be_unset() -> None:
    """So that checkers take the field for an argument that can be left out."""

    class Coded(Model, table="coded"):
        code: Field[str] = field(server_default="md5('')", default=msgspec.UNSET)

    assert Coded().code is msgspec.UNSET
    assert Coded(code="x").code == "x"

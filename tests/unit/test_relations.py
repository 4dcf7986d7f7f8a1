"""Relations as declarations and values, without a server."""

import copy
import pickle
from collections.abc import Callable
from typing import Any, Optional, Union

import msgspec
import pytest

from fix_relations import Comment, Guest, Line, Order, Post, PostTag, Profile, Tag, User
from storehaus.errors import ModelDefinitionError, NotFound, QueryError, RelationNotLoaded
from storehaus.model import Field, ForeignKey, Many, Model, One, Relation, field, related
from storehaus.model.routes import route_of

ANN = User(name="Ann")


class Editor(Model, table="editors"):
    """Something to refer to."""

    id: Field[int] = field(primary_key=True)


class Edited(Model):
    """A mixin with a relation."""

    editor_id: Field[int] = field(references=Editor.id)
    editor: One[Editor] = related(editor_id)


class Page(Edited, table="pages"):
    """A model that inherits a relation."""

    id: Field[int] = field(primary_key=True)


class Note(Edited, table="notes"):
    """Another one."""

    id: Field[int] = field(primary_key=True)


def names(columns: Any) -> list[str]:
    """The names of columns."""
    return [column.name for column in columns]


def test_relation_is_no_field() -> None:
    """It has no column, is no argument, and takes no part in equality and encoding."""
    one, two = User(id=ANN.id, name="Ann"), User(id=ANN.id, name="Ann")
    User.posts.keep(one, [Post(id=1, author_id=ANN.id)])

    assert "posts" not in User.__struct_fields__
    assert "posts" not in User.__table_info__.by_name
    assert one == two
    assert msgspec.json.encode(one) == msgspec.json.encode(two)
    assert repr(one) == repr(two)
    with pytest.raises(TypeError, match="posts"):
        User(name="Ann", posts=[])


def test_models_without_relations_have_no_dict() -> None:
    """They stay as small as they were."""
    assert not hasattr(Guest(id=1), "__dict__")
    assert not hasattr(Editor(id=1), "__dict__")
    assert hasattr(ANN, "__dict__")


def test_class_access_gives_the_same_relation() -> None:
    """It is made once, equal to itself only, and a key."""
    assert isinstance(User.posts, Relation)
    assert User.posts is User.posts
    assert User.posts == User.posts
    assert {User.posts: 1}[User.posts] == 1
    assert User.posts != User.comments
    assert User.posts.filter(Post.id == 1) != User.posts.filter(Post.id == 1)


def test_relation_is_immutable() -> None:
    """Each method gives a new one; what there was stays."""
    plain = User.posts

    made = plain.filter(Post.id == 1).order_by("id").with_deleted().then(Post.tags)

    assert (plain.conditions, plain.ordering, plain.deleted, plain.nested) == ((), (), False, ())
    assert (len(made.conditions), len(made.ordering), made.deleted) == (1, 1, True)
    assert made.nested == (Post.tags,)
    with pytest.raises(AttributeError):
        made.deleted = False


def test_parts_add_up() -> None:
    """A second call adds to the first."""
    made = User.posts.filter(Post.id > 1).filter(Post.id < 5, Post.rank == 1)
    made = made.order_by(Post.rank).order_by(Post.id.desc()).then(Post.tags).then(Post.comments)

    assert len(made.conditions) == 3
    assert [key.descending for key in made.ordering] == [False, True]
    assert made.nested == (Post.tags, Post.comments)


def test_repr_says_what_was_asked_without_values() -> None:
    """Conditions hold values of users, which belong in no log."""
    made = User.posts.filter(Post.title == "secret").then(Post.tags.order_by("name")).with_deleted()

    assert repr(User.posts) == "User.posts"
    assert repr(made) == ("User.posts.filter(...).with_deleted().then(Post.tags.order_by(...))")


WRONG_PARTS: dict[str, Callable[[], Any]] = {
    "filter by a truth value": lambda: User.posts.filter(False),
    "filter by a relation": lambda: User.posts.filter(User.posts),
    "order by a number": lambda: User.posts.order_by(3),
    "order by nothing": lambda: User.posts.order_by(None),
    "then a name": lambda: User.posts.then("tags"),
    "then a column": lambda: User.posts.then(Post.id),
}


@pytest.mark.parametrize("case", WRONG_PARTS)
def test_parts_of_the_wrong_kind_are_refused(case: str) -> None:
    """At once, where the mistake stands."""
    with pytest.raises(QueryError, match=r"User\.posts"):
        WRONG_PARTS[case]()


def test_relations_copy_and_pickle() -> None:
    """The plain one stays itself; others keep their parts."""
    made = User.posts.filter(Post.id == 1).then(Post.tags)

    assert copy.copy(User.posts) is User.posts
    assert pickle.loads(pickle.dumps(User.posts)) is User.posts
    again = pickle.loads(pickle.dumps(made))
    assert repr(again) == repr(made)
    assert again.nested == (Post.tags,)


def test_what_was_not_loaded_is_an_error() -> None:
    """It says what was accessed and how to load it, also to getattr with a default."""
    for access in (lambda: ANN.posts, lambda: getattr(ANN, "posts", None)):
        with pytest.raises(RelationNotLoaded) as caught:
            access()
        assert (caught.value.model, caught.value.field) == ("User", "posts")
        assert "store.load_related(rows, User.posts)" in str(caught.value)
        assert "QueryBuilder(User).include(User.posts)" in str(caught.value)


def test_what_was_loaded_is_an_attribute() -> None:
    """It is what Python finds first, and can be loaded again."""
    ann = User(name="Ann")
    posts = [Post(id=1, author_id=ann.id)]

    User.posts.keep(ann, posts)
    User.profile.keep(ann, None)
    assert ann.posts is posts
    assert ann.profile is None
    User.card.miss(ann, "profiles", None)
    with pytest.raises(NotFound, match=r"User\.card"):
        _ = ann.card
    User.card.keep(ann, Profile(id=1, user_id=ann.id))
    assert ann.card.id == 1
    User.card.miss(ann, "profiles", None)
    with pytest.raises(NotFound):
        _ = ann.card


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda row: pickle.loads(pickle.dumps(row)),
    "replace": lambda row: msgspec.structs.replace(row, name="Ann"),
    "json": lambda row: msgspec.json.decode(msgspec.json.encode(row), type=User),
}


@pytest.mark.parametrize("way", COPIES)
def test_copies_are_whole_rows_without_relations(way: str) -> None:
    """What was loaded stays with the instance it was loaded for."""
    ann = User(name="Ann")
    User.posts.keep(ann, [])

    again = COPIES[way](ann)

    assert again == ann
    with pytest.raises(RelationNotLoaded):
        _ = again.posts


def test_routes_of_every_kind() -> None:
    """Which columns lead where."""
    posts, author, profile = (route_of(each) for each in (User.posts, Post.author, User.profile))

    assert (names(posts.own), names(posts.keys), posts.refers) == (["id"], ["author_id"], False)
    assert (names(author.own), names(author.keys), author.refers) == (["author_id"], ["id"], True)
    assert (profile.target.model, names(profile.keys)) == (Profile, ["user_id"])
    assert route_of(User.posts) is posts
    assert route_of(User.posts.filter(Post.id == 1)) is posts


def test_route_through_a_model_in_between() -> None:
    """Its two foreign keys, near and far."""
    route = route_of(Post.tags)

    assert route.link is not None
    assert (names(route.own), names(route.keys)) == (["id"], ["name"])
    assert (names(route.link.near), names(route.link.far)) == (["post_id"], ["tag"])
    assert (route.target.model, route.link.info.model) == (Tag, PostTag)


def test_routes_of_a_self_reference() -> None:
    """One goes to the row that a row refers to, Many back."""
    parent, replies = route_of(Comment.parent), route_of(Comment.replies)

    assert (names(parent.own), names(parent.keys)) == (["parent_id"], ["id"])
    assert (names(replies.own), names(replies.keys)) == (["id"], ["parent_id"])


def test_routes_of_composite_keys_go_by_the_foreign_key() -> None:
    """Not by the order in which the relation names its columns."""
    lines, order = route_of(Order.lines), route_of(Line.order)

    assert (names(lines.own), names(lines.keys)) == (
        ["number", "year"],
        ["order_number", "order_year"],
    )
    assert (names(order.own), names(order.keys)) == (
        ["order_number", "order_year"],
        ["number", "year"],
    )


def test_relation_of_a_mixin_is_one_of_each_model() -> None:
    """Each has it for itself; the mixin's own serves them all."""
    assert repr(Page.editor) == "Page.editor"
    assert repr(Edited.editor) == "Edited.editor"
    assert route_of(Page.editor).target.model is Editor
    assert repr(Edited.editor.with_deleted().of(Note)) == "Note.editor.with_deleted()"
    assert Page.editor.of(Page) is Page.editor
    with pytest.raises(QueryError, match=r"Page\.editor is no relation of Note"):
        Page.editor.of(Note)
    page = Page(id=1, editor_id=1)
    with pytest.raises(RelationNotLoaded, match=r"Page\.editor"):
        _ = page.editor


def test_own_relation_replaces_the_inherited_one() -> None:
    """As a field does."""

    class Draft(Edited, table="drafts"):
        id: Field[int] = field(primary_key=True)
        editor_id: Field[int | None] = field(references=Editor.id, default=None)
        editor: One[Editor | None] = related(editor_id)

    assert Draft.editor.declared.optional
    assert not Page.editor.declared.optional


def test_deeper_relation_wins_in_a_diamond() -> None:
    """As attributes do in Python's own resolution order."""

    class Right(Edited):
        editor: One[Editor | None] = related("editor_id")

    class Left(Edited):
        pass

    class Both(Left, Right, table="both"):
        id: Field[int] = field(primary_key=True)

    assert Both.editor.declared.optional


def test_column_may_be_given_itself() -> None:
    """Where the other model is there already."""

    class Owner(Model, table="owners"):
        id: Field[int] = field(primary_key=True)

    class Pet(Model, table="pets"):
        owner_id: Field[int] = field(references=Owner.id)
        owner: One[Owner] = related(owner_id)
        others: Many["Fur"] = related(lambda: Fur.pet_id)
        id: Field[int] = field(primary_key=True)

    class Fur(Model, table="furs"):
        pet_id: Field[int] = field(references=Pet.id)
        other_id: Field[int] = field(references="pelts.id")

    class Pelt(Model, table="pelts"):
        id: Field[int] = field(primary_key=True)
        furs: Many[Fur] = related(Fur.other_id)
        pets: Many[Pet] = related(Fur.other_id, via=Fur.pet_id)

    assert route_of(Pelt.furs).target.model is Fur
    assert route_of(Pelt.pets).target.model is Pet
    assert route_of(Pet.others).target.model is Fur


ANNOTATIONS: dict[str, tuple[Any, bool]] = {
    "text": ('One["Later"]', False),
    "text of a name": ("One[Later]", False),
    "text with None": ('One["Later | None"]', True),
    "text with None first": ('One["None | Later"]', True),
    "text of a union": ("One[Later | None]", True),
    "text with Optional": ("One[Optional[Later]]", True),
    "text with Union": ("One[Union[Later, None]]", True),
    "text within text": ('One[Optional["Later"]]', True),
    "text with a module": ('One["typing.Optional[Later]"]', True),
    "later": (One["Later"], False),
    "later with None": (One["Later | None"], True),
    "later with Optional": (One[Optional["Later"]], True),  # noqa: F821 - it comes later
    "later with Union": (One[Union["Later", None]], True),  # noqa: F821 - it comes later
    "class": (One[Editor], False),
    "class with None": (One[Editor | None], True),
}


@pytest.mark.parametrize("case", ANNOTATIONS)
def test_annotations_are_read_without_the_other_model(case: str) -> None:
    """As text or evaluated, however the union is written."""
    annotation, optional = ANNOTATIONS[case]

    made = make(annotation, related(lambda: Post.id))

    assert made.it.declared.optional is optional
    assert made.it.declared.target in {"Later", Editor}


def make(annotation: Any, value: Any = None, **keywords: Any) -> Any:
    """Make a model with one relation of interest."""
    body: dict[str, Any] = {
        "__annotations__": {"id": int, "ref": int, "it": annotation},
        "__module__": __name__,
        "id": field(primary_key=True),
        "ref": field(references=Editor.id),
    }
    if annotation is None:
        del body["__annotations__"]["it"]
    if value is not None:
        body["it"] = value
    keywords = {"table": "things", "bases": (Model,), **keywords}
    bases = keywords.pop("bases")
    return type(Model)("Thing", bases, body | keywords.pop("more", {}), **keywords)


def missing() -> Any:
    """A function that names what is not there."""
    return Editor.nmae


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no annotation": (lambda: make(None, related("ref")), "Many"),
    "annotation of a field": (lambda: make(int, related("ref")), "Many"),
    "no related": (lambda: make(Many["Later"]), "related"),
    "no related, as text": (lambda: make('One["Later"]'), "related"),
    "field() instead": (lambda: make(One[Editor], field()), "related"),
    "Optional around": (lambda: make('One["Later"] | None', related("ref")), "Many"),
    "Many with None": (lambda: make(Many["Later | None"], related(lambda: Post.id)), "never None"),
    "Many by own field": (lambda: make(Many["Later"], related("ref")), "other model"),
    "via on One": (
        lambda: make(One[Editor], related(lambda: PostTag.post_id, via=lambda: PostTag.tag)),
        "via=",
    ),
    "no model": (lambda: make(One[int], related("ref")), "int is no model"),
    "mixin": (lambda: make(One[Edited], related("ref")), "Edited is no model"),
    "unknown own field": (lambda: make(One[Editor], related("rfe")), "'rfe' is not among"),
    "own field without references": (lambda: make(One[Editor], related("id")), "no foreign key"),
    "half of a composite key": (
        lambda: make(One[Editor], related(("ref", "id"))),
        "no foreign key of exactly",
    ),
    "field of another class": (lambda: make(One[Editor], related(field())), "another class body"),
    "nullable without None": (
        lambda: make(
            None,
            more={
                "__annotations__": {"id": int, "ref": "int | None", "it": "One[Editor]"},
                "it": related("ref"),
            },
        ),
        "may be None",
    ),
    "nothing": (lambda: related(()), "related"),
    "a class": (lambda: related(Editor), "related"),
    "a number": (lambda: related(3), "related"),
    "a mix": (lambda: related(("ref", Post.id)), "related"),
    "via a name": (lambda: related(lambda: PostTag.post_id, via="tag"), "related"),
    "reserved name": (
        lambda: make(
            None, more={"__it__": related("ref"), "__annotations__": {"__it__": "One[Editor]"}}
        ),
        "taken",
    ),
    "system field": (
        lambda: make(
            None, more={"__tags__": related("ref"), "__annotations__": {"__tags__": "One[Editor]"}}
        ),
        "taken",
    ),
    "field over an inherited relation": (
        lambda: make(
            None, bases=(Edited,), more={"editor": field(), "__annotations__": {"editor": int}}
        ),
        "same name",
    ),
    "relation over an inherited field": (
        lambda: make(
            None,
            bases=(Edited,),
            more={
                "editor_id": related(lambda: Post.id),
                "__annotations__": {"editor_id": "One[Post]"},
            },
        ),
        "same name",
    ),
    "method over an inherited relation": (
        lambda: make(None, bases=(Edited,), more={"editor": lambda self: None}),
        "base class",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_declarations_are_refused_with_the_class(case: str) -> None:
    """Whatever can be known without the other model."""
    attempt, said = REFUSED[case]

    with pytest.raises(ModelDefinitionError, match=said):
        attempt()


LATE: dict[str, tuple[Callable[[], Any], str]] = {
    "function fails": (lambda: make(Many["Later"], related(missing)), "AttributeError"),
    "name not there": (
        lambda: make(Many["Later"], related(lambda: Later.id)),  # noqa: F821 - the point
        "NameError",
    ),
    "gives no column": (lambda: make(Many["Later"], related(lambda: 3)), "gives a column"),
    "gives a relation": (
        lambda: make(Many["Post"], related(lambda: Post.author)),
        "gives a column",
    ),
    "gives nothing": (lambda: make(Many["Later"], related(lambda: ())), "gives a column"),
    "no foreign key": (lambda: make(Many["Post"], related(lambda: Post.title)), "no foreign key"),
    "to another table": (
        lambda: make(Many["Post"], related(lambda: Post.author_id)),
        r"\(author_id\) of Post does not reference Thing",
    ),
    "own function without references": (
        lambda: make(One["Editor"], related(lambda: Thing.id)),
        "no foreign key",
    ),
    "nullable without None": (
        lambda: make(
            One["Editor"],
            related(lambda: Thing.ref),
            more={
                "__annotations__": {"id": int, "ref": "int | None", "it": "One[Editor]"},
                "ref": field(references=Editor.id, default=None),
            },
        ),
        "may be None",
    ),
    "half of a composite key": (
        lambda: make(Many["Line"], related(lambda: Line.order_number)),
        "no foreign key of exactly",
    ),
    "columns of two models": (
        lambda: make(Many["Line"], related(lambda: (Line.order_number, Post.author_id))),
        "one model",
    ),
    "column of a mixin": (
        lambda: make(Many["Page"], related(lambda: Edited.editor_id)),
        "no table",
    ),
    "via of another model": (
        lambda: make(Many["Tag"], related(lambda: Linked.thing, via=lambda: PostTag.tag)),
        "via=",
    ),
    "via without references": (
        lambda: make(Many["Tag"], related(lambda: Linked.thing, via=lambda: Linked.id)),
        "no foreign key",
    ),
    "wrong annotation": (lambda: make(One[User], related("ref")), "lead to Editor"),
    "wrong annotation as text": (lambda: make(One["User"], related("ref")), "lead to Editor"),
    "wrong annotation of a list": (
        lambda: make(Many["Post"], related(lambda: Linked.thing)),
        "lead to Linked",
    ),
    "table that no model is known for": (
        lambda: make(
            One["Nowhere"], related("ref"), more={"ref": field(references="elsewhere.id")}
        ),
        "names no model of the table elsewhere",
    ),
    "column that is not there": (
        lambda: make(
            One["Editor"], related("ref"), more={"ref": field(references="editors.number")}
        ),
        "references 'number'",
    ),
    "types that differ": (
        lambda: make(One["User"], related("ref"), more={"ref": field(references="users.id")}),
        "cannot reference",
    ),
}


class Linked(Model, table="linked"):
    """Refers to the model that `make` makes, and to tags."""

    id: Field[int] = field(primary_key=True)
    thing: Field[int] = field(references="things.id")
    tag: Field[str] = field(references=Tag.name)


Thing: Any = None


@pytest.mark.parametrize("case", LATE)
def test_what_needs_the_other_model_is_refused_at_first_use(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The class can be made; using the relation says what is wrong, each time."""
    attempt, said = LATE[case]
    made = attempt()
    monkeypatch.setitem(globals(), "Thing", made)

    for _ in range(2):
        with pytest.raises(ModelDefinitionError, match=said) as caught:
            route_of(made.it)
        assert (caught.value.model, caught.value.field) == ("Thing", "it")


def test_text_references_find_the_annotated_model() -> None:
    """A foreign key that names a table only is completed by the annotation."""
    made = make(One["Editor"], related("ref"), more={"ref": field(references="editors.id")})

    assert route_of(made.it).target.model is Editor


def test_composite_key_of_fields_themselves() -> None:
    """A tuple of the fields, as one would be."""

    class Item(
        Model,
        table="items",
        indexes=(ForeignKey(["year", "number"], [Order.year, Order.number]),),
    ):
        id: Field[int] = field(primary_key=True)
        year: Field[int] = field(ge=0)
        number: Field[int] = field(ge=0)
        order: One[Order] = related((year, number))

    assert names(route_of(Item.order).own) == ["year", "number"]

"""Relations on a real server: every kind, one query each, and what is left out."""

from typing import Any

import msgspec
import pytest

from fix_relations import (
    Blog,
    Comment,
    Guest,
    Kind,
    Line,
    Order,
    Post,
    PostTag,
    Profile,
    Room,
    RoomKind,
    Tag,
    User,
)
from storehaus import (
    NotFound,
    QueryError,
    RelationNotLoaded,
    StoreHaus,
    ValidationError,
)

pytestmark = pytest.mark.anyio

ANN, BOB = User(name="Ann"), User(name="Bob")


def ids(rows: list[Any]) -> list[Any]:
    """The ids of rows, in order."""
    return [row.id for row in rows]


async def test_one_to_many(blog: Blog) -> None:
    """Rows that refer to a row, by their primary key; none gives an empty list."""
    posts = [Post(id=n, author_id=ANN.id) for n in (3, 1, 2)]
    await blog.create(ANN, BOB, *posts)

    ann, bob = await blog.load(User, User.posts)

    assert ids(ann.posts) == [1, 2, 3]
    assert bob.posts == []
    assert blog.driver.round_trips == 1


async def test_many_to_one_shares_the_row(blog: Blog) -> None:
    """Rows that refer to the same row get the same instance."""
    posts = [
        Post(id=1, author_id=ANN.id),
        Post(id=2, author_id=BOB.id),
        Post(id=3, author_id=ANN.id),
    ]
    await blog.create(ANN, BOB, *posts)

    one, two, three = await blog.load(Post, Post.author)

    assert (one.author.name, two.author.name) == ("Ann", "Bob")
    assert one.author is three.author
    assert blog.driver.round_trips == 1
    (array,) = blog.driver.calls[0].params
    assert isinstance(array, list)
    assert len(array) == 2


async def test_one_to_one(blog: Blog) -> None:
    """The one row that refers to a row, or None."""
    await blog.create(ANN, BOB, Profile(id=1, user_id=ANN.id, text="hello"))

    ann, bob = await blog.load(User, User.profile)

    assert ann.profile.text == "hello"
    assert bob.profile is None
    assert blog.driver.round_trips == 1


async def test_many_to_many(blog: Blog) -> None:
    """Rows by way of a model in between, each once however many links lead to it."""
    links = [(1, "b"), (1, "a"), (2, "b"), (1, "a")]
    await blog.create(
        ANN,
        *[Post(id=n, author_id=ANN.id) for n in (1, 2, 3)],
        *[Tag(name=name) for name in ("b", "a", "c")],
        *[PostTag(post_id=post, tag=tag) for post, tag in links],
    )

    one, two, three = await blog.load(Post, Post.tags)

    assert [tag.name for tag in one.tags] == ["a", "b"]
    assert two.tags == [one.tags[1]]
    assert two.tags[0] is one.tags[1]
    assert three.tags == []
    assert blog.driver.round_trips == 1
    a, b, c = await blog.load(Tag, Tag.posts)
    assert [ids(tag.posts) for tag in (a, b, c)] == [[1], [1, 2], []]


async def test_self_reference_goes_both_ways(blog: Blog) -> None:
    """One leads to the row that a row refers to, Many to those that refer to it."""
    tree = {1: None, 2: 1, 3: 1, 4: 2}
    await blog.create(
        ANN,
        Post(id=1, author_id=ANN.id),
        *[Comment(id=n, post_id=1, parent_id=parent) for n, parent in tree.items()],
    )

    rows = await blog.load(Comment, Comment.parent.then(Comment.parent), Comment.replies)

    assert [row.parent and row.parent.id for row in rows] == [None, 1, 1, 2]
    assert [ids(row.replies) for row in rows] == [[2, 3], [4], [], []]
    assert rows[3].parent.parent.id == 1
    assert blog.driver.round_trips == 3


async def test_composite_key(blog: Blog) -> None:
    """Columns are paired as the foreign key pairs them, whatever the order of the relation."""
    await blog.create(
        Order(year=2025, number=7),
        Order(year=7, number=2025),
        Line(id=1, order_number=7, order_year=2025),
        Line(id=2, order_number=2025, order_year=7),
        Line(id=3, order_number=7),
    )

    first, second = await blog.load(Order, Order.lines)
    lines = await blog.load(Line, Line.order)

    assert (first.year, ids(first.lines), ids(second.lines)) == (7, [2], [1])
    assert [line.order and line.order.year for line in lines] == [2025, 7, None]


async def test_enum_key_in_a_schema(blog: Blog) -> None:
    """Enums and schemas work, directly and through a model without primary key."""
    await blog.create(
        *[RoomKind(kind=kind) for kind in Kind],
        Guest(id=1),
        Room(number=1, kind=Kind.DOUBLE, guest=1),
        Room(number=2, kind=Kind.DOUBLE),
    )

    store = blog.store(RoomKind)
    kinds = await store.load_related(
        [await store.get(kind) for kind in Kind], RoomKind.rooms, RoomKind.guests
    )
    rooms = await blog.load(Room, Room.about)

    assert [len(kind.rooms) for kind in kinds] == [0, 2]
    assert kinds[1].guests == [await blog.store(Guest).get(1)]
    assert {room.about.kind for room in rooms} == {Kind.DOUBLE}


async def test_three_levels_are_three_queries(blog: Blog) -> None:
    """Each relation at each level is one query, however many rows there are."""
    await blog.create(ANN, BOB)
    await blog.store(Post).create_many(
        [Post(id=n, author_id=(ANN, BOB)[n % 2].id) for n in range(20)]
    )
    await blog.store(Comment).create_many(
        [Comment(id=n, post_id=n % 20, author_id=BOB.id) for n in range(100)]
    )

    ann, bob = await blog.load(User, User.posts.then(Post.comments.then(Comment.author), Post.tags))

    assert blog.driver.round_trips == 4
    assert len(ann.posts) == len(bob.posts) == 10
    assert {len(post.comments) for post in ann.posts} == {5}
    assert {comment.author.name for post in ann.posts for comment in post.comments} == {"Bob"}
    assert {tuple(post.tags) for post in bob.posts} == {()}


async def test_nothing_is_sent_for_nothing(blog: Blog) -> None:
    """No rows, no keys, or no related rows: no query."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id), Comment(id=1, post_id=1))

    assert await blog.store(User).load_related([], User.posts.then(Post.comments)) == []
    assert blog.driver.round_trips == 0
    (comment,) = await blog.load(Comment, Comment.author.then(User.posts), Comment.parent)
    assert (comment.author, comment.parent) == (None, None)
    assert blog.driver.round_trips == 0
    await blog.load(Comment, Comment.replies.then(Comment.post))
    assert blog.driver.round_trips == 1


async def test_deleted_rows_are_left_out(blog: Blog) -> None:
    """A soft-deleted related row is none, unless the relation sees deleted ones."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id), Post(id=2, author_id=ANN.id))
    await blog.store(Post).delete(1)

    (ann,) = await blog.load(User, User.posts)
    assert ids(ann.posts) == [2]
    (ann,) = await blog.load(User, User.posts.with_deleted())
    assert ids(ann.posts) == [1, 2]


async def test_deleted_links_are_left_out(blog: Blog) -> None:
    """Either the link or the far row may be deleted; both are seen with `with_deleted`."""
    links = [PostTag(post_id=1, tag=name) for name in "abc"]
    await blog.create(
        ANN, Post(id=1, author_id=ANN.id), *[Tag(name=name) for name in "abc"], *links
    )
    await blog.store(PostTag).delete(links[0].id)
    await blog.store(Tag).delete("b")

    (post,) = await blog.load(Post, Post.tags)
    assert [tag.name for tag in post.tags] == ["c"]
    (post,) = await blog.load(Post, Post.tags.with_deleted())
    assert [tag.name for tag in post.tags] == ["a", "b", "c"]


async def test_missing_row_is_not_found_on_access(blog: Blog) -> None:
    """Where the annotation promises a row, a deleted one is an error that names the relation."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id), Comment(id=1, post_id=1, author_id=ANN.id))
    await blog.store(User).delete(ANN.id)

    (post,) = await blog.load(Post, Post.author)
    with pytest.raises(NotFound, match=r"Post\.author") as caught:
        _ = post.author
    assert (caught.value.table, caught.value.record_id) == ("users", ANN.id)
    assert str(ANN.id) not in str(caught.value)
    (comment,) = await blog.load(Comment, Comment.author)
    assert comment.author is None


async def test_missing_row_can_come_back(blog: Blog) -> None:
    """Loading again replaces what was loaded, a row by its absence and the other way round."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id))
    store, users = blog.store(Post), blog.store(User)
    post = await store.get(1)

    await users.delete(ANN.id)
    await store.load_related([post], Post.author)
    with pytest.raises(NotFound):
        _ = post.author
    await users.restore(ANN.id)
    await store.load_related([post], Post.author)
    assert post.author.name == "Ann"
    await store.load_related([post], Post.author.filter(User.name == "Bob"))
    with pytest.raises(NotFound):
        _ = post.author


async def test_active_row_wins_over_deleted_ones(blog: Blog) -> None:
    """A One that sees deleted rows takes an active one where there is one."""
    await blog.create(ANN, BOB, *[Profile(id=n, user_id=ANN.id) for n in (1,)])
    await blog.store(Profile).delete(1)
    await blog.create(Profile(id=2, user_id=ANN.id), Profile(id=3, user_id=BOB.id))
    await blog.store(Profile).delete(3)

    ann, bob = await blog.load(User, User.profile.with_deleted())

    assert (ann.profile.id, bob.profile.id) == (2, 3)
    assert len(blog.driver.calls) == 1


async def test_filter_and_order(blog: Blog) -> None:
    """Conditions and sort keys speak of the related rows; ties go by primary key."""
    ranks = {1: 5, 2: None, 3: 7, 4: 5, 5: 1}
    posts = [Post(id=n, author_id=ANN.id, rank=rank) for n, rank in ranks.items()]
    await blog.create(ANN, *posts)
    ordered = User.posts.order_by(Post.rank.desc().nulls_last())

    (ann,) = await blog.load(User, ordered)
    assert ids(ann.posts) == [3, 1, 4, 5, 2]
    (ann,) = await blog.load(User, ordered.filter((Post.rank == 5) | (Post.id == 2)))
    assert ids(ann.posts) == [1, 4, 2]
    (ann,) = await blog.load(User, ordered.filter(Post.rank > 1).filter(Post.id.in_([3, 5])))
    assert ids(ann.posts) == [3]
    (ann,) = await blog.load(User, User.posts.order_by("rank", Post.id.desc()))
    assert ids(ann.posts) == [5, 4, 1, 3, 2]


async def test_filter_and_order_through_a_model_in_between(blog: Blog) -> None:
    """The names of the model in between are no part of it: both may have the same columns."""
    await blog.create(
        ANN,
        *[Post(id=n, author_id=ANN.id) for n in (1, 2, 3)],
        Tag(name="a"),
        *[PostTag(post_id=n, tag="a") for n in (1, 2, 3)],
    )

    (tag,) = await blog.load(Tag, Tag.posts.filter(Post.id > 1).order_by(Post.id.desc()))

    assert ids(tag.posts) == [3, 2]


async def test_one_takes_the_first(blog: Blog) -> None:
    """Of several candidates, of which there can be some among deleted rows, the order decides."""
    await blog.create(ANN)
    for n in (1, 2, 3):
        await blog.create(Profile(id=n, user_id=ANN.id))
        await blog.store(Profile).delete(n)

    (ann,) = await blog.load(User, User.profile.with_deleted())
    assert ann.profile.id == 1
    (ann,) = await blog.load(User, User.profile.with_deleted().order_by(Profile.id.desc()))
    assert ann.profile.id == 3


async def test_hostile_text_keys(blog: Blog) -> None:
    """Keys are values: no text of theirs becomes SQL or confuses the grouping."""
    names = [
        "'; DROP TABLE tags; --",
        '"',
        "\\",
        "$1",
        "{a,NULL}",
        "NULL",
        "",
        "👩‍👩‍👧‍👧",
        "a",
        "A",
        "a ",
    ]
    await blog.create(
        ANN,
        Post(id=1, author_id=ANN.id),
        *[Tag(name=name) for name in names],
        *[PostTag(post_id=1, tag=name) for name in names],
    )

    (post,) = await blog.load(Post, Post.tags.then(Tag.posts))

    assert {tag.name for tag in post.tags} == set(names)
    assert all(ids(tag.posts) == [1] for tag in post.tags)


async def test_access_never_queries(blog: Blog) -> None:
    """What was not loaded is an error that says how to load it."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id))
    (ann,) = await blog.load(User, User.posts)
    blog.driver.reset()

    with pytest.raises(RelationNotLoaded, match=r"load_related\(rows, Post\.author\)") as caught:
        _ = ann.posts[0].author
    assert (caught.value.model, caught.value.field) == ("Post", "author")
    with pytest.raises(RelationNotLoaded):
        _ = ann.profile
    assert blog.driver.round_trips == 0


@pytest.mark.parametrize(
    ("relations", "said"),
    [
        ((Post.author,), "no relation of User"),
        ((User.posts.then(User.posts),), "no relation of Post"),
        ((User.posts, User.posts.then(Post.tags)), "stands twice"),
        ((User.posts.then(Post.tags, Post.tags),), "stands twice"),
        ((User.name,), "Column"),
        (("posts",), "str"),
        ((User.posts.filter(User.name == "x"),), "no column of Post"),
        ((User.posts.order_by("nmae"),), "no field"),
    ],
)
async def test_wrong_relations_are_refused(blog: Blog, relations: Any, said: str) -> None:
    """Before anything is sent."""
    await blog.create(ANN)

    with pytest.raises(QueryError, match=said):
        await blog.load(User, *relations)
    assert blog.driver.round_trips == 0


async def test_wrong_rows_are_refused(blog: Blog) -> None:
    """Rows of another model, values that are no keys, and keys that are not there yet."""
    store = blog.store(Post)
    post = Post(id=1, author_id=ANN.id)
    wrong: list[Any] = [ANN, None, "x"]

    for row in wrong:
        with pytest.raises(QueryError, match="row 1 is a"):
            await store.load_related([post, row], Post.author)
    values: list[Any] = ["x", 5, [], {}, msgspec.UNSET]
    for value in values:
        with pytest.raises(ValidationError) as caught:
            await store.load_related([post, Post(id=2, author_id=value)], Post.author)
        assert (caught.value.field, caught.value.row_index) == ("author_id", 1)
    assert blog.driver.round_trips == 0


async def test_what_needs_no_server_is_refused_also_without_rows(blog: Blog) -> None:
    """A wrong program is wrong on an empty table too."""
    with pytest.raises(QueryError):
        await blog.store(User).load_related([], Post.author)


async def test_rows_with_the_same_key_do_not_share_a_list(blog: Blog) -> None:
    """Two instances of one row get lists of their own."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id))
    store = blog.store(User)
    twins = [await store.get(ANN.id), await store.get(ANN.id)]

    one, two = await store.load_related(twins, User.posts)

    assert one.posts == two.posts
    assert one.posts is not two.posts


async def test_a_hundred_thousand_keys(blog: Blog) -> None:
    """One query also then."""
    await blog.create(ANN, Post(id=1, author_id=ANN.id), Post(id=100_000, author_id=ANN.id))
    posts = [Post(id=n, author_id=ANN.id) for n in range(1, 100_001)]
    await blog.create(Comment(id=1, post_id=100_000))

    await blog.store(Post).load_related(posts, Post.comments, Post.author)

    assert blog.driver.round_trips == 2
    assert ids(posts[-1].comments) == [1]
    assert posts[0].author is posts[-1].author


async def test_statements_are_written_once(blog: Blog) -> None:
    """A relation without filter and order has one text, whatever the keys."""
    await blog.create(ANN, BOB, Post(id=1, author_id=ANN.id))

    await blog.load(User, User.posts)
    (first,) = blog.driver.texts
    await blog.store(User).load_related([ANN], User.posts)

    assert blog.driver.texts[1] is first


async def test_loaded_rows_become_structs(blog: Blog) -> None:
    """A response of another shape is made of attributes, relations included."""

    class PostOut(msgspec.Struct):
        title: str

    class UserOut(msgspec.Struct):
        name: str
        posts: list[PostOut]

    await blog.create(ANN, Post(id=1, author_id=ANN.id, title="one"))
    (ann,) = await blog.load(User, User.posts)

    made = msgspec.convert(ann, UserOut, from_attributes=True)

    assert made == UserOut("Ann", [PostOut("one")])


async def test_store_of_a_haus_loads(related_haus: StoreHaus) -> None:
    """The verb of the store gives the same instances."""
    users = related_haus.store(User)
    ann = await users.create(User(name="Ann"))
    await related_haus.store(Post).create(Post(id=1, author_id=ann.id))

    (loaded,) = await users.load_related([ann], User.posts.then(Post.author))

    assert loaded is ann
    assert loaded.posts[0].author == ann
    assert await users.update(ann.id, loaded) == await users.get(ann.id)

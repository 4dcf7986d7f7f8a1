"""`include`: relations that come with the rows of a query."""

from collections.abc import Sequence
from typing import Any

import pytest

from fix_haus import counted_haus
from fix_relations import Blog, Comment, Kind, Post, PostTag, Room, RoomKind, Tag, User
from storehaus import (
    QueryBuilder,
    QueryError,
    RelationNotLoaded,
    StoreHaus,
    alias,
    count,
    exists_,
    func,
)

pytestmark = pytest.mark.anyio

ANN, BOB, CAT = User(name="Ann"), User(name="Bob"), User(name="Cat")
USERS = QueryBuilder(User).order_by(User.name)
WITH_POSTS = USERS.include(User.posts)


def ids(rows: Sequence[Any]) -> list[Any]:
    """The ids of rows, in order."""
    return [row.id for row in rows]


async def filled(blog: Blog) -> None:
    """Three users, six posts of the first two, comments and tags."""
    await blog.create(
        ANN,
        BOB,
        CAT,
        *(Post(id=i, author_id=(ANN, BOB)[i % 2].id, title=f"p{i}") for i in range(6)),
        *(Comment(id=i, post_id=i // 2, author_id=CAT.id) for i in range(8)),
        Tag(name="a"),
        Tag(name="b"),
        PostTag(post_id=0, tag="a"),
        PostTag(post_id=0, tag="b"),
        PostTag(post_id=1, tag="b"),
    )


async def test_find_loads_what_is_included(blog: Blog) -> None:
    """One more query for the relation, and the rows are those of the query without it."""
    await filled(blog)
    store = blog.store(User)

    rows = await store.find(WITH_POSTS)
    assert blog.driver.round_trips == 2
    assert rows == await store.find(USERS)
    assert [ids(row.posts) for row in rows] == [[0, 2, 4], [1, 3, 5], []]


async def test_what_is_not_included_is_not_loaded(blog: Blog) -> None:
    """Other relations, and those of a query without include, say so."""
    await filled(blog)

    (ann, *_) = await blog.store(User).find(WITH_POSTS)
    (plain, *_) = await blog.store(User).find(USERS)

    with pytest.raises(RelationNotLoaded):
        _ = ann.comments
    with pytest.raises(RelationNotLoaded):
        _ = ann.posts[0].comments
    with pytest.raises(RelationNotLoaded):
        _ = plain.posts


async def test_levels_and_parts_are_a_query_each(blog: Blog) -> None:
    """Nested relations with filters and orders of their own: as many queries as relations."""
    await filled(blog)
    query = USERS.include(
        User.posts.filter(Post.id < 4).order_by(Post.id.desc()).then(Post.tags, Post.comments)
    ).include(User.comments.then(Comment.post))

    ann, _, cat = await blog.store(User).find(query)

    assert blog.driver.round_trips == 6
    assert ids(ann.posts) == [2, 0]
    assert [tag.name for tag in ann.posts[1].tags] == ["a", "b"]
    assert [ids(post.comments) for post in ann.posts] == [[4, 5], [0, 1]]
    assert [comment.post.id for comment in cat.comments] == [0, 0, 1, 1, 2, 2, 3, 3]


async def test_nothing_found_asks_nothing_more(blog: Blog) -> None:
    """Without rows there is one query, in every verb."""
    await filled(blog)
    store = blog.store(User)
    query = WITH_POSTS.filter(User.name == "nobody")

    assert await store.find(query) == []
    assert await store.find_one(query) is None
    assert (await store.page(query)).items == []
    assert blog.driver.round_trips == 3
    assert [row async for row in store.stream(query)] == []


async def test_find_one_loads_for_the_one(blog: Blog) -> None:
    """The first row, and its relations only."""
    await filled(blog)

    row = await blog.store(User).find_one(WITH_POSTS.filter(User.name > "Ann"))

    assert row is not None
    assert (row.name, ids(row.posts)) == ("Bob", [1, 3, 5])
    assert blog.driver.round_trips == 2


async def test_pages_load_for_their_rows(blog: Blog) -> None:
    """Each page is two queries, forwards and backwards; the row that is looked ahead is none."""
    await filled(blog)
    store = blog.store(User)

    first = await store.page(WITH_POSTS, size=2)
    assert blog.driver.round_trips == 2
    assert [(row.name, ids(row.posts)) for row in first.items] == [
        ("Ann", [0, 2, 4]),
        ("Bob", [1, 3, 5]),
    ]
    last = await store.page(WITH_POSTS, size=2, after=first.next)
    assert [(row.name, row.posts) for row in last.items] == [("Cat", [])]
    back = await store.page(WITH_POSTS, size=2, after=last.previous)
    assert [(row.name, ids(row.posts)) for row in back.items] == [
        ("Ann", [0, 2, 4]),
        ("Bob", [1, 3, 5]),
    ]
    assert blog.driver.round_trips == 6
    # A cursor belongs to the rows, whatever is loaded with them.
    assert (await store.page(USERS, size=2, after=first.next)).items == last.items


async def test_streams_load_batch_by_batch(blog: Blog) -> None:
    """One more query per batch, so that memory stays bounded, and rows in order."""
    await filled(blog)
    posts = QueryBuilder(Post).order_by(Post.id).include(Post.author, Post.tags)

    async with blog.store(Post).stream(posts, batch=4) as rows:
        got = [(row.id, row.author.name, [tag.name for tag in row.tags]) async for row in rows]

    assert got == [
        (0, "Ann", ["a", "b"]),
        (1, "Bob", ["b"]),
        (2, "Ann", []),
        (3, "Bob", []),
        (4, "Ann", []),
        (5, "Bob", []),
    ]
    counts = blog.driver.counts
    assert (counts["cursor"], counts["next_rows"], counts["fetch"]) == (1, 2, 4)


async def test_stream_in_a_transaction_loads_there(related_haus: StoreHaus, blog: Blog) -> None:
    """Rows and relations are what the transaction sees, and it goes on afterwards."""
    users, posts = related_haus.store(User), related_haus.store(Post)
    await users.create(ANN)
    async with related_haus.transaction():
        await posts.create(Post(id=1, author_id=ANN.id))
        got = [ids(row.posts) async for row in users.stream(WITH_POSTS, batch=1)]
        assert got == [[1]]
        assert [ids(row.posts) for row in await users.find(WITH_POSTS)] == [[1]]
        await posts.create(Post(id=2, author_id=ANN.id))
    assert blog.driver.calls == []


async def test_with_joins_and_subqueries(blog: Blog) -> None:
    """What decides about rows does not disturb what is loaded with them."""
    await filled(blog)
    store = blog.store(Post)
    other = alias(Post, "other")
    joined = (
        QueryBuilder(Post)
        .join(User, on=User.id == Post.author_id)
        .filter(User.name == "Bob")
        .order_by(Post.id)
        .include(Post.author, Post.comments.order_by(Comment.id.desc()))
    )
    itself = (
        QueryBuilder(Post)
        .join(other, on=other.id == Post.id + 4)
        .order_by(Post.id)
        .include(Post.author)
    )
    without = (
        QueryBuilder(Post)
        .filter(~exists_(QueryBuilder(PostTag).filter(PostTag.post_id == Post.id)))
        .order_by(Post.id.desc())
        .limit(2)
        .include(Post.tags, Post.author)
    )

    assert [(row.id, row.author.name, ids(row.comments)) for row in await store.find(joined)] == [
        (1, "Bob", [3, 2]),
        (3, "Bob", [7, 6]),
        (5, "Bob", []),
    ]
    assert [(row.id, row.author.name) for row in await store.find(itself)] == [
        (0, "Ann"),
        (1, "Bob"),
    ]
    assert [(row.id, row.tags, row.author.name) for row in await store.find(without)] == [
        (5, [], "Bob"),
        (4, [], "Ann"),
    ]


async def test_rows_given_twice_are_loaded_each(blog: Blog) -> None:
    """A join gives a row once for each partner; each has its relations."""
    await filled(blog)
    query = (
        QueryBuilder(Post)
        .join(Comment, on=Comment.post_id == Post.id)
        .filter(Post.id == 0)
        .include(Post.tags)
    )

    one, two = await blog.store(Post).find(query)

    assert [tag.name for tag in one.tags] == [tag.name for tag in two.tags] == ["a", "b"]
    assert one.tags is not two.tags


async def test_deleted_rows_with_their_relations(blog: Blog) -> None:
    """with_deleted of the query is about its own rows, that of a relation about the related."""
    await filled(blog)
    users, posts = blog.store(User), blog.store(Post)
    await posts.delete(0)
    await users.delete(BOB.id)

    plain = await users.find(WITH_POSTS)
    rows = await users.find(WITH_POSTS.only_deleted())
    everything = await users.find(USERS.with_deleted().include(User.posts.with_deleted()))

    assert [(row.name, ids(row.posts)) for row in plain] == [("Ann", [2, 4]), ("Cat", [])]
    assert [(row.name, ids(row.posts)) for row in rows] == [("Bob", [1, 3, 5])]
    assert [ids(row.posts) for row in everything] == [[0, 2, 4], [1, 3, 5], []]


async def test_query_that_names_no_model(blog: Blog) -> None:
    """The store that is asked says whose relations they are."""
    await filled(blog)

    rows = await blog.store(User).find(QueryBuilder().order_by("name").include(User.posts))  # type: ignore[var-annotated]  # that is the point

    assert ids(rows[0].posts) == [0, 2, 4]


async def test_combined_queries_include_as_a_whole(blog: Blog) -> None:
    """Relations belong to all rows of a union, not to one of its sides."""
    await filled(blog)
    one, two = USERS.filter(User.name == "Ann"), USERS.filter(User.name == "Cat")

    rows = await blog.store(User).find(one.union(two).include(User.posts).order_by(User.name))

    assert [ids(row.posts) for row in rows] == [[0, 2, 4], []]
    for make in (WITH_POSTS.union, WITH_POSTS.except_all, one.intersect, one.union_all):
        with pytest.raises(QueryError, match="in the whole"):
            make(WITH_POSTS)


async def test_keys_of_other_kinds(blog: Blog) -> None:
    """An enum in another schema."""
    await blog.create(RoomKind(kind=Kind.DOUBLE), Room(number=1, kind=Kind.DOUBLE))

    (room,) = await blog.store(Room).find(QueryBuilder(Room).include(Room.about))

    assert room.about.kind is Kind.DOUBLE


async def test_counting_loads_nothing(blog: Blog) -> None:
    """Verbs that give no rows ask one query."""
    await filled(blog)
    store = blog.store(User)

    assert await store.count_where(WITH_POSTS) == 3
    assert await store.exists(WITH_POSTS)
    assert blog.driver.round_trips == 2


async def test_projections_load_no_relations(blog: Blog) -> None:
    """Neither whichever comes first, nor in writes by query: only whole rows have relations."""
    store: Any = blog.store(User)
    chosen: Any = USERS.select(User.name)

    for make in (
        lambda: WITH_POSTS.select(User.name),
        lambda: WITH_POSTS.select(count()),
        WITH_POSTS.models,
        lambda: WITH_POSTS.join(Post, on=Post.author_id == User.id).select(Post.id),
    ):
        with pytest.raises(QueryError, match="projection"):
            make()
    with pytest.raises(AttributeError):
        chosen.include(User.posts)
    with pytest.raises(QueryError, match="projection is needed"):
        await store.select(WITH_POSTS)
    with pytest.raises(QueryError, match="relation"):
        await store.update_where(WITH_POSTS.filter(User.name == "x"), {User.name: "y"})
    with pytest.raises(QueryError, match="relation"):
        await store.delete_where(WITH_POSTS.filter(User.name == "x"))
    assert blog.driver.calls == []


@pytest.mark.parametrize("relation", [User.id, "posts", None, User, QueryBuilder(Post)])
def test_only_relations_are_included(relation: Any) -> None:
    """Anything else is refused at once."""
    with pytest.raises(QueryError, match="include"):
        USERS.include(relation)


async def test_relations_of_the_model_only_and_each_once(blog: Blog) -> None:
    """Another model's, and one that stands twice, are refused."""
    await filled(blog)
    store: Any = blog.store(User)
    wrong: Any = Post.author

    with pytest.raises(QueryError):
        await store.find(USERS.include(wrong))
    with pytest.raises(QueryError, match="twice"):
        await store.find(WITH_POSTS.include(User.posts))
    with pytest.raises(QueryError, match="twice"):
        await store.page(WITH_POSTS.include(User.posts.filter(Post.id > 1)))


def test_include_leaves_the_query_as_it_is() -> None:
    """Queries are values; the SQL is that of the query without."""
    assert WITH_POSTS.to_sql() == USERS.to_sql()
    assert USERS.clauses.relations == ()


async def test_stream_needs_one_connection(related_url: str, blog: Blog) -> None:
    """As many streams as there are connections do not wait for each other."""
    await filled(blog)
    async with counted_haus(related_url, max_connections=1) as (haus, driver):
        async with haus.store(User).stream(WITH_POSTS, batch=1) as rows:
            got = [ids(row.posts) async for row in rows]
        assert got == [[0, 2, 4], [1, 3, 5], []]
        assert {call.connection for call in driver.calls} == {1}
        assert driver.counts["fetch"] == 3


@pytest.mark.parametrize("verb", ["find", "stream", "page"])
async def test_function_of_a_relation_leaves_no_trace(
    related_url: str, blog: Blog, verb: str
) -> None:
    """What it sets on the connection of a transaction is not there for the next one."""
    await filled(blog)
    sets = func.set_config("storehaus.leak", "x", False, returns=str) == "x"
    query = USERS.include(User.posts.filter(sets).order_by(Post.id))
    async with counted_haus(related_url, max_connections=1) as (haus, driver):
        store = haus.store(User)
        async with haus.transaction():
            if verb == "stream":
                got = [ids(row.posts) async for row in store.stream(query, batch=2)]
            elif verb == "page":
                got = [ids(row.posts) for row in (await store.page(query)).items]
            else:
                got = [ids(row.posts) for row in await store.find(query)]
        assert got == [[0, 2, 4], [1, 3, 5], []]
        rows = await driver.fetch("SELECT current_setting('storehaus.leak', true)")
        assert rows[0][0] in {None, ""}

"""Relations that come with the rows of a query, whichever verb reads them."""

import pytest

from fix_haus import counted_haus
from fix_relations import Blog, Post, Tag, User
from storehaus import QueryBuilder, QueryError, RelationNotLoaded

pytestmark = pytest.mark.anyio

ANN, BOB = User(name="Ann"), User(name="Bob")
POSTS = [Post(id=n, author_id=(ANN if n % 2 else BOB).id) for n in range(1, 6)]
WITH_AUTHORS = QueryBuilder(Post).order_by(Post.id).include(Post.author)
ALTERNATING = ["Ann", "Bob", "Ann", "Bob", "Ann"]


async def test_find_costs_one_statement_more(blog: Blog) -> None:
    """One statement for the rows, one for the relation of all of them."""
    await blog.create(ANN, BOB, *POSTS)

    found = await blog.store(Post).find(WITH_AUTHORS)

    assert [post.author.name for post in found] == ALTERNATING
    assert blog.driver.round_trips == 2


async def test_nothing_found_costs_nothing_more(blog: Blog) -> None:
    """Without rows no relation is asked for."""
    assert await blog.store(Post).find(WITH_AUTHORS) == []
    assert blog.driver.round_trips == 1


async def test_find_one(blog: Blog) -> None:
    """The first row has its relation, and only that row's is read."""
    await blog.create(ANN, BOB, *POSTS)

    found = await blog.store(Post).find_one(WITH_AUTHORS)

    assert found.author.name == "Ann"
    (array,) = blog.driver.calls[1].params
    assert len(array) == 1


async def test_page_loads_for_its_own_rows(blog: Blog) -> None:
    """A later page has the relations of its rows, and none of the row that only shows the end."""
    await blog.create(ANN, BOB, *POSTS)
    posts = blog.store(Post)
    first = await posts.page(WITH_AUTHORS, size=1)
    blog.driver.reset()

    page = await posts.page(WITH_AUTHORS, size=1, after=first.next)

    assert [post.author.name for post in page.items] == ["Bob"]
    (array,) = blog.driver.calls[1].params
    assert len(array) == 1


async def test_stream_loads_batch_by_batch(blog: Blog) -> None:
    """Each batch of a stream costs one statement for its relation."""
    await blog.create(ANN, BOB, *POSTS)

    async with blog.store(Post).stream(WITH_AUTHORS, batch=2) as rows:
        names = [post.author.name async for post in rows]

    assert names == ALTERNATING
    assert len(blog.driver.texts) == 3


async def test_stream_needs_one_connection(blog: Blog, related_url: str) -> None:
    """Relations are read where the stream is, so that streams do not wait for each other."""
    await blog.create(ANN, BOB, *POSTS)
    settings = {"min_connections": 1, "max_connections": 1, "connection_timeout_seconds": 5}

    async with (
        counted_haus(related_url, **settings) as (haus, _),
        haus.store(Post).stream(WITH_AUTHORS, batch=2) as rows,
    ):
        names = [post.author.name async for post in rows]

    assert names == ALTERNATING


async def test_stream_in_a_transaction_sees_its_rows(blog: Blog, related_url: str) -> None:
    """In a transaction relations are read there, with what it has written."""
    await blog.create(ANN, BOB, *POSTS)

    async with counted_haus(related_url) as (haus, _), haus.transaction():
        await haus.store(User).patch(ANN.id, name="Ann B.")
        async with haus.store(Post).stream(WITH_AUTHORS, batch=2) as rows:
            names = [post.author.name async for post in rows]

    assert names == ["Ann B.", "Bob", "Ann B.", "Bob", "Ann B."]


async def test_levels(blog: Blog) -> None:
    """Relations of related rows cost one statement for each level."""
    await blog.create(ANN, BOB, *POSTS, Tag(name="sql"))

    (ann, _) = await blog.store(User).find(
        QueryBuilder(User).order_by(User.name).include(User.posts.then(Post.tags, Post.author))
    )

    assert [post.author.name for post in ann.posts] == ["Ann", "Ann", "Ann"]
    assert [post.tags for post in ann.posts] == [[], [], []]
    assert blog.driver.round_trips == 4


async def test_include_adds_to_earlier_ones(blog: Blog) -> None:
    """A query that includes can be given further relations; the same one twice is refused."""
    await blog.create(ANN, BOB, *POSTS)

    post = await blog.store(Post).find_one(WITH_AUTHORS.include(Post.tags))

    assert (post.author.name, post.tags) == ("Ann", [])
    with pytest.raises(QueryError, match=r"Post\.author stands twice"):
        await blog.store(Post).find(WITH_AUTHORS.include(Post.author))


async def test_writes_give_rows_without_relations(blog: Blog) -> None:
    """A write by query gives the rows as stored; what it includes is not loaded."""
    await blog.create(ANN, BOB, *POSTS)

    written = await blog.store(Post).update_where(
        QueryBuilder(Post).filter(Post.id == 1).include(Post.author), {Post.title: "new"}
    )

    with pytest.raises(RelationNotLoaded):
        _ = written[0].author

"""What relations that come with a query cost and what they leave alone."""

import pytest

from fix_haus import counted_haus
from fix_relations import Blog, Post, User
from storehaus import QueryBuilder, QueryError

pytestmark = pytest.mark.anyio

ANN, BOB = User(name="Ann"), User(name="Bob")
POSTS = [Post(id=n, author_id=(ANN if n % 2 else BOB).id) for n in range(1, 6)]
WITH_AUTHORS = QueryBuilder(Post).order_by(Post.id).include(Post.author)
ALTERNATING = ["Ann", "Bob", "Ann", "Bob", "Ann"]


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


async def test_include_adds_to_earlier_ones(blog: Blog) -> None:
    """A query that includes can be given further relations; the same one twice is refused."""
    await blog.create(ANN, BOB, *POSTS)

    post = await blog.store(Post).find_one(WITH_AUTHORS.include(Post.tags))

    assert (post.author.name, post.tags) == ("Ann", [])
    with pytest.raises(QueryError, match=r"Post\.author stands twice"):
        await blog.store(Post).find(WITH_AUTHORS.include(Post.author))

"""Relations of random graphs give what Python finds among all rows."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fix_haus import driver_of
from fix_relations import Blog, Comment, Post, PostTag, Tag, User, empty
from storehaus import NotFound
from storehaus.testing import CountingDriver

Run = Callable[[Coroutine[Any, Any, Any]], Any]

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=3)


@dataclass
class Graph:
    """Rows of five tables, and which of them are deleted.

    Attributes:
        users: Users.
        posts: Posts.
        comments: Comments.
        tags: Tags.
        links: Pairs of post and tag.
        deleted: Identities of the rows that are soft-deleted.
    """

    users: list[User] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    links: list[PostTag] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)

    @property
    def tables(self) -> tuple[list[Any], ...]:
        """All rows, those that are referred to before those that refer."""
        return (self.users, self.posts, self.comments, self.tags, self.links)

    def seen(self, rows: list[Any], *, deleted: bool) -> list[Any]:
        """The rows that a relation may give."""
        return [row for row in rows if deleted or id(row) not in self.deleted]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph, small."""
    made = Graph(users=[User(name="x") for _ in range(draw(st.integers(1, 4)))])
    user_ids = st.sampled_from([user.id for user in made.users])
    ranks = st.none() | st.integers(0, 2)
    made.posts = [
        Post(id=n, author_id=draw(user_ids), rank=draw(ranks))
        for n in draw(st.permutations(range(1, draw(st.integers(1, 6)) + 1)))
    ]
    post_ids = st.sampled_from([post.id for post in made.posts])
    for n in range(draw(st.integers(0, 8))):
        earlier = st.none() | st.sampled_from(range(n)) if n else st.none()
        made.comments.append(
            Comment(
                id=n,
                post_id=draw(post_ids),
                author_id=draw(st.none() | user_ids),
                parent_id=draw(earlier),
            )
        )
    made.tags = [
        Tag(name=name) for name in draw(st.lists(texts, unique=True, min_size=1, max_size=4))
    ]
    tags = st.sampled_from([tag.name for tag in made.tags])
    made.links = [
        PostTag(post_id=draw(post_ids), tag=draw(tags)) for _ in range(draw(st.integers(0, 10)))
    ]
    made.deleted = {id(row) for rows in made.tables for row in rows if draw(st.integers(0, 3)) == 0}
    return made


@pytest.fixture(scope="module")
def bench(related_url: str) -> Iterator[tuple[Run, Blog]]:
    """The tables, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(related_url))
        runner.run(driver.open())
        yield runner.run, Blog(driver)
        runner.run(driver.close())


async def stored(blog: Blog, graph: Graph) -> None:
    """Empty the tables, then store a graph."""
    await empty(blog.driver)
    for rows in graph.tables:
        if rows:
            store = blog.store(type(rows[0]))
            await store.create_many(rows)
            key = "name" if isinstance(rows[0], Tag) else "id"
            await store.delete_many([getattr(r, key) for r in rows if id(r) in graph.deleted])


def owner(access: Callable[[], Any]) -> Any:
    """The id of the row that a One leads to, None where there is none or it is missing."""
    try:
        found = access()
    except NotFound:
        return None
    return found and found.id


def tag_names(graph: Graph, post: Any, *, deleted: bool) -> set[str]:
    """The tags of a post, as Python finds them."""
    linked = {
        link.tag for link in graph.seen(graph.links, deleted=deleted) if link.post_id == post.id
    }
    return {tag.name for tag in graph.seen(graph.tags, deleted=deleted) if tag.name in linked}


@QUIET
@given(graph=graphs(), deleted=st.booleans())
def test_loaded_graph_is_the_graph(bench: tuple[Run, Blog], graph: Graph, deleted: bool) -> None:
    """Every kind of relation, nested, with and without deleted rows, in the order promised."""
    run, blog = bench

    def shown(relation: Any) -> Any:
        return relation.with_deleted() if deleted else relation

    async def load() -> list[Any]:
        await stored(blog, graph)
        active = graph.seen(graph.users, deleted=False)
        users: list[Any] = await blog.store(User).get_many([user.id for user in active])
        blog.driver.reset()
        comments = shown(Comment.replies), shown(Comment.parent), shown(Comment.author)
        posts = shown(User.posts).then(
            shown(Post.comments).then(*comments),
            shown(Post.tags).then(shown(Tag.posts).order_by(Post.rank.desc())),
            shown(Post.author),
        )
        await blog.store(User).load_related(users, posts)
        return users

    users = run(load())

    assert blog.driver.round_trips <= 8
    all_posts = graph.seen(graph.posts, deleted=deleted)
    all_comments = graph.seen(graph.comments, deleted=deleted)
    all_users = {user.id for user in graph.seen(graph.users, deleted=deleted)}
    ids = {comment.id for comment in all_comments}
    for user in users:
        written = sorted(post.id for post in all_posts if post.author_id == user.id)
        assert [post.id for post in user.posts] == written
        for post in user.posts:
            assert owner(lambda post=post: post.author) == user.id
            said = [each for each in all_comments if each.post_id == post.id]
            assert [each.id for each in post.comments] == [each.id for each in said]
            assert {tag.name for tag in post.tags} == tag_names(graph, post, deleted=deleted)
            assert len(post.tags) == len({tag.name for tag in post.tags})
            for tag in post.tags:
                tagged = [p for p in all_posts if tag.name in tag_names(graph, p, deleted=deleted)]
                assert [p.id for p in tag.posts] == [p.id for p in in_order(tagged)]
            for comment in post.comments:
                author, parent = comment.author_id, comment.parent_id
                assert owner(lambda c=comment: c.author) == (
                    author if author in all_users else None
                )
                assert owner(lambda c=comment: c.parent) == (parent if parent in ids else None)
                replies = [each.id for each in all_comments if each.parent_id == comment.id]
                assert [each.id for each in comment.replies] == replies


def in_order(posts: list[Any]) -> list[Any]:
    """Posts by rank downwards, those without first as PostgreSQL has it, then by id."""
    return sorted(posts, key=lambda p: (p.rank is not None, -(p.rank or 0), p.id))

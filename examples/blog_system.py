"""A blog: a whole application, with its models, its rules, and a story that uses them.

    python examples/blog_system.py

It uses the PostgreSQL that `DATABASE_URL`, the environment or `./storehaus.toml` names; without any
of them it starts one of its own, which needs `pip install "storehaus[embedded]"`. Everything
happens in the schema `storehaus_examples`, whose tables are made anew at each start.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from storehaus import (
    Change,
    Check,
    ConfigurationError,
    Field,
    GenericStore,
    Index,
    Many,
    Model,
    NotFound,
    One,
    Page,
    QueryBuilder,
    Row,
    StaleVersion,
    StoreHaus,
    UniqueViolation,
    ValidationError,
    count,
    count_distinct,
    desc,
    exists_,
    field,
    func,
    optional,
    rank,
    related,
    rollup,
    uuid7,
)

# --- Models: what the data is --------------------------------------------------------------------


class Role(StrEnum):
    """What a user may do; a type of PostgreSQL."""

    READER = "reader"
    AUTHOR = "author"
    MODERATOR = "moderator"


class PostState(StrEnum):
    """How far a post is."""

    DRAFT = "draft"
    PUBLISHED = "published"


class CommentState(StrEnum):
    """Who sees a comment: all, all until a moderator has looked, nobody."""

    VISIBLE = "visible"
    FLAGGED = "flagged"
    HIDDEN = "hidden"


class Settings(msgspec.Struct):
    """Stored as jsonb; more settings later need no change of the table."""

    theme: str = "light"
    digest: bool = False


class Kept(Model, schema="storehaus_examples"):
    """A mixin: what users, posts and comments share."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)


class User(Kept, table="blog_users", soft_delete=True):
    """Somebody with an account."""

    name: Field[str] = field(unique=True, max_length=40, pattern="^[a-z]+$")
    role: Field[Role] = field(default=Role.READER)
    banned: Field[bool] = field(default=False)
    karma: Field[int] = field(default=0, ge=0)
    settings: Field[Settings] = field(default_factory=Settings)

    posts: Many["Post"] = related(lambda: Post.author_id)


class Post(
    Kept,
    table="blog_posts",
    soft_delete=True,
    indexes=(
        Index(desc("published_at"), desc("id"), where="state = 'published'"),
        Check("(state = 'published') = (published_at IS NOT NULL)", name="blog_posts_dated"),
    ),
):
    """Something to read. Its version keeps two editors from overwriting each other."""

    author_id: Field[UUID] = field(references=User.id, index=True, update=False)
    slug: Field[str] = field(unique=True, max_length=80, pattern="^[a-z0-9-]+$")
    title: Field[str] = field(min_length=1, max_length=120)
    body: Field[str]
    state: Field[PostState] = field(default=PostState.DRAFT)
    published_at: Field[datetime | None] = field(default=None)
    version: Field[int] = field(version=True)

    author: One[User] = related("author_id")
    comments: Many["Comment"] = related(lambda: Comment.post_id)
    tags: Many["Tag"] = related(lambda: PostTag.post_id, via=lambda: PostTag.tag)


class Comment(
    Kept,
    table="blog_comments",
    soft_delete=True,
    indexes=(Index("flags", where="state = 'flagged'"),),
):
    """What somebody says about a post; deleted and restored with it."""

    post_id: Field[UUID] = field(references=Post.id, on_delete="cascade", index=True, update=False)
    author_id: Field[UUID] = field(references=User.id, index=True, update=False)
    body: Field[str] = field(min_length=1, max_length=2000)
    state: Field[CommentState] = field(default=CommentState.VISIBLE)
    flags: Field[int] = field(default=0, ge=0)

    author: One[User] = related("author_id")


class Tag(Model, table="blog_tags", schema="storehaus_examples"):
    """A topic."""

    name: Field[str] = field(primary_key=True, max_length=30)
    uses: Field[int] = field(default=1, ge=0)


class PostTag(Model, table="blog_post_tags", schema="storehaus_examples"):
    """Which post has which topic, until the post is purged."""

    post_id: Field[UUID] = field(primary_key=True, references=Post.id, on_delete="cascade")
    tag: Field[str] = field(primary_key=True, references=Tag.name, index=True, max_length=30)


# --- Stores: the verbs and rules of the application ----------------------------------------------

PUBLISHED = QueryBuilder(Post).filter(Post.state == PostState.PUBLISHED)  # a part of queries below


class RefusedError(Exception):
    """A rule of the blog says no."""


class OnlyAuthorsPublishError(RefusedError):
    """The post is by somebody who may not publish, or is no draft."""


class BannedError(RefusedError):
    """Banned users do not comment."""


class TooLittleKarmaError(RefusedError):
    """Nobody gives what they do not have."""


class Posts(GenericStore[Post]):
    """Posts, and what is done with them."""

    async def publish(self, post_id: UUID, at: datetime) -> Post:
        """Publish a draft. The rule is part of the write, so that nothing comes in between."""
        by_author = exists_(
            QueryBuilder(User).filter(User.id == Post.author_id, User.role == Role.AUTHOR)
        )
        published = await self.update_where(
            (Post.id == post_id) & (Post.state == PostState.DRAFT) & by_author,
            {Post.state: PostState.PUBLISHED, Post.published_at: at},
            tags=["published"],
        )
        if not published:
            raise OnlyAuthorsPublishError(post_id)
        return published[0]

    async def feed(self, size: int, after: str | None = None) -> Page[Post]:
        """Give one page of what was published, newest first, with authors and tags."""
        newest = PUBLISHED.order_by(Post.published_at.desc(), Post.id.desc())
        return await self.page(newest.include(Post.author, Post.tags), size=size, after=after)

    async def search(self, words: str) -> list[Row[str, float | None]]:
        """Find posts as a search box does, the best first."""
        text = Post.title + " " + Post.body
        rating = text.match_rank(words, config="english").as_("rating")
        found = PUBLISHED.filter(text.matches(words, config="english"))
        ranked = found.select(Post.title, rating).order_by(desc("rating"), Post.title)
        return await self.select(ranked)


class Comments(GenericStore[Comment]):
    """Comments, and their moderation."""

    users: GenericStore[User]  # the rule below asks it

    async def before_create(self, change: Change[Comment]) -> None:
        """Refuse comments by banned users, and those whose writers only the database knows."""
        if change.query is not None:
            raise BannedError
        writers = {comment.author_id for comment in change.models or ()}
        if await self.users.exists(User.id.in_(writers), User.banned.is_true()):
            raise BannedError

    async def counts(self, posts: Sequence[Post]) -> dict[UUID, int]:
        """Count what everybody sees of several posts, by one query."""
        seen = QueryBuilder(Comment).filter(
            Comment.post_id.in_([post.id for post in posts]), Comment.state != CommentState.HIDDEN
        )
        groups = seen.select(Comment.post_id, count()).group_by(Comment.post_id)
        return dict(await self.select(groups))

    async def flag(self, comment_id: UUID) -> None:
        """Ask moderators to look at a comment, unless they have hidden it already."""
        await self.update_where(
            (Comment.id == comment_id) & (Comment.state != CommentState.HIDDEN),
            {Comment.state: CommentState.FLAGGED, Comment.flags: Comment.flags + 1},
        )

    async def next_flagged(self) -> Comment | None:
        """Take what was flagged most; nobody else gets it before the transaction ends."""
        queue = QueryBuilder(Comment).filter(Comment.state == CommentState.FLAGGED)
        most_first = queue.order_by(Comment.flags.desc(), Comment.id)
        return await self.find_one(most_first.for_update(skip_locked=True))


class Blog:
    """The application: its stores, and what takes several of them."""

    def __init__(self, haus: StoreHaus) -> None:
        self.haus = haus
        self.users = haus.store(User)
        self.posts = haus.store(Posts)
        self.comments = haus.store(Comments)
        self.comments.users = self.users
        self.tags = haus.store(Tag)
        self.links = haus.store(PostTag)

    async def write(self, post: Post, *tags: str) -> Post:
        """Store a draft with its tags: all of it or nothing."""
        names = sorted(set(tags))  # the same order everywhere, so that nobody waits in a circle
        named = [Tag(name=name) for name in names]
        async with self.haus.transaction():
            stored = await self.posts.create(post)
            await self.tags.upsert_many(named, update={Tag.uses: Tag.uses + 1})
            await self.links.create_many([PostTag(post_id=stored.id, tag=name) for name in names])
        return stored

    async def moderate(self, moderator: User) -> list[UUID]:
        """Work the queue off; any number of moderators may do so at the same time."""
        done: list[UUID] = []
        while True:
            async with self.haus.transaction():
                comment = await self.comments.next_flagged()
                if comment is None:
                    return done
                state = CommentState.HIDDEN if comment.flags > 1 else CommentState.VISIBLE
                by = ["moderated", f"by-{moderator.name}"]
                await self.comments.patch(comment.id, state=state, flags=0, tags=by)
            done.append(comment.id)

    async def thank(self, giver: User, receiver: User, karma: int) -> None:
        """Give karma to somebody. Where two do so at the same time, one of them is replayed."""

        async def transfer() -> None:
            if (await self.users.get(giver.id)).karma < karma:
                raise TooLittleKarmaError
            await self.users.patch(giver.id, {User.karma: User.karma - karma})
            await self.users.patch(receiver.id, {User.karma: User.karma + karma})

        await self.haus.atomic(transfer, isolation="serializable", retries=10)


def answer(error: Exception) -> str:
    """Say what a service would answer; errors are told apart by their classes, not their texts."""
    match error:
        case RefusedError():
            return f"403, {type(error).__name__}"
        case NotFound():
            return "404, no such row"
        case UniqueViolation(fields=fields):
            return f"409, {', '.join(fields or ())} is taken"
        case StaleVersion(expected=version):
            return f"409, version {version} is no longer the last"
        case ValidationError(field=name, rule=rule):
            return f"422, {name} {rule}"
        case _:
            raise error


# --- The story -----------------------------------------------------------------------------------

NEW_YEAR = datetime(2026, 1, 1, 9, tzinfo=UTC)


def configured_haus() -> StoreHaus:
    """Use the server that is configured; where nothing is, one of its own."""
    try:
        return StoreHaus.from_config()
    except ConfigurationError as error:
        if error.key is not None:  # there is a configuration, and it is wrong
            raise
        print("Nothing is configured, so an embedded PostgreSQL is started.")
        return StoreHaus.embedded()


async def write(blog: Blog, ann: User, cleo: User) -> Post:
    """Write a post, and meet the rules."""
    print("\nWriting")
    draft = Post(author_id=ann.id, slug="hello", title="Hello", body="Hello, world of databases.")
    hello = await blog.posts.publish((await blog.write(draft, "news", "sql")).id, NEW_YEAR)
    print(f"  published   {hello.title!r}, tags of the operation {hello.__tags__}")

    note = Post(author_id=cleo.id, slug="guest", title="A guest", body="Let me write, too.")
    guest = await blog.write(note, "guests")
    twin = Post(author_id=ann.id, slug="hello", title="Hello again", body="")
    refused = {
        "by a reader": blog.posts.publish(guest.id, NEW_YEAR),
        "slug taken": blog.write(twin, "echo"),
        "no title": blog.write(Post(author_id=ann.id, slug="empty", title="", body="")),
        "no post": blog.posts.get(uuid7()),
    }
    for what, attempt in refused.items():
        try:
            await attempt
        except Exception as error:  # noqa: BLE001 - answer() raises what it does not know
            print(f"  {what:<11} {answer(error)}")
    assert await blog.tags.get_by_id("echo") is None, "the tag of a post that failed is not kept"
    return hello


async def edit(blog: Blog, hello: Post) -> None:
    """Let two people edit the same post."""
    print("\nEditing")
    mine, yours = await blog.posts.get(hello.id), await blog.posts.get(hello.id)
    yours.title = "Hello, everybody"
    await blog.posts.update(yours.id, yours)
    mine.body += " How are you?"
    try:
        await blog.posts.update(mine.id, mine)
    except StaleVersion as error:
        print(f"  too late    {answer(error)}")
    fresh = await blog.posts.get(hello.id)
    fresh.body = mine.body
    both = await blog.posts.update(fresh.id, fresh)
    print(f"  once more   version {both.version}: {both.title!r}, {both.body!r}")


async def fill(blog: Blog, writers: Sequence[User], readers: Sequence[User]) -> None:
    """Let half a year pass: many rows, by COPY."""
    topics = ["backups", "indexes", "queries", "transactions"]
    posts = [
        Post(
            author_id=writers[n % 3 // 2].id,
            slug=f"post-{n}",
            title=f"On {topics[n % 4]}, part {n // 4 + 1}",
            body=f"What I learned about {topics[n % 4]} and {topics[n % 3]} last week.",
            state=PostState.DRAFT if n % 9 == 0 else PostState.PUBLISHED,
            published_at=None if n % 9 == 0 else NEW_YEAR + timedelta(days=5 * n),
        )
        for n in range(36)
    ]
    await blog.posts.load(posts, tags=["import"])
    await blog.tags.load(Tag(name=topic, uses=9) for topic in topics)
    await blog.links.load(
        PostTag(post_id=post.id, tag=topics[n % 4]) for n, post in enumerate(posts)
    )
    await blog.comments.load(
        Comment(post_id=post.id, author_id=readers[k % 2].id, body=f"Comment {k}")
        for n, post in enumerate(posts)
        for k in range(n % 5)
    )


async def discuss(blog: Blog, hello: Post, people: Sequence[User]) -> None:
    """Comment, flag, and moderate by two at once."""
    print("\nModeration")
    ann, _, cleo, mod, troll = people
    try:
        await blog.comments.create(Comment(post_id=hello.id, author_id=troll.id, body="Spam"))
    except RefusedError as error:
        print(f"  troll       {answer(error)}")
    said = await blog.comments.create_many(
        [Comment(post_id=hello.id, author_id=cleo.id, body=f"Thought {n}") for n in range(6)]
    )
    for comment in (*said[:4], said[0], said[2]):
        await blog.comments.flag(comment.id)

    shifts = await asyncio.gather(blog.moderate(mod), blog.moderate(ann))
    looked_at = [comment_id for shift in shifts for comment_id in shift]
    assert sorted(looked_at) == sorted(comment.id for comment in said[:4]), "each of them once"
    moderated = QueryBuilder(Comment).filter_by_tag("moderated").group_by(Comment.state)
    states = await blog.comments.select(moderated.select(Comment.state, count()))
    print(f"  queue       {', '.join(f'{n} {state}' for state, n in sorted(states))}")


async def read(blog: Blog) -> None:
    """Read the feed page by page, and search."""
    print("\nReading")
    page = await blog.posts.feed(3)
    counts = await blog.comments.counts(page.items)
    for post in page.items:
        tags = ", ".join(tag.name for tag in post.tags)
        comments = counts.get(post.id, 0)
        print(f"  {post.title:<25} {post.author.name}, about {tags}, {comments} comments")
    seen = [post.id for post in page.items]
    while page.next is not None:
        page = await blog.posts.feed(10, after=page.next)
        seen += [post.id for post in page.items]
    print(f"  {len(seen)} posts by pages; the first ever is {page.items[-1].title!r}")
    assert len(set(seen)) == await blog.posts.count_where(PUBLISHED)
    for title, rating in (await blog.posts.search("indexes or backups -queries"))[:2]:
        print(f"  search      {title}, {rating:.3f}")


async def remove(blog: Blog, hello: Post) -> None:
    """Delete a post softly, and bring it back with its discussion."""
    print("\nDeleting")
    thread = (
        QueryBuilder(Comment).join(Post, on=Post.id == Comment.post_id).filter(Post.id == hello.id)
    )
    before = await blog.comments.count_where(thread)
    await blog.posts.delete(hello.id, tags=["withdrawn"])
    during = await blog.comments.count_where(thread)
    restored = await blog.posts.restore(hello.id)
    after = await blog.comments.count_where(thread)
    print(f"  {restored.title!r}: {before} comments, {during} while deleted, {after} again")
    assert (during, after) == (0, before), "the discussion comes back with its post"


async def thank(blog: Blog, ann: User, bob: User, cleo: User) -> None:
    """Give karma from many requests at once: none is lost, none is made."""
    print("\nKarma")
    thanks = [blog.thank(cleo, writer, 4) for writer in (ann, bob, ann, bob)]
    outcomes = await asyncio.gather(*thanks, return_exceptions=True)
    refused = [answer(error) for error in outcomes if isinstance(error, Exception)]
    shares = {user.name: user.karma for user in await blog.users.list_all() if user.karma}
    print(f"  cleo gives  4 four times; {len(refused)} are refused: {refused[0]}")
    print(f"  now         {shares}")
    assert (len(refused), sum(shares.values())) == (2, 10), "10 were there, 8 moved"


class Activity(msgspec.Struct):
    """One row of the table of authors."""

    place: int
    author: str
    posts: int
    comments: int
    hidden: int


async def report(blog: Blog) -> None:
    """Ask for figures: months, authors with their places, subtotals."""
    print("\nStatistics")
    month = func.date_trunc("month", Post.published_at, "UTC", returns=datetime).as_("month")
    by_month = PUBLISHED.select(month, count()).group_by("month").order_by("month")
    months = await blog.posts.select(by_month)
    print(f"  by month    {', '.join(f'{start:%b} {n}' for start, n in months)}")

    authors = (
        QueryBuilder(User)
        .join(Post, on=Post.author_id == User.id)
        .join(Comment, on=Comment.post_id == Post.id, how="left")
        .filter(Post.state == PostState.PUBLISHED)
        .select(
            rank().over(order_by=count_distinct(Post.id).desc()).as_("place"),
            User.name.as_("author"),
            count_distinct(Post.id).as_("posts"),
            count(Comment.id).as_("comments"),
            count().filter(Comment.state == CommentState.HIDDEN).as_("hidden"),
        )
        .group_by(User.id)
        .order_by("place")
    )
    for row in await blog.users.select(authors, into=Activity):
        share = f"{row.comments} comments, {row.hidden} of them hidden"
        print(f"  {row.place}. {row.author:<9} {row.posts} posts, {share}")

    subtotals = (
        QueryBuilder(Post)
        .join(User, on=User.id == Post.author_id)
        .select(optional(User.name), optional(Post.state), count())
        .group_by(rollup(User.name, Post.state))
        .order_by(User.name.nulls_last(), Post.state.nulls_last())
    )
    for name, state, posts in await blog.posts.select(subtotals):
        print(f"  {name or 'all':<5} {state or 'together':<10} {posts:>3}")


async def main() -> None:
    """Tell the story."""
    async with configured_haus() as haus:
        await haus.auto_migrate(User, Post, Comment, Tag, PostTag, recreate=True)
        blog = Blog(haus)
        people = ann, bob, cleo, mod, _ = await blog.users.create_many(
            [
                User(name="ann", role=Role.AUTHOR, settings=Settings(theme="dark", digest=True)),
                User(name="bob", role=Role.AUTHOR),
                User(name="cleo", karma=10),
                User(name="mod", role=Role.MODERATOR),
                User(name="troll", banned=True),
            ]
        )
        hello = await write(blog, ann, cleo)
        await edit(blog, hello)
        await fill(blog, [ann, bob], [cleo, mod])
        await discuss(blog, hello, people)
        await read(blog)
        await remove(blog, hello)
        await thank(blog, ann, bob, cleo)
        await report(blog)


if __name__ == "__main__":
    asyncio.run(main())

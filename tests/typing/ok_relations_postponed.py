"""What both checkers infer of relations whose annotations are all text."""

from __future__ import annotations

from typing import assert_type
from uuid import UUID

from storehaus import (
    Column,
    Field,
    ForeignKey,
    GenericStore,
    Many,
    Model,
    One,
    Relation,
    field,
    related,
    uuid7,
)


class Edited(Model):
    """A mixin with a relation."""

    editor_id: Field[UUID | None] = field(references="users.id", default=None)
    editor: One[User | None] = related(editor_id)


class User(Model, table="users"):
    """Others refer to it, and are defined later."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str] = field(default="")
    posts: Many[Post] = related(lambda: Post.author_id)
    profile: One[Profile | None] = related(lambda: Profile.user_id)
    card: One[Profile] = related(lambda: Profile.user_id)


class Profile(Model, table="profiles"):
    """Refers to a model that is there."""

    user_id: Field[UUID] = field(references=User.id, unique=True)
    user: One[User] = related(user_id)


class Post(Edited, table="posts"):
    """Every kind of relation."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    author_id: Field[UUID] = field(references=User.id)
    parent_id: Field[UUID | None] = field(references="posts.id", default=None)
    author: One[User] = related(author_id)
    writer: One[User] = related("author_id")
    maker: One[User] = related(lambda: Post.author_id)
    owner: One[User] = related(lambda: (Post.author_id,))
    parent: One[Post | None] = related(parent_id)
    replies: Many[Post] = related(lambda: Post.parent_id)
    tags: Many[Tag] = related(lambda: PostTag.post_id, via=lambda: PostTag.tag_id)

    def first_tag(self) -> Tag:
        """Relations are values in methods."""
        return self.tags[0]


class Tag(Model, table="tags"):
    """At the far side."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    posts: Many[Post] = related(lambda: PostTag.tag_id, via=lambda: PostTag.post_id)


class PostTag(Model, table="post_tags"):
    """In between."""

    post_id: Field[UUID] = field(references=Post.id)
    tag_id: Field[UUID] = field(references=Tag.id)


class Order(Model, table="orders"):
    """A composite key."""

    year: Field[int] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    lines: Many[Line] = related(lambda: (Line.year, Line.number))


class Line(
    Model,
    table="lines",
    indexes=(ForeignKey(["year", "number"], [Order.year, Order.number]),),
):
    """A composite foreign key."""

    year: Field[int]
    number: Field[int] = field(default=1)
    order: One[Order] = related(("year", "number"))
    same: One[Order | None] = related((Order.year, Order.number))


# Relations by class: whose they are, and what they lead to.
assert_type(User.posts, Relation[User, Post])
assert_type(User.profile, Relation[User, Profile])
assert_type(User.card, Relation[User, Profile])
assert_type(Profile.user, Relation[Profile, User])
assert_type(Post.author, Relation[Post, User])
assert_type(Post.parent, Relation[Post, Post])
assert_type(Post.replies, Relation[Post, Post])
assert_type(Post.tags, Relation[Post, Tag])
assert_type(Tag.posts, Relation[Tag, Post])
assert_type(Post.editor, Relation[Post, User])
assert_type(Edited.editor, Relation[Edited, User])
assert_type(Order.lines, Relation[Order, Line])
assert_type(Line.order, Relation[Line, Order])

# Fields are what they were.
assert_type(Post.author_id, Column[UUID])
assert_type(Post.parent_id, Column[UUID | None])

# No relation is an argument of the constructor.
user = User(name="a")
post = Post(author_id=user.id, parent_id=None, editor_id=None)
line = Line(year=1)

# Values by instance.
assert_type(user.posts, list[Post])
assert_type(user.profile, Profile | None)
assert_type(user.card, Profile)
assert_type(post.author, User)
assert_type(post.writer, User)
assert_type(post.maker, User)
assert_type(post.owner, User)
assert_type(post.parent, Post | None)
assert_type(post.replies, list[Post])
assert_type(post.tags, list[Tag])
assert_type(post.editor, User | None)
assert_type(post.first_tag(), Tag)
assert_type(line.order, Order)
assert_type(user.posts[0].tags[0].posts[0].author.name, str)

# Parts keep the type.
recent = User.posts.filter(Post.author_id == user.id).order_by(Post.id.desc(), "id").with_deleted()
assert_type(recent, Relation[User, Post])
assert_type(User.posts.then(Post.tags, Post.author.then(User.profile)), Relation[User, Post])
assert_type(User.profile.then(Profile.user), Relation[User, Profile])

# A relation of an abstract class is one of every model derived from it. It has a name of its own
# here because mypy, told what is expected, would look for one of the derived model.
editor = Edited.editor
assert_type(User.posts.then(editor), Relation[User, Post])


async def load(users: GenericStore[User], posts: GenericStore[Post]) -> None:
    """A store takes relations of its model, those of its abstract classes included."""
    assert_type(await users.load_related([user], User.posts, recent), list[User])
    assert_type(await posts.load_related([post], Post.author, editor), list[Post])
    assert_type(await posts.load_related(user.posts), list[Post])

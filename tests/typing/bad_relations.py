"""Wrong uses of relations that both checkers find before anything runs."""

from storehaus import Field, GenericStore, Many, Model, One, field, related


class User(Model, table="users"):
    """Others refer to it."""

    id: Field[int] = field(primary_key=True)
    posts: Many["Post"] = related(lambda: Post.author_id)
    profile: One["Profile | None"] = related(lambda: Profile.user_id)


class Profile(Model, table="profiles"):
    """One for a user."""

    user_id: Field[int] = field(references=User.id)
    user: One[User] = related(user_id)


class Post(Model, table="posts"):
    """Many of a user."""

    id: Field[int] = field(primary_key=True)
    author_id: Field[int] = field(references=User.id)
    author: One[User] = related(author_id)


# The constructor.
user = User(id=1)
User(id=1, posts=[])  # error: call-arg | reportCallIssue
Post(id=1, author_id=1, author=user)  # error: call-arg | reportCallIssue
post = Post(id=1, author_id=1)

# Nothing is assigned to a relation: it is loaded.
user.posts = []  # error: assignment | reportAttributeAccessIssue
user.profile = None  # error: assignment | reportAttributeAccessIssue
post.author = user  # error: assignment | reportAttributeAccessIssue

# Instances.
user.profile.user_id  # noqa: B018 for checkers  # error: union-attr | reportOptionalMemberAccess
user.posts.author  # noqa: B018 for checkers  # error: attr-defined | reportAttributeAccessIssue
post.author.nmae  # noqa: B018 for checkers  # error: attr-defined | reportAttributeAccessIssue
name: str = post.author  # error: assignment | reportAssignmentType
_ = user.psots  # error: attr-defined | reportAttributeAccessIssue

# Relations.
_ = User.posts[0]  # error: index | reportIndexIssue
User.posts.filter(post.id == 1)  # error: arg-type | reportArgumentType
User.posts.order_by(3)  # error: arg-type | reportArgumentType
User.posts.then(Profile.user)  # error: arg-type | reportArgumentType
User.posts.then(User.posts)  # error: arg-type | reportArgumentType
User.posts.then(Post.id)  # error: arg-type | reportArgumentType
User.posts.limit(3)  # error: attr-defined | reportAttributeAccessIssue


async def load(users: GenericStore[User]) -> None:
    """Relations of another model, rows of another model, and what is no relation."""
    await users.load_related([user], Post.author)  # error: arg-type | reportArgumentType
    await users.load_related([post], User.posts)  # error: list-item | reportArgumentType
    await users.load_related([user], User.id)  # error: arg-type | reportArgumentType
    await users.load_related([user], "posts")  # error: arg-type | reportArgumentType


class Wrong(Model, table="wrongs"):
    """Wrong arguments of related()."""

    id: Field[int] = field(primary_key=True)
    one: One[User] = related(3)  # error: arg-type | reportArgumentType
    two: One[User] = related()  # error: call-arg | reportCallIssue
    three: Many[Post] = related(lambda: Post.author)  # error: arg-type | reportArgumentType
    four: Many[Post] = related(Post.id, via="x")  # error: arg-type | reportArgumentType
    five: Many[Post] = related(Post.id, lazy=True)  # error: call-arg | reportCallIssue

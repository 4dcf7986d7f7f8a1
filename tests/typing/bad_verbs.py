"""Wrong uses of the verbs that take queries, which both checkers find before anything runs."""

from storehaus import (
    Field,
    GenericStore,
    Many,
    Model,
    One,
    QueryBuilder,
    QueryFilter,
    StoreHaus,
    Upserted,
    count,
    excluded,
    field,
    related,
)


class User(Model, table="users"):
    """Others refer to it."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(default="")
    visits: Field[int] = field(default=0)
    posts: Many["Post"] = related(lambda: Post.author_id)


class Post(Model, table="posts"):
    """Many of a user."""

    id: Field[int] = field(primary_key=True)
    author_id: Field[int] = field(references=User.id)
    author: One[User] = related(author_id)


USERS = QueryBuilder(User)
user = User(id=1)
post = Post(id=1, author_id=1)
with_posts = USERS.include(User.posts)
of_posts = QueryBuilder(Post).include(Post.author)

# Relations of the model, and of whole rows only.
USERS.include(Post.author)  # error: arg-type | reportArgumentType
USERS.include(User.id)  # error: arg-type | reportArgumentType
USERS.include("posts")  # error: arg-type | reportArgumentType
USERS.select(User.id).include(User.posts)  # error: attr-defined | reportAttributeAccessIssue
USERS.models().include(User.posts)  # error: attr-defined | reportAttributeAccessIssue

# Filters from outside.
QueryFilter.from_dict([{"name": "x"}])  # error: arg-type | reportArgumentType
QueryFilter.from_dict('{"name": "x"}')  # error: arg-type | reportArgumentType
QueryFilter.from_dict({"name": "x"}, fields=[3])  # error: list-item | reportArgumentType
QueryFilter.from_dict({"name": "x"}, max_depth="3")  # error: arg-type | reportArgumentType


async def use(users: GenericStore[User], posts: GenericStore[Post], haus: StoreHaus) -> None:
    """Conditions are no truth values, rows may be left alone, projections give no models."""
    await users.upsert(user, where=True)  # error: call-overload | reportArgumentType
    await users.upsert(user, where="id > 3")  # error: call-overload | reportArgumentType
    await users.upsert(post)  # error: call-overload | reportArgumentType
    maybe = await users.upsert(user, where=excluded(User.visits) > User.visits)
    maybe.model.name  # noqa: B018 for checkers  # error: union-attr | reportOptionalMemberAccess
    sure: Upserted[User] = maybe  # error: assignment | reportAssignmentType
    some = await users.upsert_many([user], where=excluded(User.visits) > 3)
    some[0].inserted  # noqa: B018 for checkers  # error: union-attr | reportOptionalMemberAccess
    _ = sure

    await posts.create_from(USERS)  # error: arg-type | reportArgumentType
    await posts.create_from(User.id)  # error: arg-type | reportArgumentType
    await users.select(with_posts)  # error: call-overload | reportArgumentType
    await users.find(USERS.select(count()))  # error: arg-type | reportArgumentType
    await users.page(USERS.select(count()))  # error: arg-type | reportArgumentType
    await users.find(of_posts)  # error: arg-type | reportArgumentType

    await haus.explain("SELECT 1")  # error: arg-type | reportArgumentType
    await haus.explain(User.id > 3)  # error: arg-type | reportArgumentType
    await haus.explain(User)  # error: arg-type | reportArgumentType
    await haus.explain(USERS, True)  # error: call-arg | reportCallIssue

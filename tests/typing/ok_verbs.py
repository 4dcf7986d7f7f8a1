"""What both checkers infer of the verbs that take queries."""

from typing import assert_type
from uuid import UUID

from storehaus import (
    Condition,
    Field,
    GenericStore,
    Many,
    Model,
    One,
    Page,
    QueryBuilder,
    QueryFilter,
    RowStream,
    StoreHaus,
    UpdateSet,
    Upserted,
    case,
    count,
    excluded,
    exists_,
    field,
    func,
    related,
    scalar,
    uuid7,
)


class User(Model, table="users"):
    """Others refer to it."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str] = field(default="")
    visits: Field[int] = field(default=0)
    posts: Many["Post"] = related(lambda: Post.author_id)


class Post(Model, table="posts"):
    """Many of a user."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    author_id: Field[UUID] = field(references=User.id)
    title: Field[str] = field(default="")
    author: One[User] = related(author_id)


USERS = QueryBuilder(User)
NEWER = excluded(User.visits) > User.visits

# Filters from outside.
assert_type(QueryFilter.from_dict({"name": "x"}, fields=[User.name, "visits"]), Condition)
assert_type(NEWER, Condition)

# Included relations leave the query what it is.
assert_type(USERS.include(User.posts.then(Post.author)), QueryBuilder[User])
assert_type(USERS.filter(User.visits > 3).include(User.posts).limit(3), QueryBuilder[User])
joined = USERS.join(Post, on=Post.author_id == User.id)
assert_type(joined.include(User.posts), QueryBuilder[User, Post])


async def read(users: GenericStore[User], haus: StoreHaus) -> None:
    """Rows with their relations are rows, and a plan is a text."""
    query = USERS.include(User.posts)
    assert_type(await users.find(query), list[User])
    assert_type(await users.find_one(query), User | None)
    assert_type(await users.page(query), Page[User])
    assert_type(users.stream(query), RowStream[User])
    assert_type((await users.find(query))[0].posts[0].author, User)
    assert_type(await haus.explain(query, analyze=True, buffers=True), str)
    assert_type(await haus.explain(USERS.select(count())), str)


async def write(users: GenericStore[User], posts: GenericStore[Post]) -> None:
    """What each write gives; only with a condition can a row be left alone."""
    user = User(name="x")
    assert_type(await users.upsert(user), Upserted[User])
    assert_type(await users.upsert(user, update={User.visits: User.visits + 1}), Upserted[User])
    assert_type(await users.upsert(user, update={"visits": excluded(User.visits)}), Upserted[User])
    assert_type(await users.upsert(user, where=NEWER), Upserted[User] | None)
    assert_type(await users.upsert_many([user], update=(User.name,)), list[Upserted[User]])
    assert_type(await users.upsert_many([user], where=NEWER), list[Upserted[User] | None])

    titles = USERS.select(
        func.gen_random_uuid(returns=UUID).as_("id"),
        User.id.as_("author_id"),
        User.name.as_("title"),
    )
    assert_type(await posts.create_from(titles, tags=["t"], skip_conflicts=True), list[Post])

    mine = exists_(QueryBuilder(Post).filter(Post.author_id == User.id))
    number = scalar(QueryBuilder(Post).select(count()))
    chosen = case((mine, 1), else_=0)
    assert_type(await users.update_where(mine, {User.visits: number}), list[User])
    assert_type(await users.update_where(USERS, UpdateSet().set(User.visits, chosen)), list[User])


assert_type(excluded(User.visits) + 1 > User.visits, Condition)
assert_type(USERS.select(User.name, count()).limit(3).to_sql().text, str)

"""Models that are related in every way there is, and an open haus on their tables."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from fix_haus import config_of, driver_of
from storehaus import (
    Field,
    ForeignKey,
    GenericStore,
    Many,
    Model,
    One,
    StoreHaus,
    field,
    related,
    uuid7,
)
from storehaus.migrations import migrate
from storehaus.store import Database
from storehaus.testing import CountingDriver


class User(Model, table="users", soft_delete=True):
    """Refers to nobody, and others refer to it."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    name: Field[str]
    posts: Many["Post"] = related(lambda: Post.author_id)
    comments: Many["Comment"] = related(lambda: Comment.author_id)
    profile: One["Profile | None"] = related(lambda: Profile.user_id)
    card: One["Profile"] = related(lambda: Profile.user_id)


class Profile(Model, table="profiles", soft_delete=True):
    """At most one active one for a user."""

    id: Field[int] = field(primary_key=True)
    user_id: Field[UUID] = field(references=User.id, unique=True)
    text: Field[str] = field(default="")
    user: One[User] = related(user_id)


class Post(Model, table="posts", soft_delete=True):
    """In the middle of everything."""

    id: Field[int] = field(primary_key=True)
    author_id: Field[UUID] = field(references=User.id, index=True)
    title: Field[str] = field(default="")
    rank: Field[int | None] = field(default=None)
    author: One[User] = related("author_id")
    comments: Many["Comment"] = related(lambda: Comment.post_id)
    tags: Many["Tag"] = related(lambda: PostTag.post_id, via=lambda: PostTag.tag)


class Comment(Model, table="comments", soft_delete=True):
    """Refers to itself, and to users that need not be."""

    id: Field[int] = field(primary_key=True)
    post_id: Field[int] = field(references=Post.id)
    author_id: Field[UUID | None] = field(references=User.id, default=None)
    parent_id: Field[int | None] = field(references="comments.id", default=None)
    post: One[Post] = related(post_id)
    author: One[User | None] = related(lambda: Comment.author_id)
    parent: One["Comment | None"] = related(parent_id)
    replies: Many["Comment"] = related(lambda: Comment.parent_id)


class Tag(Model, table="tags", soft_delete=True):
    """A text as key."""

    name: Field[str] = field(primary_key=True)
    posts: Many[Post] = related(lambda: PostTag.tag, via=lambda: PostTag.post_id)


class PostTag(Model, table="post_tags", soft_delete=True):
    """Between posts and tags; the same pair may stand twice."""

    id: Field[UUID] = field(primary_key=True, default_factory=uuid7)
    post_id: Field[int] = field(references=Post.id)
    tag: Field[str] = field(references=Tag.name)


class Order(Model, table="orders"):
    """A composite key."""

    year: Field[int] = field(primary_key=True)
    number: Field[int] = field(primary_key=True)
    lines: Many["Line"] = related(lambda: (Line.order_number, Line.order_year))


class Line(
    Model,
    table="lines",
    indexes=(ForeignKey(["order_number", "order_year"], [Order.number, Order.year]),),
):
    """A composite foreign key, in another order than the key, that may be None."""

    id: Field[int] = field(primary_key=True)
    order_number: Field[int | None] = field(default=None)
    order_year: Field[int | None] = field(default=None)
    order: One[Order | None] = related(("order_year", "order_number"))


class Kind(Enum):
    """A key that is an enum."""

    SINGLE = "one bed"
    DOUBLE = "it's two"


class RoomKind(Model, table="room_kinds", schema="hotel"):
    """An enum as key, in another schema."""

    kind: Field[Kind] = field(primary_key=True)
    rooms: Many["Room"] = related(lambda: Room.kind)
    guests: Many["Guest"] = related(lambda: Room.kind, via=lambda: Room.guest)


class Guest(Model, table="guests", schema="hotel"):
    """No relation of its own, so that its instances stay as they are."""

    id: Field[int] = field(primary_key=True)


class Room(Model, table="rooms", schema="hotel"):
    """Refers to an enum and, maybe, to a guest; its number is not the primary key of anything."""

    number: Field[int]
    kind: Field[Kind] = field(references=RoomKind.kind)
    guest: Field[int | None] = field(references=Guest.id, default=None)
    about: One[RoomKind] = related(kind)


RELATED: tuple[type[Model], ...] = (
    User,
    Profile,
    Post,
    Comment,
    Tag,
    PostTag,
    Order,
    Line,
    RoomKind,
    Guest,
    Room,
)


@dataclass(frozen=True, slots=True)
class Blog:
    """Stores of the related models, and the driver that counts what they send.

    Attributes:
        driver: Counts.
    """

    driver: CountingDriver

    def store(self, model: type[Any]) -> GenericStore[Any]:
        """A store of one model."""
        return GenericStore(Database(self.driver), model)

    async def create(self, *rows: Model) -> None:
        """Store rows of any models, in the order given, and count from zero."""
        for row in rows:
            await self.store(type(row)).create(row)
        self.driver.reset()

    async def load(self, model: type[Any], *relations: Any) -> list[Any]:
        """Read all rows of a model by primary key, load relations, count only those."""
        keys = [column.name for column in model.__table_info__.primary_key]
        rows = await self.store(model).list_all()
        rows.sort(key=lambda row: [getattr(row, key) for key in keys])
        self.driver.reset()
        return await self.store(model).load_related(rows, *relations)


@pytest.fixture(scope="session")
def related_url(server_url: str) -> Iterator[str]:
    """URL of a database with the tables of `RELATED`, which all tests of this process share."""
    name = f"storehaus_related_{uuid4().hex}"
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(server_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(migrate({"dsn": url}, RELATED))
        yield url
    finally:
        asyncio.run(run(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def empty(driver: CountingDriver) -> None:
    """Delete all rows of the related tables."""
    for model in reversed(RELATED):
        info = model.__table_info__
        await driver.fetch(f'DELETE FROM "{info.schema or "public"}"."{info.name}"')
    driver.reset()


@pytest.fixture
async def blog(related_url: str) -> AsyncIterator[Blog]:
    """Empty tables of the related models."""
    driver = CountingDriver(driver_of(related_url))
    await driver.open()
    try:
        await empty(driver)
        yield Blog(driver)
    finally:
        await driver.close()


@pytest.fixture
async def related_haus(related_url: str, blog: Blog) -> AsyncIterator[StoreHaus]:
    """An open haus on the same tables."""
    async with StoreHaus(config_of(related_url)) as opened:
        yield opened

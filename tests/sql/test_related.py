"""What loading a relation sends: text and parameters, apart from each other."""

from typing import Any

import pytest

from fix_relations import Comment, Kind, Order, Post, PostTag, RoomKind, Tag, User
from storehaus.model import Relation
from storehaus.model.routes import route_of
from storehaus.sql import Statement
from storehaus.sql.related import compile_related


def compiled(relation: Relation[Any, Any], *keys: list[Any]) -> Statement:
    """Write the statement of a relation."""
    return compile_related(relation, route_of(relation), keys)


def columns(model: Any) -> str:
    """The columns of a model, as the statement lists them."""
    return ", ".join(f'"t"."{column.column}"' for column in model.__table_info__.columns)


def test_one_to_many() -> None:
    """Keys are one array, numbered; deleted rows are left out; the primary key orders."""
    keys = [User(name="x").id]

    statement = compiled(User.posts, keys)

    assert statement.text == (
        f'SELECT "i"."#", {columns(Post)}'
        ' FROM (SELECT "u"."#", "u"."id" FROM unnest($1::uuid[]) WITH ORDINALITY AS "u"("id", "#"))'
        ' AS "i"("#", "#1"), "posts" AS "t"'
        ' WHERE "t"."author_id" = "i"."#1" AND "t"."__is_active__" ORDER BY "t"."id"'
    )
    assert statement.params == (keys,)


def test_many_to_one_needs_no_order() -> None:
    """There is one row per key."""
    text = compiled(Comment.post, [1, 2]).text

    assert "ORDER BY" not in text
    assert "DISTINCT" not in text


def test_one_to_one_takes_the_first_of_each_key() -> None:
    """Should there be several, the server sends one of them."""
    text = compiled(User.profile.with_deleted(), []).text

    assert text.startswith('SELECT DISTINCT ON ("i"."#") "i"."#", ')
    assert text.endswith(' ORDER BY "i"."#", "t"."__is_active__" DESC, "t"."id"')


def test_many_to_many_goes_through_the_link() -> None:
    """The link's own deleted rows are left out too."""
    text = compiled(Post.tags, [1]).text

    assert text == (
        f'SELECT "i"."#", {columns(Tag)}'
        ' FROM (SELECT DISTINCT "i"."#", "l"."tag"'
        ' FROM (SELECT "u"."#", "u"."id" FROM unnest($1::bigint[]) WITH ORDINALITY'
        ' AS "u"("id", "#")) AS "i"("#", "#1"), "post_tags" AS "l"'
        ' WHERE "l"."post_id" = "i"."#1" AND "l"."__is_active__") AS "i"("#", "#1"), "tags" AS "t"'
        ' WHERE "t"."name" = "i"."#1" AND "t"."__is_active__" ORDER BY "t"."name"'
    )


def test_composite_keys_are_an_array_per_column() -> None:
    """In the order of the foreign key."""
    statement = compiled(Order.lines, [7], [2026])

    assert "unnest($1::bigint[], $2::bigint[])" in statement.text
    assert 'WHERE "t"."order_number" = "i"."#1" AND "t"."order_year" = "i"."#2"' in statement.text
    assert statement.params == ([7], [2026])


def test_enums_travel_as_text() -> None:
    """And are cast to the type that stands in the schema of their table."""
    text = compiled(RoomKind.rooms, [Kind.SINGLE.name]).text

    assert '"u"."kind"::"hotel"."kind" FROM unnest($1::text[])' in text


def test_filter_and_order_follow_the_keys() -> None:
    """Values are parameters after the arrays; alternatives stand in brackets."""
    relation = User.posts.filter((Post.rank > 3) | (Post.title == "x")).order_by(Post.rank.desc())

    statement = compiled(relation, ["key"])

    assert (
        'AND ("t"."rank" > $2 OR "t"."title" = $3) AND "t"."__is_active__"'
        ' ORDER BY "t"."rank" DESC, "t"."id"' in statement.text
    )
    assert statement.params == (["key"], 3, "x")


def test_with_deleted_asks_for_no_flag() -> None:
    """Neither that of the row nor that of the link."""
    assert '__is_active__" ORDER' not in compiled(User.posts.with_deleted(), []).text
    assert PostTag.__table_info__.soft_delete is not None
    assert 'AND "l"."__is_active__"' not in compiled(Post.tags.with_deleted(), [1]).text


@pytest.mark.parametrize("relation", [User.posts, User.posts.with_deleted(), Post.tags], ids=repr)
def test_text_is_written_once(relation: Any) -> None:
    """Whatever the keys."""
    assert compiled(relation, [1]).text is compiled(relation, [2, 3]).text

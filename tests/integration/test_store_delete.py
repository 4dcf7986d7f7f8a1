"""delete, delete_many, delete_where, restore and purge, softly and for good."""

from typing import Any
from uuid import UUID

import pytest

from fix_haus import Airport, Article, Author, Book, Draft, Keyword, LogLine, Seat, Wallet, airport
from storehaus import (
    ForeignKeyViolation,
    NotFound,
    QueryBuilder,
    QueryError,
    StaleVersion,
    StoreHaus,
    UniqueViolation,
    uuid7,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("model", [Airport, Article])
async def test_soft_delete_only_marks(haus: StoreHaus, witness: Any, model: Any) -> None:
    """The row stays in the table, with its flag down and its time of change moved."""
    store: Any = haus.store(model)
    row = await store.create(airport(1) if model is Airport else Article(slug="a"), tags=["t"])

    assert await store.delete(row.id) is True

    (dead,) = await store.find(QueryBuilder(model).only_deleted())
    assert await witness.fetchval(f"SELECT count(*) FROM {model.__table_info__.name}") == 1
    assert getattr(dead, model.__table_info__.soft_delete.name) is False
    assert dead.__tags__ == ["t"]
    assert dead.__updated_at__ > row.__updated_at__


@pytest.mark.parametrize("model", [Airport, Wallet])
async def test_second_delete_finds_nothing(haus: StoreHaus, model: Any) -> None:
    """Deleting is True once; a missing row is no error."""
    store: Any = haus.store(model)
    row = await store.create(airport(1) if model is Airport else Wallet(id=1, owner="a"))

    assert [await store.delete(row.id), await store.delete(row.id)] == [True, False]
    assert await store.delete_many([row.id]) == []


async def test_hard_delete_leaves_nothing(haus: StoreHaus, witness: Any) -> None:
    """Where the model does not soft-delete the row is gone."""
    store = haus.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))

    assert await store.delete(1)
    assert await witness.fetchval("SELECT count(*) FROM wallets") == 0


@pytest.mark.parametrize("model", [Airport, Wallet])
async def test_deleted_ids_come_back_in_the_order_given(haus: StoreHaus, model: Any) -> None:
    """delete_many gives the ids that were there, each once; the others are passed over."""
    store: Any = haus.store(model)
    given = [
        airport(i, id=UUID(int=9 - i)) if model is Airport else Wallet(id=9 - i, owner=str(i))
        for i in range(4)
    ]
    rows = await store.create_many(given)
    missing = uuid7() if model is Airport else 77
    await store.delete(rows[1].id)

    ids = [rows[3].id, missing, rows[0].id, rows[1].id, rows[3].id]

    assert await store.delete_many(ids) == [rows[3].id, rows[0].id]
    assert [each.id for each in await store.list_all()] == [rows[2].id]
    assert await store.delete_many([]) == []


async def test_thousands_are_deleted(haus: StoreHaus) -> None:
    """A batch of several chunks is one batch."""
    store = haus.store(Wallet)
    await store.load(Wallet(id=i, owner=str(i)) for i in range(12_000))
    ids = list(range(11_999, -1, -1))

    assert await store.delete_many(ids) == ids
    assert await store.count() == 0


async def test_delete_may_leave_tags(haus: StoreHaus) -> None:
    """tags= marks what is soft-deleted."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i) for i in range(3)], tags=["old"])

    await store.delete(rows[0].id, tags=["one"])
    await store.delete_many([rows[1].id], tags=["many"])
    await store.delete_where(Airport.id == rows[2].id, tags=["where"])

    dead = await store.find(QueryBuilder(Airport).only_deleted().order_by(Airport.icao))
    assert [each.__tags__ for each in dead] == [["one"], ["many"], ["where"]]


async def test_delete_where_gives_the_ids(haus: StoreHaus) -> None:
    """Exactly the rows that the query finds, deleted ones left out."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i) for i in range(4)])
    await store.delete(rows[0].id)

    deleted = await store.delete_where(Airport.elevation < 3)

    assert set(deleted) == {rows[1].id, rows[2].id}
    assert await store.count() == 1


async def test_delete_where_without_key_gives_none(haus: StoreHaus, witness: Any) -> None:
    """Rows without id are deleted by query; there is no id to give, but one answer per row."""
    store = haus.store(LogLine)
    await store.create_many([LogLine(level="i", text=str(i)) for i in range(3)])

    assert await store.delete_where(LogLine.text < "2") == [None, None]
    assert await witness.fetchval("SELECT count(*) FROM log_lines") == 1


async def test_composite_ids_are_given_as_tuples(haus: StoreHaus) -> None:
    """delete_many and delete_where speak of ids as callers do."""
    store = haus.store(Seat)
    await store.create_many([Seat(hall="A", number=i) for i in range(3)])

    assert await store.delete_many([("A", 2), ("B", 1)]) == [("A", 2)]
    assert set(await store.delete_where(Seat.hall == "A")) == {("A", 0), ("A", 1)}


async def test_version_guards_a_delete(haus: StoreHaus) -> None:
    """if_version deletes only what was not changed since; without it any version goes."""
    store = haus.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))
    await store.patch(1, note="x")

    with pytest.raises(StaleVersion) as caught:
        await store.delete(1, if_version=1)
    assert (caught.value.record_id, caught.value.expected) == (1, 1)
    assert await store.delete(1, if_version=2)
    with pytest.raises(NotFound):
        await store.delete(1, if_version=2)


async def test_soft_delete_moves_the_version(haus: StoreHaus) -> None:
    """Whoever read the row before it was deleted and restored is stale."""
    store = haus.store(Draft)
    row = await store.create(Draft(id=1, text="t"))
    await store.delete(1)
    back = await store.restore(1)

    assert back.version == 3
    with pytest.raises(StaleVersion):
        await store.update(1, row)


async def test_restored_row_is_active_again(haus: StoreHaus) -> None:
    """Restore gives the row, with its tags or new ones."""
    store = haus.store(Airport)
    row = await store.create(airport(1), tags=["t"])
    await store.delete(row.id)

    back = await store.restore(row.id)
    await store.delete(row.id)
    tagged = await store.restore(row.id, tags=["new"])

    assert back.__is_active__ is True
    assert (back.__tags__, tagged.__tags__) == (["t"], ["new"])
    assert tagged == await store.get(row.id)


async def test_only_deleted_rows_are_restored(haus: StoreHaus) -> None:
    """An active row and a missing one are both not found among the deleted."""
    store = haus.store(Airport)
    row = await store.create(airport(1))

    for record_id in (row.id, uuid7()):
        with pytest.raises(NotFound):
            await store.restore(record_id)
    with pytest.raises(QueryError):
        await haus.store(Wallet).restore(1)


async def test_place_of_a_deleted_row_can_be_taken(haus: StoreHaus) -> None:
    """Uniqueness counts active rows; restoring then collides, and says with what."""
    store = haus.store(Airport)
    dead = await store.create(airport(1))
    await store.delete(dead.id)
    await store.create(airport(1))

    with pytest.raises(UniqueViolation) as caught:
        await store.restore(dead.id)

    assert (caught.value.table, caught.value.fields) == ("airports", ("icao",))
    assert await store.count_where(QueryBuilder(Airport).only_deleted()) == 1


async def test_purge_deletes_for_good(haus: StoreHaus, witness: Any) -> None:
    """Active or not, the row is gone; a missing one is False."""
    store = haus.store(Airport)
    live, dead = await store.create_many([airport(1), airport(2)])
    await store.delete(dead.id)

    assert [await store.purge(each.id) for each in (live, dead, dead)] == [True, True, False]
    assert await witness.fetchval("SELECT count(*) FROM airports") == 0
    assert await haus.store(Wallet).purge(5) is False


async def test_row_that_is_referenced_stays(haus: StoreHaus) -> None:
    """Deleting what others refer to is a ForeignKeyViolation, alone and in a batch."""
    authors, books = haus.store(Author), haus.store(Book)
    await authors.create_many([Author(id=i, name=str(i)) for i in range(4)])
    await books.create(Book(id=1, author_id=2, title="t"))

    with pytest.raises(ForeignKeyViolation):
        await authors.delete(2)
    with pytest.raises(ForeignKeyViolation) as caught:
        await authors.delete_many([0, 0, 1, 2, 3])
    assert caught.value.row_index == 3
    with pytest.raises(ForeignKeyViolation):
        await authors.delete_where(Author.id < 3)
    assert await authors.count() == 4


async def test_names_that_are_words_of_sql_are_deleted(haus: StoreHaus) -> None:
    """Every name is quoted in a DELETE too."""
    store = haus.store(Keyword)
    await store.create_many([Keyword(select=i, where=str(i)) for i in range(4)])

    assert await store.delete(0)
    assert await store.delete_many([1]) == [1]
    assert await store.delete_where(Keyword.where == "2") == [2]
    assert await store.purge(3)

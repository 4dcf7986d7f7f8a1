"""upsert and upsert_many: one atomic statement that inserts or updates."""

from datetime import UTC, datetime
from typing import Any

import pytest

from fix_haus import (
    Account,
    Airport,
    Article,
    Keyword,
    Label,
    LogLine,
    Parcel,
    Seat,
    Ticket,
    Wallet,
    airport,
)
from storehaus import (
    QueryBuilder,
    QueryError,
    StoreHaus,
    UniqueViolation,
    Upserted,
    ValidationError,
)

pytestmark = pytest.mark.anyio


async def test_new_row_is_inserted_and_known_one_updated(haus: StoreHaus) -> None:
    """`inserted` says which of the two happened."""
    store = haus.store(Label)

    first = await store.upsert(Label(key="k", value="one"))
    second = await store.upsert(Label(key="k", value="two"))

    assert (first.inserted, first.model.value) == (True, "one")
    assert (second.inserted, second.model.value) == (False, "two")
    assert second == Upserted(await store.get("k"), inserted=False)


async def test_unique_field_may_decide(haus: StoreHaus) -> None:
    """on= names another key: the row found keeps its own id and create-only fields."""
    store = haus.store(Airport)
    row = await store.create(airport(1, country="DE"))

    done = await store.upsert(airport(1, name="new", country="FR"), on=(Airport.icao,))

    assert (done.inserted, done.model.id, done.model.name) == (False, row.id, "new")
    assert done.model.country == "FR"
    assert await store.count() == 1


async def test_fields_to_update_may_be_named(haus: StoreHaus) -> None:
    """update= names what an existing row takes, the rest stays; () takes nothing."""
    store = haus.store(Label)
    await store.create(Label(key="k", value="one", hits=1))

    named = await store.upsert(Label(key="k", value="two", hits=2), update=(Label.hits,))
    nothing = await store.upsert(Label(key="k", value="three", hits=3), update=(), tags=["t"])

    assert (named.model.value, named.model.hits) == ("one", 2)
    assert (nothing.model.value, nothing.model.hits, nothing.model.__tags__) == ("one", 2, ["t"])


async def test_batch_answers_in_the_order_given(haus: StoreHaus) -> None:
    """Each row with its own `inserted`, in the caller's order."""
    store = haus.store(Label)
    await store.create_many([Label(key=k, value="old") for k in "bd"])

    done = await store.upsert_many([Label(key=k, value="new") for k in "dacb"], tags=["t"])

    assert [(each.model.key, each.inserted) for each in done] == [
        ("d", False),
        ("a", True),
        ("c", True),
        ("b", False),
    ]
    assert {(each.model.value, *each.model.__tags__) for each in done} == {("new", "t")}
    assert await store.upsert_many([]) == []


async def test_batch_of_several_chunks(haus: StoreHaus) -> None:
    """Beyond one statement's worth of rows, order and results stay right."""
    store = haus.store(Label)
    await store.load(Label(key=str(i), value="old") for i in range(0, 11_000, 2))

    done = await store.upsert_many([Label(key=str(i), value="new") for i in range(11_000)])

    assert [each.model.key for each in done] == [str(i) for i in range(11_000)]
    assert [each.inserted for each in done] == [bool(i % 2) for i in range(11_000)]


async def test_tags_of_an_inserted_row_default_to_none(haus: StoreHaus) -> None:
    """None stores no tags on a new row and keeps those of an old one."""
    store = haus.store(Label)
    await store.create(Label(key="old", value=""), tags=["kept"])

    done = await store.upsert_many([Label(key="old", value=""), Label(key="new", value="")])

    assert [each.model.__tags__ for each in done] == [["kept"], []]


async def test_row_named_twice_is_refused(haus: StoreHaus) -> None:
    """Two versions of one row in a batch cannot both be right; the second is named."""
    store = haus.store(Label)

    with pytest.raises(ValidationError) as caught:
        await store.upsert_many([Label(key=k, value="") for k in "abca"])

    assert (caught.value.row_index, caught.value.field) == (3, "key")
    assert await store.count() == 0


async def test_soft_deleted_twin_is_revived(haus: StoreHaus) -> None:
    """The same primary key stands for the same row, deleted or not."""
    store = haus.store(Seat)
    row = await store.create(Seat(hall="A", number=1, guest="old"), tags=["t"])
    await store.delete(("A", 1))

    done = await store.upsert(Seat(hall="A", number=1, guest="new"))

    assert (done.inserted, done.model.guest, done.model.__is_active__) == (False, "new", True)
    assert done.model.__created_at__ == row.__created_at__
    assert done.model.__tags__ == ["t"]
    assert await store.get(("A", 1)) == done.model


async def test_twin_with_a_flag_of_its_own_is_revived(haus: StoreHaus) -> None:
    """A custom flag is raised like the system's."""
    store = haus.store(Article)
    row = await store.create(Article(slug="a"))
    await store.delete(row.id)

    assert (await store.upsert(row)).model.visible is True


async def test_deleted_row_does_not_take_part_by_unique_field(haus: StoreHaus) -> None:
    """A deleted row with the same unique value is another row; the new one is inserted."""
    store = haus.store(Airport)
    dead = await store.create(airport(1))
    await store.delete(dead.id)

    done = await store.upsert(airport(1), on=("icao",))

    assert done.inserted
    assert await store.count_where(QueryBuilder(Airport).with_deleted()) == 2


async def test_partial_unique_index_may_decide(haus: StoreHaus) -> None:
    """Rows outside of the index's predicate never collide, within a batch neither."""
    store = haus.store(Airport)
    await store.create(airport(1, iata="FRA"))

    done = await store.upsert_many(
        [airport(2, iata="FRA"), airport(3), airport(4)], on=(Airport.iata,)
    )

    assert [each.inserted for each in done] == [False, True, True]
    assert await store.count() == 3


async def test_row_named_twice_by_a_partial_index_is_refused(haus: StoreHaus) -> None:
    """Where only the server can tell that two rows are the same, the error is the same."""
    store = haus.store(Airport)

    with pytest.raises(ValidationError):
        await store.upsert_many(
            [airport(1, iata="FRA"), airport(2, iata="FRA")], on=(Airport.iata,)
        )
    assert await store.count() == 0


async def test_other_constraints_still_hold(haus: StoreHaus) -> None:
    """A collision on another field than `on` is an error, with its row in a batch."""
    store = haus.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))

    with pytest.raises(UniqueViolation) as caught:
        await store.upsert(Wallet(id=2, owner="a"))
    assert (caught.value.fields, caught.value.row_index) == (("owner",), None)
    with pytest.raises(UniqueViolation) as caught:
        await store.upsert_many([Wallet(id=3, owner="c"), Wallet(id=2, owner="a")])
    assert (caught.value.fields, caught.value.row_index) == (("owner",), 1)
    assert await store.count() == 1


@pytest.mark.parametrize("batch", [False, True])
async def test_fields_that_are_not_sent_keep_their_values(haus: StoreHaus, *, batch: bool) -> None:
    """What a create ignores, and what the server makes, does not overwrite what is stored."""
    store = haus.store(Account)
    row = await store.create(Account(id=1, email="a"))
    row.last_login = login = datetime.now(UTC)
    await store.update(1, row)
    rows = [row, Account(id=2, email="b")] if batch else [row]

    done = await store.upsert_many(rows)

    assert done[0].model.last_login == login


async def test_left_out_server_defaults_keep_their_values(haus: StoreHaus) -> None:
    """Rows of mixed shapes: given values are taken, left-out ones stay."""
    with pytest.raises(QueryError):
        await haus.store(Ticket).upsert(Ticket(title="no id"))
    store = haus.store(Parcel)
    await store.create_many([Parcel(id=i, title="old", state="s", weight=i) for i in range(3)])

    done = await store.upsert_many(
        [
            Parcel(id=2, title="a"),
            Parcel(id=0, title="b", state="t"),
            Parcel(id=9, title="c"),
            Parcel(id=1, title="d", weight=5),
        ]
    )

    assert [(each.model.title, each.model.state, each.model.weight) for each in done] == [
        ("a", "s", 2),
        ("b", "t", 0),
        ("c", "open", 7),
        ("d", "s", 5),
    ]


async def test_target_must_be_unique(haus: StoreHaus) -> None:
    """Only a primary key or a unique index can decide; the error comes before any statement."""
    store = haus.store(Airport)

    for on in (("name",), (), ("icao", "iata"), ("nope",), "icao", Airport.icao, (Wallet.owner,)):
        with pytest.raises(QueryError):
            await store.upsert(airport(1), on=on)  # type: ignore[arg-type]  # that is the point
        with pytest.raises(QueryError):
            await store.upsert_many([], on=on)  # type: ignore[arg-type]  # the same
    for update in (("id",), ("icao",), ("checked_at",), ("__tags__",), ("nope",), "name"):
        with pytest.raises(QueryError):
            await store.upsert(airport(1), update=update)
    with pytest.raises(QueryError):
        await haus.store(LogLine).upsert(LogLine(level="", text=""))


async def test_words_of_sql_and_composite_keys(haus: StoreHaus) -> None:
    """Quoted names and keys of two parts take part in ON CONFLICT."""
    keywords, seats = haus.store(Keyword), haus.store(Seat)

    await keywords.upsert(Keyword(select=1, where="w", group="old"))
    by_unique = await keywords.upsert(Keyword(select=2, where="w", group="new"), on=("where",))
    await seats.upsert_many([Seat(hall="A", number=i) for i in range(2)])
    again = await seats.upsert_many([Seat(hall="A", number=i, guest="g") for i in (1, 2)])

    assert (by_unique.model.select, by_unique.model.group) == (1, "new")
    assert [(each.inserted, each.model.guest) for each in again] == [(False, "g"), (True, "g")]
    assert await seats.count() == 3


async def test_forged_values_do_not_reach_an_existing_row(haus: StoreHaus) -> None:
    """System fields, flags and read-only fields of the model are ignored by the update too."""
    store: Any = haus.store(Account)
    row = await store.create(Account(id=1, email="a"), tags=["t"])
    forged = Account(id=1, email="forged", credit=99)
    forged.__created_at__ = datetime(2000, 1, 1, tzinfo=UTC)
    forged.__tags__ = ["admin"]

    done = (await store.upsert(forged)).model

    assert (done.email, done.credit, done.__tags__) == ("a", 5, ["t"])
    assert done.__created_at__ == row.__created_at__

"""update, update_many, patch and update_where: results, tags, permissions, versions."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from fix_haus import (
    Account,
    Airport,
    Article,
    Draft,
    Keyword,
    LogLine,
    Seat,
    Ticket,
    Turn,
    Wallet,
    airport,
)
from storehaus import (
    CheckViolation,
    NotFound,
    QueryBuilder,
    QueryError,
    StaleVersion,
    StoreHaus,
    UpdateSet,
    ValidationError,
    uuid7,
)

pytestmark = pytest.mark.anyio


async def test_update_gives_the_row_as_stored(haus: StoreHaus) -> None:
    """All fields that may change take the model's values."""
    store = haus.store(Airport)
    row = await store.create(airport(1), tags=["t"])
    row.name, row.city, row.runways = "new", "town", ["x"]

    updated = await store.update(row.id, row)

    assert updated == await store.get(row.id)
    assert (updated.name, updated.city, updated.runways) == ("new", "town", ["x"])
    assert updated.__tags__ == ["t"]
    assert updated.__created_at__ == row.__created_at__
    assert updated.__updated_at__ > row.__updated_at__


@pytest.mark.parametrize("verb", ["update", "update_many", "patch", "update_where", "upsert"])
async def test_tags_are_kept_replaced_or_cleared(haus: StoreHaus, verb: str) -> None:
    """None keeps the tags, a list replaces them, an empty one clears them."""
    store = haus.store(Airport)
    row = await store.create(airport(1), tags=["old"])

    async def write(tags: Any) -> list[str]:
        match verb:
            case "update":
                return (await store.update(row.id, row, tags=tags)).__tags__
            case "update_many":
                return (await store.update_many([(row.id, row)], tags=tags))[0].__tags__
            case "patch":
                return (await store.patch(row.id, name="n", tags=tags)).__tags__
            case "update_where":
                found = await store.update_where(Airport.id == row.id, {"name": "n"}, tags=tags)
                return found[0].__tags__
            case _:
                return (await store.upsert(row, tags=tags)).model.__tags__

    assert await write(None) == ["old"]
    assert await write(["a", "b"]) == ["a", "b"]
    assert await write(()) == []


@pytest.mark.parametrize("door", ["update", "update_many"])
async def test_fields_not_given_on_update_keep_their_values(haus: StoreHaus, door: str) -> None:
    """update=False, readonly and the flag: what a model carries is ignored."""
    store = haus.store(Account)
    now = datetime.now(UTC)
    await store.create_many([Account(id=1, email="a"), Account(id=2, email="b")])
    given = [Account(id=i, email="forged", last_login=now, credit=99) for i in (1, 2)]

    if door == "update":
        stored = [await store.update(each.id, each) for each in given]
    else:
        stored = await store.update_many([(each.id, each) for each in given])

    assert [(each.email, each.credit) for each in stored] == [("a", 5), ("b", 5)]
    assert {each.last_login for each in stored} == {now}


@pytest.mark.parametrize("door", ["update", "update_many"])
async def test_flag_is_not_changed_by_an_update(haus: StoreHaus, door: str) -> None:
    """A row is deleted by deleting it, not by a model that says so."""
    store = haus.store(Article)
    row = await store.create(Article(slug="a"))
    row.visible = False
    other = await store.create(Article(slug="b"))

    if door == "update":
        await store.update(row.id, row)
    else:
        await store.update_many([(row.id, row), (other.id, other)])

    assert (await store.get(row.id)).visible is True


async def test_forged_system_fields_are_not_updated(haus: StoreHaus) -> None:
    """Neither times nor tags nor the flag are taken from a model."""
    store = haus.store(Airport)
    row = await store.create(airport(1), tags=["t"])
    forged = await store.get(row.id)
    forged.__created_at__ = forged.__updated_at__ = datetime(2000, 1, 1, tzinfo=UTC)
    forged.__tags__, forged.__is_active__ = ["admin"], False

    stored = await store.update(row.id, forged)

    assert stored.__created_at__ == row.__created_at__
    assert stored.__updated_at__ > row.__updated_at__
    assert (stored.__tags__, stored.__is_active__) == (["t"], True)


async def test_missing_row_is_not_found(haus: StoreHaus) -> None:
    """No update makes a row; the error names table and id."""
    store, missing = haus.store(Airport), uuid7()

    for attempt in (
        lambda: store.update(missing, airport(1, id=missing)),
        lambda: store.patch(missing, name="x"),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt()
        assert (caught.value.table, caught.value.record_id) == ("airports", missing)
        assert caught.value.row_index is None


async def test_batch_with_a_missing_row_changes_none(haus: StoreHaus) -> None:
    """update_many is all or nothing and names the missing one."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i) for i in range(5)])
    for row in rows:
        row.name = "new"
    await store.delete(rows[3].id)

    with pytest.raises(NotFound) as caught:
        await store.update_many([(row.id, row) for row in rows])

    assert (caught.value.record_id, caught.value.row_index) == (rows[3].id, 3)
    assert not await store.exists(Airport.name == "new")


async def test_deleted_row_is_not_found_by_updates(haus: StoreHaus) -> None:
    """A soft-deleted row is out of reach of every update."""
    store = haus.store(Airport)
    row = await store.create(airport(1))
    await store.delete(row.id)

    with pytest.raises(NotFound):
        await store.update(row.id, row)
    with pytest.raises(NotFound):
        await store.patch(row.id, name="x")
    with pytest.raises(NotFound):
        await store.update_many([(row.id, row)])
    assert await store.update_where(Airport.id == row.id, {"name": "x"}) == []


async def test_model_of_another_row_is_refused(haus: StoreHaus) -> None:
    """Primary keys are never updated: a model that carries another id is a mistake."""
    store = haus.store(Airport)
    one, two = await store.create_many([airport(1), airport(2)])

    with pytest.raises(ValidationError) as caught:
        await store.update(one.id, two)
    assert (caught.value.field, caught.value.row_index) == ("id", None)
    with pytest.raises(ValidationError) as caught:
        await store.update_many([(one.id, one), (two.id, one)])
    assert (caught.value.field, caught.value.row_index) == ("id", 1)


async def test_new_instance_without_identity_carries_no_other_id(haus: StoreHaus) -> None:
    """A key that the server makes is UNSET in a new instance, which fits any row."""
    store = haus.store(Ticket)
    row = await store.create(Ticket(title="a"))

    assert (await store.update(row.id, Ticket(title="b", state="s", weight=1))).title == "b"


async def test_left_out_server_defaults_keep_their_values(haus: StoreHaus) -> None:
    """What is UNSET in a model is not sent, alone and in batches of mixed rows."""
    store = haus.store(Ticket)
    rows = await store.create_many([Ticket(title=str(i), state="s", weight=i) for i in range(4)])
    news = [
        Ticket(title="a"),
        Ticket(title="b", state="t"),
        Ticket(title="c", weight=9),
        Ticket(title="d", state="u", weight=8),
    ]

    alone = await store.update(rows[0].id, news[0])
    batch = await store.update_many(zip([row.id for row in rows], news, strict=True))

    assert (alone.title, alone.state, alone.weight) == ("a", "s", 0)
    assert [(each.title, each.state, each.weight) for each in batch] == [
        ("a", "s", 0),
        ("b", "t", 1),
        ("c", "s", 9),
        ("d", "u", 8),
    ]


async def test_model_with_nothing_to_update_takes_tags(haus: StoreHaus) -> None:
    """A row of which nothing may change can still be tagged."""
    store = haus.store(Turn)
    one, two = await store.create_many([Turn(), Turn()])

    assert (await store.update(one.id, one, tags=["a"])).__tags__ == ["a"]
    many = await store.update_many([(one.id, one), (two.id, two)], tags=["b"])
    assert [each.__tags__ for each in many] == [["b"], ["b"]]


async def test_batch_answers_in_the_order_given(haus: StoreHaus) -> None:
    """update_many gives the rows back in its caller's order."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i, id=UUID(int=99 - i)) for i in range(50)])
    for row in rows:
        row.name = f"new {row.icao}"

    updated = await store.update_many([(row.id, row) for row in rows])

    assert [each.name for each in updated] == [row.name for row in rows]
    assert await store.update_many([]) == []


async def test_batch_of_several_chunks_is_updated(haus: StoreHaus) -> None:
    """Beyond one statement's worth of rows, order and values stay right."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i) for i in range(6_000)])
    for row in rows:
        row.name = f"new {row.icao}"

    updated = await store.update_many([(row.id, row) for row in reversed(rows)])

    assert [each.name for each in updated] == [row.name for row in reversed(rows)]


@pytest.mark.parametrize("kind", ["single", "composite"])
async def test_id_that_stands_twice_is_refused(haus: StoreHaus, kind: str) -> None:
    """One statement would apply only one of two changes to a row."""
    store: Any = haus.store(Airport if kind == "single" else Seat)
    row = await store.create(airport(1) if kind == "single" else Seat(hall="A", number=1))
    record_id = row.id if kind == "single" else ("A", 1)

    with pytest.raises(ValidationError) as caught:
        await store.update_many([(record_id, row), (record_id, row)])

    assert caught.value.row_index == 1


async def test_composite_rows_are_updated(haus: StoreHaus) -> None:
    """Ids of two parts lead to their rows, in every verb."""
    store = haus.store(Seat)
    rows = await store.create_many([Seat(hall=h, number=n) for h in "AB" for n in (1, 2)])
    for row in rows:
        row.guest = f"{row.hall}{row.number}"

    many = await store.update_many([((row.hall, row.number), row) for row in rows])
    patched = await store.patch(("B", 2), guest="P")

    assert [each.guest for each in many] == ["A1", "A2", "B1", "B2"]
    assert patched.guest == "P"
    with pytest.raises(ValidationError):
        await store.update(("A", 2), rows[0])


async def test_patch_changes_what_is_named(haus: StoreHaus) -> None:
    """Keywords, names and columns mean the same; other fields keep their values."""
    store = haus.store(Airport)
    row = await store.create(airport(1, city="c"))

    one = await store.patch(row.id, name="one", extra={"a": 1})
    two = await store.patch(row.id, {"name": "two"})
    three = await store.patch(row.id, {Airport.elevation: Airport.elevation + 5})
    four = await store.patch(row.id, UpdateSet().increment("elevation").set(Airport.city, None))

    assert (one.name, one.city, one.extra) == ("one", "c", {"a": 1})
    assert (two.name, two.extra) == ("two", {"a": 1})
    assert three.elevation == 6.0
    assert (four.elevation, four.city, four.name) == (7.0, None, "two")


async def test_patch_of_tags_alone(haus: StoreHaus) -> None:
    """Nothing but new tags is a change; nothing at all is none."""
    store = haus.store(Airport)
    row = await store.create(airport(1), tags=["old"])

    assert (await store.patch(row.id, tags=["new"])).__tags__ == ["new"]
    assert (await store.patch(row.id, tags=())).__tags__ == []
    with pytest.raises(QueryError):
        await store.patch(row.id)
    with pytest.raises(QueryError):
        await store.patch(row.id, {})


async def test_patch_refuses_what_may_not_change(haus: StoreHaus) -> None:
    """Naming a field that no update may change is a mistake, not something to ignore."""
    store = haus.store(Airport)
    row = await store.create(airport(1))

    for changes in (
        {"icao": "Y"},
        {"id": uuid7()},
        {"__tags__": ["x"]},
        {"__updated_at__": datetime.now(UTC)},
        {"__is_active__": False},
    ):
        with pytest.raises(ValidationError):
            await store.patch(row.id, changes)
    with pytest.raises(QueryError):
        await store.patch(row.id, nope=1)
    with pytest.raises(QueryError):
        await store.patch(row.id, {"name": "a"}, city="b")
    with pytest.raises(QueryError):
        await store.patch(row.id, {Airport.name: "a", "name": "b"})
    with pytest.raises(ValidationError):
        await store.patch(row.id, lat=91.0)
    assert await store.get(row.id) == row


async def test_patch_of_a_field_called_tags_wants_the_mapping(haus: StoreHaus) -> None:
    """Where the model has a field of this name the keyword could mean either."""
    store = haus.store(Article)
    row = await store.create(Article(slug="a", tags=["own"]), tags=["system"])

    with pytest.raises(QueryError) as caught:
        await store.patch(row.id, tags=["x"])
    with pytest.raises(QueryError):
        await store.patch(row.id, slug="b", tags=None)
    patched = await store.patch(row.id, {Article.tags: ["x"]})

    assert caught.value.field == "tags"
    assert (patched.tags, patched.__tags__) == (["x"], ["system"])


async def test_field_called_tags_is_apart_from_the_tags(haus: StoreHaus) -> None:
    """The field and the system field are two columns."""
    store = haus.store(Article)
    row = await store.create(Article(slug="a", tags=["own"]), tags=["system"])
    row.tags = ["new"]

    updated = await store.update(row.id, row, tags=["s2"])

    assert (row.__tags__, updated.tags, updated.__tags__) == (["system"], ["new"], ["s2"])


async def test_names_that_are_words_of_sql_are_updated(haus: StoreHaus) -> None:
    """Renamed and reserved columns take part in every update."""
    store = haus.store(Keyword)
    rows = await store.create_many([Keyword(select=i, where=str(i)) for i in range(3)])
    for row in rows:
        row.group, row.camel = "g", 5

    await store.update_many([(row.select, row) for row in rows])
    await store.patch(1, {Keyword.group: "p", "where": "q"})
    await store.update_where(Keyword.group == "g", {Keyword.camel: Keyword.camel * 2})

    assert [(each.where, each.group, each.camel) for each in rows_of(await store.list_all())] == [
        ("0", "g", 10),
        ("q", "p", 5),
        ("2", "g", 10),
    ]


def rows_of(rows: list[Keyword]) -> list[Keyword]:
    """In the order of their keys."""
    return sorted(rows, key=lambda each: each.select)


async def test_update_where_gives_the_rows_it_changed(haus: StoreHaus) -> None:
    """Exactly those that the query found, deleted ones left out."""
    store = haus.store(Airport)
    rows = await store.create_many([airport(i) for i in range(6)])
    await store.delete(rows[0].id)

    changed = await store.update_where(
        QueryBuilder(Airport).filter(Airport.elevation < 3), {"name": "low"}, tags=["l"]
    )

    assert {each.id for each in changed} == {rows[1].id, rows[2].id}
    assert {tuple(each.__tags__) for each in changed} == {("l",)}
    assert await store.count_where(Airport.name == "low") == 2


async def test_write_to_all_rows_says_so(haus: StoreHaus) -> None:
    """Without a filter everything=True is asked for."""
    store = haus.store(Airport)
    await store.create_many([airport(1), airport(2)])

    for query in (QueryBuilder(Airport), QueryBuilder(Airport).filter_by_all_tags([])):
        with pytest.raises(QueryError):
            await store.update_where(query, {"name": "x"})
        with pytest.raises(QueryError):
            await store.delete_where(query)
    assert len(await store.update_where(QueryBuilder(Airport), {"name": "x"}, everything=True)) == 2
    assert len(await store.delete_where(QueryBuilder(Airport), everything=True)) == 2


async def test_update_where_of_rows_without_key(haus: StoreHaus) -> None:
    """Rows without id are changed by query."""
    store = haus.store(LogLine)
    await store.create_many([LogLine(level="i", text=str(i)) for i in range(3)])

    changed = await store.update_where(LogLine.text == "1", {"level": "w"})

    assert [(each.level, each.text) for each in changed] == [("w", "1")]


async def test_update_where_can_reach_deleted_rows(haus: StoreHaus) -> None:
    """with_deleted() and only_deleted() say which rows a write by query means."""
    store = haus.store(Airport)
    row = await store.create(airport(1))
    await store.delete(row.id)
    query = QueryBuilder(Airport).filter(Airport.id == row.id)

    assert len(await store.update_where(query.only_deleted(), {"name": "dead"})) == 1
    assert len(await store.update_where(query, {"name": "live"})) == 0


async def test_version_grows_with_each_update(haus: StoreHaus) -> None:
    """It starts at 1; update, patch, update_many, update_where and upsert add one each."""
    store = haus.store(Wallet)
    row = await store.create(Wallet(id=1, owner="a"))
    seen = [row.version]

    row = await store.update(1, row)
    seen.append(row.version)
    row = await store.patch(1, note="n")
    seen.append(row.version)
    (row,) = await store.update_many([(1, row)])
    seen.append(row.version)
    (row,) = await store.update_where(Wallet.id == 1, {"note": "m"})
    seen.append(row.version)
    row = (await store.upsert(row)).model
    seen.append(row.version)

    assert seen == [1, 2, 3, 4, 5, 6]


async def test_stale_model_is_refused(haus: StoreHaus) -> None:
    """A model read before somebody else's write does not overwrite it."""
    store = haus.store(Wallet)
    stale = await store.create(Wallet(id=1, owner="a"))
    await store.patch(1, balance=Decimal(5))

    with pytest.raises(StaleVersion) as caught:
        await store.update(1, stale)

    assert (caught.value.table, caught.value.record_id, caught.value.expected) == ("wallets", 1, 1)
    assert (await store.get(1)).balance == 5


async def test_stale_row_in_a_batch_stops_it(haus: StoreHaus) -> None:
    """update_many names the stale row and changes none."""
    store = haus.store(Wallet)
    rows = await store.create_many([Wallet(id=i, owner=str(i)) for i in range(4)])
    await store.patch(2, balance=Decimal(5))
    for row in rows:
        row.note = "new"

    with pytest.raises(StaleVersion) as caught:
        await store.update_many([(row.id, row) for row in rows])

    assert (caught.value.record_id, caught.value.row_index, caught.value.expected) == (2, 2, 1)
    assert not await store.exists(Wallet.note == "new")


async def test_version_may_be_given(haus: StoreHaus) -> None:
    """if_version is the version that the row must have."""
    store = haus.store(Wallet)
    one, two = await store.create_many([Wallet(id=i, owner=str(i)) for i in (1, 2)])

    assert (await store.patch(1, note="a", if_version=1)).version == 2
    with pytest.raises(StaleVersion):
        await store.patch(1, note="b", if_version=1)
    with pytest.raises(StaleVersion) as caught:
        await store.update_many([(1, one), (2, two)], if_version=[1, 1])
    assert caught.value.row_index == 0
    assert len(await store.update_many([(1, one), (2, two)], if_version=[2, 1])) == 2
    with pytest.raises(NotFound):
        await store.patch(9, note="x", if_version=1)


async def test_model_that_was_never_stored_has_no_version(haus: StoreHaus) -> None:
    """A new instance overwrites whatever is there."""
    store = haus.store(Wallet)
    await store.create(Wallet(id=1, owner="a"))
    await store.patch(1, note="x")

    assert (await store.update(1, Wallet(id=1, owner="b"))).version == 3


async def test_batch_of_models_with_and_without_version(haus: StoreHaus) -> None:
    """Rows that were read are locked by their version, new instances are not."""
    store = haus.store(Wallet)
    read = await store.create(Wallet(id=1, owner="a"))
    await store.create(Wallet(id=2, owner="b"))
    await store.patch(2, note="x")

    updated = await store.update_many([(1, read), (2, Wallet(id=2, owner="c"))])

    assert [each.version for each in updated] == [2, 3]


@pytest.mark.parametrize("wrong", ["1", 1.5, 2**70, b"1"], ids=repr)
async def test_version_is_a_storable_integer(haus: StoreHaus, wrong: Any) -> None:
    """Something else is refused before it is sent, given or carried by a model."""
    store = haus.store(Wallet)
    one, two = await store.create_many([Wallet(id=i, owner=str(i)) for i in (1, 2)])
    one.version = wrong

    for attempt in (
        lambda: store.patch(1, note="a", if_version=wrong),
        lambda: store.delete(1, if_version=wrong),
        lambda: store.update_many([(2, two)], if_version=[wrong]),
        lambda: store.update(1, one),
        lambda: store.update_many([(1, one), (2, two)]),
    ):
        with pytest.raises(ValidationError) as caught:
            await attempt()
        assert caught.value.field == "version"


async def test_versions_of_a_batch_are_as_many_as_its_rows(haus: StoreHaus) -> None:
    """One version per row, and only where the model has one."""
    store = haus.store(Wallet)
    one = await store.create(Wallet(id=1, owner="a"))

    with pytest.raises(QueryError):
        await store.update_many([(1, one)], if_version=[1, 2])
    with pytest.raises(QueryError):
        await haus.store(Airport).patch(uuid7(), name="x", if_version=1)
    with pytest.raises(QueryError):
        await haus.store(Airport).delete(uuid7(), if_version=1)


async def test_deleted_row_is_missing_whatever_its_version(haus: StoreHaus) -> None:
    """A soft-deleted row is not found, rather than stale."""
    store = haus.store(Draft)
    row = await store.create(Draft(id=1, text="t"))
    await store.delete(1)

    with pytest.raises(NotFound):
        await store.update(1, row)
    with pytest.raises(NotFound):
        await store.patch(1, text="x", if_version=1)


async def test_values_of_a_violation_hold_no_expression(haus: StoreHaus) -> None:
    """What an expression would have given, only the database knows."""
    store = haus.store(Airport)
    created = await store.create(airport(1))

    with pytest.raises(CheckViolation) as caught:
        await store.patch(created.id, {Airport.lat: Airport.lat + 1000})

    assert (caught.value.fields, caught.value.values) == (("lat",), None)

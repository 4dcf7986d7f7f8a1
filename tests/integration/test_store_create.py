"""create and create_many: what is stored, what comes back, what is ignored."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec import UNSET

from fix_haus import Account, Airport, Article, Keyword, LogLine, Seat, Ticket, Turn, airport
from storehaus import GenericStore, StoreHaus, ValidationError, uuid7

pytestmark = pytest.mark.anyio


async def test_created_row_comes_back_as_it_is_stored(haus: StoreHaus) -> None:
    """What create gives is what a later get gives, system fields filled."""
    store = haus.store(Airport)

    created = await store.create(airport(1, runways=['a"b', "c,d"], extra={"k": [1, None]}))

    assert created == await store.get(created.id)
    assert created.__tags__ == []
    assert created.__is_active__ is True
    assert created.__created_at__.tzinfo is not None
    assert created.__updated_at__ == created.__created_at__


async def test_given_instance_stays_as_it_was(haus: StoreHaus) -> None:
    """Storing gives a new instance; the caller's own is not changed."""
    given = airport(1)

    created = await haus.store(Airport).create(given)

    assert created is not given
    assert given.__created_at__ is UNSET


async def test_tags_are_stored_in_their_order(haus: StoreHaus) -> None:
    """Tags come back as they were given, twice the same included."""
    created = await haus.store(Airport).create(airport(1), tags=["b", "a", "b", ""])

    assert created.__tags__ == ["b", "a", "b", ""]


@pytest.mark.parametrize(
    "tags", ["hub", b"hub", {"hub"}, 5, ["hub", None], ["\x00"], [b"x"]], ids=repr
)
async def test_tags_are_a_list_of_texts(haus: StoreHaus, tags: Any) -> None:
    """A single text is a sequence of texts too, and would become one tag per letter."""
    with pytest.raises(ValidationError) as caught:
        await haus.store(Airport).create(airport(1), tags=tags)

    assert caught.value.field == "__tags__"


async def test_batch_keeps_the_order_given(haus: StoreHaus) -> None:
    """create_many answers in the order asked, whatever the keys are."""
    given = [airport(i, id=UUID(int=1000 - i)) for i in range(200)]

    created = await haus.store(Airport).create_many(given, tags=["t"])

    assert [each.icao for each in created] == [each.icao for each in given]
    assert {tuple(each.__tags__) for each in created} == {("t",)}
    assert await haus.store(Airport).get_many([each.id for each in given]) == created


async def test_batch_of_several_chunks_keeps_the_order(haus: StoreHaus) -> None:
    """Beyond one statement's worth of rows the order stays."""
    given = [LogLine(level="i", text=str(i)) for i in range(12_001)]

    created = await haus.store(LogLine).create_many(given)

    assert [each.text for each in created] == [each.text for each in given]


async def test_empty_batch_is_no_work(haus: StoreHaus) -> None:
    """No rows, no error."""
    store = haus.store(Airport)

    assert await store.create_many([]) == []
    assert await store.create_many(iter(())) == []
    assert await store.load([]) == 0


async def test_batch_without_returning_stores_the_same(haus: StoreHaus) -> None:
    """returning=False gives nothing back and stores all."""
    store = haus.store(Airport)

    assert await store.create_many([airport(1), airport(2)], tags=["t"], returning=False) == []
    assert [(each.icao, each.__tags__) for each in await store.list_all()] == [
        ("X00001", ["t"]),
        ("X00002", ["t"]),
    ]


@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert"])
async def test_forged_system_fields_are_ignored(haus: StoreHaus, door: str) -> None:
    """A request body may carry any system field; the store fills them itself."""
    forged = airport(1)
    past = datetime(2000, 1, 1, tzinfo=UTC)
    forged.__created_at__ = past
    forged.__updated_at__ = past
    forged.__tags__ = ["admin"]
    forged.__is_active__ = False

    stored = await through(haus.store(Airport), door, forged)

    assert stored.__tags__ == []
    assert stored.__is_active__ is True
    assert stored.__created_at__ > past
    assert stored.__updated_at__ > past


async def through(store: GenericStore[Any], door: str, model: Any) -> Any:
    """Store one model through a door."""
    match door:
        case "create":
            return await store.create(model)
        case "create_many":
            return (await store.create_many([model, *_others(store)]))[0]
        case "load":
            await store.load([model])
            return await store.get(store._table.key.of_model(model))
        case _:
            return (await store.upsert(model)).model


def _others(store: GenericStore[Any]) -> list[Any]:
    """A second row, so that the batch is one."""
    if store.model is Airport:
        return [airport(999)]
    return [Account(id=999, email="other")]


@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert"])
async def test_fields_not_given_on_create_take_their_default(haus: StoreHaus, door: str) -> None:
    """create=False and readonly: what the caller gives is ignored by every door."""
    given = Account(id=1, email="a@b", last_login=datetime.now(UTC), credit=1_000_000)

    stored = await through(haus.store(Account), door, given)

    assert (stored.email, stored.last_login, stored.credit) == ("a@b", None, 5)


@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert"])
async def test_fields_not_given_on_create_are_made_anew(haus: StoreHaus, door: str) -> None:
    """A default that only Python can make is made by the store, not taken from the caller."""
    given = Account(id=1, email="a@b", token=UUID(int=7))

    stored = await through(haus.store(Account), door, given)

    assert stored.token > UUID(int=7)
    assert given.token == UUID(int=7)


async def test_custom_flag_starts_active(haus: StoreHaus) -> None:
    """The flag is the store's, even where it is a field of the model."""
    stored = await haus.store(Article).create(Article(slug="a", visible=False))

    assert stored.visible is True


async def test_server_makes_what_is_left_out(haus: StoreHaus) -> None:
    """Identity and server_default are filled by PostgreSQL, given values are kept."""
    store = haus.store(Ticket)

    one = await store.create(Ticket(title="one"))
    two = await store.create(Ticket(title="two", state="done"))

    assert one.id < two.id
    assert (one.state, one.weight, two.state, two.weight) == ("open", 7, "done", 7)


async def test_given_identity_is_ignored(haus: StoreHaus) -> None:
    """The server alone counts: a value from outside is not sent."""
    model = Ticket(title="one")
    model.id = -5

    assert (await haus.store(Ticket).create(model)).id > 0


MIXED = [
    Ticket(title="0"),
    Ticket(title="1", state="done"),
    Ticket(title="2", weight=1),
    Ticket(title="3"),
    Ticket(title="4", state="late", weight=2),
    Ticket(title="5", state="done"),
]
STORED = [
    ("0", "open", 7),
    ("1", "done", 7),
    ("2", "open", 1),
    ("3", "open", 7),
    ("4", "late", 2),
    ("5", "done", 7),
]


async def test_rows_that_leave_out_different_fields_share_a_batch(haus: StoreHaus) -> None:
    """Rows of different shapes come back in their order, each with its own defaults."""
    created = await haus.store(Ticket).create_many(MIXED)

    assert [(each.title, each.state, each.weight) for each in created] == STORED


async def test_rows_that_leave_out_different_fields_share_a_load(haus: StoreHaus) -> None:
    """COPY takes rows of different shapes too."""
    store = haus.store(Ticket)

    assert await store.load(MIXED) == 6
    rows = sorted(await store.list_all(), key=lambda each: each.title)
    assert [(each.title, each.state, each.weight) for each in rows] == STORED


async def test_rows_that_leave_out_everything(haus: StoreHaus) -> None:
    """A row may send nothing but its tags, alone and in a batch."""
    store = haus.store(Turn)

    alone = await store.create(Turn(), tags=["a"])
    batch = await store.create_many([Turn(), Turn()], tags=["b"])
    loaded = await store.load([Turn(), Turn()], tags=["c"])

    assert [each.__tags__ for each in (alone, *batch)] == [["a"], ["b"], ["b"]]
    assert loaded == 2
    assert len({each.id for each in await store.list_all()}) == 5


async def test_model_without_key_is_stored(haus: StoreHaus) -> None:
    """Rows need no key to be created, counted and listed."""
    store = haus.store(LogLine)

    one = await store.create(LogLine(level="info", text="same"))
    await store.create_many([LogLine(level="info", text="same")] * 2)

    assert one.text == "same"
    assert await store.count() == 3


async def test_composite_key_is_stored(haus: StoreHaus) -> None:
    """Both parts of a key come back, and find the row."""
    store = haus.store(Seat)

    created = await store.create(Seat(hall="A", number=1, guest="g"))

    assert await store.get(("A", 1)) == created
    assert await store.get_by_id(("A", 2)) is None


async def test_names_may_be_words_of_sql(haus: StoreHaus) -> None:
    """Every name is quoted, so reserved words and capitals are names like others."""
    store = haus.store(Keyword)

    created = await store.create_many(
        [Keyword(select=1, where="w", group="g", camel=2), Keyword(select=2, where="v")]
    )

    assert await store.get_many([1, 2]) == created
    assert (created[0].group, created[0].camel, created[1].group) == ("g", 2, None)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"lat": 91.0}, "lat"),
        ({"country": None}, "country"),
        ({"id": "no uuid"}, "id"),
        ({"runways": ["a", None]}, "runways"),
        ({"runways": "abc"}, "runways"),
        ({"extra": {"k": object()}}, "extra"),
        ({"name": "a\x00b"}, "name"),
        ({"elevation": "high"}, "elevation"),
    ],
)
@pytest.mark.parametrize("door", ["create", "create_many", "load", "upsert"])
async def test_wrong_values_are_refused(
    haus: StoreHaus, door: str, values: dict[str, Any], field: str
) -> None:
    """Every door refuses a value that does not fit, naming model and field."""
    with pytest.raises(ValidationError) as caught:
        await through(haus.store(Airport), door, airport(1, **values))

    assert (caught.value.model, caught.value.field) == ("Airport", field)


@pytest.mark.parametrize("wrong", [None, "x", 5, {}, Account(id=1, email="e")])
async def test_only_models_of_the_store_are_stored(haus: StoreHaus, wrong: Any) -> None:
    """Something else is a ValidationError by every door, with its place in a batch."""
    store = haus.store(Airport)

    with pytest.raises(ValidationError):
        await store.create(wrong)
    with pytest.raises(ValidationError):
        await store.update(uuid7(), wrong)
    with pytest.raises(ValidationError):
        await store.upsert(wrong)
    for verb in (store.create_many, store.load, store.upsert_many):
        with pytest.raises(ValidationError) as caught:
            await verb([airport(1), wrong])
        assert caught.value.row_index == 1

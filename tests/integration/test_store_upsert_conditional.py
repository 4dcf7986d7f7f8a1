"""Upserts with a condition and with expressions: what is written, and what is left alone."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from fix_haus import Airport, Label, Recorder, airport, counted_haus, driver_of
from fix_verbs import Pair, Reading, Shade, Station
from storehaus import (
    Change,
    GenericStore,
    QueryBuilder,
    QueryError,
    StoreHaus,
    UniqueViolation,
    UpdateSet,
    Upserted,
    ValidationError,
    case,
    count,
    excluded,
    func,
    greatest,
    scalar,
)
from storehaus.store import Database
from storehaus.testing import CountingDriver

pytestmark = pytest.mark.anyio


class Stop(Exception):  # noqa: N818 - it ends a block, which is no error
    """Leaves a block."""


NEWER = excluded(Reading.seen_at) > Reading.seen_at


def brief(results: Sequence[Upserted[Any] | None], *names: str) -> list[Any]:
    """Fields of the rows, and whether each is new; None for those left alone."""
    return [
        each and (*(getattr(each.model, name) for name in names), each.inserted) for each in results
    ]


async def stored(store: GenericStore[Any], *names: str) -> list[tuple[Any, ...]]:
    """Fields of all rows by primary key, deleted ones too."""
    query = QueryBuilder(store.model)
    if store.table_info.soft_delete is not None:
        query = query.with_deleted()
    keys = [column.name for column in store.table_info.primary_key]
    rows = await store.find(query.order_by(*keys))
    return [tuple(getattr(row, name) for name in names) for row in rows]


async def test_condition_decides_whether_an_existing_row_changes(verbs: StoreHaus) -> None:
    """A new row is inserted whatever it holds, an older one is left alone and given as None."""
    store = verbs.store(Reading)

    first = await store.upsert(Reading(id=1, text="a", seen_at=5), where=NEWER)
    older = await store.upsert(Reading(id=1, text="b", seen_at=4), where=NEWER, tags=["t"])
    equal = await store.upsert(Reading(id=1, text="c", seen_at=5), where=NEWER)
    newer = await store.upsert(Reading(id=1, text="d", seen_at=6), where=NEWER, tags=["t"])

    assert (older, equal) == (None, None)
    assert brief([first, newer], "text", "version") == [("a", 1, True), ("d", 2, False)]
    assert newer is not None
    assert newer.model == await store.get(1)
    assert newer.model.__tags__ == ["t"]


async def test_row_left_alone_is_as_it_was(verbs: StoreHaus) -> None:
    """Not even its version, its tags or its time moves."""
    store = verbs.store(Reading)
    await store.create(Reading(id=1, text="a", seen_at=5), tags=["kept"])
    before = await store.get(1)

    await store.upsert(Reading(id=1, text="b"), where=NEWER, tags=["t"])
    await store.upsert_many(
        [Reading(id=1, text="b"), Reading(id=2, text="b")], where=NEWER, tags=["t"]
    )

    assert await store.get(1) == before


async def test_batch_says_of_each_row_what_happened(verbs: StoreHaus) -> None:
    """Inserted, updated and left alone, in the order given."""
    store = verbs.store(Reading)
    await store.create_many([Reading(id=i, text="old", seen_at=10) for i in (1, 3, 5)])

    done = await store.upsert_many(
        [
            Reading(id=5, text="new", seen_at=11),
            Reading(id=4, text="new", seen_at=0),
            Reading(id=3, text="new", seen_at=9),
            Reading(id=2, text="new", seen_at=99),
            Reading(id=1, text="new", seen_at=12),
        ],
        where=NEWER,
    )

    assert brief(done, "id", "seen_at") == [
        (5, 11, False),
        (4, 0, True),
        None,
        (2, 99, True),
        (1, 12, False),
    ]
    assert await stored(store, "id", "text") == [
        (1, "new"),
        (2, "new"),
        (3, "old"),
        (4, "new"),
        (5, "new"),
    ]


async def test_batch_of_several_chunks_and_shapes(verbs: StoreHaus) -> None:
    """Beyond one statement's worth of rows, with fields left out here and there."""
    store = verbs.store(Station)
    numbers = list(range(12_000))
    random.Random(7).shuffle(numbers)
    await store.load(Station(id=i, level=100) for i in numbers if i % 3 == 0)

    rows = [
        Station(id=i, level=i % 200, state="s") if i % 2 else Station(id=i, level=i % 200)
        for i in numbers
    ]
    done = await store.upsert_many(rows, where=excluded(Station.level) > Station.level)

    for i, each in zip(numbers, done, strict=True):
        if i % 3 == 0 and i % 200 <= 100:
            assert each is None
        else:
            assert each is not None
            assert (each.model.id, each.model.level) == (i, i % 200)
            assert each.model.state == ("s" if i % 2 else "new")
            assert each.inserted == bool(i % 3)


async def test_composite_key_of_an_enum_and_a_moment(verbs: StoreHaus) -> None:
    """Keys are told apart by value: labels, and moments of whatever zone."""
    store = verbs.store(Pair)
    noon = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)
    east = timezone(timedelta(hours=5, minutes=30))
    await store.create_many(
        [Pair(shade=Shade.BLUE, at=noon, level=5), Pair(shade=Shade.RED, at=noon, level=5)]
    )

    done = await store.upsert_many(
        [
            Pair(shade=Shade.RED, at=noon.astimezone(east), level=9),
            Pair(shade=Shade.BLUE, at=noon.astimezone(east), level=1),
            Pair(shade=Shade.BLUE, at=noon + timedelta(microseconds=1), level=2),
        ],
        where=excluded(Pair.level) > Pair.level,
    )

    assert brief(done, "shade", "level") == [(Shade.RED, 9, False), None, (Shade.BLUE, 2, True)]


async def test_unique_index_decides(verbs: StoreHaus) -> None:
    """An index of two columns: rows keep their ids; NULLs are never equal, and all come back."""
    store = verbs.store(Station)
    noon = datetime(2024, 2, 29, 12, tzinfo=UTC)
    await store.create_many(
        [
            Station(id=1, shade=Shade.BLUE, at=noon, level=5),
            Station(id=2, shade=Shade.RED, at=noon, level=5),
            Station(id=3, shade=Shade.RED, level=5),
        ]
    )

    done = await store.upsert_many(
        [
            Station(id=11, shade=Shade.RED, level=1),
            Station(id=12, shade=Shade.RED, at=noon, level=1),
            Station(id=13, shade=Shade.RED, level=2),
            Station(id=14, shade=Shade.BLUE, at=noon, level=9),
            Station(id=15, shade=Shade.BLUE, level=3),
        ],
        on=(Station.shade, "at"),
        where=excluded(Station.level) > Station.level,
    )

    assert brief(done, "id", "level") == [
        (11, 1, True),
        None,
        (13, 2, True),
        (1, 9, False),
        (15, 3, True),
    ]


async def test_numbers_and_arrays_as_keys(verbs: StoreHaus) -> None:
    """1.0 is 1.00, and an array is its items."""
    store = verbs.store(Station)
    await store.create_many(
        [
            Station(id=1, serial=Decimal("1.00"), words=["a", "b"], level=5),
            Station(id=2, serial=Decimal(2), words=[], level=5),
        ]
    )
    higher = excluded(Station.level) > Station.level

    by_number = await store.upsert_many(
        [
            Station(id=11, serial=Decimal("1.0"), words=["a", "b"], level=6),
            Station(id=12, serial=Decimal("2.00"), words=["z"], level=1),
        ],
        on=(Station.serial,),
        where=higher,
    )
    by_words = await store.upsert_many(
        [
            Station(id=21, words=[], level=9),
            Station(id=22, words=["a", "b"], level=1),
            Station(id=23, words=["b", "a"], level=1),
        ],
        on=(Station.words,),
        update=(Station.level,),
        where=higher,
    )

    assert brief(by_number, "id", "level") == [(1, 6, False), None]
    assert brief(by_words, "id", "level") == [(2, 9, False), None, (23, 1, True)]
    with pytest.raises(ValidationError):
        await store.upsert_many(
            [Station(id=31, words=["x"]), Station(id=32, words=["x"])], on=(Station.words,)
        )


async def test_deleted_twin_is_revived_whatever_the_condition(verbs: StoreHaus) -> None:
    """A deleted row is none that exists, so nothing is asked of it."""
    store = verbs.store(Reading)
    await store.create_many([Reading(id=i, text="old", seen_at=10) for i in (1, 2, 3)])
    await store.delete_many([1, 2])

    one = await store.upsert(Reading(id=1, text="new", seen_at=1), where=NEWER)
    many = await store.upsert_many(
        [Reading(id=i, text="new", seen_at=1) for i in (3, 2)], where=NEWER
    )

    assert brief([one, *many], "id", "text") == [(1, "new", False), None, (2, "new", False)]
    assert await stored(store, "id", "text", "__is_active__") == [
        (1, "new", True),
        (2, "new", True),
        (3, "old", True),
    ]


async def test_deleted_row_takes_no_part_by_a_unique_index(haus: StoreHaus) -> None:
    """The index is over active rows: an equal dead one is another row."""
    store = haus.store(Airport)
    dead = await store.create(airport(1, elevation=9.0))
    await store.delete(dead.id)
    higher = excluded(Airport.elevation) > Airport.elevation

    done = await store.upsert(airport(1, elevation=1.0), on=(Airport.icao,), where=higher)
    again = await store.upsert(airport(1, elevation=0.5), on=(Airport.icao,), where=higher)

    assert done is not None
    assert done.inserted
    assert done.model.id != dead.id
    assert again is None


async def test_changes_are_expressions(verbs: StoreHaus) -> None:
    """Of the stored row, of the one given, of both, and plain values; the rest stays."""
    store = verbs.store(Reading)
    await store.create(Reading(id=1, value=10, hits=1, text="a", seen_at=3))

    done = await store.upsert(
        Reading(id=1, value=7, hits=2, text="b", seen_at=99),
        update={
            Reading.value: Reading.value + excluded(Reading.value),
            "hits": greatest(Reading.hits, excluded(Reading.hits)),
            Reading.text: case((excluded(Reading.seen_at) > 50, "late"), else_=Reading.text),
        },
    )

    assert brief([done], "value", "hits", "text", "seen_at", "version") == [
        (17, 2, "late", 3, 2, False)
    ]


async def test_changes_of_a_batch_see_each_row_of_its_own(verbs: StoreHaus) -> None:
    """One statement counts many hits; new rows are stored as given."""
    store = verbs.store(Reading)
    await store.create_many([Reading(id=i, hits=i, text="old") for i in (1, 2)])

    done = await store.upsert_many(
        [Reading(id=i, hits=10 * i, text="new") for i in (3, 2, 1)],
        update={Reading.hits: Reading.hits + excluded(Reading.hits), Reading.text: "seen"},
    )

    assert brief(done, "id", "hits", "text") == [
        (3, 30, "new", True),
        (2, 22, "seen", False),
        (1, 11, "seen", False),
    ]


async def test_values_of_condition_and_changes_are_parameters(
    verbs_driver: CountingDriver,
) -> None:
    """Other values, the same text: nothing of a value is written into the statement."""
    store = GenericStore(Database(verbs_driver), Reading)
    hostile = "'; DROP TABLE verbs.readings; --"
    for value, text in ((1, hostile), (2, '"{$1}%s\\'), (3, hostile)):
        await store.upsert(
            Reading(id=1, text=text),
            where=(Reading.value < value) & (Reading.text != text + "x"),
            update={Reading.value: value, Reading.text: text},
        )
        await store.upsert_many(
            [Reading(id=i, text=text) for i in (2, 3)],
            where=Reading.text != text + "x",
            update={Reading.text: text},
        )

    assert len(set(verbs_driver.texts)) == 2
    assert {text for (text,) in await stored(store, "text")} == {hostile}


async def test_condition_and_changes_may_ask_other_tables(verbs: StoreHaus) -> None:
    """Subqueries as values and in the condition."""
    readings, stations = verbs.store(Reading), verbs.store(Station)
    await stations.create_many([Station(id=i) for i in (1, 2)])
    await readings.create_many([Reading(id=i) for i in (1, 3)])

    done = await readings.upsert_many(
        [Reading(id=i) for i in (3, 2, 1)],
        where=Reading.id.in_(QueryBuilder(Station).select(Station.id)),
        update={Reading.value: scalar(QueryBuilder(Station).select(count()))},
    )

    assert brief(done, "id", "value") == [None, (2, 0, True), (1, 2, False)]


async def test_condition_without_change(verbs: StoreHaus) -> None:
    """An empty update takes nothing over; the condition still decides about version and tags."""
    store = verbs.store(Reading)
    await store.create(Reading(id=1, text="a", seen_at=1))

    for empty in ((), {}):
        touched = await store.upsert(
            Reading(id=1, text="b", seen_at=2), update=empty, where=NEWER, tags=["t"]
        )
        left = await store.upsert(Reading(id=1, text="b"), update=empty, where=NEWER, tags=["u"])
        assert left is None
        assert touched is not None
        assert (touched.model.text, touched.model.__tags__) == ("a", ["t"])
    assert (await store.get(1)).version == 3


@pytest.mark.parametrize("needs_rows", [True, False])
@pytest.mark.parametrize("in_transaction", [True, False])
async def test_plugins_hear_of_written_rows_only(
    verbs_driver: CountingDriver, *, needs_rows: bool, in_transaction: bool
) -> None:
    """The outcome is exact: the rows as stored, which of them are new, and no row left alone."""
    plugin = Recorder(needs_rows=needs_rows, in_transaction=in_transaction)
    store = GenericStore(Database(verbs_driver, [plugin]), Reading)
    plain = GenericStore(Database(verbs_driver), Reading)
    await plain.create_many([Reading(id=i, seen_at=10) for i in (1, 2)])

    await store.upsert_many(
        [Reading(id=2, seen_at=11), Reading(id=1, seen_at=9), Reading(id=3)], where=NEWER
    )
    await store.upsert(Reading(id=1, seen_at=9), where=NEWER)
    await store.upsert(Reading(id=1, seen_at=12), where=NEWER)

    many, none, one = plugin.outcomes
    assert (many.count, [each.id for each in many.models or ()], many.inserted) == (
        2,
        [2, 3],
        [False, True],
    )
    assert (none.count, none.models, none.inserted) == (0, [], [])
    assert (one.count, [each.seen_at for each in one.models or ()], one.inserted) == (
        1,
        [12],
        [False],
    )
    assert list(many.models or ()) == await store.find(
        QueryBuilder(Reading).filter(Reading.id > 1).order_by(Reading.id)
    )


async def test_rows_with_equal_null_keys_are_all_told(verbs_driver: CountingDriver) -> None:
    """Rows without a key value cannot be told apart by it, and none of them is passed over."""
    plugin = Recorder()
    store = GenericStore(Database(verbs_driver, [plugin]), Station)
    await store.create(Station(id=1, serial=Decimal(1), level=5))

    done = await store.upsert_many(
        [
            Station(id=2, level=2),
            Station(id=3, serial=Decimal(1), level=1),
            Station(id=4, level=4),
        ],
        on=(Station.serial,),
        where=excluded(Station.level) > Station.level,
    )

    assert brief(done, "id", "level") == [(2, 2, True), None, (4, 4, True)]
    assert [each.id for each in plugin.outcomes[-1].models or ()] == [2, 4]


async def test_hook_may_alter_what_is_upserted(verbs_driver: CountingDriver) -> None:
    """Rows that a hook takes out are no rows of the answer."""

    class Careful(GenericStore[Reading]):
        async def before_create(self, change: Change[Reading]) -> None:
            change.models = [each for each in change.models or () if each.value >= 0]
            for model in change.models:
                model.text = "hooked"
            change.tags = ["hooked"]

    store = Careful(Database(verbs_driver))
    await store.create(Reading(id=1, seen_at=5))

    done = await store.upsert_many(
        [
            Reading(id=3, seen_at=1),
            Reading(id=2, value=-1),
            Reading(id=1, seen_at=1),
        ],
        where=NEWER,
    )

    assert brief(done, "id", "text", "__tags__") == [(3, "hooked", ["hooked"], True), None]


async def test_within_a_transaction(verbs: StoreHaus) -> None:
    """Written and left alone with the block, and told to plug-ins after it."""
    store = verbs.store(Reading)
    await store.create(Reading(id=1, seen_at=5))

    with suppress(Stop):
        async with verbs.transaction():
            assert await store.upsert(Reading(id=1, seen_at=4), where=NEWER) is None
            done = await store.upsert_many([Reading(id=i, seen_at=6) for i in (2, 1)], where=NEWER)
            assert brief(done, "id") == [(2, True), (1, False)]
            raise Stop
    assert await stored(store, "id", "seen_at") == [(1, 5)]
    async with verbs.transaction():
        await store.upsert_many([Reading(id=i, seen_at=6) for i in (2, 1)], where=NEWER)
    assert await stored(store, "id", "seen_at") == [(1, 6), (2, 6)]


@pytest.mark.parametrize("many", [False, True])
async def test_newest_wins_whoever_comes_last(
    verbs_url: str, verbs: StoreHaus, *, many: bool
) -> None:
    """Sixteen writers, in any order: each row ends as the newest, and every hit is counted."""
    numbers = range(1, 17)
    async with counted_haus(verbs_url, max_connections=8) as (haus, _):
        store = haus.store(Reading)
        counter = haus.store(Label)
        await counter.purge("hits")
        start = asyncio.Event()

        async def write(number: int) -> int:
            await start.wait()
            order = random.Random(number)
            done = 0
            for _ in range(5):
                rows = [Reading(id=i, seen_at=number, text=str(number)) for i in range(4)]
                order.shuffle(rows)
                if many:
                    found: Sequence[Any] = await store.upsert_many(rows, where=NEWER)
                else:
                    found = [await store.upsert(row, where=NEWER) for row in rows]
                done += sum(each is not None for each in found)
                await counter.upsert(
                    Label(key="hits", value="", hits=1),
                    update={Label.hits: Label.hits + excluded(Label.hits)},
                )
            return done

        tasks = [asyncio.create_task(write(number)) for number in numbers]
        start.set()
        written = await asyncio.gather(*tasks)

        assert await stored(store, "seen_at", "text") == [(16, "16")] * 4
        # Each write moved a version, and what was left alone did not.
        assert sum(version for (version,) in await stored(store, "version")) == sum(written)
        assert (await counter.get("hits")).hits == 16 * 5


async def test_function_in_a_condition_leaves_no_trace(verbs_url: str, verbs: StoreHaus) -> None:
    """The connection is reset, alone, in a batch, and after a transaction."""
    async with counted_haus(verbs_url, max_connections=1) as (haus, _):
        store = haus.store(Reading)
        await store.create_many([Reading(id=i) for i in (1, 2)])

        def condition(value: str) -> Any:
            return func.set_config("storehaus.leak", value, False, returns=str) == value

        assert await store.upsert(Reading(id=1), where=condition("one")) is not None
        assert await setting(haus) in {None, ""}
        done = await store.upsert_many([Reading(id=i) for i in (1, 2)], where=condition("two"))
        assert None not in done
        assert await setting(haus) in {None, ""}
        async with haus.transaction():
            await store.upsert(Reading(id=1), where=condition("three"))
        assert await setting(haus) in {None, ""}


async def setting(haus: StoreHaus) -> str | None:
    """What the connection that comes next has."""
    setting = func.current_setting("storehaus.leak", True, returns=str)
    (row,) = await haus.store(Reading).select(
        QueryBuilder(Reading).select(setting.as_("setting")).limit(1)
    )
    value: str | None = row[0]
    return value


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"where": True}, "a filter is a condition"),
    ({"where": "seen_at > 3"}, "a filter is a condition"),
    ({"where": excluded(Station.level) > 1}, "no column of Reading"),
    ({"where": Station.level > 1}, "no column of Reading"),
    ({"where": Reading.text > 3}, "must be str"),
    ({"update": {}, "where": Reading.id == "x"}, "must be int"),
    ({"update": {Reading.id: 3}}, "may not be updated"),
    ({"update": {Reading.version: 3}}, "may not be updated"),
    ({"update": {"__tags__": ["t"]}}, "may not be updated"),
    ({"update": {"__is_active__": True}}, "may not be updated"),
    ({"update": {"nope": 3}}, "has no field"),
    ({"update": {Station.level: 3}}, "has no field"),
    ({"update": {3: 3}}, "has no field"),
    ({"update": {Reading.value: 3, "value": 4}}, "changed twice"),
    ({"update": ("value", Reading.value)}, "changed twice"),
    ({"update": {Reading.value: Reading.text}}, "text is no bigint"),
    ({"update": {Reading.value: Reading.value > 3}}, "an expression"),
    ({"update": {Reading.value: excluded(Station.level)}}, "no column of Reading"),
    ({"update": UpdateSet().increment(Reading.hits)}, "a mapping"),
    ({"update": 3}, "a mapping"),
    ({"on": ("seen_at",), "where": NEWER}, "covers exactly"),
]


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
async def test_what_means_nothing_is_refused_unsent(
    verbs_driver: CountingDriver, arguments: dict[str, Any], said: str
) -> None:
    """By a typed error, in both verbs, before any statement."""
    store = GenericStore(Database(verbs_driver), Reading)

    with pytest.raises(QueryError, match=said):
        await store.upsert(Reading(id=1), **arguments)
    with pytest.raises(QueryError, match=said):
        await store.upsert_many([Reading(id=1), Reading(id=2)], **arguments)
    assert verbs_driver.calls == []


@pytest.mark.parametrize("value", ["x", None, 2**63, True])
async def test_values_of_changes_are_checked(verbs_driver: CountingDriver, value: Any) -> None:
    """As in any update."""
    store = GenericStore(Database(verbs_driver), Reading)

    with pytest.raises(ValidationError):
        await store.upsert(Reading(id=1), update={Reading.value: value})
    assert verbs_driver.calls == []


async def test_excluded_means_something_in_upserts_only(verbs_driver: CountingDriver) -> None:
    """Everywhere else there is no row that was to be inserted."""
    store = GenericStore(Database(verbs_driver), Reading)
    for verb in (
        store.find(NEWER),
        store.update_where(Reading.id == 1, {Reading.value: excluded(Reading.value)}),
        store.patch(1, {Reading.value: excluded(Reading.value)}),
        store.delete_where(NEWER),
        store.select(QueryBuilder(Reading).select(excluded(Reading.value))),
    ):
        with pytest.raises(QueryError, match="excluded"):
            await verb
    assert verbs_driver.calls == []


async def test_condition_needs_keys_that_tell_rows_apart(verbs_driver: CountingDriver) -> None:
    """A predicate of the user's own, and a key that is itself changed, do not."""
    airports = GenericStore(Database(verbs_driver), Airport)
    stations = GenericStore(Database(verbs_driver), Station)

    with pytest.raises(QueryError, match="index over all rows"):
        await airports.upsert(
            airport(1), on=(Airport.iata,), where=excluded(Airport.elevation) > Airport.elevation
        )
    with pytest.raises(QueryError, match="stays as it is"):
        await stations.upsert(
            Station(id=1, serial=Decimal(1)),
            on=(Station.serial,),
            update={Station.serial: Station.serial + 1},
            where=Station.level > 0,
        )
    assert verbs_driver.calls == []


async def test_row_given_twice_is_refused(verbs_driver: CountingDriver) -> None:
    """Whatever the condition would say of the second."""
    store = GenericStore(Database(verbs_driver), Reading)

    with pytest.raises(ValidationError) as caught:
        await store.upsert_many([Reading(id=i, seen_at=i) for i in (1, 2, 1)], where=NEWER)
    assert caught.value.row_index == 2
    assert verbs_driver.calls == []


async def test_other_constraints_still_hold(verbs: StoreHaus) -> None:
    """A row that the condition would leave alone is inserted where only another key collides."""
    store = verbs.store(Station)
    await store.create(Station(id=1, serial=Decimal(1)))

    with pytest.raises(UniqueViolation) as caught:
        await store.upsert_many(
            [Station(id=3), Station(id=2, serial=Decimal(1))], where=Station.level < 0
        )
    assert (caught.value.fields, caught.value.row_index) == (("serial",), 1)
    assert await stored(store, "id") == [(1,)]


async def test_trigger_that_disturbs_is_an_error(
    verbs_url: str, verbs_driver: CountingDriver
) -> None:
    """A trigger that drops or renames rows leaves nobody with somebody else's row."""
    store = GenericStore(Database(verbs_driver, [Recorder(in_transaction=True)]), Station)
    raw = await asyncpg.connect(verbs_url)
    try:
        for body in (
            "IF NEW.id = 2 THEN RETURN NULL; END IF; RETURN NEW;",
            "IF NEW.id = 2 THEN NEW.serial := 77; END IF; RETURN NEW;",
        ):
            await raw.execute(
                "CREATE OR REPLACE FUNCTION verbs.disturb() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {body} END $$;"
                "CREATE OR REPLACE TRIGGER disturb BEFORE INSERT ON verbs.stations"
                " FOR EACH ROW EXECUTE FUNCTION verbs.disturb()"
            )
            await raw.execute("DELETE FROM verbs.stations")
            await raw.execute("INSERT INTO verbs.stations (id, serial, level) VALUES (1, 1, 5)")
            with pytest.raises(Exception, match="trigger") as caught:
                await store.upsert_many(
                    [Station(id=2), Station(id=3), Station(id=9, serial=Decimal(1))],
                    on=(Station.serial,),
                    where=excluded(Station.level) > Station.level,
                )
            assert type(caught.value).__name__ == "DatabaseError"
            assert await stored(store, "id") == [(1,)]
    finally:
        await raw.execute("DROP FUNCTION verbs.disturb() CASCADE")
        await raw.close()


async def test_plain_upserts_stay_prepared(verbs_url: str, verbs: StoreHaus) -> None:
    """Without condition and expressions nothing is compiled anew, and the text is the same."""
    driver = driver_of(verbs_url)
    counting = CountingDriver(driver)
    await counting.open()
    try:
        store = GenericStore(Database(counting), Reading)
        for i in range(3):
            await store.upsert(Reading(id=i), update=("text",))
        assert len(set(counting.texts)) == 1
    finally:
        await counting.close()

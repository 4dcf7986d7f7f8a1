"""Hostile ids, tags, names and values: stored exactly, or refused before anything is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fix_haus import Gadget, Label, Mood, Point, Seat, driver_of
from storehaus import GenericStore, QueryBuilder, QueryError, QueryFilter, ValidationError
from storehaus.store import Database
from storehaus.testing import CountingDriver

Run = Callable[[Coroutine[Any, Any, Any]], Any]

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NASTY = [
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "ok\udfff",
    "'; DROP TABLE labels; --",
    '"',
    "\\",
    "$1",
    "%s %(x)s {x}",
    '{a,NULL,"b"}',
    "NULL",
    "👩‍👩‍👧‍👧",
    "\u202egnp.exe",
    "x" * 65_536,
    "\r\n\t\x01\x7f",
    "\ufeff",
    "\U0001d54f" * 1_000,
]
texts = st.sampled_from(NASTY) | st.text(st.characters(), max_size=12)
things = (
    texts
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 2**70, -1])
    | st.floats()
    | st.none()
    | st.booleans()
    | st.binary(max_size=4)
    | st.lists(texts, max_size=2)
    | st.dictionaries(texts, st.integers(), max_size=2)
    | st.just(object())
)


class Bench:
    """A store of labels whose statements are counted."""

    def __init__(self, driver: CountingDriver) -> None:
        self.driver = driver
        self.labels = GenericStore(Database(driver), Label)
        self.seats = GenericStore(Database(driver), Seat)
        self.gadgets = GenericStore(Database(driver), Gadget)

    async def refuses(self, work: Awaitable[Any]) -> bool:
        """Run a verb: False when it was done, True when it was refused without any statement."""
        self.driver.reset()
        try:
            await work
        except (ValidationError, QueryError):
            # load is the one that checks while it sends; what it sent before is taken back.
            kinds = {call.kind for call in self.driver.calls}
            assert kinds <= {"begin", "savepoint", "copy_in", "rollback"}
            return True
        return False


@pytest.fixture(scope="module")
def bench(tables_url: str) -> Iterator[tuple[Run, Bench]]:
    """The tables, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(tables_url))
        runner.run(driver.open())
        yield runner.run, Bench(driver)
        runner.run(driver.close())


def storable(text: Any) -> bool:
    """Whether PostgreSQL has a place for it in a text."""
    if not isinstance(text, str) or "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


DOORS: dict[str, Callable[[GenericStore[Label], Label], Awaitable[Any]]] = {
    "create": lambda s, row: s.create(row),
    "create_many": lambda s, row: s.create_many([row]),
    "create_many of two": lambda s, row: s.create_many([Label(key="\x01other", value="\x01"), row]),
    "load": lambda s, row: s.load([row]),
    "upsert": lambda s, row: s.upsert(row),
    "upsert_many": lambda s, row: s.upsert_many([Label(key="\x01other", value="\x01"), row]),
}


@QUIET
@given(key=texts | things, value=texts, door=st.sampled_from(sorted(DOORS)))
@example(key="", value="", door="load")
def test_ids_and_values_are_exact_or_refused(
    bench: tuple[Run, Bench], key: Any, value: str, door: str
) -> None:
    """What goes in by any door is found by its id, unchanged; the rest sends no statement."""
    run, it = bench

    async def check() -> None:
        await it.labels.delete_where(QueryBuilder(Label), everything=True)
        fits = storable(key) and storable(value)
        assert await it.refuses(DOORS[door](it.labels, Label(key=key, value=value))) is not fits
        if fits:
            found = await it.labels.get(key)
            assert (found.key, found.value) == (key, value)
            assert await it.labels.get_many([key]) == [found]
            assert await it.labels.find(Label.key == key, Label.value == value) == [found]
            assert await it.labels.find(QueryBuilder().filter(QueryFilter.eq("value", value))) == [
                found
            ]
            changed = (await it.labels.update_many([(key, Label(key=key, value=f"{value}!"))]))[0]
            assert changed.value == f"{value}!"
            assert await it.labels.delete_many([key]) == [key]
        else:
            assert await it.labels.count() == 0

    run(check())


@QUIET
@given(record_id=things)
def test_ids_by_every_verb(bench: tuple[Run, Bench], record_id: Any) -> None:
    """An id that is no storable text is refused before SQL by every verb that takes one."""
    run, it = bench

    async def check() -> None:
        model = Label(key="k", value="v")
        for work in (
            lambda: it.labels.get_by_id(record_id),
            lambda: it.labels.get_many(["k", record_id]),
            lambda: it.labels.delete(record_id),
            lambda: it.labels.delete_many(["k", record_id]),
            lambda: it.labels.purge(record_id),
        ):
            assert await it.refuses(work()) is not storable(record_id)
        if not storable(record_id):
            assert await it.refuses(it.labels.update(record_id, model))
            assert await it.refuses(it.labels.patch(record_id, value="x"))

    run(check())


@QUIET
@given(hall=things, number=things)
def test_composite_ids(bench: tuple[Run, Bench], hall: Any, number: Any) -> None:
    """Each part is checked; whatever they are together, the answer is a row, None or an error."""
    run, it = bench

    async def check() -> None:
        is_int = type(number) is int and -(2**63) <= number < 2**63
        fits = storable(hall) and is_int
        assert await it.refuses(it.seats.get_by_id((hall, number))) is not fits
        if fits:
            await it.seats.upsert(Seat(hall=hall, number=number, guest=hall))
            found = await it.seats.get((hall, number))
            assert (found.hall, found.number, found.guest) == (hall, number, hall)
            assert await it.seats.delete_many([(hall, number)]) == [(hall, number)]
            assert await it.seats.purge((hall, number))

    run(check())


@QUIET
@given(given_tags=st.lists(texts, max_size=4) | things)
def test_tags_are_exact_or_refused(bench: tuple[Run, Bench], given_tags: Any) -> None:
    """Tags come back in their order, by every door; they are found by the queries for tags."""
    run, it = bench
    fits = given_tags is None or (
        isinstance(given_tags, list) and all(storable(each) for each in given_tags)
    )

    async def check() -> None:
        await it.labels.delete_where(QueryBuilder(Label), everything=True)
        await it.labels.create(Label(key="k", value=""), tags=["old"])
        other = Label(key="o", value="")
        for work in (
            lambda: it.labels.create(other, tags=given_tags),
            lambda: it.labels.upsert(other, tags=given_tags),
            lambda: it.labels.patch("k", value="x", tags=given_tags),
            lambda: it.labels.update("k", Label(key="k", value="y"), tags=given_tags),
            lambda: it.labels.update_where(Label.key == "k", {"value": "z"}, tags=given_tags),
            lambda: it.labels.load([Label(key="l", value="")], tags=given_tags),
        ):
            assert await it.refuses(work()) is not fits
        expected = {"k": ["old"]}
        if fits:
            stored = given_tags or []
            kept = ["old"] if given_tags is None else stored
            expected = {"k": kept, "o": stored, "l": stored}
        rows = await it.labels.list_all()
        assert {row.key: row.__tags__ for row in rows} == expected
        for tag in expected["k"]:
            assert "k" in {
                row.key for row in await it.labels.find(QueryBuilder(Label).filter_by_tag(tag))
            }

    run(check())


@QUIET
@given(name=texts, value=things)
@example(name="value", value="x")
@example(name="key", value="x")
@example(name="__tags__", value=[])
def test_names_from_outside_are_names_of_fields(
    bench: tuple[Run, Bench], name: str, value: Any
) -> None:
    """A name that is no field never becomes SQL, in changes and in filters."""
    run, it = bench

    async def check() -> None:
        await it.labels.upsert(Label(key="k", value=""))
        may_change = name in {"value", "hits"}
        refused = await it.refuses(it.labels.patch("k", {name: value}))
        assert refused or may_change
        if not refused:
            assert getattr(await it.labels.get("k"), name) == value
        query = QueryBuilder(Label).order_by(name)
        assert await it.refuses(it.labels.find(query)) is (name not in known)

    known = set(Label.__table_info__.by_name)
    run(check())


@QUIET
@given(
    code=texts,
    labels=st.lists(texts | st.none(), max_size=3),
    extra=st.dictionaries(texts, texts | st.floats() | st.integers(), max_size=3),
    label=texts,
)
def test_documents_and_arrays_by_every_door(
    bench: tuple[Run, Bench],
    code: str,
    labels: list[str | None],
    extra: dict[str, Any],
    label: str,
) -> None:
    """JSONB and arrays: all doors store the same, or all refuse."""
    run, it = bench

    def gadget(number: int) -> Gadget:
        return Gadget(
            id=number,
            code=f"{number}{code}",
            mood=Mood.GREAT,
            labels=labels,
            extra=extra,
            spot=Point(number, label),
            spots=[Point(0, label)],
        )

    async def check() -> None:
        await it.gadgets.delete_where(QueryBuilder(Gadget), everything=True)
        store = it.gadgets
        verdicts = [
            await it.refuses(store.create(gadget(1))),
            await it.refuses(store.create_many([gadget(2), gadget(3)])),
            await it.refuses(store.load([gadget(4)])),
            await it.refuses(store.upsert_many([gadget(5), gadget(6)])),
        ]
        assert len(set(verdicts)) == 1
        if verdicts[0]:
            assert await store.count() == 0
            return
        rows = sorted(await store.list_all(), key=lambda row: row.id)
        assert [contents(row) for row in rows] == [contents(gadget(i)) for i in range(1, 7)]
        await store.update_many([(row.id, row) for row in rows])
        await store.patch(1, extra=extra, labels=labels, spot=Point(1, label))
        again = sorted(await store.list_all(), key=lambda row: row.id)
        assert [contents(row) for row in again] == [contents(row) for row in rows]

    run(check())


def contents(row: Gadget) -> tuple[Any, ...]:
    """All fields that the test gives."""
    return (row.id, row.code, row.mood, row.labels, row.extra, row.spot, row.spots)

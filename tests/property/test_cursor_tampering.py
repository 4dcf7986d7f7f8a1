"""Cursors of pages come from outside: one that was not made for the query is refused, unsent."""

import asyncio
import base64
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from fix_haus import Label, Seat, driver_of
from storehaus import GenericStore, QueryBuilder, QueryError
from storehaus.store import Database
from storehaus.testing import CountingDriver

Run = Callable[[Coroutine[Any, Any, Any]], Any]

QUIET = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
Q = QueryBuilder(Label)
BY_VALUE = Q.order_by(Label.value)

OTHERS: dict[str, Any] = {
    "another key": Q.order_by(Label.hits),
    "another direction": Q.order_by(Label.value.desc()),
    "NULLs elsewhere": Q.order_by(Label.value.nulls_first()),
    "one key more": Q.order_by(Label.value, Label.hits),
    "no key": Q,
    "another condition": BY_VALUE.filter(Label.hits > 0),
    "another join": BY_VALUE.join(Seat, on=Seat.number == Label.hits),
    "computed": Q.order_by(Label.value + ""),
    "another constant": Q.order_by(Label.value + "x"),
}


class Bench:
    """Stores of two processes that share a secret, and of one that does not."""

    def __init__(self, driver: CountingDriver) -> None:
        self.driver = driver
        self.labels = GenericStore(Database(driver, secret="one"), Label)
        self.same = GenericStore(Database(driver, secret="one"), Label)
        self.stranger = GenericStore(Database(driver, secret="two"), Label)
        self.seats = GenericStore(Database(driver, secret="one"), Seat)
        self.cursors: dict[str, str] = {}

    async def refuses(self, store: Any, query: Any, cursor: Any) -> None:
        """The cursor is refused before anything is sent."""
        self.driver.reset()
        with pytest.raises(QueryError, match="cursor"):
            await store.page(query, size=2, after=cursor)
        assert self.driver.calls == []


@pytest.fixture(scope="module")
def bench(tables_url: str) -> Iterator[tuple[Run, Bench]]:
    """Labels, with the cursors of the first page of each query."""

    async def fill(it: Bench) -> None:
        raw = await asyncpg.connect(tables_url)
        await raw.execute("DELETE FROM labels; DELETE FROM seats")
        await raw.close()
        await it.labels.create_many(
            [Label(key=f"k{i}", value=f"v{i % 3}", hits=i + 1) for i in range(9)]
        )
        await it.seats.create_many([Seat(hall="h", number=i) for i in range(9)])
        for name, query in {**OTHERS, "own": BY_VALUE}.items():
            page = await it.labels.page(query, size=2)
            assert page.next is not None
            it.cursors[name] = page.next
        second = await it.labels.page(BY_VALUE, size=2, after=it.cursors["own"])
        assert second.previous is not None
        it.cursors["back"] = second.previous

    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(tables_url))
        runner.run(driver.open())
        it = Bench(driver)
        runner.run(fill(it))
        yield runner.run, it
        runner.run(driver.close())


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_cursor_of_another_query(bench: tuple[Run, Bench], name: str) -> None:
    """Cursors are good for the query that they were made for, in both directions of the mix-up."""
    run, it = bench
    run(it.refuses(it.labels, BY_VALUE, it.cursors[name]))
    run(it.refuses(it.labels, OTHERS[name], it.cursors["own"]))
    assert run(it.labels.page(OTHERS[name], size=2, after=it.cursors[name])).items


def test_cursor_of_another_model(bench: tuple[Run, Bench]) -> None:
    """So they are for the model."""
    run, it = bench
    run(it.refuses(it.seats, QueryBuilder(Seat), it.cursors["no key"]))
    page = run(it.seats.page(QueryBuilder(Seat), size=2))
    run(it.refuses(it.labels, Q, page.next))


def test_cursor_of_another_process(bench: tuple[Run, Bench]) -> None:
    """Processes take each other's cursors when they share the secret, and only then."""
    run, it = bench
    own = run(it.labels.page(BY_VALUE, size=2, after=it.cursors["own"]))
    assert run(it.same.page(BY_VALUE, size=2, after=it.cursors["own"])) == own
    run(it.refuses(it.stranger, BY_VALUE, it.cursors["own"]))
    run(it.refuses(GenericStore(Database(it.driver), Label), BY_VALUE, it.cursors["own"]))


def test_values_do_not_follow_the_signature(bench: tuple[Run, Bench]) -> None:
    """No values, direction or number of them can be put behind a signature of others."""
    run, it = bench
    token = base64.urlsafe_b64decode(it.cursors["own"] + "==")
    mac, payload = token[:16], token[16:]
    backwards, *values = msgspec.msgpack.decode(payload)
    forged = [
        [not backwards, *values],
        [backwards, *reversed(values)],
        [backwards],
        [backwards, None, None],
        [backwards, *values, "more"],
        [backwards, "v9", "k9"],
        [],
        "text",
        {"a": 1},
    ]
    assert msgspec.msgpack.encode([backwards, *values]) == payload
    for each in forged:
        raw = mac + msgspec.msgpack.encode(each)
        run(it.refuses(it.labels, BY_VALUE, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()))
    for part in (mac, payload, b"", token[:15], token * 2, mac + b"\xc1"):
        run(it.refuses(it.labels, BY_VALUE, base64.urlsafe_b64encode(part).rstrip(b"=").decode()))


@QUIET
@given(
    start=st.sampled_from(["own", "back"]),
    place=st.integers(0, 200),
    cut=st.integers(0, 3),
    inserted=st.text(st.sampled_from(LETTERS + "=+/ \n\0é"), max_size=3),
)
def test_changed_cursor(
    bench: tuple[Run, Bench], start: str, place: int, cut: int, inserted: str
) -> None:
    """Letters changed, left out, added: there is one spelling of a cursor."""
    run, it = bench
    cursor = it.cursors[start]
    place %= len(cursor) + 1
    changed = cursor[:place] + inserted + cursor[place + cut :]
    assume(changed != cursor)
    run(it.refuses(it.labels, BY_VALUE, changed))


@QUIET
@given(one=st.sampled_from(sorted(OTHERS)), place=st.integers(1, 200))
def test_spliced_cursor(bench: tuple[Run, Bench], one: str, place: int) -> None:
    """Half of one cursor and half of another are none."""
    run, it = bench
    own, other = it.cursors["own"], it.cursors[one]
    spliced = own[:place] + other[place:]
    assume(spliced != own)
    run(it.refuses(it.labels, BY_VALUE, spliced))


@QUIET
@given(
    cursor=st.text(st.characters(), max_size=60)
    | st.text(st.sampled_from(LETTERS), max_size=80)
    | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
    | st.integers()
    | st.binary(max_size=8)
    | st.booleans()
)
@example(cursor="")
@example(cursor="A" * 100_000)
def test_invented_cursor(bench: tuple[Run, Bench], cursor: Any) -> None:
    """Anything at all is refused, whatever its type, but for None."""
    run, it = bench
    run(it.refuses(it.labels, BY_VALUE, cursor))

"""Hostile values, names and documents through the hatches: exact, or refused unsent."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from fix_haus import Label, config_of, driver_of
from storehaus import QueryError, StoreHaus, identifier, sql, sqlalchemy_table
from storehaus.model.identifiers import identifier_problem
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
    "' OR '1'='1",
    '"',
    '"."',
    "\\",
    "\\'",
    "$1",
    "$$",
    "%s %(x)s {x} {{ }}",
    ":x",
    "/* */ --",
    "E'\\x41'",
    '{a,NULL,"b"}',
    "NULL",
    "👩‍👩‍👧‍👧",
    "\u202egnp.exe",
    "x" * 65_536,
    "\r\n\t\x01\x7f",
    "\ufeff",
]
texts = st.sampled_from(NASTY) | st.text(st.characters(), max_size=12)
documents = st.dictionaries(
    texts,
    st.recursive(
        texts | st.integers() | st.floats() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=2,
)

labels = sqlalchemy_table(Label)


class Bench:
    """A haus whose statements are counted, with two rows to be left alone."""

    def __init__(self, haus: StoreHaus, driver: CountingDriver) -> None:
        self.haus = haus
        self.driver = driver

    async def sent(self, make: Callable[[], Awaitable[Any]]) -> Any:
        """Run a statement, give its rows; None when it was refused without any statement."""
        self.driver.reset()
        try:
            return await make()
        except QueryError:
            assert self.driver.calls == []
            return None


@pytest.fixture(scope="module")
def bench(tables_url: str) -> Iterator[tuple[Run, Bench]]:
    """The tables, and what runs coroutines on their event loop."""
    with asyncio.Runner() as runner:
        driver = CountingDriver(driver_of(tables_url))
        haus = StoreHaus(config_of(tables_url), driver_factory=lambda _: driver)
        runner.run(haus.open())
        yield runner.run, Bench(haus, driver)
        runner.run(haus.close())


def storable(text: str) -> bool:
    """Whether PostgreSQL has a place for it in a text."""
    try:
        return "\x00" not in text and text.encode() is not None
    except UnicodeEncodeError:
        return False


async def check_fetch(bench: Bench, value: str) -> None:
    """A text through sql(): stored, found and compared exactly."""
    await bench.haus.fetch(sql("DELETE FROM labels"))
    await bench.haus.fetch(sql("INSERT INTO labels (key, value) VALUES ('\x01', 'other')"))
    rows = await bench.sent(
        lambda: bench.haus.fetch(
            sql("INSERT INTO {t} (key, value) VALUES ({k}, {k}) RETURNING key", t=Label, k=value)
        )
    )
    assert rows == ([(value,)] if storable(value) else None)
    found = await bench.sent(
        lambda: bench.haus.fetch(
            sql(
                "SELECT {c}, length({c}) AS n FROM {t} WHERE {c} = {k} AND key = ANY({ks})",
                t=Label,
                c=Label.key,
                k=value,
                ks=[value],
            )
        )
    )
    assert found == ([(value, len(value))] if storable(value) else None)
    assert await bench.haus.fetch(sql("SELECT value FROM labels WHERE key = '\x01'")) == [
        ("other",)
    ]


@QUIET
@given(value=texts)
@example(value="' OR '1'='1")
@example(value="\x00")
def test_text_is_a_value_and_nothing_else(bench: tuple[Run, Bench], value: str) -> None:
    """Any text is stored and found exactly, finds no other row, or is refused before it is sent."""
    if value == "\x01":
        return
    run, made = bench
    run(check_fetch(made, value))


async def check_core(bench: Bench, value: str) -> None:
    """The same through SQLAlchemy."""
    await bench.haus.execute(sa.delete(labels))
    rows = await bench.sent(
        lambda: bench.haus.execute(
            sa.insert(labels).values(key=value, value=value).returning(labels.c.key)
        )
    )
    assert rows == ([(value,)] if storable(value) else None)
    found = await bench.sent(
        lambda: bench.haus.execute(
            sa.select(labels.c.value).where(labels.c.key == value, labels.c.key.in_([value, "x"]))
        )
    )
    assert found == ([(value,)] if storable(value) else None)


@QUIET
@given(value=texts)
@example(value="' OR '1'='1")
@example(value="\x00")
def test_text_is_a_value_for_sqlalchemy_too(bench: tuple[Run, Bench], value: str) -> None:
    """Stored and found exactly, or refused before it is sent."""
    run, made = bench
    run(check_core(made, value))


async def check_document(bench: Bench, value: dict[str, Any]) -> None:
    """A document there and back, both ways."""
    rows = await bench.sent(lambda: bench.haus.fetch(sql("SELECT {d} AS d", d=value)))
    assert rows is None or rows == [(value,)]
    literal = sa.literal(value, postgresql.JSONB).label("d")
    again = await bench.sent(lambda: bench.haus.execute(sa.select(literal)))
    assert again == rows


@QUIET
@given(value=documents)
@example(value={"\x00": 1})
@example(value={"a": [1e22, 2**64, -0.0, "\ud800"]})
@example(value={"a": float("nan")})
def test_document_comes_back_equal(bench: tuple[Run, Bench], value: dict[str, Any]) -> None:
    """JSON is what was given, or refused before it is sent; both hatches agree."""
    run, made = bench
    run(check_document(made, value))


async def check_identifier(bench: Bench, name: str) -> None:
    """A would-be name: the label of a column, exactly, or refused."""
    rows = await bench.sent(lambda: bench.haus.fetch(sql("SELECT 1 AS {n}", n=identifier(name))))
    if identifier_problem(name) is None:
        assert rows == [(1,)]
        assert rows[0]._fields == (name,)
    else:
        assert rows is None


@QUIET
@given(name=texts | st.from_regex(r"\A[^\W\d]\w{0,70}\Z"))
@example(name='a" FROM labels --')
@example(name="select")
@example(name="Größe")
def test_identifier_is_a_name_and_nothing_else(bench: tuple[Run, Bench], name: str) -> None:
    """Any text is a name as it stands, or is refused before it is sent."""
    run, made = bench
    run(check_identifier(made, name))


@QUIET
@given(template=texts | st.text(st.sampled_from("{}ax!:[].0'\"$ "), max_size=10), value=texts)
def test_template_is_understood_or_refused(template: Any, value: str) -> None:
    """No text of a statement raises anything but QueryError, and no value gets into the text."""
    try:
        made = sql(template, x=value).to_sql()
    except QueryError:
        return
    assert made.params == (value,)
    assert made.text == template.format(x="$1")

"""Verbs that take queries, to be disturbed at each of their awaits, and what must hold after it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from fix_verbs import Owner, Pet, Reading, Station
from storehaus import (
    QueryBuilder,
    StoreHaus,
    StorehausError,
    count,
    excluded,
    exists_,
    func,
    sql,
    sqlalchemy_table,
)

Work = Callable[[StoreHaus], Awaitable[Any]]
Rows = list[tuple[Any, ...]]

NEWER = excluded(Reading.seen_at) > Reading.seen_at
PETS = QueryBuilder(Pet).order_by(Pet.id)
OWNERS = QueryBuilder(Owner).order_by(Owner.id).include(Owner.pets.then(Pet.owner))

BEFORE: Rows = [(1, "old", 5), (2, "old", 5)]


async def select(haus: StoreHaus) -> None:
    """A projection, and one with a function, whose connection is reset."""
    store = haus.store(Pet)
    assert (await store.select(QueryBuilder(Pet).select(count())))[0][0] == 5
    rows = await store.select(PETS.select(Pet.id, Pet.owner_id))
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5]
    await store.select(PETS.select(func.set_config("storehaus.leak", "x", False, returns=str)))


async def stream(haus: StoreHaus) -> None:
    """Several fetches, with a body that waits."""
    async with haus.store(Pet).stream(PETS, batch=2) as rows:
        async for _ in rows:
            await asyncio.sleep(0)


async def stream_left_early(haus: StoreHaus) -> None:
    """A stream whose loop is left, and one that nobody closes."""
    async with haus.store(Pet).stream(PETS, batch=2) as rows:
        async for row in rows:
            await asyncio.sleep(0)
            if row.id == 3:
                break
    async with haus.store(Pet).stream(PETS.select(Pet.id), batch=1) as ids:
        async for _ in ids:
            break


async def stream_with_function(haus: StoreHaus) -> None:
    """A connection that is to be reset, and relations that are loaded beside it."""
    sets = func.set_config("storehaus.leak", "x", False, returns=str) == "x"
    query = PETS.filter(sets).include(Pet.owner)
    async with haus.store(Pet).stream(query, batch=3) as rows:
        assert [row.owner.id async for row in rows] == [2, 1, 2, 1, 2]


async def page(haus: StoreHaus) -> None:
    """Forwards and back."""
    store = haus.store(Pet)
    first = await store.page(PETS.include(Pet.owner), size=2)
    second = await store.page(PETS, size=2, after=first.next)
    back = await store.page(PETS, size=2, after=second.previous)
    assert [row.id for row in back.items] == [1, 2]


async def related(haus: StoreHaus) -> None:
    """Loaded afterwards, and with the rows, at two levels."""
    owners = await haus.store(Owner).list_all()
    await haus.store(Owner).load_related(owners, Owner.pets.then(Pet.owner))
    rows = await haus.store(Owner).find(OWNERS)
    assert [pet.owner.id for pet in rows[0].pets] == [1, 1]
    assert await haus.store(Owner).find_one(OWNERS) is not None


async def explain(haus: StoreHaus) -> None:
    """A plan, and one of a query that locks rows while it is analyzed."""
    assert "pets" in await haus.explain(PETS)
    assert "LockRows" in await haus.explain(PETS.for_update(), analyze=True, buffers=True)


async def fetch(haus: StoreHaus) -> None:
    """A statement that reads and sets something."""
    rows = await haus.fetch(
        sql("SELECT id, set_config('storehaus.leak', 'x', false) FROM {t} ORDER BY id", t=Pet)
    )
    assert len(rows) == 5


async def fetch_that_writes(haus: StoreHaus) -> None:
    """A statement that writes."""
    await haus.fetch(sql("UPDATE {t} SET text = {text} WHERE id = 1", t=Reading, text="new"))


async def execute(haus: StoreHaus) -> None:
    """Through SQLAlchemy."""
    table = sqlalchemy_table(Reading)
    await haus.execute(sa.update(table).where(table.c.id == 1).values(text="new"))


async def create_from(haus: StoreHaus) -> None:
    """Rows made of others, by one statement that calls a function."""
    made = func.lower("NEW", returns=str).as_("text")
    query = QueryBuilder(Pet).filter(Pet.id > 3).select(Pet.id, made)
    assert len(await haus.store(Reading).create_from(query)) == 2


async def create_from_that_fails(haus: StoreHaus) -> None:
    """One of the rows is there already."""
    query = QueryBuilder(Pet).select(Pet.id, Pet.owner_id.as_("value"))
    await haus.store(Reading).create_from(query)


async def create_from_that_skips(haus: StoreHaus) -> None:
    """The others are stored."""
    query = QueryBuilder(Pet).select(Pet.id, Pet.owner_id.as_("value"))
    await haus.store(Reading).create_from(query, skip_conflicts=True)


async def upsert(haus: StoreHaus) -> None:
    """One row, written because its condition holds."""
    row = Reading(id=1, text="new", seen_at=6)
    assert await haus.store(Reading).upsert(row, where=NEWER) is not None


async def upsert_left_alone(haus: StoreHaus) -> None:
    """One row, locked and left alone."""
    assert await haus.store(Reading).upsert(Reading(id=1, text="new"), where=NEWER) is None


async def upsert_many(haus: StoreHaus) -> None:
    """Inserted, updated and left alone, with a condition that calls a function."""
    rows = [Reading(id=i, text="new", seen_at=seen) for i, seen in ((3, 1), (2, 6), (1, 1))]
    where = NEWER & (func.abs(Reading.seen_at, returns=int) > 0)
    done = await haus.store(Reading).upsert_many(rows, where=where)
    assert [each is not None for each in done] == [True, True, False]


async def upsert_of_two_shapes(haus: StoreHaus) -> None:
    """Two statements, which are one transaction."""
    rows = [Station(id=i, level=i) if i % 2 else Station(id=i, state="s") for i in range(4)]
    await haus.store(Station).upsert_many(rows, where=excluded(Station.level) > Station.level)
    await haus.store(Reading).upsert(Reading(id=2, text="new"), update={Reading.text: "new"})


async def upsert_that_fails(haus: StoreHaus) -> None:
    """A row in the middle breaks a constraint: it is searched for."""
    rows = [Station(id=i, serial=Decimal(7) if i > 1 else None) for i in range(4)]
    await haus.store(Station).upsert_many(rows, where=Station.level > 0)


async def update_where(haus: StoreHaus) -> None:
    """Rows that another query finds, with values of one."""
    pets = QueryBuilder(Pet).filter(Pet.id == Reading.id)
    await haus.store(Reading).update_where(exists_(pets), {Reading.text: func.lower("NEW")})


async def delete_where(haus: StoreHaus) -> None:
    """The same, to delete."""
    pets = QueryBuilder(Pet).filter(Pet.id < 2).select(Pet.id)
    await haus.store(Reading).delete_where(Reading.id.in_(pets))


@dataclass(frozen=True)
class Case:
    """A verb to be disturbed.

    Attributes:
        work: What it does.
        writes: Whether it leaves something else than it found.
        changes: Whether it is a write, be it in vain.
    """

    work: Work
    writes: bool = False
    changes: bool = False


CASES: dict[str, Case] = {
    "select": Case(select),
    "stream": Case(stream),
    "stream left early": Case(stream_left_early),
    "stream with function": Case(stream_with_function),
    "page": Case(page),
    "related": Case(related),
    "explain": Case(explain),
    "fetch": Case(fetch),
    "fetch that writes": Case(fetch_that_writes, writes=True),
    "execute": Case(execute, writes=True),
    "create_from": Case(create_from, writes=True, changes=True),
    "create_from that fails": Case(create_from_that_fails, changes=True),
    "create_from that skips": Case(create_from_that_skips, writes=True, changes=True),
    "upsert": Case(upsert, writes=True, changes=True),
    "upsert left alone": Case(upsert_left_alone, changes=True),
    "upsert_many": Case(upsert_many, writes=True, changes=True),
    "upsert_many of two shapes": Case(upsert_of_two_shapes, writes=True, changes=True),
    "upsert_many that fails": Case(upsert_that_fails, changes=True),
    "update_where": Case(update_where, writes=True, changes=True),
    "delete_where": Case(delete_where, writes=True, changes=True),
}


def within(work: Work) -> Work:
    """The same work as all of a transaction."""

    async def wrapped(haus: StoreHaus) -> None:
        async with haus.transaction():
            await work(haus)

    return wrapped


def nested(work: Work) -> Work:
    """The same work in a savepoint, after a write and before another one."""

    async def wrapped(haus: StoreHaus) -> None:
        async with haus.transaction():
            await haus.store(Reading).create(Reading(id=77, text="outer"))
            async with haus.transaction():
                await work(haus)
            await haus.store(Reading).purge(77)

    return wrapped


PLACES: dict[str, Callable[[Work], Work]] = {
    "alone": lambda work: work,
    "with a plug-in": lambda work: work,
    "in a transaction": within,
    "in a savepoint": nested,
}
"""Where the work is done; the plug-in puts every write between BEGIN and COMMIT."""

DISTURBED = [
    (name, place)
    for name, case in CASES.items()
    for place in PLACES
    if case.changes or place != "with a plug-in"
]
"""Every case in every place that makes a difference to it."""


async def prepare(witness: Any) -> None:
    """Two owners with five pets."""
    await witness.execute(
        "DELETE FROM verbs.pets; DELETE FROM verbs.owners;"
        "INSERT INTO verbs.owners (id, name) VALUES (1, 'a'), (2, 'b');"
        "INSERT INTO verbs.pets (id, owner_id) SELECT i, 1 + i % 2 FROM generate_series(1, 5) i"
    )


async def reset(witness: Any) -> None:
    """The rows of `BEFORE`, and no stations."""
    await witness.execute("DELETE FROM verbs.readings; DELETE FROM verbs.stations")
    await witness.executemany(
        "INSERT INTO verbs.readings (id, text, seen_at) VALUES ($1, $2, $3)", BEFORE
    )


async def rows(witness: Any) -> tuple[Rows, Rows]:
    """All active readings and all stations, as they are in the tables."""
    readings = await witness.fetch(
        "SELECT id, text, seen_at FROM verbs.readings WHERE __is_active__ ORDER BY id"
    )
    stations = await witness.fetch("SELECT id, level FROM verbs.stations ORDER BY id")
    return [tuple(row) for row in readings], [tuple(row) for row in stations]


async def attempt(work: Awaitable[Any]) -> StorehausError | None:
    """Let a verb end as it will; only typed errors may come out."""
    try:
        await work
    except StorehausError as error:
        return error
    return None


def allowed(place: str, done: tuple[Rows, Rows]) -> list[tuple[Rows, Rows]]:
    """What may be in the tables after a disturbance: nothing of it, or all.

    Alone, the first verb of a work may be done and the second one not.
    """
    first = [] if place.startswith("in a") else [(BEFORE, done[1])]
    return [(BEFORE, []), done, *first]

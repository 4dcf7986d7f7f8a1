"""The log is complete: whoever writes by whatever door, replaying it gives the same rows again.

Sequences of writes by every door, alone and in transactions whose parts are rolled back, are
followed by a replay in plain SQL. The number of the last event, read past all transactions, tells
which events belong to which write, and so whose they must say they are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, LiteralString, TypeAlias

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, currently_in_test_context, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from fix_events import (
    HARBOURS,
    REPLAY,
    Buoy,
    Chart,
    Harbour,
    Witness,
    begin_anew,
    log_haus,
    migrated,
)
from storehaus import (
    ConstraintViolation,
    GenericStore,
    QueryBuilder,
    StoreHaus,
    StorehausError,
    sql,
    sqlalchemy_table,
)

Run = Callable[[Coroutine[Any, Any, Any]], Any]

# Without shrinking, which on a real server takes longer than a test may.
QUIET = settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


OF_WRITE = """
SELECT op, tbl, rid, tags, actor, new - $2::text[], old - $2::text[]
FROM storehaus.event WHERE seq > $1 ORDER BY rid COLLATE "C"
"""
NOT_COMPARED = ["__created_at__", "__updated_at__", "__deletion__"]


@dataclass(frozen=True)
class Step:
    """One write.

    Attributes:
        door: How; a key of `DOORS`.
        model: Where, if the door does not say.
        ids: Of which rows, each once.
        name: What is written.
        parent: The harbour of new rows.
        tags: Tags.
        actor: Who acts.
    """

    door: str
    model: type[Any]
    ids: tuple[int, ...]
    name: str
    parent: int | None
    tags: tuple[str, ...] | None
    actor: str | None


@dataclass(frozen=True)
class Block:
    """Writes in a transaction, or in a savepoint within one.

    Attributes:
        parts: The writes.
        fails: Whether all of it is undone in the end.
    """

    parts: tuple["Step | Block", ...]
    fails: bool


@dataclass
class Stretch:
    """Events of one write.

    Attributes:
        low: The last number before them.
        high: Their last number.
        actor: Who acted; by record id where several did at once.
        is_undone: Whether there must be none.
    """

    low: int
    high: int
    actor: str | dict[str, str] | None
    is_undone: bool = False


class UndoneError(Exception):
    """Undoes a block."""


Door: TypeAlias = Callable[["World", Step], Awaitable[object]]


def rows(step: Step) -> list[Any]:
    """Give the rows of a step as instances."""
    values: dict[str, Any] = {"name": step.name, "size": len(step.name)}
    if step.model is Chart:
        return [Chart(sheet="it's", id=Decimal(each), **values) for each in step.ids]
    if step.model is not Harbour:
        values["harbour_id"] = step.parent
    return [step.model(id=each, **values) for each in step.ids]


def key(step: Step, record_id: int) -> Any:
    """Give the primary key of a row."""
    return ("it's", Decimal(record_id)) if step.model is Chart else record_id


def note(outcome: str) -> None:
    """Count an outcome for the statistics of hypothesis."""
    if currently_in_test_context():
        event(outcome)


class World:
    """A haus on the tables, a connection past it, and which events belong to which write."""

    def __init__(self, haus: StoreHaus, psql: Witness) -> None:
        self.haus = haus
        self.psql = psql
        self.stretches: list[Stretch] = []
        for model in HARBOURS:
            haus.store(model)

    def store(self, step: Step) -> GenericStore[Any]:
        """Give the store of a step."""
        return self.haus.store(step.model)

    async def begin(self) -> None:
        """Empty everything."""
        self.stretches.clear()
        await begin_anew(self.psql, HARBOURS)

    async def last(self) -> int:
        """Give the number of the last event, committed or not."""
        found: int = await self.psql.fetchval(
            "SELECT last_value - (NOT is_called)::int FROM storehaus.event_seq_seq"
        )
        return found

    async def take(self, part: Step | Block, *, within: bool = False) -> None:
        """Do what a part of a path says; an error of it is one of its outcomes.

        Raises:
            UndoneError: When the error has failed the transaction around it.
        """
        if isinstance(part, Block):
            await self._block(part)
            return
        low, failed = await self.last(), None
        stretch = Stretch(low, low, None if part.door.startswith("psql") else part.actor)
        self.stretches.append(stretch)
        try:
            with nullcontext() if part.actor is None else self.haus.actor(part.actor):
                actors = await DOORS[part.door](self, part)
            stretch.actor = actors if isinstance(actors, dict) else stretch.actor
        except (StorehausError, asyncpg.PostgresError) as error:
            failed = error
            stretch.is_undone = True
        stretch.high = await self.last()
        note(f"{part.door}: {type(failed).__name__ if failed else 'done'}")
        if within and isinstance(failed, ConstraintViolation):
            raise UndoneError from failed

    async def _block(self, block: Block) -> None:
        first, undone = len(self.stretches), True
        try:
            async with self.haus.transaction():
                for part in block.parts:
                    await self.take(part, within=True)
                if block.fails:
                    raise UndoneError  # noqa: TRY301 - a block that ends by raising is the subject
            undone = False
        except UndoneError:
            pass
        for stretch in self.stretches[first:] if undone else ():
            stretch.is_undone = True
        note(f"block: {'undone' if undone else 'done'}")

    async def check(self) -> None:
        """See that the log is complete and true."""
        await self.psql.execute("SELECT storehaus.tick()")
        await self.psql.execute("SELECT copies.replay()")
        for model in HARBOURS:
            table = model.__table_info__.name
            found, expected = [
                [tuple(row) for row in await self.psql.fetch(f"TABLE {schema}.{table} ORDER BY id")]
                for schema in ("copies", "public")
            ]
            assert found == expected
        for each in await self.psql.fetch("""
            SELECT seq, rid, actor, tags, ARRAY(
                SELECT jsonb_array_elements_text(coalesce(new, old)->'__tags__')) AS row_tags
            FROM storehaus.event ORDER BY seq
        """):
            (stretch,) = [part for part in self.stretches if part.low < each["seq"] <= part.high]
            assert not stretch.is_undone
            actor = stretch.actor
            assert each["actor"] == (actor[each["rid"]] if isinstance(actor, dict) else actor)
            assert each["tags"] == each["row_tags"]


def at_once(call: Callable[[GenericStore[Any], Any, Step, str], Awaitable[Any]]) -> Door:
    """Make a door of several calls at the same time, each by an actor of its own."""

    async def door(world: World, step: Step) -> dict[str, str]:
        async def one(row: Any, place: int) -> None:
            with world.haus.actor(f"{step.actor}/{place}"):
                await call(world.store(step), row, step, step.name + "ab"[place % 2])

        await asyncio.gather(
            *(one(row, place) for place, row in enumerate(rows(step))), return_exceptions=True
        )
        return {rid(step, each): f"{step.actor}/{place}" for place, each in enumerate(step.ids)}

    return door


def rid(step: Step, record_id: int) -> str:
    """Give the id of a record as the log writes it."""
    return f'["it\'s", "{record_id}"]' if step.model is Chart else str(record_id)


def by_hand(text: LiteralString) -> Door:
    """Make a door of a statement; `{ids}`, `{name}` and `{table}` are those of the step."""

    async def door(world: World, step: Step) -> None:
        ids, name, table = list(step.ids), step.name, step.model
        known = {"ids": ids, "name": name, "table": table}
        await world.haus.fetch(sql(text, **{k: v for k, v in known.items() if f"{{{k}}}" in text}))

    return door


def past(text: str) -> Door:
    """Make a door of a statement that another connection runs; $1 are the ids, $2 is the name."""

    async def door(world: World, step: Step) -> None:
        values: list[Any] = [list(step.ids), step.name]
        own = text.replace("{table}", step.model.__table_info__.name)
        await world.psql.execute(own, *values[: ("$1" in own) + ("$2" in own)])

    return door


async def core(world: World, step: Step) -> None:
    """Write by SQLAlchemy."""
    table = sqlalchemy_table(step.model)
    await world.haus.execute(update(table).values(size=41).where(table.c.id.in_(step.ids)))


async def borrowed(world: World, step: Step) -> None:
    """Write by the connection of a transaction."""
    async with world.haus.transaction(), world.haus.connection() as connection:
        await connection.execute("UPDATE log_buoys SET name = $1 WHERE id = $2", ("lent", 1))


def chosen(step: Step) -> Any:
    """Give the condition that finds the rows of a step."""
    return step.model.id.in_(list(map(Decimal, step.ids)) if step.model is Chart else step.ids)


IN_TRANSACTIONS: dict[str, Door] = {
    "create": lambda w, s: w.store(s).create(rows(s)[0], tags=s.tags),
    "create_many": lambda w, s: w.store(s).create_many(rows(s), tags=s.tags),
    "create_from": lambda w, s: w.haus.store(Buoy).create_from(
        QueryBuilder(Harbour).select(Harbour.id, Harbour.name, Harbour.size),
        tags=s.tags,
        skip_conflicts=True,
    ),
    "load": lambda w, s: w.store(s).load(rows(s), tags=s.tags),
    "update": lambda w, s: w.store(s).update(key(s, s.ids[0]), rows(s)[0], tags=s.tags),
    "update_many": lambda w, s: w.store(s).update_many(
        [(key(s, row.id), row) for row in rows(s)], tags=s.tags
    ),
    "update_where": lambda w, s: w.store(s).update_where(
        chosen(s), {s.model.size: s.model.size + 1}, tags=s.tags
    ),
    "patch": lambda w, s: w.store(s).patch(key(s, s.ids[0]), name=s.name, tags=s.tags),
    "upsert": lambda w, s: w.store(s).upsert(rows(s)[0], tags=s.tags),
    "upsert_many": lambda w, s: w.store(s).upsert_many(rows(s), tags=s.tags),
    "delete": lambda w, s: w.store(s).delete(key(s, s.ids[0]), tags=s.tags),
    "delete_many": lambda w, s: w.store(s).delete_many([key(s, i) for i in s.ids], tags=s.tags),
    "delete_where": lambda w, s: w.store(s).delete_where(chosen(s), tags=s.tags),
    "delete harbour": lambda w, s: w.haus.store(Harbour).delete(s.ids[0], tags=s.tags),
    "restore": lambda w, s: w.haus.store(Harbour).restore(s.ids[0], tags=s.tags),
    "purge": lambda w, s: w.store(s).purge(key(s, s.ids[0])),
    "purge harbour": lambda w, s: w.haus.store(Harbour).purge(s.ids[0]),
    "SQL insert": by_hand(
        "INSERT INTO log_buoys (id, name) SELECT unnest({ids}::bigint[]), {name}"
    ),
    "SQL update": by_hand("UPDATE {table} SET name = {name}, __tags__ = '{{x,\"y z\"}}'"),
    "SQL delete": by_hand("DELETE FROM {table} WHERE id = ANY ({ids}::bigint[])"),
    "SQL move": by_hand("UPDATE log_charts SET id = -id WHERE id = ANY ({ids}::bigint[])"),
    "SQL rescale": by_hand("UPDATE log_charts SET id = id::numeric(9, 2)"),
    "SQL swap": by_hand(
        "UPDATE log_buoys SET id = id + 100 * (CASE WHEN id < 9 THEN 1 ELSE -1 END)"
    ),
    "SQL truncate": by_hand("TRUNCATE {table} CASCADE"),
    "SQL of two tables": by_hand(
        "WITH gone AS (DELETE FROM log_buoys WHERE id = ANY ({ids}::bigint[]) RETURNING *)"
        " INSERT INTO log_charts (sheet, id, name) SELECT 'b', id, {name} FROM gone"
        " ON CONFLICT (sheet, id) DO UPDATE SET name = EXCLUDED.name || '!'"
    ),
    "Core": core,
    "borrowed": borrowed,
}
DOORS: dict[str, Door] = {
    **IN_TRANSACTIONS,
    "creates at once": at_once(lambda s, row, step, name: s.create(row, tags=[name])),
    "updates at once": at_once(
        lambda s, row, step, name: s.update(key(step, row.id), row, tags=[name])
    ),
    "patches at once": at_once(
        lambda s, row, step, name: s.patch(key(step, row.id), name=name, tags=[name])
    ),
    "upserts at once": at_once(lambda s, row, step, name: s.upsert(row, tags=[name])),
    "psql insert": past(
        "INSERT INTO log_buoys (id, name, __tags__) SELECT unnest($1::bigint[]), $2, '{q}'"
    ),
    "psql update": past("UPDATE {table} SET size = size + 1 WHERE id = ANY ($1::bigint[])"),
    "psql delete": past("DELETE FROM {table} WHERE id = ANY ($1::bigint[])"),
    "psql truncate": past("TRUNCATE {table} CASCADE"),
    "psql merge": past(
        "MERGE INTO log_buoys AS b USING (SELECT unnest($1::bigint[]) AS id) AS n ON b.id = n.id"
        " WHEN MATCHED AND b.id > 2 THEN DELETE WHEN MATCHED THEN UPDATE SET name = $2::text"
        " WHEN NOT MATCHED THEN INSERT (id, name) VALUES (n.id, $2::text)"
    ),
}

IDS = range(5)
tags = st.none() | st.lists(st.sampled_from(["a", "b c", "it's", '"', "{,}"]), max_size=2).map(
    tuple
)


def steps(doors: Sequence[str]) -> st.SearchStrategy[Step]:
    """Draw a step by one of some doors; creating is drawn more often, so that there are rows."""
    creating = [each for each in doors if "create" in each or "upsert" in each or each == "load"]
    return st.builds(
        Step,
        door=st.sampled_from([*doors, *creating]),
        model=st.sampled_from(HARBOURS),
        ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True).map(tuple),
        name=st.sampled_from(["", "x", "it's", "ü\\"]),
        parent=st.none() | st.sampled_from(IDS),
        tags=tags,
        actor=st.none() | st.sampled_from(["ann", "bob", "it's"]),
    )


def block_of(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Block]:
    """Draw a transaction or a savepoint."""
    parts = st.lists(part, min_size=1, max_size=5).map(tuple)
    return st.builds(Block, parts=parts, fails=st.sampled_from([False, False, True]))


SEEDS = [Step("create_many", model, (0, 1, 2, 3), "seed", 1, ("s",), "zoe") for model in HARBOURS]
joining = steps(sorted(IN_TRANSACTIONS))
blocks = block_of(joining | block_of(joining | block_of(joining)))
paths = st.lists(steps(sorted(DOORS)) | blocks, min_size=8, max_size=20)


@pytest.fixture(scope="module")
def world(server_url: str, tables_url: str) -> Iterator[tuple[Run, World]]:
    """An open haus on the tables, and what runs coroutines on its event loop."""
    with asyncio.Runner() as runner:
        runner.run(migrated(tables_url, *HARBOURS))
        psql = runner.run(asyncpg.connect(tables_url))
        runner.run(psql.execute(REPLAY))
        haus = log_haus(tables_url)
        runner.run(haus.open())
        yield runner.run, World(haus, psql)
        runner.run(haus.close())
        runner.run(psql.close())
        runner.run(dropped(tables_url))


async def dropped(url: str) -> None:
    """Remove the tables and the log, which cost the tests after these."""
    connection = await asyncpg.connect(url)
    names = ", ".join(model.__table_info__.name for model in HARBOURS)
    await connection.execute(
        f"DROP TABLE {names} CASCADE; DROP SCHEMA copies CASCADE; DROP SCHEMA storehaus CASCADE"
    )
    await connection.close()


@QUIET
@given(path=paths)
def test_replaying_the_log_gives_the_same_rows(
    world: tuple[Run, World], path: list[Step | Block]
) -> None:
    """Each event has the tags of its row and its actor; of what was undone there is none."""
    run, everything = world

    async def walk() -> None:
        await everything.begin()
        for part in [*SEEDS, *path]:
            await everything.take(part)
        await everything.check()

    run(walk())


@pytest.mark.parametrize("lie", ["nothing is kept", "by another", "of what was undone"])
def test_lies_are_noticed(world: tuple[Run, World], lie: str) -> None:
    """The comparison can fail."""
    run, everything = world

    async def tell_one() -> None:
        await everything.begin()
        if lie == "nothing is kept":
            await everything.psql.execute("SET session_replication_role = replica")
            await everything.take(replace(SEEDS[0], door="psql insert"))
            await everything.psql.execute("RESET session_replication_role")
        await everything.take(SEEDS[0])
        await everything.check()
        everything.stretches[0].is_undone = lie == "of what was undone"
        everything.stretches[0].actor = "somebody else"
        await everything.check()

    with pytest.raises(AssertionError):
        run(tell_one())


SAME: dict[str, Sequence[str]] = {
    "create": ["at once", "create_many", "load", "upsert_many"],
    "update": ["at once", "update_many", "upsert_many", "update"],
    "patch": ["at once", "patch"],
    "delete": ["at once", "delete_many", "delete_where", "delete"],
    "upsert": ["at once", "upsert_many", "update_many"],
}


@pytest.mark.parametrize("model", HARBOURS, ids=["Harbour", "Pier", "Buoy", "Chart"])
@pytest.mark.parametrize("single", SAME)
def test_doors_are_the_same_doors(world: tuple[Run, World], single: str, model: type[Any]) -> None:
    """Row by row or many at once, in a transaction or not: the events are equal, times aside."""
    run, everything = world
    step = Step(single, model, (1, 2, 3), "a", None, ("b",), "ann")
    singles = [replace(step, ids=(each,)) for each in step.ids]

    async def write(door: str) -> None:
        if door == "at once":
            await asyncio.gather(*(DOORS[single](everything, each) for each in singles))
        elif door == single:
            async with everything.haus.transaction():
                for each in singles:
                    await DOORS[single](everything, each)
        else:
            await DOORS[door](everything, step)

    async def events(door: str) -> list[Any]:
        await everything.begin()
        if single != "create":
            await everything.take(replace(SEEDS[0], model=model, ids=step.ids, parent=None))
        low = await everything.last()
        with everything.haus.actor("ann"):
            await write(door)
        found = await everything.psql.fetch(OF_WRITE, low, NOT_COMPARED)
        return list(map(tuple, found))

    expected = run(events(single))
    assert [row[2] for row in expected] == [rid(step, each) for each in step.ids]
    for door in SAME[single]:
        assert run(events(door)) == expected

"""What is measured: the arguments of each call, the verb, and what its answers must be."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from versus.contender import Contender
from versus.scene import Scene
from versus.table import (
    NEW,
    OWN,
    PAGE,
    UNIT,
    Change,
    Given,
    Values,
    given,
    some_changes,
    some_ids,
)

Call = Callable[[Any], Awaitable[object]]


class WrongAnswerError(Exception):
    """A contender did not do what the others do."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the arguments of a turn are made from.

    Attributes:
        count: Number of calls.
        rows: Rows of the table.
        seed: The same one gives the same arguments.
        size: Rows of one call, where a call has many.
    """

    count: int
    rows: int
    seed: int
    size: int = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A verb with its arguments.

    Attributes:
        call: The verb of a contender.
        ask: Makes what is asked; the same for all contenders.
        prepare: Makes of it what the verb takes.
        verify: Raises `WrongAnswerError` when answers are not what is stored.
        writes: Whether the table has to be cleaned afterwards.
    """

    call: Callable[[Contender], Call]
    ask: Callable[[Ask], list[Any]]
    verify: Callable[[Scene, Contender, Sequence[Any], Sequence[Any]], Awaitable[None]]
    prepare: Callable[[Contender, Any], Any] = lambda _, asked: asked
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """A verb, called by some tasks.

    Attributes:
        name: How the command line calls it.
        title: How the report calls it.
        kind: The verb.
        tasks: Tasks that call it, each in a loop of its own.
        size: Rows of one call; rates are rows per second where it is more than 1.
        brief: Whether the quick programme gives it to all contenders.
    """

    name: str
    title: str
    kind: Kind
    tasks: int = 1
    size: int = 1
    brief: bool = True


def refuse(contender: Contender, what: str, found: object, wanted: object) -> WrongAnswerError:
    """Say what is wrong, shortly."""
    return WrongAnswerError(
        f"{contender.name}: {what} gives {found!r:.600}, and what is stored is {wanted!r:.600}"
    )


def _equal(contender: Contender, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise refuse(contender, what, found, wanted)


# --- reads -----------------------------------------------------------------------------------


async def _verify_get(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    stored = await scene.stored(asked)
    for id_, answer in zip(asked, answers, strict=True):
        _equal(contender, "get", contender.values(answer), stored[id_])


async def _verify_find(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    for first, answer in zip(asked, answers, strict=True):
        wanted = await scene.following(first, UNIT, PAGE)
        _equal(contender, "find", [contender.values(row) for row in answer], wanted)


async def _verify_list(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    del asked
    stored = await scene.stored()
    for answer in answers:
        found = [contender.values(row) for row in answer]
        _equal(contender, "list_all", len(found), len(stored))
        _equal(contender, "list_all", {row[0]: row for row in found}, stored)


# --- writes ----------------------------------------------------------------------------------


def _check_new(
    contender: Contender, what: str, row: Given, answer: Values, stored: Values | None
) -> None:
    _equal(contender, what, answer, stored)
    _equal(contender, what, answer[: len(OWN)], tuple(row))


async def _verify_create(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    stored = await scene.stored([row.id for row in asked])
    for row, answer in zip(asked, answers, strict=True):
        _check_new(contender, "create", row, contender.values(answer), stored.get(row.id))


async def _verify_update(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    stored = await scene.stored([change.id for change in asked])
    for change, answer in zip(asked, answers, strict=True):
        found = dict(zip(OWN, contender.values(answer), strict=False))
        _equal(contender, "update", contender.values(answer), stored[change.id])
        _equal(contender, "update", (found["value"], found["note"]), change[1:])
        if stored[change.id][-2] <= stored[change.id][-3]:  # type: ignore[operator]  # times
            raise refuse(contender, "update", "a time that did not move", stored[change.id])


async def _verify_mixed(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    pairs = list(zip(asked, answers, strict=True))
    reads = [pair for pair in pairs if isinstance(pair[0], int)]
    writes = [pair for pair in pairs if isinstance(pair[0], Change)]
    await _verify_get(scene, contender, *zip(*reads, strict=True))
    await _verify_update(scene, contender, *zip(*writes, strict=True))


async def _verify_create_many(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    for rows, answer in zip(asked, answers, strict=True):
        stored = await scene.stored([row.id for row in rows])
        given_back = list(stored.values())
        if contender.gives_rows:
            given_back = [contender.values(each) for each in answer]
        _equal(contender, "create_many", len(given_back), len(rows))
        for row, found in zip(rows, given_back, strict=True):
            _check_new(contender, "create_many", row, found, stored.get(row.id))


async def _verify_load(
    scene: Scene, contender: Contender, asked: Sequence[Any], answers: Sequence[Any]
) -> None:
    del answers
    for rows in asked:
        stored = await scene.stored([row.id for row in rows])
        _equal(contender, "load", len(stored), len(rows))
        for row in rows:
            _equal(contender, "load", stored[row.id][: len(OWN)], tuple(row))


def _ask_mixed(ask: Ask) -> list[Any]:
    """Nine reads of even ids for every write of an odd one, so that all can be checked."""
    ids = (id_ // 2 * 2 for id_ in some_ids(ask.count, ask.rows, ask.seed))
    changes = some_changes(ask.count // 10 + 1, ask.rows, ask.seed)
    # Tasks take turns, so a stride that is no multiple of their number lets each of them write.
    return [changes[i // 10] if (i + i // 100) % 10 == 0 else id_ for i, id_ in enumerate(ids)]


def _call_mixed(contender: Contender) -> Call:
    get, update = contender.get, contender.update

    def call(argument: Any) -> Awaitable[object]:
        return update(argument) if isinstance(argument, Change) else get(argument)

    return call


def _call_list(contender: Contender) -> Call:
    return lambda _: contender.list_all()


def _ask_batches(ask: Ask) -> list[Any]:
    rows = given(ask.count * ask.size, NEW)
    return [rows[i : i + ask.size] for i in range(0, len(rows), ask.size)]


GET = Kind(
    lambda contender: contender.get,
    lambda ask: some_ids(ask.count, ask.rows, ask.seed),
    _verify_get,
)
FIND = Kind(
    lambda contender: contender.find,
    lambda ask: some_ids(ask.count, max(1, ask.rows - PAGE), ask.seed),
    _verify_find,
)
LIST = Kind(_call_list, lambda ask: [None] * ask.count, _verify_list)
CREATE = Kind(
    lambda contender: contender.create,
    lambda ask: list(given(ask.count, NEW)),
    _verify_create,
    lambda contender, asked: contender.prepare(asked),
    writes=True,
)
UPDATE = Kind(
    lambda contender: contender.update,
    lambda ask: list(some_changes(ask.count, ask.rows, ask.seed)),
    _verify_update,
    writes=True,
)
MIXED = Kind(_call_mixed, _ask_mixed, _verify_mixed, writes=True)
CREATE_MANY = Kind(
    lambda contender: contender.create_many,
    _ask_batches,
    _verify_create_many,
    lambda contender, asked: contender.prepare_many(asked),
    writes=True,
)
LOAD = Kind(
    lambda contender: contender.load,
    _ask_batches,
    _verify_load,
    lambda contender, asked: contender.prepare_many(asked),
    writes=True,
)


def workloads(*, rows: int, load_rows: int) -> tuple[Workload, ...]:
    """Give the workloads for a table of a size, in the order of the report."""
    return (
        Workload("get-1", "get by id, 1 task", GET),
        Workload("get-100", "get by id, 100 tasks", GET, tasks=100),
        Workload("get-1000", "get by id, 1,000 tasks", GET, tasks=1_000, brief=False),
        Workload("find-1", f"find {PAGE} rows, 1 task", FIND),
        Workload("find-20", f"find {PAGE} rows, 20 tasks", FIND, tasks=20),
        Workload("list", f"list {rows:,} rows", LIST, size=rows),
        Workload("create-1", "create, 1 task", CREATE),
        Workload("create-100", "create, 100 tasks", CREATE, tasks=100),
        Workload("update-1", "update by id, 1 task", UPDATE),
        Workload("update-100", "update by id, 100 tasks", UPDATE, tasks=100),
        Workload("mixed-100", "9 gets, 1 update, 100 tasks", MIXED, tasks=100),
        Workload("create-many", "create 1,000 rows at once", CREATE_MANY, size=1_000),
        Workload("load", f"load {load_rows:,} rows", LOAD, size=load_rows),
    )

"""Turns: closed loops of tasks, as many calls as fill a turn, and nobody always first."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from versus.contender import Contender
from versus.results import Rounds, Turn
from versus.scene import Scene
from versus.workloads import Ask, Call, Workload

_MOST_UNITS = 50_000
_CHECKED_ROWS = 3_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how often.

    Attributes:
        rounds: Turns of each that count.
        turn_seconds: How long a turn should take; one call, or a few of every task, may take
            longer.
        calls_per_task: Calls of each task at least.
    """

    rounds: int
    turn_seconds: float
    calls_per_task: int = 5


async def loop(
    contender: Contender,
    call: Call,
    arguments: Sequence[Any],
    tasks: int,
    answers: list[Any] | None = None,
) -> float:
    """Let some tasks make calls, each one after the other, and give the seconds it took.

    Args:
        contender: Whose tasks they are.
        call: What is called.
        arguments: One for each call; tasks share them out.
        tasks: How many tasks.
        answers: Takes the answers, in the order of the arguments; None forgets them.
    """
    kept: list[Any] = [None] * len(arguments)

    async def run(start: int) -> None:
        async with contender.task():
            if answers is None:
                for argument in arguments[start::tasks]:
                    await call(argument)
            else:
                for i in range(start, len(arguments), tasks):
                    kept[i] = await call(arguments[i])

    started = time.perf_counter()
    if tasks == 1:
        await run(0)
    else:
        async with asyncio.TaskGroup() as group:
            for start in range(tasks):
                group.create_task(run(start))
    taken = time.perf_counter() - started
    if answers is not None:
        answers += kept
    return taken


def rows_of(workload: Workload, contender: Contender) -> int:
    """Give the rows of one call: some contenders load fewer."""
    return min(workload.size, contender.load_rows) if workload.name == "load" else workload.size


async def check(scene: Scene, workload: Workload, contender: Contender) -> None:
    """Make the calls of a workload and compare the answers with what is stored.

    Raises:
        WrongAnswerError: They differ.
    """
    calls = 1 if workload.size > 1 else max(20, 2 * workload.tasks)
    kind = workload.kind
    size = min(rows_of(workload, contender), _CHECKED_ROWS)
    asked = kind.ask(Ask(calls, scene.rows, seed=1, size=size))
    arguments = [kind.prepare(contender, each) for each in asked]
    answers: list[Any] = []
    try:
        await loop(contender, kind.call(contender), arguments, workload.tasks, answers)
        await kind.verify(scene, contender, asked, answers)
    finally:
        if kind.writes:
            await scene.clean()


async def take_turns(
    scene: Scene, workload: Workload, contenders: Sequence[Contender], pace: Pace
) -> Rounds:
    """Let the contenders take turns at a workload.

    Every round starts with another one, and every other round goes the other way about, so that
    nobody always has the same forerunner. One turn of each warms up and says how many calls fill
    the turns that count.
    """
    calls = {each.name: await _fitting(scene, workload, each, pace) for each in contenders}
    found: Rounds = {each.name: [] for each in contenders}
    for number in range(pace.rounds):
        first = number % len(contenders)
        order = [*contenders[first:], *contenders[:first]]
        for contender in order if number % 2 else reversed(order):
            turn = await _turn(scene, workload, contender, calls[contender.name], number)
            found[contender.name].append(turn)
    return found


async def _fitting(scene: Scene, workload: Workload, contender: Contender, pace: Pace) -> int:
    least = 1 if workload.size > 1 else max(10, pace.calls_per_task * workload.tasks)
    warm = await _turn(scene, workload, contender, least, seed=-1)
    calls = warm.rate / rows_of(workload, contender) * pace.turn_seconds
    most = max(least, _MOST_UNITS // workload.size)
    return max(least, min(int(calls), most))


async def _turn(
    scene: Scene, workload: Workload, contender: Contender, calls: int, seed: int
) -> Turn:
    kind, size = workload.kind, rows_of(workload, contender)
    asked = kind.ask(Ask(calls, scene.rows, seed + 100, size))
    arguments = [kind.prepare(contender, each) for each in asked]
    gc.collect()
    seconds = await loop(contender, kind.call(contender), arguments, workload.tasks)
    if kind.writes:
        await scene.clean()
    return Turn(calls * size, seconds)

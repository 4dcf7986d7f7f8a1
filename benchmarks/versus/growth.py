"""How the cost of a call grows with the table, and the rate with the number of tasks."""

from collections.abc import Callable, Sequence

from versus.contender import Contender
from versus.results import Growth, Point
from versus.rounds import Pace, take_turns
from versus.scene import Scene
from versus.workloads import CREATE, FIND, GET, Kind, Workload

TASKS = (1, 3, 10, 30, 100, 300, 1_000)
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

Say = Callable[[str], None]


async def grow_tasks(
    scene: Scene, contenders: Sequence[Contender], counts: Sequence[int], pace: Pace, say: Say
) -> list[Growth]:
    """Measure get and create with ever more tasks."""
    return [
        Growth(f"{name}-tasks", f"{name} by the number of tasks", "tasks", points)
        for name, kind in (("get", GET), ("create", CREATE))
        if (points := await _tasks(scene, contenders, name, kind, counts, pace, say))
    ]


async def _tasks(
    scene: Scene,
    contenders: Sequence[Contender],
    name: str,
    kind: Kind,
    counts: Sequence[int],
    pace: Pace,
    say: Say,
) -> list[Point]:
    points: list[Point] = []
    for count in counts:
        say(f"{name}, {count:,} tasks")
        workload = Workload(f"{name}-{count}", "", kind, tasks=count)
        able = [each for each in contenders if each.most_tasks >= count]
        points.append(Point(count, await take_turns(scene, workload, able, pace)))
    return points


async def grow_table(
    scene: Scene, contenders: Sequence[Contender], sizes: Sequence[int], pace: Pace, say: Say
) -> list[Growth]:
    """Measure get, find and create, one task, in an ever larger table."""
    verbs = {"get": GET, "find": FIND, "create": CREATE}
    points: dict[str, list[Point]] = {name: [] for name in verbs}
    for size in sizes:
        say(f"a table of {size:,} rows")
        await scene.fill(size)
        for name, kind in verbs.items():
            workload = Workload(name, "", kind)
            points[name].append(Point(size, await take_turns(scene, workload, contenders, pace)))
    return [
        Growth(f"{name}-rows", f"{name} by the size of the table", "rows", points[name])
        for name in verbs
    ]

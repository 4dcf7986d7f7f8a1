"""How the cost of a call grows with the table, and the rate with the number of tasks."""

from collections.abc import Callable, Sequence

from versus.contender import Contender
from versus.results import Growth, Point
from versus.rounds import Pace, take_turns
from versus.scene import Scene
from versus.workloads import CREATE, FIND, GET, Workload

TASKS = (1, 3, 10, 30, 100, 300, 1_000)
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

Say = Callable[[str], None]


async def grow_tasks(
    scene: Scene, contenders: Sequence[Contender], counts: Sequence[int], pace: Pace, say: Say
) -> list[Growth]:
    """Measure get and create with ever more tasks."""
    verbs = {"get": GET, "create": CREATE}
    points: dict[str, list[Point]] = {name: [] for name in verbs}
    for count in counts:
        say(f"{count:,} tasks")
        able = [each for each in contenders if each.most_tasks >= count]
        for name, kind in verbs.items():
            workload = Workload(name, "", kind, tasks=count)
            points[name].append(Point(count, await take_turns(scene, workload, able, pace)))
    return [
        Growth(f"{name}-tasks", f"{name} by the number of tasks", "tasks", points[name])
        for name in verbs
    ]


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

"""What a row costs that is held: the memory of Python objects, by tracemalloc."""

import dataclasses
import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import starmap
from typing import Any

import asyncpg

from versus.contender import Address, Contender
from versus.results import Held
from versus.scene import Scene
from versus.table import SELECT


@dataclasses.dataclass(slots=True)
class SlottedRow:
    """The least that a program of its own would hold."""

    id: int
    station: str
    unit: str
    value: float
    price: Decimal
    valid: bool
    taken_at: datetime
    note: str | None
    created_at: datetime
    updated_at: datetime
    tags: list[str]


async def hold(scene: Scene, contenders: Sequence[Contender], rows: int) -> list[Held]:
    """List all rows by each contender and by hand, and weigh what is held then."""
    await scene.fill(rows)
    fetch, close = await _connect(scene.address)
    try:
        held = [
            Held("slotted dataclass", await _weigh(lambda: _objects(fetch), rows)),
            Held("asyncpg.Record", await _weigh(fetch, rows)),
        ]
    finally:
        await close()
    for contender in contenders:
        if not contender.takes:
            title = "msgspec.Struct" if contender.name == "asyncpg" else contender.title
            held.append(Held(title, await _weigh(partial(_listed, contender), rows)))
    return held


async def _connect(
    address: Address,
) -> tuple[Callable[[], Awaitable[Any]], Callable[[], Awaitable[None]]]:
    connection = await asyncpg.connect(address.url)
    return lambda: connection.fetch(SELECT), connection.close


async def _objects(fetch: Callable[[], Awaitable[Any]]) -> list[SlottedRow]:
    return list(starmap(SlottedRow, await fetch()))


async def _listed(contender: Contender) -> Sequence[Any]:
    async with contender.task():
        return await contender.list_all()


async def _weigh(work: Callable[[], Awaitable[Any]], rows: int) -> float:
    await work()  # what is made once is not a row's
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = await work()
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
        if len(kept) != rows:
            raise RuntimeError(f"{len(kept)} of {rows} rows are held")
        return taken / rows
    finally:
        tracemalloc.stop()

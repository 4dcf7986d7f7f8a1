"""Random queries with the verb that asks them.

Values come from small domains, so that most joins and comparisons find something. Whatever decides
about rows that PostgreSQL may otherwise choose freely (LIMIT, DISTINCT ON, row numbers) is sorted
by keys that tell all rows apart: a query has one right answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from property.oracle.levels import Levels
from property.oracle.shops import MODELS, Relation, Shop
from storehaus import (
    GenericStore,
    StoreHaus,
    count,
    dense_rank,
    first_value,
    lag,
    rank,
    row_number,
    sum_,
)
from storehaus.query.sources import model_of

CONSTRUCTS = (
    *(f"{how} join" for how in ("inner", "left", "right", "full", "cross")),
    "self join",
    "join of a CTE",
    "join of a derived table",
    "lateral join",
    "1 join",
    "2 joins",
    "3 joins",
    "EXISTS",
    "NOT EXISTS",
    "IN (query)",
    "NOT IN (query)",
    "scalar subquery",
    "correlated subquery",
    "aggregate",
    "aggregate FILTER",
    "GROUP BY",
    "ROLLUP",
    "HAVING",
    "DISTINCT",
    "DISTINCT ON",
    *(
        f"{operator}{every}"
        for operator in ("UNION", "INTERSECT", "EXCEPT")
        for every in ("", " ALL")
    ),
    "set operation of models",
    "set operation of projections",
    "CTE of a model",
    "CTE of a projection",
    "recursive CTE",
    "derived table",
    "window function",
    "ORDER BY",
    "LIMIT",
    "OFFSET",
    "find",
    "select",
    "models",
    "page",
    "count_where",
    "exists",
)


Run = Callable[[StoreHaus], Awaitable[list[Any]]]


@dataclass(frozen=True)
class Case:
    """A query that can be asked of any database with the tables.

    Attributes:
        query: The query.
        run: Asks it.
        is_ordered: Whether the order of the rows is part of the answer.
        constructs: What stands in it.
    """

    query: Any
    run: Run
    is_ordered: bool
    constructs: frozenset[str]


class Maker:
    """Makes queries.

    Args:
        random: Decides.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._levels = Levels(random)

    def case(self) -> Case:
        """Make one."""
        self._levels = Levels(self._random)
        if self._levels.chance(0.3):
            self._levels.define()
        make = self._levels.pick(
            (6, self._find),
            (11, self._select),
            (3, self._models),
            (6, self._groups),
            (5, self._window),
            (8, self._set_of_models),
            (8, self._set_of_projections),
            (3, self._page),
            (4, self._count),
            (4, self._exists),
        )
        query, run, is_ordered = make()
        return Case(query, run, is_ordered, frozenset(self._levels.used))

    # Terminal verbs.

    def _find(self) -> tuple[Any, Run, bool]:
        self._levels.use("find")
        level = self._levels.level(2, models_only=True)
        query, is_ordered = self._levels.finish(level)
        return query, _find(query), is_ordered

    def _page(self) -> tuple[Any, Run, bool]:
        self._levels.use("page")
        level = self._levels.level(
            1, models_only=True, joins=self._random.choice((0, 0, 1)), keyed=True
        )
        query = self._levels.with_ctes(level.query)
        if self._levels.chance(0.7):
            query = query.order_by(self._levels.sort_key(level), *self._levels.some(level.key, 1))
        return query, _pages(query, self._random.randint(2, 6)), True

    def _count(self) -> tuple[Any, Run, bool]:
        self._levels.use("count_where")
        level = self._levels.level(2, models_only=True)
        query, _ = self._levels.finish(level)
        return query, _count(query), True

    def _exists(self) -> tuple[Any, Run, bool]:
        self._levels.use("exists")
        level = self._levels.level(2, models_only=True, selective=True)
        query = self._levels.with_ctes(level.query)
        return query, _exists(query), True

    def _select(self) -> tuple[Any, Run, bool]:
        self._levels.use("select")
        level = self._levels.level(2)
        items = [
            self._levels.integer(level, 1),
            self._levels.text(level.relations),
            self._levels.integer(level, 0),
        ]
        labels = ["n", "t", "m"]
        chosen = level.query.select(
            *(item.as_(name) for item, name in zip(items, labels, strict=True))
        )
        choice = self._random.random()
        is_ordered = False
        if choice < 0.2:
            self._levels.use("DISTINCT")
            chosen = chosen.distinct()
            if self._levels.chance(0.5):
                chosen, is_ordered = self._levels.limited(chosen.order_by("n", "t", "m")), True
        elif choice < 0.45:
            self._levels.use("DISTINCT ON", "ORDER BY")
            key = self._levels.any_integer(level.relations)
            chosen = chosen.distinct(key).order_by(key, *level.key)
            is_ordered = True
        elif choice < 0.8:
            self._levels.use("ORDER BY")
            keys = [self._levels.sort_key(level), *level.key]
            chosen, is_ordered = self._levels.limited(chosen.order_by(*keys)), True
        chosen = self._levels.with_ctes(chosen)
        return chosen, _select(chosen), is_ordered

    def _models(self) -> tuple[Any, Run, bool]:
        self._levels.use("models")
        level = self._levels.level(2, start_with_model=True)
        query, is_ordered = self._levels.finish(level)
        chosen = query.models()
        return chosen, _select(chosen), is_ordered

    def _groups(self) -> tuple[Any, Run, bool]:
        chosen = self._levels.with_ctes(self._levels.grouped(self._levels.level(2)))
        is_ordered = False
        if self._levels.chance(0.5):
            self._levels.use("ORDER BY")
            chosen, is_ordered = self._levels.limited(chosen.order_by("n", "t", "a", "b")), True
        return chosen, _select(chosen), is_ordered

    def _window(self) -> tuple[Any, Run, bool]:
        self._levels.use("window function")
        level = self._levels.level(1)
        keys = level.key
        number = self._levels.any_integer(level.relations)
        partition = self._levels.some([*level.relations[0].texts, *level.relations[-1].texts], 1)
        window = self._random.choice(
            (
                lambda: row_number().over(partition_by=partition, order_by=keys),
                lambda: rank().over(partition_by=partition, order_by=number.desc()),
                lambda: dense_rank().over(order_by=[number, *partition]),
                lambda: lag(number).over(partition_by=partition, order_by=keys),
                lambda: first_value(number).over(partition_by=partition, order_by=keys),
                lambda: sum_(number).over(partition_by=partition),
                lambda: count().over(partition_by=partition, order_by=number),
                lambda: (
                    count(number)
                    .filter(self._levels.condition(level.relations, [], 0))
                    .over(order_by=keys, rows=(-2, 1))
                ),
            )
        )()
        chosen = level.query.select(*keys, number.as_("number"), window.as_("w"))
        is_ordered = self._levels.chance(0.4)
        if is_ordered:
            self._levels.use("ORDER BY")
            chosen = self._levels.limited(chosen.order_by("w", *keys))
        chosen = self._levels.with_ctes(chosen)
        return chosen, _select(chosen), is_ordered

    def _set_of_models(self) -> tuple[Any, Run, bool]:
        self._levels.use("set operation of models", "find")
        model = self._random.choice(MODELS)

        def side() -> Any:
            joins = self._random.choice((0, 0, 1))
            return self._levels.level(1, model=model, joins=joins, models_only=True).query

        query = self._combined(side)
        if self._levels.chance(0.3):
            query = query.filter(self._levels.condition([Relation.of_model(model)], [], 1))
        is_ordered = self._levels.chance(0.5)
        if is_ordered:
            self._levels.use("ORDER BY")
            query = self._levels.limited(query.order_by(model.id))  # type: ignore[attr-defined]  # all have one
        query = self._levels.with_ctes(query)
        verb = self._random.choice((_find, _find, _count, _exists))
        if verb is not _find:
            self._levels.use("count_where" if verb is _count else "exists")
        return query, verb(query), is_ordered and verb is _find

    def _set_of_projections(self) -> tuple[Any, Run, bool]:
        self._levels.use("set operation of projections", "select")
        query = self._combined(lambda: self._levels.projection(1))
        if self._levels.chance(0.2):
            query = self._combined(lambda: self._levels.projection(0), query)
        is_ordered = self._levels.chance(0.5)
        if is_ordered:
            self._levels.use("ORDER BY")
            query = self._levels.limited(query.order_by("n", "t"))
        query = self._levels.with_ctes(query)
        return query, _select(query), is_ordered

    def _combined(self, side: Callable[[], Any], left: Any = None) -> Any:
        operator, every = (
            self._random.choice(("union", "intersect", "except")),
            self._levels.chance(0.5),
        )
        self._levels.use(operator.upper() + (" ALL" if every else ""))
        method = {"except": "except_"}.get(operator, operator)
        if every:
            method = f"{operator}_all"
        return getattr(side() if left is None else left, method)(side())


def _store(haus: StoreHaus, query: Any) -> GenericStore[Any]:
    return haus.store(model_of(query.clauses.source) or Shop)


def _find(query: Any) -> Run:
    async def run(haus: StoreHaus) -> list[Any]:
        return await _store(haus, query).find(query)

    return run


def _select(query: Any) -> Run:
    async def run(haus: StoreHaus) -> list[Any]:
        return await _store(haus, query).select(query)

    return run


def _count(query: Any) -> Run:
    async def run(haus: StoreHaus) -> list[Any]:
        found = await _store(haus, query).count_where(query)
        return [found] if found else []

    return run


def _exists(query: Any) -> Run:
    async def run(haus: StoreHaus) -> list[Any]:
        return [True] if await _store(haus, query).exists(query) else []

    return run


def _pages(query: Any, size: int) -> Run:
    """Two pages on, one back."""

    async def run(haus: StoreHaus) -> list[Any]:
        store = _store(haus, query)
        first = await store.page(query, size=size)
        found = [*first.items]
        if first.next is not None:
            second = await store.page(query, size=size, after=first.next)
            found += second.items
            if second.previous is not None:
                back = await store.page(query, size=size, after=second.previous)
                found += back.items
        return found

    return run

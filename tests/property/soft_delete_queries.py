"""Random queries over related models, and how often each construct stands in them.

Values come from small domains, so that most joins and comparisons find something. Whatever decides
about rows that PostgreSQL may otherwise choose freely (LIMIT, DISTINCT ON, row numbers) is sorted by
keys that tell all rows apart: a query has one right answer.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from storehaus import (
    Condition,
    Field,
    GenericStore,
    Model,
    QueryBuilder,
    StoreHaus,
    alias,
    array_agg,
    avg,
    case,
    coalesce,
    count,
    count_distinct,
    cte,
    dense_rank,
    exists_,
    first_value,
    lag,
    max_,
    min_,
    rank,
    rollup,
    row_number,
    scalar,
    string_agg,
    sum_,
)
from storehaus import field as column
from storehaus.query.sources import model_of

DOMAIN = 12
LETTERS = "abcd"


class Shop(Model, table="shops", soft_delete=True):
    """A tree."""

    id: Field[int] = column(primary_key=True)
    parent: Field[int | None] = column(default=None)
    town: Field[str]
    stars: Field[int | None] = column(default=None)


class Item(Model, table="items", soft_delete=True):
    """Things in shops."""

    id: Field[int] = column(primary_key=True)
    shop: Field[int | None] = column(default=None)
    kind: Field[str | None] = column(default=None)
    weight: Field[int]


class Sale(Model, table="sales"):
    """A flag of its own, under the name that it has in the database."""

    id: Field[int] = column(primary_key=True)
    item: Field[int | None] = column(default=None)
    buyer: Field[str]
    amount: Field[int]
    valid: Field[bool] = column(soft_delete=True, column="isValid")


class Tariff(Model, table="tariffs"):
    """Rows that are deleted for good."""

    id: Field[int] = column(primary_key=True)
    kind: Field[str]
    factor: Field[int | None] = column(default=None)


MODELS: tuple[type[Model], ...] = (Shop, Item, Sale, Tariff)

INTEGERS = {
    Shop: ("id", "parent", "stars"),
    Item: ("id", "shop", "weight"),
    Sale: ("id", "item", "amount"),
    Tariff: ("id", "factor"),
}
TEXTS = {Shop: ("town",), Item: ("kind",), Sale: ("buyer",), Tariff: ("kind",)}

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


@dataclass(frozen=True)
class Relation:
    """A source of rows as conditions see it.

    Attributes:
        source: A model, an alias, a derived table or a common table expression.
        integers: Expressions that are numbers.
        texts: Expressions that are texts.
        key: What tells its rows apart, or all that it has.
    """

    source: Any
    integers: tuple[Any, ...]
    texts: tuple[Any, ...]
    key: tuple[Any, ...]

    @classmethod
    def of_model(cls, source: Any) -> "Relation":
        """Take the columns of a model or an alias."""
        model: Any = model_of(source)
        integers = tuple(getattr(source, name) for name in INTEGERS[model])
        texts = tuple(getattr(source, name) for name in TEXTS[model])
        return cls(source, integers, texts, (source.id,))

    @classmethod
    def of_derived(cls, source: Any) -> "Relation":
        """Take the columns that every derived table here has."""
        return cls(source, (source["n"],), (source["t"],), (source["n"], source["t"]))


@dataclass
class Level:
    """A query level that is being built.

    Attributes:
        query: The query so far.
        relations: Its sources.
        outer: Sources of the levels around it.
        hows: How its sources are joined.
    """

    query: Any
    relations: list[Relation]
    outer: list[Relation] = field(default_factory=list)
    hows: list[str] = field(default_factory=list)

    @property
    def key(self) -> list[Any]:
        """Sort keys of which no two different rows have the same."""
        return [each for relation in self.relations for each in relation.key]


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
        self._used: set[str] = set()
        self._number = 0
        self._ctes: list[tuple[str, Any, bool]] = []
        self._named: list[Relation] = []

    def case(self) -> Case:
        """Make one."""
        self._used = set()
        self._number = 0
        self._ctes, self._named = [], []
        if self._chance(0.3):
            self._define()
        make = self._pick(
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
        return Case(query, run, is_ordered, frozenset(self._used))

    # Terminal verbs.

    def _find(self) -> tuple[Any, Run, bool]:
        self._use("find")
        level = self._level(2, models_only=True)
        query, is_ordered = self._finish(level)
        return query, _find(query), is_ordered

    def _page(self) -> tuple[Any, Run, bool]:
        self._use("page")
        level = self._level(1, models_only=True, joins=self._random.choice((0, 0, 1)), keyed=True)
        query = self._with_ctes(level.query)
        if self._chance(0.7):
            query = query.order_by(self._sort_key(level), *self._some(level.key, 1))
        return query, _pages(query, self._random.randint(2, 6)), True

    def _count(self) -> tuple[Any, Run, bool]:
        self._use("count_where")
        level = self._level(2, models_only=True)
        query, _ = self._finish(level)
        return query, _count(query), True

    def _exists(self) -> tuple[Any, Run, bool]:
        self._use("exists")
        level = self._level(2, models_only=True, selective=True)
        query = self._with_ctes(level.query)
        return query, _exists(query), True

    def _select(self) -> tuple[Any, Run, bool]:
        self._use("select")
        level = self._level(2)
        items = [self._integer(level, 1), self._text(level.relations), self._integer(level, 0)]
        labels = ["n", "t", "m"]
        chosen = level.query.select(
            *(item.as_(name) for item, name in zip(items, labels, strict=True))
        )
        choice = self._random.random()
        is_ordered = False
        if choice < 0.2:
            self._use("DISTINCT")
            chosen = chosen.distinct()
            if self._chance(0.5):
                chosen, is_ordered = self._limited(chosen.order_by("n", "t", "m")), True
        elif choice < 0.45:
            self._use("DISTINCT ON", "ORDER BY")
            key = self._any_integer(level.relations)
            chosen = chosen.distinct(key).order_by(key, *level.key)
            is_ordered = True
        elif choice < 0.8:
            self._use("ORDER BY")
            keys = [self._sort_key(level), *level.key]
            chosen, is_ordered = self._limited(chosen.order_by(*keys)), True
        chosen = self._with_ctes(chosen)
        return chosen, _select(chosen), is_ordered

    def _models(self) -> tuple[Any, Run, bool]:
        self._use("models")
        level = self._level(2, start_with_model=True)
        query, is_ordered = self._finish(level)
        chosen = query.models()
        return chosen, _select(chosen), is_ordered

    def _groups(self) -> tuple[Any, Run, bool]:
        chosen = self._with_ctes(self._grouped(self._level(2)))
        is_ordered = False
        if self._chance(0.5):
            self._use("ORDER BY")
            chosen, is_ordered = self._limited(chosen.order_by("n", "t", "a", "b")), True
        return chosen, _select(chosen), is_ordered

    def _window(self) -> tuple[Any, Run, bool]:
        self._use("window function")
        level = self._level(1)
        keys = level.key
        number = self._any_integer(level.relations)
        partition = self._some([*level.relations[0].texts, *level.relations[-1].texts], 1)
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
                    .filter(self._condition(level.relations, [], 0))
                    .over(order_by=keys, rows=(-2, 1))
                ),
            )
        )()
        chosen = level.query.select(*keys, number.as_("number"), window.as_("w"))
        is_ordered = self._chance(0.4)
        if is_ordered:
            self._use("ORDER BY")
            chosen = self._limited(chosen.order_by("w", *keys))
        chosen = self._with_ctes(chosen)
        return chosen, _select(chosen), is_ordered

    def _set_of_models(self) -> tuple[Any, Run, bool]:
        self._use("set operation of models", "find")
        model = self._random.choice(MODELS)

        def side() -> Any:
            joins = self._random.choice((0, 0, 1))
            return self._level(1, model=model, joins=joins, models_only=True).query

        query = self._combined(side)
        if self._chance(0.3):
            query = query.filter(self._condition([Relation.of_model(model)], [], 1))
        is_ordered = self._chance(0.5)
        if is_ordered:
            self._use("ORDER BY")
            query = self._limited(query.order_by(model.id))  # type: ignore[attr-defined]  # all have one
        query = self._with_ctes(query)
        verb = self._random.choice((_find, _find, _count, _exists))
        if verb is not _find:
            self._use("count_where" if verb is _count else "exists")
        return query, verb(query), is_ordered and verb is _find

    def _set_of_projections(self) -> tuple[Any, Run, bool]:
        self._use("set operation of projections", "select")
        query = self._combined(lambda: self._projection(1))
        if self._chance(0.2):
            query = self._combined(lambda: self._projection(0), query)
        is_ordered = self._chance(0.5)
        if is_ordered:
            self._use("ORDER BY")
            query = self._limited(query.order_by("n", "t"))
        query = self._with_ctes(query)
        return query, _select(query), is_ordered

    def _combined(self, side: Callable[[], Any], left: Any = None) -> Any:
        operator, every = self._random.choice(("union", "intersect", "except")), self._chance(0.5)
        self._use(operator.upper() + (" ALL" if every else ""))
        method = {"except": "except_"}.get(operator, operator)
        if every:
            method = f"{operator}_all"
        return getattr(side() if left is None else left, method)(side())

    # Levels and their sources.

    def _level(  # noqa: PLR0913 - the ways in which levels differ
        self,
        depth: int,
        *,
        outer: Sequence[Relation] = (),
        models_only: bool = False,
        start_with_model: bool = False,
        selective: bool = False,
        keyed: bool = False,
        joins: int | None = None,
        model: Any = None,
    ) -> Level:
        """Make a level with sources and conditions.

        Args:
            depth: How many levels may stand within it.
            outer: Sources around it, which it then names.
            models_only: Whether it gives rows of a model.
            start_with_model: Whether its first source is one.
            selective: Whether it finds few rows.
            keyed: Whether all of its sources have a primary key.
            joins: Number of joins; None leaves it to chance.
            model: The first source.
        """
        level = self._start(depth, outer, models_only or start_with_model, model)
        if joins is None:
            joins = self._random.choice((0, 1, 1, 2, 2, 3) if depth > 1 else (0, 0, 1, 1, 2))
        for _ in range(joins):
            self._join(level, depth, models_only=models_only, keyed=keyed)
        if len(level.hows) in {1, 2, 3} and not outer:
            self._use(("1 join", "2 joins", "3 joins")[len(level.hows) - 1])
        for _ in range(self._random.choice((0, 1, 1, 2)) if not selective else 3):
            condition = self._condition(level.relations, level.outer, depth)
            level.query = level.query.filter(condition)
        return level

    def _start(self, depth: int, outer: Sequence[Relation], needs_model: bool, model: Any) -> Level:
        if model is not None:
            relation = Relation.of_model(model)
            return Level(QueryBuilder(model), [relation], list(outer))
        relation = self._relation(depth, [], list(outer), needs_model=needs_model)
        if model_of(relation.source) is None:
            return Level(QueryBuilder.from_(relation.source), [relation], list(outer))
        return Level(QueryBuilder(relation.source), [relation], list(outer))

    def _relation(
        self,
        depth: int,
        beside: list[Relation],
        outer: list[Relation],
        *,
        needs_model: bool = False,
        lateral: bool = False,
    ) -> Relation:
        choice = self._random.random()
        named = [each for each in self._named if not needs_model or model_of(each.source)]
        if named and choice < 0.5:
            relation = self._random.choice(named)
            if any(each.source == relation.source for each in (*beside, *outer)):
                relation = self._renamed(relation)
            if beside:
                self._use("join of a CTE")
            return relation
        if not needs_model and depth > 0 and (lateral or choice > 0.8):
            self._use("derived table", *(["join of a derived table"] if beside else []))
            body = self._projection(depth - 1, beside if lateral else ())
            return Relation.of_derived(body.as_(self._name("d")))
        model = self._random.choice(MODELS)
        # Where a column of the level around is meant, its source needs another name.
        if any(each.source is model for each in (*beside, *outer)):
            if any(each.source is model for each in beside):
                self._use("self join")
            return Relation.of_model(alias(model, self._name("a")))
        return Relation.of_model(model)

    def _renamed(self, relation: Relation) -> Relation:
        if model_of(relation.source) is None:
            return Relation.of_derived(relation.source.as_(self._name("c")))
        return Relation.of_model(alias(relation.source, self._name("c")))

    def _join(self, level: Level, depth: int, *, models_only: bool, keyed: bool) -> None:
        hows = ["inner", "inner", "left", "left", "cross"]
        if not models_only:
            hows += ["right", "right", "full", "full"]
        how = self._random.choice(hows)
        # PostgreSQL has no lateral source where a row of the other side can be missing.
        lateral = (
            depth > 0
            and not keyed
            and how in {"inner", "left", "cross"}
            and not {"right", "full"} & set(level.hows)
            and self._chance(0.15)
        )
        relation = self._relation(
            depth, level.relations, level.outer, needs_model=keyed, lateral=lateral
        )
        is_lateral = lateral and getattr(relation.source, "query", None) is not None
        if is_lateral:
            self._use("lateral join")
        self._use(f"{how} join")
        on = None if how == "cross" else self._on(level, relation, how, depth)
        level.query = level.query.join(relation.source, on=on, how=how, lateral=is_lateral)
        level.relations.append(relation)
        level.hows.append(how)

    def _on(self, level: Level, relation: Relation, how: str, depth: int) -> Condition:
        if self._chance(0.3):
            on = self._text([relation]) == self._text(level.relations)
        else:
            on = self._any_integer([relation]) == self._any_integer(level.relations)
        if how in {"inner", "left"} and self._chance(0.25):
            extra = self._condition([*level.relations, relation], level.outer, max(depth - 1, 0))
            return on & extra if how == "inner" or self._chance(0.5) else extra & on
        if how == "inner" and self._chance(0.1):
            return on | self._comparison([relation], [])
        return on

    def _define(self) -> None:
        """Define one or two common table expressions."""
        for _ in range(self._random.choice((1, 1, 2))):
            name = self._name("w")
            choice = self._random.random()
            if choice < 0.35:
                self._use("recursive CTE")
                self._define_recursive(name)
            elif choice < 0.7:
                self._use("CTE of a model")
                model: Any = self._random.choice(MODELS)
                joins = self._random.choice((0, 1))
                body = self._level(1, model=model, joins=joins, models_only=True)
                self._ctes.append((name, body.query, False))
                self._named.append(Relation.of_model(cte(name, model)))
            else:
                self._use("CTE of a projection")
                self._ctes.append((name, self._projection(1), False))
                self._named.append(Relation.of_derived(cte(name)))

    def _define_recursive(self, name: str) -> None:
        start = QueryBuilder(Shop).filter(self._condition([Relation.of_model(Shop)], [], 1))
        up = self._chance(0.5)
        if self._chance(0.5):
            tree: Any = cte(name, Shop)
            on = Shop.id == tree.parent if up else Shop.parent == tree.id
            step: Any = QueryBuilder(Shop).join(tree, on=on)
            self._ctes.append((name, start.union(step), True))
            self._named.append(Relation.of_model(tree))
            return
        found = cte(name)
        leaf = alias(Shop, self._name("a"))
        on = leaf.id == found["m"] if up else leaf.parent == found["n"]
        first = start.select(Shop.id.as_("n"), Shop.town.as_("t"), Shop.parent.as_("m"))
        next_ = QueryBuilder(leaf).join(found, on=on)
        both = first.union(
            next_.select(leaf.id.as_("n"), leaf.town.as_("t"), leaf.parent.as_("m"))
        )
        self._ctes.append((name, both, True))
        self._named.append(Relation.of_derived(found))

    def _with_ctes(self, query: Any) -> Any:
        for name, body, recursive in self._ctes:
            query = query.with_(name, body, recursive=recursive)
        return query

    def _projection(self, depth: int, beside: Sequence[Relation] = ()) -> Any:
        """Make a projection of a number `n` and a text `t`."""
        level = self._level(depth, outer=beside)
        if beside:
            level.query = level.query.filter(self._correlation(level))
        if self._chance(0.25):
            return self._grouped(level, only_two=True)
        number, text = self._any_integer(level.relations), self._text(level.relations)
        query = level.query.select(number.as_("n"), text.as_("t"))
        if self._chance(0.2):
            self._use("DISTINCT")
            query = query.distinct()
        elif self._chance(0.2):
            query = self._limited(query.order_by("n", "t", *level.key))
        return query

    def _grouped(self, level: Level, *, only_two: bool = False) -> Any:
        self._use("aggregate")
        text = self._text(level.relations)
        items = [self._aggregate(level).as_("n")]
        if not only_two:
            items += [self._aggregate(level).as_("a"), self._rich_aggregate(level).as_("b")]
        choice = self._random.random()
        if choice < 0.25:
            # All rows are one group, which is there without rows too.
            query = level.query.select(items[0], max_(text).as_("t"), *items[1:])
        else:
            self._use("GROUP BY")
            key: Any = text
            if choice > 0.85:
                self._use("ROLLUP")
                key = rollup(text)
            query = level.query.select(items[0], text.as_("t"), *items[1:]).group_by(key)
        if self._chance(0.4):
            self._use("HAVING")
            query = query.having(self._having(level))
        return query

    def _having(self, level: Level) -> Condition:
        if self._chance(0.5):
            return count() > self._random.randint(1, 3)
        return sum_(self._any_integer(level.relations)) > self._random.randint(0, 20)

    def _aggregate(self, level: Level) -> Any:
        number, text = self._any_integer(level.relations), self._text(level.relations)
        made: Any = self._random.choice(
            (
                lambda: count(),  # noqa: PLW0108 - they are overloaded
                lambda: count(number),
                lambda: count_distinct(text),
                lambda: min_(number),
                lambda: max_(number),
            )
        )()
        if self._chance(0.3):
            self._use("aggregate FILTER")
            made = made.filter(self._condition(level.relations, [], 1))
        return made

    def _rich_aggregate(self, level: Level) -> Any:
        number, text = self._any_integer(level.relations), self._text(level.relations)
        return self._random.choice(
            (
                lambda: avg(number),
                lambda: sum_(number),
                lambda: array_agg(number, order_by=number),
                lambda: string_agg(text, "|", order_by=text),
            )
        )()

    # Expressions and conditions.

    def _condition(
        self, own: Sequence[Relation], outer: Sequence[Relation], depth: int
    ) -> Condition:
        choice = self._random.random()
        if depth > 0 and choice < 0.45:
            return self._with_query(own, depth)
        if depth > 0 and choice < 0.55:
            one, other = self._condition(own, outer, depth), self._comparison(own, outer)
            return one | other if self._chance(0.6) else one & other
        condition = self._comparison(own, outer)
        return ~condition if choice > 0.9 else condition

    def _comparison(self, own: Sequence[Relation], outer: Sequence[Relation]) -> Condition:
        number, text = self._any_integer(own), self._text(own)
        limit = self._random.randrange(DOMAIN)
        return self._random.choice(
            (
                lambda: number >= limit // 2,
                lambda: number < limit,
                lambda: number != limit,
                lambda: number + 1 > self._any_integer([*own, *outer]),
                lambda: number.is_null(),
                lambda: number.is_not_null(),
                lambda: number.in_(self._random.sample(range(DOMAIN), 6)),
                lambda: number.not_in(self._random.sample(range(DOMAIN), 3)),
                lambda: text == self._random.choice(LETTERS),
                lambda: text.in_(self._random.sample(LETTERS, 3)),
                lambda: text != self._random.choice(LETTERS),
            )
        )()

    def _with_query(self, own: Sequence[Relation], depth: int) -> Condition:
        kind = self._random.choice(("exists", "exists", "in", "in", "scalar"))
        negated = self._chance(0.45)
        level = self._level(
            depth - 1, outer=own, joins=self._random.choice((0, 0, 0, 1)) if depth > 1 else 0
        )
        if kind == "exists" or self._chance(0.4):
            self._use("correlated subquery")
            level.query = level.query.filter(self._correlation(level))
        if kind == "exists":
            self._use("NOT EXISTS" if negated else "EXISTS")
            condition = exists_(self._exists_form(level))
            return ~condition if negated else condition
        if kind == "in":
            self._use("NOT IN (query)" if negated else "IN (query)")
            wanted, item = self._pair(own, level)
            query = level.query.select(item)
            return wanted.not_in(query) if negated else wanted.in_(query)
        return self._any_integer(own) <= self._scalar(level)

    def _exists_form(self, level: Level) -> Any:
        choice = self._random.random()
        if choice < 0.5:
            return level.query
        if choice < 0.7:
            return level.query.select(self._any_integer(level.relations))
        if choice < 0.85:
            return level.query.limit(1)
        self._use("GROUP BY", "HAVING")
        text = self._text(level.relations)
        return level.query.select(text, count()).group_by(text).having(count() > 1)

    def _scalar(self, level: Level) -> Any:
        self._use("scalar subquery")
        number = self._any_integer(level.relations)
        if self._chance(0.6):
            self._use("aggregate")
            query = level.query.select(self._random.choice((max_, min_, count))(number))
        else:
            self._use("ORDER BY", "LIMIT")
            query = level.query.select(number).order_by(*level.key).limit(1)
        return scalar(query)

    def _pair(self, own: Sequence[Relation], level: Level) -> tuple[Any, Any]:
        if self._chance(0.3):
            return self._text(own), self._text(level.relations)
        return self._any_integer(own), self._any_integer(level.relations)

    def _correlation(self, level: Level) -> Condition:
        own, outer = self._pair(level.relations, Level(None, level.outer))
        return own == outer

    def _any_integer(self, relations: Sequence[Relation]) -> Any:
        return self._random.choice([each for rel in relations for each in rel.integers])

    def _text(self, relations: Sequence[Relation]) -> Any:
        return self._random.choice([each for rel in relations for each in rel.texts])

    def _integer(self, level: Level, depth: int) -> Any:
        number = self._any_integer(level.relations)
        choice = self._random.random()
        if depth > 0 and choice < 0.35:
            inner = self._level(0, outer=level.relations, joins=0)
            if self._chance(0.5):
                self._use("correlated subquery")
                inner.query = inner.query.filter(self._correlation(inner))
            return self._scalar(inner)
        if choice < 0.5:
            return coalesce(number, -1)
        if choice < 0.6:
            return case((self._condition(level.relations, [], depth), number), else_=-2)
        return number * 2 if choice < 0.7 else number

    def _sort_key(self, level: Level) -> Any:
        number = self._any_integer(level.relations)
        return self._random.choice(
            (number.desc(), number.asc(), number.nulls_first(), number.desc().nulls_last())
        )

    def _finish(self, level: Level) -> tuple[Any, bool]:
        """Sort and cut the rows of a level, or not."""
        query = self._with_ctes(level.query)
        choice = self._random.random()
        if choice < 0.45:
            return query, False
        self._use("ORDER BY")
        return self._limited(query.order_by(self._sort_key(level), *level.key)), True

    def _limited(self, query: Any) -> Any:
        if self._chance(0.6):
            self._use("LIMIT")
            query = query.limit(self._random.randint(1, 8))
        if self._chance(0.3):
            self._use("OFFSET")
            query = query.offset(self._random.randint(1, 3))
        return query

    def _name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number}"

    def _some(self, values: list[Any], number: int) -> list[Any]:
        return self._random.sample(values, min(number, len(values)))

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _pick(self, *weighted: tuple[int, Any]) -> Any:
        weights, values = zip(*weighted, strict=True)
        return self._random.choices(values, weights)[0]

    def _use(self, *constructs: str) -> None:
        self._used.update(constructs)


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

"""Levels of random queries: sources, joins, conditions and what else stands within a query."""

from collections.abc import Sequence
from random import Random
from typing import Any

from property.oracle.shops import DOMAIN, LETTERS, MODELS, Level, Relation, Shop
from storehaus import (
    Condition,
    QueryBuilder,
    alias,
    array_agg,
    avg,
    case,
    coalesce,
    count,
    count_distinct,
    cte,
    exists_,
    max_,
    min_,
    rollup,
    scalar,
    string_agg,
    sum_,
)
from storehaus.query.sources import model_of


class Levels:
    """Makes levels, and writes down what it has used.

    Args:
        random: Decides.

    Attributes:
        used: The constructs that stand in the query so far.
    """

    def __init__(self, random: Random) -> None:
        self.used: set[str] = set()
        self._random = random
        self._number = 0
        self._ctes: list[tuple[str, Any, bool]] = []
        self._named: list[Relation] = []

    def level(
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
            self.use(("1 join", "2 joins", "3 joins")[len(level.hows) - 1])
        for _ in range(self._random.choice((0, 1, 1, 2)) if not selective else 3):
            condition = self.condition(level.relations, level.outer, depth)
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
                self.use("join of a CTE")
            return relation
        if not needs_model and depth > 0 and (lateral or choice > 0.8):
            self.use("derived table", *(["join of a derived table"] if beside else []))
            body = self.projection(depth - 1, beside if lateral else ())
            return Relation.of_derived(body.as_(self._name("d")))
        model = self._random.choice(MODELS)
        # Where a column of the level around is meant, its source needs another name.
        if any(each.source is model for each in (*beside, *outer)):
            if any(each.source is model for each in beside):
                self.use("self join")
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
            and self.chance(0.15)
        )
        relation = self._relation(
            depth, level.relations, level.outer, needs_model=keyed, lateral=lateral
        )
        is_lateral = lateral and getattr(relation.source, "query", None) is not None
        if is_lateral:
            self.use("lateral join")
        self.use(f"{how} join")
        on = None if how == "cross" else self._on(level, relation, how, depth)
        level.query = level.query.join(relation.source, on=on, how=how, lateral=is_lateral)
        level.relations.append(relation)
        level.hows.append(how)

    def _on(self, level: Level, relation: Relation, how: str, depth: int) -> Condition:
        if self.chance(0.3):
            on = self.text([relation]) == self.text(level.relations)
        else:
            on = self.any_integer([relation]) == self.any_integer(level.relations)
        if how in {"inner", "left"} and self.chance(0.25):
            extra = self.condition([*level.relations, relation], level.outer, max(depth - 1, 0))
            return on & extra if how == "inner" or self.chance(0.5) else extra & on
        if how == "inner" and self.chance(0.1):
            return on | self._comparison([relation], [])
        return on

    def define(self) -> None:
        """Define one or two common table expressions."""
        for _ in range(self._random.choice((1, 1, 2))):
            name = self._name("w")
            choice = self._random.random()
            if choice < 0.35:
                self.use("recursive CTE")
                self._define_recursive(name)
            elif choice < 0.7:
                self.use("CTE of a model")
                model: Any = self._random.choice(MODELS)
                joins = self._random.choice((0, 1))
                body = self.level(1, model=model, joins=joins, models_only=True)
                self._ctes.append((name, body.query, False))
                self._named.append(Relation.of_model(cte(name, model)))
            else:
                self.use("CTE of a projection")
                self._ctes.append((name, self.projection(1), False))
                self._named.append(Relation.of_derived(cte(name)))

    def _define_recursive(self, name: str) -> None:
        start = QueryBuilder(Shop).filter(self.condition([Relation.of_model(Shop)], [], 1))
        up = self.chance(0.5)
        if self.chance(0.5):
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
        both = first.union(next_.select(leaf.id.as_("n"), leaf.town.as_("t"), leaf.parent.as_("m")))
        self._ctes.append((name, both, True))
        self._named.append(Relation.of_derived(found))

    def with_ctes(self, query: Any) -> Any:
        """Let the outermost query define the common table expressions."""
        for name, body, recursive in self._ctes:
            query = query.with_(name, body, recursive=recursive)
        return query

    def projection(self, depth: int, beside: Sequence[Relation] = ()) -> Any:
        """Make a projection of a number `n` and a text `t`."""
        level = self.level(depth, outer=beside)
        if beside:
            level.query = level.query.filter(self._correlation(level))
        if self.chance(0.25):
            return self.grouped(level, only_two=True)
        number, text = self.any_integer(level.relations), self.text(level.relations)
        query = level.query.select(number.as_("n"), text.as_("t"))
        if self.chance(0.2):
            self.use("DISTINCT")
            query = query.distinct()
        elif self.chance(0.2):
            query = self.limited(query.order_by("n", "t", *level.key))
        return query

    def grouped(self, level: Level, *, only_two: bool = False) -> Any:
        """Aggregate a level: a number `n`, a text `t` and, unless `only_two`, two more."""
        self.use("aggregate")
        text = self.text(level.relations)
        items = [self._aggregate(level).as_("n")]
        if not only_two:
            items += [self._aggregate(level).as_("a"), self._rich_aggregate(level).as_("b")]
        choice = self._random.random()
        if choice < 0.25:
            # All rows are one group, which is there without rows too.
            query = level.query.select(items[0], max_(text).as_("t"), *items[1:])
        else:
            self.use("GROUP BY")
            key: Any = text
            if choice > 0.85:
                self.use("ROLLUP")
                key = rollup(text)
            query = level.query.select(items[0], text.as_("t"), *items[1:]).group_by(key)
        if self.chance(0.4):
            self.use("HAVING")
            query = query.having(self._having(level))
        return query

    def _having(self, level: Level) -> Condition:
        if self.chance(0.5):
            return count() > self._random.randint(1, 3)
        return sum_(self.any_integer(level.relations)) > self._random.randint(0, 20)

    def _aggregate(self, level: Level) -> Any:
        number, text = self.any_integer(level.relations), self.text(level.relations)
        made: Any = self._random.choice(
            (
                lambda: count(),  # noqa: PLW0108 - they are overloaded
                lambda: count(number),
                lambda: count_distinct(text),
                lambda: min_(number),
                lambda: max_(number),
            )
        )()
        if self.chance(0.3):
            self.use("aggregate FILTER")
            made = made.filter(self.condition(level.relations, [], 1))
        return made

    def _rich_aggregate(self, level: Level) -> Any:
        number, text = self.any_integer(level.relations), self.text(level.relations)
        return self._random.choice(
            (
                lambda: avg(number),
                lambda: sum_(number),
                lambda: array_agg(number, order_by=number),
                lambda: string_agg(text, "|", order_by=text),
            )
        )()

    # Expressions and conditions.

    def condition(
        self, own: Sequence[Relation], outer: Sequence[Relation], depth: int
    ) -> Condition:
        """Make a condition over sources of this level and those around it."""
        choice = self._random.random()
        if depth > 0 and choice < 0.45:
            return self._with_query(own, depth)
        if depth > 0 and choice < 0.55:
            one, other = self.condition(own, outer, depth), self._comparison(own, outer)
            return one | other if self.chance(0.6) else one & other
        condition = self._comparison(own, outer)
        return ~condition if choice > 0.9 else condition

    def _comparison(self, own: Sequence[Relation], outer: Sequence[Relation]) -> Condition:
        number, text = self.any_integer(own), self.text(own)
        limit = self._random.randrange(DOMAIN)
        return self._random.choice(
            (
                lambda: number >= limit // 2,
                lambda: number < limit,
                lambda: number != limit,
                lambda: number + 1 > self.any_integer([*own, *outer]),
                number.is_null,
                number.is_not_null,
                lambda: number.in_(self._random.sample(range(DOMAIN), 6)),
                lambda: number.not_in(self._random.sample(range(DOMAIN), 3)),
                lambda: text == self._random.choice(LETTERS),
                lambda: text.in_(self._random.sample(LETTERS, 3)),
                lambda: text != self._random.choice(LETTERS),
            )
        )()

    def _with_query(self, own: Sequence[Relation], depth: int) -> Condition:
        kind = self._random.choice(("exists", "exists", "in", "in", "scalar"))
        negated = self.chance(0.45)
        level = self.level(
            depth - 1, outer=own, joins=self._random.choice((0, 0, 0, 1)) if depth > 1 else 0
        )
        if kind == "exists" or self.chance(0.4):
            self.use("correlated subquery")
            level.query = level.query.filter(self._correlation(level))
        if kind == "exists":
            self.use("NOT EXISTS" if negated else "EXISTS")
            condition = exists_(self._exists_form(level))
            return ~condition if negated else condition
        if kind == "in":
            self.use("NOT IN (query)" if negated else "IN (query)")
            wanted, item = self._pair(own, level)
            query = level.query.select(item)
            return wanted.not_in(query) if negated else wanted.in_(query)
        return self.any_integer(own) <= self._scalar(level)

    def _exists_form(self, level: Level) -> Any:
        choice = self._random.random()
        if choice < 0.5:
            return level.query
        if choice < 0.7:
            return level.query.select(self.any_integer(level.relations))
        if choice < 0.85:
            return level.query.limit(1)
        self.use("GROUP BY", "HAVING")
        text = self.text(level.relations)
        return level.query.select(text, count()).group_by(text).having(count() > 1)

    def _scalar(self, level: Level) -> Any:
        self.use("scalar subquery")
        number = self.any_integer(level.relations)
        if self.chance(0.6):
            self.use("aggregate")
            query = level.query.select(self._random.choice((max_, min_, count))(number))
        else:
            self.use("ORDER BY", "LIMIT")
            query = level.query.select(number).order_by(*level.key).limit(1)
        return scalar(query)

    def _pair(self, own: Sequence[Relation], level: Level) -> tuple[Any, Any]:
        if self.chance(0.3):
            return self.text(own), self.text(level.relations)
        return self.any_integer(own), self.any_integer(level.relations)

    def _correlation(self, level: Level) -> Condition:
        own, outer = self._pair(level.relations, Level(None, level.outer))
        return own == outer

    def any_integer(self, relations: Sequence[Relation]) -> Any:
        """Give a number of one of the sources."""
        return self._random.choice([each for rel in relations for each in rel.integers])

    def text(self, relations: Sequence[Relation]) -> Any:
        """Give a text of one of the sources."""
        return self._random.choice([each for rel in relations for each in rel.texts])

    def integer(self, level: Level, depth: int) -> Any:
        """Give something that is computed and a number."""
        number = self.any_integer(level.relations)
        choice = self._random.random()
        if depth > 0 and choice < 0.35:
            inner = self.level(0, outer=level.relations, joins=0)
            if self.chance(0.5):
                self.use("correlated subquery")
                inner.query = inner.query.filter(self._correlation(inner))
            return self._scalar(inner)
        if choice < 0.5:
            return coalesce(number, -1)
        if choice < 0.6:
            return case((self.condition(level.relations, [], depth), number), else_=-2)
        return number * 2 if choice < 0.7 else number

    def sort_key(self, level: Level) -> Any:
        """Give a sort key, on which rows may be equal."""
        number = self.any_integer(level.relations)
        return self._random.choice(
            (number.desc(), number.asc(), number.nulls_first(), number.desc().nulls_last())
        )

    def finish(self, level: Level) -> tuple[Any, bool]:
        """Sort and cut the rows of a level, or not."""
        query = self.with_ctes(level.query)
        choice = self._random.random()
        if choice < 0.45:
            return query, False
        self.use("ORDER BY")
        return self.limited(query.order_by(self.sort_key(level), *level.key)), True

    def limited(self, query: Any) -> Any:
        """Cut a query that is sorted, or not."""
        if self.chance(0.6):
            self.use("LIMIT")
            query = query.limit(self._random.randint(1, 8))
        if self.chance(0.3):
            self.use("OFFSET")
            query = query.offset(self._random.randint(1, 3))
        return query

    def _name(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number}"

    def some(self, values: list[Any], number: int) -> list[Any]:
        """Give so many of the values."""
        return self._random.sample(values, min(number, len(values)))

    def chance(self, share: float) -> bool:
        """Say yes in this share of cases."""
        return self._random.random() < share

    def pick(self, *weighted: tuple[int, Any]) -> Any:
        """Give one of the values, by their weights."""
        weights, values = zip(*weighted, strict=True)
        return self._random.choices(values, weights)[0]

    def use(self, *constructs: str) -> None:
        """Write down that the query has these."""
        self.used.update(constructs)

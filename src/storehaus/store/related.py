"""Loading relations: one query per relation and level, whatever the number of rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any

from storehaus.driver import Row
from storehaus.errors import QueryError
from storehaus.model import ColumnInfo, Relation, TableInfo
from storehaus.model.routes import Route, route_of
from storehaus.model.validation import wire_keys
from storehaus.sql.related import compile_related
from storehaus.store.rows import RowReader
from storehaus.store.sending import Fetch

__all__ = ["load_related"]

_without_number = itemgetter(slice(1, None))


@dataclass(frozen=True, slots=True)
class _Step:
    """One relation to load, then those of the rows that it gives."""

    relation: Relation[Any, Any]
    route: Route
    nested: "tuple[_Step, ...]"


async def load_related(
    fetch: Fetch,
    info: TableInfo,
    rows: Sequence[Any],
    relations: Sequence[Relation[Any, Any]],
) -> None:
    """Load relations into rows; they are the instances' attributes then.

    Args:
        fetch: Runs a statement.
        info: The model of the rows.
        rows: Instances of the model. Nothing is sent where there are none.
        relations: What to load, with what is nested in it.

    Raises:
        QueryError: When a relation is another model's, or stands twice.
        ModelDefinitionError: When a relation is declared over columns that are not tied.
        ValidationError: When a row holds a value that cannot be a key, or none yet.
    """
    steps = _steps(info, relations)
    for index, row in enumerate(rows):
        if type(row) is not info.model:
            raise QueryError(
                f"row {index} is a {type(row).__name__}, not a {info.model.__name__}",
                model=info.model.__name__,
            )
    await _load(fetch, rows, steps)


def _steps(info: TableInfo, relations: Sequence[Relation[Any, Any]]) -> tuple[_Step, ...]:
    """Check relations at every level before anything is sent."""
    found: dict[str, _Step] = {}
    for given in relations:
        if not isinstance(given, Relation):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a checker
            raise QueryError(
                f"relations are loaded, such as {info.model.__name__}.name, not"
                f" {type(given).__name__}",
                model=info.model.__name__,
            )
        relation = given.of(info.model)
        if relation.name in found:
            raise QueryError(
                f"{info.model.__name__}.{relation.name} stands twice; several relations of its"
                " rows stand in one then(...)",
                model=info.model.__name__,
                field=relation.name,
            )
        route = route_of(relation)
        found[relation.name] = _Step(relation, route, _steps(route.target, relation.nested))
    return tuple(found.values())


async def _load(fetch: Fetch, rows: Sequence[Any], steps: Sequence[_Step]) -> None:
    for step in steps:
        related = await _load_one(fetch, rows, step)
        if related:
            await _load(fetch, related, step.nested)


async def _load_one(fetch: Fetch, rows: Sequence[Any], step: _Step) -> Sequence[Any]:
    """Load one relation, give the related rows, each once."""
    relation, route = step.relation, step.route
    row_keys = list(map(attrgetter(*[column.name for column in route.own]), rows))
    keys, arrays = _wire_keys(relation.model.__name__, route.own, row_keys)
    found: Sequence[Row] = ()
    if keys:
        found = await fetch(compile_related(relation, route, arrays))
    models, once = _models(route, found)
    numbers = {key: number for number, key in enumerate(keys, start=1)}
    if relation.declared.many:
        lists: list[list[Any]] = [[] for _ in range(len(keys) + 1)]
        for row, model in zip(found, models, strict=True):
            lists[row[0]].append(model)
        for row, key in zip(rows, row_keys, strict=True):
            # Rows with the same key do not share a list: whoever changes one keeps the other.
            relation.keep(row, lists[numbers.get(key, 0)].copy())
        return once
    single = {row[0]: model for row, model in zip(found, models, strict=True)}
    for row, key in zip(rows, row_keys, strict=True):
        model = single.get(numbers.get(key, 0))
        if model is None and not relation.declared.optional:
            relation.miss(row, route.target.name, key if route.refers else None)
        else:
            relation.keep(row, model)
    return once


def _wire_keys(
    model: str, columns: Sequence[ColumnInfo], row_keys: Sequence[Any]
) -> tuple[list[Any], list[list[Any]]]:
    """Give the keys that rows have, each once and none with a None, and their parts in wire form.

    Raises:
        ValidationError: When a value cannot be a key.
    """
    single = len(columns) == 1
    firsts = [
        index
        for index in _first_indexes(row_keys)
        if not (row_keys[index] is None if single else None in row_keys[index])
    ]
    keys = [row_keys[index] for index in firsts]
    parts = [keys] if single else [[key[i] for key in keys] for i in range(len(columns))]
    arrays = [
        wire_keys(model, column, values, firsts)
        for column, values in zip(columns, parts, strict=True)
    ]
    return keys, arrays


def _first_indexes(row_keys: Sequence[Any]) -> Iterable[int]:
    """Give the place of the first row with each key."""
    last = len(row_keys) - 1
    try:
        # What is put into a dict last stays, so the rows go in backwards.
        return {key: last - i for i, key in enumerate(reversed(row_keys))}.values()
    except TypeError:
        # What has no hash is no key either: the check of the values says so.
        return range(len(row_keys))


def _models(route: Route, found: Sequence[Row]) -> tuple[list[Any], Sequence[Any]]:
    """Build the related rows: as they were found, and each once."""
    reader = _reader(route.target)
    records = list(map(_without_number, found))
    if route.link is None:
        models = reader.models(records)
        return models, models
    # Many rows may lead to the same one.
    ids = list(map(itemgetter(*[column.position for column in route.keys]), records))
    unique = dict(zip(ids, records, strict=True))
    shared = dict(zip(unique, reader.models(list(unique.values())), strict=True))
    return [shared[each] for each in ids], list(shared.values())


def _reader(info: TableInfo) -> RowReader[Any]:
    if RowReader not in info.derived:
        info.derived[RowReader] = RowReader[Any](info)
    reader: RowReader[Any] = info.derived[RowReader]
    return reader

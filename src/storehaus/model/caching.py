"""Checks of what a model says about caching."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from storehaus.errors import ModelDefinitionError
from storehaus.model.cache_params import CacheParams
from storehaus.model.columns import refuse
from storehaus.model.records import ColumnInfo

__all__ = ["check_caching"]

# Of these, values that PostgreSQL calls equal are the same bytes; of numeric, 1.0 and 1.00 are not.
_TAG_KINDS = frozenset({"boolean", "date", "enum", "integer", "text", "uuid"})
_LONGEST_TTL_SECONDS = 30 * 86_400.0


def check_caching(
    model: str, params: CacheParams | None, external_writes: object, columns: Iterable[ColumnInfo]
) -> None:
    """Check the class keywords `cache` and `external_writes`.

    Raises:
        ModelDefinitionError: When they cannot be meant.
    """
    if external_writes not in {None, True, False}:
        raise refuse(model, None, "external_writes is True or False")
    if params is None:
        if external_writes:
            raise refuse(model, None, "external_writes means something only with cache=")
        return
    if not isinstance(params, CacheParams):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise refuse(model, None, "cache is a CacheParams(...)")
    problem = _problem(params) or _tag_problem(params, {each.name: each for each in columns})
    if problem:
        raise ModelDefinitionError(f"{model}: cache: {problem}", model=model, rule=problem)


def _problem(params: CacheParams) -> str | None:
    ttl: Any = params.ttl_seconds
    if ttl is not None and not (
        isinstance(ttl, int | float)
        and not isinstance(ttl, bool)
        and isfinite(ttl)
        and 1 <= ttl <= _LONGEST_TTL_SECONDS
    ):
        return "ttl_seconds is a number from 1 to 2592000 (30 days), or None"
    for name in ("local", "negative"):
        if not isinstance(getattr(params, name), bool):
            return f"{name} is True or False"
    return None


def _tag_problem(params: CacheParams, columns: dict[str, ColumnInfo]) -> str | None:
    tags = params.tags
    if not isinstance(tags, tuple) or len(set(tags)) < len(tags):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        return "tags is a tuple of names of fields, each once"
    for name in tags:
        column = columns.get(name)
        if column is None:
            return f"tags: there is no field {name!r:.60}"
        if column.type.kind not in _TAG_KINDS:
            return f"tags: {name} is {column.type.kind}; {', '.join(sorted(_TAG_KINDS))} can be"
    return None

"""Checks of what a model says about its events: the class keywords `durable` and `event_…`."""

from collections.abc import Iterable
from typing import Any, get_args

from storehaus.errors import ModelDefinitionError
from storehaus.model.columns import refuse
from storehaus.model.records import ColumnInfo, EventPayload

__all__ = ["checked_exclusion"]


def checked_exclusion(
    model: str, durable: Any, payload: Any, exclude: Any, columns: Iterable[ColumnInfo]
) -> tuple[ColumnInfo, ...]:
    """Check the class keywords, and give the columns that no event may hold.

    Args:
        model: Name of the class.
        durable: As given; None where nothing says it.
        payload: As given; None where nothing says it.
        exclude: As given; None where nothing says it.
        columns: All columns of the model.

    Raises:
        ModelDefinitionError: When they cannot be meant.
    """
    if durable not in {None, True, False}:
        raise refuse(model, None, "durable is True or False")
    if payload is not None and payload not in get_args(EventPayload):
        raise refuse(model, None, 'event_payload is "full", "changed" or "keys"')
    if payload is not None and not durable:
        raise refuse(model, None, "event_payload means something only with durable=True")
    if exclude is None:
        return ()
    if not isinstance(exclude, tuple):
        raise refuse(model, None, "event_exclude is a tuple of names of fields")
    fields = {column.name: column for column in columns}
    return tuple(_excluded(model, name, fields, exclude) for name in exclude)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of any items


def _excluded(
    model: str, name: Any, fields: dict[str, ColumnInfo], given: tuple[Any, ...]
) -> ColumnInfo:
    column = fields.get(name) if isinstance(name, str) else None
    if column is None:
        problem = f"there is no field {name!r:.60}"
    elif column.primary_key or column.system:
        problem = f"every event names {name}"
    elif given.count(name) > 1:
        problem = f"{name} stands twice"
    else:
        return column
    rule = f"event_exclude: {problem}"
    raise ModelDefinitionError(f"{model}: {rule}", model=model, rule=rule)

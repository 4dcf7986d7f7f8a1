"""From rows to the rows of a projection, at C speed where nothing needs decoding."""

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

from storehaus.driver import Row as DriverRow
from storehaus.errors import QueryError
from storehaus.expr.row import row_class
from storehaus.model.wire import decoder
from storehaus.sql.recipes import Recipe
from storehaus.sql.records import Output
from storehaus.store.rows import RowReader, decoded

__all__ = ["ProjectionReader", "projection"]

_Build = Callable[[Sequence[Sequence[Any]]], Sequence[Any]]


def projection(recipe: Recipe) -> "ProjectionReader":
    """Give what reads the rows of a projection, made once."""
    reader: ProjectionReader | None = recipe.derived.get(ProjectionReader)
    if reader is None:
        reader = recipe.derived[ProjectionReader] = ProjectionReader(recipe.outputs)
    return reader


class ProjectionReader:
    """Builds what a projection gives.

    Args:
        outputs: Its items in order.
    """

    __slots__ = ("_builders", "_labels", "_row")

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._labels = tuple(output.label for output in outputs)
        self._row = row_class(self._labels)
        self._builders: list[_Build] | None = None
        if any(output.entity is not None or _decoder(output) for output in outputs):
            self._builders = _builders(outputs)

    def rows(self, rows: Sequence[DriverRow]) -> list[Any]:
        """Build one typed row per row.

        Raises:
            DatabaseError: When a jsonb value does not fit its type.
        """
        if self._builders is None or not rows:
            return list(map(self._row, rows))
        return list(map(self._row, zip(*self._columns(rows), strict=True)))

    def into(self, rows: Sequence[DriverRow], kind: type[Any]) -> list[Any]:
        """Build one instance of a class per row, each value under its label.

        Raises:
            QueryError: When the labels are not the parameters of the class.
        """
        names, by_position = self._chosen(kind)
        if not rows:
            return []
        columns = list(zip(*rows, strict=True)) if self._builders is None else self._columns(rows)
        chosen = [columns[self._labels.index(name)] for name in names]
        if by_position:
            return list(map(kind, *chosen))
        made = zip(*chosen, strict=True)
        return [kind(**dict(zip(names, values, strict=True))) for values in made]

    def _chosen(self, kind: type[Any]) -> tuple[list[str], bool]:
        """Give the labels in the order of the class, and whether it takes them by position."""
        wanted = _parameters(kind)
        unknown = [label for label in self._labels if label not in wanted]
        if unknown:
            raise QueryError(f"{kind.__name__} has no field for the column {unknown[0]!r:.60}")
        missing = [
            name
            for name, each in wanted.items()
            if each.default is Parameter.empty and name not in self._labels
        ]
        if missing:
            raise QueryError(f"the projection gives no {missing[0]!r} for {kind.__name__}")
        names = [name for name in wanted if name in self._labels]
        first = list(wanted)[: len(names)]
        kinds = {wanted[name].kind for name in names}
        return names, names == first and Parameter.KEYWORD_ONLY not in kinds

    def _columns(self, rows: Sequence[DriverRow]) -> list[Sequence[Any]]:
        found: list[Sequence[Any]] = list(zip(*rows, strict=True))
        assert self._builders is not None  # noqa: S101 - the caller has looked
        return [build(found) for build in self._builders]


def _builders(outputs: Sequence[Output]) -> list[_Build]:
    found: list[_Build] = []
    place = 0
    for output in outputs:
        if output.entity is None:
            found.append(_value(place, output))
            place += 1
        else:
            found.append(_entity(place, output))
            place += len(output.entity.columns)
    return found


def _decoder(output: Output) -> Callable[[Any], Any] | None:
    return None if output.entity is not None else decoder(output.operand.column.type)


def _value(place: int, output: Output) -> _Build:
    decode = _decoder(output)
    if decode is None:
        return lambda columns: columns[place]
    name = f"{output.operand.model}.{output.operand.column.name}"
    return lambda columns: decoded(name, decode, columns[place])


def _entity(place: int, output: Output) -> _Build:
    info = output.entity
    assert info is not None  # noqa: S101 - the caller has looked
    reader: RowReader[Any] = RowReader(info)
    width = len(info.columns)
    # It is never NULL in a row that is there.
    always = place + info.by_name["__created_at__"].position

    def build(columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
        own = columns[place : place + width]
        present = columns[always]
        if not output.nullable or None not in present:
            return reader.columns(own)
        there = [i for i, value in enumerate(present) if value is not None]
        made: list[Any] = [None] * len(present)
        models = reader.columns([[column[i] for i in there] for column in own]) if there else ()
        for i, model in zip(there, models, strict=True):
            made[i] = model
        return made

    return build


def _parameters(kind: type[Any]) -> dict[str, Parameter]:
    """Give what the constructor of a class takes, by name."""
    try:
        found = dict(signature(kind).parameters)
    except (TypeError, ValueError):
        found = {}
    if not found or any(each.kind not in _NAMED for each in found.values()):
        shown = getattr(kind, "__name__", kind)
        raise QueryError(f"into= is a struct, a dataclass or a named tuple, not {shown}")
    return found


_NAMED = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}

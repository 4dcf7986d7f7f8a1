"""Statements written by hand, in which every `{name}` is a parameter.

Text and values never meet: `sql()` takes text that stands in the program (`LiteralString`, which
pyright enforces and mypy takes for any text), and what is put into it is either a value, which
becomes `$n`, or one of the few things that are no values: an `identifier`, a model, a column, and
another `sql()`.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from string import Formatter
from typing import Any, LiteralString, TypeAlias

from storehaus.errors import QueryError
from storehaus.expr import Column
from storehaus.model import Model, TableInfo
from storehaus.model.rules import is_text
from storehaus.sql.binder import Binder
from storehaus.sql.identifiers import Identifier, quote_identifier, table_name
from storehaus.sql.parameters import Parameter, make_parameter
from storehaus.sql.statement import Statement

__all__ = ["SqlTemplate", "sql"]

Part: TypeAlias = str | Parameter
"""SQL that is sent as it stands, or a value."""

# `{x}1` would be another parameter, `{a}{b}` of two names one name, and `'{x}'` a text.
_TOUCHING = re.compile(r"[\w$\"']")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SqlTemplate:
    """A statement and its values, apart from each other; `sql()` makes it.

    Its repr shows the text as it was written, never a value.

    Attributes:
        template: The text as it was written.
        parts: What it is made of, in order.
    """

    template: str
    parts: tuple[Part, ...]

    def to_sql(self) -> Statement:
        """Write the statement: the text with `$1 … $n`, and the values for them.

        Raises:
            QueryError: When there are more values than the protocol carries.
        """
        binder = Binder()
        written: dict[Parameter, str] = {}
        for part in self.parts:
            if isinstance(part, Parameter) and part not in written:
                written[part] = binder.write(part.value, part.cast)
        text = (part if isinstance(part, str) else written[part] for part in self.parts)
        return binder.statement("".join(text))

    def __repr__(self) -> str:
        return f"sql({self.template!r})"


def sql(template: LiteralString, /, **values: object) -> SqlTemplate:
    """Write a statement by hand; every `{name}` in it is a parameter.

        sql("SELECT name FROM {airports} WHERE id = ANY({ids})", airports=Airport, ids=[1, 2])

    The same name twice is the same parameter; `{{` and `}}` are braces. Enums travel as their
    label, dicts, structs and dataclasses as jsonb, lists as arrays, and everything else as it is;
    the server infers the type of a parameter, and `{n}::int` says it where it cannot. No value:

    - a model is the quoted name of its table, with its schema;
    - a column, `Airport.name`, is its quoted name;
    - `identifier("name")` and `identifier("schema", "name")` are a name from elsewhere, checked;
    - another `sql()` is put in with its values.

    Args:
        template: Text of one statement. Pyright refuses one that was made at run time.
        **values: What stands for the names, each of which must occur.

    Raises:
        QueryError: When names and values do not match, a placeholder is more than a name or
            touches a quote or a word, or a value cannot travel.
    """
    if not isinstance(template, str) or not is_text(template):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers without a type checker
        raise QueryError("the text of a statement is a str without NUL and lone surrogates")
    pieces = list(_parse(template))
    _check_names({name for _, name in pieces if name is not None}, values.keys())
    replacements = {name: _replacement(name, value) for name, value in values.items()}
    parts: list[Part] = []
    latest: str | None = None
    for literal, name in pieces:
        _append(parts, (literal,) if literal else (), latest)
        if name is not None:
            _append(parts, replacements[name], name)
            latest = name
    return SqlTemplate(template, tuple(parts))


def _parse(template: str) -> Iterator[tuple[str, str | None]]:
    """Give pairs of text and the name of the placeholder after it."""
    try:
        fields = list(Formatter().parse(template))
    except ValueError:
        raise QueryError("a brace stands alone: {{ and }} are braces, {name} is a value") from None
    for literal, name, specification, conversion in fields:
        if name is not None and not name.isidentifier():
            raise QueryError(f"{{{name}}} is no placeholder: it is a plain name in braces")
        if specification or conversion:
            raise QueryError(f"{{{name}}} is a parameter: it takes no conversion and no format")
        yield literal, name


def _check_names(wanted: AbstractSet[str], given: AbstractSet[str]) -> None:
    missing, unused = wanted - given, given - wanted
    if missing:
        raise QueryError(f"no value is given for {{{min(missing)}}}", field=min(missing))
    if unused:
        raise QueryError(f"the text has no {{{min(unused)}}}", field=min(unused))


def _replacement(name: str, value: Any) -> tuple[Part, ...]:
    match value:
        case SqlTemplate():
            return value.parts
        case Identifier():
            return (value.to_sql(),)
        case Column():
            return (quote_identifier(_table(name, value.model).by_name[value.name].column),)
        case type() if issubclass(value, Model):
            return (table_name(_table(name, value)),)
        case _:
            return (make_parameter(name, value),)


def _table(name: str, model: type[Model]) -> TableInfo:
    info: TableInfo | None = getattr(model, "__table_info__", None)
    if info is None:
        raise QueryError(f"{{{name}}}: {model.__name__} is abstract: it has no table", field=name)
    return info


def _append(parts: list[Part], more: tuple[Part, ...], name: str | None) -> None:
    if parts and more and _touches(parts[-1], more[0]):
        raise QueryError(
            f"{{{name}}} touches what stands beside it: a space sets it apart from words, and a"
            " value never stands within quotes",
            field=name,
        )
    parts.extend(more)


def _touches(left: Part, right: Part) -> bool:
    ends = (left[-1] if isinstance(left, str) else "$", right[0] if isinstance(right, str) else "$")
    return all(map(_TOUCHING.match, ends))

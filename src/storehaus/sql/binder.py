"""Where values go: into parameters, or, in DDL only, into literals."""

from typing import Any, Protocol

from storehaus.errors import QueryError
from storehaus.model.literals import literal
from storehaus.sql.statement import Statement

__all__ = ["Binder", "Literals", "Writer"]

_MOST_PARAMETERS = 32_767

_JSON = frozenset({"jsonb", "jsonb[]"})


class Writer(Protocol):
    """Takes values in wire form, gives the SQL that stands for them."""

    def write(self, value: Any, cast: str | None = None) -> str:
        """Take one value.

        Args:
            value: A value in wire form.
            cast: Type to name; None lets the server infer it from what stands beside.
        """
        ...


class Binder:
    """Collects the parameters of one statement; values never become text."""

    __slots__ = ("_params",)

    def __init__(self) -> None:
        self._params: list[Any] = []

    @property
    def params(self) -> tuple[Any, ...]:
        """The values so far, the first one for `$1`."""
        return tuple(self._params)

    def write(self, value: Any, cast: str | None = None) -> str:
        """Take a value in wire form, give its placeholder: `$3`, with a cast `$3::bigint`.

        Raises:
            QueryError: When the statement has more parameters than the protocol carries.
        """
        self._params.append(value)
        number = len(self._params)
        if number > _MOST_PARAMETERS:
            raise QueryError(
                f"a statement has at most {_MOST_PARAMETERS} values; in_() takes a list as one"
            )
        return f"${number}" if cast is None else f"${number}::{cast}"

    def statement(self, text: str) -> Statement:
        """Join the text with the values collected."""
        return Statement(text, self.params)


class Literals:
    """Writes values out, for DDL, which takes no parameters."""

    __slots__ = ()

    def write(self, value: Any, cast: str | None = None) -> str:
        """Write a value as a literal."""
        text = literal(_json_text(value) if cast in _JSON else value)
        return text if cast is None else f"{text}::{cast}"


def _json_text(value: Any) -> Any:
    # On the wire JSON is bytes, which as a literal would be a bytea.
    if isinstance(value, bytes):
        return value.decode()
    items: list[bytes] = value
    return [item.decode() for item in items]

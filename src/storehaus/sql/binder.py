"""Where values go: into parameters, or, in DDL only, into literals."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from storehaus.errors import QueryError
from storehaus.expr.node import Parameter, Value, Values
from storehaus.model.literals import literal
from storehaus.model.records import ColumnInfo
from storehaus.sql.statement import Statement

__all__ = ["Binder", "Convert", "Literals", "Slot", "ValueNode", "Writer"]

_MOST_PARAMETERS = 32_767

_JSON = frozenset({"jsonb", "jsonb[]"})

ValueNode: TypeAlias = Value | Values | Parameter
Convert: TypeAlias = Callable[[Any], Any]
Slot: TypeAlias = tuple[ValueNode | None, Any]
"""A parameter: the node that holds its value and how that is converted, or None and the value."""


class Writer(Protocol):
    """Takes values, gives the SQL that stands for them."""

    def write(self, value: Any, cast: str | None = None) -> str:
        """Take one value in wire form.

        Args:
            value: A value in wire form.
            cast: Type to name; None lets the server infer it from what stands beside.
        """
        ...

    def place(
        self, node: ValueNode, column: ColumnInfo, convert: Convert, cast: str | None = None
    ) -> str:
        """Take the value of a node.

        Args:
            node: Holds the value.
            column: What the value is like; a node that stands twice beside the same is one value.
            convert: From the value to its wire form.
            cast: As for `write`.
        """
        ...

    def reset_after(self) -> None:
        """Say that the statement may change the state of the connection."""
        ...


class Binder:
    """Collects the parameters of one statement; values never become text."""

    __slots__ = ("_known", "_resets", "slots")

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self._known: dict[tuple[int, ColumnInfo, str | None], str] = {}
        self._resets = False

    @property
    def count(self) -> int:
        """Number of parameters so far."""
        return len(self.slots)

    @property
    def resets(self) -> bool:
        """Whether the statement may change the state of the connection."""
        return self._resets

    def write(self, value: Any, cast: str | None = None) -> str:
        """Take a value in wire form, give its placeholder: `$3`, with a cast `$3::bigint`.

        Raises:
            QueryError: When the statement has more parameters than the protocol carries.
        """
        return self._add((None, value), cast)

    def place(
        self, node: ValueNode, column: ColumnInfo, convert: Convert, cast: str | None = None
    ) -> str:
        """Take the value of a node, give its placeholder.

        Raises:
            QueryError: As `write`.
        """
        key = (id(node), column, cast)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._add((node, convert), cast)
        return known

    def reset_after(self) -> None:
        """Say that the statement may change the state of the connection."""
        self._resets = True

    def statement(self, text: str) -> Statement:
        """Join the text with the values collected."""
        params = [rest if node is None else rest(node.value) for node, rest in self.slots]
        return Statement(text, tuple(params), self._resets)

    def _add(self, slot: Slot, cast: str | None) -> str:
        self.slots.append(slot)
        number = len(self.slots)
        if number > _MOST_PARAMETERS:
            raise QueryError(
                f"a statement has at most {_MOST_PARAMETERS} values; in_() takes a list as one"
            )
        return f"${number}" if cast is None else f"${number}::{cast}"


class Literals:
    """Writes values out, for DDL, which takes no parameters."""

    __slots__ = ()

    def write(self, value: Any, cast: str | None = None) -> str:
        """Write a value as a literal."""
        text = literal(_json_text(value) if cast in _JSON else value)
        return text if cast is None else f"{text}::{cast}"

    def place(
        self, node: ValueNode, column: ColumnInfo, convert: Convert, cast: str | None = None
    ) -> str:
        """Write the value of a node as a literal."""
        del column
        return self.write(convert(node.value), cast)

    def reset_after(self) -> None:
        """Do nothing: what a constraint calls is the server's business."""


def _json_text(value: Any) -> Any:
    # On the wire JSON is bytes, which as a literal would be a bytea.
    if isinstance(value, bytes):
        return value.decode()
    items: list[bytes] = value
    return [item.decode() for item in items]

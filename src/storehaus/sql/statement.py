"""A statement ready for the driver."""

from typing import Any

from msgspec import Struct

__all__ = ["Statement"]


class Statement(Struct, frozen=True, gc=False):
    """Text and parameters, apart from each other.

    Equal shapes of queries have equal text, whatever their values: the text is the key under which
    the server keeps the prepared statement.

    Attributes:
        text: SQL with `$1 … $n`.
        params: Values in wire form, `params[0]` for `$1`.
        resets: Whether it may change the state of the connection (it calls functions that nobody
            here knows), which is then reset before it is used again.
    """

    text: str
    params: tuple[Any, ...] = ()
    resets: bool = False

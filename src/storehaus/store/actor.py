"""On whose behalf something is written; it is bound to the context.

The triggers of the event log read it from a setting of the transaction. A statement sets that
itself, so that it costs no round trip: a WITH before it inserts nothing into an empty table, and
works the setting out to know so. Triggers fire after that.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Final

from storehaus.sql.statement import Statement
from storehaus.store.transaction import Unit

__all__ = ["HAS_LOG", "acting", "current_actor", "name_actor", "on_behalf"]

_MOST_CHARACTERS = 200
_actor: ContextVar[str | None] = ContextVar("storehaus_actor", default=None)

HAS_LOG: Final = "SELECT to_regclass('storehaus.acting') IS NOT NULL"
"""Whether anything in the database keeps on whose behalf something was written."""

_SET = "SELECT set_config('storehaus.actor', $1, true)"


@contextmanager
def acting(actor: str) -> Generator[None]:
    """Let everything that is written in the block be by an actor.

    Raises:
        ValueError: When it is no text of 1 to 200 characters, or holds a NUL.
    """
    fits = isinstance(actor, str) and 0 < len(actor) <= _MOST_CHARACTERS and "\0" not in actor  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
    if not fits:
        raise ValueError(f"an actor is a text of 1 to {_MOST_CHARACTERS} characters without NUL")
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> str | None:
    """Give who acts here, None when nobody said."""
    return _actor.get()


def on_behalf(statement: Statement, unit: Unit | None = None) -> Statement:
    """Let a statement that writes say who acts here, where the server does not know yet.

    Args:
        statement: An INSERT, UPDATE or DELETE, with or without a WITH.
        unit: The transaction it runs in; None is one of its own.
    """
    actor = _actor.get()
    if unit is None:
        if actor is None:
            return statement
    elif not unit.names_actor or unit.actor == actor:
        return statement
    else:
        unit.tell_actor(actor)
    text = _naming(statement.text, len(statement.params) + 1)
    return Statement(text, (*statement.params, actor or ""), statement.resets)


async def name_actor(unit: Unit) -> None:
    """Tell a transaction who acts here, ahead of something that cannot say it itself."""
    actor = _actor.get()
    if unit.names_actor and unit.actor != actor:
        await unit.connection.fetch(_SET, (actor or "",))
        unit.tell_actor(actor)


@lru_cache(maxsize=10_000)
def _naming(text: str, place: int) -> str:
    setting = f"set_config('storehaus.actor', ${place}, true)"
    first = (
        '"storehaus_actor" AS'
        f" (INSERT INTO storehaus.acting SELECT NULL WHERE (SELECT {setting}) IS NULL)"
    )
    for word in ("WITH RECURSIVE ", "WITH "):
        if text.startswith(word):
            return f"{word}{first}, {text.removeprefix(word)}"
    return f"WITH {first} {text}"

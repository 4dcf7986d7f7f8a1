"""On whose behalf something is written; it is bound to the context."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["acting", "current_actor"]

_MOST_CHARACTERS = 200
_actor: ContextVar[str | None] = ContextVar("storehaus_actor", default=None)


@contextmanager
def acting(actor: str) -> Generator[None]:
    """Let everything that is written in the block be by an actor.

    Raises:
        ValueError: When it is no text of 1 to 200 characters.
    """
    if not isinstance(actor, str) or not 0 < len(actor) <= _MOST_CHARACTERS:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise ValueError(f"an actor is a text of 1 to {_MOST_CHARACTERS} characters")
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> str | None:
    """Give who acts here, None when nobody said."""
    return _actor.get()

"""What reads and writes that share a statement have in common."""

import asyncio
import copy

from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    PoolTimeout,
    QueryTimeout,
    StorehausError,
)

__all__ = ["MOST_CALLS", "Sharers", "concerns_all", "same_error"]

MOST_CALLS = 1_000
"""Rows in one shared statement. More make none cheaper, and the first wait for the last."""


class Sharers:
    """The callers of a shared statement, as far as they are still there.

    Attributes:
        count: How many there were when it was sent.
        left: How many of them were cancelled since they called.
        task: Runs the statement; None until it is sent.
    """

    __slots__ = ("count", "left", "task")

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.left = 0
        self.task: asyncio.Task[None] | None = None

    @property
    def are_gone(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.left == self.count

    def leave(self) -> None:
        """Take one off; with the last one the statement is stopped."""
        self.left += 1
        if self.task is not None and self.are_gone:
            self.task.cancel()


def concerns_all(error: Exception) -> bool:
    """Whether a failure of a shared statement would have met each of its calls alone too.

    Either the server was not reached, or nobody knows what it did. After any other error nothing
    has happened, and one call may be to blame for all.
    """
    if isinstance(error, QueryTimeout):
        return error.sqlstate is None
    return isinstance(error, CommitUnknown | ConnectionFailed | PoolTimeout)


def same_error(error: Exception) -> Exception:
    """Give an error for one more caller: an instance raised twice would mix up their tracebacks."""
    found = copy.copy(error) if isinstance(error, StorehausError) else error
    found.__cause__ = error.__cause__
    return found

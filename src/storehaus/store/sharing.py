"""What reads and writes that share a statement have in common."""

import copy

from storehaus.errors import (
    CommitUnknown,
    ConnectionFailed,
    PoolTimeout,
    QueryTimeout,
    StorehausError,
)

__all__ = ["MOST_CALLS", "concerns_all", "same_error"]

MOST_CALLS = 1_000
"""Rows in one shared statement. More make none cheaper, and the first wait for the last."""


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

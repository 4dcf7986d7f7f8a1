"""What the functions of the log refuse, in sentences: the driver gives no texts of the server."""

from typing import Final

from storehaus.errors import DatabaseError, SignalError

__all__ = ["explained"]

_SENTENCES: Final = {
    "SH001": "the event log is read on the primary, and this is a standby",
    "SH002": "the event log is read at READ COMMITTED, and the database's default is another one",
    "SH003": "the event log was restored from another database, whose transaction ids mean nothing"
    " here: see to it that the original is not read any more, then run `storehaus events rebase`",
}


def explained(problem: Exception) -> Exception:
    """Give an error that says what is to be done, where there is something to say."""
    state = problem.sqlstate if isinstance(problem, DatabaseError) else None
    return SignalError(_SENTENCES[state]) if state in _SENTENCES else problem

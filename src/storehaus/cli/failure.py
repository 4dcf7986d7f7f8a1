"""What went wrong, as an exit status and one readable line."""

import re
import sys
import traceback
from enum import IntEnum

from storehaus.errors import ConfigurationError, ConnectionFailed, MigrationError, StorehausError

__all__ = ["ExitStatus", "complain", "report_failure"]

# Errors of this package never hold a secret; those of other packages might quote a URL.
_LOGIN = re.compile(r"(?<=://)[^\s/@]*@")


class ExitStatus(IntEnum):
    """How a command ended."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    INTERRUPTED = 130


def complain(text: str) -> None:
    """Write a line to standard error."""
    print(f"storehaus: {text}", file=sys.stderr)


def report_failure(problem: Exception, *, debug: bool) -> ExitStatus:
    """Say what went wrong.

    Args:
        problem: The error.
        debug: Whether to show the traceback.
    """
    if debug:
        print(_redact("".join(traceback.format_exception(problem))), end="", file=sys.stderr)
    complain(_describe(problem))
    if isinstance(problem, MigrationError):
        for statement in problem.statements or ():
            print(f"  {statement};", file=sys.stderr)
    return ExitStatus.USAGE if isinstance(problem, ConfigurationError) else ExitStatus.FAILURE


def _describe(problem: Exception) -> str:
    if isinstance(problem, ConnectionFailed):
        return f"{problem} (`storehaus doctor` looks at the connection)"
    if isinstance(problem, StorehausError):
        return str(problem)
    kind = type(problem).__name__
    return f"unexpected {kind}: {_redact(str(problem))} (--debug shows where it came from)"


def _redact(text: str) -> str:
    return _LOGIN.sub("***@", text)

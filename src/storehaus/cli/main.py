"""The entry point: what is said when the command line cannot even start."""

import sys
from collections.abc import Sequence

from storehaus.cli.failure import ExitStatus, complain

__all__ = ["main"]

_EXTRA = frozenset({"click", "rich", "typer"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What stands behind the program's name; None takes it from the process.

    Returns:
        Exit status: 0 done, 1 a finding or a failure, 2 wrong usage or configuration, 130
        interrupted.
    """
    try:
        # Here, since the extra may be missing and since loading it can be interrupted.
        from storehaus.cli.app import run  # noqa: PLC0415

        return run(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        complain('the command line needs more than the library: pip install "storehaus[cli]"')
        return ExitStatus.USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return ExitStatus.INTERRUPTED

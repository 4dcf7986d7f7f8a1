"""Temporary directories that the server's account can reach."""

import os
import tempfile
from pathlib import Path

from .account import Account
from .failure import StartFailed


def make_scratch_directory(account: Account, prefix: str, longest: int | None = None) -> Path:
    """Create a directory, private to the caller, below an open temporary directory.

    Args:
        account: Who has to reach it.
        prefix: How its name begins.
        longest: Most bytes of its path, None without a bound.

    Raises:
        StartFailed: No temporary directory fits.
    """
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - `mkdtemp` is safe there
        length = len(os.fsencode(base)) + len(f"/{prefix}abcdefgh")
        is_short = longest is None or length <= longest
        if is_short and Path(base).is_dir() and account.find_closed(Path(base)) is None:
            directory = Path(tempfile.mkdtemp(dir=base, prefix=prefix))
            directory.chmod(0o711 if account.is_other else 0o700)
            return directory
    raise StartFailed(
        f"no temporary directory is open to the account {account.name!r}", is_configuration=True
    )
